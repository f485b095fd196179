//! Tools without a cluster: what they print before they ask anybody, and what ends them.

use super::file::{FileAnswer, FileError, FileRequest};
use super::{Environment, Program, ProgramInput, ProgramOutput, tools};
use crate::client::{ClientInput, ClientOutput};
use crate::time::{Instant, Now};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;

/// What a program did until it waited or was over.
#[derive(Debug, Default)]
struct Done {
    output: String,
    error: String,
    connects: Vec<(String, u16)>,
    connections: Vec<crate::ids::ConnectionId>,
    reads: Vec<String>,
    exit: Option<i32>,
}

fn now() -> Now {
    // 2026-01-02 03:04:05,678 in UTC.
    Now { monotonic: Instant::from_millis(1), wall_ms: 1_767_323_045_678 }
}

fn start(line: &str, environment: &Environment) -> Program {
    let mut words = line.split(' ').map(ToString::to_string);
    let name = words.next().unwrap_or_default();
    Program::start(now(), &name, words.collect(), environment).expect("a tool")
}

fn drain(program: &mut Program) -> Done {
    let mut done = Done::default();
    loop {
        match program.poll_output() {
            ProgramOutput::StandardOutput(bytes) => done.output += &String::from_utf8_lossy(&bytes),
            ProgramOutput::StandardError(bytes) => done.error += &String::from_utf8_lossy(&bytes),
            ProgramOutput::Client(ClientOutput::Connect { connection, host, port }) => {
                done.connects.push((host.to_string(), port));
                done.connections.push(connection);
            }
            ProgramOutput::Client(_) => {}
            ProgramOutput::File(FileRequest::Read(path)) => done.reads.push(path.to_string()),
            ProgramOutput::File(other) => panic!("{other:?}"),
            other @ (ProgramOutput::Process(_) | ProgramOutput::Server(_) | ProgramOutput::Detach { .. }) => {
                panic!("{other:?}")
            }
            ProgramOutput::Exit(code) => {
                done.exit = Some(code);
                return done;
            }
            ProgramOutput::Wait { .. } => return done,
        }
    }
}

fn run(line: &str) -> Done {
    drain(&mut start(line, &Environment::default()))
}

#[test]
fn every_tool_tells_its_version_and_its_options() {
    for tool in tools() {
        if tool.starts_with("kafka-server-") {
            // Scripts that have an order of their own: `server_tests`.
            continue;
        }
        let help = run(&alloc::format!("{tool} --help"));
        if help.output.starts_with("usage: ") {
            // Those of argparse4j have no version to tell.
            assert!(help.output.contains("\n  -h, --help "), "{tool}: {}", help.output);
            assert!(help.output.lines().all(|line| line.len() <= 75 || line.contains('{')), "{tool}: {}", help.output);
            continue;
        }
        let version = run(&alloc::format!("{tool} --version"));
        assert_eq!((version.output.as_str(), version.exit), ("4.3.0\n", Some(0)), "{tool}");
        assert_eq!(help.exit, Some(1), "{tool}");
        let needed = if tool == "kafka-dump-log.sh" { "--files" } else { "--bootstrap-server" };
        assert!(help.error.contains(needed), "{tool}: {}", help.error);
        assert!(help.error.lines().all(|line| line.chars().count() <= 80 || !line.starts_with("--")), "{tool}");
    }
    assert!(Program::start(now(), "kafka-nothing.sh", Vec::new(), &Environment::default()).is_none());
}

#[test]
fn control_c_ends_a_tool_at_once() {
    let mut program = start("kafka-topics.sh --bootstrap-server localhost:9092 --list", &Environment::default());
    let begun = drain(&mut program);
    assert_eq!((begun.connects, begun.exit), (Vec::from([("localhost".to_string(), 9092)]), None));
    program.handle(now(), ProgramInput::Interrupt);
    assert_eq!(drain(&mut program).exit, Some(130));
}

#[test]
fn a_consumer_tells_at_its_end_how_much_it_read() {
    let line = "kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic t --partition 0";
    let mut program = start(line, &Environment::default());
    drain(&mut program);
    program.handle(now(), ProgramInput::Interrupt);
    let ended = drain(&mut program);
    assert_eq!((ended.error.as_str(), ended.exit), ("Processed a total of 0 messages\n", Some(130)));
}

#[test]
fn a_producer_prompts_at_a_keyboard_alone_and_ends_with_its_input() {
    for (is_interactive, prompt) in [(true, ">"), (false, "")] {
        let environment = Environment { is_interactive, ..Environment::default() };
        let mut program = start("kafka-console-producer.sh --bootstrap-server localhost:9092 --topic t", &environment);
        assert_eq!(drain(&mut program).output, prompt);
        program.handle(now(), ProgramInput::EndOfInput);
        let ended = drain(&mut program);
        assert_eq!((ended.output.as_str(), ended.exit), ("", Some(0)));
    }
}

#[test]
fn where_nobody_listens_a_tool_warns_in_the_words_of_kafkas_log() {
    let environment = Environment { utc_offset_minutes: 9 * 60, ..Environment::default() };
    let mut program = start("kafka-topics.sh --bootstrap-server localhost:9099 --list", &environment);
    let connection = drain(&mut program).connections[0];
    program.handle(now(), ProgramInput::Client(ClientInput::ConnectFailed { connection }));
    let warned = drain(&mut program);
    assert_eq!(
        warned.error,
        "[2026-01-02 12:04:05,678] WARN [AdminClient clientId=adminclient-1] Connection to node -1 \
         (localhost/127.0.0.1:9099) could not be established. Node may not be available. \
         (org.apache.kafka.clients.NetworkClient)\n"
    );
}

#[test]
fn a_file_is_asked_for_and_awaited() {
    let line = "kafka-topics.sh --bootstrap-server localhost:9092 --list --command-config a.properties";
    let mut program = start(line, &Environment::default());
    let begun = drain(&mut program);
    assert_eq!((begun.reads, begun.connects.len()), (Vec::from(["a.properties".to_string()]), 0));
    program.handle(now(), ProgramInput::File(Ok(FileAnswer::Content(Bytes::from_static(b"client.id=me")))));
    assert_eq!(drain(&mut program).connects.len(), 1);

    let mut program = start(line, &Environment::default());
    drain(&mut program);
    program.handle(now(), ProgramInput::File(Err(FileError::NotFound)));
    let ended = drain(&mut program);
    assert_eq!(ended.error, "a.properties\njava.nio.file.NoSuchFileException: a.properties\n\n");
    assert_eq!(ended.exit, Some(1));
}

#[test]
fn options_are_read_as_jopt_simple_reads_them() {
    for (line, error) in [
        ("kafka-topics.sh --bootstrap-server", "Option bootstrap-server requires an argument"),
        ("kafka-topics.sh --nothing", "nothing is not a recognized option"),
        ("kafka-topics.sh -x", "x is not a recognized option"),
        ("kafka-topics.sh -list stray words", "--bootstrap-server must be specified"),
        ("kafka-topics.sh --list --bootstrap-server=a", "Failed to create new KafkaAdminClient"),
        ("kafka-topics.sh --list --bootstrap-server a:1 --bootstrap-server b:1", "Found multiple arguments"),
    ] {
        let done = run(line);
        assert!(done.error.starts_with(error), "{line}: {}", done.error);
        assert_eq!(done.exit, Some(1), "{line}");
    }
}

/// As the tool of Apache Kafka 4.3 printed it with the same variable.
#[test]
fn argparse_heeds_the_width_of_the_screen_where_a_variable_tells_it() {
    let shown = |columns: Option<&str>| {
        let environment = Environment { columns_variable: columns.map(String::from), ..Environment::default() };
        let mut program = start("kafka-storage.sh format", &environment);
        drain(&mut program).error
    };
    let usage = |words: &str| alloc::format!("usage: kafka-storage format{words}\n");
    let indent = "\n                     ";
    let wide = " [-h] --config CONFIG --cluster-id CLUSTER_ID [--add-scram ADD_SCRAM]/[--ignore-formatted] \
                [--release-version RELEASE_VERSION] [--feature FEATURE] [--standalone |/--no-initial-controllers | \
                --initial-controllers INITIAL_CONTROLLERS]";
    assert_eq!(
        shown(Some("120")),
        usage(&wide.replace('/', indent)) + "kafka-storage: error: argument --cluster-id/-t is required\n"
    );
    let narrow = "|[-h]|--config CONFIG|--cluster-id CLUSTER_ID|[--add-scram ADD_SCRAM]|[--ignore-formatted]|\
                  [--release-version RELEASE_VERSION]|[--feature FEATURE]|[--standalone|/|--no-initial-controllers|/|\
                  --initial-controllers INITIAL_CONTROLLERS]";
    assert_eq!(
        shown(Some("20")),
        usage(&narrow.replace('|', indent).replace('/', "|"))
            + "kafka-storage:\nerror:\nargument     --\ncluster-id/-t\nis required\n"
    );
    for useless in ["wide", "5", "", "-80"] {
        assert_eq!(shown(Some(useless)), shown(None), "{useless}");
    }
}

#[test]
fn ids_are_drawn_anew() {
    let draw = |seed| {
        let mut program = start("kafka-storage.sh random-uuid", &Environment { seed, ..Environment::default() });
        drain(&mut program).output
    };
    let (one, other) = (draw(1), draw(2));
    assert!(crate::ids::Uuid::parse(one.trim_end()).is_some(), "{one}");
    assert_ne!(one, other);
}

/// Runs `kafka-dump-log.sh` where every file it asks for has this content.
fn dump(files: &str, content: &[u8]) -> Done {
    let mut program = start(&alloc::format!("kafka-dump-log.sh --files {files}"), &Environment::default());
    let mut all = Done::default();
    loop {
        let done = drain(&mut program);
        all.output += &done.output;
        all.error += &done.error;
        all.exit = done.exit;
        if done.exit.is_some() {
            return all;
        }
        let input = if done.reads.is_empty() {
            ProgramInput::Timeout
        } else {
            ProgramInput::File(Ok(FileAnswer::Content(Bytes::copy_from_slice(content))))
        };
        program.handle(now(), input);
    }
}

#[test]
fn a_log_that_is_damaged_anywhere_is_dumped_as_far_as_it_goes() {
    let mut log = Vec::new();
    for offset in 0..2 {
        let mut batch = crate::record::BatchBuilder::new(offset);
        batch.append(1_767_323_045_678, Some(b"key"), Some(b"value"), &[("h".into(), None)]);
        log.extend_from_slice(&batch.build());
    }
    let marker = crate::record::control::end_transaction_marker(1_767_323_045_678, 7, 1, 3, true);
    log.extend_from_slice(&marker);
    let whole = dump("00000000000000000000.log --print-data-log", &log);
    assert_eq!(whole.output.lines().filter(|line| line.ends_with("isvalid: true")).count(), 3, "{}", whole.output);
    assert!(whole.output.contains("headerKeys: [h] key: key payload: value\n"), "{}", whole.output);
    assert!(whole.output.ends_with(" endTxnMarker: COMMIT coordinatorEpoch: 3\n"), "{}", whole.output);
    assert_eq!(whole.exit, Some(0));
    let options = ["--print-data-log", "--offsets-decoder", "--cluster-metadata-decoder"];
    for at in 0..log.len() {
        let mut damaged = log.clone();
        damaged[at] ^= 0xff;
        let files = alloc::format!("00000000000000000000.log {}", options[at % options.len()]);
        let done = dump(&files, &damaged);
        assert!(done.exit.is_some(), "{at}");
        assert!(
            done.output.starts_with("Dumping 00000000000000000000.log\nLog starting offset: "),
            "{at}: {}",
            done.output
        );
        let cut = dump(&files, &log[..at]);
        assert!(cut.exit.is_some(), "{at}");
        for other in ["0.index", "0.timeindex", "0.snapshot", "0.txnindex", "bootstrap.checkpoint"] {
            assert!(dump(other, &damaged).exit.is_some(), "{other} {at}");
        }
    }
}
