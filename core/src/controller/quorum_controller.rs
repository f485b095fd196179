//! [`QuorumController`]: events in, records and responses out.

use super::broker_heartbeat_manager::BrokerHeartbeatManager;
use super::cluster_control::{BrokerControlState, HeartbeatDecision, register_controller};
use super::decision::{ApiError, ControllerConfig, ControllerRequestContext, ControllerResult, Decision};
use super::request::{ControllerRequest, ControllerResponse};
use crate::apart::apart;
use crate::event::Event;
use crate::ids::{BrokerEpoch, NodeId, Offset, TopicPartition};
use crate::metadata::{MetadataDelta, MetadataImage, MetadataRecord, PartitionRegistration, Provenance, ReplayError};
use crate::protocol::ErrorCode;
use crate::protocol::messages as m;
use crate::quota::{ControllerMutationQuota, ControllerMutationQuotaManager};
use crate::rng::Rng;
use crate::sorted::SortedSet;
use crate::time::{Duration, Instant, Now};
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

/// What a controller wants done or known.
#[derive(Clone, Debug, PartialEq)]
pub enum ControllerOutput {
    /// Append these records, as one atomic batch of `epoch`, at `base_offset`. Where the quorum does not take them, or
    /// takes them elsewhere, say so with [`QuorumController::append_failed`].
    Append {
        /// Epoch of the claim.
        epoch: i32,
        /// Offset the first record must get: the records may contain it (a broker's epoch is one).
        base_offset: Offset,
        /// The records.
        records: Vec<MetadataRecord>,
    },
    /// Answer a request.
    Respond {
        /// As it came with [`QuorumController::handle`].
        token: u64,
        /// The answer.
        response: ControllerResponse,
        /// True where this node is not the active controller: an envelope says so itself, that its sender looks elsewhere.
        not_controller: bool,
    },
    /// Give up leading `epoch`: this controller cannot go on.
    Resign {
        /// Epoch of the claim.
        epoch: i32,
    },
    /// Something happened.
    Event(Event),
}

/// A response that waits until the log is committed up to an offset.
#[derive(Clone, Debug)]
struct Deferred {
    offset: Offset,
    token: u64,
    request: ControllerRequest,
    response: ControllerResponse,
}

/// What only the active controller has.
#[derive(Clone, Debug)]
struct Active {
    epoch: i32,
    next_offset: Offset,
    /// Offset of the last record of this claim; -1 before the first.
    last_appended: Offset,
    /// The committed image with all appended records replayed.
    speculative: MetadataImage,
    heartbeats: BrokerHeartbeatManager,
    mutation_quotas: ControllerMutationQuotaManager,
    /// Ordered by offset.
    deferred: VecDeque<Deferred>,
    /// Brokers fenced because their session ended, to tell such from those that asked.
    expired: SortedSet<(NodeId, BrokerEpoch)>,
    next_balance: Option<Instant>,
    next_unclean_election: Instant,
    next_no_op: Option<Instant>,
}

/// The controller of one node.
///
/// Offsets: the caller promises that the records of an [`ControllerOutput::Append`] land at its `base_offset`, which are
/// contiguous from the `next_offset` of [`QuorumController::claim`] on. Where the quorum appends a record of its own in
/// between, [`QuorumController::skip_to`] says where the next append lands; that must happen before the next event.
#[derive(Clone, Debug)]
pub struct QuorumController {
    config: ControllerConfig,
    rng: Rng,
    committed: MetadataImage,
    active: Option<Active>,
    outputs: VecDeque<ControllerOutput>,
}

impl QuorumController {
    /// A controller that stands by, knowing nothing.
    pub fn new(config: ControllerConfig, rng: Rng) -> Self {
        Self { config, rng, committed: MetadataImage::default(), active: None, outputs: VecDeque::new() }
    }

    /// Whether it is the active controller.
    pub fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// The epoch it is active in.
    pub fn active_epoch(&self) -> Option<i32> {
        self.active.as_ref().map(|active| active.epoch)
    }

    /// The cluster as far as it is committed.
    pub fn image(&self) -> &MetadataImage {
        &self.committed
    }

    /// What the quorum says of itself: its level of kraft.version and its voters.
    pub fn quorum_is(&mut self, kraft_version: i16, voters: Vec<NodeId>) {
        self.config.kraft_version = kraft_version;
        self.config.voters = voters;
    }

    /// Becomes the active controller of `epoch`: everything before `next_offset` was given to [`Self::committed`], and
    /// the next append lands there. In a cluster without any record the first ones are written.
    pub fn claim(&mut self, now: Now, epoch: i32, next_offset: Offset) {
        if self.active.is_some() {
            self.renounce(now);
        }
        let mut heartbeats = BrokerHeartbeatManager::new(self.config.node.lifecycle.session_timeout);
        // Nobody knows how long they have been silent, so they get a whole session.
        for broker in self.committed.cluster.brokers().filter(|broker| !broker.fenced) {
            heartbeats.touch(broker.id, broker.epoch, now.monotonic);
        }
        let topics = &self.config.node.topics;
        let balance = topics.auto_leader_rebalance_enable.then_some(topics.leader_imbalance_check_interval);
        let mut active = Active {
            epoch,
            next_offset,
            last_appended: -1,
            speculative: self.committed.clone(),
            heartbeats,
            mutation_quotas: ControllerMutationQuotaManager::new(self.config.node.network.quota_windows.controller),
            deferred: VecDeque::new(),
            expired: SortedSet::new(),
            next_balance: balance.map(|interval| now.monotonic + interval),
            next_unclean_election: now.monotonic + topics.unclean_leader_election_interval,
            next_no_op: None,
        };
        active.schedule_no_op(&self.config, now);
        self.active = Some(active);
        self.outputs.push_back(ControllerOutput::Event(Event::ControllerElected { quorum_epoch: epoch }));
        self.decide(now, |decision, _| decision.bootstrap());
    }

    /// Stops being the active controller. What is not committed is forgotten; requests that wait for it are told to look
    /// for the new one.
    pub fn renounce(&mut self, _now: Now) {
        let Some(active) = self.active.take() else { return };
        for deferred in active.deferred {
            self.respond_not_controller(deferred.token, &deferred.request);
        }
        self.outputs.push_back(ControllerOutput::Event(Event::ControllerResigned { quorum_epoch: active.epoch }));
    }

    /// The quorum wrote records of its own (voters, leaders): the next append lands at `next_offset`.
    pub fn skip_to(&mut self, next_offset: Offset) {
        if let Some(active) = &mut self.active {
            active.next_offset = active.next_offset.max(next_offset);
        }
    }

    /// An append was refused or landed elsewhere. What was decided on top of it is void.
    pub fn append_failed(&mut self, now: Now) {
        if let Some(epoch) = self.active_epoch() {
            self.outputs.retain(|output| !matches!(output, ControllerOutput::Append { .. }));
            self.renounce(now);
            self.outputs.push_back(ControllerOutput::Resign { epoch });
        }
    }

    /// Takes a request; it is answered by a [`ControllerOutput::Respond`] with its token.
    pub fn handle(&mut self, now: Now, token: u64, request: ControllerRequest, context: &ControllerRequestContext) {
        if self.active.is_none() {
            self.respond_not_controller(token, &request);
            return;
        }
        if let ControllerRequest::BrokerHeartbeat(heartbeat) = &request {
            self.renew_session(now, heartbeat);
        }
        let mut quota = self.mutation_quota(now, &request, context);
        let Some((mut decision, rng)) = self.decision(now) else { return };
        decision.is_direct = context.is_direct;
        let decided = decide(decision, rng, &mut quota, &request);
        let throttle_ms = quota.throttle_ms();
        if let Some(active) = &mut self.active {
            active.mutation_quotas.took(quota, now.monotonic);
        }
        match decided {
            Ok((mut result, heartbeat)) => {
                result.response.throttle(throttle_ms);
                let appended = self.append(now, result.records);
                match appended {
                    Ok(()) => {
                        if let (ControllerRequest::BrokerHeartbeat(request), Some(heartbeat)) = (&request, heartbeat) {
                            self.remember_heartbeat(request, &heartbeat);
                        }
                        self.respond_when_committed(token, request, result.response);
                    }
                    Err(_) => self.fail(token, &request, &ErrorCode::UnknownServerError.into()),
                }
            }
            Err(error) => self.fail(token, &request, &error),
        }
    }

    /// A batch of records is committed; an empty one (of the quorum's own records) only moves the offset. On a node that
    /// stands by this is how the image grows.
    ///
    /// # Errors
    /// A record that does not fit the image: the log is of no sane controller, and the node must not go on.
    pub fn committed(&mut self, provenance: Provenance, records: &[MetadataRecord]) -> Result<(), ReplayError> {
        let mut delta = MetadataDelta::new(&self.committed);
        for record in records {
            delta.replay(record)?;
        }
        if let Some(active) = &mut self.active {
            let events = active.events(&delta);
            self.outputs.extend(events.into_iter().map(ControllerOutput::Event));
        }
        self.committed = delta.apply(provenance);
        self.release(provenance.offset);
        Ok(())
    }

    /// A snapshot takes the place of everything before. Only a node that stands by gets one.
    pub fn snapshot_loaded(&mut self, provenance: Provenance, records: &[MetadataRecord]) -> Result<(), ReplayError> {
        let mut delta = MetadataDelta::new(&MetadataImage::default());
        for record in records {
            delta.replay(record)?;
        }
        self.committed = delta.apply(provenance);
        Ok(())
    }

    /// Does what is due: fences brokers whose session ended, balances leaders, keeps the log moving.
    pub fn tick(&mut self, now: Now) {
        let Some(active) = &self.active else { return };
        let at = now.monotonic;
        let balance = active.next_balance.is_some_and(|due| due <= at);
        let unclean = active.next_unclean_election <= at;
        self.fence_stale_brokers(now);
        if balance {
            self.decide(now, |decision, _| decision.balance_leaders());
        }
        if unclean {
            self.decide(now, |decision, _| decision.elect_unclean_leaders());
        }
        let topics = &self.config.node.topics;
        let (balance_interval, unclean_interval) =
            (topics.leader_imbalance_check_interval, topics.unclean_leader_election_interval);
        if let Some(active) = &mut self.active {
            if balance {
                active.next_balance = Some(at + balance_interval.max(Duration::from_secs(1)));
            }
            if unclean {
                active.next_unclean_election = at + unclean_interval.max(Duration::from_secs(1));
            }
        }
        if self.active.as_ref().is_some_and(|active| active.next_no_op.is_some_and(|due| due <= at)) {
            self.decide(now, |_, _| vec![MetadataRecord::NoOp(m::NoOpRecord::default())]);
        }
    }

    /// When to call [`Self::tick`], and why.
    pub fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        let active = self.active.as_ref()?;
        let unfenced = active.speculative.cluster.brokers().filter(|broker| !broker.fenced);
        let sessions = unfenced.map(|broker| {
            let end = active.heartbeats.session_end(broker.id).unwrap_or(Instant::ZERO);
            (end, "broker session")
        });
        let balance = active.next_balance.map(|at| (at, "preferred leader balance"));
        let no_op = active.next_no_op.map(|at| (at, "metadata idle"));
        let unclean = Some((active.next_unclean_election, "unclean leader election"));
        sessions.chain(balance).chain(no_op).chain(unclean).min()
    }

    /// The next thing to do; `None` once there is nothing left for now.
    pub fn poll_output(&mut self) -> Option<ControllerOutput> {
        self.outputs.pop_front()
    }

    /// What a request that creates or deletes partitions may do; others have no bound.
    fn mutation_quota(
        &mut self,
        now: Now,
        request: &ControllerRequest,
        context: &ControllerRequestContext,
    ) -> ControllerMutationQuota {
        match (request.strict_quota_since(), &mut self.active) {
            (Some(version), Some(active)) => {
                let quotas = &active.speculative.client_quotas;
                let is_strict = context.version >= version;
                active.mutation_quotas.quota_for(quotas, &context.client, is_strict, now.monotonic)
            }
            _ => ControllerMutationQuota::default(),
        }
    }

    fn decision(&mut self, now: Now) -> Option<(Decision<'_>, &mut Rng)> {
        let active = self.active.as_ref()?;
        let decision = Decision {
            config: &self.config,
            image: &active.speculative,
            heartbeats: &active.heartbeats,
            now,
            next_offset: active.next_offset,
            is_direct: false,
        };
        Some((decision, &mut self.rng))
    }

    /// Appends what nobody asked for.
    fn decide(&mut self, now: Now, choose: impl FnOnce(Decision<'_>, &mut Rng) -> Vec<MetadataRecord>) {
        if let Some((decision, rng)) = self.decision(now) {
            let records = choose(decision, rng);
            // A record that does not fit is a mistake of the decision; nothing of it was appended, and nobody waits.
            let _ = self.append(now, records);
        }
    }

    /// Replays records on the speculative image and hands them out.
    fn append(&mut self, now: Now, records: Vec<MetadataRecord>) -> Result<(), ReplayError> {
        let Some(active) = &mut self.active else { return Ok(()) };
        if records.is_empty() {
            return Ok(());
        }
        let mut delta = MetadataDelta::new(&active.speculative);
        for record in &records {
            delta.replay(record)?;
        }
        let base_offset = active.next_offset;
        active.next_offset += records.len() as Offset;
        active.last_appended = active.next_offset - 1;
        let provenance = Provenance { offset: active.last_appended, epoch: active.epoch, timestamp_ms: now.wall_ms };
        active.speculative = delta.apply(provenance);
        active.schedule_no_op(&self.config, now);
        let epoch = active.epoch;
        self.outputs.push_back(ControllerOutput::Append { epoch, base_offset, records });
        Ok(())
    }

    fn renew_session(&mut self, now: Now, heartbeat: &m::BrokerHeartbeatRequest) {
        let Some(active) = &mut self.active else { return };
        let (broker, epoch) = (heartbeat.broker_id, heartbeat.broker_epoch);
        if active.speculative.cluster.broker(broker).is_some_and(|known| known.epoch == epoch) {
            active.heartbeats.touch(broker, epoch, now.monotonic);
        }
    }

    fn fence_stale_brokers(&mut self, now: Now) {
        let Some((decision, _)) = self.decision(now) else { return };
        for broker in decision.stale_brokers() {
            self.decide(now, |decision, _| {
                let mut records = Vec::new();
                decision.fence_broker(broker, &mut records);
                records
            });
            if let Some(active) = &mut self.active {
                let epoch = active.speculative.cluster.broker(broker).map_or(-1, |known| known.epoch);
                active.expired.insert((broker, epoch));
                active.heartbeats.remove(broker);
            }
        }
    }

    fn remember_heartbeat(&mut self, request: &m::BrokerHeartbeatRequest, heartbeat: &HeartbeatDecision) {
        let Some(active) = &mut self.active else { return };
        let broker = request.broker_id;
        active.heartbeats.set_metadata_offset(broker, request.current_metadata_offset);
        match heartbeat.next {
            BrokerControlState::ControlledShutdown if heartbeat.current != heartbeat.next => {
                active.heartbeats.set_controlled_shutdown_offset(broker, active.last_appended);
            }
            BrokerControlState::Fenced | BrokerControlState::ShutdownNow => active.heartbeats.fenced(broker),
            _ => {}
        }
    }

    /// A response may tell of anything appended so far, so it waits for all of that; at once where nothing is open.
    fn respond_when_committed(&mut self, token: u64, request: ControllerRequest, response: ControllerResponse) {
        let Some(active) = &mut self.active else { return };
        let offset = active.last_appended;
        if offset <= self.committed.provenance.offset {
            self.outputs.push_back(ControllerOutput::Respond { token, response, not_controller: false });
        } else {
            active.deferred.push_back(Deferred { offset, token, request, response });
        }
    }

    fn release(&mut self, committed: Offset) {
        let Some(active) = &mut self.active else { return };
        while let Some(deferred) = active.deferred.pop_front_if(|deferred| deferred.offset <= committed) {
            let Deferred { token, response, .. } = deferred;
            self.outputs.push_back(ControllerOutput::Respond { token, response, not_controller: false });
        }
    }

    fn fail(&mut self, token: u64, request: &ControllerRequest, error: &ApiError) {
        let response = request.error_response(error);
        self.outputs.push_back(ControllerOutput::Respond { token, response, not_controller: false });
    }

    fn respond_not_controller(&mut self, token: u64, request: &ControllerRequest) {
        let response = request.error_response(&ErrorCode::NotController.into());
        self.outputs.push_back(ControllerOutput::Respond { token, response, not_controller: true });
    }
}

impl Active {
    fn schedule_no_op(&mut self, config: &ControllerConfig, now: Now) {
        let interval = config.node.metadata_log.max_idle_interval;
        self.next_no_op = (!interval.is_zero()).then(|| now.monotonic + interval);
    }

    /// What a committed batch means to somebody who looks.
    fn events(&mut self, delta: &MetadataDelta) -> Vec<Event> {
        let mut events = Vec::new();
        let (before, after) = (delta.base(), delta.image());
        for &broker in &delta.changes().brokers {
            let old = before.cluster.broker(broker);
            let Some(new) = after.cluster.broker(broker) else { continue };
            // A new incarnation begins fenced; the old one's end is told by what its partitions do.
            let was_fenced = old.is_none_or(|old| old.fenced);
            if was_fenced && !new.fenced {
                events.push(Event::BrokerUnfenced { broker });
            } else if !was_fenced && new.fenced {
                let session_expired = self.expired.remove(&(broker, new.epoch));
                events.push(Event::BrokerFenced { broker, session_expired });
            }
            if new.in_controlled_shutdown && old.is_some_and(|old| !old.in_controlled_shutdown) {
                events.push(Event::ControlledShutdown { broker });
            }
        }
        for topic in delta.changes().deleted_topics.values() {
            events.push(Event::TopicDeleted { topic: topic.name.clone() });
        }
        for topic in delta.changes().created_topics.iter().filter_map(|&id| after.topics.by_id(id)) {
            events.push(Event::TopicCreated {
                topic: topic.name.clone(),
                partitions: topic.partitions.len() as i32,
                replication_factor: topic.partition(0).map_or(0, |partition| partition.replicas.len() as i32),
            });
        }
        for (topic, index, old, new) in delta.changed_partitions() {
            let Some(old) = old else { continue };
            let partition = TopicPartition::new(topic.name.clone(), index);
            if let Some((from, to)) = reassigned(old, new) {
                events.push(Event::ReplicasReassigned { partition: partition.clone(), from, to });
            }
            if old.leader != new.leader {
                events.push(Event::LeaderChanged {
                    partition,
                    from: old.leader,
                    to: new.leader,
                    leader_epoch: new.leader_epoch,
                    in_sync_replicas_before: old.isr.clone(),
                    in_sync_replicas: new.isr.clone(),
                });
            } else if old.isr != new.isr {
                let (from, to) = (old.isr.clone(), new.isr.clone());
                events.push(Event::InSyncReplicasChanged { partition, from, to });
            }
        }
        events
    }
}

/// The brokers of a partition before and after a reassignment that is complete with this change; nothing where the same brokers
/// have it in the end.
fn reassigned(old: &PartitionRegistration, new: &PartitionRegistration) -> Option<(Vec<NodeId>, Vec<NodeId>)> {
    let sorted = |mut ids: Vec<NodeId>| {
        ids.sort_unstable();
        ids
    };
    let before = old.replicas.iter().filter(|id| !old.adding_replicas.contains(id)).copied();
    let from = sorted(before.collect());
    (!new.is_reassigning() && from != sorted(new.replicas.clone())).then(|| (from, new.replicas.clone()))
}

type Decided = (ControllerResult<ControllerResponse>, Option<HeartbeatDecision>);

/// Which decision answers which request.
fn decide(
    decision: Decision<'_>,
    rng: &mut Rng,
    quota: &mut ControllerMutationQuota,
    request: &ControllerRequest,
) -> Result<Decided, ApiError> {
    use ControllerRequest as Request;
    use ControllerResponse as Response;
    let result = match request {
        Request::BrokerRegistration(request) => decision.register_broker(request)?.map(Response::BrokerRegistration),
        Request::BrokerHeartbeat(request) => {
            let result = decision.broker_heartbeat(request)?;
            let heartbeat = result.response.clone();
            return Ok((result.map(|heartbeat| Response::BrokerHeartbeat(heartbeat.response)), Some(heartbeat)));
        }
        Request::UnregisterBroker(request) => {
            let records = apart(|| decision.unregister_broker(request.broker_id))?;
            ControllerResult::new(records, Response::UnregisterBroker(m::UnregisterBrokerResponse::default()))
        }
        Request::UpdateFeatures(request) => apart(|| decision.update_features(request))?.map(Response::UpdateFeatures),
        Request::ControllerRegistration(request) => {
            let response = m::ControllerRegistrationResponse::default();
            ControllerResult::new(register_controller(request), Response::ControllerRegistration(response))
        }
        Request::AllocateProducerIds(request) => {
            decision.allocate_producer_ids(request)?.map(Response::AllocateProducerIds)
        }
        Request::AlterPartition(request) => apart(|| decision.alter_partition(request)).map(Response::AlterPartition),
        Request::AssignReplicasToDirs(request) => {
            apart(|| decision.assign_replicas_to_dirs(request))?.map(Response::AssignReplicasToDirs)
        }
        Request::CreateTopics(request) => {
            apart(|| decision.create_topics(request, rng, quota)).map(Response::CreateTopics)
        }
        Request::DeleteTopics(request) => apart(|| decision.delete_topics(request, quota)).map(Response::DeleteTopics),
        Request::CreatePartitions(request) => {
            apart(|| decision.create_partitions(request, rng, quota)).map(Response::CreatePartitions)
        }
        Request::ElectLeaders(request) => apart(|| decision.elect_leaders(request))?.map(Response::ElectLeaders),
        Request::IncrementalAlterConfigs(request) => {
            apart(|| decision.incremental_alter_configs(request)).map(Response::IncrementalAlterConfigs)
        }
        Request::AlterConfigs(request) => apart(|| decision.alter_configs(request)).map(Response::AlterConfigs),
        Request::AlterClientQuotas(request) => {
            apart(|| decision.alter_client_quotas(request)).map(Response::AlterClientQuotas)
        }
        Request::AlterUserScramCredentials(request) => {
            apart(|| decision.alter_user_scram_credentials(request)).map(Response::AlterUserScramCredentials)
        }
        Request::AlterPartitionReassignments(request) => {
            apart(|| decision.alter_partition_reassignments(request)).map(Response::AlterPartitionReassignments)
        }
        Request::ListPartitionReassignments(request) => {
            let response = apart(|| decision.list_partition_reassignments(request));
            ControllerResult::new(Vec::new(), Response::ListPartitionReassignments(response))
        }
    };
    Ok((result, None))
}
