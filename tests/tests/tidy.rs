//! What DESIGN says of the source itself: who may import whom, which crates the core may have, sizes, and things that
//! must not be in it. Exceptions stand here with their reason; one that is no longer needed fails too.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Modules of the core, lowest first; a module may import those of its own row and of rows above it.
const LAYERS: &[&[&str]] = &[
    &["sorted", "apart", "time", "ids", "text", "rng", "event", "java", "scram"],
    &["config", "protocol", "record"],
    &["log"],
    &["replication", "raft", "metadata", "coordinator", "controller", "quota"],
    &["purgatory", "node"],
    &["client", "cli", "shell", "sim"],
];

/// Imports of the core against the direction: who, whom, why.
const AGAINST_THE_DIRECTION: &[(&str, &str, &str)] = &[(
    "replication",
    "purgatory",
    "delayed operations are the replica manager's own; purgatory itself knows only time",
)];

/// Everything the core may depend on, build scripts and features included; and whether it is `no_std` there.
const CORE_CRATES: &[(&str, &str)] = &[
    ("broker-core", "no_std"),
    ("bytes", "no_std"),
    ("once_cell", "no_std, tables made when first needed"),
    ("serde", "no_std, for hosts that send events on"),
    ("adler2", "no_std"),
    ("block-buffer", "no_std"),
    ("cfg-if", "no_std"),
    ("cmov", "no_std"),
    ("cpufeatures", "no_std, not in wasm"),
    ("crypto-common", "no_std"),
    ("ctutils", "no_std"),
    ("digest", "no_std"),
    ("hmac", "no_std"),
    ("hybrid-array", "no_std"),
    ("sha2", "no_std"),
    ("typenum", "no_std"),
    ("lz4_flex", "no_std"),
    ("miniz_oxide", "no_std"),
    ("ruzstd", "no_std"),
    ("snap", "uses std for its errors"),
    ("twox-hash", "no_std"),
    ("regex-lite", "needs std for a mutex"),
    ("serde_json", "no_std"),
    ("itoa", "no_std"),
    ("memchr", "no_std"),
    ("zmij", "no_std"),
    ("serde_core", "no_std"),
    ("serde_derive", "runs in the compiler"),
    ("proc-macro2", "runs in the compiler"),
    ("quote", "runs in the compiler"),
    ("syn", "runs in the compiler"),
    ("unicode-ident", "runs in the compiler"),
];

/// Files of the page that know a worker without the bridge: to become fewer.
const PAGE_KNOWS_WORKERS: &[&str] = &["web/src/ui/store/actions.rs", "web/src/ui/store/traffic.rs"];

/// Lines a file may have.
const MAX_LINES: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above").to_owned()
}

/// Files below a folder of the repository with one of the endings, as path from the root with `/`, and text.
fn files(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["target", "pkg", "node_modules"].contains(&name.as_str()) && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let from_root = path.strip_prefix(root()).expect("below the root");
                let from_root = from_root.to_string_lossy().replace('\\', "/");
                found.push((from_root, fs::read_to_string(&path).expect("a text file")));
            }
        }
    }
    found.sort();
    found
}

fn all_files(endings: &[&str]) -> Vec<(String, String)> {
    ["core", "web", "www", "tests", "xtask"].into_iter().flat_map(|folder| files(folder, endings)).collect()
}

/// A source without its comment lines.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).fold(String::new(), |mut code, line| {
        let _infallible = writeln!(code, "{line}");
        code
    })
}

/// The first names after each `crate::`, also those of `crate::{a::…, b}`.
fn crate_imports(code: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = BTreeSet::new();
    for (at, prefix) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.insert(word(rest));
            continue;
        };
        let mut depth = 0_usize;
        let mut first = true;
        for (index, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => first = true,
                c if first && depth == 0 && c.is_alphabetic() => {
                    names.insert(word(&group[index..]));
                    first = false;
                }
                _ => {}
            }
        }
    }
    names
}

fn report(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

#[test]
fn imports_are_found_in_every_form() {
    let code = "use crate::ids::X;\nuse crate::{log::{A, b}, time};\nfn f() { crate::raft::g() }\nuse othercrate::no;";
    assert_eq!(crate_imports(code).into_iter().collect::<Vec<_>>(), ["ids", "log", "raft", "time"]);
}

#[test]
fn the_core_imports_only_downwards() {
    let layer = |module: &str| LAYERS.iter().position(|row| row.contains(&module));
    let mut against = BTreeSet::new();
    let mut wrong = Vec::new();
    for (path, text) in files("core/src", &[".rs"]) {
        let inner = path.strip_prefix("core/src/").expect("asked for");
        let module = inner.split('/').next().unwrap_or(inner).trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let Some(own) = layer(module) else {
            wrong.push(format!("{path}: {module} has no place in LAYERS"));
            continue;
        };
        for import in crate_imports(&code(&text)) {
            if layer(&import).is_some_and(|other| other > own) || (import == "sim" && module != "sim") {
                if AGAINST_THE_DIRECTION.iter().any(|(who, whom, _)| *who == module && *whom == import) {
                    against.insert((module.to_owned(), import));
                } else {
                    wrong.push(format!("{path}: {module} imports {import}"));
                }
            }
        }
    }
    for (who, whom, _) in AGAINST_THE_DIRECTION {
        if !against.contains(&((*who).to_owned(), (*whom).to_owned())) {
            wrong.push(format!("{who} no longer imports {whom}: take it out of AGAINST_THE_DIRECTION"));
        }
    }
    report("imports against the direction", &wrong);
}

#[test]
fn the_core_depends_on_nothing_it_should_not() {
    let arguments = ["tree", "-p", "broker-core", "--all-features", "--edges", "normal,build", "--prefix", "none"];
    let mut command = Command::new(env!("CARGO"));
    let output = command.args(arguments).args(["--no-dedupe", "--locked"]).current_dir(root()).output().expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8_lossy(&output.stdout);
    let names: BTreeSet<&str> = names.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let allowed: BTreeSet<&str> = CORE_CRATES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, allowed, "the crates of the core and CORE_CRATES differ");
}

#[test]
fn page_and_workers_meet_only_in_the_bridge() {
    let mut wrong = Vec::new();
    let mut exceptions = BTreeSet::new();
    for (path, text) in files("web/src", &[".rs"]) {
        let code = code(&text);
        let imports = crate_imports(&code);
        if path.starts_with("web/src/worker/") && (code.contains("leptos") || imports.contains("ui")) {
            wrong.push(format!("{path}: a worker knows the page"));
        }
        if path.starts_with("web/src/ui/") && imports.contains("worker") {
            if PAGE_KNOWS_WORKERS.contains(&path.as_str()) {
                exceptions.insert(path);
            } else {
                wrong.push(format!("{path}: the page imports a worker"));
            }
        }
    }
    for path in PAGE_KNOWS_WORKERS {
        if !exceptions.contains(*path) {
            wrong.push(format!("{path} is clean: take it out of PAGE_KNOWS_WORKERS"));
        }
    }
    report("page and workers", &wrong);
}

#[test]
fn each_browser_api_that_stores_or_sends_is_in_one_file() {
    // A name of the API itself, and where alone it may be written.
    let places = [
        ("Idb", "web/src/indexed_db.rs"),
        ("getDirectory", "web/src/journal_file.rs"),
        (".post_message", "web/src/post_message.rs"),
    ];
    let mut wrong = Vec::new();
    for (path, text) in files("web/src", &[".rs"]) {
        let code = code(&text);
        for (name, place) in places {
            let used = code.match_indices(name).any(|(at, _)| {
                let before = code[..at].chars().next_back();
                name.starts_with('.') || before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
            });
            if used && path != place {
                wrong.push(format!("{path}: {name} belongs into {place}"));
            }
        }
    }
    report("browser APIs", &wrong);
}

#[test]
fn no_file_is_too_long() {
    let long = all_files(&[".rs", ".js", ".css", ".html"]).into_iter().filter_map(|(path, text)| {
        let lines = text.lines().count();
        (lines > MAX_LINES).then(|| format!("{path}: {lines} lines"))
    });
    report("files above 800 lines", &long.collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_undone_or_tied_to_a_machine() {
    // In two pieces each, or this file would be found.
    let pieces = [
        ("todo", "!("),
        ("unimplemented", "!("),
        ("#[ign", "ore"),
        ("/ho", "me/"),
        ("/ro", "ot/"),
        ("/Us", "ers/"),
        ("C:\\", "Users"),
        ("/wo", "rk/"),
    ];
    let mut wrong = Vec::new();
    for (path, text) in all_files(&[".rs", ".js", ".css", ".html", ".toml", ".md"]) {
        for (number, line) in text.lines().enumerate() {
            for (left, right) in pieces {
                // A path begins a word; `network/…` and `a/work/b` are none.
                let is_path = left.starts_with('/');
                let found = line.match_indices(&format!("{left}{right}")).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    !is_path || before.is_none_or(|c| !c.is_alphanumeric() && !"/._-}".contains(c))
                });
                if found {
                    wrong.push(format!("{path}:{}: {left}{right}", number + 1));
                }
            }
        }
    }
    report("unfinished, or tied to a machine", &wrong);
}

#[test]
fn every_event_is_worded_in_both_languages() {
    let read = |path: &str| fs::read_to_string(root().join(path)).expect("it is there");
    let events = read("core/src/event.rs");
    let body = events.split("pub enum Event {").nth(1).and_then(|rest| rest.split("\n}").next()).expect("the enum");
    let variants = body
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()) && line.ends_with([',', '{', '(']));
    let variants: Vec<&str> = variants.map(|line| line.trim_end_matches(|c: char| !c.is_alphanumeric())).collect();
    assert!(variants.len() > 15, "{variants:?}");
    let mut wrong = Vec::new();
    for language in ["web/src/ui/messages/en.rs", "web/src/ui/messages/ko.rs"] {
        let words = read(language);
        for variant in &variants {
            let name = format!("Event::{variant}");
            let is_worded = words.match_indices(&name).any(|(at, name)| {
                words[at + name.len()..].chars().next().is_none_or(|c| !c.is_alphanumeric() && c != '_')
            });
            if !is_worded {
                wrong.push(format!("{language}: {name}"));
            }
        }
    }
    report("events without words", &wrong);
}

#[test]
fn a_typed_config_is_read_by_somebody() {
    let sections = ["broker_sections.rs", "topic_config.rs"].map(|file| format!("core/src/config/{file}"));
    let sources = files("core/src", &[".rs"]);
    let (own, others): (Vec<_>, Vec<_>) =
        sources.into_iter().partition(|(path, _)| path.starts_with("core/src/config/"));
    let others: String = others.into_iter().map(|(_, text)| code(&text)).collect();
    let tables: String =
        own.iter().filter(|(path, _)| path.contains("/table/")).map(|(_, text)| text.as_str()).collect();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, text) in own.iter().filter(|(path, _)| sections.contains(path)) {
        // `field: values.int("some.key"),`
        for line in text.lines() {
            let Some((field, rest)) = line.trim().split_once(": values.") else { continue };
            let Some(key) = rest.split('"').nth(1) else { continue };
            count += 1;
            if !others.contains(&format!(".{field}")) {
                wrong.push(format!("{path}: nobody reads {field}, which is {key}"));
            }
            let row = tables.lines().find(|line| line.contains(&format!("key(\"{key}\"")));
            if row.is_none_or(|row| !row.contains("ACTED_ON")) {
                wrong.push(format!("{path}: {key} acts, and its table does not say so"));
            }
        }
    }
    assert!(count > 50, "only {count} configs were found");
    report("configs", &wrong);
}
