//! [`MemoryDisk`]: the files of one log directory in memory, for the simulator and for tests.

use super::storage::{FileEntry, FilePath, FileRange, LogDirectory, StoreCommand};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::vec::Vec;
use bytes::Bytes;

/// Files and their content. Applies store commands as a host does: in order, each batch whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryDisk {
    files: SortedMap<FilePath, Vec<u8>>,
}

impl MemoryDisk {
    /// Carries out the commands of one batch.
    pub fn apply(&mut self, commands: &[StoreCommand]) {
        for command in commands {
            match command {
                StoreCommand::Append { file, bytes } => {
                    let content = self.files.entry(file.clone()).or_default();
                    for part in bytes {
                        content.extend_from_slice(part);
                    }
                }
                StoreCommand::Truncate { file, length } => {
                    if let Some(content) = self.files.get_mut(file) {
                        content.truncate(*length as usize);
                    }
                }
                StoreCommand::Replace { file, bytes } => {
                    self.files.insert(file.clone(), bytes.to_vec());
                }
                StoreCommand::Delete { file } => {
                    self.files.remove(file);
                }
                StoreCommand::Rename { file, to } => {
                    if let Some(content) = self.files.remove(file) {
                        self.files.insert(to.clone(), content);
                    }
                }
            }
        }
    }

    /// The bytes of a range; `None` where the file has not all of them.
    pub fn read(&self, range: &FileRange) -> Option<Bytes> {
        let content = self.files.get(&range.file)?;
        content.get(range.range.start as usize..range.range.end as usize).map(Bytes::copy_from_slice)
    }

    /// The content of a file.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// The content of a file, to damage it.
    pub fn file_mut(&mut self, path: &str) -> Option<&mut Vec<u8>> {
        self.files.get_mut(path)
    }

    /// All files by path.
    pub fn files(&self) -> impl Iterator<Item = (&FilePath, &[u8])> {
        self.files.iter().map(|(path, content)| (path, content.as_slice()))
    }

    /// What a node is told of it when it starts.
    pub fn listing(&self, path: impl Into<Str>) -> LogDirectory {
        let entries = self.files.iter();
        let files = entries.map(|(path, content)| FileEntry { path: path.clone(), length: content.len() as u64 });
        LogDirectory { path: path.into(), files: files.collect() }
    }
}
