//! `{a,b}` and `{1..3}`.

use super::{Part, Word};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Words one word may become: `{1..1000000}` is a mistake here.
const MOST: usize = 100_000;

/// A letter outside of quotes, or a part that is none.
#[derive(Clone)]
enum Atom {
    Letter(char),
    Part(Part),
}

/// The words a word stands for.
pub(in crate::shell) fn expand(word: &Word) -> Vec<Word> {
    let has_brace = |part: &Part| matches!(part, Part::Plain(text) if text.contains('{'));
    if !word.0.iter().any(has_brace) {
        return Vec::from([word.clone()]);
    }
    let mut atoms = Vec::new();
    for part in &word.0 {
        match part {
            Part::Plain(text) => atoms.extend(text.chars().map(Atom::Letter)),
            other => atoms.push(Atom::Part(other.clone())),
        }
    }
    let mut words = Vec::new();
    expand_atoms(&atoms, &mut words, 0);
    words.iter().map(|atoms| word_of(atoms)).collect()
}

fn word_of(atoms: &[Atom]) -> Word {
    let mut parts: Vec<Part> = Vec::new();
    for atom in atoms {
        match (atom, parts.last_mut()) {
            (Atom::Letter(letter), Some(Part::Plain(text))) => text.push(*letter),
            (Atom::Letter(letter), _) => parts.push(Part::Plain(letter.to_string())),
            (Atom::Part(part), _) => parts.push(part.clone()),
        }
    }
    Word(parts)
}

fn expand_atoms(atoms: &[Atom], words: &mut Vec<Vec<Atom>>, depth: usize) {
    let mut from = 0;
    while let Some(open) = position(atoms, from, '{').filter(|_| depth < 16) {
        let Some((close, alternatives)) = alternatives(atoms, open) else {
            from = open + 1;
            continue;
        };
        let (before, after) = (atoms.get(..open).unwrap_or_default(), atoms.get(close + 1..).unwrap_or_default());
        let mut tails = Vec::new();
        expand_atoms(after, &mut tails, depth + 1);
        for alternative in alternatives {
            let mut middles = Vec::new();
            expand_atoms(&alternative, &mut middles, depth + 1);
            for middle in middles {
                for tail in &tails {
                    if words.len() >= MOST {
                        return;
                    }
                    words.push([before, &middle, tail].concat());
                }
            }
        }
        return;
    }
    words.push(atoms.to_vec());
}

fn letter(atoms: &[Atom], at: usize) -> Option<char> {
    match atoms.get(at) {
        Some(Atom::Letter(letter)) => Some(*letter),
        _ => None,
    }
}

fn position(atoms: &[Atom], from: usize, wanted: char) -> Option<usize> {
    (from..atoms.len()).find(|at| letter(atoms, *at) == Some(wanted))
}

/// Where the brace at `open` closes, and what is between its commas; `None` where it is no brace expression.
fn alternatives(atoms: &[Atom], open: usize) -> Option<(usize, Vec<Vec<Atom>>)> {
    // `${` stays what it is.
    if open.checked_sub(1).and_then(|before| letter(atoms, before)) == Some('$') {
        return None;
    }
    let (mut depth, mut start, mut found) = (0_usize, open + 1, Vec::new());
    for at in open + 1..atoms.len() {
        match letter(atoms, at) {
            Some('{') => depth += 1,
            Some('}') if depth > 0 => depth -= 1,
            Some(',') if depth == 0 => {
                found.push(atoms.get(start..at)?.to_vec());
                start = at + 1;
            }
            Some('}') => {
                let last = atoms.get(start..at)?;
                if found.is_empty() {
                    return Some((at, sequence(last)?));
                }
                found.push(last.to_vec());
                return Some((at, found));
            }
            _ => {}
        }
    }
    None
}

/// `1..10`, `a..e`, `10..1..3`.
fn sequence(atoms: &[Atom]) -> Option<Vec<Vec<Atom>>> {
    let text: String = (0..atoms.len()).map(|at| letter(atoms, at)).collect::<Option<String>>()?;
    let mut ends = text.split("..");
    let (first, last, step) = (ends.next()?, ends.next()?, ends.next());
    if ends.next().is_some() {
        return None;
    }
    let single = |text: &str| {
        let mut letters = text.chars();
        letters.next().filter(|letter| letter.is_ascii_alphabetic() && letters.next().is_none())
    };
    let numbers = |text: &str| text.parse::<i64>().ok();
    let (from, to, is_letters) = match (numbers(first), numbers(last)) {
        (Some(from), Some(to)) => (from, to, false),
        _ => (i64::from(u32::from(single(first)?)), i64::from(u32::from(single(last)?)), true),
    };
    let step = step.map_or(Some(1), numbers)?.unsigned_abs().max(1);
    let is_padded =
        |text: &str| text.trim_start_matches('-').starts_with('0') && text.trim_start_matches('-').len() > 1;
    let width = if is_padded(first) || is_padded(last) { first.len().max(last.len()) } else { 0 };
    let count = (from.abs_diff(to) / step).min(MOST as u64 - 1);
    let word = |index: u64| {
        let by = (index * step) as i64;
        let value = if from <= to { from + by } else { from - by };
        let text = match u32::try_from(value).ok().and_then(char::from_u32).filter(|_| is_letters) {
            Some(letter) => letter.to_string(),
            None => alloc::format!("{value:0width$}"),
        };
        text.chars().map(Atom::Letter).collect()
    };
    Some((0..=count).map(word).collect())
}
