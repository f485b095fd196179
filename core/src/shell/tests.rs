mod typist;

use super::{Awaits, Candidates, Machine, MachineInput, MachineOutput, Report};
use crate::cli::file::{FileAnswer, FileError, FileRequest};
use crate::rng::Rng;
use crate::text::Str;
use crate::time::{Instant, Now};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;
use typist::Typist;

/// Pieces of a file of transcripts: lines behind `$ ` are typed, the rest is shown.
fn pieces(text: &'static str) -> impl Iterator<Item = (Vec<&'static str>, String)> {
    text.split("\n---\n").skip(1).map(|piece| {
        let typed: Vec<&str> = piece.lines().map_while(|line| line.strip_prefix("$ ")).collect();
        let shown: Vec<&str> = piece.lines().skip(typed.len()).collect();
        (typed, shown.join("\n"))
    })
}

#[test]
fn what_commands_print_is_what_bash_prints() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (typed, expected) in pieces(include_str!("tests/transcripts.txt")) {
        let mut typist = Typist::new();
        typist.sees();
        let mut shown = String::new();
        for line in &typed {
            typist.types(line);
            typist.settle();
            let seen = typist.sees();
            let seen = seen.strip_prefix(&format!("{line}\n")).unwrap_or(&seen);
            let end = seen.rfind("\x1b[01;32m").or(seen.rfind("~$ ")).or(seen.strip_suffix("> ").map(str::len));
            shown.push_str(seen.get(..end.unwrap_or(seen.len())).unwrap_or_default());
        }
        count += 1;
        if shown.trim_end_matches('\n') != expected.trim_end_matches('\n') {
            wrong.push(format!("{}\nexpected:\n{expected}\nshown:\n{shown}", typed.join("\n")));
        }
    }
    assert!(count > 200, "{count} pieces");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_terminal_shows_what_is_typed_and_what_comes_of_it() {
    let mut wrong = Vec::new();
    for (typed, expected) in pieces(include_str!("tests/terminal.txt")) {
        let shown = Typist::new().types_all(&typed);
        if shown.trim_end() != expected.trim_end() {
            wrong.push(format!("{}\nexpected:\n{expected}\nshown:\n{shown}", typed.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_page_knows_who_takes_what_is_typed() {
    let mut typist = Typist::new();
    assert_eq!(typist.awaits, Awaits::Command);
    for (line, awaits) in [
        ("sleep 9", Awaits::Nothing),
        ("^C", Awaits::Command),
        ("cat", Awaits::Input),
        ("text", Awaits::Input),
        ("^D", Awaits::Command),
        ("if true", Awaits::Command),
        ("^C", Awaits::Command),
        ("sleep 9 | cat", Awaits::Nothing),
        ("^C", Awaits::Command),
        ("while true; do :; done", Awaits::Nothing),
        ("^C", Awaits::Command),
        ("exit", Awaits::Nothing),
    ] {
        typist.types(line);
        assert_eq!(typist.awaits, awaits, "{line}");
    }
}

#[test]
fn the_page_is_told_of_commands_editors_and_the_end() {
    let mut typist = Typist::new();
    typist.types_all(&[
        "echo a",
        "# nothing",
        "for x in 1",
        "do echo $x; done",
        "cd /tmp; vim x",
        "sz x /tmp/kafka.log; rz",
        "^D",
    ]);
    let told: Vec<String> = typist.reports.iter().map(|report| format!("{report:?}")).collect();
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(
        told,
        [
            r#"Command { terminal: TerminalId(0), text: "echo a" }"#,
            r#"Command { terminal: TerminalId(0), text: "for x in 1\ndo echo $x; done" }"#,
            r#"Command { terminal: TerminalId(0), text: "cd /tmp; vim x" }"#,
            r#"Edit { terminal: TerminalId(0), path: "/tmp/x" }"#,
            r#"Command { terminal: TerminalId(0), text: "sz x /tmp/kafka.log; rz" }"#,
            r#"Upload { terminal: TerminalId(0), directory: "/tmp" }"#,
            "Ended(TerminalId(0))",
        ]
    );
}

#[test]
fn a_screen_that_was_emptied_begins_with_the_prompt() {
    let mut typist = Typist::new();
    typist.sees();
    typist.types("clear");
    assert_eq!(typist.sees(), "clear\n\x1b[H\x1b[2J\x1b[3J~$ ");
}

#[test]
fn who_waits_for_the_screen_is_not_woken_by_the_clock() {
    let mut typist = Typist::with_credit(4096);
    typist.types("kafka-topics.sh --list --bootstrap-server localhost:9092 & seq 1 100000");
    assert!(typist.sees().len() <= 4096);
    assert_eq!(typist.deadline, None, "the screen is full: only its page brings it on");
    typist.grants(1 << 20);
    assert!(typist.sees().contains("\n100000\n"));
    assert!(typist.deadline.is_some(), "the tool waits for its connection again");
}

#[test]
fn the_host_has_its_turn_in_every_pause_of_a_program() {
    let mut typist = Typist::new();
    typist.turns = 0;
    typist.types_all(&[
        "bin/kafka-storage.sh format --standalone -t 4L6g3nShT-eMCtK--X86sw -c config/server.properties \\",
        "--add-scram 'SCRAM-SHA-256=[name=alice,iterations=16384,password=secret]'",
    ]);
    assert!(typist.turns >= 15, "a thousand of 16384 iterations a turn; there were {}", typist.turns);
}

#[test]
fn the_host_reads_files_that_it_keeps_itself_through_the_machine() {
    let now = Now { monotonic: Instant::ZERO, wall_ms: 0 };
    let mut machine = Machine::new(now, 1, 0, Vec::new());
    let mut told = |input| {
        machine.handle(now, input);
        let mut told = Vec::new();
        loop {
            match machine.poll_output() {
                MachineOutput::Wait { .. } => return told,
                output => told.push(output),
            }
        }
    };
    let directory = Str::from_static("/tmp/kafka-logs-0");
    told(MachineInput::Elsewhere(Vec::from([directory.clone()])));
    let request = |path: &str| FileRequest::Read(Str::from(path));
    let content = || Ok(FileAnswer::Content(Bytes::from_static(b"x")));
    let report = |ticket, answer| MachineOutput::Report(Report::Files { ticket, answer });
    let missing = told(MachineInput::AskFiles { ticket: 7, request: request("/tmp/none") });
    assert_eq!(missing, [report(7, Err(FileError::NotFound))]);
    let kept = request("/tmp/kafka-logs-0/meta.properties");
    let asked = told(MachineInput::AskFiles { ticket: 8, request: kept.clone() });
    let [MachineOutput::AskFiles { ticket, request }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(*request, kept);
    assert_eq!(told(MachineInput::Files { ticket: *ticket, answer: content() }), [report(8, content())]);
}

#[test]
fn words_are_completed() {
    let words = |words: &[&str]| Candidates::Words(words.iter().map(ToString::to_string).collect());
    let value = |tool, option: &str, files: &[&str]| Candidates::ValueOf {
        tool,
        option: option.to_string(),
        files: files.iter().map(ToString::to_string).collect(),
    };
    let mut typist = Typist::new();
    typist.types_all(&["echo > 'a file'", "my_function() { :; }"]);
    for (line, from, expected) in [
        ("ls | kafka-top", 5, words(&["kafka-topics.sh "])),
        ("my_f", 0, words(&["my_function "])),
        ("X=1 ech", 4, words(&["echo "])),
        ("if ls; then fals", 12, words(&["false "])),
        ("bin/kafka-topic", 0, words(&["bin/kafka-topics.sh "])),
        ("./bi", 0, words(&["./bin/"])),
        ("bin/kafka-topics.sh --bootstr", 20, words(&["--bootstrap-server "])),
        ("kafka-storage.sh inf", 17, words(&["info "])),
        ("kafka-storage.sh format --cl", 24, words(&["--cluster-id "])),
        (
            "kafka-topics.sh --topic ",
            24,
            value("kafka-topics.sh", "--topic", &["a\\ file ", "bin/", "config/", "logs/"]),
        ),
        ("kafka-topics.sh --bootstrap-server l", 35, value("kafka-topics.sh", "--bootstrap-server", &["logs/"])),
        ("cat a", 4, words(&["a\\ file "])),
        ("cat \"a", 4, words(&["\"a file\" "])),
        ("cat ~/kaf", 4, words(&["~/kafka_2.13-4.3.0/"])),
        ("cat < /etc/hostn", 6, words(&["/etc/hostname "])),
        ("cd b", 3, words(&["bin/"])),
        ("echo $HOM", 5, words(&["$HOME"])),
        ("echo \"x ${HOM", 5, words(&["\"x ${HOME}"])),
        ("cat nothing", 4, words(&[])),
    ] {
        let to = line.chars().count();
        assert_eq!(
            typist.asks(line),
            Some(Report::Completions { ticket: 7, from, to, candidates: expected }),
            "{line}"
        );
    }
    typist.types("sleep 5");
    let nothing = Report::Completions { ticket: 7, from: 2, to: 2, candidates: words(&[]) };
    assert_eq!(typist.asks("ls"), Some(nothing), "nobody is asked while something runs");
}

#[test]
fn commands_are_remembered_in_a_file() {
    let mut typist = Typist::new();
    let shown = typist.types_all(&["echo one", "echo one", "echo 'a", "b'", "cat ~/.bash_history"]);
    assert!(shown.ends_with("\necho one\necho 'a; b'\ncat ~/.bash_history\n~$ "), "{shown}");
}

#[test]
fn whatever_is_typed_ctrl_c_brings_the_prompt_back() {
    const PIECES: [&str; 44] = [
        "echo a",
        "cat",
        "sleep 1",
        "while true; do ",
        "done",
        "for i in 1 2; do ",
        "if true; then ",
        "fi",
        " | ",
        " && ",
        " || ",
        "; ",
        "&",
        "$(",
        ")",
        "(",
        "{ ",
        "}",
        "'",
        "\"",
        "`",
        "$x",
        "${x:-",
        "$((1+",
        "))",
        "x=1 ",
        " > f",
        " < f",
        " <<E",
        "E",
        "f() ",
        "f",
        "read y",
        "wait",
        "jobs",
        "kill %1",
        "fg",
        "true",
        "false",
        "! ",
        "seq 3",
        "head -n 1",
        "break",
        "\\",
    ];
    let seed = 0x00c0_ffee_u64;
    let mut rng = Rng::new(seed);
    for round in 0..100 {
        let mut typist = Typist::new();
        let mut typed = Vec::new();
        for _ in 0..rng.below(4) {
            let mut line = String::new();
            for _ in 0..rng.below(9) {
                line.push_str(PIECES[rng.below(PIECES.len() as u64) as usize]);
            }
            typist.types(&line);
            typed.push(line);
        }
        for _ in 0..3 {
            typist.types("^C");
        }
        typist.sees();
        typist.types("echo ali''ve");
        let shown = typist.sees();
        assert!(shown.contains("alive"), "seed {seed:#x}, round {round}: {typed:?}: {shown}");
    }
}
