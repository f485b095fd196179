//! A log directory as a file system shows it: what a question about its files comes to.

use broker_core::cli::file::{FileAnswer, FileError, FileRequest, FileStatus};
use broker_core::log::storage::{FileRange, LogDirectory, StoreCommand};
use broker_core::sorted::SortedMap;
use broker_core::text::Str;

/// What is to be done for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing: this is it.
    Answer(FileAnswer),
    /// The bytes are the answer.
    Load(FileRange),
    /// It is done once this is stored.
    Store(StoreCommand),
}

/// What a question comes to. `modified_ms` stands for every file's last change, which is not kept; `is_used`: a process runs on
/// the directory, and nobody else may change it.
///
/// # Errors
/// What a file system says.
pub fn look(
    directory: &LogDirectory,
    request: &FileRequest,
    modified_ms: i64,
    is_used: bool,
) -> Result<Look, FileError> {
    let inside = |path: &Str| {
        let rest = path.strip_prefix(&*directory.path).ok_or(FileError::NotFound)?;
        Ok(rest.trim_start_matches('/').to_owned())
    };
    let file = |path: &str| directory.files.iter().find(|file| &*file.path == path);
    let is_directory =
        |path: &str| path.is_empty() || directory.files.iter().any(|file| below(&file.path, path).is_some());
    let answer = |answer| Ok(Look::Answer(answer));
    match request {
        FileRequest::Read(path) => {
            let path = inside(path)?;
            match file(&path) {
                Some(found) if found.length == 0 => answer(FileAnswer::Content(bytes::Bytes::new())),
                Some(found) => Ok(Look::Load(FileRange { file: found.path.clone(), range: 0..found.length })),
                None if is_directory(&path) => Err(FileError::IsDirectory),
                None => Err(FileError::NotFound),
            }
        }
        FileRequest::Status(path) => {
            let path = inside(path)?;
            let length = match file(&path) {
                Some(found) => Some(found.length),
                None if is_directory(&path) => None,
                None => return Err(FileError::NotFound),
            };
            let whole = if path.is_empty() { &*directory.path } else { &*path };
            answer(FileAnswer::Status(status(whole.rsplit('/').next().unwrap_or(whole), length, modified_ms)))
        }
        FileRequest::List(path) => {
            let path = inside(path)?;
            if file(&path).is_some() {
                return Err(FileError::NotDirectory);
            }
            if !is_directory(&path) {
                return Err(FileError::NotFound);
            }
            let mut entries: SortedMap<String, Option<u64>> = SortedMap::new();
            for file in &directory.files {
                match below(&file.path, &path).map(|rest| rest.split_once('/').ok_or(rest)) {
                    Some(Ok((name, _))) => drop(entries.insert(name.to_owned(), None)),
                    Some(Err(name)) => drop(entries.insert(name.to_owned(), Some(file.length))),
                    None => {}
                }
            }
            let entries = entries.into_iter().map(|(name, length)| status(&name, length, modified_ms));
            answer(FileAnswer::Entries(entries.collect()))
        }
        _ if is_used => Err(FileError::Other(Str::from_static("Device or resource busy"))),
        FileRequest::Remove(path) => {
            let path = inside(path)?;
            match file(&path) {
                Some(found) => Ok(Look::Store(StoreCommand::Delete { file: found.path.clone() })),
                None if directory.files.iter().any(|file| below(&file.path, &path).is_some()) => {
                    Err(FileError::NotEmpty)
                }
                // Directories are there as long as they hold something.
                None => answer(FileAnswer::Done),
            }
        }
        FileRequest::MakeDirectory(path) => {
            let path = inside(path)?;
            let is_there = !path.is_empty() && (file(&path).is_some() || is_directory(&path));
            if is_there { Err(FileError::Exists) } else { answer(FileAnswer::Done) }
        }
        FileRequest::Write { path, content, append } => {
            let file = Str::from(inside(path)?);
            let bytes = content.clone();
            Ok(Look::Store(if *append {
                StoreCommand::Append { file, bytes: vec![bytes] }
            } else {
                StoreCommand::Replace { file, bytes }
            }))
        }
        FileRequest::SetModified { .. } => answer(FileAnswer::Done),
        FileRequest::Rename { .. } | FileRequest::Below(_) => Err(FileError::Unsupported),
    }
}

/// The rest of a path below a directory, which is empty for the uppermost.
fn below<'a>(path: &'a str, directory: &str) -> Option<&'a str> {
    if directory.is_empty() {
        return Some(path);
    }
    path.strip_prefix(directory)?.strip_prefix('/')
}

fn status(name: &str, length: Option<u64>, modified_ms: i64) -> FileStatus {
    FileStatus {
        name: Str::from(name),
        is_directory: length.is_none(),
        is_executable: false,
        length: length.unwrap_or(4096),
        modified_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use broker_core::log::storage::FileEntry;

    fn directory() -> LogDirectory {
        let file = |(path, length): (&'static str, u64)| FileEntry { path: Str::from_static(path), length };
        let files = [
            ("first-topic-0/00000000000000000000.log", 10),
            ("first-topic-0/leader-epoch-checkpoint", 0),
            ("meta.properties", 90),
        ];
        LogDirectory { path: Str::from_static("/tmp/kafka-logs-0"), files: files.map(file).to_vec() }
    }

    fn ask(request: &FileRequest, is_used: bool) -> String {
        match look(&directory(), request, 5, is_used) {
            Ok(Look::Answer(FileAnswer::Entries(entries))) => {
                let entry = |entry: &FileStatus| format!("{}{}", entry.name, if entry.is_directory { "/" } else { "" });
                entries.iter().map(entry).collect::<Vec<_>>().join(" ")
            }
            Ok(Look::Answer(FileAnswer::Status(status))) => format!("{} {}", status.name, status.is_directory),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_log_directory_is_seen_as_files_and_directories() {
        let path = |path: &str| Str::from(format!("/tmp/kafka-logs-0{path}"));
        for (request, answer) in [
            (FileRequest::List(path("")), "first-topic-0/ meta.properties"),
            (FileRequest::List(path("/first-topic-0")), "00000000000000000000.log leader-epoch-checkpoint"),
            (FileRequest::List(path("/meta.properties")), "Not a directory"),
            (FileRequest::List(path("/first-topic")), "No such file or directory"),
            (FileRequest::Status(path("")), "kafka-logs-0 true"),
            (FileRequest::Status(path("/first-topic-0")), "first-topic-0 true"),
            (FileRequest::Status(path("/meta.properties")), "meta.properties false"),
            (FileRequest::Read(path("/first-topic-0")), "Is a directory"),
            (FileRequest::Read(path("/first-topic-0/leader-epoch-checkpoint")), "Answer(Content(b\"\"))"),
            (FileRequest::Remove(path("/first-topic-0")), "Directory not empty"),
            (FileRequest::MakeDirectory(path("/first-topic-0")), "File exists"),
        ] {
            assert_eq!(ask(&request, false), answer, "{request:?}");
        }
    }

    #[test]
    fn nobody_changes_a_directory_that_a_process_uses() {
        let remove = FileRequest::Remove(Str::from_static("/tmp/kafka-logs-0/meta.properties"));
        assert_eq!(ask(&remove, true), "Device or resource busy");
        assert_eq!(ask(&remove, false), "Store(Delete { file: \"meta.properties\" })");
    }
}
