use super::*;
use crate::config::quota_config::{CONTROLLER_MUTATION_RATE, PRODUCER_BYTE_RATE};
use crate::metadata::{ClientQuotaEntity, QuotaEntityType};
use crate::quota::QuotaClient;
use m::alter_client_quotas_request::{EntityData, EntryData, OpData};
use m::create_topics_request::CreatableTopic;

type Part = (&'static str, Option<&'static str>);
/// A key with its value; without one it is taken away.
type Op = (&'static str, Option<f64>);

fn entry(entity: &[Part], ops: &[Op]) -> EntryData {
    let part = |(kind, name): &Part| EntityData { entity_type: (*kind).into(), entity_name: name.map(Str::from) };
    let op =
        |(key, value): &Op| OpData { key: (*key).into(), value: value.unwrap_or_default(), remove: value.is_none() };
    EntryData { entity: entity.iter().map(part).collect(), ops: ops.iter().map(op).collect() }
}

/// The errors, one for each entity.
fn alter(harness: &mut Harness, entries: Vec<EntryData>, validate_only: bool) -> Vec<Option<Str>> {
    let request = m::AlterClientQuotasRequest { entries, validate_only };
    match harness.ask(ControllerRequest::AlterClientQuotas(request)) {
        ControllerResponse::AlterClientQuotas(response) => {
            let message = |entry: m::alter_client_quotas_response::EntryData| entry.error_message;
            response.entries.into_iter().map(message).collect()
        }
        other => panic!("{other:?}"),
    }
}

const USER: Part = ("user", Some("alice"));
const CLIENT: Part = ("client-id", Some("c1"));
const RATE: Op = (PRODUCER_BYTE_RATE, Some(1000.0));

#[test]
fn quotas_are_set_changed_and_removed_one_by_one() {
    let mut harness = Harness::new();
    let value = |harness: &Harness| {
        let entity = ClientQuotaEntity::new([(QuotaEntityType::User, Some(Str::from("alice")))]);
        harness.image().client_quotas.value(&entity, PRODUCER_BYTE_RATE)
    };
    let before = harness.log.len();
    for (op, left, records) in [
        (RATE, Some(1000.0), 1),
        (RATE, Some(1000.0), 1),
        ((PRODUCER_BYTE_RATE, Some(2000.0)), Some(2000.0), 2),
        (("consumer_byte_rate", None), Some(2000.0), 2),
        ((PRODUCER_BYTE_RATE, None), None, 3),
        ((PRODUCER_BYTE_RATE, None), None, 3),
    ] {
        assert_eq!(alter(&mut harness, vec![entry(&[USER], &[op])], false), [None]);
        assert_eq!((value(&harness), harness.log.len() - before), (left, records), "{op:?}");
    }
    assert_eq!(alter(&mut harness, vec![entry(&[USER], &[RATE])], true), [None]);
    assert_eq!(value(&harness), None, "that was to be validated only");
    assert!(harness.image().client_quotas.is_empty());
}

#[test]
fn quotas_that_make_no_sense_say_why() {
    let ip = ("ip", Some("10.0.0.1"));
    let cases: [(&[Part], &[Op], &str); 12] = [
        (&[], &[RATE], "Invalid empty client quota entity"),
        (&[("planet", Some("earth"))], &[RATE], "Unhandled client quota entity type: planet"),
        (&[("user", Some(""))], &[RATE], "Empty user not supported"),
        (
            &[USER, ip],
            &[RATE],
            "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId",
        ),
        (&[("ip", Some("nowhere"))], &[RATE], "nowhere is not a valid IP or resolvable host."),
        (&[ip], &[RATE], "Invalid configuration key producer_byte_rate"),
        (&[CLIENT], &[("rate", Some(1.0))], "Invalid configuration key rate"),
        (&[CLIENT], &[(PRODUCER_BYTE_RATE, Some(0.0))], "Quota producer_byte_rate must be greater than 0"),
        (&[CLIENT], &[(PRODUCER_BYTE_RATE, Some(1.5))], "producer_byte_rate cannot be a fractional value."),
        (
            &[CLIENT],
            &[(PRODUCER_BYTE_RATE, Some(1e19))],
            "Proposed value for producer_byte_rate is too large for a LONG.",
        ),
        (
            &[ip],
            &[("connection_creation_rate", Some(3e9))],
            "Proposed value for connection_creation_rate is too large for an INT.",
        ),
        (&[USER], &[RATE, RATE], "Ignoring duplicate entity ClientQuotaEntity(entries={user=alice})"),
    ];
    let mut harness = Harness::new();
    let before = harness.log.len();
    for (entity, ops, message) in cases {
        assert_eq!(alter(&mut harness, vec![entry(entity, ops)], false), [Some(message.into())]);
    }
    assert_eq!(harness.log.len(), before);
    let entries = vec![entry(&[CLIENT], &[RATE]), entry(&[USER], &[("rate", None), (PRODUCER_BYTE_RATE, Some(0.0))])];
    let errors = alter(&mut harness, entries, false);
    assert_eq!(errors, [None, Some("Quota producer_byte_rate must be greater than 0".into())]);
    assert_eq!(harness.log.len(), before + 1, "one entity's error is none of another's");
}

#[test]
fn clients_over_their_quota_of_changes_are_refused_until_it_has_filled_up_again() {
    let mut harness = Harness::with_brokers(1);
    // One partition a second: eleven at once after silence.
    alter(&mut harness, vec![entry(&[CLIENT], &[(CONTROLLER_MUTATION_RATE, Some(1.0))])], false);
    let context = |client_id: &'static str, version| ControllerRequestContext {
        client: QuotaClient { user: "ANONYMOUS".into(), client_id: client_id.into() },
        version,
        is_direct: false,
    };
    let create = |harness: &mut Harness, context: &ControllerRequestContext, name: &str, num_partitions| {
        let topic = CreatableTopic { name: name.into(), num_partitions, replication_factor: 1, ..Default::default() };
        let request = m::CreateTopicsRequest { topics: vec![topic], timeout_ms: 1000, validate_only: false };
        match harness.ask_as(context, ControllerRequest::CreateTopics(request)) {
            ControllerResponse::CreateTopics(response) => {
                let error = ErrorCode::from_code(response.topics[0].error_code);
                (error.unwrap_or(ErrorCode::UnknownServerError), response.throttle_time_ms)
            }
            other => panic!("{other:?}"),
        }
    };
    let (strict, permissive, other) = (context("c1", 7), context("c1", 5), context("c2", 7));
    assert_eq!(create(&mut harness, &strict, "a", 20), (ErrorCode::None, 0), "what is left may be overdrawn once");
    assert_eq!(create(&mut harness, &strict, "b", 1), (ErrorCode::ThrottlingQuotaExceeded, 9000));
    assert_eq!(create(&mut harness, &other, "b", 1), (ErrorCode::None, 0), "another client has no quota");
    assert_eq!(create(&mut harness, &permissive, "c", 1), (ErrorCode::None, 10_000), "an old client only waits");
    harness.heartbeat(0);
    harness.advance(Duration::from_secs(5));
    assert_eq!(create(&mut harness, &strict, "d", 1), (ErrorCode::ThrottlingQuotaExceeded, 5000));
    harness.heartbeat(0);
    harness.advance(Duration::from_secs(5));
    harness.heartbeat(0);
    assert_eq!(create(&mut harness, &strict, "d", 1), (ErrorCode::None, 0));
    let delete = m::DeleteTopicsRequest { topic_names: vec!["a".into()], ..Default::default() };
    match harness.ask_as(&strict, ControllerRequest::DeleteTopics(delete)) {
        ControllerResponse::DeleteTopics(response) => {
            let refused = ErrorCode::ThrottlingQuotaExceeded.code();
            assert_eq!((response.responses[0].error_code, response.throttle_time_ms), (refused, 1000));
        }
        other => panic!("{other:?}"),
    }
}
