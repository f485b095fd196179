//! Which names a topic may have.

use crate::metadata::TopicsImage;
use alloc::format;
use alloc::string::String;

/// Longest name of a topic: the directory of a partition has to hold it and a suffix.
const MAX_NAME_LENGTH: usize = 249;

/// Why `name` is no name for a topic, in Kafka's words.
pub fn invalid_topic_name(name: &str) -> Option<String> {
    let why = match name {
        "" => String::from("the empty string is not allowed"),
        "." | ".." => format!("'{name}' is not allowed"),
        long if long.len() > MAX_NAME_LENGTH => {
            format!("the length of '{name}' is longer than the max allowed length {MAX_NAME_LENGTH}")
        }
        _ if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) => return None,
        _ => format!("'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"),
    };
    Some(format!("Topic name is invalid: {why}"))
}

/// The existing topic whose metrics would have the same name: there `.` and `_` are the same.
pub(super) fn colliding_topic<'a>(topics: &'a TopicsImage, name: &str) -> Option<&'a str> {
    if !name.contains(['.', '_']) {
        return None;
    }
    let normal = name.replace('.', "_");
    let others = topics.iter().map(|topic| topic.name.as_str()).filter(|other| *other != name);
    others.into_iter().find(|other| other.replace('.', "_") == normal)
}
