//! The schema parser of the codec's build script: what it takes and how it refuses.

#[allow(dead_code)]
#[path = "../../core/build/schema.rs"]
mod schema;

use schema::{Type, Versions, check_names, parse};

#[test]
fn a_message_is_read_with_its_notes() {
    let text = "# comment\n\nXRequest [7] versions 1-3 flex 2+ {\n    A: string (v2+, null 3+, tag 4, def null) # more\n    \
                B: []Inner {\n        C: int32 (def -1)\n    }\n    D: Inner\n}\nEmpty versions 0 flex none {}\n";
    let messages = parse("x.txt", text).unwrap();
    let [request, empty] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((request.name(), request.api_key, request.flexible_from), ("XRequest", Some(7), Some(2)));
    assert_eq!(request.versions, Versions { first: 1, last: 3 });
    assert_eq!(request.request_api(), Some("X"));
    let [a, b, d] = &request.structs[0].fields[..] else { panic!("three fields") };
    assert_eq!((a.versions.first, a.nullable.map(|versions| versions.first), a.tag), (2, Some(3), Some(4)));
    assert_eq!((&b.kind, b.array, &d.kind, d.array), (&Type::Struct(1), true, &Type::Struct(1), false));
    assert_eq!(request.structs[1].fields[0].default.as_deref(), Some("-1"));
    assert_eq!((empty.name(), empty.structs[0].fields.len()), ("Empty", 0));
}

#[test]
fn bad_lines_are_refused_by_file_and_line() {
    let head = "X versions 0 flex 0+ {";
    for (line, problem) in [
        ("A int32", "x.txt:2: expected `Name: type`: `A int32`"),
        ("A: int31", "x.txt:2: struct `int31` is not defined above"),
        ("A: int32 (v1", "x.txt:2: the notes lack their `)`"),
        ("A: int32 (v3-1)", "x.txt:2: bad versions `3-1`"),
        ("A: int32 (maybe)", "x.txt:2: unknown note `maybe`"),
        ("A: int32 (null)", "x.txt:2: int32 cannot be null"),
        ("A: int32 (def x)", "x.txt:2: `x` is no default for int32"),
        ("A: string (def null)", "x.txt:2: `null` is no default for string"),
        ("A: []bytes", "x.txt:2: arrays of bytes or records do not occur"),
        ("A: int32 {", "x.txt:2: `int32` has no fields"),
        ("A-B: int32", "x.txt:2: `A-B` is not a field name"),
        ("Tags: int32", "x.txt:2: `Tags` would hide a variable of the generated code"),
    ] {
        assert_eq!(parse("x.txt", &format!("{head}\n{line}\n}}\n")).unwrap_err(), problem, "{line}");
    }
    for (text, problem) in [
        ("X versions 0 flex 0+ {\nA: int32\n", "x.txt:1: the block is never closed"),
        ("X versions 0 {\n}\n", "x.txt:1: expected `versions A-B flex C+`: `X versions 0 {`"),
        ("X [a] versions 0 flex none {}\n", "x.txt:1: the key is not a number: `X [a] versions 0 flex none {}`"),
        ("X versions 0 flex none {\nA: int32\nA: int8\n}\n", "x.txt:3: `A` occurs twice"),
        (
            "X versions 0 flex none {\nA: int32 (tag 0)\n}\n",
            "x.txt:2: a tagged field in a message that is never flexible",
        ),
    ] {
        assert_eq!(parse("x.txt", text).unwrap_err(), problem);
    }
}

#[test]
fn names_are_used_once_and_requests_have_responses() {
    let twice = parse("x.txt", "X versions 0 flex none {}\nX versions 0 flex none {}\n").unwrap();
    assert_eq!(check_names(&twice).unwrap_err(), "x.txt:2: X is already defined at x.txt:1");
    let alone = parse("x.txt", "XRequest [1] versions 0 flex none {}\n").unwrap();
    assert_eq!(check_names(&alone).unwrap_err(), "x.txt:1: no XResponse with the same key and versions");
}
