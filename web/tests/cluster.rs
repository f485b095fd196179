//! Three brokers and the clients of a page, on real ports and real disks: a topic, a kill, and everybody back.
#![cfg(target_arch = "wasm32")]

use broker_core::cli::{NewTopic, TopicChange};
use broker_core::config::playground::playground_properties;
use broker_core::node::{Node, NodeView};
use broker_web::bridge::{
    Acknowledged, BrokerCommand, BrokerReport, BrokerStart, ClientsCommand, ClientsReport, SwitchCommand,
};
use broker_web::clock::Lease;
use broker_web::indexed_db::delete_database;
use broker_web::post_message::{channel, pause};
use broker_web::worker::broker::BrokerWorker;
use broker_web::worker::clients_host::ClientsWorker;
use broker_web::worker::disk::database_name;
use broker_web::worker::link::CLIENTS;
use broker_web::worker::node_process::launch;
use broker_web::worker::switch_host::SwitchHost;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::MessagePort;

wasm_bindgen_test_configure!(run_in_browser);

thread_local! {
    static HEARD: RefCell<Vec<ClientsReport>> = const { RefCell::new(Vec::new()) };
}

const BROKERS: u16 = 3;
/// Longest wait for anything, in real milliseconds.
const PATIENCE_MS: f64 = 60_000.0;

struct Broker {
    worker: Rc<BrokerWorker<Node>>,
    reports: Rc<RefCell<Vec<BrokerReport>>>,
}

struct Cluster {
    switch: Rc<SwitchHost>,
    clients: Rc<ClientsWorker>,
    brokers: BTreeMap<i32, Broker>,
    incarnation: u64,
}

fn attach(switch: &SwitchHost, endpoint: i32, incarnation: u64) -> MessagePort {
    let (here, there) = channel().expect("a channel");
    switch.command(&SwitchCommand::Attach { endpoint, incarnation }, Some(there));
    here
}

impl Cluster {
    fn new() -> Self {
        let floor = Lease { monotonic_us: 0, wall_ms: 0, rate: 1.0 };
        let switch = SwitchHost::start(floor, |_| {});
        let clients = ClientsWorker::new(|report| HEARD.with_borrow_mut(|heard| heard.push(report)));
        let port = attach(&switch, CLIENTS, 0);
        clients.command(ClientsCommand::Start { seed: 5 }, Some(port));
        Self { switch, clients, brokers: BTreeMap::new(), incarnation: 0 }
    }

    fn start(&mut self, id: i32) {
        self.incarnation += 1;
        let port = attach(&self.switch, id, self.incarnation);
        let reports: Rc<RefCell<Vec<BrokerReport>>> = Rc::default();
        let reported = Rc::clone(&reports);
        let worker = BrokerWorker::new(launch, move |report| reported.borrow_mut().push(report));
        let properties = playground_properties(id, BROKERS);
        let start = BrokerStart {
            properties,
            cluster_id: "fMCL8kv1SWm87L_Md-I2hg".into(),
            seed: self.incarnation,
            ..BrokerStart::default()
        };
        worker.command(&BrokerCommand::Start(start), Some(port));
        self.brokers.insert(id, Broker { worker, reports });
    }

    async fn kill(&mut self, id: i32) {
        let broker = self.brokers.remove(&id).expect("it runs");
        broker.worker.command(&BrokerCommand::Kill, None);
        until("the process to end", || broker.reports.borrow().contains(&BrokerReport::Ended)).await;
    }

    fn view(&self, id: i32) -> Option<NodeView> {
        let broker = self.brokers.get(&id)?;
        broker.worker.command(&BrokerCommand::TakeView, None);
        match broker.reports.borrow_mut().pop() {
            Some(BrokerReport::View(view)) => view,
            other => panic!("no view but {other:?}"),
        }
    }

    /// Waits until every broker says of itself that it runs, and knows all others as alive.
    async fn all_run(&self) {
        let run = |id| {
            self.view(id).is_some_and(|view| {
                let alive = view.brokers.iter().filter(|broker| !broker.fenced).count();
                view.state == "RUNNING" && alive == self.brokers.len()
            })
        };
        let began = js_sys::Date::now();
        until("all brokers to run", || self.brokers.keys().all(|id| run(*id))).await;
        console_log!("{} brokers run after {} ms", self.brokers.len(), js_sys::Date::now() - began);
    }

    async fn ask(&self, command: ClientsCommand) -> ClientsReport {
        self.clients.command(command, None);
        until("an answer", || HEARD.with_borrow(|heard| !heard.is_empty())).await;
        HEARD.with_borrow_mut(|heard| heard.remove(0))
    }
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = js_sys::Date::now();
    while !done() {
        assert!(js_sys::Date::now() - began < PATIENCE_MS, "waited in vain for {what}");
        pause().await;
    }
}

#[wasm_bindgen_test]
async fn three_brokers_keep_a_topic_over_a_kill_and_a_restart_of_all() {
    let mut cluster = Cluster::new();
    for id in 0..i32::from(BROKERS) {
        let process = launch(&BrokerStart { properties: playground_properties(id, BROKERS), ..BrokerStart::default() });
        for path in process.expect("our own properties").log_directories {
            delete_database(&database_name(&path)).await.expect("deleted");
        }
        cluster.start(id);
    }
    cluster.all_run().await;

    let topic = NewTopic { topic: "first-topic".into(), partitions: Some(3), ..NewTopic::default() };
    let (bootstrap, change) = ("localhost:9092".into(), TopicChange::Create(topic));
    let create = ClientsCommand::ChangeTopic { ticket: 1, bootstrap, change };
    let done = ClientsReport::Answer { ticket: 1, result: Ok(Acknowledged::Done) };
    assert_eq!(cluster.ask(create.clone()).await, done);
    let ClientsReport::Answer { result: Err(refusal), .. } = cluster.ask(create).await else {
        panic!("the same topic twice")
    };
    assert_eq!(refusal.name, "TOPIC_ALREADY_EXISTS");

    cluster.kill(0).await;
    cluster.start(0);
    cluster.all_run().await;
    for id in 0..i32::from(BROKERS) {
        cluster.kill(id).await;
    }
    for id in 0..i32::from(BROKERS) {
        cluster.start(id);
    }
    cluster.all_run().await;
    for id in 0..i32::from(BROKERS) {
        let topics = cluster.view(id).expect("a view").topics;
        let partitions = topics.iter().find(|topic| topic.name == "first-topic").map(|topic| topic.partitions.len());
        assert_eq!(partitions, Some(3), "broker {id} remembers");
    }
    for id in 0..i32::from(BROKERS) {
        cluster.kill(id).await;
    }
}
