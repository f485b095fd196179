//! The files a new machine has: Kafka's distribution, and the few directories around it.

use super::builtins::programs;
use super::commands::commands;
use super::file_system::{FileNode, FileSystem};
use crate::cli::tools;
use crate::config::playground::{BROKERS, playground_file, playground_properties};
use crate::text::Str;
use alloc::format;
use alloc::string::String;
use bytes::Bytes;

/// Where the user is at home.
pub(super) const HOME: &str = concat!("/home", "/kafka");
/// Where Kafka lies.
pub const KAFKA: &str = concat!("/home", "/kafka/kafka_2.13-4.3.0");

/// Where a script of Kafka's lies.
pub(super) fn script(name: &str) -> String {
    format!("{KAFKA}/bin/{name}")
}

/// Lays the files of a new machine.
pub(super) fn lay_out(now_ms: i64, files: &mut FileSystem) {
    let directory = |files: &mut FileSystem, path: &str| {
        let node = FileNode { content: None, is_executable: false, modified_ms: now_ms };
        files.restore((Str::from(path), Some(node)));
    };
    let file = |files: &mut FileSystem, path: &str, content: &'static str, is_executable: bool| {
        let content = Some(Bytes::from_static(content.as_bytes()));
        files.restore((Str::from(path), Some(FileNode { content, is_executable, modified_ms: now_ms })));
    };
    for path in ["/dev", "/etc", "/tmp", "/usr", "/usr/bin", concat!("/home", ""), HOME, KAFKA] {
        directory(files, path);
    }
    for path in ["bin", "config", "logs"] {
        directory(files, &format!("{KAFKA}/{path}"));
    }
    for (name, content) in CONFIG {
        file(files, &format!("{KAFKA}/config/{name}"), content, false);
    }
    directory(files, &format!("{KAFKA}/config/playground"));
    for node_id in 0..BROKERS {
        let node_id = i32::from(node_id);
        let content = Some(Bytes::from(playground_properties(node_id, BROKERS)));
        let node = FileNode { content, is_executable: false, modified_ms: now_ms };
        files.restore((Str::from(format!("{KAFKA}/{}", playground_file(node_id))), Some(node)));
    }
    for name in tools() {
        file(files, &format!("{KAFKA}/bin/{name}"), SCRIPT, true);
    }
    for name in commands().chain(programs()) {
        file(files, &format!("/usr/bin/{name}"), SCRIPT, true);
    }
    file(files, "/etc/hostname", "playground\n", false);
}

/// Kafka's own examples: its keys and values.
const CONFIG: [(&str, &str); 5] = [
    ("broker.properties", include_str!("broker.properties")),
    ("consumer.properties", include_str!("consumer.properties")),
    ("controller.properties", include_str!("controller.properties")),
    ("producer.properties", include_str!("producer.properties")),
    ("server.properties", include_str!("server.properties")),
];

/// What a program's file holds: its code is the playground's own.
pub(super) const SCRIPT: &str = "#!/bin/sh\n# Part of the playground: its code runs in this page.\n";
