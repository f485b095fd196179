//! Batches that Kafka's own classes compressed, read by ours; and the same with bytes changed and cut.

use broker_core::record::compression::{gzip, lz4, snappy, zstd};
use broker_core::record::{BatchBuilder, Batches, Compression, Compressor, Record, RecordBatch};
use broker_core::rng::Rng;
use broker_core::text::Str;
use bytes::Bytes;
use std::path::Path;

const WORDS: [&str; 16] = [
    "broker",
    "leader",
    "follower",
    "offset",
    "epoch",
    "batch",
    "segment",
    "quorum",
    "controller",
    "replica",
    "partition",
    "topic",
    "record",
    "header",
    "consumer",
    "producer",
];

/// Every batch of the segment, in its order: what is in it, and its codec.
const WRITTEN: [(&str, Compression); 27] = {
    use Compression::{Gzip, Lz4, Snappy, Zstd};
    [
        ("one", Gzip),
        ("one", Snappy),
        ("one", Lz4),
        ("one", Zstd),
        ("lines", Gzip),
        ("lines", Snappy),
        ("lines", Lz4),
        ("lines", Zstd),
        ("words", Gzip),
        ("words", Snappy),
        ("words", Lz4),
        ("words", Zstd),
        ("noise", Gzip),
        ("noise", Snappy),
        ("noise", Lz4),
        ("noise", Zstd),
        ("zeros", Gzip),
        ("zeros", Snappy),
        ("zeros", Lz4),
        ("zeros", Zstd),
        ("words", Gzip),
        ("words", Gzip),
        ("words", Lz4),
        ("words", Lz4),
        ("words", Zstd),
        ("words", Zstd),
        ("words", Zstd),
    ]
};

fn segment() -> Vec<RecordBatch> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/compression/00000000000000000000.log");
    let bytes = Bytes::from(std::fs::read(path).expect("committed"));
    Batches::new(bytes).map(|batch| batch.expect("whole")).collect()
}

/// The contents of `WriteFixtures.java`, made in the same way.
fn records(content: &str, base_offset: i64) -> Vec<Record> {
    let mut state: u64 = 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    let mut records = Vec::new();
    let mut add = |key: Option<String>, value: Vec<u8>, headers: Vec<(Str, Option<Bytes>)>| {
        let index = records.len() as i64;
        let (key, value) = (key.map(Bytes::from), Some(Bytes::from(value)));
        records.push(Record { offset: base_offset + index, timestamp: 1_700_000_000_000 + index, key, value, headers });
    };
    match content {
        "one" => add(None, b"a".to_vec(), vec![]),
        "lines" => {
            for number in 0..20 {
                let headers = vec![("number".into(), Some(Bytes::from(number.to_string())))];
                add(Some(format!("key-{number}")), format!("line {number} of a batch").into(), headers);
            }
        }
        "words" => {
            for _ in 0..40 {
                let mut text = String::new();
                while text.len() < 2000 {
                    text += WORDS[(next() & 15) as usize];
                    text.push(' ');
                }
                text.truncate(2000);
                add(None, text.into(), vec![]);
            }
        }
        "noise" => {
            for _ in 0..3 {
                add(None, (0..1500).map(|_| next() as u8).collect(), vec![]);
            }
        }
        _ => add(None, vec![0; 300_000], vec![]),
    }
    records
}

fn compressors() -> [Compressor; 4] {
    [gzip::compressor(-1), snappy::compressor(), lz4::compressor(), zstd::compressor()]
}

#[test]
fn batches_that_kafka_compressed_are_read() {
    let batches = segment();
    assert_eq!(batches.len(), WRITTEN.len());
    for (batch, (content, codec)) in batches.iter().zip(WRITTEN) {
        assert_eq!((batch.check_crc(), batch.compression()), (Ok(()), Ok(codec)));
        let read: Result<Vec<_>, _> = batch.iter().expect("readable").collect();
        assert!(read == Ok(records(content, batch.base_offset)), "{content} of {codec:?}");
    }
}

#[test]
fn ours_are_not_twice_as_large_as_kafkas() {
    for (theirs, (content, codec)) in segment().iter().zip(WRITTEN).take(20) {
        let mut builder = BatchBuilder::new(0);
        for record in records(content, 0) {
            builder.append(record.timestamp, record.key.as_deref(), record.value.as_deref(), &record.headers);
        }
        let compressors = compressors();
        let compressor = compressors.iter().find(|ours| ours.codec() == codec).expect("all are there");
        let ours = builder.compressed(compressor).build().len();
        let theirs = theirs.size();
        assert!(ours <= theirs * 2 + 400, "{content} of {codec:?}: {ours} bytes, and {theirs} of Kafka's");
    }
}

/// A codec that panics or takes what it likes would fall here.
#[test]
fn changed_and_cut_batches_are_errors_or_other_records() {
    let seed = 20_261_127;
    println!("seed {seed}");
    let mut rng = Rng::new(seed);
    let ours = compressors().into_iter().flat_map(|compressor| {
        ["lines", "words", "noise"].map(|content| {
            let mut builder = BatchBuilder::new(0);
            for record in records(content, 0).iter().take(20) {
                builder.append(record.timestamp, record.key.as_deref(), record.value.as_deref(), &record.headers);
            }
            RecordBatch::parse(&builder.compressed(&compressor).build()).expect("a batch")
        })
    });
    let batches: Vec<RecordBatch> = segment().into_iter().chain(ours).collect();
    let (mut failed, mut read) = (0, 0);
    for batch in &batches {
        let codec = batch.compression().expect("known");
        let whole = &batch.bytes()[broker_core::record::HEADER_LENGTH..];
        for _ in 0..150 {
            let mut bytes = whole.to_vec();
            // Most changes near the front, where lengths and tables are.
            let front = if rng.chance(1, 2) { bytes.len().min(64) } else { bytes.len() };
            for _ in 0..=rng.below(3) {
                let at = rng.below(front as u64) as usize;
                bytes[at] = if rng.chance(1, 2) { rng.next_u64() as u8 } else { bytes[at] ^ (1 << rng.below(8)) };
            }
            if rng.chance(1, 3) {
                bytes.truncate(rng.below(bytes.len() as u64 + 1) as usize);
            }
            match codec.decompress(&bytes) {
                Ok(_) => read += 1,
                Err(_) => failed += 1,
            }
        }
    }
    assert!(failed > 1000 && read > 100, "{failed} failed, {read} were read");
}
