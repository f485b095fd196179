use super::*;
use crate::ids::TopicPartition;

#[test]
fn a_brokers_epoch_is_the_offset_of_its_registration() {
    let mut harness = Harness::new();
    let response = harness.register(4);
    assert_eq!(response.broker_epoch, 4);
    assert!(matches!(&harness.log[4], MetadataRecord::RegisterBroker(record) if record.broker_epoch == 4));
    assert!(harness.image().cluster.broker(4).unwrap().fenced);
}

#[test]
fn the_same_incarnation_keeps_its_epoch() {
    let mut harness = Harness::with_brokers(1);
    let before = harness.image().cluster.broker(0).unwrap().clone();
    let again = ControllerRequest::BrokerRegistration(registration(0, before.incarnation_id));
    let ControllerResponse::BrokerRegistration(response) = harness.ask(again) else { panic!() };
    assert_eq!((response.error_code, response.broker_epoch), (0, before.epoch));
    assert_eq!(*harness.image().cluster.broker(0).unwrap(), before);
}

#[test]
fn bad_registrations_are_refused() {
    let mut harness = Harness::with_brokers(2);
    let fresh = Uuid::from_u128(77 << 64);
    type Change = fn(&mut m::BrokerRegistrationRequest);
    let cases: [(Change, ErrorCode); 8] = [
        (|request| request.cluster_id = "other".into(), ErrorCode::InconsistentClusterId),
        (|request| request.broker_id = 1, ErrorCode::DuplicateBrokerRegistration),
        (|request| request.log_dirs = vec![], ErrorCode::InvalidRegistration),
        (|request| request.log_dirs = vec![Uuid::from_u128(1)], ErrorCode::InvalidRegistration),
        (|request| request.log_dirs = vec![Uuid::from_u128(500); 2], ErrorCode::InvalidRegistration),
        (|request| request.log_dirs = vec![Uuid::from_u128(9001)], ErrorCode::InvalidRegistration),
        (|request| request.features = vec![], ErrorCode::InvalidRegistration),
        (|request| request.features[0].max_supported_version = 29, ErrorCode::UnsupportedVersion),
    ];
    for (change, error) in cases {
        let mut request = registration(5, fresh);
        change(&mut request);
        let before = harness.log.len();
        let asked = format!("{request:?}");
        let ControllerResponse::BrokerRegistration(response) =
            harness.ask(ControllerRequest::BrokerRegistration(request))
        else {
            panic!()
        };
        assert_eq!(response.error_code, error.code(), "{asked}");
        assert_eq!(harness.log.len(), before);
    }
}

#[test]
fn a_new_incarnation_waits_for_the_end_of_the_old_session() {
    let mut harness = Harness::with_brokers(2);
    assert_eq!(harness.register(0).error_code, ErrorCode::DuplicateBrokerRegistration.code());
    harness.expire(0);
    let response = harness.register(0);
    assert_eq!(response.error_code, 0);
    assert!(harness.image().cluster.broker(0).unwrap().fenced);
}

#[test]
fn after_a_claim_unfenced_brokers_have_a_whole_session() {
    let mut harness = Harness::with_brokers(2);
    harness.advance(Duration::from_secs(8));
    let now = harness.now();
    harness.controller.renounce(now);
    harness.controller.claim(now, 2, harness.log.len() as Offset);
    assert_eq!(harness.register(0).error_code, ErrorCode::DuplicateBrokerRegistration.code());
    harness.advance(Duration::from_millis(8999));
    assert!(harness.image().cluster.is_unfenced(0));
    harness.advance(Duration::from_millis(1));
    assert!(!harness.image().cluster.is_unfenced(0) && !harness.image().cluster.is_unfenced(1));
    assert_eq!(harness.register(0).error_code, 0);
}

#[test]
fn heartbeats_of_the_past_are_stale() {
    let mut harness = Harness::with_brokers(1);
    for (broker_id, broker_epoch) in [(0, 2), (0, 99), (7, 3)] {
        let response = harness.heartbeat_with(0, |request| {
            request.broker_id = broker_id;
            request.broker_epoch = broker_epoch;
        });
        assert_eq!(response.error_code, ErrorCode::StaleBrokerEpoch.code(), "{broker_id} {broker_epoch}");
    }
}

#[test]
fn a_fenced_broker_is_unfenced_once_it_has_caught_up() {
    for (offset, want_fence, want_shut_down, caught_up, fenced, stop) in [
        (3, false, false, false, true, false),
        (4, true, false, true, true, false),
        (4, false, false, true, false, false),
        (4, false, true, true, true, true),
        (3, true, true, false, true, true),
    ] {
        let mut harness = Harness::new();
        harness.register(0);
        let response = harness.heartbeat_with(0, |request| {
            request.current_metadata_offset = offset;
            request.want_fence = want_fence;
            request.want_shut_down = want_shut_down;
        });
        let seen = (response.is_caught_up, response.is_fenced, response.should_shut_down);
        assert_eq!(seen, (caught_up, fenced, stop), "{offset} {want_fence} {want_shut_down}");
        assert_eq!(harness.image().cluster.is_unfenced(0), !fenced);
    }
}

#[test]
fn an_unfenced_broker_that_leads_nothing_stops_at_once() {
    for (want_fence, want_shut_down, fenced, stop) in
        [(false, false, false, false), (true, false, true, false), (true, true, true, true), (false, true, true, true)]
    {
        let mut harness = Harness::with_brokers(1);
        let response = harness.heartbeat_with(0, |request| {
            request.want_fence = want_fence;
            request.want_shut_down = want_shut_down;
        });
        assert_eq!((response.is_fenced, response.should_shut_down), (fenced, stop), "{want_fence} {want_shut_down}");
    }
}

#[test]
fn a_controlled_shutdown_moves_leaders_and_waits_for_the_others() {
    let mut harness = Harness::with_brokers(3);
    harness.create("foo", &[&[0, 1, 2], &[1, 0, 2]]);
    harness.create("single", &[&[0]]);
    harness.events.clear();
    let stop = |request: &mut m::BrokerHeartbeatRequest| request.want_shut_down = true;
    // The topic without another replica loses its leader; the broker stays its only ISR member.
    let response = harness.heartbeat_with(0, stop);
    assert_eq!((response.is_fenced, response.should_shut_down), (false, false));
    assert_eq!(harness.state("foo", 0), (1, 1, vec![1, 2]));
    assert_eq!(harness.state("foo", 1), (1, 0, vec![1, 2]));
    assert_eq!(harness.state("single", 0), (NO_NODE, 1, vec![0]));
    assert!(harness.image().cluster.broker(0).unwrap().in_controlled_shutdown);
    assert_eq!(harness.events[0], Event::ControlledShutdown { broker: 0 });
    let decided = harness.log.len() as i64 - 1;
    harness.heartbeat_with(1, |request| request.current_metadata_offset = decided);
    harness.heartbeat_with(2, |request| request.current_metadata_offset = decided - 1);
    assert!(!harness.heartbeat_with(0, stop).should_shut_down, "broker 2 does not know yet");
    harness.heartbeat_with(2, |request| request.current_metadata_offset = decided);
    let response = harness.heartbeat_with(0, stop);
    assert!(response.should_shut_down && response.is_fenced);
    assert!(!harness.image().cluster.is_unfenced(0));
}

#[test]
fn a_broker_whose_session_ends_is_fenced_and_replaced() {
    let mut harness = Harness::with_brokers(3);
    harness.create("foo", &[&[0, 1, 2], &[1, 0, 2]]);
    harness.create("single", &[&[0]]);
    harness.events.clear();
    harness.expire(0);
    assert_eq!(harness.state("foo", 0), (1, 1, vec![1, 2]));
    assert_eq!(harness.state("foo", 1), (1, 0, vec![1, 2]));
    assert_eq!(harness.state("single", 0), (NO_NODE, 1, vec![0]), "the last member stays in the ISR");
    assert_eq!(harness.events[0], Event::BrokerFenced { broker: 0, session_expired: true });
    let led = |topic: &str, to, leader_epoch, before: &[NodeId], now: &[NodeId]| Event::LeaderChanged {
        partition: TopicPartition::new(topic, 0),
        from: 0,
        to,
        leader_epoch,
        in_sync_replicas_before: before.to_vec(),
        in_sync_replicas: now.to_vec(),
    };
    assert!(harness.events.contains(&led("foo", 1, 1, &[0, 1, 2], &[1, 2])), "{:?}", harness.events);
    assert!(harness.events.contains(&led("single", NO_NODE, 1, &[0], &[0])), "{:?}", harness.events);
    assert!(harness.events.iter().any(|event| matches!(event, Event::InSyncReplicasChanged { .. })));
    // Back again, as another incarnation.
    harness.start_broker(0);
    assert_eq!(harness.state("foo", 0), (1, 1, vec![1, 2]), "it has to catch up first");
    assert_eq!(harness.state("single", 0), (0, 2, vec![0]));
}

#[test]
fn an_unregistered_broker_leads_nothing() {
    let mut harness = Harness::with_brokers(2);
    harness.create("foo", &[&[0, 1]]);
    let unregister = |broker_id| ControllerRequest::UnregisterBroker(m::UnregisterBrokerRequest { broker_id });
    let ControllerResponse::UnregisterBroker(response) = harness.ask(unregister(7)) else { panic!() };
    assert_eq!(response.error_code, ErrorCode::BrokerIdNotRegistered.code());
    assert_eq!(response.error_message.as_deref(), Some("Broker ID 7 is not currently registered"));
    let ControllerResponse::UnregisterBroker(response) = harness.ask(unregister(0)) else { panic!() };
    assert_eq!(response.error_code, 0);
    assert_eq!(harness.state("foo", 0), (1, 1, vec![1]));
    assert!(harness.image().cluster.broker(0).is_none());
}

#[test]
fn leaders_return_to_their_preferred_replicas() {
    let mut harness = Harness::with_brokers(2);
    harness.create("foo", &[&[0, 1]]);
    harness.expire(0);
    harness.start_broker(0);
    let partition = harness.partition("foo", 0);
    let topic_id = harness.image().topics.id_of("foo").unwrap();
    let epoch = |harness: &Harness, id| harness.image().cluster.broker(id).unwrap().epoch;
    let request = topics::alter_partition(
        topic_id,
        (1, epoch(&harness, 1)),
        &partition,
        &[(1, epoch(&harness, 1)), (0, epoch(&harness, 0))],
    );
    harness.ask(ControllerRequest::AlterPartition(request));
    assert_eq!(harness.state("foo", 0), (1, 1, vec![1, 0]));
    for _ in 0..100 {
        harness.advance(Duration::from_secs(3));
        harness.heartbeat(0);
        harness.heartbeat(1);
    }
    assert_eq!(harness.state("foo", 0), (0, 2, vec![1, 0]));
}

#[test]
fn a_failed_directory_takes_its_replicas_along() {
    let mut harness = Harness::new();
    let directories = vec![Uuid::from_u128(800), Uuid::from_u128(801)];
    let mut request = registration(0, Uuid::from_u128(5 << 64));
    request.log_dirs.clone_from(&directories);
    harness.ask(ControllerRequest::BrokerRegistration(request));
    harness.heartbeat(0);
    harness.start_broker(1);
    harness.create("foo", &[&[0, 1], &[0, 1]]);
    let topic_id = harness.image().topics.id_of("foo").unwrap();
    use m::assign_replicas_to_dirs_request::{DirectoryData, PartitionData, TopicData};
    let assign = |id, partition_index| DirectoryData {
        id,
        topics: vec![TopicData { topic_id, partitions: vec![PartitionData { partition_index }] }],
    };
    let request = m::AssignReplicasToDirsRequest {
        broker_id: 0,
        broker_epoch: harness.image().cluster.broker(0).unwrap().epoch,
        directories: vec![assign(directories[0], 0), assign(directories[1], 1)],
    };
    let ControllerResponse::AssignReplicasToDirs(response) =
        harness.ask(ControllerRequest::AssignReplicasToDirs(request))
    else {
        panic!()
    };
    assert_eq!(response.error_code, 0);
    assert_eq!(harness.partition("foo", 1).directory(0), directories[1]);
    harness.heartbeat_with(0, |request| request.offline_log_dirs = vec![directories[1]]);
    assert_eq!(harness.state("foo", 0), (0, 0, vec![0, 1]));
    assert_eq!(harness.state("foo", 1), (1, 1, vec![1]));
    assert_eq!(harness.image().cluster.broker(0).unwrap().log_dirs, [directories[0]]);
}
