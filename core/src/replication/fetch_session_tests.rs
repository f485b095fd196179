use super::super::fetch_session_handler::FetchSessionHandler;
use super::*;
use crate::protocol::Records;
use bytes::Bytes;

fn at(secs: u64) -> Instant {
    Instant::from_millis(secs * 1000)
}

fn key(partition: PartitionIndex) -> FetchKey {
    FetchKey { topic_id: Uuid::from_u128(9), topic: Str::default(), partition }
}

fn wanted(partitions: &[(PartitionIndex, Offset)]) -> Vec<(FetchKey, FetchPartition)> {
    let fetch = |&(partition, fetch_offset)| FetchPartition { partition, fetch_offset, ..FetchPartition::default() };
    partitions.iter().map(|entry| (key(entry.0), fetch(entry))).collect()
}

fn data(partition: PartitionIndex, high_watermark: Offset, records: &'static [u8]) -> PartitionData {
    PartitionData {
        partition_index: partition,
        high_watermark,
        log_start_offset: 0,
        preferred_read_replica: -1,
        records: Some(Records::from(Bytes::from_static(records))),
        ..PartitionData::default()
    }
}

/// Both sides of a session: what is wanted goes through handler, cache and back.
struct Pair {
    handler: FetchSessionHandler,
    cache: FetchSessionCache,
    rng: Rng,
}

impl Pair {
    fn new(slots: usize) -> Self {
        Self { handler: FetchSessionHandler::new(), cache: FetchSessionCache::new(slots), rng: Rng::new(1) }
    }

    fn request(&mut self, partitions: &[(PartitionIndex, Offset)]) -> FetchRequest {
        let fetch = self.handler.build(wanted(partitions));
        FetchRequest {
            session_id: fetch.session_id,
            session_epoch: fetch.session_epoch,
            topics: fetch.topics,
            forgotten_topics_data: fetch.forgotten,
            ..FetchRequest::default()
        }
    }

    /// One round; answers which partitions the request named, which were read (in order), and which were answered.
    fn round(
        &mut self,
        partitions: &[(PartitionIndex, Offset)],
        results: impl Fn(PartitionIndex) -> PartitionData,
    ) -> (Vec<PartitionIndex>, Vec<PartitionIndex>, Vec<PartitionIndex>) {
        let request = self.request(partitions);
        let named = request.topics.iter().flat_map(|topic| topic.partitions.iter().map(|p| p.partition)).collect();
        let context = self.cache.begin(at(0), &request, true, false).unwrap();
        let read: Vec<_> = context.partitions.iter().map(|(key, _)| key.partition).collect();
        let results = context.partitions.iter().map(|(key, _)| (key.clone(), results(key.partition))).collect();
        let response = self.cache.finish(at(0), &context, results, &mut self.rng);
        assert!(self.handler.handle_response(&response));
        let answered =
            response.responses.iter().flat_map(|topic| topic.partitions.iter().map(|p| p.partition_index)).collect();
        (named, read, answered)
    }
}

#[test]
fn a_session_sends_what_changed_and_answers_what_is_news() {
    let mut pair = Pair::new(10);
    let quiet = |partition| data(partition, 5, b"");
    let (named, read, answered) = pair.round(&[(0, 5), (1, 5), (2, 5)], quiet);
    assert_eq!((named, read, answered), ([0, 1, 2].into(), [0, 1, 2].into(), [0, 1, 2].into()));
    let (named, read, answered) = pair.round(&[(0, 5), (1, 5), (2, 5)], quiet);
    assert_eq!((named, read, answered), ([].into(), [0, 1, 2].into(), [].into()));
    // Records move a partition to the end.
    let (_, _, answered) =
        pair.round(&[(0, 5), (1, 5), (2, 5)], |p| if p == 0 { data(0, 6, b"batch") } else { quiet(p) });
    assert_eq!(answered, [0]);
    let (named, read, answered) = pair.round(&[(0, 6), (1, 5)], |p| if p == 0 { data(0, 6, b"") } else { quiet(p) });
    assert_eq!((named, read, answered), ([0].into(), [1, 0].into(), [].into()));
}

#[test]
fn an_error_is_told_again_and_so_is_its_end() {
    let mut pair = Pair::new(10);
    let failed = |partition| PartitionData { error_code: ErrorCode::UnknownTopicId.code(), ..data(partition, 5, b"") };
    pair.round(&[(0, 5)], |p| data(p, 5, b""));
    assert_eq!(pair.round(&[(0, 5)], failed).2, [0]);
    assert_eq!(pair.round(&[(0, 5)], failed).2, [0]);
    assert_eq!(pair.round(&[(0, 5)], |p| data(p, 5, b"")).2, [0]);
    assert!(pair.round(&[(0, 5)], |p| data(p, 5, b"")).2.is_empty());
}

#[test]
fn a_follower_that_cut_its_log_hears_the_high_watermark_with_the_next_answer() {
    let mut pair = Pair::new(10);
    let diverges = |partition| {
        let mut data = data(partition, 5, b"");
        (data.diverging_epoch.epoch, data.diverging_epoch.end_offset) = (2, 5);
        data
    };
    assert_eq!(pair.round(&[(0, 7)], diverges).2, [0]);
    assert_eq!(pair.round(&[(0, 5)], |partition| data(partition, 5, b"")).2, [0]);
    assert!(pair.round(&[(0, 5)], |partition| data(partition, 5, b"")).2.is_empty());
}

#[test]
fn requests_out_of_step_are_refused() {
    let mut pair = Pair::new(10);
    pair.round(&[(0, 5)], |p| data(p, 5, b""));
    let good = pair.request(&[(0, 5)]);
    let cases = [
        (FetchRequest { session_id: good.session_id ^ 1, ..good.clone() }, true, ErrorCode::FetchSessionIdNotFound),
        (FetchRequest { session_epoch: 2, ..good.clone() }, true, ErrorCode::InvalidFetchSessionEpoch),
        (good.clone(), false, ErrorCode::FetchSessionTopicIdError),
    ];
    for (request, uses_topic_ids, error) in cases {
        assert_eq!(pair.cache.begin(at(0), &request, uses_topic_ids, false).err(), Some(error));
    }
    assert!(pair.cache.begin(at(0), &good, true, false).is_ok());
    // Twice the same epoch is out of step as well.
    assert_eq!(pair.cache.begin(at(0), &good, true, false).err(), Some(ErrorCode::InvalidFetchSessionEpoch));
}

#[test]
fn a_lost_session_is_made_anew() {
    let mut pair = Pair::new(10);
    pair.round(&[(0, 5)], |p| data(p, 5, b""));
    assert!(!pair.handler.handle_response(&error_response(ErrorCode::FetchSessionIdNotFound)));
    let request = pair.request(&[(0, 5)]);
    assert_eq!((request.session_id, request.session_epoch, request.topics.len()), (0, INITIAL_EPOCH, 1));

    pair.round(&[(0, 5)], |p| data(p, 5, b""));
    pair.handler.handle_error();
    let before = pair.cache.len();
    let request = pair.request(&[(0, 5)]);
    assert!(request.session_id != 0 && request.session_epoch == INITIAL_EPOCH && request.topics.len() == 1);
    pair.cache.begin(at(0), &request, true, false).unwrap();
    assert_eq!(pair.cache.len(), before - 1);
}

#[test]
fn forgetting_everything_closes_the_session() {
    let mut pair = Pair::new(10);
    pair.round(&[(0, 5)], |p| data(p, 5, b""));
    let (_, read, _) = pair.round(&[], |p| data(p, 5, b""));
    assert!(read.is_empty() && pair.cache.is_empty());
    assert_eq!(pair.request(&[(0, 5)]).session_epoch, INITIAL_EPOCH);
}

#[test]
fn epochs_wrap_to_one() {
    for (epoch, next) in [(0, 1), (1, 2), (i32::MAX, 1), (FINAL_EPOCH, FINAL_EPOCH)] {
        assert_eq!(next_epoch(epoch), next);
    }
}

#[test]
fn who_gets_the_slot() {
    // name, (old: privileged, size, created, used), (new: privileged, size, now), gets it
    let cases = [
        ("a client does not replace a young one", (false, 1, 0, 0), (false, 5, 100), false),
        ("a follower replaces a client", (false, 5, 0, 0), (true, 1, 1), true),
        ("a follower does not replace a young follower", (true, 1, 0, 0), (true, 5, 100), false),
        ("a larger one replaces an old one", (false, 1, 0, 100), (false, 2, 121), true),
        ("a smaller one does not", (false, 3, 0, 100), (false, 2, 121), false),
        ("a client never replaces an old follower", (true, 1, 0, 100), (false, 9, 121), false),
        ("an unused one goes", (true, 9, 0, 0), (false, 1, 121), true),
    ];
    for (name, (old_privileged, old_size, created, used), (privileged, size, now), expected) in cases {
        let mut cache = FetchSessionCache::new(1);
        let mut rng = Rng::new(3);
        let mut open = |cache: &mut FetchSessionCache, now, privileged, size: i32| {
            let partitions: Vec<_> = (0..size).map(|partition| (partition, 0)).collect();
            let fetch = FetchSessionHandler::new().build(wanted(&partitions));
            let request =
                FetchRequest { session_epoch: INITIAL_EPOCH, topics: fetch.topics, ..FetchRequest::default() };
            let context = cache.begin(at(now), &request, true, privileged).unwrap();
            let results = partitions.iter().map(|&(partition, _)| (key(partition), data(partition, 0, b""))).collect();
            cache.finish(at(now), &context, results, &mut rng).session_id
        };
        let old = open(&mut cache, created, old_privileged, old_size);
        cache.sessions.get_mut(&old).unwrap().last_used = at(used);
        let new = open(&mut cache, now, privileged, size);
        assert_eq!((new != 0, cache.sessions.contains_key(&old)), (expected, !expected), "{name}");
    }
}
