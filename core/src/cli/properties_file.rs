//! Files of properties that tools read, and settings of clients by Kafka's names.

use super::arguments::argparse::Arguments;
use super::arguments::jopt::Options;
use super::failure::{Exception, Failure};
use super::file::FileError;
use super::terminal::Terminal;
use crate::client::AdminConfig;
use crate::config::Properties;
use crate::text::Str;
use crate::time::Duration;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Reads a file of properties.
///
/// # Errors
/// Java's exception where the file cannot be read.
pub(super) async fn read(terminal: &Terminal, path: &str) -> Result<Properties, Exception> {
    let content = terminal.file(path).await.map_err(|error| match error {
        FileError::NotFound => Exception::new("java.nio.file.NoSuchFileException", path),
        FileError::Denied => Exception::new("java.nio.file.AccessDeniedException", path),
        other => Exception::new("java.io.IOException", other.to_string()),
    })?;
    let properties = Properties::parse(&String::from_utf8_lossy(&content));
    properties.map_err(|error| Exception::illegal_argument(error.to_string()))
}

/// What Kafka throws for a mistake in a broker's properties: Scala's `require`, listeners and definitions of keys throw
/// differently.
pub(super) fn config_exception(message: &str) -> Exception {
    if message.starts_with("requirement failed") {
        return Exception::illegal_argument(message);
    }
    let listeners = message.strip_prefix("Error creating broker listeners from '[");
    if let Some((_, why)) = listeners.and_then(|rest| rest.split_once("]': ")) {
        let cause = if why.starts_with("Unable to parse ") {
            Exception::new("org.apache.kafka.common.KafkaException", why)
        } else {
            Exception::illegal_argument(why)
        };
        return Exception::illegal_argument(message).because(&cause);
    }
    Exception::new("org.apache.kafka.common.config.ConfigException", message)
}

/// An admin's settings from a file of properties, if there is one.
///
/// # Errors
/// The file cannot be read, or what is in it no admin takes.
pub(super) async fn admin_config(
    terminal: &Terminal,
    file: Option<&str>,
    bootstrap_server: &str,
) -> Result<AdminConfig, Failure> {
    let properties = match file {
        Some(path) => read(terminal, path).await?,
        None => Properties::default(),
    };
    admin_config_of(terminal, &properties, bootstrap_server)
}

/// An admin's settings from properties.
///
/// # Errors
/// No admin takes them.
pub(super) fn admin_config_of(
    terminal: &Terminal,
    properties: &Properties,
    bootstrap_server: &str,
) -> Result<AdminConfig, Failure> {
    let bootstrap = bootstrap(terminal, bootstrap_server).map_err(|cause| {
        Exception::new("org.apache.kafka.common.KafkaException", "Failed to create new KafkaAdminClient")
            .because(&cause)
    })?;
    let mut config = AdminConfig { bootstrap, ..AdminConfig::default() };
    if let Some(client_id) = properties.value("client.id") {
        config.client_id = client_id.clone();
    }
    if let Some(timeout) = millis(properties, "request.timeout.ms")? {
        config.request_timeout = timeout;
    }
    if let Some(timeout) = millis(properties, "default.api.timeout.ms")? {
        config.default_api_timeout = timeout;
    }
    Ok(config)
}

/// As [`admin_config_of`], of the servers or the controllers that the arguments name.
///
/// # Errors
/// Neither is named, or as there.
pub(super) fn admin_config_of_either(
    terminal: &Terminal,
    properties: &Properties,
    arguments: &Arguments,
) -> Result<AdminConfig, Failure> {
    let (server, controller) = (arguments.value("bootstrap-server"), arguments.value("bootstrap-controller"));
    let Some(bootstrap) = server.or(controller) else {
        let message = "You must specify either --bootstrap-controller or --bootstrap-server.";
        return Err(Exception::new("joptsimple.OptionException", message).into());
    };
    let config = admin_config_of(terminal, properties, bootstrap)?;
    Ok(AdminConfig { is_for_controllers: server.is_none(), ..config })
}

/// A duration among properties.
///
/// # Errors
/// It is no number of milliseconds.
pub(super) fn millis(properties: &Properties, key: &str) -> Result<Option<Duration>, Exception> {
    let Some(text) = properties.value(key) else { return Ok(None) };
    let none = || {
        let message = format!("Invalid value {text} for configuration {key}: Not a number of type INT");
        Exception::new("org.apache.kafka.common.config.ConfigException", message)
    };
    text.trim().parse::<u32>().map(|ms| Some(Duration::from_millis(ms.into()))).map_err(|_| none())
}

/// Adds what options give as `key=value`; one without a value is empty.
pub(super) fn key_values<'a>(properties: &mut Properties, given: impl Iterator<Item = &'a str>) {
    for text in given {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        properties.set(key, value);
    }
}

/// Kafka's `ToolsUtils.validateBootstrapServer`.
pub(super) fn check_address(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    let servers = options.value("bootstrap-server")?.unwrap_or_default();
    if servers.is_empty() {
        return Err(options.usage(terminal, "Error while validating the bootstrap address\n"));
    }
    let has_port = |server: &str| server.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if servers.split(',').all(has_port) {
        return Ok(());
    }
    Err(options.usage(terminal, "Please provide valid host:port like host1:9091,host2:9092\n"))
}

/// Hosts and ports of `bootstrap.servers`.
///
/// # Errors
/// What Kafka's clients throw for an address they do not understand.
pub(super) fn bootstrap(terminal: &Terminal, text: &str) -> Result<Vec<(Str, u16)>, Exception> {
    let mut servers = Vec::new();
    for address in text.split(',').map(str::trim).filter(|address| !address.is_empty()) {
        let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
        let parsed = bare.rsplit_once(':').and_then(|(host, port)| {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            (!host.is_empty()).then_some(())?;
            Some((Str::from(host), port.parse::<u16>().ok()?))
        });
        let Some(server) = parsed else {
            let message = format!("Invalid url in bootstrap.servers: {address}");
            return Err(Exception::new("org.apache.kafka.common.config.ConfigException", message));
        };
        if terminal.is_host_known(&server.0) {
            servers.push(server);
        } else {
            let host = &server.0;
            let line =
                format!("Couldn't resolve server {address} from bootstrap.servers as DNS resolution failed for {host}");
            terminal.log("WARN", &line, "org.apache.kafka.clients.ClientUtils");
        }
    }
    if servers.is_empty() {
        let message = "No resolvable bootstrap urls given in bootstrap.servers";
        return Err(Exception::new("org.apache.kafka.common.config.ConfigException", message));
    }
    Ok(servers)
}
