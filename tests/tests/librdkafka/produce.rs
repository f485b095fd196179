//! Producers: every acks, and where keys go.

use super::support::{Deliveries, LIMIT, consumer, create_topic, producer, read, start};
use rdkafka::consumer::Consumer;
use rdkafka::producer::{BaseRecord, Producer};

#[test]
fn records_of_every_acks_are_read_back_in_order() {
    let running = start(20500);
    create_topic(&running, "acks", 1);
    let mut expected = Vec::new();
    for settings in [
        &[("acks", "0")][..],
        &[("acks", "1")][..],
        &[("acks", "all")][..],
        &[("acks", "all"), ("enable.idempotence", "true")][..],
    ] {
        let deliveries = Deliveries::default();
        let producer = producer(&running, &deliveries, settings);
        for number in 0..50 {
            let value = format!("{settings:?} {number}");
            producer.send(BaseRecord::<(), str>::to("acks").payload(&value)).expect("room in the queue");
            expected.push(value);
        }
        producer.flush(LIMIT).expect("all records are acknowledged");
        assert_eq!((deliveries.failed(), deliveries.count()), (vec![], 50));
        assert_eq!(deliveries.complaints(), Vec::<String>::new());
    }
    let (consumer, watched) = consumer(&running, "order", &[]);
    consumer.subscribe(&["acks"]).expect("a subscription");
    let seen = read(&consumer, |seen| seen.len() >= expected.len());
    assert_eq!(seen.into_iter().map(|(_, _, value)| value).collect::<Vec<_>>(), expected);
    assert_eq!(watched.complaints(), Vec::<String>::new());
}

#[test]
fn our_partitioner_puts_keys_where_librdkafkas_murmur2_does() {
    let running = start(21000);
    create_topic(&running, "keys", 3);
    let deliveries = Deliveries::default();
    let producer = producer(&running, &deliveries, &[("partitioner", "murmur2")]);
    let keys: Vec<String> = (0..40).map(|number| format!("key-{number}")).collect();
    for key in &keys {
        producer.send(BaseRecord::to("keys").key(key).payload(key)).expect("room in the queue");
    }
    producer.flush(LIMIT).expect("all records are acknowledged");
    assert_eq!((deliveries.failed(), deliveries.complaints()), (vec![], vec![]));
    for (partition, _, key) in &deliveries.acknowledged() {
        assert_eq!(broker_core::client::partitioner::partition_for_key(key.as_bytes(), 3), *partition, "{key}");
    }
}
