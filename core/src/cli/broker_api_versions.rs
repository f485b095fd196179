//! `kafka-broker-api-versions.sh`: which versions of which APIs brokers serve
//! (`org.apache.kafka.tools.BrokerApiVersionsCommand`).

use super::arguments::jopt::{OptionSpec, Options, value};
use super::failure::{Exception, Failure, thrown};
use super::properties_file::{self, admin_config};
use super::terminal::Terminal;
use crate::java::{hash_map_order, string_hash};
use crate::protocol::ApiKey;
use crate::protocol::messages::metadata_response::MetadataResponseBroker;
use crate::protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, MetadataResponse};
use crate::sorted::sort;
use crate::text::Str;
use crate::time::Duration;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

const OPTIONS: [OptionSpec; 2] = [
    value("command-config", "String: command config property file", "A file of properties for the admin client."),
    value("bootstrap-server", "String: server(s) to use for bootstrapping", "REQUIRED: brokers, as host:port."),
];

/// First and last version that Kafka 4.3's clients have of each API; none where the last is negative.
const VERSIONS: [(i8, i8); 93] = [
    (3, 13),
    (4, 18),
    (1, 11),
    (0, 13),
    (0, -1),
    (0, -1),
    (0, -1),
    (0, -1),
    (2, 10),
    (1, 10),
    (0, 6),
    (0, 9),
    (0, 4),
    (0, 5),
    (0, 5),
    (0, 6),
    (0, 5),
    (0, 1),
    (0, 4),
    (2, 7),
    (1, 6),
    (0, 2),
    (0, 6),
    (2, 4),
    (0, 5),
    (0, 4),
    (0, 5),
    (1, 2),
    (0, 5),
    (1, 3),
    (1, 3),
    (1, 3),
    (1, 4),
    (0, 2),
    (1, 2),
    (1, 5),
    (0, 2),
    (0, 3),
    (1, 3),
    (1, 2),
    (1, 2),
    (1, 3),
    (0, 2),
    (0, 2),
    (0, 1),
    (0, 1),
    (0, 0),
    (0, 0),
    (0, 1),
    (0, 1),
    (0, 0),
    (0, 0),
    (0, 2),
    (0, 1),
    (0, 1),
    (0, 2),
    (2, 3),
    (0, 2),
    (0, 0),
    (0, 1),
    (0, 2),
    (0, 0),
    (0, 4),
    (0, 2),
    (0, 0),
    (0, 0),
    (0, 2),
    (0, 0),
    (0, 1),
    (0, 1),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 1),
    (0, 0),
    (1, 1),
    (1, 1),
    (1, 2),
    (1, 2),
    (0, 1),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 1),
    (0, 0),
    (0, 1),
    (0, 0),
    (0, 0),
    (0, 1),
    (0, 0),
    (0, 0),
];
/// APIs between nodes, which a client does not miss.
const BETWEEN_NODES: [i16; 16] = [4, 5, 6, 7, 52, 53, 54, 56, 58, 59, 62, 63, 67, 70, 73, 82];
/// What each request of this tool may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    terminal.catch(execute(&terminal).await)
}

async fn execute(terminal: &Terminal) -> Result<(), Failure> {
    let options = Options::parse(&OPTIONS, &terminal.arguments())?;
    options.print_help_or_version(terminal, "This tool helps to retrieve broker version information.")?;
    options.require(terminal, &["bootstrap-server"])?;
    let server = options.value("bootstrap-server")?.unwrap_or_default();
    // Its admin is made without the wrapping of the usual one.
    properties_file::bootstrap(terminal, server)?;
    let mut config = admin_config(terminal, options.value("command-config")?, server).await?;
    config.client_id = Str::from_static("admin-1");
    config.request_timeout = config.request_timeout.min(REQUEST_TIMEOUT);
    config.default_api_timeout = config.request_timeout;
    let bootstrap = config.bootstrap.clone();
    terminal.start_legacy_admin(config);
    let request = MetadataRequest { topics: None, allow_auto_topic_creation: true, ..MetadataRequest::default() };
    let answer = terminal.ask_while_reachable(request).await;
    let Some(Ok(MetadataResponse { mut brokers, .. })) = answer else {
        let servers = bootstrap.iter().zip(1..).map(|((host, port), index)| node(host, i32::from(*port), -index, None));
        let servers = servers.collect::<Vec<_>>().join(", ");
        let message = format!("Request METADATA failed on brokers [{servers}]");
        return Err(Exception::new("java.lang.RuntimeException", message).into());
    };
    hash_map_order(&mut brokers, 16, node_hash);
    for broker in brokers {
        let answer = terminal.ask_broker(broker.node_id, ApiVersionsRequest::default()).await;
        let answer = answer.and_then(|response| thrown(response.error_code, None).map(|()| response));
        let answer = answer.map_or_else(|error| format!("ERROR: {}", error.message), |response| versions(&response));
        let node = node(&broker.host, broker.port, broker.node_id, broker.rack.as_deref());
        terminal.line(&format!("{node} -> {answer}"));
    }
    Ok(())
}

/// `Node.toString`.
fn node(host: &str, port: i32, id: i32, rack: Option<&str>) -> String {
    format!("{host}:{port} (id: {id} rack: {} isFenced: false)", rack.unwrap_or("null"))
}

/// `Node.hashCode`.
fn node_hash(node: &MetadataResponseBroker) -> u32 {
    const FALSE: u32 = 1237;
    let rack = node.rack.as_deref().map_or(0, string_hash);
    let parts = [string_hash(&node.host), node.node_id as u32, node.port as u32, rack, FALSE];
    parts.into_iter().fold(1, |hash, part| 31_u32.wrapping_mul(hash).wrapping_add(part))
}

fn versions(response: &ApiVersionsResponse) -> String {
    let mut rows: Vec<(i16, String)> = Vec::new();
    for api in &response.api_keys {
        let (key, first, last) = (api.api_key, api.min_version, api.max_version);
        let range = if first == last { first.to_string() } else { format!("{first} to {last}") };
        let row = match (ApiKey::from_code(key), client_versions(key)) {
            (Some(known), Some((oldest, latest))) => {
                let usable = if latest < first {
                    "unusable: node too new".to_string()
                } else if last < oldest {
                    "unusable: node too old".to_string()
                } else {
                    format!("usable: {}", latest.min(last))
                };
                format!("{}({key}): {range} [{usable}]", known.name())
            }
            _ => format!("UNKNOWN({key}): {range}"),
        };
        rows.push((key, row));
    }
    for (key, _) in (0..).zip(VERSIONS) {
        let is_missing = !BETWEEN_NODES.contains(&key) && response.api_keys.iter().all(|api| api.api_key != key);
        if let Some(known) = ApiKey::from_code(key).filter(|_| is_missing) {
            rows.push((key, format!("{}({key}): UNSUPPORTED", known.name())));
        }
    }
    sort(&mut rows);
    let rows: Vec<String> = rows.into_iter().map(|row| row.1).collect();
    format!("(\n\t{}\n)", rows.join(",\n\t"))
}

fn client_versions(key: i16) -> Option<(i16, i16)> {
    let (oldest, latest) = VERSIONS.get(usize::try_from(key).ok()?)?;
    Some((i16::from(*oldest), i16::from(*latest)))
}
