//! What a group committed, moved or deleted: `kafka-consumer-groups.sh --reset-offsets` and `--delete-offsets`
//! (`org.apache.kafka.tools.OffsetsUtils`).

use super::{SCENARIOS, chosen, described};
use crate::cli::arguments::jopt::Options;
use crate::cli::cluster::{EARLIEST, LATEST, offsets, partition_counts, unknown_partition};
use crate::cli::date_time::{duration_ms, epoch_ms};
use crate::cli::failure::{Exception, Failure, class_of, thrown, wrapped};
use crate::cli::terminal::Terminal;
use crate::ids::{Offset, TopicPartition};
use crate::java::{hash_map_order, string_hash, topic_partition_hash};
use crate::protocol::ErrorCode;
use crate::protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use crate::protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use crate::protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use crate::protocol::messages::{OffsetCommitRequest, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest};
use crate::sorted::SortedMap;
use crate::sorted::sort;
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

const CLASS: &str = "org.apache.kafka.tools.OffsetsUtils";

/// New offsets of a group.
type NewOffsets = Vec<(TopicPartition, Offset)>;

/// What a group has committed.
pub(super) async fn committed(terminal: &Terminal, group: &Str) -> Result<SortedMap<TopicPartition, Offset>, Failure> {
    let wanted =
        OffsetFetchRequestGroup { group_id: group.clone(), topics: None, ..OffsetFetchRequestGroup::default() };
    let request = OffsetFetchRequest {
        group_id: group.clone(),
        topics: None,
        groups: vec![wanted],
        ..OffsetFetchRequest::default()
    };
    let mut all = SortedMap::new();
    let response = terminal.ask(request).await?;
    for group in response.groups {
        thrown(group.error_code, None)?;
        for topic in group.topics {
            for partition in topic.partitions.iter().filter(|partition| partition.committed_offset >= 0) {
                let at = TopicPartition { topic: topic.name.clone(), partition: partition.partition_index };
                all.insert(at, partition.committed_offset);
            }
        }
    }
    Ok(all)
}

/// `--reset-offsets`.
pub(super) async fn reset_offsets(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    let mut groups = chosen(terminal, options).await?;
    hash_map_order(&mut groups, 16, |group| string_hash(group));
    let mut table: Vec<(Str, NewOffsets)> = Vec::new();
    for group in &groups {
        let state = match described(terminal, group).await {
            Ok(description) => description.group_state,
            // Whoever commits first makes the group.
            Err(exception) if exception.message.starts_with(&*class_of(ErrorCode::GroupIdNotFound)) => {
                Str::from_static("Empty")
            }
            Err(exception) => return Err(exception.into()),
        };
        if !matches!(&*state, "Empty" | "Dead") {
            terminal.line(&format!(
                "\nError: Assignments can only be reset if the group '{group}' is inactive, but the current state is {state}."
            ));
            table.push((group.clone(), Vec::new()));
            continue;
        }
        let partitions = scope(terminal, options, group).await?;
        let mut new = new_offsets(terminal, options, group, partitions).await?;
        hash_map_order(&mut new, 16, |(at, _)| topic_partition_hash(at));
        if options.has("execute") {
            commit(terminal, group, &new).await?;
        }
        table.push((group.clone(), new));
    }
    if options.has("export") {
        let several = table.len() > 1;
        let line = |group: &Str, (at, offset): &(TopicPartition, Offset)| {
            let group = if several { format!("{group},") } else { String::new() };
            format!("{group}{},{},{offset}\n", at.topic, at.partition)
        };
        let lines = table.iter().flat_map(|(group, new)| new.iter().map(move |new| line(group, new)));
        terminal.line(&lines.collect::<Vec<_>>().concat());
        return Ok(());
    }
    let rows: Vec<(&Str, &TopicPartition, Offset)> =
        table.iter().flat_map(|(group, new)| new.iter().map(move |(at, offset)| (group, at, *offset))).collect();
    let group_width = rows.iter().map(|row| row.0.len()).max().unwrap_or(0).max(15);
    let topic_width = rows.iter().map(|row| row.1.topic.len()).max().unwrap_or(0).max(15);
    let line = |group: &str, topic: &str, partition: &str, offset: &str| {
        format!("\n{group:<group_width$} {topic:<topic_width$} {partition:<10} {offset}")
    };
    let mut text = line("GROUP", "TOPIC", "PARTITION", "NEW-OFFSET");
    for (group, at, offset) in rows {
        text.push_str(&line(group, &at.topic, &at.partition.to_string(), &offset.to_string()));
    }
    terminal.line(&text);
    Ok(())
}

/// The partitions that are to be reset.
async fn scope(terminal: &Terminal, options: &Options, group: &Str) -> Result<Vec<TopicPartition>, Failure> {
    if options.has("all-topics") {
        return Ok(committed(terminal, group).await?.into_keys().collect());
    }
    if options.has("topic") {
        return named(terminal, options).await;
    }
    if options.has("from-file") {
        return Ok(Vec::new());
    }
    Err(options.usage(terminal, "One of the reset scopes should be defined: --all-topics, --topic."))
}

/// The partitions that `--topic` names; all of a topic where it names none.
async fn named(terminal: &Terminal, options: &Options) -> Result<Vec<TopicPartition>, Failure> {
    let mut wanted: Vec<(&str, Option<Vec<i32>>)> = Vec::new();
    for text in options.values("topic") {
        let Some((topic, list)) = text.split_once(':') else {
            wanted.push((text, None));
            continue;
        };
        let mut partitions = Vec::new();
        for one in list.split(',') {
            let Ok(partition) = one.parse::<i32>() else {
                let message = format!("Invalid partition '{list}' specified in topic arg '{text}''");
                return Err(options.usage(terminal, &message));
            };
            partitions.push(partition);
        }
        wanted.push((topic, Some(partitions)));
    }
    let counts = partition_counts(terminal).await?;
    let mut all = Vec::new();
    let mut missing = Vec::new();
    for (topic, partitions) in wanted {
        let count = counts.get(topic).copied();
        let partitions = match (partitions, count) {
            (Some(partitions), _) => partitions,
            (None, Some(count)) => (0..count).collect(),
            (None, None) => return Err(unknown_partition(None).into()),
        };
        for partition in partitions {
            let at = TopicPartition::new(topic, partition);
            if count.is_none_or(|count| partition < 0 || partition >= count) {
                missing.push(at.to_string());
            }
            all.push(at);
        }
    }
    check_there(&missing)?;
    Ok(all)
}

fn check_there(missing: &[String]) -> Result<(), Exception> {
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("The partitions \"{}\" do not exist", missing.join(","));
    Err(unknown_partition(Some(&message)))
}

async fn new_offsets(
    terminal: &Terminal,
    options: &Options,
    group: &Str,
    partitions: Vec<TopicPartition>,
) -> Result<NewOffsets, Failure> {
    if options.has("to-offset") {
        let offset = options.number::<i64>("to-offset")?.unwrap_or_default();
        let wanted = partitions.into_iter().map(|at| (at, offset)).collect();
        return clamped(terminal, wanted).await;
    }
    if options.has("to-earliest") {
        return Ok(offsets(terminal, &partitions, EARLIEST).await?.into_iter().collect());
    }
    if options.has("to-latest") {
        return Ok(offsets(terminal, &partitions, LATEST).await?.into_iter().collect());
    }
    if options.has("shift-by") {
        let shift = options.number::<i64>("shift-by")?.unwrap_or_default();
        let committed = committed(terminal, group).await?;
        let mut wanted = Vec::new();
        for at in partitions {
            let Some(offset) = committed.get(&at) else {
                let message =
                    format!("Cannot shift offset for partition {at} since there is no current committed offset");
                return Err(options.usage(terminal, &message));
            };
            wanted.push((at, offset.saturating_add(shift)));
        }
        return clamped(terminal, wanted).await;
    }
    if let Some(text) = options.value("to-datetime")? {
        let timestamp = epoch_ms(text).map_err(|cause| wrapped("java.lang.RuntimeException", &cause))?;
        return at_time(terminal, partitions, timestamp).await;
    }
    if let Some(text) = options.value("by-duration")? {
        let timestamp = terminal.now().wall_ms.saturating_sub(duration_ms(text)?);
        return at_time(terminal, partitions, timestamp).await;
    }
    if let Some(path) = options.value("from-file")? {
        let several = options.values("group").count() > 1 || options.has("all-groups");
        let wanted = from_file(terminal, path, several, group).await?;
        return clamped(terminal, wanted).await;
    }
    if options.has("to-current") {
        let committed = committed(terminal, group).await?;
        let ends = offsets(terminal, &partitions, LATEST).await?;
        let current = |at: TopicPartition| {
            let offset = committed.get(&at).or(ends.get(&at)).copied()?;
            Some((at, offset))
        };
        return Ok(partitions.into_iter().filter_map(current).collect());
    }
    let mut scenarios: Vec<String> = SCENARIOS.iter().map(|name| format!("[{name}]")).collect();
    sort(&mut scenarios);
    let message =
        format!("Option '[reset-offsets]' requires one of the following scenarios: [{}]", scenarios.join(", "));
    Err(options.usage(terminal, &message))
}

/// Offsets within what is there, with a warning for each that was not.
async fn clamped(terminal: &Terminal, wanted: NewOffsets) -> Result<NewOffsets, Failure> {
    let partitions: Vec<TopicPartition> = wanted.iter().map(|(at, _)| at.clone()).collect();
    let counts = partition_counts(terminal).await?;
    let is_missing = |at: &&TopicPartition| counts.get(&at.topic).is_none_or(|count| at.partition >= *count);
    let missing: Vec<String> = partitions.iter().filter(is_missing).map(ToString::to_string).collect();
    check_there(&missing)?;
    let starts = offsets(terminal, &partitions, EARLIEST).await?;
    let ends = offsets(terminal, &partitions, LATEST).await?;
    let mut new = Vec::new();
    for (at, offset) in wanted {
        let (start, end) = (starts.get(&at).copied().unwrap_or(0), ends.get(&at).copied().unwrap_or(offset));
        let (limit, word) = if offset > end { (end, "higher than latest") } else { (start, "lower than earliest") };
        if offset > end || offset < start {
            let line = format!(
                "New offset ({offset}) is {word} offset for topic partition {at}. Value will be set to {limit}"
            );
            terminal.log("WARN", &line, CLASS);
            new.push((at, limit));
        } else {
            new.push((at, offset));
        }
    }
    Ok(new)
}

/// The first records since then; the end where there are none.
async fn at_time(terminal: &Terminal, partitions: Vec<TopicPartition>, timestamp: i64) -> Result<NewOffsets, Failure> {
    let found = offsets(terminal, &partitions, timestamp).await?;
    let ends = offsets(terminal, &partitions, LATEST).await?;
    let mut new = Vec::new();
    for at in partitions {
        let offset = found.get(&at).copied().filter(|offset| *offset >= 0).unwrap_or_else(|| {
            let TopicPartition { topic, partition } = &at;
            terminal.line(&format!(
                "\nWarn: Partition {partition} from topic {topic} is empty. Falling back to latest known offset."
            ));
            ends.get(&at).copied().unwrap_or(0)
        });
        new.push((at, offset));
    }
    Ok(new)
}

/// A file of `topic,partition,offset`, or `group,topic,partition,offset` where several groups are reset.
async fn from_file(terminal: &Terminal, path: &str, several: bool, group: &Str) -> Result<NewOffsets, Failure> {
    let content = terminal.text_file(path).await.map_err(|unread| wrapped("java.lang.RuntimeException", &unread))?;
    let text = String::from_utf8_lossy(&content);
    let mut new = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut cells: Vec<&str> = line.split(',').map(|cell| cell.trim().trim_matches('"')).collect();
        if several {
            if cells.first() != Some(&&**group) {
                continue;
            }
            cells.remove(0);
        }
        // A cell that is not there is empty or 0, as Kafka's reader has it.
        let number = |at: usize| cells.get(at).and_then(|cell| cell.parse::<i64>().ok()).unwrap_or(0);
        let topic = cells.first().copied().unwrap_or_default();
        new.push((TopicPartition::new(topic, number(1) as i32), number(2)));
    }
    Ok(new)
}

async fn commit(terminal: &Terminal, group: &Str, new: &[(TopicPartition, Offset)]) -> Result<(), Failure> {
    let mut topics: SortedMap<Str, Vec<OffsetCommitRequestPartition>> = SortedMap::new();
    for (at, offset) in new {
        topics.entry(at.topic.clone()).or_default().push(OffsetCommitRequestPartition {
            partition_index: at.partition,
            committed_offset: *offset,
            committed_metadata: Some(Str::default()),
            ..OffsetCommitRequestPartition::default()
        });
    }
    let topic =
        |(name, partitions)| OffsetCommitRequestTopic { name, partitions, ..OffsetCommitRequestTopic::default() };
    let request = OffsetCommitRequest {
        group_id: group.clone(),
        topics: topics.into_iter().map(topic).collect(),
        ..OffsetCommitRequest::default()
    };
    let response = terminal.ask(request).await?;
    for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
        thrown(partition.error_code, None)?;
    }
    Ok(())
}

/// `--delete-offsets`.
pub(super) async fn delete_offsets(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    let group = Str::from(options.value("group")?.unwrap_or_default());
    let counts = partition_counts(terminal).await?;
    let mut rows: Vec<(Str, Option<i32>, Option<String>)> = Vec::new();
    let mut topics = Vec::new();
    for text in options.values("topic") {
        let (name, list) = text.split_once(':').map_or((text, None), |(name, list)| (name, Some(list)));
        let partitions: Vec<i32> = match (list, counts.get(name)) {
            (Some(list), _) => list.split(',').filter_map(|one| one.parse().ok()).collect(),
            (None, Some(count)) => (0..*count).collect(),
            (None, None) => {
                rows.push((name.into(), None, Some(unknown_partition(None).to_string())));
                continue;
            }
        };
        let partition = |partition_index| OffsetDeleteRequestPartition { partition_index };
        let partitions = partitions.into_iter().map(partition).collect();
        topics.push(OffsetDeleteRequestTopic { name: name.into(), partitions });
    }
    let request = OffsetDeleteRequest { group_id: group.clone(), topics: topics.clone() };
    let OffsetDeleteResponse { error_code: code, topics: answered, .. } = terminal.ask(request).await?;
    let of_group = thrown(code, None).err();
    let is_of_partition = answered.iter().flat_map(|topic| &topic.partitions).any(|one| one.error_code != 0);
    match &of_group {
        None if is_of_partition => {
            terminal.line("\nError: Encountered some partition-level error, see the follow-up details.");
        }
        None => terminal.line(&format!("Request succeeded for deleting offsets from group {group}.")),
        Some(exception) => terminal.line(&format!("\nError: {}", exception.message)),
    }
    for topic in topics {
        for partition in topic.partitions {
            let found = answered.iter().filter(|one| one.name == topic.name).flat_map(|one| &one.partitions);
            let found = found.filter(|one| one.partition_index == partition.partition_index).map(|one| one.error_code);
            let own = found.into_iter().next().and_then(|code| thrown(code, None).err());
            let error = of_group.as_ref().or(own.as_ref()).map(ToString::to_string);
            rows.push((topic.name.clone(), Some(partition.partition_index), error));
        }
    }
    let width = rows.iter().map(|row| row.0.len()).max().unwrap_or(0).max(15);
    let line = |topic: &str, partition: &str, status: &str| format!("\n{topic:<width$} {partition:<10} {status:<15}");
    let mut table = line("TOPIC", "PARTITION", "STATUS");
    for (topic, partition, error) in &rows {
        let partition = partition.map_or("-".to_string(), |partition| partition.to_string());
        let status = error.as_ref().map_or("Successful".to_string(), |error| format!("Error: {error}"));
        table.push_str(&line(topic, &partition, &status));
    }
    terminal.line(&table);
    Ok(())
}
