//! The disk of a log directory: a database, or memory where the browser gives the page none.

use crate::indexed_db::{Completion, Storage};
use broker_core::log::memory_disk::MemoryDisk;
use broker_core::log::storage::{FileRange, LogDirectory, StoreCommand, Ticket};
use broker_core::sorted::SortedMap;
use broker_core::text::Str;
use std::cell::RefCell;
use std::rc::Rc;

thread_local! {
    /// Disks in memory outlive the process that wrote them, as disks do: such a worker is never terminated.
    static MEMORY: RefCell<SortedMap<String, MemoryDisk>> = const { RefCell::new(SortedMap::new()) };
}

/// An open log directory.
pub enum Disk {
    /// In IndexedDB.
    Database(Storage),
    /// In this worker's memory.
    Memory {
        /// Its path.
        path: String,
        /// Who hears of tickets.
        completed: Rc<dyn Fn(Completion)>,
    },
}

impl Disk {
    /// Opens a directory; with the browser's reason where it had to be memory.
    pub async fn open(path: &str, completed: Rc<dyn Fn(Completion)>) -> (Self, Option<Str>) {
        let heard = Rc::clone(&completed);
        match Storage::open(&database_name(path), move |completion| heard(completion)).await {
            Ok(storage) => (Self::Database(storage), None),
            Err(reason) => (Self::Memory { path: path.to_owned(), completed }, Some(reason)),
        }
    }

    /// The files it holds.
    pub fn listing(&self, path: &str) -> LogDirectory {
        match self {
            Self::Database(storage) => LogDirectory { path: path.into(), files: storage.files() },
            Self::Memory { .. } => {
                MEMORY.with_borrow_mut(|disks| disks.entry(path.to_owned()).or_default().listing(path))
            }
        }
    }

    /// Stores a batch.
    pub fn store(&self, ticket: Ticket, commands: Vec<StoreCommand>) {
        match self {
            Self::Database(storage) => storage.store(ticket, commands),
            Self::Memory { path, completed } => {
                MEMORY.with_borrow_mut(|disks| disks.entry(path.clone()).or_default().apply(&commands));
                completed(Completion::Stored { ticket });
            }
        }
    }

    /// Reads a range.
    pub fn load(&self, ticket: Ticket, range: FileRange) {
        match self {
            Self::Database(storage) => storage.load(ticket, range),
            Self::Memory { path, completed } => {
                let read = MEMORY.with_borrow(|disks| disks.get(path).and_then(|disk| disk.read(&range)));
                completed(match read {
                    Some(bytes) => Completion::Loaded { ticket, bytes },
                    None => Completion::LoadFailed { ticket, reason: Str::from_static("the file has no such bytes") },
                });
            }
        }
    }

    /// True when nothing is under way.
    pub fn is_idle(&self) -> bool {
        match self {
            Self::Database(storage) => storage.is_idle(),
            Self::Memory { .. } => true,
        }
    }

    /// Lets go of it.
    pub fn close(&self) {
        if let Self::Database(storage) = self {
            storage.close();
        }
    }
}

/// The database of a log directory.
pub fn database_name(path: &str) -> String {
    format!("log {path}")
}
