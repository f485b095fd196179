//! What a log wants stored, as data. The host carries it out and answers with tickets (persist before send).
//!
//! Every log directory has one [`StoreQueue`]. All commands queued while one input is handled leave as one batch under one
//! [`Ticket`]; batches of a directory are stored in order, all or nothing, so a ticket also answers for all before it.

use crate::text::Str;
use alloc::vec::Vec;
use bytes::Bytes;
use core::ops::Range;

/// Names a batch of store commands, or a load. Tickets of one directory are stored in the order of their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Path of a file below its log directory, as Kafka names it: `first-topic-0/00000000000000000000.log`.
pub type FilePath = Str;

/// One change of a file. Commands of one batch apply in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreCommand {
    /// Adds bytes at the end of the file, creating it where it does not exist.
    Append {
        /// The file.
        file: FilePath,
        /// Slices, in order; the host copies them once.
        bytes: Vec<Bytes>,
    },
    /// Cuts the file to `length` bytes.
    Truncate {
        /// The file.
        file: FilePath,
        /// New length in bytes; never more than it has.
        length: u64,
    },
    /// Makes the whole content `bytes`, creating the file where it does not exist.
    Replace {
        /// The file.
        file: FilePath,
        /// The new content.
        bytes: Bytes,
    },
    /// Removes the file; nothing happens where it does not exist.
    Delete {
        /// The file.
        file: FilePath,
    },
    /// Gives the file another path, in the place of what was there; nothing happens where it does not exist.
    Rename {
        /// The file.
        file: FilePath,
        /// Its path from now on; another one.
        to: FilePath,
    },
}

/// A file a directory holds when a node starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Its path below the directory.
    pub path: FilePath,
    /// Its length in bytes.
    pub length: u64,
}

/// One entry of `log.dirs` and what it holds when the node starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirectory {
    /// The path as `log.dirs` names it.
    pub path: Str,
    /// All files, ordered by path.
    pub files: Vec<FileEntry>,
}

/// Part of a file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRange {
    /// The file.
    pub file: FilePath,
    /// Bytes from, up to (exclusive).
    pub range: Range<u64>,
}

/// Collects the store commands of one log directory and numbers their batches.
#[derive(Clone, Debug, Default)]
pub struct StoreQueue {
    commands: Vec<StoreCommand>,
    next_ticket: u64,
}

impl StoreQueue {
    /// Adds a command; answers the ticket that will say it is stored.
    pub fn push(&mut self, command: StoreCommand) -> Ticket {
        self.commands.push(command);
        Ticket(self.next_ticket)
    }

    /// Adds bytes at the end of `file`, in the last command where that appends to the same file.
    pub fn append(&mut self, file: &FilePath, bytes: Bytes) -> Ticket {
        if let Some(StoreCommand::Append { file: last, bytes: parts }) = self.commands.last_mut()
            && last == file
        {
            parts.push(bytes);
            return Ticket(self.next_ticket);
        }
        self.push(StoreCommand::Append { file: file.clone(), bytes: alloc::vec![bytes] })
    }

    /// Takes everything queued as one batch; `None` where nothing is. Only the node's drain calls this.
    pub fn take(&mut self) -> Option<(Ticket, Vec<StoreCommand>)> {
        if self.commands.is_empty() {
            return None;
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        Some((ticket, core::mem::take(&mut self.commands)))
    }

    /// The ticket of what is queued now, or next.
    pub fn next_ticket(&self) -> Ticket {
        Ticket(self.next_ticket)
    }

    /// The ticket of the newest batch taken; `None` before the first.
    pub fn last_ticket(&self) -> Option<Ticket> {
        self.next_ticket.checked_sub(1).map(Ticket)
    }

    /// True where nothing waits to be taken.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }
}
