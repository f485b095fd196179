//! Subscriptions of client metrics, as `kafka-configs.sh --client-metrics` sets them
//! (`org.apache.kafka.server.metrics.ClientMetricsConfigs`, KIP-714).

use super::broker_config::Overrides;
use super::key::{ConfigKey, DefaultValue, UpdateMode, Valid, ValueType};
use super::{ConfigError, Value};
use crate::protocol::ErrorCode;
use alloc::format;

const INTERVAL: &str = "interval.ms";
const MATCH: &str = "match";
/// Milliseconds a client may be asked to wait between two pushes.
const INTERVAL_RANGE: core::ops::RangeInclusive<i64> = 100..=3_600_000;
/// What a client can be matched by.
const MATCHED: [&str; 6] = [
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

/// Every key of a subscription.
pub(super) static KEYS: [ConfigKey; 3] = [
    key(INTERVAL, ValueType::Int, "300000", "How often a client pushes its metrics."),
    key(MATCH, ValueType::List, "", "Which clients: what they are matched by and a pattern each."),
    key("metrics", ValueType::List, "", "Prefixes of the metrics that are wanted."),
];

const fn key(
    name: &'static str,
    value_type: ValueType,
    default: &'static str,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey {
        name,
        value_type,
        default: DefaultValue::Text(default),
        valid: Valid::Any,
        update_mode: UpdateMode::Cluster,
        acted_on: false,
        internal: false,
        documentation,
    }
}

/// Checks all that is set on a subscription, with Kafka's own error and text where something is wrong or unknown.
pub fn validate_client_metrics_configs(name: &str, overrides: &Overrides) -> Result<(), (ErrorCode, ConfigError)> {
    let refused =
        |error: ErrorCode, key: &str, message: alloc::string::String| Err((error, ConfigError::of(key, message)));
    if name.is_empty() {
        return refused(ErrorCode::InvalidRequest, "", "Subscription name can't be empty".into());
    }
    for key in overrides.keys() {
        if !KEYS.iter().any(|known| *known.name == **key) {
            return refused(ErrorCode::InvalidRequest, key, format!("Unknown client metrics configuration: {key}"));
        }
    }
    for key in &KEYS {
        let Some(text) = overrides.get(key.name) else { continue };
        match key.parse(text).map_err(|error| (ErrorCode::InvalidConfig, error))? {
            Value::Number(interval) if key.name == INTERVAL && !INTERVAL_RANGE.contains(&interval) => {
                let message = format!(
                    "Invalid value {interval} for interval.ms, interval must be between 100 and 3600000 (1 hour)"
                );
                return refused(ErrorCode::InvalidRequest, INTERVAL, message);
            }
            Value::List(patterns) if key.name == MATCH => {
                if let Some(pattern) = patterns.iter().find(|pattern| !is_pattern(pattern)) {
                    let message = format!("Illegal client matching pattern: {pattern}");
                    return refused(ErrorCode::InvalidConfig, MATCH, message);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// `client_id=c.*` and the like.
fn is_pattern(text: &str) -> bool {
    text.split_once('=').is_some_and(|(matched, pattern)| {
        MATCHED.contains(&matched.trim()) && !pattern.contains('=') && is_regular_expression(pattern.trim())
    })
}

/// Whether Java's `Pattern` takes a text, as far as its brackets and repetitions go. A library that knows all of it would be
/// 20 KB of every visitor's wasm, for a question asked of one key.
fn is_regular_expression(text: &str) -> bool {
    let mut letters = text.chars().peekable();
    let mut open_groups = 0_usize;
    // There is something before that can be repeated.
    let mut is_repeatable = false;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.next().is_none() => return false,
            '[' => {
                letters.next_if_eq(&'^');
                // A bracket that comes first stands for itself.
                letters.next_if_eq(&']');
                loop {
                    match letters.next() {
                        Some(']') => break,
                        Some('\\') if letters.next().is_some() => {}
                        Some('\\') | None => return false,
                        Some(_) => {}
                    }
                }
            }
            '(' => {
                open_groups += 1;
                // `(?:` and the like.
                letters.next_if_eq(&'?');
            }
            ')' if open_groups == 0 => return false,
            ')' => open_groups -= 1,
            '*' | '+' | '?' | '{' if !is_repeatable => return false,
            '*' | '+' | '?' => {
                letters.next_if(|next| matches!(next, '?' | '+'));
            }
            '{' => {
                let is_closed = letters
                    .by_ref()
                    .take_while(|digit| *digit != '}')
                    .all(|digit| digit.is_ascii_digit() || digit == ',');
                if !is_closed || !text.contains('}') {
                    return false;
                }
            }
            _ => {}
        }
        is_repeatable = !matches!(letter, '(' | '|' | '^' | '*' | '+' | '?' | '{');
    }
    open_groups == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_java_would_not_compile_are_told() {
        for text in
            ["", "c.*", "a|b", "(a|b)+", "[a-z]{1,3}", "[]x]", "\\(", "[^\\]]*?", "(?:x)", "11\\.1.*", "^a$", "a?+"]
        {
            assert!(is_regular_expression(text), "{text}");
        }
        for text in ["(", ")", "(a", "[a", "[", "*", "a|*", "(*)", "\\", "a**b+++", "{2}", "a{x}", "[\\"] {
            assert!(!is_regular_expression(text), "{text}");
        }
    }

    #[test]
    fn subscriptions_that_make_no_sense_say_why() {
        let of = |set: &[(&str, &str)]| -> Overrides {
            set.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
        };
        for (name, set, wrong) in [
            (
                "watch",
                &[("interval.ms", "100"), ("metrics", "a.,b."), ("match", "client_id=c.*,client_software_name=x")][..],
                None,
            ),
            ("", &[], Some("Subscription name can't be empty")),
            ("watch", &[("push", "1")], Some("Unknown client metrics configuration: push")),
            (
                "watch",
                &[("interval.ms", "99")],
                Some("Invalid value 99 for interval.ms, interval must be between 100 and 3600000 (1 hour)"),
            ),
            ("watch", &[("match", "client_id")], Some("Illegal client matching pattern: client_id")),
            ("watch", &[("match", "planet=earth")], Some("Illegal client matching pattern: planet=earth")),
            ("watch", &[("match", "client_id=a=b")], Some("Illegal client matching pattern: client_id=a=b")),
            ("watch", &[("match", "client_id=(")], Some("Illegal client matching pattern: client_id=(")),
        ] {
            let found = validate_client_metrics_configs(name, &of(set)).err().map(|(_, mistake)| mistake.message);
            assert_eq!(found.as_deref(), wrong, "{name} {set:?}");
        }
    }
}
