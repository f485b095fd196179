//! The group coordinator at work: its records are appended to its partitions, its answers sent.

use super::broker::Broker;
use super::inbound::Token;
use crate::coordinator::group::{GroupOutput, GroupRequest, GroupResponse, RequestContext};
use crate::ids::{CONSUMER_OFFSETS_TOPIC, TopicPartition};
use crate::protocol::messages as m;

impl Broker {
    /// Gives a request to the group coordinator.
    pub(super) fn ask_groups(&mut self, token: Token, who: RequestContext, request: GroupRequest) {
        let image = self.image.clone();
        self.groups.handle(self.now, token, who, request, &image);
    }

    /// Carries out what the coordinator wants.
    pub(super) fn group_output(&mut self, output: GroupOutput) {
        match output {
            GroupOutput::Append { partition, append_id, batch } => {
                let partition = TopicPartition::new(CONSUMER_OFFSETS_TOPIC, partition);
                let result = self.append_for_coordinator(&partition, &batch);
                self.groups.append_result(self.now, append_id, result);
            }
            GroupOutput::Respond { token, response } => self.respond_group(token, &response),
            GroupOutput::Event(event) => self.event(event),
        }
    }

    fn respond_group(&mut self, token: Token, response: &GroupResponse) {
        match response {
            GroupResponse::JoinGroup(response) => self.respond::<m::JoinGroupRequest>(token, response),
            GroupResponse::SyncGroup(response) => self.respond::<m::SyncGroupRequest>(token, response),
            GroupResponse::Heartbeat(response) => self.respond::<m::HeartbeatRequest>(token, response),
            GroupResponse::LeaveGroup(response) => self.respond::<m::LeaveGroupRequest>(token, response),
            GroupResponse::OffsetCommit(response) => self.respond::<m::OffsetCommitRequest>(token, response),
            GroupResponse::OffsetFetch(response) => self.respond::<m::OffsetFetchRequest>(token, response),
            GroupResponse::OffsetDelete(response) => self.respond::<m::OffsetDeleteRequest>(token, response),
            GroupResponse::DescribeGroups(response) => self.respond::<m::DescribeGroupsRequest>(token, response),
            GroupResponse::ListGroups(response) => self.respond::<m::ListGroupsRequest>(token, response),
            GroupResponse::DeleteGroups(response) => self.respond::<m::DeleteGroupsRequest>(token, response),
        }
    }
}
