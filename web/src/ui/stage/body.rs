//! The rows of the grid on the screen: past sixty, those far from what is seen are not drawn, and keep their place.

use super::grid::{Row, Shape, columns, row};
use crate::row_parts::starts;
use crate::ui::store::Store;
use leptos::html::Table;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, HtmlElement};

/// A row that is not drawn is taken to be so high, in pixels.
const ROW: f64 = 27.0;
/// Drawn above and below what is seen, in pixels.
const NEAR: f64 = 600.0;

/// Numbers of the parts that are drawn, and for all of them how high they were.
#[derive(Clone, Copy)]
struct Drawn {
    parts: RwSignal<Vec<usize>>,
    heights: StoredValue<Vec<f64>>,
}

impl Drawn {
    /// Sees which parts are near what is seen, or hold the focus.
    fn look(self, table: &Element) {
        let seen = window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or(900.0);
        let active = document().active_element();
        let bodies = table.query_selector_all("tbody").ok();
        let mut near = Vec::new();
        for at in 0..bodies.as_ref().map_or(0, web_sys::NodeList::length) {
            let body = bodies.as_ref().and_then(|all| all.item(at)).and_then(|body| body.dyn_into::<Element>().ok());
            let Some(body) = body else { continue };
            let (at, place) = (at as usize, body.get_bounding_client_rect());
            if place.bottom() > -NEAR && place.top() < seen + NEAR || body.contains(active.as_deref()) {
                near.push(at);
            }
            self.heights.update_value(|heights| {
                heights.resize(heights.len().max(at + 1), 0.0);
                heights[at] = place.height();
            });
        }
        if self.parts.with_untracked(|known| *known != near) {
            self.parts.set(near);
        }
    }
}

/// Tells whoever listens which row of all each one is.
fn number(table: &Element, starts: &[usize], rows: usize) {
    if starts.len() == 1 {
        let _ = table.remove_attribute("aria-rowcount");
        return;
    }
    let _ = table.set_attribute("aria-rowcount", &(rows + 1).to_string());
    let Ok(bodies) = table.query_selector_all("tbody") else { return };
    for (at, start) in starts.iter().enumerate() {
        let body = bodies.item(at as u32).and_then(|body| body.dyn_into::<Element>().ok());
        let mut next = body.and_then(|body| body.first_element_child());
        // The first row is that of the heads.
        let mut index = start + 2;
        while let Some(row) = next {
            let _ = row.set_attribute("aria-rowindex", &index.to_string());
            index += 1;
            next = row.next_element_sibling();
        }
    }
}

/// All rows, in their parts.
pub(super) fn body(store: Store, rows: Memo<Vec<Row>>, shape: Shape, table: NodeRef<Table>) -> AnyView {
    let starts = Memo::new(move |_| {
        rows.with(|rows| starts(rows.len(), &|at| rows.get(at).is_some_and(|row| matches!(row, Row::Focus(..)))))
    });
    let drawn = Drawn { parts: RwSignal::new(vec![0]), heights: StoredValue::default() };
    let columns = columns(store);
    let look = move || {
        let table = table.get_untracked();
        if let Some(table) = table.filter(|_| starts.with_untracked(|starts| starts.len() > 1)) {
            drawn.look(table.unchecked_ref());
        }
    };
    // Whatever it scrolls in.
    let scrolled = Closure::<dyn Fn()>::new(look).into_js_value();
    let _ = document().add_event_listener_with_callback_and_bool("scroll", scrolled.unchecked_ref(), true);
    window_event_listener(leptos::ev::resize, move |_| look());
    Effect::new(move |_| {
        drawn.parts.track();
        let (starts, rows) = (starts.get(), rows.with(Vec::len));
        request_animation_frame(move || {
            look();
            if let Some(table) = table.get_untracked() {
                number(table.unchecked_ref::<HtmlElement>(), &starts, rows);
            }
        });
    });
    let count = Memo::new(move |_| starts.with(Vec::len));
    let part = move |at: usize| {
        let own = move || {
            let (from, to) = starts.with(|starts| (starts.get(at).copied(), starts.get(at + 1).copied()));
            rows.with(|rows| {
                let to = to.unwrap_or(rows.len()).min(rows.len());
                rows.get(from.unwrap_or(to)..to).unwrap_or_default().to_vec()
            })
        };
        let is_drawn = Memo::new(move |_| count.get() == 1 || drawn.parts.with(|parts| parts.contains(&at)));
        let height = move || {
            let known = drawn.heights.with_value(|heights| heights.get(at).copied().filter(|height| *height > 0.0));
            known.unwrap_or_else(|| untrack(own).len() as f64 * ROW) as i64
        };
        let inside = move || {
            if is_drawn.get() {
                view! { <For each=own key=Row::clone let:one>{row(store, one, shape)}</For> }.into_any()
            } else {
                view! { <tr aria-hidden="true" style=format!("height:{}px", height())><td colspan=columns></td></tr> }
                    .into_any()
            }
        };
        view! { <tbody>{inside}</tbody> }.into_any()
    };
    (move || (0..count.get()).map(part).collect::<Vec<_>>()).into_any()
}
