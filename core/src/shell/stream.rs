//! Where a process reads and where it writes.

use crate::text::Str;
use alloc::rc::Rc;
use bytes::{Bytes, BytesMut};
use core::cell::RefCell;

/// Bytes a pipe or a screen holds before its writers wait. Linux's pipes hold as much.
pub(super) const CAPACITY: usize = 64 * 1024;

/// Number of a terminal of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TerminalId(pub u32);

/// A connection's number is that of its process's terminal, shifted by so many bits, and one that counts all connections.
pub const TERMINAL_SHIFT: u32 = 32;

impl TerminalId {
    /// That of processes which have none: daemons. No page opens it.
    pub(super) const NONE: Self = Self(u32::MAX);
}

/// Where a process reads.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// There is nothing.
    Nothing,
    /// A pipe, a file or a here-document.
    Pipe(PipeReader),
    /// What is typed.
    Keyboard(TerminalId),
}

/// Where a process writes.
#[derive(Clone, Debug)]
pub(super) enum Sink {
    /// Nowhere.
    Nothing,
    /// To who reads the pipe.
    Pipe(PipeWriter),
    /// At the end of this file.
    File(Str),
    /// What one sees.
    Screen(TerminalId),
}

/// The end of a pipe that reads. Once the last clone is gone its writers' pipe is broken.
#[derive(Clone, Debug)]
pub(super) struct PipeReader(Rc<ReadingEnd>);

/// The end of a pipe that writes. Once the last clone is gone the pipe ends.
#[derive(Clone, Debug)]
pub(super) struct PipeWriter(Rc<WritingEnd>);

#[derive(Debug)]
struct ReadingEnd(Rc<RefCell<Pipe>>);

#[derive(Debug)]
struct WritingEnd(Rc<RefCell<Pipe>>);

#[derive(Debug)]
struct Pipe {
    bytes: BytesMut,
    is_written: bool,
    is_read: bool,
}

impl Drop for ReadingEnd {
    fn drop(&mut self) {
        self.0.borrow_mut().is_read = false;
    }
}

impl Drop for WritingEnd {
    fn drop(&mut self) {
        self.0.borrow_mut().is_written = false;
    }
}

/// What reading brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// At least one byte.
    Bytes(Bytes),
    /// There will be no more.
    End,
    /// Nothing yet.
    Later,
}

/// A new pipe.
pub(super) fn pipe() -> (PipeReader, PipeWriter) {
    let pipe = Rc::new(RefCell::new(Pipe { bytes: BytesMut::new(), is_written: true, is_read: true }));
    (PipeReader(Rc::new(ReadingEnd(Rc::clone(&pipe)))), PipeWriter(Rc::new(WritingEnd(pipe))))
}

/// Exactly these bytes to read.
pub(super) fn content(bytes: &[u8]) -> PipeReader {
    let (reader, writer) = pipe();
    writer.write(bytes);
    reader
}

impl PipeReader {
    /// All there is.
    pub(super) fn read(&self) -> Chunk {
        let mut pipe = self.0.0.borrow_mut();
        let all = pipe.bytes.len();
        take(&mut pipe, all)
    }

    /// A line with its end, or what there is of the last.
    pub(super) fn read_line(&self) -> Chunk {
        let mut pipe = self.0.0.borrow_mut();
        match pipe.bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) => take(&mut pipe, end + 1),
            None if pipe.is_written => Chunk::Later,
            None => {
                let all = pipe.bytes.len();
                take(&mut pipe, all)
            }
        }
    }
}

fn take(pipe: &mut Pipe, count: usize) -> Chunk {
    match (count, pipe.is_written) {
        (0, true) => Chunk::Later,
        (0, false) => Chunk::End,
        (count, _) => Chunk::Bytes(pipe.bytes.split_to(count).freeze()),
    }
}

impl PipeWriter {
    /// Adds bytes, however many; false where nobody reads them any more.
    pub(super) fn write(&self, bytes: &[u8]) -> bool {
        let mut pipe = self.0.0.borrow_mut();
        if pipe.is_read {
            pipe.bytes.extend_from_slice(bytes);
        }
        pipe.is_read
    }

    /// Its reader is behind: whoever writes waits.
    pub(super) fn is_full(&self) -> bool {
        let pipe = self.0.0.borrow();
        pipe.is_read && pipe.bytes.len() >= CAPACITY
    }
}
