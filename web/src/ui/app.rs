//! The regions of the screen.

use super::announcer::Announcer;
use super::dock::Dock;
use super::inspector::Inspector;
use super::lane::Lane;
use super::producers::Producers;
use super::room::Room;
use super::stage::Stage;
use super::store::{Phase, Selection, Store};
use super::top_bar::TopBar;
use crate::cluster::Program;
use leptos::prelude::*;

/// The page.
#[component]
pub(crate) fn App(
    /// What workers are made of.
    program: Program,
) -> impl IntoView {
    let store = Store::begin(program);
    Room::provide(store);
    help_key(store);
    Effect::new(move |_| {
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("lang", store.language.get().tag());
            let _ = match store.theme.get() {
                Some(theme) => root.set_attribute("data-theme", theme),
                None => root.remove_attribute("data-theme"),
            };
        }
    });
    let dock = RwSignal::new("normal");
    // On a narrow screen one region at a time; a selection opens its sheet.
    let region = RwSignal::new("stage");
    let selected = move || store.selection.get() != Selection::Nothing;
    // The first steps keep their place where a selection would only lie over the stage.
    let guided = move || store.steps.get() && !selected();
    let elsewhere = move || matches!(store.phase.get(), Phase::OtherTab | Phase::GivenAway);
    let words = move || store.words();
    view! {
        <div class="app" data-dock=dock data-region=region class:selecting=selected class:guided=guided>
            <TopBar />
            <Show when=elsewhere>
                <div class="notice" role="alert">
                    <p>{move || if store.phase.get() == Phase::OtherTab { words().other_tab } else { words().given_away }}</p>
                    <button class="filled" on:click=move |_| store.take_over()>{store.say(|words| words.take_over)}</button>
                </div>
            </Show>
            <div class="work">
                <div class="left">
                    <Lane />
                    <div class="scene">
                        <Producers />
                        <Stage />
                    </div>
                </div>
                <aside class="inspector" aria-label=store.say(|words| words.inspector)>
                    <Inspector />
                </aside>
            </div>
            <Dock size=dock region=region />
            <nav class="bottom">
                <button aria-pressed=move || (region.get() == "stage").to_string() on:click=move |_| region.set("stage")>
                    {store.say(|words| words.stage)}
                </button>
                <button aria-pressed=move || (region.get() == "events").to_string() on:click=move |_| region.set("events")>
                    {store.say(|words| words.events)}
                </button>
                <button aria-pressed=move || (region.get() == "terminal").to_string() on:click=move |_| region.set("terminal")>
                    {store.say(|words| words.terminal)}
                </button>
                <button aria-pressed=move || (region.get() == "records").to_string() on:click=move |_| region.set("records")>
                    {store.say(|words| words.records)}
                </button>
                <button
                    aria-pressed=move || (region.get() == "inspector").to_string()
                    on:click=move |_| region.set("inspector")
                >
                    {store.say(|words| words.more)}
                </button>
            </nav>
            <Announcer />
        </div>
    }
    .into_any()
}

/// `?` shows the first steps and the keys, wherever one does not write.
fn help_key(store: Store) {
    window_event_listener(leptos::ev::keydown, move |event| {
        let writes = document()
            .active_element()
            .is_some_and(|active| matches!(active.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"));
        if event.key() == "?" && !writes {
            store.show_steps(true);
        }
    });
}
