//! The rows of the grid. Each watches its own part of the picture: a record that comes redraws its row, nothing else.

use super::cells::{Drawn, Form, Standing, ends, replica, standing};
use super::focus::focus;
use crate::ui::icons::{Glyph, Icon};
use crate::ui::room::{Extent, Room, Style};
use crate::ui::store::{Picture, Process, Selection, Store};
use broker_core::node::PartitionView;
use leptos::prelude::*;

/// Partitions of a topic that are shown at once; of more, the first eight and every unhealthy one.
const MANY: usize = 12;
/// Those shown of many.
const FIRST: i32 = 8;

/// Topics of which all are shown without a filter.
pub(super) const FEW_TOPICS: usize = 5;

/// What of the topics is shown.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Topics of many partitions that show all of them.
    pub(super) open: RwSignal<Vec<String>>,
    /// Topics folded to one line.
    pub(super) folded: RwSignal<Vec<String>>,
    /// What a topic's name has to contain.
    pub(super) filter: RwSignal<String>,
}

impl Shape {
    pub(super) fn new() -> Self {
        Self { open: RwSignal::default(), folded: RwSignal::default(), filter: RwSignal::default() }
    }

    /// True for a topic that the filter lets through; with few topics there is none.
    fn shows(self, name: &str, topics: usize) -> bool {
        topics <= FEW_TOPICS || self.filter.with(|filter| name.contains(filter.trim()))
    }
}

/// Topics shown, and all there are.
pub(super) fn topics_shown(store: Store, shape: Shape) -> (usize, usize) {
    store.picture.with(|picture| {
        let all = picture.own_topics().count();
        (picture.own_topics().filter(|topic| shape.shows(&topic.name, all)).count(), all)
    })
}

/// A row, by what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Row {
    /// No topic yet.
    Ghost,
    /// A topic's head.
    Topic(String),
    /// A partition; true: of many, so its row is low.
    Partition(String, i32, bool),
    /// A partition opened in place.
    Focus(String, i32),
    /// A folded topic's replicas, counted by broker.
    Counts(String),
    /// So many healthy partitions more.
    Fold(String, usize),
    /// Internal topics, in one line.
    Internal,
}

fn is_healthy(one: &PartitionView) -> bool {
    one.leader >= 0 && one.in_sync_replicas.len() == one.replicas.len()
}

/// All rows, in order.
pub(super) fn rows(store: Store, shape: Shape) -> Vec<Row> {
    let opened = store.selection.get();
    store.picture.with(|picture| {
        let mut all = Vec::new();
        let topics = picture.own_topics().count();
        for topic in picture.own_topics().filter(|topic| shape.shows(&topic.name, topics)) {
            let name = topic.name.to_string();
            if shape.folded.with(|folded| folded.contains(&name)) {
                all.extend([Row::Topic(name.clone()), Row::Counts(name)]);
                continue;
            }
            let many = topic.partitions.len() > MANY;
            let folds = many && !shape.open.with(|open| open.contains(&name));
            let mut hidden = 0;
            all.push(Row::Topic(name.clone()));
            for one in &topic.partitions {
                let is_open =
                    matches!(&opened, Selection::Partition(topic, index) if *topic == name && *index == one.index);
                if folds && one.index >= FIRST && is_healthy(one) && !is_open {
                    hidden += 1;
                    continue;
                }
                all.push(Row::Partition(name.clone(), one.index, many));
                if is_open {
                    all.push(Row::Focus(name.clone(), one.index));
                }
            }
            if hidden > 0 {
                all.push(Row::Fold(name, hidden));
            }
        }
        if topics == 0 {
            all.push(Row::Ghost);
        }
        if picture.topics.iter().any(is_internal) {
            all.push(Row::Internal);
        }
        all
    })
}

fn is_internal(topic: &broker_core::node::TopicView) -> bool {
    topic.internal || topic.name.starts_with("__")
}

/// A row.
pub(super) fn row(store: Store, row: Row, shape: Shape) -> AnyView {
    match row {
        Row::Ghost => ghost(store),
        Row::Topic(name) => topic_head(store, name, shape.folded),
        Row::Counts(topic) => counts(store, topic),
        Row::Partition(topic, index, low) => partition(store, topic, index, low),
        Row::Focus(topic, index) => focus(store, topic, index),
        Row::Fold(topic, number) => fold(store, topic, number, shape.open),
        Row::Internal => internal(store),
    }
}

/// Cells of a row that goes from edge to edge.
pub(super) fn columns(store: Store) -> Memo<usize> {
    let room = Room::get();
    Memo::new(move |_| 1 + store.picture.with(|picture| picture.brokers.len()) + room.get().groups)
}

fn ghost(store: Store) -> AnyView {
    let columns = columns(store);
    view! {
        <tr class="ghost"><td colspan=columns>
            <div>
                <span>{store.say(|words| words.no_topic)}</span>
                <button class="quiet" tabindex="-1" on:click=move |_| store.select(Selection::NewTopic)>{store.say(|words| words.add_topic)}</button>
            </div>
        </td></tr>
    }
    .into_any()
}

fn fold(store: Store, topic: String, number: usize, open: RwSignal<Vec<String>>) -> AnyView {
    let columns = columns(store);
    view! {
        <tr class="fold"><td colspan=columns>
            <button class="quiet" tabindex="-1" on:click=move |_| open.update(|open| open.push(topic.clone()))>
                {move || (store.words().show_more)(number)}
            </button>
        </td></tr>
    }
    .into_any()
}

/// What is wrong with partitions, in a word; nothing if all is well.
fn sickness(store: Store, partitions: &[&PartitionView]) -> Option<(&'static str, String)> {
    let leaderless = partitions.iter().filter(|one| one.leader < 0).count();
    let under = partitions.iter().filter(|one| one.in_sync_replicas.len() < one.replicas.len()).count();
    if leaderless > 0 {
        return Some(("state err", (store.words().leaderless)(leaderless)));
    }
    (under > 0).then(|| ("state warn", (store.words().under_replicated_short)(under)))
}

fn topic_head(store: Store, name: String, folded: RwSignal<Vec<String>>) -> AnyView {
    let columns = columns(store);
    let topic = name.clone();
    let facts = Memo::new(move |_| {
        store.picture.with(|picture| {
            let topic = picture.topic(&topic)?;
            let replication = topic.partitions.first().map_or(0, |one| one.replicas.len());
            let words = store.words();
            let records = (words.counted)(picture.records_of(&topic.name));
            let line = (words.topic_line)(topic.partitions.len(), replication, &records);
            Some((line, sickness(store, &topic.partitions.iter().collect::<Vec<_>>())))
        })
    });
    let (shown, selected) = (name.clone(), Selection::Topic(name.clone()));
    let known = name.clone();
    let is_folded = Memo::new(move |_| folded.with(|folded| folded.contains(&known)));
    let glyph = Signal::derive(move || if is_folded.get() { Glyph::Folded } else { Glyph::Unfolded });
    let turns = name.clone();
    let turn = move |_| {
        folded.update(|folded| match folded.iter().position(|one| *one == turns) {
            Some(at) => drop(folded.remove(at)),
            None => folded.push(turns.clone()),
        });
    };
    let does = move || if is_folded.get() { store.words().unfold } else { store.words().fold };
    let state = move || {
        let state = facts.with(|facts| facts.as_ref().and_then(|(_, state)| state.clone()));
        state.map(|(class, text)| view! { <span class=class><Icon glyph=Glyph::Warning />{text}</span> })
    };
    view! {
        <tr class="topic"><th colspan=columns scope="rowgroup">
            <div>
                <button class="quiet turn" tabindex="-1" title=does aria-label=does
                    aria-expanded=move || (!is_folded.get()).to_string() on:click=turn><Icon glyph=glyph /></button>
                <button class="name" tabindex="-1" class:selected=move || store.selection.get() == selected title=shown.clone()
                    on:click=move |_| store.select(Selection::Topic(name.clone()))>{shown.clone()}</button>
                <span class="facts">{move || facts.with(|facts| facts.as_ref().map(|(line, _)| line.clone()))}</span>
                {state}
            </div>
        </th></tr>
    }
    .into_any()
}

/// Replicas of a topic on each broker: those that lead, follow in sync, follow out of it, and those that are down.
fn counts(store: Store, topic: String) -> AnyView {
    let room = Room::get();
    let name = topic.clone();
    let shown = Memo::new(move |_| {
        store.picture.with(|picture| {
            let Some(topic) = picture.topic(&name) else { return Vec::new() };
            let column = |(id, process): &(i32, Option<Process>)| {
                let lives = process.is_some_and(Process::lives);
                let here = topic.partitions.iter().filter(|one| one.replicas.contains(id));
                let standings: Vec<Standing> = here.map(|one| standing(one, *id, lives)).collect();
                let count = |wanted: Standing| (wanted, standings.iter().filter(|one| **one == wanted).count());
                (*id, Standing::ALL.map(count))
            };
            picture.brokers.iter().map(column).collect::<Vec<_>>()
        })
    });
    let cells = move || {
        let groups = room.get().groups;
        let cell = |(id, counts): (i32, [(Standing, usize); 4])| {
            let part = |(standing, count): (Standing, usize)| {
                let glyph = standing.glyph();
                // None out of sync is no news; of the others each is told.
                (count > 0 || standing != Standing::OutOfSync).then(|| {
                    let class = if count > 0 { standing.class() } else { "" };
                    view! { <span class=class title=standing.word(store)>
                        <Icon glyph=glyph /><span class="spoken">{standing.word(store)}</span>{count}
                    </span> }
                })
            };
            view! { <td data-broker=id><div class="counts data">{counts.map(part).into_iter().collect_view()}</div></td> }.into_any()
        };
        let mut all: Vec<AnyView> = shown.get().into_iter().map(cell).collect();
        if groups > 0 {
            all.push(view! { <td class="none" colspan=groups></td> }.into_any());
        }
        all
    };
    view! { <tr class="counts-of" data-topic=topic><th scope="row"><span class="spoken">{store.say(|words| words.partitions)}</span></th>{cells}</tr> }.into_any()
}

fn internal(store: Store) -> AnyView {
    let columns = columns(store);
    let facts = Memo::new(move |_| {
        store.picture.with(|picture| {
            let topics: Vec<_> = picture.topics.iter().filter(|topic| is_internal(topic)).collect();
            let partitions: Vec<&PartitionView> = topics.iter().flat_map(|topic| &topic.partitions).collect();
            let names: Vec<&str> = topics.iter().map(|topic| &*topic.name).collect();
            let well = ("state ok", store.words().in_sync.to_owned());
            let (class, text) = sickness(store, &partitions).unwrap_or(well);
            ((store.words().internal_line)(&names.join(", "), partitions.len()), class, text)
        })
    });
    let state = move || {
        let (_, class, text) = facts.get();
        let glyph = if class == "state ok" { Glyph::Up } else { Glyph::Warning };
        view! { <span class=class><Icon glyph=glyph />{text}</span> }
    };
    view! {
        <tr class="internal"><td colspan=columns>
            <div><span>{move || facts.get().0}</span>{state}</div>
        </td></tr>
    }
    .into_any()
}

/// A row that moves on by so many windows from one picture to the next shows bars: nobody could read its cells.
const FAST: i64 = 3;
/// It shows cells again once it was slower for so long, in milliseconds.
const CALM: i64 = 1500;

/// What a partition's row shows.
#[derive(Clone, Debug, PartialEq)]
struct Shown {
    /// Behind the newest record of all replicas.
    newest: i64,
    /// Offsets that are shown.
    window: i64,
    /// When it was fast, until when it shows bars, in playground time.
    fast_until: i64,
    end: i64,
    high_watermark: i64,
    leader: i32,
    in_sync: Vec<i32>,
    brokers: Vec<(i32, Option<Drawn>)>,
    groups: Vec<Reads>,
}

/// What a group has of a partition.
#[derive(Clone, Debug, PartialEq)]
struct Reads {
    group: String,
    /// Its client id, and whether it is gone.
    owner: Option<(String, bool)>,
    lag: Option<i64>,
    committed: Option<i64>,
}

impl Shown {
    /// `before` is what it showed last.
    fn of(store: Store, at: (&str, i32), room: Room, groups: &[String], before: Option<&Self>) -> Option<Self> {
        store.picture.with(|picture| Self::in_picture(store, picture, at, room, groups, before))
    }

    fn in_picture(
        store: Store,
        picture: &Picture,
        (topic, index): (&str, i32),
        room: Room,
        groups: &[String],
        before: Option<&Self>,
    ) -> Option<Self> {
        let partition = picture.partition(topic, index)?;
        let replicas = picture.replicas.get(&(topic.to_owned(), index));
        let leading = picture.leading(topic, index, partition.leader);
        let ends = replicas.into_iter().flat_map(|all| all.values()).map(|replica| replica.log_end_offset);
        let newest = ends.max().unwrap_or(0);
        let (window, fast_until) = window(store, newest, room, before);
        let first = (newest - window).max(0);
        let column = |(id, process): &(i32, Option<Process>)| {
            if !partition.replicas.contains(id) {
                return (*id, None);
            }
            let lives = process.is_some_and(Process::lives);
            let known = replicas.and_then(|all| all.get(id));
            (*id, Some(Drawn::of(standing(partition, *id, lives), known, first, window, window == room.cells)))
        };
        let group = |id: &String| {
            let group = picture.group(id);
            let (owner, committed) = group.map(|group| Picture::owner(group, topic, index)).unwrap_or_default();
            let lag = group.and_then(|group| picture.lag(group, topic, index));
            let owner = owner.map(|member| (member.client_id.to_string(), store.is_gone(member)));
            Reads { group: id.clone(), owner, lag, committed }
        };
        Some(Self {
            newest,
            window,
            fast_until,
            end: leading.map_or(0, |one| one.log_end_offset),
            high_watermark: leading.map_or(0, |one| one.high_watermark),
            leader: partition.leader,
            in_sync: partition.in_sync_replicas.clone(),
            brokers: picture.brokers.iter().map(column).collect(),
            groups: groups.iter().map(group).collect(),
        })
    }
}

/// How many offsets a row shows, and until when it is fast.
fn window(store: Store, newest: i64, room: Room, before: Option<&Shown>) -> (i64, i64) {
    let Some(before) = before.filter(|before| before.newest > 0 && room.style == Style::Cells) else {
        return (room.cells, 0);
    };
    let (moved, now) = (newest - before.newest, store.wall_ms.get_untracked());
    let fast_until = if moved > FAST * room.cells { now + CALM } else { before.fast_until };
    if fast_until <= now {
        return (room.cells, 0);
    }
    // Nothing else tells when it came to rest.
    store.wall_ms.track();
    // Who lags by what came since the last picture has half a bar.
    ((2 * moved).max(before.window * 3 / 4).max(room.cells + 1), fast_until)
}

fn group_cell(store: Store, reads: Reads) -> AnyView {
    let words = store.words();
    let Reads { group, owner, lag, committed } = reads;
    let body = (owner.is_some() || committed.is_some()).then(|| {
        let (class, why) = match owner {
            Some((_, false)) => ("chip data", None),
            Some((_, true)) => ("chip data gone", Some(words.gone_why)),
            None => ("chip data idle", None),
        };
        let chip = owner.map_or_else(|| words.nobody.to_owned(), |(client, _)| client);
        view! { <div><span class=class title=why>{chip}</span><span class="data">{lag.map(words.lag)}</span></div> }
    });
    view! { <td class="group" data-group=group data-committed=committed>{body}</td> }.into_any()
}

fn partition(store: Store, topic: String, index: i32, low: bool) -> AnyView {
    let room = Room::get();
    let name = topic.clone();
    let shown = Memo::new(move |before: Option<&Option<Shown>>| {
        let before = before.and_then(Option::as_ref);
        store.shown_groups.with(|groups| Shown::of(store, (&name, index), room.get(), groups, before))
    });
    let offsets = move || {
        let (leaderless, end, high_watermark) = shown
            .with(|shown| shown.as_ref().map_or((false, 0, 0), |one| (one.leader < 0, one.end, one.high_watermark)));
        if leaderless {
            return view! { <span class="err">{store.words().no_leader}</span> }.into_any();
        }
        // Each is whole on its line, one below the other where the column is narrow.
        view! { <span class="ends"><span>"end "{end}</span>" "<span>"HW "{high_watermark}</span></span> }.into_any()
    };
    // What a record changes is drawn into cells that stay.
    let forms = Memo::new(move |_| {
        let style = room.get().style;
        let form = |(id, drawn): &(i32, Option<Drawn>)| (*id, drawn.as_ref().map(|drawn| drawn.form(style)));
        shown.with(|shown| shown.as_ref().map(|shown| shown.brokers.iter().map(form).collect::<Vec<_>>()))
    });
    let replicas = move || {
        let cell = |(at, (id, form)): (usize, (i32, Option<Form>))| {
            let Some(form) = form else { return view! { <td class="none"></td> }.into_any() };
            let drawn = Memo::new(move |_| shown.with(|shown| shown.as_ref()?.brokers.get(at)?.1.clone()));
            let class = if form.standing == Standing::Down { "hatched" } else { "" };
            view! {
                <td class=class data-broker=id data-end=move || ends(drawn).0 data-high-watermark=move || ends(drawn).1>
                    {replica(store, form, drawn)}
                </td>
            }
            .into_any()
        };
        forms.get().unwrap_or_default().into_iter().enumerate().map(cell).collect::<Vec<_>>()
    };
    let groups = Memo::new(move |_| {
        let is_shown = room.get().extent != Extent::Narrow;
        shown.with(|shown| shown.as_ref().filter(|_| is_shown).map(|shown| shown.groups.clone()))
    });
    let reads = move || {
        let mut all: Vec<AnyView> = groups.get().into_iter().flatten().map(|reads| group_cell(store, reads)).collect();
        if all.is_empty() && groups.with(Option::is_some) {
            all.push(view! { <td class="group"></td> }.into_any());
        }
        all
    };
    let leader = move || shown.with(|shown| shown.as_ref().map(|one| one.leader));
    let in_sync = move || {
        let join = |ids: &[i32]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        shown.with(|shown| shown.as_ref().map(|one| join(&one.in_sync)))
    };
    let data_topic = topic.clone();
    let (selected, label) = (Selection::Partition(topic.clone(), index), format!("{topic}-{index}"));
    let is_open = Memo::new(move |_| store.selection.get() == selected);
    let choose = move |_| store.toggle(Selection::Partition(topic.clone(), index));
    view! {
        <tr class="partition" class:low=low class:selected=is_open
            data-topic=data_topic data-partition=index data-leader=leader data-isr=in_sync>
            <th scope="row">
                <button class="data" tabindex="-1" title=label aria-expanded=move || is_open.get().to_string() on:click=choose>
                    <b>{index}</b>
                    {offsets}
                </button>
            </th>
            {replicas}
            {reads}
        </tr>
    }
    .into_any()
}
