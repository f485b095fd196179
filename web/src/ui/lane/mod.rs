//! Frames between clients and brokers, a track for each purpose: what the switch itself saw, in its order, slowed down.

use crate::ui::inspector::frame_title;
use crate::ui::room::{Extent, GROUP, Room};
use crate::ui::store::{FLIGHT, Load, Place, Selection, Store, Stream, Token, Track};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

const TRACKS: [Track; 4] = [Track::Produce, Track::Replicate, Track::Consume, Track::Cluster];

/// Where an end of an arrow stands: its rank from left to right, and its place as a length of the style sheet.
fn stand(store: Store, place: Place) -> (i64, String) {
    let right = |group: Option<usize>| match group {
        Some(at) => format!("calc(100% - var(--after) + {}px)", GROUP * at as i64 + GROUP / 2),
        None => "calc(100% - 24px)".to_owned(),
    };
    match place {
        Place::Producers | Place::Terminal { reads: false, .. } => (0, "var(--label)".to_owned()),
        Place::Terminal { reads: true, .. } => (1009, right(None)),
        Place::Broker(id) => store.picture.with_untracked(|picture| {
            let halves = 2 * picture.brokers.len().max(1);
            let at = picture.brokers.iter().position(|(known, _)| *known == id).unwrap_or(0);
            let left =
                format!("calc(var(--before) + (100% - var(--before) - var(--after)) * {} / {halves})", 2 * at + 1);
            (1 + at as i64, left)
        }),
        Place::Consumer(number) => {
            let group = store.clients.with_untracked(|clients| {
                let known = clients.consumers.iter().find(|one| i64::from(one.consumer) == i64::from(number));
                known.and_then(|one| one.group.clone())
            });
            let shown =
                store.shown_groups.with_untracked(|shown| shown.iter().position(|one| Some(one) == group.as_ref()));
            (1000 + shown.unwrap_or(9) as i64, right(shown))
        }
    }
}

/// An arrow and what travels along it.
fn arrow(store: Store, from: Place, to: Place, class: &'static str, delay: Option<f64>, token: AnyView) -> AnyView {
    let ((rank, from), (other, to)) = (stand(store, from), stand(store, to));
    let back = other < rank;
    let (left, right) = if back { (to, from) } else { (from, to) };
    let class = format!("arrow {class}{}", if back { " back" } else { "" });
    let style = format!(
        "left:{left};right:calc(100% - {right});{}",
        delay.map_or(String::new(), |delay| format!("--delay:{}ms", delay.round() as i64))
    );
    view! { <span class=class style=style>{token}</span> }.into_any()
}

fn flight(store: Store, token: &Token, paused: Memo<bool>) -> AnyView {
    let (class, text) = match &token.load {
        Load::Record(key) => (format!("token record k{}", store.key_colour_now(key.as_deref())), String::new()),
        Load::Records(count, more) => ("token k0".to_owned(), format!("{count}{}", if *more { "+" } else { "" })),
        Load::Marker => ("token marker".to_owned(), String::new()),
        Load::Api(name) => ("token api".to_owned(), (*name).to_owned()),
        Load::Error(name) => ("token error".to_owned(), format!("✕ {name}")),
    };
    // Who sent it, or gets it, where it has no place of its own.
    let text = match (token.from, token.to) {
        (Place::Terminal { number, .. }, _) | (_, Place::Terminal { number, .. }) => {
            format!("t{number} {text}")
        }
        _ => text,
    };
    // Keys reach what stands still.
    let stop = move || if paused.get() { "0" } else { "-1" };
    let label = frame_title(store, &token.frame);
    let body = view! {
        <button class=class tabindex=stop title=label.clone() aria-label=label data-token=token.id.to_string()>{text}</button>
    }
    .into_any();
    arrow(store, token.from, token.to, "flies", Some(token.delay), body)
}

/// A token so far from where one pressed, in pixels, was meant: it flies that far while one aims.
const NEAR: f64 = 24.0;

/// A token was pressed: it opens its frame. What flies is elsewhere before the button is up, so the press counts, and the
/// nearest token.
fn press(store: Store, event: &web_sys::MouseEvent) {
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let Some(target) = target.filter(|target| target.closest(".aside").is_ok_and(|aside| aside.is_none())) else {
        return;
    };
    let (x, y) = (f64::from(event.client_x()), f64::from(event.client_y()));
    let distance = |token: &web_sys::Element| {
        let place = token.get_bounding_client_rect();
        (place.x() + place.width() / 2.0 - x).abs().max((place.y() + place.height() / 2.0 - y).abs() * 2.0)
    };
    let all = document().query_selector_all(".lane .token").ok();
    let tokens = (0..all.as_ref().map_or(0, web_sys::NodeList::length))
        .filter_map(|at| all.as_ref()?.item(at)?.dyn_into::<web_sys::Element>().ok());
    let nearest = tokens.filter(|token| distance(token) < NEAR).min_by_key(|token| distance(token) as i64);
    // The keys press one that says itself which it is.
    let meant = if target.has_attribute("data-token") { Some(target) } else { nearest };
    let Some(id) = meant.and_then(|token| token.get_attribute("data-token")) else { return };
    // Selecting by a click moves no focus.
    event.prevent_default();
    let name = store.traffic.with_untracked(|traffic| {
        traffic.tokens.iter().find(|token| token.id.to_string() == id).map(|token| token.frame.name())
    });
    if let Some(name) = name {
        store.select(Selection::Frame(name));
    }
}

/// The arrow of a busy link. The busiest of a track bears the one token: of how many frames it is one.
fn stream(store: Store, link: &Stream, all: Option<u32>) -> AnyView {
    let token = all.map(|all| view! { <em class="token k0">{(store.words().one_of)(all)}</em> });
    arrow(store, link.from, link.to, "steady", None, token.into_any())
}

fn track(store: Store, track: Track, paused: Memo<bool>) -> AnyView {
    let words = move || store.words();
    let at = track as usize;
    let rate = Memo::new(move |_| store.traffic.with(|traffic| traffic.per_second[at]));
    let tokens = Memo::new(move |_| {
        let own = |traffic: &crate::ui::store::Traffic| {
            traffic.tokens.iter().filter(|token| token.track == track).cloned().collect::<Vec<_>>()
        };
        store.traffic.with(own)
    });
    let streams = Memo::new(move |_| store.traffic.with(|traffic| traffic.streams[at].clone()));
    let steady = move || {
        let all = rate.get();
        let link = |(at, link): (usize, &Stream)| stream(store, link, (at == 0).then_some(all));
        streams.with(|links| links.iter().enumerate().map(link).collect::<Vec<_>>())
    };
    view! {
        <div class="track">
            <span class="label">{move || words().tracks[at]} " " <b class="data">{rate}"/s"</b></span>
            <span class="line" aria-hidden=move || (!paused.get()).to_string()>
                <For each=move || tokens.get() key=|token| token.id let:token>{flight(store, &token, paused)}</For>
                {steady}
            </span>
        </div>
    }
    .into_any()
}

/// The lane.
#[component]
pub(crate) fn Lane() -> impl IntoView {
    let store = Store::get();
    let words = move || store.words();
    let room = Room::get();
    let background = Memo::new(move |_| store.traffic.with(|traffic| traffic.background));
    let paused = Memo::new(move |_| store.traffic.with(|traffic| traffic.paused));
    let shows_all = Memo::new(move |_| store.traffic.with(|traffic| traffic.shows_background));
    let style = move || {
        let room = room.get();
        let label = if room.extent == Extent::Wide { 168 } else { 124 };
        format!(
            "--before:{}px;--after:{}px;--label:{label}px;--flight:{}ms",
            room.before,
            GROUP * room.groups as i64,
            FLIGHT as i64
        )
    };
    view! {
        <section class="lane" class:paused=paused style=style aria-label=store.say(|words| words.lane)
            on:mousedown=move |event| press(store, &event) on:click=move |event| press(store, &event)>
            {TRACKS.map(|one| track(store, one, paused)).into_iter().collect_view()}
            <span class="aside first">{move || (words().background)(background.get())}</span>
            <span class="aside second">
                <button class="quiet" aria-pressed=move || shows_all.get().to_string() on:click=move |_| store.show_background()>
                    {store.say(|words| words.show)}
                </button>
                <button class="quiet" aria-pressed=move || paused.get().to_string() on:click=move |_| store.pause_lane()>
                    {move || if paused.get() { words().go_on } else { words().pause }}
                </button>
            </span>
            <span class="aside fourth" title=store.say(|words| words.slowed_why)>{store.say(|words| words.slowed)}</span>
        </section>
    }
    .into_any()
}
