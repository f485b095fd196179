//! [`ApiKey`]: the APIs by number.

/// An API of the protocol. All that Kafka 4.3 numbers are here, served or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
#[allow(missing_docs)]
pub enum ApiKey {
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    LeaderAndIsr = 4,
    StopReplica = 5,
    UpdateMetadata = 6,
    ControlledShutdown = 7,
    OffsetCommit = 8,
    OffsetFetch = 9,
    FindCoordinator = 10,
    JoinGroup = 11,
    Heartbeat = 12,
    LeaveGroup = 13,
    SyncGroup = 14,
    DescribeGroups = 15,
    ListGroups = 16,
    SaslHandshake = 17,
    ApiVersions = 18,
    CreateTopics = 19,
    DeleteTopics = 20,
    DeleteRecords = 21,
    InitProducerId = 22,
    OffsetForLeaderEpoch = 23,
    AddPartitionsToTxn = 24,
    AddOffsetsToTxn = 25,
    EndTxn = 26,
    WriteTxnMarkers = 27,
    TxnOffsetCommit = 28,
    DescribeAcls = 29,
    CreateAcls = 30,
    DeleteAcls = 31,
    DescribeConfigs = 32,
    AlterConfigs = 33,
    AlterReplicaLogDirs = 34,
    DescribeLogDirs = 35,
    SaslAuthenticate = 36,
    CreatePartitions = 37,
    CreateDelegationToken = 38,
    RenewDelegationToken = 39,
    ExpireDelegationToken = 40,
    DescribeDelegationToken = 41,
    DeleteGroups = 42,
    ElectLeaders = 43,
    IncrementalAlterConfigs = 44,
    AlterPartitionReassignments = 45,
    ListPartitionReassignments = 46,
    OffsetDelete = 47,
    DescribeClientQuotas = 48,
    AlterClientQuotas = 49,
    DescribeUserScramCredentials = 50,
    AlterUserScramCredentials = 51,
    Vote = 52,
    BeginQuorumEpoch = 53,
    EndQuorumEpoch = 54,
    DescribeQuorum = 55,
    AlterPartition = 56,
    UpdateFeatures = 57,
    Envelope = 58,
    FetchSnapshot = 59,
    DescribeCluster = 60,
    DescribeProducers = 61,
    BrokerRegistration = 62,
    BrokerHeartbeat = 63,
    UnregisterBroker = 64,
    DescribeTransactions = 65,
    ListTransactions = 66,
    AllocateProducerIds = 67,
    ConsumerGroupHeartbeat = 68,
    ConsumerGroupDescribe = 69,
    ControllerRegistration = 70,
    GetTelemetrySubscriptions = 71,
    PushTelemetry = 72,
    AssignReplicasToDirs = 73,
    ListConfigResources = 74,
    DescribeTopicPartitions = 75,
    ShareGroupHeartbeat = 76,
    ShareGroupDescribe = 77,
    ShareFetch = 78,
    ShareAcknowledge = 79,
    AddRaftVoter = 80,
    RemoveRaftVoter = 81,
    UpdateRaftVoter = 82,
    InitializeShareGroupState = 83,
    ReadShareGroupState = 84,
    WriteShareGroupState = 85,
    DeleteShareGroupState = 86,
    ReadShareGroupStateSummary = 87,
    StreamsGroupHeartbeat = 88,
    StreamsGroupDescribe = 89,
    DescribeShareGroupOffsets = 90,
    AlterShareGroupOffsets = 91,
    DeleteShareGroupOffsets = 92,
}

impl ApiKey {
    /// Its number on the wire.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The API with this number.
    pub fn from_code(code: i16) -> Option<Self> {
        ROWS.get(usize::try_from(code).ok()?).map(|row| row.0)
    }

    /// Kafka's name, `OffsetForLeaderEpoch`.
    pub fn name(self) -> &'static str {
        // Rows are in the order of the keys, from 0, without gaps; `rows_are_in_order` holds that.
        ROWS[self.code() as usize].1
    }
}

impl core::fmt::Display for ApiKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

static ROWS: [(ApiKey, &str); 93] = [
    (ApiKey::Produce, "Produce"),
    (ApiKey::Fetch, "Fetch"),
    (ApiKey::ListOffsets, "ListOffsets"),
    (ApiKey::Metadata, "Metadata"),
    (ApiKey::LeaderAndIsr, "LeaderAndIsr"),
    (ApiKey::StopReplica, "StopReplica"),
    (ApiKey::UpdateMetadata, "UpdateMetadata"),
    (ApiKey::ControlledShutdown, "ControlledShutdown"),
    (ApiKey::OffsetCommit, "OffsetCommit"),
    (ApiKey::OffsetFetch, "OffsetFetch"),
    (ApiKey::FindCoordinator, "FindCoordinator"),
    (ApiKey::JoinGroup, "JoinGroup"),
    (ApiKey::Heartbeat, "Heartbeat"),
    (ApiKey::LeaveGroup, "LeaveGroup"),
    (ApiKey::SyncGroup, "SyncGroup"),
    (ApiKey::DescribeGroups, "DescribeGroups"),
    (ApiKey::ListGroups, "ListGroups"),
    (ApiKey::SaslHandshake, "SaslHandshake"),
    (ApiKey::ApiVersions, "ApiVersions"),
    (ApiKey::CreateTopics, "CreateTopics"),
    (ApiKey::DeleteTopics, "DeleteTopics"),
    (ApiKey::DeleteRecords, "DeleteRecords"),
    (ApiKey::InitProducerId, "InitProducerId"),
    (ApiKey::OffsetForLeaderEpoch, "OffsetForLeaderEpoch"),
    (ApiKey::AddPartitionsToTxn, "AddPartitionsToTxn"),
    (ApiKey::AddOffsetsToTxn, "AddOffsetsToTxn"),
    (ApiKey::EndTxn, "EndTxn"),
    (ApiKey::WriteTxnMarkers, "WriteTxnMarkers"),
    (ApiKey::TxnOffsetCommit, "TxnOffsetCommit"),
    (ApiKey::DescribeAcls, "DescribeAcls"),
    (ApiKey::CreateAcls, "CreateAcls"),
    (ApiKey::DeleteAcls, "DeleteAcls"),
    (ApiKey::DescribeConfigs, "DescribeConfigs"),
    (ApiKey::AlterConfigs, "AlterConfigs"),
    (ApiKey::AlterReplicaLogDirs, "AlterReplicaLogDirs"),
    (ApiKey::DescribeLogDirs, "DescribeLogDirs"),
    (ApiKey::SaslAuthenticate, "SaslAuthenticate"),
    (ApiKey::CreatePartitions, "CreatePartitions"),
    (ApiKey::CreateDelegationToken, "CreateDelegationToken"),
    (ApiKey::RenewDelegationToken, "RenewDelegationToken"),
    (ApiKey::ExpireDelegationToken, "ExpireDelegationToken"),
    (ApiKey::DescribeDelegationToken, "DescribeDelegationToken"),
    (ApiKey::DeleteGroups, "DeleteGroups"),
    (ApiKey::ElectLeaders, "ElectLeaders"),
    (ApiKey::IncrementalAlterConfigs, "IncrementalAlterConfigs"),
    (ApiKey::AlterPartitionReassignments, "AlterPartitionReassignments"),
    (ApiKey::ListPartitionReassignments, "ListPartitionReassignments"),
    (ApiKey::OffsetDelete, "OffsetDelete"),
    (ApiKey::DescribeClientQuotas, "DescribeClientQuotas"),
    (ApiKey::AlterClientQuotas, "AlterClientQuotas"),
    (ApiKey::DescribeUserScramCredentials, "DescribeUserScramCredentials"),
    (ApiKey::AlterUserScramCredentials, "AlterUserScramCredentials"),
    (ApiKey::Vote, "Vote"),
    (ApiKey::BeginQuorumEpoch, "BeginQuorumEpoch"),
    (ApiKey::EndQuorumEpoch, "EndQuorumEpoch"),
    (ApiKey::DescribeQuorum, "DescribeQuorum"),
    (ApiKey::AlterPartition, "AlterPartition"),
    (ApiKey::UpdateFeatures, "UpdateFeatures"),
    (ApiKey::Envelope, "Envelope"),
    (ApiKey::FetchSnapshot, "FetchSnapshot"),
    (ApiKey::DescribeCluster, "DescribeCluster"),
    (ApiKey::DescribeProducers, "DescribeProducers"),
    (ApiKey::BrokerRegistration, "BrokerRegistration"),
    (ApiKey::BrokerHeartbeat, "BrokerHeartbeat"),
    (ApiKey::UnregisterBroker, "UnregisterBroker"),
    (ApiKey::DescribeTransactions, "DescribeTransactions"),
    (ApiKey::ListTransactions, "ListTransactions"),
    (ApiKey::AllocateProducerIds, "AllocateProducerIds"),
    (ApiKey::ConsumerGroupHeartbeat, "ConsumerGroupHeartbeat"),
    (ApiKey::ConsumerGroupDescribe, "ConsumerGroupDescribe"),
    (ApiKey::ControllerRegistration, "ControllerRegistration"),
    (ApiKey::GetTelemetrySubscriptions, "GetTelemetrySubscriptions"),
    (ApiKey::PushTelemetry, "PushTelemetry"),
    (ApiKey::AssignReplicasToDirs, "AssignReplicasToDirs"),
    (ApiKey::ListConfigResources, "ListConfigResources"),
    (ApiKey::DescribeTopicPartitions, "DescribeTopicPartitions"),
    (ApiKey::ShareGroupHeartbeat, "ShareGroupHeartbeat"),
    (ApiKey::ShareGroupDescribe, "ShareGroupDescribe"),
    (ApiKey::ShareFetch, "ShareFetch"),
    (ApiKey::ShareAcknowledge, "ShareAcknowledge"),
    (ApiKey::AddRaftVoter, "AddRaftVoter"),
    (ApiKey::RemoveRaftVoter, "RemoveRaftVoter"),
    (ApiKey::UpdateRaftVoter, "UpdateRaftVoter"),
    (ApiKey::InitializeShareGroupState, "InitializeShareGroupState"),
    (ApiKey::ReadShareGroupState, "ReadShareGroupState"),
    (ApiKey::WriteShareGroupState, "WriteShareGroupState"),
    (ApiKey::DeleteShareGroupState, "DeleteShareGroupState"),
    (ApiKey::ReadShareGroupStateSummary, "ReadShareGroupStateSummary"),
    (ApiKey::StreamsGroupHeartbeat, "StreamsGroupHeartbeat"),
    (ApiKey::StreamsGroupDescribe, "StreamsGroupDescribe"),
    (ApiKey::DescribeShareGroupOffsets, "DescribeShareGroupOffsets"),
    (ApiKey::AlterShareGroupOffsets, "AlterShareGroupOffsets"),
    (ApiKey::DeleteShareGroupOffsets, "DeleteShareGroupOffsets"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order() {
        for (index, (key, name)) in ROWS.iter().enumerate() {
            assert_eq!(key.code(), index as i16, "{name}");
            assert_eq!(ApiKey::from_code(key.code()), Some(*key));
        }
        for unknown in [i16::MIN, -1, ROWS.len() as i16, i16::MAX] {
            assert_eq!(ApiKey::from_code(unknown), None);
        }
    }
}
