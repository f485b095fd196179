//! Any appends, crashes and evictions: what is left is some of what was written, and all that counts.

extern crate std;

use super::*;
use crate::rng::Rng;
use crate::sorted::{SortedMap, SortedSet};
use std::println;

/// What was written at an offset.
#[derive(Clone, Debug, PartialEq)]
struct Written {
    key: String,
    value: Option<String>,
    aborted: bool,
}

/// Everything that was ever written, by offset; records of open transactions apart.
#[derive(Default)]
struct Model {
    written: SortedMap<Offset, Written>,
    open: SortedMap<i64, Vec<(Offset, String, Option<String>)>>,
    sequences: SortedMap<i64, i32>,
}

impl Model {
    fn end(&mut self, producer: i64, committed: bool) {
        for (offset, key, value) in self.open.remove(&producer).unwrap_or_default() {
            self.written.insert(offset, Written { key, value, aborted: !committed });
        }
    }

    fn check(&self, stage: &mut Stage, seed: u64) {
        let mut there = SortedSet::new();
        let mut last_offset = -1;
        for batch in stage.batches() {
            assert!(batch.base_offset > last_offset, "seed {seed}");
            last_offset = batch.last_offset();
            for record in batch.iter().unwrap().map(Result::unwrap).filter(|_| !batch.is_control()) {
                let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
                let (key, value) = (text(record.key.as_ref().unwrap()), record.value.as_ref().map(text));
                there.insert(record.offset);
                match self.written.get(&record.offset) {
                    Some(known) => assert_eq!((&known.key, &known.value), (&key, &value), "seed {seed}"),
                    None => assert!(self.open.values().flatten().any(|open| open.0 == record.offset), "seed {seed}"),
                }
            }
        }
        assert_eq!(last_offset + 1, stage.log().log_end_offset(), "seed {seed}: the end is known by a batch");
        for open in self.open.values().flatten() {
            assert!(there.contains(&open.0), "seed {seed}: a record of an open transaction");
        }
        let mut last: SortedMap<&str, (Offset, bool)> = SortedMap::new();
        for (offset, written) in self.written.iter().filter(|(_, written)| !written.aborted) {
            last.insert(&written.key, (*offset, written.value.is_some()));
        }
        for (key, (offset, has_value)) in &last {
            assert!(!has_value || there.contains(offset), "seed {seed}: {key} at {offset}");
        }
        let aborted = self.written.iter().filter(|(offset, written)| written.aborted && there.contains(*offset));
        let told = stage.log().aborted_between(0, Offset::MAX);
        for (offset, _) in aborted {
            let is_told = told.iter().any(|txn| (txn.first_offset..txn.last_offset).contains(offset));
            assert!(is_told, "seed {seed}: {offset} was aborted, and no reader is told");
        }
    }
}

fn run(seed: u64) -> usize {
    let mut rng = Rng::new(seed);
    let config = LogConfig {
        segment_bytes: [400, 1_000, 5_000][rng.below(3) as usize],
        segment_ms: 604_800_000,
        min_cleanable_dirty_millionths: [0, 300_000][rng.below(2) as usize],
        delete_retention_ms: [0, 20_000, 86_400_000][rng.below(3) as usize],
        ..config()
    };
    let mut stage = Stage::new(&config);
    stage.cleaner.buffer_bytes = [300, 5_000, 1 << 20][rng.below(3) as usize];
    stage.manager.set_cleaner_config(stage.cleaner);
    let mut model = Model::default();
    let mut cleaned = 0;
    for _ in 0..200 {
        match rng.below(12) {
            0..=5 => append(&mut stage, &mut model, &mut rng),
            6 if !model.open.is_empty() => {
                let producers: Vec<i64> = model.open.keys().copied().collect();
                let producer = producers[rng.below(producers.len() as u64) as usize];
                let committed = rng.chance(1, 2);
                stage.end(producer, committed);
                model.end(producer, committed);
            }
            7..=8 => stage.wait(rng.below(40_000)),
            9 => {
                let now = stage.now();
                while let Some(last) = stage.log().coldest(now.monotonic) {
                    stage.log().evict(last, now.monotonic);
                }
            }
            10 => {
                stage.turn();
                stage.restart(&config);
                stage.manager.set_cleaner_config(stage.cleaner);
                // After one that loses nothing.
                for (producer, sequence) in &model.sequences {
                    let entry = stage.log().producer_state().producers().get(producer).cloned();
                    assert_eq!(entry.map(|entry| entry.last_sequence()), Some(*sequence), "seed {seed}: {producer}");
                }
            }
            _ => {
                stage.millis += 5;
                stage.turn();
            }
        }
        model.check(&mut stage, seed);
        cleaned += usize::from(stage.log().cleaner_checkpoint().is_some());
    }
    cleaned
}

fn append(stage: &mut Stage, model: &mut Model, rng: &mut Rng) {
    let count = 1 + rng.below(6);
    let pairs: Vec<(String, Option<String>)> = (0..count)
        .map(|_| {
            let value = rng.chance(4, 5).then(|| format!("{}", rng.below(1_000_000)));
            (format!("key-{}", rng.below(8)), value)
        })
        .collect();
    let borrowed: Vec<Pair<'_>> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
    let first = stage.log().log_end_offset();
    let producer = rng.below(6) as i64;
    let mut builder = BatchBuilder::new(0);
    // Producers 0 to 2 write in transactions, 3 without, the others are not idempotent.
    if producer <= 3 {
        let sequence = model.sequences.get(&producer).map_or(0, |last| last + 1);
        builder = builder.with_producer(producer, 0, sequence);
        model.sequences.insert(producer, sequence + count as i32 - 1);
    }
    if producer <= 2 {
        builder = builder.transactional();
    }
    let mut builder = stage.fill(builder, &borrowed);
    if rng.chance(1, 3) {
        let codec = Compression::ALL[rng.below(5) as usize];
        builder = builder.compressed(&TargetCompression::Producer.compressor(codec));
    }
    stage.append(AppendOrigin::Client, &builder.build());
    for (index, (key, value)) in pairs.into_iter().enumerate() {
        let offset = first + index as Offset;
        if producer <= 2 {
            model.open.entry(producer).or_default().push((offset, key, value));
        } else {
            model.written.insert(offset, Written { key, value, aborted: false });
        }
    }
}

#[test]
fn what_counts_is_left_after_any_appends_crashes_and_evictions() {
    let mut cleaned = 0;
    for seed in 0..60 {
        println!("seed {seed}");
        cleaned += run(seed);
    }
    assert!(cleaned > 1000, "{cleaned}");
}
