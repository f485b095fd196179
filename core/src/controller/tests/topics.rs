use super::*;
use crate::metadata::{ConfigResource, LeaderRecoveryState};
use m::create_topics_request::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig};

/// A proposal for partition 0 of a topic, by a sender that knows the partition as `known`.
pub(super) fn alter_partition(
    topic_id: Uuid,
    (broker_id, broker_epoch): (NodeId, i64),
    known: &PartitionRegistration,
    members: &[(NodeId, i64)],
) -> m::AlterPartitionRequest {
    use m::alter_partition_request::{BrokerState, PartitionData, TopicData};
    let members = members.iter().map(|&(broker_id, broker_epoch)| BrokerState { broker_id, broker_epoch });
    let partition = PartitionData {
        partition_index: 0,
        leader_epoch: known.leader_epoch,
        new_isr_with_epochs: members.collect(),
        partition_epoch: known.partition_epoch,
        ..Default::default()
    };
    let topics = vec![TopicData { topic_id, partitions: vec![partition] }];
    m::AlterPartitionRequest { broker_id, broker_epoch, topics }
}

fn creatable(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic { name: name.into(), num_partitions, replication_factor, ..Default::default() }
}

fn with_config(name: &str, key: &str, value: Option<&str>) -> CreatableTopic {
    let config = CreatableTopicConfig { name: key.into(), value: value.map(Str::from) };
    CreatableTopic { configs: vec![config], ..creatable(name, 1, 1) }
}

fn assigned(name: &str, lists: &[(i32, &[NodeId])]) -> CreatableTopic {
    let assignments = lists.iter().map(|&(partition_index, brokers)| CreatableReplicaAssignment {
        partition_index,
        broker_ids: brokers.to_vec(),
    });
    CreatableTopic { assignments: assignments.collect(), ..creatable(name, -1, -1) }
}

/// Two unfenced brokers, a fenced one, two topics.
fn harness_with_topics() -> Harness {
    let mut harness = Harness::with_brokers(2);
    harness.create("foo", &[&[0]]);
    harness.create("a.b", &[&[0]]);
    harness.register(5);
    harness
}

fn check_refused(harness: &mut Harness, topic: CreatableTopic, code: i16, message: &str) {
    let before = harness.log.len();
    let result = harness.create_topic(topic);
    assert_eq!((result.error_code, result.error_message.as_deref()), (code, Some(message)));
    assert_eq!(harness.log.len(), before);
}

#[test]
fn topics_that_cannot_be_created_say_why() {
    let mut harness = harness_with_topics();
    let long = "x".repeat(250);
    for (topic, code, message) in [
        (creatable("foo", 1, 1), 36, "Topic 'foo' already exists."),
        (
            creatable("a b", 1, 1),
            17,
            "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
        ),
        (creatable("", 1, 1), 17, "Topic name is invalid: the empty string is not allowed"),
        (creatable(".", 1, 1), 17, "Topic name is invalid: '.' is not allowed"),
        (creatable("..", 1, 1), 17, "Topic name is invalid: '..' is not allowed"),
        (creatable("a_b", 1, 1), 17, "Topic 'a_b' collides with existing topic: a.b"),
        (creatable("__cluster_metadata", 1, 1), 42, "Creation of internal topic __cluster_metadata is prohibited."),
        (
            creatable("x", 1, 4),
            38,
            "Unable to replicate the partition 4 time(s): The target replication factor of 4 cannot be reached because only 3 broker(s) are registered or some brokers have all their log directories cordoned.",
        ),
        (creatable("x", 1, 0), 38, "Replication factor must be larger than 0, or -1 to use the default value."),
        (creatable("x", 1, -2), 38, "Replication factor must be larger than 0, or -1 to use the default value."),
        (creatable("x", 0, 1), 37, "Number of partitions was set to an invalid non-positive value."),
        (creatable("x", 10_001, 1), 44, "Excessively large number of partitions per request."),
        (with_config("x", "foo.bar", Some("1")), 40, "Unknown topic config name: foo.bar"),
        (
            with_config("x", "retention.ms", Some("abc")),
            40,
            "Invalid value abc for configuration retention.ms: Not a number of type LONG",
        ),
        (with_config("x", "retention.ms", None), 40, "Null value not supported for topic configs: retention.ms"),
    ] {
        check_refused(&mut harness, topic, code, message);
    }
    let message = format!("Topic name is invalid: the length of '{long}' is longer than the max allowed length 249");
    check_refused(&mut harness, creatable(&long, 1, 1), 17, &message);
    let mut fenced = Harness::new();
    fenced.register(0);
    let message = "Unable to replicate the partition 1 time(s): All brokers are currently fenced, or have all their log \
                   directories cordoned.";
    check_refused(&mut fenced, creatable("x", 1, 1), 38, message);
}

#[test]
fn replica_lists_that_cannot_be_used_say_why() {
    let mut harness = harness_with_topics();
    for (topic, code, message) in [
        (
            assigned("x", &[(0, &[0, 9])]),
            39,
            "The manual partition assignment includes broker 9, but no such broker is registered.",
        ),
        (assigned("x", &[(0, &[0, 0])]), 39, "The manual partition assignment includes the broker 0 more than once."),
        (assigned("x", &[(0, &[])]), 39, "The manual partition assignment includes an empty replica list."),
        (
            assigned("x", &[(0, &[0, 1]), (1, &[1])]),
            39,
            "The manual partition assignment includes a partition with 1 replica(s), but this is not consistent with previous partitions, which have 2 replica(s).",
        ),
        (assigned("x", &[(0, &[0]), (0, &[1])]), 39, "Found multiple manual partition assignments for partition 0"),
        (assigned("x", &[(0, &[0]), (2, &[1])]), 39, "partitions should be a consecutive 0-based integer sequence"),
        (
            assigned("x", &[(0, &[5])]),
            39,
            "All brokers specified in the manual partition assignment for partition 0 are fenced or in controlled shutdown.",
        ),
        (
            CreatableTopic { num_partitions: 1, ..assigned("x", &[(0, &[0])]) },
            42,
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        ),
        (
            CreatableTopic { replication_factor: 1, ..assigned("x", &[(0, &[0])]) },
            42,
            "A manual partition assignment was specified, but replication factor was not set to -1.",
        ),
    ] {
        check_refused(&mut harness, topic, code, message);
    }
}

#[test]
fn a_topic_named_twice_is_not_created() {
    let mut harness = Harness::with_brokers(1);
    let topics = vec![creatable("a", 1, 1), creatable("b", 1, 1), creatable("a", 1, 1)];
    let request = m::CreateTopicsRequest { topics, ..Default::default() };
    let ControllerResponse::CreateTopics(response) = harness.ask(ControllerRequest::CreateTopics(request)) else {
        panic!()
    };
    let codes: Vec<_> = response.topics.iter().map(|topic| (topic.name.as_str(), topic.error_code)).collect();
    assert_eq!(codes, [("a", 42), ("b", 0)]);
    assert_eq!(harness.image().topics.iter().map(|topic| topic.name.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_topic_is_created_with_its_configs_in_one_batch() {
    let mut harness = Harness::with_brokers(3);
    harness.events.clear();
    let configs = vec![CreatableTopicConfig { name: "retention.ms".into(), value: Some("5".into()) }];
    let result = harness.create_topic(CreatableTopic { configs, ..creatable("foo", 4, 2) });
    assert_eq!((result.error_code, result.num_partitions, result.replication_factor), (0, 4, 2));
    let described = result.configs.unwrap();
    let retention = described.iter().find(|row| row.name == "retention.ms").unwrap();
    assert_eq!((retention.value.as_deref(), retention.config_source), (Some("5"), 1));
    let topic = harness.image().topics.by_name("foo").unwrap();
    assert_eq!((topic.id, topic.partitions.len()), (result.topic_id, 4));
    for (index, partition) in topic.partitions() {
        assert_eq!((partition.replicas.len(), &partition.isr), (2, &partition.replicas), "{index}");
        assert_eq!((partition.leader, partition.leader_epoch), (partition.replicas[0], 0));
        assert_eq!(partition.directories[0], Uuid::from_u128(9000 + partition.replicas[0] as u128));
    }
    let value = harness.image().configs.topic_value(&"foo".into(), "retention.ms").cloned();
    assert_eq!(value.as_deref(), Some("5"));
    assert_eq!(harness.events, [Event::TopicCreated { topic: "foo".into(), partitions: 4, replication_factor: 2 }]);
}

#[test]
fn validating_only_writes_nothing() {
    let mut harness = Harness::with_brokers(1);
    let before = harness.log.len();
    let request =
        m::CreateTopicsRequest { topics: vec![creatable("foo", 2, 1)], validate_only: true, ..Default::default() };
    let ControllerResponse::CreateTopics(response) = harness.ask(ControllerRequest::CreateTopics(request)) else {
        panic!()
    };
    assert_eq!((response.topics[0].error_code, response.topics[0].num_partitions), (0, 2));
    assert_eq!(harness.log.len(), before);
}

#[test]
fn fenced_replicas_are_not_in_sync() {
    let mut harness = Harness::with_brokers(2);
    harness.register(2);
    harness.create("foo", &[&[2, 1, 0]]);
    assert_eq!(harness.state("foo", 0), (1, 0, vec![1, 0]));
}

#[test]
fn partitions_are_only_added() {
    use m::create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
    let mut harness = Harness::with_brokers(2);
    harness.create("foo", &[&[0, 1], &[1, 0], &[0, 1]]);
    let lists = |lists: &[&[NodeId]]| -> Option<Vec<CreatePartitionsAssignment>> {
        Some(lists.iter().map(|list| CreatePartitionsAssignment { broker_ids: list.to_vec() }).collect())
    };
    for (name, count, assignments, code, message) in [
        ("foo", 3, None, 37, "Topic already has 3 partition(s)."),
        ("foo", 2, None, 37, "The topic foo currently has 3 partition(s); 2 would not be an increase."),
        ("bar", 2, None, 3, ErrorCode::UnknownTopicOrPartition.message()),
        (
            "foo",
            5,
            lists(&[&[0, 1]]),
            39,
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
        ),
        (
            "foo",
            4,
            lists(&[&[0]]),
            39,
            "The manual partition assignment includes a partition with 1 replica(s), but this is not consistent with previous partitions, which have 2 replica(s).",
        ),
        ("foo", 4, lists(&[&[1, 0]]), 0, ""),
        ("foo", 6, None, 0, ""),
    ] {
        let topics = vec![CreatePartitionsTopic { name: name.into(), count, assignments }];
        let request = m::CreatePartitionsRequest { topics, ..Default::default() };
        let ControllerResponse::CreatePartitions(response) = harness.ask(ControllerRequest::CreatePartitions(request))
        else {
            panic!()
        };
        let result = &response.results[0];
        assert_eq!((result.error_code, result.error_message.as_deref().unwrap_or("")), (code, message));
    }
    assert_eq!(harness.image().topics.by_name("foo").unwrap().partitions.len(), 6);
    assert_eq!(harness.partition("foo", 3).replicas, [1, 0]);
}

#[test]
fn topics_are_deleted_by_name_or_id() {
    use m::delete_topics_request::DeleteTopicState;
    let mut harness = Harness::with_brokers(1);
    harness.create("a", &[&[0]]);
    harness.create("b", &[&[0]]);
    let id = |harness: &Harness, name| harness.image().topics.id_of(name).unwrap();
    let (a, b) = (id(&harness, "a"), id(&harness, "b"));
    let named = |name: &'static str, topic_id| DeleteTopicState { name: Some(name.into()), topic_id };
    let by_id = |topic_id| DeleteTopicState { name: None, topic_id };
    for (topics, codes) in [
        (vec![named("a", a)], vec![42]),
        (vec![by_id(Uuid::ZERO)], vec![42]),
        (vec![named("none", Uuid::ZERO), by_id(Uuid::from_u128(7))], vec![3, 100]),
        (vec![named("a", Uuid::ZERO), named("a", Uuid::ZERO)], vec![42]),
        (vec![named("a", Uuid::ZERO), by_id(a)], vec![0, 42]),
        (vec![by_id(b)], vec![0]),
    ] {
        let request = m::DeleteTopicsRequest { topics, ..Default::default() };
        let ControllerResponse::DeleteTopics(response) = harness.ask(ControllerRequest::DeleteTopics(request)) else {
            panic!()
        };
        assert_eq!(response.responses.iter().map(|one| one.error_code).collect::<Vec<_>>(), codes);
    }
    assert!(harness.image().topics.is_empty());
    assert!(harness.events.contains(&Event::TopicDeleted { topic: "b".into() }));
}

#[test]
fn alter_partition_checks_in_kafkas_order() {
    let mut harness = Harness::with_brokers(3);
    harness.register(3);
    harness.create("foo", &[&[0, 1, 2, 3]]);
    let topic_id = harness.image().topics.id_of("foo").unwrap();
    let epochs: Vec<i64> = (0..4).map(|id| harness.image().cluster.broker(id).unwrap().epoch).collect();
    let member = |id: NodeId| (id, epochs[id as usize]);
    let base = |members: &[NodeId]| {
        let members: Vec<_> = members.iter().map(|&id| member(id)).collect();
        let known = PartitionRegistration::default();
        alter_partition(topic_id, member(0), &known, &members)
    };
    type Change = fn(&mut m::AlterPartitionRequest);
    let cases: [(&[NodeId], Change, i16); 16] = [
        (&[0, 1], |request| request.broker_epoch += 1, 77),
        (&[0, 1], |request| request.topics[0].topic_id = Uuid::from_u128(5), 100),
        (&[0, 1], |request| request.topics[0].partitions[0].partition_index = 9, 3),
        (&[0, 1], |request| request.topics[0].partitions[0].leader_epoch = 1, 41),
        (&[0, 1], |request| request.topics[0].partitions[0].partition_epoch = 1, 41),
        (&[0, 1], |request| request.topics[0].partitions[0].leader_epoch = -1, 74),
        (&[0, 1], |request| request.topics[0].partitions[0].partition_epoch = -1, 95),
        (&[0, 0], |_| {}, 42),
        (&[1, 2], |_| {}, 42),
        (&[0, 1], |request| request.topics[0].partitions[0].new_isr_with_epochs[1].broker_id = 8, 42),
        (&[0, 1], |request| request.topics[0].partitions[0].leader_recovery_state = 1, 42),
        (&[0], |request| request.topics[0].partitions[0].leader_recovery_state = 1, 42),
        (&[0], |request| request.topics[0].partitions[0].leader_recovery_state = 5, 42),
        (&[0, 1, 2, 3], |_| {}, 107),
        (&[0, 1], |request| request.topics[0].partitions[0].new_isr_with_epochs[1].broker_epoch += 1, 107),
        (&[0, 1], |_| {}, 0),
    ];
    for (position, (members, change, code)) in cases.into_iter().enumerate() {
        let mut request = base(members);
        change(&mut request);
        let ControllerResponse::AlterPartition(response) = harness.ask(ControllerRequest::AlterPartition(request))
        else {
            panic!()
        };
        let partition = response.topics.first().map(|topic| &topic.partitions[0]);
        let found = if response.error_code == 0 { partition.unwrap().error_code } else { response.error_code };
        assert_eq!(found, code, "case {position}");
        if code == 0 {
            let partition = partition.unwrap();
            assert_eq!((partition.leader_id, partition.leader_epoch, partition.partition_epoch), (0, 0, 1));
            assert_eq!(partition.isr, [0, 1]);
        }
    }
    // Somebody else than the leader.
    let mut request = alter_partition(topic_id, member(1), &harness.partition("foo", 0), &[member(0), member(1)]);
    let ControllerResponse::AlterPartition(response) = harness.ask(ControllerRequest::AlterPartition(request.clone()))
    else {
        panic!()
    };
    assert_eq!(response.topics[0].partitions[0].error_code, 42);
    // Version 2 names no epochs.
    (request.broker_id, request.broker_epoch) = member(0);
    let partition = &mut request.topics[0].partitions[0];
    partition.new_isr_with_epochs.clear();
    partition.new_isr = vec![0, 1, 2];
    harness.ask(ControllerRequest::AlterPartition(request));
    assert_eq!(harness.state("foo", 0), (0, 0, vec![0, 1, 2]));
}

fn elect(harness: &mut Harness, election_type: i8, partitions: Option<(&str, i32)>) -> Vec<(i32, i16)> {
    use m::elect_leaders_request::TopicPartitions;
    let topic_partitions =
        partitions.map(|(topic, index)| vec![TopicPartitions { topic: topic.into(), partitions: vec![index] }]);
    let request = m::ElectLeadersRequest { election_type, topic_partitions, ..Default::default() };
    let ControllerResponse::ElectLeaders(response) = harness.ask(ControllerRequest::ElectLeaders(request)) else {
        panic!()
    };
    let results = response.replica_election_results.iter().flat_map(|topic| &topic.partition_result);
    let mut results: Vec<_> = results.map(|one| (one.partition_id, one.error_code)).collect();
    if response.error_code != 0 {
        results.push((-1, response.error_code));
    }
    results
}

#[test]
fn leaders_are_elected_on_request() {
    let mut harness = Harness::with_brokers(3);
    harness.create("foo", &[&[0, 1], &[1, 0]]);
    harness.create("single", &[&[2]]);
    harness.expire(0);
    harness.expire(2);
    assert_eq!(harness.state("foo", 0), (1, 1, vec![1]));
    for (election_type, partition, results) in [
        (0, Some(("foo", 1)), vec![(1, 84)]),
        (0, Some(("foo", 0)), vec![(0, 80)]),
        (1, Some(("foo", 0)), vec![(0, 84)]),
        (1, Some(("single", 0)), vec![(0, 83)]),
        (0, Some(("foo", 9)), vec![(9, 3)]),
        (0, Some(("bar", 0)), vec![(0, 3)]),
        (0, None, vec![(0, 80), (0, 80)]),
        (5, None, vec![(-1, 42)]),
    ] {
        assert_eq!(elect(&mut harness, election_type, partition), results, "{election_type} {partition:?}");
    }
}

#[test]
fn an_unclean_leader_must_recover_before_the_isr_grows() {
    let mut harness = Harness::with_brokers(2);
    harness.create("foo", &[&[0, 1]]);
    harness.expire(1);
    harness.expire(0);
    harness.start_broker(1);
    assert_eq!(harness.state("foo", 0), (NO_NODE, 1, vec![0]));
    assert_eq!(elect(&mut harness, 1, Some(("foo", 0))), [(0, 0)]);
    let partition = harness.partition("foo", 0);
    assert_eq!((partition.leader, partition.leader_epoch, partition.isr.as_slice()), (1, 2, &[1][..]));
    assert_eq!(partition.leader_recovery_state, LeaderRecoveryState::Recovering);
    harness.start_broker(0);
    let topic_id = harness.image().topics.id_of("foo").unwrap();
    let epochs: Vec<i64> = (0..2).map(|id| harness.image().cluster.broker(id).unwrap().epoch).collect();
    let mut request = alter_partition(topic_id, (1, epochs[1]), &partition, &[(0, epochs[0]), (1, epochs[1])]);
    request.topics[0].partitions[0].leader_recovery_state = 1;
    let ControllerResponse::AlterPartition(response) = harness.ask(ControllerRequest::AlterPartition(request.clone()))
    else {
        panic!()
    };
    assert_eq!(response.topics[0].partitions[0].error_code, 42);
    request.topics[0].partitions[0].leader_recovery_state = 0;
    harness.ask(ControllerRequest::AlterPartition(request));
    assert_eq!(harness.partition("foo", 0).leader_recovery_state, LeaderRecoveryState::Recovered);
    assert_eq!(harness.state("foo", 0), (1, 2, vec![0, 1]));
}

#[test]
fn topics_that_allow_it_get_unclean_leaders_by_themselves() {
    let mut harness = Harness::with_brokers(2);
    harness.create("foo", &[&[0, 1]]);
    harness.expire(1);
    harness.start_broker(1);
    let change = [("unclean.leader.election.enable", 0, Some("true"))];
    assert_eq!(alter_configs(&mut harness, ConfigResource::topic("foo"), &change).0, 0);
    harness.expire(0);
    assert_eq!(harness.state("foo", 0), (1, 1, vec![1]));
    assert_eq!(harness.partition("foo", 0).leader_recovery_state, LeaderRecoveryState::Recovering);
}

fn alter_configs(harness: &mut Harness, resource: ConfigResource, changes: &[(&str, i8, Option<&str>)]) -> (i16, Str) {
    use m::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
    let configs = changes.iter().map(|&(name, config_operation, value)| AlterableConfig {
        name: name.into(),
        config_operation,
        value: value.map(Str::from),
    });
    let resources = vec![AlterConfigsResource {
        resource_type: resource.kind.code(),
        resource_name: resource.name,
        configs: configs.collect(),
    }];
    let request = m::IncrementalAlterConfigsRequest { resources, validate_only: false };
    let ControllerResponse::IncrementalAlterConfigs(response) =
        harness.ask(ControllerRequest::IncrementalAlterConfigs(request))
    else {
        panic!()
    };
    let result = &response.responses[0];
    (result.error_code, result.error_message.clone().unwrap_or_default())
}

#[test]
fn configurations_change_key_by_key() {
    const SET: i8 = 0;
    const DELETE: i8 = 1;
    const APPEND: i8 = 2;
    const SUBTRACT: i8 = 3;
    const TOO_LONG: &str = match str::from_utf8(&[b'x'; 32_768]) {
        Ok(text) => text,
        Err(_) => "",
    };
    let mut harness = Harness::with_brokers(1);
    harness.create("foo", &[&[0]]);
    let foo = || ConfigResource::topic("foo");
    for (resource, changes, code, message) in [
        (foo(), vec![("retention.ms", SET, Some("5"))], 0, ""),
        (foo(), vec![("cleanup.policy", APPEND, Some("compact"))], 0, ""),
        (foo(), vec![("cleanup.policy", SUBTRACT, Some("delete"))], 0, ""),
        (foo(), vec![("retention.bytes", DELETE, None)], 0, ""),
        (
            foo(),
            vec![("retention.ms", APPEND, Some("5"))],
            40,
            "Can't APPEND to key retention.ms because its type is not LIST.",
        ),
        (foo(), vec![("x", SET, Some("5"))], 40, "Unknown topic config name: x"),
        (
            foo(),
            vec![("min.insync.replicas", SET, Some("-5"))],
            40,
            "Invalid value -5 for configuration min.insync.replicas: Value must be at least 1",
        ),
        (foo(), vec![("retention.ms", SET, None)], 42, "Null value not supported for : retention.ms"),
        (
            foo(),
            vec![("retention.ms", SET, Some("1")), ("retention.ms", SET, Some("2"))],
            42,
            "Error due to duplicate config keys",
        ),
        (foo(), vec![("retention.ms", 9, Some("1"))], 42, "Unknown operations type 9"),
        (ConfigResource::topic("bar"), vec![], 3, "The topic 'bar' does not exist."),
        (ConfigResource::topic("bar"), vec![("x", SET, Some("5"))], 40, "Unknown topic config name: x"),
        (
            ConfigResource::topic("bar"),
            vec![("a", SET, Some("5")), ("x", DELETE, None)],
            40,
            "Unknown topic config name: a",
        ),
        (foo(), vec![("retention.ms", SET, Some("x")), ("x", SET, Some("5"))], 40, "Unknown topic config name: x"),
        (ConfigResource::topic(".."), vec![("x", SET, Some("5"))], 17, "Topic name is invalid: '..' is not allowed"),
        (
            foo(),
            vec![("min.compaction.lag.ms", SET, Some("2")), ("max.compaction.lag.ms", SET, Some("1"))],
            40,
            "conflict topic config setting min.compaction.lag.ms (2) > max.compaction.lag.ms (1)",
        ),
        (
            foo(),
            vec![("remote.storage.enable", SET, Some("true"))],
            40,
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
        ),
        (
            ConfigResource::broker(""),
            vec![("x", SET, Some(TOO_LONG))],
            40,
            "The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.",
        ),
        (ConfigResource::topic(""), vec![], 42, "Default topic resources are not allowed."),
        (ConfigResource::broker("x"), vec![], 42, "Unable to parse broker name as a base 10 number."),
        (ConfigResource::broker("-1"), vec![], 42, "Invalid negative broker ID."),
        (ConfigResource::broker("7"), vec![], 102, "No node with id 7 found."),
        (ConfigResource::broker(""), vec![("log.retention.ms", SET, Some("9"))], 0, ""),
    ] {
        assert_eq!(alter_configs(&mut harness, resource, &changes), (code, message.into()), "{changes:?}");
    }
    let overrides: Vec<_> =
        harness.image().configs.of(&foo()).map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(overrides, [("cleanup.policy", "compact"), ("retention.ms", "5")]);
    let before = harness.log.len();
    alter_configs(&mut harness, foo(), &[("retention.ms", SET, Some("5"))]);
    assert_eq!(harness.log.len(), before, "what changes nothing is not written");
    alter_configs(&mut harness, foo(), &[("retention.ms", DELETE, None), ("cleanup.policy", DELETE, None)]);
    assert_eq!(harness.image().configs.of(&foo()).count(), 0);
}

#[test]
fn alter_configs_replaces_all_keys() {
    use m::alter_configs_request::{AlterConfigsResource, AlterableConfig};
    let mut harness = Harness::with_brokers(1);
    harness.create("foo", &[&[0]]);
    alter_configs(&mut harness, ConfigResource::topic("foo"), &[("retention.ms", 0, Some("5"))]);
    let configs = vec![AlterableConfig { name: "segment.ms".into(), value: Some("6".into()) }];
    let resources = vec![AlterConfigsResource { resource_type: 2, resource_name: "foo".into(), configs }];
    harness.ask(ControllerRequest::AlterConfigs(m::AlterConfigsRequest { resources, validate_only: false }));
    let foo = ConfigResource::topic("foo");
    let overrides: Vec<_> =
        harness.image().configs.of(&foo).map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(overrides, [("segment.ms", "6")]);
}

fn reassign(harness: &mut Harness, replicas: Option<&[NodeId]>, allow: bool) -> (i16, Str) {
    use m::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
    let partitions = vec![ReassignablePartition { partition_index: 0, replicas: replicas.map(<[NodeId]>::to_vec) }];
    let request = m::AlterPartitionReassignmentsRequest {
        allow_replication_factor_change: allow,
        topics: vec![ReassignableTopic { name: "foo".into(), partitions }],
        ..Default::default()
    };
    let ControllerResponse::AlterPartitionReassignments(response) =
        harness.ask(ControllerRequest::AlterPartitionReassignments(request))
    else {
        panic!()
    };
    let result = &response.responses[0].partitions[0];
    (result.error_code, result.error_message.clone().unwrap_or_default())
}

#[test]
fn a_reassignment_completes_when_the_new_replicas_are_in_sync() {
    let mut harness = Harness::with_brokers(4);
    harness.create("foo", &[&[0, 1]]);
    assert_eq!(reassign(&mut harness, Some(&[2, 9]), true).0, 39);
    assert_eq!(reassign(&mut harness, Some(&[2]), false), (38, "The replication factor is changed from 2 to 1".into()));
    assert_eq!(reassign(&mut harness, None, true).0, ErrorCode::NoReassignmentInProgress.code());
    assert_eq!(reassign(&mut harness, Some(&[2, 3]), true).0, 0);
    let moving = harness.partition("foo", 0);
    assert_eq!((moving.replicas.as_slice(), moving.leader, moving.leader_epoch), (&[2, 3, 0, 1][..], 0, 0));
    let ControllerResponse::ListPartitionReassignments(listed) =
        harness.ask(ControllerRequest::ListPartitionReassignments(m::ListPartitionReassignmentsRequest::default()))
    else {
        panic!()
    };
    assert_eq!(listed.topics[0].partitions[0].adding_replicas, [2, 3]);
    let topic_id = harness.image().topics.id_of("foo").unwrap();
    let member = |harness: &Harness, id| (id, harness.image().cluster.broker(id).unwrap().epoch);
    let members: Vec<_> = (0..4).map(|id| member(&harness, id)).collect();
    let request = alter_partition(topic_id, members[0], &moving, &members);
    harness.events.clear();
    let ControllerResponse::AlterPartition(response) = harness.ask(ControllerRequest::AlterPartition(request)) else {
        panic!()
    };
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::NewLeaderElected.code());
    let partition = crate::ids::TopicPartition::new("foo", 0);
    let told = Event::ReplicasReassigned { partition, from: vec![0, 1], to: vec![2, 3] };
    assert!(harness.events.contains(&told), "{:?}", harness.events);
    let moved = harness.partition("foo", 0);
    assert_eq!((moved.replicas.as_slice(), moved.isr.as_slice(), moved.leader), (&[2, 3][..], &[2, 3][..], 2));
    assert!(!moved.is_reassigning());
    assert_eq!(moved.directories, [Uuid::from_u128(9002), Uuid::from_u128(9003)]);
    // And back again, cancelled half way.
    harness.events.clear();
    reassign(&mut harness, Some(&[2, 0]), true);
    assert_eq!(reassign(&mut harness, None, true).0, 0);
    let back = harness.partition("foo", 0);
    assert_eq!((back.replicas.as_slice(), back.is_reassigning()), (&[2, 3][..], false));
    let moved = |event: &Event| matches!(event, Event::ReplicasReassigned { .. });
    assert!(!harness.events.iter().any(moved), "{:?}", harness.events);
}
