//! wasm-opt, from the npm package `binaryen`: it is JavaScript, so node alone runs it. Without node the build goes on.

use crate::command::{Context, Failure, find, output, run, tools_folder};
use std::path::{Path, PathBuf};
use std::process::Command;

const BINARYEN: &str = "binaryen@132.0.0";

/// What the wasm may use: the features rustc's wasm32 target enables by itself.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Optimises `input` into `result`; says why where it cannot, and then `result` is `input` as it was.
pub(crate) fn optimise(input: &Path, result: &Path) -> Result<(), Failure> {
    match wasm_opt() {
        Ok(script) => {
            let mut command = Command::new("node");
            command.arg(script).args(FEATURES).args(["-Os", "--strip-producers", "--strip-target-features", "-o"]);
            output(command.arg(result).arg(input))?;
        }
        Err(missing) => {
            eprintln!("xtask: the wasm is not optimised (it works, and is about a quarter larger): {missing}");
            std::fs::copy(input, result).context(result.display())?;
        }
    }
    Ok(())
}

fn wasm_opt() -> Result<PathBuf, Failure> {
    let script = tools_folder().join("node_modules/binaryen/bin/wasm-opt");
    if find("node").is_none() {
        return Err(Failure("`node` is not installed (on Debian: apt-get install nodejs npm)".into()));
    }
    if script.is_file() {
        return Ok(script);
    }
    let Some(npm) = find("npm") else {
        return Err(Failure("`npm` is not installed (on Debian: apt-get install npm)".into()));
    };
    std::fs::create_dir_all(tools_folder()).context(".tools")?;
    eprintln!("xtask: fetching {BINARYEN} (wasm-opt) from npm into .tools/");
    run(Command::new(npm)
        .args(["install", "--silent", "--no-save", "--no-audit", "--no-fund", "--prefix"])
        .arg(tools_folder())
        .arg(BINARYEN))?;
    if script.is_file() { Ok(script) } else { Err(Failure(format!("npm brought no {}", script.display()))) }
}
