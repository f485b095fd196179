//! The sans-I/O contract. A host calls `handle(now, Input)`, then drains `poll_output()` until it answers [`Output::Wait`].

use crate::event::Event;
use crate::ids::ConnectionId;
use crate::log::storage::{FileRange, LogDirectory, StoreCommand, Ticket};
use crate::text::Str;
use crate::time::Instant;
use alloc::vec::Vec;
use bytes::Bytes;

/// What a host tells a node.
#[derive(Clone, Debug)]
pub enum Input {
    /// The process started: every entry of `log.dirs`, in order, with the files it holds.
    Start {
        /// The directories; their index names them from now on.
        directories: Vec<LogDirectory>,
    },
    /// Somebody connected to a listener.
    Accepted {
        /// The connection, named by the host; never the number of one the node opened.
        connection: ConnectionId,
        /// Name of the listener, as in `listeners`.
        listener: Str,
        /// The peer's address without port, for groups' `client_host` (Kafka prints `/127.0.0.1`).
        peer: Str,
    },
    /// The connection this node asked for stands.
    Connected {
        /// As in [`Output::Connect`].
        connection: ConnectionId,
    },
    /// The connection this node asked for was refused or timed out.
    ConnectFailed {
        /// As in [`Output::Connect`].
        connection: ConnectionId,
    },
    /// A whole frame arrived, without its length prefix.
    Frame {
        /// Where.
        connection: ConnectionId,
        /// Header and body.
        bytes: Bytes,
    },
    /// The peer closed, or the connection broke. Not told where the node closed it.
    Closed {
        /// Which.
        connection: ConnectionId,
    },
    /// A batch of store commands is durable.
    Stored {
        /// Index of the directory.
        directory: usize,
        /// The batch; all earlier ones of the directory are durable too.
        ticket: Ticket,
    },
    /// A batch could not be stored; nothing of it and nothing after it was.
    StoreFailed {
        /// Index of the directory.
        directory: usize,
        /// The batch.
        ticket: Ticket,
        /// The host's reason.
        reason: Str,
    },
    /// A range was read.
    Loaded {
        /// As in [`Output::Load`].
        ticket: Ticket,
        /// Exactly the bytes of the range.
        bytes: Bytes,
    },
    /// A range could not be read.
    LoadFailed {
        /// As in [`Output::Load`].
        ticket: Ticket,
        /// The host's reason.
        reason: Str,
    },
    /// Stop in a controlled way (SIGTERM).
    Shutdown,
    /// The time asked for by [`Output::Wait`] has come.
    Timeout,
}

/// What a node tells its host.
#[derive(Clone, Debug)]
pub enum Output {
    /// Open a connection.
    Connect {
        /// Its name, chosen by the node: odd numbers; hosts name accepted ones with even numbers.
        connection: ConnectionId,
        /// Host of the peer's listener.
        host: Str,
        /// Port of the peer's listener.
        port: u16,
    },
    /// Send a frame; the host adds the length prefix where its transport needs one.
    Send {
        /// Where.
        connection: ConnectionId,
        /// Slices, in order; the host copies them once.
        bytes: Vec<Bytes>,
    },
    /// The node took a frame off this connection, the oldest it had not taken: the host may return the credit for it. A node
    /// takes a connection's next request only after it answered the last (`acks=0`: at once), so a host that hands over at
    /// most a window of untaken frames bounds the node's memory.
    Taken {
        /// Where the frame came.
        connection: ConnectionId,
    },
    /// Close a connection after what was sent on it.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// Store a batch of commands, in order, all or nothing.
    Store {
        /// Index of the directory.
        directory: usize,
        /// To be answered by `Stored` or `StoreFailed`.
        ticket: Ticket,
        /// The commands.
        commands: Vec<StoreCommand>,
    },
    /// Read part of a file, as it is after all store batches emitted before this.
    Load {
        /// Index of the directory.
        directory: usize,
        /// To be answered by `Loaded` or `LoadFailed`; counted apart from store tickets.
        ticket: Ticket,
        /// The bytes wanted.
        range: FileRange,
    },
    /// Something happened.
    Event(Event),
    /// Nothing to do until an input comes or the time does.
    Wait {
        /// When to send [`Input::Timeout`]; `None` for never.
        until: Option<Instant>,
        /// Which deadline that is.
        reason: &'static str,
    },
}
