//! Which compacted log is cleaned next, and when (Kafka's `LogCleaner` and `LogCleanerManager`): one at a time, in turns.

use super::super::cleaner::{CleanerConfig, Pass, Stop, TURN_BYTES, TURN_PAUSE};
use super::super::storage::{FileRange, StoreQueue, Ticket};
use super::super::unified_log::{CleanableOffsets, UnifiedLog};
use super::{CLEANER_CHECKPOINT, LogManager};
use crate::ids::{TopicPartition, Uuid};
use crate::sorted::SortedSet;
use crate::time::{Instant, Now};
use alloc::boxed::Box;
use alloc::collections::VecDeque;

/// What the cleaner wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CleaningOutput {
    /// A range of a log is to be loaded; [`LogManager::cleaning_loaded`] follows.
    Load {
        /// The log.
        partition: TopicPartition,
        /// What to read.
        range: FileRange,
    },
    /// Segments of a log were replaced: what is being loaded of it may not be there any more.
    Replaced(TopicPartition),
}

/// What a pass waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    /// Its next turn.
    Turn,
    /// A range of its log.
    Load,
    /// What it wrote.
    Stored(Ticket),
}

/// The cleaner of a node's logs.
#[derive(Clone, Debug)]
pub(super) struct Cleaning {
    config: CleanerConfig,
    pass: Option<Box<Pass>>,
    awaits: Awaits,
    /// When the next turn is, or a log is looked for.
    next: Instant,
    /// Logs with a batch that cannot be read.
    uncleanable: SortedSet<(TopicPartition, Uuid)>,
    outputs: VecDeque<CleaningOutput>,
}

impl Cleaning {
    pub(super) fn new(now: Now, config: CleanerConfig) -> Self {
        Self {
            config,
            pass: None,
            awaits: Awaits::Turn,
            next: now.monotonic + config.backoff,
            uncleanable: SortedSet::new(),
            outputs: VecDeque::new(),
        }
    }
}

impl LogManager {
    /// Changes what is configured; it holds from the next turn on.
    pub fn set_cleaner_config(&mut self, config: CleanerConfig) {
        self.cleaning.config = config;
    }

    /// What the cleaner wants done next.
    pub fn poll_cleaning(&mut self) -> Option<CleaningOutput> {
        self.cleaning.outputs.pop_front()
    }

    /// What the cleaner asked for is loaded.
    pub fn cleaning_loaded(&mut self) {
        if self.cleaning.awaits == Awaits::Load {
            self.cleaning.awaits = Awaits::Turn;
        }
    }

    /// What the cleaner asked for cannot be read: it asks again later.
    pub fn cleaning_load_failed(&mut self, now: Now) {
        self.cleaning_loaded();
        self.cleaning.next = now.monotonic + self.cleaning.config.backoff;
    }

    /// The cleaner gives up what it is at, and begins anew later.
    pub fn abort_cleaning(&mut self, stores: &mut [StoreQueue]) {
        if let Some(pass) = self.cleaning.pass.take()
            && self.is_online(pass.directory())
            && let Some(store) = stores.get_mut(pass.directory())
        {
            pass.abort(store);
        }
    }

    pub(super) fn stored_cleaned(&mut self, directory: usize, up_to: Ticket) {
        if let Some(pass) = &self.cleaning.pass
            && pass.directory() == directory
            && matches!(self.cleaning.awaits, Awaits::Stored(ticket) if ticket <= up_to)
        {
            self.cleaning.awaits = Awaits::Turn;
        }
    }

    /// When [`Self::clean`] has something to do.
    pub(super) fn next_cleaning(&self) -> Option<Instant> {
        let Cleaning { config, pass, awaits, next, .. } = &self.cleaning;
        let is_awaited = match pass {
            Some(_) => *awaits == Awaits::Turn,
            None => config.enable && self.logs.values().any(|log| log.config().compact),
        };
        is_awaited.then_some(*next)
    }

    pub(super) fn is_cleaning_due(&self, now: Instant) -> bool {
        let is_over = self.cleaning.pass.as_ref().is_some_and(|pass| !self.is_current(pass));
        is_over || (self.cleaning.next <= now && self.next_cleaning().is_some())
    }

    /// Cleans on, or looks for a log to clean.
    pub(super) fn clean(&mut self, now: Now, stores: &mut [StoreQueue]) {
        match self.cleaning.pass.take() {
            None => {
                let pass = self.filthiest(now);
                let found = pass.is_some();
                self.cleaning.pass = pass;
                self.cleaning.awaits = Awaits::Turn;
                // The first turn comes later: everybody has seen what is cleaned.
                let pause = if found { TURN_PAUSE } else { self.cleaning.config.backoff };
                self.cleaning.next = now.monotonic + pause;
                self.delete_old_segments(now, true, stores);
            }
            Some(pass) if !self.is_current(&pass) => {
                self.cleaning.pass = Some(pass);
                self.abort_cleaning(stores);
                self.cleaning.next = now.monotonic + TURN_PAUSE;
            }
            Some(pass) => self.take_turn(now, pass, stores),
        }
    }

    fn is_current(&self, pass: &Pass) -> bool {
        self.logs.get(pass.partition()).is_some_and(|log| pass.is_of(log))
    }

    fn take_turn(&mut self, now: Now, mut pass: Box<Pass>, stores: &mut [StoreQueue]) {
        let config = self.cleaning.config;
        self.cleaning.next = now.monotonic + TURN_PAUSE;
        let Some(log) = self.logs.get_mut(pass.partition()) else { return };
        let Some(store) = stores.get_mut(pass.directory()) else { return };
        let mut budget = TURN_BYTES;
        let result = pass.go_on(log, &mut budget, store);
        self.cleaning.next = now.monotonic + config.pause(TURN_BYTES - budget);
        match result {
            Ok(turn) => {
                if turn.replaced {
                    self.cleaning.outputs.push_back(CleaningOutput::Replaced(pass.partition().clone()));
                }
                self.cleaning.awaits = turn.awaits.map_or(Awaits::Turn, Awaits::Stored);
                if !turn.is_done {
                    self.cleaning.pass = Some(pass);
                    return;
                }
                log.set_cleaner_checkpoint(Some(pass.end_offset()));
                if !pass.has_progress() {
                    self.cleaning.next = now.monotonic + config.backoff;
                }
                self.checkpoint_cleaned(stores);
            }
            Err(Stop::Cold(range)) => {
                let partition = pass.partition().clone();
                self.cleaning.outputs.push_back(CleaningOutput::Load { partition, range });
                self.cleaning.awaits = Awaits::Load;
                self.cleaning.pass = Some(pass);
            }
            Err(Stop::Damaged) => {
                self.cleaning.uncleanable.insert((pass.partition().clone(), log.topic_id()));
                self.cleaning.pass = Some(pass);
                self.abort_cleaning(stores);
            }
        }
    }

    /// Begins with the log of which the largest part is dirty, of those that are dirty enough, or have been for long.
    fn filthiest(&self, now: Now) -> Option<Box<Pass>> {
        let Cleaning { config, uncleanable, .. } = &self.cleaning;
        let compacted = self.logs.iter().filter(|(partition, log)| {
            log.config().compact && !uncleanable.contains(&((*partition).clone(), log.topic_id()))
        });
        let cleanable = compacted.map(|(_, log)| (log, log.cleanable_offsets(now))).filter(|(log, offsets)| {
            (offsets.is_overdue && offsets.dirty_bytes > 0)
                || offsets.dirty_millionths() > log.config().min_cleanable_dirty_millionths
        });
        let by_ratio = |(_, offsets): &(&UnifiedLog, CleanableOffsets)| offsets.dirty_millionths();
        let (log, offsets) = cleanable.max_by_key(by_ratio)?;
        Some(Box::new(Pass::new(now, log, &offsets, config)))
    }

    /// Writes `cleaner-offset-checkpoint` of each directory, where anything was ever cleaned.
    pub(super) fn checkpoint_cleaned(&self, stores: &mut [StoreQueue]) {
        if self.logs.values().any(|log| log.cleaner_checkpoint().is_some()) {
            self.checkpoint(CLEANER_CHECKPOINT, stores, UnifiedLog::cleaner_checkpoint);
        }
    }
}
