//! What is as in Apache Kafka and what is not, put together from the tables that say so: `docs/fidelity.md` for readers of the
//! sources, `www/fidelity.html` for visitors of the page.

use crate::fidelity_korean::KOREAN;
use crate::oracle::differences::{Known, known_differences};
use broker_core::config::key::ConfigKey;
use broker_core::config::playground::{BROKERS, deviations};
use broker_core::config::table::{broker_keys, topic_keys};
use broker_core::protocol::ApiKey;
use broker_core::protocol::api_versions::{Listener, ReleaseLine, listed_apis};
use broker_core::protocol::messages::api_versions_response::ApiVersion;
use broker_core::record::compression::DEVIATIONS;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

/// The same words in English and in Korean.
type Words = [&'static str; 2];

/// A part of the table.
struct Section {
    title: Words,
    words: Words,
    head: Vec<Words>,
    /// Cells as code, but for those of the columns in `prose`.
    rows: Vec<Vec<String>>,
    prose: &'static [usize],
}

/// The table as Markdown, and as a page of its own.
///
/// # Errors
/// What Kafka's own tools printed, or the list of differences, is not there or cannot be read; a sentence has no Korean.
pub fn fidelity() -> io::Result<(String, String)> {
    let sections = [playground(), tools()?, clients(), apis()?, configs(false), configs(true)];
    Ok((markdown(&sections), html(&sections)?))
}

const TITLE: Words = ["What differs from Apache Kafka 4.3", "Apache Kafka 4.3과 다른 점"];
const INTRO: Words = [
    "Brokers, clients and tools speak Kafka's protocol and are compared with Apache Kafka 4.3.0 itself. What is not built is absent, or \
     answers with Kafka's own error. This list is made from the tables that the brokers and the tests use.",
    "브로커, 클라이언트, 도구는 카프카 프로토콜을 그대로 쓰며 Apache Kafka 4.3.0과 직접 비교합니다. 아직 만들지 않은 기능은 없거나 카프카의 \
     오류로 답합니다. 이 목록은 브로커와 테스트가 쓰는 표에서 만들어집니다.",
];

/// A sentence of the tables in both languages.
///
/// # Errors
/// Nobody wrote it in Korean.
fn in_both(sentence: &str) -> io::Result<[&str; 2]> {
    let korean = KOREAN.iter().find(|(english, _)| *english == sentence).map(|(_, korean)| *korean);
    Ok([sentence, korean.ok_or_else(|| io::Error::other(format!("no Korean in fidelity_korean.rs: {sentence}")))?])
}

/// What Kafka's brokers list, by name: the first and the last version.
fn listed_by_kafka() -> io::Result<BTreeMap<String, (i16, i16)>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/cli/one_node/cluster.txt");
    let text = fs::read_to_string(path)?;
    let mut listed = BTreeMap::new();
    for line in text.lines().filter(|line| line.contains(" [usable: ")) {
        let api = line.trim_start_matches("1> ").trim();
        let parsed = api.split_once("): ").and_then(|(name, versions)| {
            let (name, _) = name.split_once('(')?;
            let (versions, _) = versions.split_once(" [")?;
            let (first, last) = versions.split_once(" to ").unwrap_or((versions, versions));
            Some((name.to_owned(), (first.parse().ok()?, last.parse().ok()?)))
        });
        let (name, versions) = parsed.ok_or_else(|| io::Error::other(format!("no API in {line}")))?;
        listed.insert(name, versions);
    }
    Ok(listed)
}

fn apis() -> io::Result<Section> {
    let ours = listed_apis(ReleaseLine::V4_3, Listener::Broker);
    let of_name = |name: &str| {
        let is_this = |api: &&ApiVersion| ApiKey::from_code(api.api_key).is_some_and(|key| key.name() == name);
        ours.iter().find(is_this).map(|api| (api.min_version, api.max_version))
    };
    let text = |(first, last): (i16, i16)| format!("{first}–{last}");
    let listed = listed_by_kafka()?.into_iter();
    let rows = listed.map(|(name, versions)| {
        let here = of_name(&name).map_or_else(|| "–".to_owned(), text);
        vec![name, text(versions), here]
    });
    // What both have alike needs no row.
    let rows = rows.filter(|row| row[1] != row[2]).collect();
    Ok(Section {
        title: ["APIs of a broker", "브로커의 API"],
        words: [
            "Versions that a broker announces in ApiVersions, where they are not the same. All others are as in Kafka.",
            "브로커가 ApiVersions로 알리는 버전 가운데 카프카와 다른 것입니다. 나머지는 모두 같습니다.",
        ],
        head: vec![["API", "API"], ["Kafka 4.3", "Kafka 4.3"], ["here", "여기"]],
        rows,
        prose: &[],
    })
}

fn playground() -> Section {
    let row = |one: broker_core::config::playground::Deviation| {
        vec![one.key.to_owned(), one.kafka.to_owned(), one.playground, one.why.to_owned()]
    };
    Section {
        title: ["Settings of the playground's brokers", "플레이그라운드 브로커의 설정"],
        words: [
            "The three brokers of the page are started from config/playground/server-N.properties; there these are not Kafka's defaults. \
             Files of one's own have Kafka's.",
            "페이지의 브로커 세 대는 config/playground/server-N.properties로 시작하며, 아래 값은 카프카 기본값과 다릅니다. 직접 만든 파일에는 카프카 \
             기본값이 적용됩니다.",
        ],
        head: vec![["key", "키"], ["Kafka's default", "카프카 기본값"], ["here", "여기"], ["why", "이유"]],
        rows: deviations(BROKERS).into_iter().map(row).collect(),
        prose: &[3],
    }
}

fn configs(of_topics: bool) -> Section {
    let keys: Vec<&ConfigKey> = if of_topics { topic_keys().collect() } else { broker_keys().collect() };
    let mut rows: Vec<Vec<String>> = keys
        .iter()
        .filter(|key| !key.internal && !key.acted_on)
        .map(|key| vec![key.name.to_owned(), key.documentation.to_owned()])
        .collect();
    rows.sort();
    let title = if of_topics {
        ["Configurations of topics: read, not acted on", "토픽 설정: 읽지만 적용하지 않음"]
    } else {
        ["Configurations of brokers: read, not acted on", "브로커 설정: 읽지만 적용하지 않음"]
    };
    Section {
        title,
        words: [
            "Known, checked and shown as Kafka does, and without effect here. Every other key of Kafka 4.3 has its effect.",
            "카프카처럼 알고 검사하고 보여 주지만 여기서는 효과가 없습니다. 카프카 4.3의 나머지 키는 모두 적용됩니다.",
        ],
        head: vec![["key", "키"], ["what it is for in Kafka", "카프카에서의 용도"]],
        rows,
        prose: &[1],
    }
}

fn clients() -> Section {
    let row = |(key, what): (&str, &str)| vec![key.to_owned(), what.to_owned()];
    Section {
        title: ["Configurations of producers and consumers", "프로듀서와 컨슈머의 설정"],
        words: [
            "What these have for an effect in the clients of the page and in the tools, where it is not quite Kafka's.",
            "페이지의 클라이언트와 도구에서 카프카와 조금 다르게 동작하는 설정입니다.",
        ],
        head: vec![["key", "키"], ["here", "여기"]],
        rows: DEVIATIONS.into_iter().map(row).collect(),
        prose: &[1],
    }
}

fn tools() -> io::Result<Section> {
    // The same reason once, with all of its command lines.
    let mut reasons: Vec<(String, BTreeSet<String>)> = Vec::new();
    for Known { line, why, .. } in known_differences()? {
        let line = line.replace("{bootstrap}", "localhost:9092").replace("{controller}", "localhost:19092");
        let line = line.replace("{dir}/", "");
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, lines)) => _ = lines.insert(line),
            None => reasons.push((why, BTreeSet::from([line]))),
        }
    }
    let row = |(why, lines): (String, BTreeSet<String>)| vec![lines.into_iter().collect::<Vec<_>>().join("\n"), why];
    Ok(Section {
        title: ["Command lines that print something else", "출력이 다른 명령"],
        words: [
            "Of the command lines that are compared with Kafka's own tools, those whose output or exit code is not the same, on our \
             cluster or on Kafka's.",
            "카프카의 도구와 비교하는 명령 가운데, 우리 클러스터나 카프카 클러스터에서 출력 또는 종료 코드가 다른 것입니다.",
        ],
        head: vec![["command", "명령"], ["why", "이유"]],
        rows: reasons.into_iter().map(row).collect(),
        prose: &[1],
    })
}

fn markdown(sections: &[Section]) -> String {
    let mut text = format!("# {}\n\n{}\n", TITLE[0], INTRO[0]);
    let cell = |text: &str| text.replace('|', "\\|");
    for section in sections {
        let _ = write!(text, "\n## {}\n\n{}\n\n", section.title[0], section.words[0]);
        let heads: Vec<&str> = section.head.iter().map(|words| words[0]).collect();
        let _ = writeln!(text, "| {} |\n|{}", heads.join(" | "), " --- |".repeat(heads.len()));
        for row in &section.rows {
            let cells = row.iter().enumerate().map(|(column, text)| match text.as_str() {
                "" => String::new(),
                text if section.prose.contains(&column) => cell(text),
                text => text.lines().map(|line| format!("`{}`", cell(line))).collect::<Vec<_>>().join("<br>"),
            });
            let _ = writeln!(text, "| {} |", cells.collect::<Vec<_>>().join(" | "));
        }
    }
    text
}

/// Lets a name that is too long for its column break between its words.
fn breakable(text: &str) -> String {
    let mut shown = String::new();
    let mut before = ' ';
    for letter in text.chars() {
        let is_between = before == '.' || before == '_' || (before.is_ascii_lowercase() && letter.is_ascii_uppercase());
        if is_between && !text.contains(' ') {
            shown += "<wbr>";
        }
        shown.push(letter);
        before = letter;
    }
    shown
}

fn html(sections: &[Section]) -> io::Result<String> {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let both = |tag: &str, words: [&str; 2]| {
        format!("<{tag} lang=\"en\">{}</{tag}><{tag} lang=\"ko\">{}</{tag}>\n", escaped(words[0]), escaped(words[1]))
    };
    let mut body = both("h1", TITLE) + &both("p", INTRO);
    for section in sections {
        body += &both("h2", section.title);
        body += &both("p", section.words);
        body += "<div class=\"wide\"><table>\n<thead><tr>";
        for words in &section.head {
            let _ = write!(body, "<th>{}</th>", both("span", *words).trim_end());
        }
        body += "</tr></thead>\n<tbody>\n";
        for row in &section.rows {
            body += "<tr>";
            for (column, text) in row.iter().enumerate() {
                if section.prose.contains(&column) {
                    let _ = write!(body, "<td>{}</td>", both("span", in_both(text)?).trim_end());
                } else {
                    let _ = write!(body, "<td class=\"data\">{}</td>", breakable(&escaped(text)));
                }
            }
            body += "</tr>\n";
        }
        body += "</tbody></table></div>\n";
    }
    Ok(PAGE.replace("{{title}}", TITLE[0]).replace("{{body}}", &body))
}

/// The frame of the page: it speaks the language and wears the theme that were chosen in the playground.
const PAGE: &str = include_str!("fidelity.html");
