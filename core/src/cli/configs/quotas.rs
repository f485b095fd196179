//! Quotas of clients, users and addresses: `AlterClientQuotas` and `DescribeClientQuotas` (KIP-546). Users have credentials
//! beside them.

use super::{DELETE, Entity, SET, execution, scram};
use crate::cli::failure::{Exception, Failure, thrown};
use crate::cli::terminal::Terminal;
use crate::config::quota_config::{IP_QUOTAS, QuotaType, USER_AND_CLIENT_QUOTAS};
use crate::java::{Double, double, hash_map_order, string_hash};
use crate::metadata::QuotaEntityType;
use crate::protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use crate::protocol::messages::describe_client_quotas_request::ComponentData;
use crate::protocol::messages::describe_client_quotas_response::EntryData as Described;
use crate::protocol::messages::incremental_alter_configs_request::AlterableConfig;
use crate::protocol::messages::{AlterClientQuotasRequest, DescribeClientQuotasRequest};
use crate::scram::ScramMechanism;
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

/// `MatchType`.
const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const SPECIFIED: i8 = 2;

/// Sets and removes quotas of one entity, or credentials of a user.
pub(super) async fn alter(terminal: &Terminal, entity: &Entity, changes: &[AlterableConfig]) -> Result<(), Failure> {
    check_names(entity, changes)?;
    let is_of_quotas = entity.kind() == "ips" || changes.iter().any(|change| is_quota(change, &USER_AND_CLIENT_QUOTAS));
    if is_of_quotas {
        alter_quotas(terminal, entity, changes).await?;
    } else if let [name] = entity.names.as_slice() {
        scram::alter(terminal, name, changes).await?;
    } else {
        // Of a client of a user, with a file that sets nothing.
        let names = entity.names.join(", ");
        let message = format!(
            "Altering user SCRAM credentials should never occur for more zero or multiple users: List({names})"
        );
        return Err(Exception::new("java.lang.IllegalStateException", message).into());
    }
    entity.print_completed(terminal);
    Ok(())
}

async fn alter_quotas(terminal: &Terminal, entity: &Entity, changes: &[AlterableConfig]) -> Result<(), Failure> {
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
    Ok(())
}

fn is_quota(change: &AlterableConfig, known: &[(&str, QuotaType)]) -> bool {
    known.iter().any(|(quota, _)| *change.name == **quota)
}

fn is_scram(change: &AlterableConfig) -> bool {
    ScramMechanism::from_name(&change.name).is_some()
}

/// Clients, users and addresses have no other configurations.
fn check_names(entity: &Entity, changes: &[AlterableConfig]) -> Result<(), Exception> {
    let kind = entity.kind();
    let named = |operation: i8, fits: &dyn Fn(&AlterableConfig) -> bool| -> Vec<&str> {
        let of_this = changes.iter().filter(|change| change.config_operation == operation);
        of_this.filter(|change| fits(change)).map(|change| &*change.name).collect()
    };
    if kind == "ips" {
        let mut unknown = named(SET, &|change| !is_quota(change, &IP_QUOTAS));
        unknown.extend(named(DELETE, &|change| !is_quota(change, &IP_QUOTAS)));
        return refused_unless(unknown.is_empty(), || {
            let names = unknown.join(",");
            format!(
                "Only connection quota configs can be added for 'ips' using --bootstrap-server. Unexpected config \
                 names: {names}"
            )
        });
    }
    let is_of_users = kind == "users" && entity.kinds.len() == 1;
    let (kind, words) =
        if is_of_users { ("users", "quota and SCRAM credential configs") } else { ("clients", "quota configs") };
    for (operation, done, collection) in [(SET, "added", "Set"), (DELETE, "deleted", "ArrayBuffer")] {
        let mut unknown = named(operation, &|change| !is_quota(change, &USER_AND_CLIENT_QUOTAS) && !is_scram(change));
        if !is_of_users {
            unknown.extend(named(operation, &is_scram));
        }
        refused_unless(unknown.is_empty(), || {
            let names = unknown.join(", ");
            format!(
                "Only {words} can be {done} for '{kind}' using --bootstrap-server. Unexpected config names: \
                 {collection}({names})"
            )
        })?;
    }
    if !changes.iter().any(is_scram) {
        return Ok(());
    }
    refused_unless(!entity.names.iter().any(String::is_empty), || {
        "The use of --entity-default or --user-defaults is not allowed with User SCRAM Credentials using \
         --bootstrap-server."
            .to_string()
    })?;
    refused_unless(changes.iter().all(is_scram), || {
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
        scram::describe(terminal, entity).await?;
    }
    Ok(())
}

/// The quotas of exactly these kinds of entities.
async fn described(terminal: &Terminal, entity: &Entity) -> Result<Vec<Described>, Failure> {
    if entity.names.len() > entity.kinds.len() {
        return Err(Exception::illegal_argument("More entity names specified than entity types").into());
    }
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
