//! Commands a shell runs itself, and programs that ask of it what no program is told: which processes run, what it has.

mod conditions;
mod jobs;
mod processes;
mod read;
mod run;
mod texts;
mod traps;
mod variables;
mod wrappers;

use super::interpreter::{Done, Flow, Shell};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A command.
pub(super) struct Builtin {
    pub(super) name: &'static str,
    run: Run,
    /// A program elsewhere: it is a process of its own.
    pub(super) is_program: bool,
}

enum Run {
    /// It waits for nobody.
    Now(fn(&mut Shell, &[String]) -> Said),
    /// It does, or runs others.
    Later(Later),
}

/// Those that wait.
#[derive(Clone, Copy)]
enum Later {
    Test,
    Bracket,
    ChangeDirectory,
    Read,
    Source,
    Evaluate,
    Execute,
    Foreground,
    Wait,
    Command,
    Type,
    Which,
    Bash,
    Environment,
    Send,
    Let,
    Arguments,
    NoHangup,
    TimeOut,
}

/// What came of a command.
#[derive(Default)]
pub(super) struct Said {
    output: String,
    /// What it complains of; its name and the shell's are put before.
    errors: Vec<String>,
    status: i32,
    flow: Option<Flow>,
}

impl Said {
    fn output(output: String) -> Self {
        Self { output, ..Self::default() }
    }

    fn status(status: i32) -> Self {
        Self { status, ..Self::default() }
    }

    fn error(text: impl Into<String>) -> Self {
        Self { errors: Vec::from([text.into()]), status: 1, ..Self::default() }
    }

    fn flow(status: i32, flow: Flow) -> Self {
        Self { status, flow: Some(flow), ..Self::default() }
    }

    fn complain(&mut self, text: String) {
        self.errors.push(text);
        self.status = 1;
    }
}

const fn now(name: &'static str, run: fn(&mut Shell, &[String]) -> Said) -> Builtin {
    Builtin { name, run: Run::Now(run), is_program: false }
}

const fn later(name: &'static str, run: Later) -> Builtin {
    Builtin { name, run: Run::Later(run), is_program: false }
}

const fn program(mut builtin: Builtin) -> Builtin {
    builtin.is_program = true;
    builtin
}

static BUILTINS: [Builtin; 59] = [
    later(".", Later::Source),
    now(":", |_, _| Said::status(0)),
    later("[", Later::Bracket),
    now("alias", variables::alias),
    program(later("bash", Later::Bash)),
    now("bg", jobs::background),
    now("break", run::break_out),
    later("cd", Later::ChangeDirectory),
    program(now("chmod", wrappers::chmod)),
    program(now("clear", |_, _| Said::output(String::from("\x1b[H\x1b[2J\x1b[3J")))),
    program(now("code", run::edit)),
    later("command", Later::Command),
    now("continue", run::go_on),
    now("declare", variables::declare),
    now("echo", texts::echo),
    program(now("emacs", run::edit)),
    program(later("env", Later::Environment)),
    later("eval", Later::Evaluate),
    later("exec", Later::Execute),
    now("exit", run::exit),
    now("export", variables::export),
    now("false", |_, _| Said::status(1)),
    later("fg", Later::Foreground),
    now("help", run::help),
    now("history", run::history),
    now("jobs", jobs::jobs),
    program(now("jps", processes::jps)),
    now("kill", jobs::kill),
    later("let", Later::Let),
    now("local", variables::local),
    now("logout", run::exit),
    program(now("nano", run::edit)),
    program(later("nohup", Later::NoHangup)),
    program(now("printenv", variables::print_environment)),
    now("printf", texts::printf),
    program(now("ps", processes::ps)),
    now("pwd", |shell, _| Said::output(format!("{}\n", shell.directory))),
    later("read", Later::Read),
    now("readonly", variables::declare_readonly),
    now("return", run::return_from),
    program(now("rz", run::receive)),
    now("set", variables::set),
    program(later("sh", Later::Bash)),
    now("shift", variables::shift),
    later("source", Later::Source),
    program(later("sz", Later::Send)),
    later("test", Later::Test),
    now("true", |_, _| Said::status(0)),
    program(later("timeout", Later::TimeOut)),
    now("trap", traps::trap),
    later("type", Later::Type),
    now("typeset", variables::declare),
    now("unalias", variables::unalias),
    now("unset", variables::unset),
    program(now("vi", run::edit)),
    program(now("vim", run::edit)),
    later("wait", Later::Wait),
    program(later("which", Later::Which)),
    program(later("xargs", Later::Arguments)),
];

/// The command of this name.
pub(super) fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

/// All names, in order.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|builtin| builtin.name)
}

/// Those that have a file.
pub(super) fn programs() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().filter(|builtin| builtin.is_program).map(|builtin| builtin.name)
}

impl Shell {
    /// Runs one.
    pub(super) async fn builtin(&mut self, builtin: &'static Builtin, arguments: &[String]) -> Done {
        let name = builtin.name;
        match builtin.run {
            Run::Now(run) => {
                // Editors are alike: the name says which it is.
                let said = match name {
                    "code" | "emacs" | "nano" | "vi" | "vim" => run::edit_with(self, name, arguments),
                    _ => run(self, arguments),
                };
                self.say(name, said).await
            }
            Run::Later(later) => self.wait_for(later, name, arguments).await,
        }
    }

    async fn say(&mut self, name: &str, said: Said) -> Done {
        self.status = said.status;
        let is_program = find(name).is_some_and(|builtin| builtin.is_program);
        for error in &said.errors {
            if is_program {
                self.print_error(&format!("{name}: {error}\n")).await;
            } else {
                self.complain(&format!("{name}: {error}")).await;
            }
        }
        if !said.output.is_empty() {
            self.print(&said.output).await?;
        }
        said.flow.map_or(Ok(()), Err)
    }

    async fn wait_for(&mut self, later: Later, name: &str, arguments: &[String]) -> Done {
        match later {
            Later::Test => self.test(name, arguments).await,
            Later::Bracket => match arguments.split_last() {
                Some((last, arguments)) if last == "]" => self.test(name, arguments).await,
                _ => {
                    self.complain("[: missing `]'").await;
                    self.status = 2;
                    Ok(())
                }
            },
            Later::ChangeDirectory => self.change_directory(arguments).await,
            Later::Read => self.read(arguments).await,
            Later::Source => self.source(name, arguments).await,
            Later::Evaluate => self.text(&arguments.join(" ")).await,
            Later::Execute => self.execute(arguments).await,
            Later::Foreground => self.bring_to_foreground(arguments).await,
            Later::Wait => self.wait(arguments).await,
            Later::Command => self.command_builtin(arguments).await,
            Later::Type => self.describe(arguments).await,
            Later::Which => self.which(arguments).await,
            Later::Bash => self.bash(name, arguments).await,
            Later::Arguments => self.xargs(arguments).await,
            Later::NoHangup => self.nohup(arguments).await,
            Later::TimeOut => self.timeout(arguments).await,
            Later::Environment => self.environment(arguments).await,
            Later::Send => self.send(arguments).await,
            Later::Let => {
                let mut value = 0;
                for argument in arguments {
                    value = self.number_of(&super::syntax::Word::quoted(argument)).await?;
                }
                self.status = i32::from(value == 0);
                Ok(())
            }
        }
    }
}

/// A number given, or a complaint.
fn number(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| format!("{text}: numeric argument required"))
}

/// Lines, each with its end.
fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect::<String>()
}
