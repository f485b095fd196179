//! Programs that would speak to other machines: this one has no network but its own, where brokers listen and speak nothing
//! that these programs know. They say so in their own words.

use super::date::Date;
use super::streams::decimal;
use crate::cli::{Failure, Terminal};
use alloc::string::{String, ToString};

/// What C's resolver says without a network.
const UNRESOLVED: &str = "Temporary failure in name resolution";

/// Where a program wants to.
struct Place {
    url: String,
    host: String,
    port: u16,
    is_secure: bool,
}

/// What comes of it.
enum Reached {
    Unknown,
    Refused,
    Open,
}

async fn reach(terminal: &Terminal, host: &str, port: u16) -> Reached {
    if !terminal.is_host_known(host) {
        Reached::Unknown
    } else if terminal.is_reachable(host, port).await {
        Reached::Open
    } else {
        Reached::Refused
    }
}

fn say(terminal: &Terminal, code: i32, parts: &[&str]) -> Result<(), Failure> {
    terminal.error_line(&parts.concat());
    Err(Failure::Exit(code))
}

/// The first argument that is no option and belongs to none; `with_value` are the letters of options with an argument.
fn operands<'a>(arguments: &'a [String], with_value: &str) -> impl Iterator<Item = &'a str> {
    let takes_value = |argument: &str| match argument.strip_prefix("--") {
        Some(long) => {
            matches!(
                long,
                "connect-timeout"
                    | "data"
                    | "data-binary"
                    | "data-raw"
                    | "header"
                    | "json"
                    | "max-time"
                    | "output"
                    | "output-document"
                    | "post-data"
                    | "request"
                    | "retry"
                    | "timeout"
                    | "tries"
                    | "user"
                    | "write-out"
            )
        }
        None => argument.starts_with('-') && argument.chars().last().is_some_and(|last| with_value.contains(last)),
    };
    let mut is_value = false;
    arguments.iter().map(String::as_str).filter(move |argument| {
        let is_operand = !is_value && (!argument.starts_with('-') || *argument == "-");
        is_value = !is_value && takes_value(argument);
        is_operand
    })
}

fn place(url: &str) -> Place {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
        _ => (authority, None),
    };
    let is_secure = scheme == "https";
    let path = if rest.contains('/') { "" } else { "/" };
    Place {
        url: [scheme, "://", rest, path].concat(),
        host: host.trim_matches(['[', ']']).to_string(),
        port: port.unwrap_or(if is_secure { 443 } else { 80 }),
        is_secure,
    }
}

fn has(arguments: &[String], letter: char, long: &str) -> bool {
    arguments.iter().any(|argument| match argument.strip_prefix('-') {
        Some(name) if name.starts_with('-') => name == long,
        Some(letters) => letters.contains(letter),
        None => false,
    })
}

/// What `--help` tells.
fn helped(terminal: &Terminal, usage: &str) -> Result<(), Failure> {
    if !terminal.arguments().iter().any(|argument| argument == "--help") {
        return Ok(());
    }
    terminal.print(&["Usage: ", usage, "\nThis machine has no network: only its own ports answer.\n"].concat());
    Err(Failure::Exit(0))
}

pub(super) async fn curl(terminal: Terminal) -> Result<(), Failure> {
    let arguments = terminal.arguments();
    helped(&terminal, "curl [options...] <url>")?;
    let Some(url) = operands(&arguments, "AbcdDeEFHKmoPQrTuUwxXyYz").next() else {
        return say(&terminal, 2, &["curl: try 'curl --help' or 'curl --manual' for more information"]);
    };
    let place = place(url);
    let begin = terminal.now().monotonic;
    let port = decimal(place.port.into());
    let reached = reach(&terminal, &place.host, place.port).await;
    let passed = decimal(terminal.now().monotonic.since(begin).as_millis() as u64);
    let (code, text) = match reached {
        Reached::Unknown => (6, ["(6) Could not resolve host: ", &place.host].concat()),
        Reached::Refused => {
            let parts = ["(7) Failed to connect to ", &place.host, " port ", &port, " after ", &passed];
            (7, [&parts.concat(), " ms: Couldn't connect to server"].concat())
        }
        Reached::Open if place.is_secure => {
            let parts = ["(35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to ", &place.host, ":", &port, " "];
            (35, parts.concat())
        }
        Reached::Open => (52, "(52) Empty reply from server".to_string()),
    };
    if has(&arguments, 's', "-silent") && !has(&arguments, 'S', "-show-error") {
        return Err(Failure::Exit(code));
    }
    say(&terminal, code, &["curl: ", &text])
}

pub(super) async fn wget(terminal: Terminal) -> Result<(), Failure> {
    let arguments = terminal.arguments();
    helped(&terminal, "wget [OPTION]... [URL]...")?;
    let Some(url) = operands(&arguments, "aOoPtTUQe").next() else {
        let lines = "wget: missing URL\nUsage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.";
        return say(&terminal, 1, &[lines]);
    };
    let place = place(url);
    let is_quiet = has(&arguments, 'q', "-quiet");
    let date = Date::new(terminal.now().wall_ms, terminal.utc_offset_minutes()).format("%Y-%m-%d %H:%M:%S");
    let host = place.host.as_str();
    let tell = |parts: &[&str]| {
        if !is_quiet {
            terminal.print_error(&parts.concat());
        }
    };
    tell(&["--", &date, "--  ", &place.url, "\nResolving ", host, " (", host, ")... "]);
    let reached = reach(&terminal, host, place.port).await;
    if matches!(reached, Reached::Unknown) {
        tell(&["failed: ", UNRESOLVED, ".\nwget: unable to resolve host address '", host, "'\n"]);
        return Err(Failure::Exit(4));
    }
    let port = decimal(place.port.into());
    tell(&["127.0.0.1\nConnecting to ", host, " (", host, ")|127.0.0.1|:", &port, "... "]);
    match reached {
        Reached::Open => {
            tell(&["connected.\nHTTP request sent, awaiting response... No data received.\nGiving up.\n\n"]);
        }
        _ => tell(&["failed: Connection refused.\n"]),
    }
    Err(Failure::Exit(4))
}

pub(super) async fn ssh(terminal: Terminal) -> Result<(), Failure> {
    let arguments = terminal.arguments();
    helped(&terminal, "ssh [-p port] [user@]host")?;
    let port =
        arguments.iter().position(|argument| argument == "-p").and_then(|at| arguments.get(at + 1)?.parse().ok());
    let port: u16 = port.unwrap_or(22);
    let Some(host) = operands(&arguments, "BbcDEeFIiJLlmOopQRSWw").next() else {
        return say(&terminal, 255, &["usage: ssh [-p port] [user@]host\nThis machine has no network."]);
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let number = decimal(port.into());
    match reach(&terminal, host, port).await {
        Reached::Unknown => say(&terminal, 255, &["ssh: Could not resolve hostname ", host, ": ", UNRESOLVED]),
        Reached::Refused => {
            say(&terminal, 255, &["ssh: connect to host ", host, " port ", &number, ": Connection refused"])
        }
        Reached::Open => say(
            &terminal,
            255,
            &[
                "kex_exchange_identification: Connection closed by remote host\n\
                Connection closed by 127.0.0.1 port ",
                &number,
            ],
        ),
    }
}

pub(super) async fn nc(terminal: Terminal) -> Result<(), Failure> {
    const USAGE: &str = "usage: nc [-vz] host port";
    let arguments = terminal.arguments();
    helped(&terminal, "nc [-vz] host port")?;
    let mut operands = operands(&arguments, "IiMmOPpqsTVWwXx");
    let (Some(host), Some(port)) = (operands.next(), operands.next()) else { return say(&terminal, 1, &[USAGE]) };
    let Ok(number) = port.parse::<u16>() else { return say(&terminal, 1, &["nc: port number invalid: ", port]) };
    let is_verbose = has(&arguments, 'v', "");
    match reach(&terminal, host, number).await {
        Reached::Unknown => {
            say(&terminal, 1, &["nc: getaddrinfo for host \"", host, "\" port ", port, ": ", UNRESOLVED])
        }
        Reached::Refused if is_verbose => say(
            &terminal,
            1,
            &["nc: connect to ", host, " (127.0.0.1) port ", port, " (tcp) failed: Connection refused"],
        ),
        Reached::Refused => Err(Failure::Exit(1)),
        Reached::Open => {
            if is_verbose {
                let parts = ["Connection to ", host, " (127.0.0.1) ", port, " port [tcp/*] succeeded!"];
                terminal.error_line(&parts.concat());
            }
            if has(&arguments, 'z', "") { Ok(()) } else { say(&terminal, 1, &["nc: only -z is understood here"]) }
        }
    }
}

pub(super) async fn telnet(terminal: Terminal) -> Result<(), Failure> {
    let arguments = terminal.arguments();
    helped(&terminal, "telnet host [port]")?;
    let mut operands = operands(&arguments, "aelnSX");
    let Some(host) = operands.next() else { return say(&terminal, 1, &["usage: telnet host [port]"]) };
    let port = operands.next().unwrap_or("23");
    let Ok(number) = port.parse::<u16>() else {
        return say(
            &terminal,
            1,
            &["telnet: could not resolve ", host, "/", port, ": Servname not supported for ai_socktype"],
        );
    };
    match reach(&terminal, host, number).await {
        Reached::Unknown => say(&terminal, 1, &["telnet: could not resolve ", host, "/", port, ": ", UNRESOLVED]),
        Reached::Refused => {
            terminal.line("Trying 127.0.0.1...");
            say(&terminal, 1, &["telnet: Unable to connect to remote host: Connection refused"])
        }
        Reached::Open => {
            terminal.print(&["Trying 127.0.0.1...\nConnected to ", host, ".\nConnection closed.\n"].concat());
            Ok(())
        }
    }
}
