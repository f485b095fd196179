//! `kafka-groups.sh`: lists groups of every kind (`org.apache.kafka.tools.GroupsCommand`).

use super::arguments::jopt::{OptionSpec, Options, flag, value};
use super::cluster::{kind, listed};
use super::failure::{Exception, Failure};
use super::properties_file::admin_config;
use super::terminal::Terminal;
use alloc::format;

const CLASS: &str = "org.apache.kafka.tools.GroupsCommand";
const KINDS: [&str; 4] = ["Consumer", "Classic", "Share", "Streams"];
/// Options of which one at most may be there.
const FILTERS: [&str; 4] = ["consumer", "share", "streams", "group-type"];

const OPTIONS: [OptionSpec; 8] = [
    value("bootstrap-server", "String: server to connect to", "Brokers, as host:port; several with commas.").required(),
    value("command-config", "String: command config property file", "A file of properties for the admin client."),
    flag("list", "Lists groups."),
    value("group-type", "String: type", "Only groups of this type."),
    value("protocol", "String: protocol", "Only groups of this protocol."),
    flag("consumer", "Only groups of consumers, of both protocols."),
    flag("share", "Only share groups."),
    flag("streams", "Only streams groups."),
];

/// The tool.
pub(super) async fn run(terminal: Terminal) -> Result<(), Failure> {
    let begun = async {
        let options = Options::parse_or_usage(&OPTIONS, &terminal)?;
        check(&terminal, &options)?;
        let server = options.value("bootstrap-server")?.unwrap_or_default();
        terminal.start_admin(admin_config(&terminal, options.value("command-config")?, server).await?);
        Ok(options)
    };
    let options = terminal.catch(begun.await)?;
    match list(&terminal, &options).await {
        Err(Failure::Thrown(exception)) => {
            terminal.line(&format!("Error while executing groups command : {}", exception.message));
            terminal.log_thrown(&exception, CLASS);
            Err(Failure::Exit(1))
        }
        ended => ended,
    }
}

fn check(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    options.print_help_or_version(terminal, "This tool helps to list groups of all types.")?;
    if !options.has("list") {
        return Err(options.usage(terminal, "Command must include exactly one action: --list."));
    }
    if let Some(name) = options.value("group-type")?
        && !KINDS.iter().any(|kind| kind.eq_ignore_ascii_case(name))
    {
        return Err(Exception::illegal_argument("--group-type must be a valid group type.").into());
    }
    for (at, filter) in FILTERS.iter().enumerate() {
        options.exclude(terminal, filter, FILTERS.get(at + 1..).unwrap_or_default())?;
    }
    for filter in ["consumer", "share", "streams"] {
        options.exclude(terminal, filter, &["protocol"])?;
    }
    Ok(())
}

async fn list(terminal: &Terminal, options: &Options) -> Result<(), Failure> {
    let mut groups = listed(terminal).await?;
    let (wanted, protocol) = (options.value("group-type")?, options.value("protocol")?);
    groups.retain(|group| {
        let kind = kind(group);
        wanted.is_none_or(|wanted| kind.eq_ignore_ascii_case(wanted))
            && protocol.is_none_or(|protocol| *group.protocol_type == *protocol)
            && (!options.has("consumer") || kind == "Consumer" || matches!(&*group.protocol_type, "" | "consumer"))
            && (!options.has("share") || kind.eq_ignore_ascii_case("share"))
            && (!options.has("streams") || kind.eq_ignore_ascii_case("streams"))
    });
    let width = groups.iter().map(|group| group.group_id.len()).max().unwrap_or(0).max(20);
    terminal.line(&format!("{:<width$} {:<20} {:<20}", "GROUP", "TYPE", "PROTOCOL"));
    for group in &groups {
        terminal.line(&format!("{:<width$} {:<20} {:<20} ", &*group.group_id, kind(group), &*group.protocol_type));
    }
    Ok(())
}
