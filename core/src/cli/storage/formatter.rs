//! Formats log directories as `org.apache.kafka.metadata.storage.Formatter` does.

use super::scram_parser;
use crate::cli::controller_file::parse_uuid;
use crate::cli::failure::{Exception, Failure, terse};
use crate::cli::feature_versions::{
    FEATURES, KRAFT_VERSION, LATEST_PRODUCTION, LATEST_TESTING, METADATA_VERSION, version_of,
};
use crate::cli::file::{FileError, FileRequest};
use crate::cli::meta_file::{self, MetaFile};
use crate::cli::terminal::Terminal;
use crate::ids::{NodeId, Uuid};
use crate::java::{hash_map_order, string_hash};
use crate::metadata::MetadataRecord;
use crate::protocol::messages::{FeatureLevelRecord, UserScramCredentialRecord};
use crate::raft::snapshot::{BOOTSTRAP_CHECKPOINT, SnapshotId, write_bootstrap_snapshot, write_snapshot};
use crate::raft::voter_set::{ReplicaKey, Voter, VoterEndpoint};
use crate::sorted::SortedMap;
use crate::sorted::sort;
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

/// The snapshot a quorum that may change begins with, and the id in the file of bootstrap records.
const BOOTSTRAP: SnapshotId = SnapshotId { end_offset: 0, epoch: 0 };
/// The first metadata.version with credentials.
const FIRST_WITH_SCRAM: i16 = 11;
/// Who logs a directory that cannot be read.
const ENSEMBLE: &str = "org.apache.kafka.metadata.properties.MetaPropertiesEnsemble";

/// What is to be formatted, and how.
pub(super) struct Formatter {
    pub(super) node_id: NodeId,
    pub(super) cluster_id: String,
    /// Ordered.
    pub(super) directories: Vec<String>,
    pub(super) metadata_log_dir: String,
    pub(super) release_version: Option<i16>,
    pub(super) feature_levels: SortedMap<String, i16>,
    pub(super) with_unstable: bool,
    pub(super) ignore_formatted: bool,
    /// Credentials for the first metadata.
    pub(super) scram_arguments: Vec<String>,
    pub(super) controller_listener: Str,
    pub(super) initial_controllers: Option<Vec<Voter>>,
    pub(super) has_dynamic_quorum: bool,
}

/// What the log directories hold.
#[derive(Default)]
struct Ensemble {
    empty: Vec<String>,
    unreadable: Vec<String>,
    formatted: Vec<(String, MetaFile)>,
}

impl Formatter {
    /// Does it.
    ///
    /// # Errors
    /// What Kafka says where it cannot be done.
    pub(super) async fn run(mut self, terminal: &Terminal) -> Result<(), Failure> {
        let release = self.effective_release_version()?;
        let levels = self.effective_feature_levels(release)?;
        let mut records = bootstrap_records(release, &levels);
        for credential in self.credentials(terminal, release).await? {
            records.push(MetadataRecord::UserScramCredential(credential));
        }
        let mut ensemble = self.load(terminal).await;
        self.verify(&ensemble)?;
        // From here on Kafka walks its maps.
        hash_map_order(&mut ensemble.empty, 16, |directory| string_hash(directory));
        hash_map_order(&mut ensemble.unreadable, 16, |directory| string_hash(directory));
        hash_map_order(&mut ensemble.formatted, 16, |(directory, _)| string_hash(directory));
        if let Some((first, _)) = ensemble.formatted.first().filter(|_| !self.ignore_formatted) {
            return Err(terse(format!(
                "Log directory {first} is already formatted. Use --ignore-formatted to ignore this directory and format the \
                 others."
            ))
            .into());
        }
        for directory in &ensemble.unreadable {
            terminal.line(&format!("I/O error trying to read log directory {directory}. Ignoring..."));
        }
        if ensemble.empty.is_empty() && ensemble.formatted.is_empty() {
            return Err(terse("No available log directories to format.").into());
        }
        if ensemble.empty.is_empty() {
            terminal.line("All of the log directories are already formatted.");
            return Ok(());
        }
        let shown = records.iter().filter_map(shown);
        let shown = shown.map(|record| format!("ApiMessageAndVersion({record} at version 0)"));
        let shown = shown.collect::<Vec<_>>().join(", ");
        terminal.line(&format!(
            "Bootstrap metadata: BootstrapMetadata(records=[{shown}], metadataVersionLevel={release}, source=format command)"
        ));
        let kraft_version = levels.get(KRAFT_VERSION).copied().unwrap_or(0);
        for directory in &ensemble.empty {
            self.format(terminal, directory, release, &records, kraft_version).await?;
        }
        Ok(())
    }

    fn effective_release_version(&self) -> Result<i16, Exception> {
        let release = match (self.feature_levels.get(METADATA_VERSION), self.release_version) {
            (Some(_), Some(_)) => {
                let message = "Use --release-version instead of --feature metadata.version=X to avoid ambiguity.";
                return Err(terse(message));
            }
            (Some(level), None) => version_of(*level).map(|_| *level)?,
            (None, Some(release)) => release,
            (None, None) if self.with_unstable => LATEST_TESTING,
            (None, None) => LATEST_PRODUCTION,
        };
        if !self.with_unstable && release > LATEST_PRODUCTION {
            return Err(terse(format!("metadata.version {} is not yet stable.", version_of(release)?)));
        }
        Ok(release)
    }

    fn effective_feature_levels(&mut self, release: i16) -> Result<SortedMap<String, i16>, Exception> {
        let mut levels = core::mem::take(&mut self.feature_levels);
        let mut known: Vec<&str> = FEATURES.iter().map(|feature| feature.name).collect();
        sort(&mut known);
        if let Some(name) = levels.keys().find(|name| *name != METADATA_VERSION && !known.contains(&name.as_str())) {
            let known = known.join(", ");
            return Err(terse(format!("Unsupported feature: {name}. Supported features are: {known}")));
        }
        levels.insert(METADATA_VERSION.to_string(), release);
        for feature in &FEATURES {
            let given = levels.get(feature.name).copied();
            let level = if feature.name == KRAFT_VERSION {
                self.effective_kraft_version(given)?
            } else {
                given.unwrap_or_else(|| feature.default_level(release))
            };
            levels.insert(feature.name.to_string(), level);
        }
        for (name, level) in &levels {
            let Some(feature) = FEATURES.iter().find(|feature| feature.name == *name) else { continue };
            if let Some(wanted) = feature.wants(*level)?.filter(|wanted| *wanted > release) {
                let message =
                    format!("{name} could not be set to {level} because it depends on metadata.version level {wanted}");
                return Err(Exception::illegal_argument(message));
            }
        }
        Ok(levels)
    }

    /// Without a word 0 where the quorum is static, else 1.
    fn effective_kraft_version(&self, given: Option<i16>) -> Result<i16, Exception> {
        match given {
            None => Ok(i16::from(self.has_dynamic_quorum)),
            Some(0) if self.has_dynamic_quorum => Err(terse(
                "Cannot set kraft.version to 0 if controller.quorum.voters is empty and one of the flags --standalone, \
                 --initial-controllers, or --no-initial-controllers is used. For dynamic controllers support, try removing \
                 the --feature flag for kraft.version.",
            )),
            Some(level) if level != 0 && !self.has_dynamic_quorum => Err(terse(format!(
                "Cannot set kraft.version to {level} unless controller.quorum.voters is empty and one of the flags \
                 --standalone, --initial-controllers, or --no-initial-controllers is used. For dynamic controllers support, \
                 try using one of --standalone, --initial-controllers, or --no-initial-controllers and removing \
                 controller.quorum.voters."
            ))),
            Some(level) => Ok(level),
        }
    }

    async fn credentials(
        &self,
        terminal: &Terminal,
        release: i16,
    ) -> Result<Vec<UserScramCredentialRecord>, Exception> {
        let mut credentials = Vec::new();
        if self.scram_arguments.is_empty() {
            return Ok(credentials);
        }
        if release < FIRST_WITH_SCRAM {
            let name = version_of(FIRST_WITH_SCRAM)?;
            return Err(terse(format!("SCRAM is only supported in metadata.version {name} or later.")));
        }
        for argument in &self.scram_arguments {
            credentials.push(scram_parser::parse(terminal, argument).await?);
        }
        Ok(credentials)
    }

    /// Reads what is there.
    async fn load(&self, terminal: &Terminal) -> Ensemble {
        let mut ensemble = Ensemble::default();
        for directory in &self.directories {
            let exception = match MetaFile::read(terminal, directory).await {
                Ok(read) => {
                    ensemble.formatted.push((directory.clone(), read));
                    continue;
                }
                Err(Ok(FileError::NotFound)) => {
                    ensemble.empty.push(directory.clone());
                    continue;
                }
                Err(Ok(error)) => {
                    let message = format!("{}: {error}", meta_file::path(directory));
                    Exception::new("java.nio.file.FileSystemException", message)
                }
                Err(Err(exception)) => exception,
            };
            let line = format!("Error while reading meta.properties file {}", meta_file::path(directory));
            terminal.log("ERROR", &line, ENSEMBLE);
            terminal.error_line(&exception.to_string());
            ensemble.unreadable.push(directory.clone());
        }
        ensemble
    }

    /// What is there must be of this node and of this cluster.
    fn verify(&self, ensemble: &Ensemble) -> Result<(), Exception> {
        let wrong = |message: String| Exception::new("java.lang.RuntimeException", message);
        let mut seen: Vec<(Uuid, &str)> = Vec::new();
        for (directory, read) in &ensemble.formatted {
            let path = meta_file::path(directory);
            if let Some(other) = read.cluster_id.as_ref().filter(|id| **id != self.cluster_id) {
                let expected = &self.cluster_id;
                return Err(wrong(format!("Invalid cluster.id in: {path}. Expected {expected}, but read {other}")));
            }
            if let Some(other) = read.node_id.filter(|id| *id != self.node_id) {
                return Err(wrong(format!(
                    "Stored node id {other} doesn't match previous node id {} in {path}. If you moved your data, make sure \
                     your configured node id matches. If you intend to create a new node, you should remove all data in your \
                     data directories.",
                    self.node_id
                )));
            }
            let Some(id) = read.directory_id else { continue };
            if id.is_reserved() {
                return Err(wrong(format!("Invalid reserved directory ID {id} found in {directory}")));
            }
            if let Some((_, before)) = seen.iter().find(|seen| seen.0 == id) {
                return Err(wrong(format!(
                    "Duplicate directory ID Optional[{id}] found. It was the ID of {before}, but also of {directory}"
                )));
            }
            seen.push((id, directory));
        }
        Ok(())
    }

    async fn format(
        &self,
        terminal: &Terminal,
        directory: &str,
        release: i16,
        records: &[MetadataRecord],
        kraft_version: i16,
    ) -> Result<(), Failure> {
        let own = self.initial_controllers.as_ref().map(|voters| voters.iter().find(|one| one.key.id == self.node_id));
        let own = own.filter(|_| *directory == *self.metadata_log_dir);
        let kind = match own {
            _ if *directory != *self.metadata_log_dir => "data directory",
            None => "metadata directory",
            Some(None) => "dynamic metadata directory",
            Some(Some(_)) => "dynamic metadata voter directory",
        };
        let directory_id = own.flatten().map_or_else(|| terminal.random_uuid(), |voter| voter.key.directory_id);
        terminal.line(&format!("Formatting {kind} {directory} with metadata.version {}.", version_of(release)?));
        let now_ms = terminal.now().wall_ms;
        make_directories(terminal, directory).await?;
        let values: Vec<Bytes> = records.iter().map(MetadataRecord::encode).collect();
        let bootstrap = write_snapshot(BOOTSTRAP, 0, now_ms, None, &values);
        replace(terminal, &format!("{directory}/{BOOTSTRAP_CHECKPOINT}"), bootstrap).await?;
        if let (Some(_), Some(voters)) = (own, &self.initial_controllers) {
            let path = format!("{directory}/{}", BOOTSTRAP.path());
            make_directories(terminal, path.rsplit_once('/').map_or("", |parts| parts.0)).await?;
            let snapshot = write_bootstrap_snapshot(now_ms, kraft_version, voters, &self.controller_listener);
            replace(terminal, &path, snapshot).await?;
        }
        let file = MetaFile {
            version: 1,
            cluster_id: Some(self.cluster_id.clone()),
            node_id: Some(self.node_id),
            directory_id: Some(directory_id),
        };
        replace(terminal, &meta_file::path(directory), file.content(now_ms)).await
    }
}

/// As Java prints the records a log begins with.
fn shown(record: &MetadataRecord) -> Option<String> {
    // Java's bytes have signs.
    let array = |bytes: &Bytes| format!("{:?}", bytes.iter().map(|byte| *byte as i8).collect::<Vec<i8>>());
    match record {
        MetadataRecord::FeatureLevel(FeatureLevelRecord { name, feature_level }) => {
            Some(format!("FeatureLevelRecord(name='{name}', featureLevel={feature_level})"))
        }
        MetadataRecord::UserScramCredential(UserScramCredentialRecord {
            name,
            mechanism,
            salt,
            stored_key,
            server_key,
            iterations,
        }) => {
            let (salt, stored_key, server_key) = (array(salt), array(stored_key), array(server_key));
            Some(format!(
                "UserScramCredentialRecord(name='{name}', mechanism={mechanism}, salt={salt}, storedKey={stored_key}, \
                 serverKey={server_key}, iterations={iterations})"
            ))
        }
        _ => None,
    }
}

fn bootstrap_records(release: i16, levels: &SortedMap<String, i16>) -> Vec<MetadataRecord> {
    let record = |name: &str, feature_level: i16| {
        MetadataRecord::FeatureLevel(FeatureLevelRecord { name: Str::from(name), feature_level })
    };
    let mut records = vec![record(METADATA_VERSION, release)];
    let others =
        levels.iter().filter(|(name, level)| **level > 0 && *name != METADATA_VERSION && *name != KRAFT_VERSION);
    records.extend(others.map(|(name, level)| record(name, *level)));
    records
}

/// Makes a directory and those it is in.
async fn make_directories(terminal: &Terminal, path: &str) -> Result<(), Failure> {
    let ends = path.char_indices().filter(|(at, letter)| *letter == '/' && *at > 0).map(|(at, _)| at);
    for end in ends.chain([path.len()]) {
        let part = path.get(..end).unwrap_or(path);
        if terminal.status(part).await.is_ok_and(|status| status.is_directory) {
            continue;
        }
        let made = terminal.ask_files(FileRequest::MakeDirectory(Str::from(part))).await;
        made.map_err(|error| match error {
            FileError::Exists => Exception::new("java.nio.file.FileAlreadyExistsException", part),
            FileError::Denied => Exception::new("java.nio.file.AccessDeniedException", part),
            other => Exception::new("java.nio.file.FileSystemException", format!("{part}: {other}")),
        })
        .map_err(|exception| write_error(path, &exception))?;
    }
    Ok(())
}

/// Writes a file that is there in whole or not at all.
async fn replace(terminal: &Terminal, path: &str, content: Bytes) -> Result<(), Failure> {
    let temporary = format!("{path}.tmp");
    let mut done = terminal.write_file(&temporary, content, false).await;
    if done.is_ok() {
        let rename = FileRequest::Rename { from: Str::from(temporary.as_str()), to: Str::from(path) };
        done = terminal.ask_files(rename).await.map(drop);
    }
    done.map_err(|error| {
        let exception = Exception::new("java.nio.file.FileSystemException", format!("{path}: {error}"));
        let directory = path.rsplit_once('/').map_or(path, |parts| parts.0);
        write_error(directory, &exception)
    })
}

fn write_error(directory: &str, exception: &Exception) -> Failure {
    let why = format!("{}: {}", exception.class, exception.message);
    terse(format!("Error while writing meta.properties file {directory}: {why}")).into()
}

/// Reads `id@host:port:directory`, with commas.
///
/// # Errors
/// `java.lang.IllegalArgumentException`.
pub(super) fn parse_voters(text: &str) -> Result<Vec<Voter>, Exception> {
    let mut voters: SortedMap<NodeId, Voter> = SortedMap::new();
    for entry in text.trim().split(',').filter(|entry| !entry.is_empty()) {
        let voter = parse_voter(entry.trim())?;
        let id = voter.key.id;
        if voters.insert(id, voter).is_some() {
            return Err(Exception::illegal_argument(format!("Node id {id} was specified more than once.")));
        }
    }
    if voters.is_empty() {
        return Err(Exception::illegal_argument("No voters given."));
    }
    Ok(voters.values().cloned().collect())
}

fn parse_voter(text: &str) -> Result<Voter, Exception> {
    let wrong = |message: &str| Exception::illegal_argument(message);
    let no_number = |message: &str, text: &str| {
        let cause = Exception::new("java.lang.NumberFormatException", format!("For input string: \"{text}\""));
        Exception::illegal_argument(message).because(&cause)
    };
    let (id, rest) = text.split_once('@').ok_or_else(|| wrong("No @ found in dynamic voter string."))?;
    if id.is_empty() {
        return Err(wrong("Invalid @ at beginning of dynamic voter string."));
    }
    let id: NodeId = id.parse().map_err(|_| no_number("Failed to parse node id in dynamic voter string.", id))?;
    if id < 0 {
        return Err(wrong(&format!("Invalid negative node id {id} in dynamic voter string.")));
    }
    if rest.is_empty() {
        return Err(wrong("No hostname found after node id."));
    }
    let (host, rest) = if let Some(inner) = rest.strip_prefix('[') {
        let parts = inner.split_once(']');
        parts.ok_or_else(|| wrong("Hostname began with left bracket, but no right bracket was found."))?
    } else {
        let end = rest.find(':').ok_or_else(|| wrong("No colon following hostname could be found."))?;
        rest.split_at(end)
    };
    let rest = rest.strip_prefix(':').ok_or_else(|| wrong("Port section must start with a colon."))?;
    let (port, directory) = rest.split_once(':').ok_or_else(|| wrong("No colon following port could be found."))?;
    let port: i32 = port.parse().map_err(|_| no_number("Failed to parse port in dynamic voter string.", port))?;
    let port = u16::try_from(port).map_err(|_| wrong(&format!("Invalid port {port} in dynamic voter string.")))?;
    let directory_id = parse_uuid(directory).map_err(|why| {
        wrong("Failed to parse directory ID in dynamic voter string.").because(&Exception::illegal_argument(why))
    })?;
    let endpoint = VoterEndpoint { listener: Str::default(), host: Str::from(host), port };
    Ok(Voter { key: ReplicaKey::new(id, directory_id), endpoints: vec![endpoint] })
}

#[cfg(test)]
mod tests {
    use super::parse_voters;
    use alloc::string::ToString;

    #[test]
    fn voters_are_read() {
        let voters = parse_voters(" 2@[::1]:9094:JEXY6aqzQY-32P5TStzaFg, 1@a:9093:MvDxzVmcRsaTz33bUuRU6A,").unwrap();
        let read = voters.iter().map(|voter| (voter.key.id, &*voter.endpoints[0].host, voter.endpoints[0].port));
        assert_eq!(read.collect::<alloc::vec::Vec<_>>(), [(1, "a", 9093), (2, "::1", 9094)]);
        assert_eq!(voters[0].key.directory_id.to_string(), "MvDxzVmcRsaTz33bUuRU6A");
    }

    #[test]
    fn what_is_no_voter_is_told_in_kafkas_words() {
        for (text, message) in [
            (",", "No voters given."),
            ("1", "No @ found in dynamic voter string."),
            ("@a:1:JEXY6aqzQY-32P5TStzaFg", "Invalid @ at beginning of dynamic voter string."),
            ("-1@a:1:JEXY6aqzQY-32P5TStzaFg", "Invalid negative node id -1 in dynamic voter string."),
            ("1@", "No hostname found after node id."),
            ("1@[::1", "Hostname began with left bracket, but no right bracket was found."),
            ("1@[::1]9093", "Port section must start with a colon."),
            ("1@a", "No colon following hostname could be found."),
            ("1@a:9093", "No colon following port could be found."),
            ("1@a:port:JEXY6aqzQY-32P5TStzaFg", "Failed to parse port in dynamic voter string."),
            ("1@a:65536:JEXY6aqzQY-32P5TStzaFg", "Invalid port 65536 in dynamic voter string."),
            ("1@a:1:short", "Failed to parse directory ID in dynamic voter string."),
        ] {
            assert_eq!(parse_voters(text).unwrap_err().message, message, "{text}");
        }
    }
}
