//! What wasm-bindgen writes around a module, made small: nobody reads it where it is served.

use crate::command::Failure;
use std::collections::BTreeMap;
use std::convert::Infallible;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{ImportSection, Module};
use wasmparser::{ImportSectionReader, Parser, Payload};

/// Under which the glue hands its functions to the module.
const GLUE_MODULE: &str = "./broker_bg.js";

/// Gives what the module imports from the glue short names, in both, and takes comments and indents from the glue.
pub(crate) fn shorten(glue: &str, wasm: &[u8]) -> Result<(String, Vec<u8>), Failure> {
    let names = imported(wasm).map_err(|error| Failure(format!("wasm: {error}")))?;
    let names = (0..).zip(names).map(|(number, name)| (name, format!("f{number}"))).collect();
    let mut renamed = Renamed { names };
    let mut module = Module::new();
    renamed
        .parse_core_module(&mut module, Parser::new(0), wasm)
        .map_err(|error| Failure(format!("wasm with short names: {error}")))?;
    Ok((renamed.text(&without_comments(glue)), module.finish()))
}

/// Adds what loads the later parts of a module: `parts` is `www/parts.js`.
pub(crate) fn with_parts(glue: &str, parts: &str) -> Result<String, Failure> {
    let imports = format!("\"{GLUE_MODULE}\": import0,");
    if glue.matches(&imports).count() != 1 {
        return Err(Failure(format!("wasm-bindgen's glue has no `{imports}`; glue.rs does not know it")));
    }
    Ok(glue.replace(&imports, &format!("{imports} parts: {{ load: loadNow }},")) + parts)
}

fn imported(wasm: &[u8]) -> Result<Vec<String>, wasmparser::BinaryReaderError> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::ImportSection(section) = payload? {
            for import in section.into_imports() {
                let import = import?;
                if import.module == GLUE_MODULE {
                    names.push(import.name.to_owned());
                }
            }
        }
    }
    Ok(names)
}

struct Renamed {
    names: BTreeMap<String, String>,
}

impl Renamed {
    /// The text, in which whole words are replaced.
    fn text(&self, text: &str) -> String {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '$';
        let mut renamed = String::with_capacity(text.len());
        let mut left = text;
        while let Some(start) = left.find(is_part) {
            let (before, word) = left.split_at(start);
            let (word, after) = word.split_at(word.find(|letter| !is_part(letter)).unwrap_or(word.len()));
            renamed += before;
            renamed += self.names.get(word).map_or(word, String::as_str);
            left = after;
        }
        renamed + left
    }
}

impl Reencode for Renamed {
    type Error = Infallible;

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        for import in section.into_imports() {
            let import = import?;
            let short = if import.module == GLUE_MODULE { self.names.get(import.name).cloned() } else { None };
            let ty = self.entity_type(import.ty)?;
            imports.import(import.module, short.as_deref().unwrap_or(import.name), ty);
        }
        Ok(())
    }
}

/// Comments have their own lines in what wasm-bindgen writes.
fn without_comments(glue: &str) -> String {
    let mut lines = String::new();
    let mut is_comment = false;
    for line in glue.lines().map(str::trim) {
        is_comment |= line.starts_with("/*");
        if !is_comment && !line.is_empty() && !line.starts_with("//") {
            lines += line;
            lines.push('\n');
        }
        is_comment &= !line.ends_with("*/");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const WASM: &str = r#"(module
        (import "./broker_bg.js" "__wbg_set_0123456789abcdef" (func))
        (import "./broker_bg.js" "__wbg_set_0123456789abcdef0" (func))
        (import "elsewhere" "__wbg_set_0123456789abcdef" (func)))"#;
    const GLUE: &str = "\
/**
 * What it does.
 */
function __wbg_get_imports() {
    const import0 = {
        // Sets something.
        __wbg_set_0123456789abcdef: function() { note(\"__wbg_set\"); },
        __wbg_set_0123456789abcdef0: function() {},
    };
    return {
        \"./broker_bg.js\": import0,
    };
}
";

    #[test]
    fn imports_have_the_same_short_names_in_glue_and_module() {
        let (glue, wasm) = shorten(GLUE, &wat::parse_str(WASM).unwrap()).unwrap();
        assert_eq!(
            glue,
            "function __wbg_get_imports() {\nconst import0 = {\nf0: function() { note(\"__wbg_set\"); },\n\
             f1: function() {},\n};\nreturn {\n\"./broker_bg.js\": import0,\n};\n}\n"
        );
        assert_eq!(imported(&wasm).unwrap(), ["f0", "f1"]);
    }

    #[test]
    fn what_loads_later_parts_is_among_the_imports() {
        let glue = with_parts(GLUE, "function loadNow() {}\n").unwrap();
        assert!(glue.contains("\"./broker_bg.js\": import0, parts: { load: loadNow },"), "{glue}");
        assert!(glue.ends_with("}\nfunction loadNow() {}\n"), "{glue}");
        assert!(with_parts("another glue", "").unwrap_err().0.contains("import0"));
    }
}
