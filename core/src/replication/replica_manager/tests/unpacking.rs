//! Compressed batches are unpacked in turns before they are appended, and compressed anew where the topic wants them so.

use super::*;
use crate::record::compression::{gzip, zstd};

/// Everything is stored in gzip.
const IN_GZIP: &[(&str, &str)] = &[
    ("log.flush.interval.messages", "9223372036854775807"),
    ("compression.type", "gzip"),
    ("message.max.bytes", "9000000"),
];

/// What does not compress at all, sent as it is.
fn noise(count: usize) -> Bytes {
    let mut rng = crate::rng::Rng::new(8);
    let value: Vec<u8> = (0..count).map(|_| rng.next_u64() as u8).collect();
    let mut builder = BatchBuilder::new(0);
    builder.append(1_700_000_000_000, None, Some(&value), &[]);
    builder.build()
}

/// A batch of one value of so many zeros.
fn zeros(count: usize, compressor: crate::record::Compressor) -> Bytes {
    let mut builder = BatchBuilder::new(0);
    builder.append(1_700_000_000_000, None, Some(&vec![0; count]), &[]);
    builder.compressed(&compressor).build()
}

fn small() -> Bytes {
    zeros(10, gzip::compressor(-1))
}

/// Ticks of a broker until it answered; the answer's error and offset.
fn turns(cluster: &mut Cluster, token: u64) -> (usize, ErrorCode, Offset) {
    for turn in 0..10_000 {
        if let Some((error, offset, _)) = cluster.produced(token) {
            return (turn, error, offset);
        }
        cluster.act(0, |manager, stores, now| manager.tick(now, stores));
    }
    panic!("it is never answered");
}

#[test]
fn what_unpacks_to_much_is_checked_in_turns_and_holds_nobody_up() {
    let mut cluster = Cluster::new(1, UNFLUSHED);
    cluster.run_millis(600);
    cluster.produce(0, 1, 5000, zeros(3 << 20, gzip::compressor(-1)), 1);
    assert_eq!((cluster.produced(1), cluster.log(0).log_end_offset()), (None, 0));
    assert!(cluster.manager(0).next_unpacking().is_some());
    // Others get their turns between; who has nothing to unpack needs none.
    cluster.produce(0, 1, 5000, batch(&["a"]), 2);
    assert_eq!(cluster.produced(2), ok(0));
    cluster.produce(0, 1, 5000, small(), 3);
    let (turn, error, offset) = turns(&mut cluster, 3);
    assert!((1..4).contains(&turn) && (error, offset) == (ErrorCode::None, 1), "{turn} {error:?} {offset}");
    let (turn, error, offset) = turns(&mut cluster, 1);
    assert!((15..30).contains(&turn) && (error, offset) == (ErrorCode::None, 2), "{turn} {error:?} {offset}");
    cluster.produce(0, 1, 5000, small(), 4);
    assert_eq!(turns(&mut cluster, 4), (0, ErrorCode::None, 3));
}

#[test]
fn more_is_taken_than_could_be_held() {
    let mut cluster = Cluster::new(2, UNFLUSHED);
    cluster.run_millis(600);
    let bytes = zeros(crate::record::compression::MAX_UNCOMPRESSED + 1, zstd::compressor());
    assert!(bytes.len() < 100 << 10);
    cluster.produce(0, 1, 5000, bytes, 1);
    let (turn, error, offset) = turns(&mut cluster, 1);
    assert!(turn > 400 && (error, offset) == (ErrorCode::None, 0), "{turn} {error:?} {offset}");
}

#[test]
fn what_turns_out_to_be_damaged_is_refused_and_what_it_was_sent_with_is_not() {
    let mut cluster = Cluster::new(3, UNFLUSHED);
    cluster.run_millis(600);
    let mut damaged = zeros(1 << 20, gzip::compressor(-1)).to_vec();
    let end = damaged.len();
    damaged[end - 6] ^= 1;
    let crc = crate::record::crc32c(&damaged[21..]);
    damaged[17..21].copy_from_slice(&crc.to_be_bytes());
    cluster.produce(0, 1, 5000, damaged.into(), 1);
    cluster.produce(0, 1, 5000, zeros(1 << 20, gzip::compressor(-1)), 2);
    let (turn, error, _) = turns(&mut cluster, 1);
    assert!(turn > 5 && error == ErrorCode::UnknownServerError, "{turn} {error:?}");
    let (_, error, offset) = turns(&mut cluster, 2);
    assert_eq!((error, offset), (ErrorCode::None, 0));
}

#[test]
fn a_copy_of_a_broker_goes_on_where_it_was() {
    for compressor in [gzip::compressor(-1), zstd::compressor()] {
        let mut cluster = Cluster::new(4, UNFLUSHED);
        cluster.run_millis(600);
        cluster.produce(0, 1, 5000, zeros(1 << 20, compressor), 1);
        let copied = |manager: &mut ReplicaManager, stores: &mut [StoreQueue], now: Now| {
            *manager = manager.clone();
            manager.tick(now, stores);
        };
        let turn = (0..100).find(|_| {
            cluster.act(0, copied);
            cluster.produced(1).is_some()
        });
        assert!(turn.is_some_and(|turn| turn < 20), "{turn:?}");
        assert_eq!(cluster.log(0).log_end_offset(), 1);
    }
}

#[test]
fn a_leader_that_is_one_no_longer_when_it_comes_to_appending_says_so() {
    let mut cluster = Cluster::new(5, UNFLUSHED);
    cluster.run_millis(600);
    cluster.produce(0, 1, 5000, zeros(1 << 20, gzip::compressor(-1)), 1);
    cluster.elect(1, &[0, 1, 2]);
    let (_, error, offset) = turns(&mut cluster, 1);
    assert_eq!((error, offset), (ErrorCode::NotLeaderOrFollower, -1));
}

#[test]
fn what_is_compressed_anew_is_so_in_turns_and_holds_nobody_up() {
    for sent in [noise(2 << 20), zeros(2 << 20, zstd::compressor())] {
        let mut cluster = Cluster::new(6, IN_GZIP);
        cluster.run_millis(600);
        cluster.produce(0, 1, 5000, sent, 1);
        assert_eq!((cluster.produced(1), cluster.log(0).log_end_offset()), (None, 0));
        cluster.produce(0, 1, 5000, batch(&["a"]), 2);
        let (turn, error, offset) = turns(&mut cluster, 2);
        assert!(turn < 4 && (error, offset) == (ErrorCode::None, 0), "{turn} {error:?} {offset}");
        // A copy of the broker goes on where it was.
        let copied = |manager: &mut ReplicaManager, _: &mut [StoreQueue], _: Now| *manager = manager.clone();
        cluster.act(0, copied);
        let (turn, error, offset) = turns(&mut cluster, 1);
        assert!((80..200).contains(&turn) && (error, offset) == (ErrorCode::None, 1), "{turn} {error:?} {offset}");
        // Followers take it as it is.
        cluster.run_millis(600);
        assert_eq!((cluster.log(1).log_end_offset(), cluster.log(2).log_end_offset()), (2, 2));
        let values = cluster.values(1, 2);
        assert_eq!(values.last().map(|(offset, value)| (*offset, value.len())), Some((1, 2 << 20)));
    }
}

#[test]
fn what_was_compressed_anew_for_a_leader_that_is_one_no_longer_is_forgotten() {
    let mut cluster = Cluster::new(7, IN_GZIP);
    cluster.run_millis(600);
    cluster.produce(0, 1, 5000, noise(1 << 20), 1);
    cluster.elect(1, &[0, 1, 2]);
    let (turn, error, offset) = turns(&mut cluster, 1);
    assert!(turn > 20 && (error, offset) == (ErrorCode::NotLeaderOrFollower, -1), "{turn} {error:?} {offset}");
    assert_eq!(cluster.log(0).log_end_offset(), 0);
}
