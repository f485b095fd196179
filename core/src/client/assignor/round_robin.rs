//! `roundrobin`: all partitions, sorted, dealt in turn to the sorted members.

use super::{GroupAssignment, Subscription, empty_assignment, partitions_of, sorted_members};
use crate::sorted::SortedMap;
use crate::text::Str;

pub(super) fn assign(
    partition_counts: &SortedMap<Str, i32>,
    subscriptions: &SortedMap<Str, Subscription>,
) -> GroupAssignment {
    let mut assignment = empty_assignment(subscriptions);
    let members = sorted_members(subscriptions);
    let mut turn = 0;
    for (topic, &count) in partition_counts {
        for partition in partitions_of(topic, count) {
            // From whose turn it is, the first who wants the topic; a topic nobody wants does not move the turn.
            let candidates = (0..members.len()).map(|step| (turn + step) % members.len());
            let taker = candidates.filter_map(|index| Some((index, members.get(index)?)));
            let Some((index, (member, _))) =
                { taker }.find(|(_, (_, subscription))| subscription.topics.contains(topic))
            else {
                break;
            };
            turn = (index + 1) % members.len();
            if let Some(assigned) = assignment.get_mut(*member) {
                assigned.push(partition);
            }
        }
    }
    assignment
}
