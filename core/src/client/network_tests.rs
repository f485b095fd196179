use super::super::scripted_broker::ScriptedCluster;
use super::*;
use crate::protocol::messages::describe_cluster_response::DescribeClusterBroker;
use crate::protocol::messages::{
    DescribeClusterRequest, DescribeClusterResponse, FetchRequest, MetadataRequest as Metadata,
};
use alloc::vec;

fn config() -> NetworkConfig {
    NetworkConfig {
        client_id: Str::from("test"),
        bootstrap: vec![(Str::from("broker"), 9092)],
        request_timeout: Duration::from_secs(30),
        metadata_max_age: Duration::from_mins(5),
        allow_auto_topic_creation: false,
        is_for_controllers: false,
    }
}

fn client() -> NetworkClient<u32> {
    NetworkClient::new(config(), 100, Rng::new(5))
}

fn at(millis: u64) -> Now {
    Now { monotonic: Instant::from_millis(millis), wall_ms: millis as i64 }
}

/// Moves everything until both are quiet.
fn run(client: &mut NetworkClient<u32>, cluster: &mut ScriptedCluster, now: Now) {
    client.tick(now);
    while let Some(output) = client.poll_output() {
        if let Some(input) = cluster.take(output) {
            client.handle(now, input);
        }
    }
}

/// Lets time pass to each deadline until `until`.
fn run_until(client: &mut NetworkClient<u32>, cluster: &mut ScriptedCluster, until: u64) -> u32 {
    let mut steps = 0;
    while let Some((deadline, _)) = client.next_deadline().filter(|next| next.0 <= Instant::from_millis(until)) {
        run(client, cluster, Now { monotonic: deadline, wall_ms: 0 });
        steps += 1;
        assert!(steps < 1000, "deadlines pass without moving on: {:?}", client.next_deadline());
    }
    steps
}

#[test]
fn asks_versions_first_then_metadata_then_leaves_the_bootstrap_server() {
    let mut cluster = ScriptedCluster::new(2, &[("orders", &[(1, 3), (2, 4)])]);
    let mut client = client();
    client.want_topic(&Str::from("orders"));
    run(&mut client, &mut cluster, at(0));
    assert_eq!(client.metadata().leader("orders", 1), Some((2, 4)));
    assert!(cluster.connections.is_empty(), "the bootstrap connection is closed");
    assert_eq!(client.next_deadline(), Some((Instant::from_millis(300_000), "metadata")));

    client.send(at(1), Target::Node(2), DescribeClusterRequest::default(), 7);
    run(&mut client, &mut cluster, at(1));
    let asked = cluster.take_asked::<DescribeClusterRequest>();
    assert_eq!((asked.len(), asked[0].port, asked[0].header.api_version), (1, 9093, 2));
    client.handle(
        at(2),
        asked[0].answer::<DescribeClusterRequest>(&DescribeClusterResponse { controller_id: 9, ..Default::default() }),
    );
    let answer = client.poll_answer().expect("answered");
    assert_eq!((answer.purpose, answer.node), (7, Some(2)));
    assert_eq!(answer.decode::<DescribeClusterRequest>().map(|response| response.controller_id), Ok(9));
    assert_eq!(client.in_flight(2), 0);
}

#[test]
fn old_brokers_are_spoken_to_in_their_versions() {
    for max_api_versions in [0, 2, 3, 4] {
        let mut cluster = ScriptedCluster::new(1, &[]);
        cluster.max_api_versions = max_api_versions;
        cluster.max_versions.insert(Metadata::KEY.code(), 4);
        cluster.max_versions.insert(FetchRequest::KEY.code(), 2);
        let mut client = client();
        run(&mut client, &mut cluster, at(0));
        assert_eq!(client.metadata().brokers.len(), 1, "ApiVersions up to {max_api_versions}");
        client.send(at(1), Target::Node(1), FetchRequest::default(), 1);
        run(&mut client, &mut cluster, at(1));
        let failed = client.poll_answer().map(|answer| answer.result);
        assert_eq!(failed, Some(Err(RequestFailed::UnsupportedVersion)));
    }
}

#[test]
fn late_answers_fail_and_close() {
    let mut cluster = ScriptedCluster::new(1, &[]);
    let mut client = client();
    run(&mut client, &mut cluster, at(0));
    client.send(at(0), Target::Node(1), DescribeClusterRequest::default(), 1);
    run(&mut client, &mut cluster, at(0));
    client.send(at(20_000), Target::Node(1), DescribeClusterRequest::default(), 2);
    run(&mut client, &mut cluster, at(20_000));
    run_until(&mut client, &mut cluster, 30_000);
    let answers: Vec<_> =
        core::iter::from_fn(|| client.poll_answer()).map(|answer| (answer.purpose, answer.result)).collect();
    assert_eq!(answers, [(1, Err(RequestFailed::TimedOut)), (2, Err(RequestFailed::Disconnected))]);
}

#[test]
fn reconnects_wait_longer_each_time_and_give_up_in_time() {
    let mut cluster = ScriptedCluster::new(1, &[]);
    cluster.refused_ports.push(9092);
    let mut client = client();
    client.send(at(0), Target::Any, DescribeClusterRequest::default(), 1);
    run(&mut client, &mut cluster, at(0));
    run_until(&mut client, &mut cluster, 10_000);
    let connects = cluster.connects.len();
    assert!((12..20).contains(&connects), "{connects} connections in 10 s");
    run_until(&mut client, &mut cluster, 31_000);
    assert_eq!(client.poll_answer().map(|answer| answer.result), Some(Err(RequestFailed::TimedOut)));
    cluster.refused_ports.clear();
    run_until(&mut client, &mut cluster, 35_000);
    assert_eq!(client.metadata().brokers.len(), 1);
}

#[test]
fn unreachable_brokers_send_it_back_to_the_bootstrap_servers() {
    let mut cluster = ScriptedCluster::new(2, &[]);
    let mut client = client();
    run(&mut client, &mut cluster, at(0));
    // All brokers move away; only a new one listens where the bootstrap servers are.
    cluster.refused_ports.extend([9092, 9093]);
    client.send(at(1000), Target::Any, DescribeClusterRequest::default(), 1);
    run(&mut client, &mut cluster, at(1000));
    run_until(&mut client, &mut cluster, 3000);
    cluster.refused_ports.clear();
    run_until(&mut client, &mut cluster, 6000);
    assert_eq!(cluster.take_asked::<DescribeClusterRequest>().len(), 1);
}

#[test]
fn a_broken_connection_fails_what_was_sent_and_asks_for_metadata() {
    let mut cluster = ScriptedCluster::new(2, &[("orders", &[(1, 1)])]);
    let mut client = client();
    client.want_topic(&Str::from("orders"));
    run(&mut client, &mut cluster, at(0));
    client.send(at(500), Target::Node(1), DescribeClusterRequest::default(), 1);
    run(&mut client, &mut cluster, at(500));
    cluster.topics.insert(Str::from("orders"), vec![(2, 2)]);
    for input in cluster.break_connections(9092) {
        client.handle(at(600), input);
    }
    assert_eq!(client.poll_answer().map(|answer| answer.result), Some(Err(RequestFailed::Disconnected)));
    run(&mut client, &mut cluster, at(600));
    run_until(&mut client, &mut cluster, 2000);
    assert_eq!(client.metadata().leader("orders", 0), Some((2, 2)));
}

#[test]
fn a_topic_that_is_not_there_yet_is_asked_for_again_with_backoff() {
    let mut cluster = ScriptedCluster::new(1, &[]);
    let mut client = client();
    client.want_topic(&Str::from("orders"));
    run(&mut client, &mut cluster, at(0));
    assert_eq!(client.metadata().topics["orders"].error, ErrorCode::UnknownTopicOrPartition);
    let steps = run_until(&mut client, &mut cluster, 5000);
    assert!((5..15).contains(&steps), "{steps} questions in 5 s");
    cluster.topics.insert(Str::from("orders"), vec![(1, 0)]);
    run_until(&mut client, &mut cluster, 7000);
    assert_eq!(client.metadata().partition_count("orders"), Some(1));
}

#[test]
fn an_unknown_broker_is_answered_at_once() {
    let mut client = client();
    client.send(at(0), Target::Node(4), DescribeClusterRequest::default(), 1);
    assert_eq!(client.poll_answer().map(|answer| answer.result), Some(Err(RequestFailed::Disconnected)));
}

#[test]
fn answers_tell_whether_the_request_went_out() {
    // Whether the broker is reached, and the last version it has of the API: 0 is a version as any other.
    for (is_reached, last_version, sent_in) in [(true, 2, Some(2)), (true, 0, Some(0)), (false, 2, None)] {
        let mut cluster = ScriptedCluster::new(2, &[]);
        cluster.max_versions.insert(DescribeClusterRequest::KEY.code(), last_version);
        let mut client = client();
        run(&mut client, &mut cluster, at(0));
        if !is_reached {
            cluster.refused_ports.push(9093);
        }
        client.send(at(1), Target::Node(2), DescribeClusterRequest::default(), 1);
        run(&mut client, &mut cluster, at(1));
        assert_eq!(cluster.take_asked::<DescribeClusterRequest>().len(), usize::from(is_reached));
        for input in cluster.break_connections(9093) {
            client.handle(at(2), input);
        }
        let answer = client.poll_answer().map(|answer| (answer.version, answer.result));
        assert_eq!(answer, Some((sent_in, Err(RequestFailed::Disconnected))), "version {last_version}");
    }
}

#[test]
fn in_flight_is_bounded_and_order_kept() {
    let mut cluster = ScriptedCluster::new(1, &[]);
    let mut client = client();
    client.set_max_in_flight(2);
    run(&mut client, &mut cluster, at(0));
    for purpose in 0..5 {
        client.send(at(0), Target::Node(1), DescribeClusterRequest::default(), purpose);
    }
    let mut order = Vec::new();
    while order.len() < 5 {
        run(&mut client, &mut cluster, at(1));
        let asked = cluster.take_asked::<DescribeClusterRequest>();
        assert!((1..=2).contains(&asked.len()));
        for asked in asked {
            client.handle(at(1), asked.answer::<DescribeClusterRequest>(&DescribeClusterResponse::default()));
        }
        order.extend(core::iter::from_fn(|| client.poll_answer()).map(|answer| answer.purpose));
    }
    assert_eq!(order, [0, 1, 2, 3, 4]);
}

#[test]
fn frames_nobody_asked_for_close_the_connection() {
    let mut cluster = ScriptedCluster::new(1, &[]);
    let mut client = client();
    run(&mut client, &mut cluster, at(0));
    client.send(at(0), Target::Node(1), DescribeClusterRequest::default(), 1);
    run(&mut client, &mut cluster, at(0));
    for bytes in [&b""[..], b"\0\0\0", b"\0\0\xff\xff garbage"] {
        let mut client = client.clone();
        let connection = *cluster.connections.keys().next().expect("connected");
        client.handle(at(1), ClientInput::Frame { connection, bytes: Bytes::from_static(bytes) });
        assert_eq!(client.poll_answer().map(|answer| answer.result), Some(Err(RequestFailed::Disconnected)));
        assert_eq!(client.poll_output(), Some(ClientOutput::Close { connection }));
    }
}

/// A client that begins with controllers, once it has asked for the quorum.
fn client_of_a_quorum(cluster: &mut ScriptedCluster) -> (NetworkClient<u32>, ClientInput, ClientInput) {
    let config = NetworkConfig { is_for_controllers: true, ..config() };
    let mut client = NetworkClient::new(config, 100, Rng::new(5));
    run(&mut client, cluster, at(0));
    let asked = cluster.take_asked::<DescribeClusterRequest>();
    assert_eq!(asked[0].decode::<DescribeClusterRequest>().endpoint_type, 2);
    let controller = |broker_id, port| DescribeClusterBroker {
        broker_id,
        host: "broker".into(),
        port,
        ..DescribeClusterBroker::default()
    };
    let quorum = DescribeClusterResponse {
        controller_id: 2,
        brokers: vec![controller(1, 9092), controller(2, 9093)],
        ..Default::default()
    };
    let refusal = DescribeClusterResponse {
        error_code: ErrorCode::MismatchedEndpointType.code(),
        error_message: Some("no quorum".into()),
        ..Default::default()
    };
    let answer = |response| asked[0].answer::<DescribeClusterRequest>(&response);
    (client, answer(quorum), answer(refusal))
}

#[test]
fn controllers_tell_of_their_quorum() {
    let mut cluster = ScriptedCluster::new(2, &[]);
    let (mut client, quorum, _) = client_of_a_quorum(&mut cluster);
    client.handle(at(1), quorum);
    assert_eq!(client.metadata().controller_id, 2);
    assert_eq!(client.metadata().brokers.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(client.fatal(), None);
    assert_eq!(client.poll_notice(), None);
}

#[test]
fn brokers_that_are_taken_for_controllers_are_not_asked_again() {
    let mut cluster = ScriptedCluster::new(2, &[]);
    let (mut client, _, refusal) = client_of_a_quorum(&mut cluster);
    client.handle(at(1), refusal);
    let (error, message) = (ErrorCode::MismatchedEndpointType, Str::from("no quorum"));
    assert_eq!(client.fatal(), Some(&(error, message.clone())));
    assert_eq!(client.poll_notice(), Some(Notice::WrongKind { error, message }));
}
