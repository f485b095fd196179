//! A `meta.properties` of any age, as `kafka-storage.sh` reads and writes it (`MetaProperties`).

use super::controller_file::parse_uuid;
use super::date_time::java_date;
use super::failure::Exception;
use super::file::FileError;
use super::terminal::Terminal;
use crate::config::Properties;
use crate::ids::{NodeId, Uuid};
use crate::node::META_PROPERTIES;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;

/// Its content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MetaFile {
    /// 0 for clusters with `ZooKeeper`, 1 since.
    pub(super) version: i32,
    /// `cluster.id`.
    pub(super) cluster_id: Option<String>,
    /// `node.id`; `broker.id` in version 0.
    pub(super) node_id: Option<NodeId>,
    /// `directory.id`.
    pub(super) directory_id: Option<Uuid>,
}

impl MetaFile {
    /// Reads the one of a directory.
    ///
    /// # Errors
    /// What the file system says, or what Kafka says of its content.
    pub(super) async fn read(terminal: &Terminal, directory: &str) -> Result<Self, Result<FileError, Exception>> {
        let content = terminal.file(&path(directory)).await.map_err(Ok)?;
        Self::parse(&String::from_utf8_lossy(&content)).map_err(Err)
    }

    /// Reads it.
    ///
    /// # Errors
    /// Kafka's words for what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, Exception> {
        let wrong = |message: String| Exception::new("java.lang.RuntimeException", message);
        let properties = Properties::parse(text).map_err(|error| Exception::illegal_argument(error.to_string()))?;
        let value = |key: &str| properties.value(key).map(ToString::to_string);
        let version = value("version").unwrap_or_else(|| "0".to_string());
        let version = match version.trim().parse() {
            Ok(version @ 0..=1) => version,
            Ok(other) => return Err(wrong(format!("Unknown meta.properties version number {other}"))),
            Err(_) => return Err(wrong(format!("Invalid meta.properties version string '{version}'"))),
        };
        let key = if version == 0 { "broker.id" } else { "node.id" };
        let node_id = match value(key) {
            Some(text) => {
                let no_number = |_| {
                    let cause =
                        Exception::new("java.lang.NumberFormatException", format!("For input string: \"{text}\""));
                    wrong(format!("Unable to read {key} as a base-10 number.")).because(&cause)
                };
                Some(text.parse::<NodeId>().map_err(no_number)?)
            }
            None if version == 0 => None,
            None => return Err(wrong(format!("Failed to find {key}"))),
        };
        let directory_id = match value("directory.id").map(|text| parse_uuid(&text)).transpose() {
            Ok(directory_id) => directory_id,
            Err(why) => {
                let cause = Exception::illegal_argument(why);
                let message = format!("Unable to read directory.id as a Uuid: {}", cause.message);
                return Err(wrong(message).because(&cause));
            }
        };
        let cluster_id = value("cluster.id");
        if version > 0 && cluster_id.is_none() {
            return Err(wrong("cluster.id was not found.".to_string()));
        }
        Ok(Self { version, cluster_id, node_id, directory_id })
    }

    /// Its properties as `key=value`, by key.
    pub(super) fn properties(&self) -> Vec<String> {
        let key = if self.version == 0 { "broker.id" } else { "node.id" };
        let rows = [
            ("broker.id", self.node_id.filter(|_| key == "broker.id").map(|id| id.to_string())),
            ("cluster.id", self.cluster_id.clone()),
            ("directory.id", self.directory_id.map(|id| id.to_string())),
            ("node.id", self.node_id.filter(|_| key == "node.id").map(|id| id.to_string())),
            ("version", Some(self.version.to_string())),
        ];
        rows.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value?))).collect()
    }

    /// The file, as `Properties.store` writes it: a comment that is empty, the date, and keys in the order of their hash.
    pub(super) fn content(&self, now_ms: i64) -> Bytes {
        let mut text = format!("#\n#{}\n", java_date(now_ms));
        let properties = self.properties();
        for key in ["node.id", "directory.id", "version", "cluster.id"] {
            let row = properties.iter().find(|row| row.split('=').next() == Some(key));
            text.extend(row.map(|row| format!("{row}\n")));
        }
        Bytes::from(text)
    }
}

/// Where it is in a directory.
pub(super) fn path(directory: &str) -> String {
    format!("{}/{META_PROPERTIES}", directory.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::MetaFile;

    #[test]
    fn what_is_wrong_is_told_in_kafkas_words() {
        for (text, message) in [
            ("version=x", "Invalid meta.properties version string 'x'"),
            ("version=2", "Unknown meta.properties version number 2"),
            ("version=1\ncluster.id=c", "Failed to find node.id"),
            ("version=1\ncluster.id=c\nnode.id=one", "Unable to read node.id as a base-10 number."),
            ("version=1\nnode.id=1", "cluster.id was not found."),
            (
                "version=1\ncluster.id=c\nnode.id=1\ndirectory.id=AAAA",
                "Unable to read directory.id as a Uuid: Input string `AAAA` decoded as 3 bytes, which is not equal to the \
                 expected 16 bytes of a base64-encoded UUID",
            ),
        ] {
            assert_eq!(MetaFile::parse(text).unwrap_err().message, message);
        }
    }

    #[test]
    fn the_file_is_the_one_that_java_writes() {
        let text = "#\n#Fri Nov 27 03:20:42 UTC 2026\nnode.id=1\ndirectory.id=9Kw5UTuvn9nhdtFSAbPfdA\nversion=1\n\
                    cluster.id=4L6g3nShT-eMCtK--X86sw\n";
        let read = MetaFile::parse(text).unwrap();
        assert_eq!(read.content(1_795_749_642_000), text.as_bytes());
    }
}
