//! English.

use super::Messages;
use crate::ui::store::What;
use broker_core::event::Event;
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
    no_controller: "no active controller: the metadata quorum has no majority",
    under_replicated: |number| format!("{} under-replicated", many(number, "partition", "partitions")),
    leaderless: |number| format!("{} without a leader", many(number, "partition", "partitions")),
    other_tab: "Another tab of this browser runs the cluster. Close it, or bring the cluster here: for its brokers that is a power cut.",
    given_away: "The cluster moved to another tab.",
    take_over: "Bring the cluster here",
    tracks: ["Produce", "Replicate", "Consume", "Cluster"],
    background: |number| format!("background {number}/s"),
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
    kill: "Kill",
    stop: "Stop",
    start: "Start",
    power_off: "Power off",
    up: "up",
    fenced: "fenced",
    stopping: |leaders| format!("stopping: {} to move", many(leaders, "leader", "leaders")),
    stopped: "stopped",
    killed: "killed",
    notice_in: |seconds| format!("others notice in {seconds:.1} s"),
    powered_off: "powered off",
    failed: "failed",
    add_broker: "+ Broker",
    add_topic: "+ Topic",
    add_consumer: "+ Consumer",
    add_producer: "+ Producer",
    no_topic: "No topic yet. A topic is a log, cut into partitions.",
    topic_line: |partitions, replication, records| {
        format!(
            "{} · RF {replication} · {}",
            many(partitions, "partition", "partitions"),
            many(records as usize, "record", "records")
        )
    },
    internal_line: |topics, partitions| {
        format!("Internal: {}, {}", many(topics, "topic", "topics"), many(partitions, "partition", "partitions"))
    },
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
    end_and_hw: |end, high_watermark| format!("end {end} · HW {high_watermark}"),
    replica_label: |state, end, high_watermark| format!("{state}, end {end}, high watermark {high_watermark}"),
    lag: |lag| format!("lag {lag}"),
    idle: "idle",
    idle_why: "idle: more members than partitions",
    nobody: "nobody",
    alone: "alone",
    more_groups: |number| format!("+{number} groups"),
    show_more: |number| format!("Show {number} more, all healthy"),
    inspector: "Inspector",
    stop_kill_hint: "Stop hands its leaders over, then exits (SIGTERM). Kill: gone at once; the others notice when its session ends (kill -9).",
    power_hint: "Gone at once, and what was not yet stored is lost. With the playground's flush setting it loses nothing that was acknowledged; with Kafka's default it can.",
    danger: "Dangerous",
    role: "Role",
    leads: "Leads",
    follows: "Follows",
    stored: "Stored",
    name: "Name",
    create: "Create topic",
    creating: "Waiting for the controller",
    raise: "Partitions, at least",
    raise_does: "Change",
    delete_topic: "Delete topic",
    delete_asks: |records| format!("{} will be gone.", many(records as usize, "record", "records")),
    group: "Group",
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
    step_titles: ["Create a topic", "Produce ten records with keys", "Read in a group", "Kill a leader"],
    step_hints: [
        "A topic is a log, cut into partitions: three, three copies of each.",
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
    step_first: "First a topic.",
    counts: |counts| {
        let each = counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        format!("{} records: {each}. Equal keys share a partition.", counts.iter().sum::<i64>())
    },
    group_reads: |received| format!("{} received.", many(received as usize, "record", "records")),
    leads_now: |partition, leader| format!("Broker {leader} leads {partition} now. Start the dead one: it catches up."),
    done: "done",
    close_steps: "Close the steps",
    events: "Events",
    records: "Records",
    no_events: "Nothing happened yet.",
    new_lines: |number| format!("↓ {number} new"),
    collapse: "Collapse",
    maximize: "Maximize",
    offset: "Offset",
    time: "Time",
    newest: "Newest",
    beginning: "From the beginning",
    read: "Read",
    no_records: "No records here.",
    choose_topic: "Create a topic first: its records are read here.",
    stage: "Stage",
    as_last_seen: "as last seen",
    command: "As a command",
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

fn say(who: Option<i32>, what: &What) -> String {
    let node = who.map(|id| format!("Broker {id}")).unwrap_or_default();
    let controller = who.map(|id| format!("Controller {id}")).unwrap_or_default();
    let event = match what {
        What::Killed(id) => return format!("Broker {id} was killed by you. The others notice when its session ends."),
        What::PoweredOff(id) => return format!("You cut the power of broker {id}: what was not stored is lost."),
        What::Stopping(id) => return format!("You asked broker {id} to stop: it hands its leaders over first."),
        What::Starting(id) => return format!("Broker {id} starts."),
        What::WorkerFailed { worker, reason } => return format!("The worker of {worker} failed: {reason}"),
        What::Node(event) => event,
    };
    match event {
        Event::Started => format!("{node} started its process."),
        Event::Registered { broker_epoch } => {
            format!("{node} registered with the controller, broker epoch {broker_epoch}.")
        }
        Event::ControllerElected { quorum_epoch } => {
            format!("{node} is the active controller, quorum epoch {quorum_epoch}.")
        }
        Event::ControllerResigned { quorum_epoch } => {
            format!("{node} is no longer the active controller, quorum epoch {quorum_epoch}.")
        }
        Event::BrokerUnfenced { broker } => {
            format!("{controller} let broker {broker} lead again: it caught up with the metadata.")
        }
        Event::BrokerFenced { broker, session_expired: true } => {
            format!("Session of broker {broker} ended: {controller} fenced it.")
        }
        Event::BrokerFenced { broker, .. } => format!("{controller} fenced broker {broker}."),
        Event::ControlledShutdown { broker } => format!("Broker {broker} hands its leaders over before it stops."),
        Event::LeaderChanged { partition, from, to, .. } if *to < 0 => {
            format!("{partition} has no leader: broker {from} was the last, and nobody in sync is left.")
        }
        Event::LeaderChanged { partition, from, to, leader_epoch, in_sync_replicas } => {
            let before = if *from < 0 { "nobody led".to_owned() } else { format!("broker {from} led") };
            let isr = list(in_sync_replicas);
            format!(
                "{controller} made broker {to} leader of {partition} ({before}), epoch {} → {leader_epoch}. ISR {isr}",
                leader_epoch - 1
            )
        }
        Event::InSyncReplicasChanged { partition, from, to } => {
            format!("{partition}: ISR {} → {}, {} → {}.", from.len(), to.len(), list(from), list(to))
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
        Event::LogRecovered { partition, log_end_offset, discarded_bytes } => {
            format!("{node} recovered {partition}: end {log_end_offset}, {discarded_bytes} torn bytes dropped.")
        }
        Event::LogDirectoryOffline { path } => {
            format!("{node} took its log directory {path} offline: the storage failed.")
        }
        Event::GroupRebalancing { group, reason } => format!("Group {group} rebalances: {reason}"),
        Event::GroupStable { group, generation_id, members } => {
            format!("Group {group} is stable with {}, generation {generation_id}.", many(*members, "member", "members"))
        }
        Event::GroupEmpty { group, generation_id } => format!("Group {group} is empty, generation {generation_id}."),
        Event::MemberExpired { group, member } => {
            format!("{member} was silent for its session and is out of group {group}.")
        }
        Event::BadRequest { reason } => format!("{node} closed a connection: {reason}"),
        Event::Fatal { reason } => format!("{node} ended of a fault: {reason}"),
        Event::Stopped => format!("{node} stopped."),
        other => format!("{node}: {other:?}"),
    }
}
