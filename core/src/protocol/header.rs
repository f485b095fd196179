//! Request and response headers, and whole frames (without their length prefix).

use super::messages::flexible_from;
use super::{ApiKey, DecodeError, Message, Reader, Request, Writer, decode_body};
use crate::text::Str;
use alloc::vec::Vec;
use bytes::Bytes;

/// What every request begins with (header versions 1 and 2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHeader {
    /// The API; may be one we do not know, see [`ApiKey::from_code`].
    pub api_key: i16,
    /// Version of the body.
    pub api_version: i16,
    /// Comes back in the response.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<Str>,
}

/// Reads a request's header; the reader is then at the body. Keys and versions are not judged here: for a key without a
/// schema the header is taken as one without tag buffer, and the reader is of no use.
pub fn decode_request_header(frame: &Bytes) -> Result<(RequestHeader, Reader), DecodeError> {
    let mut reader = Reader::new(frame.clone());
    // The client id keeps its int16 length in header version 2, so the reader becomes flexible only behind it.
    reader.set_flexible(false);
    let header = RequestHeader {
        api_key: reader.int16(),
        api_version: reader.int16(),
        correlation_id: reader.int32(),
        client_id: reader.nullable_string(true),
    };
    reader.set_flexible(is_flexible(header.api_key, header.api_version));
    reader.skip_tags();
    reader.fault()?;
    Ok((header, reader))
}

/// Reads a whole request of a known type.
pub fn decode_request<R: Request>(frame: &Bytes) -> Result<(RequestHeader, R), DecodeError> {
    let (header, mut reader) = decode_request_header(frame)?;
    if header.api_key != R::KEY.code() {
        return Err(DecodeError::UnexpectedApiKey { api_key: header.api_key });
    }
    let request = decode_body(&mut reader, header.api_version)?;
    Ok((header, request))
}

/// Writes a request's frame, in parts to be sent one after the other.
pub fn encode_request<R: Request>(
    version: i16,
    correlation_id: i32,
    client_id: Option<&Str>,
    request: &R,
) -> Vec<Bytes> {
    let mut writer = Writer::new();
    writer.int16(R::KEY.code());
    writer.int16(version);
    writer.int32(correlation_id);
    writer.nullable_string(client_id, true);
    writer.set_flexible(R::is_flexible(version));
    writer.no_tags();
    request.encode(&mut writer, version);
    writer.into_parts()
}

/// Writes a response's frame, in parts to be sent one after the other.
pub fn encode_response<R: Request>(version: i16, correlation_id: i32, response: &R::Response) -> Vec<Bytes> {
    let mut writer = Writer::new();
    writer.int32(correlation_id);
    writer.set_flexible(has_tagged_response_header::<R>(version));
    writer.no_tags();
    response.encode(&mut writer, version);
    writer.into_parts()
}

/// Reads a response to a request of type `R` sent in `version`; answers the correlation id with it.
pub fn decode_response<R: Request>(version: i16, frame: &Bytes) -> Result<(i32, R::Response), DecodeError> {
    let mut reader = Reader::new(frame.clone());
    let correlation_id = reader.int32();
    reader.set_flexible(has_tagged_response_header::<R>(version));
    reader.skip_tags();
    let response = decode_body(&mut reader, version)?;
    Ok((correlation_id, response))
}

/// The response to `ApiVersions` has header version 0 for ever: the client does not yet know what the broker speaks.
fn has_tagged_response_header<R: Request>(version: i16) -> bool {
    R::is_flexible(version) && !matches!(R::KEY, ApiKey::ApiVersions)
}

fn is_flexible(api_key: i16, api_version: i16) -> bool {
    flexible_from(api_key).is_some_and(|from| api_version >= from)
}
