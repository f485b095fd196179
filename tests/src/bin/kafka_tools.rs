//! Kafka's command-line tools, as the playground has them: `kafka-tools kafka-topics.sh --list --bootstrap-server …`.

use broker_core::cli::tools;
use broker_tests::tcp::run_tool;
use std::io;
use std::process::ExitCode;

fn main() -> io::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    if let Some(code) = run_tool(&name, arguments.collect())? {
        return Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)));
    }
    eprintln!("There is no tool {name:?}. These are there:");
    for tool in tools() {
        eprintln!("  {tool}");
    }
    Ok(ExitCode::from(2))
}
