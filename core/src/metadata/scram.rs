//! Credentials of users: what `kafka-configs` made of their passwords (`org.apache.kafka.image.ScramImage`, KIP-554).

use super::records::MetadataRecord;
use crate::protocol::messages::UserScramCredentialRecord;
use crate::scram::ScramMechanism;
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

/// What a server needs to tell whether somebody knows a password.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramCredential {
    /// What was hashed with the password.
    pub salt: Bytes,
    /// A hash of the client's key.
    pub stored_key: Bytes,
    /// The server's key.
    pub server_key: Bytes,
    /// How often the password was hashed.
    pub iterations: i32,
}

impl fmt::Debug for ScramCredential {
    /// Nothing of it: it is in no log, and in no text of a failure.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramCredential").finish_non_exhaustive()
    }
}

/// The credentials of all users, a user's by mechanism.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScramImage {
    users: SortedMap<Str, Arc<SortedMap<ScramMechanism, ScramCredential>>>,
}

impl ScramImage {
    /// The credentials of `user`; `None` without any.
    pub fn of(&self, user: &str) -> Option<&SortedMap<ScramMechanism, ScramCredential>> {
        self.users.get(user).map(AsRef::as_ref)
    }

    /// A credential of `user`.
    pub fn credential(&self, user: &str, mechanism: ScramMechanism) -> Option<&ScramCredential> {
        self.of(user)?.get(&mechanism)
    }

    /// Everybody who has credentials.
    pub fn users(&self) -> impl ExactSizeIterator<Item = &Str> {
        self.users.keys()
    }

    pub(super) fn replay(&mut self, mechanism: ScramMechanism, record: &UserScramCredentialRecord) {
        let copy = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
        let credential = ScramCredential {
            salt: copy(&record.salt),
            stored_key: copy(&record.stored_key),
            server_key: copy(&record.server_key),
            iterations: record.iterations,
        };
        let user = self.users.entry(record.name.detached()).or_default();
        Arc::make_mut(user).insert(mechanism, credential);
    }

    pub(super) fn remove(&mut self, user: &str, mechanism: ScramMechanism) {
        let Some(credentials) = self.users.get_mut(user).map(Arc::make_mut) else { return };
        credentials.remove(&mechanism);
        if credentials.is_empty() {
            self.users.remove(user);
        }
    }

    pub(super) fn write(&self, records: &mut Vec<MetadataRecord>) {
        for (name, credentials) in &self.users {
            records.extend(credentials.iter().map(|(mechanism, credential)| {
                MetadataRecord::UserScramCredential(UserScramCredentialRecord {
                    name: name.clone(),
                    mechanism: mechanism.code(),
                    salt: credential.salt.clone(),
                    stored_key: credential.stored_key.clone(),
                    server_key: credential.server_key.clone(),
                    iterations: credential.iterations,
                })
            }));
        }
    }
}
