//! What is still there after a power cut of the whole cluster.

use super::support::{Deliveries, LIMIT, consumer, create_topic_with, describe_topic, producer, read, start, wait};
use broker_tests::tcp::End;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

#[test]
fn topics_configs_records_and_committed_offsets_are_back_after_a_power_cut_of_all() {
    let mut running = start(25_500);
    let configs = [("retention.ms", "7200000"), ("max.message.bytes", "65536"), ("min.insync.replicas", "1")];
    create_topic_with(&running, "kept", 1, &configs);
    let deliveries = Deliveries::default();
    let sender = producer(&running, &deliveries, &[("acks", "all")]);
    for number in 0..50 {
        sender.send(BaseRecord::<(), str>::to("kept").payload(&number.to_string())).expect("room in the queue");
    }
    sender.flush(LIMIT).expect("all records are acknowledged");
    assert_eq!((deliveries.failed(), deliveries.complaints()), (vec![], vec![]));
    drop(sender);
    let (before, watched) = consumer(&running, "resuming", &[("enable.auto.commit", "false")]);
    before.subscribe(&["kept"]).expect("a subscription");
    read(&before, |seen| seen.len() >= 50);
    let mut committed = TopicPartitionList::new();
    committed.add_partition_offset("kept", 0, Offset::Offset(20)).expect("an offset");
    before.commit(&committed, CommitMode::Sync).expect("committed");
    assert_eq!(watched.complaints(), Vec::<String>::new());
    drop(before);

    for broker in 0..3 {
        running.cluster.end(broker, End::Kill).expect("the node runs");
    }
    for broker in 0..3 {
        running.cluster.restart(broker).expect("its ports are free again");
    }
    running.wait_for_replicas();
    let mut described = None;
    wait("configs of the topic", || {
        described = describe_topic(&running, "kept");
        described.is_some()
    });
    let described = described.expect("it was waited for");
    for (key, value) in configs {
        assert_eq!(described.get(key).map(String::as_str), Some(value), "{key}");
    }
    let (after, _) = consumer(&running, "resuming", &[]);
    after.subscribe(&["kept"]).expect("a subscription");
    let seen = read(&after, |seen| seen.len() >= 30);
    let offsets: Vec<i64> = seen.iter().map(|(_, offset, _)| *offset).collect();
    assert_eq!(offsets, (20..50).collect::<Vec<i64>>());
}
