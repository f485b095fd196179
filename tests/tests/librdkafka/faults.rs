//! Brokers that end while clients produce.

use super::support::{
    Deliveries, LIMIT, Running, consumer, create_topic, partition_led_by, producer, read, start, wait,
};
use broker_tests::tcp::End;
use rdkafka::consumer::Consumer;
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use std::collections::BTreeSet;
use std::time::Instant;

#[test]
fn nothing_acknowledged_is_lost_or_twice_when_leaders_are_killed_under_load() {
    let mut running = start(22000);
    create_topic(&running, "failover", 3);
    let deliveries = Deliveries::default();
    let settings = [("acks", "all"), ("enable.idempotence", "true"), ("linger.ms", "5")];
    let producer = producer(&running, &deliveries, &settings);
    let mut sent = 0;
    for round in 0..3 {
        let mut produce_until = |running_count: usize| {
            wait(&format!("acknowledgement of {running_count} records in round {round}"), || {
                while sent < deliveries.count() + 200 {
                    let value = sent.to_string();
                    producer.send(BaseRecord::<(), str>::to("failover").payload(&value)).expect("room in the queue");
                    sent += 1;
                }
                deliveries.count() >= running_count
            });
        };
        let before = deliveries.count();
        produce_until(before + 500);
        running.cluster.end(round, End::Kill).expect("the node runs");
        let at_kill = deliveries.count();
        // More than can be in flight, so leaders after the kill must have taken some.
        produce_until(at_kill + 700);
        running.cluster.restart(round).expect("its ports are free again");
        let at_restart = deliveries.count();
        produce_until(at_restart + 500);
        running.wait_for_replicas();
    }
    producer.flush(LIMIT).expect("all records are acknowledged");
    assert_eq!(deliveries.failed(), vec![]);
    let expected: BTreeSet<String> = (0..sent).map(|number| number.to_string()).collect();
    let (consumer, _) = consumer(&running, "after", &[]);
    consumer.subscribe(&["failover"]).expect("a subscription");
    let seen = read(&consumer, |seen| seen.len() >= expected.len());
    let values: BTreeSet<String> = seen.iter().map(|(_, _, value)| value.clone()).collect();
    assert_eq!(values.len(), seen.len(), "a record was stored twice");
    assert_eq!(values, expected);
}

/// Sends one record with acks=all, without retries, and waits for what the broker says of it.
fn send_once(running: &Running, topic: &str, partition: i32) -> Result<(), Option<RDKafkaErrorCode>> {
    let deliveries = Deliveries::default();
    let settings =
        [("acks", "all"), ("retries", "0"), ("request.timeout.ms", "2000"), ("message.timeout.ms", "150000")];
    let producer = producer(running, &deliveries, &settings);
    producer.send(BaseRecord::<(), str>::to(topic).partition(partition).payload("x")).expect("room in the queue");
    producer.flush(LIMIT).expect("an answer");
    match deliveries.failed().first() {
        None => Ok(()),
        Some(error) => Err(*error),
    }
}

fn wait_until_written(running: &Running, topic: &str, partition: i32) {
    let started = Instant::now();
    while let Err(error) = send_once(running, topic, partition) {
        assert!(started.elapsed() < LIMIT, "still {error:?}");
    }
}

#[test]
fn with_two_of_three_killed_acks_all_times_out_and_goes_on_when_they_are_back() {
    let mut running = start(22500);
    create_topic(&running, "majority", 3);
    let partition = partition_led_by(&running, "majority", 2);
    wait_until_written(&running, "majority", partition);
    // The quorum goes with them, so nobody can take them out of the ISR.
    running.cluster.end(0, End::Kill).expect("the node runs");
    running.cluster.end(1, End::Kill).expect("the node runs");
    let refused = send_once(&running, "majority", partition);
    assert_eq!(refused, Err(Some(RDKafkaErrorCode::RequestTimedOut)));
    running.cluster.restart(0).expect("its ports are free again");
    running.cluster.restart(1).expect("its ports are free again");
    wait_until_written(&running, "majority", partition);
    running.wait_for_replicas();
}

#[test]
fn with_two_of_three_stopped_acks_all_is_refused_and_goes_on_when_they_are_back() {
    let mut running = start(23000);
    create_topic(&running, "stopped", 3);
    let partition = partition_led_by(&running, "stopped", 2);
    wait_until_written(&running, "stopped", partition);
    // Each leaves the ISR in a controlled way before it goes.
    running.cluster.end(0, End::Stop).expect("the node runs");
    running.cluster.end(1, End::Stop).expect("the node runs");
    let refused = send_once(&running, "stopped", partition);
    assert_eq!(refused, Err(Some(RDKafkaErrorCode::NotEnoughReplicas)));
    running.cluster.restart(0).expect("its ports are free again");
    running.cluster.restart(1).expect("its ports are free again");
    wait_until_written(&running, "stopped", partition);
    running.wait_for_replicas();
}
