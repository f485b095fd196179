use super::*;

fn allocate(broker_id: NodeId, broker_epoch: i64) -> ControllerRequest {
    ControllerRequest::AllocateProducerIds(m::AllocateProducerIdsRequest { broker_id, broker_epoch })
}

#[test]
fn a_cluster_begins_with_its_features() {
    let harness = Harness::new();
    let names: Vec<&str> = harness.log.iter().map(MetadataRecord::name).collect();
    let features = ["FeatureLevelRecord"; 2];
    assert_eq!(names, ["BeginTransactionRecord", features[0], features[1], "EndTransactionRecord"]);
    assert_eq!(harness.image().features.level("transaction.version"), 2);
    assert_eq!(harness.image().features.metadata_version(), 30);
    assert_eq!(harness.events, [Event::ControllerElected { quorum_epoch: 1 }]);
}

#[test]
fn a_later_claim_writes_no_features() {
    let mut harness = Harness::new();
    let now = harness.now();
    harness.controller.renounce(now);
    harness.controller.claim(now, 2, 3);
    harness.drain();
    assert_eq!(harness.log.len(), 4);
}

#[test]
fn a_response_waits_until_its_records_are_committed() {
    let mut harness = Harness::with_brokers(1);
    harness.automatic = false;
    let epoch = harness.image().cluster.broker(0).unwrap().epoch;
    let first = harness.send(allocate(0, epoch));
    let second = harness.send(allocate(0, epoch));
    // It writes nothing, but it may have seen what is not committed.
    let third = harness.send(allocate(0, epoch + 1));
    let fourth =
        harness.send(ControllerRequest::ListPartitionReassignments(m::ListPartitionReassignmentsRequest::default()));
    let answered = |harness: &Harness| harness.responses.iter().map(|(token, _)| *token).collect::<Vec<_>>();
    assert_eq!(answered(&harness), [third]);
    harness.commit_one();
    harness.drain();
    assert_eq!(answered(&harness), [third, first]);
    harness.commit_one();
    harness.drain();
    assert_eq!(answered(&harness), [third, first, second, fourth]);
    let starts: Vec<_> = harness
        .responses
        .iter()
        .filter_map(|(_, response)| match response {
            ControllerResponse::AllocateProducerIds(response) => {
                Some((response.error_code, response.producer_id_start))
            }
            _ => None,
        })
        .collect();
    assert_eq!(starts, [(77, 0), (0, 0), (0, 1000)]);
}

#[test]
fn renouncing_forgets_what_is_not_committed() {
    let mut harness = Harness::with_brokers(1);
    harness.automatic = false;
    let epoch = harness.image().cluster.broker(0).unwrap().epoch;
    let waiting = harness.send(allocate(0, epoch));
    let now = harness.now();
    harness.controller.renounce(now);
    harness.drain();
    let refused = m::AllocateProducerIdsResponse { error_code: ErrorCode::NotController.code(), ..Default::default() };
    assert_eq!(harness.responses, [(waiting, ControllerResponse::AllocateProducerIds(refused.clone()))]);
    // While nobody is active here, requests are refused and commits only replayed.
    assert_eq!(harness.ask(allocate(0, epoch)), ControllerResponse::AllocateProducerIds(refused));
    harness.uncommitted.clear();
    let next_offset = harness.log.len() as Offset;
    harness.controller.claim(now, 2, next_offset);
    harness.automatic = true;
    let ControllerResponse::AllocateProducerIds(response) = harness.ask(allocate(0, epoch)) else { panic!() };
    assert_eq!((response.error_code, response.producer_id_start), (0, 0));
}

#[test]
fn an_append_that_fails_ends_the_claim() {
    let mut harness = Harness::with_brokers(1);
    let epoch = harness.image().cluster.broker(0).unwrap().epoch;
    let now = harness.now();
    harness.controller.handle(now, 90, allocate(0, epoch), &ControllerRequestContext::default());
    assert!(matches!(harness.controller.poll_output(), Some(ControllerOutput::Append { .. })));
    harness.controller.handle(now, 91, allocate(0, epoch), &ControllerRequestContext::default());
    harness.controller.append_failed(now);
    let outputs: Vec<_> = core::iter::from_fn(|| harness.controller.poll_output()).collect();
    let kinds: Vec<_> = outputs
        .iter()
        .map(|output| match output {
            ControllerOutput::Append { .. } => "append",
            ControllerOutput::Respond { not_controller: true, .. } => "not controller",
            ControllerOutput::Respond { .. } => "respond",
            ControllerOutput::Resign { epoch: 1 } => "resign",
            ControllerOutput::Event(Event::ControllerResigned { quorum_epoch: 1 }) => "resigned",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["not controller", "not controller", "resigned", "resign"]);
    assert!(!harness.controller.is_active());
}

#[test]
fn every_request_can_be_refused() {
    let mut controller = QuorumController::new(config(""), Rng::new(1));
    let topics = vec![m::create_topics_request::CreatableTopic { name: "foo".into(), ..Default::default() }];
    let requests = [
        ControllerRequest::BrokerRegistration(m::BrokerRegistrationRequest::default()),
        ControllerRequest::BrokerHeartbeat(m::BrokerHeartbeatRequest::default()),
        ControllerRequest::UnregisterBroker(m::UnregisterBrokerRequest::default()),
        ControllerRequest::UpdateFeatures(m::UpdateFeaturesRequest::default()),
        ControllerRequest::ControllerRegistration(m::ControllerRegistrationRequest::default()),
        ControllerRequest::AllocateProducerIds(m::AllocateProducerIdsRequest::default()),
        ControllerRequest::AlterPartition(m::AlterPartitionRequest::default()),
        ControllerRequest::AssignReplicasToDirs(m::AssignReplicasToDirsRequest::default()),
        ControllerRequest::CreateTopics(m::CreateTopicsRequest { topics, ..Default::default() }),
        ControllerRequest::DeleteTopics(m::DeleteTopicsRequest {
            topic_names: vec!["foo".into()],
            ..Default::default()
        }),
        ControllerRequest::CreatePartitions(m::CreatePartitionsRequest::default()),
        ControllerRequest::ElectLeaders(m::ElectLeadersRequest::default()),
        ControllerRequest::IncrementalAlterConfigs(m::IncrementalAlterConfigsRequest::default()),
        ControllerRequest::AlterConfigs(m::AlterConfigsRequest::default()),
        ControllerRequest::AlterPartitionReassignments(m::AlterPartitionReassignmentsRequest::default()),
        ControllerRequest::ListPartitionReassignments(m::ListPartitionReassignmentsRequest::default()),
    ];
    for request in requests {
        controller.handle(Now::default(), 5, request.clone(), &ControllerRequestContext::default());
        let Some(ControllerOutput::Respond { token: 5, response, not_controller: true }) = controller.poll_output()
        else {
            panic!("{request:?}");
        };
        match response {
            ControllerResponse::CreateTopics(response) => assert_eq!(response.topics[0].error_code, 41),
            ControllerResponse::DeleteTopics(response) => assert_eq!(response.responses[0].error_code, 41),
            ControllerResponse::BrokerHeartbeat(response) => assert_eq!(response.error_code, 41),
            _ => {}
        }
    }
}

#[test]
fn an_idle_controller_writes_a_no_op() {
    let mut harness = Harness::new();
    let before = harness.log.len();
    harness.advance(Duration::from_millis(1600));
    let written: Vec<_> = harness.log.iter().skip(before).map(MetadataRecord::name).collect();
    assert_eq!(written, ["NoOpRecord"; 3]);
    let mut silent = Harness::with("metadata.max.idle.interval.ms=0", 1);
    silent.advance(Duration::from_mins(1));
    assert_eq!(silent.log.len(), before);
}

#[test]
fn a_standby_follows_the_log_or_a_snapshot() {
    let mut harness = Harness::with_brokers(3);
    harness.create("foo", &[&[0, 1], &[1, 2]]);
    let provenance = harness.image().provenance;
    let mut standby = QuorumController::new(config(""), Rng::new(2));
    standby.committed(provenance, &harness.log).unwrap();
    assert_eq!(standby.image(), harness.image());
    let mut late = QuorumController::new(config(""), Rng::new(2));
    late.snapshot_loaded(provenance, &harness.image().to_records()).unwrap();
    assert_eq!(late.image(), harness.image());
    assert_eq!(standby.poll_output(), None);
    assert_eq!(standby.next_deadline(), None);
}
