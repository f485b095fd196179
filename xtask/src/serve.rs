//! A small static server for `dist/`: right MIME types, gzip, and no cache surprises while developing.

use crate::bundle::{self, Mode, Site, gzip, walk};
use crate::command::{Context, Failure, root};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

const DEFAULT_PORT: u16 = 8080;
const REQUEST_LIMIT: u64 = 16 * 1024;

/// Builds, prints the address, and serves until it is stopped.
pub(crate) fn serve(mode: Mode, port: Option<u16>) -> Result<(), Failure> {
    let changed = newest_source()?;
    let site = bundle::build(mode)?;
    println!("{}", site.summary());
    let listener = listen(port)?;
    println!("\nhttp://localhost:{}/", listener.local_addr().context("address")?.port());
    run(&listener, &Arc::new(Server::new(site, (mode == Mode::Dev).then_some(changed))));
    Ok(())
}

/// Serves a built site on a free port from now on; answers the port.
pub(crate) fn serve_in_background(site: Site) -> Result<u16, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a free port")?;
    let port = listener.local_addr().context("address")?.port();
    thread::spawn(move || run(&listener, &Arc::new(Server::new(site, None))));
    Ok(port)
}

fn listen(port: Option<u16>) -> Result<TcpListener, Failure> {
    if let Some(port) = port {
        return TcpListener::bind((Ipv4Addr::LOCALHOST, port)).context(format!("port {port}"));
    }
    // A browser keeps a cluster per origin, so the port is the same whenever it is free.
    (DEFAULT_PORT..DEFAULT_PORT + 20)
        .find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
        .ok_or_else(|| Failure(format!("no free port from {DEFAULT_PORT} on; choose one with --port")))
}

fn run(listener: &TcpListener, server: &Arc<Server>) {
    for stream in listener.incoming().flatten() {
        let server = Arc::clone(server);
        thread::spawn(move || server.connection(&stream));
    }
}

struct Server {
    folder: PathBuf,
    /// When sources changed last, as built; `None` where the site is never rebuilt.
    built: Option<Mutex<SystemTime>>,
    gzipped: Mutex<BTreeMap<PathBuf, Gzipped>>,
}

/// A compressed file, and when the file changed last.
type Gzipped = (SystemTime, Arc<Vec<u8>>);

struct Request {
    method: String,
    target: String,
    accepts_gzip: bool,
    keep_alive: bool,
}

struct Response {
    status: &'static str,
    kind: &'static str,
    cache: &'static str,
    gzipped: bool,
    body: Arc<Vec<u8>>,
}

impl Server {
    fn new(site: Site, built: Option<SystemTime>) -> Self {
        Self { folder: site.folder, built: built.map(Mutex::new), gzipped: Mutex::default() }
    }

    /// Answers one request after another; a broken connection is the visitor's business, not ours.
    fn connection(&self, stream: &TcpStream) {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
        let _ = stream.set_nodelay(true);
        let mut reader = BufReader::new(stream);
        let mut writer = stream;
        while let Some(request) = read_request(&mut reader) {
            let response = self.respond(&request);
            if write_response(&mut writer, &request, &response).is_err() || !request.keep_alive {
                return;
            }
        }
    }

    fn respond(&self, request: &Request) -> Response {
        if request.method != "GET" && request.method != "HEAD" {
            return plain("405 Method Not Allowed", "only GET and HEAD");
        }
        let Some(path) = self.file(&request.target) else { return plain("404 Not Found", "not here") };
        if path.ends_with("index.html")
            && let Err(failure) = self.rebuild()
        {
            return plain("500 Internal Server Error", &format!("The build failed; mend it and reload.\n\n{failure}"));
        }
        match self.content(&path, request.accepts_gzip) {
            Ok((body, gzipped)) => Response { status: "200 OK", kind: kind(&path), cache: cache(&path), gzipped, body },
            Err(_) => plain("404 Not Found", "not here"),
        }
    }

    /// The file a target names; `None` where it would leave the folder.
    fn file(&self, target: &str) -> Option<PathBuf> {
        let path = target.split(['?', '#']).next()?.strip_prefix('/')?;
        let mut file = self.folder.clone();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let plain = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            if !plain || part.starts_with('.') {
                return None;
            }
            file.push(part);
        }
        Some(if path.is_empty() || path.ends_with('/') { file.join("index.html") } else { file })
    }

    fn content(&self, path: &Path, accepts_gzip: bool) -> Result<(Arc<Vec<u8>>, bool), Failure> {
        let compress = accepts_gzip && !kind(path).starts_with("image/png");
        let changed = fs::metadata(path).and_then(|meta| meta.modified()).context(path.display())?;
        if compress
            && let Some((time, body)) = lock(&self.gzipped).get(path)
            && *time == changed
        {
            return Ok((Arc::clone(body), true));
        }
        let raw = fs::read(path).context(path.display())?;
        if !compress {
            return Ok((Arc::new(raw), false));
        }
        let body = Arc::new(gzip(&raw)?);
        lock(&self.gzipped).insert(path.to_path_buf(), (changed, Arc::clone(&body)));
        Ok((body, true))
    }

    /// Builds again where a source changed since; one builds, the others wait.
    fn rebuild(&self) -> Result<(), Failure> {
        let Some(built) = &self.built else { return Ok(()) };
        let mut built = lock(built);
        let newest = newest_source()?;
        if newest > *built {
            bundle::build(Mode::Dev)?;
            *built = newest;
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn newest_source() -> Result<SystemTime, Failure> {
    let mut files = vec![root().join("Cargo.toml"), root().join("Cargo.lock")];
    for folder in ["core", "web", "www"] {
        walk(&root().join(folder), &mut files)?;
    }
    let times = files.iter().filter_map(|file| fs::metadata(file).and_then(|meta| meta.modified()).ok());
    Ok(times.max().unwrap_or(SystemTime::UNIX_EPOCH))
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut limited = reader.take(REQUEST_LIMIT);
    let mut line = String::new();
    limited.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target, version) = (words.next()?.to_owned(), words.next()?.to_owned(), words.next()?.to_owned());
    let mut request = Request { method, target, accepts_gzip: false, keep_alive: version == "HTTP/1.1" };
    loop {
        let mut line = String::new();
        limited.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            return Some(request);
        }
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("accept-encoding") {
            request.accepts_gzip = value.split(',').any(|coding| coding.trim().starts_with("gzip"));
        } else if name.eq_ignore_ascii_case("connection") && value.trim().eq_ignore_ascii_case("close") {
            request.keep_alive = false;
        }
    }
}

fn write_response(writer: &mut impl Write, request: &Request, response: &Response) -> std::io::Result<()> {
    let mut head = format!(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: {}\r\nX-Content-Type-Options: nosniff\r\nVary: Accept-Encoding\r\n",
        response.status,
        response.kind,
        response.body.len(),
        response.cache
    );
    if response.gzipped {
        head += "Content-Encoding: gzip\r\n";
    }
    head += "\r\n";
    writer.write_all(head.as_bytes())?;
    if request.method != "HEAD" {
        writer.write_all(&response.body)?;
    }
    writer.flush()
}

fn plain(status: &'static str, text: &str) -> Response {
    let body = Arc::new(text.as_bytes().to_vec());
    Response { status, kind: "text/plain; charset=utf-8", cache: "no-cache", gzipped: false, body }
}

fn kind(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("json" | "webmanifest") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// A name with a hash never gets other content.
fn cache(path: &Path) -> &'static str {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let hash = stem.rsplit('-').next().unwrap_or_default();
    if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    }
}
