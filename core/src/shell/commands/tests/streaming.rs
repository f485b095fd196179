//! Programs that run while their input still comes, or their files grow.

use super::{Files, find, now, words};
use crate::cli::file::FileRequest;
use crate::cli::{Environment, Program, ProgramInput, ProgramOutput};
use crate::text::Str;
use crate::time::{Duration, Now};
use alloc::string::String;
use bytes::Bytes;

/// A program that is not over.
struct Running {
    program: Program,
    files: Files,
    now: Now,
}

impl Running {
    fn start(line: &str) -> Self {
        let words = words(line);
        let tool = find(&words[0]).expect("a program");
        let program = Program::of(now(), tool, words[1..].to_vec(), &Environment::default());
        Self { program, files: Files::new(), now: now() }
    }

    fn tell(&mut self, input: ProgramInput) -> (String, Option<i32>) {
        self.program.handle(self.now, input);
        self.drain()
    }

    /// What it prints until it waits or is over.
    fn drain(&mut self) -> (String, Option<i32>) {
        let mut printed = String::new();
        loop {
            match self.program.poll_output() {
                ProgramOutput::StandardOutput(bytes) | ProgramOutput::StandardError(bytes) => {
                    printed += &String::from_utf8_lossy(&bytes);
                }
                ProgramOutput::File(request) => {
                    let answer = self.files.answer(&request);
                    self.program.handle(self.now, ProgramInput::File(answer));
                }
                ProgramOutput::Exit(code) => return (printed, Some(code)),
                ProgramOutput::Wait { .. } => return (printed, None),
                other => panic!("{other:?}"),
            }
        }
    }

    fn later(&mut self, ms: u64) -> (String, Option<i32>) {
        self.now.monotonic = self.now.monotonic + Duration::from_millis(ms);
        self.tell(ProgramInput::Timeout)
    }

    fn write(&mut self, path: &str, content: &'static [u8], append: bool) {
        let content = Bytes::from_static(content);
        self.files.answer(&FileRequest::Write { path: Str::from(path), content, append }).expect("room");
    }
}

#[test]
fn each_line_is_answered_when_it_comes() {
    for (line, given, printed) in [
        ("cat", "a\n", "a\n"),
        ("cat -n", "a\n", "     1\ta\n"),
        ("grep a", "b\nab\n", "ab\n"),
        ("grep -v a", "b\nab\n", "b\n"),
        ("sed s/a/b/", "a\n", "b\n"),
        ("cut -d, -f2", "1,2\n", "2\n"),
        ("tr a-z A-Z", "ab\n", "AB\n"),
        ("uniq", "a\na\nb\n", "a\n"),
        ("tee", "a\n", "a\n"),
        ("tail -n +2", "a\nb\n", "b\n"),
        ("head", "a\n", "a\n"),
    ] {
        let mut running = Running::start(line);
        assert_eq!(running.drain(), (String::new(), None), "{line}");
        let told = running.tell(ProgramInput::StandardInput(Bytes::from_static(given.as_bytes())));
        assert_eq!(told, (printed.into(), None), "{line}");
    }
}

#[test]
fn who_has_enough_reads_no_further() {
    for (line, given, printed, exit) in [
        ("head -n 1", "a\nb\nc\n", "a\n", 0),
        ("head -c 3", "abcdef", "abc", 0),
        ("grep -q b", "a\nb\n", "", 0),
        ("grep -m1 b", "a\nb\nb\n", "b\n", 0),
        ("sed 2q", "a\nb\nc\n", "a\nb\n", 0),
        ("sed -n '/b/{p;q}'", "a\nb\n", "b\n", 0),
    ] {
        let mut running = Running::start(line);
        running.drain();
        let told = running.tell(ProgramInput::StandardInput(Bytes::from_static(given.as_bytes())));
        assert_eq!(told, (printed.into(), Some(exit)), "{line}");
    }
}

#[test]
fn tail_follows_a_file_until_control_c() {
    let mut running = Running::start("tail -n 1 -f a.txt");
    assert_eq!(running.drain(), ("three\n".into(), None));
    assert_eq!(running.later(250), (String::new(), None));
    running.write("a.txt", b"four\nfi", true);
    assert_eq!(running.later(100), (String::new(), None));
    assert_eq!(running.later(150), ("four\nfi".into(), None));
    running.write("a.txt", b"new\n", false);
    assert_eq!(running.later(250), ("tail: a.txt: file truncated\nnew\n".into(), None));
    assert_eq!(running.tell(ProgramInput::Interrupt), (String::new(), Some(130)));
}

#[test]
fn tail_waits_for_a_file_that_is_not_there() {
    let mut running = Running::start("tail -F later a.txt");
    let begun = "tail: cannot open 'later' for reading: No such file or directory\n==> a.txt <==\none\ntwo\nthree\n";
    assert_eq!(running.drain(), (begun.into(), None));
    running.write("later", b"x\n", false);
    let appeared = "tail: 'later' has appeared;  following new file\n\n==> later <==\nx\n";
    assert_eq!(running.later(250), (appeared.into(), None));
    running.files.answer(&FileRequest::Remove(Str::from("later"))).expect("it is there");
    let gone = "tail: 'later' has become inaccessible: No such file or directory\n";
    assert_eq!(running.later(250), (gone.into(), None));
}

#[test]
fn yes_prints_until_it_is_ended() {
    let mut running = Running::start("yes no");
    for _ in 0..3 {
        let (printed, exit) = running.later(0);
        assert!(printed.starts_with("no\nno\n") && printed.ends_with("no\n"), "{printed}");
        assert_eq!(exit, None);
    }
    assert_eq!(running.tell(ProgramInput::Interrupt).1, Some(130));
}

#[test]
fn sleep_takes_as_long_as_it_is_told() {
    for (line, ms) in [("sleep 0.5", 500), ("sleep 1m", 60_000), ("sleep 1 .25s", 1250), ("sleep 0", 0)] {
        let done = super::script(line, b"", &Environment::default());
        assert_eq!((done.passed, done.exit), (Duration::from_millis(ms), Some(0)), "{line}");
    }
}

#[test]
fn a_long_file_does_not_hold_up_others() {
    let mut running = Running::start("grep -c 1 many");
    let many = "1\n".repeat(10_000);
    let content = Bytes::from(many.into_bytes());
    running.files.answer(&FileRequest::Write { path: Str::from("many"), content, append: false }).expect("room");
    let mut pauses = 0;
    let (mut printed, mut exit) = running.drain();
    while exit.is_none() {
        pauses += 1;
        (printed, exit) = running.later(0);
    }
    assert_eq!((printed.as_str(), pauses), ("10000\n", 2));
}
