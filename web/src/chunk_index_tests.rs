//! The index against plain files, with a database of maps under it.

use super::*;
use broker_core::rng::Rng;

#[path = "power_cut_tests.rs"]
mod power_cut;

const CHUNK_BYTES: usize = Limits::DATABASE.chunk_bytes;

struct Database {
    limits: Limits,
    chunks: SortedMap<ChunkKey, Vec<u8>>,
    journal: SortedMap<u64, Vec<u8>>,
}

fn joined(slices: &[Bytes]) -> Vec<u8> {
    slices.iter().flat_map(|slice| slice.to_vec()).collect()
}

impl Database {
    fn open(&mut self) -> ChunkIndex {
        let journal: Vec<(u64, Bytes)> =
            self.journal.iter().map(|(key, value)| (*key, Bytes::from(value.clone()))).collect();
        let mut chunks: Vec<ChunkKey> = self.chunks.keys().cloned().collect();
        chunks.reverse();
        let (index, orphans) =
            ChunkIndex::open(self.limits, chunks, &journal, 0).expect("a journal written here is readable");
        assert_eq!(orphans, []);
        index
    }

    fn store(&mut self, index: &mut ChunkIndex, commands: &[StoreCommand]) {
        let plan = index.store(commands.iter());
        for (key, slices) in plan.puts {
            self.chunks.insert(key, joined(&slices));
        }
        for key in plan.deletes {
            self.chunks.remove(&key);
        }
        self.journal.extend(plan.journal.map(|(key, slices)| (key, joined(&slices))));
    }

    fn fold(&mut self, index: &mut ChunkIndex) {
        let fold = index.fold();
        for (key, pieces) in fold.puts {
            let bytes: Vec<u8> = pieces.iter().flat_map(|piece| self.read(piece)).collect();
            assert_eq!(bytes.len() as u64, key.length);
            self.chunks.insert(key, bytes);
        }
        for (old, new) in fold.cuts {
            let mut bytes = self.chunks.remove(&old).expect("a cut chunk exists");
            bytes.truncate(new.length as usize);
            self.chunks.insert(new, bytes);
        }
        self.journal.clear();
    }

    fn read(&self, piece: &Piece) -> Vec<u8> {
        let (value, start) = match &piece.source {
            Source::Chunk(key) => (&self.chunks[key], 0),
            Source::Journal { value, offset } => (&self.journal[value], *offset),
        };
        let start = start + piece.skip as usize;
        value[start..start + piece.length as usize].to_vec()
    }

    fn file(&self, index: &ChunkIndex, file: &str, length: u64) -> Vec<u8> {
        let pieces = index.pieces(file, 0, length).expect("the whole file can be read");
        pieces.iter().flat_map(|piece| self.read(piece)).collect()
    }
}

fn apply(files: &mut SortedMap<String, Vec<u8>>, command: &StoreCommand) {
    match command {
        StoreCommand::Append { file, bytes } => files.entry(file.to_string()).or_default().extend(joined(bytes)),
        StoreCommand::Truncate { file, length } => {
            files.get_mut(&**file).expect("truncated files exist").truncate(*length as usize);
        }
        StoreCommand::Replace { file, bytes } => {
            files.insert(file.to_string(), bytes.to_vec());
        }
        StoreCommand::Delete { file } => {
            files.remove(&**file);
        }
        StoreCommand::Rename { file, to } => {
            if let Some(content) = files.remove(&**file) {
                files.insert(to.to_string(), content);
            }
        }
    }
}

fn random_command(rng: &mut Rng, files: &SortedMap<String, Vec<u8>>, chunk_bytes: usize) -> StoreCommand {
    let file = format!("topic-{}/0.log", rng.below(4));
    let size = match rng.below(4) {
        0 => chunk_bytes + rng.below(1000) as usize,
        1 => 0,
        _ => 1 + rng.below(chunk_bytes as u64 / 32) as usize,
    };
    let bytes = Bytes::from(vec![rng.below(256) as u8; size]);
    match rng.below(9) {
        0 if files.contains_key(&file) => {
            let length = rng.below(files[&file].len() as u64 + 1) * rng.below(3).min(1);
            StoreCommand::Truncate { file: file.as_str().into(), length }
        }
        1 => StoreCommand::Replace { file: file.as_str().into(), bytes },
        2 => StoreCommand::Delete { file: file.as_str().into() },
        3 => {
            let to = format!("topic-{}/0.log", (u64::from(file.as_bytes()[6] - b'0') + 1 + rng.below(3)) % 4);
            StoreCommand::Rename { file: file.as_str().into(), to: to.into() }
        }
        _ => {
            let middle = rng.below(bytes.len() as u64 + 1) as usize;
            let bytes = vec![bytes.slice(..middle), bytes.slice(middle..)];
            StoreCommand::Append { file: file.as_str().into(), bytes }
        }
    }
}

#[test]
fn any_commands_leave_the_files_they_describe_over_folds_and_reopening() {
    for seed in 0..200 {
        println!("seed {seed}");
        let mut rng = Rng::new(seed);
        let mut files = SortedMap::new();
        let limits = [Limits::DATABASE, Limits::FILE][seed as usize % 2];
        let mut database = Database { limits, chunks: SortedMap::new(), journal: SortedMap::new() };
        let mut index = database.open();
        for _ in 0..30 {
            let mut commands = Vec::new();
            for _ in 0..=rng.below(5) {
                let command = random_command(&mut rng, &files, CHUNK_BYTES);
                apply(&mut files, &command);
                commands.push(command);
            }
            database.store(&mut index, &commands);
            match rng.below(5) {
                0 => database.fold(&mut index),
                1 => index = database.open(),
                _ => {}
            }
            let lengths: Vec<_> = index.entries().iter().map(|entry| (entry.path.to_string(), entry.length)).collect();
            let expected: Vec<_> = files.iter().map(|(path, bytes)| (path.clone(), bytes.len() as u64)).collect();
            assert_eq!(lengths, expected);
            for (path, bytes) in &files {
                assert!(database.file(&index, path, bytes.len() as u64) == *bytes, "{path} differs");
            }
        }
        database.fold(&mut index);
        let live: u64 = files.values().map(|bytes| bytes.len() as u64).sum();
        let stored: usize = database.chunks.values().map(Vec::len).sum();
        assert_eq!(stored as u64, live, "a folded database holds nothing dead");
    }
}

#[test]
fn a_large_append_is_a_chunk_and_small_ones_share_a_journal_value() {
    let append =
        |file: &str, size: usize| StoreCommand::Append { file: file.into(), bytes: vec![Bytes::from(vec![0; size])] };
    let plan =
        ChunkIndex::new(Limits::DATABASE).store([append("a", 10), append("b", CHUNK_BYTES), append("c", 10)].iter());
    assert_eq!(plan.puts.len(), 1);
    assert_eq!(plan.puts[0].0, ChunkKey { file: "b".into(), position: 0, length: CHUNK_BYTES as u64, order: 1 });
    assert!(plan.journal.is_some());
}

#[test]
fn ranges_outside_a_file_have_no_pieces() {
    let mut index = ChunkIndex::new(Limits::DATABASE);
    index.store([StoreCommand::Append { file: "a".into(), bytes: vec![Bytes::from_static(b"0123")] }].iter());
    assert_eq!(index.pieces("a", 0, 5), None);
    assert_eq!(index.pieces("a", 3, 2), None);
    assert_eq!(index.pieces("b", 0, 0), None);
    assert_eq!(index.pieces("a", 4, 4), Some(vec![]));
    assert_eq!(index.pieces("a", 1, 3).map(|pieces| pieces.len()), Some(1));
}

#[test]
fn a_damaged_journal_is_an_error() {
    for value in [&[][..], &[9, 0, 0, 0], &[1, 0, 0, 0, 7], &[0, 0, 0, 0, 1]] {
        assert!(ChunkIndex::open(Limits::DATABASE, Vec::new(), &[(0, Bytes::copy_from_slice(value))], 0).is_err());
    }
}
