//! A consumer reads only what is committed, leaves nothing out, and a group reads everything at least once.

use super::{GroupPartition, Told};
use crate::client::ConsumerEvent;
use crate::ids::{Offset, TopicPartition};
use crate::record::Record;
use crate::sim::history::{Committed, History, RecordId};
use crate::text::Str;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

/// How far consumers and groups are.
#[derive(Clone, Debug, Default)]
pub(super) struct Consumed {
    /// The next offset of a consumer that goes on in a partition.
    next: BTreeMap<(u32, TopicPartition), Offset>,
    /// Everything below was read by some member. Members begin nowhere above it, so that there are no holes.
    read: BTreeMap<GroupPartition, Offset>,
    count: u64,
    /// Times a consumer found that what it would read next was deleted.
    skipped: u64,
}

impl Consumed {
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn told(&mut self, history: &History, told: &Told<'_>) -> Result<(), String> {
        let client = told.process.number;
        match told.event {
            ConsumerEvent::Assigned(partitions) | ConsumerEvent::Revoked(partitions) => {
                for partition in partitions {
                    self.next.remove(&(client, partition.clone()));
                }
            }
            ConsumerEvent::Lost => self.next.retain(|(of, _), _| *of != client),
            ConsumerEvent::Records { partition, records, high_watermark } => {
                let Some(id) = history.partition_id(&partition.topic, partition.partition) else { return Ok(()) };
                if history.is_unclean(id) {
                    return Ok(());
                }
                let end = history.end(id);
                if *high_watermark > end {
                    return Err(format!("{partition}: told {high_watermark} of {end} committed"));
                }
                let committed = history.committed(id);
                for record in records {
                    if told.read_committed && committed.is_some_and(|committed| !committed.counts(record.offset)) {
                        let name = &told.process.name;
                        return Err(format!("{name} read {} of {partition}, not committed", record.offset));
                    }
                    let known = committed.and_then(|committed| committed.record(record.offset));
                    // What was committed and deleted in one step nobody saw.
                    if known.is_none() && committed.is_some_and(|committed| record.offset < committed.start()) {
                        continue;
                    }
                    if known.is_none() || known != record.value.as_deref().and_then(RecordId::of_value) {
                        return Err(format!("{partition}: read {} as another record than {known:?}", record.offset));
                    }
                }
                self.note(told, partition, records, committed)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn note(
        &mut self,
        told: &Told<'_>,
        partition: &TopicPartition,
        records: &[Record],
        committed: Option<&Committed>,
    ) -> Result<(), String> {
        // What it may leave out: deleted records, markers, and what does not count for it.
        let left_out = |from: Offset, to: Offset| committed?.first_visible(from, to, told.read_committed);
        let key = (told.process.number, partition.clone());
        let read = self.read.entry((told.group.clone(), partition.clone())).or_default();
        for record in records {
            let name = &told.process.name;
            let next = self.next.get(&key).copied();
            let is_gap = |next: Offset| record.offset < next || left_out(next, record.offset).is_some();
            if let Some(next) = next.filter(|next| is_gap(*next)) {
                return Err(format!("{name}: {} of {partition} follows, not {next}", record.offset));
            }
            if next
                .is_some_and(|next| committed.is_some_and(|committed| next < committed.start() && next < record.offset))
            {
                self.skipped += 1;
            }
            if left_out(*read, record.offset).is_some() {
                return Err(format!("{name} begins at {} of {partition}, {} is its group", record.offset, *read));
            }
            *read = (*read).max(record.offset + 1);
            self.next.insert(key.clone(), record.offset + 1);
            self.count += 1;
        }
        Ok(())
    }

    /// Whether this group has read everything it has to get, but for partitions that may lose what they had.
    pub(super) fn is_complete(&self, history: &History, group: &Str, read_committed: bool) -> bool {
        history.lasting().all(|(topic, partition, committed)| {
            let id = history.partition_id(topic, partition);
            let key = (group.clone(), TopicPartition::new(topic.clone(), partition));
            let read = self.read.get(&key).copied().unwrap_or_default();
            id.is_some_and(|id| history.is_unclean(id))
                || committed.first_visible(read, committed.end(), read_committed).is_none()
        })
    }
}
