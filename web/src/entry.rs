//! The entry points JavaScript calls: the page, and a worker of any role.

use leptos::prelude::*;
use wasm_bindgen::prelude::*;

/// Entry point of the page: mounts it, and keeps what its workers need.
#[wasm_bindgen]
pub fn page(_module: JsValue, _worker_script: String) {
    console_error_panic_hook::set_once();
    mount_to_body(|| view! { <h1>"Broker Playground"</h1> });
}

/// Entry point of a worker.
#[wasm_bindgen]
pub fn worker(_start: JsValue) {
    console_error_panic_hook::set_once();
}
