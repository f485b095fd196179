//! What programs ask of the file system, and its answers.

use crate::text::Str;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

/// A question to the file system, or an order. Paths are as the program has them: its host knows its working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FileRequest {
    /// The content of a file; the answer is [`FileAnswer::Content`].
    Read(Str),
    /// Makes this the content of a file, or adds it at its end; a file that is not there is created.
    Write {
        /// The file.
        path: Str,
        /// Its bytes.
        content: Bytes,
        /// At the end of what is there.
        append: bool,
    },
    /// What a directory holds; the answer is [`FileAnswer::Entries`], ordered by name.
    List(Str),
    /// What there is at a path; the answer is [`FileAnswer::Status`].
    Status(Str),
    /// All files below a directory, as far as they lie in the machine's own file system; the answer is [`FileAnswer::Files`].
    Below(Str),
    /// Makes a directory in one that is there.
    MakeDirectory(Str),
    /// Removes a file, or a directory that is empty.
    Remove(Str),
    /// Gives a file or directory another path; a file that is there is replaced.
    Rename {
        /// Its path.
        from: Str,
        /// Its new path.
        to: Str,
    },
    /// Sets the time of the last change, in milliseconds since the Unix epoch.
    SetModified {
        /// The file or directory.
        path: Str,
        /// When.
        modified_ms: i64,
    },
}

/// What the file system answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FileAnswer {
    /// It is done.
    Done,
    /// A file's bytes.
    Content(Bytes),
    /// What a directory holds.
    Entries(Vec<FileStatus>),
    /// What there is.
    Status(FileStatus),
    /// Files: their absolute paths and contents, ordered.
    Files(Vec<(Str, Bytes)>),
}

/// A file or a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FileStatus {
    /// The last part of its path.
    pub name: Str,
    /// It holds others.
    pub is_directory: bool,
    /// It can be run.
    pub is_executable: bool,
    /// Bytes.
    pub length: u64,
    /// The last change, in milliseconds since the Unix epoch.
    pub modified_ms: i64,
}

/// Why a file system refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FileError {
    /// Nothing is there.
    NotFound,
    /// A part of the path is no directory, or what a directory was wanted for.
    NotDirectory,
    /// It is a directory, and a file was wanted.
    IsDirectory,
    /// There is something already.
    Exists,
    /// A directory holds something.
    NotEmpty,
    /// Not this program, or nobody.
    Denied,
    /// There is no room.
    Full,
    /// The host has no such operation.
    Unsupported,
    /// In the host's own words.
    Other(Str),
}

impl FileError {
    /// The words of POSIX's `strerror`.
    pub fn words(&self) -> &str {
        match self {
            Self::NotFound => "No such file or directory",
            Self::NotDirectory => "Not a directory",
            Self::IsDirectory => "Is a directory",
            Self::Exists => "File exists",
            Self::NotEmpty => "Directory not empty",
            Self::Denied => "Permission denied",
            Self::Full => "No space left on device",
            Self::Unsupported => "Function not implemented",
            Self::Other(words) => words,
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
