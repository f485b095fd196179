//! One node of a test cluster: a replica, its disk, and what it was told is committed.

use crate::ids::{NodeId, Offset, Uuid};
use crate::log::memory_disk::MemoryDisk;
use crate::log::storage::{StoreCommand, StoreQueue, Ticket};
use crate::log::{LogConfig, UnifiedLog};
use crate::raft::quorum_state_file::{QUORUM_STATE_FILE, QuorumStateData};
use crate::raft::snapshot::{METADATA_LOG_FOLDER, metadata_partition, stored_snapshots};
use crate::raft::{RaftClient, RaftConfig};
use crate::rng::Rng;
use crate::time::{Instant, Now};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// A node that runs or does not.
pub(super) struct TestNode {
    pub(super) config: RaftConfig,
    pub(super) disk: MemoryDisk,
    pub(super) queue: StoreQueue,
    pub(super) client: Option<RaftClient>,
    /// Batches handed to storage and not answered, oldest first.
    pub(super) unstored: VecDeque<(Ticket, Vec<StoreCommand>)>,
    pub(super) last_store_at: Instant,
    pub(super) incarnation: u64,
    /// Values of all records committed, as this node was told.
    pub(super) state: Vec<Bytes>,
    /// Offset the next commit must have; `None` until the first word after a start.
    pub(super) next_offset: Option<Offset>,
    pub(super) high_watermark: Offset,
    pub(super) activated_epoch: Option<i32>,
    pub(super) restart_at: Option<Instant>,
    /// Set by a graceful shutdown that is done.
    pub(super) is_shutdown_complete: bool,
}

impl TestNode {
    pub(super) fn new(config: RaftConfig) -> Self {
        Self {
            config,
            disk: MemoryDisk::default(),
            queue: StoreQueue::default(),
            client: None,
            unstored: VecDeque::new(),
            last_store_at: Instant::ZERO,
            incarnation: 0,
            state: Vec::new(),
            next_offset: None,
            high_watermark: 0,
            activated_epoch: None,
            restart_at: None,
            is_shutdown_complete: false,
        }
    }

    pub(super) fn id(&self) -> NodeId {
        self.config.node_id
    }

    /// Starts the process from what the disk holds.
    pub(super) fn start(&mut self, now: Now, rng: Rng) {
        self.incarnation += 1;
        self.queue = StoreQueue::default();
        self.unstored.clear();
        self.state.clear();
        self.next_offset = None;
        self.high_watermark = 0;
        self.activated_epoch = None;
        self.restart_at = None;
        self.is_shutdown_complete = false;
        let stored = self.disk.file(QUORUM_STATE_FILE).map(|bytes| QuorumStateData::parse(bytes).unwrap());
        let snapshots = stored_snapshots(&self.disk.listing("data").files);
        let log = recover_log(&self.disk, now, &mut self.queue);
        let config = self.config.clone();
        self.client = Some(RaftClient::new(config, log, stored, &snapshots, rng, now, &mut self.queue));
    }

    /// Ends the process. What was handed to storage is written as far as `written` batches go.
    pub(super) fn stop(&mut self, written: usize) {
        for (_, commands) in self.unstored.drain(..).take(written) {
            self.disk.apply(&commands);
        }
        self.unstored.clear();
        self.client = None;
    }
}

/// The log as the segment files hold it, a new one where there are none.
fn recover_log(disk: &MemoryDisk, now: Now, queue: &mut StoreQueue) -> UnifiedLog {
    let segments: Vec<(Offset, Bytes)> = disk
        .files()
        .filter_map(|(path, bytes)| {
            let name = path.strip_prefix(METADATA_LOG_FOLDER)?.strip_prefix('/')?.strip_suffix(".log")?;
            Some((name.parse().ok()?, Bytes::copy_from_slice(bytes)))
        })
        .collect();
    let partition = metadata_partition();
    let Some((start, _)) = segments.first() else {
        return UnifiedLog::create(partition, Uuid::METADATA_TOPIC, 0, LogConfig::default(), 0, now, queue);
    };
    let mut scratch = StoreQueue::default();
    let config = LogConfig::default();
    let mut log = UnifiedLog::create(partition, Uuid::METADATA_TOPIC, 0, config, *start, now, &mut scratch);
    for (index, (base, bytes)) in segments.iter().enumerate() {
        if index > 0 {
            assert_eq!(*base, log.log_end_offset(), "segments follow one another");
            log.roll(now, &mut scratch);
        }
        log.append_as_follower(now, bytes, i32::MAX, &mut scratch).unwrap();
    }
    if let Some((ticket, _)) = scratch.take() {
        log.stored(ticket);
    }
    assert_eq!(log.recovery_point(), log.log_end_offset());
    log
}
