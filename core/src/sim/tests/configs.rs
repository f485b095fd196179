//! Changes to configs of several resources, of which a broker looks at its own and the controller at the rest.

use super::{all_running, ask, cluster, run_until};
use crate::protocol::messages::alter_configs_request as replacing;
use crate::protocol::messages::describe_configs_request::DescribeConfigsResource;
use crate::protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use crate::protocol::messages::{AlterConfigsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest};
use crate::sim::cluster::Cluster;
use crate::time::Duration;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

const LIMIT: Duration = Duration::from_mins(1);
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const LOGGER: i8 = 8;
const GROUP: i8 = 32;
const SET: i8 = 0;
const APPEND: i8 = 2;
/// A broker's listener, and its controller's.
const CLIENTS: u16 = 9093;
const CONTROLLER: u16 = 19092;

type Change<'a> = (i8, &'a str, &'a [(&'a str, i8, &'a str)]);

/// What a node says of these changes: resource, code and text of each.
fn altered(cluster: &mut Cluster, port: u16, changes: &[Change<'_>]) -> Vec<String> {
    let configs = |all: &[(&str, i8, &str)]| {
        let config = |(name, config_operation, value): &(&str, i8, &str)| AlterableConfig {
            name: (*name).into(),
            config_operation: *config_operation,
            value: Some((*value).into()),
        };
        all.iter().map(config).collect()
    };
    let resources = changes.iter().map(|(resource_type, name, all)| AlterConfigsResource {
        resource_type: *resource_type,
        resource_name: (*name).into(),
        configs: configs(all),
    });
    let request = IncrementalAlterConfigsRequest { resources: resources.collect(), validate_only: false };
    let response = ask(cluster, port, 1, &request);
    let told = response.responses.into_iter().map(|one| {
        let text = one.error_message.map(|text| format!(": {text}")).unwrap_or_default();
        format!("{} {} {}{text}", one.resource_type, one.resource_name, one.error_code)
    });
    told.collect()
}

fn value(cluster: &mut Cluster, kind: i8, name: &str, key: &str) -> Option<String> {
    let resource = DescribeConfigsResource {
        resource_type: kind,
        resource_name: name.into(),
        configuration_keys: Some(vec![key.into()]),
    };
    let response =
        ask(cluster, CLIENTS, 4, &DescribeConfigsRequest { resources: vec![resource], ..Default::default() });
    response.results[0].configs.first()?.value.as_ref().map(|value| String::from(value.as_str()))
}

/// The controller that leads the quorum.
fn leading(cluster: &Cluster) -> u16 {
    let leader = cluster.running().find_map(|(_, node)| node.view()?.quorum.leader).expect("a leader");
    CONTROLLER + leader as u16
}

#[test]
fn a_broker_answers_for_what_it_refuses_and_the_controller_for_the_rest() {
    let mut cluster = cluster(3, 3);
    run_until(&mut cluster, LIMIT, all_running);
    let told = altered(
        &mut cluster,
        CLIENTS,
        &[
            (TOPIC, "nothing", &[("retention.ms", SET, "5")]),
            (BROKER, "2", &[("log.retention.ms", SET, "5")]),
            (BROKER, "1", &[("log.retention.ms", SET, "86400000")]),
            (GROUP, "g", &[("consumer.session.timeout.ms", SET, "50000")]),
            (GROUP, "twice", &[]),
            (BROKER, "", &[("log.retention.ms", SET, "soon")]),
            (GROUP, "twice", &[]),
            (LOGGER, "1", &[("kafka", SET, "DEBUG")]),
            (77, "odd", &[]),
            (TOPIC, "some", &[("retention.ms", SET, "5"), ("retention.ms", SET, "6")]),
        ],
    );
    let twice = "32 twice 42: Each resource must appear at most once.";
    let soon = "Invalid value soon for configuration log.retention.ms: Not a number of type LONG";
    assert_eq!(
        told,
        [
            "2 nothing 3: The topic 'nothing' does not exist.",
            "4 2 42: Unexpected broker id, expected 1, but received 2",
            "4 1 0",
            "32 g 0",
            twice,
            &format!("4  42: {soon}"),
            twice,
            "8 1 40: Logger kafka does not exist!",
            "77 odd 42: Unknown resource type 77",
            "2 some 42: Error due to duplicate config keys",
        ]
    );
    assert_eq!(value(&mut cluster, BROKER, "1", "log.retention.ms").as_deref(), Some("86400000"));
    let told = altered(&mut cluster, CLIENTS, &[(BROKER, "1", &[("log.retention.ms", APPEND, "5")]), (GROUP, "", &[])]);
    let append = "4 1 40: Config value append is not allowed for config key: log.retention.ms";
    assert_eq!(told, [append, "32  42: Default group resources are not allowed."]);
}

#[test]
fn the_old_request_is_looked_at_by_the_broker_too() {
    let mut cluster = cluster(4, 3);
    run_until(&mut cluster, LIMIT, all_running);
    let resource = |resource_type, name: &str, key: &str, value: &str| replacing::AlterConfigsResource {
        resource_type,
        resource_name: name.into(),
        configs: vec![replacing::AlterableConfig { name: key.into(), value: Some(value.into()) }],
    };
    let resources = vec![
        resource(BROKER, "0", "log.retention.ms", "5"),
        resource(GROUP, "g", "consumer.session.timeout.ms", "50000"),
        resource(LOGGER, "1", "kafka", "DEBUG"),
    ];
    let response = ask(&mut cluster, CLIENTS, 2, &AlterConfigsRequest { resources, validate_only: false });
    let told: Vec<_> = response.responses.iter().map(|one| (one.error_code, one.error_message.as_deref())).collect();
    let (other, unknown) = ("Unexpected broker id, expected 1, but received 0", "Unknown resource type 8");
    assert_eq!(told, [(42, Some(other)), (0, None), (42, Some(unknown))]);
}

#[test]
fn a_controller_that_is_asked_itself_looks_at_no_values_of_brokers() {
    let mut cluster = cluster(5, 3);
    run_until(&mut cluster, LIMIT, all_running);
    let controller = leading(&cluster);
    let told = altered(
        &mut cluster,
        controller,
        &[
            (BROKER, "1", &[("log.retention.ms", SET, "soon"), ("message.max.bytes", SET, "5000")]),
            (BROKER, "2", &[("cordoned.log.dirs", SET, "/x")]),
            (BROKER, "8", &[("message.max.bytes", SET, "5000")]),
            (GROUP, "twice", &[]),
            (GROUP, "twice", &[]),
            (77, "odd", &[]),
        ],
    );
    let cordoned = "When updating cordoned.log.dirs via controllers,  the new value must be a subset of the current \
                    configuration value.";
    assert_eq!(
        told,
        [
            "32 twice 42: Duplicate resource.",
            "77 odd 35: Unknown resource type 77.",
            "4 1 0",
            &format!("4 2 40: {cordoned}"),
            "4 8 102: No node with id 8 found.",
        ]
    );
    // The broker takes of it what it can.
    cluster.advance_to(cluster.now().monotonic + Duration::from_secs(2));
    assert_eq!(value(&mut cluster, BROKER, "1", "message.max.bytes").as_deref(), Some("5000"));
    assert_ne!(value(&mut cluster, BROKER, "1", "log.retention.ms").as_deref(), Some("soon"));
}
