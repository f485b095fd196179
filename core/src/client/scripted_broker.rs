//! For tests: a broker that answers as told, over the real codec, and a host that connects clients with it.

use super::{ClientInput, ClientOutput};
use crate::ids::{ConnectionId, Uuid};
use crate::protocol::api_versions::{Listener, ReleaseLine, listed_apis, unsupported_version_response};
use crate::protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey};
use crate::protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use crate::protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, MetadataRequest};
use crate::protocol::{ErrorCode, Request, RequestHeader, decode_request, decode_request_header, encode_response};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

/// What Kafka's brokers speak for transactions, also where ours do not.
const TRANSACTION_APIS: [(i16, i16, i16); 4] = [(24, 0, 5), (25, 0, 4), (26, 0, 5), (28, 0, 5)];

/// One request as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) connection: ConnectionId,
    pub(super) port: u16,
    pub(super) header: RequestHeader,
    frame: Bytes,
}

impl Asked {
    pub(super) fn is<R: Request>(&self) -> bool {
        self.header.api_key == R::KEY.code()
    }

    pub(super) fn decode<R: Request>(&self) -> R {
        decode_request::<R>(&self.frame).expect("clients send what the schema says").1
    }

    pub(super) fn answer<R: Request>(&self, response: &R::Response) -> ClientInput {
        let parts = encode_response::<R>(self.header.api_version, self.header.correlation_id, response);
        ClientInput::Frame { connection: self.connection, bytes: parts.concat().into() }
    }
}

/// Brokers on ports 9092 and up, node ids from 1; connections open unless refused.
#[derive(Clone, Debug)]
pub(super) struct ScriptedCluster {
    pub(super) brokers: i32,
    /// Topics: name, leaders of the partitions with epochs.
    pub(super) topics: SortedMap<Str, Vec<(i32, i32)>>,
    pub(super) refused_ports: Vec<u16>,
    /// Highest version of `ApiVersions` it knows.
    pub(super) max_api_versions: i16,
    /// Highest version of an API, where lower than Kafka's.
    pub(super) max_versions: SortedMap<i16, i16>,
    /// Level of the finalized feature `transaction.version`.
    pub(super) transaction_version: i16,
    pub(super) connections: SortedMap<ConnectionId, u16>,
    pub(super) connects: Vec<u16>,
    pub(super) asked: Vec<Asked>,
}

impl ScriptedCluster {
    pub(super) fn new(brokers: i32, topics: &[(&str, &[(i32, i32)])]) -> Self {
        let topics = topics.iter().map(|(name, leaders)| (Str::from(*name), leaders.to_vec()));
        Self {
            brokers,
            topics: topics.collect(),
            refused_ports: Vec::new(),
            max_api_versions: 4,
            max_versions: SortedMap::new(),
            transaction_version: 0,
            connections: SortedMap::new(),
            connects: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// Takes an output; answers connecting, `ApiVersions` and `Metadata` by itself, keeps the rest in `asked`.
    pub(super) fn take(&mut self, output: ClientOutput) -> Option<ClientInput> {
        match output {
            ClientOutput::Connect { connection, port, .. } => {
                self.connects.push(port);
                if self.refused_ports.contains(&port) {
                    return Some(ClientInput::ConnectFailed { connection });
                }
                self.connections.insert(connection, port);
                Some(ClientInput::Connected { connection })
            }
            ClientOutput::Close { connection } => {
                self.connections.remove(&connection);
                self.asked.retain(|asked| asked.connection != connection);
                None
            }
            ClientOutput::Send { connection, bytes } => {
                let port = *self.connections.get(&connection)?;
                let frame = Bytes::from(bytes.concat());
                let (header, _) = decode_request_header(&frame).expect("clients send headers");
                self.answer_or_keep(Asked { connection, port, header, frame })
            }
        }
    }

    /// The requests of one type that wait for an answer.
    pub(super) fn take_asked<R: Request>(&mut self) -> Vec<Asked> {
        let (taken, kept) = core::mem::take(&mut self.asked).into_iter().partition(Asked::is::<R>);
        self.asked = kept;
        taken
    }

    /// Breaks every connection to a port.
    pub(super) fn break_connections(&mut self, port: u16) -> Vec<ClientInput> {
        let broken: Vec<_> = self.connections.iter().filter(|(_, to)| **to == port).map(|(id, _)| *id).collect();
        self.connections.retain(|_, to| *to != port);
        self.asked.retain(|asked| asked.port != port);
        broken.into_iter().map(|connection| ClientInput::Closed { connection }).collect()
    }

    fn answer_or_keep(&mut self, asked: Asked) -> Option<ClientInput> {
        if asked.is::<ApiVersionsRequest>() {
            return Some(self.answer_api_versions(asked));
        }
        if asked.is::<MetadataRequest>() {
            return Some(asked.answer::<MetadataRequest>(&self.metadata(&asked.decode())));
        }
        self.asked.push(asked);
        None
    }

    fn answer_api_versions(&self, mut asked: Asked) -> ClientInput {
        if asked.header.api_version > self.max_api_versions {
            let mut response = unsupported_version_response(ReleaseLine::V4_3);
            response.api_keys[0].max_version = self.max_api_versions;
            asked.header.api_version = 0;
            return asked.answer::<ApiVersionsRequest>(&response);
        }
        let mut api_keys = listed_apis(ReleaseLine::V4_3, Listener::Broker);
        for api in &mut api_keys {
            api.max_version = *self.max_versions.get(&api.api_key).unwrap_or(&api.max_version);
        }
        for (api_key, min_version, max_version) in TRANSACTION_APIS {
            if !api_keys.iter().any(|api| api.api_key == api_key) {
                api_keys.push(ApiVersion { api_key, min_version, max_version });
            }
        }
        let transactions = FinalizedFeatureKey {
            name: Str::from("transaction.version"),
            max_version_level: self.transaction_version,
            min_version_level: self.transaction_version,
        };
        asked.answer::<ApiVersionsRequest>(&ApiVersionsResponse {
            api_keys,
            finalized_features_epoch: 1,
            finalized_features: vec![transactions],
            ..Default::default()
        })
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let brokers = (1..=self.brokers).map(|node_id| MetadataResponseBroker {
            node_id,
            host: Str::from("broker"),
            port: 9091 + node_id,
            rack: None,
        });
        let asked = request.topics.iter().flatten().filter_map(|topic| topic.name.clone());
        let names: Vec<Str> =
            if request.topics.is_none() { self.topics.keys().cloned().collect() } else { asked.collect() };
        MetadataResponse {
            brokers: brokers.collect(),
            controller_id: 1,
            topics: names.iter().map(|name| self.topic(name)).collect(),
            ..Default::default()
        }
    }

    fn topic(&self, name: &Str) -> MetadataResponseTopic {
        let Some(leaders) = self.topics.get(name) else {
            let error_code = ErrorCode::UnknownTopicOrPartition.code();
            return MetadataResponseTopic { error_code, name: Some(name.clone()), ..Default::default() };
        };
        let partition = |(index, leader): (usize, &(i32, i32))| MetadataResponsePartition {
            partition_index: index as i32,
            leader_id: leader.0,
            leader_epoch: leader.1,
            replica_nodes: vec![leader.0],
            isr_nodes: vec![leader.0],
            ..Default::default()
        };
        MetadataResponseTopic {
            name: Some(name.clone()),
            topic_id: topic_id(name),
            partitions: leaders.iter().enumerate().map(partition).collect(),
            ..Default::default()
        }
    }
}

/// An id made of the name.
pub(super) fn topic_id(name: &str) -> Uuid {
    Uuid::from_u128(name.bytes().fold(0xff, |id, byte| (id << 8) | u128::from(byte)))
}
