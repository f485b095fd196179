//! What a program prints, and the lines it reads from a file or from standard input.

use crate::cli::file::FileError;
use crate::cli::{Failure, Terminal};
use alloc::string::String;
use alloc::vec::Vec;
use bytes::{Buf, Bytes, BytesMut};

/// Bytes that are kept before they go out.
const ENOUGH: usize = 1 << 13;

/// Lines of input between two pauses, so that a long file does not hold up the page.
const LINES: u32 = 1 << 12;

/// Standard output, what is said on standard error, and the exit code.
pub(super) struct Output {
    pub(super) terminal: Terminal,
    name: &'static str,
    bytes: Vec<u8>,
    code: i32,
}

impl Output {
    pub(super) fn new(terminal: Terminal, name: &'static str) -> Self {
        Self { terminal, name, bytes: Vec::new(), code: 0 }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= ENOUGH {
            self.flush();
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Some parts and the end of a line.
    pub(super) fn line(&mut self, parts: &[&str]) {
        for part in parts {
            self.text(part);
        }
        self.bytes(b"\n");
    }

    /// Bytes as they are, and the end of a line where there is none.
    pub(super) fn whole_line(&mut self, line: &[u8]) {
        self.bytes(line);
        if !line.ends_with(b"\n") {
            self.bytes(b"\n");
        }
    }

    /// A number to the right of a column so wide.
    pub(super) fn number(&mut self, number: u64, width: usize) {
        self.text(&right(&decimal(number), width));
    }

    /// What was printed goes out.
    pub(super) fn flush(&mut self) {
        self.terminal.print_bytes(core::mem::take(&mut self.bytes));
    }

    /// Says on standard error what is wrong, behind the program's name; it goes on, and will exit with this code.
    pub(super) fn error(&mut self, code: i32, parts: &[&str]) {
        self.flush();
        let mut text = String::from(self.name);
        text.push_str(": ");
        text.push_str(&parts.concat());
        self.terminal.error_line(&text);
        self.code = self.code.max(code);
    }

    /// As [`Output::error`], and it goes no further.
    pub(super) fn fatal(&mut self, code: i32, parts: &[&str]) -> Failure {
        self.error(code, parts);
        Failure::Exit(code)
    }

    /// The exit code as it stands.
    pub(super) fn code(&mut self) -> &mut i32 {
        &mut self.code
    }

    /// The end.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        self.flush();
        if self.code == 0 { Ok(()) } else { Err(Failure::Exit(self.code)) }
    }
}

impl Drop for Output {
    /// Nothing that was printed is lost, however a program ends.
    fn drop(&mut self) {
        self.flush();
    }
}

/// Reads a file, or standard input.
pub(super) struct Input {
    terminal: Terminal,
    buffer: BytesMut,
    content: Bytes,
    is_standard: bool,
    lines: u32,
}

impl Input {
    /// `-` is standard input.
    pub(super) async fn open(terminal: &Terminal, path: &str) -> Result<Self, FileError> {
        let is_standard = path == "-";
        let content = if is_standard { Bytes::new() } else { terminal.file(path).await? };
        Ok(Self { terminal: terminal.clone(), buffer: BytesMut::new(), content, is_standard, lines: 0 })
    }

    /// A file with bytes that are no text. Of standard input nothing is known yet.
    pub(super) fn is_binary(&self) -> bool {
        self.content.contains(&0)
    }

    /// The next line with its end; the last may have none. While it waits, what was printed is seen.
    pub(super) async fn line(&mut self, output: &mut Output) -> Option<Bytes> {
        self.lines = self.lines.wrapping_add(1);
        if self.lines.is_multiple_of(LINES) {
            output.flush();
            self.terminal.pause().await;
        }
        if !self.is_standard {
            let end = end_of_line(&self.content).unwrap_or(self.content.len());
            return (end > 0).then(|| self.content.split_to(end));
        }
        loop {
            if let Some(end) = end_of_line(&self.buffer) {
                return Some(self.buffer.split_to(end).freeze());
            }
            output.flush();
            match self.terminal.input().await {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None if self.buffer.is_empty() => return None,
                None => return Some(core::mem::take(&mut self.buffer).freeze()),
            }
        }
    }

    /// Bytes as they come, at least one.
    pub(super) async fn chunk(&mut self, output: &mut Output) -> Option<Bytes> {
        if !self.buffer.is_empty() {
            return Some(core::mem::take(&mut self.buffer).freeze());
        }
        if !self.content.is_empty() {
            return Some(core::mem::take(&mut self.content));
        }
        if !self.is_standard {
            return None;
        }
        output.flush();
        self.terminal.input().await
    }

    /// Everything.
    pub(super) async fn rest(&mut self, output: &mut Output) -> Bytes {
        if !self.is_standard {
            return core::mem::take(&mut self.content);
        }
        output.flush();
        while let Some(bytes) = self.terminal.input().await {
            self.buffer.extend_from_slice(&bytes);
        }
        core::mem::take(&mut self.buffer).freeze()
    }
}

fn end_of_line(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1)
}

/// The lines of a text with their ends.
pub(super) fn lines(mut text: Bytes) -> Vec<Bytes> {
    let mut lines = Vec::new();
    while text.has_remaining() {
        let end = end_of_line(&text).unwrap_or(text.len());
        lines.push(text.split_to(end));
    }
    lines
}

/// A line without its end.
pub(super) fn without_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

/// A number's digits.
pub(super) fn decimal(number: u64) -> String {
    let mut digits = [0_u8; 20];
    let mut rest = number;
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    digits.iter().skip(20 - count).map(|digit| char::from(*digit)).collect()
}

/// A number with zeros in front.
pub(super) fn zeros(number: i64, width: usize) -> String {
    padded(&decimal(number.unsigned_abs()), width, '0')
}

/// Spaces in front, so that it is so wide.
pub(super) fn right(text: &str, width: usize) -> String {
    padded(text, width, ' ')
}

pub(super) fn padded(text: &str, width: usize, fill: char) -> String {
    let mut padded = String::new();
    for _ in text.chars().count()..width {
        padded.push(fill);
    }
    padded.push_str(text);
    padded
}
