//! Tables as `ToolsUtils.prettyPrintTable` prints them.

use super::terminal::Terminal;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Prints a table: every cell as wide as the widest of its column, and a tab behind it.
pub(super) fn print_table(terminal: &Terminal, head: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|cell| cell.chars().count())).max().unwrap_or_default()
    };
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.enumerate().map(|(column, cell)| format!("{cell:<0$}\t", width(column)));
        terminal.line(&padded.collect::<String>());
    };
    line(&mut head.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
}
