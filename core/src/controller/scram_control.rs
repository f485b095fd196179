//! Credentials of users (`org.apache.kafka.controller.ScramControlManager`, KIP-554).

use super::decision::{ApiError, ControllerResult, Decision};
use crate::java::{hash_map_order, string_hash};
use crate::metadata::MetadataRecord;
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use crate::protocol::messages::alter_user_scram_credentials_response::AlterUserScramCredentialsResult;
use crate::protocol::messages::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse, RemoveUserScramCredentialRecord,
    UserScramCredentialRecord,
};
use crate::scram::ScramMechanism;
use crate::text::Str;
use alloc::vec::Vec;

/// The first `metadata.version` with credentials, 3.5-IV2.
const FIRST_WITH_SCRAM: i16 = 11;

/// What is to become of a user's credential.
#[derive(Clone, Copy)]
enum Change<'a> {
    Delete(&'a ScramCredentialDeletion),
    Upsert(&'a ScramCredentialUpsertion),
}

/// A user of a request with the record that changes its credential, or why nothing does.
type Altered<'a> = (&'a Str, Result<MetadataRecord, ApiError>);

impl Decision<'_> {
    /// Sets and removes credentials, one of each user; a user with an error keeps its own.
    pub(super) fn alter_user_scram_credentials(
        self,
        request: &AlterUserScramCredentialsRequest,
    ) -> ControllerResult<AlterUserScramCredentialsResponse> {
        let deletions = request.deletions.iter().map(Change::Delete);
        let upsertions = request.upsertions.iter().map(Change::Upsert);
        let mut altered: Vec<Altered<'_>> = Vec::new();
        for change in deletions.chain(upsertions) {
            match altered.iter_mut().find(|(user, _)| *user == change.user()) {
                // The first error stays.
                Some((_, Err(_))) => {}
                Some((_, known)) => {
                    let message = "A user credential cannot be altered twice in the same request";
                    *known = Err(ApiError::new(ErrorCode::DuplicateResource, Str::from_static(message)));
                }
                None => altered.push((change.user(), self.altered_credential(change))),
            }
        }
        let (mut records, mut results) = (Vec::new(), Vec::new());
        for (user, change) in in_kafkas_order(altered) {
            let error = match change {
                Ok(record) => {
                    records.push(record);
                    None
                }
                Err(error) => Some(error),
            };
            results.push(AlterUserScramCredentialsResult {
                user: user.clone(),
                error_code: error.as_ref().map_or(0, ApiError::code),
                error_message: error.and_then(|error| error.message),
            });
        }
        ControllerResult::new(records, AlterUserScramCredentialsResponse { results, ..Default::default() })
    }

    fn altered_credential(self, change: Change<'_>) -> Result<MetadataRecord, ApiError> {
        let wrong = |error, message| Err(ApiError::new(error, Str::from_static(message)));
        if self.image.features.metadata_version() < FIRST_WITH_SCRAM {
            return wrong(ErrorCode::UnsupportedVersion, "The current metadata.version does not support SCRAM");
        }
        if change.user().is_empty() {
            return wrong(ErrorCode::UnacceptableCredential, "Username must not be empty");
        }
        let Some(mechanism) = ScramMechanism::from_code(change.mechanism()) else {
            return wrong(ErrorCode::UnsupportedSaslMechanism, "Unknown SCRAM mechanism");
        };
        match change {
            Change::Delete(deletion) if self.image.scram.credential(&deletion.name, mechanism).is_none() => {
                wrong(ErrorCode::ResourceNotFound, "Attempt to delete a user credential that does not exist")
            }
            Change::Delete(ScramCredentialDeletion { name, mechanism }) => {
                let record = RemoveUserScramCredentialRecord { name: name.clone(), mechanism: *mechanism };
                Ok(MetadataRecord::RemoveUserScramCredential(record))
            }
            Change::Upsert(upsertion) if upsertion.iterations < ScramMechanism::MIN_ITERATIONS => {
                wrong(ErrorCode::UnacceptableCredential, "Too few iterations")
            }
            Change::Upsert(upsertion) if upsertion.iterations > ScramMechanism::MAX_ITERATIONS => {
                wrong(ErrorCode::UnacceptableCredential, "Too many iterations")
            }
            // Java has no keys without a byte, and says nothing more of that.
            Change::Upsert(upsertion) if upsertion.salted_password.is_empty() => {
                Err(ErrorCode::UnknownServerError.into())
            }
            Change::Upsert(upsertion) => Ok(MetadataRecord::UserScramCredential(UserScramCredentialRecord {
                name: upsertion.name.clone(),
                mechanism: upsertion.mechanism,
                salt: upsertion.salt.clone(),
                stored_key: mechanism.stored_key(&upsertion.salted_password).into(),
                server_key: mechanism.server_key(&upsertion.salted_password).into(),
                iterations: upsertion.iterations,
            })),
        }
    }
}

impl<'a> Change<'a> {
    fn user(self) -> &'a Str {
        match self {
            Self::Delete(deletion) => &deletion.name,
            Self::Upsert(upsertion) => &upsertion.name,
        }
    }

    fn mechanism(self) -> i8 {
        match self {
            Self::Delete(deletion) => deletion.mechanism,
            Self::Upsert(upsertion) => upsertion.mechanism,
        }
    }
}

/// What is deleted, what is set, and what failed: each a map of Java's.
fn in_kafkas_order(mut altered: Vec<Altered<'_>>) -> Vec<Altered<'_>> {
    let mut ordered = Vec::with_capacity(altered.len());
    for rank in 0..3 {
        let of_rank = |(_, change): &Altered<'_>| match change {
            Ok(MetadataRecord::RemoveUserScramCredential(_)) => rank == 0,
            Ok(_) => rank == 1,
            Err(_) => rank == 2,
        };
        let mut part: Vec<_> = altered.extract_if(.., |one| of_rank(one)).collect();
        hash_map_order(&mut part, 16, |(user, _)| string_hash(user));
        ordered.append(&mut part);
    }
    ordered
}

/// Everybody whose credentials a request is about, in order.
pub(super) fn users_of(request: &AlterUserScramCredentialsRequest) -> Vec<&Str> {
    let upserted = request.upsertions.iter().map(|upsertion| &upsertion.name);
    let mut users: Vec<&Str> = request.deletions.iter().map(|deletion| &deletion.name).chain(upserted).collect();
    crate::sorted::sort(&mut users);
    users.dedup();
    users
}
