//! What of a scenario differs from what was recorded, and which of it is known.

use super::Way;
use super::differences::Known;
use super::table::{Printed, Scenario};
use broker_core::cli::tools;

/// The commands of a scenario by how they fared.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Printed what was recorded.
    pub agree: usize,
    /// Differed as listed.
    pub known: usize,
    /// Of tools that we do not have yet: absent, not different.
    pub absent: usize,
    /// Differed and are not listed: a text for each.
    pub unknown: Vec<String>,
    /// Are listed and do not differ: a text for each.
    pub gone: Vec<String>,
}

impl Verdict {
    /// True if all is as the golden file and the list say.
    pub fn is_good(&self) -> bool {
        self.unknown.is_empty() && self.gone.is_empty()
    }
}

/// Compares what was printed with what was recorded.
pub fn judge(scenario: &Scenario, way: Way, printed: &[Printed], known: &[Known]) -> Verdict {
    let mut verdict = Verdict::default();
    let listed: Vec<&Known> =
        known.iter().filter(|known| known.scenario == scenario.name && known.ways.contains(&way)).collect();
    let mut differing = Vec::new();
    let is_there = |line: &str| !way.our_tools || tools().any(|tool| line.split(' ').next() == Some(tool));
    for (command, printed) in scenario.commands().zip(printed) {
        if !is_there(&command.line) {
            verdict.absent += 1;
            continue;
        }
        if command.expected == *printed {
            verdict.agree += 1;
            continue;
        }
        differing.push(&command.line);
        if listed.iter().any(|known| known.line == command.line) {
            verdict.known += 1;
        } else {
            verdict.unknown.push(format!(
                "{}, {way}\n$ {}\nrecorded:\n{}printed:\n{}",
                scenario.name,
                command.line,
                command.expected.format(),
                printed.format()
            ));
        }
    }
    for known in listed.iter().filter(|known| !differing.contains(&&known.line)) {
        let name = &scenario.name;
        verdict.gone.push(format!("{name}, {way}: listed, and not a difference\n$ {}\n", known.line));
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::{Known, Printed, Scenario, Way, judge};
    use crate::oracle::table::Shape;

    #[test]
    fn a_difference_is_known_unknown_or_gone() {
        let text =
            "$ kafka-topics.sh a\n1> x\n= 0\n$ kafka-topics.sh b\n= 0\n$ kafka-topics.sh c\n= 0\n$ kafka-none.sh\n";
        let shape = Shape { nodes: 1, log_dirs: 1 };
        let scenario = Scenario::parse("one_node/x.txt", shape, text).expect("it is well-formed");
        let known = |line: &str| Known {
            scenario: "one_node/x.txt".into(),
            line: format!("kafka-topics.sh {line}"),
            ways: vec![Way::OURS],
            why: "so".into(),
        };
        let silent = Printed { code: Some(0), ..Default::default() };
        let failed = Printed { code: Some(1), ..Default::default() };
        let printed = [silent.clone(), silent.clone(), failed, silent];
        let verdict = judge(&scenario, Way::OURS, &printed, &[known("a"), known("b")]);
        assert_eq!((verdict.agree, verdict.known, verdict.absent), (1, 1, 1));
        assert_eq!(
            verdict.unknown,
            ["one_node/x.txt, ours on ours\n$ kafka-topics.sh c\nrecorded:\n= 0\nprinted:\n= 1\n"]
        );
        assert_eq!(verdict.gone, ["one_node/x.txt, ours on ours: listed, and not a difference\n$ kafka-topics.sh b\n"]);
        let elsewhere = judge(&scenario, Way::KAFKA, &printed, &[known("a")]);
        assert_eq!((elsewhere.known, elsewhere.unknown.len(), elsewhere.gone.len()), (0, 3, 0));
    }
}
