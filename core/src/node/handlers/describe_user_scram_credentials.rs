//! `DescribeUserScramCredentials`: of some users or of all, which credentials they have (KIP-554).

use super::RequestContext;
use crate::java::{hash_map_order, string_hash};
use crate::node::broker::Broker;
use crate::protocol::ErrorCode;
use crate::protocol::messages::DescribeUserScramCredentialsRequest;
use crate::protocol::messages::describe_user_scram_credentials_response::{
    CredentialInfo, DescribeUserScramCredentialsResponse, DescribeUserScramCredentialsResult,
};
use crate::text::Str;
use alloc::format;
use alloc::vec::Vec;

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: &DescribeUserScramCredentialsRequest) {
    let image = &broker.image.scram;
    // Each with whether it was asked for twice.
    let mut users: Vec<(&Str, bool)> = Vec::new();
    for user in request.users.iter().flatten() {
        match users.iter_mut().find(|(known, _)| **known == user.name) {
            Some((_, is_twice)) => *is_twice = true,
            None => users.push((&user.name, false)),
        }
    }
    if users.is_empty() {
        users.extend(image.users().map(|user| (user, false)));
    }
    hash_map_order(&mut users, 16, |(user, _)| string_hash(user));
    let results = users.into_iter().map(|(user, is_twice)| {
        let failed = |error: ErrorCode, message: &str| DescribeUserScramCredentialsResult {
            user: user.clone(),
            error_code: error.code(),
            error_message: Some(format!("{message}: {user}").into()),
            ..Default::default()
        };
        if is_twice {
            let message = "Cannot describe SCRAM credentials for the same user twice in a single request";
            return failed(ErrorCode::DuplicateResource, message);
        }
        let Some(credentials) = image.of(user) else {
            let message = "Attempt to describe a user credential that does not exist";
            return failed(ErrorCode::ResourceNotFound, message);
        };
        let info = credentials.iter().map(|(mechanism, credential)| CredentialInfo {
            mechanism: mechanism.code(),
            iterations: credential.iterations,
        });
        DescribeUserScramCredentialsResult {
            user: user.clone(),
            error_message: None,
            credential_infos: info.collect(),
            ..Default::default()
        }
    });
    let response =
        DescribeUserScramCredentialsResponse { error_message: None, results: results.collect(), ..Default::default() };
    broker.respond::<DescribeUserScramCredentialsRequest>(context.token, &response);
}
