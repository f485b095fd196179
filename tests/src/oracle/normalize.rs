//! Takes out of what tools print whatever chance, time or place decides, so that the rest can be compared.

use regex_lite::{Captures, Regex};
use std::borrow::Cow;
use std::sync::LazyLock;

/// Names of things that are elsewhere in every run.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// What the placeholders of command lines stand for.
    pub placeholders: Vec<(&'static str, String)>,
    /// What is printed and which placeholder is written for it.
    pub printed: Vec<(String, &'static str)>,
    /// Addresses of all its brokers.
    pub brokers: Vec<String>,
    /// True where several nodes share the work, and who leads is chance.
    pub has_several_nodes: bool,
}

impl Places {
    /// A word of a command line with its placeholders replaced.
    pub fn fill(&self, word: &str) -> String {
        self.placeholders.iter().fold(word.to_owned(), |word, (placeholder, value)| word.replace(placeholder, value))
    }
}

/// What is done with the tables of options that tools print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Names and arguments stay, descriptions go: these are everyone's own words.
    Names,
    /// Only that there was one.
    Mention,
}

/// The lines of a stream as a golden file has them.
pub fn normalize(text: &str, places: &Places, usage: Usage) -> Vec<String> {
    let mut lines = text.split('\n').map(str::to_owned).collect::<Vec<_>>();
    if lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.retain(|line| !is_stack_frame(line));
    let lines = without_descriptions(lines, usage);
    let lines: Vec<Replaced> = lines.iter().map(|line| replaced(line, places)).collect();
    let mut lines = folded(without_padding(&lines));
    sort_members(&mut lines);
    lines
}

/// A frame of a Java stack trace: which methods called each other is nobody's business.
fn is_stack_frame(line: &str) -> bool {
    let inner = line.trim_start_matches('\t');
    inner.len() < line.len() && (inner.starts_with("at ") || inner.starts_with("... "))
}

/// What follows the names of options in a table of jopt-simple or a help text of argparse4j.
fn without_descriptions(lines: Vec<String>, usage: Usage) -> Vec<String> {
    let is_rule = |line: &String| line.starts_with("------") && line.trim_end_matches(['-', ' ']).is_empty();
    let head = (1..lines.len()).find(|&at| is_rule(&lines[at]) && lines[at - 1].starts_with("Option"));
    if let Some(rule) = head {
        let left = lines[rule].rfind(" -").map_or(lines[rule].len(), |at| at + 1);
        return without_right_column(&lines, rule, left, usage);
    }
    let is_help = lines.first().is_some_and(|line| line.starts_with("usage: "))
        && lines.iter().any(|line| line.starts_with("optional arguments:"));
    if usage == Usage::Names && is_help { argparse_names(&lines) } else { lines }
}

fn without_right_column(lines: &[String], rule: usize, left: usize, usage: Usage) -> Vec<String> {
    let (before, table) = lines.split_at(rule - 1);
    let end =
        table.iter().position(|line| line.starts_with('[') || line.starts_with("Exception")).unwrap_or(table.len());
    let (table, after) = table.split_at(end);
    let mut kept = Vec::new();
    match usage {
        Usage::Mention => {
            kept.extend_from_slice(before);
            kept.push("<options>".to_owned());
        }
        Usage::Names => {
            if !before.is_empty() {
                kept.push("<description>".to_owned());
            }
            let cells = table.iter().map(|line| line.chars().take(left).collect::<String>().trim_end().to_owned());
            kept.extend(cells.filter(|cell| !cell.is_empty()));
        }
    }
    kept.extend_from_slice(after);
    kept
}

fn argparse_names(lines: &[String]) -> Vec<String> {
    const DESCRIPTIONS_FROM: usize = 20;
    let mut kept: Vec<String> = Vec::new();
    let mut in_usage = true;
    for line in lines {
        let inner = line.trim_start();
        in_usage &= !line.is_empty();
        let indent = line.len() - inner.len();
        let line = if in_usage || line.is_empty() || (indent == 0 && line.ends_with(':')) {
            line.clone()
        } else if indent == 0 {
            "<description>".to_owned()
        } else if indent >= DESCRIPTIONS_FROM {
            continue;
        } else if indent == 2 && inner.contains(' ') && !inner.starts_with('-') {
            "  <description>".to_owned()
        } else {
            let name = inner.find("  ").map_or(inner, |at| &inner[..at]);
            format!("{}{name}", &line[..indent])
        };
        if kept.last() != Some(&line) {
            kept.push(line);
        }
    }
    kept
}

/// A line with what was replaced in it, and whether that may have changed the width of a column.
struct Replaced {
    line: String,
    may_shift: bool,
}

/// A pattern, what is written for it, and whether its width varies.
type Rule = (Regex, &'static str, bool);

fn rules(table: &[(&str, &'static str, bool)]) -> Vec<Rule> {
    let compiled = table.iter().map(|&(pattern, by, varies)| Regex::new(pattern).map(|regex| (regex, by, varies)));
    // The patterns are ours; a test runs each.
    compiled.collect::<Result<_, _>>().unwrap_or_default()
}

/// In this order; `$1` and so on are kept.
static ALWAYS: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    rules(&[
        (r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\]", "[<time>]", false),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uuid>", false),
        (r"\bconsole-consumer-\d{1,5}\b", "console-consumer-<n>", true),
        (r"\b1[6-9]\d{11}\b", "<ms>", false),
        (r"\b(correlation id|tries=|correlationId=)( ?)\d+", "$1$2<n>", false),
        (r"localhost/127\.0\.0\.1:\d+", "localhost/127.0.0.1:<port>", false),
        // Which of the two it is hangs on whether a request was on its way when the time was over.
        (
            r"Call\(callName=(\w+\(api=\w+\)), deadlineMs=.*? attempt\(s\)",
            "Timed out waiting for a node assignment. Call: $1",
            false,
        ),
        // Tools that run in one JVM count on.
        (r"\bclientId=admin-\d+\b", "clientId=admin-<n>", false),
        (r"(localhost +)\d{5}\b", "$1<port>", false),
        (r"after \d+ attempt", "after <n> attempt", false),
        (r"\b\d+ ms ago\b", "<n> ms ago", true),
        // For how long there has been a transaction.
        (r"(\t[A-Z]\w+ *\t\d+ *\t<ms> *\t)\d+", "$1<n>", true),
        (r"\bcrc: \d+", "crc: <n>", false),
        // What was measured.
        (r"^\d+ (records sent, .* max latency\.)$", "<n> $1", false),
        (r"\b(?:\d+(?:\.\d+)?|Infinity) (records/sec|ms (?:avg|max) latency|ms \d\d(?:\.\d)?th)\b", "<n> $1", false),
        (r"\((?:\d+\.\d\d|Infinity) MB/sec\)", "(<n> MB/sec)", false),
        (r"\b\d{4}([.-])\d\d[.-]\d\d (\d\d:\d\d:\d\d:\d{3}|at \d\d)\b", "<time>", false),
        (
            r"(, \d+\.\d{4}), [\w.]+, (\d+), [\w.]+, -?\d+, -?\d+, -?[\w.]+, -?[\w.]+$",
            "$1, <n>, $2, <n>, <n>, <n>, <n>, <n>",
            false,
        ),
        // Offsets of the metadata log: how many records a start takes is nobody's business.
        (r"\b(HighWatermark: +|Epoch: +)\d+$", "$1<offset>", false),
        (r"\b(MaxFollowerLagTimeMs: +)-?\d+$", "$1<n>", false),
        (r"^(\d+ *\t\S+ *\t)\d+( *\t.*\t(?:Leader|Follower|Observer) *\t)$", "$1<offset>$2", true),
        // Ids that chance made of letters alone; a word of mixed letters and digits is found without its label.
        (
            r#"((?:[Tt]opicId|TopicId:|Cluster ID:|ClusterId:|"directoryId":|DirectoryId:|directory\.id=|cluster\.id=) *"?)[A-Za-z0-9_-]{22}\b"#,
            "$1<uuid>",
            false,
        ),
    ])
});

/// Where several nodes share the work.
static SEVERAL_NODES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    rules(&[
        (r"\b(Leader: |LeaderId: +|\(id: )\d+", "$1<broker>", false),
        (r"\b(LeaderEpoch: +|MaxFollowerLag: +)\d+$", "$1<n>", false),
        (r"(\{[a-z]+\}  )\(\d+\)", "$1(<broker>)", true),
    ])
});

static REPLICAS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b(Replicas|Isr|Elr|LastKnownElr): (\d+(?:,\d+)*)").ok());

/// Lists whose order is chance: Java's sets have an order of their own in every process.
static UNORDERED: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    rules(&[
        (r"\[[a-z-]+\](?:, \[[a-z-]+\])+", "", false),
        (
            r"(?:PreparingRebalance|CompletingRebalance|Stable|Empty|Dead|Reconciling|Assigning|NotReady|Classic|Consumer|Share|Streams)(?:, [A-Z][A-Za-z]+)+",
            "",
            false,
        ),
        // Java's enums have other hashes in every process.
        (r"SCRAM-SHA-\d+=iterations=\d+(?:, SCRAM-SHA-\d+=iterations=\d+)+", "", false),
    ])
});

/// Log directories of a broker as `kafka-log-dirs.sh` prints them, in the order of their names' hashes.
static LOG_DIRS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let directory = r#"\{"partitions":\[[^\]]*\],"error":(?:null|"[^"]*"),"logDir":"([^"]*)"\}"#;
    Regex::new(directory).ok()
});

static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9_-]+").ok());

fn replaced(line: &str, places: &Places) -> Replaced {
    let mut line = line.to_owned();
    let mut may_shift = false;
    for (printed, placeholder) in &places.printed {
        if line.contains(printed) {
            line = line.replace(printed, placeholder);
            may_shift = true;
        }
    }
    let several = if places.has_several_nodes { SEVERAL_NODES.as_slice() } else { &[] };
    for (pattern, by, varies) in ALWAYS.iter().chain(several) {
        if let Cow::Owned(changed) = pattern.replace_all(&line, *by) {
            line = changed;
            may_shift |= varies;
        }
    }
    if let Some(replicas) = REPLICAS.as_ref().filter(|_| places.has_several_nodes) {
        let count = |found: &Captures<'_>| format!("{}: <{} brokers>", &found[1], found[2].split(',').count());
        line = replicas.replace_all(&line, count).into_owned();
    }
    for (list, ..) in UNORDERED.iter() {
        line = list.replace_all(&line, |found: &Captures<'_>| sorted(&found[0])).into_owned();
    }
    if let Some(directory) = LOG_DIRS.as_ref().filter(|_| line.starts_with("{\"brokers\":")) {
        line = with_sorted_directories(&line, directory);
    }
    if let Some(word) = WORD.as_ref() {
        let by = |found: &Captures<'_>| if is_uuid(&found[0]) { "<uuid>".to_owned() } else { found[0].to_owned() };
        line = word.replace_all(&line, by).into_owned();
    }
    Replaced { line, may_shift }
}

/// Directories that follow each other, by their names.
fn with_sorted_directories(line: &str, directory: &Regex) -> String {
    let found: Vec<_> =
        directory.captures_iter(line).filter_map(|found| Some((found.get(0)?, found.get(1)?))).collect();
    let mut sorted = String::new();
    let mut end = 0;
    for broker in found.chunk_by(|(left, _), (right, _)| &line[left.end()..right.start()] == ",") {
        let mut directories: Vec<_> = broker.iter().map(|(all, name)| (name.as_str(), all.as_str())).collect();
        directories.sort_unstable();
        let (first, last) = (broker[0].0, broker[broker.len() - 1].0);
        sorted += &line[end..first.start()];
        sorted += &directories.iter().map(|(_, all)| *all).collect::<Vec<_>>().join(",");
        end = last.end();
    }
    sorted + &line[end..]
}

fn sorted(list: &str) -> String {
    let mut items: Vec<&str> = list.split(", ").collect();
    items.sort_unstable();
    items.join(", ")
}

/// True for 22 characters that look drawn by lot.
fn is_uuid(word: &str) -> bool {
    let has = |class: fn(&u8) -> bool| word.bytes().any(|byte| class(&byte));
    word.len() == 22 && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit)
}

/// In paragraphs where a column may have changed its width, spaces that only pad are taken out.
fn without_padding(lines: &[Replaced]) -> Vec<String> {
    let is_row = |line: &Replaced| !line.line.is_empty() && !is_log(&line.line);
    let paragraphs = lines.chunk_by(|left, right| is_row(left) && is_row(right));
    let unpadded = paragraphs.flat_map(|paragraph| {
        let is_padded = paragraph.iter().all(is_row)
            && paragraph.iter().any(|line| line.may_shift)
            && paragraph.iter().any(|line| has_column(&line.line));
        paragraph.iter().map(move |Replaced { line, .. }| if is_padded { single_spaced(line) } else { line.clone() })
    });
    unpadded.collect()
}

fn has_column(line: &str) -> bool {
    line.trim().contains("  ")
}

fn single_spaced(line: &str) -> String {
    let inner = line.trim_start_matches(' ');
    let mut kept = line[..line.len() - inner.len()].to_owned();
    for character in inner.chars() {
        if character == ' ' && kept.ends_with([' ', '\t']) {
            continue;
        }
        if character == '\t' && kept.ends_with(' ') {
            kept.pop();
        }
        kept.push(character);
    }
    kept.truncate(kept.trim_end_matches(' ').len());
    kept
}

fn is_log(line: &str) -> bool {
    line.starts_with("[<time>] ")
}

/// Clients log a failure as often as they try: of each run of log lines, every line is kept once.
fn folded(lines: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    let mut run = 0;
    for line in lines {
        if !is_log(&line) {
            kept.push(line);
            run = kept.len();
        } else if !kept[run..].contains(&line) {
            kept.push(line);
        }
    }
    kept
}

/// Members of a group are listed as their ids hash: rows that follow each other and name a member are sorted.
fn sort_members(lines: &mut [String]) {
    let is_member = |line: &String| line.contains("-<uuid> ") && !is_log(line);
    for rows in lines.chunk_by_mut(|left, right| is_member(left) && is_member(right)) {
        rows.sort();
    }
}

#[cfg(test)]
mod tests {
    use super::{ALWAYS, Places, SEVERAL_NODES, UNORDERED, Usage, normalize};

    fn places(has_several_nodes: bool) -> Places {
        Places {
            placeholders: vec![("{bootstrap}", "localhost:20001".to_owned())],
            printed: vec![("localhost:20001".to_owned(), "{bootstrap}"), ("localhost:9".to_owned(), "{nobody}")],
            brokers: Vec::new(),
            has_several_nodes,
        }
    }

    fn check(text: &str, expect: &[&str]) {
        assert_eq!(normalize(text, &places(false), Usage::Mention), expect);
    }

    fn check_several(text: &str, expect: &[&str]) {
        assert_eq!(normalize(text, &places(true), Usage::Mention), expect);
    }

    #[test]
    fn every_pattern_compiles() {
        assert_eq!((ALWAYS.len(), SEVERAL_NODES.len(), UNORDERED.len()), (22, 3, 3));
    }

    #[test]
    fn a_time_out_is_the_same_before_and_after_a_request_went_out() {
        let expect = ["x: Timed out waiting for a node assignment. Call: deleteRecords(api=METADATA)"];
        check(
            "x: Call(callName=deleteRecords(api=METADATA), deadlineMs=1795790000000, tries=4, nextAllowedTryMs=1795790000100) timed \
             out at 1795790000000 after 4 attempt(s)",
            &expect,
        );
        check(expect[0], &expect);
    }

    #[test]
    fn lines_end_where_they_end() {
        check("", &[]);
        check("a", &["a"]);
        check("a\n", &["a"]);
        check("\na\n\n", &["", "a", ""]);
    }

    #[test]
    fn ids_drawn_by_lot_are_no_difference() {
        check("TopicId: NPmZHyhbR9y00wMglMH2sg\tx", &["TopicId: <uuid>\tx"]);
        check("ClusterId:              abcdefghijklmnopqrstuv", &["ClusterId:              <uuid>"]);
        check("--request-required-acks NotLeaderOrFollowerExc", &["--request-required-acks NotLeaderOrFollowerExc"]);
        check("console-consumer-1b2c3d4e-5f60-4a7b-8c9d-0e1f2a3b4c5d x", &["console-consumer-<uuid> x"]);
        check("groupId=console-consumer-12345]", &["groupId=console-consumer-<n>]"]);
    }

    #[test]
    fn times_are_no_difference() {
        check("CreateTime:1786000000000\tx", &["CreateTime:<ms>\tx"]);
        check("[2026-01-02 03:04:05,678] WARN x", &["[<time>] WARN x"]);
        check("retention.ms=604800000", &["retention.ms=604800000"]);
        check("timed out after 3107 attempt(s)", &["timed out after <n> attempt(s)"]);
    }

    #[test]
    fn stack_frames_go_and_their_causes_stay() {
        check("E: x\n\tat a.b(C.java:1)\nCaused by: y\n\t... 12 more\n", &["E: x", "Caused by: y"]);
    }

    #[test]
    fn padding_goes_where_a_value_was_replaced() {
        check("\nA        B\nlocalhost:20001 b\n", &["", "A B", "{bootstrap} b"]);
        check("A    B\nlocalhost b\n", &["A    B", "localhost b"]);
        check("[2026-01-02 03:04:05,678] WARN localhost:9:  (c)\n", &["[<time>] WARN {nobody}:  (c)"]);
        check("N   \tM\t\nlocalhost:9   \t1\t\n", &["N\tM\t", "{nobody}\t1\t"]);
    }

    #[test]
    fn among_several_nodes_only_the_number_of_replicas_counts() {
        let line = "\tLeader: 2\tReplicas: 2,0,1\tIsr: 2\tElr: \tLastKnownElr: ";
        check_several(line, &["\tLeader: <broker>\tReplicas: <3 brokers>\tIsr: <1 brokers>\tElr: \tLastKnownElr: "]);
        check_several("Leader: none\tIsr: ", &["Leader: none\tIsr: "]);
        check_several("g  localhost:20001  (2)  x", &["g {bootstrap} (<broker>) x"]);
        check(line, &[line]);
    }

    #[test]
    fn offsets_of_the_metadata_log_are_no_difference() {
        check("HighWatermark:          74\n", &["HighWatermark:          <offset>"]);
        check("LeaderEpoch:            1\n", &["LeaderEpoch:            1"]);
        check(
            "Feature: x  FinalizedVersionLevel: 0   Epoch: 73",
            &["Feature: x  FinalizedVersionLevel: 0   Epoch: <offset>"],
        );
        check("0   \tAAA\t74  \t0 \tLeader\t", &["0\tAAA\t<offset>\t0\tLeader\t"]);
        check("0          localhost 27000      x", &["0          localhost <port>      x"]);
    }

    #[test]
    fn members_are_sorted() {
        let member = |name: &str| format!("g {name}-1b2c3d4e-5f60-4a7b-8c9d-0e1f2a3b4c5d x\n");
        check(&["H\n".to_owned(), member("b"), member("a")].concat(), &["H", "g a-<uuid> x", "g b-<uuid> x"]);
    }

    #[test]
    fn sets_are_sorted() {
        check(r#"Option combination "[[b-c], [a]]" no"#, &[r#"Option combination "[[a], [b-c]]" no"#]);
        check("takes [topic], [group]", &["takes [group], [topic]"]);
        check("[single]", &["[single]"]);
        check("Valid types are: Consumer, Classic", &["Valid types are: Classic, Consumer"]);
    }

    #[test]
    fn log_directories_of_a_broker_are_sorted() {
        let directory = |name: &str, partitions: &str| {
            format!("{{\"partitions\":[{partitions}],\"error\":null,\"logDir\":\"{name}\"}}")
        };
        let brokers = |first: &str, second: &str, other: &str| {
            format!(
                "{{\"brokers\":[{{\"broker\":0,\"logDirs\":[{first},{second}]}},{{\"broker\":1,\"logDirs\":[{other}]}}],\"version\":1}}"
            )
        };
        let (a, b) = (directory("/a", "{\"partition\":\"x-0\"}"), directory("/b", ""));
        check(&brokers(&b, &a, &a), &[&brokers(&a, &b, &a)]);
        check(&brokers(&a, &b, &b), &[&brokers(&a, &b, &b)]);
    }

    #[test]
    fn repeated_log_lines_fold() {
        let log = |second: u8, text: &str| format!("[2026-01-02 03:04:0{second},678] WARN {text}\n");
        let text = [log(1, "a"), log(2, "b"), log(3, "a"), log(4, "b"), "x\n".to_owned(), log(5, "a")].concat();
        check(&text, &["[<time>] WARN a", "[<time>] WARN b", "x", "[<time>] WARN a"]);
        check("x\nx\n", &["x", "x"]);
    }

    const TABLE: &str = "Missing required argument\nOption                    Description      \n------                    -----------      \n\
                         --alter                   Words            \n--config <String: name=   More words       \n  value>                    and more       \n                          still more       \n";

    #[test]
    fn a_table_of_options_is_mentioned() {
        check(TABLE, &["Missing required argument", "<options>"]);
    }

    #[test]
    fn of_a_help_text_the_names_stay() {
        let check = |text: &str, expect: &[&str]| assert_eq!(normalize(text, &places(false), Usage::Names), expect);
        check(TABLE, &["<description>", "Option", "------", "--alter", "--config <String: name=", "  value>"]);
        let help = "usage: kafka-x [-h] {a,b}\n           ...\n\nThis tool\nhelps.\n\npositional arguments:\n  {a,b}\n    a                    Does a\n                         and more\n\noptional arguments:\n  -h, --help             show\n";
        check(
            help,
            &[
                "usage: kafka-x [-h] {a,b}",
                "           ...",
                "",
                "<description>",
                "",
                "positional arguments:",
                "  {a,b}",
                "    a",
                "",
                "optional arguments:",
                "  -h, --help",
            ],
        );
    }
}
