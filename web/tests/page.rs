//! What must hold in the page.
#![cfg(target_arch = "wasm32")]

mod contract;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
