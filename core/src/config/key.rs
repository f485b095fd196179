//! One row of the configuration tables: how a key is typed, checked and explained.

use super::ConfigError;
use super::value::Value;
use crate::java::Double;
use crate::text::Str;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Type of a value; the numbers are those of `DescribeConfigs` (KIP-226).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// `true` or `false`, in any case.
    Boolean = 1,
    /// Text.
    String = 2,
    /// 32 bits.
    Int = 3,
    /// 16 bits.
    Short = 4,
    /// 64 bits.
    Long = 5,
    /// A floating point number.
    Double = 6,
    /// Texts separated by commas.
    List = 7,
    /// Name of a Java class; only ever shown.
    Class = 8,
    /// Text that is never shown.
    Password = 9,
}

impl ValueType {
    /// Number of the type in a `DescribeConfigs` response.
    pub const fn code(self) -> i8 {
        self as i8
    }

    /// As Kafka's error texts name it: `INT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

/// Which values are allowed beyond the type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Valid {
    /// Every one.
    Any,
    /// Numbers from this one on.
    AtLeast(i64),
    /// Numbers from the first to the second.
    Between(i64, i64),
    /// Numbers from the first to the second, or the third.
    BetweenOr(i64, i64, i64),
    /// Floating point numbers from the first to the second.
    DoubleBetween(&'static str, &'static str),
    /// A text that is not empty.
    NonEmpty,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// One of these texts, in any case.
    OneOfAnyCase(&'static [&'static str]),
    /// A list with at least one entry, all of these (any where none are named).
    ListOf(&'static [&'static str]),
    /// A list of these (any where none are named), perhaps empty.
    ListOrEmptyOf(&'static [&'static str]),
    /// `*` or pairs of partition and broker.
    ThrottledReplicas,
}

/// Who may change a key while the cluster runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateMode {
    /// Nobody: it needs a restart.
    ReadOnly,
    /// One broker at a time (`--entity-name`).
    PerBroker,
    /// All brokers or one (`--entity-default`).
    Cluster,
    /// A topic's own configuration.
    Topic,
}

impl UpdateMode {
    /// The text the Kafka documentation shows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::PerBroker => "per-broker",
            Self::Cluster => "cluster-wide",
            Self::Topic => "topic",
        }
    }
}

/// What a key is when nobody sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// There is none: the key must be set.
    Required,
    /// No value (Java's `null`).
    Unset,
    /// This text.
    Text(&'static str),
}

/// A key of `server.properties` or of a topic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfigKey {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub value_type: ValueType,
    /// Its default.
    pub default: DefaultValue,
    /// What its values must be.
    pub valid: Valid,
    /// Whether it can change without a restart.
    pub update_mode: UpdateMode,
    /// Whether this implementation does anything with it. Others are "read, not acted on": Kafka knows them, and so do
    /// we, but they change nothing here.
    pub acted_on: bool,
    /// True for the keys Kafka keeps out of its documentation and of `DescribeConfigs`.
    pub internal: bool,
    /// One sentence of what it does.
    pub documentation: &'static str,
}

impl ConfigKey {
    /// The default, parsed; [`Value::Unset`] where there is none.
    pub fn default_value(&self) -> Value {
        match self.default {
            DefaultValue::Text(text) => self.read(text).unwrap_or(Value::Unset),
            DefaultValue::Required | DefaultValue::Unset => Value::Unset,
        }
    }

    /// True where the value must never be shown.
    pub const fn is_sensitive(&self) -> bool {
        matches!(self.value_type, ValueType::Password)
    }

    /// Reads and checks a value, with Kafka's own text where it is wrong.
    pub fn parse(&self, text: &str) -> Result<Value, ConfigError> {
        let value = self.read(text).map_err(|why| self.invalid(text, why))?;
        self.check(&value)?;
        Ok(value)
    }

    /// The values there are to choose from, of a list for each entry; none where any may be given. Its default is one of them.
    pub fn choices(&self) -> Vec<&'static str> {
        let mut choices = match self.valid {
            Valid::OneOf(allowed)
            | Valid::OneOfAnyCase(allowed)
            | Valid::ListOf(allowed)
            | Valid::ListOrEmptyOf(allowed) => allowed.to_vec(),
            _ if self.value_type == ValueType::Boolean => Vec::from(["true", "false"]),
            _ => Vec::new(),
        };
        if let DefaultValue::Text(default) = self.default
            && !choices.contains(&default)
            && !default.is_empty()
        {
            choices.push(default);
        }
        choices
    }

    fn read(&self, text: &str) -> Result<Value, &'static str> {
        let trimmed = text.trim();
        match self.value_type {
            ValueType::Boolean if trimmed.eq_ignore_ascii_case("true") => Ok(Value::Boolean(true)),
            ValueType::Boolean if trimmed.eq_ignore_ascii_case("false") => Ok(Value::Boolean(false)),
            ValueType::Boolean => Err("Expected value to be either true or false"),
            ValueType::String | ValueType::Class | ValueType::Password => Ok(Value::Text(Str::from(trimmed))),
            ValueType::Int => number(trimmed, i64::from(i32::MIN), i64::from(i32::MAX), "Not a number of type INT"),
            ValueType::Short => number(trimmed, i64::from(i16::MIN), i64::from(i16::MAX), "Not a number of type SHORT"),
            ValueType::Long => number(trimmed, i64::MIN, i64::MAX, "Not a number of type LONG"),
            ValueType::Double => Double::parse(trimmed).map(Value::Double).ok_or("Not a number of type DOUBLE"),
            ValueType::List => Ok(Value::List(read_list(trimmed))),
        }
    }

    fn check(&self, value: &Value) -> Result<(), ConfigError> {
        match (self.valid, value) {
            (Valid::AtLeast(least), &Value::Number(number)) => self.check_range(number, least, i64::MAX),
            (Valid::Between(least, most), &Value::Number(number)) => self.check_range(number, least, most),
            (Valid::BetweenOr(least, most, other), &Value::Number(number)) => {
                if number == other || (least..=most).contains(&number) {
                    return Ok(());
                }
                let why = format!("Value must be between {least} and {most} or equal to {other}");
                Err(self.invalid(&number.to_string(), &why))
            }
            (Valid::DoubleBetween(least, most), &Value::Double(number)) => {
                let printed = number.to_string();
                if Double::parse(least).is_some_and(|least| number < least) {
                    return Err(self.invalid(&printed, &format!("Value must be at least {least}")));
                }
                // Written so that NaN is refused too.
                if Double::parse(most).is_some_and(|most| number <= most) {
                    return Ok(());
                }
                Err(self.invalid(&printed, &format!("Value must be no more than {most}")))
            }
            (Valid::NonEmpty, Value::Text(text)) if text.is_empty() => {
                Err(self.invalid("", "String must be non-empty"))
            }
            (Valid::OneOf(allowed), Value::Text(text)) => self.check_one_of(text, allowed),
            (Valid::OneOfAnyCase(allowed), Value::Text(text)) => {
                if allowed.iter().any(|choice| choice.eq_ignore_ascii_case(text)) {
                    return Ok(());
                }
                let choices = allowed.join(", ");
                Err(self.invalid(text, &format!("String must be one of (case insensitive): {choices}")))
            }
            (Valid::ListOf(allowed), Value::List(entries)) => self.check_list(entries, allowed, false),
            (Valid::ListOrEmptyOf(allowed), Value::List(entries)) => self.check_list(entries, allowed, true),
            (Valid::ThrottledReplicas, Value::List(entries)) => self.check_throttled(entries),
            _ => Ok(()),
        }
    }

    fn check_range(&self, number: i64, least: i64, most: i64) -> Result<(), ConfigError> {
        if number < least {
            return Err(self.invalid(&number.to_string(), &format!("Value must be at least {least}")));
        }
        if number > most {
            return Err(self.invalid(&number.to_string(), &format!("Value must be no more than {most}")));
        }
        Ok(())
    }

    fn check_one_of(&self, text: &str, allowed: &[&str]) -> Result<(), ConfigError> {
        if allowed.contains(&text) {
            return Ok(());
        }
        Err(self.invalid(text, &format!("String must be one of: {}", allowed.join(", "))))
    }

    fn check_list(&self, entries: &[Str], allowed: &[&str], may_be_empty: bool) -> Result<(), ConfigError> {
        let name = self.name;
        if entries.is_empty() && !may_be_empty {
            let choices =
                if allowed.is_empty() { "any non-empty value".into() } else { format!("[{}]", allowed.join(", ")) };
            let message = format!("Configuration '{name}' must not be empty. Valid values include: {choices}");
            return Err(ConfigError::of(name, message));
        }
        if entries.iter().any(|entry| entry.is_empty()) {
            return Err(ConfigError::of(name, format!("Configuration '{name}' values must not be empty.")));
        }
        if allowed.is_empty() {
            return Ok(());
        }
        entries.iter().try_for_each(|entry| self.check_one_of(entry, allowed))
    }

    fn check_throttled(&self, entries: &[Str]) -> Result<(), ConfigError> {
        let is_pair = |entry: &Str| {
            entry
                .split_once(':')
                .is_some_and(|(partition, broker)| partition.parse::<u32>().is_ok() && broker.parse::<u32>().is_ok())
        };
        if matches!(entries, [only] if *only == "*") || entries.iter().all(is_pair) {
            return Ok(());
        }
        let given: Vec<&str> = entries.iter().map(Str::as_str).collect();
        let why = format!(
            "{} must be the literal '*' or a list of replicas in the following format: \
             [partitionId]:[brokerId],[partitionId]:[brokerId],...",
            self.name
        );
        Err(self.invalid(&format!("[{}]", given.join(", ")), &why))
    }

    fn invalid(&self, value: &str, why: &str) -> ConfigError {
        ConfigError::of(self.name, format!("Invalid value {value} for configuration {}: {why}", self.name))
    }
}

fn number(text: &str, least: i64, most: i64, why: &'static str) -> Result<Value, &'static str> {
    match text.parse::<i64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(Value::Number(number)),
        _ => Err(why),
    }
}

/// Entries between commas, without the blanks around them; each only once, as Kafka 4 keeps them.
fn read_list(text: &str) -> Vec<Str> {
    let mut entries: Vec<Str> = Vec::new();
    if text.is_empty() {
        return entries;
    }
    for entry in text.split(',').map(str::trim) {
        if entry.is_empty() || !entries.iter().any(|known| *known == entry) {
            entries.push(Str::from(entry));
        }
    }
    entries
}

/// A value as Kafka prints it: what `DescribeConfigs` answers.
pub(super) fn print(value: &Value) -> Option<String> {
    match value {
        Value::Unset => None,
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        Value::Text(text) => Some(text.as_str().into()),
        Value::List(entries) => {
            let entries: Vec<&str> = entries.iter().map(Str::as_str).collect();
            Some(entries.join(","))
        }
    }
}
