//! The grid under the arrow keys.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

/// Arrow keys walk from button to button: left and right in a row, up and down to the nearest row.
pub(super) fn walk(table: NodeRef<leptos::html::Table>, event: &leptos::ev::KeyboardEvent) {
    let (Some(table), Some(active)) = (table.get_untracked(), document().active_element()) else { return };
    let Ok(found) = table.query_selector_all("button") else { return };
    let buttons: Vec<HtmlElement> =
        (0..found.length()).filter_map(|at| found.item(at)?.dyn_into::<HtmlElement>().ok()).collect();
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
        _ => return,
    };
    if let Some(next) = next {
        event.prevent_default();
        let _ = next.focus();
    }
}
