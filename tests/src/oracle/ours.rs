//! Our cluster on loopback sockets, and our tools.

use super::normalize::Places;
use super::ready::wait_for_brokers;
use super::{LIMIT, Raw, Tools};
use crate::tcp::{ClusterOptions, End, TcpCluster};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A fresh cluster of ours; gone when dropped.
#[derive(Debug)]
pub struct OurCluster {
    /// Where things are in it.
    pub places: Places,
    cluster: TcpCluster,
    nodes: u16,
}

impl OurCluster {
    /// Starts one below `folder` and waits until it has all its brokers.
    pub fn start(nodes: u16, port: u16, folder: &Path) -> io::Result<Self> {
        let options = ClusterOptions {
            brokers: nodes,
            port,
            data: folder.to_owned(),
            properties: String::new(),
            seed: 1,
            verbose: false,
        };
        let cluster = TcpCluster::start(&options)?;
        wait_for_brokers(&format!("localhost:{port}"), nodes)?;
        let log_dirs = (0..nodes).map(|id| format!("/tmp/kafka-logs-{id}")).collect::<Vec<_>>();
        let files = folder.join(log_dirs[0].trim_start_matches('/')).display().to_string();
        Ok(Self { places: super::places(nodes, port, &log_dirs, files), cluster, nodes })
    }
}

impl Drop for OurCluster {
    fn drop(&mut self) {
        for id in 0..i32::from(self.nodes) {
            if let Err(error) = self.cluster.end(id, End::Kill) {
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
