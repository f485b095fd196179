//! `trap`: what a shell does on signals instead of ending, on commands that fail, and at its end.

use super::super::escapes::always_quoted;
use super::super::interpreter::{Done, Flow, Shell};
use super::super::kernel::Kernel;
use super::super::process::{ProcessId, Signal};
use super::jobs::SIGNALS;
use super::{Said, number};
use alloc::format;
use alloc::string::String;
use core::future::poll_fn;
use core::task::Poll;

/// Numbers of what is no signal: the end of the shell, and a command that fails.
const EXIT: u32 = 0;
const ERR: u32 = 64;

/// What ends a shell that does not catch it, so that what was given for the end is done first.
const DEADLY: [Signal; 4] = [Signal::Hangup, Signal::Interrupt, Signal::Quit, Signal::Terminate];

/// `trap COMMAND SIGNAL …`, `trap - SIGNAL …`, `trap`.
pub(super) fn trap(shell: &mut Shell, arguments: &[String]) -> Said {
    let (action, names) = match arguments {
        [first, ..] if first == "-l" => return super::jobs::kill(shell, &[String::from("-l")]),
        [first, names @ ..] if first == "-p" => return Said::output(shown(shell, names)),
        [] => return Said::output(shown(shell, &[])),
        [first, rest @ ..] if first == "--" => match rest {
            [] => return Said::output(shown(shell, &[])),
            [action, names @ ..] => (action.as_str(), names),
        },
        // A signal alone, or numbers, are given back.
        [name] => ("-", core::slice::from_ref(name)),
        [first, ..] if number(first).is_ok() => ("-", arguments),
        [action, names @ ..] => (action.as_str(), names),
    };
    let mut said = Said::default();
    for name in names {
        match trapped(name) {
            Some(number) if action == "-" => drop(shell.traps.remove(&number)),
            Some(number) => drop(shell.traps.insert(number, String::from(action))),
            None => said.complain(format!("{name}: invalid signal specification")),
        }
    }
    shell.declare_traps();
    said
}

/// The number of what is named.
fn trapped(name: &str) -> Option<u32> {
    let upper = name.to_ascii_uppercase();
    let short = upper.strip_prefix("SIG").unwrap_or(&upper);
    if short == "ERR" {
        return Some(ERR);
    }
    let is_it = |known: &str, number: u32| known == short || short.parse() == Ok(number);
    SIGNALS.iter().find(|(known, number, _)| is_it(known, *number)).map(|(_, number, _)| *number)
}

/// The traps that are set, as one would set them.
fn shown(shell: &Shell, names: &[String]) -> String {
    let wanted = |number: u32| names.is_empty() || names.iter().any(|name| trapped(name) == Some(number));
    super::lines(shell.traps.iter().filter(|(number, _)| wanted(**number)).map(|(number, text)| {
        let signal = SIGNALS.iter().skip(1).find(|(_, known, _)| known == number);
        let name = match signal {
            Some((name, ..)) => format!("SIG{name}"),
            None => String::from(if *number == EXIT { "EXIT" } else { "ERR" }),
        };
        format!("trap -- {} {name}", always_quoted(text))
    }))
}

impl Kernel {
    /// Which signals a script wants to hear of, and which do nothing: a bit each, by number.
    fn set_traps(&self, id: ProcessId, caught: u32, ignored: u32) {
        if let Some(process) = self.state().processes.get_mut(&id) {
            (process.caught, process.ignored) = (caught, ignored);
        }
    }

    /// The first signal that a script has not dealt with.
    fn arrived(&self, id: ProcessId) -> Option<Signal> {
        self.state().processes.get(&id)?.arrived.front().copied()
    }

    /// The same; it is dealt with now.
    fn take_arrived(&self, id: ProcessId) -> Option<Signal> {
        self.state().processes.get_mut(&id)?.arrived.pop_front()
    }
}

impl Shell {
    /// Tells who delivers signals which of them do not end this shell.
    pub(in crate::shell) fn declare_traps(&self) {
        let (mut caught, mut ignored) = (0, 0);
        for (number, text) in self.traps.iter().filter(|(number, _)| (1..ERR).contains(*number)) {
            *(if text.is_empty() { &mut ignored } else { &mut caught }) |= 1 << number;
        }
        if self.traps.get(&EXIT).is_some_and(|text| !text.is_empty()) {
            caught |= DEADLY.iter().fold(0, |bits, signal| bits | 1 << signal.number());
        }
        self.kernel.set_traps(self.id, caught, ignored);
    }

    /// A new shell does not catch what the one did that started it; what that ignores it ignores too.
    pub(in crate::shell) fn forget_traps(&mut self) {
        self.traps.retain(|number, text| (1..ERR).contains(number) && text.is_empty());
    }

    /// A signal came that ends this shell once it did what was given for its end.
    pub(in crate::shell) fn dying(&mut self) -> Done {
        match self.kernel.arrived(self.id) {
            Some(signal) if !self.traps.contains_key(&signal.number()) => {
                self.kernel.take_arrived(self.id);
                self.exit(signal.exit_code())
            }
            _ => Ok(()),
        }
    }

    /// Does what was given for the signals that came.
    pub(in crate::shell) async fn run_traps(&mut self) -> Done {
        while !self.is_in_trap && self.kernel.arrived(self.id).is_some() {
            self.dying()?;
            let Some(signal) = self.kernel.take_arrived(self.id) else { break };
            self.run_trap(signal.number()).await?;
        }
        Ok(())
    }

    /// Does what was given for a command that fails. Functions do not have it.
    pub(in crate::shell) async fn run_error_trap(&mut self) -> Done {
        if self.is_in_trap || !self.locals.is_empty() { Ok(()) } else { self.run_trap(ERR).await }
    }

    /// Does what was given for Ctrl-C at the prompt.
    pub(in crate::shell) async fn run_interrupt_trap(&mut self) -> Done {
        self.run_trap(Signal::Interrupt.number()).await
    }

    async fn run_trap(&mut self, number: u32) -> Done {
        let Some(text) = self.traps.get(&number).cloned() else { return Ok(()) };
        let status = self.status;
        self.is_in_trap = true;
        let done = self.text(&text).await;
        self.is_in_trap = false;
        if !matches!(done, Err(Flow::Exit)) {
            self.status = status;
        }
        done
    }

    /// The end of a script, with what `trap` gave for it.
    pub(in crate::shell) async fn script_end(&mut self, done: Done) -> i32 {
        let done = match done {
            Err(Flow::Exit) => done,
            _ => self.run_traps().await.and(done),
        };
        let status = self.end(done);
        self.is_in_trap = false;
        if let Some(text) = self.traps.remove(&EXIT) {
            match self.text(&text).await {
                Err(Flow::Exit) => return self.status & 0xff,
                _ => self.status = status,
            }
        }
        status
    }

    /// Waits for a process; the end of this shell goes before.
    pub(in crate::shell) async fn wait_for_child(&mut self, id: ProcessId) -> Result<i32, Flow> {
        poll_fn(|_| match self.dying() {
            Err(flow) => Poll::Ready(Err(flow)),
            Ok(()) => self.kernel.reap(id).map_or(Poll::Pending, |code| Poll::Ready(Ok(code))),
        })
        .await
    }

    /// Waits for a process in the background; nothing where a signal came that is caught.
    pub(super) async fn wait_for_job_or_trap(&mut self, id: ProcessId) -> Result<Option<i32>, Flow> {
        let (kernel, own) = (self.kernel.clone(), self.id);
        let ends = poll_fn(|_| match kernel.reap(id) {
            Some(code) => Poll::Ready(Ok(code)),
            None => kernel.arrived(own).map_or(Poll::Pending, |signal| Poll::Ready(Err(signal))),
        });
        match self.interruptible(ends).await? {
            Ok(code) => Ok(Some(code)),
            Err(signal) => {
                self.status = signal.exit_code();
                Ok(None)
            }
        }
    }
}
