//! `read`.

use super::super::interpreter::{Done, Shell};
use super::super::stream::Source;
use super::super::variables::Variable;
use crate::time::Duration;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

#[derive(Default)]
struct Wanted {
    is_raw: bool,
    prompt: String,
    seconds: Option<f64>,
    most: Option<usize>,
    array: Option<String>,
}

impl Shell {
    pub(super) async fn read(&mut self, arguments: &[String]) -> Done {
        let (mut wanted, mut names) = (Wanted::default(), Vec::new());
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let Some(letters) = argument.strip_prefix('-').filter(|_| names.is_empty()) else {
                names.push(argument.clone());
                continue;
            };
            let mut letters = letters.chars();
            while let Some(letter) = letters.next() {
                if "ptnaud".contains(letter) {
                    let attached = letters.as_str();
                    let value = if attached.is_empty() {
                        rest.next().cloned().unwrap_or_default()
                    } else {
                        attached.to_string()
                    };
                    match letter {
                        'p' => wanted.prompt = value,
                        't' => wanted.seconds = Some(value.parse().unwrap_or(0.0)),
                        'n' => wanted.most = value.parse().ok(),
                        'a' => wanted.array = Some(value),
                        _ => {}
                    }
                    break;
                }
                match letter {
                    'r' => wanted.is_raw = true,
                    's' | 'e' => {}
                    other => {
                        self.complain(&format!("read: -{other}: invalid option")).await;
                        self.status = 2;
                        return Ok(());
                    }
                }
            }
        }
        let source = self.input();
        if matches!(source, Source::Keyboard(_)) {
            self.print_error(&wanted.prompt).await;
        }
        let Some((line, is_whole)) = self.input_line(&source, &wanted).await? else {
            self.status = 142;
            return Ok(());
        };
        self.status = i32::from(!is_whole);
        self.put_line(&line, &wanted, &names);
        Ok(())
    }

    /// A line without its end, and whether it had one; nothing where the time ran out.
    async fn input_line(
        &mut self,
        source: &Source,
        wanted: &Wanted,
    ) -> Result<Option<(String, bool)>, super::super::interpreter::Flow> {
        let (kernel, id) = (self.kernel.clone(), self.id);
        let mut line = String::new();
        loop {
            let mut reading = pin!(kernel.read_line(id, source));
            let bytes = match wanted.seconds {
                None => self.interruptible(reading).await?,
                Some(seconds) => {
                    let duration = Duration::from_micros((seconds.clamp(0.0, 1e9) * 1e6) as u64);
                    let mut sleep = pin!(kernel.sleep(id, duration));
                    let first = poll_fn(|context| match reading.as_mut().poll(context) {
                        Poll::Ready(bytes) => Poll::Ready(Some(bytes)),
                        Poll::Pending => sleep.as_mut().poll(context).map(|()| None),
                    });
                    match self.interruptible(first).await? {
                        Some(bytes) => bytes,
                        None => return Ok(None),
                    }
                }
            };
            let Some(bytes) = bytes else { return Ok(Some((line, false))) };
            let text = super::super::escapes::lossy(&bytes);
            let (text, is_whole) = text.strip_suffix('\n').map_or((text.as_str(), false), |text| (text, true));
            line.push_str(text);
            let goes_on =
                !wanted.is_raw && is_whole && text.chars().rev().take_while(|letter| *letter == '\\').count() % 2 == 1;
            if !goes_on {
                return Ok(Some((line, is_whole)));
            }
            line.pop();
        }
    }

    fn put_line(&mut self, line: &str, wanted: &Wanted, names: &[String]) {
        // A letter, and whether a backslash preceded it: it separates nothing then.
        let mut letters: Vec<(char, bool)> = Vec::new();
        let mut rest = line.chars();
        while let Some(letter) = rest.next() {
            match letter {
                '\\' if !wanted.is_raw => letters.extend(rest.next().map(|letter| (letter, true))),
                letter => letters.push((letter, false)),
            }
        }
        letters.truncate(wanted.most.unwrap_or(usize::MAX));
        let text = |letters: &[(char, bool)]| letters.iter().map(|(letter, _)| *letter).collect::<String>();
        if names.is_empty() && wanted.array.is_none() {
            self.assign("REPLY", text(&letters));
            return;
        }
        let separators = self.separators();
        let is_separator = |letter: &(char, bool)| !letter.1 && separators.contains(letter.0);
        let is_blank = |letter: &(char, bool)| is_separator(letter) && letter.0.is_ascii_whitespace();
        let skip = |mut letters: &[(char, bool)]| -> usize {
            let mut count = 0;
            while let [first, rest @ ..] = letters
                && is_blank(first)
            {
                letters = rest;
                count += 1;
            }
            count
        };
        let most = if wanted.array.is_some() { usize::MAX } else { names.len() };
        let mut values = Vec::new();
        let mut rest = letters.as_slice();
        rest = rest.get(skip(rest)..).unwrap_or_default();
        while !rest.is_empty() && values.len() + 1 < most {
            let end = rest.iter().position(is_separator).unwrap_or(rest.len());
            values.push(text(rest.get(..end).unwrap_or_default()));
            rest = rest.get(end..).unwrap_or_default();
            rest = rest.get(skip(rest)..).unwrap_or_default();
            if rest.first().is_some_and(&is_separator) && !rest.is_empty() {
                rest = rest.get(1..).unwrap_or_default();
                rest = rest.get(skip(rest)..).unwrap_or_default();
            }
        }
        while rest.last().is_some_and(&is_blank) {
            rest = rest.get(..rest.len() - 1).unwrap_or_default();
        }
        // What ends the last word does not belong to it, where nothing else is in it.
        if rest.iter().filter(|letter| is_separator(letter)).count() == 1 && rest.last().is_some_and(is_separator) {
            rest = rest.get(..rest.len() - 1).unwrap_or_default();
        }
        if !rest.is_empty() {
            values.push(text(rest));
        }
        if let Some(name) = &wanted.array {
            self.variables.insert(name.clone(), Variable { values, is_array: true, ..Variable::default() });
            return;
        }
        values.resize(names.len(), String::new());
        for (name, value) in names.iter().zip(values) {
            self.assign(name, value);
        }
    }
}
