//! The requests a group coordinator answers, typed, and their answers.

use crate::ids::{PartitionIndex, Uuid};
use crate::protocol::ErrorCode;
use crate::protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, HeartbeatRequest,
    HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest,
    ListGroupsResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    OffsetFetchRequest, OffsetFetchResponse, SyncGroupRequest, SyncGroupResponse, TxnOffsetCommitResponse,
};
use crate::text::Str;

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestContext {
    /// `client.id` of the request's header; empty where it has none.
    pub client_id: Str,
    /// The peer's address as Kafka prints it, `/127.0.0.1`.
    pub client_host: Str,
    /// Version of the request, one the response will be encoded in.
    pub api_version: i16,
}

/// What the coordinator needs to know of topics; the metadata image answers it.
pub trait TopicLookup {
    /// Number of partitions of a topic; `None` where it does not exist.
    fn partition_count(&self, topic: &str) -> Option<PartitionIndex>;
    /// Id of a topic by name.
    fn topic_id(&self, topic: &str) -> Option<Uuid>;
    /// Name of a topic by id.
    fn topic_name(&self, topic_id: Uuid) -> Option<Str>;
}

/// A request to the coordinator of its group (or groups).
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum GroupRequest {
    JoinGroup(JoinGroupRequest),
    SyncGroup(SyncGroupRequest),
    Heartbeat(HeartbeatRequest),
    LeaveGroup(LeaveGroupRequest),
    OffsetCommit(OffsetCommitRequest),
    OffsetFetch(OffsetFetchRequest),
    OffsetDelete(OffsetDeleteRequest),
    DescribeGroups(DescribeGroupsRequest),
    ListGroups(ListGroupsRequest),
    DeleteGroups(DeleteGroupsRequest),
}

/// An answer of the coordinator.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum GroupResponse {
    JoinGroup(JoinGroupResponse),
    SyncGroup(SyncGroupResponse),
    Heartbeat(HeartbeatResponse),
    LeaveGroup(LeaveGroupResponse),
    OffsetCommit(OffsetCommitResponse),
    OffsetFetch(OffsetFetchResponse),
    OffsetDelete(OffsetDeleteResponse),
    DescribeGroups(DescribeGroupsResponse),
    ListGroups(ListGroupsResponse),
    DeleteGroups(DeleteGroupsResponse),
    TxnOffsetCommit(TxnOffsetCommitResponse),
    /// A marker is written and replicated, or not; the error, or [`ErrorCode::None`], is for `WriteTxnMarkers` to answer.
    CompleteTransaction(ErrorCode),
}

impl GroupRequest {
    /// The group of a request for one group.
    pub(super) fn group_id(&self) -> Option<&Str> {
        match self {
            Self::JoinGroup(request) => Some(&request.group_id),
            Self::SyncGroup(request) => Some(&request.group_id),
            Self::Heartbeat(request) => Some(&request.group_id),
            Self::LeaveGroup(request) => Some(&request.group_id),
            Self::OffsetCommit(request) => Some(&request.group_id),
            Self::OffsetDelete(request) => Some(&request.group_id),
            Self::OffsetFetch(_) | Self::DescribeGroups(_) | Self::ListGroups(_) | Self::DeleteGroups(_) => None,
        }
    }

    /// True where Kafka takes an empty group id only for old offset requests.
    pub(super) fn needs_group_id(&self) -> bool {
        !matches!(self, Self::OffsetCommit(_))
    }

    /// The answer where nothing of a request for one group could be done.
    pub(super) fn error_response(&self, api_version: i16, error: ErrorCode) -> Option<GroupResponse> {
        let error_code = error.code();
        Some(match self {
            Self::JoinGroup(request) => GroupResponse::JoinGroup(JoinGroupResponse {
                error_code,
                member_id: request.member_id.clone(),
                protocol_name: (api_version < 7).then(Str::default),
                ..JoinGroupResponse::default()
            }),
            Self::SyncGroup(_) => {
                GroupResponse::SyncGroup(SyncGroupResponse { error_code, ..SyncGroupResponse::default() })
            }
            Self::Heartbeat(_) => {
                GroupResponse::Heartbeat(HeartbeatResponse { error_code, ..HeartbeatResponse::default() })
            }
            Self::LeaveGroup(_) => {
                GroupResponse::LeaveGroup(LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() })
            }
            Self::OffsetCommit(request) => {
                GroupResponse::OffsetCommit(super::offset_commit::error_response(request, error))
            }
            Self::OffsetDelete(_) => {
                GroupResponse::OffsetDelete(OffsetDeleteResponse { error_code, ..OffsetDeleteResponse::default() })
            }
            Self::OffsetFetch(_) | Self::DescribeGroups(_) | Self::ListGroups(_) | Self::DeleteGroups(_) => {
                return None;
            }
        })
    }
}
