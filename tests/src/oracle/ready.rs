//! Waits until a cluster has all its brokers or misses one, until all of them know what its controller decided, and
//! until what it began is done.

use broker_core::ids::CLUSTER_METADATA_TOPIC;
use broker_core::protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use broker_core::protocol::messages::{
    ApiVersionsRequest, DescribeGroupsRequest, DescribeLogDirsRequest, DescribeQuorumRequest,
    ListPartitionReassignmentsRequest, MetadataRequest,
};
use broker_core::protocol::{Request, decode_response, encode_request, frame_prefix};
use bytes::Bytes;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Longest a cluster may take, on a machine that has much else to do.
const LIMIT: Duration = Duration::from_mins(3);
/// A broker has no way to tell that its cluster is complete, so it is asked this often.
const PAUSE: Duration = Duration::from_millis(20);
const METADATA_VERSION: i16 = 12;
const DESCRIBE_QUORUM_VERSION: i16 = 0;
const API_VERSIONS_VERSION: i16 = 3;
const LIST_PARTITION_REASSIGNMENTS_VERSION: i16 = 0;
const DESCRIBE_GROUPS_VERSION: i16 = 5;
const DESCRIBE_LOG_DIRS_VERSION: i16 = 4;
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
    let request = DescribeGroupsRequest { groups: vec![group.into()], ..Default::default() };
    wait_until(&format!("group {group} does not get {members} members"), || {
        // Only its coordinator knows it.
        for broker in brokers {
            let described = ask(broker, DESCRIBE_GROUPS_VERSION, &request)?.groups;
            if described.iter().any(|group| &*group.group_state == STABLE && group.members.len() == members) {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// Waits until no partition is on its way to other brokers.
pub fn wait_for_reassignments(brokers: &[String]) -> io::Result<()> {
    let Some(first) = brokers.first() else { return Ok(()) };
    let request = ListPartitionReassignmentsRequest { topics: None, ..Default::default() };
    wait_until("partitions are still on their way to other brokers", || {
        let ongoing = ask(first, LIST_PARTITION_REASSIGNMENTS_VERSION, &request)?;
        Ok(ongoing.error_code == 0 && ongoing.topics.is_empty())
    })
}

/// Waits until no replica is on its way to another log directory.
pub fn wait_for_moves(brokers: &[String]) -> io::Result<()> {
    let request = DescribeLogDirsRequest { topics: None };
    wait_until("replicas are still on their way to other log directories", || {
        for broker in brokers {
            let described = ask(broker, DESCRIBE_LOG_DIRS_VERSION, &request)?;
            let mut topics = described.results.iter().flat_map(|directory| &directory.topics);
            if topics.any(|topic| topic.partitions.iter().any(|partition| partition.is_future_key)) {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

/// Waits until brokers know of no others: whoever died is fenced, and leads nothing any more.
pub fn wait_for_fencing(brokers: &[String]) -> io::Result<()> {
    wait_until("a broker that died is not fenced", || {
        for broker in brokers {
            if brokers_known_at(broker)? != brokers.len() {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

/// Waits until every broker knows of all, and every replica of every partition is in sync.
pub fn wait_for_replicas(brokers: &[String]) -> io::Result<()> {
    let request = MetadataRequest { topics: None, ..Default::default() };
    wait_until("replicas do not get in sync", || {
        for broker in brokers {
            let metadata = ask(broker, METADATA_VERSION, &request)?;
            let mut partitions = metadata.topics.iter().flat_map(|topic| &topic.partitions);
            let in_sync = partitions.all(|partition| partition.isr_nodes.len() == partition.replica_nodes.len());
            if metadata.brokers.len() != brokers.len() || !in_sync {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

fn wait_until(otherwise: &str, mut is_so: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let deadline = Instant::now() + LIMIT;
    while !is_so()? {
        if Instant::now() > deadline {
            return Err(io::Error::other(otherwise.to_owned()));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
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
