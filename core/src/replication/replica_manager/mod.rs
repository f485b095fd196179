//! [`ReplicaManager`]: every replica on a broker; what a node's handlers, its fetch connections and its storage talk to.
//!
//! One file per matter: `metadata` decides who leads, `produce` and `local_append` write, `fetch` reads, `follower`
//! copies from leaders, `alter_log_dirs` moves replicas between log directories, `isr` keeps the in-sync replicas,
//! `transactions` ends and begins transactions, `unpacking` looks into what clients compressed, `offsets` and `delete_records` answer for offsets, `storage` hears what was stored and loaded, `completion` tries what
//! waits.
//!
//! # Architecture Invariant
//! Whatever changes a partition names it in `touched`; only what waits for a touched partition is tried again, and nothing
//! walks all partitions but the ISR check every `replica.lag.time.max.ms` / 2 and the checkpoints. Each public method ends
//! in `settle`, so that nothing stays touched between inputs.

mod alter_log_dirs;
mod completion;
mod config;
mod delete_records;
mod fetch;
mod follower;
mod isr;
mod local_append;
mod metadata;
mod offsets;
mod output;
mod produce;
mod storage;
mod transactions;
mod unpacking;
mod view;

#[cfg(test)]
mod tests;

pub use config::{ReplicaManagerConfig, TopicSettings};
pub use fetch::FetchRequestContext;
pub use follower::FetcherResponse;
pub use offsets::ListOffsetsContext;
pub use output::{Output, Response};
pub use produce::ProduceContext;
pub use storage::LoadingRead;
pub use transactions::{TransactionMarker, TransactionSupportedOperation, TransactionVerification};
pub use view::{FollowerView, LogDirectoryView, PartitionView, ReplicaView};

use super::alter_partition::AlterPartitionManager;
use super::assignments_manager::AssignmentsManager;
use super::fetch_session::FetchSessionCache;
use super::partition::{BrokerStandings, IsrContext, Partition};
use super::partition_state::ProposalId;
use super::replica_fetcher::ReplicaFetcher;
use crate::ids::{BrokerEpoch, NodeId, Offset, TopicPartition, Uuid};
use crate::log::UnifiedLog;
use crate::log::log_manager::LogManager;
use crate::log::storage::StoreQueue;
use crate::metadata::MetadataImage;
use crate::protocol::ErrorCode;
use crate::purgatory::Purgatory;
use crate::quota::{QuotaClient, QuotaManagers};
use crate::rng::Rng;
use crate::sorted::{SortedMap, SortedSet};
use crate::text::Str;
use crate::time::{Instant, Now};
use alloc::collections::VecDeque;
use alter_log_dirs::LogDirMoves;
use delete_records::DelayedDeleteRecords;
use fetch::DelayedFetch;
use produce::DelayedProduce;
use storage::PendingLoad;
use transactions::{DelayedMarker, VerifyingLocal, VerifyingProduce};
use unpacking::UnpackingProduce;

/// A replica on this broker and what its topic's configs say.
#[derive(Clone, Debug)]
struct Hosted {
    partition: Partition,
    settings: TopicSettings,
    /// Its log directory failed.
    offline: bool,
}

/// All replicas of a broker.
#[derive(Clone, Debug)]
pub struct ReplicaManager {
    config: ReplicaManagerConfig,
    broker_epoch: BrokerEpoch,
    rng: Rng,
    logs: LogManager,
    image: MetadataImage,
    brokers: BrokerStandings,
    partitions: SortedMap<TopicPartition, Hosted>,
    fetchers: SortedMap<NodeId, ReplicaFetcher>,
    fetch_sessions: FetchSessionCache,
    quotas: QuotaManagers,
    alter_partitions: AlterPartitionManager,
    assignments: AssignmentsManager,
    moves: LogDirMoves,
    produces: Purgatory<TopicPartition, DelayedProduce>,
    fetches: Purgatory<TopicPartition, DelayedFetch>,
    delete_records: Purgatory<TopicPartition, DelayedDeleteRecords>,
    markers: Purgatory<TopicPartition, DelayedMarker>,
    verifying: SortedMap<u64, VerifyingProduce>,
    verifying_local: SortedMap<u64, VerifyingLocal>,
    unpacking: VecDeque<UnpackingProduce>,
    /// Bytes that may still be unpacked before the next tick.
    left_of_turn: usize,
    loads: SortedMap<u64, PendingLoad>,
    touched: SortedSet<TopicPartition>,
    next_isr_check: Instant,
    next_checkpoint: Instant,
    next_id: u64,
    outputs: VecDeque<Output>,
}

impl ReplicaManager {
    /// The replicas whose logs `logs` has loaded. They take part once [`Self::apply`] brought the cluster's metadata.
    pub fn new(now: Now, config: ReplicaManagerConfig, mut logs: LogManager) -> Self {
        logs.cordon(&config.given.cordoned_log_dirs);
        Self {
            broker_epoch: -1,
            rng: Rng::new(config.seed),
            logs,
            image: MetadataImage::default(),
            brokers: BrokerStandings::new(),
            partitions: SortedMap::new(),
            fetchers: SortedMap::new(),
            fetch_sessions: FetchSessionCache::new(config.fetch_session_slots),
            quotas: QuotaManagers::new(config.broker, config.given.network.quota_windows),
            alter_partitions: AlterPartitionManager::default(),
            assignments: AssignmentsManager::default(),
            moves: LogDirMoves::default(),
            produces: Purgatory::new(),
            fetches: Purgatory::new(),
            delete_records: Purgatory::new(),
            markers: Purgatory::new(),
            verifying: SortedMap::new(),
            verifying_local: SortedMap::new(),
            unpacking: VecDeque::new(),
            left_of_turn: unpacking::TURN_BYTES,
            loads: SortedMap::new(),
            touched: SortedSet::new(),
            next_isr_check: now.monotonic + config.lag_time_max / 2,
            next_checkpoint: now.monotonic + config.high_watermark_checkpoint_interval,
            next_id: 1,
            outputs: VecDeque::new(),
            config,
        }
    }

    /// The logs, to read.
    pub fn logs(&self) -> &LogManager {
        &self.logs
    }

    /// The logs, for what is not replication: retention, eviction, recovery's slices.
    pub fn logs_mut(&mut self) -> &mut LogManager {
        &mut self.logs
    }

    /// Counts bytes that a client produced; answers how many milliseconds it must wait for its quota.
    pub fn record_produced(&mut self, now: Now, client: &QuotaClient, bytes: usize) -> i32 {
        self.quotas.produce.record(&self.image.client_quotas, client, bytes as f64, now.monotonic)
    }

    /// The broker epoch of this broker's registration; it goes into fetches and ISR changes.
    pub fn set_broker_epoch(&mut self, broker_epoch: BrokerEpoch) {
        self.broker_epoch = broker_epoch;
    }

    /// The next output; `None` where all are taken.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.logs.poll_event().map(Output::Event).or_else(|| self.outputs.pop_front())
    }

    /// When [`Self::tick`] has something to do.
    pub fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        let fetcher = self.fetchers.values().filter_map(ReplicaFetcher::next_deadline).min();
        [
            (Some(self.next_isr_check), "isr-expiration"),
            (Some(self.next_checkpoint), "highwatermark-checkpoint"),
            (self.produces.next_deadline(), "delayed produce"),
            (self.fetches.next_deadline(), "delayed fetch"),
            (self.delete_records.next_deadline(), "delayed delete records"),
            (self.markers.next_deadline(), "delayed transaction marker"),
            (self.next_verification(), "transaction verification retry"),
            (self.next_unpacking(), "unpacking of compressed batches"),
            (self.alter_partitions.next_deadline(), "alter partition retry"),
            (self.assignments.next_deadline(), "assignment of replicas to directories"),
            (self.next_copy(), "replica alter log dirs"),
            (fetcher, "replica fetch back-off"),
        ]
        .into_iter()
        .filter_map(|(at, reason)| Some((at?, reason)))
        .chain(self.logs.next_deadline())
        .min_by_key(|&(at, _)| at)
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Now, stores: &mut [StoreQueue]) {
        // Before the logs' own: a log that takes the place of another changes what the checkpoints say.
        self.advance_moves(now, stores);
        self.logs.tick(now, stores);
        self.serve_cleaner(stores);
        self.expire(now);
        self.retry_verifications(now, stores);
        self.unpack_on(now, stores);
        if self.next_isr_check <= now.monotonic {
            self.next_isr_check = now.monotonic + self.config.lag_time_max / 2;
            self.shrink_in_sync_replicas(now);
        }
        if self.next_checkpoint <= now.monotonic {
            self.next_checkpoint = now.monotonic + self.config.high_watermark_checkpoint_interval;
            self.logs.checkpoint_high_watermarks(stores);
        }
        self.settle(now);
    }

    /// Tries what waits for a touched partition until nothing more happens, then sends what is due.
    fn settle(&mut self, now: Now) {
        while let Some(partition) = self.touched.pop_first() {
            self.complete_for(now, &partition);
        }
        self.send_fetches(now);
        self.send_alter_partition(now);
        self.send_assignments(now);
    }

    fn touch(&mut self, partition: &TopicPartition) {
        if !self.touched.contains(partition) {
            self.touched.insert(partition.clone());
        }
    }

    fn next_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn next_proposal(&mut self) -> ProposalId {
        ProposalId(self.next_id())
    }

    /// Moves the high watermark of a partition this broker leads as far as the ISR allows.
    fn advance_high_watermark(&mut self, now: Now, partition: &TopicPartition) {
        let Some(hosted) = self.partitions.get(partition) else { return };
        let Some(log) = self.logs.log_mut(partition) else { return };
        let context = IsrContext {
            now: now.monotonic,
            lag_time_max: self.config.lag_time_max,
            min_in_sync_replicas: hosted.settings.min_in_sync_replicas,
            brokers: &self.brokers,
        };
        let counted = hosted.settings.counted_offset(log);
        let candidate = hosted.partition.high_watermark_candidate(&context, log.log_end_offset(), counted);
        if candidate.is_some_and(|offset| log.maybe_increment_high_watermark(offset)) {
            let offset = log.high_watermark();
            self.outputs.push_back(Output::HighWatermarkAdvanced { partition: partition.clone(), offset });
            self.touch(partition);
        }
    }

    /// A partition this broker leads and its log.
    fn led(&self, partition: &TopicPartition) -> Result<(&Hosted, &UnifiedLog), ErrorCode> {
        let (hosted, log) = self.hosted(partition)?;
        if hosted.partition.is_leader() { Ok((hosted, log)) } else { Err(ErrorCode::NotLeaderOrFollower) }
    }

    /// A partition of this broker and its log; else the error Kafka answers a request for it with.
    fn hosted(&self, partition: &TopicPartition) -> Result<(&Hosted, &UnifiedLog), ErrorCode> {
        match self.partitions.get(partition) {
            Some(hosted) if hosted.offline => Err(ErrorCode::KafkaStorageError),
            Some(hosted) => self.logs.log(partition).map(|log| (hosted, log)).ok_or(ErrorCode::KafkaStorageError),
            None if self.in_metadata(partition) => Err(ErrorCode::NotLeaderOrFollower),
            None => Err(ErrorCode::UnknownTopicOrPartition),
        }
    }

    fn in_metadata(&self, partition: &TopicPartition) -> bool {
        self.image.topics.by_name(&partition.topic).is_some_and(|topic| topic.partition(partition.partition).is_some())
    }

    /// Leader and epoch as metadata knows them, for clients that asked the wrong broker.
    fn current_leader(&self, partition: &TopicPartition) -> Option<(NodeId, i32)> {
        let topic = self.image.topics.by_name(&partition.topic)?;
        topic.partition(partition.partition).map(|registration| (registration.leader, registration.leader_epoch))
    }

    /// The name of the topic a request means: by id where it has one.
    fn topic_name(&self, topic_id: Uuid, name: &Str) -> Result<Str, ErrorCode> {
        if topic_id == Uuid::ZERO {
            return Ok(name.clone());
        }
        self.image.topics.name_of(topic_id).cloned().ok_or(ErrorCode::UnknownTopicId)
    }
}

impl TopicSettings {
    /// How far a leader counts itself: with a flush of every append only what is stored.
    fn counted_offset(&self, log: &UnifiedLog) -> Offset {
        if self.flush_every_append { log.recovery_point() } else { log.log_end_offset() }
    }
}

/// The queue of a log directory. The node has one for each directory a log can name.
fn store_of(stores: &mut [StoreQueue], directory: usize) -> Result<&mut StoreQueue, ErrorCode> {
    stores.get_mut(directory).ok_or(ErrorCode::KafkaStorageError)
}
