//! The page under another address: below a folder, of a host with a newer version, and in a frame of somebody else's page.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The folder.
const FOLDER: &str = "/some/where/else/";
/// A page with the playground in a frame.
const FRAME: &str = "/frame.html";

/// A host that has the page of `address` below a folder. It serves until the tests end.
#[derive(Debug)]
pub struct Elsewhere {
    port: u16,
    is_newer: Arc<AtomicBool>,
}

impl Elsewhere {
    /// Serves the page of `address` (`http://localhost:8080/`).
    pub fn serve(address: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let origin = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let is_newer = Arc::<AtomicBool>::default();
        let newer = Arc::clone(&is_newer);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (origin, newer) = (origin.clone(), Arc::clone(&newer));
                // A browser that went away needs no answer.
                thread::spawn(move || answer(stream, &origin, &newer));
            }
        });
        Ok(Self { port, is_newer })
    }

    /// The page below the folder.
    pub fn folder(&self) -> String {
        format!("http://localhost:{}{FOLDER}", self.port)
    }

    /// The host has a newer version from now on: the part of the module that comes later is not there any more.
    pub fn renew(&self) {
        self.is_newer.store(true, Ordering::Relaxed);
    }

    /// A page with a frame that holds the playground.
    pub fn frame(&self) -> String {
        format!("http://localhost:{}{FRAME}", self.port)
    }
}

fn answer(mut stream: TcpStream, origin: &str, is_newer: &AtomicBool) -> std::io::Result<()> {
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default();
    let is_gone = path.contains("-rest-") && is_newer.load(Ordering::Relaxed);
    if let Some(path) = path.strip_prefix(FOLDER).filter(|_| !is_gone) {
        let whole = fetch(origin, path)?;
        // What a browser kept would not be asked for again.
        let (status, rest) = whole.split_at(whole.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1));
        return stream.write_all(&[status, b"Cache-Control: no-store\r\n", rest].concat());
    }
    let (status, body) = if path == FRAME {
        (
            "200 OK",
            format!("<!doctype html><title>Frame</title><iframe src=\"{FOLDER}\" width=1300 height=800></iframe>"),
        )
    } else {
        ("404 Not Found", String::new())
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// A whole answer of the real host, as it came.
fn fetch(origin: &str, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(origin)?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {origin}\r\nConnection: close\r\n\r\n")?;
    let mut whole = Vec::new();
    stream.read_to_end(&mut whole)?;
    Ok(whole)
}
