//! Reads what `--add-scram` says, as `org.apache.kafka.metadata.storage.ScramParser` does (KIP-900).

use crate::cli::base64;
use crate::cli::failure::{Exception, terse};
use crate::cli::scram::{random_salt, salted_password};
use crate::cli::terminal::Terminal;
use crate::protocol::messages::UserScramCredentialRecord;
use crate::scram::ScramMechanism;
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::format;
use alloc::vec::Vec;

/// Where the salted password comes from.
#[derive(Debug, PartialEq, Eq)]
enum Secret<'a> {
    Password(&'a str),
    Salted(Vec<u8>),
}

/// What is told of a credential.
#[derive(Debug, PartialEq, Eq)]
struct Told<'a> {
    mechanism: ScramMechanism,
    name: &'a str,
    salt: Option<Vec<u8>>,
    iterations: i32,
    secret: Secret<'a>,
}

/// The record of `SCRAM-SHA-256=[name=alice,password=secret]`.
///
/// # Errors
/// What Kafka says where it is none, as the only line; of an empty password what Java says.
pub(super) async fn parse(terminal: &Terminal, text: &str) -> Result<UserScramCredentialRecord, Exception> {
    let told = told(text)?;
    let (mechanism, iterations) = (told.mechanism, told.iterations);
    let salt = told.salt.unwrap_or_else(|| random_salt(terminal));
    let empty = || Err(Exception::illegal_argument("Empty key"));
    let salted = match told.secret {
        Secret::Password("") => return empty(),
        Secret::Password(password) => {
            salted_password(terminal, mechanism, password.as_bytes(), &salt, iterations).await
        }
        Secret::Salted(salted) if salted.is_empty() => return empty(),
        Secret::Salted(salted) => salted,
    };
    Ok(UserScramCredentialRecord {
        name: Str::from(told.name),
        mechanism: mechanism.code(),
        salt: salt.into(),
        stored_key: mechanism.stored_key(&salted).into(),
        server_key: mechanism.server_key(&salted).into(),
        iterations,
    })
}

fn told(text: &str) -> Result<Told<'_>, Exception> {
    let text = text.trim();
    let (mechanism, config) =
        text.split_once('=').ok_or_else(|| terse(format!("Failed to find equals sign in SCRAM argument '{text}'")))?;
    let mechanism = ScramMechanism::from_name(mechanism)
        .ok_or_else(|| terse(format!("The add-scram mechanism {mechanism} is not supported.")))?;
    let inner = config.strip_prefix('[').ok_or_else(|| terse("Expected configuration string to start with ["))?;
    // The only bracket is not two.
    let inner = inner.strip_suffix(']').ok_or_else(|| terse("Expected configuration string to end with ]"))?;
    let mut components = components(inner)?;
    let name = components.remove("name").ok_or_else(|| terse("You must supply 'name' to add-scram"))?;
    let decoded = |what: &str, text: &str| {
        base64::decode(text).ok_or_else(|| terse(format!("Failed to decode given {what}: {text}")))
    };
    let salt = components.remove("salt").map(|salt| decoded("salt", salt)).transpose()?;
    let iterations = components
        .remove("iterations")
        .map(|number| number.parse::<i32>().map_err(|_| terse(format!("Failed to parse iterations count: {number}"))));
    let iterations = iterations.transpose()?.unwrap_or(ScramMechanism::MIN_ITERATIONS);
    let secret = match (components.remove("password"), components.remove("saltedpassword")) {
        (Some(password), _) => Secret::Password(password),
        (None, None) => return Err(terse("You must supply one of 'password' or 'saltedpassword' to add-scram")),
        (None, Some(_)) if salt.is_none() => {
            return Err(terse("You must supply 'salt' with 'saltedpassword' to add-scram"));
        }
        (None, Some(salted)) => Secret::Salted(decoded("saltedPassword", salted)?),
    };
    if !components.is_empty() {
        let names = components.keys().copied().collect::<Vec<_>>().join(", ");
        return Err(terse(format!("Unknown SCRAM configurations: {names}")));
    }
    let bound = |sign: &str, bound: i32| {
        let constant = mechanism.constant();
        terse(format!("The 'iterations' value must be {sign} {bound} for add-scram using {constant}"))
    };
    if iterations < ScramMechanism::MIN_ITERATIONS {
        return Err(bound(">=", ScramMechanism::MIN_ITERATIONS));
    }
    if iterations > ScramMechanism::MAX_ITERATIONS {
        return Err(bound("<=", ScramMechanism::MAX_ITERATIONS));
    }
    Ok(Told { mechanism, name, salt, iterations, secret })
}

/// Cuts `name=alice,password="secret"`.
fn components(text: &str) -> Result<SortedMap<&str, &str>, Exception> {
    // As Java splits: what is empty at the end is nothing, and nothing at all is one that is empty.
    let trimmed = text.trim_end_matches(',');
    let mut components = SortedMap::new();
    if trimmed.is_empty() && !text.is_empty() {
        return Ok(components);
    }
    for component in trimmed.split(',') {
        let (key, value) = component
            .split_once('=')
            .ok_or_else(|| terse(format!("No equals sign found in SCRAM component: {component}")))?;
        let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        components.insert(key, quoted.unwrap_or(value));
    }
    Ok(components)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read() {
        let expect = |mechanism, name, salt: Option<&[u8]>, iterations, secret| Told {
            mechanism,
            name,
            salt: salt.map(Vec::from),
            iterations,
            secret,
        };
        let (short, long) = (ScramMechanism::Sha256, ScramMechanism::Sha512);
        for (text, expect) in [
            ("SCRAM-SHA-256=[name=alice,password=a=b]", expect(short, "alice", None, 4096, Secret::Password("a=b"))),
            (
                " SCRAM-SHA-512=[name=\"bob\",iterations=8192,salt=\"N3E=\",saltedpassword=\"YCE=\",] ",
                expect(long, "bob", Some(b"7q"), 8192, Secret::Salted(Vec::from(*b"`!"))),
            ),
            (
                "SCRAM-SHA-512=[name=,salt=,password=\",saltedpassword=?]",
                expect(long, "", Some(b""), 4096, Secret::Password("\"")),
            ),
        ] {
            assert_eq!(told(text), Ok(expect), "{text}");
        }
    }

    #[test]
    fn what_is_no_credential_is_told_in_kafkas_words() {
        for (text, message) in [
            ("", "Failed to find equals sign in SCRAM argument ''"),
            ("scram-sha-256=[]", "The add-scram mechanism scram-sha-256 is not supported."),
            ("SCRAM-SHA-256=", "Expected configuration string to start with ["),
            ("SCRAM-SHA-256=[", "Expected configuration string to end with ]"),
            ("SCRAM-SHA-256=[]", "No equals sign found in SCRAM component: "),
            ("SCRAM-SHA-256=[,]", "You must supply 'name' to add-scram"),
            ("SCRAM-SHA-256=[name=a,,password=b]", "No equals sign found in SCRAM component: "),
            (
                "SCRAM-SHA-256=[name=a, password=b]",
                "You must supply one of 'password' or 'saltedpassword' to add-scram",
            ),
            ("SCRAM-SHA-256=[name=a,iterations=2147483648,password=b]", "Failed to parse iterations count: 2147483648"),
        ] {
            assert_eq!(told(text).unwrap_err().message, message, "{text}");
        }
    }
}
