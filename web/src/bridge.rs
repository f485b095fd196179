//! What the page and its workers say to each other: the only place where `ui` and `worker` meet. All of it is typed data,
//! packed by postcard ([`pack`], [`unpack`]); nothing here knows a port.

use crate::clock::Lease;
use crate::worker::Seen;
use crate::worker::link::Endpoint;
use broker_core::cli::TopicChange;
use broker_core::cli::file::{FileAnswer, FileError, FileRequest};
use broker_core::event::Event;
use broker_core::node::NodeView;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// Which role a new worker plays: the first it hears.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Role {
    /// The switch.
    Switch {
        /// The newest time the page before this one knew; the rate to go on with.
        floor: Lease,
    },
    /// A broker; it waits for [`BrokerCommand::Start`].
    Broker,
    /// All clients of the page; it waits for [`ClientsCommand::Start`].
    Clients,
    /// All terminals; it waits for [`TerminalsCommand::Start`].
    Terminals,
}

/// From the page to the switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SwitchCommand {
    /// A worker takes part; the switch's end of its port comes with this.
    Attach {
        /// Which.
        endpoint: Endpoint,
        /// Counts the starts of that worker.
        incarnation: u64,
    },
    /// A worker ended, or was ended: its connections break.
    Detach {
        /// Which.
        endpoint: Endpoint,
        /// As attached; an older one changes nothing.
        incarnation: u64,
    },
    /// Cuts or repairs the link in one direction; silent for both.
    Cut {
        /// From whom.
        from: Endpoint,
        /// To whom.
        to: Endpoint,
        /// True: cut.
        cut: bool,
    },
    /// Slows the link in one direction.
    Delay {
        /// From whom.
        from: Endpoint,
        /// To whom.
        to: Endpoint,
        /// Microseconds of playground time.
        micros: u64,
    },
    /// Playground seconds per second; 0 stands still.
    Rate(f32),
    /// Lets so many microseconds pass at once; how a clock that stands still goes on.
    Step(u64),
    /// Asks for [`SwitchReport::Seen`]; at most once an animation frame.
    TakeSeen,
}

/// From the switch to the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SwitchReport {
    /// Frames since the last time.
    Seen(Seen),
    /// The time, once a second: to be kept over a reload.
    Time(Lease),
    /// A worker panicked: what it said.
    Panicked(String),
}

/// What a broker's process is started with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerStart {
    /// `server.properties`, as text.
    pub properties: String,
    /// What log directories that are empty are formatted for; empty for the cluster id of this page.
    pub cluster_id: String,
    /// Whoever starts it has formatted its directories, or forgot to: nothing is written to them but `files`.
    pub is_formatted: bool,
    /// What its directories are to hold where it is not there yet: whole paths and contents.
    pub files: Vec<(String, Vec<u8>)>,
    /// For its random numbers.
    pub seed: u64,
}

/// From the page to a broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BrokerCommand {
    /// Start the process; its end of a port to the switch comes with this.
    Start(BrokerStart),
    /// SIGTERM: hand over leadership, then end.
    Stop,
    /// SIGKILL: the process is gone at once; what it gave to the disk is still written.
    Kill,
    /// Asks for [`BrokerReport::View`]; at most once an animation frame.
    TakeView,
    /// Something of the files of a log directory, whether a process runs on it or not; the answer is [`BrokerReport::Files`].
    Files {
        /// Names the answer.
        ticket: u64,
        /// The directory, as `log.dirs` names it.
        directory: String,
        /// With paths that lie in it.
        request: FileRequest,
    },
}

/// From a broker to the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BrokerReport {
    /// A log directory could not be opened: it is kept in memory, and gone with the tab. Such a worker must not be terminated:
    /// after [`BrokerReport::Ended`] it can be started again.
    NotSaved {
        /// The directory.
        directory: String,
        /// The browser's reason.
        reason: String,
    },
    /// Something happened on the node.
    Event {
        /// When, in milliseconds since the Unix epoch of playground time.
        wall_ms: i64,
        /// What.
        event: Event,
    },
    /// The node as it is now; `None` while it does not run.
    View(Option<NodeView>),
    /// The process refused to start, in Kafka's words.
    Refused {
        /// Why.
        reason: String,
    },
    /// What came of [`BrokerCommand::Files`].
    Files {
        /// Which question.
        ticket: u64,
        /// The answer.
        answer: Result<FileAnswer, FileError>,
    },
    /// The process is over, and what it gave to the disk is written.
    Ended,
    /// The worker panicked: what it said.
    Panicked(String),
}

/// From the page to the clients worker. `ticket` names the answer ([`ClientsReport::Answer`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ClientsCommand {
    /// Start; its end of a port to the switch comes with this. Said by `cluster`, once.
    Start {
        /// For its random numbers.
        seed: u64,
    },
    /// Change a topic, as `kafka-topics.sh` does.
    ChangeTopic {
        /// Names the answer.
        ticket: u32,
        /// `--bootstrap-server`.
        bootstrap: String,
        /// What to do.
        change: TopicChange,
    },
    /// Produce one record, or several.
    Produce {
        /// Names the answer, which comes once all are acknowledged or one failed.
        ticket: u32,
        /// What; a producer that does not exist is started.
        draft: Draft,
    },
    /// A producer stops what it repeats and closes.
    RemoveProducer {
        /// Which.
        producer: u32,
    },
    /// A consumer starts.
    AddConsumer {
        /// Its number; also its name: `c3` for 3.
        consumer: u32,
        /// Its group; `None` for a consumer of its own that reads all partitions.
        group: Option<String>,
        /// What it reads.
        topics: Vec<String>,
        /// Where it starts without a committed offset.
        from_beginning: bool,
    },
    /// A consumer commits, leaves and closes.
    RemoveConsumer {
        /// Which.
        consumer: u32,
    },
    /// Reads records to look at, in no group. The answer is [`ClientsReport::Records`].
    Browse {
        /// Names the answer.
        ticket: u32,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// First offset; `None` for the newest `limit`.
        from: Option<i64>,
        /// How many at most.
        limit: u32,
    },
    /// Produces a load and measures it; the answer is [`ClientsReport::Measured`].
    Load {
        /// Names the answer.
        ticket: u32,
        /// The load.
        load: Load,
    },
    /// Asks for [`ClientsReport::View`]; at most once an animation frame.
    TakeView,
}

/// What a producer is to send.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// Which producer.
    pub producer: u32,
    /// `-1` all, `0`, `1`.
    pub acks: i16,
    /// Where to.
    pub topic: String,
    /// The partition, or the partitioner's choice.
    pub partition: Option<i32>,
    /// The key. `{n}` in it stands for the number of the record.
    pub key: Option<String>,
    /// The value. `{n}` in it stands for the number of the record.
    pub value: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// How many.
    pub count: u32,
    /// Records a second; 0 for all at once.
    pub rate: f32,
}

/// Records to be produced for the sake of measuring.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Where to; without keys.
    pub topic: String,
    /// How many.
    pub records: u32,
    /// Bytes of a value; 12 at least.
    pub size: u32,
    /// Records a second; 0 for as fast as it goes.
    pub rate: f32,
    /// `-1` all, `0`, `1`.
    pub acks: i16,
    /// `linger.ms`.
    pub linger_ms: u32,
    /// `batch.size`, in bytes.
    pub batch_size: u32,
    /// Also reads them, as they come.
    pub consume: bool,
}

/// What a load took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Records acknowledged.
    pub acknowledged: u32,
    /// Records given up.
    pub failed: u32,
    /// Microseconds from the beginning to the last acknowledgement.
    pub micros: u64,
    /// From sending to acknowledgement, in microseconds.
    pub acknowledged_us: Percentiles,
    /// Records read.
    pub consumed: u32,
    /// From sending to the consumer, in microseconds.
    pub consumed_us: Percentiles,
    /// The longest time between two acknowledgements, in microseconds.
    pub longest_gap_us: u64,
}

/// Of a number of spans; zero without any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half of them are shorter.
    pub p50: u64,
    /// One in a hundred is longer.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

/// From the clients worker to the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ClientsReport {
    /// What came of a command: words to show, or Kafka's error.
    Answer {
        /// Which.
        ticket: u32,
        /// What.
        result: Result<Acknowledged, Refusal>,
    },
    /// Records asked for.
    Records {
        /// Which browse.
        ticket: u32,
        /// The records, or why there are none.
        result: Result<Vec<RecordView>, Refusal>,
    },
    /// What a load took.
    Measured {
        /// Which.
        ticket: u32,
        /// What.
        measured: Measured,
    },
    /// The clients as they are now.
    View(ClientsView),
    /// The worker panicked: what it said.
    Panicked(String),
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Acknowledged {
    /// Nothing to tell.
    Done,
    /// Records were acknowledged: partition and how many, in order of partitions, and the last offset.
    Produced {
        /// Partition, number of records, offset of the last.
        partitions: Vec<(i32, u32, i64)>,
    },
}

/// Kafka's error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Kafka's name: `NOT_ENOUGH_REPLICAS`.
    pub name: String,
    /// Kafka's text.
    pub message: String,
}

/// All clients of the page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientsView {
    /// Producers, by number.
    pub producers: Vec<ProducerView>,
    /// Consumers, by number.
    pub consumers: Vec<ConsumerView>,
}

/// A producer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProducerView {
    /// Its number.
    pub producer: u32,
    /// `-1` all, `0`, `1`.
    pub acks: i16,
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Records given up.
    pub failed: u64,
    /// Records on their way.
    pub outstanding: u64,
    /// Records a second it was asked for; 0 for none.
    pub rate: f32,
    /// Until when it waits for its quota, in microseconds of the monotonic clock.
    pub throttled_until_us: Option<u64>,
    /// The last error, also one it retries.
    pub error: Option<Refusal>,
}

/// A consumer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConsumerView {
    /// Its number.
    pub consumer: u32,
    /// Its group.
    pub group: Option<String>,
    /// What it subscribed to.
    pub topics: Vec<String>,
    /// It began at the beginning where its group had no committed offset.
    pub from_beginning: bool,
    /// What it does, in a word: `joining`, `stable`, `closing`, `alone`.
    pub state: String,
    /// Its member id.
    pub member_id: String,
    /// Its partitions: topic, partition, position, lag.
    pub assignment: Vec<(String, i32, i64, i64)>,
    /// Records it received.
    pub received: u64,
    /// The newest of them, oldest first, twenty at most.
    pub newest: Vec<RecordView>,
    /// Until when it waits for its quota, in microseconds of the monotonic clock.
    pub throttled_until_us: Option<u64>,
    /// The last error.
    pub error: Option<Refusal>,
}

/// A record to show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordView {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// Key, as text.
    pub key: Option<String>,
    /// Value, as text; `None` for a tombstone.
    pub value: Option<String>,
    /// Headers.
    pub headers: Vec<(String, Option<String>)>,
}

/// From the page to the worker of the terminals. A terminal is its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TerminalsCommand {
    /// Start; its end of a port to the switch comes with this. Said by `cluster`, once.
    Start {
        /// For its random numbers.
        seed: u64,
        /// Minutes by which the local time is ahead of UTC.
        utc_offset_minutes: i32,
        /// What was kept of its files: path, and what [`TerminalsReport::Keep`] said of it.
        kept: Vec<(String, Vec<u8>)>,
    },
    /// A terminal with a shell.
    Open {
        /// Its number.
        terminal: u32,
        /// Bytes of output the page takes before it grants more.
        credit: u32,
    },
    /// It is closed.
    Close(u32),
    /// A line was typed.
    Line {
        /// Where.
        terminal: u32,
        /// Without its end.
        text: String,
    },
    /// Ctrl-D.
    EndOfInput(u32),
    /// Ctrl-C.
    Interrupt(u32),
    /// What was shown is on the screen: so many bytes more.
    Credit {
        /// Where.
        terminal: u32,
        /// How many.
        bytes: u32,
    },
    /// What the word before the cursor may become; the answer is [`TerminalsReport::Completions`].
    Complete {
        /// Where.
        terminal: u32,
        /// Names the answer.
        ticket: u32,
        /// What was typed so far.
        line: String,
        /// Letters before the cursor.
        cursor: u32,
    },
    /// Log directories of brokers: whoever asks for their files is answered by [`TerminalsCommand::Files`].
    Elsewhere(Vec<String>),
    /// The answer to [`TerminalsReport::AskFiles`].
    Files {
        /// Which question.
        ticket: u64,
        /// The answer.
        answer: Result<FileAnswer, FileError>,
    },
    /// What became of a broker that a process of the machine started.
    Server {
        /// The process.
        process: u32,
        /// What.
        news: ServerNews,
    },
    /// The page started a broker by itself: it is a process of the machine too; the answer is [`TerminalsReport::Adopted`].
    Adopt {
        /// Its worker.
        broker: i32,
        /// The path of its `server.properties`.
        configuration: String,
    },
    /// SIGKILL for a process.
    Kill(u32),
    /// Asks for a file; the answer is [`TerminalsReport::File`].
    ReadFile {
        /// Names the answer.
        ticket: u32,
        /// Absolute.
        path: String,
    },
    /// Makes this a file's content; the answer is [`TerminalsReport::File`].
    WriteFile {
        /// Names the answer.
        ticket: u32,
        /// Absolute.
        path: String,
        /// All of it.
        content: Vec<u8>,
    },
}

/// From the worker of the terminals to the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TerminalsReport {
    /// To be shown.
    Screen {
        /// Where.
        terminal: u32,
        /// With ANSI's sequences.
        bytes: Vec<u8>,
    },
    /// Who takes what is typed has changed.
    Awaits {
        /// Where.
        terminal: u32,
        /// Who.
        awaits: Awaits,
    },
    /// A command was given to a shell.
    Command {
        /// Where.
        terminal: u32,
        /// As typed.
        text: String,
    },
    /// A file is to be edited.
    Edit {
        /// Where that was asked for.
        terminal: u32,
        /// Absolute.
        path: String,
    },
    /// A file is to go to the visitor's own computer.
    Download {
        /// Absolute.
        path: String,
    },
    /// Files of the visitor's own computer are to come.
    Upload {
        /// Where to; absolute.
        directory: String,
    },
    /// What came of a question about a file: its content, nothing where there is no such file or it was written, or a refusal
    /// in the words of an operating system.
    File {
        /// Which question.
        ticket: u32,
        /// The answer.
        result: Result<Option<Vec<u8>>, String>,
    },
    /// What came of [`TerminalsCommand::Complete`].
    Completions {
        /// Which question.
        ticket: u32,
        /// Letters before what is replaced.
        from: u32,
        /// Letters before what follows it.
        to: u32,
        /// By what; quoted where it must be.
        candidates: Vec<String>,
        /// Those that know the cluster may add to them: it is the value of this option.
        option: Option<String>,
    },
    /// A process asks for files of a broker's log directory.
    AskFiles {
        /// Names the answer.
        ticket: u64,
        /// What.
        request: FileRequest,
    },
    /// A broker of the page is this process.
    Adopted {
        /// Its worker.
        broker: i32,
        /// Its process.
        process: u32,
    },
    /// A process of the machine wants a broker started or ended.
    Server {
        /// The process.
        process: u32,
        /// What.
        request: ServerRequest,
    },
    /// Of a file that has changed: what is to be given back at the next start.
    Keep {
        /// Absolute.
        path: String,
        /// For [`TerminalsCommand::Start`].
        node: Vec<u8>,
    },
    /// The shell has ended.
    Ended(u32),
    /// The worker panicked: what it said.
    Panicked(String),
}

/// A file or directory of the machine, as it is kept; nothing where one of the distribution was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept(pub Option<KeptNode>);

/// See [`Kept`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptNode {
    /// Nothing for a directory.
    pub content: Option<Vec<u8>>,
    /// It is a program.
    pub is_executable: bool,
    /// Its last change, in milliseconds since the Unix epoch.
    pub modified_ms: i64,
}

/// What `kafka-server-start.sh` wants of the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerRequest {
    /// A broker.
    Start {
        /// Where its `server.properties` lies; absolute.
        path: String,
        /// The text of that.
        properties: String,
        /// Every `--override`, as further lines of it.
        overrides: String,
        /// What lies in its log directories: whole paths and contents.
        files: Vec<(String, Vec<u8>)>,
    },
    /// SIGTERM.
    Stop,
    /// SIGKILL.
    Kill,
}

/// What `kafka-server-start.sh` hears of its broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerNews {
    /// Something happened on the node.
    Happened(Event),
    /// It refused to start, in Kafka's words.
    Refused(String),
    /// It is over.
    Ended,
}

/// Who takes what is typed at a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Awaits {
    /// The shell: a command.
    Command,
    /// A program.
    Input,
    /// Nobody, at this time.
    #[default]
    Nothing,
}

/// Packs a message.
pub fn pack<T: Serialize>(message: &T) -> Vec<u8> {
    // Only types without a known length, or a full buffer, can fail here; these have neither.
    postcard::to_allocvec(message).unwrap_or_default()
}

/// Unpacks a message; `None` where it is none, which only another version of this page sends.
pub fn unpack<T: for<'a> Deserialize<'a>>(packed: &[u8]) -> Option<T> {
    postcard::from_bytes(packed).ok()
}

/// Packs as text, for storage that takes nothing else: two hexadecimal digits a byte.
pub fn pack_text<T: Serialize>(message: &T) -> String {
    pack(message).iter().fold(String::new(), |mut text, byte| {
        // A string takes whatever is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Unpacks text; `None` where it is not what this version of the page writes.
pub fn unpack_text<T: for<'a> Deserialize<'a>>(text: &str) -> Option<T> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let packed: Vec<u8> = pairs.iter().map(byte).collect::<Option<_>>()?;
    if rest.is_empty() { unpack(&packed) } else { None }
}
