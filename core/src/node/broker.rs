//! A node that runs: its parts, and who tells what to whom. No protocol logic here: a part's output is another's input.

use super::add_partitions_to_txn::{AddPartitionsToTxn, Question};
use super::auto_topic_creation::AutoTopicCreation;
use super::broker_lifecycle::{BrokerLifecycle, LifecycleChange, LifecycleRequest};
use super::channels::{Answered, Channel, Channels, Sent};
use super::controller_channel::{Forward, Forwarding};
use super::controller_registration::ControllerRegistration;
use super::coordinator_loading::CoordinatorLoading;
use super::handlers;
use super::inbound::{Answer, InboundConnections, Token};
use super::producer_ids::ProducerIds;
use super::txn_markers::TxnMarkers;
use super::{Input, Output};
use crate::config::BrokerConfig;
use crate::config::quota_config::{CONSUMER_BYTE_RATE, PRODUCER_BYTE_RATE};
use crate::controller::{ControllerOutput, ControllerRequest, ControllerRequestContext, QuorumController};
use crate::coordinator::group::{GroupCoordinator, RequestContext};
use crate::coordinator::transaction::TransactionCoordinator;
use crate::event::Event;
use crate::ids::{ConnectionId, NodeId, Uuid};
use crate::log::storage::{StoreQueue, Ticket};
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::protocol::messages as m;
use crate::protocol::{DecodeError, ErrorCode, Request, encode_response};
use crate::quota::{ConnectionQuotas, QuotaClient};
use crate::raft::{RaftClient, RaftOutput, RaftRequest};
use crate::replication::replica_manager::{Output as ReplicaOutput, ReplicaManager, Response};
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};

/// What a request to another node was for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// The quorum's.
    Raft { to: NodeId, request_id: u64 },
    /// A replica fetcher's.
    Replica { leader: NodeId, request_id: u64 },
    /// ISR changes.
    AlterPartition { request_id: u64 },
    /// Where replicas are.
    AssignReplicasToDirs { request_id: u64 },
    /// This broker registers.
    Register,
    /// This broker lives.
    Heartbeat,
    /// This controller registers.
    RegisterController,
    /// A client's request.
    Forward(Forward),
    /// A block of producer ids.
    AllocateProducerIds,
    /// Markers of transactions.
    WriteTxnMarkers { request_id: u64 },
    /// Whether partitions belong to transactions.
    AddPartitionsToTxn { to: NodeId, questions: Vec<Question> },
}

/// Which part asked for bytes of a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum LoadedFor {
    /// The quorum, a snapshot.
    Raft { load_id: u64 },
    /// The logs, cold data.
    Log { load_id: u64 },
}

/// A node that finished its recovery.
#[derive(Clone, Debug)]
pub(super) struct Broker {
    pub(super) config: BrokerConfig,
    pub(super) cluster_id: Str,
    pub(super) channel_client_id: Str,
    pub(super) directory_ids: Vec<Uuid>,
    pub(super) now: Now,
    pub(super) rng: Rng,
    pub(super) outputs: VecDeque<Output>,
    pub(super) stores: Vec<StoreQueue>,
    pub(super) connection_quotas: ConnectionQuotas,
    pub(super) inbound: InboundConnections,
    pub(super) channels: Channels<Purpose>,
    pub(super) raft: RaftClient,
    pub(super) metadata_directory: usize,
    pub(super) controller: Option<QuorumController>,
    pub(super) controller_registration: Option<ControllerRegistration>,
    pub(super) image: MetadataImage,
    /// The image the replicas live by; the default one until the broker caught up with its own registration.
    pub(super) published: MetadataImage,
    pub(super) replica_manager: ReplicaManager,
    pub(super) groups: GroupCoordinator,
    pub(super) transactions: TransactionCoordinator,
    pub(super) coordinator_loading: CoordinatorLoading,
    /// Offsets of transactions that are being verified.
    pub(super) verifying_offsets: SortedMap<Token, (RequestContext, m::TxnOffsetCommitRequest)>,
    pub(super) lifecycle: Option<BrokerLifecycle>,
    pub(super) forwarding: Forwarding,
    pub(super) auto_topics: AutoTopicCreation,
    pub(super) producer_ids: ProducerIds,
    pub(super) add_partitions_to_txn: AddPartitionsToTxn,
    pub(super) txn_markers: TxnMarkers,
    pub(super) loads: SortedMap<Ticket, LoadedFor>,
    pub(super) next_load: u64,
    /// The broker was unfenced once: clients are served.
    pub(super) serving: bool,
    pub(super) shutdown: Shutdown,
    /// Directories whose last batch is not stored yet, while the node stops.
    pub(super) unstored: Vec<usize>,
}

/// How far a controlled shutdown is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shutdown {
    /// Not asked for.
    No,
    /// The controller moves leaderships away.
    Broker,
    /// The quorum elects another leader.
    Quorum,
    /// What is left is being stored.
    Storing,
    /// The node is over.
    Done,
}

/// How long a resigning leader of the quorum waits for the next.
const QUORUM_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

impl Broker {
    /// One input, and everything that follows from it.
    pub(super) fn handle(&mut self, now: Now, input: Input) {
        self.now = now;
        if self.shutdown == Shutdown::Done {
            return;
        }
        match input {
            Input::Accepted { connection, listener, peer } => self.accepted(connection, listener, peer),
            Input::Connected { connection } => self.channels.connected(connection, &mut self.outputs),
            Input::ConnectFailed { connection } | Input::Closed { connection } => self.connection_lost(connection),
            Input::Frame { connection, bytes } => self.frame(connection, bytes),
            Input::Stored { directory, ticket } => self.stored(directory, ticket),
            Input::StoreFailed { directory, reason, .. } => self.store_failed(directory, &reason),
            Input::Loaded { ticket, bytes } => self.loaded(ticket, Ok(bytes)),
            Input::LoadFailed { ticket, reason } => self.loaded(ticket, Err(reason)),
            Input::Shutdown => self.begin_shutdown(),
            Input::Start { .. } | Input::Timeout => {}
        }
        self.tick();
        self.settle();
    }

    /// Does what is due in every part.
    fn tick(&mut self) {
        let now = self.now;
        let expired = self.channels.expire(now.monotonic, &mut self.rng, &mut self.outputs);
        self.requests_failed(expired);
        self.raft.tick(now, &mut self.stores[self.metadata_directory]);
        if let Some(controller) = self.controller.as_mut() {
            controller.tick(now);
        }
        self.groups.tick(now);
        self.transactions.tick(now, &self.image, &mut self.producer_ids);
        for connection in self.inbound.end_throttling(now.monotonic) {
            self.outputs.push_back(Output::Close { connection });
        }
        // One slice an input: a long load comes back by its deadline, which is at once.
        self.load_coordinators();
        self.poll_forwarding();
        self.poll_lifecycle();
        self.poll_controller_registration();
        if self.producer_ids.wants_block(now.monotonic) {
            self.ask_for_producer_ids();
        }
    }

    /// Passes outputs of parts on until there are none, then hands stores and frames to the host.
    fn settle(&mut self) {
        self.pass_on();
        self.replica_manager.tick(self.now, &mut self.stores);
        // Whoever was answered by that may have asked more.
        self.pass_on();
        self.maybe_snapshot();
        self.channels.flush(self.now.monotonic, &mut self.outputs);
        for (directory, store) in self.stores.iter_mut().enumerate() {
            if let Some((ticket, commands)) = store.take() {
                self.outputs.push_back(Output::Store { directory, ticket, commands });
            }
        }
    }

    /// Passes outputs of parts on, and takes requests, until there are none.
    fn pass_on(&mut self) {
        loop {
            let mut moved = false;
            while let Some(output) = self.raft.poll_output() {
                moved = true;
                self.raft_output(output);
            }
            while let Some(output) = self.controller.as_mut().and_then(QuorumController::poll_output) {
                moved = true;
                self.controller_output(output);
            }
            while let Some(output) = self.replica_manager.poll_output() {
                moved = true;
                self.replica_output(output);
            }
            while let Some(output) = self.groups.poll_output() {
                moved = true;
                self.group_output(output);
            }
            self.transactions.send_markers(self.now, &self.image);
            while let Some(output) = self.transactions.poll_output() {
                moved = true;
                self.transaction_output(output);
            }
            while let Some((connection, frame)) = self.next_request() {
                moved = true;
                self.outputs.push_back(Output::Taken { connection });
                handlers::take(self, connection, &frame);
            }
            if !moved {
                break;
            }
        }
    }

    /// Clients are served once the broker is unfenced for the first time: before, it would tell them of a cluster without
    /// brokers. Kafka opens its listeners late for the same reason. The quorum is served from the start.
    fn next_request(&mut self) -> Option<(ConnectionId, Bytes)> {
        let (config, serving) = (&self.config, self.serving);
        self.inbound.next_request(|listener| serving || config.is_controller_listener(listener))
    }

    /// The earliest deadline of any part, and whose it is.
    pub(super) fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        if self.shutdown == Shutdown::Done {
            return None;
        }
        [
            self.raft.next_deadline(),
            self.controller.as_ref().and_then(QuorumController::next_deadline),
            self.replica_manager.next_deadline(),
            self.groups.next_deadline(),
            self.transactions.next_deadline(),
            self.coordinator_loading.next_deadline(),
            self.channels.next_deadline(),
            self.inbound.next_deadline(),
            self.forwarding.next_deadline(),
            self.producer_ids.next_deadline(),
            self.lifecycle.as_ref().and_then(BrokerLifecycle::next_deadline),
            self.controller_registration.as_ref().and_then(ControllerRegistration::next_deadline),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
    }

    fn accepted(&mut self, connection: ConnectionId, listener: Str, peer: Str) {
        let wait_ms = self.connection_quotas.record(&self.image.client_quotas, &peer, self.now.monotonic);
        if wait_ms > 0 {
            self.inbound.refused(connection, self.now.monotonic + Duration::from_millis(wait_ms));
        } else {
            self.inbound.accepted(connection, listener, peer);
        }
    }

    fn frame(&mut self, connection: ConnectionId, bytes: Bytes) {
        if !self.channels.owns(connection) {
            self.inbound.frame(connection, bytes);
            return;
        }
        self.outputs.push_back(Output::Taken { connection });
        match self.channels.answer(connection, &bytes) {
            Answered::Request(sent) => self.answered(connection, sent, &bytes),
            Answered::Greeting => {}
            Answered::Nothing => {
                self.outputs.push_back(Output::Close { connection });
                self.connection_lost(connection);
            }
        }
    }

    fn connection_lost(&mut self, connection: ConnectionId) {
        if let Some(failed) = self.channels.lost(self.now.monotonic, &mut self.rng, connection) {
            self.requests_failed(failed);
        } else {
            self.inbound.closed(connection);
        }
    }

    fn answered(&mut self, connection: ConnectionId, sent: Sent<Purpose>, frame: &Bytes) {
        if let Err(error) = super::answers::take(self, &sent, frame) {
            // A peer that answers nonsense is as good as gone.
            self.outputs.push_back(Output::Close { connection });
            self.event(Event::BadRequest { reason: alloc::format!("{error}").into() });
            self.request_failed(sent.purpose);
            self.connection_lost(connection);
        }
    }

    fn stored(&mut self, directory: usize, ticket: Ticket) {
        self.replica_manager.stored(self.now, directory, ticket);
        if directory == self.metadata_directory {
            self.raft.stored(self.now, ticket, &mut self.stores[directory]);
        }
        if self.shutdown == Shutdown::Storing {
            self.storing_is_done(directory, ticket);
        }
    }

    fn store_failed(&mut self, directory: usize, reason: &Str) {
        if directory == self.metadata_directory {
            // Kafka halts a node whose metadata log directory fails.
            let reason = Str::from(alloc::format!("Error while writing the metadata log: {reason}"));
            self.fatal(reason);
            return;
        }
        self.replica_manager.store_failed(self.now, directory);
        if let (Some(lifecycle), Some(id)) = (self.lifecycle.as_mut(), self.directory_ids.get(directory)) {
            lifecycle.log_directory_failed(self.now.monotonic, *id);
        }
    }

    fn loaded(&mut self, ticket: Ticket, bytes: Result<Bytes, Str>) {
        match (self.loads.remove(&ticket), bytes) {
            (Some(LoadedFor::Raft { load_id }), bytes) => {
                self.raft.loaded(self.now, load_id, bytes, &mut self.stores[self.metadata_directory]);
            }
            (Some(LoadedFor::Log { load_id }), Ok(bytes)) => self.replica_manager.loaded(self.now, load_id, &bytes),
            (Some(LoadedFor::Log { load_id }), Err(_)) => self.replica_manager.load_failed(self.now, load_id),
            (None, _) => {}
        }
    }

    fn load(&mut self, directory: usize, range: crate::log::storage::FileRange, whose: LoadedFor) {
        let ticket = Ticket(self.next_load);
        self.next_load += 1;
        self.loads.insert(ticket, whose);
        self.outputs.push_back(Output::Load { directory, ticket, range });
    }

    fn raft_output(&mut self, output: RaftOutput) {
        match output {
            RaftOutput::Send { to, request_id, request } => self.send_raft(to, request_id, &request),
            RaftOutput::Respond { token, response } => super::answers::respond_raft(self, token, &response),
            RaftOutput::Load { load_id, range } => {
                self.load(self.metadata_directory, range, LoadedFor::Raft { load_id });
            }
            RaftOutput::LeaderChanged { .. } => {
                if let Some(controller) = self.controller.as_mut() {
                    controller.renounce(self.now);
                }
                self.controller_changed();
            }
            RaftOutput::LeaderActivated { epoch } => {
                let next_offset = self.raft.log().log_end_offset();
                if let Some(controller) = self.controller.as_mut() {
                    let voters = self.raft.quorum().voters().ids().collect();
                    controller.quorum_is(self.raft.kraft_version(), voters);
                    controller.claim(self.now, epoch, next_offset);
                }
            }
            RaftOutput::Committed { last_offset, epoch, append_timestamp, records, .. } => {
                self.metadata_committed(last_offset, epoch, append_timestamp, &records);
            }
            RaftOutput::SnapshotLoaded { id, records } => self.metadata_snapshot(id, &records),
            RaftOutput::HighWatermark(_) => {}
            RaftOutput::ShutdownComplete => self.quorum_is_shut_down(),
            RaftOutput::Fatal(reason) => self.fatal(reason),
        }
    }

    fn send_raft(&mut self, to: NodeId, request_id: u64, request: &RaftRequest) {
        let purpose = Purpose::Raft { to, request_id };
        let Some(endpoint) = self.voter_endpoint(to) else { return self.request_failed(purpose) };
        let deadline = self.now.monotonic + self.quorum_request_timeout();
        let channel = Channel::Raft(to);
        match request {
            RaftRequest::Vote(request) => self.channels.send(channel, &endpoint, 2, request, purpose, deadline),
            RaftRequest::BeginQuorumEpoch(request) => {
                self.channels.send(channel, &endpoint, 1, request, purpose, deadline);
            }
            RaftRequest::EndQuorumEpoch(request) => {
                self.channels.send(channel, &endpoint, 1, request, purpose, deadline);
            }
            RaftRequest::Fetch(request) => self.channels.send(channel, &endpoint, 18, request, purpose, deadline),
            RaftRequest::FetchSnapshot(request) => {
                self.channels.send(channel, &endpoint, 1, request, purpose, deadline);
            }
            RaftRequest::DescribeQuorum(request) => {
                self.channels.send(channel, &endpoint, 2, request, purpose, deadline);
            }
        }
    }

    /// Below the fetch time-out, that a silent peer does not hold up an election.
    fn quorum_request_timeout(&self) -> Duration {
        self.config.quorum.request_timeout.min(self.config.quorum.fetch_timeout.mul_f32(0.75))
    }

    fn controller_output(&mut self, output: ControllerOutput) {
        match output {
            ControllerOutput::Append { epoch, base_offset, records } => {
                let encoded: Vec<Bytes> = records.iter().map(MetadataRecord::encode).collect();
                let store = &mut self.stores[self.metadata_directory];
                let appended = self.raft.append(self.now, epoch, &encoded, store);
                let expected = base_offset + encoded.len() as i64 - 1;
                if appended != Ok(expected)
                    && let Some(controller) = self.controller.as_mut()
                {
                    controller.append_failed(self.now);
                }
            }
            ControllerOutput::Respond { token, response, not_controller } => {
                super::answers::respond_controller(self, token, &response, not_controller);
            }
            ControllerOutput::Resign { epoch } => {
                self.raft.resign(self.now, epoch, &mut self.stores[self.metadata_directory]);
            }
            ControllerOutput::Event(event) => self.event(event),
        }
    }

    fn replica_output(&mut self, output: ReplicaOutput) {
        match output {
            ReplicaOutput::Send { to, request_id, request } => self.send_fetcher(to, request_id, &request),
            ReplicaOutput::SendAlterPartition { request_id, request } => {
                let purpose = Purpose::AlterPartition { request_id };
                if !self.ask_controller(&request, purpose.clone()) {
                    self.request_failed(purpose);
                }
            }
            ReplicaOutput::SendAssignReplicasToDirs { request_id, request } => {
                let purpose = Purpose::AssignReplicasToDirs { request_id };
                if !self.ask_controller(&request, purpose.clone()) {
                    self.request_failed(purpose);
                }
            }
            ReplicaOutput::Respond { token, response } => match response {
                Response::Produce(mut response) => {
                    response.throttle_time_ms = self.throttle_producer(token);
                    self.name_leaders_of_produce(token, &mut response);
                    self.respond::<m::ProduceRequest>(token, &response);
                }
                Response::Fetch(mut response) => {
                    if let Some(Answer::Client(asked)) = self.inbound.owed(token) {
                        let (connection, client_id) = (asked.connection, asked.client_id.clone());
                        self.throttle(connection, client_id, CONSUMER_BYTE_RATE, response.throttle_time_ms);
                    }
                    self.name_leaders_of_fetch(token, &mut response);
                    self.respond::<m::FetchRequest>(token, &response);
                }
                Response::ListOffsets(response) => self.respond::<m::ListOffsetsRequest>(token, &response),
                Response::DeleteRecords(response) => self.respond::<m::DeleteRecordsRequest>(token, &response),
            },
            ReplicaOutput::VerifyTransaction { verification_id, verification } => {
                self.verify_transaction(verification_id, verification);
            }
            ReplicaOutput::LocalVerified { token, result } => self.offsets_verified(token, result),
            ReplicaOutput::MarkerWritten { marker_id, error } => self.txn_marker_written(marker_id, error),
            ReplicaOutput::NoResponse { token } => {
                self.throttle_producer(token);
                if let Some(Answer::Client(asked)) = self.inbound.settle(token) {
                    self.inbound.idle(asked.connection);
                }
            }
            ReplicaOutput::CloseConnection { token } => {
                if let Some(Answer::Client(asked)) = self.inbound.settle(token) {
                    self.close(asked.connection);
                }
            }
            ReplicaOutput::Load { load_id, directory, range } => {
                self.load(directory, range, LoadedFor::Log { load_id });
            }
            ReplicaOutput::Event(event) => self.event(event),
            ReplicaOutput::BecameLeader { partition, leader_epoch } => self.became_leader(&partition, leader_epoch),
            ReplicaOutput::StoppedLeading { partition, .. } => self.stopped_leading(&partition),
            ReplicaOutput::LoadedForReading { partition } => self.loaded_for_reading(&partition),
            ReplicaOutput::HighWatermarkAdvanced { partition, offset } => {
                self.high_watermark_advanced(&partition, offset);
            }
        }
    }

    /// Counts what was produced; a client over its quota waits before its next request is taken. Answers for how long, in
    /// milliseconds.
    fn throttle_producer(&mut self, token: Token) -> i32 {
        let Some(Answer::Client(asked)) = self.inbound.owed(token) else { return 0 };
        let (connection, client) = (asked.connection, QuotaClient::anonymous(asked.client_id.clone()));
        let throttle_ms = self.replica_manager.record_produced(self.now, &client, asked.request_bytes);
        self.throttle(connection, Some(client.client_id), PRODUCER_BYTE_RATE, throttle_ms);
        throttle_ms
    }

    /// The client, over the quota that is set under `quota`, waits before its next request is taken.
    pub(super) fn throttle(
        &mut self,
        connection: ConnectionId,
        client_id: Option<Str>,
        quota: &'static str,
        throttle_ms: i32,
    ) {
        if throttle_ms > 0 {
            let wait = Duration::from_millis(u64::from(throttle_ms.unsigned_abs()));
            self.inbound.throttle(connection, self.now.monotonic + wait);
            let (client_id, quota) = (client_id.unwrap_or_default(), Str::from_static(quota));
            self.event(Event::ClientThrottled { client_id, quota, throttle_ms });
        }
    }

    fn send_fetcher(
        &mut self,
        to: NodeId,
        request_id: u64,
        request: &crate::replication::replica_fetcher::FetcherRequest,
    ) {
        use crate::replication::replica_fetcher::FetcherRequest;
        let purpose = Purpose::Replica { leader: to, request_id };
        let listener = self.config.inter_broker_listener_name.clone();
        let Some(endpoint) = self.image.alive_endpoint(to, &listener) else { return self.request_failed(purpose) };
        let endpoint = super::channels::Endpoint { host: endpoint.host.clone(), port: endpoint.port };
        let channel = Channel::Replica(to);
        if self.channels.endpoint(channel).is_some_and(|known| *known != endpoint) {
            let failed = self.channels.close(self.now.monotonic, &mut self.rng, channel, &mut self.outputs);
            self.requests_failed(failed);
        }
        let deadline = self.now.monotonic + self.config.replication.socket_timeout;
        match request {
            FetcherRequest::Fetch(request) => self.channels.send(channel, &endpoint, 17, request, purpose, deadline),
            FetcherRequest::ListOffsets(request) => {
                self.channels.send(channel, &endpoint, 10, request, purpose, deadline);
            }
        }
    }

    /// Gives a request to KRaft.
    pub(super) fn ask_raft(&mut self, token: Token, request: RaftRequest) {
        self.raft.handle_request(self.now, token, request, &mut self.stores[self.metadata_directory]);
    }

    /// Gives a request to this node's controller.
    pub(super) fn ask_own_controller(
        &mut self,
        token: Token,
        request: ControllerRequest,
        context: &ControllerRequestContext,
    ) {
        if let Some(controller) = self.controller.as_mut() {
            controller.handle(self.now, token, request, context);
        } else {
            let error = crate::controller::ApiError::from(ErrorCode::NotController);
            super::answers::respond_controller(self, token, &request.error_response(&error), true);
        }
    }

    /// Answers a request. Out of line: a page loads of an API what it needs when it is first asked.
    #[inline(never)]
    pub(super) fn respond<R: Request>(&mut self, token: Token, response: &R::Response) {
        match self.inbound.settle(token) {
            Some(Answer::Client(asked)) => {
                let bytes = encode_response::<R>(asked.version, asked.correlation_id, response);
                self.send(asked.connection, bytes);
            }
            Some(Answer::Envelope { envelope, asked }) => {
                let mut data = BytesMut::new();
                for part in encode_response::<R>(asked.version, asked.correlation_id, response) {
                    data.extend_from_slice(&part);
                }
                self.respond::<m::EnvelopeRequest>(
                    envelope,
                    &m::EnvelopeResponse { response_data: Some(data.freeze()), ..Default::default() },
                );
            }
            Some(Answer::Itself) | None => {}
        }
    }

    /// Sends an answer; the connection's next request may be taken.
    pub(super) fn send(&mut self, connection: ConnectionId, bytes: Vec<Bytes>) {
        self.outputs.push_back(Output::Send { connection, bytes });
        self.inbound.idle(connection);
    }

    /// Closes a client's connection.
    pub(super) fn close(&mut self, connection: ConnectionId) {
        self.inbound.closed(connection);
        self.outputs.push_back(Output::Close { connection });
    }

    /// Closes a connection because of what came on it.
    pub(super) fn refuse(&mut self, connection: ConnectionId, error: &DecodeError) {
        self.event(Event::BadRequest { reason: alloc::format!("{error}").into() });
        self.close(connection);
    }

    /// Tells the host.
    pub(super) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// The node cannot go on.
    pub(super) fn fatal(&mut self, reason: Str) {
        self.event(Event::Fatal { reason });
        self.shutdown = Shutdown::Done;
    }

    fn ask_for_producer_ids(&mut self) {
        let broker_epoch = self.lifecycle.as_ref().map_or(-1, BrokerLifecycle::broker_epoch);
        let request = m::AllocateProducerIdsRequest { broker_id: self.config.node_id, broker_epoch };
        if !self.ask_controller(&request, Purpose::AllocateProducerIds) {
            self.producer_ids.failed(self.now.monotonic);
        }
    }

    fn poll_lifecycle(&mut self) {
        let now = self.now.monotonic;
        let caught_up = self.image.provenance.offset;
        let Some(lifecycle) = self.lifecycle.as_mut() else { return };
        if lifecycle.gave_up(now) {
            return self.broker_is_shut_down();
        }
        let Some(request) = lifecycle.poll(now, caught_up) else { return };
        let sent = match request {
            LifecycleRequest::Register(request) => self.ask_controller(&request, Purpose::Register),
            LifecycleRequest::Heartbeat(request) => self.ask_controller(&request, Purpose::Heartbeat),
        };
        if !sent && let Some(lifecycle) = self.lifecycle.as_mut() {
            lifecycle.failed(now);
        }
    }

    /// An answer changed the broker's life.
    pub(super) fn lifecycle_changed(&mut self, change: Option<LifecycleChange>) {
        match change {
            Some(LifecycleChange::Registered(broker_epoch)) => {
                self.replica_manager.set_broker_epoch(broker_epoch);
                self.event(Event::Registered { broker_epoch });
                self.publish_first();
            }
            Some(LifecycleChange::ShutDown) => self.broker_is_shut_down(),
            Some(LifecycleChange::Fenced(false)) => {
                self.serving = true;
                self.event(Event::Unfenced);
            }
            Some(LifecycleChange::Fenced(true)) | None => {}
        }
    }

    fn begin_shutdown(&mut self) {
        if self.shutdown != Shutdown::No {
            return;
        }
        self.shutdown = Shutdown::Broker;
        let now = self.now.monotonic;
        let at_once = !self.config.lifecycle.controlled_shutdown_enable;
        if self.lifecycle.as_mut().is_none_or(|lifecycle| lifecycle.begin_controlled_shutdown(now) || at_once) {
            self.broker_is_shut_down();
        }
    }

    fn broker_is_shut_down(&mut self) {
        if self.shutdown == Shutdown::Broker {
            self.shutdown = Shutdown::Quorum;
            let store = &mut self.stores[self.metadata_directory];
            self.raft.shutdown(self.now, QUORUM_SHUTDOWN_TIMEOUT, store);
        }
    }

    fn quorum_is_shut_down(&mut self) {
        self.shutdown = Shutdown::Storing;
        let broker_epoch = self.lifecycle.as_ref().map_or(-1, BrokerLifecycle::broker_epoch);
        self.replica_manager.logs_mut().shut_down(broker_epoch, &mut self.stores);
        self.unstored = (0..self.stores.len()).filter(|&directory| !self.stores[directory].is_empty()).collect();
        if self.unstored.is_empty() {
            self.stopped();
        }
    }

    /// The clean-shutdown marker of a directory leaves last: it is done once nothing is queued and everything is stored.
    fn storing_is_done(&mut self, directory: usize, ticket: Ticket) {
        let store = &self.stores[directory];
        if store.is_empty() && store.last_ticket() <= Some(ticket) {
            self.unstored.retain(|&waiting| waiting != directory);
        }
        if self.unstored.is_empty() {
            self.stopped();
        }
    }

    fn stopped(&mut self) {
        self.shutdown = Shutdown::Done;
        self.event(Event::Stopped);
    }
}
