//! What is seen of a log's newest records.

use super::compression::sent_in;
use super::*;
use crate::log::{SeenRecord, TailMemory};
use crate::record::Compression;
use crate::record::control::end_transaction_marker;

fn seen(log: &UnifiedLog, from: Offset, memory: &mut TailMemory) -> Vec<(Offset, Option<String>)> {
    let text = |key: Vec<u8>| String::from_utf8(key).unwrap();
    log.tail(from, memory).into_iter().map(|SeenRecord { offset, key, .. }| (offset, key.map(text))).collect()
}

fn keyed(keys: &[Option<&str>], value: &[u8]) -> BatchBuilder {
    let mut builder = BatchBuilder::new(0);
    for key in keys {
        builder.append(WALL, key.map(str::as_bytes), Some(value), &[]);
    }
    builder
}

#[test]
fn the_newest_records_are_seen_in_batches_of_every_codec() {
    let mut fixture = Fixture::new(LogConfig::default());
    for codec in Compression::ALL {
        fixture.client(&sent_in(codec, keyed(&[Some("a"), None, Some(codec.name())], b"value"))).unwrap();
    }
    let marker = end_transaction_marker(7, 2, 9, 4, true);
    fixture.log.append_as_leader(now(), &marker, 3, AppendOrigin::Coordinator, &mut fixture.store).unwrap();
    let mut memory = TailMemory::default();
    memory.begin();
    let found = seen(&fixture.log, 7, &mut memory);
    let key = |offset, key: &str| (offset, Some(key.into()));
    let expected = [(7, None), key(8, "snappy"), key(9, "a"), (10, None), key(11, "lz4"), key(12, "a"), (13, None)];
    assert_eq!(found[..7], expected);
    assert_eq!(found[7], key(14, "zstd"));
    assert!(fixture.log.tail(15, &mut memory)[0].is_control);
}

#[test]
fn no_batch_is_unpacked_twice_and_no_round_unpacks_much() {
    let mut fixture = Fixture::new(LogConfig::default());
    let mut noise = crate::rng::Rng::new(3);
    for name in ["a", "b", "c"] {
        // 300 KiB that hardly compress.
        let value: Vec<u8> = core::iter::repeat_with(|| noise.next_u64() as u8 & 0x3f).take(100 << 10).collect();
        fixture.client(&sent_in(Compression::Gzip, keyed(&[Some(name); 3], &value))).unwrap();
    }
    let mut memory = TailMemory::default();
    memory.begin();
    let first = seen(&fixture.log, 0, &mut memory).len();
    assert!(first < 3, "{first} records after the first round");
    let rounds = (2..30).find(|_| {
        memory.begin();
        seen(&fixture.log, 0, &mut memory).len() == 9
    });
    assert!(rounds.is_some_and(|rounds| (6..=9).contains(&rounds)), "900 KiB take {rounds:?} rounds");
    // Without a new round there is nothing left to spend: what is seen now is remembered.
    assert_eq!(seen(&fixture.log, 4, &mut memory).len(), 5);
    // A round that looks elsewhere forgets.
    memory.begin();
    memory.begin();
    assert!(seen(&fixture.log, 4, &mut memory).len() < 5);
}

#[test]
fn a_batch_in_the_place_of_another_is_looked_at_anew() {
    let mut fixture = Fixture::new(LogConfig::default());
    let mut memory = TailMemory::default();
    for (round, key) in ["old", "new"].into_iter().enumerate() {
        fixture.log.truncate_to(now(), 0, &mut fixture.store).unwrap();
        fixture.client(&sent_in(Compression::Lz4, keyed(&[Some(key)], b"value"))).unwrap();
        memory.begin();
        assert_eq!(seen(&fixture.log, 0, &mut memory), [(0, Some(key.into()))], "{round}");
    }
}

#[test]
fn what_cannot_be_unpacked_is_not_seen_and_hides_nothing_else() {
    let mut fixture = Fixture::new(LogConfig::default());
    let mut damaged = sent_in(Compression::Gzip, keyed(&[Some("a")], b"value")).to_vec();
    damaged.truncate(70);
    damaged[8..12].copy_from_slice(&58_u32.to_be_bytes());
    let crc = crate::record::crc32c(&damaged[21..]);
    damaged[17..21].copy_from_slice(&crc.to_be_bytes());
    fixture.log.append_as_follower(now(), &damaged, 3, &mut fixture.store).unwrap();
    fixture.client(&sent_in(Compression::Gzip, keyed(&[Some("b")], b"value"))).unwrap();
    let mut memory = TailMemory::default();
    memory.begin();
    assert_eq!(seen(&fixture.log, 0, &mut memory), [(1, Some("b".into()))]);
}
