//! Compressed batches: librdkafka reads ours, and our tools read librdkafka's.

use super::support::{Deliveries, LIMIT, Running, consumer, create_topic, producer, read, start};
use broker_tests::oracle::Tools;
use broker_tests::oracle::ours::OurTools;
use rdkafka::consumer::Consumer;
use rdkafka::producer::{BaseRecord, Producer};
use std::path::{Path, PathBuf};

const CODECS: [&str; 4] = ["gzip", "snappy", "lz4", "zstd"];
const RECORDS: usize = 500;

/// Lines that compress, more of them than a block of snappy has room for.
fn lines(of: &str) -> Vec<String> {
    let line = |number| format!("{of} {number}: {}", "the quick brown fox jumps over the lazy dog ".repeat(number % 7));
    (0..RECORDS).map(line).collect()
}

/// Runs one of our tools; answers what it printed.
fn tool(words: &[&str], input: &str) -> String {
    let mut tools = OurTools::at(PathBuf::from(env!("CARGO_BIN_EXE_kafka-tools"))).expect("it was built");
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    let ended = tools.run(&words, input.as_bytes(), Path::new(".")).expect("it runs");
    assert_eq!(ended.code, Some(0), "{words:?}: {}", String::from_utf8_lossy(&ended.error));
    String::from_utf8(ended.output).expect("text")
}

/// Codecs of the batches that a broker stored of partition 0.
fn stored_codecs(running: &Running, topic: &str) -> Vec<String> {
    running.wait_for_replicas();
    let file = running.file(&format!("{topic}-0/00000000000000000000.log"));
    let dumped = tool(&["kafka-dump-log.sh", "--files", &file], "");
    let codecs = dumped.lines().filter_map(|line| line.split_once("compresscodec: ")?.1.split(' ').next());
    let mut codecs: Vec<String> = codecs.map(str::to_owned).collect();
    codecs.dedup();
    codecs
}

#[test]
fn librdkafka_reads_what_our_producer_compressed() {
    let running = start(27_000);
    let servers = running.cluster.bootstrap_servers();
    for codec in CODECS {
        create_topic(&running, codec, 1);
        let lines = lines(codec);
        let words = [
            "kafka-console-producer.sh",
            "--bootstrap-server",
            &servers,
            "--topic",
            codec,
            "--compression-codec",
            codec,
            "--request-timeout-ms",
            "30000",
        ];
        tool(&words, &(lines.join("\n") + "\n"));
        let (consumer, watched) = consumer(&running, codec, &[("check.crcs", "true")]);
        consumer.subscribe(&[codec]).expect("a subscription");
        let seen = read(&consumer, |seen| seen.len() >= RECORDS);
        assert!(seen.into_iter().map(|(_, _, value)| value).eq(lines), "{codec}");
        assert_eq!(watched.complaints(), Vec::<String>::new());
        assert_eq!(stored_codecs(&running, codec), [codec]);
    }
}

#[test]
fn our_consumer_reads_what_librdkafka_compressed() {
    let running = start(28_000);
    let servers = running.cluster.bootstrap_servers();
    for codec in CODECS {
        create_topic(&running, codec, 1);
        let lines = lines(codec);
        let deliveries = Deliveries::default();
        // So long a linger that batches are of many records; flushing does not wait for it.
        let producer = producer(&running, &deliveries, &[("compression.type", codec), ("linger.ms", "5000")]);
        for line in &lines {
            producer.send(BaseRecord::<(), str>::to(codec).payload(line)).expect("room in the queue");
        }
        producer.flush(LIMIT).expect("all records are acknowledged");
        assert_eq!((deliveries.failed(), deliveries.complaints()), (vec![], vec![]));
        let count = RECORDS.to_string();
        let words = ["kafka-console-consumer.sh", "--bootstrap-server", &servers, "--topic", codec, "--from-beginning"];
        let read = tool(&[&words[..], &["--max-messages", &count]].concat(), "");
        assert!(read.lines().eq(&lines), "{codec}");
        assert_eq!(stored_codecs(&running, codec), [codec]);
        let file = running.file(&format!("{codec}-0/00000000000000000000.log"));
        let dumped = tool(&["kafka-dump-log.sh", "--print-data-log", "--files", &file], "");
        let payloads = dumped.lines().filter_map(|line| Some(line.split_once(" payload: ")?.1));
        assert!(payloads.eq(&lines), "{codec}");
    }
}
