//! Whole clusters on virtual time: a network that delays, reorders and loses, disks that answer late, and what must hold
//! after every step.

use super::cluster_node::TestNode;
use crate::ids::{NodeId, Offset, Uuid};
use crate::log::storage::{FileRange, Ticket};
use crate::protocol::{Message, decode_message, encode_message};
use crate::raft::quorum_state::State;
use crate::raft::quorum_state_file::{QUORUM_STATE_FILE, QuorumStateData};
use crate::raft::voter_set::VoterSet;
use crate::raft::{RaftClient, RaftConfig, RaftOutput, RaftRequest, RaftResponse, RequestFailed};
use crate::rng::Rng;
use crate::sorted::{SortedMap, SortedSet};
use crate::text::Str;
use crate::time::{Duration, Instant, Now};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_millis(400);

/// Something on its way.
enum Event {
    Request { token: u64, request: RaftRequest },
    Response { token: u64, response: RaftResponse },
    Failure { token: u64, failure: RequestFailed },
    Stored { node: usize, incarnation: u64, ticket: Ticket },
    Loaded { node: usize, incarnation: u64, load_id: u64, range: FileRange },
}

struct Pending {
    from: usize,
    from_incarnation: u64,
    to: usize,
    to_incarnation: u64,
    request_id: u64,
    is_pre_vote: bool,
}

#[derive(Debug, PartialEq)]
struct CommittedBatch {
    last_offset: Offset,
    epoch: i32,
    records: Vec<Bytes>,
}

/// How bad the network is: of a thousand messages.
#[derive(Clone, Copy, Default)]
pub(super) struct Weather {
    pub(super) lost: u64,
    pub(super) slow: u64,
    /// Longest time a disk takes, in microseconds.
    pub(super) disk: u64,
}

pub(super) struct Cluster {
    pub(super) nodes: Vec<TestNode>,
    pub(super) rng: Rng,
    pub(super) now: Instant,
    pub(super) weather: Weather,
    pub(super) cut: SortedSet<(usize, usize)>,
    pub(super) leaders: SortedMap<i32, usize>,
    events: SortedMap<(Instant, u64), Event>,
    pending: SortedMap<u64, Pending>,
    committed: SortedMap<Offset, CommittedBatch>,
    /// Votes told to others: candidate by voter and epoch.
    votes: SortedMap<(usize, i32), usize>,
    next_number: u64,
    steps_at_now: u32,
    /// What the run did, for its tests: snapshots fetched.
    pub(super) snapshots_fetched: u32,
}

impl Cluster {
    /// `voters` voters and `observers` observers, all started.
    pub(super) fn new(seed: u64, voters: usize, observers: usize) -> Self {
        let mut rng = Rng::new(seed);
        let text: Vec<String> = (0..voters).map(|id| format!("{id}@node-{id}:19092")).collect();
        let set = VoterSet::parse(&text.join(","), &Str::from_static("CONTROLLER")).unwrap();
        let config = |id: usize| {
            let cluster = Str::from_static("test-cluster");
            let mut config = RaftConfig::new(cluster, id as NodeId, Uuid::from_u128(100 + id as u128), set.clone());
            config.election_timeout = Duration::from_millis(300);
            config.fetch_timeout = Duration::from_secs(1);
            config.election_backoff_max = Duration::from_millis(300);
            config.fetch_max_wait = Duration::from_millis(100);
            config.max_retention_bytes = 0;
            config
        };
        let mut cluster = Self {
            nodes: (0..voters + observers).map(|id| TestNode::new(config(id))).collect(),
            rng: rng.fork(),
            now: Instant::from_millis(1),
            weather: Weather::default(),
            cut: SortedSet::new(),
            leaders: SortedMap::new(),
            events: SortedMap::new(),
            pending: SortedMap::new(),
            committed: SortedMap::new(),
            votes: SortedMap::new(),
            next_number: 0,
            steps_at_now: 0,
            snapshots_fetched: 0,
        };
        for node in 0..cluster.nodes.len() {
            cluster.start(node);
        }
        cluster
    }

    pub(super) fn clock(&self) -> Now {
        Now { monotonic: self.now, wall_ms: 1_700_000_000_000 + self.now.as_millis() as i64 }
    }

    pub(super) fn start(&mut self, node: usize) {
        let (now, rng) = (self.clock(), self.rng.fork());
        self.nodes[node].start(now, rng);
        self.with(node, RaftClient::tick);
    }

    /// Ends a process; connections break at once. `written`: how many batches handed to storage are still written.
    pub(super) fn stop(&mut self, node: usize, written: usize) {
        self.nodes[node].stop(written);
        let broken: Vec<u64> =
            self.pending.iter().filter(|(_, pending)| pending.to == node).map(|(token, _)| *token).collect();
        for token in broken {
            self.schedule(Duration::from_micros(500), Event::Failure { token, failure: RequestFailed::Disconnected });
        }
    }

    /// Lets a running node do something, then carries out what it wants.
    pub(super) fn with<T>(
        &mut self,
        node: usize,
        action: impl FnOnce(&mut RaftClient, Now, &mut crate::log::storage::StoreQueue) -> T,
    ) -> Option<T> {
        let now = self.clock();
        let TestNode { client, queue, .. } = &mut self.nodes[node];
        let outcome = action(client.as_mut()?, now, queue);
        self.drain(node);
        self.check(node);
        Some(outcome)
    }

    fn schedule(&mut self, delay: Duration, event: Event) {
        self.next_number += 1;
        self.events.insert((self.now + delay, self.next_number), event);
    }

    fn drain(&mut self, node: usize) {
        loop {
            let Some(output) = self.nodes[node].client.as_mut().and_then(RaftClient::poll_output) else {
                break;
            };
            self.carry_out(node, output);
        }
        let Some((ticket, commands)) = self.nodes[node].queue.take() else { return };
        let delay = Duration::from_micros(100 + self.rng.below(self.weather.disk.max(2000)));
        // A disk answers in order.
        let at = (self.now + delay).max(self.nodes[node].last_store_at);
        self.nodes[node].last_store_at = at;
        self.nodes[node].unstored.push_back((ticket, commands));
        let incarnation = self.nodes[node].incarnation;
        self.schedule(at.since(self.now), Event::Stored { node, incarnation, ticket });
    }

    fn carry_out(&mut self, node: usize, output: RaftOutput) {
        let incarnation = self.nodes[node].incarnation;
        match output {
            RaftOutput::Send { to, request_id, request } => self.send(node, to as usize, request_id, &request),
            RaftOutput::Respond { token, response } => {
                let asked_by =
                    self.pending.get(&token).filter(|pending| !pending.is_pre_vote).map(|pending| pending.from);
                if let (RaftResponse::Vote(vote), Some(candidate)) = (&response, asked_by)
                    && let Some(partition) = vote.topics.first().and_then(|topic| topic.partitions.first())
                    && partition.vote_granted
                {
                    self.note_vote(node, partition.leader_epoch, candidate);
                }
                if let Some(delay) = self.delay_between(node, self.pending.get(&token).map(|pending| pending.from)) {
                    self.schedule(delay, Event::Response { token, response: over_the_wire_back(&response) });
                }
            }
            RaftOutput::Load { load_id, range } => {
                let delay = Duration::from_micros(100 + self.rng.below(5000));
                self.schedule(delay, Event::Loaded { node, incarnation, load_id, range });
            }
            RaftOutput::Committed { base_offset, last_offset, epoch, records, .. } => {
                let expected = self.nodes[node].next_offset.unwrap_or(0);
                assert_eq!(base_offset, expected, "node {node} is told of commits in order");
                self.nodes[node].next_offset = Some(last_offset + 1);
                self.nodes[node].state.extend(records.iter().cloned());
                let batch = CommittedBatch { last_offset, epoch, records };
                if let Some(known) = self.committed.get(&base_offset) {
                    assert_eq!(known, &batch, "node {node} at offset {base_offset}");
                } else {
                    assert_eq!(self.committed_end(), base_offset, "commits make no gap");
                    let holders =
                        self.voters().filter(|node| node.has_on_disk(base_offset, last_offset, epoch)).count();
                    let majority = self.nodes[node].config.voters.majority();
                    assert!(holders >= majority, "offset {base_offset} is on {holders} disks and said to be committed");
                    self.committed.insert(base_offset, batch);
                }
            }
            RaftOutput::SnapshotLoaded { id, records } => {
                assert!(id.end_offset <= self.committed_end(), "only what is committed is in a snapshot");
                assert_eq!(records, self.committed_before(id.end_offset), "node {node} loads snapshot {id}");
                if self.nodes[node].next_offset.is_some() {
                    self.snapshots_fetched += 1;
                }
                self.nodes[node].state = records;
                self.nodes[node].next_offset = Some(id.end_offset);
            }
            RaftOutput::LeaderActivated { epoch } => {
                let client = self.nodes[node].client.as_ref().unwrap();
                assert!(client.log().log_end_offset() >= self.committed_end(), "a leader has all that is committed");
                self.nodes[node].activated_epoch = Some(epoch);
            }
            RaftOutput::ShutdownComplete => self.nodes[node].is_shutdown_complete = true,
            RaftOutput::Fatal(reason) => panic!("node {node} failed: {reason}"),
            RaftOutput::LeaderChanged { .. } | RaftOutput::HighWatermark(_) => {}
        }
    }

    fn voters(&self) -> impl Iterator<Item = &TestNode> {
        self.nodes.iter().filter(|node| node.config.voters.contains(node.id()))
    }

    /// A vote of `voter` became known to others.
    fn note_vote(&mut self, voter: usize, epoch: i32, candidate: usize) {
        let first = *self.votes.entry((voter, epoch)).or_insert(candidate);
        assert_eq!(first, candidate, "{voter} votes once in epoch {epoch}");
        let stored = self.nodes[voter].disk.file(QUORUM_STATE_FILE).map(|bytes| QuorumStateData::parse(bytes).unwrap());
        let stored_vote = stored.map(|data| (data.leader_epoch, data.voted.map(|key| key.id as usize)));
        assert_eq!(stored_vote, Some((epoch, Some(candidate))), "a vote is stored before it is told");
    }

    fn send(&mut self, from: usize, to: usize, request_id: u64, request: &RaftRequest) {
        if let RaftRequest::Vote(vote) = request {
            let partition = &vote.topics[0].partitions[0];
            if !partition.pre_vote {
                self.note_vote(from, partition.replica_epoch, from);
            }
        }
        let token = self.next_number;
        let (from_incarnation, to_incarnation) = (self.nodes[from].incarnation, self.nodes[to].incarnation);
        let is_pre_vote = matches!(request, RaftRequest::Vote(vote) if vote.topics[0].partitions[0].pre_vote);
        let pending = Pending { from, from_incarnation, to, to_incarnation, request_id, is_pre_vote };
        self.pending.insert(token, pending);
        if self.nodes[to].client.is_none() {
            let failure = RequestFailed::Disconnected;
            return self.schedule(Duration::from_micros(500), Event::Failure { token, failure });
        }
        self.schedule(REQUEST_TIMEOUT, Event::Failure { token, failure: RequestFailed::TimedOut });
        if let Some(delay) = self.delay_between(from, Some(to)) {
            let request = over_the_wire(request);
            self.schedule(delay, Event::Request { token, request });
        }
    }

    /// How long a message takes; `None` for one that is lost.
    fn delay_between(&mut self, from: usize, to: Option<usize>) -> Option<Duration> {
        let to = to?;
        if self.cut.contains(&(from, to)) || self.rng.chance(self.weather.lost, 1000) {
            return None;
        }
        let longest = if self.rng.chance(self.weather.slow, 1000) { 300_000 } else { 3000 };
        Some(Duration::from_micros(200 + self.rng.below(longest)))
    }

    /// Does the next thing there is to do, not after `until`; answers false where there is none.
    pub(super) fn step(&mut self, until: Instant) -> bool {
        let event_at = self.events.first_key_value().map(|((at, _), _)| *at);
        let deadline = |node: &TestNode| node.client.as_ref()?.next_deadline().map(|(at, _)| at);
        let timer = (0..self.nodes.len()).filter_map(|node| Some((deadline(&self.nodes[node])?, node))).min();
        let timer_at = timer.map(|(at, _)| at);
        let Some(at) = [event_at, timer_at].into_iter().flatten().min() else { return false };
        if at > until {
            self.now = until;
            return false;
        }
        self.steps_at_now = if at > self.now { 0 } else { self.steps_at_now + 1 };
        assert!(
            self.steps_at_now < 2000,
            "time stands still: {:?}",
            timer.map(|(at, node)| (at, node, self.nodes[node].client.as_ref().unwrap().quorum().state().clone()))
        );
        self.now = self.now.max(at);
        match timer {
            Some((timer_at, node)) if event_at.is_none_or(|event_at| timer_at < event_at) => {
                self.with(node, RaftClient::tick);
            }
            _ => {
                if let Some((_, event)) = self.events.pop_first() {
                    self.deliver(event);
                }
            }
        }
        true
    }

    fn deliver(&mut self, event: Event) {
        match event {
            Event::Request { token, request } => {
                let Some(pending) = self.pending.get(&token) else { return };
                let to = pending.to;
                if self.nodes[to].incarnation == pending.to_incarnation {
                    self.with(to, |client, now, queue| client.handle_request(now, token, request, queue));
                }
            }
            Event::Response { token, response } => self.answer(token, Ok(response)),
            Event::Failure { token, failure } => self.answer(token, Err(failure)),
            Event::Stored { node, incarnation, ticket } => {
                if self.nodes[node].incarnation != incarnation || self.nodes[node].client.is_none() {
                    return;
                }
                let (first, commands) = self.nodes[node].unstored.pop_front().unwrap();
                assert_eq!(first, ticket);
                self.nodes[node].write(&commands);
                self.with(node, |client, now, queue| client.stored(now, ticket, queue));
            }
            Event::Loaded { node, incarnation, load_id, range } => {
                if self.nodes[node].incarnation == incarnation {
                    let bytes = self.nodes[node].disk.read(&range).ok_or(Str::from_static("no such range"));
                    self.with(node, |client, now, queue| client.loaded(now, load_id, bytes, queue));
                }
            }
        }
    }

    fn answer(&mut self, token: u64, response: Result<RaftResponse, RequestFailed>) {
        let Some(pending) = self.pending.remove(&token) else { return };
        let from = pending.from;
        if self.nodes[from].incarnation == pending.from_incarnation {
            self.with(from, |client, now, queue| {
                client.handle_response(now, pending.to as NodeId, pending.request_id, response, queue);
            });
        }
    }

    /// What must hold always.
    fn check(&mut self, node: usize) {
        let Some(client) = &self.nodes[node].client else { return };
        if let State::Leader(leader) = client.quorum().state() {
            let first = *self.leaders.entry(leader.epoch).or_insert(node);
            assert_eq!(first, node, "epoch {} has one leader", leader.epoch);
        }
        let high_watermark = client.high_watermark();
        assert!(high_watermark >= self.nodes[node].high_watermark, "the high watermark of {node} went back");
        assert!(high_watermark <= client.log().log_end_offset());
        self.nodes[node].high_watermark = high_watermark;
    }

    /// End of all that any node was told is committed.
    pub(super) fn committed_end(&self) -> Offset {
        self.committed.last_key_value().map_or(0, |(_, batch)| batch.last_offset + 1)
    }

    fn committed_before(&self, end: Offset) -> Vec<Bytes> {
        self.committed.range(..end).flat_map(|(_, batch)| batch.records.iter().cloned()).collect()
    }

    /// The nodes that lead and may act; more than one while an old one has not noticed.
    pub(super) fn active_leaders(&self) -> Vec<(usize, i32)> {
        let active = |(index, node): (usize, &TestNode)| {
            let leader = node.client.as_ref()?.quorum().leader()?;
            (node.activated_epoch == Some(leader.epoch)).then_some((index, leader.epoch))
        };
        self.nodes.iter().enumerate().filter_map(active).collect()
    }

    /// True where all nodes run, follow one active leader and were told everything.
    pub(super) fn has_converged(&self) -> bool {
        let [(leader, epoch)] = self.active_leaders()[..] else { return false };
        let end = self.nodes[leader].client.as_ref().map(|client| client.log().log_end_offset());
        self.nodes.iter().all(|node| {
            node.client.as_ref().is_some_and(|client| {
                client.leader_and_epoch() == (Some(self.nodes[leader].id()), epoch)
                    && Some(client.log().log_end_offset()) == end
                    && node.next_offset == end
                    && client.high_watermark() == client.log().log_end_offset()
            })
        })
    }

    pub(super) fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.step(until) {}
        self.now = until;
    }

    /// Runs until `done`, at most for `limit`.
    pub(super) fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let until = self.now + limit;
        while !done(self) {
            if !self.step(until) {
                return done(self);
            }
        }
        true
    }

    /// What every node thinks, for a failing test.
    pub(super) fn picture(&self) -> String {
        let line = |(index, node): (usize, &TestNode)| {
            let Some(client) = &node.client else { return format!("{index}: down") };
            let log = client.log();
            format!(
                "{index}: next {:?}, log {}..{} stored {} high watermark {} snapshot {:?} {:?}",
                node.next_offset,
                log.log_start_offset(),
                log.log_end_offset(),
                log.durable_end_offset(),
                log.high_watermark(),
                log.latest_snapshot(),
                client.quorum().state(),
            )
        };
        let lines: Vec<String> = self.nodes.iter().enumerate().map(line).collect();
        format!("at {:?}, committed end {}\n{}", self.now, self.committed_end(), lines.join("\n"))
    }

    /// All nodes have the same records, which are those committed.
    pub(super) fn assert_equal(&self) {
        let all = self.committed_before(Offset::MAX);
        for node in &self.nodes {
            assert_eq!(node.state, all, "node {} has what is committed", node.id());
        }
    }
}

fn again<M: Message>(message: &M, version: i16) -> M {
    decode_message(&encode_message(message, version), version).unwrap()
}

/// What the peer reads of the bytes that were written.
fn over_the_wire(request: &RaftRequest) -> RaftRequest {
    match request {
        RaftRequest::Vote(message) => RaftRequest::Vote(again(message, 2)),
        RaftRequest::BeginQuorumEpoch(message) => RaftRequest::BeginQuorumEpoch(again(message, 1)),
        RaftRequest::EndQuorumEpoch(message) => RaftRequest::EndQuorumEpoch(again(message, 1)),
        RaftRequest::Fetch(message) => RaftRequest::Fetch(again(message, 18)),
        RaftRequest::FetchSnapshot(message) => RaftRequest::FetchSnapshot(again(message, 1)),
        RaftRequest::DescribeQuorum(message) => RaftRequest::DescribeQuorum(again(message, 2)),
    }
}

fn over_the_wire_back(response: &RaftResponse) -> RaftResponse {
    match response {
        RaftResponse::Vote(message) => RaftResponse::Vote(again(message, 2)),
        RaftResponse::BeginQuorumEpoch(message) => RaftResponse::BeginQuorumEpoch(again(message, 1)),
        RaftResponse::EndQuorumEpoch(message) => RaftResponse::EndQuorumEpoch(again(message, 1)),
        RaftResponse::Fetch(message) => RaftResponse::Fetch(again(message, 18)),
        RaftResponse::FetchSnapshot(message) => RaftResponse::FetchSnapshot(again(message, 1)),
        RaftResponse::DescribeQuorum(message) => RaftResponse::DescribeQuorum(again(message, 2)),
    }
}
