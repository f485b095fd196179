//! A file system in memory, with the files that `record.py` makes.

use crate::cli::file::{FileAnswer, FileError, FileRequest, FileStatus};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;

/// 2001-02-03 04:05:06 in UTC.
const LONG_AGO: i64 = 981_173_106_000;

/// 2025-12-30 01:02:03 in UTC.
const RECENTLY: i64 = 1_767_056_523_000;

#[derive(Clone)]
struct Node {
    /// Nothing for a directory.
    content: Option<Bytes>,
    modified_ms: i64,
    is_executable: bool,
}

/// By absolute path; programs run in `/w`.
pub(super) struct Files(SortedMap<String, Node>);

/// Name and content; a name that ends with `/` is a directory. `record.py` reads this table.
const FILES: &[(&str, &[u8])] = &[
    (".hidden", b"h\n"),
    ("a.txt", b"one\ntwo\nthree\n"),
    ("b.txt", b"one\n2\nthree\nfour\n"),
    ("bin.dat", b"\x00\x01abc\nabc\n"),
    ("conf/", b""),
    ("conf/broker.properties", b"node.id=2\n"),
    (
        "conf/server.properties",
        b"# The node\nnode.id=1\nlisteners=PLAINTEXT://:9092\n\nlog.dirs=/tmp/kraft-combined-logs\n",
    ),
    ("d/", b""),
    ("d/inner.txt", b"inner one\n"),
    ("d/sub/", b""),
    ("d/sub/deep.txt", b"deep one\n"),
    ("e/", b""),
    ("empty", b""),
    ("fields.csv", b"id,name,size\n1,ab,10\n2,c,9\nnone\n"),
    ("latin.txt", b"caf\xe9\nabc\n"),
    ("log.txt", b"INFO a started\nWARN b slow\nINFO b started\nERROR c failed\nINFO c started\nWARN a slow\n"),
    ("noend", b"x\ny"),
    ("numbers", b"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n"),
    ("recent.txt", b"recent\n"),
    ("run.sh", b"#!/bin/sh\n"),
    ("words", b"b 10\na 9\nc 2\na 10\n"),
];

fn absolute(path: &str) -> String {
    let all = if path.starts_with('/') { path.to_string() } else { ["/w/", path].concat() };
    let mut parts: Vec<&str> = Vec::new();
    for part in all.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    ["/", &parts.join("/")].concat()
}

impl Files {
    pub(super) fn new() -> Self {
        let mut files = SortedMap::new();
        let directory = Node { content: None, modified_ms: LONG_AGO, is_executable: false };
        files.insert("/".to_string(), directory.clone());
        files.insert("/w".to_string(), directory);
        for (name, content) in FILES {
            let node = Node {
                content: (!name.ends_with('/')).then(|| Bytes::from_static(content)),
                modified_ms: if *name == "recent.txt" { RECENTLY } else { LONG_AGO },
                is_executable: *name == "run.sh",
            };
            files.insert(absolute(name), node);
        }
        Self(files)
    }

    fn node(&self, path: &str) -> Result<&Node, FileError> {
        let place = absolute(path);
        let above = place.rsplit_once('/').map_or("", |(above, _)| above);
        match (self.0.get(&place), self.0.get(above)) {
            (Some(node), _) if node.content.is_some() && path.ends_with('/') => Err(FileError::NotDirectory),
            (Some(node), _) => Ok(node),
            (None, Some(above)) if above.content.is_some() => Err(FileError::NotDirectory),
            (None, _) => Err(FileError::NotFound),
        }
    }

    /// Something may be made at this path.
    fn room(&self, path: &str) -> Result<String, FileError> {
        let place = absolute(path);
        let above = place.rsplit_once('/').map_or("", |(above, _)| above);
        match self.0.get(if above.is_empty() { "/" } else { above }) {
            None => Err(FileError::NotFound),
            Some(above) if above.content.is_some() => Err(FileError::NotDirectory),
            Some(_) => Ok(place),
        }
    }

    fn status(path: &str, node: &Node) -> FileStatus {
        FileStatus {
            name: Str::from(path.rsplit_once('/').map_or(path, |(_, name)| name)),
            is_directory: node.content.is_none(),
            is_executable: node.is_executable,
            length: node.content.as_ref().map_or(4096, |content| content.len() as u64),
            modified_ms: node.modified_ms,
        }
    }

    fn below(&self, place: &str) -> Vec<String> {
        let prefix = [place, "/"].concat();
        self.0.keys().filter(|path| path.starts_with(&prefix)).cloned().collect()
    }

    pub(super) fn answer(&mut self, request: &FileRequest) -> Result<FileAnswer, FileError> {
        match request {
            FileRequest::Read(path) => {
                let content = self.node(path)?.content.clone();
                return content.map(FileAnswer::Content).ok_or(FileError::IsDirectory);
            }
            FileRequest::Status(path) => {
                return Ok(FileAnswer::Status(Self::status(&absolute(path), self.node(path)?)));
            }
            FileRequest::List(path) => {
                if self.node(path)?.content.is_some() {
                    return Err(FileError::NotDirectory);
                }
                let place = absolute(path);
                let direct = self.below(&place).into_iter().filter(|path| !path[place.len() + 1..].contains('/'));
                let entries = direct.filter_map(|path| self.0.get(&path).map(|node| Self::status(&path, node)));
                return Ok(FileAnswer::Entries(entries.collect()));
            }
            FileRequest::Write { path, content, append } => {
                let place = self.room(path)?;
                let old = self.0.get(&place);
                let Some(before) = old.map_or(Some(Bytes::new()), |node| node.content.clone()) else {
                    return Err(FileError::IsDirectory);
                };
                let is_executable = old.is_some_and(|node| node.is_executable);
                let content = if *append { [&before[..], content].concat().into() } else { content.clone() };
                let modified_ms = super::now().wall_ms;
                self.0.insert(place, Node { content: Some(content), modified_ms, is_executable });
            }
            FileRequest::Below(_) => return Err(FileError::Unsupported),
            FileRequest::MakeDirectory(path) => {
                let place = self.room(path)?;
                if self.0.contains_key(&place) {
                    return Err(FileError::Exists);
                }
                self.0.insert(place, Node { content: None, modified_ms: super::now().wall_ms, is_executable: false });
            }
            FileRequest::Remove(path) => {
                self.node(path)?;
                let place = absolute(path);
                if !self.below(&place).is_empty() {
                    return Err(FileError::NotEmpty);
                }
                self.0.remove(&place);
            }
            FileRequest::Rename { from, to } => self.rename(from, to)?,
            FileRequest::SetModified { path, modified_ms } => {
                self.node(path)?;
                if let Some(node) = self.0.get_mut(&absolute(path)) {
                    node.modified_ms = *modified_ms;
                }
            }
        }
        Ok(FileAnswer::Done)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), FileError> {
        self.node(from)?;
        let (from, to) = (absolute(from), self.room(to)?);
        if !self.below(&to).is_empty() {
            return Err(FileError::NotEmpty);
        }
        let mut moved = self.below(&from);
        moved.push(from.clone());
        for path in moved {
            if let Some(node) = self.0.remove(&path) {
                self.0.insert([&to, &path[from.len()..]].concat(), node);
            }
        }
        Ok(())
    }
}
