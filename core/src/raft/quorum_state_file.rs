//! The file `quorum-state`: what a voter must never forget about elections, as one flat JSON object.

use super::voter_set::ReplicaKey;
use crate::ids::{NO_NODE, NodeId, Uuid};
use alloc::format;
use alloc::string::String;
use bytes::Bytes;
use core::fmt;

/// Path of the file below the metadata log directory.
pub const QUORUM_STATE_FILE: &str = "__cluster_metadata-0/quorum-state";

/// What the file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuorumStateData {
    /// Leader of `leader_epoch`, where one was known.
    pub leader_id: Option<NodeId>,
    /// The highest epoch this replica has seen; 0 before the first election.
    pub leader_epoch: i32,
    /// Who got this replica's vote in `leader_epoch`.
    pub voted: Option<ReplicaKey>,
}

/// Why a file is no `quorum-state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuorumStateFileError {
    /// No JSON object, broken at this byte.
    Syntax {
        /// Position in the file.
        position: usize,
    },
    /// A field that must be there is missing or has no value of its type.
    Field(&'static str),
    /// A `data_version` that is not known.
    Version(i64),
}

impl fmt::Display for QuorumStateFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { position } => write!(f, "quorum-state is no JSON object (byte {position})"),
            Self::Field(name) => write!(f, "quorum-state has no valid {name}"),
            Self::Version(version) => write!(f, "quorum-state has unknown data_version {version}"),
        }
    }
}

impl QuorumStateData {
    /// Reads the file. Version 0 (without directory ids) and version 1 are known.
    pub fn parse(bytes: &[u8]) -> Result<Self, QuorumStateFileError> {
        let mut fields = Fields::default();
        Scanner { bytes, position: 0 }.object(&mut fields)?;
        match fields.data_version {
            Some(0 | 1) => {}
            Some(other) => return Err(QuorumStateFileError::Version(other)),
            None => return Err(QuorumStateFileError::Field("data_version")),
        }
        let id = |value: Option<i64>, name| match value {
            None => Ok(None),
            Some(value) => match i32::try_from(value) {
                Ok(NO_NODE) => Ok(None),
                Ok(id) if id >= 0 => Ok(Some(id)),
                _ => Err(QuorumStateFileError::Field(name)),
            },
        };
        let leader_epoch = fields.leader_epoch.and_then(|epoch| i32::try_from(epoch).ok());
        let voted_directory_id = match &fields.voted_directory_id {
            None => Uuid::ZERO,
            Some(text) => Uuid::parse(text).ok_or(QuorumStateFileError::Field("votedDirectoryId"))?,
        };
        Ok(Self {
            leader_id: id(fields.leader_id, "leaderId")?,
            leader_epoch: leader_epoch.filter(|&epoch| epoch >= 0).ok_or(QuorumStateFileError::Field("leaderEpoch"))?,
            voted: id(fields.voted_id, "votedId")?.map(|id| ReplicaKey::new(id, voted_directory_id)),
        })
    }

    /// The file's bytes, version 1.
    pub fn to_bytes(&self) -> Bytes {
        let voted = self.voted.unwrap_or(ReplicaKey::new(NO_NODE, Uuid::ZERO));
        Bytes::from(format!(
            r#"{{"leaderId":{},"leaderEpoch":{},"votedId":{},"votedDirectoryId":"{}","data_version":1}}"#,
            self.leader_id.unwrap_or(NO_NODE),
            self.leader_epoch,
            voted.id,
            voted.directory_id,
        ))
    }
}

#[derive(Default)]
struct Fields {
    leader_id: Option<i64>,
    leader_epoch: Option<i64>,
    voted_id: Option<i64>,
    voted_directory_id: Option<String>,
    data_version: Option<i64>,
}

/// A JSON reader for one object whose known fields are numbers and texts; anything else is passed over.
struct Scanner<'a> {
    bytes: &'a [u8],
    position: usize,
}

/// How deep passed-over values may nest; a file of ours nests two deep.
const MAX_DEPTH: u32 = 16;

impl Scanner<'_> {
    fn refuse<T>(&self) -> Result<T, QuorumStateFileError> {
        Err(QuorumStateFileError::Syntax { position: self.position })
    }

    /// The next byte that is no white space, not taken.
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.position) {
            if !byte.is_ascii_whitespace() {
                return Some(*byte);
            }
            self.position += 1;
        }
        None
    }

    fn expect(&mut self, byte: u8) -> Result<(), QuorumStateFileError> {
        if self.peek() != Some(byte) {
            return self.refuse();
        }
        self.position += 1;
        Ok(())
    }

    fn object(&mut self, fields: &mut Fields) -> Result<(), QuorumStateFileError> {
        self.expect(b'{')?;
        if self.peek() == Some(b'}') {
            self.position += 1;
        } else {
            loop {
                let name = self.text()?;
                self.expect(b':')?;
                match name.as_str() {
                    "leaderId" => fields.leader_id = Some(self.number()?),
                    "leaderEpoch" => fields.leader_epoch = Some(self.number()?),
                    "votedId" => fields.voted_id = Some(self.number()?),
                    "data_version" => fields.data_version = Some(self.number()?),
                    "votedDirectoryId" => fields.voted_directory_id = Some(self.text()?),
                    _ => self.pass_over(0)?,
                }
                if self.peek() == Some(b',') {
                    self.position += 1;
                    continue;
                }
                self.expect(b'}')?;
                break;
            }
        }
        if self.peek().is_some() { self.refuse() } else { Ok(()) }
    }

    /// A quoted text without escapes: no value of this file needs one.
    fn text(&mut self) -> Result<String, QuorumStateFileError> {
        self.expect(b'"')?;
        let start = self.position;
        while let Some(&byte) = self.bytes.get(self.position) {
            match byte {
                b'"' => {
                    let text = self.bytes.get(start..self.position).unwrap_or_default();
                    let Ok(text) = core::str::from_utf8(text) else { return self.refuse() };
                    self.position += 1;
                    return Ok(String::from(text));
                }
                b'\\' => return self.refuse(),
                _ => self.position += 1,
            }
        }
        self.refuse()
    }

    fn number(&mut self) -> Result<i64, QuorumStateFileError> {
        self.peek();
        let start = self.position;
        while self.bytes.get(self.position).is_some_and(|byte| *byte == b'-' || byte.is_ascii_digit()) {
            self.position += 1;
        }
        let digits = self.bytes.get(start..self.position).unwrap_or_default();
        match core::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()) {
            Some(number) => Ok(number),
            None => self.refuse(),
        }
    }

    fn pass_over(&mut self, depth: u32) -> Result<(), QuorumStateFileError> {
        match self.peek() {
            Some(b'"') => self.text().map(drop),
            Some(open @ (b'[' | b'{')) if depth < MAX_DEPTH => {
                self.position += 1;
                let close = if open == b'[' { b']' } else { b'}' };
                if self.peek() == Some(close) {
                    self.position += 1;
                    return Ok(());
                }
                loop {
                    if open == b'{' {
                        self.text()?;
                        self.expect(b':')?;
                    }
                    self.pass_over(depth + 1)?;
                    if self.peek() == Some(b',') {
                        self.position += 1;
                        continue;
                    }
                    return self.expect(close);
                }
            }
            Some(byte) if byte == b'-' || byte.is_ascii_digit() => self.number().map(drop),
            Some(byte) if byte.is_ascii_alphabetic() => {
                while self.bytes.get(self.position).is_some_and(u8::is_ascii_alphabetic) {
                    self.position += 1;
                }
                Ok(())
            }
            _ => self.refuse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kafkas() {
        let data = QuorumStateData {
            leader_id: Some(1),
            leader_epoch: 7,
            voted: Some(ReplicaKey::new(1, Uuid::from_u128(1))),
        };
        assert_eq!(
            data.to_bytes().as_ref(),
            br#"{"leaderId":1,"leaderEpoch":7,"votedId":1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAQ","data_version":1}"#
        );
        assert_eq!(QuorumStateData::parse(&data.to_bytes()), Ok(data));
        let none = QuorumStateData::default();
        assert_eq!(
            none.to_bytes().as_ref(),
            br#"{"leaderId":-1,"leaderEpoch":0,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}"#
        );
        assert_eq!(QuorumStateData::parse(&none.to_bytes()), Ok(none));
    }

    #[test]
    fn version_0_of_static_voters_is_read() {
        let text = br#"{"clusterId":"","leaderId":2,"leaderEpoch":3,"votedId":-1,"appliedOffset":0,
            "currentVoters":[{"voterId":1},{"voterId":2}],"data_version":0}"#;
        let expect = QuorumStateData { leader_id: Some(2), leader_epoch: 3, voted: None };
        assert_eq!(QuorumStateData::parse(text), Ok(expect));
    }

    #[test]
    fn broken_files_are_refused() {
        use QuorumStateFileError::{Field, Version};
        for (text, expect) in [
            (r#"{"leaderId":1,"leaderEpoch":7,"votedId":-1}"#, Some(Field("data_version"))),
            (r#"{"leaderId":1,"leaderEpoch":7,"data_version":2}"#, Some(Version(2))),
            (r#"{"leaderId":1,"votedId":-1,"data_version":1}"#, Some(Field("leaderEpoch"))),
            (r#"{"leaderId":-7,"leaderEpoch":7,"data_version":1}"#, Some(Field("leaderId"))),
            (r#"{"leaderEpoch":7,"votedDirectoryId":"x","data_version":1}"#, Some(Field("votedDirectoryId"))),
            (r#"{"leaderEpoch":99999999999,"data_version":1}"#, Some(Field("leaderEpoch"))),
            (r#"{"leaderEpoch":99999999999999999999,"data_version":1}"#, None),
            ("", None),
            ("{", None),
            (r#"{"leaderEpoch":7,"#, None),
            (r#"{"leaderEpoch":7,"data_version":1} x"#, None),
            (r#"{"a\"b":7}"#, None),
            (r#"{"a":[[[[[[[[[[[[[[[[[[[[[[[["#, None),
        ] {
            let error = QuorumStateData::parse(text.as_bytes()).unwrap_err();
            match expect {
                Some(expect) => assert_eq!(error, expect, "{text}"),
                None => assert!(matches!(error, QuorumStateFileError::Syntax { .. }), "{text}"),
            }
        }
    }
}
