//! Turns the schema files into Rust (see `schema/`).
fn main() {}
