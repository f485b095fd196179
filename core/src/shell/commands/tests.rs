//! Each program against what GNU's printed: `tests/transcripts.txt`, recorded by `tests/record.py` from the real ones in a
//! directory with the same files; and what cannot be recorded.

mod files;
mod streaming;

use self::files::Files;
use super::find;
use crate::cli::{Environment, Program, ProgramInput, ProgramOutput};
use crate::client::{ClientInput, ClientOutput};
use crate::time::{Duration, Instant, Now};
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt::Write;

/// 2026-01-02 03:04:05 in UTC, as when the transcripts were recorded.
fn now() -> Now {
    Now { monotonic: Instant::from_millis(1), wall_ms: 1_767_323_045_000 }
}

/// What was printed, and the exit code; nothing of it where the program is not over.
#[derive(Debug, Default, PartialEq)]
struct Done {
    output: Vec<u8>,
    error: Vec<u8>,
    exit: Option<i32>,
    /// How long it waited.
    passed: Duration,
}

/// Runs a program to its end. It gets its input line by line, as it asks for it.
fn run(files: &mut Files, words: &[String], input: &[u8], environment: &Environment) -> Done {
    let (name, arguments) = words.split_first().expect("a command");
    let tool = find(name).unwrap_or_else(|| panic!("{name} is there"));
    let mut now = now();
    let mut program = Program::of(now, tool, arguments.to_vec(), environment);
    let mut lines: VecDeque<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
    let mut done = Done::default();
    for _ in 0..100_000 {
        let input = match program.poll_output() {
            ProgramOutput::StandardOutput(bytes) => {
                done.output.extend_from_slice(&bytes);
                continue;
            }
            ProgramOutput::StandardError(bytes) => {
                done.error.extend_from_slice(&bytes);
                continue;
            }
            ProgramOutput::File(request) => ProgramInput::File(files.answer(&request)),
            ProgramOutput::Client(ClientOutput::Connect { connection, port: 9092, .. }) => {
                ProgramInput::Client(ClientInput::Connected { connection })
            }
            ProgramOutput::Client(ClientOutput::Connect { connection, .. }) => {
                ProgramInput::Client(ClientInput::ConnectFailed { connection })
            }
            ProgramOutput::Client(_) => continue,
            other @ (ProgramOutput::Process(_) | ProgramOutput::Server(_) | ProgramOutput::Detach { .. }) => {
                panic!("{other:?}")
            }
            ProgramOutput::Wait { .. } if program.wants_input() => match lines.pop_front() {
                Some(line) => ProgramInput::StandardInput(Bytes::copy_from_slice(line)),
                None => ProgramInput::EndOfInput,
            },
            ProgramOutput::Wait { until: Some(until), .. } => {
                done.passed += until.since(now.monotonic);
                now.monotonic = until;
                ProgramInput::Timeout
            }
            ProgramOutput::Wait { until: None, .. } => return done,
            ProgramOutput::Exit(code) => {
                done.exit = Some(code);
                return done;
            }
        };
        program.handle(now, input);
    }
    panic!("{name} does not end");
}

/// The words of a command: quotes as a shell has them, nothing else.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in command.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (' ', None) => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Commands with ` ; ` or ` | ` between, in a directory of their own.
fn script(script: &str, input: &[u8], environment: &Environment) -> Done {
    let mut files = Files::new();
    let mut all = Done::default();
    let mut input = input.to_vec();
    for pipeline in script.split(" ; ") {
        let mut done = Done::default();
        for command in pipeline.split(" | ") {
            done = run(&mut files, &words(command), &input, environment);
            input = core::mem::take(&mut done.output);
            all.error.append(&mut done.error);
            all.passed += done.passed;
        }
        all.output.append(&mut input);
        all.exit = done.exit;
    }
    all
}

/// One command.
fn command(line: &str) -> (String, String, i32) {
    let done = script(line, b"", &Environment::default());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&done.output), text(&done.error), done.exit.expect("an end"))
}

/// A text as the transcripts have it.
fn shown(mark: char, text: &[u8]) -> String {
    let mut shown = String::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        shown.push(mark);
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        shown += match (text.len() < line.len(), text.is_empty()) {
            (false, _) => "-",
            (true, true) => "",
            (true, false) => " ",
        };
        for byte in text {
            match byte {
                b'\\' => shown.push_str("\\\\"),
                b' '..=b'~' | b'\t' => shown.push(char::from(*byte)),
                other => write!(shown, "\\x{other:02x}").expect("a string has room"),
            }
        }
        shown.push('\n');
    }
    shown
}

/// The other way of [`shown`], of one line behind its mark.
fn meant(line: &str) -> Vec<u8> {
    let (kind, text) = line.split_at(line.len().min(1));
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        rest = if let Some(hex) = behind.strip_prefix('x') {
            bytes.push(u8::from_str_radix(&hex[..2], 16).expect("two digits"));
            &hex[2..]
        } else {
            bytes.push(b'\\');
            &behind[1..]
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    if kind != "-" {
        bytes.push(b'\n');
    }
    bytes
}

#[test]
fn programs_print_what_gnus_print() {
    let transcripts = include_str!("tests/transcripts.txt");
    let mut wrong = Vec::new();
    let mut count = 0;
    for transcript in transcripts.split("\n$ ").skip(1) {
        let (line, rest) = transcript.split_once('\n').expect("lines");
        let of = |marks: &[char]| {
            let lines = rest.lines().filter(|line| line.starts_with(marks));
            lines.map(|line| line.to_string() + "\n").collect::<String>()
        };
        let input: Vec<u8> = rest.lines().filter_map(|line| line.strip_prefix('<')).flat_map(meant).collect();
        let done = script(line, &input, &Environment::default());
        let exit = done.exit.map(|code| alloc::format!("= {code}\n")).unwrap_or_default();
        let printed = shown('>', &done.output) + &shown('!', &done.error) + &exit;
        let expected = of(&['>', '!', '=']);
        if printed != expected {
            wrong.push(alloc::format!("$ {line}\n--- GNU\n{expected}--- ours\n{printed}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 120, "{count}");
}

#[test]
fn every_program_tells_how_it_is_called() {
    let mut names: Vec<&str> = super::commands().collect();
    for name in &names {
        let (output, error, exit) = command(&[name, " --help"].concat());
        assert!(output.starts_with(&["Usage: ", name].concat()), "{name}: {output}");
        assert_eq!((error.as_str(), exit), ("", 0), "{name}");
    }
    let sorted = names.clone();
    names.sort_unstable();
    assert_eq!(names, sorted);
}

#[test]
fn nothing_is_reached_but_this_machines_ports() {
    for (line, error, exit) in [
        ("curl https://kafka.apache.org/", "curl: (6) Could not resolve host: kafka.apache.org\n", 6),
        ("curl -sSL -o x -H 'A: b' kafka.apache.org", "curl: (6) Could not resolve host: kafka.apache.org\n", 6),
        ("curl -s http://kafka.apache.org", "", 6),
        (
            "curl -X POST localhost:8083/connectors",
            "curl: (7) Failed to connect to localhost port 8083 after 0 ms: Couldn't connect to server\n",
            7,
        ),
        ("curl localhost:9092", "curl: (52) Empty reply from server\n", 52),
        ("curl", "curl: try 'curl --help' or 'curl --manual' for more information\n", 2),
        (
            "wget https://downloads.apache.org/kafka.tgz",
            "--2026-01-02 03:04:05--  https://downloads.apache.org/kafka.tgz\nResolving downloads.apache.org \
             (downloads.apache.org)... failed: Temporary failure in name resolution.\nwget: unable to resolve host address \
             'downloads.apache.org'\n",
            4,
        ),
        ("wget -q localhost:1", "", 4),
        ("ssh me@broker-1", "ssh: Could not resolve hostname broker-1: Temporary failure in name resolution\n", 255),
        ("ssh localhost", "ssh: connect to host localhost port 22: Connection refused\n", 255),
        ("nc -vz localhost 9092", "Connection to localhost (127.0.0.1) 9092 port [tcp/*] succeeded!\n", 0),
        ("nc -z localhost 9092", "", 0),
        ("nc -z localhost 9093", "", 1),
        (
            "nc -zv localhost 9093",
            "nc: connect to localhost (127.0.0.1) port 9093 (tcp) failed: Connection refused\n",
            1,
        ),
        (
            "telnet zookeeper 2181",
            "telnet: could not resolve zookeeper/2181: Temporary failure in name resolution\n",
            1,
        ),
    ] {
        let (_, printed, code) = command(line);
        assert_eq!((printed.as_str(), code), (error, exit), "{line}");
    }
    assert_eq!(
        command("telnet localhost 9092").0,
        "Trying 127.0.0.1...\nConnected to localhost.\nConnection closed.\n"
    );
}

#[test]
fn a_screen_has_columns() {
    for (line, columns, output) in [
        ("ls d", 80, "inner.txt  sub\n"),
        ("ls -1 d", 80, "inner.txt\nsub\n"),
        ("ls d | cat", 10, "inner.txt\nsub\n"),
        ("ls -F conf", 20, "broker.properties\nserver.properties\n"),
    ] {
        let environment = Environment { columns: Some(columns), ..Environment::default() };
        let done = script(line, b"", &environment);
        assert_eq!(String::from_utf8_lossy(&done.output), output, "{line}");
    }
}

#[test]
fn time_is_local_where_it_is_known() {
    let environment = Environment { utc_offset_minutes: -210, ..Environment::default() };
    for (line, output) in [
        ("date", "Thu Jan  1 23:34:05 -0330 2026\n"),
        ("date -u +%H:%M", "03:04\n"),
        ("date -Iseconds", "2026-01-01T23:34:05-03:30\n"),
        ("date -d 2026-01-01T00:00 +%s", "1767238200\n"),
        ("ls -l recent.txt", "-rw-r--r-- 1 kafka kafka 7 Dec 29 21:32 recent.txt\n"),
    ] {
        let done = script(line, b"", &environment);
        assert_eq!(String::from_utf8_lossy(&done.output), output, "{line}");
    }
}

#[test]
fn the_machine_says_what_it_is() {
    for (line, output) in [
        ("whoami", "kafka\n"),
        ("hostname", "playground\n"),
        ("uname", "BrokerPlayground\n"),
        ("uname -nm", "playground wasm32\n"),
    ] {
        assert_eq!(command(line).0, output, "{line}");
    }
}
