use super::*;

fn config() -> FetcherConfig {
    FetcherConfig {
        broker: 2,
        wait_max: Duration::from_millis(500),
        min_bytes: 1,
        max_bytes: 1_048_576,
        response_max_bytes: 10_485_760,
        backoff: Duration::from_secs(1),
    }
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn state(fetch_offset: Offset) -> FetchState {
    FetchState::new(Uuid::from_u128(9), 3, fetch_offset, Some(2), 0)
}

fn fetcher() -> ReplicaFetcher {
    let mut fetcher = ReplicaFetcher::new(1);
    fetcher.add(tp(0), state(5));
    fetcher
}

#[test]
fn a_fetch_says_who_asks_and_from_where() {
    let mut fetcher = fetcher();
    let Some(FetcherRequest::Fetch(request)) = fetcher.next_request(at(0), &config(), 44, 1) else { panic!() };
    assert_eq!((request.replica_state.replica_id, request.replica_state.replica_epoch), (2, 44));
    assert_eq!((request.max_wait_ms, request.min_bytes, request.max_bytes), (500, 1, 10_485_760));
    assert_eq!((request.session_id, request.session_epoch), (0, 0));
    let asked = &request.topics[0].partitions[0];
    assert_eq!((asked.fetch_offset, asked.current_leader_epoch, asked.last_fetched_epoch), (5, 3, 2));
    // One at a time.
    assert_eq!(fetcher.next_request(at(0), &config(), 44, 2), None);
}

#[test]
fn an_answer_counts_only_for_partitions_that_did_not_move() {
    let mut fetcher = fetcher();
    fetcher.add(tp(1), state(7));
    fetcher.next_request(at(0), &config(), 44, 1);
    fetcher.add(tp(1), FetchState { leader_epoch: 4, ..state(7) });
    assert_eq!(fetcher.answered(2), None);
    assert_eq!(fetcher.answered(1), Some([(tp(0), state(5))].into()));
    assert_eq!(fetcher.answered(1), None);
}

#[test]
fn nothing_is_fetched_before_what_was_appended_is_stored() {
    let mut fetcher = fetcher();
    fetcher.await_stored(tp(0));
    assert_eq!((fetcher.next_deadline(), fetcher.next_request(at(0), &config(), 44, 1)), (None, None));
    fetcher.stored(&tp(0));
    assert!(fetcher.next_request(at(0), &config(), 44, 1).is_some());
}

#[test]
fn back_off_holds_a_partition_or_the_leader() {
    let mut fetcher = fetcher();
    fetcher.state_mut(&tp(0)).unwrap().retry_at = Some(at(1000));
    assert_eq!(fetcher.next_deadline(), Some(at(1000)));
    assert_eq!(fetcher.next_request(at(999), &config(), 44, 1), None);
    fetcher.back_off(at(1500));
    assert_eq!(fetcher.next_deadline(), Some(at(1500)));
    assert!(fetcher.next_request(at(1500), &config(), 44, 1).is_some());
}

#[test]
fn a_partition_out_of_range_asks_for_the_leaders_end_then_its_start() {
    let mut fetcher = fetcher();
    for (stage, timestamp) in
        [(FetchStage::LatestOffset, LATEST_TIMESTAMP), (FetchStage::EarliestOffset, EARLIEST_TIMESTAMP)]
    {
        fetcher.state_mut(&tp(0)).unwrap().stage = stage;
        let Some(FetcherRequest::ListOffsets(request)) = fetcher.next_request(at(0), &config(), 44, 1) else {
            panic!()
        };
        assert_eq!((request.replica_id, request.topics[0].partitions[0].timestamp), (2, timestamp));
        assert!(fetcher.answered(1).is_some());
    }
    fetcher.state_mut(&tp(0)).unwrap().stage = FetchStage::Fenced;
    assert_eq!((fetcher.next_deadline(), fetcher.next_request(at(0), &config(), 44, 2)), (None, None));
}

#[test]
fn where_a_follower_cuts_its_log() {
    // name, leader's answer, own end of log, high watermark, own answer, expected offset and completeness
    let cases = [
        ("leader cannot tell", (-1, -1), 10, 4, (-1, -1), (4, true)),
        ("leader has no epoch", (-1, 6), 10, 4, (-1, -1), (6, true)),
        ("same epoch, leader shorter", (2, 6), 10, 4, (2, 8), (6, true)),
        ("same epoch, follower shorter", (2, 9), 10, 4, (2, 8), (8, true)),
        ("leader beyond the follower's end", (2, 12), 10, 4, (2, 10), (10, true)),
        ("follower lacks the epoch", (2, 9), 10, 4, (1, 7), (7, false)),
        ("follower has none of it", (2, 9), 10, 4, (-1, -1), (9, true)),
    ];
    for (name, leader, end, high_watermark, local, (offset, complete)) in cases {
        let found = truncation_for(leader, end, high_watermark, |epoch| {
            assert_eq!(epoch, leader.0);
            local
        });
        assert_eq!(found, Truncation { offset, complete }, "{name}");
    }
}
