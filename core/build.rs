//! Turns the schema files of `schema/` into Rust: one module of structs, defaults, decoder and encoder per message, and
//! a descriptor of every field for tools that show or generate messages.
//!
//! The steps: [`schema`] parses, [`rust`] writes `messages.rs`, [`descriptor`] writes `descriptor.bin` of all messages and
//! `records.bin` of those that are neither request nor response.

#[path = "build/descriptor.rs"]
mod descriptor;
#[path = "build/rust.rs"]
mod rust;
#[path = "build/schema.rs"]
mod schema;
#[path = "build/types.rs"]
mod types;

use std::path::{Path, PathBuf};
use std::{env, fs, process};

fn main() {
    println!("cargo::rerun-if-changed=schema");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=build.rs");
    if let Err(problem) = generate() {
        eprintln!("{problem}");
        process::exit(1);
    }
}

fn generate() -> Result<(), String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let mut messages = Vec::new();
    for file in schema_files(Path::new("schema"))? {
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        messages.extend(schema::parse(&file.display().to_string(), &text)?);
    }
    schema::check_names(&messages)?;
    write(&out.join("messages.rs"), rust::write_messages(&messages).as_bytes())?;
    write(&out.join("descriptor.bin"), &descriptor::write_descriptor(&messages))?;
    messages.retain(|message| !message.name().ends_with("Request") && !message.name().ends_with("Response"));
    write(&out.join("records.bin"), &descriptor::write_descriptor(&messages))
}

/// The schema files in the order of their names, so that the output does not depend on the file system.
fn schema_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    Ok(files)
}

fn write(path: &Path, content: &[u8]) -> Result<(), String> {
    fs::write(path, content).map_err(|error| format!("{}: {error}", path.display()))
}
