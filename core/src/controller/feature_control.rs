//! Finalized features: the first records of a cluster, and changes of levels.

use super::decision::{ApiError, ControllerResult, Decision};
use crate::java::{hash_map_order, string_hash};
use crate::metadata::{KRAFT_VERSION, METADATA_VERSION, MetadataRecord, TRANSACTION_VERSION, VersionRange};
use crate::protocol::ErrorCode;
use crate::protocol::messages::update_features_request::FeatureUpdateKey;
use crate::protocol::messages::update_features_response::UpdatableFeatureResult;
use crate::protocol::messages::{
    BeginTransactionRecord, EndTransactionRecord, FeatureLevelRecord, UpdateFeaturesRequest, UpdateFeaturesResponse,
};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl Decision<'_> {
    /// The records a cluster begins with; none where it has begun. Without them nobody could read any other record.
    pub(super) fn bootstrap(self) -> Vec<MetadataRecord> {
        if self.image.features.metadata_version() != 0 {
            return Vec::new();
        }
        let name = Some(Str::from_static("Bootstrap records"));
        let mut records = Vec::new();
        records.push(MetadataRecord::BeginTransaction(BeginTransactionRecord { name }));
        records.extend(self.config.bootstrap_features.iter().map(|(name, feature_level)| {
            MetadataRecord::FeatureLevel(FeatureLevelRecord { name: name.clone(), feature_level: *feature_level })
        }));
        records.extend(self.config.bootstrap_records.iter().cloned());
        records.push(MetadataRecord::EndTransaction(EndTransactionRecord::default()));
        records
    }
}

/// `FeatureUpdate.UpgradeType.UPGRADE`; 2 and 3 are downgrades that lose nothing and that may lose something.
const UPGRADE: i8 = 1;
const UNSAFE_DOWNGRADE: i8 = 3;
/// Features that exist beside `metadata.version`.
const KNOWN: [&str; 6] = [
    KRAFT_VERSION,
    TRANSACTION_VERSION,
    "group.version",
    "eligible.leader.replicas.version",
    "share.version",
    "streams.version",
];
/// Levels of `metadata.version` that changed what metadata records hold.
const METADATA_CHANGES: [i16; 9] = [7, 8, 11, 13, 14, 15, 17, 23, 30];

impl Decision<'_> {
    /// Gives features other levels, all of them or none.
    pub(super) fn update_features(
        self,
        request: &UpdateFeaturesRequest,
    ) -> Result<ControllerResult<UpdateFeaturesResponse>, ApiError> {
        let mut updates: Vec<&FeatureUpdateKey> = request.feature_updates.iter().collect();
        hash_map_order(&mut updates, 16, |update| string_hash(&update.feature));
        let mut records = Vec::new();
        for update in &updates {
            self.update_feature(update, &mut records).map_err(|reason| {
                let message =
                    format!("The update failed for all features since the following feature had an error: {reason}");
                ApiError::new(ErrorCode::InvalidUpdateVersion, message)
            })?;
        }
        if request.validate_only {
            records.clear();
        }
        // Only old versions of the response have them.
        let result = |update: &&FeatureUpdateKey| UpdatableFeatureResult {
            feature: update.feature.clone(),
            error_message: Some(Str::from_static(ErrorCode::None.message())),
            ..Default::default()
        };
        let results = updates.iter().map(result).collect();
        Ok(ControllerResult::new(records, UpdateFeaturesResponse { results, ..Default::default() }))
    }

    fn update_feature(self, update: &FeatureUpdateKey, records: &mut Vec<MetadataRecord>) -> Result<(), String> {
        let FeatureUpdateKey { feature, max_version_level: level, upgrade_type, .. } = update;
        let (level, upgrade_type) = (*level, *upgrade_type);
        let invalid = |reason: &str| Err(format!("Invalid update version {level} for feature {feature}. {reason}"));
        if !(UPGRADE..=UNSAFE_DOWNGRADE).contains(&upgrade_type) {
            return invalid("The controller does not support the given upgrade type.");
        }
        if level < 0 {
            return invalid("A feature version cannot be less than 0.");
        }
        if let Some(reason) = self.reason_not_supported(feature, level) {
            return invalid(&reason);
        }
        let current = match &**feature {
            KRAFT_VERSION => self.config.kraft_version,
            _ => self.image.features.level(feature),
        };
        if level < current && upgrade_type == UPGRADE {
            return invalid(
                "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe \
                 downgrade.",
            );
        }
        if level > current && upgrade_type != UPGRADE {
            return invalid("Can't downgrade to a newer version.");
        }
        let record = FeatureLevelRecord { name: feature.clone(), feature_level: level };
        match &**feature {
            METADATA_VERSION => {
                if METADATA_CHANGES.iter().any(|change| level < *change && *change <= current) {
                    let why = if upgrade_type == UNSAFE_DOWNGRADE {
                        "Unsafe metadata downgrade is not supported in this version."
                    } else {
                        "Refusing to perform the requested downgrade because it might delete metadata information."
                    };
                    return Err(format!("Unsupported metadata.version downgrade from {current} to {level}. {why}"));
                }
            }
            // A quorum keeps the level it was formatted with; one with fixed voters supports no other.
            KRAFT_VERSION if level < current => return invalid("Can't downgrade the version of this feature."),
            KRAFT_VERSION if level > current => {
                return invalid(&format!(
                    "Local controller {} does not support this feature.",
                    self.config.node.node_id
                ));
            }
            KRAFT_VERSION => return Ok(()),
            known if KNOWN.contains(&known) => {}
            _ => return invalid(&format!("Feature {feature} not found.")),
        }
        records.push(MetadataRecord::FeatureLevel(record));
        Ok(())
    }

    /// Who does not support this level, if anybody.
    fn reason_not_supported(self, feature: &Str, level: i16) -> Option<String> {
        let reason = |who: String, range: Option<(i16, i16)>| {
            let (min, max) = range.unwrap_or_default();
            if (min..=max).contains(&level) {
                None
            } else if max == 0 {
                Some(format!("{who} does not support this feature."))
            } else {
                Some(format!("{who} only supports versions {min}-{max}"))
            }
        };
        let of = |features: &SortedMap<Str, VersionRange>| features.get(feature).map(|range| (range.min, range.max));
        let id = self.config.node.node_id;
        let kraft_version = self.config.node.supported_kraft_version();
        let own = crate::metadata::supported_features(kraft_version).into_iter().find(|own| *own.0 == **feature);
        let local = reason(format!("Local controller {id}"), own.map(|(_, min, max)| (min, max)));
        let mut brokers = self.image.cluster.brokers();
        let broker = || brokers.find_map(|broker| reason(format!("Broker {}", broker.id), of(&broker.features)));
        let mut others = self.image.cluster.controllers().filter(|other| other.id != id);
        let other = || others.find_map(|other| reason(format!("Controller {}", other.id), of(&other.features)));
        let missing = || {
            let mut voters = self.config.voters.iter().copied();
            let missing = voters.find(|voter| *voter != id && self.image.cluster.controller(*voter).is_none());
            missing.map(|id| format!("controller {id} has not registered, and may not support this feature"))
        };
        local.or_else(broker).or_else(other).or_else(missing)
    }
}
