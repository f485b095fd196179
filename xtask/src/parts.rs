//! A wasm module in parts: what a visit begins with, the rest of the page, the terminals, their tools; each is loaded when somebody
//! first needs it.
//!
//! All parts are one program: one memory, one stack, one table of functions, by which they call each other. In the place of a
//! function of another part stands a *stub*, which calls it by its slot in the table; stubs for functions of a later part have that
//! part loaded, and those before it, if it is not there yet. `www/parts.js` is the other half of this: it loads them.
//!
//! Data go with the functions that speak of them: a later part brings those of which no earlier one has any use.

mod write;

use crate::command::{Context, Failure};
use crate::order::alike_together;
use crate::references::References;
use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::ops::Range;
use wasmparser::{
    BinaryReaderError, CompositeInnerType, DataKind, ElementItems, ElementKind, ExternalKind, FuncType, FunctionBody,
    KnownCustom, Name, Operator, Parser, Payload, TypeRef,
};

/// The module under which the first part imports [`LOAD`], and the others import what the first part exports.
const LINK: &str = "parts";
/// Has the parts up to a number loaded, and their functions in the table, before it returns.
const LOAD: &str = "load";
/// The export of the first part that calls [`LOAD`] where it is needed.
const ENSURE: &str = "part:ensure";
/// The export of the first part that has the number of the last part that is there: an `i32`.
const LINKED: &str = "part:linked";

/// Where a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In what is instantiated first.
    First,
    /// In the first part, and where the rest calls it, too: calls across the cut cost time, and all that a function works on is
    /// shared.
    Both,
    /// In the rest of the page.
    Rest,
    /// In what a terminal needs for a tutorial's first lines.
    Terminals,
    /// There, too: through it alone others come to what is the terminals'.
    Entry,
    /// In all else that only terminals need.
    Tools,
}

/// How many parts there are; they are numbered in the order in which they are loaded.
pub(crate) const PARTS: usize = 4;
const FIRST: usize = 0;
const REST: usize = 1;
const TERMINALS: usize = 2;
const TOOLS: usize = 3;

impl Place {
    fn part(self) -> usize {
        match self {
            Self::First | Self::Both => FIRST,
            Self::Rest => REST,
            Self::Terminals | Self::Entry => TERMINALS,
            Self::Tools => TOOLS,
        }
    }

    fn is_of_terminals(self) -> bool {
        self.part() >= TERMINALS
    }
}

/// Cuts a module: `place` says by its name where a function goes. What JavaScript calls, and what has no name, stays in the first
/// part; and what that calls and has no more than `short` bytes: it is soon needed where its caller is.
///
/// `references` are those of the module as the linker left it. Functions may have been made smaller since, and constants may have
/// moved from one to another, but data are where they were.
pub(crate) fn cut(
    wasm: &[u8],
    short: usize,
    references: &References,
    place: impl Fn(&str) -> Place,
) -> Result<[Vec<u8>; PARTS], Failure> {
    let mut program = Program::read(wasm, place, references).context("wasm")?;
    program.keep_short(short);
    program.keep_together();
    for (what, is_missing) in [
        ("imported function", program.imported.is_empty()),
        ("table of functions", program.tables.is_empty()),
        ("stack", program.globals.is_empty()),
        ("memory", program.memories.is_empty()),
    ] {
        if is_missing {
            return Err(Failure(format!("wasm: no {what}; what wasm-bindgen writes has one")));
        }
    }
    let parts = program.parts(references);
    let failure = |error| Failure(format!("wasm in parts: {error}"));
    let mut written = Vec::from([program.first(wasm, &parts).map_err(failure)?]);
    for number in 1..PARTS {
        written.push(program.later(&parts, number).map_err(failure)?);
    }
    Ok(written.try_into().expect("one of each"))
}

/// What all parts are made from. Functions go by their index in the whole module, imported ones first.
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
    /// Segments of data by their address.
    memory: BTreeMap<u32, &'a [u8]>,
}

/// A function with a body.
struct Defined<'a> {
    ty: u32,
    body: FunctionBody<'a>,
    callees: Vec<u32>,
    /// The data it may speak of, by their place in [`References::data`].
    data: BTreeSet<usize>,
    /// It may be in any part: segments of data and elements, and references to functions, stay with the first, which has them.
    is_movable: bool,
    /// It is the terminals', wherever it has to be; `None` where it has no name to know that by: wasm-opt made it of several that
    /// are alike, or wasm-bindgen added it.
    is_of_terminals: Option<bool>,
    place: Place,
}

/// All parts, and what they have in common.
struct Parts {
    each: [Part; PARTS],
    /// The slots of all functions that are called across a cut, old and new.
    slots: BTreeMap<u32, u32>,
    /// The length of the table.
    end: u32,
}

/// The functions and data of one part.
#[derive(Default)]
struct Part {
    /// Its own functions, in the order they are written in: those that look alike side by side.
    own: Vec<u32>,
    /// Those of other parts for which it has stubs.
    stubs: Vec<u32>,
    /// What the others call of its own.
    called: Vec<u32>,
    /// Its own data: neighbours in one, with their bytes.
    data: Vec<Range<u32>>,
}

impl<'a> Program<'a> {
    fn read(wasm: &'a [u8], place: impl Fn(&str) -> Place, references: &References) -> Result<Self, BinaryReaderError> {
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
                Payload::DataSection(section) => {
                    for segment in section {
                        let segment = segment?;
                        if let Some(address) = address_of(&segment.kind)? {
                            program.memory.insert(address, segment.data);
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    program.functions.push(Defined {
                        ty: types[program.functions.len()],
                        body,
                        callees: Vec::new(),
                        data: BTreeSet::new(),
                        is_movable: true,
                        is_of_terminals: None,
                        place: Place::First,
                    });
                }
                Payload::CustomSection(custom) => names.extend(function_names(&custom.as_known())?),
                _ => {}
            }
        }
        for (index, function) in (program.imported.len() as u32..).zip(&mut program.functions) {
            function.look_through(references)?;
            let Some(name) = names.get(&index) else { continue };
            function.data.extend(references.data_of(name));
            let wanted = place(name);
            function.is_of_terminals = Some(wanted.is_of_terminals());
            let is_kept = wanted != Place::Both && called_from_outside.contains(&index);
            if function.is_movable && !is_kept {
                function.place = wanted;
            }
        }
        Ok(program)
    }

    /// What the first part calls stays with it where it has no more bytes than these.
    fn keep_short(&mut self, bytes: usize) {
        let first = self.functions.iter().filter(|function| function.place.part() == FIRST);
        let mut called: Vec<u32> = first.flat_map(|function| &function.callees).copied().collect();
        while let Some(index) = called.pop() {
            if let Some(function) = self.get_mut(index)
                && function.place == Place::Rest
                && function.body.range().len() <= bytes
            {
                function.place = Place::First;
                called.extend(&function.callees);
            }
        }
    }

    /// What others call is not the terminals', but for what they begin with: of functions that are equal one is kept, which may be
    /// theirs by its name.
    fn keep_together(&mut self) {
        for home in [Place::First, Place::Rest] {
            let callers = self
                .functions
                .iter()
                .filter(|function| function.is_of_terminals == Some(false) && function.place.part() == home.part());
            let mut called: Vec<u32> = callers.flat_map(|function| &function.callees).copied().collect();
            while let Some(index) = called.pop() {
                let Some(function) = self.get_mut(index) else { continue };
                if matches!(function.place, Place::Terminals | Place::Tools) {
                    function.place = home;
                } else if function.is_of_terminals.is_some() {
                    continue;
                }
                function.is_of_terminals = Some(false);
                called.extend(&function.callees);
            }
        }
    }

    fn get(&self, function: u32) -> Option<&Defined<'a>> {
        self.functions.get((function as usize).checked_sub(self.imported.len())?)
    }

    fn get_mut(&mut self, function: u32) -> Option<&mut Defined<'a>> {
        self.functions.get_mut((function as usize).checked_sub(self.imported.len())?)
    }

    /// The part a function belongs to.
    fn part(&self, function: u32) -> usize {
        self.get(function).map_or(FIRST, |defined| defined.place.part())
    }

    fn ty(&self, function: u32) -> u32 {
        self.get(function).map_or_else(|| self.imported[function as usize], |defined| defined.ty)
    }

    /// The functions that these call.
    fn callees(&self, functions: &[u32]) -> BTreeSet<u32> {
        let defined = functions.iter().filter_map(|function| self.get(*function));
        defined.flat_map(|function| &function.callees).copied().collect()
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

    /// Finds out what is in which part, and who calls whom across the cuts.
    fn parts(&self, references: &References) -> Parts {
        let mut parts = <[Part; PARTS]>::default();
        let copies = self.copies();
        for (number, part) in parts.iter_mut().enumerate() {
            let those = (self.imported.len() as u32..).zip(&self.functions).filter(|(index, function)| {
                function.place.part() == number || number == REST && copies.contains(index)
            });
            let (indexes, bodies): (Vec<u32>, Vec<&[u8]>) =
                those.map(|(index, function)| (index, function.body.as_bytes())).unzip();
            part.own = alike_together(&bodies).into_iter().map(|place| indexes[place]).collect();
            let own: BTreeSet<u32> = indexes.into_iter().collect();
            let is_own = |function: &u32| own.contains(function) || number == FIRST && self.get(*function).is_none();
            part.stubs = self.callees(&part.own).into_iter().filter(|callee| !is_own(callee)).collect();
        }
        // The table is the first part's: what is in it and elsewhere has a stub there.
        let elsewhere = self.table.values().copied().filter(|function| self.part(*function) != FIRST);
        let stubs = &mut parts[FIRST].stubs;
        stubs.extend(elsewhere);
        stubs.sort_unstable();
        stubs.dedup();

        let called: BTreeSet<u32> = parts.iter().flat_map(|part| &part.stubs).copied().collect();
        let in_table = self.table.iter().filter(|(_, function)| called.contains(function));
        let mut slots: BTreeMap<u32, u32> = in_table.map(|(slot, function)| (*function, *slot)).collect();
        let mut end = self.tables.first().map_or(0, |table| table.initial as u32);
        for (number, part) in parts.iter_mut().enumerate() {
            // In the order they are written in, for numbers that grow by one; imported functions, which no part writes, at last.
            let own = part.own.iter().copied().filter(|function| self.part(*function) == number);
            let imported = 0..if number == FIRST { self.imported.len() as u32 } else { 0 };
            part.called = own.chain(imported).filter(|function| called.contains(function)).collect();
            for function in &part.called {
                slots.entry(*function).or_insert_with(|| {
                    end += 1;
                    end - 1
                });
            }
        }
        let homes = self.parts_of_data(references, &parts);
        for (number, part) in parts.iter_mut().enumerate().skip(REST) {
            let own = homes.iter().filter(|(_, home)| **home == number).map(|(datum, _)| *datum);
            part.data = runs(own, references.data());
        }
        Parts { each: parts, slots, end }
    }

    /// The part of each datum, by their places: the first in which something speaks of it.
    fn parts_of_data(&self, references: &References, parts: &[Part; PARTS]) -> BTreeMap<usize, usize> {
        let mut found = BTreeMap::new();
        for (number, part) in parts.iter().enumerate() {
            let functions = part.own.iter().filter_map(|function| self.get(*function));
            let mut next: Vec<usize> = functions.flat_map(|function| &function.data).copied().collect();
            while let Some(datum) = next.pop() {
                if let Entry::Vacant(unknown) = found.entry(datum) {
                    unknown.insert(number);
                    next.extend(references.data_of_datum(datum));
                }
            }
        }
        found
    }
}

/// Where these data are; neighbours in one, with the few bytes between them, which are nobody's.
fn runs(those: impl Iterator<Item = usize>, data: &[Range<u32>]) -> Vec<Range<u32>> {
    /// Less than what a segment costs.
    const BETWEEN: u32 = 8;
    let mut runs: Vec<Range<u32>> = Vec::new();
    let mut before = None;
    for datum in those {
        let range = &data[datum];
        match runs.last_mut().filter(|last| before == datum.checked_sub(1) && range.start - last.end < BETWEEN) {
            Some(last) => last.end = range.end,
            None => runs.push(range.clone()),
        }
        before = Some(datum);
    }
    runs
}

impl Defined<'_> {
    /// Finds out whom it calls, of which data it may speak, and whether it may be in any part.
    fn look_through(&mut self, references: &References) -> Result<(), BinaryReaderError> {
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
                // Any number may be an address: wasm-opt moves those that a function is always called with into it.
                Operator::I32Const { value } => self.data.extend(references.datum_at(value as u32)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Where a segment begins in the table of functions.
fn start_of(kind: &ElementKind<'_>) -> Result<Option<u32>, BinaryReaderError> {
    let ElementKind::Active { table_index: None | Some(0), offset_expr } = kind else { return Ok(None) };
    let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else { return Ok(None) };
    Ok(Some(value as u32))
}

/// Where a segment begins in memory.
fn address_of(kind: &DataKind<'_>) -> Result<Option<u32>, BinaryReaderError> {
    let DataKind::Active { memory_index: 0, offset_expr } = kind else { return Ok(None) };
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

#[cfg(test)]
mod tests;
