//! `cargo xtask bench`: the figures we promise, measured on this machine.

use crate::browser::browser;
use crate::bundle::{self, Mode, ensure_target};
use crate::command::{Failure, cargo, root, run};

/// Prints what a first visit loads, and what durability costs in Chromium's IndexedDB.
pub(crate) fn bench() -> Result<(), Failure> {
    println!("{}\n", bundle::build(Mode::Release)?.summary());
    ensure_target()?;
    let browser = browser()?;
    run(cargo()
        .current_dir(root().join("web"))
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", &browser.runner)
        .env("CHROMEDRIVER", &browser.driver)
        .env("WASM_BINDGEN_TEST_TIMEOUT", "120")
        .args(["test", "--quiet", "--package", "broker-web", "--target", "wasm32-unknown-unknown"])
        .args(["--test", "latency", "--", "--nocapture"]))
}
