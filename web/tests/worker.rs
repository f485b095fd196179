//! What must hold in a dedicated worker.
#![cfg(target_arch = "wasm32")]

mod contract;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);
