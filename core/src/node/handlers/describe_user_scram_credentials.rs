//! `DescribeUserScramCredentials`: nobody authenticates here, so no user has any (KIP-554).

use super::RequestContext;
use crate::node::broker::Broker;
use crate::protocol::ErrorCode;
use crate::protocol::messages::DescribeUserScramCredentialsRequest;
use crate::protocol::messages::describe_user_scram_credentials_response::{
    DescribeUserScramCredentialsResponse, DescribeUserScramCredentialsResult,
};
use alloc::format;

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: &DescribeUserScramCredentialsRequest) {
    let asked = request.users.iter().flatten();
    let results = asked.clone().enumerate().filter(|(at, user)| !asked.clone().take(*at).any(|other| other == *user));
    let results = results.map(|(_, user)| {
        let is_twice = asked.clone().filter(|other| *other == user).count() > 1;
        let (error, message) = if is_twice {
            let message =
                format!("Cannot describe SCRAM credentials for the same user twice in a single request: {}", user.name);
            (ErrorCode::DuplicateResource, message)
        } else {
            let message = format!("Attempt to describe a user credential that does not exist: {}", user.name);
            (ErrorCode::ResourceNotFound, message)
        };
        DescribeUserScramCredentialsResult {
            user: user.name.clone(),
            error_code: error.code(),
            error_message: Some(message.into()),
            ..Default::default()
        }
    });
    let response =
        DescribeUserScramCredentialsResponse { error_message: None, results: results.collect(), ..Default::default() };
    broker.respond::<DescribeUserScramCredentialsRequest>(context.token, &response);
}
