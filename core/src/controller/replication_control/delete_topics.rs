//! `DeleteTopics`.

use super::super::decision::{ApiError, ControllerResult, Decision};
use super::create_topics::check_quota;
use crate::ids::Uuid;
use crate::metadata::MetadataRecord;
use crate::protocol::ErrorCode;
use crate::protocol::messages::delete_topics_request::DeleteTopicState;
use crate::protocol::messages::delete_topics_response::DeletableTopicResult;
use crate::protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, RemoveTopicRecord};
use crate::quota::ControllerMutationQuota;
use crate::text::Str;
use alloc::vec::Vec;

impl Decision<'_> {
    /// Deletes the topics that exist.
    pub(in crate::controller) fn delete_topics(
        self,
        request: &DeleteTopicsRequest,
        quota: &mut ControllerMutationQuota,
    ) -> ControllerResult<DeleteTopicsResponse> {
        let by_name = request.topic_names.iter().map(|name| (Some(name.clone()), Uuid::ZERO));
        let by_state = request.topics.iter().map(|DeleteTopicState { name, topic_id }| (name.clone(), *topic_id));
        let wanted: Vec<(Option<Str>, Uuid)> = by_name.chain(by_state).collect();
        let mut deleted: Vec<Uuid> = Vec::new();
        let mut responses: Vec<DeletableTopicResult> = Vec::new();
        for (position, topic) in wanted.iter().enumerate() {
            // What is named more than once is answered once, with an error.
            let named_before = wanted.iter().take(position).any(|other| other == topic);
            if named_before {
                continue;
            }
            let named_again = wanted.iter().skip(position + 1).any(|other| other == topic);
            let (name, topic_id) = topic;
            let outcome = if named_again {
                Err(duplicate(name.as_ref()))
            } else {
                self.topic_to_delete(name.as_ref(), *topic_id)
            };
            let outcome = match outcome {
                Ok((_, id)) if deleted.contains(&id) => {
                    let message = "The provided topic name maps to an ID that was already supplied.";
                    Err(ApiError::new(ErrorCode::InvalidRequest, message))
                }
                Ok((name, id)) => {
                    let partitions = self.image.topics.by_id(id).map_or(0, |topic| topic.partitions.len());
                    check_quota(quota, partitions).map(|()| (name, id))
                }
                Err(error) => Err(error),
            };
            responses.push(match outcome {
                Ok((name, topic_id)) => {
                    deleted.push(topic_id);
                    DeletableTopicResult { name: Some(name), topic_id, ..Default::default() }
                }
                Err(error) => DeletableTopicResult {
                    name: name.clone(),
                    topic_id: *topic_id,
                    error_code: error.code(),
                    error_message: Some(error.text()),
                },
            });
        }
        let remove = |topic_id| MetadataRecord::RemoveTopic(RemoveTopicRecord { topic_id });
        let records = deleted.into_iter().map(remove).collect();
        ControllerResult::new(records, DeleteTopicsResponse { responses, ..Default::default() })
    }

    fn topic_to_delete(self, name: Option<&Str>, topic_id: Uuid) -> Result<(Str, Uuid), ApiError> {
        if !self.config.node.topics.delete_topic_enable {
            return Err(ErrorCode::TopicDeletionDisabled.into());
        }
        let by_id = topic_id != Uuid::ZERO;
        let refused = |message: &str| Err(ApiError::new(ErrorCode::InvalidRequest, message));
        match name {
            Some(_) if by_id => refused("You may not specify both topic name and topic id."),
            None if !by_id => refused("Neither topic name nor id were specified."),
            Some(name) => {
                let id = self.image.topics.id_of(name).ok_or(ErrorCode::UnknownTopicOrPartition)?;
                Ok((name.clone(), id))
            }
            None => {
                let name = self.image.topics.name_of(topic_id).ok_or(ErrorCode::UnknownTopicId)?;
                Ok((name.clone(), topic_id))
            }
        }
    }
}

fn duplicate(name: Option<&Str>) -> ApiError {
    let message = if name.is_some() { "Duplicate topic name." } else { "Duplicate topic id." };
    ApiError::new(ErrorCode::InvalidRequest, message)
}
