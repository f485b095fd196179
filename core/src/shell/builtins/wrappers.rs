//! Programs that run others: `xargs`, `timeout`, `nohup`; and `chmod`, for what is to be run.

use super::super::escapes::lossy;
use super::super::file_system::absolute;
use super::super::interpreter::{Descriptor, Done, Shell};
use super::super::process::{ProcessId, Signal};
use super::super::stream::Sink;
use super::Said;
use crate::text::Str;
use crate::time::Duration;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

impl Shell {
    /// Starts a command beside this one.
    fn beside(&self, fields: Vec<String>) -> ProcessId {
        self.fork(self.descriptors.clone(), Some(self.group), move |mut shell| {
            shell.is_last_act = true;
            shell.functions.clear();
            Box::pin(async move {
                let name = fields.first().cloned().unwrap_or_default();
                let done = shell.run(&name, fields).await;
                shell.end(done)
            })
        })
    }

    async fn misused(&mut self, text: &str, status: i32) -> Done {
        self.print_error(&format!("{text}\n")).await;
        self.status = status;
        Ok(())
    }

    pub(super) async fn timeout(&mut self, arguments: &[String]) -> Done {
        let (mut signal, mut rest) = (Signal::Terminate, arguments);
        while let [first, others @ ..] = rest
            && first.starts_with('-')
        {
            rest = others;
            match (first.as_str(), others) {
                ("-s", [name, others @ ..]) => {
                    (signal, rest) = (if name.contains("KILL") || name == "9" { Signal::Kill } else { signal }, others);
                }
                ("-k", [_, others @ ..]) => rest = others,
                _ => {}
            }
        }
        let [duration, command @ ..] = rest else {
            return self.misused("timeout: missing operand", 125).await;
        };
        let (digits, unit) = match duration.char_indices().next_back() {
            Some((at, letter)) if letter.is_ascii_alphabetic() => (duration.get(..at).unwrap_or_default(), letter),
            _ => (duration.as_str(), 's'),
        };
        let seconds = match unit {
            's' => 1.0,
            'm' => 60.0,
            'h' => 3600.0,
            _ => 86_400.0,
        };
        let Some(seconds) = digits.parse::<f64>().ok().map(|count| count * seconds).filter(|seconds| *seconds >= 0.0)
        else {
            return self.misused(&format!("timeout: invalid time interval '{duration}'"), 125).await;
        };
        if command.is_empty() {
            return self.misused("timeout: missing operand", 125).await;
        }
        let id = self.beside(command.to_vec());
        let kernel = self.kernel.clone();
        let mut ends = pin!(kernel.wait(id));
        let mut late = pin!(kernel.sleep(self.id, Duration::from_micros((seconds.min(1e9) * 1e6) as u64)));
        let first = poll_fn(|context| match ends.as_mut().poll(context) {
            Poll::Ready(status) => Poll::Ready(Some(status)),
            Poll::Pending if seconds > 0.0 => late.as_mut().poll(context).map(|()| None),
            Poll::Pending => Poll::Pending,
        });
        self.status = if let Some(status) = first.await {
            status
        } else {
            kernel.signal(id, signal);
            ends.await;
            if signal == Signal::Kill { 137 } else { 124 }
        };
        Ok(())
    }

    pub(super) async fn nohup(&mut self, arguments: &[String]) -> Done {
        if arguments.is_empty() {
            return self.misused("nohup: missing operand", 125).await;
        }
        if matches!(self.sink(1), Sink::Screen(_)) {
            self.print_error("nohup: ignoring input and appending output to 'nohup.out'\n").await;
            let file = Descriptor::Writes(self.writing("nohup.out", true).await.unwrap_or(Sink::Nothing));
            if matches!(self.sink(2), Sink::Screen(_)) {
                self.descriptors.insert(2, file.clone());
            }
            self.descriptors.insert(1, file);
        }
        self.is_last_act = true;
        let name = arguments.first().cloned().unwrap_or_default();
        Box::pin(self.run(&name, arguments.to_vec())).await
    }

    pub(super) async fn xargs(&mut self, arguments: &[String]) -> Done {
        let (mut most, mut replaced, mut ends, mut traces, mut runs_empty) = (usize::MAX, None, None, false, true);
        let mut rest = arguments;
        while let [first, others @ ..] = rest
            && let Some(option) = first.strip_prefix('-').filter(|option| !option.is_empty())
        {
            rest = others;
            let (letter, attached) = option.split_at(option.chars().next().map_or(0, char::len_utf8));
            let value = match (letter, attached) {
                ("n" | "I" | "d" | "P" | "L", "") => {
                    let value = others.first().cloned().unwrap_or_default();
                    rest = others.get(1..).unwrap_or_default();
                    value
                }
                (_, attached) => attached.to_string(),
            };
            match letter {
                "n" | "L" => most = value.parse().unwrap_or(1).max(1),
                "I" => replaced = Some(value),
                "d" => ends = super::super::escapes::unescape(&value, true).0.chars().next(),
                "0" => ends = Some('\0'),
                "t" => traces = true,
                "r" => runs_empty = false,
                "P" => {}
                _ => return self.misused(&format!("xargs: invalid option -- '{letter}'"), 1).await,
            }
        }
        let (kernel, source) = (self.kernel.clone(), self.input());
        let text = lossy(&kernel.read_all(self.id, &source).await);
        let words: Vec<String> = match (ends, &replaced) {
            (Some(end), _) => text.trim_end_matches(['\n', end]).split(end).map(String::from).collect(),
            (None, Some(_)) => {
                text.lines().map(|line| line.trim().to_string()).filter(|line| !line.is_empty()).collect()
            }
            (None, None) => words(&text),
        };
        let command = if rest.is_empty() { Vec::from(["echo".to_string()]) } else { rest.to_vec() };
        let mut status = 0;
        let size = if replaced.is_some() { 1 } else { most.min(words.len()).max(1) };
        let mut chunks: Vec<&[String]> = words.chunks(size).collect();
        if chunks.is_empty() && runs_empty && replaced.is_none() {
            chunks.push(&[]);
        }
        for chunk in chunks {
            let fields: Vec<String> = match (&replaced, chunk) {
                (Some(sign), [word]) => command.iter().map(|field| field.replace(sign.as_str(), word)).collect(),
                _ => command.iter().chain(chunk).cloned().collect(),
            };
            if traces {
                self.print_error(&format!("{}\n", fields.join(" "))).await;
            }
            let code = kernel.wait(self.beside(fields)).await;
            if code == 127 || code == 126 {
                status = code;
                break;
            }
            if code != 0 {
                status = 123;
            }
        }
        self.status = status;
        Ok(())
    }
}

/// Words between blanks; quotes and backslashes keep them together.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (letter, Some(open)) if letter == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            ('\\', None) => word.get_or_insert_default().extend(letters.next()),
            (letter, None) if letter.is_whitespace() => words.extend(word.take()),
            (letter, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// Files can be run or not; that is all of a mode that is here.
pub(super) fn chmod(shell: &mut Shell, arguments: &[String]) -> Said {
    let arguments: Vec<&String> =
        arguments.iter().filter(|argument| !["-R", "-v", "--"].contains(&argument.as_str())).collect();
    let [mode, files @ ..] = arguments.as_slice() else {
        return Said::error("missing operand");
    };
    let is_executable = match mode.parse::<u32>() {
        Ok(_) => Some(mode.contains(['1', '3', '5', '7'])),
        Err(_) if !mode.contains('x') => None,
        Err(_) => Some(!mode.contains('-')),
    };
    let mut said = Said::default();
    if files.is_empty() {
        return Said::error(format!("missing operand after '{mode}'"));
    }
    for file in files {
        let path: Str = absolute(&shell.directory, file);
        let mut state = shell.kernel.state();
        let done = match is_executable {
            Some(is_executable) => state.files.set_executable(&path, is_executable),
            None => state.files.status(&path).map(drop),
        };
        drop(state);
        if let Err(error) = done {
            said.complain(format!("cannot access '{file}': {error}"));
        }
    }
    said
}
