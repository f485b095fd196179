//! [`MetadataRecord`]: one change of the cluster, and its frame in the value of a record of `__cluster_metadata`.

use crate::protocol::DecodeError;
use crate::protocol::messages as m;
use crate::protocol::{Message, decode_message, encode_message};
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

/// Version of the frame around every metadata record.
const FRAME_VERSION: u32 = 1;

/// Why bytes are no metadata record.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordError {
    /// The frame ends before its three numbers do, or one of them is too large.
    Frame,
    /// A frame version other than 1.
    FrameVersion(u32),
    /// No record has this id.
    UnknownRecord(u32),
    /// The record is known, this version of it is not.
    UnsupportedVersion {
        /// Name of the record.
        record: &'static str,
        /// The version found.
        version: u32,
    },
    /// The body does not follow its schema.
    Body {
        /// Name of the record.
        record: &'static str,
        /// What is wrong.
        error: DecodeError,
    },
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame => write!(f, "truncated metadata record frame"),
            Self::FrameVersion(version) => write!(f, "metadata record frame version {version}"),
            Self::UnknownRecord(id) => write!(f, "unknown metadata record id {id}"),
            Self::UnsupportedVersion { record, version } => write!(f, "version {version} of {record}"),
            Self::Body { record, error } => write!(f, "{record}: {error:?}"),
        }
    }
}

impl core::error::Error for RecordError {}

/// One row per record: id in the frame, variant, generated type.
macro_rules! metadata_records {
    ($($id:literal $variant:ident $type:ident,)*) => {
        /// One change of the cluster. The variants are Kafka's metadata records without the word `Record`.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, reason = "the fields and their meaning are those of the generated types")]
        pub enum MetadataRecord {
            $($variant(m::$type),)*
        }

        impl MetadataRecord {
            /// Its id in the frame ("api key").
            pub fn id(&self) -> u8 {
                match self {
                    $(Self::$variant(_) => $id,)*
                }
            }

            /// Its name in Kafka's schemas.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => m::$type::NAME,)*
                }
            }

            /// The version it is written in: the newest, as a cluster of this release has finalized.
            pub fn version(&self) -> i16 {
                match self {
                    $(Self::$variant(_) => *m::$type::VERSIONS.end(),)*
                }
            }

            fn encode_body(&self) -> Bytes {
                match self {
                    $(Self::$variant(record) => encode_message(record, self.version()),)*
                }
            }

            fn decode_body(id: u32, version: u32, body: &Bytes) -> Result<Self, RecordError> {
                match id {
                    $($id => decode_as::<m::$type>(version, body).map(Self::$variant),)*
                    _ => Err(RecordError::UnknownRecord(id)),
                }
            }
        }
    };
}

metadata_records! {
    0 RegisterBroker RegisterBrokerRecord,
    1 UnregisterBroker UnregisterBrokerRecord,
    2 Topic TopicRecord,
    3 Partition PartitionRecord,
    4 Config ConfigRecord,
    5 PartitionChange PartitionChangeRecord,
    7 FenceBroker FenceBrokerRecord,
    8 UnfenceBroker UnfenceBrokerRecord,
    9 RemoveTopic RemoveTopicRecord,
    10 DelegationToken DelegationTokenRecord,
    11 UserScramCredential UserScramCredentialRecord,
    12 FeatureLevel FeatureLevelRecord,
    14 ClientQuota ClientQuotaRecord,
    15 ProducerIds ProducerIdsRecord,
    17 BrokerRegistrationChange BrokerRegistrationChangeRecord,
    18 AccessControlEntry AccessControlEntryRecord,
    19 RemoveAccessControlEntry RemoveAccessControlEntryRecord,
    20 NoOp NoOpRecord,
    21 ZkMigrationState ZkMigrationStateRecord,
    22 RemoveUserScramCredential RemoveUserScramCredentialRecord,
    23 BeginTransaction BeginTransactionRecord,
    24 EndTransaction EndTransactionRecord,
    25 AbortTransaction AbortTransactionRecord,
    26 RemoveDelegationToken RemoveDelegationTokenRecord,
    27 RegisterController RegisterControllerRecord,
    28 ClearElr ClearElrRecord,
}

impl MetadataRecord {
    /// The value of the log record: frame version, id, version and body.
    pub fn encode(&self) -> Bytes {
        let body = self.encode_body();
        let mut value = Vec::with_capacity(body.len() + 3);
        // All three numbers are below 128, so each is a varint of one byte.
        value.extend_from_slice(&[FRAME_VERSION as u8, self.id(), self.version() as u8]);
        value.extend_from_slice(&body);
        Bytes::from(value)
    }

    /// Reads the value of a log record.
    pub fn decode(value: &Bytes) -> Result<Self, RecordError> {
        let mut rest = value.clone();
        let frame_version = take_uvarint(&mut rest)?;
        if frame_version != FRAME_VERSION {
            return Err(RecordError::FrameVersion(frame_version));
        }
        let id = take_uvarint(&mut rest)?;
        let version = take_uvarint(&mut rest)?;
        Self::decode_body(id, version, &rest)
    }
}

// Out of line: most kinds of records are rare.
#[inline(never)]
fn decode_as<M: Message>(version: u32, body: &Bytes) -> Result<M, RecordError> {
    match i16::try_from(version) {
        Ok(known) if M::VERSIONS.contains(&known) => {
            decode_message(body, known).map_err(|error| RecordError::Body { record: M::NAME, error })
        }
        _ => Err(RecordError::UnsupportedVersion { record: M::NAME, version }),
    }
}

fn take_uvarint(rest: &mut Bytes) -> Result<u32, RecordError> {
    let mut number: u64 = 0;
    for index in 0..5 {
        let byte = *rest.get(index).ok_or(RecordError::Frame)?;
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let _ = rest.split_to(index + 1);
            return u32::try_from(number).map_err(|_| RecordError::Frame);
        }
    }
    Err(RecordError::Frame)
}
