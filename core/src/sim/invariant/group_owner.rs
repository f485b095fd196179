//! In one generation of a group a partition has one owner, and a member's generation does not go back.

use super::Told;
use crate::client::ConsumerEvent;
use crate::client::consumer::MemberState;
use crate::ids::TopicPartition;
use crate::text::Str;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

/// Who owned what.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupOwner {
    owners: BTreeMap<(Str, i32, TopicPartition), Str>,
    generations: BTreeMap<Str, i32>,
    highest: BTreeMap<Str, i32>,
}

impl GroupOwner {
    /// The highest generation of any group.
    pub(super) fn highest_generation(&self) -> i32 {
        self.highest.values().copied().max().unwrap_or_default()
    }

    pub(super) fn told(&mut self, told: &Told<'_>) -> Result<(), String> {
        let is_new = matches!(told.event, ConsumerEvent::Rejoined { .. } | ConsumerEvent::Assigned(_));
        let Some(consumer) = told.process.consumer().filter(|_| is_new) else { return Ok(()) };
        let view = consumer.view();
        if view.state != MemberState::Stable {
            return Ok(());
        }
        let group = told.group;
        let last = self.generations.entry(view.member_id.clone()).or_insert(view.generation_id);
        if *last > view.generation_id {
            return Err(format!("{} of {group} went back from generation {last}", view.member_id));
        }
        *last = view.generation_id;
        let generation = view.generation_id;
        let highest = self.highest.entry(group.clone()).or_default();
        *highest = (*highest).max(generation);
        // A static member that comes back goes on in the generation, under a new member id.
        let member = told.instance.unwrap_or(&view.member_id);
        for owned in view.partitions {
            let key = (group.clone(), generation, owned.partition.clone());
            let owner = self.owners.entry(key).or_insert_with(|| member.clone());
            if owner != member {
                return Err(format!("{} of {group} has {owner} and {member} in {generation}", owned.partition));
            }
        }
        Ok(())
    }
}
