//! Waits until a cluster has all its brokers, until all of them know what its controller decided, and until what it
//! began is done.

use broker_core::ids::CLUSTER_METADATA_TOPIC;
use broker_core::protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use broker_core::protocol::messages::{
    ApiVersionsRequest, DescribeGroupsRequest, DescribeQuorumRequest, ListPartitionReassignmentsRequest,
    MetadataRequest,
};
use broker_core::protocol::{Request, decode_response, encode_request, frame_prefix};
use bytes::Bytes;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Longest a cluster may take to start.
const LIMIT: Duration = Duration::from_mins(1);
/// A broker has no way to tell that its cluster is complete, so it is asked this often.
const PAUSE: Duration = Duration::from_millis(20);
const METADATA_VERSION: i16 = 12;
const DESCRIBE_QUORUM_VERSION: i16 = 0;
const API_VERSIONS_VERSION: i16 = 3;
const LIST_PARTITION_REASSIGNMENTS_VERSION: i16 = 0;
const DESCRIBE_GROUPS_VERSION: i16 = 5;
const STABLE: &str = "Stable";

/// Asks `address` until it knows of so many brokers.
pub fn wait_for_brokers(address: &str, brokers: u16) -> io::Result<()> {
    let deadline = Instant::now() + LIMIT;
    loop {
        match brokers_known_at(address) {
            Ok(known) if known >= usize::from(brokers) => return Ok(()),
            _ if Instant::now() < deadline => {}
            Ok(known) => return Err(io::Error::other(format!("{known} of {brokers} brokers came up"))),
            Err(error) => return Err(error),
        }
        std::thread::sleep(PAUSE);
    }
}

/// Waits until every broker has applied what is committed to the metadata log now: a topic that was just deleted is
/// else still listed by whoever is quick.
pub fn wait_for_metadata(brokers: &[String]) -> io::Result<()> {
    let Some(first) = brokers.first() else { return Ok(()) };
    let partition = PartitionData::default();
    let topic = TopicData { topic_name: CLUSTER_METADATA_TOPIC.into(), partitions: vec![partition] };
    let quorum = ask(first, DESCRIBE_QUORUM_VERSION, &DescribeQuorumRequest { topics: vec![topic] })?;
    let partition = quorum.topics.first().and_then(|topic| topic.partitions.first());
    let committed = partition.map_or(0, |partition| partition.high_watermark) - 1;
    let deadline = Instant::now() + LIMIT;
    let request = ApiVersionsRequest { client_software_name: "oracle".into(), client_software_version: "1".into() };
    for broker in brokers {
        // Brokers tell the offset of their metadata as the epoch of its features.
        while ask(broker, API_VERSIONS_VERSION, &request)?.finalized_features_epoch < committed {
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("{broker} does not learn of offset {committed}")));
            }
            std::thread::sleep(PAUSE);
        }
    }
    Ok(())
}

/// Waits until a group of the classic protocol has so many members and all of them their partitions.
pub fn wait_for_group(brokers: &[String], group: &str, members: usize) -> io::Result<()> {
    let deadline = Instant::now() + LIMIT;
    let request = DescribeGroupsRequest { groups: vec![group.into()], ..Default::default() };
    while Instant::now() < deadline {
        // Only its coordinator knows it.
        for broker in brokers {
            let described = ask(broker, DESCRIBE_GROUPS_VERSION, &request)?.groups;
            if described.iter().any(|group| &*group.group_state == STABLE && group.members.len() == members) {
                return Ok(());
            }
        }
        std::thread::sleep(PAUSE);
    }
    Err(io::Error::other(format!("group {group} does not get {members} members")))
}

/// Waits until no partition is on its way to other brokers.
pub fn wait_for_reassignments(brokers: &[String]) -> io::Result<()> {
    let Some(first) = brokers.first() else { return Ok(()) };
    let deadline = Instant::now() + LIMIT;
    let request = ListPartitionReassignmentsRequest { topics: None, ..Default::default() };
    while Instant::now() < deadline {
        let ongoing = ask(first, LIST_PARTITION_REASSIGNMENTS_VERSION, &request)?;
        if ongoing.error_code == 0 && ongoing.topics.is_empty() {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err(io::Error::other("partitions are still on their way to other brokers"))
}

fn brokers_known_at(address: &str) -> io::Result<usize> {
    // No topics at all: only brokers are asked for.
    let request = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
    Ok(ask(address, METADATA_VERSION, &request)?.brokers.len())
}

/// Asks one broker on a connection of its own.
fn ask<R: Request>(address: &str, version: i16, request: &R) -> io::Result<R::Response> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let parts = encode_request(version, 1, None, request);
    stream.write_all(&frame_prefix(&parts))?;
    for part in &parts {
        stream.write_all(part)?;
    }
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut frame = Vec::new();
    stream.take(u64::from(u32::from_be_bytes(length))).read_to_end(&mut frame)?;
    let (_, response) =
        decode_response::<R>(version, &Bytes::from(frame)).map_err(|error| io::Error::other(format!("{error:?}")))?;
    Ok(response)
}
