//! `cargo xtask serve | build | test | bench | profile | sim | oracle`: everything one types in this repository.
//!
//! # Code map
//! - [`bundle`]: compiles `web/` and assembles `dist/`.
//! - [`optimise`]: wasm-opt, where node is there to run it.
//! - [`parts`]: the module in what a visit begins with, the rest and the terminals; [`profile`] says which function is in which,
//!   from what [`calls`] saw being called and from the linker's [`references`].
//! - [`order`]: functions that look alike side by side, for gzip.
//! - [`glue`]: the JavaScript of wasm-bindgen made small.
//! - [`serve`]: the static server of `cargo xtask serve`.
//! - [`bench`]: the figures of `cargo xtask bench`.
//! - [`check`]: the steps of `cargo xtask test`.
//! - [`oracle`]: the comparison with Apache Kafka.
//! - [`browser`]: finds Chromium, its driver and the runner of wasm tests.
//! - [`command`]: runs other programs and says plainly what failed.

mod bench;
mod browser;
mod bundle;
mod calls;
mod check;
mod command;
mod glue;
mod optimise;
mod oracle;
mod order;
mod parts;
mod profile;
mod references;
mod serve;

use bundle::Mode;
use command::{Failure, cargo, run};
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask serve [--port N] [--dev]   build the playground and serve it; --dev rebuilds quickly, on reload
cargo xtask build [--dev]              leave a dist/ for any static host and any sub-path
cargo xtask test  [--only STEP]        every check and test; STEP is a name it prints
cargo xtask bench                      the benchmark table
cargo xtask profile                    finds out anew what a first visit has to load
cargo xtask sim   [--seeds N] [--scenario NAME] …  the cluster simulator
cargo xtask oracle cli [--record] [--only NAME] [--way WAY]
                                       Kafka's tools and ours on Kafka and ours; wants a JDK and Maven";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<(), Failure> {
    let Some((task, rest)) = arguments.split_first() else {
        return Err(Failure(format!("which task?\n{USAGE}")));
    };
    match task.as_str() {
        "serve" => {
            let mode = mode(rest);
            let port = option(rest, "--port")?
                .map(|text| text.parse::<u16>().map_err(|_| Failure(format!("--port wants a number, not {text}"))))
                .transpose()?;
            serve::serve(mode, port)
        }
        "build" => bundle::build(mode(rest)).map(|site| println!("{}", site.summary())),
        "test" => check::check(option(rest, "--only")?),
        "bench" => bench::bench(),
        "profile" => profile::profile(),
        "sim" => run(cargo().args(["run", "--release", "--package", "broker-tests", "--bin", "sim", "--"]).args(rest)),
        "oracle" => oracle::oracle(rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        other => Err(Failure(format!("no task `{other}`\n{USAGE}"))),
    }
}

fn mode(arguments: &[String]) -> Mode {
    if arguments.iter().any(|argument| argument == "--dev") { Mode::Dev } else { Mode::Release }
}

fn option<'a>(arguments: &'a [String], name: &str) -> Result<Option<&'a str>, Failure> {
    let Some(at) = arguments.iter().position(|argument| argument == name) else { return Ok(None) };
    match arguments.get(at + 1) {
        Some(value) => Ok(Some(value)),
        None => Err(Failure(format!("{name} wants a value"))),
    }
}
