//! What runs other commands, leaves them, or tells of them; directories; editors.

use super::super::distribution::{HOME, SCRIPT};
use super::super::file_system::absolute;
use super::super::interpreter::{Done, Flow, Shell};
use super::super::machine::Report;
use super::super::syntax::RESERVED;
use super::{Said, number};
use crate::cli::file::{FileAnswer, FileError, FileRequest};
use crate::sorted::sort;
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

// Leaving.

pub(super) fn exit(shell: &mut Shell, arguments: &[String]) -> Said {
    if shell.is_interactive {
        shell.kernel.state().write(&shell.sink(2), b"exit\n");
    }
    left(shell.status, arguments, Flow::Exit)
}

pub(super) fn return_from(shell: &mut Shell, arguments: &[String]) -> Said {
    if shell.locals.is_empty() && shell.nesting == 0 {
        let errors = Vec::from(["can only `return' from a function or sourced script".to_string()]);
        return Said { errors, status: 2, ..Said::default() };
    }
    left(shell.status, arguments, Flow::Return)
}

fn left(status: i32, arguments: &[String], flow: Flow) -> Said {
    match arguments.first().map_or(Ok(i64::from(status)), |text| number(text)) {
        Ok(status) => Said::flow((status & 0xff) as i32, flow),
        Err(message) => Said { errors: Vec::from([message]), ..Said::flow(2, flow) },
    }
}

pub(super) fn break_out(shell: &mut Shell, arguments: &[String]) -> Said {
    out_of_loop(shell, arguments, Flow::Break)
}

pub(super) fn go_on(shell: &mut Shell, arguments: &[String]) -> Said {
    out_of_loop(shell, arguments, Flow::Continue)
}

fn out_of_loop(shell: &Shell, arguments: &[String], flow: fn(usize) -> Flow) -> Said {
    if shell.loops == 0 {
        let message = "only meaningful in a `for', `while', or `until' loop";
        return Said { errors: Vec::from([message.to_string()]), ..Said::default() };
    }
    match arguments.first().map_or(Ok(1), |text| number(text)) {
        Ok(loops) if loops > 0 => Said::flow(0, flow((loops as usize).min(shell.loops))),
        Ok(loops) => Said::error(format!("{loops}: loop count out of range")),
        Err(message) => Said::error(message),
    }
}

// Telling.

pub(super) fn history(shell: &mut Shell, arguments: &[String]) -> Said {
    let mut history = shell.history.borrow_mut();
    match arguments.first().map(String::as_str) {
        Some("-c") => {
            history.clear();
            Said::status(0)
        }
        Some(option) if option.starts_with('-') => Said::status(0),
        count => match count.map_or(Ok(i64::MAX), number) {
            Ok(count) => {
                let skipped = history.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
                let rows = history.iter().enumerate().skip(skipped);
                Said::output(super::lines(rows.map(|(index, line)| format!("{:>5}  {line}", index + 1))))
            }
            Err(message) => Said::error(message),
        },
    }
}

pub(super) fn help(_: &mut Shell, _: &[String]) -> Said {
    let section = |title: &str, names: &mut dyn Iterator<Item = &'static str>| {
        let mut text = format!("{title}\n");
        let mut line = String::from(" ");
        for name in names {
            if line.len() + name.len() > 78 {
                text.push_str(&(line + "\n"));
                line = String::from(" ");
            }
            line.push(' ');
            line.push_str(name);
        }
        text + &line + "\n"
    };
    let mut builtins = super::names().filter(|name| super::find(name).is_some_and(|builtin| !builtin.is_program));
    let mut programs: Vec<&'static str> = super::programs().chain(super::super::commands::commands()).collect();
    sort(&mut programs);
    programs.dedup();
    Said::output(
        section("A shell as GNU bash. Its commands:", &mut builtins)
            + &section("Programs, in /usr/bin:", &mut programs.into_iter())
            + &section("Kafka's tools, in bin; each knows --help:", &mut crate::cli::tools()),
    )
}

// Editors.

pub(super) fn edit(shell: &mut Shell, arguments: &[String]) -> Said {
    edit_with(shell, "edit", arguments)
}

pub(super) fn edit_with(shell: &mut Shell, name: &str, arguments: &[String]) -> Said {
    let file = arguments.iter().find(|argument| !argument.starts_with(['-', '+']));
    let Some(file) = file else { return Said::error(format!("which file? {name} FILE opens it in the page's editor")) };
    let path = absolute(&shell.directory, file);
    if shell.kernel.state().files.is_directory(&path) {
        return Said::error(format!("{file}: {}", FileError::IsDirectory));
    }
    shell.kernel.report(Report::Edit { terminal: shell.terminal, path: path.to_string() });
    Said::status(0)
}

// Files that come and go: `rz` and `sz` of lrzsz, by which terminals of other machines do it.

pub(super) fn receive(shell: &mut Shell, _: &[String]) -> Said {
    let directory = shell.directory.to_string();
    shell.kernel.report(Report::Upload { terminal: shell.terminal, directory });
    Said::status(0)
}

impl Shell {
    pub(super) async fn send(&mut self, arguments: &[String]) -> Done {
        let files: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
        self.status = 0;
        if files.is_empty() {
            self.print_error("sz: need at least one file to send\n").await;
            self.status = 1;
        }
        for file in files {
            let path = absolute(&self.directory, file);
            let status = self.kernel.ask_files(self.id, &self.directory, FileRequest::Status(path.clone())).await;
            let wrong = match status {
                Ok(FileAnswer::Status(status)) if !status.is_directory => {
                    self.kernel.report(Report::Download { terminal: self.terminal, path: path.to_string() });
                    continue;
                }
                Ok(_) => FileError::IsDirectory,
                Err(error) => error,
            };
            self.print_error(&format!("sz: cannot open {file}: {wrong}\n")).await;
            self.status = 1;
        }
        Ok(())
    }

    // Directories.

    pub(super) async fn change_directory(&mut self, arguments: &[String]) -> Done {
        let arguments: Vec<&String> =
            arguments.iter().filter(|argument| !["-P", "-L", "--"].contains(&argument.as_str())).collect();
        let (mut target, mut is_shown) = (String::new(), false);
        let mut wrong = None;
        match arguments.as_slice() {
            [] => target = self.value("HOME").unwrap_or_else(|| HOME.to_string()),
            [dash] if *dash == "-" => match self.value("OLDPWD") {
                Some(before) => (target, is_shown) = (before, true),
                None => wrong = Some("OLDPWD not set".to_string()),
            },
            [path] => target = (*path).clone(),
            _ => wrong = Some("too many arguments".to_string()),
        }
        let path = absolute(&self.directory, &target);
        if wrong.is_none() {
            let status = FileRequest::Status(path.clone());
            wrong = match self.kernel.ask_files(self.id, &self.directory, status).await {
                Ok(FileAnswer::Status(status)) if status.is_directory => None,
                Ok(_) => Some(format!("{target}: {}", FileError::NotDirectory)),
                Err(error) => Some(format!("{target}: {error}")),
            };
        }
        if let Some(wrong) = wrong {
            self.complain(&format!("cd: {wrong}")).await;
            self.status = 1;
            return Ok(());
        }
        let before = core::mem::replace(&mut self.directory, path.clone());
        self.assign("OLDPWD", before.to_string());
        self.assign("PWD", path.to_string());
        self.kernel.set_directory(self.id, &path);
        self.status = 0;
        if is_shown { self.print(&format!("{path}\n")).await } else { Ok(()) }
    }

    // Running.

    pub(super) async fn source(&mut self, name: &str, arguments: &[String]) -> Done {
        let Some((file, rest)) = arguments.split_first() else {
            self.complain(&format!("{name}: filename argument required")).await;
            self.status = 2;
            return Ok(());
        };
        let text = match self.read_file(file).await {
            Ok(text) => text,
            Err(error) => {
                self.complain(&format!("{file}: {error}")).await;
                self.status = 1;
                return Ok(());
            }
        };
        let arguments = if rest.is_empty() { self.arguments.clone() } else { rest.to_vec() };
        let arguments = core::mem::replace(&mut self.arguments, arguments);
        self.status = 0;
        let done = self.text(&text).await;
        self.arguments = arguments;
        match done {
            Err(Flow::Return) => Ok(()),
            done => done,
        }
    }

    pub(super) async fn execute(&mut self, arguments: &[String]) -> Done {
        if arguments.is_empty() {
            self.status = 0;
            return Ok(());
        }
        self.is_last_act = self.is_subshell;
        self.program(arguments.to_vec()).await?;
        Err(Flow::Exit)
    }

    /// `command NAME …` and `command -v NAME`.
    pub(super) async fn command_builtin(&mut self, arguments: &[String]) -> Done {
        match arguments {
            [] => self.status = 0,
            [option, names @ ..] if option == "-v" || option == "-V" => {
                self.status = 1;
                for name in names {
                    let Some((kind, text)) = self.what_is(name).await else {
                        if option == "-V" {
                            self.complain(&format!("command: {name}: not found")).await;
                        }
                        continue;
                    };
                    self.status = 0;
                    let line = match (option.as_str(), kind) {
                        ("-V", _) => sentence(name, kind, &text),
                        (_, "alias") => format!("alias {name}='{text}'"),
                        (_, "file") => text,
                        _ => name.clone(),
                    };
                    self.print(&format!("{line}\n")).await?;
                }
            }
            [name, rest @ ..] => match super::find(name) {
                Some(builtin) => return alloc::boxed::Box::pin(self.builtin(builtin, rest)).await,
                None => return self.program(arguments.to_vec()).await,
            },
        }
        Ok(())
    }

    /// The kind of what a name runs, and its text.
    async fn what_is(&self, name: &str) -> Option<(&'static str, String)> {
        if let Some(text) = self.aliases.get(name) {
            return Some(("alias", text.clone()));
        }
        if RESERVED.contains(&name) || name == "time" {
            return Some(("keyword", String::new()));
        }
        if self.functions.contains_key(name) {
            return Some(("function", String::new()));
        }
        match super::find(name) {
            Some(builtin) if builtin.is_program => Some(("file", format!("/usr/bin/{name}"))),
            Some(_) => Some(("builtin", String::new())),
            None if name.contains('/') => {
                let status = FileRequest::Status(Str::from(name));
                let found = self.kernel.ask_files(self.id, &self.directory, status).await;
                let is_program =
                    matches!(found, Ok(FileAnswer::Status(status)) if status.is_executable && !status.is_directory);
                is_program.then(|| ("file", name.to_string()))
            }
            None => self.find_in_path(name).await.map(|path| ("file", path)),
        }
    }

    pub(super) async fn describe(&mut self, arguments: &[String]) -> Done {
        self.status = 0;
        let is_short = arguments.first().is_some_and(|first| first == "-t");
        for name in arguments.iter().filter(|argument| !argument.starts_with('-')) {
            match self.what_is(name).await {
                Some((kind, _)) if is_short => self.print(&format!("{kind}\n")).await?,
                Some((kind, text)) => self.print(&format!("{}\n", sentence(name, kind, &text))).await?,
                None => {
                    if !is_short {
                        self.complain(&format!("type: {name}: not found")).await;
                    }
                    self.status = 1;
                }
            }
        }
        Ok(())
    }

    pub(super) async fn which(&mut self, arguments: &[String]) -> Done {
        let mut status = 0;
        for name in arguments {
            let path = match super::find(name) {
                Some(builtin) if builtin.is_program => Some(format!("/usr/bin/{name}")),
                _ => self.find_in_path(name).await,
            };
            match path {
                Some(path) => self.print(&format!("{path}\n")).await?,
                None => status = 1,
            }
        }
        self.status = status;
        Ok(())
    }

    /// `bash FILE`, `bash -c TEXT`, `bash` with commands on its standard input; a process of its own already.
    pub(super) async fn bash(&mut self, name: &str, arguments: &[String]) -> Done {
        let mut rest = arguments;
        let (mut is_text, mut flags) = (false, String::new());
        while let [first, others @ ..] = rest
            && let Some(letters) = first.strip_prefix('-').filter(|letters| !letters.is_empty())
        {
            rest = others;
            is_text |= letters.contains('c') && !letters.starts_with('-');
            flags.extend(letters.chars().filter(|letter| "eux".contains(*letter) && !letters.starts_with('-')));
        }
        let (name, text, arguments) = match rest {
            [text, name, arguments @ ..] if is_text => (name.as_str(), text.clone(), arguments),
            [text] if is_text => (name, text.clone(), &[][..]),
            [] if is_text => {
                self.complain(&format!("{name}: -c: option requires an argument")).await;
                self.status = 2;
                return Ok(());
            }
            [] => {
                if matches!(self.input(), super::super::stream::Source::Keyboard(_)) {
                    return Ok(());
                }
                let (kernel, source) = (self.kernel.clone(), self.input());
                let bytes = kernel.read_all(self.id, &source).await;
                (name, super::super::escapes::lossy(&bytes), &[][..])
            }
            [file, arguments @ ..] => match self.read_file(file).await {
                Ok(text) if text == SCRIPT => {
                    // The code of this script is elsewhere.
                    self.is_last_act = true;
                    let path = absolute(&self.directory, file).to_string();
                    let fields = core::iter::once(path).chain(arguments.iter().cloned()).collect();
                    return self.program(fields).await;
                }
                Ok(text) => (file.as_str(), text, arguments),
                Err(error) => {
                    self.print_error(&format!("{name}: {file}: {error}\n")).await;
                    self.status = if error == FileError::NotFound { 127 } else { 126 };
                    return Ok(());
                }
            },
        };
        self.begin_script(name.to_string(), arguments.to_vec());
        self.declare_traps();
        for letter in flags.chars() {
            super::variables::set(self, &[format!("-{letter}")]);
        }
        self.is_argument = is_text;
        let text = if is_text { text + "\n" } else { text };
        let done = self.text(&text).await;
        self.script_end(done).await;
        Ok(())
    }

    pub(super) async fn environment(&mut self, arguments: &[String]) -> Done {
        let mut rest = arguments;
        while let [first, others @ ..] = rest {
            match first.split_once('=') {
                Some((name, value)) => {
                    self.assign(name, value.to_string());
                    self.export(name);
                }
                None if first == "-i" => self.variables.retain(|_, variable| !variable.is_exported),
                None => break,
            }
            rest = others;
        }
        if rest.is_empty() {
            self.status = 0;
            let text = super::variables::environment(self);
            return self.print(&text).await;
        }
        self.is_last_act = true;
        self.program(rest.to_vec()).await
    }
}

fn sentence(name: &str, kind: &str, text: &str) -> String {
    match kind {
        "alias" => format!("{name} is aliased to `{text}'"),
        "keyword" => format!("{name} is a shell keyword"),
        "function" => format!("{name} is a function"),
        "builtin" => format!("{name} is a shell builtin"),
        _ => format!("{name} is {text}"),
    }
}
