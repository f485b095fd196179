//! The schema notation and its parser.
//!
//! ```text
//! # a comment
//! FetchRequest [1] versions 4-18 flex 12+ {
//!     ClusterId: string (v12+, null, tag 0, def null)
//!     Topics: []FetchTopic {
//!         Topic: string (v0-12)
//!         Partitions: []FetchPartition {
//!             ...
//!         }
//!     }
//! }
//! ```
//!
//! One message a block, one field a line. `[1]` is the api key (requests, responses), the type of a metadata record's
//! frame or the prefix of an offsets record's key; files and embedded protocols have none. `flex 12+`: from this version
//! on compact lengths and tag buffers, `flex none`: never.
//!
//! Notes of a field, in brackets: `vN+`, `vN-M`, `vN` the versions that have it (default: all), `null` or `null N+`,
//! `null N-M` the versions in which it may be null, `tag n` a tagged field, `def x` its default (otherwise zero, false,
//! empty). A struct is written out where a message uses it first and named afterwards. Types: `bool`, `int8`, `int16`,
//! `int32`, `int64`, `uint16`, `uint32`, `float64`, `uuid`, `string`, `bytes`, `records`, a struct's name, and `[]T` of
//! any of them but `bytes` and `records`.

use std::collections::BTreeMap;

/// A range of versions, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) first: i16,
    pub(crate) last: i16,
}

impl Versions {
    pub(crate) const ALL: Self = Self { first: 0, last: i16::MAX };

    pub(crate) fn contains(self, version: i16) -> bool {
        (self.first..=self.last).contains(&version)
    }

    /// True where it leaves out none of `other`.
    pub(crate) fn covers(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint16,
    Uint32,
    Float64,
    Uuid,
    String,
    Bytes,
    Records,
    /// Index into the message's structs.
    Struct(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: Type,
    pub(crate) array: bool,
    pub(crate) versions: Versions,
    pub(crate) nullable: Option<Versions>,
    pub(crate) tag: Option<u32>,
    /// As written after `def`.
    pub(crate) default: Option<String>,
    /// The notes as written, for the docs.
    pub(crate) notes: String,
    /// The type as written, for the docs.
    pub(crate) type_text: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Struct {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) api_key: Option<i16>,
    pub(crate) versions: Versions,
    pub(crate) flexible_from: Option<i16>,
    /// The message itself first, then its nested structs in the order of their first use.
    pub(crate) structs: Vec<Struct>,
    /// `file:line`, for problems that show up later.
    pub(crate) place: String,
}

impl Message {
    pub(crate) fn name(&self) -> &str {
        &self.structs[0].name
    }

    pub(crate) fn is_flexible(&self, version: i16) -> bool {
        self.flexible_from.is_some_and(|from| version >= from)
    }

    /// Kafka's name of the API without `Request`, for requests.
    pub(crate) fn request_api(&self) -> Option<&str> {
        self.name().strip_suffix("Request").filter(|_| self.api_key.is_some())
    }
}

/// Parses one schema file; a problem is answered as `file:line: what`.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Message>, String> {
    let mut messages = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", index + 1);
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let done = match &mut open {
            None => {
                let (block, closed) = Block::begin(&place, line)?;
                open = Some(block);
                closed
            }
            Some(block) => block.line(line).map_err(|problem| format!("{place}: {problem}"))?,
        };
        if done {
            messages.extend(open.take().map(|block| block.message));
        }
    }
    match open {
        Some(block) => Err(format!("{}: the block is never closed", block.message.place)),
        None => Ok(messages),
    }
}

/// Every message name may be used once, and requests and responses come in pairs.
pub(crate) fn check_names(messages: &[Message]) -> Result<(), String> {
    let mut seen: BTreeMap<&str, &Message> = BTreeMap::new();
    for message in messages {
        if let Some(other) = seen.insert(message.name(), message) {
            return Err(format!("{}: {} is already defined at {}", message.place, message.name(), other.place));
        }
    }
    for message in messages {
        let Some(api) = message.request_api() else { continue };
        match seen.get(format!("{api}Response").as_str()) {
            Some(response) if response.api_key == message.api_key && response.versions == message.versions => {}
            _ => return Err(format!("{}: no {api}Response with the same key and versions", message.place)),
        }
    }
    Ok(())
}

/// A message whose block is still open.
struct Block {
    message: Message,
    /// Indices of the structs whose braces are open, innermost last.
    path: Vec<usize>,
}

impl Block {
    /// Reads `Name [key] versions A-B flex C+ {`; the flag is true for a block closed on the same line.
    fn begin(place: &str, line: &str) -> Result<(Self, bool), String> {
        let problem = |what: &str| format!("{place}: {what}: `{line}`");
        let (head, closed) = match (line.strip_suffix("{}"), line.strip_suffix('{')) {
            (Some(head), _) => (head, true),
            (None, Some(head)) => (head, false),
            (None, None) => return Err(problem("a message begins with `Name [key] versions A-B flex C+ {`")),
        };
        let mut words = head.split_whitespace().peekable();
        let name = words.next().filter(|name| is_name(name)).ok_or_else(|| problem("no message name"))?;
        let key = words.next_if(|word| word.starts_with('['));
        let api_key = match key.map(|word| word.trim_matches(['[', ']']).parse::<i16>()) {
            None => None,
            Some(Ok(key)) => Some(key),
            Some(Err(_)) => return Err(problem("the key is not a number")),
        };
        let words: Vec<&str> = words.collect();
        let ["versions", versions, "flex", flexible] = words[..] else {
            return Err(problem("expected `versions A-B flex C+`"));
        };
        let versions = parse_versions(versions).map_err(|what| problem(&what))?;
        let flexible_from = match flexible {
            "none" => None,
            text => Some(parse_versions(text).map_err(|what| problem(&what))?.first),
        };
        let structs = vec![Struct { name: name.to_owned(), fields: Vec::new() }];
        let message = Message { api_key, versions, flexible_from, structs, place: place.to_owned() };
        Ok((Self { message, path: vec![0] }, closed))
    }

    /// Takes one line inside the block; true when it closed the block.
    fn line(&mut self, line: &str) -> Result<bool, String> {
        if line == "}" {
            self.path.pop();
            return Ok(self.path.is_empty());
        }
        let (line, opens) = line.strip_suffix('{').map_or((line, false), |line| (line.trim_end(), true));
        let (name, rest) = line.split_once(':').ok_or_else(|| format!("expected `Name: type`: `{line}`"))?;
        let (type_text, notes) = match rest.split_once('(') {
            None => (rest.trim(), ""),
            Some((text, notes)) => (text.trim(), notes.trim().strip_suffix(')').ok_or("the notes lack their `)`")?),
        };
        if !is_name(name) {
            return Err(format!("`{name}` is not a field name"));
        }
        let (array, kind) = self.parse_type(type_text, opens)?;
        let mut field = Field {
            name: name.to_owned(),
            kind,
            array,
            versions: Versions::ALL,
            nullable: None,
            tag: None,
            default: None,
            notes: notes.to_owned(),
            type_text: type_text.to_owned(),
        };
        parse_notes(&mut field, notes)?;
        check_field(&field, &self.message)?;
        let parent = *self.path.last().ok_or("the block is closed")?;
        if self.message.structs[parent].fields.iter().any(|other| other.name == field.name) {
            return Err(format!("`{name}` occurs twice"));
        }
        if let (true, Type::Struct(index)) = (opens, &field.kind) {
            self.path.push(*index);
        }
        self.message.structs[parent].fields.push(field);
        Ok(false)
    }

    fn parse_type(&mut self, text: &str, opens: bool) -> Result<(bool, Type), String> {
        let (array, name) = text.strip_prefix("[]").map_or((false, text), |name| (true, name));
        let kind = match name {
            "bool" => Type::Bool,
            "int8" => Type::Int8,
            "int16" => Type::Int16,
            "int32" => Type::Int32,
            "int64" => Type::Int64,
            "uint16" => Type::Uint16,
            "uint32" => Type::Uint32,
            "float64" => Type::Float64,
            "uuid" => Type::Uuid,
            "string" => Type::String,
            "bytes" => Type::Bytes,
            "records" => Type::Records,
            name if !is_name(name) => return Err(format!("`{name}` is not a type")),
            name => {
                let known = self.message.structs.iter().position(|other| other.name == name);
                match (known, opens) {
                    (Some(_), true) => return Err(format!("struct `{name}` is already defined")),
                    (None, false) => return Err(format!("struct `{name}` is not defined above")),
                    (Some(index), false) => Type::Struct(index),
                    (None, true) => {
                        self.message.structs.push(Struct { name: name.to_owned(), fields: Vec::new() });
                        Type::Struct(self.message.structs.len() - 1)
                    }
                }
            }
        };
        match (&kind, opens) {
            (Type::Struct(_), _) | (_, false) => Ok((array, kind)),
            (_, true) => Err(format!("`{name}` has no fields")),
        }
    }
}

fn parse_notes(field: &mut Field, notes: &str) -> Result<(), String> {
    for note in notes.split(',').map(str::trim).filter(|note| !note.is_empty()) {
        match note.split_once(' ') {
            None if note == "null" => field.nullable = Some(Versions::ALL),
            None if note.starts_with('v') => field.versions = parse_versions(&note[1..])?,
            Some(("null", versions)) => field.nullable = Some(parse_versions(versions)?),
            Some(("tag", tag)) => field.tag = Some(tag.parse().map_err(|_| format!("bad tag `{tag}`"))?),
            Some(("def", value)) => field.default = Some(value.to_owned()),
            _ => return Err(format!("unknown note `{note}`")),
        }
    }
    Ok(())
}

/// What the writers of this build script do not support is refused here, where file and line are known.
fn check_field(field: &Field, message: &Message) -> Result<(), String> {
    // Fields become local variables of the generated functions; `version` is a field of some records.
    if matches!(field.name.to_lowercase().as_str(), "r" | "w" | "tag" | "tags" | "messageversion") {
        return Err(format!("`{}` would hide a variable of the generated code", field.name));
    }
    if field.array && matches!(field.kind, Type::Bytes | Type::Records) {
        return Err("arrays of bytes or records do not occur".to_owned());
    }
    if field.nullable.is_some() && !field.array {
        let can = matches!(field.kind, Type::String | Type::Bytes | Type::Records | Type::Struct(_));
        if !can {
            return Err(format!("{} cannot be null", field.type_text));
        }
        if field.tag.is_some() && matches!(field.kind, Type::Struct(_)) {
            return Err("a tagged struct that may be null is not supported".to_owned());
        }
    }
    if field.tag.is_some() {
        if message.flexible_from.is_none() {
            return Err("a tagged field in a message that is never flexible".to_owned());
        }
        if field.kind == Type::Records {
            return Err("tagged records do not occur".to_owned());
        }
    }
    let Some(default) = &field.default else { return Ok(()) };
    let fits = match (&field.kind, field.array, default.as_str()) {
        (_, _, "null") => field.nullable.is_some(),
        (Type::Bool, false, text) => text == "true",
        (Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64, false, text) => text.parse::<i64>().is_ok(),
        _ => false,
    };
    if fits { Ok(()) } else { Err(format!("`{default}` is no default for {}", field.type_text)) }
}

/// `N`, `N+` or `N-M`.
fn parse_versions(text: &str) -> Result<Versions, String> {
    let number = |text: &str| text.parse::<i16>().map_err(|_| format!("bad version `{text}`"));
    let versions = match (text.strip_suffix('+'), text.split_once('-')) {
        (Some(first), _) => Versions { first: number(first)?, last: i16::MAX },
        (None, Some((first, last))) => Versions { first: number(first)?, last: number(last)? },
        (None, None) => Versions { first: number(text)?, last: number(text)? },
    };
    if versions.first < 0 || versions.first > versions.last {
        Err(format!("bad versions `{text}`"))
    } else {
        Ok(versions)
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric())
}
