//! Incremental fetch (KIP-227), the server's side: [`FetchSessionCache`] keeps what a client fetches, so that its
//! requests name only what changed and the answers only what has news.
//!
//! A request goes through [`FetchSessionCache::begin`], which answers all partitions to read in order; what was read goes
//! through [`FetchSessionCache::finish`], which makes the response.

use crate::ids::{NO_EPOCH, Offset, PartitionIndex, Uuid};
use crate::protocol::ErrorCode;
use crate::protocol::messages::fetch_request::FetchPartition;
use crate::protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use crate::protocol::messages::{FetchRequest, FetchResponse};
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::vec::Vec;

/// No session.
pub const INVALID_SESSION_ID: i32 = 0;
/// Asks for a new session.
pub const INITIAL_EPOCH: i32 = 0;
/// Wants no session, and closes the one it names.
pub const FINAL_EPOCH: i32 = -1;

/// How long a session is safe from being replaced.
const EVICTION_TIME: Duration = Duration::from_mins(2);

/// A partition as a fetch request names it: by name up to version 12, then by topic id.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FetchKey {
    /// The topic's id; zero where the request uses names.
    pub topic_id: Uuid,
    /// The topic's name; empty where the request uses ids.
    pub topic: Str,
    /// The partition.
    pub partition: PartitionIndex,
}

/// The epoch after `epoch`: 1 follows the largest.
pub fn next_epoch(epoch: i32) -> i32 {
    match epoch {
        FINAL_EPOCH => FINAL_EPOCH,
        i32::MAX => 1,
        epoch => epoch + 1,
    }
}

/// What a fetch request means once its session is known.
#[derive(Clone, Debug)]
pub struct FetchContext {
    /// Partitions to read, in order.
    pub partitions: Vec<(FetchKey, FetchPartition)>,
    kind: ContextKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ContextKind {
    Sessionless,
    /// A session is made once the answer is known.
    Full {
        privileged: bool,
        uses_topic_ids: bool,
    },
    Incremental {
        session_id: i32,
        /// Epoch the session expects next.
        next_epoch: i32,
    },
}

/// The sessions of a broker, at most `max.incremental.fetch.session.cache.slots`.
#[derive(Clone, Debug)]
pub struct FetchSessionCache {
    sessions: SortedMap<i32, FetchSession>,
    slots: usize,
}

#[derive(Clone, Debug)]
struct FetchSession {
    /// Made for a follower.
    privileged: bool,
    uses_topic_ids: bool,
    created: Instant,
    last_used: Instant,
    epoch: i32,
    /// Order number to partition; what was answered with records moves to the end.
    order: SortedMap<u64, CachedPartition>,
    places: SortedMap<FetchKey, u64>,
    next_place: u64,
}

#[derive(Clone, Debug)]
struct CachedPartition {
    key: FetchKey,
    fetch: FetchPartition,
    /// As answered last; -1 makes the next answer news.
    high_watermark: Offset,
    log_start_offset: Offset,
}

impl FetchSessionCache {
    /// A cache for `slots` sessions.
    pub fn new(slots: usize) -> Self {
        Self { sessions: SortedMap::new(), slots }
    }

    /// Number of sessions.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// True where there is no session.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Finds what `request` wants read. An error is the whole response's.
    pub fn begin(
        &mut self,
        now: Instant,
        request: &FetchRequest,
        uses_topic_ids: bool,
        privileged: bool,
    ) -> Result<FetchContext, ErrorCode> {
        let named = request_partitions(request);
        if request.session_epoch == INITIAL_EPOCH || request.session_epoch == FINAL_EPOCH {
            if request.session_id != INVALID_SESSION_ID {
                self.sessions.remove(&request.session_id);
            }
            let kind = if request.session_epoch == FINAL_EPOCH {
                ContextKind::Sessionless
            } else {
                ContextKind::Full { privileged, uses_topic_ids }
            };
            return Ok(FetchContext { partitions: named, kind });
        }
        let session = self.sessions.get_mut(&request.session_id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if session.epoch != request.session_epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.uses_topic_ids != uses_topic_ids {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        for key in forgotten_partitions(request) {
            session.remove(&key);
        }
        for (key, fetch) in named {
            session.update(&key, fetch);
        }
        if session.order.is_empty() {
            self.sessions.remove(&request.session_id);
            return Ok(FetchContext { partitions: Vec::new(), kind: ContextKind::Sessionless });
        }
        session.last_used = now;
        session.epoch = next_epoch(session.epoch);
        Ok(FetchContext {
            partitions: session.order.values().map(|cached| (cached.key.clone(), cached.fetch.clone())).collect(),
            kind: ContextKind::Incremental { session_id: request.session_id, next_epoch: session.epoch },
        })
    }

    /// Makes the response of what was read, one result for each partition of `context`, in its order.
    pub fn finish(
        &mut self,
        now: Instant,
        context: &FetchContext,
        results: Vec<(FetchKey, PartitionData)>,
        rng: &mut Rng,
    ) -> FetchResponse {
        match context.kind {
            ContextKind::Sessionless => response(INVALID_SESSION_ID, results),
            ContextKind::Full { privileged, uses_topic_ids } => {
                let session_id = self.create(now, context, &results, (privileged, uses_topic_ids), rng);
                response(session_id.unwrap_or(INVALID_SESSION_ID), results)
            }
            ContextKind::Incremental { session_id, next_epoch } => {
                let Some(session) = self.sessions.get_mut(&session_id) else {
                    return error_response(ErrorCode::FetchSessionIdNotFound);
                };
                if session.epoch != next_epoch {
                    return error_response(ErrorCode::InvalidFetchSessionEpoch);
                }
                let news = results.into_iter().filter(|(key, data)| session.answer(key, data)).collect();
                response(session_id, news)
            }
        }
    }

    /// The response to a client that has to wait: without partitions, and the session stays as it is.
    pub fn throttled(&self, context: &FetchContext) -> FetchResponse {
        match context.kind {
            ContextKind::Sessionless | ContextKind::Full { .. } => response(INVALID_SESSION_ID, Vec::new()),
            ContextKind::Incremental { session_id, next_epoch } => match self.sessions.get(&session_id) {
                None => error_response(ErrorCode::FetchSessionIdNotFound),
                Some(session) if session.epoch != next_epoch => error_response(ErrorCode::InvalidFetchSessionEpoch),
                Some(_) => response(session_id, Vec::new()),
            },
        }
    }

    fn create(
        &mut self,
        now: Instant,
        context: &FetchContext,
        results: &[(FetchKey, PartitionData)],
        (privileged, uses_topic_ids): (bool, bool),
        rng: &mut Rng,
    ) -> Option<i32> {
        if results.is_empty() || !self.has_room(now, privileged, results.len()) {
            return None;
        }
        let mut session = FetchSession {
            privileged,
            uses_topic_ids,
            created: now,
            last_used: now,
            epoch: next_epoch(INITIAL_EPOCH),
            order: SortedMap::new(),
            places: SortedMap::new(),
            next_place: 0,
        };
        for (key, fetch) in &context.partitions {
            session.update(key, fetch.clone());
        }
        for (key, data) in results {
            session.answer(key, data);
        }
        let id = loop {
            let id = (rng.next_u64() & 0x7fff_ffff) as i32;
            if id != INVALID_SESSION_ID && !self.sessions.contains_key(&id) {
                break id;
            }
        };
        self.sessions.insert(id, session);
        Some(id)
    }

    /// True where a session of `size` partitions finds a slot, if need be that of a session it may replace: one not used
    /// for two minutes; else the least of those it outranks, a follower's session outranking a client's and a larger one
    /// a smaller, where that one is two minutes old or (for a follower's) belongs to a client.
    fn has_room(&mut self, now: Instant, privileged: bool, size: usize) -> bool {
        if self.sessions.len() < self.slots {
            return true;
        }
        let stale = self.sessions.iter().min_by_key(|(_, session)| session.last_used);
        let victim = match stale {
            Some((&id, session)) if now.since(session.last_used) > EVICTION_TIME => Some(id),
            _ => self
                .sessions
                .iter()
                .filter(|(_, session)| {
                    now.since(session.created) > EVICTION_TIME || (privileged && !session.privileged)
                })
                .map(|(&id, session)| (session.privileged, session.order.len(), id))
                .min()
                .filter(|&(other_privileged, other_size, _)| (other_privileged, other_size) < (privileged, size))
                .map(|(_, _, id)| id),
        };
        victim.is_some_and(|id| self.sessions.remove(&id).is_some())
    }
}

impl FetchSession {
    fn update(&mut self, key: &FetchKey, fetch: FetchPartition) {
        if let Some(cached) = self.places.get(key).and_then(|place| self.order.get_mut(place)) {
            cached.fetch = fetch;
            return;
        }
        // A name decoded from a frame must not keep that frame for as long as the session lives.
        let key = FetchKey { topic: key.topic.detached(), ..*key };
        self.places.insert(key.clone(), self.next_place);
        self.order.insert(self.next_place, CachedPartition { key, fetch, high_watermark: -1, log_start_offset: -1 });
        self.next_place += 1;
    }

    fn remove(&mut self, key: &FetchKey) -> Option<CachedPartition> {
        let place = self.places.remove(key)?;
        self.order.remove(&place)
    }

    /// Notes what is answered for a partition; true where it is news.
    fn answer(&mut self, key: &FetchKey, data: &PartitionData) -> bool {
        let Some(&place) = self.places.get(key) else { return true };
        let Some(cached) = self.order.get_mut(&place) else { return true };
        let failed = data.error_code != ErrorCode::None.code();
        let diverges = data.diverging_epoch.epoch != NO_EPOCH || data.diverging_epoch.end_offset != -1;
        let has_records = data.records.as_ref().is_some_and(|records| !records.is_empty());
        let news = has_records
            || failed
            || cached.high_watermark != data.high_watermark
            || cached.log_start_offset != data.log_start_offset
            || data.preferred_read_replica != -1
            || diverges;
        // After an error the next answer without one is news. So it is where the follower has to cut its log first: it takes
        // no high watermark from such an answer, and might hear of none until the next record.
        cached.high_watermark = if failed || diverges { -1 } else { data.high_watermark };
        cached.log_start_offset = data.log_start_offset;
        if has_records && let Some(cached) = self.order.remove(&place) {
            self.places.insert(cached.key.clone(), self.next_place);
            self.order.insert(self.next_place, cached);
            self.next_place += 1;
        }
        news
    }
}

/// A response that only says what was wrong with the request as a whole.
pub fn error_response(error: ErrorCode) -> FetchResponse {
    FetchResponse { error_code: error.code(), ..FetchResponse::default() }
}

fn request_partitions(request: &FetchRequest) -> Vec<(FetchKey, FetchPartition)> {
    let mut named = Vec::new();
    for topic in &request.topics {
        for fetch in &topic.partitions {
            let key = FetchKey { topic_id: topic.topic_id, topic: topic.topic.clone(), partition: fetch.partition };
            named.push((key, fetch.clone()));
        }
    }
    named
}

fn forgotten_partitions(request: &FetchRequest) -> impl Iterator<Item = FetchKey> {
    request.forgotten_topics_data.iter().flat_map(|topic| {
        topic.partitions.iter().map(|&partition| FetchKey {
            topic_id: topic.topic_id,
            topic: topic.topic.clone(),
            partition,
        })
    })
}

/// Groups neighbours of one topic, as the wire wants them, keeping the order.
fn response(session_id: i32, results: Vec<(FetchKey, PartitionData)>) -> FetchResponse {
    let mut responses: Vec<FetchableTopicResponse> = Vec::new();
    for (key, data) in results {
        match responses.last_mut() {
            Some(last) if last.topic_id == key.topic_id && last.topic == key.topic => last.partitions.push(data),
            _ => responses.push(FetchableTopicResponse {
                topic: key.topic,
                topic_id: key.topic_id,
                partitions: [data].into(),
            }),
        }
    }
    FetchResponse { session_id, responses, ..FetchResponse::default() }
}

#[cfg(test)]
#[path = "fetch_session_tests.rs"]
mod tests;
