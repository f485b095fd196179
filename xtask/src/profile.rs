//! What a first visit calls until its cluster is ready, and so what it loads: `cargo xtask profile` finds it out in Chromium and
//! writes down the functions that were not called, which are the rest of the page's module; and of those that only terminals call
//! those that the first one calls for a tutorial's first lines.
//!
//! A function of the page that is not in the file stays in the first part: what is new costs its bytes until the next profile, and
//! nothing else. One of the terminals is among their tools.

use crate::browser::browser;
use crate::bundle;
use crate::command::{Context, Failure, cargo, output, root};
use crate::parts::Place;
use crate::serve::serve_in_background;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// Of a function the 32-bit FNV-1a hash of its name, one a line: the names have a hundred letters each. With a plus those of the
/// first part of which the rest has a copy, with a dollar those of a first terminal.
const FILE: &str = "web/parts.profile";
const HEAD: &str = "\
# Hashes of the names of functions that no first visit calls; with a plus those that a busy cluster calls all the time, with a
# dollar those that a terminal calls for a tutorial's first lines.
# Written by `cargo xtask profile`.
";
/// Calls in the loads of `tests/src/bin/first_visits.rs` from which on a function is called all the time.
const ALL_THE_TIME: u32 = 20_000;

/// What is where.
pub(crate) struct Profile {
    rest: BTreeSet<u32>,
    busy: BTreeSet<u32>,
    terminals: BTreeSet<u32>,
}

impl Profile {
    /// The one in the repository.
    pub(crate) fn read() -> Result<Self, Failure> {
        let text = fs::read_to_string(path()).context(FILE)?;
        let mut profile = Self { rest: BTreeSet::new(), busy: BTreeSet::new(), terminals: BTreeSet::new() };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (hashes, digits) = match line.split_at_checked(1) {
                Some(("+", digits)) => (&mut profile.busy, digits),
                Some(("$", digits)) => (&mut profile.terminals, digits),
                _ => (&mut profile.rest, line),
            };
            hashes.insert(u32::from_str_radix(digits, 16).context(FILE)?);
        }
        Ok(profile)
    }

    /// The part of a function by its name, as the linker has it, and whether only terminals call it.
    pub(crate) fn place(&self, name: &str, is_of_terminals: bool) -> Place {
        let hash = hash(name);
        if is_of_terminals {
            if self.terminals.contains(&hash) { Place::Terminals } else { Place::Tools }
        } else if self.rest.contains(&hash) {
            Place::Rest
        } else if self.busy.contains(&hash) {
            Place::Both
        } else {
            Place::First
        }
    }
}

fn path() -> PathBuf {
    root().join(FILE)
}

/// Builds a page whose functions count their calls, visits it, and writes the profile.
pub(crate) fn profile() -> Result<(), Failure> {
    let page = bundle::build_that_counts()?;
    let names = page.names;
    let driver = browser()?.driver;
    let port = serve_in_background(page.site)?;
    let counted =
        output(cargo().env("CHROMEDRIVER", driver).env("PLAYGROUND_URL", format!("http://localhost:{port}/")).args([
            "run",
            "--quiet",
            "--package",
            "broker-tests",
            "--features",
            "browser",
            "--bin",
            "first-visits",
        ]))?;
    let mut lines = counted.lines().map(|line| line.split(' ').map(str::parse).collect::<Result<Vec<u32>, _>>());
    let mut next = || lines.next().transpose().context("calls").map(Option::unwrap_or_default);
    let [looked, terminal, busy] = [next()?, next()?, next()?];
    for calls in [&looked, &terminal, &busy] {
        if calls.len() != names.len() {
            return Err(Failure(format!("{} functions have {} counters", names.len(), calls.len())));
        }
    }
    let of_those = |is_of_terminals: bool, calls: &[u32], is_meant: fn(u32) -> bool| -> BTreeSet<u32> {
        let those = names.iter().zip(calls).filter(|(_, calls)| is_meant(**calls));
        let those = those.filter_map(|(name, _)| name.as_deref());
        those.filter(|name| page.of_terminals.contains(*name) == is_of_terminals).map(hash).collect()
    };
    let those = |calls: &[u32], is_meant| of_those(false, calls, is_meant);
    // Names may be shared by several functions: one that is called keeps all of them.
    let first = those(&looked, |calls| calls > 0);
    let rest = &those(&looked, |calls| calls == 0) - &first;
    let both = &those(&busy, |calls| calls >= ALL_THE_TIME) - &rest;
    let mut text = HEAD.to_owned();
    for hash in &rest {
        let _ = writeln!(text, "{hash:08x}");
    }
    let terminals = of_those(true, &terminal, |calls| calls > 0);
    for (mark, hashes) in [('+', &both), ('$', &terminals)] {
        for hash in hashes {
            let _ = writeln!(text, "{mark}{hash:08x}");
        }
    }
    fs::write(path(), text).context(FILE)?;
    println!(
        "{FILE}: of {} functions {} are called by first visits, {} in both parts; {} by first terminals",
        names.len(),
        first.len(),
        both.len(),
        terminals.len()
    );
    Ok(())
}

/// Of the name as people read it: without what is different in every build.
fn hash(name: &str) -> u32 {
    let name = format!("{:#}", rustc_demangle::demangle(name));
    name.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
