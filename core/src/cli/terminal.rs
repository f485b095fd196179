//! [`Terminal`]: all that a tool's code can ask for and await.

use super::date_time::time_stamp;
use super::failure::{Exception, Failure, TERSE};
use super::file::{FileAnswer, FileError, FileRequest, FileStatus};
use super::process::{ProcessRequest, ProcessStatus};
use super::program::{Environment, ProgramInput, ProgramOutput};
use super::server::{ServerEvent, ServerRequest};
use crate::client::network_client::Notice;
use crate::client::{
    Admin, AdminConfig, AdminError, AdminRequest, AdminResponse, ClientInput, ClientOutput, Consumer, ConsumerConfig,
    ConsumerEvent, Operation, Producer, ProducerConfig, ProducerEvent, TransactionOutcome,
};
use crate::ids::{ConnectionId, NodeId, Uuid};
use crate::protocol::ErrorCode;
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
use core::cell::{RefCell, RefMut};
use core::fmt::Display;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

/// Connections of the admin, the producer and the consumer get their numbers in ranges of this size.
const RANGE: u64 = 1 << 32;

/// The connection of [`Terminal::is_reachable`].
const TRIED: ConnectionId = ConnectionId(3 * RANGE);

/// A tool's side of its program. Clones are the same terminal.
#[derive(Clone)]
pub(crate) struct Terminal(Rc<RefCell<State>>);

struct State {
    now: Now,
    arguments: Vec<String>,
    utc_offset_minutes: i32,
    columns: Option<u16>,
    columns_variable: Option<String>,
    is_interactive: bool,
    is_host_known: fn(&str) -> bool,
    rng: Rng,
    outputs: VecDeque<ProgramOutput>,
    input: BytesMut,
    is_input_ended: bool,
    file: Option<Result<FileAnswer, FileError>>,
    /// The tool's code awaits standard input.
    wants_input: bool,
    is_interrupt_awaited: bool,
    is_interrupted: bool,
    /// The first signal was SIGTERM.
    is_terminated: bool,
    called_as: String,
    processes: Option<Vec<ProcessStatus>>,
    server_events: VecDeque<ServerEvent>,
    /// What the tool's code waits for.
    deadline: Option<Instant>,
    admin: Option<Admin>,
    answers: SortedMap<u64, Result<AdminResponse, AdminError>>,
    producer: Option<Producer>,
    consumer: Option<Consumer>,
    /// Topics that cannot be, as the metadata last said.
    invalid_topics: Option<String>,
    /// What the admin, the producer and the consumer call themselves in their logs.
    client_ids: [String; 3],
    /// A connection that is only tried, and whether it came to be.
    tried: Option<bool>,
    is_for_controllers: bool,
    /// For an admin of the older kind: servers of its bootstrap that have not failed.
    legacy_admin: Option<usize>,
    exit: Option<i32>,
}

/// What came first.
#[derive(Debug, PartialEq)]
pub(crate) enum Came<T> {
    /// What was awaited.
    This(T),
    /// Ctrl-C.
    Interrupt,
    /// The deadline.
    Late,
}

impl Terminal {
    pub(super) fn new(now: Now, arguments: Vec<String>, environment: &Environment) -> Self {
        Self(Rc::new(RefCell::new(State {
            now,
            arguments,
            utc_offset_minutes: environment.utc_offset_minutes,
            columns: environment.columns,
            columns_variable: environment.columns_variable.clone(),
            is_interactive: environment.is_interactive,
            is_host_known: environment.is_host_known,
            rng: Rng::new(environment.seed),
            outputs: VecDeque::new(),
            input: BytesMut::new(),
            is_input_ended: false,
            file: None,
            wants_input: false,
            is_interrupt_awaited: false,
            is_interrupted: false,
            is_terminated: false,
            called_as: environment.called_as.clone(),
            processes: None,
            server_events: VecDeque::new(),
            deadline: None,
            admin: None,
            answers: SortedMap::new(),
            producer: None,
            consumer: None,
            invalid_topics: None,
            client_ids: Default::default(),
            tried: None,
            is_for_controllers: false,
            legacy_admin: None,
            exit: None,
        })))
    }

    // For the program.

    /// Takes what the host told.
    pub(super) fn heard(&self, now: Now, input: ProgramInput) {
        let state = &mut *self.0.borrow_mut();
        state.now = now;
        match input {
            ProgramInput::Client(ClientInput::Connected { connection: TRIED }) => state.tried = Some(true),
            ProgramInput::Client(ClientInput::ConnectFailed { connection: TRIED }) => state.tried = Some(false),
            ProgramInput::Client(input) => state.each_client(now, &input),
            ProgramInput::StandardInput(bytes) => state.input.extend_from_slice(&bytes),
            ProgramInput::EndOfInput => state.is_input_ended = true,
            ProgramInput::File(answer) => state.file = Some(answer),
            ProgramInput::Processes(processes) => state.processes = Some(processes),
            ProgramInput::Server(event) => state.server_events.push_back(event),
            ProgramInput::Interrupt => state.is_interrupted = true,
            ProgramInput::Terminate => (state.is_interrupted, state.is_terminated) = (true, !state.is_interrupted),
            ProgramInput::Timeout => state.each_client(now, &ClientInput::Timeout),
        }
    }

    pub(super) fn is_interrupt_awaited(&self) -> bool {
        self.0.borrow().is_interrupt_awaited
    }

    pub(super) fn is_terminated(&self) -> bool {
        self.0.borrow().is_terminated
    }

    /// The tool's code is about to say anew what it waits for.
    pub(super) fn forget_what_is_awaited(&self) {
        let state = &mut *self.0.borrow_mut();
        state.deadline = None;
        state.wants_input = false;
    }

    pub(super) fn wants_input(&self) -> bool {
        self.0.borrow().wants_input
    }

    pub(super) fn end(&self, code: i32) {
        let state = &mut *self.0.borrow_mut();
        state.warn_of_connections();
        let now = state.now;
        if let Some(admin) = &mut state.admin {
            admin.close(now);
        }
        state.exit = Some(code);
    }

    pub(super) fn poll_output(&self) -> ProgramOutput {
        let state = &mut *self.0.borrow_mut();
        state.warn_of_connections();
        if let Some(output) = state.outputs.pop_front() {
            return output;
        }
        let clients = state.admin.as_mut().and_then(Admin::poll_output);
        let clients = clients.or_else(|| state.producer.as_mut().and_then(Producer::poll_output));
        let clients = clients.or_else(|| state.consumer.as_mut().and_then(Consumer::poll_output));
        if let Some(output) = clients {
            return ProgramOutput::Client(output);
        }
        if let Some(code) = state.exit {
            return ProgramOutput::Exit(code);
        }
        let deadlines = [
            state.deadline.map(|at| (at, "the tool")),
            state.admin.as_ref().and_then(Admin::next_deadline),
            state.producer.as_ref().and_then(Producer::next_deadline),
            state.consumer.as_ref().and_then(Consumer::next_deadline),
        ];
        let next = deadlines.into_iter().flatten().min_by_key(|deadline| deadline.0);
        ProgramOutput::Wait { until: next.map(|next| next.0), reason: next.map_or("input", |next| next.1) }
    }

    // For the tool.

    /// The arguments behind the tool's name.
    pub(crate) fn arguments(&self) -> Vec<String> {
        self.0.borrow().arguments.clone()
    }

    /// The environment variable `COLUMNS`.
    pub(super) fn columns_variable(&self) -> Option<String> {
        self.0.borrow().columns_variable.clone()
    }

    pub(crate) fn now(&self) -> Now {
        self.0.borrow().now
    }

    /// Minutes by which the local time is ahead of UTC.
    pub(crate) fn utc_offset_minutes(&self) -> i32 {
        self.0.borrow().utc_offset_minutes
    }

    /// How wide the screen is that standard output goes to; nothing where it goes elsewhere.
    pub(crate) fn columns(&self) -> Option<u16> {
        self.0.borrow().columns
    }

    /// The time of day here, in milliseconds since the epoch had it begun here.
    pub(super) fn local_ms(&self) -> i64 {
        self.0.borrow().local_ms()
    }

    /// Standard input is a keyboard.
    pub(crate) fn is_interactive(&self) -> bool {
        self.0.borrow().is_interactive
    }

    /// The name of a host resolves to an address.
    pub(crate) fn is_host_known(&self, host: &str) -> bool {
        let is_known = self.0.borrow().is_host_known;
        is_known(host)
    }

    /// Somebody listens there: connects, and closes at once.
    pub(crate) async fn is_reachable(&self, host: &str, port: u16) -> bool {
        let connect = ClientOutput::Connect { connection: TRIED, host: Str::from(host), port };
        self.0.borrow_mut().outputs.push_back(ProgramOutput::Client(connect));
        let is_reachable = self.until(|state| state.tried.take()).await;
        if is_reachable {
            let close = ProgramOutput::Client(ClientOutput::Close { connection: TRIED });
            self.0.borrow_mut().outputs.push_back(close);
        }
        is_reachable
    }

    pub(super) fn random_uuid(&self) -> Uuid {
        self.0.borrow_mut().rng.uuid()
    }

    pub(crate) fn random_below(&self, bound: u64) -> u64 {
        self.0.borrow_mut().rng.below(bound)
    }

    /// Text on standard output.
    pub(crate) fn print(&self, text: &str) {
        let output = ProgramOutput::StandardOutput(Bytes::copy_from_slice(text.as_bytes()));
        self.0.borrow_mut().outputs.push_back(output);
    }

    /// Bytes on standard output.
    pub(crate) fn print_bytes(&self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.0.borrow_mut().outputs.push_back(ProgramOutput::StandardOutput(Bytes::from(bytes)));
        }
    }

    /// A line on standard output.
    pub(crate) fn line(&self, text: &str) {
        self.print(&format!("{text}\n"));
    }

    /// A line on standard error.
    pub(crate) fn error_line(&self, text: &str) {
        self.0.borrow_mut().error_line(text);
    }

    /// Text on standard error.
    pub(crate) fn print_error(&self, text: &str) {
        let output = ProgramOutput::StandardError(Bytes::copy_from_slice(text.as_bytes()));
        self.0.borrow_mut().outputs.push_back(output);
    }

    /// A line of the log, as the tools' `log4j2` prints it on standard error.
    pub(super) fn log(&self, level: &str, text: &dyn Display, class: &str) {
        self.0.borrow_mut().log(level, text, class);
    }

    /// What a tool prints on standard error for `Utils.stackTrace`, logged as an error.
    pub(super) fn log_thrown(&self, exception: &Exception, class: &str) {
        self.log("ERROR", &format!("{exception}\n"), class);
    }

    /// Asks the file system.
    pub(crate) async fn ask_files(&self, request: FileRequest) -> Result<FileAnswer, FileError> {
        self.0.borrow_mut().outputs.push_back(ProgramOutput::File(request));
        self.until(|state| state.file.take()).await
    }

    /// The content of a file.
    pub(crate) async fn file(&self, path: &str) -> Result<Bytes, FileError> {
        match self.ask_files(FileRequest::Read(Str::from(path))).await? {
            FileAnswer::Content(content) => Ok(content),
            _ => Err(FileError::Unsupported),
        }
    }

    /// Makes this the content of a file.
    pub(crate) async fn write_file(&self, path: &str, content: Bytes, append: bool) -> Result<(), FileError> {
        self.ask_files(FileRequest::Write { path: Str::from(path), content, append }).await.map(drop)
    }

    /// What a directory holds, ordered by name.
    pub(crate) async fn list(&self, path: &str) -> Result<Vec<FileStatus>, FileError> {
        match self.ask_files(FileRequest::List(Str::from(path))).await? {
            FileAnswer::Entries(entries) => Ok(entries),
            _ => Err(FileError::Unsupported),
        }
    }

    /// What there is at a path.
    pub(crate) async fn status(&self, path: &str) -> Result<FileStatus, FileError> {
        match self.ask_files(FileRequest::Status(Str::from(path))).await? {
            FileAnswer::Status(status) => Ok(status),
            _ => Err(FileError::Unsupported),
        }
    }

    /// What came on standard input since the last time, at least a byte; nothing at its end. For those who do not care for
    /// lines.
    pub(crate) async fn input(&self) -> Option<Bytes> {
        self.until(|state| {
            if !state.input.is_empty() {
                return Some(Some(core::mem::take(&mut state.input).freeze()));
            }
            state.wants_input = true;
            state.is_input_ended.then_some(None)
        })
        .await
    }

    /// Lets so much time go by; Ctrl-C ends it early.
    pub(crate) async fn sleep(&self, duration: Duration) -> Came<()> {
        let until = self.now().monotonic + duration;
        self.first(Some(until), |_| None).await
    }

    /// Lets others run, and what was printed go out: for those who print much without awaiting anything.
    pub(crate) async fn pause(&self) {
        let mut is_first = true;
        self.until(|state| {
            if !core::mem::replace(&mut is_first, false) {
                return Some(());
            }
            state.deadline = Some(state.now.monotonic);
            None
        })
        .await;
    }

    /// The content of a file that Kafka's `Utils.readFileAsString` reads.
    ///
    /// # Errors
    /// `java.io.IOException`.
    pub(super) async fn text_file(&self, path: &str) -> Result<Bytes, Exception> {
        self.file(path).await.map_err(|_| {
            let cause = Exception::new("java.nio.file.NoSuchFileException", path);
            Exception::new("java.io.IOException", format!("Unable to read file {path}")).because(&cause)
        })
    }

    /// What most of Kafka's tools do with an exception: they print its message, its trace and an empty line, and exit with 1.
    pub(super) fn catch<T>(&self, ended: Result<T, Failure>) -> Result<T, Failure> {
        ended.map_err(|failure| match failure {
            Failure::Thrown(exception) => {
                self.error_line(&format!("{}\n{exception}\n", exception.message));
                Failure::Exit(1)
            }
            exit @ Failure::Exit(_) => exit,
        })
    }

    /// As [`Terminal::catch`]; where the message says all, that is all.
    pub(super) fn catch_terse<T>(&self, ended: Result<T, Failure>) -> Result<T, Failure> {
        match ended {
            Err(Failure::Thrown(exception)) if exception.class == TERSE => {
                self.error_line(&exception.message);
                Err(Failure::Exit(1))
            }
            ended => self.catch(ended),
        }
    }

    /// The path by which the tool was called.
    pub(super) fn called_as(&self) -> String {
        self.0.borrow().called_as.clone()
    }

    /// What runs beside this.
    pub(super) async fn processes(&self) -> Vec<ProcessStatus> {
        self.0.borrow_mut().outputs.push_back(ProgramOutput::Process(ProcessRequest::List));
        self.until(|state| state.processes.take()).await
    }

    /// Sends SIGTERM to a process.
    pub(super) fn terminate(&self, process: u32) {
        self.0.borrow_mut().outputs.push_back(ProgramOutput::Process(ProcessRequest::Terminate(process)));
    }

    /// Asks the host for something of this process's broker.
    pub(super) fn ask_server(&self, request: ServerRequest) {
        self.0.borrow_mut().outputs.push_back(ProgramOutput::Server(request));
    }

    /// The next that is told of this process's broker; Ctrl-C ends the wait where `is_interruptible`.
    pub(super) async fn server_event(&self, is_interruptible: bool) -> Came<ServerEvent> {
        self.until(|state| {
            let event = state.server_events.pop_front().map(Came::This);
            event.or((is_interruptible && state.is_interrupted).then_some(Came::Interrupt))
        })
        .await
    }

    /// Goes on in the background; what is printed from here on is added to a file.
    pub(super) fn detach(&self, output: &str) {
        self.0.borrow_mut().outputs.push_back(ProgramOutput::Detach { output: Str::from(output) });
    }

    /// All files below a directory that lie in the machine's own file system.
    pub(super) async fn own_files(&self, directory: &str) -> Vec<(Str, Bytes)> {
        match self.ask_files(FileRequest::Below(Str::from(directory))).await {
            Ok(FileAnswer::Files(files)) => files,
            _ => Vec::new(),
        }
    }

    /// From here on Ctrl-C is the tool's affair.
    pub(crate) fn await_interrupts(&self) {
        self.0.borrow_mut().is_interrupt_awaited = true;
    }

    /// Makes the admin that [`Terminal::ask`] asks.
    pub(super) fn start_admin(&self, config: AdminConfig) {
        let state = &mut *self.0.borrow_mut();
        state.client_ids[0] = config.client_id.to_string();
        state.is_for_controllers = config.is_for_controllers;
        state.admin = Some(Admin::new(config, 0, state.rng.fork()));
    }

    /// What the admin calls itself.
    pub(super) fn admin_client_id(&self) -> String {
        self.0.borrow().client_ids[0].clone()
    }

    /// The admin asks controllers.
    pub(super) fn is_for_controllers(&self) -> bool {
        self.0.borrow().is_for_controllers
    }

    /// Asks the cluster.
    ///
    /// # Errors
    /// What the admin says of the request as a whole, as the exception of Kafka's own admin.
    pub(super) async fn ask<R: Operation>(&self, request: R) -> Result<R::Response, Exception> {
        let ticket = self.submit(None, request.into());
        Ok(self.answer(ticket).await?.to::<R>()?)
    }

    /// Asks for several things at once: what came of each, in their order.
    pub(super) async fn ask_all<R: Operation>(&self, requests: Vec<R>) -> Vec<Result<R::Response, Exception>> {
        let tickets: Vec<_> = requests.into_iter().map(|request| self.submit(None, request.into())).collect();
        let mut responses = Vec::new();
        for ticket in tickets {
            responses.push(self.answer(ticket).await.and_then(|answer| Ok(answer.to::<R>()?)));
        }
        responses
    }

    /// Asks this broker.
    ///
    /// # Errors
    /// As [`Terminal::ask`].
    pub(super) async fn ask_broker<R: Operation>(&self, broker: NodeId, request: R) -> Result<R::Response, Exception> {
        let ticket = self.submit(Some(broker), request.into());
        Ok(self.answer(ticket).await?.to::<R>()?)
    }

    /// Makes the admin of an older kind: what it asks first fails as soon as no server of its bootstrap can be reached, and
    /// its log is that of a client that keeps metadata.
    pub(super) fn start_legacy_admin(&self, config: AdminConfig) {
        let servers = config.bootstrap.len();
        self.start_admin(config);
        self.0.borrow_mut().legacy_admin = Some(servers);
    }

    /// As [`Terminal::ask`]; nothing where no server of the bootstrap of a legacy admin can be reached.
    pub(super) async fn ask_while_reachable<R: Operation>(&self, request: R) -> Option<Result<R::Response, Exception>> {
        let mut asked = pin!(self.ask(request));
        poll_fn(|context| match asked.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if self.0.borrow().legacy_admin == Some(0) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// The admin's number for a request, of this broker or of whoever can answer; nothing where there is no admin.
    fn submit(&self, broker: Option<NodeId>, request: AdminRequest) -> Option<u64> {
        let state = &mut *self.0.borrow_mut();
        let (now, admin) = (state.now, state.admin.as_mut()?);
        Some(match broker {
            Some(broker) => admin.submit_to(now, broker, request),
            None => admin.submit(now, request),
        })
    }

    async fn answer(&self, ticket: Option<u64>) -> Result<AdminResponse, Exception> {
        let Some(ticket) = ticket else {
            return Err(Exception::new("java.lang.IllegalStateException", "no admin was started"));
        };
        let answer = self
            .until(|state| {
                while let Some((id, answer)) = state.admin.as_mut().and_then(Admin::poll_event) {
                    state.answers.insert(id, answer);
                }
                state.answers.remove(&ticket)
            })
            .await;
        answer.map_err(Exception::from)
    }

    /// Makes the producer; [`Terminal::producer`] is it.
    pub(super) fn start_producer(&self, config: ProducerConfig) {
        let state = &mut *self.0.borrow_mut();
        state.client_ids[1] = config.client_id.to_string();
        state.producer = Some(Producer::new(config, RANGE, state.rng.fork()));
    }

    /// The producer; nothing before [`Terminal::start_producer`].
    pub(super) fn producer(&self) -> Option<RefMut<'_, Producer>> {
        RefMut::filter_map(self.0.borrow_mut(), |state| state.producer.as_mut()).ok()
    }

    /// The next the producer tells, also after Ctrl-C.
    pub(super) async fn producer_event(&self) -> ProducerEvent {
        self.until(|state| state.producer.as_mut()?.poll_event()).await
    }

    /// What a call for a transaction came to, or what the producer tells before; also after Ctrl-C.
    pub(super) async fn transaction_or_producer_event(&self) -> Result<TransactionOutcome, ProducerEvent> {
        self.until(|state| {
            let producer = state.producer.as_mut()?;
            producer.poll_event().map(Err).or_else(|| producer.poll_transaction().map(Ok))
        })
        .await
    }

    /// What is looked for in the producer, or the deadline.
    pub(super) async fn of_producer<T>(
        &self,
        deadline: Option<Instant>,
        found: impl Fn(&mut Producer) -> Option<T>,
    ) -> Came<T> {
        self.first(deadline, |state| found(state.producer.as_mut()?)).await
    }

    /// The next line of standard input, or what the producer tells before.
    pub(super) async fn line_or_producer_event(&self) -> Result<Came<Option<Vec<u8>>>, ProducerEvent> {
        self.until(|state| match state.producer.as_mut().and_then(Producer::poll_event) {
            Some(event) => Some(Err(event)),
            None => state.next_line().map(Ok),
        })
        .await
    }

    /// Makes the consumer; [`Terminal::consumer`] is it.
    pub(super) fn start_consumer(&self, config: ConsumerConfig) {
        let state = &mut *self.0.borrow_mut();
        let group = config.group_id.as_ref().map(|group| format!(", groupId={group}")).unwrap_or_default();
        state.client_ids[2] = format!("{}{group}", config.client_id);
        state.consumer = Some(Consumer::new(config, 2 * RANGE, state.rng.fork()));
    }

    /// The consumer; nothing before [`Terminal::start_consumer`].
    pub(super) fn consumer(&self) -> Option<RefMut<'_, Consumer>> {
        RefMut::filter_map(self.0.borrow_mut(), |state| state.consumer.as_mut()).ok()
    }

    /// The next the consumer tells, or the interrupt, or the deadline.
    pub(super) async fn consumer_event(&self, deadline: Option<Instant>) -> Came<ConsumerEvent> {
        self.first(deadline, |state| {
            if let Some(invalid) = state.invalid_topics.take() {
                let message = format!("Invalid topics: [{invalid}]");
                return Some(ConsumerEvent::Error { code: ErrorCode::InvalidTopicException, message });
            }
            state.consumer.as_mut()?.poll_event()
        })
        .await
    }

    /// The next the consumer tells, also after Ctrl-C.
    pub(super) async fn consumer_event_to_the_end(&self) -> ConsumerEvent {
        self.until(|state| state.consumer.as_mut()?.poll_event()).await
    }

    async fn first<T>(&self, deadline: Option<Instant>, found: impl Fn(&mut State) -> Option<T>) -> Came<T> {
        self.until(|state| {
            if let Some(found) = found(state) {
                return Some(Came::This(found));
            }
            if state.is_interrupted {
                return Some(Came::Interrupt);
            }
            if deadline.is_some_and(|deadline| deadline <= state.now.monotonic) {
                return Some(Came::Late);
            }
            state.deadline = [state.deadline, deadline].into_iter().flatten().min();
            None
        })
        .await
    }

    async fn until<T>(&self, mut found: impl FnMut(&mut State) -> Option<T>) -> T {
        poll_fn(|_| found(&mut self.0.borrow_mut()).map_or(Poll::Pending, Poll::Ready)).await
    }
}

impl State {
    /// The next line of standard input without its end, or nothing behind the last; `None` while it is not there.
    fn next_line(&mut self) -> Option<Came<Option<Vec<u8>>>> {
        if self.is_interrupted {
            return Some(Came::Interrupt);
        }
        if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
            let line = self.input.split_to(end + 1);
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            return Some(Came::This(Some(line.strip_suffix(b"\r").unwrap_or(line).to_vec())));
        }
        if !self.is_input_ended {
            self.wants_input = true;
            return None;
        }
        let rest = core::mem::take(&mut self.input);
        Some(Came::This((!rest.is_empty()).then(|| rest.to_vec())))
    }

    fn each_client(&mut self, now: Now, input: &ClientInput) {
        if let Some(admin) = &mut self.admin {
            admin.handle(now, input.clone());
        }
        if let Some(producer) = &mut self.producer {
            producer.handle(now, input.clone());
        }
        if let Some(consumer) = &mut self.consumer {
            consumer.handle(now, input.clone());
        }
        self.warn_of_connections();
    }

    /// What the clients warn of, in the words of their logs.
    fn warn_of_connections(&mut self) {
        let (mut lines, mut errors_of_topics) = (Vec::new(), Vec::new());
        while let Some((prefix, is_admin, notice)) = self.next_notice() {
            match notice {
                Notice::NotEstablished { node, host, port } => {
                    let address = if &*host == "localhost" { "127.0.0.1" } else { &*host };
                    let name = if host.starts_with(|first: char| first.is_ascii_digit()) { "" } else { &*host };
                    lines.push(format!(
                        "{prefix}Connection to node {node} ({name}/{address}:{port}) could not be established. Node may not be \
                         available."
                    ));
                    if node < 0 && is_admin {
                        self.legacy_admin = self.legacy_admin.map(|servers| servers.saturating_sub(1));
                    }
                    if node < 0 && (!is_admin || self.legacy_admin.is_some()) {
                        lines.push(format!(
                            "{prefix}Bootstrap broker {host}:{port} (id: {node} rack: null isFenced: false) disconnected"
                        ));
                    }
                }
                Notice::WrongKind { error, message } => {
                    let line = format!("{prefix}Fatal error during metadata update");
                    self.log("WARN", &line, "org.apache.kafka.clients.admin.internals.AdminMetadataManager");
                    self.error_line(&Exception::of(error, Some(&message)).to_string());
                }
                Notice::MetadataErrors { correlation_id, topics } => {
                    let errors = topics.iter().map(|(topic, error)| format!("{topic}={}", error.name()));
                    let errors = errors.collect::<Vec<_>>().join(", ");
                    lines.push(format!(
                        "{prefix}The metadata response from the cluster reported a recoverable issue with correlation id \
                         {correlation_id} : {{{errors}}}"
                    ));
                    let is_invalid = |error: &ErrorCode| *error == ErrorCode::InvalidTopicException;
                    let invalid: Vec<&str> =
                        topics.iter().filter(|(_, error)| is_invalid(error)).map(|(topic, _)| &**topic).collect();
                    if !invalid.is_empty() {
                        let invalid = invalid.join(", ");
                        errors_of_topics.push(format!("{prefix}Metadata response reported invalid topics [{invalid}]"));
                        self.invalid_topics = Some(invalid);
                    }
                }
            }
        }
        for line in lines {
            self.log("WARN", &line, "org.apache.kafka.clients.NetworkClient");
        }
        for line in errors_of_topics {
            self.log("ERROR", &line, "org.apache.kafka.clients.Metadata");
        }
    }

    fn next_notice(&mut self) -> Option<(String, bool, Notice)> {
        if let Some(notice) = self.admin.as_mut().and_then(Admin::poll_notice) {
            let kind = if self.legacy_admin.is_some() { "LegacyAdminClient" } else { "AdminClient" };
            return Some((format!("[{kind} clientId={}] ", self.client_ids[0]), true, notice));
        }
        if let Some(notice) = self.producer.as_mut().and_then(Producer::poll_notice) {
            return Some((format!("[Producer clientId={}] ", self.client_ids[1]), false, notice));
        }
        let notice = self.consumer.as_mut().and_then(Consumer::poll_notice)?;
        Some((format!("[Consumer clientId={}] ", self.client_ids[2]), false, notice))
    }

    fn error_line(&mut self, text: &str) {
        let line = Bytes::from(format!("{text}\n").into_bytes());
        self.outputs.push_back(ProgramOutput::StandardError(line));
    }

    fn log(&mut self, level: &str, text: &dyn Display, class: &str) {
        let local_ms = self.local_ms();
        self.error_line(&format!("[{}] {level} {text} ({class})", time_stamp(local_ms)));
    }

    fn local_ms(&self) -> i64 {
        self.now.wall_ms + i64::from(self.utc_offset_minutes) * 60_000
    }
}
