//! `range`: each topic by itself, consecutive partitions, the first members one more.

use super::{GroupAssignment, Subscription, empty_assignment, partitions_of, sorted_members};
use crate::sorted::SortedMap;
use crate::text::Str;

pub(super) fn assign(
    partition_counts: &SortedMap<Str, i32>,
    subscriptions: &SortedMap<Str, Subscription>,
) -> GroupAssignment {
    let mut assignment = empty_assignment(subscriptions);
    let members = sorted_members(subscriptions);
    for (topic, &count) in partition_counts {
        let subscribed = members.iter().filter(|(_, subscription)| subscription.topics.contains(topic));
        let shares = subscribed.clone().count();
        let mut partitions = partitions_of(topic, count);
        for (index, (member, _)) in subscribed.enumerate() {
            let count = usize::try_from(count).unwrap_or(0);
            let share = count / shares + usize::from(index < count % shares);
            if let Some(assigned) = assignment.get_mut(*member) {
                assigned.extend(partitions.by_ref().take(share));
            }
        }
    }
    assignment
}
