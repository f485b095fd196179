//! Compiles `web/` to wasm and assembles `dist/`: relative addresses only, and a hash of its content in the name of
//! whatever a browser may keep for ever.

use crate::calls;
use crate::command::{Context, Failure, cargo, output, root, run, target_folder};
use crate::glue::{shorten, with_parts};
use crate::optimise::{optimise, recipe};
use crate::order::order;
use crate::parts;
use crate::profile::Profile;
use flate2::{Compression, write::GzEncoder};
use std::fmt::Display;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";

/// How to build.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As visitors get it.
    Release,
    /// Incremental, not optimised, with names in stack traces.
    Dev,
}

/// A finished `dist/`.
pub(crate) struct Site {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// What a first visit loads until its cluster is ready.
    first_visit: Vec<Loaded>,
    /// What is loaded at the first sign of somebody who wants more than to look.
    rest: Vec<Loaded>,
    /// What is loaded with the first terminal.
    with_terminals: Vec<Loaded>,
    /// wasm-opt made it smaller.
    is_optimised: bool,
}

/// Name, bytes and gzipped bytes of a file.
type Loaded = (String, usize, usize);

/// Gzipped bytes a first visit may load. `cargo xtask profile` finds out anew what it needs.
const BUDGET: usize = 500_000;
/// Gzipped bytes of the page, the rest included. It only goes down, but for what an issue names.
const BUDGET_OF_ALL: usize = 1_080_000;

/// Bytes of a function that stays with its callers in the first part: of what no visitor of a profile called, but others will, most
/// is short. All of it is 7 KB.
const SHORT: usize = 64;

/// One of the two modules that `web/` is compiled to: the same sources, with other entry points.
#[derive(Clone, Copy)]
struct Module {
    name: &'static str,
    /// Its feature of `broker-web`.
    feature: &'static str,
}

/// The page, brokers, switch and clients: what a first visit needs.
const PAGE: Module = Module { name: "broker", feature: "page" };
/// The worker of the terminals.
const TERMINALS: Module = Module { name: "terminals", feature: "terminals" };

impl Site {
    /// Fails where a first visit loads more than it may; without wasm-opt that says nothing.
    pub(crate) fn within_budget(self) -> Result<Self, Failure> {
        let gzipped = |files: &[Loaded]| files.iter().map(|(_, _, gzipped)| gzipped).sum::<usize>();
        let first_visit = gzipped(&self.first_visit);
        for (what, gzipped, budget) in [
            ("a first visit loads", first_visit, BUDGET),
            ("a first visit and the rest of the page load", first_visit + gzipped(&self.rest), BUDGET_OF_ALL),
        ] {
            if self.is_optimised && gzipped > budget {
                return Err(Failure(format!("{what} more than {budget} bytes gzipped:\n{}", self.summary())));
            }
        }
        Ok(self)
    }

    /// Tables of what is loaded when.
    pub(crate) fn summary(&self) -> String {
        let row = |raw: &dyn Display, gzipped: &dyn Display, name: &str| format!("{raw:>10} {gzipped:>10}  {name}");
        let mut rows = vec![self.folder.display().to_string()];
        for (when, files) in
            [("first visit", &self.first_visit), ("first touch", &self.rest), ("first terminal", &self.with_terminals)]
        {
            rows.push(row(&"bytes", &"gzip", when));
            rows.extend(files.iter().map(|(name, raw, gzipped)| row(raw, gzipped, name)));
            let sum = files.iter().fold((0, 0), |sum, (_, raw, gzipped)| (sum.0 + raw, sum.1 + gzipped));
            rows.push(row(&sum.0, &sum.1, "all"));
        }
        rows.join("\n")
    }
}

/// Builds everything; what was in `dist/` is gone afterwards.
pub(crate) fn build(mode: Mode) -> Result<Site, Failure> {
    ensure_target()?;
    let page = bound(PAGE, mode)?;
    let page = match mode {
        Mode::Dev => page,
        Mode::Release => page.in_parts()?,
    };
    let terminals = bound(TERMINALS, mode)?;
    let terminals = match mode {
        Mode::Dev => terminals,
        Mode::Release => terminals.in_one()?,
    };
    assemble(&page, Some(&terminals), &root().join("dist"))
}

/// Builds a page that counts the calls of its functions, and their names in its order. `dist/` stays.
pub(crate) fn build_that_counts() -> Result<(Site, Vec<Option<String>>), Failure> {
    ensure_target()?;
    let mut page = bound(PAGE, Mode::Release)?;
    let counted = calls::count(&page.wasm)?;
    page.glue += &include_str!("calls.js")
        .replace("{{address}}", &counted.address.to_string())
        .replace("{{functions}}", &counted.names.len().to_string());
    page.wasm = counted.wasm;
    // Nobody who looks only opens a terminal.
    let site = assemble(&page, None, &target_folder().join("xtask/counting"))?;
    Ok((site, counted.names))
}

/// A module and its glue.
struct Built {
    glue: String,
    wasm: Vec<u8>,
    /// What was cut off.
    rest: Option<Vec<u8>>,
    is_optimised: bool,
}

impl Built {
    /// As it is served to visitors, in one part.
    fn in_one(self) -> Result<Self, Failure> {
        let (glue, wasm) = shorten(&self.glue, &order(&self.wasm)?)?;
        Ok(Self { glue, wasm, ..self })
    }

    /// As it is served to visitors, in two parts.
    fn in_parts(self) -> Result<Self, Failure> {
        let profile = Profile::read()?;
        let parts = parts::cut(&self.wasm, SHORT, |name| profile.place(name))?;
        let (glue, wasm) = shorten(&self.glue, &parts.first)?;
        let glue = with_parts(&glue, &text(&root().join("www/parts.js"))?)?;
        Ok(Self { glue, wasm, rest: Some(parts.rest), ..self })
    }
}

/// Compiled, with its glue, and optimised where that is wanted; with the names of its functions.
fn bound(module: Module, mode: Mode) -> Result<Built, Failure> {
    let compiled = compile(module, mode)?;
    let work = target_folder().join("xtask").join(module.name);
    fs::create_dir_all(&work).context(work.display())?;
    let (glue, wasm) = bind(&compiled, &work, mode)?;
    let (wasm, is_optimised) = match mode {
        Mode::Dev => (wasm, false),
        Mode::Release => optimised(wasm, &work)?,
    };
    Ok(Built { glue, wasm, rest: None, is_optimised })
}

/// The standard library for wasm; rustup adds it by itself where `rust-toolchain.toml` is heeded.
pub(crate) fn ensure_target() -> Result<(), Failure> {
    let folder =
        output(Command::new("rustc").current_dir(root()).args(["--print", "target-libdir", "--target", TARGET]))?;
    if Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    run(Command::new("rustup").current_dir(root()).args(["target", "add", TARGET])).map_err(|failure| {
        Failure(format!("the Rust target {TARGET} is missing and could not be added by rustup: {failure}"))
    })
}

fn compile(module: Module, mode: Mode) -> Result<PathBuf, Failure> {
    let profile = match mode {
        Mode::Release => "wasm",
        Mode::Dev => "wasm-dev",
    };
    run(cargo().args(["build", "--package", "broker-web", "--lib", "--target", TARGET, "--profile", profile]).args([
        "--no-default-features",
        "--features",
        module.feature,
        "--config",
        &paths_of_nobody(),
    ]))?;
    Ok(target_folder().join(TARGET).join(profile).join("broker_web.wasm"))
}

/// Panics name the files they are in: those of crates without the home of whoever compiled them. Added to `.cargo/config.toml`.
fn paths_of_nobody() -> String {
    let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| home + "/.cargo"));
    let crates = home.unwrap_or_default() + "/registry/src";
    format!("target.{TARGET}.rustflags=['--remap-path-prefix={crates}=crates']")
}

/// Runs wasm-bindgen as a library: the version in Cargo.lock is by construction the right one.
fn bind(compiled: &Path, work: &Path, mode: Mode) -> Result<(String, Vec<u8>), Failure> {
    let folder = work.join("glue");
    let dev = mode == Mode::Dev;
    Bindgen::new()
        .input_path(compiled)
        .out_name("broker")
        .web(true)
        .and_then(|bindgen| {
            bindgen
                .typescript(false)
                .omit_default_module_path(true)
                .keep_debug(dev)
                .demangle(dev)
                .remove_producers_section(true)
                .generate(&folder)
        })
        .map_err(|error| Failure(format!("wasm-bindgen: {error:#}")))?;
    if folder.join("snippets").exists() {
        return Err(Failure("a dependency brings JavaScript snippets; assemble() does not know them".into()));
    }
    Ok((text(&folder.join("broker.js"))?, read(&folder.join("broker_bg.wasm"))?))
}

/// The module made small, and whether wasm-opt was there for it. It takes a minute: its result is kept by the hash of what it is made of.
fn optimised(wasm: Vec<u8>, work: &Path) -> Result<(Vec<u8>, bool), Failure> {
    let made_of = [&wasm, recipe().join(" ").as_bytes()].concat();
    let result = work.join(format!("optimised-{}.wasm", hash(&made_of)));
    if result.is_file() {
        return Ok((read(&result)?, true));
    }
    for old in list(work)?.iter().filter(|file| file.to_string_lossy().contains("/optimised-")) {
        fs::remove_file(old).context(old.display())?;
    }
    let (input, output) = (work.join("input.wasm"), work.join("output.wasm"));
    fs::write(&input, &wasm).context(input.display())?;
    if let Err(failure) = optimise(&input, &output) {
        eprintln!("xtask: the wasm is not optimised (it works, and is a little larger): {failure}");
        return Ok((wasm, false));
    }
    fs::rename(&output, &result).context(result.display())?;
    Ok((read(&result)?, true))
}

fn assemble(page: &Built, terminals: Option<&Built>, folder: &Path) -> Result<Site, Failure> {
    let source = root().join("www");
    if folder.exists() {
        fs::remove_dir_all(folder).context(folder.display())?;
    }
    fs::create_dir_all(folder).context(folder.display())?;
    copy_folder(&source, folder, &["index.html", "worker.js", "parts.js", "styles"])?;

    let is_optimised = page.is_optimised;
    let (first_visit, rest, with_terminals) = <(Vec<Loaded>, Vec<Loaded>, Vec<Loaded>)>::default();
    let mut site = Site { folder: folder.to_owned(), first_visit, rest, with_terminals, is_optimised };
    let terminals = terminals.map(|terminals| site.add_module(TERMINALS, terminals)).transpose()?;
    let (_, _, terminals) = terminals.unwrap_or_default();
    site.with_terminals = std::mem::take(&mut site.first_visit);
    let (glue, wasm, worker) = site.add_module(PAGE, page)?;
    let styles = site.add("styles", "css", styles()?.as_bytes())?;
    let index = text(&source.join("index.html"))?
        .replace("{{glue}}", &glue)
        .replace("{{wasm}}", &wasm)
        .replace("{{worker}}", &worker)
        .replace("{{terminals}}", &terminals)
        .replace("{{styles}}", &styles);
    site.write("index.html", index.as_bytes())?;
    Ok(site)
}

impl Site {
    /// Writes a module; answers the names of its glue, its wasm, and the script of its workers.
    fn add_module(&mut self, module: Module, built: &Built) -> Result<(String, String, String), Failure> {
        let mut glue = built.glue.clone();
        if let Some(rest) = &built.rest {
            glue = glue.replace("{{rest}}", &self.add(&format!("{}-rest", module.name), "wasm", rest)?);
            self.rest = std::mem::take(&mut self.first_visit);
        }
        let wasm = self.add(module.name, "wasm", &built.wasm)?;
        let glue = self.add(module.name, "js", glue.as_bytes())?;
        let worker = text(&root().join("www/worker.js"))?.replace("{{glue}}", &glue).replace("{{wasm}}", &wasm);
        let worker = self.add(&format!("{}-worker", module.name), "js", worker.as_bytes())?;
        Ok((glue, wasm, worker))
    }

    /// Writes a file under a name with its hash; answers that name.
    fn add(&mut self, stem: &str, extension: &str, content: &[u8]) -> Result<String, Failure> {
        let name = format!("{stem}-{}.{extension}", hash(content));
        self.write(&name, content)?;
        Ok(name)
    }

    fn write(&mut self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let path = self.folder.join(name);
        fs::write(&path, content).context(path.display())?;
        self.first_visit.push((name.to_owned(), content.len(), gzip(content)?.len()));
        Ok(())
    }
}

/// `www/styles/*.css`, then the style beside each component, in the order of their paths.
fn styles() -> Result<String, Failure> {
    let mut files = list(&root().join("www/styles"))?;
    files.sort();
    let mut components = Vec::new();
    walk(&root().join("web/src"), &mut components)?;
    components.sort();
    files.extend(components);
    let mut styles = String::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "css")) {
        styles += &text(file)?;
    }
    Ok(styles)
}

/// Gzipped as a static host would.
pub(crate) fn gzip(content: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).context("gzip")?;
    encoder.finish().context("gzip")
}

/// FNV-1a, 64 bits: names need to differ, not to resist anybody.
fn hash(content: &[u8]) -> String {
    let hash = content
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

fn copy_folder(from: &Path, to: &Path, without: &[&str]) -> Result<(), Failure> {
    for path in list(from)? {
        let Some(name) = path.file_name() else { continue };
        if without.iter().any(|left_out| name == *left_out) {
            continue;
        }
        let target = to.join(name);
        if path.is_dir() {
            fs::create_dir_all(&target).context(target.display())?;
            copy_folder(&path, &target, &[])?;
        } else {
            fs::copy(&path, &target).context(target.display())?;
        }
    }
    Ok(())
}

/// All files below a folder.
pub(crate) fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for path in list(folder)? {
        if path.is_dir() { walk(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).context(folder.display())?;
    entries.map(|entry| entry.map(|entry| entry.path()).context(folder.display())).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).context(path.display())
}

fn text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).context(path.display())
}
