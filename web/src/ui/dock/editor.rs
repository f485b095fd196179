//! The editor of a file, beside the terminals. A `server.properties` is checked while one types, by the table and with the words
//! of Kafka's configuration.

use crate::ui::store::Store;
use broker_core::config::key::{ConfigKey, DefaultValue};
use broker_core::config::table::{broker_key, broker_keys};
use broker_core::config::{BrokerConfig, ConfigWarning, Properties};
use leptos::html::{Pre, Textarea};
use leptos::prelude::*;
use web_sys::HtmlTextAreaElement;

/// Pixels of a line; the style sheet has the same.
const LINE: f64 = 20.0;

/// Something about a line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    /// From 1; 0 for the file as a whole.
    line: u32,
    is_error: bool,
    words: String,
}

/// The editor; nothing while no file is open.
#[component]
pub(super) fn Editor() -> impl IntoView {
    let store = Store::get();
    let opened = move || store.edited.with(|edited| edited.as_ref().map(|(path, _)| path.clone()));
    view! {
        <Show when=move || store.edited.with(Option::is_some)>
            {move || opened().map(|path| editor_view(store, path))}
        </Show>
    }
    .into_any()
}

fn editor_view(store: Store, path: String) -> AnyView {
    let (content, refused) =
        match store.edited.with_untracked(|edited| edited.as_ref().map(|(_, content)| content.clone())) {
            Some(Ok(content)) => (content, None),
            Some(Err(reason)) => (String::new(), Some(reason)),
            None => (String::new(), None),
        };
    let text = RwSignal::new(content.clone());
    let saved = RwSignal::new(content.clone());
    let answer = RwSignal::new(refused);
    let line = RwSignal::new(1_u32);
    let candidates = RwSignal::new(Vec::<&'static str>::new());
    let (area, marks) = (NodeRef::<Textarea>::new(), NodeRef::<Pre>::new());
    let is_checked = is_server_properties(&path);
    let findings = Memo::new(move |_| if is_checked { check(store, &text.read()) } else { Vec::new() });
    let is_changed = Memo::new(move |_| *text.read() != *saved.read());
    let save = {
        let path = path.clone();
        move || {
            let content = text.get_untracked();
            let written = content.clone();
            store.write_file(&path, content.into_bytes(), move |result| match result {
                Ok(()) => {
                    saved.set(written);
                    answer.set(None);
                }
                Err(reason) => answer.set(Some(reason)),
            });
        }
    };
    let save_by_key = save.clone();
    let key = move |event: web_sys::KeyboardEvent| {
        let Some(area) = area.get_untracked() else { return };
        let is_handled = match event.key().as_str() {
            "s" if event.ctrl_key() || event.meta_key() => {
                save_by_key();
                true
            }
            "Tab" if is_checked && !event.shift_key() => complete(&area, text, candidates),
            _ => false,
        };
        if is_handled {
            event.prevent_default();
        }
    };
    let moved = move || {
        if let Some(area) = area.get_untracked() {
            line.set(line_of(&area.value(), area.selection_start().ok().flatten().unwrap_or(0)));
        }
    };
    let hovered = move |event: web_sys::MouseEvent| {
        if let Some(area) = area.get_untracked() {
            let down = f64::from(event.offset_y() + area.scroll_top()) / LINE;
            line.set(down.max(0.0) as u32 + 1);
        }
    };
    let scrolled = move |_| {
        if let (Some(area), Some(marks)) = (area.get_untracked(), marks.get_untracked()) {
            marks.set_scroll_top(area.scroll_top());
            marks.set_scroll_left(area.scroll_left());
        }
    };
    let marked = move || {
        let findings = findings.get();
        let marked_line = |(number, text): (u32, &str)| {
            let found = findings.iter().filter(|finding| finding.line == number);
            let class = match found.map(|finding| finding.is_error).max() {
                Some(true) => "wrong",
                Some(false) => "doubtful",
                None => "",
            };
            view! { <span class=class>{format!("{text}\n")}</span> }.into_any()
        };
        text.with(|text| (1..).zip(text.split('\n')).map(marked_line).collect::<Vec<_>>())
    };
    let explained = move || {
        let text = text.read();
        let at = text.split('\n').nth(line.get() as usize - 1)?;
        is_checked.then(|| broker_key(at.split(['=', ':', ' ']).next()?.trim()).map(|key| explanation(store, key)))?
    };
    let close = move |_| store.edited.set(None);
    let downloaded = path.clone();
    view! {
        <section class="editor" aria-label=path.clone()>
            <header>
                <b class="data title">{path.clone()}</b>
                <span class="state" class:warn=is_changed>
                    {move || if is_changed.get() { store.words().not_written } else { store.words().written }}
                </span>
                <button class="quiet" on:click=move |_| store.download(downloaded.clone())>
                    {store.say(|words| words.download)}
                </button>
                <button class="filled" on:click=move |_| save()>{store.say(|words| words.write_file)}</button>
                <button class="quiet" on:click=close title=store.say(|words| words.close)>"×"</button>
            </header>
            <div class="written" lang="en">
                <pre class="marks" aria-hidden="true" node_ref=marks>{marked}</pre>
                <textarea
                    node_ref=area
                    spellcheck="false"
                    autocapitalize="off"
                    aria-label=path.clone()
                    prop:value=content
                    on:input=move |event| {
                        text.set(event_target_value(&event));
                        candidates.set(Vec::new());
                        moved();
                    }
                    on:keydown=key
                    on:keyup=move |_| moved()
                    on:click=move |_| moved()
                    on:mousemove=hovered
                    on:scroll=scrolled
                ></textarea>
            </div>
            <div class="findings">
                <p class="answer err" hidden=move || answer.with(Option::is_none)>{move || answer.get()}</p>
                <p class="data" hidden=move || candidates.with(Vec::is_empty)>{move || candidates.get().join("  ")}</p>
                <p class="facts" hidden=move || explained().is_none()>{explained}</p>
                <ul>
                    {move || findings.get().into_iter().map(finding_view).collect::<Vec<_>>()}
                </ul>
            </div>
        </section>
    }
    .into_any()
}

fn finding_view(finding: Finding) -> AnyView {
    let class = if finding.is_error { "answer err" } else { "answer" };
    let place = if finding.line == 0 { String::new() } else { format!("{}: ", finding.line) };
    view! { <li class=class>{place}{finding.words}</li> }.into_any()
}

/// Files of brokers and controllers; clients have keys of their own.
fn is_server_properties(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_other = ["producer", "consumer", "client", "admin", "zookeeper", "connect", "tools"];
    name.ends_with(".properties") && !is_other.iter().any(|other| name.starts_with(other))
}

/// What Kafka would say of the file.
fn check(store: Store, text: &str) -> Vec<Finding> {
    let properties = match Properties::parse(text) {
        Ok(properties) => properties,
        Err(error) => {
            let words = error.message.to_string();
            return vec![Finding { line: error.line.unwrap_or(0), is_error: true, words }];
        }
    };
    let mut findings = Vec::new();
    if let Err(error) = BrokerConfig::from_properties(&properties) {
        let line = error.key.as_ref().and_then(|key| properties.property(key)).map(|property| property.line);
        let line = error.line.or(line).unwrap_or(0);
        findings.push(Finding { line, is_error: true, words: error.message.to_string() });
    }
    for warning in BrokerConfig::warnings(&properties) {
        let words = store.words();
        let (line, words) = match warning {
            ConfigWarning::Unknown { key, line } => (line, (words.unknown_key)(&key)),
            ConfigWarning::NotActedOn { key, line } => (line, (words.not_acted_on)(&key)),
            ConfigWarning::Repeated { key, line } => (line, (words.set_again)(&key)),
        };
        findings.push(Finding { line, is_error: false, words });
    }
    findings
}

/// Type, default and meaning of a key.
fn explanation(store: Store, key: &ConfigKey) -> String {
    let default = match key.default {
        DefaultValue::Required => store.words().must_be_set.to_owned(),
        DefaultValue::Unset => "null".to_owned(),
        DefaultValue::Text(text) => format!("= {text}"),
    };
    let (name, kind, mode) = (key.name, key.value_type.name(), key.update_mode.name());
    format!("{name} · {kind} · {default} · {mode} — {}", key.documentation)
}

/// The line of a position, from 1.
fn line_of(text: &str, at: u32) -> u32 {
    let before = text.encode_utf16().take(at as usize).filter(|unit| *unit == u16::from(b'\n'));
    before.count() as u32 + 1
}

/// Completes a key at the beginning of a line, or its value; false where there is nothing to complete.
fn complete(area: &HtmlTextAreaElement, text: RwSignal<String>, candidates: RwSignal<Vec<&'static str>>) -> bool {
    let value: Vec<u16> = area.value().encode_utf16().collect();
    let at = area.selection_start().ok().flatten().map_or(value.len(), |at| at as usize).min(value.len());
    let before = String::from_utf16_lossy(&value[..at]);
    let line = before.rsplit('\n').next().unwrap_or_default();
    let (typed, words, end) = match line.split_once('=') {
        // A list is given entry by entry.
        Some((key, values)) => {
            let Some(key) = broker_key(key.trim()) else { return false };
            (values.rsplit(',').next().unwrap_or_default().trim_start(), key.choices(), "")
        }
        None if line.is_empty() => return false,
        None => (line, broker_keys().map(|key| key.name).collect(), "="),
    };
    if line.contains('#') {
        return false;
    }
    let found: Vec<&'static str> = words.into_iter().filter(|word| word.starts_with(typed)).collect();
    let Some((first, others)) = found.split_first() else { return false };
    let common = others.iter().fold(first.len(), |common, other| {
        first.bytes().zip(other.bytes()).take(common).take_while(|(one, other)| one == other).count()
    });
    let mut added = first[typed.len()..common].to_owned();
    if others.is_empty() {
        added.push_str(end);
    }
    // Who has seen all there is goes on with Tab.
    if added.is_empty() && (others.is_empty() || candidates.with_untracked(|shown| *shown == found)) {
        return false;
    }
    let after = String::from_utf16_lossy(&value[at..]);
    let whole = format!("{before}{added}{after}");
    area.set_value(&whole);
    let cursor = (at + added.encode_utf16().count()) as u32;
    let _ = area.set_selection_range(cursor, cursor);
    text.set(whole);
    candidates.set(if others.is_empty() { Vec::new() } else { found });
    true
}
