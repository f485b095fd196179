//! Frames between clients and brokers, a track for each purpose: what the switch itself saw.

use crate::ui::store::{Store, Track};
use leptos::prelude::*;

const TRACKS: [Track; 4] = [Track::Produce, Track::Replicate, Track::Consume, Track::Cluster];

/// Where an endpoint stands, in percent of the track: clients at both ends, brokers at their columns.
fn place(store: Store, endpoint: i32, track: Track) -> f64 {
    if endpoint < 0 {
        return if track == Track::Consume { 98.0 } else { 1.0 };
    }
    store.picture.with(|picture| {
        let all = picture.brokers.len().max(1) as f64;
        let at = picture.brokers.iter().position(|(id, _)| *id == endpoint).unwrap_or(0) as f64;
        16.0 + (at + 0.5) * 72.0 / all
    })
}

/// The lane.
#[component]
pub(crate) fn Lane() -> impl IntoView {
    let store = Store::get();
    let words = move || store.words();
    let tracks = TRACKS.map(|track| {
        let at = track as usize;
        let newest = Memo::new(move |_| store.traffic.with(|traffic| traffic.newest[at].clone()));
        let rate = Memo::new(move |_| store.traffic.with(|traffic| traffic.per_second[at]));
        let arrow = move || {
            let token = newest.get()?;
            let (from, to) = (place(store, token.from, track), place(store, token.to, track));
            let (left, width) = (from.min(to), (from - to).abs());
            let class = if to < from { "arrow back" } else { "arrow" };
            Some(view! {
                <span class=class style:left=format!("{left}%") style:width=format!("{width}%")>
                    <em class="token">{token.name}</em>
                </span>
            })
        };
        view! {
            <div class="track">
                <span class="label">
                    {move || words().tracks[at]} " " <b class="data">{move || rate.get()}"/s"</b>
                </span>
                <span class="line" aria-hidden="true">{arrow}</span>
            </div>
        }
    });
    let background = Memo::new(move |_| store.traffic.with(|traffic| traffic.background));
    view! {
        <section class="lane">
            {tracks.into_iter().collect_view()}
            <span class="background data">{move || (words().background)(background.get())}</span>
        </section>
    }
}
