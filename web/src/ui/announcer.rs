//! What a screen reader hears: one polite region, merged, one text in two seconds.

use crate::ui::store::Store;
use leptos::prelude::*;
use std::time::Duration;

/// The region.
#[component]
pub(crate) fn Announcer() -> impl IntoView {
    let store = Store::get();
    let waiting = RwSignal::new(Vec::<String>::new());
    let said = RwSignal::new(String::new());
    Effect::new(move |_| {
        let text = store.spoken.get();
        if !text.is_empty() {
            waiting.update_untracked(|waiting| waiting.push(text));
        }
    });
    let speak = move || {
        if waiting.with_untracked(Vec::is_empty) {
            return;
        }
        let mut texts = Vec::new();
        waiting.update_untracked(|waiting| texts = std::mem::take(waiting));
        // The newest matter; a flood is not read out.
        let from = texts.len().saturating_sub(3);
        said.set(texts[from..].join(" "));
    };
    set_interval(speak, Duration::from_secs(2));
    view! { <div class="spoken" role="status" aria-live="polite">{said}</div> }
}
