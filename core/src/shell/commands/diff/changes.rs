//! What changed between two sequences of lines, as GNU's `diff` finds it: the shortest edit (Myers, 1986), each run of changes
//! then moved as far down as it goes, or to a change of the other side.

use alloc::vec;
use alloc::vec::Vec;

/// An edit longer than this is not looked for: the whole middle is one change.
const LONGEST_EDIT: usize = 1500;

/// Lines that were taken out, and those that came in: where they begin, and where the next line is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) old: (usize, usize),
    pub(super) new: (usize, usize),
}

/// Lines that are part of a change. The first and the last entry stand for what is around the file.
struct Marks(Vec<bool>);

impl Marks {
    fn is(&self, at: usize) -> bool {
        self.0.get(at + 1).copied().unwrap_or(false)
    }

    fn is_before(&self, at: usize) -> bool {
        self.0.get(at).copied().unwrap_or(false)
    }

    fn set(&mut self, at: usize, is_changed: bool) {
        if let Some(mark) = self.0.get_mut(at + 1) {
            *mark = is_changed;
        }
    }
}

/// Changes in order; lines are compared by number.
pub(super) fn changes(old: &[u32], new: &[u32]) -> Vec<Change> {
    let mut old_marks = Marks(vec![false; old.len() + 2]);
    let mut new_marks = Marks(vec![false; new.len() + 2]);
    let before = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let (old_rest, new_rest) = (old.get(before..).unwrap_or_default(), new.get(before..).unwrap_or_default());
    let behind = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(one, other)| one == other).count();
    let old_middle = old_rest.get(..old_rest.len() - behind).unwrap_or_default();
    let new_middle = new_rest.get(..new_rest.len() - behind).unwrap_or_default();
    mark(old_middle, new_middle, before, &mut old_marks, &mut new_marks);
    shift(old, &mut old_marks, &new_marks);
    shift(new, &mut new_marks, &old_marks);
    let mut changes = Vec::new();
    let (mut one, mut other) = (0, 0);
    while one < old.len() || other < new.len() {
        let begin = (one, other);
        while old_marks.is(one) {
            one += 1;
        }
        while new_marks.is(other) {
            other += 1;
        }
        if begin == (one, other) {
            one += 1;
            other += 1;
        } else {
            changes.push(Change { old: (begin.0, one), new: (begin.1, other) });
        }
    }
    changes
}

/// Marks the shortest edit.
fn mark(old: &[u32], new: &[u32], before: usize, old_marks: &mut Marks, new_marks: &mut Marks) {
    let (length, other_length) = (old.len() as isize, new.len() as isize);
    // Of each number of edits, how far each diagonal comes in the old lines.
    let mut trace: Vec<Vec<isize>> = Vec::new();
    let value = |row: &[isize], edits: isize, diagonal: isize| {
        usize::try_from(diagonal + edits).ok().and_then(|at| row.get(at)).copied().unwrap_or(-1)
    };
    let is_down = |row: &[isize], edits: isize, diagonal: isize| {
        let (left, right) = (value(row, edits - 1, diagonal - 1), value(row, edits - 1, diagonal + 1));
        diagonal == -edits || (diagonal != edits && left < right)
    };
    let most = (old.len() + new.len()).min(LONGEST_EDIT) as isize;
    let mut is_found = false;
    for edits in 0..=most {
        let mut row = vec![-1; 2 * edits as usize + 1];
        let previous = trace.last().map_or(&[][..], |row| row);
        let mut diagonal = -edits;
        while diagonal <= edits && !is_found {
            let mut x = match edits {
                0 => 0,
                _ if is_down(previous, edits, diagonal) => value(previous, edits - 1, diagonal + 1),
                _ => value(previous, edits - 1, diagonal - 1) + 1,
            };
            while x >= 0
                && x < length
                && x - diagonal < other_length
                && x - diagonal >= 0
                && old.get(x as usize) == new.get((x - diagonal) as usize)
            {
                x += 1;
            }
            if let Some(entry) = row.get_mut((diagonal + edits) as usize) {
                *entry = x;
            }
            is_found = x >= length && x - diagonal >= other_length;
            diagonal += 2;
        }
        trace.push(row);
        if is_found {
            break;
        }
    }
    if !is_found {
        (0..old.len()).for_each(|at| old_marks.set(before + at, true));
        (0..new.len()).for_each(|at| new_marks.set(before + at, true));
        return;
    }
    let (mut x, mut y) = (length, other_length);
    for edits in (1..trace.len() as isize).rev() {
        let previous = trace.get(edits as usize - 1).map_or(&[][..], |row| row);
        let diagonal = x - y;
        if is_down(previous, edits, diagonal) {
            x = value(previous, edits - 1, diagonal + 1);
            y = x - diagonal - 1;
            new_marks.set(before + y as usize, true);
        } else {
            x = value(previous, edits - 1, diagonal - 1);
            y = x - diagonal + 1;
            old_marks.set(before + x as usize, true);
        }
    }
}

/// Moves runs of changes: GNU's `shift_boundaries`, whose names these are.
fn shift(lines: &[u32], changed: &mut Marks, other: &Marks) {
    let end = lines.len();
    let (mut i, mut j) = (0_usize, 0_usize);
    loop {
        while i < end && !changed.is(i) {
            while other.is(j) {
                j += 1;
            }
            j += 1;
            i += 1;
        }
        if i == end {
            return;
        }
        let mut start = i;
        while changed.is(i) {
            i += 1;
        }
        while other.is(j) {
            j += 1;
        }
        let mut corresponding;
        loop {
            let length = i - start;
            while start > 0 && lines.get(start - 1) == lines.get(i - 1) {
                start -= 1;
                changed.set(start, true);
                i -= 1;
                changed.set(i, false);
                while start > 0 && changed.is_before(start) {
                    start -= 1;
                }
                j = back(other, j);
            }
            corresponding = if other.is_before(j) { i } else { end };
            while i != end && lines.get(start) == lines.get(i) {
                changed.set(start, false);
                start += 1;
                changed.set(i, true);
                i += 1;
                while changed.is(i) {
                    i += 1;
                }
                j += 1;
                while other.is(j) {
                    corresponding = i;
                    j += 1;
                }
            }
            if length == i - start {
                break;
            }
        }
        while corresponding < i {
            start = start.saturating_sub(1);
            changed.set(start, true);
            i -= 1;
            changed.set(i, false);
            j = back(other, j);
        }
    }
}

/// The unchanged line before.
fn back(other: &Marks, from: usize) -> usize {
    let mut j = from.saturating_sub(1);
    while j > 0 && other.is(j) {
        j -= 1;
    }
    j
}
