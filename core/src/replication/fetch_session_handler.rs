//! Incremental fetch (KIP-227), the fetching side: [`FetchSessionHandler`] knows what the server's session holds.

use super::error_of;
use super::fetch_session::{FINAL_EPOCH, FetchKey, INITIAL_EPOCH, INVALID_SESSION_ID, next_epoch};
use crate::protocol::ErrorCode;
use crate::protocol::messages::FetchResponse;
use crate::protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use crate::sorted::SortedMap;
use alloc::vec::Vec;

/// The session with one server.
#[derive(Clone, Debug)]
pub struct FetchSessionHandler {
    session_id: i32,
    epoch: i32,
    /// What the session holds.
    partitions: SortedMap<FetchKey, FetchPartition>,
}

/// The session part of a fetch request.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionFetch {
    /// For `session_id`.
    pub session_id: i32,
    /// For `session_epoch`.
    pub session_epoch: i32,
    /// For `topics`.
    pub topics: Vec<FetchTopic>,
    /// For `forgotten_topics_data`.
    pub forgotten: Vec<ForgottenTopic>,
}

impl FetchSessionHandler {
    /// No session yet; the next request asks for one.
    pub fn new() -> Self {
        Self { session_id: INVALID_SESSION_ID, epoch: INITIAL_EPOCH, partitions: SortedMap::new() }
    }

    /// What to send to fetch `wanted`, in that order: all of it, or what differs from the session.
    pub fn build(&mut self, wanted: Vec<(FetchKey, FetchPartition)>) -> SessionFetch {
        let mut topics = Vec::new();
        let mut forgotten = Vec::new();
        let full = self.epoch == INITIAL_EPOCH || self.epoch == FINAL_EPOCH;
        let mut now_held = SortedMap::new();
        for (key, fetch) in wanted {
            if full || self.partitions.get(&key) != Some(&fetch) {
                push_topic(&mut topics, &key, fetch.clone());
            }
            self.partitions.remove(&key);
            now_held.insert(key, fetch);
        }
        if !full {
            for key in self.partitions.keys() {
                push_forgotten(&mut forgotten, key);
            }
        }
        self.partitions = now_held;
        SessionFetch { session_id: self.session_id, session_epoch: self.epoch, topics, forgotten }
    }

    /// Takes the answer; false where it carries no data because the session is gone or out of step.
    pub fn handle_response(&mut self, response: &FetchResponse) -> bool {
        match error_of(response.error_code) {
            ErrorCode::None => {}
            ErrorCode::FetchSessionIdNotFound => {
                self.session_id = INVALID_SESSION_ID;
                self.epoch = INITIAL_EPOCH;
                return false;
            }
            _ => {
                self.epoch = INITIAL_EPOCH;
                return false;
            }
        }
        if response.session_id == INVALID_SESSION_ID {
            // No room for a session, or the server closed it.
            self.session_id = INVALID_SESSION_ID;
            self.epoch = INITIAL_EPOCH;
        } else {
            self.session_id = response.session_id;
            self.epoch = next_epoch(self.epoch);
        }
        true
    }

    /// No answer came: whether the server took the request is unknown, so the session is closed and made anew.
    pub fn handle_error(&mut self) {
        self.epoch = INITIAL_EPOCH;
    }
}

impl Default for FetchSessionHandler {
    fn default() -> Self {
        Self::new()
    }
}

fn push_topic(topics: &mut Vec<FetchTopic>, key: &FetchKey, fetch: FetchPartition) {
    match topics.last_mut() {
        Some(last) if last.topic_id == key.topic_id && last.topic == key.topic => last.partitions.push(fetch),
        _ => topics.push(FetchTopic { topic: key.topic.clone(), topic_id: key.topic_id, partitions: [fetch].into() }),
    }
}

fn push_forgotten(topics: &mut Vec<ForgottenTopic>, key: &FetchKey) {
    match topics.last_mut() {
        Some(last) if last.topic_id == key.topic_id && last.topic == key.topic => last.partitions.push(key.partition),
        _ => topics.push(ForgottenTopic {
            topic: key.topic.clone(),
            topic_id: key.topic_id,
            partitions: [key.partition].into(),
        }),
    }
}
