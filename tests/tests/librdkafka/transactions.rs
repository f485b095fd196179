//! Transactions: what committed consumers see of them, who is fenced, and offsets that are committed with the records.

use super::support::{Deliveries, LIMIT, Running, Watched, consumer, create_topic, producer, read, start, text};
use broker_tests::tcp::End;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

fn transactional(running: &Running, id: &str) -> ThreadedProducer<Deliveries> {
    let producer = producer(running, &Deliveries::default(), &[("transactional.id", id), ("linger.ms", "5")]);
    producer.init_transactions(LIMIT).expect("a producer id");
    producer
}

fn send(producer: &ThreadedProducer<Deliveries>, topic: &str, values: &[&str]) {
    for value in values {
        producer.send(BaseRecord::<(), str>::to(topic).payload(value)).expect("room in the queue");
    }
    producer.flush(LIMIT).expect("every record is acknowledged");
}

/// The values in a topic of one partition, read up to `last`.
fn values_until(running: &Running, topic: &str, isolation_level: &str, last: &str) -> Vec<String> {
    let (consumer, _) = consumer(running, "reader", &[("isolation.level", isolation_level)]);
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Beginning).expect("an offset");
    consumer.assign(&partitions).expect("a partition");
    let seen = read(&consumer, |seen| seen.last().is_some_and(|(_, _, value)| value == last));
    seen.into_iter().map(|(_, _, value)| value).collect()
}

#[test]
fn committed_consumers_see_what_was_committed_and_nothing_behind_an_open_transaction() {
    let running = start(29000);
    create_topic(&running, "ledger", 1);
    let first = transactional(&running, "first");
    first.begin_transaction().expect("none is open");
    send(&first, "ledger", &["a", "b"]);
    first.commit_transaction(LIMIT).expect("it is committed");
    first.begin_transaction().expect("none is open");
    send(&first, "ledger", &["gone", "gone too"]);
    first.abort_transaction(LIMIT).expect("it is aborted");

    // The second commits while the first has a transaction open that began earlier.
    let second = transactional(&running, "second");
    first.begin_transaction().expect("none is open");
    send(&first, "ledger", &["c"]);
    second.begin_transaction().expect("none is open");
    send(&second, "ledger", &["d"]);
    second.commit_transaction(LIMIT).expect("it is committed");
    let all = values_until(&running, "ledger", "read_uncommitted", "d");
    assert_eq!(all, ["a", "b", "gone", "gone too", "c", "d"]);

    let (waiting, complaints) = consumer(&running, "waiting", &[("isolation.level", "read_committed")]);
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset("ledger", 0, Offset::Beginning).expect("an offset");
    waiting.assign(&partitions).expect("a partition");
    let seen = read(&waiting, |seen| seen.len() >= 2);
    assert_eq!(seen.iter().map(|(_, _, value)| value.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    // Longer than a fetch is held: nothing behind the open transaction comes.
    assert!(waiting.poll(Duration::from_secs(2)).is_none());
    first.commit_transaction(LIMIT).expect("it is committed");
    let seen = read(&waiting, |seen| seen.len() >= 2);
    assert_eq!(seen.iter().map(|(_, _, value)| value.as_str()).collect::<Vec<_>>(), ["c", "d"]);
    assert_eq!(complaints.complaints(), Vec::<String>::new());
}

fn code(result: KafkaResult<()>) -> Option<RDKafkaErrorCode> {
    match result {
        Ok(()) => None,
        Err(KafkaError::Transaction(error)) => Some(error.code()),
        Err(error) => error.rdkafka_error_code(),
    }
}

#[test]
fn a_producer_is_fenced_by_the_next_one_of_its_transactional_id() {
    let running = start(29400);
    create_topic(&running, "fenced", 1);
    let old = transactional(&running, "shared");
    old.begin_transaction().expect("none is open");
    send(&old, "fenced", &["of the old one"]);
    // Its transaction is aborted first.
    let new = transactional(&running, "shared");
    let told = code(old.commit_transaction(LIMIT));
    let fenced = [Some(RDKafkaErrorCode::Fenced), Some(RDKafkaErrorCode::InvalidProducerEpoch)];
    assert!(fenced.contains(&told), "{told:?}");
    new.begin_transaction().expect("none is open");
    send(&new, "fenced", &["of the new one"]);
    new.commit_transaction(LIMIT).expect("it is committed");
    assert_eq!(values_until(&running, "fenced", "read_committed", "of the new one"), ["of the new one"]);
}

/// Reads `orders`, writes each record once to `invoices`, and commits what was read with what was written.
struct Pipe<'a> {
    running: &'a Running,
    from: BaseConsumer<Watched>,
    to: ThreadedProducer<Deliveries>,
    /// The next offset of each partition that was read.
    read: BTreeMap<i32, i64>,
}

impl<'a> Pipe<'a> {
    fn new(running: &'a Running) -> Self {
        // A member whose coordinator dies as it leaves stays for a session: it is a short one.
        let session = ("session.timeout.ms", "6000");
        let settings = [("isolation.level", "read_committed"), ("enable.auto.commit", "false"), session];
        let (from, _) = consumer(running, "pipe", &settings);
        from.subscribe(&["orders"]).expect("a subscription");
        Self { running, from, to: transactional(running, "pipe"), read: BTreeMap::new() }
    }

    /// One transaction of up to 20 records; how many.
    fn transaction(&mut self, commit: bool) -> KafkaResult<usize> {
        let mut orders = Vec::new();
        while orders.len() < 20 {
            match self.from.poll(Duration::from_millis(300)) {
                Some(Ok(order)) => {
                    self.read.insert(order.partition(), order.offset() + 1);
                    orders.push(text(order.payload()));
                }
                Some(Err(error)) => return Err(error),
                None => break,
            }
        }
        if orders.is_empty() {
            return Ok(0);
        }
        self.to.begin_transaction()?;
        for order in &orders {
            self.to.send(BaseRecord::<(), str>::to("invoices").payload(order)).map_err(|(error, _)| error)?;
        }
        let mut offsets = TopicPartitionList::new();
        for (partition, offset) in &self.read {
            offsets.add_partition_offset("orders", *partition, Offset::Offset(*offset))?;
        }
        let group = self.from.group_metadata().expect("it is a member");
        self.to.send_offsets_to_transaction(&offsets, &group, LIMIT)?;
        if !commit {
            self.to.abort_transaction(LIMIT)?;
            self.rewind()?;
            return Ok(0);
        }
        self.to.commit_transaction(LIMIT)?;
        Ok(orders.len())
    }

    /// Back to what is committed.
    fn rewind(&mut self) -> KafkaResult<()> {
        for partition in self.from.committed(LIMIT)?.elements() {
            let offset = match partition.offset() {
                Offset::Offset(offset) => Offset::Offset(offset),
                _ => Offset::Beginning,
            };
            self.from.seek(partition.topic(), partition.partition(), offset, LIMIT)?;
        }
        self.read.clear();
        Ok(())
    }

    /// What a program does after an error that ends neither it nor its id: it begins again, as a new one.
    fn again(self) -> Self {
        let running = self.running;
        drop(self);
        Self::new(running)
    }
}

#[test]
fn what_is_read_and_written_in_transactions_is_there_exactly_once_though_brokers_are_killed() {
    const ORDERS: usize = 600;
    let mut running = start(29800);
    create_topic(&running, "orders", 3);
    create_topic(&running, "invoices", 3);
    let deliveries = Deliveries::default();
    let orders = producer(&running, &deliveries, &[("acks", "all"), ("enable.idempotence", "true")]);
    for number in 0..ORDERS {
        let value = number.to_string();
        orders.send(BaseRecord::<(), str>::to("orders").payload(&value)).expect("room in the queue");
    }
    orders.flush(LIMIT).expect("every record is acknowledged");

    let started = Instant::now();
    let mut piped = 0;
    let mut round = 0;
    for victim in 0..3 {
        let mut pipe = Pipe::new(&running);
        let until = ORDERS * (victim + 1) / 4;
        while piped < until {
            assert!(started.elapsed() < 4 * LIMIT, "only {piped} of {until}");
            round += 1;
            match pipe.transaction(round % 3 != 0) {
                Ok(count) => piped += count,
                Err(error) => {
                    println!("{error}");
                    pipe = pipe.again();
                }
            }
        }
        drop(pipe);
        running.cluster.end(victim as i32, End::Kill).expect("the node runs");
        let mut pipe = Pipe::new(&running);
        let _ = pipe.transaction(true).map(|count| piped += count);
        drop(pipe);
        running.cluster.restart(victim as i32).expect("its ports are free again");
        running.wait_for_replicas();
    }
    let mut pipe = Pipe::new(&running);
    // No member of a group, which might read again what it had not committed.
    let (reader, _) = consumer(&running, "audit", &[("isolation.level", "read_committed")]);
    let mut partitions = TopicPartitionList::new();
    for partition in 0..3 {
        partitions.add_partition_offset("invoices", partition, Offset::Beginning).expect("an offset");
    }
    reader.assign(&partitions).expect("partitions");
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    while seen.len() < ORDERS {
        assert!(started.elapsed() < 6 * LIMIT, "only {} of {ORDERS} orders came through", seen.len());
        if pipe.transaction(true).is_err() {
            pipe = pipe.again();
        }
        while let Some(invoice) = reader.poll(Duration::from_millis(100)) {
            *seen.entry(text(invoice.expect("a record").payload())).or_default() += 1;
        }
    }
    let twice: Vec<_> = seen.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
