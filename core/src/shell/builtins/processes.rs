//! `ps` and `jps`.

use super::super::file_system::name_of;
use super::super::interpreter::Shell;
use super::super::process::ProcessView;
use super::Said;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

pub(super) fn ps(shell: &mut Shell, arguments: &[String]) -> Said {
    let options = arguments.first().map_or("", String::as_str);
    let letters = options.trim_start_matches('-');
    let minutes = shell.kernel.utc_offset_minutes();
    let running = shell.kernel.views().into_iter().filter(|view| view.exit.is_none());
    let is_all = letters.contains(['a', 'e', 'A', 'x']);
    let rows: Vec<ProcessView> = running.filter(|view| is_all || view.terminal == shell.terminal).collect();
    let started = |view: &ProcessView| {
        let of_day = (view.started_ms / 60_000 + i64::from(minutes)).rem_euclid(24 * 60);
        format!("{:02}:{:02}", of_day / 60, of_day % 60)
    };
    let mut output = String::new();
    if letters.contains('f') && options.starts_with('-') {
        output.push_str("UID          PID    PPID  C STIME TTY          TIME CMD\n");
        for view in &rows {
            let _ = writeln!(
                output,
                "kafka    {:>7} {:>7}  0 {} pts/{:<4} 00:00:00 {}",
                view.id.0,
                view.parent.0,
                started(view),
                view.terminal.0,
                view.command
            );
        }
    } else if letters.contains('u') {
        output.push_str("USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n");
        for view in &rows {
            let state = if view.id == shell.id { "R" } else { "S" };
            let leads = if view.group == view.id && view.parent.0 == 0 { "s" } else { "" };
            let front = if shell.kernel.is_in_foreground(view.id) { "+" } else { "" };
            let _ = writeln!(
                output,
                "kafka    {:>7}  0.0  0.0      0     0 pts/{:<4} {:<4} {}   0:00 {}",
                view.id.0,
                view.terminal.0,
                format!("{state}{leads}{front}"),
                started(view),
                view.command
            );
        }
    } else {
        output.push_str("    PID TTY          TIME CMD\n");
        for view in &rows {
            let program = view.command.split(' ').next().unwrap_or_default().trim_start_matches('-');
            let _ = writeln!(output, "{:>7} pts/{:<4} 00:00:00 {}", view.id.0, view.terminal.0, name_of(program));
        }
    }
    Said::output(output)
}

/// The main classes whose names do not follow from those of their scripts.
const CLASSES: [(&str, &str); 15] = [
    ("kafka-broker-api-versions", "BrokerApiVersionsCommand"),
    ("kafka-cluster", "ClusterTool"),
    ("kafka-configs", "ConfigCommand"),
    ("kafka-consumer-groups", "ConsumerGroupCommand"),
    ("kafka-dump-log", "DumpLogSegments"),
    ("kafka-features", "FeatureCommand"),
    ("kafka-get-offsets", "GetOffsetShell"),
    ("kafka-metadata-shell", "MetadataShell"),
    ("kafka-producer-perf-test", "ProducerPerformance"),
    ("kafka-consumer-perf-test", "ConsumerPerformance"),
    ("kafka-server-start", "Kafka"),
    ("kafka-storage", "StorageTool"),
    ("kafka-topics", "TopicCommand"),
    ("kafka-acls", "AclCommand"),
    ("kafka-share-groups", "ShareGroupCommand"),
];

/// The main class of a tool, without its package.
fn class_of(script: &str) -> Option<String> {
    let name = script.strip_suffix(".sh").filter(|_| crate::cli::find(script).is_some())?;
    if let Some((_, class)) = CLASSES.iter().find(|(known, _)| *known == name) {
        return Some(class.to_string());
    }
    let mut class = String::new();
    for word in name.trim_start_matches("kafka-").split('-') {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        class.push_str(&first.to_ascii_uppercase());
        class.push_str(rest);
    }
    if !class.starts_with("Console") && !class.starts_with("Verifiable") {
        class.push_str("Command");
    }
    Some(class)
}

pub(super) fn jps(shell: &mut Shell, arguments: &[String]) -> Said {
    let shows_arguments = arguments.iter().any(|argument| argument.starts_with('-') && argument.contains('m'));
    let running = shell.kernel.views().into_iter().filter(|view| view.exit.is_none());
    let rows = running.filter_map(|view| {
        let blank = |text: &str| text.split_once(' ').map(|(first, rest)| (first.to_string(), rest.to_string()));
        let (mut script, mut rest) = blank(&view.command).unwrap_or((view.command.clone(), String::new()));
        // Of one that says its class itself only the last part is told.
        let is_java = script == "java";
        if is_java {
            (script, rest) = blank(&rest).unwrap_or((rest, String::new()));
        }
        let class = match () {
            () if view.id == shell.id => "Jps".to_string(),
            () if is_java => script.rsplit('.').next().unwrap_or_default().to_string(),
            () => class_of(name_of(&script))?,
        };
        let rest = if shows_arguments { format!(" {rest}") } else { String::new() };
        Some(format!("{} {class}{rest}", view.id.0))
    });
    Said::output(super::lines(rows))
}
