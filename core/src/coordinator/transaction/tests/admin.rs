//! What admins see, and ids that are forgotten.

use super::*;

fn list(bench: &mut Bench, request: ListTransactionsRequest) -> (ErrorCode, Vec<String>, Vec<String>) {
    let token = bench.send(2, TransactionRequest::ListTransactions(request));
    let TransactionResponse::ListTransactions(response) = bench.answer(token) else { panic!("another response") };
    let shown = |state: &crate::protocol::messages::list_transactions_response::TransactionState| {
        format!("{} {} {}", state.transactional_id, state.producer_id, state.transaction_state)
    };
    let mut states: Vec<String> = response.transaction_states.iter().map(shown).collect();
    states.sort();
    let unknown = response.unknown_state_filters.iter().map(|name| String::from(&**name)).collect();
    (error_of(response.error_code), unknown, states)
}

#[test]
fn transactions_are_listed_by_state_producer_duration_and_name() {
    let mut bench = Bench::new();
    let a = bench.init("a-1");
    bench.add("a-1", a, &[0]);
    bench.pass(Duration::from_secs(30));
    let b = bench.init("b-2");
    bench.add("b-2", b, &[0]);
    bench.pass(Duration::from_millis(5));
    bench.init("a-3");
    let request = ListTransactionsRequest::default;
    let (first, second, third) = ("a-1 1000 Ongoing", "b-2 1001 Ongoing", "a-3 1002 Empty");
    for (request, expected) in [
        (request(), vec![first, third, second]),
        (ListTransactionsRequest { state_filters: vec!["Empty".into()], ..request() }, vec![third]),
        (ListTransactionsRequest { producer_id_filters: vec![1001, 7], ..request() }, vec![second]),
        // One without a transaction passes for older than any, as for Kafka.
        (ListTransactionsRequest { duration_filter: 5, ..request() }, vec![first, third]),
        (ListTransactionsRequest { transactional_id_pattern: Some("a-.*".into()), ..request() }, vec![first, third]),
        (ListTransactionsRequest { transactional_id_pattern: Some("a|b-2".into()), ..request() }, vec![second]),
        (
            ListTransactionsRequest { transactional_id_pattern: Some(Str::default()), ..request() },
            vec![first, third, second],
        ),
    ] {
        let case = format!("{request:?}");
        assert_eq!(list(&mut bench, request).2, expected, "{case}");
    }
    let filters = vec!["Odd".into(), "Ongoing".into()];
    let (error, unknown, states) = list(&mut bench, ListTransactionsRequest { state_filters: filters, ..request() });
    assert_eq!((error, unknown, states.len()), (ErrorCode::None, vec![String::from("Odd")], 2));
    let broken = ListTransactionsRequest { transactional_id_pattern: Some("(".into()), ..request() };
    assert_eq!(list(&mut bench, broken).0, ErrorCode::InvalidRegularExpression);
    bench.coordinator.elected(bench.now(), 3, 6);
    assert_eq!(list(&mut bench, request()).0, ErrorCode::CoordinatorLoadInProgress);
}

#[test]
fn a_transaction_is_described_with_the_partitions_that_wait_for_a_marker() {
    let mut bench = Bench::new();
    let producer = bench.init(ID);
    bench.pass(Duration::from_secs(7));
    bench.add(ID, producer, &[3, 0]);
    let request = DescribeTransactionsRequest { transactional_ids: vec![ID.into(), "".into()] };
    let describe = |bench: &mut Bench| {
        let token = bench.send(0, TransactionRequest::DescribeTransactions(request.clone()));
        let TransactionResponse::DescribeTransactions(response) = bench.answer(token) else { panic!("another") };
        response.transaction_states
    };
    let states = describe(&mut bench);
    assert_eq!(error_of(states[1].error_code), ErrorCode::InvalidRequest);
    let state = &states[0];
    assert_eq!((state.producer_id, state.producer_epoch, state.transaction_timeout_ms), (1000, 0, 60_000));
    assert_eq!(state.transaction_start_time_ms, WALL_MS + 7_000);
    assert_eq!((&*state.topics[0].topic, &state.topics[0].partitions[..]), ("orders", &[0, 3][..]));
    bench.end(5, ID, producer, true);
    let (_, request_id, request) = bench.markers.remove(0);
    bench.answer_markers(request_id, Some(&answered(&request, ErrorCode::None)));
    assert_eq!(describe(&mut bench)[0].topics[0].partitions, [3]);
}

/// A coordinator that need not look for open transactions all week long.
fn patient() -> Bench {
    let abort_timed_out_interval = Duration::from_hours(1);
    Bench::leading(TransactionConfig { abort_timed_out_interval, ..TransactionConfig::default() })
}

#[test]
fn an_id_nobody_uses_is_forgotten() {
    const WEEK: Duration = Duration::from_hours(7 * 24);
    let mut bench = patient();
    bench.init(ID);
    let open = bench.init("open");
    bench.pass(WEEK - Duration::from_mins(1));
    bench.init("young");
    let request = InitProducerIdRequest {
        transactional_id: Some("open".into()),
        transaction_timeout_ms: 900_000,
        ..match init("open", open.1, open.2) {
            TransactionRequest::InitProducerId(request) => request,
            _ => panic!("another request"),
        }
    };
    let token = bench.send(5, TransactionRequest::InitProducerId(request));
    let open = bench.inited(token);
    bench.add("open", open, &[0]);
    bench.pass(Duration::from_mins(2));
    let states = [bench.state(ID), bench.state("open"), bench.state("young")];
    assert_eq!(states, ["TransactionalIdNotFound", "Ongoing", "Empty"]);
    let last = bench.written(ID).pop().expect("records");
    assert_eq!((last.key.as_deref(), last.value), (Some(&b"\0\0\0\x08payments"[..]), None));
    // Who comes back is new.
    let again = bench.init(ID);
    assert_eq!((again.0, again.2), (ErrorCode::None, 0));
    assert!(again.1 > 1002);
}

#[test]
fn an_id_is_kept_where_its_removal_cannot_be_written() {
    let mut bench = patient();
    bench.init(ID);
    bench.pass(Duration::from_hours(7 * 24) - Duration::from_mins(1));
    bench.refuses = Some(ErrorCode::NotEnoughReplicas);
    bench.pass(Duration::from_mins(2));
    bench.refuses = None;
    assert_eq!(bench.state(ID), "Empty");
    assert_eq!(bench.init(ID), (ErrorCode::None, 1000, 1));
}
