//! The stage: the cluster as a table. Rows are partitions, columns brokers, then groups.

mod cells;
mod grid;
pub(crate) mod heads;
mod keyboard;

use crate::ui::icons::{Glyph, Icon};
use crate::ui::store::{Selection, Store};
use grid::rows;
use heads::{broker_head, group_head};
use leptos::prelude::*;

/// How much fits, by the width of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// How a replica is drawn.
    pub(super) style: Style,
    /// Cells of a replica.
    pub(super) cells: i64,
    /// Columns of groups.
    pub(super) groups: usize,
}

/// How a replica is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// A cell for each record.
    Cells,
    /// A bar and the end offset.
    Bar,
    /// Glyph and number.
    Number,
}

fn room(width: f64, brokers: usize, groups: usize) -> Room {
    let (aside, producers, head) = match width {
        wide if wide >= 1200.0 => (320.0, 168.0, 132.0),
        middle if middle >= 720.0 => (0.0, 0.0, 132.0),
        _ => (0.0, 0.0, 84.0),
    };
    let groups = if width < 720.0 { 0 } else { groups.min(2) };
    let column = (width - aside - producers - head - 104.0 * groups as f64) / brokers.max(1) as f64;
    let style = match column {
        wide if wide >= 132.0 => Style::Cells,
        middle if middle >= 84.0 => Style::Bar,
        _ => Style::Number,
    };
    Room { style, cells: (((column - 34.0) / 24.0) as i64).clamp(3, 12), groups }
}

fn width() -> f64 {
    window().inner_width().ok().and_then(|width| width.as_f64()).unwrap_or(1440.0)
}

/// The stage.
#[component]
pub(crate) fn Stage() -> impl IntoView {
    let store = Store::get();
    let words = move || store.words();
    let page_width = RwSignal::new(width());
    window_event_listener(leptos::ev::resize, move |_| page_width.set(width()));
    let room = Memo::new(move |_| {
        store.picture.with(|picture| room(page_width.get(), picture.brokers.len(), picture.groups.len()))
    });
    let open_topics = RwSignal::new(Vec::<String>::new());
    let brokers = move || store.picture.with(|picture| picture.brokers.iter().map(|(id, _)| *id).collect::<Vec<_>>());
    let groups = move || {
        store.picture.with(|picture| {
            let ids = picture.groups.iter().map(|group| group.group_id.to_string());
            ids.take(room.get().groups).collect::<Vec<_>>()
        })
    };
    let hidden_groups = move || store.picture.with(|picture| picture.groups.len()).saturating_sub(room.get().groups);
    let table = NodeRef::<leptos::html::Table>::new();
    view! {
        <main class="stage" aria-label=move || words().stage>
            <div class="scroll">
                <table class="grid" node_ref=table on:keydown=move |event| keyboard::walk(table, &event)>
                    <thead>
                        <tr>
                            <th scope="col" class="corner">
                                <span>{move || words().partitions}</span>
                                <button class="quiet" on:click=move |_| store.select(Selection::NewTopic)>
                                    {move || words().add_topic}
                                </button>
                                <button class="quiet" on:click=move |_| store.add_broker()>{move || words().add_broker}</button>
                            </th>
                            <For each=brokers key=|id| *id let:id>{broker_head(store, id)}</For>
                            <For each=groups key=Clone::clone let:group>{group_head(store, group)}</For>
                            <Show when=move || (room.get().groups > 0 || page_width.get() >= 720.0) && groups().is_empty()>
                                <th scope="col" class="group">
                                    <button class="quiet" on:click=move |_| store.select(Selection::NewConsumer)>
                                        {move || words().add_consumer}
                                    </button>
                                </th>
                            </Show>
                        </tr>
                    </thead>
                    <tbody>
                        {move || store.picture.with(|picture| rows(store, picture, room.get(), page_width.get() >= 720.0, open_topics))}
                    </tbody>
                </table>
                <Show when=move || hidden_groups() != 0>
                    <p class="hint">{move || (words().more_groups)(hidden_groups())}</p>
                </Show>
            </div>
            <ul class="legend">
                <li><Icon glyph=Glyph::Leader />{move || words().legend[0]}</li>
                <li><Icon glyph=Glyph::InSync />{move || words().legend[1]}</li>
                <li><Icon glyph=Glyph::OutOfSync />{move || words().legend[2]}</li>
                <li class="err"><Icon glyph=Glyph::Down />{move || words().legend[3]}</li>
                <li><b class="hw"></b>{move || words().legend[4]}</li>
                <li><i class="cell k1"></i>{move || words().legend[5]}</li>
            </ul>
        </main>
    }
}
