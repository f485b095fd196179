//! Commands become processes: where a program is found, what is forked, who has the terminal.

use super::builtins::{self, Builtin};
use super::distribution::SCRIPT;
use super::file_system::name_of;
use super::interpreter::{Descriptor, Done, Flow, Job, Options, Running, Shell};
use super::process::{Execute, ProcessId, Script, Start};
use super::stream::{Sink, Source, pipe};
use super::syntax::{Assignment, Chain, Command, Kind, Redirection, Value, Word};
use super::variables::Variable;
use crate::cli::Tool;
use crate::cli::file::{FileAnswer, FileError, FileRequest};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What a name runs.
pub(super) enum Runnable {
    Tool(&'static Tool),
    Builtin(&'static Builtin),
    /// A shell script: its text.
    Script(String),
}

impl Shell {
    // Simple commands.

    /// Runs a command of words.
    pub(super) async fn simple(
        &mut self,
        assignments: &[Assignment],
        words: &[Word],
        redirections: &[Redirection],
    ) -> Done {
        self.substituted = 0;
        let fields = self.fields(words).await?;
        let Some(name) = fields.first().cloned() else {
            return self.assignments_alone(assignments, redirections).await;
        };
        let mut hidden = Vec::new();
        for assignment in assignments {
            hidden.push((assignment.name.clone(), self.variables.get(&assignment.name).cloned()));
            self.assign_all(core::slice::from_ref(assignment)).await?;
            self.export(&assignment.name);
        }
        self.trace(&fields).await;
        let saved = self.descriptors.clone();
        let done = match self.redirect(redirections).await {
            Ok(true) => self.run(&name, fields).await,
            Ok(false) => Ok(()),
            Err(flow) => Err(flow),
        };
        if name != "exec" {
            self.descriptors = saved;
        }
        for (name, variable) in hidden.into_iter().rev() {
            self.restore_variable(name, variable);
        }
        done
    }

    fn restore_variable(&mut self, name: String, variable: Option<Variable>) {
        match variable {
            Some(variable) => drop(self.variables.insert(name, variable)),
            None => drop(self.variables.remove(&name)),
        }
    }

    async fn assignments_alone(&mut self, assignments: &[Assignment], redirections: &[Redirection]) -> Done {
        let saved = self.descriptors.clone();
        let is_redirected = self.redirect(redirections).await;
        self.descriptors = saved;
        if is_redirected? {
            self.assign_all(assignments).await?;
            self.status = self.substituted;
        }
        Ok(())
    }

    async fn assign_all(&mut self, assignments: &[Assignment]) -> Done {
        for Assignment { name, index, appends, value } in assignments {
            if self.variables.get(name).is_some_and(|variable| variable.is_readonly) {
                return self.abort(&format!("{name}: readonly variable")).await;
            }
            match value {
                Value::Words(words) => {
                    let mut values = self.fields(words).await?;
                    let variable = self.variables.entry(name.clone()).or_default();
                    variable.is_array = true;
                    if *appends {
                        variable.values.append(&mut values);
                    } else {
                        variable.values = values;
                    }
                }
                Value::Text(word) => {
                    let mut text = self.text_of(word).await?;
                    if self.options.traces {
                        self.print_error(&format!("+ {name}={}\n", super::escapes::quoted(&text))).await;
                    }
                    if let Some(index) = index {
                        let index = self.number_of(index).await?;
                        self.assign_element(name, usize::try_from(index).unwrap_or(0), text);
                        continue;
                    }
                    if *appends {
                        text.insert_str(0, &self.value(name).unwrap_or_default());
                    }
                    self.assign(name, text);
                }
            }
        }
        Ok(())
    }

    async fn trace(&mut self, fields: &[String]) {
        if self.options.traces {
            let quoted: Vec<String> = fields.iter().map(|field| super::escapes::quoted(field)).collect();
            self.print_error(&format!("+ {}\n", quoted.join(" "))).await;
        }
    }

    /// Runs a function, a builtin or a program; its streams are set.
    pub(super) async fn run(&mut self, name: &str, fields: Vec<String>) -> Done {
        if let Some(body) = self.functions.get(name).cloned() {
            let arguments = fields.into_iter().skip(1).collect();
            return self.function(body, name, arguments).await;
        }
        match builtins::find(name) {
            Some(builtin) if builtin.is_program => Box::pin(self.program_of_shell(builtin, fields)).await,
            Some(builtin) => {
                let arguments = fields.get(1..).unwrap_or_default();
                let kept = core::mem::replace(&mut self.is_last_act, false);
                let done = Box::pin(self.builtin(builtin, arguments)).await;
                self.is_last_act = kept;
                done
            }
            None => self.program(fields).await,
        }
    }

    /// Runs one of those programs that ask the shell.
    async fn program_of_shell(&mut self, builtin: &'static Builtin, fields: Vec<String>) -> Done {
        let command = fields.join(" ");
        if self.is_last_act {
            self.kernel.set_command(self.id, &command);
            self.is_last_act = false;
            let arguments = fields.get(1..).unwrap_or_default();
            return Box::pin(self.builtin(builtin, arguments)).await;
        }
        let run = move |mut shell: Self| -> Script {
            Box::pin(async move {
                let done = shell.builtin(builtin, fields.get(1..).unwrap_or_default()).await;
                shell.end(done)
            })
        };
        let id = self.fork_as(command.clone(), self.descriptors.clone(), self.group_of_children(), run);
        self.foreground(Vec::from([id]), command).await
    }

    /// Runs a program; as the last act it takes the place of this process.
    pub(super) fn program(&mut self, fields: Vec<String>) -> Running<'_> {
        Box::pin(async move {
            let name = fields.first().cloned().unwrap_or_default();
            let runnable = match self.find_program(&name).await {
                Ok(runnable) => runnable,
                Err((status, message)) => {
                    self.complain(&format!("{name}: {message}")).await;
                    self.status = status;
                    return Ok(());
                }
            };
            let command = fields.join(" ");
            match runnable {
                Runnable::Tool(tool) => {
                    let arguments = fields.into_iter().skip(1).collect();
                    let columns = self.exported("COLUMNS");
                    if self.is_last_act {
                        let start = self.start(command, Some(self.group));
                        self.kernel.replace(self.id, start, Execute { tool, arguments, columns });
                        return Err(Flow::Exit);
                    }
                    let start = self.start(command.clone(), self.group_of_children());
                    let id = self.kernel.execute(start, Execute { tool, arguments, columns });
                    self.foreground(Vec::from([id]), command).await
                }
                Runnable::Builtin(builtin) => self.program_of_shell(builtin, fields).await,
                Runnable::Script(text) => {
                    let arguments = fields.into_iter().skip(1).collect();
                    self.script(name, text, arguments, command).await
                }
            }
        })
    }

    /// Runs a text in a shell of its own.
    pub(super) async fn script(&mut self, name: String, text: String, arguments: Vec<String>, command: String) -> Done {
        let run = move |mut shell: Self| -> Script {
            shell.begin_script(name, arguments);
            Box::pin(async move {
                let done = shell.text(&text).await;
                shell.script_end(done).await
            })
        };
        let id = self.fork_as(command.clone(), self.descriptors.clone(), self.group_of_children(), run);
        self.foreground(Vec::from([id]), command).await
    }

    /// What a new shell does not have of the one that started it.
    pub(super) fn begin_script(&mut self, name: String, arguments: Vec<String>) {
        (self.name, self.arguments, self.main_id) = (name, arguments, self.id);
        self.is_subshell = true;
        self.functions.clear();
        self.jobs.clear();
        self.aliases.clear();
        self.locals.clear();
        self.variables.retain(|name, variable| variable.is_exported || name == "IFS");
        self.options = Options::default();
        (self.line, self.status, self.nesting) = (1, 0, self.nesting + 1);
        (self.has_lines, self.is_argument) = (true, false);
        self.forget_traps();
        self.history = Rc::default();
    }

    /// The program of a name, or the exit code and why there is none.
    pub(super) async fn find_program(&self, name: &str) -> Result<Runnable, (i32, String)> {
        if !name.contains('/') {
            return match self.find_in_path(name).await {
                Some(path) => self.open_program(&path).await,
                None => Err((127, "command not found".to_string())),
            };
        }
        self.open_program(name).await
    }

    /// Where `$PATH` has a program.
    pub(super) async fn find_in_path(&self, name: &str) -> Option<String> {
        if name.is_empty() {
            return None;
        }
        for directory in self.value("PATH").unwrap_or_default().split(':') {
            let path = format!("{}/{name}", if directory.is_empty() { "." } else { directory });
            let request = FileRequest::Status(Str::from(path.as_str()));
            if let Ok(FileAnswer::Status(status)) = self.kernel.ask_files(self.id, &self.directory, request).await
                && status.is_executable
                && !status.is_directory
            {
                return Some(path);
            }
        }
        None
    }

    async fn open_program(&self, path: &str) -> Result<Runnable, (i32, String)> {
        let refused = |error: &FileError| (if *error == FileError::NotFound { 127 } else { 126 }, error.to_string());
        let status = FileRequest::Status(Str::from(path));
        match self.kernel.ask_files(self.id, &self.directory, status).await {
            Ok(FileAnswer::Status(status)) if status.is_directory => return Err(refused(&FileError::IsDirectory)),
            Ok(FileAnswer::Status(status)) if status.is_executable => {}
            Ok(_) => return Err(refused(&FileError::Denied)),
            Err(error) => return Err(refused(&error)),
        }
        let text = self.read_file(path).await.map_err(|error| refused(&error))?;
        if text == SCRIPT {
            if let Some(tool) = tool(name_of(path)) {
                return Ok(Runnable::Tool(tool));
            }
            if let Some(builtin) = builtins::find(name_of(path)).filter(|builtin| builtin.is_program) {
                return Ok(Runnable::Builtin(builtin));
            }
        }
        Ok(Runnable::Script(text))
    }

    /// A file's text.
    pub(super) async fn read_file(&self, path: &str) -> Result<String, FileError> {
        match self.kernel.ask_files(self.id, &self.directory, FileRequest::Read(Str::from(path))).await? {
            FileAnswer::Content(bytes) => Ok(super::escapes::lossy(&bytes)),
            _ => Err(FileError::Unsupported),
        }
    }

    // Processes.

    /// With a shell that controls jobs every job is a group; those of any other are of its own.
    pub(super) fn group_of_children(&self) -> Option<ProcessId> {
        (!self.is_interactive).then_some(self.group)
    }

    fn start(&self, command: String, group: Option<ProcessId>) -> Start {
        Start {
            command,
            terminal: self.terminal,
            parent: self.id,
            group,
            input: self.input(),
            output: self.sink(1),
            error: self.sink(2),
            working_directory: self.directory.clone(),
        }
    }

    /// Runs code in a process of its own, with a copy of this shell.
    pub(super) fn fork(
        &self,
        descriptors: SortedMap<u32, Descriptor>,
        group: Option<ProcessId>,
        code: impl FnOnce(Self) -> Script,
    ) -> ProcessId {
        self.fork_as(String::from("bash"), descriptors, group, code)
    }

    fn fork_as(
        &self,
        command: String,
        descriptors: SortedMap<u32, Descriptor>,
        group: Option<ProcessId>,
        code: impl FnOnce(Self) -> Script,
    ) -> ProcessId {
        let mut shell = self.clone();
        (shell.descriptors, shell.is_subshell, shell.is_interactive) = (descriptors, true, false);
        (shell.is_last_act, shell.is_in_trap) = (false, false);
        shell.forget_traps();
        for job in &mut shell.jobs {
            job.is_inherited = true;
        }
        let start = shell.start(command, group);
        self.kernel.script(start, |id| {
            (shell.id, shell.group) = (id, group.unwrap_or(id));
            code(shell)
        })
    }

    /// The exit code of a shell that came to its end.
    pub(super) fn end(&mut self, done: Done) -> i32 {
        match done {
            Ok(()) | Err(_) => self.status & 0xff,
        }
    }

    /// `( … )`.
    pub(super) async fn subshell(&mut self, command: &Rc<Command>) -> Done {
        let id = self.fork_command(command, self.descriptors.clone(), self.group_of_children());
        self.foreground(Vec::from([id]), String::from("( ... )")).await
    }

    /// A command in a process of its own.
    fn fork_command(
        &self,
        command: &Rc<Command>,
        descriptors: SortedMap<u32, Descriptor>,
        group: Option<ProcessId>,
    ) -> ProcessId {
        let command = Rc::clone(command);
        self.fork(descriptors, group, move |mut shell| {
            Box::pin(async move {
                let done = match &command.kind {
                    Kind::Subshell(list) => match shell.redirect(&command.redirections).await {
                        Ok(true) => shell.list(list).await,
                        other => other.map(drop),
                    },
                    kind => {
                        shell.is_last_act = matches!(kind, Kind::Simple { .. });
                        shell.command(&command).await
                    }
                };
                shell.end(done)
            })
        })
    }

    /// Starts the commands of a pipeline; `group` is theirs, or the first is its leader.
    fn start_pipeline(&self, commands: &[Rc<Command>], group: Option<ProcessId>, input: Descriptor) -> Vec<ProcessId> {
        let mut ids = Vec::new();
        let mut input = input;
        for (index, command) in commands.iter().enumerate() {
            let mut descriptors = self.descriptors.clone();
            descriptors.insert(0, input);
            input = Descriptor::Reads(Source::Nothing);
            if index + 1 < commands.len() {
                let (reader, writer) = pipe();
                descriptors.insert(1, Descriptor::Writes(Sink::Pipe(writer)));
                input = Descriptor::Reads(Source::Pipe(reader));
            }
            let group = group.or(ids.first().copied());
            ids.push(self.fork_command(command, descriptors, group));
        }
        ids
    }

    pub(super) async fn piped(&mut self, commands: &[Rc<Command>], text: &str) -> Done {
        let input = Descriptor::Reads(self.input());
        let ids = self.start_pipeline(commands, self.group_of_children(), input);
        self.foreground(ids, text.to_string()).await
    }

    /// Starts what `&` follows.
    pub(super) async fn background(&mut self, chain: &Rc<Chain>) -> Done {
        if self.kernel.is_crowded() {
            return self.abort("fork: retry: Resource temporarily unavailable").await;
        }
        let group = self.group_of_children();
        // Whoever controls no jobs gives them nothing to read.
        let input = Descriptor::Reads(if self.is_interactive { self.input() } else { Source::Nothing });
        let is_pipeline = chain.rest.is_empty() && !chain.first.is_negated && !chain.first.is_timed;
        let ids = if is_pipeline {
            self.start_pipeline(&chain.first.commands, group, input)
        } else {
            let mut descriptors = self.descriptors.clone();
            descriptors.insert(0, input);
            let chain = Rc::clone(chain);
            let id = self.fork(descriptors, group, move |mut shell| {
                Box::pin(async move {
                    let done = shell.chain(&chain).await;
                    shell.end(done)
                })
            });
            Vec::from([id])
        };
        let (Some(first), Some(last)) = (ids.first().copied(), ids.last().copied()) else { return Ok(()) };
        self.jobs.retain(|job| !job.is_inherited);
        let number = self.jobs.iter().map(|job| job.number).max().unwrap_or(0) + 1;
        let processes = ids.into_iter().map(|id| (id, None)).collect();
        self.jobs.push(Job {
            number,
            group: group.unwrap_or(first),
            processes,
            text: chain.text.clone(),
            is_inherited: false,
        });
        self.last_background = Some(last);
        self.status = 0;
        if self.is_interactive {
            self.print_error(&format!("[{number}] {}\n", last.0)).await;
        }
        Ok(())
    }

    // The terminal.

    /// A group gets the keyboard.
    pub(super) fn give_terminal(&self, group: ProcessId) {
        if self.is_interactive {
            self.kernel.set_foreground(self.terminal, group);
        }
    }

    pub(super) fn take_terminal(&self) {
        self.give_terminal(self.id);
    }

    /// Waits for processes that have the terminal meanwhile; the first leads their group.
    pub(super) async fn foreground(&mut self, ids: Vec<ProcessId>, text: String) -> Done {
        let Some(first) = ids.first().copied() else { return Ok(()) };
        self.foreground_of(first, ids, text).await
    }

    /// As [`Shell::foreground`], of any group.
    pub(super) async fn foreground_of(&mut self, group: ProcessId, ids: Vec<ProcessId>, text: String) -> Done {
        self.give_terminal(group);
        let mut statuses = Vec::new();
        for id in ids {
            match self.wait_for_child(id).await {
                Ok(status) => statuses.push(status),
                Err(flow) => {
                    self.take_terminal();
                    return Err(flow);
                }
            }
        }
        self.take_terminal();
        self.status = statuses.last().copied().unwrap_or(0);
        if self.options.pipe_fails {
            self.status = statuses.iter().rev().copied().find(|status| *status != 0).unwrap_or(0);
        }
        let statuses = statuses.iter().map(ToString::to_string).collect();
        self.variables.insert(
            String::from("PIPESTATUS"),
            Variable { values: statuses, is_array: true, is_exported: false, is_readonly: false },
        );
        if self.is_interactive {
            // A JVM ends by itself when it is told to.
            let said = match self.status {
                137 => "Killed\n",
                143 if !text.contains(".sh") => "Terminated\n",
                _ => "",
            };
            self.print_error(said).await;
        }
        // Ctrl-C ends the line, but what ran may have caught it.
        let status = self.status;
        let done = self.interruptible(async {}).await;
        if matches!(done, Err(Flow::Abort)) {
            self.status = status;
        }
        done
    }
}

/// The code of a program's file.
fn tool(name: &str) -> Option<&'static Tool> {
    crate::cli::find(name).or_else(|| super::commands::find(name))
}
