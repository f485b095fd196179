//! Two programs talk through the switch over real ports, and write to real disks: order, windows, resets, kill.
#![cfg(target_arch = "wasm32")]

use broker_core::ids::ConnectionId;
use broker_core::log::storage::{StoreCommand, Ticket};
use broker_core::node::{Input, Output};
use broker_core::time::{Duration, Now};
use broker_web::bridge::{BrokerCommand, BrokerReport, BrokerStart, SwitchCommand, SwitchReport};
use broker_web::clock::Lease;
use broker_web::indexed_db::{Storage, delete_database};
use broker_web::post_message::{channel, pause};
use broker_web::worker::broker::{BrokerWorker, Process};
use broker_web::worker::disk::database_name;
use broker_web::worker::host::Host;
use broker_web::worker::link::{CLIENTS, ToSwitch};
use broker_web::worker::program::Program;
use broker_web::worker::switch_host::SwitchHost;
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// Stores every frame and answers it, with the same bytes, once it is stored.
#[derive(Default)]
struct Echo {
    outputs: VecDeque<Output>,
    asked: BTreeMap<u64, (ConnectionId, Bytes)>,
    next_ticket: u64,
}

impl Program for Echo {
    fn handle(&mut self, _now: Now, input: Input) {
        match input {
            Input::Frame { connection, bytes } => {
                let ticket = Ticket(self.next_ticket);
                self.next_ticket += 1;
                let append = StoreCommand::Append { file: "frames".into(), bytes: vec![bytes.clone()] };
                self.outputs.push_back(Output::Store { directory: 0, ticket, commands: vec![append] });
                self.asked.insert(ticket.0, (connection, bytes));
            }
            Input::Stored { ticket, .. } => {
                let later = self.asked.split_off(&(ticket.0 + 1));
                for (connection, bytes) in std::mem::replace(&mut self.asked, later).into_values() {
                    self.outputs.push_back(Output::Taken { connection });
                    self.outputs.push_back(Output::Send { connection, bytes: vec![bytes] });
                }
            }
            _ => {}
        }
    }

    fn poll_output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or(Output::Wait { until: None, reason: "nothing" })
    }
}

/// Notes what it hears; the test tells it what to send.
#[derive(Default)]
struct Asker {
    outputs: VecDeque<Output>,
    heard: Vec<String>,
    answers: Vec<Bytes>,
    wake: Option<broker_core::time::Instant>,
}

impl Program for Asker {
    fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Frame { connection, bytes } => {
                self.answers.push(bytes);
                self.outputs.push_back(Output::Taken { connection });
            }
            Input::Connected { connection } => self.heard.push(format!("connected {}", connection.0)),
            Input::ConnectFailed { connection } => self.heard.push(format!("refused {}", connection.0)),
            Input::Closed { connection } => self.heard.push(format!("closed {}", connection.0)),
            Input::Timeout => {
                assert!(Some(now.monotonic) >= self.wake, "never before its time");
                self.wake = None;
                self.heard.push("timeout".into());
            }
            _ => {}
        }
    }

    fn poll_output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or(Output::Wait { until: self.wake, reason: "the test" })
    }
}

struct Net {
    switch: Rc<SwitchHost>,
    seen: Rc<RefCell<Vec<SwitchReport>>>,
    asker: Rc<Host<Asker>>,
    incarnation: u64,
}

impl Net {
    async fn new() -> Self {
        let seen: Rc<RefCell<Vec<SwitchReport>>> = Rc::default();
        let reports = Rc::clone(&seen);
        let floor = Lease { monotonic_us: 0, wall_ms: 0, rate: 1.0 };
        let switch = SwitchHost::start(floor, move |report| reports.borrow_mut().push(report));
        let (here, there) = channel().expect("a channel");
        switch.command(&SwitchCommand::Attach { endpoint: CLIENTS, incarnation: 0 }, Some(there));
        let asker = Host::new(here, |_, _| {}, || {}).expect("a host");
        while !asker.has_time() {
            pause().await;
        }
        asker.start(Asker::default(), Vec::new(), Vec::new(), Vec::new());
        Self { switch, seen, asker, incarnation: 0 }
    }

    /// A broker process named by its directory, listening on a port.
    fn start(&mut self, directory: &str, port: u16) -> Broker {
        self.incarnation += 1;
        let (here, there) = channel().expect("a channel");
        let attach = SwitchCommand::Attach { endpoint: i32::from(port), incarnation: self.incarnation };
        self.switch.command(&attach, Some(there));
        let reports: Rc<RefCell<Vec<BrokerReport>>> = Rc::default();
        let reported = Rc::clone(&reports);
        let worker = BrokerWorker::new(launch, move |report| reported.borrow_mut().push(report));
        let start = BrokerStart { properties: format!("{directory} {port}"), ..BrokerStart::default() };
        worker.command(&BrokerCommand::Start(start), Some(here));
        Broker { worker, reports }
    }

    fn say(&self, output: Output) {
        self.asker.act(|asker, _| asker.outputs.push_back(output));
    }

    async fn connect(&self, connection: u64, port: u16) {
        // Listening begins once the disks are open: refusals until then.
        let connection = ConnectionId(connection);
        self.say(Output::Connect { connection, host: "localhost".into(), port });
        while self.heard().is_empty() {
            pause().await;
        }
    }

    fn send(&self, connection: u64, bytes: Bytes) {
        self.say(Output::Send { connection: ConnectionId(connection), bytes: vec![bytes] });
    }

    fn heard(&self) -> Vec<String> {
        self.asker.act(|asker, _| std::mem::take(&mut asker.heard)).unwrap_or_default()
    }

    async fn answers(&self, count: usize) -> Vec<Bytes> {
        while self.asker.view(|asker| asker.answers.len()) < Some(count) {
            pause().await;
        }
        self.asker.act(|asker, _| std::mem::take(&mut asker.answers)).unwrap_or_default()
    }
}

struct Broker {
    worker: Rc<BrokerWorker<Echo>>,
    reports: Rc<RefCell<Vec<BrokerReport>>>,
}

fn launch(start: &BrokerStart) -> Result<Process<Echo>, String> {
    let (directory, port) = start.properties.split_once(' ').ok_or("which directory?")?;
    let port = port.parse().map_err(|_| "which port?")?;
    let listener = ToSwitch::Listen { host: String::new(), port, listener: "PLAINTEXT".into() };
    let formatting = vec![vec![StoreCommand::Replace { file: "formatted".into(), bytes: Bytes::from_static(b"once") }]];
    let log_directories = vec![directory.into()];
    Ok(Process { program: Echo::default(), log_directories, formatting, listeners: vec![listener] })
}

/// Tries until the broker listens; answers the number of the connection that stands.
async fn connected(net: &Net, port: u16, first: u64) -> u64 {
    let mut connection = first;
    loop {
        net.say(Output::Connect { connection: ConnectionId(connection), host: "localhost".into(), port });
        loop {
            pause().await;
            match net.heard().first().map(String::as_str) {
                Some(heard) if heard.starts_with("connected") => return connection,
                Some(_) => break,
                None => {}
            }
        }
        connection += 2;
    }
}

fn frame(number: u32, bytes: usize) -> Bytes {
    let mut frame = number.to_be_bytes().to_vec();
    frame.resize(bytes, number as u8);
    frame.into()
}

#[wasm_bindgen_test]
async fn frames_are_stored_and_answered_in_order_whatever_their_size() {
    delete_database(&database_name("echo")).await.expect("deleted");
    let mut net = Net::new().await;
    let broker = net.start("echo", 9092);
    let connection = connected(&net, 9092, 1).await;
    let frames: Vec<Bytes> = (0..200)
        .map(|number| {
            frame(number, [10, 100, 70_000, 1_500_000][if number % 50 == 49 { 3 } else { number as usize % 3 }])
        })
        .collect();
    for frame in &frames {
        net.send(connection, frame.clone());
    }
    let answers = net.answers(frames.len()).await;
    assert!(answers == frames, "the same frames, in order");
    net.switch.command(&SwitchCommand::TakeSeen, None);
    let seen = net.seen.borrow().iter().rev().find_map(|report| match report {
        SwitchReport::Seen(seen) => Some(seen.frames.len()),
        _ => None,
    });
    assert_eq!(seen, Some(400));
    broker.worker.command(&BrokerCommand::Kill, None);
}

#[wasm_bindgen_test]
async fn a_kill_resets_at_once_and_still_stores_what_was_given_to_the_disk() {
    delete_database(&database_name("killed")).await.expect("deleted");
    let mut net = Net::new().await;
    let broker = net.start("killed", 9093);
    let connection = connected(&net, 9093, 1).await;
    for number in 0..100 {
        net.send(connection, frame(number, 1000));
    }
    let answered = net.answers(1).await.len();
    broker.worker.command(&BrokerCommand::Kill, None);
    while !net.heard().contains(&format!("closed {connection}")) {
        pause().await;
    }
    while broker.reports.borrow().last() != Some(&BrokerReport::Ended) {
        pause().await;
    }
    let storage = Storage::open(&database_name("killed"), |_| {}).await.expect("opens");
    let length = |path: &str| storage.files().iter().find(|file| file.path == *path).map_or(0, |file| file.length);
    assert_eq!(length("formatted"), 4, "formatted before the first start");
    let stored = length("frames");
    assert!(stored >= answered as u64 * 1000 && stored % 1000 == 0, "{stored} bytes for {answered} answers");
    storage.close();
    // The next process of the same directory waits for the lock of the one before.
    let again = net.start("killed", 9093);
    connected(&net, 9093, connection + 2).await;
    again.worker.command(&BrokerCommand::Kill, None);
}

#[wasm_bindgen_test]
async fn a_refusal_is_heard_and_a_deadline_comes_in_time_at_any_rate() {
    let net = Net::new().await;
    net.connect(1, 9999).await;
    for rate in [1.0, 4.0] {
        net.switch.command(&SwitchCommand::Rate(rate), None);
        let began = net.asker.act(|asker, now| {
            asker.wake = Some(now.monotonic + Duration::from_millis(120));
            now.monotonic
        });
        while !net.heard().contains(&"timeout".to_owned()) {
            pause().await;
        }
        let took = net.asker.now().map(|now| now.monotonic).zip(began).map(|(now, began)| now.since(began));
        assert!(took.is_some_and(|took| took.as_millis() >= 120 && took.as_millis() < 400), "{took:?} at rate {rate}");
    }
}

#[wasm_bindgen_test]
async fn durable_round_trips() {
    delete_database(&database_name("trips")).await.expect("deleted");
    let mut net = Net::new().await;
    let broker = net.start("trips", 9094);
    let connection = connected(&net, 9094, 1).await;
    let mut took = Vec::new();
    for number in 0..500 {
        let began = js_sys::Date::now();
        net.send(connection, frame(number, 1000));
        net.answers(1).await;
        took.push(js_sys::Date::now() - began);
    }
    took.sort_by(f64::total_cmp);
    wasm_bindgen_test::console_log!("durable round trip: p50 {} ms, p99 {} ms", took[250], took[495]);
    broker.worker.command(&BrokerCommand::Kill, None);
}
