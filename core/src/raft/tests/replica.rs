//! One replica by script: what it answers, case by case.

use crate::ids::{NodeId, Offset, Uuid};
use crate::log::storage::{StoreQueue, Ticket};
use crate::log::{LogConfig, UnifiedLog};
use crate::protocol::messages::{
    BeginQuorumEpochRequest, DescribeQuorumRequest, EndQuorumEpochRequest, FetchRequest, FetchResponse,
    FetchSnapshotRequest, VoteRequest, VoteResponse, begin_quorum_epoch_request as begin,
    describe_quorum_request as describe, end_quorum_epoch_request as end, fetch_request as fetch, fetch_response,
    fetch_snapshot_request as piece, vote_request as vote, vote_response,
};
use crate::protocol::{ErrorCode, Records};
use crate::raft::quorum_state::StateName;
use crate::raft::quorum_state_file::QuorumStateData;
use crate::raft::snapshot::{SnapshotId, metadata_partition, read_snapshot};
use crate::raft::voter_set::VoterSet;
use crate::raft::{AppendError, RaftClient, RaftConfig, RaftOutput, RaftRequest, RaftResponse, SnapshotRefused};
use crate::rng::Rng;
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

const CLUSTER: Str = Str::from_static("test-cluster");

/// Voter 0 of three, whose peers are this test.
struct Script {
    client: RaftClient,
    queue: StoreQueue,
    now: Instant,
    next_token: u64,
    sent: Vec<(NodeId, u64, RaftRequest)>,
    answers: Vec<(u64, RaftResponse)>,
    others: Vec<RaftOutput>,
}

impl Script {
    fn new(stored: Option<QuorumStateData>) -> Self {
        Self::with_voters("0@a:1,1@b:1,2@c:1", stored)
    }

    fn with_voters(voters: &str, stored: Option<QuorumStateData>) -> Self {
        let voters = VoterSet::parse(voters, &Str::from_static("CONTROLLER")).unwrap();
        let mut config = RaftConfig::new(CLUSTER, 0, Uuid::from_u128(100), voters);
        config.max_retention_bytes = 0;
        let mut queue = StoreQueue::default();
        let now = Now { monotonic: Instant::from_millis(1), wall_ms: 1000 };
        let log =
            UnifiedLog::create(metadata_partition(), Uuid::METADATA_TOPIC, 0, LogConfig::default(), 0, now, &mut queue);
        let client = RaftClient::new(config, log, stored, &[], Rng::new(3), now, &mut queue);
        let (sent, answers, others) = (Vec::new(), Vec::new(), Vec::new());
        let mut script = Self { client, queue, now: now.monotonic, next_token: 0, sent, answers, others };
        script.act(RaftClient::tick);
        script
    }

    fn clock(&self) -> Now {
        Now { monotonic: self.now, wall_ms: 1000 + self.now.as_millis() as i64 }
    }

    /// Acts, and lets everything be stored at once.
    fn act<T>(&mut self, action: impl FnOnce(&mut RaftClient, Now, &mut StoreQueue) -> T) -> T {
        let now = self.clock();
        let outcome = action(&mut self.client, now, &mut self.queue);
        self.drain();
        while let Some((ticket, _)) = self.queue.take() {
            self.client.stored(now, ticket, &mut self.queue);
            self.drain();
        }
        outcome
    }

    fn drain(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                RaftOutput::Send { to, request_id, request } => self.sent.push((to, request_id, request)),
                RaftOutput::Respond { token, response } => self.answers.push((token, response)),
                other => self.others.push(other),
            }
        }
    }

    fn ask(&mut self, request: RaftRequest) -> Option<RaftResponse> {
        self.next_token += 1;
        let token = self.next_token;
        self.act(|client, now, queue| client.handle_request(now, token, request, queue));
        let index = self.answers.iter().position(|(answered, _)| *answered == token)?;
        Some(self.answers.swap_remove(index).1)
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
        self.act(RaftClient::tick);
    }

    /// Answers every vote request that is out with a yes.
    fn grant_all(&mut self) {
        for (to, request_id, request) in core::mem::take(&mut self.sent) {
            let RaftRequest::Vote(request) = request else { continue };
            let mut response = VoteResponse::default();
            let partition = vote_response::PartitionData {
                leader_id: -1,
                leader_epoch: request.topics[0].partitions[0].replica_epoch,
                vote_granted: true,
                ..Default::default()
            };
            response.topics = vec![vote_response::TopicData { partitions: vec![partition], ..Default::default() }];
            let response = Ok(RaftResponse::Vote(response));
            self.act(|client, now, queue| client.handle_response(now, to, request_id, response, queue));
        }
    }

    fn elected() -> Self {
        let mut script = Self::new(None);
        script.pass(2000);
        script.grant_all();
        script.grant_all();
        assert_eq!(script.client.quorum().name(), StateName::Leader);
        script
    }

    fn epoch(&self) -> i32 {
        self.client.quorum().epoch()
    }

    fn fetch(&mut self, request: FetchRequest) -> Option<FetchResponse> {
        match self.ask(RaftRequest::Fetch(request))? {
            RaftResponse::Fetch(response) => Some(response),
            other => panic!("{other:?}"),
        }
    }

    /// Replica `replica` has everything below `offset`, the last of `epoch`, and does not wait.
    fn fetch_from(&mut self, replica: NodeId, offset: Offset, epoch: i32) -> fetch_response::PartitionData {
        let response = self.fetch(fetch_request(replica, self.epoch(), offset, epoch)).unwrap();
        response.responses[0].partitions[0].clone()
    }
}

fn vote_request(candidate: NodeId, epoch: i32, last: (i32, Offset), pre_vote: bool) -> VoteRequest {
    let partition = vote::PartitionData {
        partition_index: 0,
        replica_epoch: epoch,
        replica_id: candidate,
        replica_directory_id: Uuid::from_u128(candidate.unsigned_abs() as u128),
        voter_directory_id: Uuid::ZERO,
        last_offset_epoch: last.0,
        last_offset: last.1,
        pre_vote,
    };
    let topic = vote::TopicData { topic_name: Str::from_static("__cluster_metadata"), partitions: vec![partition] };
    VoteRequest { cluster_id: Some(CLUSTER), voter_id: 0, topics: vec![topic] }
}

fn fetch_request(replica: NodeId, epoch: i32, offset: Offset, last_epoch: i32) -> FetchRequest {
    let partition = fetch::FetchPartition {
        partition: 0,
        current_leader_epoch: epoch,
        fetch_offset: offset,
        last_fetched_epoch: last_epoch,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic = fetch::FetchTopic { topic_id: Uuid::METADATA_TOPIC, partitions: vec![partition], ..Default::default() };
    FetchRequest {
        cluster_id: Some(CLUSTER),
        replica_state: fetch::ReplicaState { replica_id: replica, replica_epoch: -1 },
        topics: vec![topic],
        ..Default::default()
    }
}

fn piece_request(epoch: i32, id: SnapshotId, position: i64, max_bytes: i32) -> RaftRequest {
    let partition = piece::PartitionSnapshot {
        partition: 0,
        current_leader_epoch: epoch,
        snapshot_id: piece::SnapshotId { end_offset: id.end_offset, epoch: id.epoch },
        position,
        ..Default::default()
    };
    let topic = piece::TopicSnapshot { name: Str::from_static("__cluster_metadata"), partitions: vec![partition] };
    RaftRequest::FetchSnapshot(FetchSnapshotRequest {
        cluster_id: Some(CLUSTER),
        replica_id: 1,
        max_bytes,
        topics: vec![topic],
    })
}

/// Top-level error, partition error, granted, epoch answered.
fn vote_answer(script: &mut Script, request: VoteRequest) -> (i16, i16, bool, i32) {
    match script.ask(RaftRequest::Vote(request)) {
        Some(RaftResponse::Vote(response)) => match response.topics.first() {
            None => (response.error_code, 0, false, 0),
            Some(topic) => {
                let partition = &topic.partitions[0];
                (response.error_code, partition.error_code, partition.vote_granted, partition.leader_epoch)
            }
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn votes_are_judged() {
    let none = ErrorCode::None.code();
    let invalid = ErrorCode::InvalidRequest.code();
    let fenced = ErrorCode::FencedLeaderEpoch.code();
    let stored = Some(QuorumStateData { leader_id: None, leader_epoch: 5, voted: None });
    for (request, expect) in [
        (vote_request(1, 6, (0, 0), false), (none, none, true, 6)),
        (vote_request(1, 5, (0, 0), false), (none, none, true, 5)),
        (vote_request(1, 4, (0, 0), false), (none, fenced, false, 5)),
        (vote_request(1, 6, (6, 3), false), (none, invalid, false, 5)),
        (vote_request(1, 6, (-1, 3), false), (none, invalid, false, 5)),
        (vote_request(1, 6, (1, -3), false), (none, invalid, false, 5)),
        (vote_request(-1, 6, (1, 3), false), (none, invalid, false, 5)),
        (vote_request(1, 6, (6, 3), true), (none, none, true, 6)),
        (vote_request(1, 6, (7, 3), true), (none, invalid, false, 5)),
        (vote_request(1, 5, (0, 0), true), (none, none, true, 5)),
        (vote_request(1, 4, (0, 0), true), (none, fenced, false, 5)),
    ] {
        let mut script = Script::new(stored);
        assert_eq!(vote_answer(&mut script, request.clone()), expect, "{request:?}");
    }
}

#[test]
fn requests_for_others_are_refused() {
    let mut script = Script::new(None);
    let other = VoteRequest { cluster_id: Some(Str::from_static("other")), ..vote_request(1, 6, (0, 0), false) };
    assert_eq!(vote_answer(&mut script, other).0, ErrorCode::InconsistentClusterId.code());
    let nobody = VoteRequest { topics: Vec::new(), ..vote_request(1, 6, (0, 0), false) };
    assert_eq!(vote_answer(&mut script, nobody).0, ErrorCode::InvalidRequest.code());
    assert_eq!(script.epoch(), 0, "a refused request changes nothing");
    let elsewhere = VoteRequest { voter_id: 2, ..vote_request(1, 6, (0, 0), false) };
    assert_eq!(vote_answer(&mut script, elsewhere), (0, ErrorCode::InvalidVoterKey.code(), false, 6));
    let mut directory = vote_request(1, 7, (0, 0), false);
    directory.topics[0].partitions[0].voter_directory_id = Uuid::from_u128(9);
    assert_eq!(vote_answer(&mut script, directory), (0, ErrorCode::InvalidVoterKey.code(), false, 7));
    let unnamed = VoteRequest { cluster_id: None, voter_id: -1, ..vote_request(1, 8, (0, 0), false) };
    assert_eq!(vote_answer(&mut script, unnamed), (0, 0, true, 8));
}

#[test]
fn a_vote_leaves_after_it_is_stored() {
    let mut script = Script::new(None);
    let now = script.clock();
    let request = RaftRequest::Vote(vote_request(1, 6, (0, 0), false));
    script.client.handle_request(now, 1, request, &mut script.queue);
    script.drain();
    assert!(script.answers.is_empty());
    let (ticket, _) = script.queue.take().unwrap();
    if ticket > Ticket(0) {
        script.client.stored(now, Ticket(ticket.0 - 1), &mut script.queue);
        script.drain();
        assert!(script.answers.is_empty(), "an older ticket is not enough");
    }
    script.client.stored(now, ticket, &mut script.queue);
    script.drain();
    assert!(matches!(&script.answers[..], [(1, RaftResponse::Vote(_))]));
    assert!(vote_answer(&mut script, vote_request(1, 6, (0, 0), false)).2, "the same candidate again");
    assert!(!vote_answer(&mut script, vote_request(2, 6, (0, 0), false)).2, "another");
}

#[test]
fn an_election_goes_from_pre_vote_to_leader_change() {
    let mut script = Script::new(None);
    assert!(script.sent.is_empty(), "it waits for an election timeout");
    script.pass(2000);
    let pre_votes: Vec<bool> = script
        .sent
        .iter()
        .map(|(_, _, request)| match request {
            RaftRequest::Vote(request) => request.topics[0].partitions[0].pre_vote,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(pre_votes, [true, true]);
    assert_eq!(script.epoch(), 0, "asking raises no epoch");
    script.grant_all();
    assert_eq!((script.client.quorum().name(), script.epoch()), (StateName::Candidate, 1));
    script.grant_all();
    assert_eq!((script.client.quorum().name(), script.epoch()), (StateName::Leader, 1));
    let begun: Vec<NodeId> = script
        .sent
        .iter()
        .filter(|(_, _, request)| matches!(request, RaftRequest::BeginQuorumEpoch(_)))
        .map(|(to, _, _)| *to)
        .collect();
    assert_eq!(begun, [1, 2]);
    assert_eq!(script.client.log().log_end_offset(), 1);
    assert_eq!(script.client.high_watermark(), 0);
    assert!(!script.others.iter().any(|output| matches!(output, RaftOutput::LeaderActivated { .. })));
    script.fetch_from(1, 0, 0);
    assert_eq!(script.client.high_watermark(), 0, "who asks from 0 has nothing");
    script.fetch(fetch_request(1, 1, 1, 1));
    assert_eq!(script.client.high_watermark(), 1);
    assert!(script.others.contains(&RaftOutput::LeaderActivated { epoch: 1 }));
}

#[test]
fn a_single_voter_leads_at_once() {
    let mut script = Script::with_voters("0@a:1", None);
    assert_eq!((script.client.quorum().name(), script.epoch()), (StateName::Leader, 1));
    assert_eq!(script.client.high_watermark(), 1, "its LeaderChange is stored");
    let records = [Bytes::from_static(b"a"), Bytes::from_static(b"b")];
    assert_eq!(script.act(|client, now, queue| client.append(now, 1, &records, queue)), Ok(2));
    let committed = script.others.iter().find_map(|output| match output {
        RaftOutput::Committed { base_offset: 1, last_offset: 2, epoch: 1, records, .. } => Some(records.clone()),
        _ => None,
    });
    assert_eq!(committed, Some(records.to_vec()));
    for (epoch, records, expect) in [
        (2, &records[..], AppendError::NotLeader),
        (0, &records[..], AppendError::NotLeader),
        (1, &[], AppendError::Empty),
        (1, &[Bytes::from(vec![0; 9 << 20])], AppendError::TooLarge),
    ] {
        assert_eq!(script.act(|client, now, queue| client.append(now, epoch, records, queue)), Err(expect));
    }
}

#[test]
fn fetches_are_judged() {
    let mut script = Script::elected();
    let epoch = script.epoch();
    let records = [Bytes::from_static(b"a")];
    script.act(|client, now, queue| client.append(now, epoch, &records, queue)).unwrap();
    for (request_epoch, expect) in [
        (epoch - 1, ErrorCode::FencedLeaderEpoch),
        (epoch, ErrorCode::None),
        (epoch + 1, ErrorCode::UnknownLeaderEpoch),
    ] {
        let response = script.fetch(fetch_request(1, request_epoch, 0, 0)).unwrap();
        let partition = &response.responses[0].partitions[0];
        assert_eq!(partition.error_code, expect.code());
        assert_eq!((partition.current_leader.leader_id, partition.current_leader.leader_epoch), (0, epoch));
        assert_eq!(response.node_endpoints[0].host, "a");
    }
    for (cluster_id, offset, last_epoch, expect) in [
        (Some(Str::from_static("other")), 0, 0, ErrorCode::InconsistentClusterId),
        (None, 0, 0, ErrorCode::None),
        (Some(CLUSTER), -1, 0, ErrorCode::InvalidRequest),
        (Some(CLUSTER), 0, -1, ErrorCode::InvalidRequest),
    ] {
        let request = FetchRequest { cluster_id, ..fetch_request(1, epoch, offset, last_epoch) };
        assert_eq!(script.fetch(request).unwrap().error_code, expect.code());
    }
    // (offset, last epoch, diverging epoch and end)
    for (offset, last_epoch, expect) in
        [(2, epoch, (-1, -1)), (0, 0, (-1, -1)), (9, epoch, (epoch, 2)), (1, epoch + 3, (epoch, 2)), (3, 0, (0, 0))]
    {
        let partition = script.fetch_from(2, offset, last_epoch);
        let diverging = (partition.diverging_epoch.epoch, partition.diverging_epoch.end_offset);
        assert_eq!(diverging, expect, "{offset} {last_epoch}");
        assert_eq!(partition.error_code, 0);
    }
}

#[test]
fn a_fetch_waits_for_records_or_the_high_watermark_or_its_time() {
    let mut script = Script::elected();
    let epoch = script.epoch();
    script.fetch_from(1, 1, epoch);
    let waiting = |high_watermark| {
        let mut request = FetchRequest { max_wait_ms: 500, ..fetch_request(2, epoch, 1, epoch) };
        request.topics[0].partitions[0].high_watermark = high_watermark;
        request
    };
    assert!(script.fetch(waiting(0)).is_some(), "it is told of the high watermark at once");
    assert!(script.fetch(waiting(1)).is_none());
    script.pass(499);
    assert!(script.answers.is_empty());
    assert_eq!(script.client.next_deadline().unwrap().1, "quorum fetch max wait");
    script.pass(1);
    assert_eq!(script.answers.drain(..).count(), 1);
    assert!(script.fetch(waiting(1)).is_none());
    script.act(|client, now, queue| client.append(now, epoch, &[Bytes::from_static(b"a")], queue)).unwrap();
    let Some((_, RaftResponse::Fetch(response))) = script.answers.pop() else { panic!() };
    assert!(!response.responses[0].partitions[0].records.clone().unwrap_or_default().is_empty());
    assert!(script.fetch(FetchRequest { max_wait_ms: 500, ..fetch_request(2, epoch, 2, epoch) }).is_none());
    script.act(|client, now, queue| client.resign(now, epoch, queue));
    let Some((_, RaftResponse::Fetch(response))) = script.answers.pop() else { panic!() };
    assert_eq!(response.responses[0].partitions[0].error_code, ErrorCode::NotLeaderOrFollower.code());
}

#[test]
fn a_snapshot_replaces_the_log_before_it_and_is_given_in_pieces() {
    let mut script = Script::with_voters("0@a:1", None);
    let records: Vec<Bytes> = (0..40).map(|number| Bytes::from(vec![number; 20])).collect();
    script.act(|client, now, queue| client.append(now, 1, &records, queue)).unwrap();
    let id = script.client.next_snapshot_id().unwrap();
    assert_eq!(id, SnapshotId { end_offset: 41, epoch: 1 });
    for (id, expect) in [
        (SnapshotId { end_offset: 42, epoch: 1 }, Err(SnapshotRefused::NotCommitted)),
        (SnapshotId { end_offset: 41, epoch: 2 }, Err(SnapshotRefused::UnknownEpoch)),
        (SnapshotId { end_offset: 0, epoch: 0 }, Err(SnapshotRefused::UnknownEpoch)),
        (id, Ok(())),
        (id, Err(SnapshotRefused::Exists)),
    ] {
        assert_eq!(script.act(|client, now, queue| client.create_snapshot(now, id, &records, queue)), expect);
    }
    assert_eq!(script.client.log().log_start_offset(), 41);
    let partition = script.fetch_from(7, 0, 0);
    assert_eq!((partition.snapshot_id.end_offset, partition.snapshot_id.epoch), (41, 1));
    assert_eq!(script.fetch_from(7, 41, 1).snapshot_id.end_offset, -1, "who has it goes on");
    let mut bytes = Vec::new();
    loop {
        let Some(RaftResponse::FetchSnapshot(response)) = script.ask(piece_request(1, id, bytes.len() as i64, 100))
        else {
            panic!()
        };
        let partition = &response.topics[0].partitions[0];
        assert_eq!((partition.error_code, partition.position), (0, bytes.len() as i64));
        bytes.extend_from_slice(&Records::to_bytes(&partition.unaligned_records));
        if bytes.len() as i64 == partition.size {
            break;
        }
        assert_eq!(bytes.len() % 100, 0);
    }
    assert_eq!(read_snapshot(&Bytes::from(bytes.clone())).unwrap().records, records);
    for (epoch, id, position, expect) in [
        (1, SnapshotId { end_offset: 7, epoch: 1 }, 0, ErrorCode::SnapshotNotFound),
        (1, id, bytes.len() as i64, ErrorCode::PositionOutOfRange),
        (1, id, -1, ErrorCode::PositionOutOfRange),
        (0, id, 0, ErrorCode::FencedLeaderEpoch),
        (2, id, 0, ErrorCode::UnknownLeaderEpoch),
    ] {
        let Some(RaftResponse::FetchSnapshot(response)) = script.ask(piece_request(epoch, id, position, 100)) else {
            panic!()
        };
        assert_eq!(response.topics[0].partitions[0].error_code, expect.code(), "{epoch} {id} {position}");
    }
}

#[test]
fn a_leader_makes_itself_known_and_ends_its_epoch() {
    let begin = |leader, epoch| {
        let partition = begin::PartitionData { leader_id: leader, leader_epoch: epoch, ..Default::default() };
        let topic_name = Str::from_static("__cluster_metadata");
        let topics = vec![begin::TopicData { topic_name, partitions: vec![partition] }];
        RaftRequest::BeginQuorumEpoch(BeginQuorumEpochRequest {
            cluster_id: Some(CLUSTER),
            voter_id: 0,
            topics,
            ..Default::default()
        })
    };
    let mut script = Script::new(Some(QuorumStateData { leader_epoch: 5, ..Default::default() }));
    for (leader, epoch, expect, state) in [
        (1, 4, ErrorCode::FencedLeaderEpoch, StateName::Unattached),
        (0, 6, ErrorCode::InvalidRequest, StateName::Unattached),
        (9, 6, ErrorCode::InvalidRequest, StateName::Unattached),
        (1, 5, ErrorCode::None, StateName::Follower),
        (2, 5, ErrorCode::InvalidRequest, StateName::Follower),
        (2, 6, ErrorCode::None, StateName::Follower),
    ] {
        let Some(RaftResponse::BeginQuorumEpoch(response)) = script.ask(begin(leader, epoch)) else { panic!() };
        assert_eq!(response.topics[0].partitions[0].error_code, expect.code(), "{leader} {epoch}");
        assert_eq!(script.client.quorum().name(), state);
    }
    assert_eq!(script.client.leader_and_epoch(), (Some(2), 6));
    assert!(matches!(&script.sent.last().unwrap(), (2, _, RaftRequest::Fetch(_))), "it fetches from it");
    let local = end::ReplicaInfo { candidate_id: 0, candidate_directory_id: Uuid::ZERO };
    let partition =
        end::PartitionData { leader_id: 2, leader_epoch: 6, preferred_candidates: vec![local], ..Default::default() };
    let topic_name = Str::from_static("__cluster_metadata");
    let topics = vec![end::TopicData { topic_name, partitions: vec![partition] }];
    let request = EndQuorumEpochRequest { cluster_id: Some(CLUSTER), topics, ..Default::default() };
    let Some(RaftResponse::EndQuorumEpoch(response)) = script.ask(RaftRequest::EndQuorumEpoch(request)) else {
        panic!()
    };
    assert_eq!(response.topics[0].partitions[0].error_code, 0);
    assert_eq!(script.client.quorum().name(), StateName::Prospective, "the first successor waits not at all");
}

#[test]
fn the_quorum_is_described_by_its_leader_alone() {
    let request = || {
        let topic_name = Str::from_static("__cluster_metadata");
        let topics = vec![describe::TopicData { topic_name, partitions: vec![describe::PartitionData::default()] }];
        RaftRequest::DescribeQuorum(DescribeQuorumRequest { topics })
    };
    let mut script = Script::new(None);
    let Some(RaftResponse::DescribeQuorum(response)) = script.ask(request()) else { panic!() };
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::NotLeaderOrFollower.code());
    let mut script = Script::elected();
    let epoch = script.epoch();
    script.fetch_from(1, 1, epoch);
    script.fetch_from(7, 0, 0);
    let Some(RaftResponse::DescribeQuorum(response)) = script.ask(request()) else { panic!() };
    let partition = &response.topics[0].partitions[0];
    assert_eq!((partition.leader_id, partition.leader_epoch, partition.high_watermark), (0, epoch, 1));
    let ends: Vec<(NodeId, Offset)> =
        partition.current_voters.iter().map(|voter| (voter.replica_id, voter.log_end_offset)).collect();
    assert_eq!(ends, [(0, 1), (1, 1), (2, -1)]);
    assert_eq!(partition.observers.len(), 1);
    assert_eq!(partition.observers[0].replica_id, 7);
    assert_eq!(response.nodes.len(), 3);
    assert_eq!(response.nodes[1].listeners[0].host, "b");
}

#[test]
fn an_observer_finds_the_leader_and_follows_it() {
    let mut script = Script::with_voters("1@b:1,2@c:1", None);
    assert!(!script.client.quorum().is_voter());
    let (asked, request_id, request) = script.sent.pop().unwrap();
    assert!(matches!(request, RaftRequest::Fetch(_)));
    assert!(script.sent.is_empty(), "one voter at a time");
    let leader = if asked == 1 { 2 } else { 1 };
    let partition = fetch_response::PartitionData {
        error_code: ErrorCode::FencedLeaderEpoch.code(),
        current_leader: fetch_response::LeaderIdAndEpoch { leader_id: leader, leader_epoch: 4 },
        ..Default::default()
    };
    let responses = vec![fetch_response::FetchableTopicResponse { partitions: vec![partition], ..Default::default() }];
    let response = Ok(RaftResponse::Fetch(FetchResponse { responses, ..Default::default() }));
    script.act(|client, now, queue| client.handle_response(now, asked, request_id, response, queue));
    assert_eq!(script.client.leader_and_epoch(), (Some(leader), 4));
    assert!(script.others.contains(&RaftOutput::LeaderChanged { leader: Some(leader), epoch: 4 }));
    let (to, _, request) = script.sent.pop().unwrap();
    assert_eq!(to, leader);
    let RaftRequest::Fetch(request) = request else { panic!() };
    assert_eq!(request.topics[0].partitions[0].current_leader_epoch, 4);
    assert_eq!(vote_answer(&mut script, vote_request(1, 9, (0, 0), false)), (0, 0, false, 9), "it has no vote");
}
