use super::*;
use crate::scram::ScramMechanism;
use bytes::Bytes;
use m::alter_user_scram_credentials_request::{ScramCredentialDeletion, ScramCredentialUpsertion};

/// A user's name, a mechanism's number, and the iterations; without any the credential is taken away.
type Change = (&'static str, i8, Option<i32>);

fn request(changes: &[Change]) -> m::AlterUserScramCredentialsRequest {
    let mut request = m::AlterUserScramCredentialsRequest::default();
    for (name, mechanism, iterations) in changes {
        match iterations {
            None => request.deletions.push(ScramCredentialDeletion { name: (*name).into(), mechanism: *mechanism }),
            Some(iterations) => request.upsertions.push(ScramCredentialUpsertion {
                name: (*name).into(),
                mechanism: *mechanism,
                iterations: *iterations,
                salt: Bytes::from_static(b"salt"),
                salted_password: Bytes::from_static(b"salted"),
            }),
        }
    }
    request
}

/// Users with the error of each.
fn alter(harness: &mut Harness, request: m::AlterUserScramCredentialsRequest) -> Vec<(Str, i16, Option<Str>)> {
    match harness.ask(ControllerRequest::AlterUserScramCredentials(request)) {
        ControllerResponse::AlterUserScramCredentials(response) => {
            let results = response.results.into_iter();
            results.map(|result| (result.user, result.error_code, result.error_message)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_credential_is_kept_without_what_it_was_made_of() {
    let mut harness = Harness::new();
    let changes = request(&[("alice", 1, Some(8192)), ("bob", 2, Some(4096))]);
    // As a map of Java's has them.
    assert_eq!(alter(&mut harness, changes), [("bob".into(), 0, None), ("alice".into(), 0, None)]);
    let kept = harness.image().scram.credential("alice", ScramMechanism::Sha256).expect("it is kept");
    assert_eq!((kept.iterations, &kept.salt[..]), (8192, &b"salt"[..]));
    assert_eq!((kept.stored_key.len(), kept.server_key.len()), (32, 32));
    assert_eq!(kept.server_key, ScramMechanism::Sha256.server_key(b"salted"));
    let kept = harness.image().scram.credential("bob", ScramMechanism::Sha512).expect("it is kept");
    assert_eq!((kept.stored_key.len(), kept.server_key.len()), (64, 64));

    assert_eq!(alter(&mut harness, request(&[("alice", 1, None)])), [("alice".into(), 0, None)]);
    assert_eq!(harness.image().scram.users().collect::<Vec<_>>(), ["bob"]);
}

#[test]
fn changes_that_cannot_be_say_why_and_the_others_are_made() {
    let twice = (ErrorCode::DuplicateResource, "A user credential cannot be altered twice in the same request");
    let empty = (ErrorCode::UnacceptableCredential, "Username must not be empty");
    let unknown = (ErrorCode::UnsupportedSaslMechanism, "Unknown SCRAM mechanism");
    let few = (ErrorCode::UnacceptableCredential, "Too few iterations");
    let many = (ErrorCode::UnacceptableCredential, "Too many iterations");
    let missing = (ErrorCode::ResourceNotFound, "Attempt to delete a user credential that does not exist");
    let cases: [(&[Change], (ErrorCode, &str)); 13] = [
        (&[("", 1, Some(4096))], empty),
        (&[("", 3, None)], empty),
        (&[("alice", 0, Some(4096))], unknown),
        (&[("alice", 3, None)], unknown),
        (&[("alice", 1, Some(4095))], few),
        (&[("alice", 2, Some(16_385))], many),
        (&[("alice", 2, None)], missing),
        (&[("alice", 1, None), ("alice", 1, None)], twice),
        (&[("alice", 1, None), ("alice", 1, Some(4096))], twice),
        (&[("alice", 1, Some(4096)), ("alice", 2, Some(4096))], twice),
        (&[("alice", 1, Some(4096)), ("alice", 1, Some(4096)), ("alice", 1, Some(4096))], twice),
        // The first error stays.
        (&[("alice", 2, None), ("alice", 1, Some(4096))], missing),
        (&[("alice", 1, Some(1)), ("alice", 1, Some(4096))], few),
    ];
    for (changes, (error, message)) in cases {
        let mut harness = Harness::new();
        alter(&mut harness, request(&[("alice", 1, Some(5000))]));
        let changes = [changes, &[("bob", 1, Some(4096))]].concat();
        let results = alter(&mut harness, request(&changes));
        assert_eq!(results, [("bob".into(), 0, None), (changes[0].0.into(), error.code(), Some(message.into()))]);
        let image = harness.image();
        assert_eq!(image.scram.users().collect::<Vec<_>>(), ["alice", "bob"], "{changes:?}");
        let alice = image.scram.credential("alice", ScramMechanism::Sha256).map(|credential| credential.iterations);
        assert_eq!(alice, Some(5000), "{changes:?}");
    }
}

#[test]
fn a_key_needs_a_byte() {
    let mut harness = Harness::new();
    let mut changes = request(&[("alice", 1, Some(4096))]);
    changes.upsertions[0].salted_password = Bytes::new();
    let results = alter(&mut harness, changes);
    assert_eq!(results, [("alice".into(), ErrorCode::UnknownServerError.code(), None)]);
    assert!(harness.image().scram.users().next().is_none());
}

#[test]
fn who_is_not_the_controller_says_so_of_each_user() {
    let mut harness = Harness::new();
    harness.controller.renounce(harness.now());
    let results = alter(&mut harness, request(&[("bob", 1, None), ("alice", 1, Some(4096)), ("bob", 2, Some(4096))]));
    let users: Vec<_> = results.iter().map(|(user, code, _)| (&**user, *code)).collect();
    assert_eq!(users, ["alice", "bob"].map(|user| (user, ErrorCode::NotController.code())));
}

#[test]
fn old_levels_of_metadata_have_no_credentials() {
    let mut harness = Harness::new();
    let old = ControllerConfig { bootstrap_features: vec![("metadata.version".into(), 10)], ..config("") };
    harness.controller = QuorumController::new(old, Rng::new(1));
    harness.log.clear();
    harness.controller.claim(harness.now(), 1, 0);
    harness.drain();
    let results = alter(&mut harness, request(&[("alice", 1, None), ("bob", 0, Some(1))]));
    for (_, code, message) in &results {
        assert_eq!(*code, ErrorCode::UnsupportedVersion.code());
        assert_eq!(message.as_deref(), Some("The current metadata.version does not support SCRAM"));
    }
    assert_eq!(results.len(), 2);
}
