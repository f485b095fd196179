//! `cargo xtask bench`: the figures we promise, measured on this machine.

use crate::browser::browser;
use crate::bundle::{self, Mode, ensure_target};
use crate::command::{Failure, cargo, root, run};
use crate::serve::serve_in_background;

/// Prints what a first visit loads, what the cluster does in Chromium, and what durability costs in its IndexedDB.
pub(crate) fn bench() -> Result<(), Failure> {
    let site = bundle::build(Mode::Release)?;
    println!("{}\n", site.summary());
    ensure_target()?;
    let browser = browser()?;
    let port = serve_in_background(site)?;
    run(cargo()
        .env("CHROMEDRIVER", &browser.driver)
        .env("PLAYGROUND_URL", format!("http://localhost:{port}/"))
        .args(["run", "--quiet", "--package", "broker-tests", "--features", "browser", "--bin", "bench"]))?;
    run(cargo()
        .current_dir(root().join("web"))
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", &browser.runner)
        .env("CHROMEDRIVER", &browser.driver)
        .env("WASM_BINDGEN_TEST_TIMEOUT", "120")
        .args(["test", "--package", "broker-web", "--target", "wasm32-unknown-unknown"])
        .args(["--test", "latency", "--", "--nocapture"]))
}
