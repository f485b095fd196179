//! The rows of the grid.

use super::Room;
use super::cells::replica;
use crate::ui::icons::{Glyph, Icon};
use crate::ui::store::{Picture, Selection, Store};
use broker_core::node::{PartitionView, TopicView};
use leptos::prelude::*;

/// Partitions of a topic that are shown at once; of more, the first eight and every unhealthy one.
const MANY: usize = 12;

/// All rows: a ghost where there is no topic; each topic and its partitions; internal topics in one line.
pub(super) fn rows(store: Store, picture: &Picture, room: Room, wide: bool, open: RwSignal<Vec<String>>) -> AnyView {
    let words = store.words();
    let groups = if room.groups > 0 { room.groups.min(picture.groups.len()) } else { 0 };
    let columns = 1 + picture.brokers.len() + if wide { groups.max(1) } else { 0 };
    let mut all: Vec<AnyView> = Vec::new();
    if picture.own_topics().next().is_none() {
        all.push(ghost(store, columns));
    }
    for topic in picture.own_topics() {
        all.push(topic_head(store, picture, topic, columns));
        let shown_all = open.with(|open| open.iter().any(|name| *name == *topic.name));
        let many = topic.partitions.len() > MANY && !shown_all;
        let is_healthy = |one: &PartitionView| one.in_sync_replicas.len() == one.replicas.len() && one.leader >= 0;
        let (shown, folded): (Vec<_>, Vec<_>) =
            topic.partitions.iter().partition(|one| !many || one.index < 8 || !is_healthy(one));
        all.extend(shown.into_iter().map(|partition| row(store, picture, topic, partition, room, wide)));
        if !folded.is_empty() {
            let (name, number) = (topic.name.to_string(), folded.len());
            all.push(
                view! {
                    <tr class="fold"><td colspan=columns>
                        <button class="quiet" on:click=move |_| open.update(|open| open.push(name.clone()))>
                            {(words.show_more)(number)}
                        </button>
                    </td></tr>
                }
                .into_any(),
            );
        }
    }
    let internal: Vec<_> =
        picture.topics.iter().filter(|topic| topic.internal || topic.name.starts_with("__")).collect();
    if !internal.is_empty() {
        all.push(internal_line(store, &internal, columns));
    }
    all.into_any()
}

fn ghost(store: Store, columns: usize) -> AnyView {
    view! {
        <tr class="ghost"><td colspan=columns>
            <div>
                <span>{store.words().no_topic}</span>
                <button class="quiet" on:click=move |_| store.select(Selection::NewTopic)>{store.words().add_topic}</button>
            </div>
        </td></tr>
    }
    .into_any()
}

fn sick(store: Store, partitions: &[&PartitionView]) -> Option<(&'static str, String)> {
    let leaderless = partitions.iter().filter(|one| one.leader < 0).count();
    let under = partitions.iter().filter(|one| one.in_sync_replicas.len() < one.replicas.len()).count();
    if leaderless > 0 {
        return Some(("state err", (store.words().leaderless)(leaderless)));
    }
    (under > 0).then(|| ("state warn", (store.words().under_replicated)(under)))
}

fn topic_head(store: Store, picture: &Picture, topic: &TopicView, columns: usize) -> AnyView {
    let name = topic.name.to_string();
    let replication = topic.partitions.first().map_or(0, |one| one.replicas.len());
    let count = |one: &PartitionView| {
        let replica = picture.leading(&topic.name, one.index, one.leader);
        replica.map_or(0, |replica| replica.log_end_offset - replica.log_start_offset)
    };
    let records: i64 = topic.partitions.iter().map(count).sum();
    let state = sick(store, &topic.partitions.iter().collect::<Vec<_>>());
    let (shown, is_selected) = (name.clone(), name.clone());
    view! {
        <tr class="topic"><th colspan=columns scope="rowgroup">
            <div>
                <button class="name" class:selected=move || store.selection.get() == Selection::Topic(is_selected.clone())
                    on:click=move |_| store.select(Selection::Topic(name.clone()))>{shown}</button>
                <span class="facts">{(store.words().topic_line)(topic.partitions.len(), replication, records)}</span>
                {state.map(|(class, text)| view! { <span class=class><Icon glyph=Glyph::Warning />{text}</span> })}
            </div>
        </th></tr>
    }
    .into_any()
}

fn internal_line(store: Store, topics: &[&TopicView], columns: usize) -> AnyView {
    let partitions: Vec<&PartitionView> = topics.iter().flat_map(|topic| &topic.partitions).collect();
    let (class, text) = sick(store, &partitions).unwrap_or(("state ok", store.words().in_sync.to_owned()));
    let glyph = if class == "state ok" { Glyph::Up } else { Glyph::Warning };
    let names: Vec<&str> = topics.iter().map(|topic| &*topic.name).collect();
    view! {
        <tr class="internal"><td colspan=columns>
            <div>
                <span title=names.join(", ")>{(store.words().internal_line)(topics.len(), partitions.len())}</span>
                <span class=class><Icon glyph=glyph />{text}</span>
            </div>
        </td></tr>
    }
    .into_any()
}

fn row(
    store: Store,
    picture: &Picture,
    topic: &TopicView,
    partition: &PartitionView,
    room: Room,
    wide: bool,
) -> AnyView {
    let words = store.words();
    let (name, index) = (topic.name.to_string(), partition.index);
    let replicas = picture.replicas.get(&(name.clone(), index));
    let all = || replicas.into_iter().flat_map(|replicas| replicas.values());
    let end = all().map(|replica| replica.log_end_offset).max().unwrap_or(0);
    let first = (end - room.cells).max(0);
    let leading = picture.leading(&topic.name, index, partition.leader);
    let (leader_end, high_watermark) = leading.map_or((0, 0), |one| (one.log_end_offset, one.high_watermark));
    let columns = picture.brokers.iter().map(|(id, process)| {
        if !partition.replicas.contains(id) {
            return view! { <td class="none"></td> }.into_any();
        }
        let lives = process.is_some_and(crate::ui::store::Process::lives);
        let known = replicas.and_then(|replicas| replicas.get(id));
        let drawn = replica(store, partition, *id, lives, known, first, room);
        view! { <td class:hatched=!lives tabindex="-1">{drawn}</td> }.into_any()
    });
    let groups = picture.groups.iter().take(room.groups).map(|group| {
        let (owner, committed) = Picture::owner(group, &topic.name, index);
        let reads = owner.is_some() || committed.is_some();
        let lag = committed.map(|committed| (words.lag)((high_watermark - committed).max(0)));
        let chip = owner.unwrap_or_else(|| words.nobody.to_owned());
        view! {
            <td class="group" tabindex="-1">
                {reads.then(|| view! { <div><span class="chip data">{chip}</span><span class="data">{lag}</span></div> })}
            </td>
        }
        .into_any()
    });
    let filler = (wide && room.groups == 0).then(|| view! { <td class="group"></td> });
    let (selected, chosen) = (Selection::Partition(name.clone(), index), Selection::Partition(name, index));
    let leaderless = partition.leader < 0;
    view! {
        <tr class="partition" class:selected=move || store.selection.get() == selected>
            <th scope="row">
                <button class="data" title=words.partition on:click=move |_| store.select(chosen.clone())>
                    <b>{index}</b>
                    {if leaderless {
                        view! { <span class="err">{words.no_leader}</span> }.into_any()
                    } else {
                        view! { <span>{(words.end_and_hw)(leader_end, high_watermark)}</span> }.into_any()
                    }}
                </button>
            </th>
            {columns.collect_view()}
            {groups.collect_view()}
            {filler}
        </tr>
    }
    .into_any()
}
