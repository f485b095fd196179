//! Quotas of clients: what `kafka-configs` set on users, client ids and addresses (`org.apache.kafka.image.ClientQuotasImage`).

use super::records::MetadataRecord;
use crate::protocol::messages::ClientQuotaRecord;
use crate::protocol::messages::client_quota_record::EntityData;
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What a quota can be of (`org.apache.kafka.common.quota.ClientQuotaEntity`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuotaEntityType {
    /// Who is authenticated.
    User,
    /// What a client calls itself (`client.id`).
    ClientId,
    /// Where it connects from.
    Ip,
}

impl QuotaEntityType {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ClientId => "client-id",
            Self::Ip => "ip",
        }
    }

    /// The type of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::User, Self::ClientId, Self::Ip].into_iter().find(|kind| kind.name() == name)
    }
}

/// Whose quota: a user, a client id, both together, or an address. A part without a name stands for all that have no quota
/// of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientQuotaEntity {
    parts: SortedMap<QuotaEntityType, Option<Str>>,
}

impl ClientQuotaEntity {
    /// Of these parts; of two of one type the last counts.
    pub fn new(parts: impl IntoIterator<Item = (QuotaEntityType, Option<Str>)>) -> Self {
        Self { parts: parts.into_iter().collect() }
    }

    /// Its parts.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = (QuotaEntityType, Option<&Str>)> {
        self.parts.iter().map(|(kind, name)| (*kind, name.as_ref()))
    }

    /// The name of a part: `None` where there is no such part, `Some(None)` where it stands for all others.
    pub fn name(&self, kind: QuotaEntityType) -> Option<Option<&Str>> {
        self.parts.get(&kind).map(Option::as_ref)
    }

    pub(super) fn from_record(record: &ClientQuotaRecord) -> Result<Self, Str> {
        let parts = record.entity.iter().map(|part| {
            let kind = QuotaEntityType::from_name(&part.entity_type).ok_or_else(|| part.entity_type.clone())?;
            Ok((kind, part.entity_name.as_ref().map(Str::detached)))
        });
        parts.collect::<Result<Vec<_>, Str>>().map(Self::new)
    }

    /// The record that sets `key`; without a value, that takes it away.
    pub fn record(&self, key: &Str, value: Option<f64>) -> MetadataRecord {
        let entity = self
            .parts()
            .map(|(kind, name)| EntityData { entity_type: Str::from_static(kind.name()), entity_name: name.cloned() });
        MetadataRecord::ClientQuota(ClientQuotaRecord {
            entity: entity.collect(),
            key: key.clone(),
            value: value.unwrap_or_default(),
            remove: value.is_none(),
        })
    }
}

/// All quotas of clients, by whose they are and by key (`producer_byte_rate` …).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientQuotasImage {
    entities: SortedMap<ClientQuotaEntity, Arc<SortedMap<Str, f64>>>,
}

impl ClientQuotasImage {
    /// The quotas of `entity`.
    pub fn of(&self, entity: &ClientQuotaEntity) -> Option<&SortedMap<Str, f64>> {
        self.entities.get(entity).map(AsRef::as_ref)
    }

    /// One quota of `entity`.
    pub fn value(&self, entity: &ClientQuotaEntity, key: &str) -> Option<f64> {
        self.of(entity)?.get(key).copied()
    }

    /// Everything that has quotas, with them.
    pub fn iter(&self) -> impl Iterator<Item = (&ClientQuotaEntity, &SortedMap<Str, f64>)> {
        self.entities.iter().map(|(entity, quotas)| (entity, quotas.as_ref()))
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }

    pub(super) fn replay(&mut self, entity: ClientQuotaEntity, record: &ClientQuotaRecord) {
        if !record.remove {
            Arc::make_mut(self.entities.entry(entity).or_default()).insert(record.key.detached(), record.value);
        } else if let Some(quotas) = self.entities.get_mut(&entity) {
            let quotas = Arc::make_mut(quotas);
            quotas.remove(&record.key);
            if quotas.is_empty() {
                self.entities.remove(&entity);
            }
        }
    }

    pub(super) fn write(&self, records: &mut Vec<MetadataRecord>) {
        for (entity, quotas) in self.iter() {
            records.extend(quotas.iter().map(|(key, value)| entity.record(key, Some(*value))));
        }
    }
}
