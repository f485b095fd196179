//! What the functions and data of a linked module speak of: the linker's relocations (`--emit-relocs`) tell. By them `parts` knows
//! whom only the terminals need, and which data goes with which functions.

use crate::command::{Context, Failure};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use wasm_encoder::{Module, RawSection};
use wasmparser::{
    BinaryReaderError, DataKind, ExternalKind, KnownCustom, Linking, Operator, Parser, Payload, RelocSectionReader,
    SymbolInfo, TypeRef,
};

/// A function or a datum, by its place in [`References::spoken`].
type Node = usize;

/// Who speaks of whom.
#[derive(Default)]
pub(crate) struct References {
    /// By node, in this order: the data, the functions.
    spoken: Vec<BTreeSet<Node>>,
    /// Data with a name of their own, by address; none overlaps another.
    data: Vec<Range<u32>>,
    /// Functions by name: several may share one.
    functions: BTreeMap<String, Vec<Node>>,
    /// The functions that JavaScript calls.
    exported: Vec<Node>,
}

impl References {
    /// Of a module with relocations.
    pub(crate) fn read(linked: &[u8]) -> Result<Self, Failure> {
        let sections = Sections::read(linked).context("linked wasm")?;
        let references = sections.references().context("relocations")?;
        if references.spoken.iter().all(BTreeSet::is_empty) {
            return Err(Failure("linked wasm: no relocations; was it linked with --emit-relocs?".into()));
        }
        Ok(references)
    }

    /// The names of the functions that nothing leads to but the one of this path, which is included.
    ///
    /// # Errors
    /// There is none of this path.
    pub(crate) fn only_through(&self, entry: &str) -> Result<BTreeSet<&str>, Failure> {
        let entries: BTreeSet<Node> = self
            .functions
            .iter()
            .filter(|(name, _)| is_named(name, entry))
            .flat_map(|(_, nodes)| nodes)
            .copied()
            .collect();
        if entries.is_empty() {
            return Err(Failure(format!("linked wasm: no function `{entry}`")));
        }
        let mut reached = BTreeSet::new();
        let mut next = self.exported.clone();
        while let Some(node) = next.pop() {
            if !entries.contains(&node) && reached.insert(node) {
                next.extend(&self.spoken[node]);
            }
        }
        let functions = self.functions.iter();
        let others = functions.filter(|(_, nodes)| nodes.iter().all(|node| !reached.contains(node)));
        Ok(others.map(|(name, _)| name.as_str()).collect())
    }

    /// Addresses of all data.
    pub(crate) fn data(&self) -> &[Range<u32>] {
        &self.data
    }

    /// The data that functions of this name speak of, by their place in [`Self::data`].
    pub(crate) fn data_of(&self, function: &str) -> impl Iterator<Item = usize> {
        let nodes = self.functions.get(function).into_iter().flatten();
        nodes.flat_map(|node| &self.spoken[*node]).copied().filter(|node| *node < self.data.len())
    }

    /// The data that a datum speaks of.
    pub(crate) fn data_of_datum(&self, datum: usize) -> impl Iterator<Item = usize> {
        self.spoken[datum].iter().copied().filter(|node| *node < self.data.len())
    }

    /// The datum at an address.
    pub(crate) fn datum_at(&self, address: u32) -> Option<usize> {
        datum_at(&self.data, address)
    }
}

/// A function's name, as the linker has it, is that of `path`.
pub(crate) fn is_named(name: &str, path: &str) -> bool {
    format!("{:#}", rustc_demangle::demangle(name)) == path
}

fn datum_at(data: &[Range<u32>], address: u32) -> Option<usize> {
    let after = data.partition_point(|datum| datum.start <= address);
    after.checked_sub(1).filter(|datum| data[*datum].contains(&address))
}

/// A module without what only a linker reads.
pub(crate) fn without_relocations(linked: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(linked) {
        let payload = payload.context("linked wasm")?;
        let is_linkers = |name: &str| name == "linking" || name.starts_with("reloc.");
        if matches!(&payload, Payload::CustomSection(custom) if is_linkers(custom.name())) {
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            module.section(&RawSection { id, data: &linked[range] });
        }
    }
    Ok(module.finish())
}

/// What of a module the relocations are about.
#[derive(Default)]
struct Sections<'a> {
    imported: u32,
    /// Of the functions the module defines, where they are in the file.
    bodies: Vec<Range<usize>>,
    exported: Vec<u32>,
    /// Of the segments of data, where they are in the file and in memory.
    segments: Vec<(Range<usize>, u32)>,
    /// Where the sections are whose relocations are read, by their number.
    starts: BTreeMap<u32, usize>,
    symbols: Vec<SymbolInfo<'a>>,
    relocations: Vec<RelocSectionReader<'a>>,
}

impl<'a> Sections<'a> {
    fn read(linked: &'a [u8]) -> Result<Self, BinaryReaderError> {
        let mut sections = Self::default();
        let mut number = 0;
        for payload in Parser::new(0).parse_all(linked) {
            let payload = payload?;
            match &payload {
                Payload::ImportSection(section) => {
                    for import in section.clone().into_imports() {
                        sections.imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section.clone() {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            sections.exported.push(export.index);
                        }
                    }
                }
                Payload::CodeSectionStart { range, .. } => {
                    sections.starts.insert(number, range.start);
                }
                Payload::CodeSectionEntry(body) => sections.bodies.push(body.range()),
                Payload::DataSection(section) => {
                    sections.starts.insert(number, section.range().start);
                    for segment in section.clone() {
                        let segment = segment?;
                        let end = segment.range.end;
                        if let DataKind::Active { offset_expr, .. } = &segment.kind
                            && let Operator::I32Const { value } = offset_expr.get_operators_reader().read()?
                        {
                            sections.segments.push((end - segment.data.len()..end, value as u32));
                        } else {
                            sections.segments.push((end..end, 0));
                        }
                    }
                }
                Payload::CustomSection(custom) => match custom.as_known() {
                    KnownCustom::Linking(linking) => {
                        for subsection in linking.subsections() {
                            if let Linking::SymbolTable(symbols) = subsection? {
                                sections.symbols = symbols.into_iter().collect::<Result<_, _>>()?;
                            }
                        }
                    }
                    KnownCustom::Reloc(relocations) => sections.relocations.push(relocations),
                    _ => {}
                },
                _ => {}
            }
            number += u32::from(payload.as_section().is_some());
        }
        Ok(sections)
    }

    fn references(&self) -> Result<References, BinaryReaderError> {
        let data = self.data();
        let functions = self.imported as usize + self.bodies.len();
        let mut references =
            References { spoken: vec![BTreeSet::new(); data.len() + functions], ..References::default() };
        let node_of = |symbol: &SymbolInfo<'_>| match symbol {
            SymbolInfo::Func { index, .. } => Some(data.len() + *index as usize),
            SymbolInfo::Data { .. } => self.address(symbol).and_then(|address| datum_at(&data, address.start)),
            _ => None,
        };
        for symbol in &self.symbols {
            if let (SymbolInfo::Func { name: Some(name), .. }, Some(node)) = (symbol, node_of(symbol)) {
                references.functions.entry((*name).to_owned()).or_default().push(node);
            }
        }
        for section in &self.relocations {
            let Some(start) = self.starts.get(&section.section_index()) else { continue };
            for relocation in section.entries() {
                let relocation = relocation?;
                let place = start + relocation.offset as usize;
                let speaker = self
                    .function_at(place)
                    .map(|function| data.len() + function)
                    .or_else(|| self.address_at(place).and_then(|address| datum_at(&data, address)));
                let symbol = self.symbols.get(relocation.index as usize);
                // A relocation of a type has a number that is no symbol's: what it adds is kept, and nothing else.
                if let (Some(speaker), Some(spoken_of), true) =
                    (speaker, symbol.and_then(node_of), is_of_symbol(relocation.ty))
                {
                    references.spoken[speaker].insert(spoken_of);
                }
            }
        }
        references.exported = self.exported.iter().map(|function| data.len() + *function as usize).collect();
        references.data = data;
        Ok(references)
    }

    /// The addresses of all data that have a name and bytes; those that overlap are one.
    fn data(&self) -> Vec<Range<u32>> {
        let mut all: Vec<Range<u32>> =
            self.symbols.iter().filter_map(|symbol| self.address(symbol)).filter(|data| !data.is_empty()).collect();
        all.sort_by_key(|data| data.start);
        let mut apart: Vec<Range<u32>> = Vec::new();
        for data in all {
            match apart.last_mut().filter(|last| data.start < last.end) {
                Some(last) => last.end = last.end.max(data.end),
                None => apart.push(data),
            }
        }
        apart
    }

    fn address(&self, symbol: &SymbolInfo<'_>) -> Option<Range<u32>> {
        let SymbolInfo::Data { symbol: Some(symbol), .. } = symbol else { return None };
        let (_, segment) = self.segments.get(symbol.index as usize)?;
        let start = segment + symbol.offset;
        Some(start..start + symbol.size)
    }

    /// The index of the function that lies there in the file.
    fn function_at(&self, place: usize) -> Option<usize> {
        let after = self.bodies.partition_point(|body| body.start <= place);
        let body = after.checked_sub(1).filter(|body| self.bodies[*body].contains(&place))?;
        Some(self.imported as usize + body)
    }

    /// The address of what lies there in the file.
    fn address_at(&self, place: usize) -> Option<u32> {
        let (range, address) = self.segments.iter().find(|(range, _)| range.contains(&place))?;
        Some(address + (place - range.start) as u32)
    }
}

/// Its number is a symbol's.
fn is_of_symbol(ty: wasmparser::RelocationType) -> bool {
    ty != wasmparser::RelocationType::TypeIndexLeb
}
