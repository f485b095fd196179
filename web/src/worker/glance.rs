//! What a frame tells at a glance: how many records it carries, of which key, which error. The bytes stay where they lie: a
//! few small windows of them are read, never the records themselves; but for a small one that is compressed.

use broker_core::record::walk::first_key;
use broker_core::record::{BatchHeader, HEADER_LENGTH};
use serde::{Deserialize, Serialize};

/// Bytes of a frame, wherever they are.
pub trait Frame {
    /// How many.
    fn size(&self) -> u32;
    /// Copies some from `at` on; zeros beyond the end.
    fn read(&self, at: u32, into: &mut [u8]);
}

/// What a glance at a frame found. Where it did not look, or did not find its way, nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glance {
    /// Records it carries.
    pub records: u32,
    /// Control records, as the markers of transactions are: nobody wrote them who produces.
    pub markers: u32,
    /// It carries more than were counted.
    pub more: bool,
    /// The key of its only record, if that is short text.
    pub key: Option<String>,
    /// The first error it tells; 0 for none.
    pub error: i16,
    /// It says nothing new: a fetch answered with nothing, or with no-op records of the metadata log.
    pub quiet: bool,
    /// Records of the metadata log.
    pub metadata: bool,
}

const WINDOW: usize = 128;
/// Batches and partitions looked at in one frame.
const STEPS: u32 = 24;
/// A longer key has no colour in the lane.
const KEY: usize = 64;
/// The largest compressed record whose key is read: bytes of its batch, and of what is unpacked.
const COMPRESSED: u32 = 4 << 10;
const UNPACKED: usize = 16 << 10;
/// Where in a batch its fields begin.
const LENGTH: u32 = 8;
const ATTRIBUTES: u32 = 21;
const COUNT: u32 = 57;
const RECORDS: u32 = HEADER_LENGTH as u32;
/// The attribute of a batch of control records.
const CONTROL: i16 = 0x20;
/// `NoOpRecord` in the metadata log: frame version 1, type 20, version 0.
const NO_OP: [u8; 3] = [1, 20, 0];
/// Where a response has its one error code behind its header, by API: key, first flexible version, offset.
const ERRORS: [(i16, i16, u32); 11] = [
    (11, 6, 4),
    (12, 4, 4),
    (13, 4, 4),
    (14, 4, 4),
    (22, 2, 4),
    (52, 0, 0),
    (53, 1, 0),
    (54, 1, 0),
    (56, 0, 4),
    (62, 0, 4),
    (63, 0, 4),
];

/// Looks at a request or response of this API and version.
pub(super) fn glance(frame: &dyn Frame, request: bool, api_key: i16, api_version: i16) -> Glance {
    let mut eye = Eye { frame, at: 0, window: [0; WINDOW], from: u32::MAX, lost: false, steps: 0 };
    let mut found = Glance::default();
    match (api_key, request) {
        (0, true) if api_version >= 9 => produce(&mut eye, api_version, &mut found),
        (0, false) if api_version >= 9 => produced(&mut eye, api_version, &mut found),
        (1, false) if api_version >= 12 => fetched(&mut eye, api_version, &mut found),
        (_, false) => {
            if let Some((_, _, at)) = ERRORS.iter().find(|(key, from, _)| *key == api_key && api_version >= *from) {
                eye.skip_response_header();
                eye.skip(*at);
                found.error = eye.short();
            }
        }
        _ => {}
    }
    if eye.lost { Glance { more: true, ..Glance::default() } } else { found }
}

/// The number in the client id of a request of the page's clients: `p3` is 3, `c3` is -3, others are 0.
pub(super) fn client_number(frame: &dyn Frame) -> i32 {
    let mut head = [0_u8; 8];
    frame.read(8, &mut head);
    let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
    let Some((kind, digits)) = head[2..].get(..length).and_then(<[u8]>::split_first) else { return 0 };
    let number =
        digits.iter().try_fold(0_i32, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i32::from(digit - b'0')));
    match (kind, number) {
        (b'p', Some(number)) => number,
        (b'c', Some(number)) => -number,
        _ => 0,
    }
}

/// The client id of a request, as far as it is short text; empty where there is none.
pub(super) fn client_id(frame: &dyn Frame) -> String {
    let mut head = [0_u8; 2 + KEY];
    frame.read(8, &mut head);
    let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
    let text = head[2..].get(..length).and_then(|text| core::str::from_utf8(text).ok());
    text.unwrap_or_default().to_owned()
}

fn produce(eye: &mut Eye<'_>, version: i16, found: &mut Glance) {
    eye.at = 8;
    let client_id = eye.short();
    eye.skip(u32::from(client_id.max(0).unsigned_abs()));
    eye.skip_tags();
    eye.skip_text();
    eye.skip(2 + 4);
    for _ in 0..eye.length() {
        eye.skip_topic(version >= 13);
        for _ in 0..eye.length() {
            eye.skip(4);
            records(eye, found);
            eye.skip_tags();
            if eye.is_tired(found) {
                return;
            }
        }
        eye.skip_tags();
    }
}

fn produced(eye: &mut Eye<'_>, version: i16, found: &mut Glance) {
    eye.skip_response_header();
    for _ in 0..eye.length() {
        eye.skip_topic(version >= 13);
        for _ in 0..eye.length() {
            eye.skip(4);
            found.error = eye.short();
            if found.error != 0 || eye.is_tired(found) {
                return;
            }
            eye.skip(8 + 8 + 8);
            if eye.length() != 0 {
                return;
            }
            eye.skip_text();
            eye.skip_tags();
        }
        eye.skip_tags();
    }
}

fn fetched(eye: &mut Eye<'_>, version: i16, found: &mut Glance) {
    found.quiet = true;
    eye.skip_response_header();
    eye.skip(4);
    found.error = eye.short();
    eye.skip(4);
    for _ in 0..eye.length() {
        found.metadata = version >= 13 && eye.is_metadata_topic();
        eye.skip_topic(version >= 13);
        for _ in 0..eye.length() {
            eye.skip(4);
            let error = eye.short();
            if found.error == 0 {
                found.error = error;
            }
            eye.skip(8 + 8 + 8);
            let aborted = eye.length();
            for _ in 0..aborted.min(STEPS) {
                eye.skip(16);
                eye.skip_tags();
            }
            eye.skip(4);
            records(eye, found);
            eye.skip_tags();
            if eye.is_tired(found) {
                return;
            }
        }
        eye.skip_tags();
    }
    found.quiet &= found.error == 0;
}

/// Batches, one after the other.
fn records(eye: &mut Eye<'_>, found: &mut Glance) {
    let end = eye.length();
    let end = eye.at.saturating_add(end);
    while eye.at.saturating_add(RECORDS) < end {
        let batch = eye.at;
        eye.at = batch + LENGTH;
        let length = eye.int().max(1).unsigned_abs();
        eye.at = batch + ATTRIBUTES;
        let attributes = eye.short();
        eye.at = batch + COUNT;
        let count = eye.int().max(0).unsigned_abs();
        let is_control = attributes & CONTROL != 0;
        let readable = attributes & (CONTROL | 7) == 0;
        let alone = found.records == 0 && count == 1;
        let (key, no_op) = if readable && (alone || found.metadata) {
            first_record(eye)
        } else if alone && !is_control && length <= COMPRESSED {
            (compressed_key(eye.frame, batch, length), false)
        } else {
            (None, false)
        };
        found.quiet &= found.metadata && count == 1 && no_op;
        if is_control {
            found.markers = found.markers.saturating_add(count);
        } else {
            found.key = key.filter(|_| alone);
            found.records = found.records.saturating_add(count);
        }
        eye.at = batch.saturating_add(LENGTH + 4).saturating_add(length);
        if eye.is_tired(found) {
            break;
        }
    }
    eye.at = end;
}

/// The key of a batch's first record, and whether its value is a no-op of the metadata log.
fn first_record(eye: &mut Eye<'_>) -> (Option<String>, bool) {
    eye.varint();
    eye.skip(1);
    eye.varint();
    eye.varint();
    let length = unzigzag(eye.varint());
    let mut key = None;
    if let Ok(length) = usize::try_from(length) {
        let mut bytes = [0; KEY];
        if length <= KEY {
            eye.frame.read(eye.at, &mut bytes[..length]);
            key = core::str::from_utf8(&bytes[..length]).ok().map(str::to_owned);
        }
        eye.skip(length as u32);
    }
    let value = unzigzag(eye.varint());
    let mut begins = [0; 3];
    eye.frame.read(eye.at, &mut begins);
    (key, value >= 3 && begins == NO_OP)
}

/// The key of the record that a compressed batch at `at` begins with.
fn compressed_key(frame: &dyn Frame, at: u32, length: u32) -> Option<String> {
    let mut bytes = vec![0; (LENGTH + 4 + length) as usize];
    frame.read(at, &mut bytes);
    let header = BatchHeader::parse(&bytes).ok()?;
    let key = first_key(&header, &bytes, KEY + 1, UNPACKED).filter(|key| key.len() <= KEY)?;
    String::from_utf8(key).ok()
}

fn unzigzag(number: u32) -> i32 {
    (number >> 1) as i32 ^ -((number & 1) as i32)
}

/// Reads on, a window at a time.
struct Eye<'a> {
    frame: &'a dyn Frame,
    at: u32,
    window: [u8; WINDOW],
    from: u32,
    /// It read past the end: the frame is not what it was taken for.
    lost: bool,
    steps: u32,
}

impl Eye<'_> {
    fn byte(&mut self) -> u8 {
        if self.at >= self.frame.size() {
            self.lost = true;
            return 0;
        }
        if self.at < self.from || self.at - self.from >= WINDOW as u32 {
            self.frame.read(self.at, &mut self.window);
            self.from = self.at;
        }
        let byte = self.window[(self.at - self.from) as usize];
        self.at += 1;
        byte
    }

    fn skip(&mut self, bytes: u32) {
        self.at = self.at.saturating_add(bytes);
    }

    fn short(&mut self) -> i16 {
        i16::from_be_bytes([self.byte(), self.byte()])
    }

    fn int(&mut self) -> i32 {
        i32::from_be_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    fn varint(&mut self) -> u32 {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte();
            number |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                break;
            }
        }
        number
    }

    /// Of a compact array, text or records: one less than what is written; nothing for null.
    fn length(&mut self) -> u32 {
        let length = self.varint().saturating_sub(1);
        if self.lost || length > self.frame.size() {
            self.lost = true;
            return 0;
        }
        length
    }

    fn skip_text(&mut self) {
        let length = self.length();
        self.skip(length);
    }

    fn skip_tags(&mut self) {
        for _ in 0..self.varint().min(STEPS) {
            self.varint();
            let length = self.varint();
            self.skip(length);
        }
    }

    fn skip_topic(&mut self, by_id: bool) {
        if by_id { self.skip(16) } else { self.skip_text() }
    }

    fn skip_response_header(&mut self) {
        self.at = 4;
        self.skip_tags();
    }

    /// `__cluster_metadata` has the id 1.
    fn is_metadata_topic(&self) -> bool {
        let mut id = [0; 16];
        self.frame.read(self.at, &mut id);
        u128::from_be_bytes(id) == 1
    }

    /// Counts a step; true after too many, or when lost.
    fn is_tired(&mut self, found: &mut Glance) -> bool {
        self.steps += 1;
        found.more |= self.steps > STEPS;
        self.lost || found.more
    }
}

#[cfg(test)]
#[path = "glance_tests.rs"]
mod tests;
