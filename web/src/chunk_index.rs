//! How files lie in a database of chunks and a journal. Plain data: decides what a transaction puts and deletes, and
//! never touches a database itself ([`indexed_db`](crate::indexed_db) does).
//!
//! # Layout
//! A *chunk* is a value of its own under the key `[file, position, length, order]`. A *journal value* packs everything
//! small of one transaction under the order of its first operation. Every operation gets the next *order*, so that opening,
//! which lists the chunks' keys and reads only the journal, can replay both kinds in the order they happened. *Folding* turns
//! what the journal holds into chunks and empties it. Part of the journal, or all of it, may lie in a file beside the database
//! ([`journal_frames`](crate::journal_frames)). A chunk may be deleted later than its file, but not after the next folding.
//!
//! # Architecture Invariant
//! The extents of a file are contiguous, and their orders rise with their positions: nothing is ever written but at the end.
//! So a folded chunk may keep the order of the first append in it, and a shortened one its own.

use broker_core::log::storage::{FileEntry, StoreCommand};
use broker_core::sorted::{SortedMap, sort_by_key};
use bytes::Bytes;

/// What is large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// An append of at least so many bytes is a chunk of its own.
    pub chunk_bytes: usize,
    /// The journal is folded when it holds more bytes than this.
    pub journal_bytes: usize,
}

impl Limits {
    /// Of a journal in the database: what goes into a transaction of its own anyway need not go through the journal.
    pub const DATABASE: Self = Self { chunk_bytes: 64 * 1024, journal_bytes: 1024 * 1024 };
    /// Of a journal in a file: a write there is so much sooner done than a transaction that even a producer's full batch goes
    /// there first.
    pub const FILE: Self = Self { chunk_bytes: 1024 * 1024, journal_bytes: 4 * 1024 * 1024 };
}

/// A folded chunk ends with the append that makes it so large: who reads a part of a chunk reads it whole.
const FOLDED_BYTES: u64 = 512 * 1024;

/// Key of a chunk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChunkKey {
    /// Path of the file.
    pub file: String,
    /// Where in the file it begins, in bytes.
    pub position: u64,
    /// How many bytes of the file it holds.
    pub length: u64,
    /// When it was written, among all operations of the database.
    pub order: u64,
}

/// Where the bytes of an extent lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In a chunk, from its first byte on.
    Chunk(ChunkKey),
    /// In a journal value.
    Journal {
        /// Its key.
        value: u64,
        /// The first byte, within the value.
        offset: usize,
    },
}

/// A run of bytes to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it lies.
    pub source: Source,
    /// Bytes to pass over at the start of the source.
    pub skip: u64,
    /// Bytes to take.
    pub length: u64,
}

/// What one transaction changes.
#[derive(Debug, Default)]
pub struct Plan {
    /// Chunks to write, with their bytes.
    pub puts: Vec<(ChunkKey, Vec<Bytes>)>,
    /// Chunks to delete.
    pub deletes: Vec<ChunkKey>,
    /// The journal value to write: key and slices.
    pub journal: Option<(u64, Vec<Bytes>)>,
}

/// What a folding transaction changes; afterwards the journal is empty.
#[derive(Debug, Default)]
pub struct Fold {
    /// Chunks to write, from pieces of the journal.
    pub puts: Vec<(ChunkKey, Vec<Piece>)>,
    /// Chunks to write anew under another key, of their file's new name or shortened to its length: (old, new).
    pub cuts: Vec<(ChunkKey, ChunkKey)>,
}

#[derive(Clone, Debug)]
struct Extent {
    position: u64,
    /// Bytes of the file it holds now; its chunk may hold more until the next fold.
    length: u64,
    order: u64,
    source: Source,
}

impl Extent {
    fn end(&self) -> u64 {
        self.position + self.length
    }
}

/// All files of one database.
#[derive(Debug)]
pub struct ChunkIndex {
    limits: Limits,
    files: SortedMap<String, Vec<Extent>>,
    next_order: u64,
    journal_bytes: usize,
}

impl ChunkIndex {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        Self { limits, files: SortedMap::new(), next_order: 0, journal_bytes: 0 }
    }

    /// Reads what a database holds: keys of chunks, and keys with values of the journal. No operation to come gets an order below
    /// `first`, the key from which on the journal counts: what was folded last may have left no chunk of its order. The chunks
    /// answered belong to no file; they may be deleted.
    ///
    /// # Errors
    /// A journal value that is not one.
    pub fn open(
        limits: Limits,
        chunks: Vec<ChunkKey>,
        journal: &[(u64, Bytes)],
        first: u64,
    ) -> Result<(Self, Vec<ChunkKey>), String> {
        let mut index = Self { next_order: first, ..Self::new(limits) };
        let mut operations: Vec<(u64, Operation)> =
            chunks.into_iter().map(|chunk| (chunk.order, Operation::Chunk(chunk))).collect();
        for (key, value) in journal {
            index.journal_bytes += value.len();
            unpack(*key, value, &mut operations).ok_or_else(|| format!("journal value {key} is damaged"))?;
        }
        sort_by_key(&mut operations, |(order, _)| *order);
        let mut orphans = Vec::new();
        for (order, operation) in operations {
            index.next_order = first.max(order + 1);
            match operation {
                Operation::Chunk(chunk) => {
                    let fits = index.files.get(&chunk.file).map_or(0, |extents| length(extents)) == chunk.position;
                    if fits {
                        index.extend(&chunk.file.clone(), chunk.length, order, Source::Chunk(chunk));
                    } else {
                        orphans.push(chunk);
                    }
                }
                Operation::Append { file, position, length: added, source } => {
                    // What no longer continues its file was deleted by a later entry of the journal.
                    if index.files.get(&file).map_or(0, |extents| length(extents)) == position {
                        index.extend(&file, added, order, source);
                    }
                }
                Operation::Truncate { file, length } => {
                    // Its chunks may all be deleted by now; the file exists all the same.
                    index.files.entry(file.clone()).or_default();
                    index.cut(&file, length, &mut orphans);
                }
                Operation::Delete { file } => index.remove(&file, &mut orphans),
                Operation::Rename { file, to } => index.rename(&file, &to, &mut orphans),
            }
        }
        Ok((index, orphans))
    }

    /// All files, ordered by path.
    pub fn entries(&self) -> Vec<FileEntry> {
        let entry = |(path, extents): (&String, &Vec<Extent>)| FileEntry {
            path: path.as_str().into(),
            length: length(extents),
        };
        self.files.iter().map(entry).collect()
    }

    /// True when the journal wants folding before the next transaction.
    pub fn wants_fold(&self) -> bool {
        self.journal_bytes > self.limits.journal_bytes
    }

    /// True for a command that puts a chunk; all others are small.
    pub fn needs_chunk(&self, command: &StoreCommand) -> bool {
        let bytes = match command {
            StoreCommand::Append { bytes, .. } => bytes.iter().map(Bytes::len).sum(),
            StoreCommand::Replace { bytes, .. } => bytes.len(),
            StoreCommand::Truncate { .. } | StoreCommand::Delete { .. } | StoreCommand::Rename { .. } => 0,
        };
        bytes >= self.limits.chunk_bytes
    }

    /// The order the next operation gets: greater than any key of the journal.
    pub fn next_order(&self) -> u64 {
        self.next_order
    }

    /// What storing these commands changes; the index is then as after it.
    pub fn store<'a>(&mut self, commands: impl Iterator<Item = &'a StoreCommand>) -> Plan {
        let mut plan = Plan::default();
        let mut journal = JournalWriter { key: self.next_order, ..JournalWriter::default() };
        for command in commands {
            match command {
                StoreCommand::Append { file, bytes } => self.append(file, bytes, &mut plan, &mut journal),
                StoreCommand::Truncate { file, length } if self.files.contains_key(&**file) => {
                    let order = self.take_order();
                    journal.entry(TRUNCATE, order, file, *length, &[]);
                    self.cut(file, *length, &mut plan.deletes);
                }
                StoreCommand::Replace { file, bytes } => {
                    self.delete(file, &mut plan, &mut journal);
                    self.append(file, std::slice::from_ref(bytes), &mut plan, &mut journal);
                }
                StoreCommand::Delete { file } => self.delete(file, &mut plan, &mut journal),
                StoreCommand::Rename { file, to } if self.files.contains_key(&**file) => {
                    let order = self.take_order();
                    journal.entry(RENAME, order, file, 0, &[Bytes::copy_from_slice(to.as_bytes())]);
                    self.rename(file, to, &mut plan.deletes);
                }
                StoreCommand::Truncate { .. } | StoreCommand::Rename { .. } => {}
            }
        }
        // A chunk that came and went within this transaction is never written.
        let (deletes, puts) = (&mut plan.deletes, &mut plan.puts);
        puts.retain(|(key, _)| !deletes.contains(key));
        if journal.entries > 0 {
            let key = journal.key;
            let (slices, start, bytes) = journal.finish();
            self.journal_bytes += bytes;
            self.shift_journal(key, start);
            plan.journal = Some((key, slices));
        }
        plan
    }

    /// What emptying the journal changes; the index is then as after it.
    pub fn fold(&mut self) -> Fold {
        let mut fold = Fold::default();
        for (file, extents) in &mut self.files {
            let mut folded: Vec<Extent> = Vec::with_capacity(extents.len());
            let mut run: Option<(ChunkKey, Vec<Piece>)> = None;
            for extent in extents.drain(..) {
                let source = match extent.source {
                    Source::Journal { .. } => {
                        let (key, pieces) = run.get_or_insert_with(|| {
                            let key = ChunkKey {
                                file: file.clone(),
                                position: extent.position,
                                length: 0,
                                order: extent.order,
                            };
                            (key, Vec::new())
                        });
                        key.length += extent.length;
                        pieces.push(Piece { source: extent.source, skip: 0, length: extent.length });
                        if key.length >= FOLDED_BYTES {
                            close_run(&mut run, &mut folded, &mut fold);
                        }
                        continue;
                    }
                    Source::Chunk(old) if old.length != extent.length || old.file != *file => {
                        let new = ChunkKey { file: file.clone(), length: extent.length, ..old.clone() };
                        fold.cuts.push((old, new.clone()));
                        new
                    }
                    Source::Chunk(key) => key,
                };
                close_run(&mut run, &mut folded, &mut fold);
                folded.push(Extent { source: Source::Chunk(source), ..extent });
            }
            close_run(&mut run, &mut folded, &mut fold);
            if folded.is_empty() {
                // An empty file exists all the same.
                let order = self.next_order;
                self.next_order += 1;
                run = Some((ChunkKey { file: file.clone(), position: 0, length: 0, order }, Vec::new()));
                close_run(&mut run, &mut folded, &mut fold);
            }
            *extents = folded;
        }
        self.journal_bytes = 0;
        fold
    }

    /// The pieces that make up bytes `from..to` of a file; `None` where it has no such bytes.
    pub fn pieces(&self, file: &str, from: u64, to: u64) -> Option<Vec<Piece>> {
        let extents = self.files.get(file)?;
        if from > to || to > length(extents) {
            return None;
        }
        let first = extents.partition_point(|extent| extent.end() <= from);
        let mut pieces = Vec::new();
        for extent in extents.iter().skip(first).take_while(|extent| extent.position < to) {
            let start = from.max(extent.position);
            let end = to.min(extent.end());
            if start < end {
                let skip = start - extent.position;
                pieces.push(Piece { source: extent.source.clone(), skip, length: end - start });
            }
        }
        Some(pieces)
    }

    fn append(&mut self, file: &str, bytes: &[Bytes], plan: &mut Plan, journal: &mut JournalWriter) {
        let added: usize = bytes.iter().map(Bytes::len).sum();
        let order = self.take_order();
        let position = self.files.get(file).map_or(0, |extents| length(extents));
        let length = added as u64;
        let source = if added >= self.limits.chunk_bytes {
            let key = ChunkKey { file: file.to_owned(), position, length, order };
            plan.puts.push((key.clone(), bytes.to_vec()));
            Source::Chunk(key)
        } else {
            let offset = journal.entry(APPEND, order, file, position, bytes);
            Source::Journal { value: journal.key, offset }
        };
        self.extend(file, length, order, source);
    }

    fn delete(&mut self, file: &str, plan: &mut Plan, journal: &mut JournalWriter) {
        if self.files.contains_key(file) {
            let order = self.take_order();
            journal.entry(DELETE, order, file, 0, &[]);
            self.remove(file, &mut plan.deletes);
        }
    }

    fn take_order(&mut self) -> u64 {
        self.next_order += 1;
        self.next_order - 1
    }

    fn extend(&mut self, file: &str, added: u64, order: u64, source: Source) {
        if !self.files.contains_key(file) {
            self.files.insert(file.to_owned(), Vec::new());
        }
        if let Some(extents) = self.files.get_mut(file) {
            let position = length(extents);
            extents.push(Extent { position, length: added, order, source });
        }
    }

    fn cut(&mut self, file: &str, to: u64, dead: &mut Vec<ChunkKey>) {
        let Some(extents) = self.files.get_mut(file) else { return };
        while let Some(last) = extents.last_mut() {
            if last.end() <= to && last.position < to.max(1) {
                return;
            }
            if last.position < to {
                last.length = to - last.position;
                return;
            }
            if let Some(Extent { source: Source::Chunk(key), .. }) = extents.pop() {
                dead.push(key);
            }
        }
    }

    /// Chunks keep the keys they have until the next folding: it is the journal that knows of the new name.
    fn rename(&mut self, file: &str, to: &str, dead: &mut Vec<ChunkKey>) {
        let Some(extents) = self.files.remove(file) else { return };
        self.remove(to, dead);
        self.files.insert(to.to_owned(), extents);
    }

    fn remove(&mut self, file: &str, dead: &mut Vec<ChunkKey>) {
        let extents = self.files.remove(file).unwrap_or_default();
        dead.extend(extents.into_iter().filter_map(|extent| match extent.source {
            Source::Chunk(key) => Some(key),
            Source::Journal { .. } => None,
        }));
    }

    /// Offsets in the value just packed count from its data; makes them count from its first byte.
    fn shift_journal(&mut self, key: u64, start: usize) {
        for extents in self.files.values_mut() {
            for extent in extents.iter_mut().rev().take_while(|extent| extent.order >= key) {
                if let Source::Journal { value, offset } = &mut extent.source
                    && *value == key
                {
                    *offset += start;
                }
            }
        }
    }
}

fn length(extents: &[Extent]) -> u64 {
    extents.last().map_or(0, Extent::end)
}

fn close_run(run: &mut Option<(ChunkKey, Vec<Piece>)>, folded: &mut Vec<Extent>, fold: &mut Fold) {
    if let Some((key, pieces)) = run.take() {
        folded.push(Extent {
            position: key.position,
            length: key.length,
            order: key.order,
            source: Source::Chunk(key.clone()),
        });
        fold.puts.push((key, pieces));
    }
}

const APPEND: u8 = 0;
const TRUNCATE: u8 = 1;
const DELETE: u8 = 2;
const RENAME: u8 = 3;

/// Packs a journal value: `u32` length of the header, then per entry kind `u8`, order `u64`, number `u64` (position or new
/// length), bytes `u32`, length of the name `u16` and the name; then all bytes, those of a renaming the new name. Numbers are
/// little-endian.
#[derive(Default)]
struct JournalWriter {
    key: u64,
    entries: usize,
    header: Vec<u8>,
    slices: Vec<Bytes>,
    data: usize,
}

impl JournalWriter {
    /// Adds an entry; answers where its bytes begin, counted from the first byte of all.
    fn entry(&mut self, kind: u8, order: u64, file: &str, number: u64, bytes: &[Bytes]) -> usize {
        let offset = self.data;
        let added: usize = bytes.iter().map(Bytes::len).sum();
        self.entries += 1;
        self.header.push(kind);
        self.header.extend_from_slice(&order.to_le_bytes());
        self.header.extend_from_slice(&number.to_le_bytes());
        self.header.extend_from_slice(&(added as u32).to_le_bytes());
        self.header.extend_from_slice(&(file.len() as u16).to_le_bytes());
        self.header.extend_from_slice(file.as_bytes());
        self.slices.extend_from_slice(bytes);
        self.data += added;
        offset
    }

    /// The slices of the value, where its bytes begin, and its size.
    fn finish(self) -> (Vec<Bytes>, usize, usize) {
        let start = 4 + self.header.len();
        let mut head = (self.header.len() as u32).to_le_bytes().to_vec();
        head.extend_from_slice(&self.header);
        let mut slices = vec![Bytes::from(head)];
        slices.extend(self.slices);
        (slices, start, start + self.data)
    }
}

enum Operation {
    Chunk(ChunkKey),
    Append { file: String, position: u64, length: u64, source: Source },
    Truncate { file: String, length: u64 },
    Delete { file: String },
    Rename { file: String, to: String },
}

/// Reads a journal value; `None` where it is damaged.
fn unpack(key: u64, value: &[u8], operations: &mut Vec<(u64, Operation)>) -> Option<()> {
    fn take<'a, const N: usize>(header: &mut &'a [u8]) -> Option<&'a [u8; N]> {
        let (head, rest) = header.split_first_chunk::<N>()?;
        *header = rest;
        Some(head)
    }
    let mut rest = value;
    let header_length = u32::from_le_bytes(*take(&mut rest)?) as usize;
    let (mut header, data) = rest.split_at_checked(header_length)?;
    let mut offset = 4 + header_length;
    while !header.is_empty() {
        let [kind] = *take(&mut header)?;
        let order = u64::from_le_bytes(*take(&mut header)?);
        let number = u64::from_le_bytes(*take(&mut header)?);
        let length = u32::from_le_bytes(*take(&mut header)?);
        let name = u16::from_le_bytes(*take(&mut header)?) as usize;
        let (name, after) = header.split_at_checked(name)?;
        header = after;
        let file = std::str::from_utf8(name).ok()?.to_owned();
        let operation = match kind {
            APPEND => {
                let source = Source::Journal { value: key, offset };
                Operation::Append { file, position: number, length: u64::from(length), source }
            }
            TRUNCATE => Operation::Truncate { file, length: number },
            DELETE => Operation::Delete { file },
            RENAME => {
                let to = value.get(offset..offset + length as usize)?;
                Operation::Rename { file, to: std::str::from_utf8(to).ok()?.to_owned() }
            }
            _ => return None,
        };
        offset += length as usize;
        operations.push((order, operation));
    }
    (offset == 4 + header_length + data.len()).then_some(())
}

#[cfg(test)]
#[path = "chunk_index_tests.rs"]
mod tests;
