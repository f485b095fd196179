use super::*;
use crate::rng::Rng;
use crate::sorted::SortedSet;
use alloc::format;
use alloc::string::String;
use alloc::vec;

fn subscription(topics: &[&str]) -> Subscription {
    Subscription {
        topics: topics.iter().map(|topic| Str::from(*topic)).collect(),
        generation_id: -1,
        ..Subscription::default()
    }
}

fn group(members: &[(&str, &[&str])]) -> SortedMap<Str, Subscription> {
    members.iter().map(|(member, topics)| (Str::from(*member), subscription(topics))).collect()
}

fn counts(topics: &[(&str, i32)]) -> SortedMap<Str, i32> {
    topics.iter().map(|(topic, count)| (Str::from(*topic), *count)).collect()
}

/// `C0: t0-0 t0-1 | C1: t1-0`
fn show(assignment: &GroupAssignment) -> String {
    let member = |(member, partitions): (&Str, &Vec<TopicPartition>)| {
        let mut partitions = partitions.clone();
        partitions.sort();
        partitions.iter().fold(format!("{member}:"), |text, partition| format!("{text} {partition}"))
    };
    assignment.iter().map(member).collect::<Vec<_>>().join(" | ")
}

/// The next round: everybody rejoins with what it got, in the next generation.
fn rejoin(
    assignor: Assignor,
    subscriptions: &mut SortedMap<Str, Subscription>,
    assignment: &GroupAssignment,
    generation_id: i32,
) {
    for (member, subscription) in subscriptions {
        let Some(assigned) = assignment.get(member) else { continue };
        subscription.generation_id = generation_id;
        subscription.user_data = assignor.user_data(assigned, generation_id);
        if assignor.rebalance_protocol() == RebalanceProtocol::Cooperative {
            subscription.owned_partitions.clone_from(assigned);
        }
    }
}

#[test]
fn first_assignments() {
    type Members = &'static [(&'static str, &'static [&'static str])];
    type Case = (Assignor, &'static [(&'static str, i32)], Members, &'static str);
    const BOTH: &[&str] = &["t0", "t1"];
    let cases: &[Case] = &[
        (
            Assignor::Range,
            &[("t0", 3), ("t1", 3)],
            &[("C0", BOTH), ("C1", BOTH)],
            "C0: t0-0 t0-1 t1-0 t1-1 | C1: t0-2 t1-2",
        ),
        (Assignor::Range, &[("t0", 1)], &[("C0", &["t0"]), ("C1", &["t0"])], "C0: t0-0 | C1:"),
        (Assignor::Range, &[("t0", 2)], &[("C0", &["t0", "gone"]), ("C1", &["gone"])], "C0: t0-0 t0-1 | C1:"),
        (
            Assignor::RoundRobin,
            &[("t0", 3), ("t1", 3)],
            &[("C0", BOTH), ("C1", BOTH)],
            "C0: t0-0 t0-2 t1-1 | C1: t0-1 t1-0 t1-2",
        ),
        (
            Assignor::RoundRobin,
            &[("t0", 1), ("t1", 2), ("t2", 3)],
            &[("C0", &["t0"]), ("C1", BOTH), ("C2", &["t0", "t1", "t2"])],
            "C0: t0-0 | C1: t1-0 | C2: t1-1 t2-0 t2-1 t2-2",
        ),
        (
            Assignor::Sticky,
            &[("t0", 1), ("t1", 2), ("t2", 3)],
            &[("C0", &["t0"]), ("C1", BOTH), ("C2", &["t0", "t1", "t2"])],
            "C0: t0-0 | C1: t1-0 t1-1 | C2: t2-0 t2-1 t2-2",
        ),
        (
            Assignor::Sticky,
            &[("t0", 3), ("t1", 3)],
            &[("C0", BOTH), ("C1", BOTH)],
            "C0: t0-0 t0-2 t1-1 | C1: t0-1 t1-0 t1-2",
        ),
    ];
    for (assignor, topics, members, expected) in cases {
        assert_eq!(show(&assignor.assign(&counts(topics), &group(members))), *expected, "{assignor:?} {members:?}");
    }
}

#[test]
fn static_members_come_first_and_by_instance_id() {
    let mut members = group(&[("a", &["t"]), ("b", &["t"]), ("c", &["t"])]);
    for (member, instance) in [("b", "2"), ("c", "1")] {
        members.get_mut(member).expect("is there").group_instance_id = Some(Str::from(instance));
    }
    let assignment = Assignor::Range.assign(&counts(&[("t", 4)]), &members);
    assert_eq!(show(&assignment), "a: t-3 | b: t-2 | c: t-0 t-1");
}

#[test]
fn sticky_moves_only_what_a_new_member_needs() {
    let topics = counts(&[("t", 6)]);
    for assignor in [Assignor::Sticky, Assignor::CooperativeSticky] {
        let mut members = group(&[("C0", &["t"]), ("C1", &["t"])]);
        let first = assignor.assign(&topics, &members);
        assert_eq!(show(&first), "C0: t-0 t-2 t-4 | C1: t-1 t-3 t-5");
        rejoin(assignor, &mut members, &first, 1);
        members.insert(Str::from("C2"), subscription(&["t"]));
        let second = assignor.assign(&topics, &members);
        if assignor == Assignor::Sticky {
            assert_eq!(show(&second), "C0: t-0 t-2 | C1: t-1 t-3 | C2: t-4 t-5");
        } else {
            assert_eq!(show(&second), "C0: t-0 t-2 | C1: t-1 t-3 | C2:", "its owners have to give up first");
            rejoin(assignor, &mut members, &second, 2);
            assert_eq!(show(&assignor.assign(&topics, &members)), "C0: t-0 t-2 | C1: t-1 t-3 | C2: t-4 t-5");
        }
    }
}

#[test]
fn sticky_gives_a_gone_members_partitions_away_and_leaves_the_rest() {
    let topics = counts(&[("t", 6)]);
    let mut members = group(&[("C0", &["t"]), ("C1", &["t"]), ("C2", &["t"])]);
    let first = Assignor::CooperativeSticky.assign(&topics, &members);
    rejoin(Assignor::CooperativeSticky, &mut members, &first, 4);
    members.remove("C1");
    let second = Assignor::CooperativeSticky.assign(&topics, &members);
    assert_eq!(show(&first), "C0: t-0 t-3 | C1: t-1 t-4 | C2: t-2 t-5");
    assert_eq!(show(&second), "C0: t-0 t-1 t-3 | C2: t-2 t-4 t-5");
}

#[test]
fn conflicting_claims_are_settled_by_generation() {
    let topics = counts(&[("t", 2)]);
    let claim = |generation_id| Subscription {
        owned_partitions: vec![TopicPartition::new("t", 0)],
        generation_id,
        ..subscription(&["t"])
    };
    for (left, right, expected) in [
        (5, 4, "C0: t-0 | C1: t-1"),
        (4, 5, "C0: t-1 | C1: t-0"),
        // Nobody keeps it, and as either may still hold it, nobody gets it in this round.
        (5, 5, "C0: | C1: t-1"),
    ] {
        let members = SortedMap::from([(Str::from("C0"), claim(left)), (Str::from("C1"), claim(right))]);
        assert_eq!(show(&Assignor::CooperativeSticky.assign(&topics, &members)), expected, "{left} {right}");
    }
}

#[test]
fn broken_user_data_is_no_memory() {
    let topics = counts(&[("t", 2)]);
    let good = sticky_user_data(&[TopicPartition::new("t", 1)], 3);
    for (user_data, expected) in [
        (good.clone(), "C0: t-1 | C1: t-0"),
        (good.slice(..good.len() - 4), "C0: t-1 | C1: t-0"),
        (good.slice(..good.len() - 5), "C0: t-0 | C1: t-1"),
        (Bytes::from_static(b"\x7f\xff\xff\xff\x7f\xff"), "C0: t-0 | C1: t-1"),
        (Bytes::new(), "C0: t-0 | C1: t-1"),
    ] {
        let mut members = group(&[("C0", &["t"]), ("C1", &["t"])]);
        members.get_mut("C0").expect("is there").user_data = Some(user_data.clone());
        assert_eq!(show(&Assignor::Sticky.assign(&topics, &members)), expected, "{user_data:?}");
    }
}

#[test]
fn names_are_kafkas() {
    for assignor in Assignor::ALL {
        assert_eq!(Assignor::from_name(assignor.name()), Some(assignor));
        assert_eq!(Assignor::from_name(assignor.class_name()), Some(assignor));
    }
    assert_eq!(Assignor::from_name("uniform"), None);
}

/// Every existing partition of a topic that somebody wants is given exactly once, and only to who wants it.
fn check_exactly_once(
    topics: &SortedMap<Str, i32>,
    members: &SortedMap<Str, Subscription>,
    assignment: &GroupAssignment,
    withheld: &SortedSet<TopicPartition>,
    context: &str,
) {
    assert_eq!(assignment.keys().collect::<Vec<_>>(), members.keys().collect::<Vec<_>>(), "{context}");
    let mut seen = SortedSet::new();
    for (member, partitions) in assignment {
        for partition in partitions {
            assert!(members[member].topics.contains(&partition.topic), "{context}: {member} did not want {partition}");
            assert!(partition.partition < topics[&partition.topic], "{context}: {partition} does not exist");
            assert!(seen.insert(partition.clone()), "{context}: {partition} twice");
        }
    }
    for (topic, &count) in topics {
        if members.values().any(|subscription| subscription.topics.contains(topic)) {
            for partition in partitions_of(topic, count) {
                assert!(seen.contains(&partition) || withheld.contains(&partition), "{context}: {partition} to nobody");
            }
        }
    }
}

/// No partition could go from its owner to somebody who has at least two fewer.
fn check_balance(members: &SortedMap<Str, Subscription>, assignment: &GroupAssignment, context: &str) {
    for (owner, partitions) in assignment {
        for partition in partitions {
            for (other, theirs) in assignment {
                let wants = members[other].topics.contains(&partition.topic);
                assert!(
                    !wants || partitions.len() <= theirs.len() + 1,
                    "{context}: {partition} should go from {owner} to {other}: {}",
                    show(assignment)
                );
            }
        }
    }
}

fn random_topics(rng: &mut Rng) -> SortedMap<Str, i32> {
    (0..=rng.below(4)).map(|topic| (Str::from(format!("t{topic}")), rng.below(9) as i32 + 1)).collect()
}

fn random_subscription(rng: &mut Rng, topics: &SortedMap<Str, i32>, equal: bool) -> Subscription {
    let wanted = topics.keys().filter(|_| equal || rng.chance(2, 3)).cloned().collect();
    Subscription { topics: wanted, generation_id: -1, ..Subscription::default() }
}

#[test]
fn random_groups_are_assigned_exactly_once_in_balance_and_settle() {
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let equal = rng.chance(1, 2);
        let assignor = Assignor::ALL[rng.below(4) as usize];
        let topics = random_topics(&mut rng);
        let mut members = SortedMap::new();
        let mut generation = 0;
        for step in 0..8 {
            if members.is_empty() || rng.chance(2, 3) {
                members.insert(Str::from(format!("m{}", rng.below(8))), random_subscription(&mut rng, &topics, equal));
            } else {
                let gone: Str =
                    { members.keys() }.nth(rng.below(members.len() as u64) as usize).cloned().expect("in range");
                members.remove(&gone);
            }
            // A cooperative group needs at most two rounds; the last one changes nothing any more.
            for round in 0..3 {
                let context = format!("seed {seed} step {step} round {round} {assignor:?}");
                generation += 1;
                let assignment = assignor.assign(&topics, &members);
                let owned_by_others = |member: &Str| {
                    let others = members.iter().filter(move |(other, _)| *other != member);
                    others
                        .flat_map(|(_, subscription)| subscription.owned_partitions.iter().cloned())
                        .collect::<SortedSet<_>>()
                };
                let mut withheld = SortedSet::new();
                if assignor == Assignor::CooperativeSticky {
                    for (member, partitions) in &assignment {
                        let theirs = owned_by_others(member);
                        assert!(
                            partitions.iter().all(|partition| !theirs.contains(partition)),
                            "{context}: still owned"
                        );
                        withheld.extend(theirs);
                    }
                }
                check_exactly_once(&topics, &members, &assignment, &withheld, &context);
                if assignor == Assignor::Sticky || (assignor == Assignor::CooperativeSticky && round > 0) {
                    check_balance(&members, &assignment, &context);
                }
                let mut again = members.clone();
                rejoin(assignor, &mut again, &assignment, generation);
                if round > 0 {
                    let repeated = assignor.assign(&topics, &again);
                    assert_eq!(show(&repeated), show(&assignment), "{context}: moves without need");
                }
                members = again;
            }
        }
    }
}

#[test]
fn an_equal_group_moves_no_more_than_the_new_share() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let topics = counts(&[("t", rng.below(40) as i32 + 1)]);
        let size = rng.below(6) + 1;
        let mut members: SortedMap<Str, Subscription> =
            (0..size).map(|member| (Str::from(format!("m{member}")), subscription(&["t"]))).collect();
        let before = Assignor::Sticky.assign(&topics, &members);
        rejoin(Assignor::Sticky, &mut members, &before, 1);
        members.insert(Str::from("n"), subscription(&["t"]));
        let after = Assignor::Sticky.assign(&topics, &members);
        for (member, partitions) in &before {
            let kept = after[member].iter().filter(|partition| partitions.contains(partition)).count();
            assert_eq!(kept, after[member].len(), "seed {seed}: {member} got what it did not have");
        }
    }
}
