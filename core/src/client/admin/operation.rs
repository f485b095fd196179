//! [`Operation`]: a request that an admin can be asked to make: whom it goes to, and how several answers add up.
//!
//! A program links those operations that it asks for, and no others.

use super::Purpose;
use crate::client::ClusterMetadata;
use crate::client::network_client::{Answer, AnswerError, NetworkClient, RequestOptions, Target};
use crate::ids::NodeId;
use crate::protocol::{ApiKey, ErrorCode, Request};
use crate::text::Str;
use crate::time::Now;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::{self, Debug, Formatter};

/// Whom to ask.
#[derive(Debug)]
pub enum Route {
    /// Any broker.
    Any,
    /// This one.
    Node(NodeId),
    /// The coordinator of this group.
    Coordinator(Str),
    /// Each broker, the same.
    EachBroker,
    /// The active controller where the admin speaks to controllers; any broker otherwise.
    Controller,
    /// As [`Route::Controller`] where the admin speaks to controllers; this broker otherwise.
    NodeOrController(NodeId),
    /// Leaders, each about its partitions.
    Leaders(Vec<(NodeId, AdminRequest)>),
    /// These topics have partitions whose leaders are not known yet.
    Unknown(Vec<Str>),
}

/// A request an admin can be asked to make.
pub trait Operation: Request + Clone + Send + Sync + 'static {
    /// What Kafka's admin calls it in its messages.
    const CALL: &'static str;
    /// A later version is not asked for.
    const MAX_VERSION: Option<i16> = None;
    /// A group's coordinator is the one to ask.
    const IS_FOR_COORDINATOR: bool = false;
    /// Only brokers are asked: an admin that speaks to controllers refuses.
    const IS_FOR_BROKERS: bool = false;

    /// As [`Operation::CALL`], for what this one asks.
    fn call(&self) -> &'static str {
        Self::CALL
    }

    /// Fills in what the versions of a request name differently.
    fn complete(&mut self) {}

    /// Whom to ask.
    fn route(&self, _: &ClusterMetadata) -> Route {
        Route::Any
    }

    /// The errors by which a broker may say that another is the one to ask by now.
    fn errors(_: &Self::Response) -> Vec<i16> {
        Vec::new()
    }

    /// Adds a broker's answer to those of others.
    fn gather(all: &mut Self::Response, more: Self::Response) {
        *all = more;
    }
}

/// An [`Operation`] of any kind.
#[derive(Clone)]
pub struct AdminRequest(Arc<dyn AnyOperation>);

impl Debug for AdminRequest {
    /// What it is called: to show its content would bring the code that shows each kind of request.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("AdminRequest").field(&self.call()).finish()
    }
}

impl<R: Operation> From<R> for AdminRequest {
    fn from(mut request: R) -> Self {
        request.complete();
        Self(Arc::new(request))
    }
}

/// Where the parts of a request go.
pub(super) enum Plan {
    Send(Vec<(Target, AdminRequest)>),
    FindCoordinator(Str),
    /// Leaders are not known yet.
    Wait,
}

impl AdminRequest {
    pub(super) fn api(&self) -> ApiKey {
        self.0.api()
    }

    /// What Kafka's admin calls it in its messages.
    pub(super) fn call(&self) -> &'static str {
        self.0.call()
    }

    /// How Kafka's admin names what it asks first, to learn whom to ask.
    pub(super) fn lookup(&self, metadata: &ClusterMetadata) -> &'static str {
        match self.0.route(metadata) {
            _ if self.0.is_for_coordinator() => "(api=FIND_COORDINATOR)",
            Route::Leaders(_) | Route::Unknown(_) => "(api=METADATA)",
            _ => "",
        }
    }

    pub(super) fn is_for_brokers(&self) -> bool {
        self.0.is_for_brokers()
    }

    pub(super) fn send(&self, network: &mut NetworkClient<Purpose>, now: Now, to: Target, purpose: Purpose) {
        self.0.send(network, now, to, purpose);
    }

    /// Reads an answer: true where another broker is the one to ask by now.
    pub(super) fn has_moved(&self, answer: &Answer<Purpose>) -> Result<bool, AnswerError> {
        const ELSEWHERE: [ErrorCode; 5] = [
            ErrorCode::NotCoordinator,
            ErrorCode::CoordinatorNotAvailable,
            ErrorCode::CoordinatorLoadInProgress,
            ErrorCode::NotLeaderOrFollower,
            ErrorCode::NotController,
        ];
        let is_elsewhere = |code| ErrorCode::from_code(code).is_some_and(|error| ELSEWHERE.contains(&error));
        Ok(self.0.errors(answer)?.into_iter().any(is_elsewhere))
    }

    /// Whom to ask; `coordinator` where it was found.
    pub(super) fn plan(&self, network: &mut NetworkClient<Purpose>, coordinator: Option<NodeId>) -> Plan {
        let to = |target| Plan::Send(vec![(target, self.clone())]);
        match (self.0.route(network.metadata()), coordinator) {
            (Route::Coordinator(group), None) => Plan::FindCoordinator(group),
            (Route::Controller | Route::NodeOrController(_), _) if network.is_for_controllers() => {
                let leader = network.metadata().controller_id;
                if network.metadata().brokers.contains_key(&leader) { to(Target::Node(leader)) } else { Plan::Wait }
            }
            (Route::Coordinator(_), Some(node)) | (Route::Node(node) | Route::NodeOrController(node), _) => {
                to(Target::Node(node))
            }
            (Route::Any | Route::Controller, _) => to(Target::Any),
            (Route::EachBroker, _) => {
                let nodes: Vec<NodeId> = network.metadata().brokers.keys().copied().collect();
                if nodes.is_empty() {
                    return Plan::Wait;
                }
                Plan::Send(nodes.into_iter().map(|node| (Target::Node(node), self.clone())).collect())
            }
            (Route::Leaders(parts), _) => {
                Plan::Send(parts.into_iter().map(|(node, part)| (Target::Node(node), part)).collect())
            }
            (Route::Unknown(topics), _) => {
                for topic in &topics {
                    network.want_topic(topic);
                }
                Plan::Wait
            }
        }
    }
}

/// What all operations have in common once their types are forgotten.
trait AnyOperation: Send + Sync {
    fn api(&self) -> ApiKey;
    fn call(&self) -> &'static str;
    fn is_for_coordinator(&self) -> bool;
    fn is_for_brokers(&self) -> bool;
    fn route(&self, metadata: &ClusterMetadata) -> Route;
    fn send(&self, network: &mut NetworkClient<Purpose>, now: Now, to: Target, purpose: Purpose);
    fn errors(&self, answer: &Answer<Purpose>) -> Result<Vec<i16>, AnswerError>;
}

impl<R: Operation> AnyOperation for R {
    fn api(&self) -> ApiKey {
        R::KEY
    }

    fn call(&self) -> &'static str {
        Operation::call(self)
    }

    fn is_for_coordinator(&self) -> bool {
        R::IS_FOR_COORDINATOR
    }

    fn is_for_brokers(&self) -> bool {
        R::IS_FOR_BROKERS
    }

    fn route(&self, metadata: &ClusterMetadata) -> Route {
        Operation::route(self, metadata)
    }

    fn send(&self, network: &mut NetworkClient<Purpose>, now: Now, to: Target, purpose: Purpose) {
        let options = RequestOptions { max_version: R::MAX_VERSION, ..Default::default() };
        network.send_with(now, to, self.clone(), purpose, options);
    }

    fn errors(&self, answer: &Answer<Purpose>) -> Result<Vec<i16>, AnswerError> {
        Ok(R::errors(&answer.decode::<R>()?))
    }
}
