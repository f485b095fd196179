//! `cargo xtask test`: every check and test, cheapest first, each under a name.

use crate::browser::browser;
use crate::bundle::{self, Mode, ensure_target};
use crate::command::{Failure, cargo, root, run};
use crate::serve::serve_in_background;
use std::time::Instant;

const WASM: [&str; 2] = ["--target", "wasm32-unknown-unknown"];

type Step = (&'static str, fn() -> Result<(), Failure>);

/// In the order they run.
const STEPS: [Step; 6] = [
    ("format", format),
    ("clippy", clippy),
    ("clippy-wasm", clippy_wasm),
    ("native", native),
    ("wasm", wasm),
    ("browser", end_to_end),
];

/// Runs all steps, or the one named.
pub(crate) fn check(only: Option<&str>) -> Result<(), Failure> {
    if let Some(name) = only
        && !STEPS.iter().any(|(step, _)| *step == name)
    {
        return Err(Failure(format!("no step `{name}`; there are {}", STEPS.map(|(step, _)| step).join(", "))));
    }
    for (name, step) in STEPS.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        println!("xtask: {name}");
        let start = Instant::now();
        step().map_err(|failure| Failure(format!("step {name}: {failure}")))?;
        println!("xtask: {name} passed in {:.1} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}

fn format() -> Result<(), Failure> {
    run(cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<(), Failure> {
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--all-features", "--quiet", "--", "-D", "warnings"]))
}

fn clippy_wasm() -> Result<(), Failure> {
    ensure_target()?;
    run(cargo()
        .args(["clippy", "--package", "broker-core", "--package", "broker-web", "--quiet"])
        .args(WASM)
        .args(["--", "-D", "warnings"]))?;
    run(cargo()
        .args(["clippy", "--package", "broker-web", "--all-targets", "--quiet"])
        .args(WASM)
        .args(["--", "-D", "warnings"]))
}

fn native() -> Result<(), Failure> {
    run(cargo().args(["test", "--workspace", "--quiet"]))
}

/// The wasm-bindgen tests, in headless Chromium: `web/webdriver.json` holds its arguments.
fn wasm() -> Result<(), Failure> {
    ensure_target()?;
    let browser = browser()?;
    run(cargo()
        .current_dir(root().join("web"))
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", &browser.runner)
        .env("CHROMEDRIVER", &browser.driver)
        .env("WASM_BINDGEN_TEST_TIMEOUT", "120")
        .args(["test", "--package", "broker-web", "--lib", "--tests"])
        .args(WASM))
}

/// The page as visitors get it, served here and driven in headless Chromium.
fn end_to_end() -> Result<(), Failure> {
    let driver = browser()?.driver;
    let port = serve_in_background(bundle::build(Mode::Release)?.within_budget()?)?;
    run(cargo().env("CHROMEDRIVER", driver).env("PLAYGROUND_URL", format!("http://localhost:{port}/")).args([
        "test",
        "--package",
        "broker-tests",
        "--features",
        "browser",
        "--test",
        "browser",
    ]))
}
