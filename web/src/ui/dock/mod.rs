//! The dock: events in plain words, terminals, and records to look at.

mod editor;
mod events;
mod records;
mod terminal;

pub(crate) use records::records_table;

use crate::ui::store::Store;
use editor::Editor;
use events::Events;
use leptos::prelude::*;
use records::Records;
use terminal::Terminals;

/// The dock.
#[component]
pub(crate) fn Dock(
    /// `normal`, `small` or `large`.
    size: RwSignal<&'static str>,
    /// What a narrow screen shows.
    region: RwSignal<&'static str>,
) -> impl IntoView {
    let store = Store::get();
    let tab = store.tab;
    Effect::new(move |_| {
        let region = region.get();
        if ["events", "terminal", "records"].contains(&region) {
            tab.set(region);
        }
    });
    // A file wants room.
    Effect::new(move |_| {
        if store.edited.with(Option::is_some) {
            size.set("large");
        }
    });
    let choose = move |name: &'static str| {
        tab.set(name);
        if size.get_untracked() == "small" {
            size.set("normal");
        }
    };
    let toggle = move |to: &'static str| size.update(|size| *size = if *size == to { "normal" } else { to });
    view! {
        <section class="dock" aria-label=store.say(|words| words.dock)>
            <header role="tablist">
                <button role="tab" aria-selected=move || (tab.get() == "events").to_string() on:click=move |_| choose("events")>
                    {store.say(|words| words.events)}
                </button>
                <button role="tab" aria-selected=move || (tab.get() == "terminal").to_string() on:click=move |_| choose("terminal")>
                    {store.say(|words| words.terminal)}
                </button>
                <button role="tab" aria-selected=move || (tab.get() == "records").to_string() on:click=move |_| choose("records")>
                    {store.say(|words| words.records)}
                </button>
                <span class="space"></span>
                <button class="quiet" aria-pressed=move || (size.get() == "small").to_string() on:click=move |_| toggle("small")>
                    {store.say(|words| words.collapse)}
                </button>
                <button class="quiet" aria-pressed=move || (size.get() == "large").to_string() on:click=move |_| toggle("large")>
                    {store.say(|words| words.maximize)}
                </button>
            </header>
            <div class="pane" role="tabpanel" hidden=move || tab.get() != "events"><Events /></div>
            <div class="pane" role="tabpanel" hidden=move || tab.get() != "terminal">
                <div class="terminals"><Terminals /><Editor /></div>
            </div>
            <div class="pane" role="tabpanel" hidden=move || tab.get() != "records"><Records /></div>
        </section>
    }
    .into_any()
}
