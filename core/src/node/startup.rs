//! From a started process to a running node: whose directories these are, the logs, the quorum's memory. In slices, each the
//! bytes of one load.

use super::add_partitions_to_txn::AddPartitionsToTxn;
use super::auto_topic_creation::AutoTopicCreation;
use super::broker::{Broker, Shutdown};
use super::broker_lifecycle::{BrokerLifecycle, Registration};
use super::channels::Channels;
use super::controller_channel::Forwarding;
use super::controller_registration::ControllerRegistration;
use super::coordinator_loading::CoordinatorLoading;
use super::inbound::InboundConnections;
use super::meta_properties::{META_PROPERTIES, MetaProperties};
use super::producer_ids::ProducerIds;
use super::txn_markers::TxnMarkers;
use super::{Input, Output};
use crate::config::BrokerConfig;
use crate::controller::{ControllerConfig, QuorumController};
use crate::coordinator::group::{GroupConfig, GroupCoordinator};
use crate::coordinator::transaction::{TransactionConfig, TransactionCoordinator};
use crate::event::Event;
use crate::ids::{Offset, Uuid};
use crate::log::cleaner::CleanerConfig;
use crate::log::log_config::LogConfig;
use crate::log::log_manager::{LogManager, LogManagerConfig};
use crate::log::storage::{FileRange, LogDirectory, StoreQueue, Ticket};
use crate::log::{Read, UnifiedLog};
use crate::metadata::{DIRECTORY_LOST, MetadataDelta, MetadataImage, MetadataRecord};
use crate::protocol::messages::broker_registration_request::{Feature, Listener};
use crate::quota::ConnectionQuotas;
use crate::raft::quorum_state_file::{QUORUM_STATE_FILE, QuorumStateData};
use crate::raft::snapshot::{BOOTSTRAP_CHECKPOINT, SnapshotId, metadata_partition, read_snapshot, stored_snapshots};
use crate::raft::voter_history::VoterHistory;
use crate::raft::voter_set::VoterSet;
use crate::raft::{RaftClient, RaftConfig};
use crate::replication::replica_manager::{ReplicaManager, ReplicaManagerConfig, TopicSettings};
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::Now;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

/// Bytes of the metadata log read at a time for who votes.
const VOTERS_READ_BYTES: usize = 1024 * 1024;

/// What a load was for.
#[derive(Clone, Debug)]
enum Wanted {
    MetaProperties { directory: usize },
    QuorumState,
    Snapshot { id: SnapshotId },
    Bootstrap,
    MetadataLog { range: FileRange },
    Log { load_id: u64 },
}

/// A node that starts.
#[derive(Clone, Debug)]
pub(super) struct Startup {
    config: BrokerConfig,
    rng: Rng,
    pub(super) outputs: VecDeque<Output>,
    /// Who connects meanwhile waits.
    inbound: InboundConnections,
    directories: Vec<LogDirectory>,
    stores: Vec<StoreQueue>,
    meta_properties: Vec<Option<MetaProperties>>,
    /// Directories that could not be read before there were logs to tell.
    unreadable: Vec<usize>,
    quorum_state: Option<QuorumStateData>,
    /// For the first records of a cluster.
    bootstrap_records: Vec<MetadataRecord>,
    /// Without `controller.quorum.voters`: who votes, as far as snapshot and log have been read for it.
    voter_history: Option<VoterHistory>,
    /// The log it is read from, and up to where it was.
    metadata_log: Option<(UnifiedLog, Offset)>,
    logs: Option<LogManager>,
    loads: SortedMap<Ticket, Wanted>,
    next_load: u64,
    failed: bool,
}

impl Startup {
    pub(super) fn new(config: BrokerConfig, seed: u64) -> Self {
        let voter_history = config.quorum_voters.is_empty().then(VoterHistory::default);
        Self {
            config,
            voter_history,
            metadata_log: None,
            rng: Rng::new(seed),
            outputs: VecDeque::new(),
            inbound: InboundConnections::default(),
            directories: Vec::new(),
            stores: Vec::new(),
            meta_properties: Vec::new(),
            unreadable: Vec::new(),
            quorum_state: None,
            bootstrap_records: Vec::new(),
            logs: None,
            loads: SortedMap::new(),
            next_load: 0,
            failed: false,
        }
    }

    /// Takes an input; answers the running node once it stands.
    pub(super) fn handle(&mut self, now: Now, input: Input) -> Option<Broker> {
        if self.failed {
            return None;
        }
        let step = match input {
            Input::Start { directories } => self.start(directories),
            Input::Accepted { connection, listener, peer } => {
                self.inbound.accepted(connection, listener, peer);
                Ok(())
            }
            Input::Frame { connection, bytes } => {
                self.inbound.frame(connection, bytes);
                Ok(())
            }
            Input::Closed { connection } => {
                self.inbound.closed(connection);
                Ok(())
            }
            Input::Loaded { ticket, bytes } => self.loaded(now, ticket, &bytes),
            Input::LoadFailed { ticket, reason } => self.load_failed(ticket, &reason),
            Input::StoreFailed { directory, reason, .. } => self.store_failed(directory, &reason),
            Input::Shutdown => {
                self.failed = true;
                self.outputs.push_back(Output::Event(Event::Stopped));
                return None;
            }
            _ => Ok(()),
        };
        let running = step.and_then(|()| self.go_on(now));
        self.queue_stores();
        running.unwrap_or_else(|reason| {
            self.failed = true;
            self.outputs.push_back(Output::Event(Event::Fatal { reason }));
            None
        })
    }

    fn start(&mut self, directories: Vec<LogDirectory>) -> Result<(), Str> {
        self.stores = directories.iter().map(|_| StoreQueue::default()).collect();
        self.meta_properties = directories.iter().map(|_| None).collect();
        self.directories = directories;
        for directory in 0..self.directories.len() {
            let path = self.directories[directory].path.clone();
            if !self.load_file(directory, META_PROPERTIES, Wanted::MetaProperties { directory }) {
                return Err(format!(
                    "No `meta.properties` found in {path} (have you run `kafka-storage.sh` to format the directory?)"
                )
                .into());
            }
        }
        let directory = self.metadata_directory()?;
        self.load_file(directory, QUORUM_STATE_FILE, Wanted::QuorumState);
        if self.config.is_controller {
            self.load_file(directory, BOOTSTRAP_CHECKPOINT, Wanted::Bootstrap);
        }
        let latest = stored_snapshots(&self.directories[directory].files).pop();
        if let Some(latest) = latest.filter(|_| self.voter_history.is_some()) {
            self.load_file(directory, &latest.id.path(), Wanted::Snapshot { id: latest.id });
        }
        Ok(())
    }

    fn metadata_directory(&self) -> Result<usize, Str> {
        let wanted = &self.config.metadata_log_dir;
        self.directories
            .iter()
            .position(|directory| directory.path == *wanted)
            .ok_or_else(|| format!("metadata.log.dir {wanted} is not one of log.dirs").into())
    }

    /// Asks for a whole file; false where there is none.
    fn load_file(&mut self, directory: usize, name: &str, wanted: Wanted) -> bool {
        let Some(file) = self.directories[directory].files.iter().find(|file| file.path == *name) else { return false };
        let range = FileRange { file: file.path.clone(), range: 0..file.length };
        self.load(directory, range, wanted);
        true
    }

    fn load(&mut self, directory: usize, range: FileRange, wanted: Wanted) {
        let ticket = Ticket(self.next_load);
        self.next_load += 1;
        self.loads.insert(ticket, wanted);
        self.outputs.push_back(Output::Load { directory, ticket, range });
    }

    fn loaded(&mut self, now: Now, ticket: Ticket, bytes: &Bytes) -> Result<(), Str> {
        match self.loads.remove(&ticket) {
            Some(Wanted::MetaProperties { directory }) => {
                self.meta_properties[directory] = Some(MetaProperties::parse(bytes)?);
            }
            Some(Wanted::QuorumState) => {
                let parsed = QuorumStateData::parse(bytes);
                self.quorum_state = Some(parsed.map_err(|error| Str::from(format!("quorum-state: {error}")))?);
            }
            Some(Wanted::Snapshot { id }) => {
                let contents = read_snapshot(bytes).map_err(|error| Str::from(format!("snapshot {id}: {error}")))?;
                if let Some(history) = self.voter_history.as_mut() {
                    history.loaded(id, &contents);
                }
            }
            Some(Wanted::Bootstrap) => self.bootstrap_records = bootstrap_records(bytes)?,
            Some(Wanted::MetadataLog { range }) => {
                if let Some((log, _)) = self.metadata_log.as_mut() {
                    log.loaded(now.monotonic, &range, bytes);
                }
            }
            Some(Wanted::Log { load_id }) => {
                if let Some(logs) = self.logs.as_mut() {
                    logs.load_done(load_id, bytes, &mut self.stores);
                }
            }
            None => {}
        }
        Ok(())
    }

    fn load_failed(&mut self, ticket: Ticket, reason: &Str) -> Result<(), Str> {
        match self.loads.remove(&ticket) {
            Some(Wanted::Log { load_id }) => {
                let metadata_directory = self.metadata_directory()?;
                let Some(logs) = self.logs.as_mut() else { return Ok(()) };
                logs.load_failed(load_id);
                // A voter that began anew, without its metadata log, would forget what it acknowledged.
                if logs.is_online(metadata_directory) { Ok(()) } else { Err(reason.clone()) }
            }
            // Kafka goes on with the directories it can read, as long as the metadata log is in one of them.
            Some(Wanted::MetaProperties { directory }) if self.metadata_directory() != Ok(directory) => {
                self.unreadable.push(directory);
                Ok(())
            }
            Some(_) => Err(reason.clone()),
            None => Ok(()),
        }
    }

    /// A directory that fails now is left out, as one that fails later; a node does not start without its metadata log.
    fn store_failed(&mut self, directory: usize, reason: &Str) -> Result<(), Str> {
        if self.metadata_directory() == Ok(directory) {
            return Err(reason.clone());
        }
        if let Some(logs) = self.logs.as_mut() {
            logs.store_failed(directory);
        }
        Ok(())
    }

    /// The next slice of the recovery, or the running node.
    fn go_on(&mut self, now: Now) -> Result<Option<Broker>, Str> {
        let still_reading = self.loads.values().any(|wanted| !matches!(wanted, Wanted::Log { .. }));
        if self.directories.is_empty() || still_reading {
            return Ok(None);
        }
        if self.logs.is_none() {
            self.check_meta_properties()?;
            let log = &self.config.log;
            let topic = TopicSettings::new(&self.config.topic_defaults, log);
            let config = LogManagerConfig {
                default_log: topic.log,
                retention_check_interval: log.retention_check_interval,
                initial_task_delay: log.initial_task_delay,
                cleaner: CleanerConfig::new(log),
                ..Default::default()
            };
            let mut logs = LogManager::new(now, config, &self.directories);
            for directory in core::mem::take(&mut self.unreadable) {
                logs.store_failed(directory);
            }
            self.logs = Some(logs);
        }
        while let Some(request) = self.logs.as_mut().and_then(|logs| logs.next_load(now, &mut self.stores)) {
            self.load(request.directory, request.range, Wanted::Log { load_id: request.id });
        }
        let stands = self.logs.as_ref().is_some_and(LogManager::is_loaded) && self.read_voters()?;
        if stands { self.run(now).map(Some) } else { Ok(None) }
    }

    /// Reads the log after the latest snapshot for records of who votes: an election needs to know. Answers true once all is
    /// read.
    fn read_voters(&mut self) -> Result<bool, Str> {
        let directory = self.metadata_directory()?;
        let Some(history) = self.voter_history.as_mut() else { return Ok(true) };
        if self.metadata_log.is_none() {
            let log = self.logs.as_mut().and_then(|logs| logs.take_log(&metadata_partition()));
            let Some(log) = log else { return Ok(true) };
            let latest = stored_snapshots(&self.directories[directory].files).pop();
            let from = latest.map_or(0, |latest| latest.id.end_offset).max(log.log_start_offset());
            self.metadata_log = Some((log, from));
        }
        let Some((log, next_offset)) = self.metadata_log.as_mut() else { return Ok(true) };
        let end = log.log_end_offset();
        while *next_offset < end {
            let before = *next_offset;
            match log.read(before, VOTERS_READ_BYTES, end, true) {
                Ok(Read::Data { records }) => {
                    for part in records.parts() {
                        *next_offset = history.appended(part)?.unwrap_or(*next_offset);
                    }
                }
                Ok(Read::Cold(range)) => {
                    self.load(directory, range.clone(), Wanted::MetadataLog { range });
                    return Ok(false);
                }
                Err(error) => return Err(format!("the metadata log cannot be read: {}", error.name()).into()),
            }
            if *next_offset <= before {
                break;
            }
        }
        Ok(true)
    }

    fn check_meta_properties(&self) -> Result<(), Str> {
        let mut cluster: Option<&Str> = None;
        for (directory, meta) in self.directories.iter().zip(&self.meta_properties) {
            let Some(meta) = meta else { continue };
            if meta.node_id != self.config.node_id {
                return Err(format!(
                    "Stored node id {} doesn't match previous node id {} in {}/meta.properties. If you moved your data, \
                     make sure your configured node id matches. If you intend to create a new node, you should remove \
                     all data in your data directories.",
                    meta.node_id, self.config.node_id, directory.path
                )
                .into());
            }
            if let Some(known) = cluster.filter(|known| **known != meta.cluster_id) {
                return Err(format!(
                    "Invalid cluster.id in: {}/meta.properties. Expected {known}, but read {}",
                    directory.path, meta.cluster_id
                )
                .into());
            }
            cluster = Some(&meta.cluster_id);
        }
        Ok(())
    }

    fn run(&mut self, now: Now) -> Result<Broker, Str> {
        let config = self.config.clone();
        let metadata_directory = self.metadata_directory()?;
        let mut logs = self.logs.take().ok_or_else(|| Str::from_static("the logs are not loaded"))?;
        let metas = core::mem::take(&mut self.meta_properties);
        let id = |meta: &Option<MetaProperties>| meta.as_ref().map_or(DIRECTORY_LOST, |meta| meta.directory_id);
        let directory_ids: Vec<Uuid> = metas.iter().map(id).collect();
        let cluster_id = metas.iter().flatten().next().map(|meta| meta.cluster_id.clone()).unwrap_or_default();
        let directory_id = directory_ids.get(metadata_directory).copied().unwrap_or(Uuid::ZERO);
        let raft = self.raft(now, &config, &cluster_id, directory_id, metadata_directory, &mut logs)?;
        let registration = Registration {
            broker_id: config.node_id,
            cluster_id: cluster_id.clone(),
            incarnation_id: self.rng.uuid(),
            listeners: (config.advertised_listeners.iter())
                .map(|endpoint| Listener {
                    name: endpoint.listener.clone(),
                    host: endpoint.host.clone(),
                    port: endpoint.port,
                    security_protocol: endpoint.security_protocol as i16,
                })
                .collect(),
            features: (crate::metadata::supported_features(config.supported_kraft_version()).into_iter())
                .map(|(name, min, max)| Feature {
                    name: name.into(),
                    min_supported_version: min,
                    max_supported_version: max,
                })
                .collect(),
            rack: config.rack.clone(),
            // The controller gives up replicas in those that are missing.
            log_dirs: (directory_ids.iter().enumerate())
                .filter(|(directory, _)| logs.is_online(*directory))
                .map(|(_, id)| *id)
                .collect(),
            previous_broker_epoch: logs.previous_broker_epoch(),
        };
        let lifecycle = config
            .is_broker
            .then(|| BrokerLifecycle::new(now.monotonic, registration, config.lifecycle.heartbeat_interval));
        let controller_config = ControllerConfig {
            bootstrap_records: core::mem::take(&mut self.bootstrap_records),
            ..ControllerConfig::new(cluster_id.clone(), Arc::new(config.clone()))
        };
        let controller = config.is_controller.then(|| QuorumController::new(controller_config, self.rng.fork()));
        let replica_config = ReplicaManagerConfig::new(&config, directory_ids.clone(), self.rng.next_u64());
        Ok(Broker {
            cluster_id,
            channel_client_id: Str::from(format!("broker-{}", config.node_id)),
            directory_ids,
            now,
            outputs: core::mem::take(&mut self.outputs),
            stores: core::mem::take(&mut self.stores),
            connection_quotas: ConnectionQuotas::new(config.network.quota_windows.client),
            inbound: core::mem::take(&mut self.inbound),
            channels: Channels::new(Str::from(format!("broker-{}", config.node_id))),
            raft,
            metadata_directory,
            controller_registration: controller.is_some().then(|| ControllerRegistration::new(self.rng.uuid())),
            controller,
            image: MetadataImage::default(),
            published: MetadataImage::default(),
            replica_manager: ReplicaManager::new(now, replica_config, logs),
            groups: GroupCoordinator::new(GroupConfig::new(&config), self.rng.fork()),
            transactions: TransactionCoordinator::new(TransactionConfig::new(&config)),
            coordinator_loading: CoordinatorLoading::default(),
            verifying_offsets: SortedMap::new(),
            lifecycle,
            forwarding: Forwarding::default(),
            auto_topics: AutoTopicCreation::default(),
            producer_ids: ProducerIds::default(),
            add_partitions_to_txn: AddPartitionsToTxn::default(),
            txn_markers: TxnMarkers::default(),
            loads: SortedMap::new(),
            next_load: self.next_load,
            serving: false,
            shutdown: Shutdown::No,
            unstored: Vec::new(),
            rng: self.rng.fork(),
            config,
        })
    }

    fn raft(
        &mut self,
        now: Now,
        config: &BrokerConfig,
        cluster_id: &Str,
        directory_id: Uuid,
        directory: usize,
        logs: &mut LogManager,
    ) -> Result<RaftClient, Str> {
        let listener = config.controller_listener_names.first().cloned().unwrap_or_default();
        let text: Vec<_> =
            config.quorum_voters.iter().map(|voter| format!("{}@{}:{}", voter.id, voter.host, voter.port)).collect();
        let voters = VoterSet::parse(&text.join(","), &listener)
            .map_err(|error| Str::from(format!("Invalid value {} for controller.quorum.voters", error.entry)))?;
        let metadata_log = &config.metadata_log;
        let raft_config = RaftConfig {
            election_timeout: config.quorum.election_timeout,
            fetch_timeout: config.quorum.fetch_timeout,
            election_backoff_max: config.quorum.election_backoff_max,
            retry_backoff: config.quorum.retry_backoff,
            // Well below the fetch time-out, or a leader without news would look like one that is gone.
            fetch_max_wait: config.quorum.fetch_timeout.mul_f32(0.25).min(core::time::Duration::from_millis(500)),
            fetch_max_bytes: config.quorum.fetch_max_bytes,
            max_bytes_between_snapshots: u64::try_from(metadata_log.max_record_bytes_between_snapshots)
                .unwrap_or(u64::MAX),
            max_snapshot_interval: metadata_log.max_snapshot_interval,
            max_retention_bytes: u64::try_from(metadata_log.max_retention_bytes).unwrap_or(u64::MAX),
            recorded_voters: self.voter_history.take(),
            bootstrap_servers: (config.quorum_bootstrap_servers.iter())
                .map(|server| (server.host.clone(), server.port))
                .collect(),
            ..RaftConfig::new(cluster_id.clone(), config.node_id, directory_id, voters)
        };
        let store = self.stores.get_mut(directory).ok_or_else(|| Str::from_static("no metadata directory"))?;
        let log_config = LogConfig {
            segment_bytes: u64::try_from(metadata_log.segment_bytes).unwrap_or(1 << 30),
            segment_ms: metadata_log.segment_ms,
            retention_ms: None,
            delete: false,
            ..LogConfig::default()
        };
        let partition = metadata_partition();
        let log = self.metadata_log.take().map(|(log, _)| log).or_else(|| logs.take_log(&partition));
        let log = log.unwrap_or_else(|| {
            UnifiedLog::create(partition, Uuid::METADATA_TOPIC, directory, log_config, 0, now, store)
        });
        let snapshots = stored_snapshots(&self.directories[directory].files);
        Ok(RaftClient::new(raft_config, log, self.quorum_state.take(), &snapshots, self.rng.fork(), now, store))
    }

    fn queue_stores(&mut self) {
        for (directory, store) in self.stores.iter_mut().enumerate() {
            if let Some((ticket, commands)) = store.take() {
                self.outputs.push_back(Output::Store { directory, ticket, commands });
            }
        }
    }
}

/// The records of `bootstrap.checkpoint` that are not levels of features: those are what this release implements. One that
/// makes no sense would keep a cluster from its beginning, so the node does not start on it.
fn bootstrap_records(bytes: &Bytes) -> Result<Vec<MetadataRecord>, Str> {
    let wrong = |error: &dyn core::fmt::Display| Str::from(format!("{BOOTSTRAP_CHECKPOINT}: {error}"));
    let contents = read_snapshot(bytes).map_err(|error| wrong(&error))?;
    let records = contents.records.iter().map(|value| MetadataRecord::decode(value).map_err(|error| wrong(&error)));
    let mut records = records.collect::<Result<Vec<_>, Str>>()?;
    records.retain(|record| !matches!(record, MetadataRecord::FeatureLevel(_)));
    let mut delta = MetadataDelta::new(&MetadataImage::default());
    records.iter().try_for_each(|record| delta.replay(record)).map_err(|error| wrong(&error))?;
    Ok(records)
}
