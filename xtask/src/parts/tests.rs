use super::*;
use crate::references::{is_named, without_relocations};
use std::process::Command;
use wasmi::{Caller, Engine, Extern, Instance, Linker, Module as Compiled, Store, Val};

/// What is called across any cut: directly, by the table, with and without results; a memory and a stack that all use.
const WHOLE: &str = r#"(module
    (import "host" "double" (func $double (param i32) (result i32)))
    (memory (export "memory") 1)
    (global $stack (mut i32) (i32.const 1000))
    (table 4 4 funcref)
    (elem (i32.const 1) $twice_in_table $by_table $twice_in_table)
    (type $unary (func (param i32) (result i32)))
    (func $push (param i32)
        (global.set $stack (i32.sub (global.get $stack) (i32.const 4)))
        (i32.store (global.get $stack) (local.get 0)))
    (func $pop (result i32)
        (i32.load (global.get $stack))
        (global.set $stack (i32.add (global.get $stack) (i32.const 4))))
    (func $twice_in_table (param i32) (result i32)
        (call $push (call $double (local.get 0)))
        (i32.add (call $pop) (i32.const 1)))
    (func $by_table (param i32) (result i32)
        (call_indirect (type $unary) (local.get 0) (i32.const 1)))
    (func $of_many (param i64 i32 f64) (result f64)
        (f64.add (f64.convert_i64_s (local.get 0))
            (f64.add (f64.convert_i32_s (call $by_table (local.get 1))) (local.get 2))))
    (func (export "direct") (param i32) (result i32)
        (i32.trunc_f64_s (call $of_many (i64.const 3) (local.get 0) (f64.const 0.5))))
    (func (export "table") (param i32) (result i32)
        (i32.mul (call_indirect (type $unary) (local.get 0) (i32.const 2))
            (call_indirect (type $unary) (local.get 0) (i32.const 3)))))"#;
const MOVABLE: [&str; 5] = ["push", "pop", "twice_in_table", "by_table", "of_many"];
const CALLS: [(&str, i32); 3] = [("direct", 5), ("table", 7), ("direct", 20)];
const PLACES: [Place; 6] = [Place::First, Place::Both, Place::Rest, Place::Entry, Place::Terminals, Place::Tools];

/// What the exports of a module answer to numbers, and the number of the last part that was loaded for it.
fn answers(calls: &[(&str, i32)], first: &[u8], later: &[Vec<u8>]) -> (Vec<i32>, i32) {
    let engine = Engine::default();
    let mut store = Store::new(&engine, 0);
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "double", |number: i32| number * 2).unwrap();
    let later: Vec<Compiled> = later.iter().map(|part| Compiled::new(&engine, part).unwrap()).collect();
    // As `www/parts.js` does, with what the first instance exports.
    let load = move |mut caller: Caller<'_, i32>, number: i32| {
        let linked = caller.get_export(LINKED).and_then(Extern::into_global).unwrap();
        for part in *caller.data()..number {
            let part = &later[part as usize];
            let exports: Vec<Extern> = part.imports().map(|import| caller.get_export(import.name()).unwrap()).collect();
            Instance::new(&mut caller, part, &exports).unwrap();
        }
        assert!(number > *caller.data(), "asked for again");
        linked.set(&mut caller, Val::I32(number)).unwrap();
        *caller.data_mut() = number;
    };
    linker.func_wrap(LINK, LOAD, load).unwrap();
    let module = Compiled::new(&engine, first).unwrap();
    let instance = linker.instantiate_and_start(&mut store, &module).unwrap();
    let mut answers = Vec::new();
    for (export, number) in calls {
        let function = instance.get_typed_func::<i32, i32>(&store, export).unwrap();
        answers.push(function.call(&mut store, *number).unwrap());
    }
    (answers, *store.data())
}

fn answers_of(parts: &[Vec<u8>; PARTS]) -> (Vec<i32>, i32) {
    for part in parts {
        wasmparser::Validator::new().validate_all(part).unwrap();
    }
    answers(&CALLS, &parts[FIRST], &parts[REST..])
}

fn parts_of(whole: &str, short: usize, place: impl Fn(&str) -> Place) -> [Vec<u8>; PARTS] {
    cut(&wat::parse_str(whole).unwrap(), short, &References::default(), place).unwrap()
}

#[test]
fn a_module_answers_the_same_however_it_is_cut() {
    let (expected, _) = answers(&CALLS, &wat::parse_str(WHOLE).unwrap(), &[]);
    assert_eq!(expected, [14, 15 * 15, 44]);
    let kinds = PLACES.len();
    for case in 0..kinds.pow(MOVABLE.len() as u32) {
        let places: Vec<Place> = (0..MOVABLE.len() as u32).map(|at| PLACES[case / kinds.pow(at) % kinds]).collect();
        let place = |name: &str| MOVABLE.iter().position(|known| *known == name).map_or(Place::First, |at| places[at]);
        let (given, loaded) = answers_of(&parts_of(WHOLE, 0, place));
        assert_eq!(given, expected, "{MOVABLE:?} in {places:?}");
        let last = places.iter().map(|place| place.part()).max().unwrap_or_default() as i32;
        assert!(loaded <= last, "{loaded} are loaded: {MOVABLE:?} in {places:?}");
    }
}

#[test]
fn what_is_short_stays_with_its_callers() {
    let place = |name: &str| if MOVABLE.contains(&name) { Place::Rest } else { Place::First };
    let by_table_alone = ["by_table", "twice_in_table"];
    assert_eq!(answers_of(&parts_of(WHOLE, usize::MAX, place)), (vec![14, 225, 44], 1), "{by_table_alone:?}");
    let parts =
        parts_of(WHOLE, usize::MAX, |name| if by_table_alone.contains(&name) { Place::First } else { place(name) });
    assert_eq!(answers_of(&parts), (vec![14, 225, 44], 0));
}

#[test]
fn what_others_call_is_not_the_terminals_but_for_what_they_begin_with() {
    for (caller, callee, loaded) in [
        (Place::First, Place::Terminals, FIRST),
        (Place::First, Place::Entry, TERMINALS),
        (Place::Rest, Place::Tools, REST),
        (Place::Rest, Place::Entry, TERMINALS),
        (Place::Terminals, Place::Tools, TOOLS),
    ] {
        let parts = parts_of(WHOLE, 0, |name| match name {
            "twice_in_table" => caller,
            "push" | "pop" => callee,
            _ => Place::First,
        });
        assert_eq!(answers_of(&parts).1, loaded as i32, "{caller:?} calls {callee:?}");
    }
}

#[test]
fn what_nobody_calls_is_not_loaded() {
    let whole =
        WHOLE.replacen("(module", "(module (import \"host\" \"double\" (func $other (param i32) (result i32)))", 1);
    let whole = whole.replace("(func $push", "(func $rare (result i32) (i32.const 9)) (func $push");
    for place in [Place::Rest, Place::Terminals, Place::Tools] {
        assert_eq!(answers_of(&parts_of(&whole, 0, |name| if name == "rare" { place } else { Place::Both })).1, 0);
    }
}

#[test]
fn what_javascript_calls_and_what_needs_segments_stays_in_the_first_part() {
    let whole = r#"(module
        (import "host" "double" (func (param i32) (result i32)))
        (memory 1) (data $text "abc") (global i32 (i32.const 0)) (table 1 funcref) (elem declare func $named)
        (func $named)
        (func $exported (export "exported"))
        (func $copies (memory.init $text (i32.const 0) (i32.const 0) (i32.const 3)))
        (func $refers (drop (ref.func $named)))
        (func $starts (call $copies) (call $refers))
        (start $starts))"#;
    let parts = parts_of(whole, 0, |name| if name == "named" { Place::First } else { Place::Rest });
    let functions = Parser::new(0).parse_all(&parts[REST]).find_map(|payload| match payload.unwrap() {
        Payload::FunctionSection(section) => Some(section.count()),
        _ => None,
    });
    assert_eq!(functions, Some(0));
    wasmparser::Validator::new().validate_all(&parts[FIRST]).unwrap();
}

/// Data of all kinds: text, a table of texts, a table of functions, a counter; each spoken of by other functions.
const PROGRAM: &str = r#"
#![no_std]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
#[link(wasm_import_module = "host")]
unsafe extern "C" { safe fn double(number: i32) -> i32; }
static mut COUNTER: i32 = 41;
static NAMES: [&str; 3] = ["of the first", "of all", "of the tools"];
static TOOLS: [fn(i32) -> i32; 2] = [tool, other_tool];
static mut SEEN: i32 = 7;
static mut OTHERS: i32 = 9;
#[inline(never)]
fn sum(text: &str) -> i32 { text.bytes().fold(0, |sum, byte| sum * 31 % 65_521 + i32::from(byte)) }
#[inline(never)]
fn tool(number: i32) -> i32 { unsafe { SEEN += number; SEEN + sum("text of a tool") } }
#[inline(never)]
fn other_tool(number: i32) -> i32 { unsafe { OTHERS -= number; OTHERS + sum("text of both") + sum("text of another tool") } }
#[inline(never)]
fn rest(number: i32) -> i32 {
    unsafe { COUNTER += number; COUNTER + sum("text of both") + sum(NAMES[(number % 3) as usize]) }
}
#[inline(never)]
fn terminals(number: i32) -> i32 { TOOLS[(number & 1) as usize](number) }
#[unsafe(no_mangle)]
pub extern "C" fn direct(number: i32) -> i32 { if number < 10 { rest(number) } else { terminals(number) } }
#[unsafe(no_mangle)]
pub extern "C" fn table(number: i32) -> i32 { double(sum("text of the first part")) + rest(number) }
"#;

fn linked(program: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (source, result) = (folder.path().join("program.rs"), folder.path().join("program.wasm"));
    std::fs::write(&source, program).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition=2024", "--crate-type=cdylib", "--target=wasm32-unknown-unknown", "-Copt-level=1"]);
    rustc.args(["-Csymbol-mangling-version=v0", "-Cpanic=abort", "-Clink-arg=--emit-relocs"]);
    assert!(rustc.arg("-o").arg(&result).arg(source).status().unwrap().success());
    std::fs::read(result).unwrap()
}

#[test]
fn data_go_with_the_functions_that_speak_of_them() {
    let linked = linked(PROGRAM);
    let references = References::read(&linked).unwrap();
    let whole = without_relocations(&linked).unwrap();
    let calls =
        [("table", 4), ("direct", 5), ("direct", 20), ("direct", 21), ("direct", 6), ("table", 8), ("direct", 30)];
    let (expected, _) = answers(&calls, &whole, &[]);
    let terminals = references.only_through("program::terminals").unwrap();
    let of_terminals = |name: &str| terminals.iter().any(|one| is_named(one, &format!("program::{name}")));
    for (name, is_theirs) in
        [("terminals", true), ("tool", true), ("other_tool", true), ("rest", false), ("sum", false)]
    {
        assert_eq!(of_terminals(name), is_theirs, "{name}");
    }
    assert!(references.only_through("program::nowhere").is_err());
    let place = |name: &str| match name {
        name if is_named(name, "program::terminals") => Place::Entry,
        name if is_named(name, "program::other_tool") => Place::Tools,
        name if terminals.contains(name) => Place::Terminals,
        name if is_named(name, "program::rest") => Place::Rest,
        _ => Place::First,
    };
    let parts = cut(&whole, 0, &references, place).unwrap();
    assert_eq!(answers(&calls, &parts[FIRST], &parts[REST..]), (expected, TOOLS as i32));
    for (text, home) in [
        ("text of the first part", FIRST),
        ("text of both", REST),
        ("of the tools", REST),
        ("text of a tool", TERMINALS),
        ("text of another tool", TOOLS),
    ] {
        let holders = (0..PARTS).filter(|part| parts[*part].windows(text.len()).any(|bytes| bytes == text.as_bytes()));
        assert_eq!(holders.collect::<Vec<_>>(), [home], "{text}");
    }
}

#[test]
fn what_others_call_through_a_function_without_a_name_is_not_the_terminals() {
    let whole = r#"(module
        (import "host" "double" (func $double (param i32) (result i32)))
        (memory 1) (global (mut i32) (i32.const 0)) (table 1 funcref) (elem (i32.const 0) $double)
        (func $equal (param i32) (result i32) (call $double (local.get 0)))
        (func (param i32) (result i32) (call $equal (local.get 0)))
        (func $first (param i32) (result i32) (call 2 (local.get 0)))
        (func (export "direct") (param i32) (result i32) (call $first (local.get 0))))"#;
    for (is_named, loaded) in [(true, FIRST), (false, TERMINALS)] {
        // One of wasm-bindgen's calls what is the terminals' for them.
        let whole = if is_named { whole.to_owned() } else { whole.replace("(func $first", "(func") };
        let whole = whole.replace("(call $first", "(call 3");
        let parts = parts_of(&whole, 0, |name| if name == "equal" { Place::Terminals } else { Place::First });
        let (given, last) = answers(&[("direct", 4)], &parts[FIRST], &parts[REST..]);
        assert_eq!((given, last), (vec![8], loaded as i32), "{whole}");
    }
}
