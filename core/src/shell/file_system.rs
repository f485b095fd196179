//! [`FileSystem`]: the files of the machine. Flat: every file and directory stands under its whole path.

use crate::cli::file::{FileAnswer, FileError, FileRequest, FileStatus};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};

/// Bytes all files together may have: a page keeps them in memory.
const ROOM: u64 = 64 * 1024 * 1024;

/// A file or a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileNode {
    /// A file's bytes; `None` for a directory.
    pub content: Option<Bytes>,
    /// It can be run.
    pub is_executable: bool,
    /// The last change, in milliseconds since the Unix epoch.
    pub modified_ms: i64,
}

/// What was changed: a path and what is there now; `None` for nothing.
pub type FileChange = (Str, Option<FileNode>);

/// See the module.
#[derive(Debug)]
pub(super) struct FileSystem {
    nodes: SortedMap<Str, FileNode>,
    used: u64,
    changed: Vec<Str>,
    /// Directories that somebody else keeps: see [`FileSystem::is_elsewhere`].
    elsewhere: Vec<Str>,
}

impl FileSystem {
    /// One with nothing but its root.
    pub(super) fn new() -> Self {
        let root = FileNode { content: None, is_executable: false, modified_ms: 0 };
        let nodes = core::iter::once((Str::from_static("/"), root)).collect();
        Self { nodes, used: 0, changed: Vec::new(), elsewhere: Vec::new() }
    }

    /// Puts something where it belongs, as it was when it was kept; nobody is told of it.
    pub(super) fn restore(&mut self, (path, node): FileChange) {
        match node {
            Some(node) => self.put(path, node),
            None => self.take(&path),
        }
        self.changed.clear();
    }

    /// The next that has changed and is to be kept.
    pub(super) fn poll_change(&mut self) -> Option<FileChange> {
        let path = self.changed.pop()?;
        let node = self.nodes.get(&path).cloned();
        Some((path, node))
    }

    /// What somebody else keeps: log directories, while the host has them.
    pub(super) fn set_elsewhere(&mut self, directories: Vec<Str>) {
        self.elsewhere = directories;
        // What was written there before went to who keeps it now.
        for path in self.nodes.keys().filter(|path| self.is_elsewhere(path)).cloned().collect::<Vec<_>>() {
            self.take(&path);
        }
    }

    /// Whoever keeps this path is the host: it is in a log directory.
    pub(super) fn is_elsewhere(&self, path: &str) -> bool {
        self.elsewhere.iter().any(|directory| {
            path.strip_prefix(&**directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// Answers a request whose paths are absolute.
    pub(super) fn answer(&mut self, now_ms: i64, request: &FileRequest) -> Result<FileAnswer, FileError> {
        match request {
            FileRequest::Read(path) => self.read(path).map(FileAnswer::Content),
            FileRequest::Write { path, content, append } => self.write(now_ms, path, content, *append),
            FileRequest::List(path) => self.list(path).map(FileAnswer::Entries),
            FileRequest::Status(path) => self.status(path).map(FileAnswer::Status),
            FileRequest::Below(path) => Ok(FileAnswer::Files(self.below(path))),
            FileRequest::MakeDirectory(path) => self.make_directory(now_ms, path),
            FileRequest::Remove(path) => self.remove(now_ms, path),
            FileRequest::Rename { from, to } => self.rename(now_ms, from, to),
            FileRequest::SetModified { path, modified_ms } => self.set_modified(path, *modified_ms),
        }
    }

    /// A file's bytes.
    pub(super) fn read(&self, path: &str) -> Result<Bytes, FileError> {
        if path == NULL {
            return Ok(Bytes::new());
        }
        self.node(path)?.content.clone().ok_or(FileError::IsDirectory)
    }

    /// There is a directory.
    pub(super) fn is_directory(&self, path: &str) -> bool {
        self.node(path).is_ok_and(|node| node.content.is_none())
    }

    /// What there is at a path.
    pub(super) fn status(&self, path: &str) -> Result<FileStatus, FileError> {
        if path == NULL {
            let name = Str::from_static("null");
            return Ok(FileStatus { name, is_directory: false, is_executable: false, length: 0, modified_ms: 0 });
        }
        self.node(path).map(|node| status(name_of(path), node))
    }

    fn list(&self, path: &str) -> Result<Vec<FileStatus>, FileError> {
        if self.node(path)?.content.is_some() {
            return Err(FileError::NotDirectory);
        }
        let inside = |candidate: &str| {
            let rest = candidate.strip_prefix(path.trim_end_matches('/'))?.strip_prefix('/')?;
            (!rest.is_empty() && !rest.contains('/')).then_some(())
        };
        let found = self.nodes.iter().filter(|(candidate, _)| inside(candidate).is_some());
        let mut entries: Vec<FileStatus> = found.map(|(path, node)| status(name_of(path), node)).collect();
        for directory in self.elsewhere.iter().filter(|directory| inside(directory).is_some()) {
            let name = Str::from(name_of(directory));
            if entries.iter().all(|entry| entry.name != name) {
                let modified_ms = self.nodes.get(path).map_or(0, |node| node.modified_ms);
                entries.push(FileStatus { name, is_directory: true, is_executable: false, length: 4096, modified_ms });
            }
        }
        crate::sorted::sort_by(&mut entries, |one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    /// Files below a directory that are kept here.
    fn below(&self, directory: &str) -> Vec<(Str, Bytes)> {
        let is_inside =
            |path: &str| path.strip_prefix(directory.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'));
        let found = self.nodes.iter().filter(|(path, _)| is_inside(path) && !self.is_elsewhere(path));
        found.filter_map(|(path, node)| Some((path.clone(), node.content.clone()?))).collect()
    }

    fn write(&mut self, now_ms: i64, path: &str, content: &Bytes, append: bool) -> Result<FileAnswer, FileError> {
        if path == NULL {
            return Ok(FileAnswer::Done);
        }
        match self.node(path) {
            Ok(node) if node.content.is_none() => return Err(FileError::IsDirectory),
            Ok(_) => {}
            Err(FileError::NotFound) => self.parent(path)?,
            Err(error) => return Err(error),
        }
        let new = || FileNode { content: Some(Bytes::new()), is_executable: false, modified_ms: now_ms };
        let node = self.nodes.entry(Str::from(path)).or_insert_with(new);
        let old = node.content.take().unwrap_or_default();
        let others = self.used - old.len() as u64;
        let kept = if append { old.len() } else { 0 };
        if others + kept as u64 + content.len() as u64 > ROOM {
            node.content = Some(old);
            return Err(FileError::Full);
        }
        let content = if append && !old.is_empty() {
            // Bytes nobody else has grow in place: whoever appends line by line does not copy the file each time.
            let mut all = old.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
            all.extend_from_slice(content);
            all.freeze()
        } else {
            content.clone()
        };
        self.used = others + content.len() as u64;
        node.content = Some(content);
        node.modified_ms = now_ms;
        self.mark(Str::from(path));
        Ok(FileAnswer::Done)
    }

    fn make_directory(&mut self, now_ms: i64, path: &str) -> Result<FileAnswer, FileError> {
        match self.node(path) {
            Ok(_) => return Err(FileError::Exists),
            Err(FileError::NotFound) => self.parent(path)?,
            Err(error) => return Err(error),
        }
        self.put(Str::from(path), FileNode { content: None, is_executable: false, modified_ms: now_ms });
        self.touch_parent(now_ms, path);
        Ok(FileAnswer::Done)
    }

    fn remove(&mut self, now_ms: i64, path: &str) -> Result<FileAnswer, FileError> {
        let node = self.node(path)?;
        if path == "/" {
            return Err(FileError::Denied);
        }
        if node.content.is_none() && !self.list(path)?.is_empty() {
            return Err(FileError::NotEmpty);
        }
        self.take(path);
        self.touch_parent(now_ms, path);
        Ok(FileAnswer::Done)
    }

    fn rename(&mut self, now_ms: i64, from: &str, to: &str) -> Result<FileAnswer, FileError> {
        let moved = self.node(from)?.clone();
        if from == to {
            return Ok(FileAnswer::Done);
        }
        match self.node(to) {
            Ok(node) if node.content.is_none() && moved.content.is_some() => return Err(FileError::IsDirectory),
            Ok(node) if node.content.is_some() && moved.content.is_none() => return Err(FileError::NotDirectory),
            Ok(node) if node.content.is_none() && !self.list(to)?.is_empty() => return Err(FileError::NotEmpty),
            Ok(_) => {}
            Err(FileError::NotFound) => self.parent(to)?,
            Err(error) => return Err(error),
        }
        if to.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
            return Err(FileError::Other(Str::from_static("Invalid argument")));
        }
        let below = |path: &Str| path.strip_prefix(from).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        for path in self.nodes.keys().filter(|path| below(path)).cloned().collect::<Vec<_>>() {
            let Some(node) = self.nodes.get(&path).cloned() else { continue };
            self.take(&path);
            let mut renamed = String::from(to);
            renamed.push_str(path.strip_prefix(from).unwrap_or_default());
            self.put(Str::from(renamed), node);
        }
        self.touch_parent(now_ms, from);
        self.touch_parent(now_ms, to);
        Ok(FileAnswer::Done)
    }

    /// Makes a file one that can be run, or that cannot.
    pub(super) fn set_executable(&mut self, path: &str, is_executable: bool) -> Result<(), FileError> {
        let node = FileNode { is_executable, ..self.node(path)?.clone() };
        if node.content.is_some() {
            self.put(Str::from(path), node);
        }
        Ok(())
    }

    fn set_modified(&mut self, path: &str, modified_ms: i64) -> Result<FileAnswer, FileError> {
        let node = FileNode { modified_ms, ..self.node(path)?.clone() };
        self.put(Str::from(path), node);
        Ok(FileAnswer::Done)
    }

    /// What is at a path; says which part of it is no directory.
    fn node(&self, path: &str) -> Result<&FileNode, FileError> {
        if let Some(node) = self.nodes.get(path) {
            return Ok(node);
        }
        let mut parent = path;
        while let Some((above, _)) = parent.rsplit_once('/').filter(|(above, _)| !above.is_empty()) {
            if let Some(node) = self.nodes.get(above) {
                return Err(if node.content.is_some() { FileError::NotDirectory } else { FileError::NotFound });
            }
            parent = above;
        }
        Err(FileError::NotFound)
    }

    /// The directory in which something new is to stand must be there.
    fn parent(&self, path: &str) -> Result<(), FileError> {
        match self.node(parent_of(path))?.content {
            None => Ok(()),
            Some(_) => Err(FileError::NotDirectory),
        }
    }

    fn touch_parent(&mut self, now_ms: i64, path: &str) {
        if let Some(parent) = self.nodes.get_mut(parent_of(path)) {
            parent.modified_ms = now_ms;
        }
    }

    fn put(&mut self, path: Str, node: FileNode) {
        self.take(&path);
        self.used += node.content.as_ref().map_or(0, |content| content.len() as u64);
        self.nodes.insert(path, node);
    }

    fn take(&mut self, path: &str) {
        if let Some(node) = self.nodes.remove(path) {
            self.used -= node.content.map_or(0, |content| content.len() as u64);
        }
        self.mark(Str::from(path));
    }

    fn mark(&mut self, path: Str) {
        if !self.changed.contains(&path) {
            self.changed.push(path);
        }
    }
}

/// Takes what is written and has nothing to read.
const NULL: &str = "/dev/null";

fn status(name: &str, node: &FileNode) -> FileStatus {
    FileStatus {
        name: Str::from(name),
        is_directory: node.content.is_none(),
        is_executable: node.is_executable,
        length: node.content.as_ref().map_or(4096, |content| content.len() as u64),
        modified_ms: node.modified_ms,
    }
}

/// The last part of a path.
pub(super) fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The path of the directory something stands in.
pub(super) fn parent_of(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((parent, _)) => parent,
    }
}

/// A path without `.`, `..` and doubled slashes, seen from a working directory.
pub(super) fn absolute(working_directory: &str, path: &str) -> Str {
    let mut parts: Vec<&str> = Vec::new();
    let from = if path.starts_with('/') { "" } else { working_directory };
    for part in from.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let mut absolute = String::new();
    for part in parts {
        absolute.push('/');
        absolute.push_str(part);
    }
    if absolute.is_empty() { Str::from_static("/") } else { Str::from(absolute) }
}
