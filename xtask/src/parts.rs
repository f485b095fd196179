//! A wasm module in two parts: what a visit begins with, and the rest, which is loaded when somebody first needs it.
//!
//! Both parts are one program: one memory, one stack, one table of functions, by which they call each other. In the place of a
//! function of the other part stands a *stub*, which calls it by its slot in the table; the stubs of the first part have the rest
//! loaded if it is not there yet. `www/parts.js` is the other half of this: it loads the rest.

use crate::command::{Context, Failure};
use crate::order::alike_together;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ops::Range;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction, Module, RawSection, TableSection,
    TypeSection, ValType,
};
use wasmparser::{
    BinaryReaderError, CompositeInnerType, ElementItems, ElementKind, ExternalKind, FuncType, FunctionBody,
    KnownCustom, Name, Operator, Parser, Payload, TypeRef,
};

/// The module under which the first part imports [`LOAD`], and the rest imports what the first part exports.
const LINK: &str = "parts";
/// Has the rest loaded, and its functions in the table, before it returns.
const LOAD: &str = "load";
/// The export of the first part that is 1 from when the rest is there: an `i32`.
const LOADED: &str = "part:loaded";

/// Where a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In what is instantiated first.
    First,
    /// In the rest.
    Rest,
    /// In the first part, and where the rest calls it, too: calls across the cut cost time, and all that a function works on is
    /// shared.
    Both,
}

/// A module in two parts.
pub(crate) struct Parts {
    /// What is instantiated first.
    pub(crate) first: Vec<u8>,
    /// What is instantiated with the exports of the first part.
    pub(crate) rest: Vec<u8>,
}

/// Cuts a module: `place` says by its name where a function goes. What JavaScript calls, and what has no name, stays in the first
/// part; and what that calls and has no more than `short` bytes: it is soon needed where its caller is.
pub(crate) fn cut(wasm: &[u8], short: usize, place: impl Fn(&str) -> Place) -> Result<Parts, Failure> {
    let mut program = Program::read(wasm, place).context("wasm")?;
    program.keep_short(short);
    if program.tables.is_empty() || program.globals.is_empty() {
        return Err(Failure("wasm: no table of functions, or no stack; rustc's modules have both".into()));
    }
    let mut first = Side::of(&program, |index| !program.is_rest(index));
    let copies = program.copies();
    let mut rest = Side::of(&program, |index| program.is_rest(index) || copies.contains(&index));
    let end = program.link(&mut first, &mut rest);
    let failure = |error| Failure(format!("wasm in two parts: {error}"));
    let first_part = program.first(wasm, &first, &rest, end).map_err(failure)?;
    Ok(Parts { first: first_part, rest: program.rest(&rest, &first, end).map_err(failure)? })
}

/// What both parts are made from. Functions go by their index in the whole module, imported ones first.
#[derive(Default)]
struct Program<'a> {
    types: Vec<FuncType>,
    /// The types of the imported functions.
    imported: Vec<u32>,
    functions: Vec<Defined<'a>>,
    /// The slots of the table of functions, with what is in them.
    table: BTreeMap<u32, u32>,
    tables: Vec<wasmparser::TableType>,
    memories: Vec<wasmparser::MemoryType>,
    globals: Vec<wasmparser::GlobalType>,
}

/// A function with a body.
struct Defined<'a> {
    ty: u32,
    body: FunctionBody<'a>,
    callees: Vec<u32>,
    /// It may be in any part: segments of data and elements, and references to functions, stay with the first, which has them.
    is_movable: bool,
    place: Place,
}

/// The functions of one part.
struct Side {
    /// Its own, in the order they are written in: those that look alike side by side.
    own: Vec<u32>,
    /// What the other part calls of them, by slot.
    called: BTreeMap<u32, u32>,
    /// The slots among these that the module's table does not have.
    new_slots: Range<u32>,
}

impl Side {
    fn of(program: &Program<'_>, is_own: impl Fn(u32) -> bool) -> Self {
        let those = program.defined().filter(|(index, _)| is_own(*index));
        let (indexes, bodies): (Vec<u32>, Vec<&[u8]>) =
            those.map(|(index, function)| (index, function.body.as_bytes())).unzip();
        let own = alike_together(&bodies).into_iter().map(|place| indexes[place]).collect();
        Self { own, called: BTreeMap::new(), new_slots: 0..0 }
    }

    /// Gives what is called from the other part its slots: the one it has in the table, or one from `start` on.
    fn offer(&mut self, called: &BTreeSet<u32>, table: &BTreeMap<u32, u32>, start: u32) {
        let known: BTreeMap<u32, u32> = table.iter().map(|(slot, function)| (*function, *slot)).collect();
        self.new_slots = start..start;
        // In the order they are written in, for numbers that grow by one; imported functions, which no part writes, at last.
        let own: BTreeSet<u32> = self.own.iter().copied().collect();
        let imported = called.iter().filter(|function| !own.contains(function));
        for function in self.own.iter().filter(|function| called.contains(function)).chain(imported) {
            let slot = known.get(function).copied().unwrap_or(self.new_slots.end);
            self.new_slots.end += u32::from(slot == self.new_slots.end);
            self.called.insert(slot, *function);
        }
    }
}

impl<'a> Program<'a> {
    fn read(wasm: &'a [u8], place: impl Fn(&str) -> Place) -> Result<Self, BinaryReaderError> {
        let mut program = Self::default();
        let (mut types, mut called_from_outside) = (Vec::new(), BTreeSet::new());
        let mut names = BTreeMap::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        program.types.extend(group?.into_types().filter_map(|ty| match ty.composite_type.inner {
                            CompositeInnerType::Func(ty) => Some(ty),
                            _ => None,
                        }));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        if let TypeRef::Func(ty) = import?.ty {
                            program.imported.push(ty);
                        }
                    }
                }
                Payload::FunctionSection(section) => types = section.into_iter().collect::<Result<_, _>>()?,
                Payload::TableSection(section) => {
                    let tables = section.into_iter().map(|table| table.map(|table| table.ty));
                    program.tables = tables.collect::<Result<_, _>>()?;
                }
                Payload::MemorySection(section) => program.memories = section.into_iter().collect::<Result<_, _>>()?,
                Payload::GlobalSection(section) => {
                    let globals = section.into_iter().map(|global| global.map(|global| global.ty));
                    program.globals = globals.collect::<Result<_, _>>()?;
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            called_from_outside.insert(export.index);
                        }
                    }
                }
                Payload::StartSection { func, .. } => drop(called_from_outside.insert(func)),
                Payload::ElementSection(section) => {
                    for segment in section {
                        let segment = segment?;
                        if let (Some(start), ElementItems::Functions(functions)) =
                            (start_of(&segment.kind)?, segment.items)
                        {
                            for (slot, function) in (start..).zip(functions) {
                                program.table.insert(slot, function?);
                            }
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let ty = types[program.functions.len()];
                    program.functions.push(Defined {
                        ty,
                        body,
                        callees: Vec::new(),
                        is_movable: true,
                        place: Place::First,
                    });
                }
                Payload::CustomSection(custom) => names.extend(function_names(&custom.as_known())?),
                _ => {}
            }
        }
        for (index, function) in (program.imported.len() as u32..).zip(&mut program.functions) {
            function.look_through()?;
            if let (true, Some(name)) = (function.is_movable, names.get(&index)) {
                function.place = match place(name) {
                    Place::Rest if called_from_outside.contains(&index) => Place::First,
                    place => place,
                };
            }
        }
        Ok(program)
    }

    /// What the first part calls stays with it where it has no more bytes than these.
    fn keep_short(&mut self, bytes: usize) {
        let first = self.functions.iter().filter(|function| function.place != Place::Rest);
        let mut called: Vec<u32> = first.flat_map(|function| &function.callees).copied().collect();
        while let Some(index) = called.pop() {
            let defined = (index as usize).checked_sub(self.imported.len());
            if let Some(function) = defined.and_then(|defined| self.functions.get_mut(defined))
                && function.place == Place::Rest
                && function.body.range().len() <= bytes
            {
                function.place = Place::First;
                called.extend(&function.callees);
            }
        }
    }

    fn defined(&self) -> impl Iterator<Item = (u32, &Defined<'a>)> {
        (self.imported.len() as u32..).zip(&self.functions)
    }

    fn get(&self, function: u32) -> Option<&Defined<'a>> {
        self.functions.get((function as usize).checked_sub(self.imported.len())?)
    }

    fn is_rest(&self, function: u32) -> bool {
        self.get(function).is_some_and(|defined| defined.place == Place::Rest)
    }

    fn ty(&self, function: u32) -> u32 {
        self.get(function).map_or_else(|| self.imported[function as usize], |defined| defined.ty)
    }

    /// What the rest has copies of: what it calls of [`Place::Both`], and what that calls.
    fn copies(&self) -> BTreeSet<u32> {
        let mut copies = BTreeSet::new();
        let rest = self.functions.iter().filter(|function| function.place == Place::Rest);
        let mut called: Vec<u32> = rest.flat_map(|function| &function.callees).copied().collect();
        while let Some(index) = called.pop() {
            if let Some(function) = self.get(index).filter(|function| function.place == Place::Both)
                && copies.insert(index)
            {
                called.extend(&function.callees);
            }
        }
        copies
    }

    /// Finds out who calls whom across the cut. Answers the length of the table.
    fn link(&self, first: &mut Side, rest: &mut Side) -> u32 {
        let own: BTreeSet<u32> = rest.own.iter().copied().collect();
        let callees = |side: &Side| -> BTreeSet<u32> {
            side.own
                .iter()
                .filter_map(|index| self.get(*index))
                .flat_map(|function| &function.callees)
                .copied()
                .collect()
        };
        let of_first = callees(rest).into_iter().filter(|callee| !own.contains(callee)).collect();
        let in_table = self.table.values().copied();
        let of_rest = callees(first).into_iter().chain(in_table).filter(|callee| self.is_rest(*callee)).collect();
        let end = self.tables.first().map_or(0, |table| table.initial as u32);
        rest.offer(&of_rest, &self.table, end);
        first.offer(&of_first, &self.table, rest.new_slots.end);
        first.new_slots.end
    }

    /// The type of a function without parameters and results: one of the module's, or one more.
    fn plain_type(&self) -> u32 {
        let plain = self.types.iter().position(|ty| ty.params().is_empty() && ty.results().is_empty());
        plain.unwrap_or(self.types.len()) as u32
    }

    fn type_section(&self) -> Result<TypeSection, Error<Infallible>> {
        let mut section = TypeSection::new();
        for ty in &self.types {
            section.ty().func_type(&Same.func_type(ty.clone())?);
        }
        if self.plain_type() as usize == self.types.len() {
            section.ty().function([], []);
        }
        Ok(section)
    }

    /// The tables, the first as long as both parts need it.
    fn table_types(&self, end: u32) -> Result<Vec<wasm_encoder::TableType>, Error<Infallible>> {
        let mut tables =
            self.tables.iter().map(|table| Same.table_type(*table)).collect::<Result<Vec<_>, Error<Infallible>>>()?;
        if let Some(functions) = tables.first_mut() {
            functions.minimum = u64::from(end);
            functions.maximum = functions.maximum.map(|maximum| maximum.max(functions.minimum));
        }
        Ok(tables)
    }

    fn first(&self, wasm: &[u8], first: &Side, rest: &Side, end: u32) -> Result<Vec<u8>, Error<Infallible>> {
        let load = self.imported.len() as u32;
        let written = first.own.iter().chain(rest.called.values()).copied();
        let mut renumbered = Renumbered((0..load).zip(0..).chain(written.zip(load + 1..)).collect());
        let ensure = load + 1 + (first.own.len() + rest.called.len()) as u32;
        let loaded = self.globals.len() as u32;
        let mut module = Module::new();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            match &payload {
                Payload::TypeSection(_) => {
                    module.section(&self.type_section()?);
                }
                Payload::ImportSection(imports) => {
                    let mut section = ImportSection::new();
                    renumbered.parse_import_section(&mut section, imports.clone())?;
                    section.import(LINK, LOAD, EntityType::Function(self.plain_type()));
                    module.section(&section);
                }
                Payload::FunctionSection(_) => {
                    let mut section = FunctionSection::new();
                    for function in first.own.iter().chain(rest.called.values()) {
                        section.function(self.ty(*function));
                    }
                    section.function(self.plain_type());
                    module.section(&section);
                }
                Payload::TableSection(_) => {
                    let mut section = TableSection::new();
                    for table in self.table_types(end)? {
                        section.table(table);
                    }
                    module.section(&section);
                }
                Payload::GlobalSection(globals) => {
                    let mut section = GlobalSection::new();
                    renumbered.parse_global_section(&mut section, globals.clone())?;
                    let ty = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
                    section.global(ty, &ConstExpr::i32_const(0));
                    module.section(&section);
                }
                Payload::ExportSection(exports) => {
                    let mut section = ExportSection::new();
                    renumbered.parse_export_section(&mut section, exports.clone())?;
                    for (kind, letter, count) in self.shared() {
                        for index in 0..count as u32 {
                            section.export(&shared_name(letter, index), kind, index);
                        }
                    }
                    section.export(LOADED, ExportKind::Global, loaded);
                    module.section(&section);
                }
                Payload::StartSection { func, .. } => {
                    let function_index = renumbered.function_index(*func)?;
                    module.section(&wasm_encoder::StartSection { function_index });
                }
                Payload::ElementSection(elements) => {
                    let mut section = ElementSection::new();
                    renumbered.parse_element_section(&mut section, elements.clone())?;
                    renumbered.fill(&mut section, first.called.range(first.new_slots.clone()))?;
                    module.section(&section);
                }
                Payload::CodeSectionStart { .. } => {
                    let mut section = CodeSection::new();
                    self.write_bodies(&mut renumbered, first, &mut section)?;
                    for (slot, function) in &rest.called {
                        section.function(&self.stub(*function, *slot, Some(ensure)));
                    }
                    let mut body = Function::new([]);
                    body.instructions().global_get(loaded).i32_eqz().if_(BlockType::Empty).call(load).end().end();
                    section.function(&body);
                    module.section(&section);
                }
                // Names are by index, and a module for visitors has none.
                Payload::CustomSection(_) => {}
                _ => {
                    if let Some((id, range)) = payload.as_section() {
                        module.section(&RawSection { id, data: &wasm[range] });
                    }
                }
            }
        }
        Ok(module.finish())
    }

    fn rest(&self, rest: &Side, first: &Side, end: u32) -> Result<Vec<u8>, Error<Infallible>> {
        let mut renumbered = Renumbered(rest.own.iter().chain(first.called.values()).copied().zip(0..).collect());
        let mut module = Module::new();
        module.section(&self.type_section()?);

        let mut imports = ImportSection::new();
        let memories = self.memories.iter().map(|memory| utils::memory_type(&mut Same, *memory));
        for (index, memory) in (0..).zip(memories) {
            imports.import(LINK, &shared_name('m', index), memory);
        }
        for (index, table) in (0..).zip(self.table_types(end)?) {
            imports.import(LINK, &shared_name('t', index), table);
        }
        for (index, global) in (0..).zip(&self.globals) {
            imports.import(LINK, &shared_name('g', index), Same.global_type(*global)?);
        }
        module.section(&imports);

        let mut functions = FunctionSection::new();
        for function in rest.own.iter().chain(first.called.values()) {
            functions.function(self.ty(*function));
        }
        module.section(&functions);

        // A function may be in several slots: its stub is in all of them.
        let mut slots: BTreeMap<u32, u32> = rest.called.clone();
        slots.extend(self.table.iter().filter(|(_, function)| self.is_rest(**function)));
        let mut elements = ElementSection::new();
        renumbered.fill(&mut elements, slots.iter())?;
        module.section(&elements);

        let mut code = CodeSection::new();
        self.write_bodies(&mut renumbered, rest, &mut code)?;
        for (slot, function) in &first.called {
            code.function(&self.stub(*function, *slot, None));
        }
        module.section(&code);
        Ok(module.finish())
    }

    fn write_bodies(
        &self,
        renumbered: &mut Renumbered,
        side: &Side,
        section: &mut CodeSection,
    ) -> Result<(), Error<Infallible>> {
        let bodies = side.own.iter().filter_map(|function| self.get(*function));
        bodies.map(|function| function.body.clone()).try_for_each(|body| renumbered.parse_function_body(section, body))
    }

    /// What stands in a part for a function of the other; `ensure` is called before it.
    fn stub(&self, function: u32, slot: u32, ensure: Option<u32>) -> Function {
        let ty = self.ty(function);
        let mut stub = Function::new([]);
        if let Some(ensure) = ensure {
            stub.instruction(&Instruction::Call(ensure));
        }
        for parameter in 0..self.types[ty as usize].params().len() {
            stub.instruction(&Instruction::LocalGet(parameter as u32));
        }
        stub.instruction(&Instruction::I32Const(slot as i32));
        stub.instruction(&Instruction::CallIndirect { type_index: ty, table_index: 0 });
        stub.instruction(&Instruction::End);
        stub
    }

    /// What both parts use beside functions: its kind, the letter of its names, how many there are.
    fn shared(&self) -> [(ExportKind, char, usize); 3] {
        [
            (ExportKind::Memory, 'm', self.memories.len()),
            (ExportKind::Table, 't', self.tables.len()),
            (ExportKind::Global, 'g', self.globals.len()),
        ]
    }
}

impl Defined<'_> {
    /// Finds out whom it calls, and whether it may be in any part.
    fn look_through(&mut self) -> Result<(), BinaryReaderError> {
        for operator in self.body.get_operators_reader()? {
            match operator? {
                Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                    self.callees.push(function_index);
                }
                Operator::RefFunc { function_index } => {
                    self.callees.push(function_index);
                    self.is_movable = false;
                }
                Operator::MemoryInit { .. }
                | Operator::DataDrop { .. }
                | Operator::TableInit { .. }
                | Operator::ElemDrop { .. } => self.is_movable = false,
                _ => {}
            }
        }
        Ok(())
    }
}

fn shared_name(letter: char, index: u32) -> String {
    format!("part:{letter}{index}")
}

/// Where a segment begins in the table of functions.
fn start_of(kind: &ElementKind<'_>) -> Result<Option<u32>, BinaryReaderError> {
    let ElementKind::Active { table_index: None | Some(0), offset_expr } = kind else { return Ok(None) };
    let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else { return Ok(None) };
    Ok(Some(value as u32))
}

/// The names of functions, by index, where a section has them.
pub(crate) fn function_names<'a>(section: &KnownCustom<'a>) -> Result<BTreeMap<u32, &'a str>, BinaryReaderError> {
    let mut functions = BTreeMap::new();
    if let KnownCustom::Name(subsections) = section {
        for subsection in subsections.clone() {
            if let Name::Function(names) = subsection? {
                for name in names {
                    let name = name?;
                    functions.insert(name.index, name.name);
                }
            }
        }
    }
    Ok(functions)
}

/// Leaves every index as it is.
struct Same;

impl Reencode for Same {
    type Error = Infallible;
}

/// Gives every function its index in one of the parts.
struct Renumbered(BTreeMap<u32, u32>);

impl Renumbered {
    /// A segment for every run of slots.
    fn fill<'s>(
        &mut self,
        section: &mut ElementSection,
        slots: impl Iterator<Item = (&'s u32, &'s u32)>,
    ) -> Result<(), Error<Infallible>> {
        let mut slots = slots.peekable();
        while let Some((start, function)) = slots.next() {
            let mut run = vec![self.function_index(*function)?];
            while let Some((_, function)) = slots.next_if(|(slot, _)| **slot == start + run.len() as u32) {
                run.push(self.function_index(*function)?);
            }
            section.active(None, &ConstExpr::i32_const(*start as i32), Elements::Functions(run.into()));
        }
        Ok(())
    }
}

impl Reencode for Renumbered {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Infallible>> {
        // Whoever speaks of a function of the other part was found by `Program::link`.
        Ok(self.0[&function])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmi::{Caller, Engine, Extern, Instance, Linker, Module as Compiled, Store};

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

    /// What the exports of a module answer, and how often the rest was loaded.
    fn answers(engine: &Engine, first: &[u8], rest: Option<&[u8]>) -> (Vec<i32>, u32) {
        let mut store = Store::new(engine, 0_u32);
        let mut linker = Linker::new(engine);
        linker.func_wrap("host", "double", |number: i32| number * 2).unwrap();
        let rest = rest.map(|rest| Compiled::new(engine, rest).unwrap());
        // As `www/parts.js` does, with what the first instance exports.
        let load = move |mut caller: Caller<'_, u32>| {
            let rest = rest.as_ref().expect("a whole module has no rest");
            let exports: Vec<Extern> = rest.imports().map(|import| caller.get_export(import.name()).unwrap()).collect();
            Instance::new(&mut caller, rest, &exports).unwrap();
            let loaded = caller.get_export(LOADED).and_then(Extern::into_global).unwrap();
            loaded.set(&mut caller, wasmi::Val::I32(1)).unwrap();
            *caller.data_mut() += 1;
        };
        linker.func_wrap(LINK, LOAD, load).unwrap();
        let module = Compiled::new(engine, first).unwrap();
        let instance = linker.instantiate_and_start(&mut store, &module).unwrap();
        let mut answers = Vec::new();
        for (export, number) in [("direct", 5), ("table", 7), ("direct", 20)] {
            let function = instance.get_typed_func::<i32, i32>(&store, export).unwrap();
            answers.push(function.call(&mut store, number).unwrap());
        }
        (answers, *store.data())
    }

    #[test]
    fn a_module_answers_the_same_however_it_is_cut() {
        let engine = Engine::default();
        let whole = wat::parse_str(WHOLE).unwrap();
        let (expected, _) = answers(&engine, &whole, None);
        assert_eq!(expected, [14, 15 * 15, 44]);
        for case in 0..3_u32.pow(MOVABLE.len() as u32) {
            let places: Vec<Place> = (0..MOVABLE.len() as u32)
                .map(|at| [Place::First, Place::Rest, Place::Both][(case / 3_u32.pow(at) % 3) as usize])
                .collect();
            let place =
                |name: &str| MOVABLE.iter().position(|known| *known == name).map_or(Place::First, |at| places[at]);
            let parts = cut(&whole, 0, place).unwrap();
            for part in [&parts.first, &parts.rest] {
                wasmparser::Validator::new().validate_all(part).unwrap();
            }
            let (given, loads) = answers(&engine, &parts.first, Some(&parts.rest));
            assert_eq!(given, expected, "{MOVABLE:?} in {places:?}");
            let has_rest = places.contains(&Place::Rest);
            assert_eq!(loads, u32::from(has_rest), "the rest is loaded once, when called: {MOVABLE:?} in {places:?}");
        }
    }

    #[test]
    fn what_is_short_stays_with_its_callers() {
        let engine = Engine::default();
        let whole = wat::parse_str(WHOLE).unwrap();
        let place = |name: &str| if MOVABLE.contains(&name) { Place::Rest } else { Place::First };
        let parts = cut(&whole, usize::MAX, place).unwrap();
        let by_table_alone = ["by_table", "twice_in_table"];
        assert_eq!(answers(&engine, &parts.first, Some(&parts.rest)), (vec![14, 225, 44], 1), "{by_table_alone:?}");
        let parts =
            cut(&whole, usize::MAX, |name| if by_table_alone.contains(&name) { Place::First } else { place(name) });
        let parts = parts.unwrap();
        assert_eq!(answers(&engine, &parts.first, Some(&parts.rest)), (vec![14, 225, 44], 0));
    }

    #[test]
    fn what_nobody_calls_is_not_loaded() {
        let engine = Engine::default();
        let whole =
            WHOLE.replacen("(module", "(module (import \"host\" \"double\" (func $other (param i32) (result i32)))", 1);
        let whole = whole.replace("(func $push", "(func $rare (result i32) (i32.const 9)) (func $push");
        let parts =
            cut(&wat::parse_str(whole).unwrap(), 0, |name| if name == "rare" { Place::Rest } else { Place::Both })
                .unwrap();
        assert_eq!(answers(&engine, &parts.first, Some(&parts.rest)).1, 0);
    }

    #[test]
    fn what_javascript_calls_and_what_needs_segments_stays_in_the_first_part() {
        let whole = r#"(module
            (memory 1) (data $text "abc") (global i32 (i32.const 0)) (table 1 funcref) (elem declare func $named)
            (func $named)
            (func $exported (export "exported"))
            (func $copies (memory.init $text (i32.const 0) (i32.const 0) (i32.const 3)))
            (func $refers (drop (ref.func $named)))
            (func $starts (call $copies) (call $refers))
            (start $starts))"#;
        let parts =
            cut(&wat::parse_str(whole).unwrap(), 0, |name| if name == "named" { Place::First } else { Place::Rest })
                .unwrap();
        let functions = Parser::new(0).parse_all(&parts.rest).find_map(|payload| match payload.unwrap() {
            Payload::FunctionSection(section) => Some(section.count()),
            _ => None,
        });
        assert_eq!(functions, Some(0));
        wasmparser::Validator::new().validate_all(&parts.first).unwrap();
    }
}
