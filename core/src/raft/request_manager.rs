//! Which requests are on their way: at most one of a kind to each node, and a pause after a failure.

use super::RequestKind;
use crate::ids::NodeId;
use crate::sorted::SortedMap;
use crate::time::{Duration, Instant};

/// No pause gets longer than this many times the first one.
const LONGEST_PAUSE: u32 = 32;

/// What a request was sent for; an answer that no longer fits is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentRequest {
    /// Names it towards the node.
    pub request_id: u64,
    /// Its kind.
    pub kind: RequestKind,
    /// Epoch of the sender when it was sent.
    pub epoch: i32,
    /// True for a vote request that only asks.
    pub pre_vote: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    sent: Option<SentRequest>,
    paused_until: Instant,
    failures: u32,
}

/// Requests under way.
#[derive(Clone, Debug)]
pub struct RequestManager {
    peers: SortedMap<(NodeId, RequestKind), Peer>,
    next_request_id: u64,
    retry_backoff: Duration,
}

impl RequestManager {
    /// Nothing under way. `retry_backoff` is the first pause after a failure.
    pub fn new(retry_backoff: Duration) -> Self {
        Self { peers: SortedMap::new(), next_request_id: 0, retry_backoff }
    }

    /// True where a request of this kind may be sent to `to` now.
    pub fn is_ready(&self, to: NodeId, kind: RequestKind, now: Instant) -> bool {
        self.peers.get(&(to, kind)).is_none_or(|peer| peer.sent.is_none() && peer.paused_until <= now)
    }

    /// True while a request of this kind to `to` is not answered.
    pub fn is_under_way(&self, to: NodeId, kind: RequestKind) -> bool {
        self.peers.get(&(to, kind)).is_some_and(|peer| peer.sent.is_some())
    }

    /// Notes a request that is being sent; answers its id.
    pub fn sent(&mut self, to: NodeId, kind: RequestKind, epoch: i32, pre_vote: bool) -> u64 {
        let request_id = self.next_request_id;
        self.next_request_id += 1;
        self.peers.entry((to, kind)).or_default().sent = Some(SentRequest { request_id, kind, epoch, pre_vote });
        request_id
    }

    /// Takes note of an answer, or of its absence where `failed`. `None` for a request not under way.
    pub fn completed(&mut self, to: NodeId, request_id: u64, failed: bool, now: Instant) -> Option<SentRequest> {
        let is_it = |peer: &Peer| peer.sent.is_some_and(|sent| sent.request_id == request_id);
        let (_, peer) = self.peers.iter_mut().find(|((node, _), peer)| *node == to && is_it(peer))?;
        let sent = peer.sent.take()?;
        if failed {
            let factor = 1_u32.checked_shl(peer.failures).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
            peer.paused_until = now + self.retry_backoff * factor;
            peer.failures = peer.failures.saturating_add(1);
        } else {
            peer.failures = 0;
        }
        Some(sent)
    }

    /// The peer answered, but has nothing for us yet: ask again a little later.
    pub fn pause(&mut self, to: NodeId, kind: RequestKind, now: Instant) {
        let retry_backoff = self.retry_backoff;
        self.peers.entry((to, kind)).or_default().paused_until = now + retry_backoff;
    }

    /// When the next pause after `now` ends.
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let paused = self.peers.values().filter(|peer| peer.sent.is_none() && peer.paused_until > now);
        paused.map(|peer| peer.paused_until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_of_a_kind_at_a_time() {
        let at = Instant::from_millis;
        let mut requests = RequestManager::new(Duration::from_millis(20));
        assert!(requests.is_ready(1, RequestKind::Vote, at(0)));
        let first = requests.sent(1, RequestKind::Vote, 3, true);
        assert!(!requests.is_ready(1, RequestKind::Vote, at(0)));
        assert!(requests.is_ready(1, RequestKind::Fetch, at(0)));
        assert!(requests.is_ready(2, RequestKind::Vote, at(0)));
        assert_eq!(requests.completed(2, first, false, at(1)), None, "another node's answer");
        let sent = requests.completed(1, first, true, at(1)).unwrap();
        assert_eq!((sent.epoch, sent.pre_vote), (3, true));
        assert_eq!(requests.completed(1, first, false, at(1)), None, "answered once");
    }

    #[test]
    fn pauses_double_to_a_bound_and_end_with_an_answer() {
        let mut requests = RequestManager::new(Duration::from_millis(20));
        for expect in [20, 40, 80, 160, 320, 640, 640, 640] {
            let id = requests.sent(1, RequestKind::Fetch, 1, false);
            requests.completed(1, id, true, Instant::ZERO);
            assert_eq!(requests.next_deadline(Instant::ZERO), Some(Instant::from_millis(expect)));
        }
        let id = requests.sent(1, RequestKind::Fetch, 1, false);
        requests.completed(1, id, false, Instant::from_millis(700));
        assert_eq!(requests.next_deadline(Instant::from_millis(700)), None);
    }
}
