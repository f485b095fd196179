//! `cargo xtask oracle cli`: our command-line tools compared with Apache Kafka's own.

use crate::command::{Failure, cargo, run, target_folder};

/// Builds what is compared and compares it; Apache Kafka is fetched by Maven below the target folder.
pub(crate) fn oracle(arguments: &[String]) -> Result<(), Failure> {
    if arguments.first().is_none_or(|what| what != "cli") {
        return Err(Failure("compare what? cargo xtask oracle cli [--record] [--only NAME]".into()));
    }
    // The tools are a program of their own.
    run(cargo().args(["build", "--quiet", "--package", "broker-tests", "--bins"]))?;
    run(cargo()
        .args(["run", "--quiet", "--package", "broker-tests", "--bin", "oracle", "--"])
        .args(arguments)
        .arg("--folder")
        .arg(target_folder().join("oracle")))
}
