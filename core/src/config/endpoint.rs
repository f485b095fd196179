//! Listeners, voters and bootstrap servers: addresses in configuration values.

use super::ConfigError;
use crate::ids::NodeId;
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// How a listener secures its connections; the numbers are Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecurityProtocol {
    /// Not at all: the only one the playground has.
    Plaintext = 0,
    /// TLS.
    Ssl = 1,
    /// SASL without TLS.
    SaslPlaintext = 2,
    /// SASL and TLS.
    SaslSsl = 3,
}

impl SecurityProtocol {
    /// Kafka's number of it.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// Kafka's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl].into_iter().find(|known| known.name() == name)
    }
}

/// An entry of `listeners` or `advertised.listeners`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name, in upper case.
    pub listener: Str,
    /// Its protocol.
    pub security_protocol: SecurityProtocol,
    /// The host; empty in `listeners` for every address.
    pub host: Str,
    /// The port.
    pub port: u16,
}

/// An entry of `controller.quorum.voters`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuorumVoter {
    /// The voter's node id.
    pub id: NodeId,
    /// Host of its controller listener.
    pub host: Str,
    /// Port of its controller listener.
    pub port: u16,
}

/// An entry of `controller.quorum.bootstrap.servers`, or of a client's `bootstrap.servers`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostAndPort {
    /// The host.
    pub host: Str,
    /// The port.
    pub port: u16,
}

impl HostAndPort {
    /// Reads `host:port`; the host may be in brackets.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.trim().rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_host = !host.is_empty() && host.chars().all(is_host_character);
        is_host.then_some(Self { host: Str::from(host), port: port.parse().ok()? })
    }
}

/// `listener.security.protocol.map`.
pub(super) type ProtocolMap = SortedMap<Str, SecurityProtocol>;

const PROTOCOL_MAP: &str = "listener.security.protocol.map";

pub(super) fn parse_protocol_map(text: &str) -> Result<ProtocolMap, ConfigError> {
    let mut map = ProtocolMap::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let Some((listener, protocol)) = entry.split_once(':') else {
            let message = format!("Error parsing configuration property '{PROTOCOL_MAP}': {entry} has no `:`");
            return Err(ConfigError::of(PROTOCOL_MAP, message));
        };
        let protocol = protocol.trim();
        let Some(protocol) = SecurityProtocol::from_name(protocol) else {
            let message = format!("Invalid security protocol `{protocol}` defined in {PROTOCOL_MAP}");
            return Err(ConfigError::of(PROTOCOL_MAP, message));
        };
        map.insert(Str::from(listener.trim().to_uppercase()), protocol);
    }
    Ok(map)
}

/// Reads `listeners` or `advertised.listeners` (`key`); `distinct_ports` as Kafka asks of the former only.
pub(super) fn parse_endpoints(
    key: &str,
    entries: &[Str],
    map: &ProtocolMap,
    distinct_ports: bool,
) -> Result<Vec<Endpoint>, ConfigError> {
    let given = join(entries);
    let fail = |why: String| ConfigError::of(key, format!("Error creating broker listeners from '[{given}]': {why}"));
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for entry in entries {
        let unparsable = || fail(format!("Unable to parse {entry} to a broker endpoint"));
        let (listener, address) = entry.split_once("://").ok_or_else(unparsable)?;
        let listener = Str::from(listener.to_uppercase());
        let (host, port) = address.rsplit_once(':').ok_or_else(unparsable)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = port.parse().map_err(|_| unparsable())?;
        if !host.chars().all(is_host_character) {
            return Err(unparsable());
        }
        let Some(&security_protocol) = map.get(&listener) else {
            return Err(fail(format!("No security protocol defined for listener {listener}")));
        };
        endpoints.push(Endpoint { listener, security_protocol, host: Str::from(host), port });
    }
    for (index, endpoint) in endpoints.iter().enumerate() {
        let earlier = endpoints.get(..index).unwrap_or_default();
        if earlier.iter().any(|other| other.listener == endpoint.listener) {
            return Err(fail(format!("Each listener must have a different name, listeners: [{given}]")));
        }
        if distinct_ports && endpoint.port != 0 && earlier.iter().any(|other| other.port == endpoint.port) {
            return Err(fail(format!("Each listener must have a different port, listeners: [{given}]")));
        }
    }
    Ok(endpoints)
}

/// Reads `controller.quorum.voters`, sorted by id.
pub(super) fn parse_voters(entries: &[Str]) -> Result<Vec<QuorumVoter>, ConfigError> {
    const KEY: &str = "controller.quorum.voters";
    const FORM: &str = "Each entry should be in the form `{id}@{host}:{port}`.";
    let mut voters = SortedMap::new();
    for entry in entries {
        let Some((id, address)) = entry.split_once('@') else {
            return Err(ConfigError::of(KEY, format!("Invalid configuration value for {KEY}. {FORM}")));
        };
        let id: NodeId = id
            .parse()
            .map_err(|_| ConfigError::of(KEY, format!("Failed to parse voter ID as an integer from {id}")))?;
        let Some(HostAndPort { host, port }) = HostAndPort::parse(address) else {
            let message = format!("Failed to parse host name from entry {entry} for the configuration {KEY}. {FORM}");
            return Err(ConfigError::of(KEY, message));
        };
        voters.insert(id, QuorumVoter { id, host, port });
    }
    Ok(voters.into_values().collect())
}

/// Reads `controller.quorum.bootstrap.servers`.
pub(super) fn parse_bootstrap_servers(entries: &[Str]) -> Result<Vec<HostAndPort>, ConfigError> {
    const KEY: &str = "controller.quorum.bootstrap.servers";
    let parse = |entry: &Str| {
        HostAndPort::parse(entry).ok_or_else(|| {
            let message = format!(
                "Failed to parse host name from {entry} for the configuration {KEY}. Each entry should be in the form \
                 \"{{host}}:{{port}}\""
            );
            ConfigError::of(KEY, message)
        })
    };
    entries.iter().map(parse).collect()
}

fn is_host_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '%' | '.' | '_' | ':')
}

fn join(entries: &[Str]) -> String {
    let entries: Vec<&str> = entries.iter().map(Str::as_str).collect();
    entries.join(", ")
}
