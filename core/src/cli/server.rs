//! What the program of a broker's process asks of its host, and what it hears of the broker: the broker itself runs elsewhere, in
//! a worker of its own.

use crate::event::Event;
use crate::text::Str;
use alloc::vec::Vec;
use bytes::Bytes;

/// What a host shall do with the broker of a process.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerRequest {
    /// Starts it. A process asks this once.
    Start {
        /// Where its `server.properties` lies: as it was called, and absolute once it leaves the machine.
        path: Str,
        /// The text of that file.
        properties: Str,
        /// Every `--override`, as further lines of it.
        overrides: Str,
        /// Files that lie below its log directories in the machine's own file system: absolute paths and contents. What
        /// `kafka-storage.sh` wrote is among them; they belong on the broker's disk, where that does not have them yet.
        files: Vec<(Str, Bytes)>,
    },
    /// SIGTERM: a controlled shutdown.
    Stop,
    /// SIGKILL: its process was killed, and nobody listens to it any more.
    Kill,
}

/// What a host tells of the broker of a process.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerEvent {
    /// Something happened on it.
    Happened(Event),
    /// It did not start; why, in Kafka's words. Nothing has to follow.
    Refused(Str),
    /// It is over.
    Ended,
}
