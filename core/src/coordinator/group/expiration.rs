//! Offsets nobody needs any more, be it by age or because their topic is gone, and groups without members and offsets.

use super::classic::{ClassicGroup, ClassicGroupState};
use super::offsets::{OffsetAndMetadata, ReadLevel};
use super::records;
use super::shard::Shard;
use super::turn::{Turn, WriteAction};
use crate::ids::Uuid;
use crate::text::Str;
use alloc::vec::Vec;

impl Shard {
    /// Removes what expired, one batch a group.
    pub(super) fn expire(&mut self, turn: &mut Turn<'_>) {
        let now_ms = turn.now.wall_ms;
        let retention_ms = i64::try_from(turn.config.offsets_retention.as_millis()).unwrap_or(i64::MAX);
        for group in self.groups.values() {
            let mut kept = false;
            let mut records = Vec::new();
            for (topic, partition, offset) in self.offsets.offsets_of(&group.group_id, ReadLevel::Written) {
                let expiry_ms = group.expires_at(topic, offset, retention_ms);
                let is_pending = self.offsets.pending.contains(&group.group_id, topic, partition);
                if !is_pending && expiry_ms.is_some_and(|expiry_ms| expiry_ms <= now_ms) {
                    records.push(records::offset_tombstone(&group.group_id, topic, partition));
                } else {
                    kept = true;
                }
            }
            if !kept && group.is_unused() && !self.offsets.pending.has_group(&group.group_id) {
                records.push(records::group_tombstone(&group.group_id));
            }
            if !records.is_empty() {
                turn.append(records, WriteAction::Background);
            }
        }
    }
}

/// Records in one batch of tombstones, so that it stays well below what a log takes.
const TOMBSTONES_A_BATCH: usize = 1_000;

impl Shard {
    /// Removes the offsets of deleted topics. A shard that loads just now keeps them until they expire, as Kafka's does.
    pub(super) fn topics_deleted(&self, turn: &mut Turn<'_>, topics: &[(Str, Uuid)]) {
        if self.is_loading() {
            return;
        }
        let mut records = Vec::new();
        for (topic, topic_id) in topics {
            for (group_id, partition) in self.offsets.offsets_of_topic(topic, *topic_id) {
                records.push(records::offset_tombstone(group_id, topic, partition));
            }
        }
        for batch in records.chunks(TOMBSTONES_A_BATCH) {
            turn.append(batch.to_vec(), WriteAction::Background);
        }
    }
}

impl ClassicGroup {
    /// Nobody is in it and nobody was given an id to come with.
    pub(super) fn is_unused(&self) -> bool {
        self.state == ClassicGroupState::Empty && self.members.is_empty() && self.pending_members.is_empty()
    }

    /// Wall time in milliseconds at which an offset may go; `None` while the group needs it.
    fn expires_at(&self, topic: &Str, offset: &OffsetAndMetadata, retention_ms: i64) -> Option<i64> {
        let since_ms = match (self.state, &self.protocol_type) {
            (_, None) => offset.commit_timestamp_ms,
            (ClassicGroupState::Empty, Some(_)) => self.state_since_ms.unwrap_or(offset.commit_timestamp_ms),
            (ClassicGroupState::Stable, Some(_))
                if !self.is_subscribed_to(topic) && self.subscribed_topics.is_some() =>
            {
                offset.commit_timestamp_ms
            }
            _ => return None,
        };
        Some(offset.expire_timestamp_ms.unwrap_or_else(|| since_ms.saturating_add(retention_ms)))
    }
}
