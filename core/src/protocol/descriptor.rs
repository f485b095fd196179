//! What the schema files say, for tools that show or generate messages.

/// Every message with its structs, fields, types and versions; `build/descriptor.rs` documents the format. It costs
/// nothing where it is not used: the linker drops it.
pub static DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));

/// Of these the records, and what is embedded in them: small enough to be a part of the program.
pub static RECORDS_DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/records.bin"));
