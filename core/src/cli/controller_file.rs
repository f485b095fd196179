//! What `kafka-metadata-quorum.sh add-controller` reads in the properties of the controller that is to be added.

use super::failure::{Exception, terse};
use super::terminal::Terminal;
use crate::config::Properties;
use crate::ids::{NodeId, Uuid};
use crate::node::MetaProperties;
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// An endpoint as Kafka shows it; hosts with colons are in brackets.
pub(super) fn url(listener: &str, host: &str, port: u16) -> String {
    if host.contains(':') { format!("{listener}://[{host}]:{port}") } else { format!("{listener}://{host}:{port}") }
}

/// Its id.
///
/// # Errors
/// What Kafka says where it is no controller.
pub(super) fn node_id(properties: &Properties) -> Result<NodeId, Exception> {
    let Some(text) = properties.value("node.id") else {
        return Err(terse("node.id not found in configuration file. Is this a valid controller configuration file?"));
    };
    let no_number = |_| Exception::new("java.lang.NumberFormatException", format!("For input string: \"{text}\""));
    let id: NodeId = text.parse().map_err(no_number)?;
    if id < 0 {
        return Err(terse(
            "node.id was negative in configuration file. Is this a valid controller configuration file?",
        ));
    }
    if !properties.value("process.roles").is_some_and(|roles| roles.contains("controller")) {
        return Err(terse(
            "process.roles did not contain 'controller' in configuration file. Is this a valid controller configuration \
             file?",
        ));
    }
    Ok(id)
}

/// Where its metadata log is.
///
/// # Errors
/// No property says.
pub(super) fn metadata_directory(properties: &Properties) -> Result<String, Exception> {
    if let Some(directory) = properties.value("metadata.log.dir") {
        return Ok(directory.to_string());
    }
    let first = properties.value("log.dirs").and_then(|directories| directories.trim().split(',').next());
    first.map(ToString::to_string).ok_or_else(|| {
        terse("Neither metadata.log.dir nor log.dirs were found. Is this a valid controller configuration file?")
    })
}

/// The id in its `meta.properties`.
///
/// # Errors
/// There is none.
pub(super) async fn directory_id(terminal: &Terminal, directory: &str) -> Result<Uuid, Exception> {
    let content = terminal.file(&format!("{directory}/meta.properties")).await;
    let content = content.map_err(|_| terse(format!("Unable to read meta.properties from {directory}")))?;
    let read = MetaProperties::parse(&content);
    read.map(|read| read.directory_id).map_err(|_| terse(format!("No directory id found in {directory}")))
}

/// Where its listeners for controllers are.
///
/// # Errors
/// They are not among its listeners.
pub(super) fn endpoints(properties: &Properties) -> Result<Vec<(Str, Str, u16)>, Exception> {
    let mut listeners: Vec<(Str, Str, u16)> = Vec::new();
    for key in ["listeners", "advertised.listeners"] {
        let text = properties.value(key).map(ToString::to_string).unwrap_or_default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let unreadable = || {
                let message = format!("Unable to parse {entry} to a broker endpoint");
                Exception::new("org.apache.kafka.common.KafkaException", message)
            };
            let (name, address) = entry.split_once("://").ok_or_else(unreadable)?;
            let (host, port) = address.rsplit_once(':').ok_or_else(unreadable)?;
            let port = port.parse().map_err(|_| unreadable())?;
            let name = name.to_ascii_uppercase();
            let host = host.trim_start_matches('[').trim_end_matches(']');
            listeners.retain(|known| *known.0 != *name);
            listeners.push((name.into(), host.into(), port));
        }
    }
    let Some(names) = properties.value("controller.listener.names") else {
        return Err(terse("controller.listener.names was not found. Is this a valid controller configuration file?"));
    };
    let mut endpoints = Vec::new();
    for name in names.split(',') {
        let name = name.trim().to_ascii_uppercase();
        let Some((name, host, port)) = listeners.iter().find(|listener| *listener.0 == *name) else {
            return Err(terse(format!("Cannot find information about controller listener name: {name}")));
        };
        let host = if host.is_empty() { Str::from_static("localhost") } else { host.clone() };
        endpoints.push((name.clone(), host, *port));
    }
    Ok(endpoints)
}

/// Reads an id as `Uuid.fromString` does; else what that throws.
pub(super) fn parse_uuid(text: &str) -> Result<Uuid, String> {
    if text.chars().count() > 24 {
        let start: String = text.chars().take(24).collect();
        return Err(format!("Input string with prefix `{start}` is too long to be decoded as a base64 UUID"));
    }
    if let Some(id) = Uuid::parse(text.trim_end_matches('=')) {
        return Ok(id);
    }
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let digits = text.trim_end_matches('=').as_bytes();
    if let Some(other) = digits.iter().find(|byte| !is_digit(**byte)) {
        return Err(format!("Illegal base64 character {other:x}"));
    }
    if digits.len() % 4 == 1 {
        return Err(if digits.len() == 1 {
            "Input byte[] should at least have 2 bytes for base64 bytes".to_string()
        } else {
            "Last unit does not have enough valid bits".to_string()
        });
    }
    let count = digits.len() * 3 / 4;
    Err(format!(
        "Input string `{text}` decoded as {count} bytes, which is not equal to the expected 16 bytes of a base64-encoded UUID"
    ))
}
