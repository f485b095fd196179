//! Bytes of this wasm memory to buffers of JavaScript and back: the one copy each way.

use bytes::Bytes;
use js_sys::{ArrayBuffer, Uint8Array};

/// Copies slices into one array, once; many small ones first into one here, because each call into JavaScript costs.
pub fn concat(slices: &[Bytes]) -> Uint8Array {
    let length: usize = slices.iter().map(Bytes::len).sum();
    if let [slice] = slices {
        return Uint8Array::from(&**slice);
    }
    if slices.len() > 2 && length / slices.len() < 4096 {
        let mut joined = Vec::with_capacity(length);
        for slice in slices {
            joined.extend_from_slice(slice);
        }
        return Uint8Array::from(joined.as_slice());
    }
    let value = Uint8Array::new_with_length(length as u32);
    let mut at = 0;
    for slice in slices {
        let end = at + slice.len() as u32;
        value.subarray(at, end).copy_from(slice);
        at = end;
    }
    value
}

/// Copies a buffer here.
pub fn to_bytes(buffer: &ArrayBuffer) -> Bytes {
    Uint8Array::new(buffer).to_vec().into()
}
