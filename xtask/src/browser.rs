//! Chromium, its driver, and the runner that puts wasm tests into them.

use crate::command::{Context, Failure, cargo, find, output, run, tools_folder};
use std::path::PathBuf;
use std::process::Command;

/// The programs a browser test needs.
pub(crate) struct Browser {
    /// `chromedriver`.
    pub(crate) driver: PathBuf,
    /// `wasm-bindgen-test-runner`, of the version in Cargo.lock.
    pub(crate) runner: PathBuf,
}

const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Finds all of them, installing what it may.
pub(crate) fn browser() -> Result<Browser, Failure> {
    if find("chromedriver").is_none() || !CHROMIUM.iter().any(|name| find(name).is_some()) {
        install_chromium()?;
    }
    let driver = find("chromedriver").ok_or_else(|| Failure("chromedriver is still missing".into()))?;
    Ok(Browser { driver, runner: runner()? })
}

/// The version of wasm-bindgen in Cargo.lock; Cargo.toml pins it.
const WASM_BINDGEN: &str = "0.2.130";

/// Debian's packages where we may install them; else the words to type.
fn install_chromium() -> Result<(), Failure> {
    let packages = ["chromium", "chromium-driver", "fonts-noto-cjk"];
    let by_hand = format!(
        "the browser tests need Chromium and chromedriver (on Debian: apt-get install {}; elsewhere: Chrome and the chromedriver of its version on the PATH)",
        packages.join(" ")
    );
    let root_user = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if find("apt-get").is_none() || !root_user {
        return Err(Failure(by_hand));
    }
    eprintln!("xtask: Chromium is missing; running apt-get install {}", packages.join(" "));
    run(Command::new("apt-get").args(["update", "-qq"])).map_err(|failure| Failure(format!("{by_hand}: {failure}")))?;
    run(Command::new("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["install", "-qq", "--yes", "--no-install-recommends"])
        .args(packages))
    .map_err(|failure| Failure(format!("{by_hand}: {failure}")))
}

fn runner() -> Result<PathBuf, Failure> {
    let folder = tools_folder();
    let runner = folder.join("bin/wasm-bindgen-test-runner");
    let installed = output(Command::new(&runner).arg("--version")).unwrap_or_default();
    if installed.contains(WASM_BINDGEN) {
        return Ok(runner);
    }
    std::fs::create_dir_all(&folder).context(".tools")?;
    eprintln!("xtask: installing wasm-bindgen-cli {WASM_BINDGEN} into .tools/ (about two minutes, once)");
    // A light build: the tests wait for the browser, not for the runner. Its own lock file first; a registry that does
    // not have one of those versions yet still has versions that fit.
    let install = |locked: bool| {
        let mut command = cargo();
        command
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .args(["install", "wasm-bindgen-cli", "--quiet", "--force", "--version", WASM_BINDGEN, "--root"])
            .arg(&folder)
            .args(locked.then_some("--locked"));
        run(&mut command)
    };
    install(true).or_else(|_| {
        eprintln!("xtask: not all of its locked versions are there; taking versions that fit");
        install(false)
    })?;
    Ok(runner)
}
