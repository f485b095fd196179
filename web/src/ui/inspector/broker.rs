//! A broker.

use super::{bytes, command, confirmed, facts, head};
use crate::ui::icons::Icon;
use crate::ui::stage::heads::{broker_buttons, broker_state};
use crate::ui::store::{Outcome, Store, counted};
use leptos::prelude::*;

fn rows(store: Store, id: i32) -> Vec<(String, String)> {
    let words = store.words();
    let (leads, follows) = store.picture.with(|picture| picture.roles(id));
    let mut rows = vec![(words.leads.to_owned(), leads.to_string()), (words.follows.to_owned(), follows.to_string())];
    let setting = |key: &str| (key.to_owned(), store.setting(id, key).unwrap_or_default());
    if let Some(view) = store.node(id) {
        let listener = view.brokers.iter().find(|broker| broker.id == id).map(|broker| broker.listener.to_string());
        let size: u64 = view.replicas.iter().map(|replica| replica.size).sum();
        let role = if view.quorum.is_active_controller {
            words.active_controller.to_owned()
        } else {
            view.quorum.state.to_string()
        };
        let lives = store.picture.with(|picture| picture.lives(id));
        let (state, role) = if lives { (view.state.to_string(), role) } else { (words.down.to_owned(), String::new()) };
        rows.extend([
            (words.state.to_owned(), state),
            (words.role.to_owned(), role),
            ("listener".to_owned(), listener.unwrap_or_default()),
            ("broker epoch".to_owned(), view.broker_epoch.to_string()),
            ("quorum epoch".to_owned(), view.quorum.epoch.to_string()),
            ("metadata end".to_owned(), view.quorum.log_end_offset.to_string()),
            ("metadata HW".to_owned(), view.quorum.high_watermark.to_string()),
            (words.stored.to_owned(), bytes(size)),
            ("cluster.id".to_owned(), view.cluster_id.to_string()),
        ]);
    }
    rows.push(setting("process.roles"));
    rows.push(setting("log.dirs"));
    rows.push(setting("broker.session.timeout.ms"));
    rows.retain(|(_, value)| !value.is_empty());
    rows
}

/// Replicas, records and bytes on its disk, as last seen.
fn on_disk(store: Store, id: i32) -> (usize, (i64, bool), u64) {
    let replicas = store.node(id).map(|view| view.replicas).unwrap_or_default();
    let records = counted(&replicas.iter().collect::<Vec<_>>());
    (replicas.len(), records, replicas.iter().map(|one| one.size).sum())
}

/// A broker's facts and actions.
pub(super) fn broker(store: Store, id: i32) -> AnyView {
    let words = move || store.words();
    let state = Memo::new(move |_| broker_state(store, id));
    let lives = Memo::new(move |_| store.picture.with(|picture| picture.lives(id)));
    let wiped = RwSignal::new(RwSignal::new(Outcome::None));
    let rows = Memo::new(move |_| rows(store, id));
    let line = move || {
        let path = store.properties_path(id);
        let stop = format!("kafka-server-stop.sh --node-id={id}");
        if lives.get() {
            format!("{stop}\nkill -9 $(jps -m | grep {path} | cut -d' ' -f1)")
        } else {
            format!("kafka-server-start.sh {path}")
        }
    };
    let loss = move || {
        let (replicas, records, size) = on_disk(store, id);
        (words().wipe_asks)(replicas, &(words().counted)(records), &bytes(size))
    };
    let danger = move || {
        if lives.get() {
            view! {
                <button class="kill" on:click=move |_| store.power_off(id)>{store.say(|words| words.power_off)}</button>
                <p class="facts">{store.say(|words| words.power_hint)}</p>
            }
            .into_any()
        } else {
            confirmed(store, |words| words.wipe, loss, move || wiped.set(store.wipe(id)))
        }
    };
    view! {
        {head(store, move || (words().broker)(id))}
        <span class=move || state.get().0>
            <Icon glyph=Signal::derive(move || state.get().1) />
            <span>{move || state.get().2}</span>
        </span>
        {broker_buttons(store, id, false)}
        <p class="facts">{store.say(|words| words.stop_kill_hint)}</p>
        {move || store.reason(id).map(|reason| view! { <p class="answer err">{reason}</p> })}
        {move || facts(rows.get())}
        <details class="command">
            <summary>"server.properties"</summary>
            <code class="data" tabindex="0">{move || store.properties(id)}</code>
            <p class="facts">{move || (words().properties_hint)(&store.properties_path(id))}</p>
            <button class="quiet" on:click=move |_| store.edit_properties(id)>{store.say(|words| words.edit_file)}</button>
        </details>
        {command(store, line)}
        <section class="dangerous">
            <h3>{store.say(|words| words.danger)}</h3>
            {danger}
            {move || view! { <crate::ui::producers::Answer outcome=wiped.get() /> }}
        </section>
    }
    .into_any()
}
