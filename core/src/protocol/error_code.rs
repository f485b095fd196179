//! [`ErrorCode`]: Kafka's error codes with their names and texts.

/// An error code of the protocol. Fields carry it as `i16`, see [`ErrorCode::code`]; the names are Kafka's
/// ([`ErrorCode::name`]) and so are the texts ([`ErrorCode::message`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
#[allow(missing_docs)]
pub enum ErrorCode {
    UnknownServerError = -1,
    #[default]
    None = 0,
    OffsetOutOfRange = 1,
    CorruptMessage = 2,
    UnknownTopicOrPartition = 3,
    InvalidFetchSize = 4,
    LeaderNotAvailable = 5,
    NotLeaderOrFollower = 6,
    RequestTimedOut = 7,
    BrokerNotAvailable = 8,
    ReplicaNotAvailable = 9,
    MessageTooLarge = 10,
    StaleControllerEpoch = 11,
    OffsetMetadataTooLarge = 12,
    NetworkException = 13,
    CoordinatorLoadInProgress = 14,
    CoordinatorNotAvailable = 15,
    NotCoordinator = 16,
    InvalidTopicException = 17,
    RecordListTooLarge = 18,
    NotEnoughReplicas = 19,
    NotEnoughReplicasAfterAppend = 20,
    InvalidRequiredAcks = 21,
    IllegalGeneration = 22,
    InconsistentGroupProtocol = 23,
    InvalidGroupId = 24,
    UnknownMemberId = 25,
    InvalidSessionTimeout = 26,
    RebalanceInProgress = 27,
    InvalidCommitOffsetSize = 28,
    TopicAuthorizationFailed = 29,
    GroupAuthorizationFailed = 30,
    ClusterAuthorizationFailed = 31,
    InvalidTimestamp = 32,
    UnsupportedSaslMechanism = 33,
    IllegalSaslState = 34,
    UnsupportedVersion = 35,
    TopicAlreadyExists = 36,
    InvalidPartitions = 37,
    InvalidReplicationFactor = 38,
    InvalidReplicaAssignment = 39,
    InvalidConfig = 40,
    NotController = 41,
    InvalidRequest = 42,
    UnsupportedForMessageFormat = 43,
    PolicyViolation = 44,
    OutOfOrderSequenceNumber = 45,
    DuplicateSequenceNumber = 46,
    InvalidProducerEpoch = 47,
    InvalidTxnState = 48,
    InvalidProducerIdMapping = 49,
    InvalidTransactionTimeout = 50,
    ConcurrentTransactions = 51,
    TransactionCoordinatorFenced = 52,
    TransactionalIdAuthorizationFailed = 53,
    SecurityDisabled = 54,
    OperationNotAttempted = 55,
    KafkaStorageError = 56,
    LogDirNotFound = 57,
    SaslAuthenticationFailed = 58,
    UnknownProducerId = 59,
    ReassignmentInProgress = 60,
    DelegationTokenAuthDisabled = 61,
    DelegationTokenNotFound = 62,
    DelegationTokenOwnerMismatch = 63,
    DelegationTokenRequestNotAllowed = 64,
    DelegationTokenAuthorizationFailed = 65,
    DelegationTokenExpired = 66,
    InvalidPrincipalType = 67,
    NonEmptyGroup = 68,
    GroupIdNotFound = 69,
    FetchSessionIdNotFound = 70,
    InvalidFetchSessionEpoch = 71,
    ListenerNotFound = 72,
    TopicDeletionDisabled = 73,
    FencedLeaderEpoch = 74,
    UnknownLeaderEpoch = 75,
    UnsupportedCompressionType = 76,
    StaleBrokerEpoch = 77,
    OffsetNotAvailable = 78,
    MemberIdRequired = 79,
    PreferredLeaderNotAvailable = 80,
    GroupMaxSizeReached = 81,
    FencedInstanceId = 82,
    EligibleLeadersNotAvailable = 83,
    ElectionNotNeeded = 84,
    NoReassignmentInProgress = 85,
    GroupSubscribedToTopic = 86,
    InvalidRecord = 87,
    UnstableOffsetCommit = 88,
    ThrottlingQuotaExceeded = 89,
    ProducerFenced = 90,
    ResourceNotFound = 91,
    DuplicateResource = 92,
    UnacceptableCredential = 93,
    InconsistentVoterSet = 94,
    InvalidUpdateVersion = 95,
    FeatureUpdateFailed = 96,
    PrincipalDeserializationFailure = 97,
    SnapshotNotFound = 98,
    PositionOutOfRange = 99,
    UnknownTopicId = 100,
    DuplicateBrokerRegistration = 101,
    BrokerIdNotRegistered = 102,
    InconsistentTopicId = 103,
    InconsistentClusterId = 104,
    TransactionalIdNotFound = 105,
    FetchSessionTopicIdError = 106,
    IneligibleReplica = 107,
    NewLeaderElected = 108,
    OffsetMovedToTieredStorage = 109,
    FencedMemberEpoch = 110,
    UnreleasedInstanceId = 111,
    UnsupportedAssignor = 112,
    StaleMemberEpoch = 113,
    MismatchedEndpointType = 114,
    UnsupportedEndpointType = 115,
    UnknownControllerId = 116,
    UnknownSubscriptionId = 117,
    TelemetryTooLarge = 118,
    InvalidRegistration = 119,
    TransactionAbortable = 120,
    InvalidRecordState = 121,
    ShareSessionNotFound = 122,
    InvalidShareSessionEpoch = 123,
    FencedStateEpoch = 124,
    InvalidVoterKey = 125,
    DuplicateVoter = 126,
    VoterNotFound = 127,
    InvalidRegularExpression = 128,
    RebootstrapRequired = 129,
    StreamsInvalidTopology = 130,
    StreamsInvalidTopologyEpoch = 131,
    StreamsTopologyFenced = 132,
    ShareSessionLimitReached = 133,
}

impl ErrorCode {
    /// Its number on the wire.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The error with this number; `None` for numbers that no Kafka up to 4.3 knows.
    pub fn from_code(code: i16) -> Option<Self> {
        ROWS.get(usize::try_from(i32::from(code) + 1).ok()?).map(|row| row.code)
    }

    /// Kafka's name, `OFFSET_OUT_OF_RANGE`.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Kafka's text for it.
    pub fn message(self) -> &'static str {
        self.row().message
    }

    /// True where Kafka's clients try again.
    pub fn is_retriable(self) -> bool {
        self.row().retriable
    }

    /// True for all but [`ErrorCode::None`].
    pub fn is_error(self) -> bool {
        self != Self::None
    }

    fn row(self) -> &'static Row {
        // Rows are in the order of the codes, from -1, without gaps; `rows_are_in_order` holds that.
        &ROWS[(self.code() + 1) as usize]
    }
}

impl core::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

struct Row {
    code: ErrorCode,
    name: &'static str,
    retriable: bool,
    message: &'static str,
}

/// A row of the table; the short name keeps one row on one line.
const fn row(code: ErrorCode, name: &'static str, retriable: bool, message: &'static str) -> Row {
    Row { code, name, retriable, message }
}

/// Retriable.
const R: bool = true;
/// Final.
const F: bool = false;

#[rustfmt::skip]
static ROWS: [Row; 135] = [
    row(ErrorCode::UnknownServerError, "UNKNOWN_SERVER_ERROR", F, "The server experienced an unexpected error when processing the request."),
    row(ErrorCode::None, "NONE", F, "NONE"),
    row(ErrorCode::OffsetOutOfRange, "OFFSET_OUT_OF_RANGE", F, "The requested offset is not within the range of offsets maintained by the server."),
    row(ErrorCode::CorruptMessage, "CORRUPT_MESSAGE", R, "This message has failed its CRC checksum, exceeds the valid size, has a null key for a compacted topic, or is otherwise corrupt."),
    row(ErrorCode::UnknownTopicOrPartition, "UNKNOWN_TOPIC_OR_PARTITION", R, "This server does not host this topic-partition."),
    row(ErrorCode::InvalidFetchSize, "INVALID_FETCH_SIZE", F, "The requested fetch size is invalid."),
    row(ErrorCode::LeaderNotAvailable, "LEADER_NOT_AVAILABLE", R, "There is no leader for this topic-partition as we are in the middle of a leadership election."),
    row(ErrorCode::NotLeaderOrFollower, "NOT_LEADER_OR_FOLLOWER", R, "For requests intended only for the leader, this error indicates that the broker is not the current leader. For requests intended for any replica, this error indicates that the broker is not a replica of the topic partition."),
    row(ErrorCode::RequestTimedOut, "REQUEST_TIMED_OUT", R, "The request timed out."),
    row(ErrorCode::BrokerNotAvailable, "BROKER_NOT_AVAILABLE", F, "The broker is not available."),
    row(ErrorCode::ReplicaNotAvailable, "REPLICA_NOT_AVAILABLE", R, "The replica is not available for the requested topic-partition. Produce/Fetch requests and other requests intended only for the leader or follower return NOT_LEADER_OR_FOLLOWER if the broker is not a replica of the topic-partition."),
    row(ErrorCode::MessageTooLarge, "MESSAGE_TOO_LARGE", F, "The request included a message larger than the max message size the server will accept."),
    row(ErrorCode::StaleControllerEpoch, "STALE_CONTROLLER_EPOCH", F, "The controller moved to another broker."),
    row(ErrorCode::OffsetMetadataTooLarge, "OFFSET_METADATA_TOO_LARGE", F, "The metadata field of the offset request was too large."),
    row(ErrorCode::NetworkException, "NETWORK_EXCEPTION", R, "The server disconnected before a response was received."),
    row(ErrorCode::CoordinatorLoadInProgress, "COORDINATOR_LOAD_IN_PROGRESS", R, "The coordinator is loading and hence can't process requests."),
    row(ErrorCode::CoordinatorNotAvailable, "COORDINATOR_NOT_AVAILABLE", R, "The coordinator is not available."),
    row(ErrorCode::NotCoordinator, "NOT_COORDINATOR", R, "This is not the correct coordinator."),
    row(ErrorCode::InvalidTopicException, "INVALID_TOPIC_EXCEPTION", F, "The request attempted to perform an operation on an invalid topic."),
    row(ErrorCode::RecordListTooLarge, "RECORD_LIST_TOO_LARGE", F, "The request included message batch larger than the configured segment size on the server."),
    row(ErrorCode::NotEnoughReplicas, "NOT_ENOUGH_REPLICAS", R, "Messages are rejected since there are fewer in-sync replicas than required."),
    row(ErrorCode::NotEnoughReplicasAfterAppend, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", R, "Messages are written to the log, but to fewer in-sync replicas than required."),
    row(ErrorCode::InvalidRequiredAcks, "INVALID_REQUIRED_ACKS", F, "Produce request specified an invalid value for required acks."),
    row(ErrorCode::IllegalGeneration, "ILLEGAL_GENERATION", F, "Specified group generation id is not valid."),
    row(ErrorCode::InconsistentGroupProtocol, "INCONSISTENT_GROUP_PROTOCOL", F, "The group member's supported protocols are incompatible with those of existing members or first group member tried to join with empty protocol type or empty protocol list."),
    row(ErrorCode::InvalidGroupId, "INVALID_GROUP_ID", F, "The group id is invalid."),
    row(ErrorCode::UnknownMemberId, "UNKNOWN_MEMBER_ID", F, "The coordinator is not aware of this member."),
    row(ErrorCode::InvalidSessionTimeout, "INVALID_SESSION_TIMEOUT", F, "The session timeout is not within the range allowed by the broker (as configured by group.min.session.timeout.ms and group.max.session.timeout.ms)."),
    row(ErrorCode::RebalanceInProgress, "REBALANCE_IN_PROGRESS", F, "The group is rebalancing, so a rejoin is needed."),
    row(ErrorCode::InvalidCommitOffsetSize, "INVALID_COMMIT_OFFSET_SIZE", F, "The committing offset data size is not valid."),
    row(ErrorCode::TopicAuthorizationFailed, "TOPIC_AUTHORIZATION_FAILED", F, "Topic authorization failed."),
    row(ErrorCode::GroupAuthorizationFailed, "GROUP_AUTHORIZATION_FAILED", F, "Group authorization failed."),
    row(ErrorCode::ClusterAuthorizationFailed, "CLUSTER_AUTHORIZATION_FAILED", F, "Cluster authorization failed."),
    row(ErrorCode::InvalidTimestamp, "INVALID_TIMESTAMP", F, "The timestamp of the message is out of acceptable range."),
    row(ErrorCode::UnsupportedSaslMechanism, "UNSUPPORTED_SASL_MECHANISM", F, "The broker does not support the requested SASL mechanism."),
    row(ErrorCode::IllegalSaslState, "ILLEGAL_SASL_STATE", F, "Request is not valid given the current SASL state."),
    row(ErrorCode::UnsupportedVersion, "UNSUPPORTED_VERSION", F, "The version of API is not supported."),
    row(ErrorCode::TopicAlreadyExists, "TOPIC_ALREADY_EXISTS", F, "Topic with this name already exists."),
    row(ErrorCode::InvalidPartitions, "INVALID_PARTITIONS", F, "Number of partitions is below 1."),
    row(ErrorCode::InvalidReplicationFactor, "INVALID_REPLICATION_FACTOR", F, "Replication factor is below 1 or larger than the number of available brokers."),
    row(ErrorCode::InvalidReplicaAssignment, "INVALID_REPLICA_ASSIGNMENT", F, "Replica assignment is invalid."),
    row(ErrorCode::InvalidConfig, "INVALID_CONFIG", F, "Configuration is invalid."),
    row(ErrorCode::NotController, "NOT_CONTROLLER", R, "This is not the correct controller for this cluster."),
    row(ErrorCode::InvalidRequest, "INVALID_REQUEST", F, "This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker. See the broker logs for more details."),
    row(ErrorCode::UnsupportedForMessageFormat, "UNSUPPORTED_FOR_MESSAGE_FORMAT", F, "The message format version on the broker does not support the request."),
    row(ErrorCode::PolicyViolation, "POLICY_VIOLATION", F, "Request parameters do not satisfy the configured policy."),
    row(ErrorCode::OutOfOrderSequenceNumber, "OUT_OF_ORDER_SEQUENCE_NUMBER", F, "The broker received an out of order sequence number."),
    row(ErrorCode::DuplicateSequenceNumber, "DUPLICATE_SEQUENCE_NUMBER", F, "The broker received a duplicate sequence number."),
    row(ErrorCode::InvalidProducerEpoch, "INVALID_PRODUCER_EPOCH", F, "Producer attempted to produce with an old epoch."),
    row(ErrorCode::InvalidTxnState, "INVALID_TXN_STATE", F, "The producer attempted a transactional operation in an invalid state."),
    row(ErrorCode::InvalidProducerIdMapping, "INVALID_PRODUCER_ID_MAPPING", F, "The producer attempted to use a producer id which is not currently assigned to its transactional id."),
    row(ErrorCode::InvalidTransactionTimeout, "INVALID_TRANSACTION_TIMEOUT", F, "The transaction timeout is larger than the maximum value allowed by the broker (as configured by transaction.max.timeout.ms)."),
    row(ErrorCode::ConcurrentTransactions, "CONCURRENT_TRANSACTIONS", R, "The producer attempted to update a transaction while another concurrent operation on the same transaction was ongoing."),
    row(ErrorCode::TransactionCoordinatorFenced, "TRANSACTION_COORDINATOR_FENCED", F, "Indicates that the transaction coordinator sending a WriteTxnMarker is no longer the current coordinator for a given producer."),
    row(ErrorCode::TransactionalIdAuthorizationFailed, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", F, "Transactional Id authorization failed."),
    row(ErrorCode::SecurityDisabled, "SECURITY_DISABLED", F, "Security features are disabled."),
    row(ErrorCode::OperationNotAttempted, "OPERATION_NOT_ATTEMPTED", F, "The broker did not attempt to execute this operation. This may happen for batched RPCs where some operations in the batch failed, causing the broker to respond without trying the rest."),
    row(ErrorCode::KafkaStorageError, "KAFKA_STORAGE_ERROR", R, "Disk error when trying to access log file on the disk."),
    row(ErrorCode::LogDirNotFound, "LOG_DIR_NOT_FOUND", F, "The user-specified log directory is not found in the broker config."),
    row(ErrorCode::SaslAuthenticationFailed, "SASL_AUTHENTICATION_FAILED", F, "SASL Authentication failed."),
    row(ErrorCode::UnknownProducerId, "UNKNOWN_PRODUCER_ID", F, "This exception is raised by the broker if it could not locate the producer metadata associated with the producerId in question. This could happen if, for instance, the producer's records were deleted because their retention time had elapsed. Once the last records of the producerId are removed, the producer's metadata is removed from the broker, and future appends by the producer will return this exception."),
    row(ErrorCode::ReassignmentInProgress, "REASSIGNMENT_IN_PROGRESS", F, "A partition reassignment is in progress."),
    row(ErrorCode::DelegationTokenAuthDisabled, "DELEGATION_TOKEN_AUTH_DISABLED", F, "Delegation Token feature is not enabled."),
    row(ErrorCode::DelegationTokenNotFound, "DELEGATION_TOKEN_NOT_FOUND", F, "Delegation Token is not found on server."),
    row(ErrorCode::DelegationTokenOwnerMismatch, "DELEGATION_TOKEN_OWNER_MISMATCH", F, "Specified Principal is not valid Owner/Renewer."),
    row(ErrorCode::DelegationTokenRequestNotAllowed, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", F, "Delegation Token requests are not allowed on PLAINTEXT/1-way SSL channels and on delegation token authenticated channels."),
    row(ErrorCode::DelegationTokenAuthorizationFailed, "DELEGATION_TOKEN_AUTHORIZATION_FAILED", F, "Delegation Token authorization failed."),
    row(ErrorCode::DelegationTokenExpired, "DELEGATION_TOKEN_EXPIRED", F, "Delegation Token is expired."),
    row(ErrorCode::InvalidPrincipalType, "INVALID_PRINCIPAL_TYPE", F, "Supplied principalType is not supported."),
    row(ErrorCode::NonEmptyGroup, "NON_EMPTY_GROUP", F, "The group is not empty."),
    row(ErrorCode::GroupIdNotFound, "GROUP_ID_NOT_FOUND", F, "The group id does not exist."),
    row(ErrorCode::FetchSessionIdNotFound, "FETCH_SESSION_ID_NOT_FOUND", R, "The fetch session ID was not found."),
    row(ErrorCode::InvalidFetchSessionEpoch, "INVALID_FETCH_SESSION_EPOCH", R, "The fetch session epoch is invalid."),
    row(ErrorCode::ListenerNotFound, "LISTENER_NOT_FOUND", R, "There is no listener on the leader broker that matches the listener on which metadata request was processed."),
    row(ErrorCode::TopicDeletionDisabled, "TOPIC_DELETION_DISABLED", F, "Topic deletion is disabled."),
    row(ErrorCode::FencedLeaderEpoch, "FENCED_LEADER_EPOCH", R, "The leader epoch in the request is older than the epoch on the broker."),
    row(ErrorCode::UnknownLeaderEpoch, "UNKNOWN_LEADER_EPOCH", R, "The leader epoch in the request is newer than the epoch on the broker."),
    row(ErrorCode::UnsupportedCompressionType, "UNSUPPORTED_COMPRESSION_TYPE", F, "The requesting client does not support the compression type of given partition."),
    row(ErrorCode::StaleBrokerEpoch, "STALE_BROKER_EPOCH", F, "Broker epoch has changed."),
    row(ErrorCode::OffsetNotAvailable, "OFFSET_NOT_AVAILABLE", R, "The leader high watermark has not caught up from a recent leader election so the offsets cannot be guaranteed to be monotonically increasing."),
    row(ErrorCode::MemberIdRequired, "MEMBER_ID_REQUIRED", F, "The group member needs to have a valid member id before actually entering a consumer group."),
    row(ErrorCode::PreferredLeaderNotAvailable, "PREFERRED_LEADER_NOT_AVAILABLE", R, "The preferred leader was not available."),
    row(ErrorCode::GroupMaxSizeReached, "GROUP_MAX_SIZE_REACHED", F, "The group has reached its maximum size."),
    row(ErrorCode::FencedInstanceId, "FENCED_INSTANCE_ID", F, "The broker rejected this static consumer since another consumer with the same group.instance.id has registered with a different member.id."),
    row(ErrorCode::EligibleLeadersNotAvailable, "ELIGIBLE_LEADERS_NOT_AVAILABLE", R, "Eligible topic partition leaders are not available."),
    row(ErrorCode::ElectionNotNeeded, "ELECTION_NOT_NEEDED", R, "Leader election not needed for topic partition."),
    row(ErrorCode::NoReassignmentInProgress, "NO_REASSIGNMENT_IN_PROGRESS", F, "No partition reassignment is in progress."),
    row(ErrorCode::GroupSubscribedToTopic, "GROUP_SUBSCRIBED_TO_TOPIC", F, "Deleting offsets of a topic is forbidden while the consumer group is actively subscribed to it."),
    row(ErrorCode::InvalidRecord, "INVALID_RECORD", F, "This record has failed the validation on broker and hence will be rejected."),
    row(ErrorCode::UnstableOffsetCommit, "UNSTABLE_OFFSET_COMMIT", R, "There are unstable offsets that need to be cleared."),
    row(ErrorCode::ThrottlingQuotaExceeded, "THROTTLING_QUOTA_EXCEEDED", R, "The throttling quota has been exceeded."),
    row(ErrorCode::ProducerFenced, "PRODUCER_FENCED", F, "There is a newer producer with the same transactionalId which fences the current one."),
    row(ErrorCode::ResourceNotFound, "RESOURCE_NOT_FOUND", F, "A request illegally referred to a resource that does not exist."),
    row(ErrorCode::DuplicateResource, "DUPLICATE_RESOURCE", F, "A request illegally referred to the same resource twice."),
    row(ErrorCode::UnacceptableCredential, "UNACCEPTABLE_CREDENTIAL", F, "Requested credential would not meet criteria for acceptability."),
    row(ErrorCode::InconsistentVoterSet, "INCONSISTENT_VOTER_SET", F, "Indicates that the either the sender or recipient of a voter-only request is not one of the expected voters."),
    row(ErrorCode::InvalidUpdateVersion, "INVALID_UPDATE_VERSION", F, "The given update version was invalid."),
    row(ErrorCode::FeatureUpdateFailed, "FEATURE_UPDATE_FAILED", F, "Unable to update finalized features due to an unexpected server error."),
    row(ErrorCode::PrincipalDeserializationFailure, "PRINCIPAL_DESERIALIZATION_FAILURE", F, "Request principal deserialization failed during forwarding. This indicates an internal error on the broker cluster security setup."),
    row(ErrorCode::SnapshotNotFound, "SNAPSHOT_NOT_FOUND", F, "Requested snapshot was not found."),
    row(ErrorCode::PositionOutOfRange, "POSITION_OUT_OF_RANGE", F, "Requested position is not greater than or equal to zero, and less than the size of the snapshot."),
    row(ErrorCode::UnknownTopicId, "UNKNOWN_TOPIC_ID", R, "This server does not host this topic ID."),
    row(ErrorCode::DuplicateBrokerRegistration, "DUPLICATE_BROKER_REGISTRATION", F, "This broker ID is already in use."),
    row(ErrorCode::BrokerIdNotRegistered, "BROKER_ID_NOT_REGISTERED", F, "The given broker ID was not registered."),
    row(ErrorCode::InconsistentTopicId, "INCONSISTENT_TOPIC_ID", R, "The log's topic ID did not match the topic ID in the request."),
    row(ErrorCode::InconsistentClusterId, "INCONSISTENT_CLUSTER_ID", F, "The clusterId in the request does not match that found on the server."),
    row(ErrorCode::TransactionalIdNotFound, "TRANSACTIONAL_ID_NOT_FOUND", F, "The transactionalId could not be found."),
    row(ErrorCode::FetchSessionTopicIdError, "FETCH_SESSION_TOPIC_ID_ERROR", R, "The fetch session encountered inconsistent topic ID usage."),
    row(ErrorCode::IneligibleReplica, "INELIGIBLE_REPLICA", F, "The new ISR contains at least one ineligible replica."),
    row(ErrorCode::NewLeaderElected, "NEW_LEADER_ELECTED", F, "The AlterPartition request successfully updated the partition state but the leader has changed."),
    row(ErrorCode::OffsetMovedToTieredStorage, "OFFSET_MOVED_TO_TIERED_STORAGE", F, "The requested offset is moved to tiered storage."),
    row(ErrorCode::FencedMemberEpoch, "FENCED_MEMBER_EPOCH", F, "The member epoch is fenced by the group coordinator. The member must abandon all its partitions and rejoin."),
    row(ErrorCode::UnreleasedInstanceId, "UNRELEASED_INSTANCE_ID", F, "The instance ID is still used by another member in the consumer group. That member must leave first."),
    row(ErrorCode::UnsupportedAssignor, "UNSUPPORTED_ASSIGNOR", F, "The assignor or its version range is not supported by the consumer group."),
    row(ErrorCode::StaleMemberEpoch, "STALE_MEMBER_EPOCH", F, "The member epoch is stale. The member must retry after receiving its updated member epoch via the ConsumerGroupHeartbeat API."),
    row(ErrorCode::MismatchedEndpointType, "MISMATCHED_ENDPOINT_TYPE", F, "The request was sent to an endpoint of the wrong type."),
    row(ErrorCode::UnsupportedEndpointType, "UNSUPPORTED_ENDPOINT_TYPE", F, "This endpoint type is not supported yet."),
    row(ErrorCode::UnknownControllerId, "UNKNOWN_CONTROLLER_ID", F, "This controller ID is not known."),
    row(ErrorCode::UnknownSubscriptionId, "UNKNOWN_SUBSCRIPTION_ID", F, "Client sent a push telemetry request with an invalid or outdated subscription ID."),
    row(ErrorCode::TelemetryTooLarge, "TELEMETRY_TOO_LARGE", F, "Client sent a push telemetry request larger than the maximum size the broker will accept."),
    row(ErrorCode::InvalidRegistration, "INVALID_REGISTRATION", F, "The controller has considered the broker registration to be invalid."),
    row(ErrorCode::TransactionAbortable, "TRANSACTION_ABORTABLE", F, "The server encountered an error with the transaction. The client can abort the transaction to continue using this transactional ID."),
    row(ErrorCode::InvalidRecordState, "INVALID_RECORD_STATE", F, "The record state is invalid. The acknowledgement of delivery could not be completed."),
    row(ErrorCode::ShareSessionNotFound, "SHARE_SESSION_NOT_FOUND", R, "The share session was not found."),
    row(ErrorCode::InvalidShareSessionEpoch, "INVALID_SHARE_SESSION_EPOCH", R, "The share session epoch is invalid."),
    row(ErrorCode::FencedStateEpoch, "FENCED_STATE_EPOCH", F, "The share coordinator rejected the request because the share-group state epoch did not match."),
    row(ErrorCode::InvalidVoterKey, "INVALID_VOTER_KEY", F, "The voter key doesn't match the receiving replica's key."),
    row(ErrorCode::DuplicateVoter, "DUPLICATE_VOTER", F, "The voter is already part of the set of voters."),
    row(ErrorCode::VoterNotFound, "VOTER_NOT_FOUND", F, "The voter is not part of the set of voters."),
    row(ErrorCode::InvalidRegularExpression, "INVALID_REGULAR_EXPRESSION", F, "The regular expression is not valid."),
    row(ErrorCode::RebootstrapRequired, "REBOOTSTRAP_REQUIRED", F, "Client metadata is stale. The client should rebootstrap to obtain new metadata."),
    row(ErrorCode::StreamsInvalidTopology, "STREAMS_INVALID_TOPOLOGY", F, "The supplied topology is invalid."),
    row(ErrorCode::StreamsInvalidTopologyEpoch, "STREAMS_INVALID_TOPOLOGY_EPOCH", F, "The supplied topology epoch is invalid."),
    row(ErrorCode::StreamsTopologyFenced, "STREAMS_TOPOLOGY_FENCED", F, "The supplied topology epoch is outdated."),
    row(ErrorCode::ShareSessionLimitReached, "SHARE_SESSION_LIMIT_REACHED", R, "The limit of share sessions has been reached."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order() {
        for (index, row) in ROWS.iter().enumerate() {
            assert_eq!(row.code.code(), index as i16 - 1, "{}", row.name);
            assert_eq!(ErrorCode::from_code(row.code.code()), Some(row.code));
        }
        for unknown in [i16::MIN, -2, 134, i16::MAX] {
            assert_eq!(ErrorCode::from_code(unknown), None);
        }
    }

    #[test]
    fn texts_and_flags_are_kafkas() {
        let error = ErrorCode::NotLeaderOrFollower;
        assert_eq!((error.code(), error.name(), error.is_retriable()), (6, "NOT_LEADER_OR_FOLLOWER", true));
        assert_eq!(
            error.message(),
            "For requests intended only for the leader, this error indicates that the broker is not the current leader. \
             For requests intended for any replica, this error indicates that the broker is not a replica of the topic \
             partition."
        );
        assert!(!ErrorCode::InvalidRequest.is_retriable());
        assert!(!ErrorCode::None.is_error());
    }
}
