//! Arguments as argparse4j reads them; the words are Kafka's, recorded in the golden files as well.

use super::{Arguments, Command, Group, Parser, Stopped, append, store, store_true};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

const PARSER: Parser = Parser {
    name: "tool",
    description: "What it is for.",
    arguments: &[store(&["--config"], "A file.")],
    groups: &[],
    commands: &[
        Command {
            name: "list",
            help: "Lists.",
            description: "",
            arguments: &[
                store(&["--server", "-s"], "Servers.").in_group(0),
                store(&["--controller", "-C"], "Controllers.").in_group(0),
                append(&["--feature", "-f"], "A feature, as often as there are features to be named."),
                store(&["--id"], "").integer().required(),
                store_true(&["--dry-run"], "").in_group(1),
            ],
            groups: &[Group::Exclusive { is_required: false }, Group::Titled("Care")],
        },
        Command { name: "lint", help: "", description: "", arguments: &[], groups: &[] },
    ],
    command_name: "",
    width: super::WIDTH,
};

fn parse(line: &str) -> Result<Arguments, Stopped> {
    PARSER.parse(&line.split(' ').filter(|word| !word.is_empty()).map(ToString::to_string).collect::<Vec<_>>())
}

#[test]
fn arguments_are_read() {
    for (line, expected) in [
        ("list --id 3", "list 3"),
        ("lis --id=3", "list 3"),
        ("--config x list --id 3", "list 3 x"),
        ("list --id 3 --feature a --feature=b -fc -f d", "list 3 a b c d"),
        ("list --id -3 --dry", "list -3 dry"),
        ("list --id 1 --id 2", "list 2"),
        ("lint", "lint"),
    ] {
        let given = parse(line).unwrap_or_else(|stopped| panic!("{line}: {stopped}"));
        let mut words: Vec<String> = [given.command.to_string()].into();
        words.extend(given.integer("id").map(|id| id.to_string()));
        words.extend(given.value("config").map(String::from));
        words.extend(given.values("feature").map(String::from));
        words.extend(given.has("dry-run").then(|| "dry".to_string()));
        assert_eq!(words.join(" "), expected, "{line}");
    }
}

#[test]
fn mistakes_are_told_in_argparse4js_words() {
    for (line, message) in [
        ("", "too few arguments"),
        ("l", "ambiguous command: l could match lint, list"),
        ("walk", "invalid choice: 'walk' (choose from 'list', 'lint')"),
        ("list", "argument --id is required"),
        ("list --id x", "argument --id: could not convert 'x' to Integer (For input string: \"x\")"),
        ("list --id", "argument --id: expected one argument"),
        ("list --id --", "argument --id: expected one argument"),
        ("list --id 1 -s a -C b", "argument --controller/-C: not allowed with argument --server/-s"),
        ("list --id 1 --dry-run=no", "argument --dry-run: ignore implicit argument 'no'"),
        ("list --id 1 a b", "unrecognized arguments: 'a b'"),
        ("list --id 1 -x", "unrecognized arguments: '-x'"),
        ("list -- --id", "unrecognized arguments: '--id'"),
        ("lint --co", "unrecognized arguments: '--co'"),
        ("list --", "argument --id is required"),
        ("-- list", "unrecognized arguments: 'list'"),
    ] {
        match parse(line) {
            Err(Stopped::Wrong { message: told, .. }) => assert_eq!(told, message, "{line}"),
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn a_mistake_is_shown_with_the_usage_and_what_was_meant() {
    let Err(Stopped::Wrong { shown, .. }) = parse("list --id 1 --serve") else { panic!("no mistake") };
    assert!(!shown.contains("Did you mean"), "an abbreviation is none: {shown}");
    let Err(Stopped::Wrong { shown, .. }) = parse("list --id 1 --servre x") else { panic!("no mistake") };
    assert_eq!(
        shown,
        "usage: tool list [-h] [--feature FEATURE] --id ID [--dry-run]\n            [--server SERVER | --controller CONTROLLER]\n\
         tool: error: unrecognized arguments: '--servre'\n\nDid you mean:\n\t--server\n"
    );
}

#[test]
fn help_comes_before_what_is_missing() {
    let Err(Stopped::Help(help)) = parse("list --help") else { panic!("no help") };
    let expected = "\
usage: tool list [-h] [--feature FEATURE] --id ID [--dry-run]
            [--server SERVER | --controller CONTROLLER]

optional arguments:
  -h, --help             Print this help and exit.
  --server SERVER, -s SERVER
                         Servers.
  --controller CONTROLLER, -C CONTROLLER
                         Controllers.
  --feature FEATURE, -f FEATURE
                         A feature, as often  as  there  are features to be
                         named.
  --id ID

Care:
  --dry-run
";
    assert_eq!(help, expected);
}
