//! `kafka-consumer-groups.sh`: lists, describes and deletes groups, and resets what they committed
//! (`org.apache.kafka.tools.consumer.group.ConsumerGroupCommand`).

mod offset_reset;

use super::arguments::jopt::{OptionSpec, Options, flag, value};
use super::cluster::{LATEST, groups, kind, offsets, partition_counts};
use super::failure::{Exception, Failure, thrown, wrapped};
use super::properties_file::admin_config;
use super::terminal::Terminal;
use crate::client::consumer::decode_assignment;
use crate::ids::{Offset, TopicPartition};
use crate::protocol::ErrorCode;
use crate::protocol::messages::describe_groups_response::DescribedGroup;
use crate::protocol::messages::{DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest};
use crate::sorted::{sort, sort_by_key};
use crate::text::Str;
use crate::time::Duration;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use offset_reset::{committed, delete_offsets, reset_offsets};

/// Every scenario of a reset, in Kafka's order.
pub(super) const SCENARIOS: [&str; 8] =
    ["to-offset", "to-datetime", "by-duration", "to-earliest", "to-latest", "to-current", "shift-by", "from-file"];
const ACTIONS: [&str; 6] = ["list", "describe", "delete", "reset-offsets", "delete-offsets", "validate-regex"];
const DRY_RUN: &str = "WARN: No action will be performed as the --execute option is missing. In version 5.0, this command \
                       will require either --dry-run or --execute to be specified. You should add the --dry-run option \
                       explicitly if you are scripting this command and want to keep the current default behavior without \
                       prompting.";

const OPTIONS: [OptionSpec; 29] = [
    value(
        "bootstrap-server",
        "String: server to connect to",
        "REQUIRED, but with --validate-regex: brokers, as host:port.",
    ),
    value("group", "String: consumer group", "The group. May be repeated."),
    value("topic", "String: topic", "A topic, or some of its partitions: name:0,1,2. May be repeated."),
    flag("all-topics", "With --reset-offsets: every topic the group committed in."),
    flag("list", "Names all groups."),
    flag("describe", "Tells how far a group is, who is in it, or how it stands."),
    flag("all-groups", "Every group."),
    flag("delete", "Deletes a group and what it committed."),
    value("timeout", "Long: timeout (ms)", "How long answers may take.").or("30000"),
    value("command-config", "String: command config property file", "A file of properties for the admin client."),
    flag("reset-offsets", "Moves what a group committed, while nobody is in it."),
    flag("delete-offsets", "Deletes what a group committed in some topics."),
    flag("dry-run", "Only shows what a reset would do; what it does without --execute."),
    flag("execute", "Carries the reset out."),
    flag("export", "Shows the new offsets as CSV."),
    value("to-offset", "Long: offset", "Resets to this offset."),
    value("from-file", "String: path to CSV file", "Resets to the offsets of a CSV file."),
    value("to-datetime", "String: datetime", "Resets to the first record since YYYY-MM-DDThh:mm:ss.sss."),
    value("by-duration", "String: duration", "Resets to the first record since so long ago, as PnDTnHnMnS."),
    flag("to-earliest", "Resets to the first record."),
    flag("to-latest", "Resets to the end."),
    flag("to-current", "Resets to where the group is."),
    value("shift-by", "Long: number-of-offsets", "Resets by so many records, onwards or back."),
    flag("members", "With --describe: who is in the group."),
    flag("verbose", "With --describe: more of each."),
    flag("offsets", "With --describe: how far the group is, in each partition; what it does by itself."),
    value(
        "state",
        "String",
        "With --describe: how the group stands. With --list: shows states, or only groups in these.",
    )
    .optional(),
    value("type", "String", "With --list: shows types, or only groups of these.").optional(),
    value("validate-regex", "String: regex", "Says whether a regular expression is one."),
];

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let options = Options::parse(&OPTIONS, &terminal.arguments())?;
    check_available(&options)?;
    let help = "This tool helps to list all consumer groups, describe a consumer group, delete consumer group info, or reset \
                consumer group offsets.";
    options.print_help_or_version(&terminal, help)?;
    if options.count(&ACTIONS) == 0 {
        let names = ACTIONS.iter().map(|name| format!("--{name}")).collect::<Vec<_>>().join(", ");
        return Err(options.usage(&terminal, &format!("Command must include exactly one action: {names}")));
    }
    check(&terminal, &options)?;
    match execute(&terminal, &options).await {
        Err(Failure::Thrown(exception)) => {
            let message = &exception.message;
            terminal.line(&format!("\nError: Executing consumer group command failed due to {message}"));
            terminal.error_line(&exception.to_string());
            Ok(())
        }
        ended => ended,
    }
}

async fn execute(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    if let Some(pattern) = options.value("validate-regex")? {
        terminal.line(&validated(pattern));
        return Ok(());
    }
    let timeout = options.number::<u64>("timeout")?.map(Duration::from_millis);
    let file = options.value("command-config")?;
    let server = options.value("bootstrap-server")?.unwrap_or_default();
    let mut config = admin_config(terminal, file, server).await.map_err(|failure| match failure {
        // A file that cannot be read comes wrapped.
        Failure::Thrown(cause) if cause.class.starts_with("java.nio.") => {
            Exception::new("java.lang.RuntimeException", cause.to_string()).because(&cause).into()
        }
        other => other,
    })?;
    config.default_api_timeout = timeout.unwrap_or(config.default_api_timeout);
    terminal.start_admin(config);
    if options.has("list") {
        list(terminal, options).await
    } else if options.has("describe") {
        describe(terminal, options).await
    } else if options.has("delete") {
        delete(terminal, options).await
    } else if options.has("reset-offsets") {
        reset_offsets(terminal, options).await
    } else {
        delete_offsets(terminal, options).await
    }
}

/// Options that are there only beside others.
fn check_available(options: &Options) -> Result<(), Exception> {
    let beside: [(&str, &[&str]); 5] = [
        ("members", &["describe"]),
        ("verbose", &["describe"]),
        ("offsets", &["describe"]),
        ("state", &["describe", "list"]),
        ("type", &["list"]),
    ];
    match beside.iter().find(|(name, others)| options.has(name) && options.count(others) == 0) {
        Some((name, _)) => {
            let message = format!("Option(s) [{name}] are unavailable given other options on the command line");
            Err(Exception::new("joptsimple.UnavailableOptionException", message))
        }
        None => Ok(()),
    }
}

/// Kafka's checks of the options, in its order.
fn check(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    let refuse = |message: &str| Err(options.usage(terminal, message));
    if !options.has("validate-regex") {
        options.require(terminal, &["bootstrap-server"])?;
    }
    let has_group = options.count(&["group", "all-groups"]) > 0;
    if options.has("describe") {
        if !has_group {
            return refuse("Option [describe] takes one of these options: [all-groups], [group]");
        }
        if options.count(&["members", "offsets", "state"]) > 1 {
            return refuse("Option [describe] takes at most one of these options: [members], [offsets], [state]");
        }
        if options.values("state").next().is_some() {
            return refuse("Option [describe] does not take a value for [state]");
        }
    }
    if options.has("delete") {
        if !has_group {
            return refuse("Option [delete] takes one of these options: [all-groups], [group]");
        }
        if options.has("topic") {
            return refuse("The consumer does not support topic-specific offset deletion from a consumer group.");
        }
    }
    if options.has("delete-offsets") && options.count(&["group", "topic"]) < 2 {
        return refuse("Option [delete-offsets] takes the following options: [topic], [group]");
    }
    if options.has("reset-offsets") {
        match options.count(&["dry-run", "execute"]) {
            2 => return refuse("Option [reset-offsets] only accepts one of [execute] and [dry-run]"),
            0 => terminal.error_line(DRY_RUN),
            _ => {}
        }
        if !has_group {
            return refuse("Option [reset-offsets] takes one of these options: [all-groups], [group]");
        }
        for scenario in SCENARIOS {
            let others: Vec<&str> = SCENARIOS.into_iter().filter(|other| *other != scenario).collect();
            options.exclude(terminal, scenario, &others)?;
        }
    }
    options.exclude(terminal, "group", &["all-groups", "list"])?;
    options.exclude(terminal, "topic", &["describe", "list"])
}

/// What the brokers would say of a regular expression: they read them with RE2, whose words these are.
fn validated(pattern: &str) -> String {
    let is_open = |open: char, close: char| pattern.matches(open).count() > pattern.matches(close).count();
    let reason = match regex_lite::Regex::new(pattern) {
        Ok(_) => return format!("The regular expression `{pattern}` is valid."),
        Err(_) if is_open('(', ')') => "missing closing )".to_string(),
        Err(_) if is_open('[', ']') => "missing closing ]".to_string(),
        Err(error) => error.to_string(),
    };
    format!("The regular expression `{pattern}` is invalid: {reason}.")
}

async fn list(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    let known_states =
        ["PreparingRebalance", "CompletingRebalance", "Stable", "Empty", "Dead", "Reconciling", "Assigning"];
    let states = filter(terminal, options, "state", ["state", "states"], &known_states)?;
    let types = filter(terminal, options, "type", ["types", "types"], &["Consumer", "Classic"])?;
    let mut groups = groups(terminal).await?;
    groups.retain(|group| {
        let is_in = |wanted: &[String], text: &str| {
            wanted.is_empty() || wanted.iter().any(|one| one.eq_ignore_ascii_case(text))
        };
        is_in(&states, &group.group_state) && is_in(&types, kind(group))
    });
    if options.count(&["state", "type"]) == 0 {
        for group in groups {
            terminal.line(&group.group_id);
        }
        return Ok(());
    }
    let width = groups.iter().map(|group| group.group_id.len()).max().unwrap_or(0).max(15) + 10;
    let row = |id: &str, kind: &str, state: &str| {
        let shown = [("type", kind), ("state", state)].into_iter().filter(|(name, _)| options.has(name));
        let cells: Vec<String> = shown.map(|(_, text)| format!(" {text:<20}")).collect();
        format!("{id:<width$}{}", cells.concat())
    };
    terminal.line(&row("GROUP", "TYPE", "STATE"));
    for group in &groups {
        terminal.line(&row(&group.group_id, kind(group), &group.group_state));
    }
    Ok(())
}

/// The words of a filter, which must be among those that are known.
fn filter(
    terminal: &Terminal,
    options: &Options,
    option: &'static str,
    names: [&str; 2],
    known: &[&str],
) -> Result<Vec<String>, Failure> {
    let Some(text) = options.value(option)? else { return Ok(Vec::new()) };
    let words: Vec<String> = text.split(',').map(|word| word.trim().to_string()).collect();
    if words.iter().all(|word| known.iter().any(|one| one.eq_ignore_ascii_case(word))) {
        return Ok(words);
    }
    let [one, all] = names;
    let message = format!("Invalid {one} list '{text}'. Valid {all} are: {}", known.join(", "));
    Err(options.usage(terminal, &message))
}

/// The groups that are meant.
pub(super) async fn chosen(terminal: &Terminal, options: &Options) -> Result<Vec<Str>, Failure> {
    let mut ids: Vec<Str> = if options.has("all-groups") {
        groups(terminal).await?.into_iter().map(|group| group.group_id).collect()
    } else {
        options.values("group").map(Str::from).collect()
    };
    let mut seen = Vec::new();
    ids.retain(|id| {
        let is_new = !seen.contains(id);
        seen.push(id.clone());
        is_new
    });
    Ok(ids)
}

/// A group as its coordinator describes it.
///
/// # Errors
/// What the coordinator says, as Kafka's admin throws it.
pub(super) async fn described(terminal: &Terminal, group: &Str) -> Result<DescribedGroup, Exception> {
    let request = DescribeGroupsRequest { groups: vec![group.clone()], include_authorized_operations: false };
    let answer = match terminal.ask(request).await {
        Ok(response) => response.groups.into_iter().next().unwrap_or_default(),
        Err(cause) => return Err(wrapped("java.util.concurrent.ExecutionException", &cause)),
    };
    match thrown(answer.error_code, answer.error_message.as_deref()) {
        Ok(()) => Ok(answer),
        Err(cause) => Err(wrapped("java.util.concurrent.ExecutionException", &cause)),
    }
}

async fn describe(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    let mut ids = chosen(terminal, options).await?;
    sort(&mut ids);
    let mut groups = Vec::new();
    for id in &ids {
        groups.push(described(terminal, id).await?);
    }
    for group in &groups {
        if options.has("members") {
            if says_state(terminal, group) {
                members(terminal, options, group);
            }
        } else if options.has("state") {
            if says_state(terminal, group) {
                state(terminal, options, group).await?;
            }
        } else {
            let rows = offset_rows(terminal, group).await?;
            if says_state(terminal, group) && !rows.is_empty() {
                print_offsets(terminal, options, group, &rows);
            }
        }
    }
    Ok(())
}

/// Says what is special of the group's state; false where there is no more to tell.
fn says_state(terminal: &Terminal, group: &DescribedGroup) -> bool {
    let id = &group.group_id;
    match &*group.group_state {
        "Dead" => {
            terminal.line(&format!("\nError: Consumer group '{id}' does not exist."));
            return false;
        }
        "Empty" => terminal.error_line(&format!("\nConsumer group '{id}' has no active members.")),
        "PreparingRebalance" | "CompletingRebalance" | "Assigning" | "Reconciling" => {
            terminal.error_line(&format!("\nWarning: Consumer group '{id}' is rebalancing."));
        }
        _ => {}
    }
    true
}

/// A line of the table of offsets.
struct OffsetRow {
    partition: TopicPartition,
    committed: Option<Offset>,
    end: Option<Offset>,
    /// Member id, host and client id.
    owner: Option<(Str, Str, Str)>,
}

async fn offset_rows(terminal: &Terminal, group: &DescribedGroup) -> Result<Vec<OffsetRow>, Failure> {
    let committed = committed(terminal, &group.group_id).await?;
    let mut members: Vec<_> = (group.members.iter())
        .map(|member| (member, decode_assignment(&member.member_assignment).unwrap_or_default()))
        .collect();
    sort_by_key(&mut members, |(_, assigned)| core::cmp::Reverse(assigned.len()));
    let mut rows = Vec::new();
    for (member, mut assigned) in members {
        sort(&mut assigned);
        for partition in assigned {
            let owner = (member.member_id.clone(), member.client_host.clone(), member.client_id.clone());
            let committed = committed.get(&partition).copied();
            rows.push(OffsetRow { partition, committed, end: None, owner: Some(owner) });
        }
    }
    for (partition, offset) in &committed {
        if rows.iter().all(|row| row.partition != *partition) {
            rows.push(OffsetRow { partition: partition.clone(), committed: Some(*offset), end: None, owner: None });
        }
    }
    let counts = partition_counts(terminal).await?;
    let is_there =
        |partition: &TopicPartition| counts.get(&partition.topic).is_some_and(|count| partition.partition < *count);
    let there: Vec<TopicPartition> = rows.iter().map(|row| row.partition.clone()).filter(is_there).collect();
    let ends = offsets(terminal, &there, LATEST).await?;
    for row in &mut rows {
        row.end = ends.get(&row.partition).copied();
    }
    Ok(rows)
}

fn print_offsets(terminal: &Terminal, options: &Options, group: &DescribedGroup, rows: &[OffsetRow]) {
    let id = &group.group_id;
    let owner = |row: &OffsetRow, part: fn(&(Str, Str, Str)) -> &Str| {
        row.owner.as_ref().map_or("-".to_string(), |all| part(all).to_string())
    };
    let widest = |length: &dyn Fn(&OffsetRow) -> usize| rows.iter().map(length).max().unwrap_or(0).max(15);
    let groups = id.len().max(15);
    let topics = widest(&|row| row.partition.topic.len());
    let consumers = widest(&|row| owner(row, |all| &all.0).len());
    let hosts = widest(&|row| owner(row, |all| &all.1).len());
    let verbose = options.has("verbose");
    let line = |cells: [&str; 9], epoch: &str| {
        let [group, topic, partition, committed, end, lag, consumer, host, client] = cells;
        let epoch = if verbose { format!("{epoch:<15} ") } else { String::new() };
        format!(
            "\n{group:<groups$} {topic:<topics$} {partition:<10} {epoch}{committed:<15} {end:<15} {lag:<15} \
             {consumer:<consumers$} {host:<hosts$} {client}"
        )
    };
    let head =
        ["GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID"];
    let mut table = line(head, "LEADER-EPOCH");
    let number = |number: Option<i64>| number.map_or("-".to_string(), |number| number.to_string());
    for row in rows {
        let lag = row.committed.zip(row.end).map(|(committed, end)| end - committed);
        let cells = [
            id.to_string(),
            row.partition.topic.to_string(),
            row.partition.partition.to_string(),
            number(row.committed),
            number(row.end),
            number(lag),
            owner(row, |all| &all.0),
            owner(row, |all| &all.1),
            owner(row, |all| &all.2),
        ];
        table.push_str(&line(cells.each_ref().map(String::as_str), "-"));
    }
    terminal.line(&table);
}

fn members(terminal: &Terminal, options: &Options, group: &DescribedGroup) {
    let mut members: Vec<_> = (group.members.iter())
        .map(|member| (member, decode_assignment(&member.member_assignment).unwrap_or_default()))
        .collect();
    sort_by_key(&mut members, |(_, assigned)| core::cmp::Reverse(assigned.len()));
    let assignment = |partitions: &[TopicPartition]| {
        let mut partitions = partitions.to_vec();
        sort(&mut partitions);
        let mut parts = Vec::new();
        for (at, one) in partitions.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|before| partitions.get(before));
            parts.push(match before {
                Some(before) if before.topic == one.topic => format!(",{}", one.partition),
                Some(_) => format!(";{}:{}", one.topic, one.partition),
                None => format!("{}:{}", one.topic, one.partition),
            });
        }
        let text = parts.concat();
        if text.is_empty() { "-".to_string() } else { text }
    };
    let widest = |least: usize, lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0).max(least);
    let instance = |id: &Option<Str>| id.as_ref().map_or("-".to_string(), ToString::to_string);
    let has_instances = group.members.iter().any(|member| member.group_instance_id.is_some());
    let groups = group.group_id.len().max(15);
    let consumers = widest(15, &mut group.members.iter().map(|member| member.member_id.len()));
    let instances = widest(17, &mut group.members.iter().map(|member| instance(&member.group_instance_id).len()));
    let hosts = widest(15, &mut group.members.iter().map(|member| member.client_host.len()));
    let clients = widest(15, &mut group.members.iter().map(|member| member.client_id.len()));
    let assignments = widest(20, &mut members.iter().map(|(_, assigned)| assignment(assigned).len()));
    let verbose = options.has("verbose");
    let line = |cells: [&str; 7], epochs: [&str; 2]| {
        let [group, consumer, instance, host, client, count, assigned] = cells;
        let instance = if has_instances { format!("{instance:<instances$} ") } else { String::new() };
        let target = if epochs[0] == "-" { "-" } else { "TARGET-ASSIGNMENT" };
        let epochs = if verbose {
            format!("{:<15} {assigned:<assignments$} {:<15} {target:<20}", epochs[0], epochs[1])
        } else {
            String::new()
        };
        format!(
            "\n{group:<groups$} {consumer:<consumers$} {instance}{host:<hosts$} {client:<clients$} {count:<15} {epochs}"
        )
    };
    let head = ["GROUP", "CONSUMER-ID", "GROUP-INSTANCE-ID", "HOST", "CLIENT-ID", "#PARTITIONS", "CURRENT-ASSIGNMENT"];
    let mut table = line(head, ["CURRENT-EPOCH", "TARGET-EPOCH"]);
    for (member, assigned) in &members {
        let (instance, count, text) =
            (instance(&member.group_instance_id), assigned.len().to_string(), assignment(assigned));
        let cells = [
            &*group.group_id,
            &*member.member_id,
            &*instance,
            &*member.client_host,
            &*member.client_id,
            &*count,
            &*text,
        ];
        table.push_str(&line(cells, ["-", "-"]));
    }
    terminal.line(&table);
}

async fn state(terminal: &Terminal, options: &Options, group: &DescribedGroup) -> Result<(), Failure> {
    let id = &group.group_id;
    let request = FindCoordinatorRequest {
        key: id.clone(),
        coordinator_keys: vec![id.clone()],
        ..FindCoordinatorRequest::default()
    };
    let response = terminal.ask(request).await?;
    let coordinator = match response.coordinators.first() {
        Some(found) => format!("{}:{}  ({})", found.host, found.port, found.node_id),
        None => format!("{}:{}  ({})", response.host, response.port, response.node_id),
    };
    let (groups, coordinators) = (id.len().max(15), coordinator.len().max(25));
    let verbose = options.has("verbose");
    let line = |cells: [&str; 5], epochs: [&str; 2]| {
        let [group, coordinator, strategy, state, members] = cells;
        let epochs = if verbose { format!("{:<15} {:<25} ", epochs[0], epochs[1]) } else { String::new() };
        format!("\n{group:<groups$} {coordinator:<coordinators$} {strategy:<20} {state:<20} {epochs}{members}")
    };
    let strategy = if group.protocol_data.is_empty() { "-" } else { &*group.protocol_data };
    let count = group.members.len().to_string();
    let head = ["GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE", "#MEMBERS"];
    let mut table = line(head, ["GROUP-EPOCH", "TARGET-ASSIGNMENT-EPOCH"]);
    table.push_str(&line([&**id, &*coordinator, strategy, &*group.group_state, &*count], ["-", "-"]));
    terminal.line(&table);
    Ok(())
}

async fn delete(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    let ids = chosen(terminal, options).await?;
    let (mut deleted, mut failed) = (Vec::new(), Vec::new());
    for id in ids {
        let request = DeleteGroupsRequest { groups_names: vec![id.clone()] };
        let result = terminal.ask(request).await?.results.into_iter().next();
        let code = result.map_or(ErrorCode::UnknownServerError.code(), |result| result.error_code);
        match thrown(code, None) {
            Ok(()) => deleted.push(format!("'{id}'")),
            Err(exception) => failed.push(format!("* Group '{id}' could not be deleted due to: {exception}")),
        }
    }
    if failed.is_empty() {
        let all = deleted.join(", ");
        terminal.line(&format!("Deletion of requested consumer groups ({all}) was successful."));
        return Ok(());
    }
    terminal.line(&format!("\nError: Deletion of some consumer groups failed:\n{}", failed.join("\n")));
    if !deleted.is_empty() {
        terminal.line(&format!("\nThese consumer groups were deleted successfully: {}", deleted.join(", ")));
    }
    Ok(())
}
