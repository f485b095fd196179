//! One socket: frames in, frames out, and a bound on what the node has not taken yet.

use broker_core::ids::ConnectionId;
use broker_core::protocol::FrameSplitter;
use bytes::Bytes;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};

/// Reading pauses while the node has more than this many bytes of frames it did not take, one frame excepted.
const WINDOW: usize = 1 << 20;
/// Size of the buffer a host reads with.
pub(super) const READ_SIZE: usize = 256 << 10;
/// `socket.request.max.bytes`.
const MAX_FRAME: i32 = 104_857_600;
const MAX_SLICES: usize = 64;

/// A socket of a node.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    state: State,
    reader: FrameSplitter,
    untaken: VecDeque<usize>,
    untaken_bytes: usize,
    outgoing: VecDeque<Bytes>,
}

#[derive(Debug, PartialEq)]
enum State {
    Connecting,
    Open,
}

/// What came of moving a connection forward.
pub(super) enum Received {
    /// The connection attempt was refused.
    Refused,
    /// Frames, possibly none.
    Frames {
        /// The attempt to connect succeeded just now.
        connected: bool,
        /// Whole frames, in order.
        frames: Vec<Bytes>,
        /// The peer closed or the connection broke after them.
        closed: bool,
    },
}

impl Connection {
    /// Begins to connect; events of the socket carry the connection's number.
    pub(super) fn open(registry: &Registry, connection: ConnectionId, host: &str, port: u16) -> io::Result<Self> {
        let mut stream = TcpStream::connect(resolve(host, port)?)?;
        registry.register(&mut stream, Token(connection.0 as usize), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self::new(stream, State::Connecting))
    }

    pub(super) fn accepted(stream: TcpStream) -> Self {
        Self::new(stream, State::Open)
    }

    fn new(stream: TcpStream, state: State) -> Self {
        // Small frames must leave at once; a socket that cannot do so still works, only later.
        let _slower = stream.set_nodelay(true);
        Self {
            stream,
            state,
            reader: FrameSplitter::new(MAX_FRAME),
            untaken: VecDeque::new(),
            untaken_bytes: 0,
            outgoing: VecDeque::new(),
        }
    }

    /// Queues a frame; [`progress`](Self::progress) sends it.
    pub(super) fn send(&mut self, parts: Vec<Bytes>) {
        let length: usize = parts.iter().map(Bytes::len).sum();
        self.outgoing.push_back(Bytes::copy_from_slice(&(length as u32).to_be_bytes()));
        self.outgoing.extend(parts.into_iter().filter(|part| !part.is_empty()));
    }

    /// The node took its oldest frame; true where reading was paused and may go on.
    pub(super) fn taken(&mut self) -> bool {
        let was_full = self.untaken_bytes >= WINDOW;
        self.untaken_bytes -= self.untaken.pop_front().unwrap_or(0);
        was_full && self.untaken_bytes < WINDOW
    }

    /// Reads and writes until the socket would block; `buffer` is only lent, so that not every call makes its own.
    pub(super) fn progress(&mut self, buffer: &mut [u8]) -> Received {
        let mut connected = false;
        if self.state == State::Connecting {
            match self.stream.take_error() {
                Ok(None) => {}
                _ => return Received::Refused,
            }
            match self.stream.peer_addr() {
                Ok(_) => {
                    self.state = State::Open;
                    connected = true;
                }
                Err(error) if error.kind() == ErrorKind::NotConnected => {
                    return Received::Frames { connected: false, frames: Vec::new(), closed: false };
                }
                Err(_) => return Received::Refused,
            }
        }
        let mut frames = Vec::new();
        let closed = self.read(buffer, &mut frames).and_then(|()| self.write()).is_err();
        Received::Frames { connected, frames, closed }
    }

    fn read(&mut self, buffer: &mut [u8], frames: &mut Vec<Bytes>) -> io::Result<()> {
        while self.untaken_bytes < WINDOW {
            match self.stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.reader.push(Bytes::copy_from_slice(&buffer[..count])),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            while let Some(frame) = self.reader.next_frame().map_err(|error| io::Error::other(error.to_string()))? {
                self.untaken.push_back(frame.len());
                self.untaken_bytes += frame.len();
                frames.push(frame);
            }
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            let slices: Vec<IoSlice<'_>> =
                self.outgoing.iter().take(MAX_SLICES).map(|part| IoSlice::new(part)).collect();
            match self.stream.write_vectored(&slices) {
                Ok(count) => self.advance(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(part) = self.outgoing.front_mut() {
            if count < part.len() {
                *part = part.slice(count..);
                return;
            }
            count -= part.len();
            self.outgoing.pop_front();
        }
    }

    /// Sends what the socket still takes and lets go of it.
    pub(super) fn finish(&mut self, registry: &Registry) {
        // Either may fail because the peer is gone already; the socket closes when it is dropped.
        let _unsent = self.write();
        let _unregistered = registry.deregister(&mut self.stream);
    }
}

pub(super) fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    let mut found = (host, port).to_socket_addrs()?.collect::<Vec<_>>();
    // `localhost` may name ::1 first, where nobody listens.
    found.sort_by_key(|address| !address.is_ipv4());
    found.into_iter().next().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no address for {host}")))
}
