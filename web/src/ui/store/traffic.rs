//! Frames the switch saw: counted by what they are for, and those that tell something put on the lane in their order.

pub(crate) use crate::worker::SeenFrame;

use crate::worker::Seen;
use crate::worker::link::TERMINALS;
use broker_core::protocol::{ApiKey, ErrorCode};
use broker_core::sorted::sort_by_key;
use std::collections::VecDeque;

/// A track of the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Track {
    /// Clients write.
    Produce,
    /// Followers copy.
    Replicate,
    /// Clients read.
    Consume,
    /// Everything by which the cluster governs itself.
    Cluster,
}

/// Where an arrow begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A broker, by id.
    Broker(i32),
    /// A producer, or whoever else asks from there.
    Producers,
    /// A consumer, by number; 0 for one that is not known.
    Consumer(i32),
    /// A program at this terminal: one that reads stands with the consumers, others with the producers.
    Terminal {
        /// The terminal's number.
        number: i32,
        /// It reads.
        reads: bool,
    },
}

/// What a frame on the lane shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// One record, its key if it has one.
    Record(Option<String>),
    /// Several records; true: more than that.
    Records(u32, bool),
    /// Ends of transactions, and no record.
    Marker,
    /// No records: the API's name.
    Api(&'static str),
    /// An error's name.
    Error(&'static str),
}

/// Names a frame: its connection, its correlation id, and when it passed. A request and its answer share the first two.
pub(crate) type FrameName = (u64, i32, u64);

/// A frame on its way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    /// Counts them.
    pub(crate) id: u64,
    /// Its track.
    pub(crate) track: Track,
    /// Sender.
    pub(crate) from: Place,
    /// Receiver.
    pub(crate) to: Place,
    /// What it shows.
    pub(crate) load: Load,
    /// The frame itself.
    pub(crate) frame: SeenFrame,
    /// When it sets out after it was put there, in milliseconds of the page.
    pub(crate) delay: f64,
    /// When it has arrived and goes, on the page's own clock.
    ends: f64,
}

/// A link with more frames than one can watch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stream {
    /// Sender.
    pub(crate) from: Place,
    /// Receiver.
    pub(crate) to: Place,
    /// Frames in the last second.
    pub(crate) frames: u32,
}

/// The lane: counters, frames on their way, streams.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Traffic {
    /// Frames a second that tell something, by track.
    pub(crate) per_second: [u32; 4],
    /// Heartbeats, empty fetches, metadata a second.
    pub(crate) background: u32,
    /// On their way, in order.
    pub(crate) tokens: Vec<Token>,
    /// Instead of tokens, by track.
    pub(crate) streams: [Vec<Stream>; 4],
    /// The reader stopped the picture.
    pub(crate) paused: bool,
    /// The reader wants to see the background as well.
    pub(crate) shows_background: bool,
    /// The newest frames of all, oldest first.
    frames: VecDeque<SeenFrame>,
    counted: [u32; 4],
    links: [Vec<Stream>; 4],
    quiet: u32,
    second: f64,
    next_id: u64,
    last_start: f64,
}

/// A token takes so long, in milliseconds.
pub(crate) const FLIGHT: f64 = 400.0;
/// An arrow stays so long after its token arrived.
const LINGER: f64 = 120.0;
/// Frames of a track a second that can be watched one by one.
const WATCHABLE: u32 = 20;
/// Frames a second from which on the cluster needs the processor more than the picture does.
const BUSY: u32 = 400;
/// Tokens at once.
const TOKENS: usize = 24;
/// Between two that did not wait for each other.
const GAP: f64 = 90.0;
/// The picture is never further behind than this.
const BEHIND: f64 = 1600.0;
/// Frames kept to look at.
const KEPT: usize = 2048;
/// Arrows of a track that has streams.
const STREAMS: usize = 8;

impl Traffic {
    /// Takes what the switch saw; `now` on the page's own clock. The keys of what was put on the lane come back.
    pub(crate) fn saw(&mut self, seen: &Seen, now: f64) -> Vec<String> {
        let mut keys = Vec::new();
        self.frames.extend(seen.frames.iter().cloned());
        self.frames.drain(..self.frames.len().saturating_sub(KEPT));
        for frame in &seen.frames {
            let told = telling(frame);
            self.quiet += u32::from(told.is_none() && frame.request);
            let shown = || (self.shows_background && frame.request).then(|| background(frame)).flatten();
            let Some((track, load)) = told.or_else(shown) else { continue };
            let at = track as usize;
            self.counted[at] += 1;
            let (from, to) = (place_on(frame.from, frame, track), place_on(frame.to, frame, track));
            match self.links[at].iter_mut().find(|link| link.from == from && link.to == to) {
                Some(link) => link.frames += 1,
                None => self.links[at].push(Stream { from, to, frames: 1 }),
            }
            if self.paused || self.counted[at].max(self.per_second[at]) > WATCHABLE || self.tokens.len() >= TOKENS {
                continue;
            }
            if let Load::Record(Some(key)) = &load {
                keys.push(key.clone());
            }
            self.launch(Token { id: 0, track, from, to, load, frame: frame.clone(), delay: 0.0, ends: 0.0 }, now);
        }
        keys
    }

    /// What a broker sends on sets out after what it got has arrived, as long as the picture does not fall behind.
    fn launch(&mut self, mut token: Token, now: f64) {
        let Token { track, from, ref load, .. } = token;
        let is_broker = matches!(from, Place::Broker(_));
        let arrived = self.tokens.iter().filter(|token| is_broker && token.to == from).map(|token| token.ends - LINGER);
        let waited = arrived.fold(0.0, f64::max);
        let together = self.tokens.last().is_some_and(|last| last.track == track && last.from == from);
        // Words would cover one another: one after the other, or not at all where that takes too long.
        let has_words = |load: &Load| matches!(load, Load::Api(_) | Load::Error(_));
        let same = self.tokens.iter().filter(|token| token.track == track);
        let before = same.filter(|token| has_words(&token.load) || has_words(load)).map(|token| token.ends - LINGER);
        let waited = before.fold(waited, f64::max);
        if has_words(load) && waited > now + BEHIND {
            return;
        }
        let next = if together { self.last_start } else { self.last_start + GAP };
        let start = next.max(waited).min(now + BEHIND).max(self.last_start).max(now);
        self.last_start = start;
        self.next_id += 1;
        token.id = self.next_id;
        (token.delay, token.ends) = (start - now, start + FLIGHT + LINGER);
        self.tokens.push(token);
    }

    /// A frame that was seen lately, and its answer, or the request it answers.
    pub(crate) fn frame(&self, name: FrameName) -> Option<(SeenFrame, Option<SeenFrame>)> {
        let all = || self.tokens.iter().map(|token| &token.frame).chain(&self.frames);
        let found = all().find(|frame| frame.name() == name)?;
        let is_other = |other: &&SeenFrame| {
            (other.connection, other.correlation_id) == (name.0, name.1) && other.request != found.request
        };
        Some((found.clone(), all().find(is_other).cloned()))
    }

    /// More passes than the picture may follow at every look.
    pub(crate) fn is_busy(&self) -> bool {
        let passed = |by_track: &[u32; 4]| by_track.iter().sum::<u32>();
        passed(&self.per_second).max(passed(&self.counted)) > BUSY
    }

    /// Takes away what has arrived, and once a second counts anew.
    pub(crate) fn settle(&mut self, now: f64) {
        if self.paused {
            return;
        }
        self.tokens.retain(|token| token.ends > now);
        let passed = now - self.second;
        if passed < 1000.0 {
            return;
        }
        self.second = now;
        // A page that did not look for a while has more than a second in its hands.
        let rate = |count: u32| (f64::from(count) * 1000.0 / passed.min(60_000.0)).round() as u32;
        self.per_second = std::mem::take(&mut self.counted).map(rate);
        for (at, links) in std::mem::take(&mut self.links).into_iter().enumerate() {
            self.streams[at] = if self.per_second[at] > WATCHABLE { busiest(links) } else { Vec::new() };
        }
        let quiet = rate(std::mem::take(&mut self.quiet));
        // A number that jumps by one or two every second is read as news.
        if quiet.abs_diff(self.background) > 2 + self.background / 8 {
            self.background = quiet;
        }
    }
}

impl SeenFrame {
    /// Its name.
    pub(crate) fn name(&self) -> FrameName {
        (self.connection, self.correlation_id, self.time_us)
    }
}

fn busiest(mut links: Vec<Stream>) -> Vec<Stream> {
    sort_by_key(&mut links, |link| std::cmp::Reverse(link.frames));
    links.truncate(STREAMS);
    links
}

/// Who is at an end of a frame.
pub(crate) fn place(endpoint: i32, frame: &SeenFrame) -> Place {
    let track = if frame.client < 0 { Track::Consume } else { Track::Produce };
    place_on(endpoint, frame, track)
}

fn place_on(endpoint: i32, frame: &SeenFrame, track: Track) -> Place {
    match endpoint {
        id if id >= 0 => Place::Broker(id),
        TERMINALS => Place::Terminal { number: frame.client, reads: track == Track::Consume },
        _ if track == Track::Consume => Place::Consumer(-frame.client.min(0)),
        _ => Place::Producers,
    }
}

/// The track of a frame and what it shows; nothing for what is only counted: of a fetch, the answer with records tells.
fn telling(frame: &SeenFrame) -> Option<(Track, Load)> {
    let key = ApiKey::from_code(frame.api_key)?;
    let is_client = frame.from < 0 || frame.to < 0;
    let glance = frame.glance.as_ref();
    let track = match key {
        ApiKey::Produce | ApiKey::InitProducerId => Track::Produce,
        ApiKey::Fetch if glance.is_some_and(|glance| glance.metadata) => Track::Cluster,
        ApiKey::Fetch if !is_client => Track::Replicate,
        ApiKey::Fetch
        | ApiKey::OffsetCommit
        | ApiKey::JoinGroup
        | ApiKey::SyncGroup
        | ApiKey::LeaveGroup
        | ApiKey::Heartbeat => Track::Consume,
        _ => Track::Cluster,
    };
    if let Some(glance) = glance {
        // A new member is told its id so; it asks again with that, and nothing is wrong.
        if glance.error != 0 && glance.error != ErrorCode::MemberIdRequired.code() {
            let name = ErrorCode::from_code(glance.error).map_or("UNKNOWN", ErrorCode::name);
            return Some((track, Load::Error(name)));
        }
        match glance.records {
            0 if glance.markers == 0 => {}
            0 => return Some((track, Load::Marker)),
            _ if glance.quiet => return None,
            1 => return Some((track, Load::Record(glance.key.clone()))),
            many => return Some((track, Load::Records(many, glance.more))),
        }
    }
    let tells = match key {
        // Of a frame nobody looked into only its length speaks: an answer without records is short.
        ApiKey::Fetch => !frame.request && glance.is_none_or(|glance| glance.more) && frame.size > EMPTY_FETCH,
        ApiKey::Heartbeat
        | ApiKey::BrokerHeartbeat
        | ApiKey::Metadata
        | ApiKey::ApiVersions
        | ApiKey::FindCoordinator
        | ApiKey::ListOffsets
        | ApiKey::OffsetFetch => false,
        _ => frame.request,
    };
    tells.then_some((track, Load::Api(key.name())))
}

/// What a frame of the background would show.
fn background(frame: &SeenFrame) -> Option<(Track, Load)> {
    Some((Track::Cluster, Load::Api(ApiKey::from_code(frame.api_key)?.name())))
}

const EMPTY_FETCH: u32 = 160;
