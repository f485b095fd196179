//! What a worker and the switch say to each other. A message is a list of these, packed, and the frames they speak of, in
//! order, each in a buffer of its own that is handed over and never copied.

use crate::clock::Lease;
use serde::{Deserialize, Serialize};

/// A worker that has connections: a node's id, [`CLIENTS`] or [`TERMINALS`].
pub type Endpoint = i32;

/// The clients worker.
pub const CLIENTS: Endpoint = -1;
/// The worker of the terminals.
pub const TERMINALS: Endpoint = -2;

/// Bytes that may be under way on a connection in one direction; a single frame may be larger.
pub const WINDOW: u64 = 1024 * 1024;
/// Credit for less than this is not given back on its own: it would wake two workers for every small frame. So a frame may
/// also leave while less than this is under way, whatever its size, and one or the other always can.
pub const CREDIT: u64 = WINDOW / 4;

/// From a worker to the switch. Connections bear the worker's own numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToSwitch {
    /// Take connections to this address.
    Listen {
        /// Host of the listener; empty for any.
        host: String,
        /// Its port.
        port: u16,
        /// Its name.
        listener: String,
    },
    /// Open a connection.
    Connect {
        /// Its number: odd.
        connection: u64,
        /// Where to.
        host: String,
        /// Where to.
        port: u16,
    },
    /// The next frame of this message goes out on this connection.
    Send {
        /// Which.
        connection: u64,
    },
    /// Close it, after what was sent.
    Close {
        /// Which.
        connection: u64,
    },
    /// The node took so many bytes off the connection.
    Credit {
        /// Which.
        connection: u64,
        /// How many.
        bytes: u64,
    },
    /// The process is gone; its worker only finishes writing.
    Gone,
}

/// From the switch to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromSwitch {
    /// Somebody connected.
    Accepted {
        /// The connection's number here: even.
        connection: u64,
        /// Name of the listener.
        listener: String,
    },
    /// A connection asked for stands.
    Connected {
        /// Which.
        connection: u64,
    },
    /// Nobody listens there.
    Refused {
        /// Which.
        connection: u64,
    },
    /// The next frame of this message came on this connection.
    Frame {
        /// Which.
        connection: u64,
    },
    /// The peer closed, or is gone.
    Closed {
        /// Which.
        connection: u64,
    },
    /// The peer took so many bytes.
    Credit {
        /// Which.
        connection: u64,
        /// How many.
        bytes: u64,
    },
    /// Another worker listens on this port: who asked for it does not.
    AddressInUse {
        /// As asked for.
        host: String,
        /// As asked for.
        port: u16,
    },
    /// The time.
    Lease(Lease),
}

/// Packs a list of either.
pub fn pack<T: Serialize>(messages: &[T]) -> Vec<u8> {
    // Only types without a known length, or a full buffer, can fail here; these have neither.
    postcard::to_allocvec(messages).unwrap_or_default()
}

/// Unpacks a list; empty where it is none, which only a broken worker sends.
pub fn unpack<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Vec<T> {
    postcard::from_bytes(bytes).unwrap_or_default()
}
