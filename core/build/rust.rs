//! Writes the messages as Rust: plain straight-line code, one call of the shared reader or writer per field.

use crate::schema::{Field, Message, Struct, Type, Versions};
use crate::types::{minimal_size, scalar};
use std::fmt::Write;

/// The whole of `messages.rs`.
pub(crate) fn write_messages(messages: &[Message]) -> String {
    let mut out = String::from("// Written by build.rs from the files of schema/.\n\n");
    for message in messages {
        write_module(&mut out, message);
    }
    for message in messages {
        let _ = writeln!(out, "pub use {}::{};", module_name(message.name()), message.name());
    }
    write_visits(&mut out, messages);
    write_flexible_table(&mut out, messages);
    out
}

fn write_module(out: &mut String, message: &Message) {
    let _ = writeln!(
        out,
        "/// `{}`, versions {}.\npub mod {} {{",
        message.name(),
        range(message.versions),
        module_name(message.name())
    );
    out.push_str("use super::prelude::*;\n\n");
    for index in 0..message.structs.len() {
        Writer { message, item: &message.structs[index], is_top: index == 0 }.write(out);
    }
    write_message_impl(out, message);
    out.push_str("}\n\n");
}

fn write_message_impl(out: &mut String, message: &Message) {
    let name = message.name();
    if let Some(key) = message.api_key {
        let _ = writeln!(
            out,
            "impl {name} {{\n/// The number the schema gives it: api key, record type or key prefix.\npub const API_KEY: i16 = {key};\n}}"
        );
    }
    let _ = writeln!(
        out,
        "impl Message for {name} {{\nconst NAME: &'static str = \"{name}\";\n\
         const VERSIONS: RangeInclusive<i16> = {}..={};\nconst FLEXIBLE_FROM: Option<i16> = {:?};\n\
         fn read(r: &mut Reader, message_version: i16) -> Self {{ Self::read(r, message_version) }}\n\
         fn write(&self, w: &mut Writer, message_version: i16) {{ self.write(w, message_version); }}\n}}",
        message.versions.first, message.versions.last, message.flexible_from
    );
    if let Some(api) = message.request_api() {
        let _ = writeln!(
            out,
            "impl Request for {name} {{\nconst KEY: ApiKey = ApiKey::{api};\ntype Response = super::{api}Response;\n}}"
        );
    }
}

/// `visit_messages` and `visit_requests`: the lists of all messages, for tests and tools.
fn write_visits(out: &mut String, messages: &[Message]) {
    out.push_str("\n/// Shows `visitor` every message, in the order of the descriptor.\npub fn visit_messages(visitor: &mut impl MessageVisitor) {\n");
    for message in messages {
        let _ = writeln!(out, "visitor.visit::<{}>();", message.name());
    }
    out.push_str(
        "}\n\n/// Shows `visitor` every request.\npub fn visit_requests(visitor: &mut impl RequestVisitor) {\n",
    );
    for message in messages.iter().filter(|message| message.request_api().is_some()) {
        let _ = writeln!(out, "visitor.visit::<{}>();", message.name());
    }
    out.push_str("}\n");
}

/// The first flexible version by api key: the header's layout hangs on it.
fn write_flexible_table(out: &mut String, messages: &[Message]) {
    out.push_str("\n/// First flexible version of the requests with this key; `None` for never or an unknown key.\n");
    out.push_str("pub(super) const fn flexible_from(api_key: i16) -> Option<i16> {\nmatch api_key {\n");
    for message in messages.iter().filter(|message| message.request_api().is_some()) {
        if let (Some(key), Some(from)) = (message.api_key, message.flexible_from) {
            let _ = writeln!(out, "{key} => Some({from}),");
        }
    }
    out.push_str("_ => None,\n}\n}\n");
}

/// Writes one struct of a message.
struct Writer<'a> {
    message: &'a Message,
    item: &'a Struct,
    is_top: bool,
}

impl Writer<'_> {
    fn write(&self, out: &mut String) {
        if self.is_top {
            let _ = writeln!(out, "/// `{}`.", self.item.name);
        } else {
            let _ = writeln!(out, "/// `{}` in [`{}`].", self.item.name, self.message.name());
        }
        let _ = writeln!(out, "#[derive(Clone, Debug, PartialEq)]\npub struct {} {{", self.item.name);
        for field in &self.item.fields {
            let notes = if field.notes.is_empty() { String::new() } else { format!(" ({})", field.notes) };
            let _ = writeln!(out, "/// `{}`: `{}`{notes}.", field.name, field.type_text);
            let _ = writeln!(out, "pub {}: {},", field_name(&field.name), self.rust_type(field));
        }
        out.push_str("}\n\n");
        self.write_default(out);
        let _ = writeln!(out, "impl {} {{", self.item.name);
        self.write_read(out);
        self.write_write(out);
        out.push_str("}\n\n");
    }

    fn write_default(&self, out: &mut String) {
        let _ = writeln!(out, "impl Default for {} {{\nfn default() -> Self {{\nSelf {{", self.item.name);
        for field in &self.item.fields {
            let _ = writeln!(out, "{}: {},", field_name(&field.name), self.default_of(field));
        }
        out.push_str("}\n}\n}\n\n");
    }

    fn write_read(&self, out: &mut String) {
        out.push_str("pub(super) fn read(r: &mut Reader, message_version: i16) -> Self {\n");
        for field in &self.item.fields {
            let name = field_name(&field.name);
            if field.tag.is_some() {
                let _ = writeln!(out, "let mut {name} = {};", self.default_of(field));
                continue;
            }
            match condition(field.versions, self.message.versions) {
                None => {
                    let _ = writeln!(out, "let {name} = {};", self.read_of(field));
                }
                Some(condition) => {
                    let (read, default) = (self.read_of(field), self.default_of(field));
                    let _ = writeln!(out, "let {name} = if {condition} {{ {read} }} else {{ {default} }};");
                }
            }
        }
        self.write_read_tags(out);
        out.push_str("Self { ");
        for field in &self.item.fields {
            let _ = write!(out, "{}, ", field_name(&field.name));
        }
        out.push_str("}\n}\n\n");
    }

    fn write_read_tags(&self, out: &mut String) {
        let tagged = self.tagged();
        if self.message.flexible_from.is_none() {
            return;
        }
        if tagged.is_empty() {
            out.push_str("r.skip_tags();\n");
            return;
        }
        out.push_str("let mut tags = r.tag_count();\nwhile let Some(tag) = r.next_tag(&mut tags) {\nmatch tag.id {\n");
        for field in tagged {
            let guard = match condition(field.versions, self.message.versions) {
                None => String::new(),
                Some(condition) => format!(" if {condition}"),
            };
            let (tag, name) = (field.tag.unwrap_or_default(), field_name(&field.name));
            let _ = writeln!(out, "{tag}{guard} => {{ {name} = {}; r.end_tag(&tag); }}", self.read_of(field));
        }
        out.push_str("_ => r.skip_tag(&tag),\n}\n}\n");
    }

    fn write_write(&self, out: &mut String) {
        out.push_str("pub(super) fn write(&self, w: &mut Writer, message_version: i16) {\n");
        for field in self.item.fields.iter().filter(|field| field.tag.is_none()) {
            let write = self.write_of(field);
            match condition(field.versions, self.message.versions) {
                None => {
                    let _ = writeln!(out, "{write};");
                }
                Some(condition) => {
                    let _ = writeln!(out, "if {condition} {{ {write}; }}");
                }
            }
        }
        let tagged = self.tagged();
        if self.message.flexible_from.is_some() {
            if tagged.is_empty() {
                out.push_str("w.no_tags();\n");
            } else {
                out.push_str("if let Some(tags) = w.begin_tags() {\n");
                for field in tagged {
                    let condition = match condition(field.versions, self.message.versions) {
                        None => self.differs_from_default(field),
                        Some(condition) => format!("{condition} && {}", self.differs_from_default(field)),
                    };
                    let (tag, write) = (field.tag.unwrap_or_default(), self.write_of(field));
                    let _ = writeln!(
                        out,
                        "if {condition} {{ let tag = w.begin_tag(&tags, {tag}); {write}; w.end_tag(tag); }}"
                    );
                }
                out.push_str("}\n");
            }
        }
        out.push_str("}\n");
    }

    fn tagged(&self) -> Vec<&Field> {
        let mut tagged: Vec<&Field> = self.item.fields.iter().filter(|field| field.tag.is_some()).collect();
        tagged.sort_by_key(|field| field.tag);
        tagged
    }

    /// `true`, `false` or a test of `message_version`: whether the field may be null, given that the version has it.
    fn nullable_condition(&self, field: &Field) -> String {
        let Some(nullable) = field.nullable else { return "false".to_owned() };
        let within = Versions {
            first: field.versions.first.max(self.message.versions.first),
            last: field.versions.last.min(self.message.versions.last),
        };
        if nullable.first > within.last || nullable.last < within.first {
            return "false".to_owned();
        }
        condition(nullable, within).unwrap_or_else(|| "true".to_owned())
    }

    fn rust_type(&self, field: &Field) -> String {
        let one = match &field.kind {
            Type::Struct(index) => self.message.structs[*index].name.clone(),
            kind => scalar(kind).rust.to_owned(),
        };
        let many = if field.array { format!("Vec<{one}>") } else { one };
        if field.nullable.is_some() { format!("Option<{many}>") } else { many }
    }

    fn default_of(&self, field: &Field) -> String {
        match (field.default.as_deref(), field.nullable.is_some()) {
            (Some("null"), _) => "None".to_owned(),
            (Some(value), _) => value.to_owned(),
            // Kafka leaves records null until they are set, whatever the schema says.
            (None, true) if field.kind == Type::Records && !field.array => "None".to_owned(),
            (None, true) => "Some(Default::default())".to_owned(),
            (None, false) if field.array => "Vec::new()".to_owned(),
            (None, false) => match &field.kind {
                Type::Bool => "false".to_owned(),
                Type::Float64 => "0.0".to_owned(),
                Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 | Type::Uint16 | Type::Uint32 => "0".to_owned(),
                _ => format!("{}::default()", self.rust_type(field)),
            },
        }
    }

    fn differs_from_default(&self, field: &Field) -> String {
        let name = field_name(&field.name);
        match (field.default.as_deref(), field.nullable.is_some()) {
            (Some("null"), _) => format!("self.{name}.is_some()"),
            (None, false) if field.array || matches!(field.kind, Type::String | Type::Bytes) => {
                format!("!self.{name}.is_empty()")
            }
            (None, false) if field.kind == Type::Bool => format!("self.{name}"),
            (Some("true"), false) => format!("!self.{name}"),
            _ => format!("self.{name} != {}", self.default_of(field)),
        }
    }

    fn read_of(&self, field: &Field) -> String {
        let nullable = self.nullable_condition(field);
        let is_option = field.nullable.is_some();
        if field.array {
            let (element, minimal) = match &field.kind {
                Type::Struct(index) => {
                    let name = &self.message.structs[*index].name;
                    (format!("{name}::read"), minimal_size(self.message, *index))
                }
                kind => (format!("element::read_{}", scalar(kind).call), scalar(kind).minimal(self.message)),
            };
            return if is_option {
                format!("r.nullable_array({nullable}, {minimal}, message_version, {element})")
            } else {
                format!("r.array({minimal}, message_version, {element})")
            };
        }
        match &field.kind {
            Type::Struct(index) => {
                let name = &self.message.structs[*index].name;
                if is_option {
                    format!("r.nullable_struct(message_version, {name}::read)")
                } else {
                    format!("{name}::read(r, message_version)")
                }
            }
            kind if is_option => format!("r.nullable_{}({nullable})", scalar(kind).call),
            kind => format!("r.{}()", scalar(kind).call),
        }
    }

    fn write_of(&self, field: &Field) -> String {
        let nullable = self.nullable_condition(field);
        let name = field_name(&field.name);
        let is_option = field.nullable.is_some();
        if field.array {
            let element = match &field.kind {
                Type::Struct(index) => format!("{}::write", self.message.structs[*index].name),
                kind => format!("element::write_{}", scalar(kind).call),
            };
            return if is_option {
                format!("w.nullable_array(self.{name}.as_deref(), {nullable}, message_version, {element})")
            } else {
                format!("w.array(&self.{name}, message_version, {element})")
            };
        }
        match &field.kind {
            Type::Struct(_) if is_option => {
                format!(
                    "if w.present(self.{name}.is_some()) && let Some(value) = &self.{name} {{ value.write(w, message_version); }}"
                )
            }
            Type::Struct(_) => format!("self.{name}.write(w, message_version)"),
            kind if is_option => format!("w.nullable_{}(self.{name}.as_ref(), {nullable})", scalar(kind).call),
            Type::String | Type::Bytes | Type::Records => format!("w.{}(&self.{name})", scalar(&field.kind).call),
            kind => format!("w.{}(self.{name})", scalar(kind).call),
        }
    }
}

/// The test whether `message_version` is among `versions`, `None` where all of `within` are.
fn condition(versions: Versions, within: Versions) -> Option<String> {
    if versions.covers(within) {
        return None;
    }
    let first = (versions.first > within.first).then(|| format!("message_version >= {}", versions.first));
    let last = (versions.last < within.last).then(|| format!("message_version <= {}", versions.last));
    Some(match (first, last) {
        (Some(_), Some(_)) if versions.first == versions.last => format!("message_version == {}", versions.first),
        (Some(first), Some(last)) => format!("{first} && {last}"),
        (first, last) => first.or(last).unwrap_or_default(),
    })
}

fn range(versions: Versions) -> String {
    if versions.first == versions.last {
        versions.first.to_string()
    } else {
        format!("{} to {}", versions.first, versions.last)
    }
}

fn module_name(name: &str) -> String {
    snake_case(name)
}

fn field_name(name: &str) -> String {
    let name = snake_case(name);
    if matches!(name.as_str(), "type" | "match" | "ref" | "move" | "in" | "use") { format!("{name}_") } else { name }
}

/// `TimeoutMs` to `timeout_ms`; `KRaft` is one word.
fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for letter in name.replace("KRaft", "Kraft").chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}
