//! The power goes at any moment, also in the middle of a fold: whatever was told to be stored is found again, and of what was not
//! told whole batches, in their order. [`Storage`](crate::indexed_db) in few words: its order of things, with a database of maps
//! and files of bytes, and nobody between.

use super::*;
use crate::journal_frames::{self, TwoFiles};
use std::collections::VecDeque;

const IDENTITY: u64 = 5;
/// Small ones: something is folded every few batches.
const LIMITS: Limits = Limits { chunk_bytes: 4096, journal_bytes: 1500 };

/// What the power leaves.
#[derive(Clone, Default)]
struct Disk {
    chunks: SortedMap<ChunkKey, Vec<u8>>,
    journal: SortedMap<u64, Vec<u8>>,
    /// Of the record in the database: the key from which on frames count.
    first: u64,
    files: [Vec<u8>; 2],
}

/// A write transaction: all or nothing.
#[derive(Clone, Default)]
struct Transaction {
    /// A fold: the journal is emptied, and frames count from this key on.
    folded_up_to: Option<u64>,
    deletes: Vec<ChunkKey>,
    puts: Vec<(ChunkKey, Vec<u8>)>,
    cuts: Vec<(ChunkKey, ChunkKey)>,
    journal: Option<(u64, Vec<u8>)>,
}

impl Disk {
    fn commit(&mut self, transaction: Transaction) {
        if let Some(first) = transaction.folded_up_to {
            self.journal.clear();
            self.first = first;
        }
        for key in &transaction.deletes {
            self.chunks.remove(key);
        }
        self.chunks.extend(transaction.puts);
        for (old, new) in transaction.cuts {
            let mut bytes = self.chunks.remove(&old).expect("a cut chunk exists");
            bytes.truncate(new.length as usize);
            self.chunks.insert(new, bytes);
        }
        self.journal.extend(transaction.journal);
    }

    fn write(&mut self, (file, position): (usize, u64), bytes: &[u8]) {
        let (file, start) = (&mut self.files[file], position as usize);
        file.resize(file.len().max(start + bytes.len()), 0);
        file[start..start + bytes.len()].copy_from_slice(bytes);
    }
}

/// An open directory.
struct Directory {
    disk: Disk,
    index: ChunkIndex,
    journal: SortedMap<u64, Vec<u8>>,
    /// Where the browser has files.
    files: Option<TwoFiles>,
    dead: Vec<ChunkKey>,
    waiting: VecDeque<Vec<StoreCommand>>,
    /// The transaction in flight; none where it is durable already and that was not heard.
    #[allow(clippy::option_option)]
    writing: Option<Option<Transaction>>,
    is_folding: bool,
    /// Batches that the transaction in flight stores.
    in_group: usize,
    /// Batches told to be stored since it was opened.
    stored: usize,
}

impl Directory {
    fn open(disk: Disk, has_files: bool) -> Self {
        let mut values = disk.journal.clone();
        let mut files = None;
        if has_files {
            let found = [0, 1].map(|file: usize| journal_frames::frames(&disk.files[file], IDENTITY));
            files = Some(TwoFiles::open([&found[0], &found[1]], disk.first));
            for (frames, file) in found.iter().zip(&disk.files) {
                let live = frames.iter().filter(|frame| frame.key >= disk.first);
                values.extend(live.map(|frame| (frame.key, file[frame.value.clone()].to_vec())));
            }
        }
        let journal: Vec<(u64, Bytes)> = values.iter().map(|(key, value)| (*key, Bytes::from(value.clone()))).collect();
        let chunks = disk.chunks.keys().cloned().collect();
        let (index, dead) = ChunkIndex::open(LIMITS, chunks, &journal, disk.first).expect("it can be read");
        let waiting = VecDeque::new();
        let mut directory = Self {
            disk,
            index,
            journal: values,
            files,
            dead,
            waiting,
            writing: None,
            is_folding: false,
            in_group: 0,
            stored: 0,
        };
        if !directory.dead.is_empty() {
            let deletes = std::mem::take(&mut directory.dead);
            directory.writing = Some(Some(Transaction { deletes, ..Transaction::default() }));
        }
        directory
    }

    fn store(&mut self, commands: Vec<StoreCommand>) {
        self.waiting.push_back(commands);
        self.advance();
    }

    fn advance(&mut self) {
        while !self.waiting.is_empty() {
            let wants_fold = self.index.wants_fold();
            let needs_chunk = self.waiting.iter().flatten().any(|command| self.index.needs_chunk(command));
            let is_free = self.writing.is_none();
            if is_free && wants_fold {
                self.fold();
            } else if (is_free || self.in_group == 0) && !wants_fold && !needs_chunk && self.files.is_some() {
                self.write_file();
            } else if is_free {
                self.write_group();
            } else {
                return;
            }
        }
    }

    fn write_file(&mut self) {
        let group: Vec<_> = self.waiting.drain(..).collect();
        let plan = self.index.store(group.iter().flatten());
        self.dead.extend(plan.deletes);
        if let (Some((key, slices)), Some(files)) = (plan.journal, &mut self.files) {
            let frame = journal_frames::pack(IDENTITY, key, &slices);
            self.disk.write(files.place(frame.len()), &frame);
            self.journal.insert(key, joined(&slices));
        }
        self.stored += group.len();
    }

    /// Writes a part of what a command puts into the file, or all of it and is not heard; false where there are no files.
    fn tear(&mut self, command: &StoreCommand, rng: &mut Rng) -> bool {
        let (Some((key, slices)), Some(files)) = (self.index.store([command].into_iter()).journal, &mut self.files)
        else {
            return false;
        };
        let frame = journal_frames::pack(IDENTITY, key, &slices);
        self.disk.write(files.place(frame.len()), &frame[..=rng.below(frame.len() as u64) as usize]);
        true
    }

    fn write_group(&mut self) {
        let group: Vec<_> = self.waiting.drain(..).collect();
        let Plan { puts, mut deletes, journal } = self.index.store(group.iter().flatten());
        deletes.append(&mut self.dead);
        let journal = journal.map(|(key, slices)| (key, joined(&slices)));
        self.journal.extend(journal.clone());
        let puts = puts.into_iter().map(|(key, slices)| (key, joined(&slices))).collect();
        self.in_group = group.len();
        self.writing = Some(Some(Transaction { deletes, puts, journal, ..Transaction::default() }));
    }

    fn fold(&mut self) {
        let Fold { puts, cuts } = self.index.fold();
        let journal = std::mem::take(&mut self.journal);
        let read = |piece: &Piece| {
            let Source::Journal { value, offset } = piece.source else { panic!("folded from a chunk") };
            let start = offset + piece.skip as usize;
            journal[&value][start..start + piece.length as usize].to_vec()
        };
        let puts = puts.into_iter().map(|(key, pieces)| (key, pieces.iter().flat_map(read).collect())).collect();
        let deletes = std::mem::take(&mut self.dead);
        let folded_up_to = Some(self.index.next_order());
        self.files.iter_mut().for_each(TwoFiles::folding);
        self.is_folding = true;
        self.writing = Some(Some(Transaction { folded_up_to, deletes, puts, cuts, ..Transaction::default() }));
    }

    /// The transaction in flight becomes durable.
    fn commit(&mut self) {
        if let Some(transaction) = self.writing.as_mut().and_then(Option::take) {
            self.disk.commit(transaction);
        }
    }

    /// That is heard of.
    fn hear(&mut self) {
        if let Some(None) = self.writing {
            self.writing = None;
            if std::mem::take(&mut self.is_folding) {
                self.files.iter_mut().for_each(TwoFiles::folded);
            }
            self.stored += std::mem::take(&mut self.in_group);
            self.advance();
        }
    }

    /// The files as they can be read; nothing is in flight.
    fn content(&self) -> SortedMap<String, Vec<u8>> {
        let read = |piece: &Piece| {
            let (value, start) = match &piece.source {
                Source::Chunk(key) => (&self.disk.chunks[key], 0),
                Source::Journal { value, offset } => (&self.journal[value], *offset),
            };
            let start = start + piece.skip as usize;
            value[start..start + piece.length as usize].to_vec()
        };
        let entries = self.index.entries();
        let whole = |entry: &FileEntry| self.index.pieces(&entry.path, 0, entry.length).expect("it has so many bytes");
        entries.iter().map(|entry| (entry.path.to_string(), whole(entry).iter().flat_map(read).collect())).collect()
    }
}

/// Stores, commits and hears at random, and cuts the power at random moments. Answers how many of them were in a fold.
fn run(seed: u64, mut has_files: bool) -> usize {
    let mut rng = Rng::new(seed);
    let mut directory = Directory::open(Disk::default(), has_files);
    // The files after each batch since it was opened, first as they were then.
    let mut states = vec![SortedMap::new()];
    let mut folds_cut = 0;
    for _ in 0..300 {
        match rng.below(12) {
            0..6 => {
                let mut files = states[states.len() - 1].clone();
                let mut commands = Vec::new();
                for _ in 0..=rng.below(4) {
                    let command = random_command(&mut rng, &files, LIMITS.chunk_bytes);
                    apply(&mut files, &command);
                    commands.push(command);
                }
                states.push(files);
                directory.store(commands);
            }
            6..8 => directory.commit(),
            8..11 => directory.hear(),
            _ => {
                folds_cut += usize::from(directory.is_folding);
                let (told, mut at_most) = (directory.stored, directory.stored + directory.in_group);
                if directory.waiting.is_empty() && directory.in_group == 0 && !directory.index.wants_fold() {
                    let bytes = vec![Bytes::copy_from_slice(&rng.next_u64().to_le_bytes())];
                    let last = StoreCommand::Append { file: "last".into(), bytes };
                    let mut files = states[told].clone();
                    apply(&mut files, &last);
                    states.push(files);
                    at_most += usize::from(directory.tear(&last, &mut rng));
                }
                let mut disk = directory.disk;
                if rng.chance(1, 2)
                    && let Some(transaction) = directory.writing.flatten()
                {
                    disk.commit(transaction);
                }
                // A browser may come to have files.
                has_files |= rng.chance(1, 8);
                directory = Directory::open(disk, has_files);
                let found = directory.content();
                let which = (told..=at_most).find(|batches| states[*batches] == found);
                let which =
                    which.unwrap_or_else(|| panic!("seed {seed}: {told} to {at_most} batches were to be found"));
                states = vec![states.swap_remove(which)];
            }
        }
    }
    folds_cut
}

#[test]
fn whatever_is_cut_all_that_was_told_to_be_stored_is_found_again() {
    let folds_cut: usize = (0..200).map(|seed| run(seed, seed % 3 > 0)).sum();
    assert!(folds_cut > 200, "{folds_cut} folds were cut");
}

#[test]
fn what_is_stored_after_the_power_went_right_behind_a_fold_counts() {
    let append =
        |size: usize| vec![StoreCommand::Append { file: "a".into(), bytes: vec![Bytes::from(vec![size as u8; size])] }];
    let mut directory = Directory::open(Disk::default(), true);
    while !directory.index.wants_fold() {
        directory.store(append(100));
    }
    // It waits for the fold, and is lost with all else behind it.
    directory.store(append(LIMITS.chunk_bytes));
    let (length, folds) = (directory.index.entries()[0].length, directory.is_folding);
    directory.commit();
    directory = Directory::open(directory.disk, true);
    directory.store(append(7));
    assert_eq!((folds, directory.stored), (true, 1));
    directory = Directory::open(directory.disk, true);
    assert_eq!(directory.content()["a"].len() as u64, length + 7);
}
