//! A group's committed offset never goes back by itself: who is assigned a partition begins where the group stood, or after.

use super::{GroupPartition, Told};
use crate::client::ConsumerEvent;
use crate::ids::{Offset, TopicPartition};
use crate::sim::history::History;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

/// What coordinators acknowledged.
#[derive(Clone, Debug, Default)]
pub(super) struct CommittedOffset {
    committed: BTreeMap<GroupPartition, Offset>,
    /// Where a consumer has to begin at least, until it did.
    floors: BTreeMap<(u32, TopicPartition), Offset>,
}

impl CommittedOffset {
    pub(super) fn told(&mut self, history: &History, told: &Told<'_>) -> Result<(), String> {
        let (client, name) = (told.process.number, &told.process.name);
        let lasting = |partition: &TopicPartition| {
            let id = history.partition_id(&partition.topic, partition.partition);
            id.filter(|id| !history.is_unclean(*id))
        };
        match told.event {
            ConsumerEvent::Committed(offsets) => {
                for (partition, offset) in offsets {
                    let Some(id) = lasting(partition) else { continue };
                    let end = history.end(id);
                    if *offset > end {
                        return Err(format!("{name} committed {offset} of {partition}, which ends at {end}"));
                    }
                    let known = self.committed.entry((told.group.clone(), partition.clone())).or_default();
                    *known = (*known).max(*offset);
                }
            }
            ConsumerEvent::Assigned(partitions) => {
                for partition in partitions.iter().filter(|partition| lasting(partition).is_some()) {
                    let known = self.committed.get(&(told.group.clone(), partition.clone()));
                    self.floors.insert((client, partition.clone()), known.copied().unwrap_or_default());
                }
            }
            ConsumerEvent::Records { partition, records, .. } => {
                let Some(floor) = self.floors.remove(&(client, partition.clone())) else { return Ok(()) };
                if lasting(partition).is_none() {
                    return Ok(());
                }
                if let Some(first) = records.first().filter(|first| first.offset < floor) {
                    let first = first.offset;
                    return Err(format!("{name} begins at {first} of {partition}, its group committed {floor}"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
