//! Log directories as real files.

use broker_core::log::storage::{FileEntry, FileRange, LogDirectory, StoreCommand};
use broker_core::text::Str;
use bytes::Bytes;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// One entry of `log.dirs` below the data directory of the cluster.
///
/// Writes reach the operating system before a ticket is answered, but are not forced to the disk: they survive the end of
/// the process, as IndexedDB's relaxed durability does, and not the end of the machine.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    name: Str,
}

impl Disk {
    /// The directory `name` (as `log.dirs` says it) below `data`; created where it does not exist.
    pub fn open(data: &Path, name: &str) -> io::Result<Self> {
        let below: PathBuf =
            Path::new(name).components().filter(|part| matches!(part, std::path::Component::Normal(_))).collect();
        let root = data.join(below);
        fs::create_dir_all(&root)?;
        Ok(Self { root, name: name.into() })
    }

    /// What it holds, ordered by path.
    pub fn list(&self) -> io::Result<LogDirectory> {
        let mut files = Vec::new();
        self.walk(&self.root, &mut files)?;
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(LogDirectory { path: self.name.clone(), files })
    }

    fn walk(&self, folder: &Path, files: &mut Vec<FileEntry>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                self.walk(&path, files)?;
            } else if let Ok(below) = path.strip_prefix(&self.root) {
                let below = below.to_string_lossy().into_owned();
                files.push(FileEntry { path: below.into(), length: entry.metadata()?.len() });
            }
        }
        Ok(())
    }

    /// Carries out one batch, in order.
    pub fn store(&self, commands: &[StoreCommand]) -> io::Result<()> {
        for command in commands {
            match command {
                StoreCommand::Append { file, bytes } => {
                    let mut file = self.create(file, OpenOptions::new().append(true).create(true))?;
                    for part in bytes {
                        file.write_all(part)?;
                    }
                }
                StoreCommand::Truncate { file, length } => {
                    OpenOptions::new().write(true).open(self.root.join(file.as_str()))?.set_len(*length)?;
                }
                StoreCommand::Replace { file, bytes } => {
                    // Written beside and renamed, so that the end of the process never leaves half a file.
                    let beside = Str::from(format!("{file}.tmp"));
                    self.create(&beside, OpenOptions::new().write(true).create(true).truncate(true))?
                        .write_all(bytes)?;
                    fs::rename(self.root.join(beside.as_str()), self.root.join(file.as_str()))?;
                }
                StoreCommand::Delete { file } => self.delete(file)?,
                StoreCommand::Rename { file, to } => self.rename(file, to)?,
            }
        }
        Ok(())
    }

    fn create(&self, file: &str, options: &OpenOptions) -> io::Result<File> {
        let path = self.root.join(file);
        match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder)?;
                }
                options.open(&path)
            }
            other => other,
        }
    }

    fn delete(&self, file: &str) -> io::Result<()> {
        let path = self.root.join(file);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.remove_empty_folder(&path);
        Ok(())
    }

    fn rename(&self, file: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.root.join(file), self.root.join(to));
        if !from.exists() {
            return Ok(());
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(&from, to)?;
        self.remove_empty_folder(&from);
        Ok(())
    }

    /// Removes a partition's folder with its last file; one that still holds files stays.
    fn remove_empty_folder(&self, gone: &Path) {
        if let Some(folder) = gone.parent().filter(|folder| *folder != self.root) {
            let _still_in_use = fs::remove_dir(folder);
        }
    }

    /// Reads a range.
    pub fn load(&self, range: &FileRange) -> io::Result<Bytes> {
        let mut file = File::open(self.root.join(range.file.as_str()))?;
        file.seek(SeekFrom::Start(range.range.start))?;
        let length = usize::try_from(range.range.end.saturating_sub(range.range.start)).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}
