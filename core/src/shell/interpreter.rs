//! [`Shell`]: runs what was read. One is a process; what it forks has a copy.

use super::kernel::Kernel;
use super::process::ProcessId;
use super::stream::{Sink, Source, TerminalId};
use super::syntax::pattern;
use super::syntax::{Chain, Command, Item, Kind, Link, List, Parser, Pipeline, SyntaxError, Word};
use super::variables::Variable;
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::Poll;

/// Why what follows is not run. The exit code is [`Shell::status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Out of so many loops.
    Break(usize),
    /// On with the next round of the loop so many out.
    Continue(usize),
    /// Out of the function.
    Return,
    /// The shell ends.
    Exit,
    /// A mistake, or Ctrl-C: a shell of a terminal shows its prompt again, any other ends.
    Abort,
}

/// What came of a command.
pub(super) type Done = Result<(), Flow>;
/// A command that runs.
pub(super) type Running<'a> = Pin<Box<dyn Future<Output = Done> + 'a>>;

/// Functions in functions, texts in texts: no more than this.
pub(super) const NESTING: usize = 40;
/// So many commands run before others have their turn.
const TURN: u32 = 32;

/// Where a number of a stream leads.
#[derive(Clone, Debug)]
pub(super) enum Descriptor {
    Reads(Source),
    Writes(Sink),
}

/// What `set` sets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    /// `-e`.
    pub(super) exits_on_error: bool,
    /// `-u`.
    pub(super) refuses_unset: bool,
    /// `-x`.
    pub(super) traces: bool,
    /// `-o pipefail`.
    pub(super) pipe_fails: bool,
}

/// Processes that were started together.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) number: usize,
    pub(super) group: ProcessId,
    pub(super) processes: Vec<(ProcessId, Option<i32>)>,
    pub(super) text: String,
    /// It is the parent shell's: it can be shown.
    pub(super) is_inherited: bool,
}

/// See the module.
#[derive(Clone)]
pub(super) struct Shell {
    pub(super) kernel: Kernel,
    pub(super) id: ProcessId,
    /// `$$`.
    pub(super) main_id: ProcessId,
    pub(super) group: ProcessId,
    pub(super) terminal: TerminalId,
    /// `$0`.
    pub(super) name: String,
    /// It has a prompt and controls jobs.
    pub(super) is_interactive: bool,
    /// It runs a text: complaints name the line.
    pub(super) has_lines: bool,
    /// The text was given behind `-c`.
    pub(super) is_argument: bool,
    /// What `trap` gave for signals, by number, and for the end.
    pub(super) traps: SortedMap<u32, String>,
    /// It does what was given for one.
    pub(super) is_in_trap: bool,
    /// It was forked.
    pub(super) is_subshell: bool,
    /// What it runs is all that is left to do: a program takes its place.
    pub(super) is_last_act: bool,
    pub(super) variables: SortedMap<String, Variable>,
    /// What functions hide, by function.
    pub(super) locals: Vec<Vec<(String, Option<Variable>)>>,
    pub(super) functions: SortedMap<String, Rc<Command>>,
    pub(super) aliases: SortedMap<String, String>,
    pub(super) arguments: Vec<String>,
    pub(super) status: i32,
    /// The exit code of the last `$(…)` in a command.
    pub(super) substituted: i32,
    pub(super) options: Options,
    pub(super) directory: Str,
    pub(super) descriptors: SortedMap<u32, Descriptor>,
    pub(super) jobs: Vec<Job>,
    /// `$!`.
    pub(super) last_background: Option<ProcessId>,
    pub(super) history: Rc<RefCell<Vec<String>>>,
    pub(super) line: usize,
    pub(super) nesting: usize,
    /// It is asked how what runs ends: that is no reason to exit.
    pub(super) tested: usize,
    pub(super) loops: usize,
    turn: u32,
}

impl Shell {
    pub(super) fn new(kernel: Kernel, id: ProcessId, terminal: TerminalId, directory: Str) -> Self {
        let streams = [
            (0, Descriptor::Reads(Source::Keyboard(terminal))),
            (1, Descriptor::Writes(Sink::Screen(terminal))),
            (2, Descriptor::Writes(Sink::Screen(terminal))),
        ];
        let mut shell = Self {
            kernel,
            id,
            main_id: id,
            group: id,
            terminal,
            name: String::from("bash"),
            is_interactive: true,
            has_lines: false,
            is_argument: false,
            traps: SortedMap::new(),
            is_in_trap: false,
            is_subshell: false,
            is_last_act: false,
            variables: SortedMap::new(),
            locals: Vec::new(),
            functions: SortedMap::new(),
            aliases: SortedMap::new(),
            arguments: Vec::new(),
            status: 0,
            substituted: 0,
            options: Options::default(),
            directory,
            descriptors: streams.into_iter().collect(),
            jobs: Vec::new(),
            last_background: None,
            history: Rc::default(),
            line: 1,
            nesting: 0,
            tested: 0,
            loops: 0,
            turn: 0,
        };
        shell.set_environment();
        shell
    }

    // What it says.

    /// Writes to standard output.
    pub(super) async fn print(&mut self, text: &str) -> Done {
        let Some(Descriptor::Writes(sink)) = self.descriptors.get(&1).cloned() else { return Ok(()) };
        let kernel = self.kernel.clone();
        match self.interruptible(kernel.write(&sink, text.as_bytes())).await? {
            true => Ok(()),
            // SIGPIPE.
            false if self.is_subshell => self.exit(super::process::BROKEN_PIPE),
            false => {
                self.complain("write error: No space left on device").await;
                self.status = 1;
                Ok(())
            }
        }
    }

    /// Writes to standard error.
    pub(super) async fn print_error(&self, text: &str) {
        if let Some(Descriptor::Writes(sink)) = self.descriptors.get(&2).cloned() {
            self.kernel.write(&sink, text.as_bytes()).await;
        }
    }

    /// A line on standard error that says who complains.
    pub(super) async fn complain(&self, text: &str) {
        let line = if self.has_lines { format!("line {}: ", self.line) } else { String::new() };
        self.print_error(&format!("{}: {line}{text}\n", self.name)).await;
    }

    /// Complains, and gives up the whole line.
    pub(super) async fn abort<T>(&mut self, text: &str) -> Result<T, Flow> {
        self.complain(text).await;
        self.status = 1;
        Err(Flow::Abort)
    }

    pub(super) fn exit<T>(&mut self, status: i32) -> Result<T, Flow> {
        self.status = status;
        Err(Flow::Exit)
    }

    // Ctrl-C.

    fn interrupted(&mut self) -> Done {
        if self.is_interactive && self.kernel.is_interrupted(self.terminal) {
            self.status = 130;
            return Err(Flow::Abort);
        }
        self.dying()
    }

    /// Waits for something, or for Ctrl-C.
    pub(super) async fn interruptible<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Flow> {
        let mut future = pin!(future);
        poll_fn(|context| match self.interrupted() {
            Err(flow) => Poll::Ready(Err(flow)),
            Ok(()) => future.as_mut().poll(context).map(Ok),
        })
        .await
    }

    /// Others have their turn, now and then.
    async fn breathe(&mut self) -> Done {
        if self.is_subshell && self.kernel.is_crowded() {
            self.complain("fork: retry: Resource temporarily unavailable").await;
            // Whatever multiplies so is stopped as a whole.
            self.kernel.signal_group(self.group, super::process::Signal::Kill);
            return self.exit(254);
        }
        // It killed itself.
        while self.kernel.is_over(self.id) {
            self.kernel.pause().await;
        }
        self.turn += 1;
        if self.turn >= TURN {
            self.turn = 0;
            self.kernel.pause().await;
        }
        self.interrupted()?;
        self.run_traps().await
    }

    // Texts.

    /// Runs a text, command by command.
    pub(super) fn text<'a>(&'a mut self, text: &'a str) -> Running<'a> {
        Box::pin(async move {
            if self.nesting >= NESTING {
                return self.abort("maximum nesting level exceeded").await;
            }
            self.nesting += 1;
            let done = self.each_command(text).await;
            self.nesting -= 1;
            done
        })
    }

    async fn each_command(&mut self, text: &str) -> Done {
        let mut parser = Parser::new(text, false, None);
        loop {
            let next = parser.next();
            if let Some((line, end)) = parser.take_warning() {
                self.line = parser.line();
                let warning = "warning: here-document at line";
                self.complain(&format!("{warning} {line} delimited by end-of-file (wanted `{end}')")).await;
            }
            match next {
                Ok(None) => return Ok(()),
                Ok(Some(list)) => self.list(&list).await?,
                Err(error) => {
                    let (line, name) = (parser.line(), self.name.clone());
                    if self.is_argument {
                        self.name.push_str(": -c");
                    }
                    self.line = line;
                    self.complain(&said_of(&error)).await;
                    if matches!(error, SyntaxError::Token(_)) && self.has_lines {
                        self.complain(&format!("`{}'", parser.line_text())).await;
                    }
                    (self.name, self.status) = (name, 2);
                    return Ok(());
                }
            }
        }
    }

    // Lists.

    pub(super) fn list<'a>(&'a mut self, list: &'a [Item]) -> Running<'a> {
        Box::pin(async move {
            for item in list {
                if item.is_background {
                    self.background(&item.chain).await?;
                } else {
                    self.chain(&item.chain).await?;
                }
            }
            Ok(())
        })
    }

    pub(super) async fn chain(&mut self, chain: &Chain) -> Done {
        self.pipeline(&chain.first, !chain.rest.is_empty()).await?;
        for (index, (link, pipeline)) in chain.rest.iter().enumerate() {
            if (*link == Link::And) == (self.status == 0) {
                self.pipeline(pipeline, index + 1 < chain.rest.len()).await?;
            }
        }
        Ok(())
    }

    async fn pipeline(&mut self, pipeline: &Pipeline, is_tested: bool) -> Done {
        let is_tested = is_tested || pipeline.is_negated;
        let started = self.kernel.now().monotonic;
        self.tested += usize::from(is_tested);
        let done = match pipeline.commands.as_slice() {
            [] => {
                self.status = 0;
                Ok(())
            }
            [command] => Box::pin(self.command(command)).await,
            commands => Box::pin(self.piped(commands, &pipeline.text)).await,
        };
        self.tested -= usize::from(is_tested);
        if pipeline.is_timed {
            let took = self.kernel.now().monotonic.since(started).as_millis();
            let took = format!("{}m{}.{:03}s", took / 60_000, took / 1000 % 60, took % 1000);
            self.print_error(&format!("\nreal\t{took}\nuser\t0m0.000s\nsys\t0m0.000s\n")).await;
        }
        done?;
        if pipeline.is_negated {
            self.status = i32::from(self.status == 0);
        } else if self.status != 0 && !is_tested && self.tested == 0 {
            self.run_error_trap().await?;
            if self.options.exits_on_error {
                return Err(Flow::Exit);
            }
        }
        Ok(())
    }

    // Commands.

    pub(super) async fn command(&mut self, command: &Rc<Command>) -> Done {
        self.breathe().await?;
        self.line = command.line;
        match &command.kind {
            Kind::Simple { assignments, words } => {
                Box::pin(self.simple(assignments, words, &command.redirections)).await
            }
            Kind::Function { name, body } => {
                self.functions.insert(name.clone(), Rc::clone(body));
                self.status = 0;
                Ok(())
            }
            Kind::Subshell(_) => Box::pin(self.subshell(command)).await,
            kind => {
                let saved = self.descriptors.clone();
                let done = match self.redirect(&command.redirections).await {
                    Ok(true) => Box::pin(self.compound(kind)).await,
                    Ok(false) => Ok(()),
                    Err(flow) => Err(flow),
                };
                self.descriptors = saved;
                done
            }
        }
    }

    /// A command that holds others, once its streams are set.
    pub(super) async fn compound(&mut self, kind: &Kind) -> Done {
        match kind {
            Kind::Group(list) | Kind::Subshell(list) => self.list(list).await,
            Kind::If(arms) => {
                for (condition, body) in arms {
                    if condition.is_empty() || self.holds(condition).await? {
                        return self.list(body).await;
                    }
                }
                self.status = 0;
                Ok(())
            }
            Kind::Loop { is_until, condition, body } => {
                let mut status = 0;
                self.loops += 1;
                let done = loop {
                    match self.holds(condition).await {
                        Ok(holds) if holds == *is_until => break Ok(()),
                        Ok(_) => {}
                        Err(flow) => break Self::after_round(Err(flow)).map(drop),
                    }
                    let round = self.list(body).await;
                    status = self.status;
                    match Self::after_round(round) {
                        Ok(true) => {}
                        Ok(false) => break Ok(()),
                        Err(flow) => break Err(flow),
                    }
                };
                self.loops -= 1;
                done?;
                self.status = status;
                Ok(())
            }
            Kind::For { name, words, body } => {
                let values = match words {
                    Some(words) => self.fields(words).await?,
                    None => self.arguments.clone(),
                };
                self.status = 0;
                self.loops += 1;
                let mut done = Ok(());
                for value in values {
                    self.breathe().await?;
                    self.assign(name, value);
                    let round = self.list(body).await;
                    match Self::after_round(round) {
                        Ok(true) => continue,
                        Ok(false) => {}
                        Err(flow) => done = Err(flow),
                    }
                    break;
                }
                self.loops -= 1;
                done
            }
            Kind::Count { expressions, body } => self.count(expressions, body).await,
            Kind::Case { word, arms } => {
                let text = self.text_of(word).await?;
                self.status = 0;
                let mut falls = false;
                for arm in arms {
                    let mut is_it = falls;
                    for word in &arm.patterns {
                        is_it = is_it || pattern::matches(&self.pattern_of(word).await?, &text);
                    }
                    if is_it {
                        self.list(&arm.body).await?;
                        falls = arm.falls_through;
                        if !arm.falls_through && !arm.goes_on {
                            break;
                        }
                    }
                }
                Ok(())
            }
            Kind::Test(condition) => {
                let holds = self.condition(condition, true).await?;
                self.status = holds.map_or(2, |holds| i32::from(!holds));
                Ok(())
            }
            Kind::Arithmetic(expression) => {
                let value = self.number_of(expression).await;
                self.status = i32::from(value? == 0);
                Ok(())
            }
            Kind::Simple { .. } | Kind::Function { .. } => Ok(()),
        }
    }

    async fn holds(&mut self, condition: &List) -> Result<bool, Flow> {
        self.tested += 1;
        let done = self.list(condition).await;
        self.tested -= 1;
        done.map(|()| self.status == 0)
    }

    /// Whether another round follows.
    fn after_round(round: Done) -> Result<bool, Flow> {
        match round {
            Ok(()) | Err(Flow::Continue(1)) => Ok(true),
            Err(Flow::Break(1)) => Ok(false),
            Err(Flow::Break(loops)) => Err(Flow::Break(loops - 1)),
            Err(Flow::Continue(loops)) => Err(Flow::Continue(loops - 1)),
            Err(flow) => Err(flow),
        }
    }

    async fn count(&mut self, [start, condition, step]: &[Word; 3], body: &List) -> Done {
        self.number_of(start).await?;
        self.status = 0;
        self.loops += 1;
        let done = loop {
            let is_over = if condition.0.is_empty() {
                false
            } else {
                match self.number_of(condition).await {
                    Ok(value) => value == 0,
                    Err(flow) => break Err(flow),
                }
            };
            if is_over {
                break Ok(());
            }
            let round = self.list(body).await;
            match Self::after_round(round) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(flow) => break Err(flow),
            }
            if let Err(flow) = self.number_of(step).await {
                break Err(flow);
            }
        };
        self.loops -= 1;
        done
    }

    /// Runs a function.
    pub(super) fn function<'a>(&'a mut self, body: Rc<Command>, name: &'a str, arguments: Vec<String>) -> Running<'a> {
        Box::pin(async move {
            if self.nesting >= NESTING {
                return self.abort(&format!("{name}: maximum function nesting level exceeded ({NESTING})")).await;
            }
            self.nesting += 1;
            self.is_last_act = false;
            let arguments = core::mem::replace(&mut self.arguments, arguments);
            let (loops, line) = (core::mem::take(&mut self.loops), self.line);
            self.locals.push(Vec::new());
            let done = self.command(&body).await;
            for (name, variable) in self.locals.pop().unwrap_or_default().into_iter().rev() {
                match variable {
                    Some(variable) => drop(self.variables.insert(name, variable)),
                    None => drop(self.variables.remove(&name)),
                }
            }
            (self.arguments, self.loops, self.line) = (arguments, loops, line);
            self.nesting -= 1;
            match done {
                Err(Flow::Return) => Ok(()),
                done => done,
            }
        })
    }
}

/// What bash says of a text that is no command.
pub(super) fn said_of(error: &SyntaxError) -> String {
    match error {
        SyntaxError::Token(token) => format!("syntax error near unexpected token `{token}'"),
        SyntaxError::Incomplete(Some(quote)) if "'\"`".contains(*quote) => {
            format!("unexpected EOF while looking for matching `{quote}'")
        }
        SyntaxError::Incomplete(_) => "syntax error: unexpected end of file".to_string(),
        SyntaxError::TooDeep => "syntax error: too much in one another".to_string(),
    }
}
