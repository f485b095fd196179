use super::*;
use crate::protocol::messages::update_features_request::FeatureUpdateKey;

const UPGRADE: i8 = 1;
const SAFE: i8 = 2;
const UNSAFE: i8 = 3;

fn update(name: &str, max_version_level: i16, upgrade_type: i8) -> FeatureUpdateKey {
    FeatureUpdateKey { feature: name.into(), max_version_level, upgrade_type, ..Default::default() }
}

fn ask(
    harness: &mut Harness,
    feature_updates: Vec<FeatureUpdateKey>,
    validate_only: bool,
) -> m::UpdateFeaturesResponse {
    let request = m::UpdateFeaturesRequest { feature_updates, validate_only, ..Default::default() };
    match harness.ask(ControllerRequest::UpdateFeatures(request)) {
        ControllerResponse::UpdateFeatures(response) => response,
        other => panic!("{other:?}"),
    }
}

#[test]
fn levels_that_cannot_be_are_refused_in_kafkas_words() {
    let mut harness = Harness::with_brokers(1);
    let before = harness.log.len();
    let invalid =
        |name: &str, level: i16, why: &str| format!("Invalid update version {level} for feature {name}. {why}");
    let cases = [
        (
            update("metadata.version", 99, UPGRADE),
            invalid("metadata.version", 99, "Local controller 0 only supports versions 7-30"),
        ),
        (
            update("metadata.version", 30, 7),
            invalid("metadata.version", 30, "The controller does not support the given upgrade type."),
        ),
        (
            update("metadata.version", -1, SAFE),
            invalid("metadata.version", -1, "A feature version cannot be less than 0."),
        ),
        (
            update("metadata.version", 29, UPGRADE),
            invalid(
                "metadata.version",
                29,
                "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe \
                 downgrade.",
            ),
        ),
        (
            update("metadata.version", 29, SAFE),
            "Unsupported metadata.version downgrade from 30 to 29. Refusing to perform the requested downgrade because it \
             might delete metadata information."
                .into(),
        ),
        (
            update("metadata.version", 29, UNSAFE),
            "Unsupported metadata.version downgrade from 30 to 29. Unsafe metadata downgrade is not supported in this version."
                .into(),
        ),
        (
            update("group.version", 1, UPGRADE),
            invalid("group.version", 1, "Local controller 0 does not support this feature."),
        ),
        (update("no.such", 0, SAFE), invalid("no.such", 0, "Feature no.such not found.")),
    ];
    for (update, reason) in cases {
        let asked = format!("{update:?}");
        let response = ask(&mut harness, vec![update], false);
        assert_eq!(response.error_code, ErrorCode::InvalidUpdateVersion.code(), "{asked}");
        let message = format!("The update failed for all features since the following feature had an error: {reason}");
        assert_eq!(response.error_message.as_deref(), Some(message.as_str()), "{asked}");
    }
    assert_eq!(harness.log.len(), before);
}

#[test]
fn levels_are_changed_all_or_none() {
    let mut harness = Harness::with_brokers(1);
    let before = harness.log.len();
    let response = ask(&mut harness, vec![update("metadata.version", 30, UPGRADE)], true);
    assert_eq!((response.error_code, harness.log.len()), (0, before), "only validated");
    let both = vec![update("metadata.version", 30, UPGRADE), update("group.version", 1, UPGRADE)];
    assert_ne!(ask(&mut harness, both, false).error_code, 0);
    assert_eq!(harness.log.len(), before, "none");
    let response = ask(&mut harness, vec![update("metadata.version", 30, UPGRADE)], false);
    assert_eq!((response.error_code, harness.log.len()), (0, before + 1));
    assert_eq!(harness.image().features.metadata_version(), 30);
}

#[test]
fn a_quorum_keeps_the_kraft_version_it_was_formatted_with() {
    let mut harness =
        Harness::with("controller.quorum.voters=\ncontroller.quorum.bootstrap.servers=localhost:19092\n", 1);
    harness.controller.quorum_is(1, vec![0]);
    let invalid = |level: i16, why: &str| {
        format!(
            "The update failed for all features since the following feature had an error: Invalid update version {level} \
             for feature kraft.version. {why}"
        )
    };
    for (update, reason) in [
        (
            update("kraft.version", 0, UPGRADE),
            Some(invalid(
                0,
                "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe \
                 downgrade.",
            )),
        ),
        (update("kraft.version", 0, SAFE), Some(invalid(0, "Can't downgrade the version of this feature."))),
        (update("kraft.version", 1, UPGRADE), None),
        (update("kraft.version", 2, UPGRADE), Some(invalid(2, "Local controller 0 only supports versions 0-1"))),
    ] {
        let asked = format!("{update:?}");
        let response = ask(&mut harness, vec![update], false);
        assert_eq!(response.error_message.filter(|_| response.error_code != 0), reason.map(Str::from), "{asked}");
    }
}
