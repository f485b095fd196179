//! Arguments as the libraries of Kafka's tools read them: `jopt` as jopt-simple, with its table of help, and `argparse` as
//! argparse4j. `line_break` is where both cut lines.

pub(super) mod argparse;
mod argparse_help;
pub(super) mod jopt;
mod line_break;
