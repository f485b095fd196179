//! English.

use super::Messages;
use crate::mistakes::Mistake;
use crate::ui::store::{Line, What};
use broker_core::event::{Event, RetentionCause, TransactionEnder};
use std::fmt::Write;

fn many(number: usize, one: &str, more: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {more}") }
}

pub(super) static MESSAGES: Messages = Messages {
    language: "Language",
    other_language: "한국어",
    theme: "Theme",
    themes: ["System", "Light", "Dark"],
    start_over: "Start over",
    start_over_asks: |topics| {
        format!("This deletes everything: {}, all records and offsets.", many(topics, "topic", "topics"))
    },
    start_over_does: "Delete everything",
    cancel: "Cancel",
    close: "Close",
    help: "Show the first steps",
    saved: "Saved in this browser",
    not_saved: "Not saved",
    starting: "starting",
    healthy: |brokers| format!("{} up, all replicas in sync", many(brokers, "broker", "brokers")),
    brokers_down: |down, all| format!("{down} of {all} brokers {} down", if down == 1 { "is" } else { "are" }),
    no_controller: "no active controller yet: the others elect one",
    under_replicated: |number| format!("{} under-replicated", many(number, "partition", "partitions")),
    leaderless: |number| format!("{} without a leader", many(number, "partition", "partitions")),
    under_replicated_short: |number| format!("{number} under-replicated"),
    unled: |number| format!("{} led by a broker that is down", many(number, "partition", "partitions")),
    no_majority: "no controller: the metadata quorum has lost its majority",
    other_tab: "Another tab of this browser runs the cluster. Close it, or bring the cluster here: for its brokers that is a power cut.",
    given_away: "The cluster moved to another tab.",
    take_over: "Bring the cluster here",
    tracks: ["Produce", "Replicate", "Consume", "Cluster"],
    background: |number| format!("background {number}/s"),
    lane: "Frames under way",
    one_of: |number| format!("1 of {number}"),
    frame: "Frame",
    request: "request",
    response: "response",
    from: "From",
    to: "To",
    this_page: "this page",
    frame_size: "Bytes",
    answered_after: "Answered after",
    frame_hint: "The switch read this as the frame passed. The bytes themselves went on; none are kept.",
    show: "show",
    pause: "pause",
    go_on: "go on",
    slowed: "slowed to 400 ms",
    slowed_why: "Frames are drawn in their true order, each for 400 ms: in truth one takes a millisecond or less.",
    producers: "Producers",
    topic: "Topic",
    key: "Key",
    value: "Value",
    headers: "Headers",
    headers_hint: "name=value, one a line",
    partition: "Partition",
    automatic: "automatic",
    count: "Count",
    rate: "Per second",
    send: "Send",
    sending: "Waiting for acks",
    end_producer: "Stop",
    more: "More",
    acknowledged: |acknowledged, failed, outstanding| {
        let mut text = format!("{acknowledged} acknowledged");
        if outstanding > 0 {
            let _ = write!(text, ", {outstanding} on their way");
        }
        if failed > 0 {
            let _ = write!(text, ", {failed} failed");
        }
        text
    },
    produced: |partitions| match partitions {
        [] => "sent; acks=0 asks for no answer".to_owned(),
        [(partition, 1, last)] => format!("partition {partition}, offset {last}"),
        all => {
            let each = all.iter().map(|(partition, count, _)| format!("{count} in {partition}")).collect::<Vec<_>>();
            format!("{} records: {}", all.iter().map(|(_, count, _)| count).sum::<u32>(), each.join(", "))
        }
    },
    partitions: "Partitions",
    broker: |id| format!("broker {id}"),
    active_controller: "active controller",
    controller_short: "ctrl",
    kill: "Kill",
    stop: "Stop",
    start: "Start",
    power_off: "Power off",
    up: "up",
    fenced: "fenced",
    stopping: |leaders| format!("stopping: {} to move", many(leaders, "leader", "leaders")),
    stopped: "stopped",
    killed: "killed",
    notice_in: |tenths| format!("others notice in {}.{} s", tenths / 10, tenths % 10),
    powered_off: "powered off",
    failed: "failed",
    add_broker: "+ Broker",
    add_topic: "+ Topic",
    add_consumer: "+ Consumer",
    add_producer: "+ Producer",
    filter_topics: "Filter topics",
    topics_shown: |shown, all| format!("{shown} of {all}"),
    fold: "Fold",
    unfold: "Unfold",
    no_topic: "No topic yet. A topic is a log, cut into partitions.",
    topic_line: |partitions, replication, records| {
        format!("{} · RF {replication} · {records}", many(partitions, "partition", "partitions"))
    },
    counted: |(number, are_records)| {
        let (one, more) = if are_records { ("record", "records") } else { ("offset", "offsets") };
        many(number.max(0) as usize, one, more)
    },
    internal_line: |topics, partitions| format!("Internal: {topics} ({})", many(partitions, "partition", "partitions")),
    legend: [
        "leader",
        "in sync",
        "out of ISR",
        "down, as last seen",
        "high watermark: consumers read up to here",
        "colour = key",
    ],
    leader: "leader",
    in_sync: "in sync",
    out_of_sync: "out of ISR",
    down: "down",
    no_leader: "no leader",
    replica_label: |state, end, high_watermark| format!("{state}, end {end}, high watermark {high_watermark}"),
    lag: |lag| format!("lag {lag}"),
    idle: "idle",
    idle_why: "idle: more members than partitions",
    joins: "joins",
    joins_why: "It waits until all members have joined anew; then the partitions are shared out.",
    member_gone: "gone",
    session_ends: |seconds| format!("session ends in {seconds} s"),
    waits_for_quota: |seconds| format!("waits for its quota, {seconds} s more"),
    gone_why: "It is gone, and did not say goodbye: the group keeps its place until its session ends (session.timeout.ms).",
    nobody: "nobody",
    alone: "alone",
    more_groups: |number| format!("+{number} groups"),
    show_more: |number| format!("Show {number} more, all healthy"),
    inspector: "Inspector",
    stop_kill_hint: "Stop hands its leaders over, then exits (SIGTERM). Kill: gone at once; the others notice when its session ends (kill -9).",
    power_hint: "Gone at once, and what was not yet stored is lost. With the playground's flush setting it loses nothing that was acknowledged; with Kafka's default it can.",
    properties_hint: |path| format!("What it was last started with. It starts with {path} as that file is then."),
    edit_file: "Edit the file",
    download: "Download",
    wipe: "Wipe the disk",
    wipe_asks: |replicas, records, size| {
        format!(
            "{}, {records} and {size} on its disk will be gone. It gets back what other brokers have.",
            many(replicas, "replica", "replicas")
        )
    },
    danger: "Dangerous",
    role: "Role",
    leads: "Leads",
    follows: "Follows",
    stored: "Stored",
    name: "Name",
    create: "Create topic",
    creating: "Waiting for the controller",
    configs: "Configs (key=value key=\"a b\" …)",
    raise: "Partitions, at least",
    raise_does: "Change",
    delete_topic: "Delete topic",
    delete_asks: |records| format!("{records} will be gone."),
    group: "Group",
    groups: "Groups",
    members: "Members",
    member: "Member",
    committed: "Committed",
    consumer: |number| format!("consumer c{number}"),
    producer: |number| format!("producer p{number}"),
    not_produced_yet: "It has sent nothing yet.",
    acknowledged_name: "Acknowledged",
    under_way: "On their way",
    group_hint: "empty: alone, reads all partitions",
    from_beginning: "the beginning",
    from_latest: "the latest",
    start_at: "Without a committed offset, from",
    received: "Received",
    nothing_received: "Nothing yet.",
    remove_consumer: "Remove consumer",
    state: "State",
    gone: "It is gone.",
    intro: ["A real Kafka, in this tab", "Nothing to install; nothing leaves this browser."],
    step_titles: ["Create a topic", "Produce ten records", "Read in a group", "Kill a leader"],
    step_hints: [
        "A topic is a log, cut into partitions; brokers keep copies of each.",
        "Equal keys share a partition.",
        "A partition is read by one member of a group.",
        "Another replica takes over; nothing acknowledged is lost.",
    ],
    step_buttons: [
        |_| "Create first-topic".to_owned(),
        |topic| format!("Send 10 records to {topic}"),
        |topic| format!("Add a consumer of {topic} to group1"),
        |what| format!("Kill {what}"),
    ],
    transaction_marker: "the end of a transaction",
    step_first: "First a topic.",
    a_leader: "a leader",
    victim: |id, partition| format!("broker {id}, leader of {partition}"),
    created: |topic, partitions, copies| {
        let partitions = many(partitions, "partition", "partitions");
        format!("{topic}: {partitions}, {} of each.", many(copies, "copy", "copies"))
    },
    group_reads: |received| format!("{} received.", many(received as usize, "record", "records")),
    leads_now: |partition, leader| format!("Broker {leader} leads {partition} now."),
    start_dead: "Start the dead one: it catches up.",
    done: "done",
    close_steps: "Close the steps",
    events: "Events",
    dock: "Events and records",
    terminal: "Terminal",
    new_terminal: "New terminal",
    type_here: "Command line",
    first_command: "The first command of most tutorials, one click away: ",
    terminal_keys: "Keys",
    power_cut_ended: |command| {
        format!("The page was loaded again: for this machine a power cut. What ran here has ended: {command}")
    },
    written: "written",
    not_written: "not written",
    write_file: "Write (Ctrl-S)",
    must_be_set: "must be set",
    unknown_key: |key| format!("Kafka 4.3 has no key {key}: it would be warned of and have no effect."),
    not_acted_on: |key| format!("{key} is read and checked; nothing here acts on it."),
    set_again: |key| format!("A later line sets {key} again; that one counts."),
    copy: "Copy",
    run_in_terminal: "Run in a terminal",
    records: "Records",
    no_events: "Nothing happened yet.",
    new_lines: |number| format!("↓ {number} new"),
    collapse: "Collapse",
    maximize: "Maximize",
    offset: "Offset",
    offsets: "Offsets",
    time: "Time",
    newest: "Newest",
    beginning: "From the beginning",
    read: "Read",
    no_records: "No records here.",
    choose_topic: "Create a topic first: its records are read here.",
    stage: "Stage",
    grid: "Partitions by broker and group",
    older: "← Older",
    newer: "Newer →",
    follow: "Follow",
    pin: "Pin",
    see_records: "See its records",
    differs: "What differs from Apache Kafka",
    keyboard: "Keys",
    keys: [
        ("Tab", "into the grid, and out of it"),
        ("← ↑ ↓ →", "walk the grid"),
        ("Enter", "opens, and goes in"),
        ("Esc", "closes, and goes back"),
        ("t  c", "in the grid: a topic, a consumer"),
        ("?", "shows this"),
    ],
    as_last_seen: "as last seen",
    command: "As a command",
    mistake: |mistake| match mistake {
        Mistake::ZooKeeper => {
            "That was Kafka before 4: it needed ZooKeeper. Now brokers keep the metadata themselves (KRaft, process.roles in their file). The same three brokers without ZooKeeper:"
        }
        Mistake::OldOption => "That option is of an older Kafka: tools now speak to brokers alone.",
        Mistake::NoBootstrap => "A tool wants to know where a broker listens.",
        Mistake::NobodyListens => "Nobody listens there. Brokers listen on:",
        Mistake::NoBroker => "Nobody listens there: no broker runs. The three of this page:",
        Mistake::TooFewBrokers => {
            "Each replica needs a broker of its own: start more brokers, or ask for fewer replicas."
        }
        Mistake::Unformatted => {
            "Its log directory is not formatted yet. A broker that joins others needs their cluster id in the place of random-uuid:"
        }
        Mistake::PortTaken => "Another process listens on that port: stop it, or give listeners another. What runs:",
        Mistake::DirectoryTaken => {
            "Another broker has that log directory: stop it, or give log.dirs another. What runs:"
        }
        Mistake::OtherCluster => {
            "That log directory was formatted for another cluster: name its id, or give log.dirs another directory."
        }
        Mistake::OtherNode => {
            "That log directory belongs to another node.id: put that back, or give log.dirs another directory."
        }
        Mistake::NoTopic => "There is no such topic. There are:",
        Mistake::NotEnoughReplicas => {
            "Fewer replicas are in sync than min.insync.replicas wants: start a broker that is down, and the record goes through."
        }
        Mistake::NoTopicConfig => {
            "Topics have no config of that name: theirs are as retention.ms, those of brokers as log.retention.ms. To see them all, with a topic's name:"
        }
        Mistake::WrongValue => "The config is known, its value is not: what it takes stands behind the last colon.",
        Mistake::WrongBootstrap => "A server is written as host:port, several with commas between them.",
        Mistake::NoKey => {
            "A compacted topic keeps the last record of each key, so each record needs one. Type key:value with:"
        }
        Mistake::GroupIsActive => "Offsets are set while nobody reads: end the group's consumers first (Ctrl-C).",
        Mistake::NoFile => "There is no such file. There are:",
        Mistake::NoNetwork => {
            "This machine has no network and needs none: Kafka is here already, unpacked in ~/kafka_2.13-4.3.0."
        }
        Mistake::NoProgram => "This machine has no such program. It has:",
    },
    helps: |name| {
        Some(match name {
            "NOT_ENOUGH_REPLICAS" | "NOT_ENOUGH_REPLICAS_AFTER_APPEND" => {
                "Fewer replicas are in sync than min.insync.replicas asks for. Start a broker."
            }
            "REQUEST_TIMED_OUT" => "Nobody answered in time. See which broker is down.",
            "INVALID_REPLICATION_FACTOR" => "There are fewer living brokers than copies asked for. Start or add one.",
            "TOPIC_ALREADY_EXISTS" => "Choose another name.",
            "INVALID_PARTITIONS" => "Partitions can be raised, never lowered: keys would move.",
            "INVALID_TOPIC_EXCEPTION" => "A name has letters, digits, '.', '_' and '-', 249 at most.",
            "INVALID_CONFIG" => "The message names the config, and what it takes.",
            "INVALID_TIMESTAMP" => {
                "The record's time is too far from the broker's: see message.timestamp.before.max.ms and after.max.ms."
            }
            "UNKNOWN_TOPIC_OR_PARTITION" => "Create the topic, or look at its name.",
            "NOT_CONTROLLER" | "LEADER_NOT_AVAILABLE" | "COORDINATOR_NOT_AVAILABLE" => "Wait a moment, and try again.",
            _ => return None,
        })
    },
    event: say,
};

fn list(ids: &[i32]) -> String {
    format!("[{}]", ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

fn say(line: &Line) -> String {
    let node = line.who.map(|id| format!("Broker {id}")).unwrap_or_default();
    let controller = line.who.map(|id| format!("Controller {id}")).unwrap_or_default();
    let event = match &line.what {
        What::Killed(id) => return format!("You killed broker {id}. The others notice when its session ends."),
        What::PoweredOff(id) => return format!("You cut the power of broker {id}: what was not stored is lost."),
        What::Stopping(id) => return format!("You asked broker {id} to stop: it hands its leaders over first."),
        What::Starting(id) => return format!("Broker {id} starts."),
        What::Wiped(id) => return format!("You wiped the disk of broker {id}."),
        What::Command { terminal, line } => return format!("You ran in terminal {terminal}: {line}"),
        What::NotTransferred { file, reason } => return format!("{file} was not transferred: {reason}"),
        What::Refused { broker, reason } => return format!("Broker {broker} did not start: {reason}"),
        What::WorkerFailed { worker, reason } => return format!("The worker of {worker} failed: {reason}"),
        What::Node(event) => event,
    };
    if let (Some(topic), true) = (line.internal_topic(), line.times > 1) {
        let number = line.times;
        return match event {
            Event::LeaderChanged { to, .. } if *to < 0 => {
                format!("{number} partitions of {topic} have no leader: nobody in sync is left.")
            }
            Event::LeaderChanged { .. } => {
                format!("{controller} made other replicas leaders of {number} partitions of {topic}.")
            }
            Event::InSyncReplicasChanged { .. } => {
                format!("{controller} changed the ISR of {number} partitions of {topic}.")
            }
            Event::LogRecovered { .. } => format!("{node} recovered {number} partitions of {topic}."),
            _ => format!("{node} cut back {number} partitions of {topic}."),
        };
    }
    match event {
        Event::Started => format!("{node} is ready: its logs are recovered, its listeners answer."),
        Event::Registered { broker_epoch } => {
            format!("{node} registered with the controller, broker epoch {broker_epoch}.")
        }
        Event::Unfenced => format!("{node} was unfenced: it may lead."),
        Event::ControllerElected { quorum_epoch } => {
            format!(
                "The quorum elected node {}: it is the active controller, quorum epoch {quorum_epoch}.",
                line.who.unwrap_or(-1)
            )
        }
        Event::ControllerResigned { quorum_epoch } => {
            format!("Node {} is no longer the active controller, quorum epoch {quorum_epoch}.", line.who.unwrap_or(-1))
        }
        Event::BrokerUnfenced { broker } if line.first_time => {
            format!("Broker {broker} has the metadata. {controller} unfenced it: it may lead.")
        }
        Event::BrokerUnfenced { broker } => {
            format!("Broker {broker} caught up with the metadata. {controller} unfenced it: it may lead again.")
        }
        Event::BrokerFenced { broker, session_expired: true } => {
            format!("Session of broker {broker} ended. {controller} fenced it.")
        }
        Event::BrokerFenced { broker, .. } => format!("Broker {broker} left. {controller} fenced it."),
        Event::ControlledShutdown { broker } => format!("Broker {broker} shuts down: it hands its leaders over first."),
        Event::LeaderChanged { partition, from, to, leader_epoch, .. } => {
            let cause = line.session_ended.map(|id| format!("Session of broker {id} ended. ")).unwrap_or_default();
            if *to < 0 {
                return format!("{cause}{partition} has no leader: broker {from} was the last in sync.");
            }
            format!(
                "{cause}{controller} made broker {to} leader of {partition}, epoch {} → {leader_epoch}.",
                leader_epoch - 1
            )
        }
        Event::InSyncReplicasChanged { partition, from, to } => {
            let gone = from.iter().filter(|id| !to.contains(id)).copied().collect::<Vec<_>>();
            let come = to.iter().filter(|id| !from.contains(id)).copied().collect::<Vec<_>>();
            match (gone.as_slice(), come.as_slice()) {
                ([id], []) => format!("{controller} took broker {id} out of the ISR of {partition}."),
                ([], [id]) => format!("Broker {id} caught up with {partition}: it is in the ISR."),
                _ => format!("{partition}: ISR {} → {}.", list(from), list(to)),
            }
        }
        Event::ReplicasReassigned { partition, from, to } => {
            format!("{partition} is on other brokers now: replicas {} → {}.", list(from), list(to))
        }
        Event::ReplicaMoved { partition, from, to } => {
            format!("{node} moved its replica of {partition} from {from} to {to}.")
        }
        Event::ClientThrottled { client_id, quota, throttle_ms } => {
            format!("{node} throttles {client_id}: it is over its {quota}, and waits {throttle_ms} ms.")
        }
        Event::TopicCreated { topic, partitions, replication_factor } => {
            format!(
                "Topic {topic} was created: {}, RF {replication_factor}.",
                many(*partitions as usize, "partition", "partitions")
            )
        }
        Event::TopicDeleted { topic } => format!("Topic {topic} was deleted."),
        Event::Truncated { partition, from, to } => {
            format!("{node} cut {partition} back from offset {from} to {to}: the leader never had the rest.")
        }
        Event::SegmentsDeleted { partition, segments, bytes, log_start_offset, cause } => {
            let why = match cause {
                RetentionCause::Time => "older than retention.ms",
                RetentionCause::Size => "more than retention.bytes",
                RetentionCause::LogStart => "below the log start",
            };
            let what = many(*segments, "segment", "segments");
            format!(
                "{node} deleted {what} of {partition}, {bytes} bytes: {why}. It begins at offset {log_start_offset} now."
            )
        }
        Event::LogRecovered { partition, log_end_offset, discarded_bytes: 0 } => {
            format!("{node} recovered {partition}: end {log_end_offset}, nothing torn.")
        }
        Event::LogRecovered { partition, log_end_offset, discarded_bytes } => {
            format!("{node} recovered {partition}: end {log_end_offset}, {discarded_bytes} torn bytes dropped.")
        }
        Event::LogDirectoryOffline { path } => {
            format!("The storage failed: {node} took its log directory {path} offline.")
        }
        Event::GroupRebalancing { group, reason } => format!("Group {group} rebalances: {reason}"),
        Event::GroupStable { group, generation_id, members } => {
            format!("Group {group} is stable with {}, generation {generation_id}.", many(*members, "member", "members"))
        }
        Event::GroupEmpty { group, generation_id } => format!("Group {group} is empty, generation {generation_id}."),
        Event::TransactionEnded { transactional_id, committed, partitions, by } => {
            let outcome = if *committed { "is committed" } else { "is aborted" };
            let why = match by {
                TransactionEnder::Producer => "",
                TransactionEnder::Successor => ": another producer took its id",
                TransactionEnder::Timeout => ": it was open longer than its time-out",
            };
            let partitions = many(*partitions, "partition", "partitions");
            format!("The transaction of {transactional_id} in {partitions} {outcome}{why}.")
        }
        Event::MemberExpired { group, member } => {
            format!("{member} was silent for its session and is out of group {group}.")
        }
        Event::RecordSkipped { partition, offset, reason } => {
            format!("{node} left out a record of {partition} at offset {offset}: {reason}")
        }
        Event::BadRequest { reason } => format!("{node} closed a connection: {reason}"),
        Event::Fatal { reason } => format!("{node} ended of a fault: {reason}"),
        Event::Stopped => format!("{node} stopped."),
        // Events are non-exhaustive: one that is newer than this table is shown as it is.
        other => format!("{node}: {other:?}"),
    }
}
