//! Parsed values of one scope, by key.

use super::key::{ConfigKey, print};
use crate::java::Double;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::Duration;
use alloc::string::String;
use alloc::vec::Vec;

/// A value after parsing.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Not set and without default (Java's `null`).
    Unset,
    /// A BOOLEAN.
    Boolean(bool),
    /// An INT, SHORT or LONG.
    Number(i64),
    /// A DOUBLE.
    Double(Double),
    /// A STRING, CLASS or PASSWORD.
    Text(Str),
    /// A LIST.
    List(Vec<Str>),
}

impl Value {
    /// As Kafka prints it; `None` where it is not set.
    pub fn print(&self) -> Option<String> {
        print(self)
    }
}

/// The effective value of every key of a table.
///
/// Asking for a key that the table does not have, or has with another type, answers zero, false or nothing; a test
/// holds every name used to the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Values(SortedMap<&'static str, Value>);

impl Values {
    /// The defaults of `keys`.
    pub(super) fn defaults(keys: impl Iterator<Item = &'static ConfigKey>) -> Self {
        Self(keys.map(|key| (key.name, key.default_value())).collect())
    }

    pub(super) fn set(&mut self, name: &'static str, value: Value) {
        self.0.insert(name, value);
    }

    pub(super) fn value(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Unset)
    }

    pub(super) fn boolean(&self, name: &str) -> bool {
        matches!(self.value(name), Value::Boolean(true))
    }

    pub(super) fn optional(&self, name: &str) -> Option<i64> {
        match self.value(name) {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn long(&self, name: &str) -> i64 {
        self.optional(name).unwrap_or_default()
    }

    pub(super) fn int(&self, name: &str) -> i32 {
        self.long(name) as i32
    }

    /// A number of milliseconds; negative ones are none.
    pub(super) fn millis(&self, name: &str) -> Duration {
        Duration::from_millis(u64::try_from(self.long(name)).unwrap_or(0))
    }

    /// The whole part of a DOUBLE times `10^places`.
    pub(super) fn scaled(&self, name: &str, places: i32) -> u64 {
        match self.value(name) {
            Value::Double(number) => number.scaled(places),
            _ => 0,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<Str> {
        match self.value(name) {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    pub(super) fn list(&self, name: &str) -> Option<&[Str]> {
        match self.value(name) {
            Value::List(entries) => Some(entries),
            _ => None,
        }
    }
}
