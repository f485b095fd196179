//! One node of a test cluster: a replica, its disk, and what it was told is committed.

use crate::ids::{NodeId, Offset, Uuid};
use crate::log::log_manager::{LogManager, LogManagerConfig};
use crate::log::memory_disk::MemoryDisk;
use crate::log::storage::{StoreCommand, StoreQueue, Ticket};
use crate::log::{LogConfig, UnifiedLog};
use crate::raft::quorum_state_file::{QUORUM_STATE_FILE, QuorumStateData};
use crate::raft::snapshot::{METADATA_LOG_FOLDER, StoredSnapshot, metadata_partition, stored_snapshots};
use crate::raft::{RaftClient, RaftConfig};
use crate::record::Batches;
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Instant, Now};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// A node that runs or does not.
pub(super) struct TestNode {
    pub(super) config: RaftConfig,
    pub(super) disk: MemoryDisk,
    /// Batches of the log on the disk: last offset and epoch by base offset. Kept apart from what the replica believes.
    on_disk: SortedMap<Offset, (Offset, i32)>,
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
            on_disk: SortedMap::new(),
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

    /// Carries out a batch of store commands.
    pub(super) fn write(&mut self, commands: &[StoreCommand]) {
        self.disk.apply(commands);
        for command in commands {
            match command {
                StoreCommand::Append { file, bytes } if file.ends_with(".log") => {
                    for bytes in bytes {
                        note_batches(&mut self.on_disk, bytes);
                    }
                }
                StoreCommand::Append { .. } => {}
                StoreCommand::Truncate { file, .. }
                | StoreCommand::Replace { file, .. }
                | StoreCommand::Delete { file }
                | StoreCommand::Rename { file, .. } => {
                    if file.ends_with(".log") {
                        self.on_disk.clear();
                        for (_, bytes) in segments(&self.disk) {
                            note_batches(&mut self.on_disk, &bytes);
                        }
                    }
                }
            }
        }
    }

    /// True where the disk has this batch, or a snapshot that contains it.
    pub(super) fn has_on_disk(&self, base_offset: Offset, last_offset: Offset, epoch: i32) -> bool {
        let contains = |snapshot: &StoredSnapshot| snapshot.id.end_offset > last_offset;
        self.on_disk.get(&base_offset) == Some(&(last_offset, epoch))
            || stored_snapshots(&self.disk.listing("data").files).iter().any(contains)
    }

    /// Ends the process. What was handed to storage is written as far as `written` batches go.
    pub(super) fn stop(&mut self, written: usize) {
        for (_, commands) in core::mem::take(&mut self.unstored).into_iter().take(written) {
            self.write(&commands);
        }
        self.client = None;
    }
}

/// The segment files by base offset.
fn segments(disk: &MemoryDisk) -> Vec<(Offset, Bytes)> {
    let segment = |(path, bytes): (&Str, &[u8])| {
        let name = path.strip_prefix(METADATA_LOG_FOLDER)?.strip_prefix('/')?.strip_suffix(".log")?;
        Some((name.parse().ok()?, Bytes::copy_from_slice(bytes)))
    };
    disk.files().filter_map(segment).collect()
}

fn note_batches(batches: &mut SortedMap<Offset, (Offset, i32)>, bytes: &Bytes) {
    for batch in Batches::new(bytes.clone()) {
        let batch = batch.unwrap();
        batches.insert(batch.base_offset, (batch.last_offset(), batch.partition_leader_epoch));
    }
}

/// The log as a node recovers it, a new one where there is none.
fn recover_log(disk: &MemoryDisk, now: Now, queue: &mut StoreQueue) -> UnifiedLog {
    let stores = core::slice::from_mut(queue);
    let mut logs = LogManager::new(now, LogManagerConfig::default(), &[disk.listing("data")]);
    while let Some(request) = logs.next_load(now, stores) {
        let bytes = disk.read(&request.range).unwrap();
        logs.load_done(request.id, &bytes, stores);
    }
    assert!(logs.is_loaded());
    logs.take_log(&metadata_partition()).unwrap_or_else(|| {
        let config = LogConfig::default();
        UnifiedLog::create(metadata_partition(), Uuid::METADATA_TOPIC, 0, config, 0, now, queue)
    })
}
