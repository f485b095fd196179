//! Which APIs a listener serves, in which versions: one row each.

use super::messages::api_versions_response::{ApiVersion, ApiVersionsResponse, SupportedFeatureKey};
use super::{ApiKey, ErrorCode};
use alloc::vec::Vec;

/// A line of Kafka releases, by what it speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReleaseLine {
    /// 4.3.
    #[default]
    V4_3,
}

/// Who listens. On a combined node each listener still serves its own APIs only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// A broker's listener, for clients and other brokers.
    Broker,
    /// A controller's (`controller.listener.names`).
    Controller,
}

/// An API that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServedApi {
    /// Which.
    pub key: ApiKey,
    /// First version served.
    pub min_version: i16,
    /// Last version served; versions that the release calls unstable are beyond it.
    pub max_version: i16,
    /// Served on brokers' listeners.
    pub on_broker: bool,
    /// Served on controllers' listeners.
    pub on_controller: bool,
    /// A broker sends it on to the active controller, inside an Envelope.
    pub is_forwarded: bool,
}

/// What to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Served: decode it.
    Served(ServedApi),
    /// `ApiVersions` in a version we do not know: answer [`unsupported_version_response`] in version 0, body unread.
    UnsupportedApiVersions,
    /// Close the connection without an answer, as Kafka does.
    Refused,
}

impl ServedApi {
    /// The first version as listed for clients.
    ///
    /// Produce is listed from 0 although 0 to 2 are refused: librdkafka takes old ranges for features (KAFKA-18659).
    pub const fn listed_min_version(&self) -> i16 {
        match self.key {
            ApiKey::Produce => 0,
            _ => self.min_version,
        }
    }

    /// True if served there.
    pub const fn is_on(&self, listener: Listener) -> bool {
        match listener {
            Listener::Broker => self.on_broker,
            Listener::Controller => self.on_controller,
        }
    }

    fn listed(&self) -> ApiVersion {
        ApiVersion { api_key: self.key.code(), min_version: self.listed_min_version(), max_version: self.max_version }
    }
}

/// The APIs of a release line, in the order of their keys.
pub const fn served_apis(line: ReleaseLine) -> &'static [ServedApi] {
    match line {
        ReleaseLine::V4_3 => V4_3,
    }
}

/// What to do with a request of this key and version.
pub fn look_up(line: ReleaseLine, listener: Listener, api_key: i16, api_version: i16) -> Lookup {
    let row = served_apis(line).iter().find(|row| row.key.code() == api_key && row.is_on(listener));
    match row {
        Some(row) if (row.min_version..=row.max_version).contains(&api_version) => Lookup::Served(*row),
        Some(row) if row.key == ApiKey::ApiVersions => Lookup::UnsupportedApiVersions,
        _ => Lookup::Refused,
    }
}

/// The list of an `ApiVersions` response.
pub fn listed_apis(line: ReleaseLine, listener: Listener) -> Vec<ApiVersion> {
    served_apis(line).iter().filter(|row| row.is_on(listener)).map(ServedApi::listed).collect()
}

/// What answers an `ApiVersions` request of an unknown version: the one range that lets the client ask again. It is
/// encoded in version 0.
pub fn unsupported_version_response(line: ReleaseLine) -> ApiVersionsResponse {
    let row = served_apis(line).iter().find(|row| row.key == ApiKey::ApiVersions);
    ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: row.map(ServedApi::listed).into_iter().collect(),
        ..Default::default()
    }
}

/// Leaves out the features that a client of `ApiVersions` `version` cannot read: up to version 3 those that begin at
/// level 0 (KAFKA-17011).
pub fn retain_readable_features(version: i16, features: &mut Vec<SupportedFeatureKey>) {
    if version <= 3 {
        features.retain(|feature| feature.min_version > 0);
    }
}

/// True for a client software name or version that Kafka takes: letters, digits, and inside also `-` and `.`. Others are
/// answered with `INVALID_REQUEST` (KIP-511).
pub fn is_client_software_text(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(|&byte| inside(byte))
}

const BROKER: (bool, bool) = (true, false);
const CONTROLLER: (bool, bool) = (false, true);
const BOTH: (bool, bool) = (true, true);

/// A row of the table.
const fn row(key: ApiKey, min_version: i16, max_version: i16, on: (bool, bool), is_forwarded: bool) -> ServedApi {
    ServedApi { key, min_version, max_version, on_broker: on.0, on_controller: on.1, is_forwarded }
}

/// Key, versions, listeners, forwarded.
const V4_3: &[ServedApi] = &[
    row(ApiKey::Produce, 3, 13, BROKER, false),
    row(ApiKey::Fetch, 4, 18, BOTH, false),
    row(ApiKey::ListOffsets, 1, 11, BROKER, false),
    row(ApiKey::Metadata, 0, 13, BROKER, false),
    row(ApiKey::OffsetCommit, 2, 10, BROKER, false),
    row(ApiKey::OffsetFetch, 1, 10, BROKER, false),
    row(ApiKey::FindCoordinator, 0, 6, BROKER, false),
    row(ApiKey::JoinGroup, 0, 9, BROKER, false),
    row(ApiKey::Heartbeat, 0, 4, BROKER, false),
    row(ApiKey::LeaveGroup, 0, 5, BROKER, false),
    row(ApiKey::SyncGroup, 0, 5, BROKER, false),
    row(ApiKey::DescribeGroups, 0, 6, BROKER, false),
    row(ApiKey::ListGroups, 0, 5, BROKER, false),
    row(ApiKey::ApiVersions, 0, 4, BOTH, false),
    row(ApiKey::CreateTopics, 2, 7, BOTH, true),
    row(ApiKey::DeleteTopics, 1, 6, BOTH, true),
    row(ApiKey::DeleteRecords, 0, 2, BROKER, false),
    row(ApiKey::InitProducerId, 0, 5, BROKER, false),
    row(ApiKey::OffsetForLeaderEpoch, 2, 4, BROKER, false),
    row(ApiKey::AddPartitionsToTxn, 0, 5, BROKER, false),
    row(ApiKey::AddOffsetsToTxn, 0, 4, BROKER, false),
    row(ApiKey::EndTxn, 0, 5, BROKER, false),
    row(ApiKey::WriteTxnMarkers, 1, 2, BROKER, false),
    row(ApiKey::TxnOffsetCommit, 0, 5, BROKER, false),
    row(ApiKey::DescribeConfigs, 1, 4, BOTH, false),
    row(ApiKey::AlterConfigs, 0, 2, BOTH, true),
    row(ApiKey::AlterReplicaLogDirs, 1, 2, BROKER, false),
    row(ApiKey::DescribeLogDirs, 1, 5, BROKER, false),
    row(ApiKey::CreatePartitions, 0, 3, BOTH, true),
    row(ApiKey::DeleteGroups, 0, 2, BROKER, false),
    row(ApiKey::ElectLeaders, 0, 2, BOTH, true),
    row(ApiKey::IncrementalAlterConfigs, 0, 1, BOTH, true),
    row(ApiKey::AlterPartitionReassignments, 0, 1, BOTH, true),
    row(ApiKey::ListPartitionReassignments, 0, 0, BOTH, true),
    row(ApiKey::OffsetDelete, 0, 0, BROKER, false),
    row(ApiKey::DescribeClientQuotas, 0, 1, BROKER, false),
    row(ApiKey::AlterClientQuotas, 0, 1, BOTH, true),
    row(ApiKey::DescribeUserScramCredentials, 0, 0, BOTH, false),
    row(ApiKey::Vote, 0, 2, CONTROLLER, false),
    row(ApiKey::BeginQuorumEpoch, 0, 1, CONTROLLER, false),
    row(ApiKey::EndQuorumEpoch, 0, 1, CONTROLLER, false),
    row(ApiKey::DescribeQuorum, 0, 2, BOTH, true),
    row(ApiKey::AlterPartition, 2, 3, CONTROLLER, false),
    row(ApiKey::UpdateFeatures, 0, 2, BOTH, true),
    row(ApiKey::Envelope, 0, 0, CONTROLLER, false),
    row(ApiKey::FetchSnapshot, 0, 1, CONTROLLER, false),
    row(ApiKey::DescribeCluster, 0, 2, BOTH, false),
    row(ApiKey::DescribeProducers, 0, 0, BROKER, false),
    row(ApiKey::BrokerRegistration, 0, 4, CONTROLLER, false),
    row(ApiKey::BrokerHeartbeat, 0, 2, CONTROLLER, false),
    row(ApiKey::UnregisterBroker, 0, 0, BOTH, true),
    row(ApiKey::DescribeTransactions, 0, 0, BROKER, false),
    row(ApiKey::ListTransactions, 0, 2, BROKER, false),
    row(ApiKey::AllocateProducerIds, 0, 0, CONTROLLER, true),
    row(ApiKey::ControllerRegistration, 0, 0, CONTROLLER, false),
    row(ApiKey::AssignReplicasToDirs, 0, 0, CONTROLLER, false),
    row(ApiKey::ListConfigResources, 0, 1, BROKER, false),
    row(ApiKey::DescribeTopicPartitions, 0, 0, BROKER, false),
    row(ApiKey::AddRaftVoter, 0, 1, BOTH, true),
    row(ApiKey::RemoveRaftVoter, 0, 0, BOTH, true),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::messages::visit_requests;
    use crate::protocol::{Request, RequestVisitor};

    struct InSchema(usize);

    impl RequestVisitor for InSchema {
        fn visit<R: Request>(&mut self) {
            let rows: Vec<_> = served_apis(ReleaseLine::V4_3).iter().filter(|row| row.key == R::KEY).collect();
            // An API without a row is not served; its schema is there for who asks others.
            let [row] = rows[..] else { return assert!(rows.is_empty(), "{} has {} rows", R::NAME, rows.len()) };
            assert!(R::VERSIONS.contains(&row.min_version) && R::VERSIONS.contains(&row.max_version), "{}", R::NAME);
            self.0 += 1;
        }
    }

    #[test]
    fn no_request_has_two_rows_and_every_row_has_its_request() {
        let mut seen = InSchema(0);
        visit_requests(&mut seen);
        assert_eq!(seen.0, served_apis(ReleaseLine::V4_3).len());
        assert!(served_apis(ReleaseLine::V4_3).is_sorted_by_key(|row| row.key));
    }

    #[test]
    fn versions_and_listeners_decide() {
        let look = |listener, key: ApiKey, version| look_up(ReleaseLine::V4_3, listener, key.code(), version);
        assert!(matches!(look(Listener::Broker, ApiKey::Produce, 3), Lookup::Served(_)));
        for (listener, key, version) in [
            (Listener::Broker, ApiKey::Produce, 2),
            (Listener::Broker, ApiKey::Produce, 14),
            (Listener::Controller, ApiKey::Produce, 13),
            (Listener::Broker, ApiKey::Vote, 2),
            (Listener::Broker, ApiKey::InitProducerId, 6),
            (Listener::Broker, ApiKey::LeaderAndIsr, 0),
            (Listener::Broker, ApiKey::Fetch, -1),
        ] {
            assert_eq!(look(listener, key, version), Lookup::Refused, "{key} {version}");
        }
        assert_eq!(look(Listener::Broker, ApiKey::ApiVersions, 9), Lookup::UnsupportedApiVersions);
        assert_eq!(look_up(ReleaseLine::V4_3, Listener::Broker, 1000, 0), Lookup::Refused);
    }

    #[test]
    fn the_list_is_what_clients_expect() {
        let listed = listed_apis(ReleaseLine::V4_3, Listener::Broker);
        assert_eq!((listed[0].api_key, listed[0].min_version, listed[0].max_version), (0, 0, 13));
        assert!(listed.iter().all(|api| api.api_key != ApiKey::Vote.code()));
        let answer = unsupported_version_response(ReleaseLine::V4_3);
        assert_eq!(answer.error_code, 35);
        assert_eq!(answer.api_keys, [ApiVersion { api_key: 18, min_version: 0, max_version: 4 }]);
    }

    #[test]
    fn old_clients_see_no_feature_that_begins_at_level_0() {
        let feature = |min_version| SupportedFeatureKey { name: "f".into(), min_version, max_version: 3 };
        for (version, left) in [(0, 1), (3, 1), (4, 2)] {
            let mut features = alloc::vec![feature(0), feature(1)];
            retain_readable_features(version, &mut features);
            assert_eq!(features.len(), left, "version {version}");
        }
    }

    #[test]
    fn client_software_texts() {
        for (text, fits) in [
            ("apache-kafka-java", true),
            ("4.3.0", true),
            ("a", true),
            ("", false),
            ("-a", false),
            ("a.", false),
            ("a b", false),
            ("\u{e4}", false),
        ] {
            assert_eq!(is_client_software_text(text), fits, "{text}");
        }
    }
}
