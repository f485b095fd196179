//! The messages, generated from the files of `schema/`: one module each, the message itself re-exported here.
//!
//! A field that a version does not have is left out when encoding that version and has its default after decoding it.
//! Kafka refuses to encode some such fields unless they hold their default; here the caller chooses what fits the version.

// `message_version` is a parameter of every struct, used or not: array elements are read and written through one type of function.
#![allow(clippy::all, clippy::pedantic, unused_variables)]

mod prelude {
    pub(super) use crate::ids::Uuid;
    pub(super) use crate::protocol::primitive::element;
    pub(super) use crate::protocol::{ApiKey, Message, Reader, Records, Request, Writer};
    pub(super) use crate::text::Str;
    pub(super) use alloc::vec::Vec;
    pub(super) use bytes::Bytes;
    pub(super) use core::ops::RangeInclusive;
}

use crate::protocol::{MessageVisitor, RequestVisitor};

include!(concat!(env!("OUT_DIR"), "/messages.rs"));
