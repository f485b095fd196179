//! The wire protocol: frames, headers, typed requests and responses, errors.
//!
//! The messages are generated from the files of `schema/` by `build.rs`; [`messages`] holds them, one module each.
//! [`Message`] encodes and decodes one, [`encode_request`], [`decode_response`] and their like add the header.
//!
//! # Architecture Invariant
//! Decoding trusts no byte: every read is bounded by the frame, an array's count is checked against the bytes that are
//! left before anything is allocated, nothing recurses on input, and every failure is a [`DecodeError`]. Decoded strings,
//! bytes and records share the frame; large `records` are never copied in either direction.

mod api_key;
pub mod api_versions;
mod descriptor;
mod error;
mod error_code;
mod frame;
mod header;
mod message;
pub mod messages;
mod primitive;
mod reader;
mod records;
mod writer;

pub use api_key::ApiKey;
pub use descriptor::{DESCRIPTOR, RECORDS_DESCRIPTOR};
pub use error::DecodeError;
pub use error_code::ErrorCode;
pub use frame::{FrameError, FrameSplitter, frame_prefix};
pub use header::{
    RequestHeader, decode_request, decode_request_header, decode_response, encode_request, encode_response,
};
pub use message::{Message, MessageVisitor, Request, RequestVisitor, decode_body, decode_message, encode_message};
pub use reader::{Reader, Tag};
pub use records::Records;
pub use writer::{OpenTag, Tags, Writer};

#[cfg(test)]
mod tests;
