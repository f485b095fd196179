//! A consumer reads only what is committed, leaves nothing out, and a group reads everything at least once.

use super::{GroupPartition, Told};
use crate::client::ConsumerEvent;
use crate::ids::{Offset, TopicPartition};
use crate::record::Record;
use crate::sim::history::{History, RecordId};
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
}

impl Consumed {
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
                let end = history.end(id);
                if *high_watermark > end {
                    return Err(format!("{partition}: told {high_watermark} of {end} committed"));
                }
                let committed = history.committed(id);
                for record in records {
                    let known = committed.and_then(|committed| committed.record(record.offset));
                    if known.is_none() || known != record.value.as_deref().and_then(RecordId::of_value) {
                        return Err(format!("{partition}: read {} as another record than {known:?}", record.offset));
                    }
                }
                self.note(told, partition, records)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn note(&mut self, told: &Told<'_>, partition: &TopicPartition, records: &[Record]) -> Result<(), String> {
        let key = (told.process.number, partition.clone());
        let read = self.read.entry((told.group.clone(), partition.clone())).or_default();
        for record in records {
            let name = &told.process.name;
            if let Some(next) = self.next.get(&key).filter(|next| **next != record.offset) {
                return Err(format!("{name}: {} of {partition} follows, not {next}", record.offset));
            }
            if record.offset > *read {
                return Err(format!("{name} begins at {} of {partition}, {} is its group", record.offset, *read));
            }
            *read = (*read).max(record.offset + 1);
            self.next.insert(key.clone(), record.offset + 1);
            self.count += 1;
        }
        Ok(())
    }

    pub(super) fn is_complete<'a>(&self, history: &History, groups: &(impl Iterator<Item = &'a Str> + Clone)) -> bool {
        history.lasting().all(|(topic, partition, committed)| {
            let partition = TopicPartition::new(topic.clone(), partition);
            let read = |group: &Str| self.read.get(&(group.clone(), partition.clone())).copied().unwrap_or_default();
            groups.clone().all(|group| read(group) >= committed.end())
        })
    }
}
