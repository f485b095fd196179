//! Our cluster on loopback sockets, and our tools.

use super::normalize::Places;
use super::ready::wait_for_brokers;
use super::table::Shape;
use super::{Cluster, LIMIT, Raw, Tools};
use crate::tcp::{ClusterOptions, End, TcpCluster};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A fresh cluster of ours; gone when dropped.
#[derive(Debug)]
pub struct OurCluster {
    places: Places,
    cluster: TcpCluster,
    running: Vec<u16>,
}

impl OurCluster {
    /// Starts one below `folder` and waits until it has all its brokers.
    pub fn start(shape: Shape, port: u16, folder: &Path) -> io::Result<Self> {
        let nodes = shape.nodes;
        let log_dirs = super::log_dirs(shape, |name| format!("/tmp/kafka-logs-{name}"));
        // The properties of one node are those of all: only a node of its own gets log directories of its own.
        let properties = if shape.log_dirs > 1 { format!("log.dirs={}", log_dirs[0].join(",")) } else { String::new() };
        let options =
            ClusterOptions { brokers: nodes, port, data: folder.to_owned(), properties, seed: 1, verbose: false };
        let cluster = TcpCluster::start(&options)?;
        wait_for_brokers(&format!("localhost:{port}"), nodes)?;
        let files = folder.join(log_dirs[0][0].trim_start_matches('/')).display().to_string();
        Ok(Self { places: super::places(port, &log_dirs, files), cluster, running: (0..nodes).collect() })
    }
}

impl Cluster for OurCluster {
    fn places(&self) -> &Places {
        &self.places
    }

    fn kill(&mut self, id: u16) -> io::Result<()> {
        self.running.retain(|other| *other != id);
        self.cluster.end(id.into(), End::Kill)
    }

    fn start_again(&mut self, id: u16) -> io::Result<()> {
        self.running.push(id);
        self.cluster.restart(id.into())
    }
}

impl Drop for OurCluster {
    fn drop(&mut self) {
        for &id in &self.running {
            if let Err(error) = self.cluster.end(id.into(), End::Kill) {
                eprintln!("{error}");
            }
        }
    }
}

/// Our tools, a process for each command.
#[derive(Debug)]
pub struct OurTools {
    program: PathBuf,
}

impl OurTools {
    /// The tools in a program; none if it was not built.
    pub fn at(program: PathBuf) -> Option<Self> {
        program.is_file().then_some(Self { program })
    }
}

impl Tools for OurTools {
    fn run(&mut self, words: &[String], input: &[u8], folder: &Path) -> io::Result<Raw> {
        run(&mut self.program(words, folder)?, input)
    }

    fn program(&self, words: &[String], folder: &Path) -> io::Result<Command> {
        let mut program = Command::new(&self.program);
        program.args(words).current_dir(folder);
        Ok(program)
    }
}

/// Runs a program to its end, or ends it after [`LIMIT`].
pub fn run(command: &mut Command, input: &[u8]) -> io::Result<Raw> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = streams else {
        return Err(io::Error::other("a stream was not piped"));
    };
    let input = input.to_vec();
    std::thread::spawn(move || {
        // Who ends without reading all does so on purpose.
        let _broken_pipe = stdin.write_all(&input);
    });
    let (output, error) = (collect(stdout), collect(stderr));
    let deadline = Instant::now() + LIMIT;
    let left = || deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let collected = output.recv_timeout(left()).and_then(|output| Ok((output, error.recv_timeout(left())?)));
    if let Ok((output, error)) = collected {
        return Ok(Raw { output, error, code: child.wait()?.code() });
    }
    child.kill()?;
    child.wait()?;
    let rest = |stream: &Receiver<Vec<u8>>| stream.recv().unwrap_or_default();
    Ok(Raw { output: rest(&output), error: rest(&error), code: None })
}

fn collect(mut stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before a failure is what there is.
        let _incomplete = stream.read_to_end(&mut bytes);
        let _nobody_waits = sender.send(bytes);
    });
    receiver
}
