//! `meta.properties`: whose log directory this is (KIP-631). Formatting writes it; a node starts on nothing else.

use crate::config::Properties;
use crate::ids::{NodeId, Uuid};
use crate::log::storage::StoreCommand;
use crate::text::Str;
use alloc::format;
use bytes::Bytes;

/// Name of the file.
pub const META_PROPERTIES: &str = "meta.properties";

/// The content of the file, version 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// `cluster.id`.
    pub cluster_id: Str,
    /// `node.id`.
    pub node_id: NodeId,
    /// `directory.id`.
    pub directory_id: Uuid,
}

impl MetaProperties {
    /// Reads the file's content. The error names what is wrong with it.
    pub fn parse(content: &[u8]) -> Result<Self, Str> {
        let text = core::str::from_utf8(content).map_err(|_| Str::from_static("meta.properties is not text"))?;
        let properties = Properties::parse(text).map_err(|error| Str::from(format!("{error}")))?;
        let value = |key: &str| {
            properties.value(key).cloned().ok_or_else(|| Str::from(format!("meta.properties has no {key}")))
        };
        match value("version")?.as_str() {
            "1" => {}
            other => return Err(format!("meta.properties has version {other}, not 1").into()),
        }
        let node_id = value("node.id")?;
        let directory_id = value("directory.id")?;
        Ok(Self {
            cluster_id: value("cluster.id")?.detached(),
            node_id: node_id.parse().map_err(|_| Str::from(format!("meta.properties has node.id {node_id}")))?,
            directory_id: Uuid::parse(&directory_id)
                .ok_or_else(|| Str::from(format!("meta.properties has directory.id {directory_id}")))?,
        })
    }

    /// The content of the file.
    pub fn content(&self) -> Bytes {
        let Self { cluster_id, node_id, directory_id } = self;
        format!("#\ncluster.id={cluster_id}\ndirectory.id={directory_id}\nnode.id={node_id}\nversion=1\n").into()
    }

    /// What `kafka-storage.sh format` does to an empty log directory.
    pub fn format(&self) -> StoreCommand {
        StoreCommand::Replace { file: Str::from_static(META_PROPERTIES), bytes: self.content() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let written = MetaProperties {
            cluster_id: "fMCL8kv1SWm87L_Md-I2hg".into(),
            node_id: 2,
            directory_id: Uuid::from_u128(0x1234_5678_9abc_def0),
        };
        assert_eq!(MetaProperties::parse(&written.content()), Ok(written));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (content, named) in [
            ("version=1\nnode.id=1\n", "directory.id"),
            ("version=0\nbroker.id=1\n", "version 0"),
            ("version=1\ncluster.id=x\nnode.id=one\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\n", "node.id one"),
            ("version=1\ncluster.id=x\nnode.id=1\ndirectory.id=here\n", "directory.id here"),
            ("", "version"),
        ] {
            let error = MetaProperties::parse(content.as_bytes()).unwrap_err();
            assert!(error.contains(named), "{content:?}: {error}");
        }
    }
}
