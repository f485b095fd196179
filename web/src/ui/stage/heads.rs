//! The heads of the grid's columns: brokers with what can be done to them, groups with their members.

use crate::ui::icons::{Glyph, Icon};
use crate::ui::store::{Process, Selection, Store, consumer_number};
use broker_core::node::{GroupView, MemberView};
use leptos::prelude::*;

/// A broker's state: class, glyph, words.
pub(crate) fn broker_state(store: Store, id: i32) -> (&'static str, Glyph, String) {
    let words = store.words();
    let (process, fenced, leads, another, session) = store.picture.with(|picture| {
        let another = picture.brokers.iter().any(|(known, _)| *known != id && picture.lives(*known));
        let session = picture.sessions.iter().find(|(known, _)| *known == id).map_or(0.0, |(_, session)| *session);
        (picture.process(id), picture.fenced.contains(&id), picture.roles(id).0, another, session)
    });
    let gone = |word: &str, at: f64| {
        let left_ms = session - (store.tick.get() - at);
        let noticed = left_ms <= 0.0 || fenced || !another;
        let text = if noticed {
            word.to_owned()
        } else {
            format!("{word} · {}", (words.notice_in)((left_ms / 100.0).round() as u32))
        };
        ("state err", Glyph::Down, text)
    };
    match process {
        None | Some(Process::Starting) => ("state plain", Glyph::Starting, words.starting.to_owned()),
        Some(Process::Running) if fenced => ("state warn", Glyph::Warning, words.fenced.to_owned()),
        Some(Process::Running) => ("state ok", Glyph::Up, words.up.to_owned()),
        Some(Process::Stopping) => ("state warn", Glyph::Starting, (words.stopping)(leads)),
        Some(Process::Stopped) => ("state plain", Glyph::Down, words.stopped.to_owned()),
        Some(Process::Killed(at)) => gone(words.killed, at),
        Some(Process::PoweredOff(at)) => gone(words.powered_off, at),
        Some(Process::Failed) => ("state err", Glyph::Warning, words.failed.to_owned()),
    }
}

/// Kill and Stop, or Start in their place; deaf for a moment so that a second click does not undo the first.
/// In the grid the arrow keys reach them, elsewhere the tab key.
pub(crate) fn broker_buttons(store: Store, id: i32, in_grid: bool) -> AnyView {
    let stop = if in_grid { "-1" } else { "0" };
    let process = Memo::new(move |_| store.picture.with(|picture| picture.process(id)));
    let lives = Memo::new(move |_| process.get().is_none_or(Process::lives));
    let deaf = RwSignal::new(false);
    Effect::new(move |before: Option<bool>| {
        let now = lives.get();
        if before.is_some_and(|before| before != now) {
            deaf.set(true);
            set_timeout(
                move || {
                    let _ = deaf.try_set(false);
                },
                std::time::Duration::from_millis(500),
            );
        }
        now
    });
    let act = move |act: fn(Store, i32)| {
        move |_| {
            if !deaf.get_untracked() {
                act(store, id);
            }
        }
    };
    view! {
        <div class="buttons">
            <Show
                when=move || lives.get()
                fallback=move || view! {
                    <button class="filled" tabindex=stop aria-disabled=move || deaf.get().to_string() on:click=act(Store::start_broker)>
                        {store.say(|words| words.start)}
                    </button>
                }
            >
                <button class="kill" tabindex=stop on:click=act(Store::kill)>{store.say(|words| words.kill)}</button>
                <button tabindex=stop aria-disabled=move || (process.get() == Some(Process::Stopping)).to_string() on:click=act(Store::stop)>
                    {store.say(|words| words.stop)}
                </button>
            </Show>
        </div>
    }
    .into_any()
}

/// The head of a broker's column.
pub(super) fn broker_head(store: Store, id: i32) -> AnyView {
    let words = move || store.words();
    let state = Memo::new(move |_| broker_state(store, id));
    let controls = Memo::new(move |_| store.picture.with(|picture| picture.controller == Some(id)));
    let lives = Memo::new(move |_| store.picture.with(|picture| picture.lives(id)));
    let selected = Memo::new(move |_| store.selection.get() == Selection::Broker(id));
    view! {
        <th scope="col" class="broker" data-broker=id class:selected=selected class:hatched=move || !lives.get()>
            <div class="title">
                <button class="name" tabindex="-1" on:click=move |_| store.select(Selection::Broker(id))>
                    <span class="long">{move || (words().broker)(id)}</span>
                    <span class="short" aria-hidden="true">{id}</span>
                </button>
                <Show when=move || controls.get()>
                    <span class="facts">
                        <span class="long">{store.say(|words| words.active_controller)}</span>
                        <span class="short" aria-hidden="true">{store.say(|words| words.controller_short)}</span>
                    </span>
                </Show>
            </div>
            <span class=move || state.get().0>
                <Icon glyph=Signal::derive(move || state.get().1) />
                <span>{move || state.get().2}</span>
            </span>
            {broker_buttons(store, id, true)}
        </th>
    }
    .into_any()
}

/// What a member of a group does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Reads,
    /// The group is about to share its partitions out, also to this one.
    Joins,
    /// There are more members than partitions.
    Idles,
    /// It is gone; the seconds until its group takes it for gone too, where that is known.
    Gone(Option<u64>),
}

impl Does {
    fn of(store: Store, group: &GroupView, member: &MemberView) -> Self {
        if store.is_gone(member) {
            Self::Gone(member.session_deadline_us.map(|at| store.seconds_until(at)))
        } else if !member.assignment.is_empty() {
            Self::Reads
        } else if &*group.state == "Stable" {
            Self::Idles
        } else {
            Self::Joins
        }
    }
}

/// Members of a group as chips: client id, and what it does where it does not read.
pub(crate) fn chips(store: Store, group: String, in_grid: bool) -> AnyView {
    let stop = if in_grid { "-1" } else { "0" };
    let members = Memo::new(move |_| {
        store.picture.with(|picture| {
            let Some(group) = picture.group(&group) else { return Vec::new() };
            let member = |member: &MemberView| (member.client_id.to_string(), Does::of(store, group, member));
            group.members.iter().map(member).collect()
        })
    });
    let chip = move |(member, does): (String, Does)| {
        let words = store.words();
        let number = consumer_number(&member);
        let (class, text, why) = match does {
            Does::Reads => ("chip data", member, None),
            Does::Joins => ("chip data idle", format!("{member} {}", words.joins), Some(words.joins_why)),
            Does::Idles => ("chip data idle", format!("{member} {}", words.idle), Some(words.idle_why)),
            Does::Gone(left) => {
                let ends = left.map(|seconds| format!(" · {}", (words.session_ends)(seconds))).unwrap_or_default();
                let text = format!("{member} {}{ends}", words.member_gone);
                // Its consumer's number is another's by now.
                return view! { <span class="chip data gone" title=words.gone_why>{text}</span> }.into_any();
            }
        };
        let choose = move |_| {
            if let Some(number) = number {
                store.select(Selection::Consumer(number));
            }
        };
        view! { <button type="button" class=class tabindex=stop title=why on:click=choose>{text}</button> }.into_any()
    };
    view! { <div class="chips">{move || members.get().into_iter().map(chip).collect::<Vec<_>>()}</div> }.into_any()
}

/// Opens the form of a new consumer for a group.
pub(crate) fn add_to(store: Store, group: &str) {
    store.drafts.group.set(group.to_owned());
    store.select(Selection::NewConsumer);
}

/// Groups that have no column: one of them can be given one.
fn more_groups(store: Store) -> AnyView {
    let hidden = Memo::new(move |_| {
        let shown = store.shown_groups.get();
        store.picture.with(|picture| {
            let ids = picture.groups.iter().map(|group| group.group_id.to_string());
            ids.filter(|id| !shown.contains(id)).collect::<Vec<_>>()
        })
    });
    let choose = move |event: web_sys::Event| store.pinned_group.set(Some(event_target_value(&event)));
    let options = move || {
        let first = (store.words().more_groups)(hidden.with(Vec::len));
        let option = |id: String| view! { <option value=id.clone()>{id.clone()}</option> };
        view! {
            <option value="" selected=true>{first}</option>
            {hidden.get().into_iter().map(option).collect_view()}
        }
    };
    view! {
        <Show when=move || hidden.with(|hidden| !hidden.is_empty())>
            <select class="more-groups" aria-label=store.say(|words| words.groups) on:change=choose>{options}</select>
        </Show>
    }
    .into_any()
}

/// The head of a group's column.
pub(super) fn group_head(store: Store, group: String) -> AnyView {
    let words = move || store.words();
    let (name, counted, chosen, added, last) =
        (group.clone(), group.clone(), group.clone(), group.clone(), group.clone());
    let lag = Memo::new(move |_| {
        store.picture.with(|picture| picture.group(&counted).map_or(0, |group| picture.lag_of(group)))
    });
    let selection = Selection::Group(group.clone());
    // What does not fit is cut before the end: groups of console consumers differ there.
    let end = name.char_indices().rev().nth(4).map_or(0, |(at, _)| at);
    let (start, end) = (name[..end].to_owned(), name[end..].to_owned());
    let is_last = Memo::new(move |_| store.shown_groups.with(|shown| shown.last() == Some(&last)));
    view! {
        <th scope="col" class="group" data-group=name.clone() class:selected=move || store.selection.get() == selection>
            <button class="name" tabindex="-1" title=name.clone() on:click=move |_| store.select(Selection::Group(chosen.clone()))>
                <span>{start}</span><span>{end}</span>
            </button>
            <span class="facts data">{move || (words().lag)(lag.get())}</span>
            {chips(store, group, true)}
            <button class="quiet" tabindex="-1" on:click=move |_| add_to(store, &added)>{store.say(|words| words.add_consumer)}</button>
            <Show when=move || is_last.get()>{more_groups(store)}</Show>
        </th>
    }
    .into_any()
}
