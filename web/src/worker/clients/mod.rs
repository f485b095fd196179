//! All clients of the page: producers, consumers, tools that buttons stand for, and a desk where records are looked at.
//! Plain data, a [`Program`] like a node; `clients_host` runs it in its worker.
//!
//! # Architecture Invariant
//! Clients reach brokers over connections only, as programs elsewhere would. Each has a range of connection ids of its own,
//! so that whatever a connection brings finds its client.

mod browse;
mod desk;
mod load;
mod reader;
mod sender;
#[cfg(test)]
mod tests;
mod tool;

use super::program::Program;
use crate::bridge::{ClientsCommand, ClientsReport, ClientsView, Draft, RecordView, Refusal};
use broker_core::apart::apart;
use broker_core::client::{ClientInput, ClientOutput, NetworkConfig};
use broker_core::ids::ConnectionId;
use broker_core::node::{Input, Output};
use broker_core::protocol::ErrorCode;
use broker_core::record::Record;
use broker_core::rng::Rng;
use broker_core::sorted::{SortedMap, sort_by_key};
use broker_core::text::Str;
use broker_core::time::{Duration, Instant, Now};
use browse::Browse;
use desk::Desk;
use load::LoadClient;
use reader::Reader;
use sender::Sender;
use std::collections::VecDeque;
use tool::Tool;

/// Where clients look for the cluster first; they hear of other brokers from these.
const BOOTSTRAP: [(&str, u16); 3] = [("localhost", 9092), ("localhost", 9093), ("localhost", 9094)];
/// `metadata.max.age.ms`: who watches a playground does not wait five minutes for a new partition to be read.
const METADATA_MAX_AGE: Duration = Duration::from_secs(10);
/// A client's connections are numbered from its own number, shifted by this.
const RANGE_BITS: u32 = 24;

/// A client of any kind, as this program drives it.
trait Client {
    /// Something happened on one of its connections.
    fn handle(&mut self, now: Now, input: ClientInput);
    /// Its deadline may have come.
    fn tick(&mut self, now: Now);
    /// When that is.
    fn next_deadline(&self) -> Option<Instant>;
    /// What it wants of its connections.
    fn poll_output(&mut self) -> Option<ClientOutput>;
    /// What the page shall hear.
    fn poll_report(&mut self) -> Option<ClientsReport>;
    /// True once it has closed, and is not needed any more.
    fn is_over(&self) -> bool {
        false
    }
}

/// What a new client is given.
struct Parameters {
    network: NetworkConfig,
    first_connection: u64,
    rng: Rng,
}

enum Member {
    Desk(Box<Desk>),
    Load(Box<LoadClient>),
    Sender(Box<Sender>),
    Reader(Box<Reader>),
    Tool(Box<Tool>),
}

impl Member {
    fn client(&self) -> &dyn Client {
        match self {
            Self::Desk(desk) => &**desk,
            Self::Load(load) => &**load,
            Self::Sender(sender) => &**sender,
            Self::Reader(reader) => &**reader,
            Self::Tool(tool) => &**tool,
        }
    }

    fn client_mut(&mut self) -> &mut dyn Client {
        match self {
            Self::Desk(desk) => &mut **desk,
            Self::Load(load) => &mut **load,
            Self::Sender(sender) => &mut **sender,
            Self::Reader(reader) => &mut **reader,
            Self::Tool(tool) => &mut **tool,
        }
    }
}

/// See the module.
pub struct Clients {
    rng: Rng,
    /// By the number of its range of connections.
    members: SortedMap<u64, Member>,
    next_range: u64,
    outputs: VecDeque<Output>,
    reports: VecDeque<ClientsReport>,
}

const DESK: u64 = 0;

impl Clients {
    /// No clients but the desk; `seed` is for their random numbers.
    pub fn new(seed: u64) -> Self {
        let mut clients = Self {
            rng: Rng::new(seed),
            members: SortedMap::new(),
            next_range: DESK,
            outputs: VecDeque::new(),
            reports: VecDeque::new(),
        };
        let parameters = clients.parameters("playground");
        clients.join(Member::Desk(Box::new(Desk::new(parameters))));
        clients
    }

    /// Carries out what the page says.
    pub fn command(&mut self, now: Now, command: ClientsCommand) {
        let text = |text: String| Str::from(text);
        match command {
            ClientsCommand::ChangeTopic { ticket, bootstrap, change } => apart(|| {
                let parameters = self.parameters("adminclient-1");
                let tool = Tool::change_topic(now, ticket, change, bootstrap, parameters);
                let range = self.join(Member::Tool(Box::new(tool)));
                self.collect(range);
            }),
            ClientsCommand::Browse { ticket, topic, partition, from, limit } => apart(|| {
                let browse = Browse::new(text(topic), partition, from, limit);
                self.desk(|desk| desk.browse(now, ticket, browse));
            }),
            ClientsCommand::Produce { ticket, draft } => apart(|| self.produce(now, ticket, &draft)),
            ClientsCommand::RemoveProducer { producer } => {
                let is_meant = |member: &Member| matches!(member, Member::Sender(sender) if sender.is(producer, None));
                self.each(is_meant, |member| {
                    if let Member::Sender(sender) = member {
                        sender.close(now);
                    }
                });
            }
            ClientsCommand::AddConsumer { consumer, group, topics, from_beginning } => apart(|| {
                self.add_consumer(now, consumer, group, topics.into_iter().map(text).collect(), from_beginning);
            }),
            ClientsCommand::RemoveConsumer { consumer } => self.remove_consumer(now, consumer),
            ClientsCommand::Load { ticket, load } => apart(|| {
                let parameters = self.parameters("load");
                let range = self.join(Member::Load(Box::new(LoadClient::new(ticket, load, parameters))));
                self.tick_member(now, range);
            }),
            ClientsCommand::TakeView => {
                let view = self.view();
                self.reports.push_back(ClientsReport::View(view));
            }
            // Its host's.
            ClientsCommand::Start { .. } => {}
        }
    }

    /// The next thing to tell the page.
    pub fn poll_report(&mut self) -> Option<ClientsReport> {
        self.reports.pop_front()
    }

    fn produce(&mut self, now: Now, ticket: u32, draft: &Draft) {
        let (number, acks) = (draft.producer, draft.acks);
        let is_meant = |member: &Member| matches!(member, Member::Sender(sender) if sender.is(number, Some(acks)));
        if !self.members.values().any(is_meant) {
            let parameters = self.parameters(&format!("p{number}"));
            self.join(Member::Sender(Box::new(Sender::new(number, acks, parameters))));
        }
        self.each(is_meant, |member| {
            if let Member::Sender(sender) = member {
                sender.produce(now, ticket, draft.clone());
            }
        });
    }

    /// A number that is taken changes nothing.
    fn add_consumer(&mut self, now: Now, number: u32, group: Option<String>, topics: Vec<Str>, from_beginning: bool) {
        if self.members.values().any(|member| matches!(member, Member::Reader(reader) if reader.is(number))) {
            return;
        }
        let parameters = self.parameters(&format!("c{number}"));
        let mut reader = Reader::new(number, group, topics, from_beginning, parameters);
        reader.start(now);
        let range = self.join(Member::Reader(Box::new(reader)));
        self.collect(range);
    }

    fn remove_consumer(&mut self, now: Now, number: u32) {
        let is_meant = |member: &Member| matches!(member, Member::Reader(reader) if reader.is(number));
        self.each(is_meant, |member| {
            if let Member::Reader(reader) = member {
                reader.close(now);
            }
        });
    }

    /// Does something to those that are meant.
    fn each(&mut self, is_meant: impl Fn(&Member) -> bool, mut action: impl FnMut(&mut Member)) {
        let ranges = self.members.iter().filter(|(_, member)| is_meant(member)).map(|(range, _)| *range);
        for range in ranges.collect::<Vec<_>>() {
            self.members.get_mut(&range).into_iter().for_each(&mut action);
            self.collect(range);
        }
    }

    fn view(&self) -> ClientsView {
        let mut view = ClientsView::default();
        for member in self.members.values() {
            match member {
                Member::Desk(_) | Member::Load(_) | Member::Tool(_) => {}
                Member::Sender(sender) => view.producers.push(sender.view()),
                Member::Reader(reader) => view.consumers.push(reader.view()),
            }
        }
        sort_by_key(&mut view.producers, |producer| producer.producer);
        sort_by_key(&mut view.consumers, |consumer| consumer.consumer);
        view
    }

    fn desk(&mut self, action: impl FnOnce(&mut Desk)) {
        if let Some(Member::Desk(desk)) = self.members.get_mut(&DESK) {
            action(desk);
        }
        self.collect(DESK);
    }

    /// What the next member is made with.
    fn parameters(&mut self, client_id: &str) -> Parameters {
        let network = NetworkConfig {
            client_id: client_id.into(),
            bootstrap: BOOTSTRAP.iter().map(|(host, port)| (Str::from_static(host), *port)).collect(),
            request_timeout: Duration::from_secs(30),
            metadata_max_age: METADATA_MAX_AGE,
            allow_auto_topic_creation: false,
            is_for_controllers: false,
        };
        // Ids of what a program opens are odd.
        Parameters { network, first_connection: (self.next_range << RANGE_BITS) + 1, rng: self.rng.fork() }
    }

    fn join(&mut self, member: Member) -> u64 {
        let range = self.next_range;
        self.next_range += 1;
        self.members.insert(range, member);
        range
    }

    fn tell(&mut self, now: Now, connection: ConnectionId, input: ClientInput) {
        let range = connection.0 >> RANGE_BITS;
        if let Some(member) = self.members.get_mut(&range) {
            member.client_mut().handle(now, input);
        }
        self.collect(range);
    }

    /// Takes what a member wants; forgets it where it is over.
    fn collect(&mut self, range: u64) {
        let Some(member) = self.members.get_mut(&range) else { return };
        let client = member.client_mut();
        while let Some(output) = client.poll_output() {
            self.outputs.push_back(match output {
                ClientOutput::Connect { connection, host, port } => Output::Connect { connection, host, port },
                ClientOutput::Send { connection, bytes } => Output::Send { connection, bytes },
                ClientOutput::Close { connection } => Output::Close { connection },
            });
        }
        while let Some(report) = client.poll_report() {
            self.reports.push_back(report);
        }
        if client.is_over() {
            self.members.remove(&range);
        }
    }

    fn tick(&mut self, now: Now) {
        let is_due = |member: &Member| member.client().next_deadline().is_some_and(|due| due <= now.monotonic);
        let due: Vec<u64> = self.members.iter().filter(|(_, member)| is_due(member)).map(|(range, _)| *range).collect();
        for range in due {
            self.tick_member(now, range);
        }
    }

    fn tick_member(&mut self, now: Now, range: u64) {
        if let Some(member) = self.members.get_mut(&range) {
            member.client_mut().tick(now);
        }
        self.collect(range);
    }
}

impl Program for Clients {
    fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Connected { connection } => self.tell(now, connection, ClientInput::Connected { connection }),
            Input::ConnectFailed { connection } => {
                self.tell(now, connection, ClientInput::ConnectFailed { connection });
            }
            Input::Closed { connection } => self.tell(now, connection, ClientInput::Closed { connection }),
            Input::Frame { connection, bytes } => {
                self.outputs.push_back(Output::Taken { connection });
                self.tell(now, connection, ClientInput::Frame { connection, bytes });
            }
            _ => {}
        }
        self.tick(now);
    }

    fn poll_output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| Output::Wait {
            until: self.members.values().filter_map(|member| member.client().next_deadline()).min(),
            reason: "client",
        })
    }
}

/// Kafka's error, with the broker's own words where there are some.
fn refusal(code: ErrorCode, message: Option<&Str>) -> Refusal {
    let message = message.map(Str::as_str).filter(|message| !message.is_empty()).unwrap_or(code.message());
    Refusal { name: code.name().to_owned(), message: message.to_owned() }
}

/// A record as text.
fn record_view(topic: &Str, partition: i32, record: &Record) -> RecordView {
    let text = |bytes: &bytes::Bytes| String::from_utf8_lossy(bytes).into_owned();
    RecordView {
        topic: topic.as_str().to_owned(),
        partition,
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key.as_ref().map(text),
        value: record.value.as_ref().map(text),
        headers: record
            .headers
            .iter()
            .map(|(key, value)| (key.as_str().to_owned(), value.as_ref().map(text)))
            .collect(),
    }
}
