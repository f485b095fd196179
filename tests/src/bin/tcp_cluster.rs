//! Serves a cluster on loopback sockets: `tcp_cluster --brokers 3 --port 29092 [--data-dir DIR] [--properties FILE]
//! [--seed N] [--verbose]`. Standard input takes `kill N`, `power-off N`, `stop N`, `restart N` and `quit`.

use broker_tests::tcp::{ClusterOptions, End, TcpCluster};
use lexopt::prelude::*;
use std::io::{self, BufRead};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = options()?;
    eprintln!("seed {}, data in {}", options.seed, options.data.display());
    let mut cluster = TcpCluster::start(&options)?;
    println!("{}", cluster.bootstrap_servers());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let command = words.next();
        let node = words.next().and_then(|word| word.parse().ok());
        let done = match (command, node) {
            (None, _) => Ok(()),
            (Some("quit"), _) => break,
            (Some("stop"), Some(id)) => cluster.end(id, End::Stop),
            (Some("kill" | "power-off"), Some(id)) => cluster.end(id, End::Kill),
            (Some("restart"), Some(id)) => cluster.restart(id),
            _ => Err(io::Error::other(format!("`{line}` is none of: kill N, power-off N, stop N, restart N, quit"))),
        };
        match done {
            Ok(()) => println!("ok"),
            Err(error) => println!("{error}"),
        }
    }
    Ok(())
}

fn options() -> Result<ClusterOptions, Box<dyn std::error::Error>> {
    let mut options = ClusterOptions {
        brokers: 3,
        port: 29092,
        data: std::env::temp_dir().join(format!("broker-playground-{}", std::process::id())),
        properties: String::new(),
        seed: 1,
        verbose: false,
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("brokers") => options.brokers = arguments.value()?.parse()?,
            Long("port") => options.port = arguments.value()?.parse()?,
            Long("data-dir") => options.data = PathBuf::from(arguments.value()?),
            Long("properties") => options.properties = std::fs::read_to_string(arguments.value()?)?,
            Long("seed") => options.seed = arguments.value()?.parse()?,
            Long("verbose") => options.verbose = true,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}
