//! Opening the logs when a node starts: first the checkpoints of each directory, then its partitions, a few at a time.

use super::super::checkpoint::{
    CLEAN_SHUTDOWN, CLEANER_CHECKPOINT, HIGH_WATERMARK_CHECKPOINT, LOG_START_CHECKPOINT, decode_clean_shutdown,
    decode_offsets,
};
use super::super::loader::{LoadContext, LogLoader};
use super::super::storage::{FilePath, LogDirectory, StoreCommand, StoreQueue};
use super::future::FUTURE_SUFFIX;
use super::{FileRange, LoadRequest, LogManager};
use crate::event::Event;
use crate::ids::{Offset, TopicPartition};
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::Now;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// Logs that are loaded at the same time, so that a read is under way while another is worked on.
const AT_ONCE: usize = 4;
/// The files of a directory that are read before its logs.
const FIRST: [&str; 4] = [CLEAN_SHUTDOWN, LOG_START_CHECKPOINT, HIGH_WATERMARK_CHECKPOINT, CLEANER_CHECKPOINT];

/// A file read for its directory as a whole, or part of a log.
#[derive(Clone, Debug)]
enum Pending {
    Checkpoint { directory: usize, file: &'static str },
    Log { directory: usize, loader: Box<LogLoader> },
}

/// What is still to be opened.
#[derive(Clone, Debug, Default)]
pub(super) struct Loading {
    next_id: u64,
    checkpoints: VecDeque<(usize, &'static str, u64)>,
    partitions: VecDeque<(usize, Folder, SortedMap<FilePath, u64>)>,
    /// Logs whose next range is not asked for yet.
    ready: VecDeque<(usize, Box<LogLoader>)>,
    pending: SortedMap<u64, Pending>,
    log_starts: Vec<SortedMap<TopicPartition, Offset>>,
    high_watermarks: Vec<SortedMap<TopicPartition, Offset>>,
    cleaned: Vec<SortedMap<TopicPartition, Offset>>,
    clean: Vec<bool>,
    /// Commands for directories, until the caller's queues are at hand.
    removed: Vec<(usize, FilePath)>,
}

impl Loading {
    pub(super) fn new(directories: &[LogDirectory]) -> Self {
        let mut loading = Self {
            log_starts: alloc::vec![SortedMap::new(); directories.len()],
            high_watermarks: alloc::vec![SortedMap::new(); directories.len()],
            cleaned: alloc::vec![SortedMap::new(); directories.len()],
            clean: alloc::vec![false; directories.len()],
            ..Self::default()
        };
        for (index, directory) in directories.iter().enumerate() {
            let mut partitions: SortedMap<&str, SortedMap<FilePath, u64>> = SortedMap::new();
            for file in &directory.files {
                match file.path.split_once('/') {
                    None => {
                        let known = FIRST.iter().find(|known| file.path == **known);
                        loading.checkpoints.extend(known.map(|known| (index, *known, file.length)));
                    }
                    // A deletion that did not come to its end.
                    Some((folder, _)) if folder.ends_with("-delete") => {
                        loading.removed.push((index, file.path.clone()));
                    }
                    Some((folder, name)) => {
                        partitions.entry(folder).or_default().insert(name.into(), file.length);
                    }
                }
            }
            for (folder, files) in partitions {
                loading.partitions.extend(Folder::parse(folder).map(|folder| (index, folder, files)));
            }
        }
        loading
    }

    /// Drops what belongs to a directory that failed.
    pub(super) fn forget(&mut self, failed: usize) {
        self.checkpoints.retain(|&(directory, ..)| directory != failed);
        self.partitions.retain(|&(directory, ..)| directory != failed);
        self.ready.retain(|&(directory, _)| directory != failed);
        self.removed.retain(|&(directory, _)| directory != failed);
        self.pending.retain(|_, pending| match pending {
            Pending::Checkpoint { directory, .. } | Pending::Log { directory, .. } => *directory != failed,
        });
    }

    /// True where every directory had the marker of a clean shutdown.
    pub(super) fn all_clean(&self) -> bool {
        self.clean.iter().all(|&clean| clean)
    }

    fn is_done(&self) -> bool {
        self.checkpoints.is_empty() && self.partitions.is_empty() && self.ready.is_empty() && self.pending.is_empty()
    }

    fn request(&mut self, directory: usize, range: FileRange, pending: Pending) -> LoadRequest {
        let id = self.next_id;
        self.next_id += 1;
        self.pending.insert(id, pending);
        LoadRequest { id, directory, range }
    }
}

impl LogManager {
    /// True once every log is open.
    pub fn is_loaded(&self) -> bool {
        self.loading.is_done()
    }

    /// The next range to load, as long as there is one that can be asked for now. Its bytes go to [`Self::load_done`].
    pub fn next_load(&mut self, now: Now, stores: &mut [StoreQueue]) -> Option<LoadRequest> {
        for (directory, file) in core::mem::take(&mut self.loading.removed) {
            if let Some(store) = stores.get_mut(directory) {
                store.push(StoreCommand::Delete { file });
            }
        }
        if let Some((directory, file, length)) = self.loading.checkpoints.pop_front() {
            let range = FileRange { file: Str::from_static(file), range: 0..length };
            return Some(self.loading.request(directory, range, Pending::Checkpoint { directory, file }));
        }
        let reads_checkpoints =
            self.loading.pending.values().any(|pending| matches!(pending, Pending::Checkpoint { .. }));
        if reads_checkpoints {
            return None;
        }
        loop {
            let (directory, mut loader) = match self.loading.ready.pop_front() {
                Some(ready) => ready,
                None if self.loading.pending.len() >= AT_ONCE => return None,
                None => self.begin_next(now)?,
            };
            if let Some(range) = loader.next_range() {
                return Some(self.loading.request(directory, range, Pending::Log { directory, loader }));
            }
            self.finish_load(directory, loader, stores);
        }
    }

    /// Takes the bytes of a range of [`Self::next_load`].
    pub fn load_done(&mut self, id: u64, bytes: &Bytes, stores: &mut [StoreQueue]) {
        match self.loading.pending.remove(&id) {
            Some(Pending::Checkpoint { directory, file }) => self.take_checkpoint(directory, file, bytes, stores),
            Some(Pending::Log { directory, mut loader }) => {
                loader.loaded(bytes);
                match loader.next_range() {
                    Some(_) => self.loading.ready.push_back((directory, loader)),
                    None => self.finish_load(directory, loader, stores),
                }
            }
            None => {}
        }
    }

    /// A range could not be read: its directory goes offline.
    pub fn load_failed(&mut self, id: u64) -> Vec<TopicPartition> {
        match self.loading.pending.remove(&id) {
            Some(Pending::Checkpoint { directory, .. } | Pending::Log { directory, .. }) => {
                self.store_failed(directory)
            }
            None => Vec::new(),
        }
    }

    fn take_checkpoint(&mut self, directory: usize, file: &'static str, bytes: &Bytes, stores: &mut [StoreQueue]) {
        let loading = &mut self.loading;
        if file == CLEAN_SHUTDOWN {
            let epoch = decode_clean_shutdown(bytes);
            self.previous_broker_epoch = match self.previous_broker_epoch {
                // Directories that were left by different incarnations: not one clean shutdown.
                Some(other) if other != epoch => Some(-1),
                _ => Some(epoch),
            };
            loading.clean[directory] = true;
            if let Some(store) = stores.get_mut(directory) {
                store.push(StoreCommand::Delete { file: CLEAN_SHUTDOWN.into() });
            }
            return;
        }
        let offsets = decode_offsets(bytes).unwrap_or_default();
        let known = match file {
            LOG_START_CHECKPOINT => &mut loading.log_starts,
            CLEANER_CHECKPOINT => &mut loading.cleaned,
            _ => &mut loading.high_watermarks,
        };
        known[directory] = offsets;
    }

    fn begin_next(&mut self, now: Now) -> Option<(usize, Box<LogLoader>)> {
        let (directory, folder, files) = self.loading.partitions.pop_front()?;
        let Folder { topic_partition, name } = folder;
        let context = LoadContext {
            log_start_offset: self.loading.log_starts[directory].get(&topic_partition).copied(),
            high_watermark: self.loading.high_watermarks[directory].get(&topic_partition).copied(),
            config: self.config.default_log.clone(),
            topic_partition,
            directory,
            directory_name: name,
        };
        Some((directory, Box::new(LogLoader::new(context, files, now))))
    }

    fn finish_load(&mut self, directory: usize, loader: Box<LogLoader>, stores: &mut [StoreQueue]) {
        let Some(store) = stores.get_mut(directory) else { return };
        let (mut log, report) = loader.finish(store);
        log.set_cleaner_checkpoint(self.loading.cleaned[directory].get(log.topic_partition()).copied());
        if !self.loading.clean[directory] || report.discarded_bytes > 0 {
            self.events.push_back(Event::LogRecovered {
                partition: log.topic_partition().clone(),
                log_end_offset: log.log_end_offset(),
                discarded_bytes: report.discarded_bytes,
            });
        }
        self.take_loaded(log);
    }
}

/// A partition's directory.
#[derive(Clone, Debug)]
struct Folder {
    topic_partition: TopicPartition,
    name: FilePath,
}

impl Folder {
    /// The directory of a current or a future log; `None` for `-stray` and what is no partition's.
    fn parse(name: &str) -> Option<Self> {
        // `topic-partition.uniqueId-future`; the topic may have dots of its own.
        let of = match name.strip_suffix(FUTURE_SUFFIX) {
            Some(future) => future.rsplit_once('.')?.0,
            None => name,
        };
        let (topic, partition) = of.rsplit_once('-')?;
        if topic.is_empty() || !partition.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self { topic_partition: TopicPartition::new(topic, partition.parse().ok()?), name: name.into() })
    }
}
