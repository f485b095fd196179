//! Consumer groups: who has what, when members come and go.

use super::support::{Deliveries, LIMIT, Running, Watched, consumer, create_topic, producer, start, text};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Members of one group, and everything they read.
struct Group<'a> {
    running: &'a Running,
    topic: &'a str,
    settings: &'a [(&'a str, &'a str)],
    members: Vec<(BaseConsumer<Watched>, Watched)>,
    seen: BTreeSet<String>,
}

impl<'a> Group<'a> {
    fn new(running: &'a Running, topic: &'a str, settings: &'a [(&'a str, &'a str)]) -> Self {
        Self { running, topic, settings, members: Vec::new(), seen: BTreeSet::new() }
    }

    fn join(&mut self) {
        let (member, watched) = consumer(self.running, "members", self.settings);
        member.subscribe(&[self.topic]).expect("a subscription");
        self.members.push((member, watched));
    }

    /// Partitions of each member, by member.
    fn assigned(&self) -> Vec<Vec<i32>> {
        let partitions = |(member, _): &(BaseConsumer<Watched>, Watched)| {
            let assignment = member.assignment().expect("an assignment");
            let mut partitions: Vec<i32> =
                assignment.elements().iter().map(TopicPartitionListElem::partition).collect();
            partitions.sort_unstable();
            partitions
        };
        self.members.iter().map(partitions).collect()
    }

    /// Lets all of them poll until `done`; `meanwhile` looks at their assignments after each round.
    fn poll_until(&mut self, done: impl Fn(&Self) -> bool, mut meanwhile: impl FnMut(&[Vec<i32>])) {
        let started = Instant::now();
        while !done(self) {
            assert!(started.elapsed() < LIMIT, "{:?}, {} records read", self.assigned(), self.seen.len());
            for (member, _) in &self.members {
                match member.poll(Duration::from_millis(20)) {
                    Some(Ok(message)) => drop(self.seen.insert(text(message.payload()))),
                    Some(Err(error)) => panic!("{error}"),
                    None => {}
                }
            }
            meanwhile(&self.assigned());
        }
    }

    /// Every partition is with exactly one member, and they have as many as `counts` says.
    fn share(&self, counts: &[usize]) -> bool {
        let assigned = self.assigned();
        let mut all: Vec<i32> = assigned.iter().flatten().copied().collect();
        all.sort_unstable();
        all.iter().copied().eq(0..counts.iter().sum::<usize>() as i32)
            && assigned.iter().map(Vec::len).eq(counts.iter().copied())
    }

    fn complaints(&self) -> Vec<String> {
        self.members.iter().flat_map(|(_, watched)| watched.complaints()).collect()
    }
}

fn produce(running: &Running, topic: &str, numbers: std::ops::Range<i32>) {
    let deliveries = Deliveries::default();
    let producer = producer(running, &deliveries, &[("acks", "all")]);
    for number in numbers {
        let value = number.to_string();
        producer
            .send(BaseRecord::<(), str>::to(topic).payload(&value).partition(number % 6))
            .expect("room in the queue");
    }
    producer.flush(LIMIT).expect("all records are acknowledged");
    assert_eq!((deliveries.failed(), deliveries.complaints()), (vec![], vec![]));
}

#[test]
fn a_group_of_three_shares_the_partitions_and_the_rest_takes_over_when_one_leaves() {
    let running = start(21500);
    create_topic(&running, "shared", 6);
    produce(&running, "shared", 0..600);
    let mut group = Group::new(&running, "shared", &[]);
    for _ in 0..3 {
        group.join();
    }
    group.poll_until(|group| group.share(&[2, 2, 2]) && group.seen.len() == 600, |_| {});
    assert_eq!(group.complaints(), Vec::<String>::new());
    // It leaves as it is dropped.
    drop(group.members.remove(1));
    group.poll_until(|group| group.share(&[3, 3]), |_| {});
    produce(&running, "shared", 600..700);
    group.poll_until(|group| group.seen.len() == 700, |_| {});
    group.join();
    group.poll_until(|group| group.share(&[2, 2, 2]), |_| {});
    assert_eq!(group.complaints(), Vec::<String>::new());
}

#[test]
fn cooperative_members_keep_what_does_not_move_when_one_joins() {
    let running = start(23500);
    create_topic(&running, "cooperative", 6);
    produce(&running, "cooperative", 0..60);
    let mut group = Group::new(&running, "cooperative", &[("partition.assignment.strategy", "cooperative-sticky")]);
    group.join();
    group.join();
    group.poll_until(|group| group.share(&[3, 3]), |_| {});
    let before = group.assigned();
    group.join();
    let mut kept = before.clone();
    group.poll_until(
        |group| group.share(&[2, 2, 2]),
        |assigned| {
            for (kept, now) in kept.iter_mut().zip(assigned) {
                kept.retain(|partition| now.contains(partition));
            }
        },
    );
    // Each of the two gave one partition away and never let go of the others.
    assert_eq!(kept.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2], "{before:?} to {:?}", group.assigned());
    group.poll_until(|group| group.seen.len() == 60, |_| {});
    assert_eq!(group.complaints(), Vec::<String>::new());
}
