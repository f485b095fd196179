//! Clients as processes: the real sans-I/O clients, on the simulated network as the nodes are.

use super::cluster::{ClientArrival, Cluster};
use crate::client::{
    Admin, AdminError, AdminResponse, ClientInput, ClientOutput, Consumer, ConsumerEvent, Producer, ProducerEvent,
    TransactionOutcome,
};
use crate::text::Str;
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What a client told its program.
#[derive(Clone, Debug)]
pub enum ClientEvent {
    /// A producer.
    Producer(ProducerEvent),
    /// A consumer.
    Consumer(ConsumerEvent),
    /// A producer: what a call about transactions came to.
    Transaction(TransactionOutcome),
    /// An admin: the request and what came of it.
    Admin(u64, Result<AdminResponse, AdminError>),
}

/// Which client it is.
#[derive(Clone, Debug)]
pub enum Client {
    /// Writes.
    Producer(Box<Producer>),
    /// Reads.
    Consumer(Box<Consumer>),
    /// Creates and deletes.
    Admin(Box<Admin>),
}

/// A client's process.
#[derive(Clone, Debug)]
pub struct ClientProcess {
    /// Its number on the network.
    pub number: u32,
    /// `client.id`.
    pub name: Str,
    /// The client.
    pub client: Client,
}

impl ClientProcess {
    /// Something arrived, or its time came.
    pub fn handle(&mut self, cluster: &Cluster, arrival: ClientArrival) {
        let now = cluster.now();
        let input = match arrival {
            ClientArrival::Connected { connection, accepted: true } => ClientInput::Connected { connection },
            ClientArrival::Connected { connection, accepted: false } => ClientInput::ConnectFailed { connection },
            ClientArrival::Frame { connection, bytes } => ClientInput::Frame { connection, bytes },
            ClientArrival::Closed { connection } => ClientInput::Closed { connection },
            ClientArrival::Timeout => ClientInput::Timeout,
        };
        match &mut self.client {
            Client::Producer(producer) => producer.handle(now, input),
            Client::Consumer(consumer) => consumer.handle(now, input),
            Client::Admin(admin) => admin.handle(now, input),
        }
    }

    /// Takes what it told, then hands what it wants to the network. To be called after everything done to it.
    pub fn settle(&mut self, cluster: &mut Cluster) -> Vec<ClientEvent> {
        let events = self.take_events();
        while let Some(output) = self.poll_output() {
            match output {
                ClientOutput::Connect { connection, host, port } => {
                    cluster.client_connect(self.number, connection, &host, port);
                }
                ClientOutput::Send { connection, bytes } => cluster.client_send(self.number, connection, &bytes),
                ClientOutput::Close { connection } => cluster.client_close(self.number, connection),
            }
        }
        cluster.client_wait(self.number, self.next_deadline());
        events
    }

    /// The consumer, where it is one.
    pub fn consumer(&self) -> Option<&Consumer> {
        if let Client::Consumer(consumer) = &self.client { Some(consumer) } else { None }
    }

    fn take_events(&mut self) -> Vec<ClientEvent> {
        let mut events = Vec::new();
        match &mut self.client {
            Client::Producer(producer) => {
                while let Some(event) = producer.poll_event() {
                    events.push(ClientEvent::Producer(event));
                }
                while let Some(outcome) = producer.poll_transaction() {
                    events.push(ClientEvent::Transaction(outcome));
                }
            }
            Client::Consumer(consumer) => {
                while let Some(event) = consumer.poll_event() {
                    events.push(ClientEvent::Consumer(event));
                }
            }
            Client::Admin(admin) => {
                while let Some((request, result)) = admin.poll_event() {
                    events.push(ClientEvent::Admin(request, result));
                }
            }
        }
        events
    }

    fn poll_output(&mut self) -> Option<ClientOutput> {
        match &mut self.client {
            Client::Producer(producer) => producer.poll_output(),
            Client::Consumer(consumer) => consumer.poll_output(),
            Client::Admin(admin) => admin.poll_output(),
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let deadline = match &self.client {
            Client::Producer(producer) => producer.next_deadline(),
            Client::Consumer(consumer) => consumer.next_deadline(),
            Client::Admin(admin) => admin.next_deadline(),
        };
        deadline.map(|(at, _)| at)
    }
}
