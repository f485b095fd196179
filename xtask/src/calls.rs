//! How often the functions of a module are called: each has a counter in memory, behind what the module has for itself.

use crate::command::{Context, Failure};
use crate::parts::function_names;
use std::collections::BTreeMap;
use std::convert::Infallible;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, MemArg, MemoryType, Module};
use wasmparser::{BinaryReaderError, FunctionBody, Parser, Payload, TypeRef};

const PAGE: u64 = 65_536;
/// Bytes of a counter.
const COUNTER: u64 = 4;

/// A module whose functions count their calls.
pub(crate) struct Counted {
    /// The module.
    pub(crate) wasm: Vec<u8>,
    /// The address of the first counter: a `u32` for each function, in their order.
    pub(crate) address: u64,
    /// The names of these functions; of some there is none.
    pub(crate) names: Vec<Option<String>>,
}

/// Makes the functions of a module count their calls.
pub(crate) fn count(wasm: &[u8]) -> Result<Counted, Failure> {
    let (address, names) = read(wasm).context("wasm")?;
    let mut counting = Counting { next: address, pages: (names.len() as u64 * COUNTER).div_ceil(PAGE) };
    let mut module = Module::new();
    counting
        .parse_core_module(&mut module, Parser::new(0), wasm)
        .map_err(|error| Failure(format!("wasm with counters: {error}")))?;
    Ok(Counted { wasm: module.finish(), address, names })
}

/// The bytes of memory a module begins with, and the names of the functions it defines.
fn read(wasm: &[u8]) -> Result<(u64, Vec<Option<String>>), BinaryReaderError> {
    let (mut bytes, mut imported, mut functions) = (0, 0, 0);
    let mut names = BTreeMap::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    bytes = memory?.initial * PAGE;
                }
            }
            Payload::CodeSectionStart { count, .. } => functions = count,
            Payload::CustomSection(custom) => names.extend(function_names(&custom.as_known())?),
            _ => {}
        }
    }
    let defined = imported..imported + functions;
    Ok((bytes, defined.map(|function| names.get(&function).map(ToString::to_string)).collect()))
}

struct Counting {
    next: u64,
    pages: u64,
}

impl Reencode for Counting {
    type Error = Infallible;

    /// The allocator takes what it asks for by growing: it never comes upon these pages.
    fn memory_type(&mut self, memory: wasmparser::MemoryType) -> Result<MemoryType, Error<Infallible>> {
        let mut memory = utils::memory_type(self, memory);
        memory.minimum += self.pages;
        Ok(memory)
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Result<(), Error<Infallible>> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let counter = MemArg { offset: self.next, align: 2, memory_index: 0 };
        self.next += COUNTER;
        function.instructions().i32_const(0).i32_const(0).i32_load(counter).i32_const(1).i32_add().i32_store(counter);
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            function.instruction(&self.parse_instruction(&mut operators)?);
        }
        code.function(&function);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmi::{Engine, Linker, Module as Compiled, Store};

    #[test]
    fn every_call_of_a_function_is_counted() {
        let whole = r#"(module
            (import "host" "work" (func $work))
            (memory (export "memory") 2)
            (func $never (call $work))
            (func $callee (result i32) (i32.const 6))
            (func $caller (export "caller") (result i32) (i32.add (call $callee) (call $callee)))
            (func (result i32) (i32.const 0)))"#;
        let counted = count(&wat::parse_str(whole).unwrap()).unwrap();
        assert_eq!(
            counted.names,
            ["never", "callee", "caller", ""].map(|name| (!name.is_empty()).then(|| name.into()))
        );
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.func_wrap("host", "work", || {}).unwrap();
        let module = Compiled::new(&engine, &counted.wasm).unwrap();
        let instance = linker.instantiate_and_start(&mut store, &module).unwrap();
        let memory = instance.get_memory(&store, "memory").unwrap();
        let first = counted.address as usize;
        let counters = |store: &Store<()>| -> Vec<u32> {
            let (counters, _) = memory.data(store)[first..first + 16].as_chunks();
            counters.iter().map(|counter| u32::from_le_bytes(*counter)).collect()
        };
        assert_eq!(counters(&store), [0, 0, 0, 0]);
        assert_eq!(instance.get_typed_func::<(), i32>(&store, "caller").unwrap().call(&mut store, ()).unwrap(), 12);
        assert_eq!(counters(&store), [0, 2, 1, 0]);
    }
}
