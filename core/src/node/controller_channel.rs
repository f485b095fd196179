//! What a broker asks the active controller: on its own behalf, and for clients (KIP-590 forwarding).

use super::broker::{Broker, Purpose};
use super::channels::{Channel, Endpoint, Sent};
use super::handlers::{Altering, altered_configs};
use super::inbound::{Answer, Asked, Token};
use crate::config::quota_config::CONTROLLER_MUTATION_RATE;
use crate::ids::NodeId;
use crate::protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, EnvelopeRequest, EnvelopeResponse,
};
use crate::protocol::{ApiKey, ErrorCode, Request, Writer, decode_response};
use crate::text::Str;
use crate::time::{Duration, Instant};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};

/// A client's request on its way to the active controller.
#[derive(Clone, Debug)]
pub(super) struct Forward {
    token: Token,
    frame: Bytes,
    /// What else the client is told, where this is a part of what it asked.
    altering: Option<Altering>,
    deadline: Instant,
}

/// Requests that wait for an active controller to be known.
#[derive(Clone, Debug, Default)]
pub(super) struct Forwarding {
    waiting: VecDeque<Forward>,
    not_before: Instant,
}

/// `retry.backoff.ms` of the channel.
const RETRY_BACKOFF: Duration = Duration::from_millis(100);

impl Forwarding {
    /// When a waiting request is tried again or given up.
    pub(super) fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        let first = self.waiting.iter().map(|forward| forward.deadline).min()?;
        Some((first.min(self.not_before), "forward to the active controller"))
    }
}

/// How long the controller told a client to wait, in milliseconds.
fn throttle_ms(asked: &Asked, response: &Bytes) -> i32 {
    let version = asked.version;
    let told = match asked.api_key {
        ApiKey::CreateTopics => {
            decode_response::<CreateTopicsRequest>(version, response).map(|it| it.1.throttle_time_ms)
        }
        ApiKey::DeleteTopics => {
            decode_response::<DeleteTopicsRequest>(version, response).map(|it| it.1.throttle_time_ms)
        }
        ApiKey::CreatePartitions => {
            decode_response::<CreatePartitionsRequest>(version, response).map(|it| it.1.throttle_time_ms)
        }
        _ => Ok(0),
    };
    told.unwrap_or_default()
}

impl Broker {
    /// True where this node is the active controller.
    pub(super) fn is_active_controller(&self) -> bool {
        self.controller.as_ref().is_some_and(crate::controller::QuorumController::is_active)
    }

    /// Where the active controller listens, if one is known.
    fn controller_endpoint(&self) -> Option<(NodeId, Endpoint)> {
        let leader = self.raft.leader_and_epoch().0?;
        Some((leader, self.voter_endpoint(leader)?))
    }

    /// Where a voter's controller listener is, or a bootstrap server's.
    pub(super) fn voter_endpoint(&self, id: NodeId) -> Option<Endpoint> {
        let (host, port) = self.raft.endpoint(id)?;
        Some(Endpoint { host, port })
    }

    /// Sends a request of this broker to the active controller; false where none is known.
    pub(super) fn ask_controller<R: Request>(&mut self, request: &R, purpose: Purpose) -> bool {
        let Some((_, endpoint)) = self.controller_endpoint() else { return false };
        let deadline = self.now.monotonic + self.config.quorum.request_timeout;
        self.channels.send(Channel::Controller, &endpoint, *R::VERSIONS.end(), request, purpose, deadline);
        true
    }

    /// Another node leads the quorum, or none: what was asked of the one before has failed.
    pub(super) fn controller_changed(&mut self) {
        let current = self.controller_endpoint().map(|(_, endpoint)| endpoint);
        if self.channels.endpoint(Channel::Controller) != current.as_ref() {
            let failed = self.channels.close(self.now.monotonic, &mut self.rng, Channel::Controller, &mut self.outputs);
            self.requests_failed(failed);
        }
        self.forwarding.not_before = self.now.monotonic;
        if let Some(lifecycle) = self.lifecycle.as_mut() {
            lifecycle.hurry(self.now.monotonic);
        }
    }

    /// Sends a client's request, or one made here, on to the active controller; it waits while none is known. With `altering`
    /// the answer is a part of what the client is told.
    pub(super) fn forward_frame(&mut self, token: Token, frame: Bytes, altering: Option<Altering>) {
        let deadline = self.now.monotonic + self.config.network.request_timeout;
        self.forwarding.waiting.push_back(Forward { token, frame, altering, deadline });
        self.forwarding.not_before = self.now.monotonic;
    }

    /// Sends what waits, gives up what waited too long.
    pub(super) fn poll_forwarding(&mut self) {
        let now = self.now.monotonic;
        if self.forwarding.waiting.is_empty() {
            return;
        }
        let waiting = core::mem::take(&mut self.forwarding.waiting);
        let (overdue, waiting): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|forward| forward.deadline <= now);
        self.forwarding.waiting = waiting.into();
        for forward in overdue {
            self.forward_failed(forward.token);
        }
        if now < self.forwarding.not_before {
            return;
        }
        for forward in core::mem::take(&mut self.forwarding.waiting) {
            let request = EnvelopeRequest {
                request_data: forward.frame.clone(),
                request_principal: Some(anonymous_principal()),
                client_host_address: Bytes::from_static(&[127, 0, 0, 1]),
            };
            if !self.ask_controller(&request, Purpose::Forward(forward.clone())) {
                self.forwarding.waiting.push_back(forward);
            }
        }
        self.forwarding.not_before = now + RETRY_BACKOFF;
    }

    /// The envelope came back.
    pub(super) fn forward_answered(&mut self, forward: Forward, response: EnvelopeResponse) {
        match (ErrorCode::from_code(response.error_code), response.response_data) {
            (Some(ErrorCode::None), Some(data)) => match forward.altering {
                None => self.forwarded_response(forward.token, data),
                Some(altering) => {
                    if !altered_configs(self, forward.token, altering, &data) {
                        self.forward_failed(forward.token);
                    }
                }
            },
            (Some(ErrorCode::NotController), _) => self.forward_again(forward),
            _ => self.forward_failed(forward.token),
        }
    }

    /// No answer: another controller is asked, until the time is over.
    pub(super) fn forward_again(&mut self, forward: Forward) {
        self.forwarding.not_before = self.now.monotonic + RETRY_BACKOFF;
        self.forwarding.waiting.push_back(forward);
    }

    fn forwarded_response(&mut self, token: Token, data: Bytes) {
        match self.inbound.settle(token) {
            Some(Answer::Client(asked)) => {
                // The controller counted what was changed; here is the connection that waits for it.
                let client_id = asked.client_id.clone();
                self.throttle(asked.connection, client_id, CONTROLLER_MUTATION_RATE, throttle_ms(&asked, &data));
                // Header and body are those the client waits for: the enveloped request kept its correlation id.
                self.send(asked.connection, alloc::vec![data]);
            }
            Some(Answer::Itself) => self.auto_topics.answered(token),
            _ => {}
        }
    }

    /// Kafka answers a forward that no controller took in time by closing the connection.
    fn forward_failed(&mut self, token: Token) {
        match self.inbound.settle(token) {
            Some(Answer::Client(asked)) => self.close(asked.connection),
            Some(Answer::Itself) => self.auto_topics.answered(token),
            _ => {}
        }
    }

    /// A broker's request was lost with its connection.
    pub(super) fn requests_failed(&mut self, failed: Vec<Sent<Purpose>>) {
        for sent in failed {
            self.request_failed(sent.purpose);
        }
    }
}

/// `User:ANONYMOUS`, serialized as `DefaultPrincipalData` version 0: whoever comes over PLAINTEXT.
fn anonymous_principal() -> Bytes {
    let mut writer = Writer::new();
    writer.int16(0);
    writer.set_flexible(true);
    writer.string(&Str::from_static("User"));
    writer.string(&Str::from_static("ANONYMOUS"));
    writer.bool(false);
    writer.no_tags();
    let mut bytes = BytesMut::new();
    for part in writer.into_parts() {
        bytes.extend_from_slice(&part);
    }
    bytes.freeze()
}
