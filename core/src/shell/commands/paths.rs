//! Paths as text, and walks through directories.

use crate::cli::Terminal;
use crate::cli::file::{FileError, FileStatus};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The last part of a path; `/` for the root.
pub(super) fn name(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match trimmed {
        "" => path.get(..1).unwrap_or_default(),
        trimmed => trimmed.rsplit_once('/').map_or(trimmed, |(_, name)| name),
    }
}

/// A path without its last part.
pub(super) fn parent(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit_once('/') {
        Some((parent, _)) => match parent.trim_end_matches('/') {
            "" => "/",
            parent => parent,
        },
        None if trimmed.is_empty() && !path.is_empty() => "/",
        None => ".",
    }
}

/// The path of something in a directory.
pub(super) fn join(directory: &str, name: &str) -> String {
    let between = if directory.ends_with('/') || directory.is_empty() { "" } else { "/" };
    [directory, between, name].concat()
}

/// Everything below a path, a directory before what it holds, ordered by name.
pub(super) struct Walk {
    stack: Vec<(String, FileStatus, usize)>,
}

/// What a walk comes by.
pub(super) struct Step {
    pub(super) path: String,
    pub(super) status: FileStatus,
    /// Below where the walk began.
    pub(super) depth: usize,
    /// Why what it holds could not be listed.
    pub(super) error: Option<FileError>,
}

impl Walk {
    pub(super) async fn from(terminal: &Terminal, path: &str) -> Result<Self, FileError> {
        let status = terminal.status(path).await?;
        Ok(Self { stack: Vec::from([(path.to_string(), status, 0)]) })
    }

    /// The next; of directories deeper than this nothing is listed.
    pub(super) async fn next(&mut self, terminal: &Terminal, deepest: usize) -> Option<Step> {
        let (path, status, depth) = self.stack.pop()?;
        let mut error = None;
        if status.is_directory && depth < deepest {
            match terminal.list(&path).await {
                Ok(entries) => {
                    let entries = entries.into_iter().rev();
                    self.stack.extend(entries.map(|entry| (join(&path, &entry.name), entry, depth + 1)));
                }
                Err(reason) => error = Some(reason),
            }
        }
        Some(Step { path, status, depth, error })
    }
}

/// A path without `.`, `..` and needless slashes, as far as the text alone tells.
fn parts(path: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = Vec::new();
    if path.starts_with('/') {
        parts.push("/");
    }
    for part in path.split('/') {
        match (part, parts.last()) {
            ("" | ".", _) | ("..", Some(&"/")) => {}
            ("..", Some(last)) if *last != ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts
}

/// Both are the same place.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    parts(one) == parts(other)
}

/// One is below the other.
pub(super) fn is_below(path: &str, above: &str) -> bool {
    let (path, above) = (parts(path), parts(above));
    path.len() > above.len() && path.starts_with(&above)
}
