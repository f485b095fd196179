//! The stage: the cluster as a table. Rows are partitions, columns brokers, then groups.

mod body;
mod cells;
mod focus;
mod grid;
pub(crate) mod heads;
mod keyboard;

use crate::ui::groups::group_list;
use crate::ui::icons::{Glyph, Icon};
use crate::ui::room::{Extent, Room};
use crate::ui::store::{Selection, Store};
use grid::{FEW_TOPICS, Shape, rows, topics_shown};
use heads::{broker_head, group_head};
pub(crate) use keyboard::go_back;
use leptos::prelude::*;

/// The columns behind the brokers: a group each, or one to begin with.
fn group_heads(store: Store) -> AnyView {
    let room = Room::get();
    let is_empty = Memo::new(move |_| store.shown_groups.with(Vec::is_empty));
    view! {
        <Show when=move || room.get().extent != Extent::Narrow>
            <For each=move || store.shown_groups.get() key=Clone::clone let:group>{group_head(store, group)}</For>
            <Show when=move || is_empty.get()>
                <th scope="col" class="group">
                    <span class="name">{store.say(|words| words.groups)}</span>
                    <button class="quiet" tabindex="-1" on:click=move |_| store.select(Selection::NewConsumer)>
                        {store.say(|words| words.add_consumer)}
                    </button>
                </th>
            </Show>
        </Show>
    }
    .into_any()
}

fn legend(store: Store) -> AnyView {
    let words = move || store.words();
    view! {
        <ul class="legend">
            <li><Icon glyph=Glyph::Leader />{move || words().legend[0]}</li>
            <li><Icon glyph=Glyph::InSync />{move || words().legend[1]}</li>
            <li><Icon glyph=Glyph::OutOfSync />{move || words().legend[2]}</li>
            <li class="err"><Icon glyph=Glyph::Down />{move || words().legend[3]}</li>
            <li><b class="hw"></b>{move || words().legend[4]}</li>
            <li><i class="cell k1"></i>{move || words().legend[5]}</li>
        </ul>
    }
    .into_any()
}

/// The stage.
#[component]
pub(crate) fn Stage() -> impl IntoView {
    let store = Store::get();
    let shape = Shape::new();
    let topics = Memo::new(move |_| topics_shown(store, shape));
    let is_filtered = Memo::new(move |_| topics.get().1 > FEW_TOPICS);
    let brokers =
        Memo::new(move |_| store.picture.with(|picture| picture.brokers.iter().map(|(id, _)| *id).collect::<Vec<_>>()));
    let rows = Memo::new(move |_| rows(store, shape));
    let table = NodeRef::<leptos::html::Table>::new();
    keyboard::stay_reachable(table);
    let room = Room::get();
    view! {
        <main class="stage" aria-label=store.say(|words| words.stage)>
            <Show when=move || is_filtered.get()>
                <label class="topic-filter">
                    <span>{store.say(|words| words.filter_topics)}</span>
                    <input class="data" type="search" spellcheck="false" bind:value=shape.filter />
                    <span class="data">{move || { let (shown, all) = topics.get(); (store.words().topics_shown)(shown, all) }}</span>
                </label>
            </Show>
            <div class="scroll">
                <table class="grid" node_ref=table tabindex="0" aria-label=store.say(|words| words.grid)
                    on:keydown=move |event| keyboard::key(store, table, &event)
                    on:focusin=move |event| keyboard::enter(table, &event)
                    on:focusout=move |event| keyboard::leave(table, &event)
                    on:mouseover=move |event| keyboard::hover(table, &event)
                >
                    <thead>
                        <tr>
                            <th scope="col" class="corner">
                                <span>{store.say(|words| words.partitions)}</span>
                                <button class="quiet" tabindex="-1" on:click=move |_| store.select(Selection::NewTopic)>
                                    {store.say(|words| words.add_topic)}
                                </button>
                                <button class="quiet" tabindex="-1" on:click=move |_| store.add_broker()>{store.say(|words| words.add_broker)}</button>
                            </th>
                            <For each=move || brokers.get() key=|id| *id let:id>{broker_head(store, id)}</For>
                            {group_heads(store)}
                        </tr>
                    </thead>
                    {body::body(store, rows, shape, table)}
                </table>
                <Show when=move || room.get().extent == Extent::Narrow>{group_list(store)}</Show>
            </div>
            {legend(store)}
        </main>
    }
    .into_any()
}
