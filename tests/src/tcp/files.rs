//! The file system of this machine, as programs ask for it.

use broker_core::cli::file::{FileAnswer, FileError, FileRequest, FileStatus};
use broker_core::text::Str;
use bytes::Bytes;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// Carries out what a program asks.
pub(super) fn answer(request: &FileRequest) -> Result<FileAnswer, FileError> {
    carry_out(request).map_err(|error| reason(&error))
}

fn carry_out(request: &FileRequest) -> io::Result<FileAnswer> {
    match request {
        FileRequest::Read(path) => return fs::read(&**path).map(|bytes| FileAnswer::Content(Bytes::from(bytes))),
        FileRequest::Write { path, content, append } => {
            let mut options = OpenOptions::new();
            options.create(true).write(true).append(*append).truncate(!append);
            options.open(&**path)?.write_all(content)?;
        }
        FileRequest::List(path) => {
            let entries = fs::read_dir(&**path)?.map(|entry| {
                let entry = entry?;
                Ok(status(&entry.file_name().to_string_lossy(), &entry.metadata()?))
            });
            let mut entries = entries.collect::<io::Result<Vec<_>>>()?;
            entries.sort_by(|one, other| one.name.cmp(&other.name));
            return Ok(FileAnswer::Entries(entries));
        }
        FileRequest::Status(path) => {
            let name = Path::new(&**path).file_name().unwrap_or_default().to_string_lossy();
            return Ok(FileAnswer::Status(status(&name, &fs::metadata(&**path)?)));
        }
        // A machine whose brokers have disks of their own asks so; here all have the same.
        FileRequest::Below(_) => return Err(io::ErrorKind::Unsupported.into()),
        FileRequest::MakeDirectory(path) => fs::create_dir(&**path)?,
        FileRequest::Remove(path) if fs::metadata(&**path)?.is_dir() => fs::remove_dir(&**path)?,
        FileRequest::Remove(path) => fs::remove_file(&**path)?,
        FileRequest::Rename { from, to } => fs::rename(&**from, &**to)?,
        FileRequest::SetModified { path, modified_ms } => {
            let since = Duration::from_millis(u64::try_from(*modified_ms).unwrap_or_default());
            File::options().append(true).open(&**path)?.set_modified(UNIX_EPOCH + since)?;
        }
    }
    Ok(FileAnswer::Done)
}

fn status(name: &str, metadata: &Metadata) -> FileStatus {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    FileStatus {
        name: Str::from(name),
        is_directory: metadata.is_dir(),
        is_executable: false,
        length: metadata.len(),
        modified_ms: modified.as_millis() as i64,
    }
}

fn reason(error: &io::Error) -> FileError {
    match error.kind() {
        io::ErrorKind::NotFound => FileError::NotFound,
        io::ErrorKind::NotADirectory => FileError::NotDirectory,
        io::ErrorKind::IsADirectory => FileError::IsDirectory,
        io::ErrorKind::AlreadyExists => FileError::Exists,
        io::ErrorKind::DirectoryNotEmpty => FileError::NotEmpty,
        io::ErrorKind::PermissionDenied => FileError::Denied,
        io::ErrorKind::StorageFull => FileError::Full,
        _ => FileError::Other(Str::from(error.to_string())),
    }
}
