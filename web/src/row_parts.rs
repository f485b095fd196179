//! A long table in parts: those far from what is seen are not drawn.

/// A table of no more rows is drawn as a whole.
const WHOLE: usize = 60;
/// Rows of a part.
const PART: usize = 30;

/// Where the parts of a table of `rows` rows begin: nowhere but at 0 where it is drawn as a whole. A row that `clings` stays
/// in the part of the one before it.
pub fn starts(rows: usize, clings: &dyn Fn(usize) -> bool) -> Vec<usize> {
    let mut starts = vec![0];
    let mut next = PART;
    while rows > WHOLE && next < rows {
        if !clings(next) {
            starts.push(next);
        }
        next += if clings(next) { 1 } else { PART };
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_table_is_cut_and_an_opened_row_stays_with_its_own() {
        let none = |_: usize| false;
        for (rows, expected) in [(0, vec![0]), (60, vec![0]), (61, vec![0, 30, 60]), (90, vec![0, 30, 60])] {
            assert_eq!(starts(rows, &none), expected, "{rows}");
        }
        assert_eq!(starts(92, &|row| row == 30), [0, 31, 61, 91]);
        assert_eq!(starts(61, &|row| row == 60), [0, 30]);
    }
}
