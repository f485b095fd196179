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

/// What makes the module smaller before compression and larger after it: bodies copied into callers, values computed once and kept
/// in a local, data cut into segments. Together 12 % of what is loaded.
const BAD_FOR_GZIP: [&str; 5] =
    ["inlining-optimizing", "ssa-nomerge", "local-cse", "simplify-locals", "memory-packing"];

/// The arguments of wasm-opt, all but the files.
pub(crate) fn recipe() -> Vec<String> {
    // -g: names stay, `parts` goes by them.
    let fixed = FEATURES.into_iter().chain(["-Oz", "-g", "--strip-producers", "--strip-target-features"]);
    fixed.map(str::to_owned).chain(BAD_FOR_GZIP.map(|pass| format!("--skip-pass={pass}"))).collect()
}

/// Optimises `input` into `result`; says why where it cannot.
pub(crate) fn optimise(input: &Path, result: &Path) -> Result<(), Failure> {
    output(Command::new("node").arg(wasm_opt()?).args(recipe()).arg("-o").arg(result).arg(input)).map(drop)
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
