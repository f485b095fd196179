//! [`Typist`]: who types at a terminal, and looks at its screen.

extern crate std;

use crate::shell::{Awaits, Machine, MachineInput, MachineOutput, Report, TerminalId};
use crate::time::{Instant, Now};
use std::string::{String, ToString};
use std::vec::Vec;

const TERMINAL: TerminalId = TerminalId(0);
/// How often time goes on before nobody expects anything more of it.
const STEPS: usize = 300;
/// How often a machine that is busy goes on before something else may be told.
const TURNS: usize = 40;

pub(super) struct Typist {
    machine: Machine,
    now: Now,
    shown: String,
    pub(super) reports: Vec<Report>,
    pub(super) awaits: Awaits,
    /// When the machine wants to be woken.
    pub(super) deadline: Option<Instant>,
    /// How often it wanted to go on at once, and others had their turn before.
    pub(super) turns: usize,
}

impl Typist {
    /// At a new terminal of a new machine.
    pub(super) fn new() -> Self {
        let mut typist = Self::with_credit(1 << 30);
        typist.settle();
        typist
    }

    /// At one whose page takes so many bytes.
    pub(super) fn with_credit(credit: usize) -> Self {
        let now = Now { monotonic: Instant::from_micros(0), wall_ms: 1_700_000_000_000 };
        let mut typist = Self {
            machine: Machine::new(now, 1, 0, Vec::new()),
            now,
            shown: String::new(),
            reports: Vec::new(),
            awaits: Awaits::Nothing,
            deadline: None,
            turns: 0,
        };
        typist.tell(MachineInput::Open { terminal: TERMINAL, credit });
        typist
    }

    /// The page takes so many bytes more.
    pub(super) fn grants(&mut self, bytes: usize) {
        self.tell(MachineInput::Credit { terminal: TERMINAL, bytes });
    }

    pub(super) fn tell(&mut self, input: MachineInput) {
        self.machine.handle(self.now, input);
        let mut turns = 0;
        loop {
            match self.machine.poll_output() {
                MachineOutput::Report(Report::Screen { bytes, .. }) => {
                    self.shown.push_str(&String::from_utf8_lossy(&bytes));
                }
                MachineOutput::Report(Report::Awaits { awaits, .. }) => self.awaits = awaits,
                MachineOutput::Report(report) => self.reports.push(report),
                MachineOutput::Wait { until: Some(until), .. } if until <= self.now.monotonic && turns < TURNS => {
                    turns += 1;
                    self.turns += 1;
                    self.machine.handle(self.now, MachineInput::Timeout);
                }
                MachineOutput::Wait { until, .. } => {
                    self.deadline = until;
                    return;
                }
                _ => {}
            }
        }
    }

    /// Types a line, or what `^C` and `^D` stand for.
    pub(super) fn types(&mut self, line: &str) {
        self.tell(match line {
            "^C" => MachineInput::Interrupt(TERMINAL),
            "^D" => MachineInput::EndOfInput(TERMINAL),
            line => MachineInput::Line { terminal: TERMINAL, text: line.to_string() },
        });
    }

    /// Asks what the word at the end of a line may become.
    pub(super) fn asks(&mut self, line: &str) -> Option<Report> {
        let cursor = line.chars().count();
        self.tell(MachineInput::Complete { terminal: TERMINAL, ticket: 7, line: line.to_string(), cursor });
        self.reports.pop()
    }

    /// Lets time go by until somebody awaits what is typed.
    pub(super) fn settle(&mut self) {
        for _ in 0..STEPS {
            let Some(deadline) = self.deadline.filter(|_| self.awaits == Awaits::Nothing) else { return };
            self.now.monotonic = self.now.monotonic.max(deadline);
            self.tell(MachineInput::Timeout);
        }
    }

    /// What was shown since the last time, with `~$ ` for the prompt of Kafka's directory.
    pub(super) fn sees(&mut self) -> String {
        let prompt = "\x1b[01;32mkafka@playground\x1b[00m:\x1b[01;34m~/kafka_2.13-4.3.0\x1b[00m$ ";
        core::mem::take(&mut self.shown).replace(prompt, "~$ ")
    }

    /// Types all lines, each once it is awaited, and Ctrl-C into whatever runs; what the screen shows then.
    pub(super) fn types_all(&mut self, lines: &[&str]) -> String {
        for (index, line) in lines.iter().enumerate() {
            self.types(line);
            if lines.get(index + 1) != Some(&"^C") {
                self.settle();
            }
        }
        self.sees()
    }
}
