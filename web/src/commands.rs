//! What people do on the page, as lines of Kafka's tools: each does what the page does when it is clicked.

use crate::bridge::Draft;
use crate::shell_words::quoted;
use broker_core::cli::{TopicChange, topic_pattern};
use std::fmt::Write;

/// What stands for the number of a record, in keys and values of a [`Draft`].
pub const NUMBER: &str = "{n}";

/// What may stand between a record's headers, its key and its value: the first that occurs in none of them.
const SEPARATORS: [char; 8] = [':', '|', ';', '=', '#', '~', '^', '\u{1f}'];

/// A line of words.
fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Changes a topic.
pub fn change_topic(bootstrap: &str, change: &TopicChange) -> String {
    let arguments = change.arguments(bootstrap);
    line(["kafka-topics.sh"].into_iter().chain(arguments.iter().map(String::as_str)))
}

/// Describes a topic.
pub fn describe_topic(bootstrap: &str, topic: &str) -> String {
    let topic = topic_pattern(topic);
    line(["kafka-topics.sh", "--bootstrap-server", bootstrap, "--describe", "--topic", &topic])
}

/// Describes a group.
pub fn describe_group(bootstrap: &str, group: &str) -> String {
    line(["kafka-consumer-groups.sh", "--bootstrap-server", bootstrap, "--describe", "--group", group])
}

/// Reads topics, in a group or alone.
pub fn consume(bootstrap: &str, topics: &[String], group: Option<&str>, from_beginning: bool) -> String {
    let mut words = vec!["kafka-console-consumer.sh", "--bootstrap-server", bootstrap];
    // The tool takes one topic, or a regular expression.
    let patterns = topics.iter().map(|topic| topic_pattern(topic)).collect::<Vec<_>>().join("|");
    match topics {
        [topic] => words.extend(["--topic", topic]),
        _ => words.extend(["--include", &patterns]),
    }
    words.extend(group.into_iter().flat_map(|group| ["--group", group]));
    if from_beginning {
        words.push("--from-beginning");
    }
    line(words)
}

/// Produces; nothing where no line of the tool can: it names no partition, and reads text by the line.
pub fn produce(bootstrap: &str, draft: &Draft) -> Option<String> {
    let acks = if draft.acks < 0 { "all".to_owned() } else { draft.acks.to_string() };
    let mut words = vec!["kafka-console-producer.sh", "--bootstrap-server", bootstrap, "--topic", &draft.topic];
    words.extend(["--request-required-acks", &acks]);
    let headers = draft.headers.iter().flat_map(|(name, value)| [name, value]);
    let texts: Vec<&str> = headers.chain(&draft.key).chain([&draft.value]).map(String::as_str).collect();
    if draft.partition.is_some() || texts.iter().any(|text| text.contains(['\n', '\r'])) {
        return None;
    }
    let mut free = SEPARATORS.into_iter().filter(|one| !texts.iter().any(|text| text.contains(*one)));
    let mut properties = Vec::new();
    let mut record = String::new();
    if !draft.headers.is_empty() {
        let (of_headers, of_header, behind) = (free.next()?, free.next()?, free.next()?);
        let header = |(name, value): &(String, String)| format!("{name}{of_header}{value}");
        let between = of_headers.to_string();
        record.push_str(&draft.headers.iter().map(header).collect::<Vec<_>>().join(&between));
        record.push(behind);
        properties.extend([
            "parse.headers=true".to_owned(),
            format!("headers.separator={of_headers}"),
            format!("headers.key.separator={of_header}"),
            format!("headers.delimiter={behind}"),
        ]);
    }
    if let Some(key) = &draft.key {
        let separator = free.next()?;
        record.push_str(key);
        record.push(separator);
        properties.extend(["parse.key=true".to_owned(), format!("key.separator={separator}")]);
    }
    record.push_str(&draft.value);
    words.extend(properties.iter().flat_map(|property| ["--reader-property", property]));
    Some(format!("{} | {}", records(draft, &record), line(words)))
}

/// The commands that print the records of a draft, a line each.
fn records(draft: &Draft, record: &str) -> String {
    if draft.count == 1 {
        return format!("echo {}", quoted(&record.replace(NUMBER, "0")));
    }
    let text = if record.contains(NUMBER) { in_double_quotes(record) } else { quoted(record) };
    let mut loops = format!("for n in $(seq 0 {}); do echo {text}; ", draft.count.saturating_sub(1));
    if draft.rate > 0.0 {
        // In whole milliseconds: the page has no floating point text.
        let millis = (1000.0 / draft.rate).round() as u64;
        // A string takes whatever is written to it.
        let _ = write!(loops, "sleep {}.{:03}; ", millis / 1000, millis % 1000);
    }
    loops.push_str("done");
    loops
}

/// In double quotes, with the loop's number where the record's stands.
fn in_double_quotes(record: &str) -> String {
    let mut text = String::from("\"");
    for (at, part) in record.split(NUMBER).enumerate() {
        if at > 0 {
            text.push_str("${n}");
        }
        for letter in part.chars() {
            if matches!(letter, '"' | '\\' | '$' | '`') {
                text.push('\\');
            }
            text.push(letter);
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use broker_core::cli::NewTopic;

    #[test]
    fn a_change_of_a_topic_is_a_line_of_kafka_topics() {
        let create = TopicChange::Create(NewTopic {
            topic: "first-topic".into(),
            partitions: Some(3),
            replication_factor: Some(3),
            configs: vec![("retention.ms".into(), "a b".into())],
            ..NewTopic::default()
        });
        let delete = TopicChange::Delete { topic: "a.b".into(), if_exists: false };
        let cases = [
            (create, "--create --topic first-topic --partitions 3 --replication-factor 3 --config 'retention.ms=a b'"),
            (delete, r"--delete --topic 'a\.b'"),
        ];
        for (change, expected) in cases {
            let expected = format!("kafka-topics.sh --bootstrap-server localhost:9093 {expected}");
            assert_eq!(change_topic("localhost:9093", &change), expected);
        }
    }

    #[test]
    fn several_topics_are_read_by_a_pattern() {
        let cases: [(&[&str], Option<&str>, bool, &str); 3] = [
            (&["orders"], None, false, "--topic orders"),
            (&["orders"], Some("my group"), true, "--topic orders --group 'my group' --from-beginning"),
            (&["a.b", "c"], Some("g"), false, r"--include 'a\.b|c' --group g"),
        ];
        for (topics, group, from_beginning, expected) in cases {
            let topics: Vec<String> = topics.iter().map(ToString::to_string).collect();
            let expected = format!("kafka-console-consumer.sh --bootstrap-server b:1 {expected}");
            assert_eq!(consume("b:1", &topics, group, from_beginning), expected);
        }
    }

    #[test]
    fn records_are_printed_for_the_console_producer() {
        let draft = |key: Option<&str>, value: &str, count, rate| Draft {
            acks: -1,
            topic: "orders".into(),
            key: key.map(ToOwned::to_owned),
            value: value.into(),
            count,
            rate,
            ..Draft::default()
        };
        let keyed = "--reader-property parse.key=true --reader-property key.separator=";
        let cases = [
            (draft(None, "it's", 1, 0.0), r"echo 'it'\''s'".to_owned(), String::new()),
            (draft(Some("k"), "v{n}", 1, 0.0), "echo k:v0".to_owned(), format!(" {keyed}:")),
            (
                draft(Some("a:{n}"), "$5 \"{n}\"", 10, 0.0),
                r#"for n in $(seq 0 9); do echo "a:${n}|\$5 \"${n}\""; done"#.to_owned(),
                format!(" {}", keyed.replace("key.separator=", "'key.separator=|'")),
            ),
            (draft(None, "v", 3, 8.0), "for n in $(seq 0 2); do echo v; sleep 0.125; done".to_owned(), String::new()),
        ];
        for (draft, records, properties) in cases {
            let producer =
                "kafka-console-producer.sh --bootstrap-server b:1 --topic orders --request-required-acks all";
            assert_eq!(produce("b:1", &draft), Some(format!("{records} | {producer}{properties}")));
        }
    }

    #[test]
    fn headers_stand_before_the_key_with_separators_of_their_own() {
        let draft = Draft {
            acks: 1,
            topic: "t".into(),
            key: Some("k".into()),
            value: "v".into(),
            headers: vec![("a".into(), "1".into()), ("b".into(), "x:y".into())],
            count: 1,
            ..Draft::default()
        };
        let expected = "echo 'a;1|b;x:y=k#v' | kafka-console-producer.sh --bootstrap-server b:1 --topic t \
                        --request-required-acks 1 --reader-property parse.headers=true \
                        --reader-property 'headers.separator=|' --reader-property 'headers.key.separator=;' \
                        --reader-property headers.delimiter== --reader-property parse.key=true \
                        --reader-property 'key.separator=#'";
        assert_eq!(produce("b:1", &draft).as_deref(), Some(expected));
    }

    #[test]
    fn what_the_console_producer_cannot_send_has_no_line() {
        let of_partition = Draft { partition: Some(1), count: 1, ..Draft::default() };
        let of_lines = Draft { value: "a\nb".into(), count: 1, ..Draft::default() };
        assert_eq!([of_partition, of_lines].map(|draft| produce("b:1", &draft)), [None, None]);
    }
}
