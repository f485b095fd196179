//! The features of Kafka 4.3 and their levels, as its tools know them.

use super::failure::{Exception, Failure, terse};
use super::terminal::Terminal;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The feature that counts versions of the metadata records.
pub(super) const METADATA_VERSION: &str = "metadata.version";
/// The feature of quorums that change (KIP-853).
pub(super) const KRAFT_VERSION: &str = "kraft.version";

/// The first level of `metadata.version`.
const FIRST: i16 = 7;
/// Its levels from [`FIRST`] on, by name.
const METADATA_VERSIONS: [&str; 25] = [
    "3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0", "3.6-IV1", "3.6-IV2", "3.7-IV0", "3.7-IV1",
    "3.7-IV2", "3.7-IV3", "3.7-IV4", "3.8-IV0", "3.9-IV0", "4.0-IV0", "4.0-IV1", "4.0-IV2", "4.0-IV3", "4.1-IV0",
    "4.1-IV1", "4.2-IV0", "4.2-IV1", "4.3-IV0", "4.4-IV0",
];
/// The last that is stable.
pub(super) const LATEST_PRODUCTION: i16 = 30;

/// The last.
pub(super) const LATEST_TESTING: i16 = 31;

/// A feature beside `metadata.version`.
pub(super) struct Feature {
    /// Its name.
    pub(super) name: &'static str,
    /// The `metadata.version` that each of its levels from 1 on comes with.
    comes_with: &'static [i16],
    /// What each of its levels from 1 on wants of `metadata.version`.
    pub(super) wants: &'static [Option<i16>],
}

/// In Kafka's order.
pub(super) const FEATURES: [Feature; 6] = [
    Feature { name: KRAFT_VERSION, comes_with: &[21], wants: &[None] },
    Feature { name: "transaction.version", comes_with: &[24, 24], wants: &[None, None] },
    Feature { name: "group.version", comes_with: &[22], wants: &[None] },
    Feature { name: "eligible.leader.replicas.version", comes_with: &[26], wants: &[Some(23)] },
    Feature { name: "share.version", comes_with: &[28], wants: &[None] },
    Feature { name: "streams.version", comes_with: &[29], wants: &[None] },
];

impl Feature {
    /// The level that comes with this level of `metadata.version`.
    pub(super) fn default_level(&self, metadata_version: i16) -> i16 {
        self.comes_with.iter().filter(|level| **level <= metadata_version).count() as i16
    }

    /// What this level wants of `metadata.version`.
    ///
    /// # Errors
    /// There is no such level.
    pub(super) fn wants(&self, level: i16) -> Result<Option<i16>, Exception> {
        let none = || Exception::illegal_argument(format!("No feature:{} with feature level {level}", self.name));
        if level == 0 {
            return Ok(None);
        }
        let index = usize::try_from(level - 1).map_err(|_| none())?;
        self.wants.get(index).copied().ok_or_else(none)
    }
}

/// The name of a level of `metadata.version`.
///
/// # Errors
/// There is no such level.
pub(super) fn version_of(level: i16) -> Result<&'static str, Exception> {
    let found = usize::try_from(level - FIRST).ok().and_then(|index| METADATA_VERSIONS.get(index)).copied();
    found.ok_or_else(|| {
        let last = FIRST + METADATA_VERSIONS.len() as i16 - 1;
        let message =
            format!("No MetadataVersion with feature level {level}. Valid feature levels are from {FIRST} to {last}.");
        Exception::illegal_argument(message)
    })
}

/// The level of `metadata.version` of a release or of a version: `3.9`, `3.9.1`, `3.9-IV0`.
///
/// # Errors
/// It is none, or not stable where it must be.
pub(super) fn level_of(text: &str, with_unstable: bool) -> Result<i16, Exception> {
    let segments: Vec<&str> = text.split('.').collect();
    let key = if segments.len() > 2 { segments.get(..2).unwrap_or_default().join(".") } else { text.to_string() };
    let levels = || METADATA_VERSIONS.iter().zip(FIRST..);
    let exact = levels().find(|(name, _)| **name == key);
    let is_last = |(name, level): &(&&str, i16)| {
        *level <= LATEST_PRODUCTION && name.split_once('-').is_some_and(|(release, _)| release == key)
    };
    let found = exact.or_else(|| levels().filter(is_last).last()).map(|found| found.1);
    found.filter(|level| with_unstable || *level <= LATEST_PRODUCTION).ok_or_else(|| {
        let known = levels().filter(|(_, level)| with_unstable || *level <= LATEST_PRODUCTION);
        let known = known.map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        Exception::illegal_argument(format!(
            "Unknown metadata.version '{text}'. Supported metadata.version are: {known}"
        ))
    })
}

/// `version-mapping`: the levels that come with a release.
pub(super) fn print_version_mapping(terminal: &Terminal, release: Option<&str>) -> Result<(), Failure> {
    let release = match release {
        Some(release) => release,
        None => version_of(LATEST_PRODUCTION)?,
    };
    let level = level_of(release, true).map_err(|cause| terse(cause.message))?;
    terminal.line(&format!("{METADATA_VERSION}={level} ({release})"));
    for feature in &FEATURES {
        terminal.line(&format!("{}={}", feature.name, feature.default_level(level)));
    }
    Ok(())
}

/// `feature-dependencies` of one feature: what its level wants. A level there is not is `unknown_level`'s affair.
pub(super) fn print_dependencies(
    terminal: &Terminal,
    name: &str,
    level: i16,
    unknown_level: impl Fn(Exception) -> Exception,
) -> Result<(), Failure> {
    if name == METADATA_VERSION {
        let version = version_of(level).map_err(|_| terse(format!("Unknown metadata.version {level}")))?;
        terminal.line(&format!("{name}={level} ({version}) has no dependencies."));
        return Ok(());
    }
    let feature = FEATURES.iter().find(|feature| feature.name == name);
    let feature = feature.ok_or_else(|| terse(format!("Unknown feature: {name}")))?;
    match feature.wants(level).map_err(unknown_level)? {
        None => terminal.line(&format!("{name}={level} has no dependencies.")),
        Some(wanted) => {
            terminal.line(&format!("{name}={level} requires:"));
            terminal.line(&format!("    {METADATA_VERSION}={wanted} ({})", version_of(wanted)?));
        }
    }
    Ok(())
}

/// Reads `feature=level`.
///
/// # Errors
/// It is not that.
pub(super) fn name_and_level(text: &str) -> Result<(String, i16), Exception> {
    let wrong = |why: String| {
        Exception::new("java.lang.RuntimeException", format!("Can't parse feature=level string {text}: {why}"))
    };
    let (name, level) = text.split_once('=').ok_or_else(|| wrong("equals sign not found.".to_string()))?;
    let level = level.trim();
    let parsed = level.parse().map_err(|_| wrong(format!("unable to parse {level} as a short.")))?;
    Ok((name.trim().to_string(), parsed))
}
