//! Who votes: replica keys, their controller endpoints, and majorities.

use crate::ids::{NodeId, Uuid};
use crate::protocol::messages::{VotersRecord, voters_record};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::vec::Vec;
use core::fmt;

/// A replica of the metadata log: node id and the id of the directory that holds its log (KIP-853).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaKey {
    /// `node.id`.
    pub id: NodeId,
    /// Its metadata directory; [`Uuid::ZERO`] where it is not known, as with `controller.quorum.voters`.
    pub directory_id: Uuid,
}

impl ReplicaKey {
    /// The key of node `id` with directory `directory_id`.
    pub const fn new(id: NodeId, directory_id: Uuid) -> Self {
        Self { id, directory_id }
    }

    /// True where both can be the same replica: same id, and the directories are equal or one of them is unknown.
    pub fn matches(&self, other: &Self) -> bool {
        self.id == other.id
            && (self.directory_id == other.directory_id
                || self.directory_id == Uuid::ZERO
                || other.directory_id == Uuid::ZERO)
    }
}

/// Where a voter listens for other controllers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoterEndpoint {
    /// Listener name, as `CONTROLLER`.
    pub listener: Str,
    /// Host name or address.
    pub host: Str,
    /// Port.
    pub port: u16,
}

/// One voter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// Its key.
    pub key: ReplicaKey,
    /// Its controller listeners, never empty for a voter read from the configuration.
    pub endpoints: Vec<VoterEndpoint>,
}

/// The voters of the quorum. With `controller.quorum.voters` (kraft.version 0) the set never changes, else the log says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VoterSet {
    voters: SortedMap<NodeId, Voter>,
}

/// Why `controller.quorum.voters` could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoterSetError {
    /// The entry that is not `{id}@{host}:{port}`, or names an id twice.
    pub entry: Str,
}

impl fmt::Display for VoterSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Error parsing voter string `{}`; expected a voter per comma in the form {{id}}@{{host}}:{{port}}",
            self.entry
        )
    }
}

impl VoterSet {
    /// A set of these voters; a later one with the same id replaces an earlier one.
    pub fn new(voters: impl IntoIterator<Item = Voter>) -> Self {
        Self { voters: voters.into_iter().map(|voter| (voter.key.id, voter)).collect() }
    }

    /// Reads `controller.quorum.voters`: `{id}@{host}:{port}` separated by commas, all on listener `listener`.
    /// Directory ids stay unknown. An empty text is the empty set.
    pub fn parse(text: &str, listener: &Str) -> Result<Self, VoterSetError> {
        let mut set = Self::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let refused = || VoterSetError { entry: Str::from(entry) };
            let (id, address) = entry.split_once('@').ok_or_else(refused)?;
            let (host, port) = address.rsplit_once(':').ok_or_else(refused)?;
            let id: NodeId = id.parse().map_err(|_| refused())?;
            let port: u16 = port.parse().map_err(|_| refused())?;
            if id < 0 || host.is_empty() || set.contains(id) {
                return Err(refused());
            }
            let endpoint = VoterEndpoint { listener: listener.clone(), host: Str::from(host), port };
            let key = ReplicaKey::new(id, Uuid::ZERO);
            set.voters.insert(id, Voter { key, endpoints: alloc::vec![endpoint] });
        }
        Ok(set)
    }

    /// The set a record of the log or of a snapshot names.
    pub fn from_record(record: &VotersRecord) -> Self {
        Self::new(record.voters.iter().map(|voter| {
            Voter {
                key: ReplicaKey::new(voter.voter_id, voter.voter_directory_id),
                endpoints: (voter.endpoints.iter())
                    .map(|at| VoterEndpoint { listener: at.name.detached(), host: at.host.detached(), port: at.port })
                    .collect(),
            }
        }))
    }

    /// The record that names this set. Every voter supports kraft.version 0 and 1.
    pub fn to_record(&self) -> VotersRecord {
        let voter = |voter: &Voter| voters_record::Voter {
            voter_id: voter.key.id,
            voter_directory_id: voter.key.directory_id,
            endpoints: (voter.endpoints.iter())
                .map(|at| voters_record::Endpoint { name: at.listener.clone(), host: at.host.clone(), port: at.port })
                .collect(),
            kraft_version_feature: voters_record::KRaftVersionFeature {
                min_supported_version: 0,
                max_supported_version: 1,
            },
        };
        VotersRecord { version: 0, voters: self.iter().map(voter).collect() }
    }

    /// True where node `id` votes.
    pub fn contains(&self, id: NodeId) -> bool {
        self.voters.contains_key(&id)
    }

    /// True where this replica votes, its directory included.
    pub fn contains_key(&self, key: &ReplicaKey) -> bool {
        self.voters.get(&key.id).is_some_and(|voter| voter.key.matches(key))
    }

    /// The voter with this id.
    pub fn voter(&self, id: NodeId) -> Option<&Voter> {
        self.voters.get(&id)
    }

    /// Voters by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = &Voter> {
        self.voters.values()
    }

    /// Ids, ascending.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.voters.keys().copied()
    }

    /// Number of voters.
    pub fn len(&self) -> usize {
        self.voters.len()
    }

    /// True where nobody votes.
    pub fn is_empty(&self) -> bool {
        self.voters.is_empty()
    }

    /// Number of voters that decide.
    pub fn majority(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    /// True where `id` votes and nobody else does.
    pub fn is_only_voter(&self, id: NodeId) -> bool {
        self.voters.len() == 1 && self.contains(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voters_text_is_read() {
        let set = VoterSet::parse("1@a:19092, 2@[::1]:19093,3@c:1", &Str::from("CONTROLLER")).unwrap();
        assert_eq!(set.ids().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(set.voter(2).unwrap().endpoints[0].host, "[::1]");
        assert_eq!(set.voter(2).unwrap().endpoints[0].port, 19093);
        assert_eq!(set.majority(), 2);
        assert!(VoterSet::parse("", &Str::from("CONTROLLER")).unwrap().is_empty());
    }

    #[test]
    fn bad_voters_text_is_refused() {
        for text in ["1", "1@", "1@a", "x@a:1", "1@a:x", "1@a:70000", "-1@a:1", "1@:1", "1@a:1,1@b:2"] {
            assert!(VoterSet::parse(text, &Str::from("CONTROLLER")).is_err(), "{text}");
        }
    }

    #[test]
    fn unknown_directories_match_any() {
        let directory = |bits| Uuid::from_u128(bits);
        for (left, right, expect) in [
            ((1, 0), (1, 0), true),
            ((1, 0), (1, 9), true),
            ((1, 9), (1, 0), true),
            ((1, 9), (1, 9), true),
            ((1, 9), (1, 8), false),
            ((1, 9), (2, 9), false),
        ] {
            let left = ReplicaKey::new(left.0, directory(left.1));
            let right = ReplicaKey::new(right.0, directory(right.1));
            assert_eq!(left.matches(&right), expect, "{left:?} {right:?}");
        }
    }
}
