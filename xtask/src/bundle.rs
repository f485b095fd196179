//! Compiles `web/` to wasm and assembles `dist/`: relative addresses only, and a hash of its content in the name of
//! whatever a browser may keep for ever.

use crate::calls;
use crate::command::{Context, Failure, cargo, output, root, run, target_folder};
use crate::glue::{shorten, with_parts};
use crate::optimise::{optimise, recipe};
use crate::parts::{self, PARTS, Place};
use crate::profile::Profile;
use crate::references::{References, is_named, without_relocations};
use flate2::{Compression, write::GzEncoder};
use std::collections::BTreeSet;
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
    /// What is loaded with each part.
    loaded: [Vec<Loaded>; PARTS],
    /// wasm-opt made it smaller.
    is_optimised: bool,
}

/// Name, bytes and gzipped bytes of a file.
type Loaded = (String, usize, usize);

/// Gzipped bytes a first visit may load. `cargo xtask profile` finds out anew what it needs.
const BUDGET: usize = 500_000;
/// Gzipped bytes the first terminal may load for a tutorial's first lines.
const BUDGET_OF_TERMINALS: usize = 150_000;
/// Gzipped bytes of all that is ever loaded. It only goes down, but for what an issue names.
const BUDGET_OF_ALL: usize = 1_660_000;

/// Bytes of a function that stays with its callers in the first part: of what no visitor of a profile called, but others will, most
/// is short. All of it is 7 KB.
const SHORT: usize = 64;

/// What files of the parts are called, and when they are loaded.
const NAMES: [(&str, &str); PARTS] = [
    ("broker", "first visit"),
    ("broker-rest", "who touches it or stays"),
    ("broker-terminals", "first terminal"),
    ("broker-tools", "behind the first terminal"),
];
/// Through this function alone one comes to what only terminals need.
const TERMINALS: &str = "broker_web::entry::terminals";

impl Site {
    /// Fails where a first visit loads more than it may; without wasm-opt that says nothing.
    pub(crate) fn within_budget(self) -> Result<Self, Failure> {
        let gzipped = |files: &[Loaded]| files.iter().map(|(_, _, gzipped)| gzipped).sum::<usize>();
        let parts = self.loaded.each_ref().map(|files| gzipped(files));
        let [first_visit, _, terminals, _] = parts;
        for (what, gzipped, budget) in [
            ("a first visit loads", first_visit, BUDGET),
            ("the first terminal loads", terminals, BUDGET_OF_TERMINALS),
            ("all parts have", parts.iter().sum(), BUDGET_OF_ALL),
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
        for ((_, when), files) in NAMES.iter().zip(&self.loaded) {
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
    let page = bound(mode)?;
    let page = match mode {
        Mode::Dev => page,
        Mode::Release => page.in_parts()?,
    };
    assemble(&page, &root().join("dist"))
}

/// A page that counts the calls of its functions.
pub(crate) struct Counting {
    /// The page.
    pub(crate) site: Site,
    /// The names of the functions, in the order of their counters.
    pub(crate) names: Vec<Option<String>>,
    /// Of these functions, those that only terminals call.
    pub(crate) of_terminals: BTreeSet<String>,
}

/// Builds a page that counts the calls of its functions. `dist/` stays.
pub(crate) fn build_that_counts() -> Result<Counting, Failure> {
    ensure_target()?;
    let mut page = bound(Mode::Release)?;
    let of_terminals = page.references()?.only_through(TERMINALS)?.into_iter().map(str::to_owned).collect();
    let counted = calls::count(&page.parts[0])?;
    page.glue += &include_str!("calls.js")
        .replace("{{address}}", &counted.address.to_string())
        .replace("{{functions}}", &counted.names.len().to_string());
    page.parts = vec![counted.wasm];
    let site = assemble(&page, &target_folder().join("xtask/counting"))?;
    Ok(Counting { site, names: counted.names, of_terminals })
}

/// A module and its glue.
struct Built {
    glue: String,
    /// The parts it is in.
    parts: Vec<Vec<u8>>,
    /// As the linker left it, where that says who speaks of whom.
    linked: Vec<u8>,
    is_optimised: bool,
}

impl Built {
    /// As it is served to visitors.
    fn in_parts(self) -> Result<Self, Failure> {
        let (profile, references) = (Profile::read()?, self.references()?);
        let of_terminals = references.only_through(TERMINALS)?;
        let place = |name: &str| match of_terminals.contains(name) {
            true if is_named(name, TERMINALS) => Place::Entry,
            is_of_terminals => profile.place(name, is_of_terminals),
        };
        let mut parts = parts::cut(&self.parts[0], SHORT, &references, place)?;
        let (glue, first) = shorten(&self.glue, &parts[0])?;
        parts[0] = first;
        let glue = with_parts(&glue, &text(&root().join("www/parts.js"))?)?;
        Ok(Self { glue, parts: parts.into(), ..self })
    }

    fn references(&self) -> Result<References, Failure> {
        References::read(&self.linked)
    }
}

/// Compiled, with its glue, and optimised where that is wanted; in one part, with the names of its functions.
fn bound(mode: Mode) -> Result<Built, Failure> {
    let linked = read(&compile(mode)?)?;
    let work = target_folder().join("xtask");
    fs::create_dir_all(&work).context(work.display())?;
    let (glue, wasm) = bind(without_relocations(&linked)?, &work, mode)?;
    let (wasm, is_optimised) = match mode {
        Mode::Dev => (wasm, false),
        Mode::Release => optimised(wasm, &work)?,
    };
    Ok(Built { glue, parts: vec![wasm], linked, is_optimised })
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

fn compile(mode: Mode) -> Result<PathBuf, Failure> {
    let profile = match mode {
        Mode::Release => "wasm",
        Mode::Dev => "wasm-dev",
    };
    run(cargo()
        .args(["build", "--package", "broker-web", "--lib", "--target", TARGET, "--profile", profile])
        .args(["--config", &flags(mode)]))?;
    Ok(target_folder().join(TARGET).join(profile).join("broker_web.wasm"))
}

/// What is added to the flags in `.cargo/config.toml`.
fn flags(mode: Mode) -> String {
    // Panics name the files they are in: those of crates without the home of whoever compiled them.
    let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| home + "/.cargo"));
    let crates = home.unwrap_or_default() + "/registry/src";
    let references = match mode {
        Mode::Dev => "",
        Mode::Release => ", '-Clink-arg=--emit-relocs'",
    };
    format!("target.{TARGET}.rustflags=['--remap-path-prefix={crates}=crates'{references}]")
}

/// Runs wasm-bindgen as a library: the version in Cargo.lock is by construction the right one.
fn bind(compiled: Vec<u8>, work: &Path, mode: Mode) -> Result<(String, Vec<u8>), Failure> {
    let folder = work.join("glue");
    let dev = mode == Mode::Dev;
    Bindgen::new()
        .input_bytes("broker", compiled)
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

fn assemble(page: &Built, folder: &Path) -> Result<Site, Failure> {
    let source = root().join("www");
    if folder.exists() {
        fs::remove_dir_all(folder).context(folder.display())?;
    }
    fs::create_dir_all(folder).context(folder.display())?;
    copy_folder(&source, folder, &["index.html", "worker.js", "parts.js", "styles"])?;

    let mut site =
        Site { folder: folder.to_owned(), loaded: <[Vec<Loaded>; PARTS]>::default(), is_optimised: page.is_optimised };
    let mut glue = page.glue.clone();
    let mut wasm = Vec::new();
    for (part, ((stem, _), bytes)) in NAMES.iter().zip(&page.parts).enumerate() {
        wasm.push(site.add(part, stem, "wasm", bytes)?);
        glue = glue.replace(&format!("{{{{part {part}}}}}"), &wasm[part]);
    }
    let glue = site.add(0, "broker", "js", glue.as_bytes())?;
    let worker = text(&source.join("worker.js"))?.replace("{{glue}}", &glue).replace("{{wasm}}", &wasm[0]);
    let worker = site.add(0, "worker", "js", worker.as_bytes())?;
    let styles = site.add(0, "styles", "css", styles()?.as_bytes())?;
    let index = text(&source.join("index.html"))?
        .replace("{{glue}}", &glue)
        .replace("{{wasm}}", &wasm[0])
        .replace("{{worker}}", &worker)
        .replace("{{styles}}", &styles);
    site.write(0, "index.html", index.as_bytes())?;
    Ok(site)
}

impl Site {
    /// Writes a file of a part under a name with its hash; answers that name.
    fn add(&mut self, part: usize, stem: &str, extension: &str, content: &[u8]) -> Result<String, Failure> {
        let name = format!("{stem}-{}.{extension}", hash(content));
        self.write(part, &name, content)?;
        Ok(name)
    }

    fn write(&mut self, part: usize, name: &str, content: &[u8]) -> Result<(), Failure> {
        let path = self.folder.join(name);
        fs::write(&path, content).context(path.display())?;
        self.loaded[part].push((name.to_owned(), content.len(), gzip(content)?.len()));
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
