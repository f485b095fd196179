//! Differences that are known and why they are there: `golden/cli/differences.txt`.
//!
//! ```text
//! one_node/topics.txt
//! $ kafka-topics.sh --version
//! ways: ours on ours, ours on Kafka
//! why: the playground has a version of its own
//! ```
//!
//! `ways: all` stands for every way but Kafka's tools on Kafka. Records are separated by empty lines; `#` begins a
//! comment.

use super::Way;
use super::table::golden_folder;
use std::io;

/// A difference that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The golden file.
    pub scenario: String,
    /// The command line as written there.
    pub line: String,
    /// Where it shows.
    pub ways: Vec<Way>,
    /// Why it is there.
    pub why: String,
}

/// Reads the file; without one no difference is known.
pub fn known_differences() -> io::Result<Vec<Known>> {
    match std::fs::read_to_string(golden_folder().join("differences.txt")) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn parse(text: &str) -> io::Result<Vec<Known>> {
    let mut known = Vec::new();
    let mut record: Vec<(usize, &str)> = Vec::new();
    for (index, line) in text.lines().chain([""]).enumerate() {
        if line.starts_with('#') {
            continue;
        }
        if !line.is_empty() {
            record.push((index + 1, line));
        } else if let Some(&(first, _)) = record.first() {
            let lines: Vec<&str> = record.drain(..).map(|(_, line)| line).collect();
            let parsed = one(&lines);
            known.push(parsed.ok_or_else(|| io::Error::other(format!("differences.txt:{first}: no such record")))?);
        }
    }
    Ok(known)
}

fn one(lines: &[&str]) -> Option<Known> {
    let [scenario, line, ways, why] = lines else { return None };
    let ways = match ways.strip_prefix("ways: ")? {
        "all" => Way::ALL.into_iter().filter(|way| *way != Way::KAFKA).collect(),
        names => names.split(", ").map(Way::named).collect::<Option<_>>()?,
    };
    let (line, why) = (line.strip_prefix("$ ")?.to_owned(), why.strip_prefix("why: ")?.to_owned());
    Some(Known { scenario: (*scenario).to_owned(), line, ways, why })
}

#[cfg(test)]
mod tests {
    use super::{Way, parse};

    #[test]
    fn records_are_read() {
        let text = "# c\none_node/x.txt\n$ a b\nways: ours on Kafka, ours on ours\nwhy: so\n\none_node/x.txt\n$ c\nways: all\nwhy: y\n";
        let known = parse(text).expect("well-formed");
        assert_eq!((known[0].line.as_str(), known[0].why.as_str()), ("a b", "so"));
        assert_eq!(
            known[0].ways,
            [Way { our_tools: true, our_cluster: false }, Way { our_tools: true, our_cluster: true }]
        );
        assert_eq!(known[1].ways.len(), 3);
    }

    #[test]
    fn half_a_record_is_none() {
        assert!(parse("a\n$ b\nways: all\n").is_err());
        assert!(parse("a\n$ b\nways: some\nwhy: x\n").is_err());
    }
}
