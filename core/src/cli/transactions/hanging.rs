//! `find-hanging`: transactions open on a partition of which no coordinator knows, so that nobody will end them (KIP-664).

use super::ask::{Client, partitions_of};
use super::{failed, wrong};
use crate::cli::arguments::argparse::Arguments;
use crate::cli::failure::{Exception, Failure};
use crate::cli::table::print_table;
use crate::ids::{NodeId, ProducerId, TopicPartition};
use crate::java::{hash_map_order, string_hash};
use crate::protocol::ErrorCode;
use crate::protocol::messages::describe_producers_response::ProducerState;
use crate::protocol::messages::metadata_request::MetadataRequestTopic;
use crate::protocol::messages::metadata_response::MetadataResponseTopic;
use crate::protocol::messages::{ListTransactionsRequest, MetadataRequest};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

/// As many topics or partitions are asked for at once.
const BATCH: usize = 500;
/// Minutes after which a transaction may hang: the longest time-out a producer may ask for.
const MAX_TIMEOUT: i32 = 15;
const MINUTE_MS: i64 = 60_000;

/// A transaction that is open, and whose.
struct Open {
    partition: TopicPartition,
    producer: ProducerState,
}

pub(super) async fn find(client: &Client, arguments: &Arguments) -> Result<(), Failure> {
    let terminal = &client.terminal;
    let (topic, broker) = (arguments.value("topic"), arguments.integer("broker-id"));
    if topic.is_none() && broker.is_none() {
        return Err(wrong(
            terminal,
            "The `find-hanging` command requires either --topic or --broker-id to limit the scope of the search",
        ));
    }
    let partition = arguments.integer("partition");
    if partition.is_some() && topic.is_none() {
        return Err(wrong(terminal, "The --partition argument requires --topic to be provided"));
    }
    let timeout = arguments.integer("max-transaction-timeout").unwrap_or(MAX_TIMEOUT);
    let partitions = match (topic, partition) {
        (Some(topic), Some(partition)) => vec![TopicPartition::new(Str::from(topic), partition)],
        (Some(topic), None) => partitions_of_topics(client, broker, vec![Str::from(topic)]).await?,
        (None, _) => {
            let listed = list_topics(client).await;
            let topics = listed.map_err(|cause| failed(terminal, "Failed to list topics", &cause))?;
            partitions_of_topics(client, broker, topics).await?
        }
    };
    let mut candidates = Vec::new();
    for batch in partitions.chunks(BATCH) {
        candidates.extend(open_transactions(client, broker, i64::from(timeout) * MINUTE_MS, batch).await?);
    }
    let hanging = if candidates.is_empty() { candidates } else { without_known(client, candidates).await? };
    print(client, &hanging);
    Ok(())
}

async fn list_topics(client: &Client) -> Result<Vec<Str>, Exception> {
    let topics = crate::cli::cluster::metadata(&client.terminal).await?.topics;
    let mut names: Vec<Str> = topics.into_iter().filter_map(|topic| topic.name).collect();
    hash_map_order(&mut names, 16, |name| string_hash(name));
    Ok(names)
}

/// The partitions of topics; with a broker, those of which it has a replica.
async fn partitions_of_topics(
    client: &Client,
    broker: Option<NodeId>,
    topics: Vec<Str>,
) -> Result<Vec<TopicPartition>, Failure> {
    let mut partitions = Vec::new();
    for batch in topics.chunks(BATCH) {
        let described = describe_topics(client, batch)
            .await
            .map_err(|cause| failed(&client.terminal, &format!("Failed to describe {} topics", batch.len()), &cause))?;
        for topic in described {
            let name = topic.name.unwrap_or_default();
            for partition in topic.partitions {
                if broker.is_none_or(|broker| partition.replica_nodes.contains(&broker)) {
                    partitions.push(TopicPartition::new(name.clone(), partition.partition_index));
                }
            }
        }
    }
    Ok(partitions)
}

async fn describe_topics(client: &Client, topics: &[Str]) -> Result<Vec<MetadataResponseTopic>, Exception> {
    let wanted = |name: &Str| MetadataRequestTopic { name: Some(name.clone()), ..MetadataRequestTopic::default() };
    let request = MetadataRequest {
        topics: Some(topics.iter().map(wanted).collect()),
        allow_auto_topic_creation: false,
        ..MetadataRequest::default()
    };
    let mut described = client.ask(None, request, "listNodes").await?.topics;
    for topic in &described {
        crate::cli::failure::thrown(topic.error_code, None)?;
    }
    for topic in &mut described {
        crate::sorted::sort_by_key(&mut topic.partitions, |partition| partition.partition_index);
    }
    hash_map_order(&mut described, 16, |topic| topic.name.as_deref().map_or(0, string_hash));
    Ok(described)
}

/// The transactions that have been open for longer.
async fn open_transactions(
    client: &Client,
    broker: Option<NodeId>,
    older_than_ms: i64,
    partitions: &[TopicPartition],
) -> Result<Vec<Open>, Failure> {
    let described = client.describe_producers(partitions, broker).await.map_err(|cause| {
        let whom = broker.map_or_else(|| "Optional.empty".to_string(), |broker| format!("Optional[{broker}]"));
        let message = format!("Failed to describe producers for {} partitions on broker {whom}", partitions.len());
        failed(&client.terminal, &message, &cause)
    })?;
    let now = client.terminal.now().wall_ms;
    let is_old = |producer: &ProducerState| {
        producer.current_txn_start_offset >= 0 && now.saturating_sub(producer.last_timestamp) > older_than_ms
    };
    let open = described.into_iter().flat_map(|(partition, producers)| {
        producers.into_iter().map(move |producer| Open { partition: partition.clone(), producer })
    });
    Ok(open.filter(|open| is_old(&open.producer)).collect())
}

/// Leaves out those that a coordinator knows of, and will end.
async fn without_known(client: &Client, candidates: Vec<Open>) -> Result<Vec<Open>, Failure> {
    let mut by_producer: SortedMap<ProducerId, Vec<Open>> = SortedMap::new();
    for open in candidates {
        by_producer.entry(open.producer.producer_id).or_default().push(open);
    }
    let producer_id_filters: Vec<ProducerId> = by_producer.keys().copied().collect();
    let request = ListTransactionsRequest { producer_id_filters, ..ListTransactionsRequest::default() };
    let listed = client.list_transactions(&request).await.map_err(|cause| {
        let message = format!("Failed to list transactions for {} producers", by_producer.len());
        failed(&client.terminal, &message, &cause)
    })?;
    let ids: SortedMap<ProducerId, Str> =
        listed.into_iter().map(|(_, listing)| (listing.producer_id, listing.transactional_id)).collect();
    let mut known: SortedMap<ProducerId, Vec<TopicPartition>> = SortedMap::new();
    for (producer, id) in ids.iter().filter(|(producer, _)| by_producer.contains_key(*producer)) {
        match client.describe_transaction(id).await {
            Ok((_, described)) => {
                known.insert(*producer, partitions_of(&described));
            }
            Err(cause) if cause.error() == Some(ErrorCode::TransactionalIdNotFound) => {}
            Err(cause) => {
                let message = format!("Failed to describe {} transactions", ids.len());
                return Err(failed(&client.terminal, &message, &cause));
            }
        }
    }
    let mut groups: Vec<(ProducerId, Vec<Open>)> = by_producer.into_iter().collect();
    // `Long.hashCode`.
    hash_map_order(&mut groups, 16, |group| (group.0 ^ (group.0 >> 32)) as u32);
    let is_hanging = |open: &Open| {
        known.get(&open.producer.producer_id).is_none_or(|partitions| !partitions.contains(&open.partition))
    };
    Ok(groups.into_iter().flat_map(|(_, open)| open).filter(is_hanging).collect())
}

fn print(client: &Client, hanging: &[Open]) {
    let now = client.terminal.now().wall_ms;
    let rows: Vec<Vec<String>> = hanging
        .iter()
        .map(|Open { partition, producer }| {
            vec![
                partition.topic.to_string(),
                partition.partition.to_string(),
                producer.producer_id.to_string(),
                producer.producer_epoch.to_string(),
                producer.coordinator_epoch.max(-1).to_string(),
                producer.current_txn_start_offset.to_string(),
                producer.last_timestamp.to_string(),
                (now.saturating_sub(producer.last_timestamp) / MINUTE_MS).to_string(),
            ]
        })
        .collect();
    let head = [
        "Topic",
        "Partition",
        "ProducerId",
        "ProducerEpoch",
        "CoordinatorEpoch",
        "StartOffset",
        "LastTimestamp",
        "Duration(min)",
    ];
    print_table(&client.terminal, &head, &rows);
}
