//! The switch among two brokers and the clients.

use super::*;

impl Frame for Vec<u8> {
    fn size(&self) -> u32 {
        self.len() as u32
    }

    fn read(&self, at: u32, into: &mut [u8]) {
        let rest = self.get(at as usize..).unwrap_or_default();
        into.fill(0);
        into.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    }
}

const START: Instant = Instant::ZERO;
const CLIENTS: Endpoint = super::super::link::CLIENTS;
const TERMINALS: Endpoint = super::super::link::TERMINALS;

/// A Metadata request, version 12, with this correlation id.
fn request(id: u8) -> Vec<u8> {
    vec![0, 3, 0, 12, 0, 0, 0, id, 99]
}

fn response(id: u8) -> Vec<u8> {
    vec![0, 0, 0, id, 1, 2]
}

struct Net(Switch<Vec<u8>>);

impl Net {
    /// Brokers 0 and 1 listen on 9092 and 9093.
    fn new() -> Self {
        let mut net = Self(Switch::default());
        for (broker, port) in [(0, 9092), (1, 9093)] {
            let listen = ToSwitch::Listen { host: "localhost".into(), port, listener: "PLAINTEXT".into() };
            net.say(START, broker, listen);
        }
        net
    }

    fn say(&mut self, now: Instant, from: Endpoint, message: ToSwitch) {
        self.0.handle(now, from, message, None);
    }

    fn connect(&mut self, now: Instant, from: Endpoint, connection: u64, port: u16) {
        self.say(now, from, ToSwitch::Connect { connection, host: "localhost".into(), port });
    }

    fn send(&mut self, now: Instant, from: Endpoint, connection: u64, frame: Vec<u8>) {
        self.0.handle(now, from, ToSwitch::Send { connection }, Some(frame));
    }

    fn heard(&mut self) -> Vec<(Endpoint, FromSwitch)> {
        std::iter::from_fn(|| self.0.poll_delivery()).map(|delivery| (delivery.to, delivery.message)).collect()
    }
}

fn accepted(connection: u64) -> FromSwitch {
    FromSwitch::Accepted { connection, listener: "PLAINTEXT".into() }
}

#[test]
fn frames_of_a_terminal_are_seen_with_its_number() {
    let mut net = Net::new();
    let connection = (3 << broker_core::shell::TERMINAL_SHIFT) | 1;
    net.connect(START, TERMINALS, connection, 9093);
    net.heard();
    net.send(START, TERMINALS, connection, request(7));
    net.send(START, 1, 2, response(7));
    let seen = net.0.capture.take().frames;
    assert_eq!(seen.iter().map(|frame| (frame.from, frame.client)).collect::<Vec<_>>(), [(TERMINALS, 3), (1, 3)]);
}

#[test]
fn a_connection_stands_carries_and_closes() {
    let mut net = Net::new();
    net.connect(START, CLIENTS, 1, 9093);
    assert_eq!(net.heard(), [(1, accepted(2)), (CLIENTS, FromSwitch::Connected { connection: 1 })]);
    net.send(START, CLIENTS, 1, request(7));
    net.send(START, 1, 2, response(7));
    net.say(START, CLIENTS, ToSwitch::Credit { connection: 1, bytes: 6 });
    net.say(START, 1, ToSwitch::Close { connection: 2 });
    let frame = FromSwitch::Frame { connection: 1 };
    let expected = [
        (1, FromSwitch::Frame { connection: 2 }),
        (CLIENTS, frame),
        (1, FromSwitch::Credit { connection: 2, bytes: 6 }),
        (CLIENTS, FromSwitch::Closed { connection: 1 }),
    ];
    assert_eq!(net.heard(), expected);
    net.send(START, CLIENTS, 1, request(8));
    assert_eq!(net.heard(), [], "what is sent on a closed connection is lost");
    let seen = net.0.capture.take();
    let facts: Vec<_> =
        seen.frames.iter().map(|f| (f.from, f.to, f.request, f.api_key, f.api_version, f.correlation_id)).collect();
    assert_eq!(facts, [(CLIENTS, 1, true, 3, 12, 7), (1, CLIENTS, false, 3, 12, 7)]);
    assert!(net.0.connections.is_empty() && net.0.ends.is_empty());
}

#[test]
fn nobody_listening_refuses() {
    let mut net = Net::new();
    net.connect(START, CLIENTS, 1, 9999);
    net.say(START, CLIENTS, ToSwitch::Connect { connection: 3, host: "elsewhere".into(), port: 9092 });
    let refused = |connection| (CLIENTS, FromSwitch::Refused { connection });
    assert_eq!(net.heard(), [refused(1), refused(3)]);
}

#[test]
fn a_worker_that_is_gone_resets_its_connections() {
    let mut net = Net::new();
    net.connect(START, 0, 1, 9093);
    net.connect(START, CLIENTS, 1, 9092);
    net.heard();
    net.0.gone(START, 0);
    assert_eq!(
        net.heard(),
        [(1, FromSwitch::Closed { connection: 2 }), (CLIENTS, FromSwitch::Closed { connection: 1 })]
    );
    net.connect(START, CLIENTS, 3, 9092);
    assert_eq!(net.heard(), [(CLIENTS, FromSwitch::Refused { connection: 3 })]);
}

#[test]
fn a_cut_link_is_silent_and_goes_on_where_it_was_when_repaired() {
    let mut net = Net::new();
    net.connect(START, 0, 1, 9093);
    net.heard();
    net.0.set_cut(START, 0, 1, true);
    net.send(START, 0, 1, request(1));
    net.send(START, 1, 2, response(9));
    net.say(START, 0, ToSwitch::Close { connection: 1 });
    net.connect(START, 0, 3, 9093);
    net.connect(START, 0, 5, 9093);
    net.say(START, 0, ToSwitch::Close { connection: 5 });
    assert_eq!(net.heard(), [(0, FromSwitch::Frame { connection: 1 })], "the other direction is not cut");
    assert_eq!(net.0.next_deadline(), None);
    net.0.set_cut(START, 0, 1, false);
    let expected = [
        (1, FromSwitch::Frame { connection: 2 }),
        (1, FromSwitch::Closed { connection: 2 }),
        (1, accepted(4)),
        (0, FromSwitch::Connected { connection: 3 }),
    ];
    assert_eq!(net.heard(), expected, "a connection given up meanwhile is never heard of");
}

#[test]
fn both_ends_may_close_at_once() {
    let mut net = Net::new();
    net.connect(START, 0, 1, 9093);
    net.0.set_cut(START, 0, 1, true);
    net.0.set_cut(START, 1, 0, true);
    net.heard();
    net.say(START, 0, ToSwitch::Close { connection: 1 });
    net.say(START, 1, ToSwitch::Close { connection: 2 });
    net.0.set_cut(START, 0, 1, false);
    net.0.set_cut(START, 1, 0, false);
    assert_eq!(net.heard(), []);
    assert!(net.0.connections.is_empty() && net.0.ends.is_empty());
}

#[test]
fn a_slow_link_delivers_in_order_and_in_time() {
    let mut net = Net::new();
    net.0.set_delay(CLIENTS, 0, Duration::from_millis(10));
    net.connect(START, CLIENTS, 1, 9092);
    assert_eq!(net.heard(), []);
    let due = START + Duration::from_millis(10);
    assert_eq!(net.0.next_deadline(), Some(due));
    net.0.tick(due);
    assert_eq!(net.heard(), [(0, accepted(2)), (CLIENTS, FromSwitch::Connected { connection: 1 })]);
    net.send(due, CLIENTS, 1, request(1));
    net.0.set_delay(CLIENTS, 0, Duration::ZERO);
    net.send(due, CLIENTS, 1, request(2));
    assert_eq!(net.heard(), [], "nothing overtakes");
    net.0.tick(due + Duration::from_millis(10));
    assert_eq!(net.heard().len(), 2);
}

#[test]
fn who_waits_behind_a_slow_link_for_a_dead_worker_is_refused() {
    let mut net = Net::new();
    net.0.set_delay(CLIENTS, 0, Duration::from_millis(10));
    net.connect(START, CLIENTS, 1, 9092);
    net.0.gone(START, 0);
    net.0.tick(START + Duration::from_millis(10));
    assert_eq!(net.heard(), [(CLIENTS, FromSwitch::Refused { connection: 1 })]);
    assert!(net.0.connections.is_empty() && net.0.ends.is_empty());
}

#[test]
fn a_node_may_talk_to_itself() {
    let mut net = Net::new();
    net.0.set_cut(START, 0, 0, true);
    net.connect(START, 0, 1, 9092);
    net.send(START, 0, 1, request(1));
    net.send(START, 0, 2, response(1));
    let expected = [
        (0, accepted(2)),
        (0, FromSwitch::Connected { connection: 1 }),
        (0, FromSwitch::Frame { connection: 2 }),
        (0, FromSwitch::Frame { connection: 1 }),
    ];
    assert_eq!(net.heard(), expected);
}
