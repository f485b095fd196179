//! The bytes consumers put into `JoinGroup` and `SyncGroup`: an int16 version and a message of the embedded protocol.

use crate::protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use crate::protocol::{Message, Reader, encode_message};
use bytes::{BufMut, Bytes, BytesMut};

/// Reads a subscription. Versions newer than ours are read by the fields we know, as the protocol demands.
/// `None` where the bytes are none.
pub fn decode_subscription(bytes: &Bytes) -> Option<ConsumerProtocolSubscription> {
    decode(bytes)
}

/// Reads an assignment; no bytes at all are an empty one. `None` where the bytes are none.
pub fn decode_assignment(bytes: &Bytes) -> Option<ConsumerProtocolAssignment> {
    if bytes.is_empty() {
        return Some(ConsumerProtocolAssignment::default());
    }
    decode(bytes)
}

/// Writes a subscription with its version in front.
pub fn encode_subscription(subscription: &ConsumerProtocolSubscription, version: i16) -> Bytes {
    encode(subscription, version)
}

/// Writes an assignment with its version in front.
pub fn encode_assignment(assignment: &ConsumerProtocolAssignment, version: i16) -> Bytes {
    encode(assignment, version)
}

fn decode<M: Message>(bytes: &Bytes) -> Option<M> {
    let mut reader = Reader::new(bytes.clone());
    let version = reader.int16();
    if version < 0 {
        return None;
    }
    M::decode(&mut reader, version.min(*M::VERSIONS.end())).ok()
}

fn encode<M: Message>(message: &M, version: i16) -> Bytes {
    let body = encode_message(message, version);
    let mut bytes = BytesMut::with_capacity(2 + body.len());
    bytes.put_i16(version);
    bytes.put_slice(&body);
    bytes.freeze()
}
