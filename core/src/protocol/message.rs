//! What every message can do.

use super::{ApiKey, DecodeError, Reader, Writer};
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
use core::ops::RangeInclusive;

/// A message of the protocol: a request's or response's body, a record, an embedded structure.
pub trait Message: Sized + Clone + Default {
    /// Kafka's name, `FetchRequest`.
    const NAME: &'static str;
    /// The versions the schema has.
    const VERSIONS: RangeInclusive<i16>;
    /// The first version with compact lengths and tag buffers.
    const FLEXIBLE_FROM: Option<i16>;

    /// Reads the fields of a version known to be valid. Problems stick to the reader: call [`Message::decode`] instead.
    #[doc(hidden)]
    fn read(reader: &mut Reader, version: i16) -> Self;

    /// Writes the fields; call [`Message::encode`] instead.
    #[doc(hidden)]
    fn write(&self, writer: &mut Writer, version: i16);

    /// True for versions with compact lengths and tag buffers.
    fn is_flexible(version: i16) -> bool {
        Self::FLEXIBLE_FROM.is_some_and(|from| version >= from)
    }

    /// Decodes the body at the reader's position; bytes after it stay unread.
    fn decode(reader: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        if !Self::VERSIONS.contains(&version) {
            return Err(DecodeError::UnsupportedVersion { message: Self::NAME, version });
        }
        reader.set_flexible(Self::is_flexible(version));
        let message = Self::read(reader, version);
        reader.fault()?;
        Ok(message)
    }

    /// Encodes the body in one of [`Message::VERSIONS`].
    fn encode(&self, writer: &mut Writer, version: i16) {
        debug_assert!(Self::VERSIONS.contains(&version), "{} has no version {version}", Self::NAME);
        writer.set_flexible(Self::is_flexible(version));
        self.write(writer, version);
    }
}

/// A request, with the type of its response.
pub trait Request: Message {
    /// Its API.
    const KEY: ApiKey;
    /// What answers it.
    type Response: Message;
}

/// Something done once per message type, see [`super::messages::visit_messages`].
pub trait MessageVisitor {
    /// Called for each message.
    fn visit<M: Message + PartialEq + core::fmt::Debug>(&mut self);
}

/// Something done once per request type, see [`super::messages::visit_requests`].
pub trait RequestVisitor {
    /// Called for each request.
    fn visit<R: Request>(&mut self);
}

/// Decodes a body that ends where the reader's bytes end.
pub fn decode_body<M: Message>(reader: &mut Reader, version: i16) -> Result<M, DecodeError> {
    let message = M::decode(reader, version)?;
    reader.finish()?;
    Ok(message)
}

/// Decodes a body alone: a record's value, an embedded structure.
pub fn decode_message<M: Message>(bytes: &Bytes, version: i16) -> Result<M, DecodeError> {
    decode_body(&mut Reader::new(bytes.clone()), version)
}

/// Encodes a body alone.
pub fn encode_message<M: Message>(message: &M, version: i16) -> Bytes {
    let mut writer = Writer::new();
    message.encode(&mut writer, version);
    join(writer.into_parts())
}

/// The parts as one; copies nothing if there is one.
pub(super) fn join(mut parts: Vec<Bytes>) -> Bytes {
    if parts.len() <= 1 {
        return parts.pop().unwrap_or_default();
    }
    let mut joined = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
    for part in &parts {
        joined.extend_from_slice(part);
    }
    joined.freeze()
}
