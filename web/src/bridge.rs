//! What the page and its workers say to each other: the only place where `ui` and `worker` meet. All of it is typed data,
//! packed by postcard ([`pack`], [`unpack`]); nothing here knows a port.

use crate::clock::Lease;
use crate::worker::Seen;
use crate::worker::link::Endpoint;
use broker_core::event::Event;
use serde::{Deserialize, Serialize};

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerStart {
    /// `server.properties`, as text.
    pub properties: String,
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
}

/// From a broker to the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The process refused to start, in Kafka's words.
    Refused {
        /// Why.
        reason: String,
    },
    /// The process is over, and what it gave to the disk is written.
    Ended,
    /// The worker panicked: what it said.
    Panicked(String),
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
