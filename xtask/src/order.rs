//! The order of the functions in a wasm module: those that look alike stand side by side.
//!
//! gzip finds again only what lies within its last 32 KiB. Copies of a generic function, one for each of its types, are almost equal
//! and lie megabytes apart in what the compiler writes; beside each other they cost almost nothing. What a module does, and its size
//! before compression, stay the same.

use crate::command::{Context, Failure};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::convert::Infallible;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{CodeSection, FunctionSection, Module, RawSection};
use wasmparser::{FunctionBody, Parser, Payload, TypeRef};

/// Bytes that functions have in common are counted in runs of this length: a call or a store with its operands.
const RUN: usize = 6;
/// Bytes of functions that gzip still sees, a little less than its window.
const WINDOW: usize = 28_000;
/// A run in more functions than this tells nothing of them.
const COMMONPLACE: usize = 400;
/// Below this part of runs in common nothing is alike: the longest function left comes next.
const ALIKE: f32 = 0.05;

/// The module with its functions in an order that compresses well.
pub(crate) fn order(wasm: &[u8]) -> Result<Vec<u8>, Failure> {
    let functions = Functions::read(wasm).context("wasm")?;
    let bodies: Vec<&[u8]> = functions.bodies.iter().map(|body| &wasm[body.range()]).collect();
    let order = alike_together(&bodies);
    functions.write(wasm, &order).map_err(|error| Failure(format!("wasm: {error}")))
}

/// The functions a module defines, by their index less that of the imported ones.
struct Functions<'a> {
    imported: u32,
    types: Vec<u32>,
    bodies: Vec<FunctionBody<'a>>,
}

impl<'a> Functions<'a> {
    fn read(wasm: &'a [u8]) -> Result<Self, wasmparser::BinaryReaderError> {
        let mut functions = Self { imported: 0, types: Vec::new(), bodies: Vec::new() };
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        functions.imported += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                    }
                }
                Payload::FunctionSection(section) => functions.types = section.into_iter().collect::<Result<_, _>>()?,
                Payload::CodeSectionEntry(body) => functions.bodies.push(body),
                _ => {}
            }
        }
        Ok(functions)
    }

    /// `order`: which function comes first, which next.
    fn write(&self, wasm: &[u8], order: &[usize]) -> Result<Vec<u8>, Error<Infallible>> {
        let mut places = vec![0; order.len()];
        for (place, function) in order.iter().enumerate() {
            places[*function] = self.imported + place as u32;
        }
        let mut renumbered = Renumbered { imported: self.imported, places };
        let mut module = Module::new();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            match &payload {
                Payload::FunctionSection(_) => {
                    let mut section = FunctionSection::new();
                    for function in order {
                        section.function(self.types[*function]);
                    }
                    module.section(&section);
                }
                Payload::ExportSection(exports) => {
                    let mut section = wasm_encoder::ExportSection::new();
                    renumbered.parse_export_section(&mut section, exports.clone())?;
                    module.section(&section);
                }
                Payload::ElementSection(elements) => {
                    let mut section = wasm_encoder::ElementSection::new();
                    renumbered.parse_element_section(&mut section, elements.clone())?;
                    module.section(&section);
                }
                Payload::GlobalSection(globals) => {
                    let mut section = wasm_encoder::GlobalSection::new();
                    renumbered.parse_global_section(&mut section, globals.clone())?;
                    module.section(&section);
                }
                Payload::StartSection { func, .. } => {
                    let function_index = renumbered.function_index(*func)?;
                    module.section(&wasm_encoder::StartSection { function_index });
                }
                Payload::CodeSectionStart { .. } => {
                    let mut section = CodeSection::new();
                    for function in order {
                        renumbered.parse_function_body(&mut section, self.bodies[*function].clone())?;
                    }
                    module.section(&section);
                }
                // Names are by index, and a module for visitors has none.
                Payload::CustomSection(custom) if custom.name() == "name" => {}
                _ => {
                    if let Some((id, range)) = payload.as_section() {
                        module.section(&RawSection { id, data: &wasm[range] });
                    }
                }
            }
        }
        Ok(module.finish())
    }
}

/// Gives every function its new index, wherever one is named.
struct Renumbered {
    imported: u32,
    places: Vec<u32>,
}

impl Reencode for Renumbered {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Infallible>> {
        Ok(match function.checked_sub(self.imported) {
            Some(defined) => self.places[defined as usize],
            None => function,
        })
    }
}

/// The order: always the function next of which the largest part lies within the window already.
pub(crate) fn alike_together(bodies: &[&[u8]]) -> Vec<usize> {
    let (runs, functions_with) = runs_of(bodies);
    let mut longest: Vec<usize> = (0..bodies.len()).collect();
    longest.sort_by_key(|function| Reverse(bodies[*function].len()));
    let mut longest = longest.into_iter();
    let mut left: Vec<usize> = (0..bodies.len()).collect();
    let mut is_placed = vec![false; bodies.len()];
    let mut order = Vec::with_capacity(bodies.len());
    // Of each run how often the window has it; of each function how many of its runs the window has.
    let mut in_window = vec![0_u32; functions_with.len()];
    let mut in_common = vec![0_u32; bodies.len()];
    let (mut window_start, mut window_bytes) = (0, 0);
    while order.len() < bodies.len() {
        left.retain(|function| !is_placed[*function]);
        let mut next = None;
        let mut most = ALIKE;
        for function in &left {
            // Something added for what every function costs: of two quite alike the longer one comes first.
            let part = in_common[*function] as f32 / (runs[*function].len() as f32 + 8.0);
            if part > most {
                (next, most) = (Some(*function), part);
            }
        }
        let Some(next) = next.or_else(|| longest.find(|function| !is_placed[*function])) else { break };
        is_placed[next] = true;
        order.push(next);
        window_bytes += bodies[next].len();
        for run in &runs[next] {
            in_window[*run] += 1;
            if in_window[*run] == 1 {
                for function in &functions_with[*run] {
                    in_common[*function] += 1;
                }
            }
        }
        while window_bytes > WINDOW && window_start + 1 < order.len() {
            let oldest = order[window_start];
            window_start += 1;
            window_bytes -= bodies[oldest].len();
            for run in &runs[oldest] {
                in_window[*run] -= 1;
                if in_window[*run] == 0 {
                    for function in &functions_with[*run] {
                        in_common[*function] -= 1;
                    }
                }
            }
        }
    }
    order
}

/// The runs of each function, every one once, by number; and of each number the functions that have it: none where that
/// tells nothing.
fn runs_of(bodies: &[&[u8]]) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let mut numbers: HashMap<&[u8], usize> = HashMap::new();
    let mut functions_with: Vec<Vec<usize>> = Vec::new();
    let mut runs = Vec::with_capacity(bodies.len());
    for (function, body) in bodies.iter().enumerate() {
        let mut own: Vec<usize> = body
            .windows(RUN)
            .map(|run| {
                let next = numbers.len();
                *numbers.entry(run).or_insert(next)
            })
            .collect();
        own.sort_unstable();
        own.dedup();
        functions_with.resize(numbers.len(), Vec::new());
        for run in &own {
            functions_with[*run].push(function);
        }
        runs.push(own);
    }
    for functions in &mut functions_with {
        if functions.len() > COMMONPLACE || functions.len() < 2 {
            functions.clear();
        }
    }
    (runs, functions_with)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{
        ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection, Function, ImportSection,
        StartSection, TableSection, TableType, TypeSection,
    };
    use wasmparser::{ElementItems, Operator, Validator};

    /// Function 0 is imported; 1, 2 and 3 are told apart by the constant they drop, and 2 calls 3, 3 calls 0.
    fn module() -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut imports = ImportSection::new();
        imports.import("env", "imported", EntityType::Function(0));
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        for (constant, callee) in [(10, None), (20, Some(3)), (30, Some(0))] {
            functions.function(0);
            let mut body = Function::new([]);
            body.instructions().i32_const(constant).drop();
            if let Some(callee) = callee {
                body.instructions().call(callee);
            }
            body.instructions().end();
            code.function(&body);
        }
        let mut tables = TableSection::new();
        let element_type = wasm_encoder::RefType::FUNCREF;
        tables.table(TableType { element_type, minimum: 2, maximum: None, table64: false, shared: false });
        let mut exports = ExportSection::new();
        exports.export("second", ExportKind::Func, 2);
        let mut elements = ElementSection::new();
        elements.active(None, &ConstExpr::i32_const(0), Elements::Functions([1, 3][..].into()));
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&tables).section(&exports);
        module.section(&StartSection { function_index: 1 }).section(&elements).section(&code);
        module.finish()
    }

    #[test]
    fn whatever_names_a_function_names_it_by_its_new_index() {
        let wasm = module();
        let moved = Functions::read(&wasm).unwrap().write(&wasm, &[2, 0, 1]).unwrap();
        Validator::new().validate_all(&moved).unwrap();
        let (mut named, mut bodies) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(&moved) {
            match payload.unwrap() {
                Payload::ExportSection(section) => named.push(section.into_iter().next().unwrap().unwrap().index),
                Payload::StartSection { func, .. } => named.push(func),
                Payload::ElementSection(section) => {
                    let ElementItems::Functions(functions) = section.into_iter().next().unwrap().unwrap().items else {
                        panic!("no functions")
                    };
                    named.extend(functions.into_iter().map(Result::unwrap));
                }
                Payload::CodeSectionEntry(body) => {
                    let operators: Vec<_> =
                        body.get_operators_reader().unwrap().into_iter().map(Result::unwrap).collect();
                    bodies.push(
                        operators
                            .iter()
                            .filter_map(|operator| match operator {
                                Operator::I32Const { value } => Some(*value),
                                Operator::Call { function_index } => Some(*function_index as i32),
                                _ => None,
                            })
                            .collect::<Vec<_>>(),
                    );
                }
                _ => {}
            }
        }
        // What was 3 is 1 now, 1 is 2, and 2 is 3: the export, the start, the elements.
        assert_eq!(named, [3, 2, 2, 1]);
        assert_eq!(bodies, [vec![30, 0], vec![10], vec![20, 1]]);
    }

    #[test]
    fn copies_of_a_function_come_together_from_far_apart() {
        let distinct = |seed: u32, length: usize| -> Vec<u8> {
            let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
            (0..length)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 17;
                    state ^= state << 5;
                    state as u8
                })
                .collect()
        };
        let bodies: Vec<Vec<u8>> = (0..40).map(|index| distinct(index % 4 + 1, 5_000 + index as usize / 4)).collect();
        let order = alike_together(&bodies.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let families: Vec<usize> = order.iter().map(|function| function % 4).collect();
        let changes = families.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!(changes, 3, "{families:?}");
        let mut all = order;
        all.sort_unstable();
        assert_eq!(all, (0..40).collect::<Vec<_>>());
    }
}
