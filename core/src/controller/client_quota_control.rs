//! Quotas of clients (`org.apache.kafka.controller.ClientQuotaControlManager`, KIP-546).

use super::decision::{ApiError, ControllerResult, Decision};
use crate::config::quota_config::{IP_QUOTAS, QuotaType, USER_AND_CLIENT_QUOTAS};
use crate::metadata::{ClientQuotaEntity, MetadataRecord, QuotaEntityType};
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_client_quotas_request::{EntryData, OpData};
use crate::protocol::messages::{AlterClientQuotasRequest, AlterClientQuotasResponse, alter_client_quotas_response};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

impl Decision<'_> {
    /// Sets and removes quotas; an entity with an error keeps its own.
    pub(super) fn alter_client_quotas(
        self,
        request: &AlterClientQuotasRequest,
    ) -> ControllerResult<AlterClientQuotasResponse> {
        let mut records = Vec::new();
        let mut results: Vec<(&EntryData, Result<(), ApiError>)> = Vec::new();
        for entry in &request.entries {
            let before = results.iter().position(|(other, _)| other.entity == entry.entity);
            let result = if before.is_some() || has_key_twice(&entry.ops) {
                invalid(format!("Ignoring duplicate entity {}", printed(entry)))
            } else {
                self.altered_quotas(entry).map(|mut altered| records.append(&mut altered))
            };
            match before.and_then(|at| results.get_mut(at)) {
                Some(known) => known.1 = result,
                None => results.push((entry, result)),
            }
        }
        if request.validate_only {
            records.clear();
        }
        let entries = results.into_iter().map(|(entry, result)| alter_client_quotas_response::EntryData {
            error_code: result.as_ref().err().map_or(0, ApiError::code),
            error_message: result.err().map(|error| error.text()),
            entity: (entry.entity.iter())
                .map(|part| alter_client_quotas_response::EntityData {
                    entity_type: part.entity_type.clone(),
                    entity_name: part.entity_name.clone(),
                })
                .collect(),
        });
        let response = AlterClientQuotasResponse { entries: entries.collect(), ..Default::default() };
        ControllerResult::new(records, response)
    }

    /// The records of an entity's changes: of what changes, and no more.
    fn altered_quotas(self, entry: &EntryData) -> Result<Vec<MetadataRecord>, ApiError> {
        let entity = entity_of(entry)?;
        let known = keys_of(&entity)?;
        let mut records = Vec::new();
        for op in &entry.ops {
            let current = self.image.client_quotas.value(&entity, &op.key);
            if op.remove {
                records.extend(current.map(|_| entity.record(&op.key, None)));
                continue;
            }
            check_value(known, op)?;
            if current != Some(op.value) {
                records.push(entity.record(&op.key, Some(op.value)));
            }
        }
        Ok(records)
    }
}

fn invalid<T>(message: String) -> Result<T, ApiError> {
    Err(ApiError::new(ErrorCode::InvalidRequest, message))
}

fn has_key_twice(ops: &[OpData]) -> bool {
    ops.iter().enumerate().any(|(at, op)| ops.iter().skip(at + 1).any(|other| other.key == op.key))
}

/// As Java prints the entity.
fn printed(entry: &EntryData) -> String {
    let parts = entry.entity.iter().map(|part| {
        let name = part.entity_name.as_deref().unwrap_or("null");
        format!("{}={name}", part.entity_type)
    });
    format!("ClientQuotaEntity(entries={{{}}})", parts.collect::<Vec<_>>().join(", "))
}

fn entity_of(entry: &EntryData) -> Result<ClientQuotaEntity, ApiError> {
    let mut parts: SortedMap<QuotaEntityType, Option<Str>> = SortedMap::new();
    for part in &entry.entity {
        let Some(kind) = QuotaEntityType::from_name(&part.entity_type) else {
            return invalid(format!("Unhandled client quota entity type: {}", part.entity_type));
        };
        if part.entity_name.as_ref().is_some_and(|name| name.is_empty()) {
            return invalid(format!("Empty {} not supported", kind.name()));
        }
        parts.insert(kind, part.entity_name.clone());
    }
    if parts.is_empty() {
        return invalid("Invalid empty client quota entity".into());
    }
    Ok(ClientQuotaEntity::new(parts))
}

/// The quotas such an entity can have.
fn keys_of(entity: &ClientQuotaEntity) -> Result<&'static [(&'static str, QuotaType)], ApiError> {
    match entity.name(QuotaEntityType::Ip) {
        None => Ok(&USER_AND_CLIENT_QUOTAS),
        Some(_) if entity.parts().len() > 1 => {
            // Kafka's text has no space there either.
            let message = "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId";
            invalid(message.into())
        }
        // Nobody resolves other names in the playground.
        Some(Some(name)) if **name != *"localhost" && name.parse::<IpAddr>().is_err() => {
            invalid(format!("{name} is not a valid IP or resolvable host."))
        }
        Some(_) => Ok(&IP_QUOTAS),
    }
}

fn check_value(known: &[(&str, QuotaType)], op: &OpData) -> Result<(), ApiError> {
    let OpData { key, value, .. } = op;
    let Some((_, kind)) = known.iter().find(|(known, _)| **known == **key) else {
        return invalid(format!("Invalid configuration key {key}"));
    };
    if *value <= 0.0 {
        return invalid(format!("Quota {key} must be greater than 0"));
    }
    let (most, called) = match kind {
        QuotaType::Int => (f64::from(i32::MAX), "an INT"),
        QuotaType::Long => (i64::MAX as f64, "a LONG"),
        QuotaType::Double => return Ok(()),
    };
    if *value > most {
        return invalid(format!("Proposed value for {key} is too large for {called}."));
    }
    if value % 1.0 > 1e-6 {
        return invalid(format!("{key} cannot be a fractional value."));
    }
    Ok(())
}
