//! `kafka-server-stop.sh`: sends SIGTERM to the servers of this machine. A script in Kafka too.

use super::failure::Failure;
use super::terminal::Terminal;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let arguments = terminal.arguments().join(" ");
    let role = option(&arguments, "--process-role=");
    let node_id = option(&arguments, "--node-id=");
    if node_id.is_some() && role.is_some() {
        terminal.line("When both node-id and process-role are provided, the value for node-id will take precedence");
    }
    let processes = terminal.processes().await;
    let servers: Vec<_> = processes
        .iter()
        .filter(|process| process.command.contains(" kafka.Kafka ") && process.command.contains("java"))
        .collect();
    if servers.is_empty() {
        terminal.line("No kafka server to stop");
        return Err(Failure::Exit(1));
    }
    let wanted = match (&node_id, &role) {
        (Some(node_id), _) => Some(("node.id=", node_id)),
        (None, Some(role)) => Some(("process.roles=", role)),
        (None, None) => None,
    };
    for server in servers {
        let is_meant = match wanted {
            None => true,
            Some((key, value)) => property(&terminal, &config_of(&server.command), key).await.as_ref() == Some(value),
        };
        if is_meant {
            terminal.terminate(server.id);
        }
    }
    Ok(())
}

/// What follows such an option, up to a blank: the script looks for it anywhere.
fn option(arguments: &str, name: &str) -> Option<String> {
    let (_, rest) = arguments.split_once(name)?;
    let value = rest.split(' ').next().and_then(|value| value.split('=').next()).unwrap_or_default();
    (!value.is_empty()).then(|| value.to_string())
}

/// The last word of a command line without its overrides.
fn config_of(command: &str) -> String {
    let mut words: Vec<&str> = command.split(' ').collect();
    while let Some(at) = words.iter().position(|word| *word == "--override") {
        words.drain(at..(at + 2).min(words.len()));
    }
    words.last().map(ToString::to_string).unwrap_or_default()
}

/// The rest of the first line in which a key stands.
async fn property(terminal: &Terminal, path: &str, key: &str) -> Option<String> {
    let Ok(content) = terminal.file(path).await else {
        terminal.error_line(&format!("sed: can't read {path}: No such file or directory"));
        return None;
    };
    let text = String::from_utf8_lossy(&content).into_owned();
    let line = text.lines().find(|line| line.contains(key))?;
    Some(line.replacen(key, "", 1))
}
