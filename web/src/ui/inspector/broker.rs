//! A broker.

use super::{bytes, facts, head};
use crate::ui::icons::Icon;
use crate::ui::stage::heads::{broker_buttons, broker_state};
use crate::ui::store::Store;
use leptos::prelude::*;

/// A broker's facts and actions.
pub(super) fn broker(store: Store, id: i32) -> AnyView {
    let words = move || store.words();
    let state = Memo::new(move |_| broker_state(store, id));
    let lives = move || store.picture.with(|picture| picture.lives(id));
    let rows = move || {
        let words = words();
        let (leads, follows) = store.picture.with(|picture| picture.roles(id));
        let mut rows =
            vec![(words.leads.to_owned(), leads.to_string()), (words.follows.to_owned(), follows.to_string())];
        if let Some(view) = store.node(id) {
            let listener = view.brokers.iter().find(|broker| broker.id == id).map(|broker| broker.listener.to_string());
            let size: u64 = view.replicas.iter().map(|replica| replica.size).sum();
            let role = if view.quorum.is_active_controller {
                words.active_controller.to_owned()
            } else {
                view.quorum.state.to_string()
            };
            rows.extend([
                (words.state.to_owned(), view.state.to_string()),
                (words.role.to_owned(), role),
                ("listener".to_owned(), listener.unwrap_or_else(|| format!("localhost:{}", 9092 + id))),
                ("broker epoch".to_owned(), view.broker_epoch.to_string()),
                ("quorum epoch".to_owned(), view.quorum.epoch.to_string()),
                (
                    "metadata end".to_owned(),
                    format!("{} (HW {})", view.quorum.log_end_offset, view.quorum.high_watermark),
                ),
                (words.stored.to_owned(), bytes(size)),
                ("cluster.id".to_owned(), view.cluster_id.to_string()),
            ]);
        }
        facts(rows)
    };
    view! {
        {head(store, move || (words().broker)(id))}
        <span class=move || state.get().0>
            <Icon glyph=Signal::derive(move || state.get().1) />
            <span>{move || state.get().2}</span>
        </span>
        {broker_buttons(store, id)}
        <p class="facts">{move || words().stop_kill_hint}</p>
        {move || store.reason(id).map(|reason| view! { <p class="answer err">{reason}</p> })}
        {rows}
        <Show when=lives>
            <section class="dangerous">
                <h3>{move || words().danger}</h3>
                <button class="kill" on:click=move |_| store.power_off(id)>{move || words().power_off}</button>
                <p class="facts">{move || words().power_hint}</p>
            </section>
        </Show>
    }
    .into_any()
}
