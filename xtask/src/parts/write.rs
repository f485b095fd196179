//! Writes the parts of a module.

use super::{ENSURE, FIRST, LINK, LINKED, LOAD, Part, Parts, Program, address_of};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, ImportSection, Module, RawSection, TableSection, TypeSection,
    ValType,
};
use wasmparser::{DataKind, DataSectionReader, Parser, Payload};

impl<'a> Program<'a> {
    /// The type of [`ENSURE`] and [`LOAD`], which take the number of a part: one of the module's, or one more.
    fn ensure_type(&self) -> u32 {
        let those =
            self.types.iter().position(|ty| ty.params() == [wasmparser::ValType::I32] && ty.results().is_empty());
        those.unwrap_or(self.types.len()) as u32
    }

    fn type_section(&self) -> Result<TypeSection, Error<Infallible>> {
        let mut section = TypeSection::new();
        for ty in &self.types {
            section.ty().func_type(&Same.func_type(ty.clone())?);
        }
        if self.ensure_type() as usize == self.types.len() {
            section.ty().function([ValType::I32], []);
        }
        Ok(section)
    }

    /// The tables, the first as long as all parts need it.
    fn table_types(&self, end: u32) -> Result<Vec<wasm_encoder::TableType>, Error<Infallible>> {
        let mut tables =
            self.tables.iter().map(|table| Same.table_type(*table)).collect::<Result<Vec<_>, Error<Infallible>>>()?;
        if let Some(functions) = tables.first_mut() {
            functions.minimum = u64::from(end);
            functions.maximum = functions.maximum.map(|maximum| maximum.max(functions.minimum));
        }
        Ok(tables)
    }

    fn function_section(&self, part: &Part) -> FunctionSection {
        let mut section = FunctionSection::new();
        for function in part.own.iter().chain(&part.stubs) {
            section.function(self.ty(*function));
        }
        section
    }

    /// The part that is instantiated first.
    pub(super) fn first(&self, wasm: &[u8], parts: &Parts) -> Result<Vec<u8>, Error<Infallible>> {
        let part = &parts.each[FIRST];
        let load = self.imported.len() as u32;
        let written = part.own.iter().chain(&part.stubs).copied();
        let mut renumbered = Renumbered((0..load).zip(0..).chain(written.zip(load + 1..)).collect());
        let ensure = load + 1 + (part.own.len() + part.stubs.len()) as u32;
        let linked = self.globals.len() as u32;
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
                    section.import(LINK, LOAD, EntityType::Function(self.ensure_type()));
                    module.section(&section);
                }
                Payload::FunctionSection(_) => {
                    let mut section = self.function_section(part);
                    section.function(self.ensure_type());
                    module.section(&section);
                }
                Payload::TableSection(_) => {
                    let mut section = TableSection::new();
                    for table in self.table_types(parts.end)? {
                        section.table(table);
                    }
                    module.section(&section);
                }
                Payload::GlobalSection(globals) => {
                    let mut section = GlobalSection::new();
                    renumbered.parse_global_section(&mut section, globals.clone())?;
                    let ty = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
                    section.global(ty, &ConstExpr::i32_const(FIRST as i32));
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
                    section.export(LINKED, ExportKind::Global, linked);
                    section.export(ENSURE, ExportKind::Func, ensure);
                    module.section(&section);
                }
                Payload::StartSection { func, .. } => {
                    let function_index = renumbered.function_index(*func)?;
                    module.section(&wasm_encoder::StartSection { function_index });
                }
                Payload::ElementSection(elements) => {
                    let mut section = ElementSection::new();
                    renumbered.parse_element_section(&mut section, elements.clone())?;
                    renumbered.fill(&mut section, &parts.new_slots(part, self))?;
                    module.section(&section);
                }
                Payload::CodeSectionStart { .. } => {
                    let mut section = self.code_section(&mut renumbered, parts, FIRST, ensure)?;
                    let mut body = Function::new([]);
                    let mut code = body.instructions();
                    code.global_get(linked).local_get(0).i32_lt_s().if_(BlockType::Empty).local_get(0).call(load).end();
                    code.end();
                    section.function(&body);
                    module.section(&section);
                }
                Payload::DataSection(segments) => {
                    module.section(&parts.data_of_first(&mut renumbered, segments)?);
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

    /// One of the others, by its number.
    pub(super) fn later(&self, parts: &Parts, number: usize) -> Result<Vec<u8>, Error<Infallible>> {
        let part = &parts.each[number];
        // Before its functions is `ENSURE`.
        let mut renumbered = Renumbered(part.own.iter().chain(&part.stubs).copied().zip(1..).collect());
        let mut module = Module::new();
        module.section(&self.type_section()?);

        let mut imports = ImportSection::new();
        imports.import(LINK, ENSURE, EntityType::Function(self.ensure_type()));
        let memories = self.memories.iter().map(|memory| utils::memory_type(&mut Same, *memory));
        for (index, memory) in (0..).zip(memories) {
            imports.import(LINK, &shared_name('m', index), memory);
        }
        for (index, table) in (0..).zip(self.table_types(parts.end)?) {
            imports.import(LINK, &shared_name('t', index), table);
        }
        for (index, global) in (0..).zip(&self.globals) {
            imports.import(LINK, &shared_name('g', index), Same.global_type(*global)?);
        }
        module.section(&imports);
        module.section(&self.function_section(part));

        // A function may be in several slots of the table: its stub is in all of them.
        let mut slots = parts.new_slots(part, self);
        slots.extend(self.table.iter().filter(|(_, function)| self.part(**function) == number));
        let mut elements = ElementSection::new();
        renumbered.fill(&mut elements, &slots)?;
        module.section(&elements);
        module.section(&self.code_section(&mut renumbered, parts, number, 0)?);

        let mut data = DataSection::new();
        for run in &part.data {
            if let Some(bytes) = self.bytes(run) {
                data.active(0, &ConstExpr::i32_const(run.start as i32), bytes.iter().copied());
            }
        }
        module.section(&data);
        Ok(module.finish())
    }

    /// What is in memory there from the start, where anything is.
    fn bytes(&self, data: &Range<u32>) -> Option<&'a [u8]> {
        let (address, segment) = self.memory.range(..=data.start).next_back()?;
        segment.get((data.start - address) as usize..(data.end - address) as usize)
    }

    /// The functions of a part, and stubs for those of others.
    fn code_section(
        &self,
        renumbered: &mut Renumbered,
        parts: &Parts,
        number: usize,
        ensure: u32,
    ) -> Result<CodeSection, Error<Infallible>> {
        let part = &parts.each[number];
        let mut section = CodeSection::new();
        for function in part.own.iter().filter_map(|function| self.get(*function)) {
            renumbered.parse_function_body(&mut section, function.body.clone())?;
        }
        for function in &part.stubs {
            let ty = self.ty(*function);
            let mut stub = Function::new([]);
            let mut code = stub.instructions();
            let home = self.part(*function);
            if home > number {
                code.i32_const(home as i32).call(ensure);
            }
            for parameter in 0..self.types[ty as usize].params().len() {
                code.local_get(parameter as u32);
            }
            code.i32_const(parts.slots[function] as i32).call_indirect(0, ty).end();
            section.function(&stub);
        }
        Ok(section)
    }

    /// What all parts use beside functions: its kind, the letter of its names, how many there are.
    fn shared(&self) -> [(ExportKind, char, usize); 3] {
        [
            (ExportKind::Memory, 'm', self.memories.len()),
            (ExportKind::Table, 't', self.tables.len()),
            (ExportKind::Global, 'g', self.globals.len()),
        ]
    }
}

impl Parts {
    /// The slots that the table of the whole module does not have, with the functions of a part that are in them.
    fn new_slots(&self, part: &Part, program: &Program<'_>) -> BTreeMap<u32, u32> {
        let slots = part.called.iter().map(|function| (self.slots[function], *function));
        slots.filter(|(slot, _)| !program.table.contains_key(slot)).collect()
    }

    /// The segments of the whole module, with zeros for what later parts bring: to gzip they are nothing.
    fn data_of_first(
        &self,
        renumbered: &mut Renumbered,
        segments: &DataSectionReader<'_>,
    ) -> Result<DataSection, Error<Infallible>> {
        let mut section = DataSection::new();
        for segment in segments.clone() {
            let segment = segment?;
            let mut bytes = segment.data.to_owned();
            let address = address_of(&segment.kind)?.unwrap_or(u32::MAX);
            for elsewhere in self.each.iter().flat_map(|part| &part.data) {
                let start = elsewhere.start.checked_sub(address).map(|start| start as usize);
                if let Some(elsewhere) = start.and_then(|start| bytes.get_mut(start..start + elsewhere.len())) {
                    elsewhere.fill(0);
                }
            }
            match segment.kind {
                DataKind::Passive => section.passive(bytes),
                DataKind::Active { memory_index, offset_expr } => {
                    section.active(memory_index, &renumbered.const_expr(offset_expr)?, bytes)
                }
            };
        }
        Ok(section)
    }
}

fn shared_name(letter: char, index: u32) -> String {
    format!("part:{letter}{index}")
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
    fn fill(&mut self, section: &mut ElementSection, slots: &BTreeMap<u32, u32>) -> Result<(), Error<Infallible>> {
        let mut slots = slots.iter().peekable();
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
        // Whoever speaks of a function of another part was found by `Program::parts`.
        Ok(self.0[&function])
    }
}
