//! Kafka's own bytes, see `fixtures/codec/README.md`.

use bytes::Bytes;
use std::collections::BTreeMap;

/// By name, version and variant.
pub(crate) type Fixtures = BTreeMap<(String, i16, String), Bytes>;

/// All of `messages.txt`.
pub(crate) fn load() -> Fixtures {
    include_str!("../../fixtures/codec/messages.txt").lines().map(line).collect()
}

fn line(line: &str) -> ((String, i16, String), Bytes) {
    let words: Vec<&str> = line.split(' ').collect();
    let [name, version, variant, content] = words[..] else { panic!("bad line `{line}`") };
    let bytes = if content == "empty" { Vec::new() } else { base64(content) };
    ((name.to_owned(), version.parse().unwrap(), variant.to_owned()), Bytes::from(bytes))
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => panic!("no base64: {text}"),
    };
    let mut out = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.bytes().filter(|&byte| byte != b'=') {
        bits = bits << 6 | u32::from(digit(byte));
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}
