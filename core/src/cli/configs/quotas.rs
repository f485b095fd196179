//! Quotas of clients, users and addresses: `AlterClientQuotas` and `DescribeClientQuotas` (KIP-546).

use super::{DELETE, Entity, SET, execution};
use crate::cli::failure::{Exception, Failure, thrown};
use crate::cli::terminal::Terminal;
use crate::config::quota_config::{IP_QUOTAS, QuotaType, USER_AND_CLIENT_QUOTAS};
use crate::java::{Double, double, hash_map_order, string_hash};
use crate::metadata::QuotaEntityType;
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use crate::protocol::messages::describe_client_quotas_request::ComponentData;
use crate::protocol::messages::describe_client_quotas_response::EntryData as Described;
use crate::protocol::messages::describe_user_scram_credentials_request::UserName;
use crate::protocol::messages::incremental_alter_configs_request::AlterableConfig;
use crate::protocol::messages::{
    AlterClientQuotasRequest, DescribeClientQuotasRequest, DescribeUserScramCredentialsRequest,
};
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

/// Mechanisms that a user's credentials are of: set beside quotas, and no quotas.
const SCRAM_MECHANISMS: [&str; 2] = ["SCRAM-SHA-256", "SCRAM-SHA-512"];
/// `MatchType`.
const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const SPECIFIED: i8 = 2;

/// Sets and removes quotas of one entity.
pub(super) async fn alter(terminal: &Terminal, entity: &Entity, changes: &[AlterableConfig]) -> Result<(), Failure> {
    check_names(entity, changes)?;
    if changes.iter().any(|change| SCRAM_MECHANISMS.contains(&&*change.name)) {
        // What Kafka's client says of brokers without the request.
        let class = "org.apache.kafka.common.errors.UnsupportedVersionException";
        let cause = Exception::new(class, "The node does not support ALTER_USER_SCRAM_CREDENTIALS");
        return Err(execution(&cause).into());
    }
    let current = described(terminal, entity).await?;
    let has = |key: &str| current.first().is_some_and(|entry| entry.values.iter().any(|value| *value.key == *key));
    let removed = changes.iter().filter(|change| change.config_operation == DELETE);
    let missing: Vec<&str> = removed.map(|change| &*change.name).filter(|name| !has(name)).collect();
    if !missing.is_empty() {
        let class = "org.apache.kafka.common.errors.InvalidConfigurationException";
        return Err(Exception::new(class, format!("Invalid config(s): {}", missing.join(","))).into());
    }
    let ops = changes.iter().map(|change| {
        let text = change.value.as_deref().unwrap_or_default();
        let value = match change.config_operation {
            SET => parsed(text).ok_or_else(|| {
                let message = format!("Cannot parse quota configuration value for {}: {text}", change.name);
                Exception::illegal_argument(message)
            })?,
            _ => 0.0,
        };
        Ok(OpData { key: change.name.clone(), value, remove: change.config_operation == DELETE })
    });
    let ops = ops.collect::<Result<Vec<OpData>, Exception>>()?;
    let parts = entity.kinds.iter().zip(&entity.names).map(|(kind, name)| EntityData {
        entity_type: type_of(kind),
        entity_name: (!name.is_empty()).then(|| Str::from(name.as_str())),
    });
    let entries = vec![EntryData { entity: parts.collect(), ops }];
    let request = AlterClientQuotasRequest { entries, validate_only: false };
    let response = terminal.ask(request).await.map_err(|cause| execution(&cause))?;
    for entry in response.entries {
        thrown(entry.error_code, entry.error_message.as_deref()).map_err(|cause| execution(&cause))?;
    }
    entity.print_completed(terminal);
    Ok(())
}

/// Clients, users and addresses have no other configurations.
fn check_names(entity: &Entity, changes: &[AlterableConfig]) -> Result<(), Exception> {
    let kind = entity.kind();
    let is_quota = |name: &str, known: &[(&str, QuotaType)]| known.iter().any(|(quota, _)| *quota == name);
    let unknown = |operation: i8, known: &dyn Fn(&str) -> bool| -> Vec<&str> {
        let of_this = changes.iter().filter(|change| change.config_operation == operation);
        of_this.map(|change| &*change.name).filter(|name| !known(name)).collect()
    };
    if kind == "ips" {
        let unknown = unknown(SET, &|name| is_quota(name, &IP_QUOTAS));
        return refused_unless(unknown.is_empty(), || {
            let names = unknown.join(",");
            format!(
                "Only connection quota configs can be added for 'ips' using --bootstrap-server. Unexpected config \
                 names: {names}"
            )
        });
    }
    let is_of_users = kind == "users";
    let words = if is_of_users { "quota and SCRAM credential configs" } else { "quota configs" };
    let is_scram = |name: &str| SCRAM_MECHANISMS.contains(&name);
    let known = |name: &str| is_quota(name, &USER_AND_CLIENT_QUOTAS) || (is_of_users && is_scram(name));
    for (operation, done, collection) in [(SET, "added", "Set"), (DELETE, "deleted", "ArrayBuffer")] {
        let unknown = unknown(operation, &known);
        refused_unless(unknown.is_empty(), || {
            let names = unknown.join(", ");
            format!(
                "Only {words} can be {done} for '{kind}' using --bootstrap-server. Unexpected config names: \
                 {collection}({names})"
            )
        })?;
    }
    let scrams = changes.iter().filter(|change| is_scram(&change.name)).count();
    refused_unless(scrams == 0 || scrams == changes.len(), || {
        "Cannot alter both quota and SCRAM credential configs simultaneously for 'users' using --bootstrap-server."
            .to_string()
    })
}

fn refused_unless(holds: bool, message: impl FnOnce() -> String) -> Result<(), Exception> {
    if holds { Ok(()) } else { Err(Exception::illegal_argument(message())) }
}

/// As Java's `Double.parseDouble`.
fn parsed(text: &str) -> Option<f64> {
    Double::parse(text.trim())?.to_string().parse().ok()
}

/// Prints quotas, and credentials where users are asked for.
pub(super) async fn describe(terminal: &Terminal, entity: &Entity) -> Result<(), Failure> {
    for entry in described(terminal, entity).await? {
        let mut values: Vec<(String, f64)> =
            entry.values.iter().map(|value| (value.key.to_string(), value.value)).collect();
        let count = values.len();
        hash_map_order(&mut values, count, |(key, _)| string_hash(key));
        let values: Vec<String> = values.into_iter().map(|(key, value)| format!("{key}={}", double(value))).collect();
        let words = [
            (QuotaEntityType::User, "user-principal"),
            (QuotaEntityType::ClientId, "client-id"),
            (QuotaEntityType::Ip, "ip"),
        ];
        let parts = words.into_iter().filter_map(|(kind, word)| {
            let part = entry.entity.iter().find(|part| *part.entity_type == *kind.name())?;
            Some(match &part.entity_name {
                Some(name) => format!("{word} '{name}'"),
                None => format!("the default {word}"),
            })
        });
        let whose = parts.collect::<Vec<_>>().join(", ");
        terminal.line(&format!("Quota configs for {whose} are {}", values.join(", ")));
    }
    let is_of_users = entity.kinds.iter().any(|kind| kind == "users");
    if is_of_users && entity.kinds.len() == 1 && !entity.names.iter().any(String::is_empty) {
        describe_credentials(terminal, entity).await?;
    }
    Ok(())
}

/// The quotas of exactly these kinds of entities.
async fn described(terminal: &Terminal, entity: &Entity) -> Result<Vec<Described>, Failure> {
    let components = entity.kinds.iter().enumerate().map(|(at, kind)| {
        let (match_type, name) = match entity.names.get(at).map(String::as_str) {
            Some("") => (DEFAULT, None),
            Some(name) => (EXACT, Some(name.into())),
            None => (SPECIFIED, None),
        };
        ComponentData { entity_type: type_of(kind), match_type, match_: name }
    });
    let request = DescribeClientQuotasRequest { components: components.collect(), strict: true };
    let response = terminal.ask(request).await.map_err(|cause| execution(&cause))?;
    thrown(response.error_code, response.error_message.as_deref()).map_err(|cause| execution(&cause))?;
    Ok(response.entries.unwrap_or_default())
}

fn type_of(kind: &str) -> Str {
    let kind = match kind {
        "users" => QuotaEntityType::User,
        "clients" => QuotaEntityType::ClientId,
        _ => QuotaEntityType::Ip,
    };
    Str::from_static(kind.name())
}

async fn describe_credentials(terminal: &Terminal, entity: &Entity) -> Result<(), Failure> {
    let users: Vec<UserName> = entity.names.iter().map(|name| UserName { name: name.as_str().into() }).collect();
    let request = DescribeUserScramCredentialsRequest { users: (!users.is_empty()).then_some(users) };
    let response = terminal.ask(request).await.map_err(|cause| execution(&cause))?;
    thrown(response.error_code, response.error_message.as_deref()).map_err(|cause| execution(&cause))?;
    for result in response.results {
        let infos = result.credential_infos.iter().map(|info| {
            let mechanism = usize::try_from(info.mechanism - 1).ok().and_then(|at| SCRAM_MECHANISMS.get(at));
            format!("{}=iterations={}", mechanism.unwrap_or(&"UNKNOWN"), info.iterations)
        });
        // Kafka's admin leaves out users that have none.
        if ErrorCode::from_code(result.error_code) != Some(ErrorCode::ResourceNotFound) {
            let infos = infos.collect::<Vec<_>>().join(", ");
            terminal.line(&format!("SCRAM credential configs for user-principal '{}' are {infos}", result.user));
        }
    }
    Ok(())
}
