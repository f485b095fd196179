//! Credentials of users: `AlterUserScramCredentials` and `DescribeUserScramCredentials` (KIP-554).

use super::{DELETE, Entity, execution};
use crate::cli::failure::{Exception, Failure, class_of, thrown};
use crate::cli::scram::{random_salt, salted_password};
use crate::cli::terminal::Terminal;
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use crate::protocol::messages::describe_user_scram_credentials_request::UserName;
use crate::protocol::messages::incremental_alter_configs_request::AlterableConfig;
use crate::protocol::messages::{AlterUserScramCredentialsRequest, DescribeUserScramCredentialsRequest};
use crate::scram::ScramMechanism;
use crate::text::Str;
use alloc::format;
use alloc::vec::Vec;

/// Sets and removes credentials of one user. Its password stays here: what it is salted to goes out.
pub(super) async fn alter(terminal: &Terminal, user: &str, changes: &[AlterableConfig]) -> Result<(), Failure> {
    let user = Str::from(user);
    let mut deletions = Vec::new();
    let mut upserted = Vec::new();
    for change in changes {
        let Some(mechanism) = ScramMechanism::from_name(&change.name) else { continue };
        if change.config_operation == DELETE {
            deletions.push(ScramCredentialDeletion { name: user.clone(), mechanism: mechanism.code() });
        } else {
            let value = change.value.as_deref().unwrap_or_default();
            let (iterations, password) = iterations_and_password(mechanism, value)?;
            upserted.push((mechanism, iterations, password));
        }
    }
    let without_password = upserted.iter().any(|(_, _, password)| password.is_empty());
    let mut request = AlterUserScramCredentialsRequest::default();
    // Where something is wrong with a user, Kafka's admin asks for nothing of it, and asks still.
    if !without_password {
        request.deletions = deletions;
        for (mechanism, iterations, password) in upserted {
            let salt = random_salt(terminal);
            let salted = salted_password(terminal, mechanism, password.as_bytes(), &salt, iterations).await;
            request.upsertions.push(ScramCredentialUpsertion {
                name: user.clone(),
                mechanism: mechanism.code(),
                iterations,
                salt: salt.into(),
                salted_password: salted.into(),
            });
        }
    }
    let response = terminal.ask(request).await.map_err(|cause| execution(&cause))?;
    if without_password {
        let cause = Exception::of(ErrorCode::UnacceptableCredential, Some("Password must not be empty"));
        return Err(execution(&cause).into());
    }
    for result in response.results {
        thrown(result.error_code, result.error_message.as_deref()).map_err(|cause| execution(&cause))?;
    }
    Ok(())
}

/// Reads `iterations=8192,password=secret`; the iterations may be missing, or -1.
fn iterations_and_password(mechanism: ScramMechanism, text: &str) -> Result<(i32, &str), Exception> {
    const DEFAULT_ITERATIONS: i32 = 4096;
    let is_number = |text: &str| text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.strip_prefix("iterations=").and_then(|rest| rest.split_once(','));
    let (iterations, rest) = match parts.filter(|(iterations, _)| is_number(iterations)) {
        Some((iterations, rest)) => (Some(iterations), rest),
        None => (None, text),
    };
    // To the end of the line, as a regular expression has it.
    let is_line = |password: &&str| !password.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
    let Some(password) = rest.strip_prefix("password=").filter(is_line) else {
        let called = mechanism.constant();
        return Err(Exception::illegal_argument(format!("Invalid credential property {called}={text}")));
    };
    let iterations = match iterations {
        None | Some("-1") => DEFAULT_ITERATIONS,
        Some(number) => {
            number.parse().map_err(|_| Exception::illegal_argument(format!("For input string: \"{number}\"")))?
        }
    };
    let least = ScramMechanism::MIN_ITERATIONS;
    if iterations < least {
        let name = mechanism.name();
        let message = format!("Iterations {iterations} is less than the minimum {least} required for {name}");
        return Err(Exception::illegal_argument(message));
    }
    Ok((iterations, password))
}

/// Prints who has which credentials: of the named user, or of all.
pub(super) async fn describe(terminal: &Terminal, entity: &Entity) -> Result<(), Failure> {
    let users: Vec<UserName> = entity.names.iter().map(|name| UserName { name: name.as_str().into() }).collect();
    let request = DescribeUserScramCredentialsRequest { users: Some(users) };
    let response = terminal.ask(request).await.map_err(|cause| execution(&cause))?;
    thrown(response.error_code, response.error_message.as_deref()).map_err(|cause| execution(&cause))?;
    for result in response.results {
        let user = &result.user;
        match ErrorCode::from_code(result.error_code).unwrap_or(ErrorCode::UnknownServerError) {
            ErrorCode::None => {
                let infos = result.credential_infos.iter().map(|info| {
                    let name = ScramMechanism::from_code(info.mechanism).map_or("UNKNOWN", ScramMechanism::name);
                    format!("{name}=iterations={}", info.iterations)
                });
                let infos = infos.collect::<Vec<_>>().join(", ");
                terminal.line(&format!("SCRAM credential configs for user-principal '{user}' are {infos}"));
            }
            // Kafka's admin leaves out users that have none.
            ErrorCode::ResourceNotFound => {}
            error => {
                let class = class_of(error);
                let class = class.rsplit('.').next().unwrap_or_default();
                let message = result.error_message.as_deref().unwrap_or(error.message());
                terminal.line(&format!(
                    "Error retrieving SCRAM credential configs for user-principal '{user}': {class}: {message}"
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iterations_and_passwords_are_read_as_kafka_reads_them() {
        for (text, expect) in [
            ("password=secret", Ok((4096, "secret"))),
            ("password=", Ok((4096, ""))),
            ("password=a=b,c", Ok((4096, "a=b,c"))),
            ("iterations=8192,password=secret", Ok((8192, "secret"))),
            ("iterations=-1,password=secret", Ok((4096, "secret"))),
            ("password=x,iterations=many", Ok((4096, "x,iterations=many"))),
            ("iterations=,password=x", Err("For input string: \"\"")),
            ("iterations=-,password=x", Err("For input string: \"-\"")),
            ("iterations=2147483648,password=x", Err("For input string: \"2147483648\"")),
            (
                "iterations=4095,password=x",
                Err("Iterations 4095 is less than the minimum 4096 required for SCRAM-SHA-256"),
            ),
            ("iterations=-2,password=x", Err("Iterations -2 is less than the minimum 4096 required for SCRAM-SHA-256")),
            ("iterations=many,password=x", Err("Invalid credential property SCRAM_SHA_256=iterations=many,password=x")),
            ("iterations=8192", Err("Invalid credential property SCRAM_SHA_256=iterations=8192")),
            ("secret", Err("Invalid credential property SCRAM_SHA_256=secret")),
            ("password=two\nlines", Err("Invalid credential property SCRAM_SHA_256=password=two\nlines")),
        ] {
            let read = iterations_and_password(ScramMechanism::Sha256, text);
            assert_eq!(
                read.as_ref().map_err(|exception| &*exception.message),
                expect.as_ref().map_err(|text| *text),
                "{text}"
            );
        }
    }
}
