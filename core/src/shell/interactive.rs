//! The shell of a terminal: shows its prompt, takes a command, runs it.

use super::distribution::{HOME, KAFKA};
use super::interpreter::{Done, Flow, Shell, said_of};
use super::kernel::Kernel;
use super::machine::Report;
use super::process::ProcessId;
use super::screen::Typed;
use super::stream::TerminalId;
use super::syntax::{List, Parser, SyntaxError};
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Runs until `exit` or Ctrl-D; its exit code.
pub(super) async fn run(kernel: Kernel, id: ProcessId, terminal: TerminalId) -> i32 {
    let mut shell = Shell::new(kernel, id, terminal, Str::from_static(KAFKA));
    shell.load_history().await;
    while let Some(text) = shell.command_typed().await {
        if let Err(Flow::Exit) = shell.run_typed(&text).await {
            break;
        }
    }
    shell.script_end(Ok(())).await
}

impl Shell {
    /// A whole command, as it was typed; nothing once the shell is left.
    async fn command_typed(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            let prompt = if text.is_empty() { self.prompt() } else { "> ".to_string() };
            let line = match self.line_typed(&prompt, text.is_empty()).await {
                Err(()) => {
                    // Ctrl-C: what was typed is not wanted any more.
                    self.status = 130;
                    text.clear();
                    if let Err(Flow::Exit) = self.run_interrupt_trap().await {
                        return None;
                    }
                    continue;
                }
                Ok(Typed::Asked(_)) => continue,
                Ok(Typed::End) if text.is_empty() => {
                    self.print_error("exit\n").await;
                    return None;
                }
                Ok(Typed::End) => {
                    let Err(error) = parsed(&text, false, self) else { return Some(text) };
                    self.complain(&said_of(&error)).await;
                    self.print_error("exit\n").await;
                    self.status = 2;
                    return None;
                }
                Ok(Typed::Line(line)) => line,
            };
            let line = unprompted(&line, &text);
            let line = match self.recalled(&line) {
                Ok(None) => line,
                Ok(Some(recalled)) => {
                    self.print_error(&format!("{recalled}\n")).await;
                    recalled
                }
                Err(message) => {
                    self.complain(&message).await;
                    text.clear();
                    continue;
                }
            };
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&line);
            if !matches!(parsed(&text, true, self), Err(SyntaxError::Incomplete(_))) {
                return Some(text);
            }
        }
    }

    /// The next line, once the prompt is shown.
    async fn line_typed(&mut self, prompt: &str, is_first: bool) -> Result<Typed, ()> {
        let ended = if is_first { self.ended_jobs() } else { String::new() };
        {
            let mut state = self.kernel.state();
            if let Some(screen) = state.screens.get_mut(&self.terminal) {
                screen.is_interrupted = false;
                screen.begin_line();
            }
        }
        self.print_error(&ended).await;
        self.print_error(prompt).await;
        self.set_prompted(true);
        let typed = loop {
            match self.kernel.typed(self.id, self.terminal).await {
                Ok(Typed::Asked(question)) => self.complete(question).await,
                typed => break typed,
            }
        };
        self.set_prompted(false);
        typed
    }

    fn set_prompted(&self, is_prompted: bool) {
        if let Some(screen) = self.kernel.state().screens.get_mut(&self.terminal) {
            screen.is_prompted = is_prompted;
        }
    }

    /// `kafka@playground:~$ `.
    fn prompt(&self) -> String {
        let home = self.value("HOME").unwrap_or_else(|| HOME.to_string());
        let directory =
            match self.directory.strip_prefix(home.as_str()).filter(|rest| rest.is_empty() || rest.starts_with('/')) {
                Some(rest) => format!("~{rest}"),
                None => self.directory.to_string(),
            };
        format!("\x1b[01;32mkafka@playground\x1b[00m:\x1b[01;34m{directory}\x1b[00m$ ")
    }

    /// Runs what was typed.
    async fn run_typed(&mut self, text: &str) -> Done {
        let shown = text.trim();
        if !shown.is_empty() && !shown.starts_with('#') {
            self.kernel.report(Report::Command { terminal: self.terminal, text: shown.to_string() });
        }
        self.remember(text).await;
        (self.tested, self.loops, self.nesting) = (0, 0, 0);
        self.locals.clear();
        match parsed(text, false, self) {
            Ok(lists) => {
                for list in lists {
                    match self.list(&list).await {
                        Err(Flow::Exit) => return Err(Flow::Exit),
                        Err(Flow::Abort) => return Ok(()),
                        _ => {}
                    }
                }
            }
            Err(error) => {
                self.complain(&said_of(&error)).await;
                self.status = 2;
            }
        }
        Ok(())
    }
}

/// The commands of a text.
fn parsed(text: &str, may_go_on: bool, shell: &Shell) -> Result<Vec<List>, SyntaxError> {
    let mut text = text.to_string();
    if !text.ends_with('\\') {
        text.push('\n');
    }
    let mut parser = Parser::new(&text, may_go_on, Some(&shell.aliases));
    let mut lists = Vec::new();
    while let Some(list) = parser.next()? {
        lists.push(list);
    }
    Ok(lists)
}

/// A line without the prompt that was copied with it.
fn unprompted(line: &str, before: &str) -> String {
    let line = line.replace('\r', "");
    let sign = if before.is_empty() { "$ " } else { "> " };
    let is_continued = before.is_empty() || before.ends_with('\\');
    match line.trim_start().strip_prefix(sign).filter(|_| is_continued) {
        Some(rest) => rest.to_string(),
        None => line,
    }
}
