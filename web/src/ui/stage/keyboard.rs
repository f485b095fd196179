//! The grid under the keys: one stop of the tab key; arrows walk its buttons, Escape goes back.

use crate::ui::store::{Selection, Store};
use leptos::html::Table;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

fn buttons(table: &HtmlElement) -> Vec<HtmlElement> {
    let Ok(found) = table.query_selector_all("button") else { return Vec::new() };
    (0..found.length()).filter_map(|at| found.item(at)?.dyn_into::<HtmlElement>().ok()).collect()
}

fn element(table: NodeRef<Table>) -> Option<HtmlElement> {
    table.get_untracked().map(|table| table.unchecked_ref::<HtmlElement>().clone())
}

fn target(event: &web_sys::Event) -> Option<HtmlElement> {
    event.target()?.dyn_into::<HtmlElement>().ok()
}

/// The class of the button that had the focus last.
const LAST: &str = "last-focus";

/// The focus comes in: to the button that had it last, and the table itself is no stop while it is inside.
pub(super) fn enter(table: NodeRef<Table>, event: &web_sys::FocusEvent) {
    let (Some(table), Some(target)) = (element(table), target(event)) else { return };
    if target.is_same_node(Some(&table)) {
        // A click beside the buttons moves no focus.
        if table.matches(":focus-visible").unwrap_or(false) {
            // Not within this event: the focus that moves on is told to the same listener.
            set_timeout(move || go_in(&table), std::time::Duration::ZERO);
        }
        return;
    }
    let _ = table.set_attribute("tabindex", "-1");
    for button in buttons(&table) {
        let _ = button.class_list().remove_1(LAST);
    }
    let _ = target.class_list().add_1(LAST);
}

fn go_in(table: &HtmlElement) {
    // Whoever pressed Tab twice is elsewhere by now, and stays there.
    if document().active_element().is_none_or(|active| !active.is_same_node(Some(table))) {
        return;
    }
    let all = buttons(table);
    let last = all.iter().find(|button| button.class_list().contains(LAST)).or(all.first());
    if let Some(button) = last {
        let _ = button.focus();
    }
}

/// The focus goes.
pub(super) fn leave(table: NodeRef<Table>, event: &web_sys::FocusEvent) {
    let Some(table) = element(table) else { return };
    let to = event.related_target().and_then(|to| to.dyn_into::<web_sys::Node>().ok());
    if !table.contains(to.as_ref()) {
        let _ = table.set_attribute("tabindex", "0");
    }
}

/// A button that goes while it has the focus tells nobody: whoever presses Tab elsewhere finds the grid again.
pub(super) fn stay_reachable(table: NodeRef<Table>) {
    window_event_listener(leptos::ev::keydown, move |event| {
        let Some(table) = element(table).filter(|_| event.key() == "Tab") else { return };
        let active = document().active_element();
        if !table.contains(active.as_deref()) {
            let _ = table.set_attribute("tabindex", "0");
        }
    });
}

/// All records of a key stand out while one of them is pointed at.
pub(super) fn hover(table: NodeRef<Table>, event: &web_sys::MouseEvent) {
    let (Some(table), Some(target)) = (element(table), target(event)) else { return };
    let classes = target.class_name();
    let colour = classes.split(' ').find(|class| classes.starts_with("cell k") && class.starts_with('k'));
    let _ = table.set_attribute("data-key", colour.unwrap_or_default());
}

/// A key in the grid.
pub(super) fn key(store: Store, table: NodeRef<Table>, event: &web_sys::KeyboardEvent) {
    let Some(table) = element(table) else { return };
    if event.ctrl_key() || event.meta_key() || event.alt_key() {
        return;
    }
    let select = match event.key().as_str() {
        "Escape" => return escape(store),
        "Enter" => return opens(store),
        "t" => Selection::NewTopic,
        "c" => Selection::NewConsumer,
        _ => return walk(&table, event),
    };
    event.prevent_default();
    store.select(select);
    request_animation_frame(crate::ui::inspector::enter);
}

/// Closes what is open; the focus stays in the row it came from.
fn escape(store: Store) {
    let row = document().active_element().and_then(|active| active.closest("tr.focus").ok().flatten());
    let before = row.and_then(|row| row.previous_element_sibling());
    let button = before.and_then(|row| row.query_selector("button").ok().flatten());
    store.select(Selection::Nothing);
    if let Some(button) = button.and_then(|button| button.dyn_into::<HtmlElement>().ok()) {
        let _ = button.focus();
    }
}

/// Enter opens what has the focus, and goes in: into the opened row, else into the inspector.
fn opens(store: Store) {
    let before = store.selection.get_untracked();
    let inside = move || {
        let now = store.selection.get_untracked();
        if now == before || now == Selection::Nothing {
            return;
        }
        match document().query_selector("tr.focus button") {
            Ok(Some(button)) if matches!(now, Selection::Partition(..)) => {
                let _ = button.unchecked_into::<HtmlElement>().focus();
            }
            _ => crate::ui::inspector::enter(),
        }
    };
    // The click comes after the key, the row after the click.
    request_animation_frame(move || request_animation_frame(inside));
}

/// Back into the grid, to the button that had the focus last.
pub(crate) fn go_back() {
    let Ok(Some(button)) = document().query_selector(".grid .last-focus") else { return };
    if let Ok(button) = button.dyn_into::<HtmlElement>() {
        let _ = button.focus();
    }
}

/// To the first button, or the last. Of a long table the row there is only drawn once it is in sight.
fn to_edge(table: &HtmlElement, last: bool) {
    let row = if last { table.last_element_child() } else { table.first_element_child() };
    if let Some(row) = row {
        row.scroll_into_view_with_bool(!last);
    }
    let table = table.clone();
    let go = move || {
        let buttons = buttons(&table);
        if let Some(button) = if last { buttons.last() } else { buttons.first() } {
            let _ = button.focus();
        }
    };
    // It is scrolled, then drawn.
    request_animation_frame(move || request_animation_frame(go));
}

/// Arrow keys walk from button to button: left and right in a row, up and down to the nearest row.
fn walk(table: &HtmlElement, event: &web_sys::KeyboardEvent) {
    let Some(active) = document().active_element() else { return };
    let buttons = buttons(table);
    let Some(at) = buttons.iter().position(|button| button.is_same_node(Some(&active))) else { return };
    let middle = |button: &HtmlElement| {
        let place = button.get_bounding_client_rect();
        (place.x() + place.width() / 2.0, place.y() + place.height() / 2.0)
    };
    let (x, y) = middle(&buttons[at]);
    let nearest = |wanted: fn(f64) -> bool| {
        let distance = |button: &&HtmlElement| {
            let (other_x, other_y) = middle(button);
            ((other_y - y).abs() * 4.0 + (other_x - x).abs()) as i64
        };
        buttons.iter().filter(|button| wanted(middle(button).1 - y)).min_by_key(distance)
    };
    let next = match event.key().as_str() {
        "ArrowRight" => buttons.get(at + 1),
        "ArrowLeft" => at.checked_sub(1).and_then(|at| buttons.get(at)),
        "ArrowDown" => nearest(|distance| distance > 6.0),
        "ArrowUp" => nearest(|distance| distance < -6.0),
        key @ ("Home" | "End") => {
            event.prevent_default();
            return to_edge(table, key == "End");
        }
        _ => return,
    };
    if let Some(next) = next {
        event.prevent_default();
        let _ = next.focus();
    }
}
