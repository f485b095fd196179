//! Frames the switch saw, counted by what they are for.

use crate::worker::Seen;
use broker_core::protocol::ApiKey;

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

/// One frame to draw: who, to whom, the API's name, and its number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    /// Sender; -1 for the clients.
    pub(crate) from: i32,
    /// Receiver.
    pub(crate) to: i32,
    /// Its API.
    pub(crate) name: &'static str,
}

/// Counters of the four tracks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Traffic {
    /// Requests a second, by track.
    pub(crate) per_second: [u32; 4],
    /// Heartbeats, empty fetches, metadata a second.
    pub(crate) background: u32,
    /// The newest telling frame of every track.
    pub(crate) newest: [Option<Token>; 4],
    counted: [u32; 4],
    quiet: u32,
    looks: u8,
    fresh: [u8; 4],
}

/// A fetch response that carries nothing is about this long.
const EMPTY_FETCH: u32 = 160;

impl Traffic {
    /// Takes what the switch saw.
    pub(crate) fn saw(&mut self, seen: &Seen) {
        for frame in &seen.frames {
            let Some(key) = ApiKey::from_code(frame.api_key) else { continue };
            let (track, telling) = classify(key, frame.from, frame.to, frame.request, frame.size);
            if !telling {
                self.quiet += u32::from(frame.request);
                continue;
            }
            let at = track as usize;
            self.counted[at] += 1;
            self.newest[at] = Some(Token { from: frame.from, to: frame.to, name: key.name() });
            self.fresh[at] = 4;
        }
    }

    /// Once a look: four of them are a second.
    pub(crate) fn settle(&mut self) {
        self.looks += 1;
        for at in 0..4 {
            self.fresh[at] = self.fresh[at].saturating_sub(1);
            if self.fresh[at] == 0 {
                self.newest[at] = None;
            }
        }
        if self.looks >= 4 {
            self.looks = 0;
            self.per_second = std::mem::take(&mut self.counted);
            self.background = std::mem::take(&mut self.quiet);
        }
    }
}

/// The track of a frame, and whether it tells anything: of a fetch, the answer that carries records does.
fn classify(key: ApiKey, from: i32, to: i32, request: bool, size: u32) -> (Track, bool) {
    let client = from < 0 || to < 0;
    match key {
        ApiKey::Produce => (Track::Produce, request),
        ApiKey::Fetch if client => (Track::Consume, !request && size > EMPTY_FETCH),
        ApiKey::Fetch => (Track::Replicate, !request && size > EMPTY_FETCH),
        ApiKey::OffsetCommit | ApiKey::JoinGroup | ApiKey::SyncGroup | ApiKey::LeaveGroup => (Track::Consume, request),
        ApiKey::Heartbeat | ApiKey::BrokerHeartbeat | ApiKey::Metadata | ApiKey::ApiVersions => (Track::Cluster, false),
        _ => (Track::Cluster, request),
    }
}
