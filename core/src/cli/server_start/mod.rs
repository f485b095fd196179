//! `kafka-server-start.sh`: a broker's process (`kafka.Kafka`). The broker itself runs where the host lets it; this reads and
//! checks what Kafka reads and checks before it starts one, logs what happens on it, and ends with it.

mod log;

use super::VERSION;
use super::arguments::jopt::{Options, value};
use super::date_time::time_stamp;
use super::failure::{Exception, Failure};
use super::file::{FileError, FileRequest};
use super::meta_file::{self, MetaFile};
use super::properties_file;
use super::server::{ServerEvent, ServerRequest};
use super::terminal::{Came, Terminal};
use crate::config::BrokerConfig;
use crate::event::Event;
use crate::ids::Uuid;
use crate::text::Str;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;
use log::Appender;
use log::{Line, ServerLog, exiting, thrown, unreadable};

const NAME: &str = "kafka-server-start.sh";

const USAGE: &str = "USAGE: java [options] kafka.Kafka server.properties [--override property=value]*";

const OPTIONS: &str = "\
Option               Description                                         \n\
------               -----------                                         \n\
--override <String>  A property that counts instead of the file's, as    \n\
\x20                      key=value.                                        \n\
--version            Print the version of Kafka this is of, and exit.    \n";

/// The exit codes of a process that was ended by SIGINT (SIGTERM's the program knows), by SIGTERM, by SIGKILL.
const INTERRUPTED: i32 = 130;
const TERMINATED: i32 = 143;
const KILLED: i32 = 137;

/// The tool: the script, then Kafka's main class.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let mut arguments = terminal.arguments();
    let called_as = terminal.called_as();
    if arguments.is_empty() {
        let name = if called_as.is_empty() { NAME } else { &called_as };
        terminal.line(&format!("USAGE: {name} [-daemon] server.properties [--override property=value]*"));
        return Err(Failure::Exit(1));
    }
    let logs = called_as.rsplit_once('/').map(|(bin, _)| format!("{bin}/../logs"));
    if let Some(logs) = &logs {
        // It may be there.
        drop(terminal.ask_files(FileRequest::MakeDirectory(Str::from(&**logs))).await);
    }
    if arguments.first().is_some_and(|first| first == "-daemon") {
        arguments.remove(0);
        terminal.detach(&format!("{}/kafkaServer.out", logs.as_deref().unwrap_or("logs")));
    }
    let process = Process { terminal, logs };
    let start = process.start(&arguments).await;
    let ended = match start {
        Ok((log, start)) => return process.serve(log, start).await,
        Err(Failure::Thrown(exception)) => exception,
        Err(exit) => return Err(exit),
    };
    process.log(exiting(&ended)).await;
    Err(Failure::Exit(1))
}

struct Process {
    terminal: Terminal,
    /// Where its logs are; nothing where only its name is known.
    logs: Option<String>,
}

impl Process {
    /// All that comes before the broker.
    async fn start(&self, arguments: &[String]) -> Result<(ServerLog, ServerRequest), Failure> {
        let terminal = &self.terminal;
        if arguments.is_empty() || arguments.iter().any(|argument| argument == "--help") {
            return Err(usage(terminal, USAGE));
        }
        if arguments.iter().any(|argument| argument == "--version") {
            terminal.line(VERSION);
            return Err(Failure::Exit(0));
        }
        let (path, rest) = arguments.split_first().map_or(("", arguments), |(path, rest)| (path.as_str(), rest));
        let mut properties = properties_file::read(terminal, path).await?;
        let overrides = overrides(terminal, rest)?;
        let text = String::from_utf8_lossy(&terminal.file(path).await.unwrap_or_default()).into_owned();
        let mut added = String::new();
        for (key, value) in &overrides {
            properties.set(key.as_str(), value.as_str());
            added.push_str(&line_of(key, value));
        }
        let config = BrokerConfig::from_properties(&properties)
            .map_err(|error| properties_file::config_exception(&error.message))?;
        self.check_directories(&config).await?;
        let mut files: Vec<(Str, Bytes)> = Vec::new();
        for directory in directories(&config) {
            files.extend(terminal.own_files(&directory).await);
        }
        let (path, properties, overrides) = (Str::from(path), text.into(), added.into());
        Ok((ServerLog::new(&config), ServerRequest::Start { path, properties, overrides, files }))
    }

    /// The `meta.properties` of all log directories fit this node and each other (`MetaPropertiesEnsemble.verify`).
    async fn check_directories(&self, config: &BrokerConfig) -> Result<(), Exception> {
        let wrong = |message: String| Exception::new("java.lang.RuntimeException", message);
        let (mut found, mut empty) = (Vec::new(), Vec::new());
        for directory in directories(config) {
            match MetaFile::read(&self.terminal, &directory).await {
                Ok(meta) => found.push((directory, meta)),
                Err(Ok(FileError::NotFound)) => empty.push(directory),
                Err(why) => {
                    let exception = why.map_or_else(
                        |exception| exception,
                        |error| Exception::new("java.io.IOException", error.words()),
                    );
                    self.log(unreadable(&meta_file::path(&directory), &exception)).await;
                }
            }
        }
        if found.is_empty() {
            return Err(wrong("No readable meta.properties files found.".to_string()));
        }
        check_metas(config, &found).map_err(wrong)?;
        if let Some(directory) = empty.first() {
            return Err(wrong(format!(
                "No `meta.properties` found in {directory} (have you run `kafka-storage.sh` to format the directory?)"
            )));
        }
        for (directory, _) in &found {
            let metadata = format!("{directory}/__cluster_metadata-0");
            if **directory != *config.metadata_log_dir && self.terminal.status(&metadata).await.is_ok() {
                return Err(Exception::new(
                    "org.apache.kafka.common.KafkaException",
                    format!(
                        "Found unexpected metadata location in data directory `{metadata}` (the configured metadata directory \
                         is {}).",
                        config.metadata_log_dir
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Lets the broker run, and logs what happens on it to its end.
    async fn serve(&self, mut log: ServerLog, start: ServerRequest) -> Result<(), Failure> {
        log.starting();
        self.log_all(&mut log).await;
        self.terminal.await_interrupts();
        self.terminal.ask_server(start);
        let (mut is_signalled, mut exit) = (false, KILLED);
        loop {
            match self.terminal.server_event(!is_signalled).await {
                Came::Interrupt | Came::Late => {
                    is_signalled = true;
                    exit = INTERRUPTED;
                    log.terminating(if self.terminal.is_terminated() { "SIGTERM" } else { "SIGINT" });
                    self.terminal.ask_server(ServerRequest::Stop);
                }
                Came::This(ServerEvent::Happened(event)) => {
                    match &event {
                        Event::Fatal { .. } => exit = 1,
                        // Somebody else ended it, as `kill` would have.
                        Event::Stopped if !is_signalled => {
                            exit = TERMINATED;
                            log.terminating("SIGTERM");
                        }
                        _ => {}
                    }
                    log.happened(&event);
                }
                Came::This(ServerEvent::Refused(reason)) => {
                    self.log(exiting(&thrown(&reason))).await;
                    return Err(Failure::Exit(1));
                }
                Came::This(ServerEvent::Ended) => return Err(Failure::Exit(exit)),
            }
            self.log_all(&mut log).await;
        }
    }

    async fn log_all(&self, log: &mut ServerLog) {
        for line in log.take() {
            self.log(line).await;
        }
    }

    async fn log(&self, line: Line) {
        let local_ms = self.terminal.now().wall_ms + i64::from(self.terminal.utc_offset_minutes()) * 60_000;
        let text = line.layout(&time_stamp(local_ms));
        let file = match line.appender {
            Appender::Server => {
                self.terminal.print(&text);
                "server.log"
            }
            Appender::Controller => "controller.log",
        };
        if let Some(logs) = &self.logs {
            // A log that cannot be written stops no broker.
            drop(self.terminal.write_file(&format!("{logs}/{file}"), Bytes::from(text), true).await);
        }
    }
}

/// What is wrong with what the directories say.
fn check_metas(config: &BrokerConfig, metas: &[(String, MetaFile)]) -> Result<(), String> {
    let mut cluster: Option<&str> = None;
    let mut ids: Vec<(Uuid, &str)> = Vec::new();
    for (directory, meta) in metas {
        if let Some(read) = meta.cluster_id.as_deref() {
            let expected = *cluster.get_or_insert(read);
            if expected != read {
                let path = meta_file::path(directory);
                return Err(format!("Invalid cluster.id in: {path}. Expected {expected}, but read {read}"));
            }
        }
        let Some(node_id) = meta.node_id else { return Err(format!("Error: node ID not found in {directory}")) };
        if node_id != config.node_id {
            return Err(format!(
                "Stored node id {node_id} doesn't match previous node id {} in {}. If you moved your data, make sure your \
                 configured node id matches. If you intend to create a new node, you should remove all data in your data \
                 directories.",
                config.node_id,
                meta_file::path(directory)
            ));
        }
        let Some(id) = meta.directory_id else { continue };
        if id.is_reserved() {
            return Err(format!("Invalid reserved directory ID {id} found in {directory}"));
        }
        if let Some((_, other)) = ids.iter().find(|(known, _)| *known == id) {
            return Err(format!(
                "Duplicate directory ID Optional[{id}] found. It was the ID of {other}, but also of {directory}"
            ));
        }
        ids.push((id, directory));
    }
    Ok(())
}

/// Its log directories, each once.
fn directories(config: &BrokerConfig) -> Vec<String> {
    let mut directories: Vec<String> = Vec::new();
    for path in config.log_dirs.iter().chain([&config.metadata_log_dir]).filter(|path| !path.is_empty()) {
        if directories.iter().all(|known| **known != **path) {
            directories.push(path.to_string());
        }
    }
    directories
}

/// The properties given behind the file.
fn overrides(terminal: &Terminal, arguments: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let options = Options::parse(&[value("override", "String", "")], arguments)?;
    let mut words = arguments.iter().map(String::as_str);
    let mut stray: Vec<&str> = Vec::new();
    while let Some(word) = words.next() {
        match word.trim_start_matches('-') {
            "override" if word.starts_with('-') => drop(words.next()),
            _ if word.starts_with('-') => {}
            _ => stray.push(word),
        }
    }
    if !stray.is_empty() {
        return Err(usage(terminal, &format!("Found non argument parameters: {}", stray.join(","))));
    }
    let pair = |text: &str| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        (key.to_owned(), value.to_owned())
    };
    Ok(options.values("override").map(pair).collect())
}

/// A property as a further line of the file.
fn line_of(key: &str, value: &str) -> String {
    let mut line = String::from("\n");
    let escaped = |line: &mut String, text: &str, is_key: bool| {
        for (index, character) in text.chars().enumerate() {
            match character {
                '\\' => line.push_str("\\\\"),
                '\n' => line.push_str("\\n"),
                '\r' => line.push_str("\\r"),
                ' ' | '\t' if is_key || index == 0 => line.extend(['\\', character]),
                '=' | ':' | '#' | '!' if is_key => line.extend(['\\', character]),
                _ => line.push(character),
            }
        }
    };
    escaped(&mut line, key, true);
    line.push('=');
    escaped(&mut line, value, false);
    line.push('\n');
    line
}

/// Says why, and what options there are.
fn usage(terminal: &Terminal, message: &str) -> Failure {
    terminal.error_line(message);
    terminal.print_error(OPTIONS);
    Failure::Exit(1)
}
