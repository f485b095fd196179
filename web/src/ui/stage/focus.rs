//! A partition opened in place: its replicas one below the other, offsets aligned, and where its groups stand.

use super::cells::{CELL, Cell, Drawn, cells, standing};
use super::grid::columns;
use crate::ui::icons::Icon;
use crate::ui::room::Room;
use crate::ui::store::{Outcome, Picture, Process, Selection, Store};
use broker_core::sorted::sort_by_key;
use leptos::prelude::*;

/// What is shown.
#[derive(Clone, Debug, Default, PartialEq)]
struct Shown {
    facts: Vec<(&'static str, String)>,
    /// Broker, and what is drawn of its replica.
    replicas: Vec<(i32, bool, Drawn)>,
    /// Group and committed offset.
    groups: Vec<(String, i64)>,
    start: i64,
    end: i64,
    first: i64,
}

impl Shown {
    fn of(
        picture: &Picture,
        topic: &str,
        index: i32,
        count: i64,
        back: Option<i64>,
        read: &[(i64, Option<String>)],
    ) -> Self {
        let Some(partition) = picture.partition(topic, index) else { return Self::default() };
        let known = picture.replicas.get(&(topic.to_owned(), index));
        let all = || known.into_iter().flat_map(|all| all.values());
        let leading = picture.leading(topic, index, partition.leader);
        let end = all().map(|one| one.log_end_offset).max().unwrap_or(0);
        let start = leading.map_or(0, |one| one.log_start_offset);
        let first = back.unwrap_or(end - count).min(end - count).max(start.min(end)).max(0);
        let ids = |ids: &[i32]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let replica = |id: &i32| {
            let lives = picture.process(*id).is_some_and(Process::lives);
            let mut drawn =
                Drawn::of(standing(partition, *id, lives), known.and_then(|all| all.get(id)), first, count, true);
            for (offset, cell) in (first..).zip(&mut drawn.cells) {
                if *cell == Cell::Unread
                    && let Ok(at) = read.binary_search_by_key(&offset, |(offset, _)| *offset)
                {
                    *cell = Cell::Record(read[at].1.clone());
                }
            }
            (*id, lives, drawn)
        };
        let committed = |group: &broker_core::node::GroupView| {
            Some((group.group_id.to_string(), Picture::owner(group, topic, index).1?))
        };
        let mut facts = vec![
            ("replicas", ids(&partition.replicas)),
            ("ISR", ids(&partition.in_sync_replicas)),
            ("leader epoch", partition.leader_epoch.to_string()),
            ("log start", start.to_string()),
        ];
        if let Some(leading) = leading {
            facts.push(("HW", leading.high_watermark.to_string()));
            facts.push(("recovery point", leading.recovery_point.to_string()));
        }
        Self {
            facts,
            replicas: partition.replicas.iter().map(replica).collect(),
            groups: picture.groups.iter().filter_map(committed).collect(),
            start,
            end,
            first,
        }
    }
}

/// Where a group stands: a pointer below its committed offset, or a word where that is outside the window.
fn pointer(group: &str, committed: i64, first: i64, count: i64) -> AnyView {
    let inside = (0..=count).contains(&(committed - first));
    let at = (committed - first).clamp(0, count) * CELL;
    let sign = if inside {
        '▲'
    } else if committed < first {
        '◂'
    } else {
        '▸'
    };
    let text = format!("{sign} {group} {committed}");
    // Near the right edge the words stand left of their pointer.
    let class = if inside && committed - first > count / 2 { "pointer data left" } else { "pointer data" };
    let text = if class.ends_with("left") { format!("{group} {committed} ▲") } else { text };
    view! { <span class=class style=format!("--at:{at}px")>{text}</span> }.into_any()
}

fn body(store: Store, shown: &Shown, count: i64) -> AnyView {
    let words = store.words();
    let mut lines: Vec<AnyView> = Vec::new();
    for (id, lives, drawn) in &shown.replicas {
        let state = if *lives { drawn.standing.word(store) } else { words.as_last_seen };
        let class = format!("replica {}{}", drawn.standing.class(), if *lives { "" } else { " hatched" });
        lines.push(
            view! {
                <div class=class>
                    <span class="who"><Icon glyph=drawn.standing.glyph() />{(words.broker)(*id)}" · "{state}</span>
                    {cells(store, drawn)}
                    <span class="data end">"end "{drawn.end}</span>
                </div>
            }
            .into_any(),
        );
    }
    let pointers = shown.groups.iter().map(|(group, at)| pointer(group, *at, shown.first, count)).collect::<Vec<_>>();
    view! {
        {lines}
        <div class="pointers">{pointers}</div>
    }
    .into_any()
}

/// The row.
pub(super) fn focus(store: Store, topic: String, index: i32) -> AnyView {
    let columns = columns(store);
    let title = format!("{topic}-{index}");
    let room = Room::get();
    let count = Memo::new(move |_| room.get().focus_cells);
    let back = RwSignal::new(None::<i64>);
    let read = RwSignal::new(Vec::<(i64, Option<String>)>::new());
    let outcome = RwSignal::new(RwSignal::new(Outcome::None));
    let name = topic.clone();
    let shown = Memo::new(move |_| {
        let (count, back) = (count.get(), back.get());
        store.picture.with(|picture| read.with(|read| Shown::of(picture, &name, index, count, back, read)))
    });
    // Nodes show the keys of their newest records only: older ones are read as a client would read them.
    let name = topic;
    let fetch = move |first: i64| {
        outcome.set(store.browse(name.clone(), index, Some(first), count.get_untracked() as u32));
    };
    Effect::new(move |_| {
        if let Outcome::Records(records) = outcome.get().get() {
            read.update(|read| {
                read.extend(records.into_iter().map(|record| (record.offset, record.key)));
                sort_by_key(read, |(offset, _)| *offset);
                read.dedup_by_key(|(offset, _)| *offset);
            });
        }
    });
    let at_first = shown.with_untracked(|shown| shown.first);
    if shown.with_untracked(|shown| shown.end > shown.first) {
        fetch(at_first);
    }
    let older = move |_| {
        let (first, start) = shown.with_untracked(|shown| (shown.first, shown.start));
        let to = (first - count.get_untracked()).max(start);
        back.set(Some(to));
        fetch(to);
    };
    let newer = move |_| {
        let (first, end) = shown.with_untracked(|shown| (shown.first, shown.end));
        let to = first + count.get_untracked();
        back.set((to < end - count.get_untracked()).then_some(to));
    };
    let facts = move || {
        shown.with(|shown| {
            let fact = |(name, value): &(&'static str, String)| view! { <span><small>{*name}</small>" "<b class="data">{value.clone()}</b></span> };
            shown.facts.iter().map(fact).collect_view()
        })
    };
    let at_start = move || shown.with(|shown| shown.first <= shown.start);
    view! {
        <tr class="focus"><td colspan=columns>
            <div class="opened">
                <header>
                    <b class="data">{title}</b>
                    {facts}
                    <span class="space"></span>
                    <button tabindex="-1" aria-disabled=move || at_start().to_string() on:click=older>{store.say(|words| words.older)}</button>
                    <Show when=move || back.get().is_some()>
                        <button tabindex="-1" on:click=newer>{store.say(|words| words.newer)}</button>
                        <button class="filled" tabindex="-1" on:click=move |_| back.set(None)>{store.say(|words| words.follow)}</button>
                    </Show>
                    <button class="quiet" tabindex="-1" on:click=move |_| store.select(Selection::Nothing)>{store.say(|words| words.close)}</button>
                </header>
                <div class="replicas">{move || shown.with(|shown| body(store, shown, count.get()))}</div>
            </div>
        </td></tr>
    }
    .into_any()
}
