//! Programs that take their time: `sleep`, `yes`; and `seq`, that counts.

use super::options::Syntax;
use super::streams::{Output, decimal, padded};
use crate::cli::{Failure, Terminal};
use crate::time::Duration;
use alloc::string::String;
use alloc::vec::Vec;

const SLEEP: Syntax = Syntax {
    name: "sleep",
    wrong: 1,
    help: "sleep NUMBER[smhd]...\nWaits so many seconds, minutes, hours or days; fractions are allowed.\n",
};

const YES: Syntax =
    Syntax { name: "yes", wrong: 1, help: "yes [TEXT]...\nPrints a line with the text, or y, until it is ended.\n" };

const SEQ: Syntax = Syntax {
    name: "seq",
    wrong: 1,
    help: "seq [OPTION]... [FIRST [INCREMENT]] LAST\n\
        Prints the numbers from FIRST to LAST.\n\
        \x20 -s, --separator=TEXT  between them, instead of the end of a line\n\
        \x20 -w, --equal-width  zeros in front, so that all are equally wide\n",
};

pub(super) async fn sleep(terminal: Terminal) -> Result<(), Failure> {
    let options = SLEEP.read(&terminal)?;
    if options.operands.is_empty() {
        return Err(SLEEP.missing(&terminal, "operand", &options.operands));
    }
    let mut sum = Duration::ZERO;
    for text in &options.operands {
        let Some(duration) = duration(text) else {
            return Err(SLEEP.misused(&terminal, &["invalid time interval '", text, "'"]));
        };
        sum = sum.saturating_add(duration);
    }
    terminal.sleep(sum).await;
    Ok(())
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.char_indices().last()? {
        (at, 's') => (text.get(..at)?, 1),
        (at, 'm') => (text.get(..at)?, 60),
        (at, 'h') => (text.get(..at)?, 3600),
        (at, 'd') => (text.get(..at)?, 86_400),
        _ => (text, 1),
    };
    if number == "inf" || number == "infinity" {
        return Some(Duration::from_secs(u64::from(u32::MAX)));
    }
    let (digits, scale) = decimals(number)?;
    let micros = digits.checked_mul(1_000_000)?.checked_mul(unit)?.checked_div(10_i128.checked_pow(scale)?)?;
    u64::try_from(micros).ok().map(Duration::from_micros)
}

/// A number with a point as its digits, and how many of them are behind the point.
fn decimals(text: &str) -> Option<(i128, u32)> {
    let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    let text = text.strip_prefix('+').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.len() + fraction.len() == 0 || whole.len() + fraction.len() > 24 {
        return None;
    }
    let mut value = 0_i128;
    for digit in whole.bytes().chain(fraction.bytes()) {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i128::from(digit - b'0');
    }
    Some((if is_negative { -value } else { value }, fraction.len() as u32))
}

pub(super) async fn yes(terminal: Terminal) -> Result<(), Failure> {
    let options = YES.read(&terminal)?;
    let mut line = options.operands.join(" ");
    if line.is_empty() {
        line.push('y');
    }
    line.push('\n');
    let bytes = line.repeat(1 + 1024 / line.len()).into_bytes();
    loop {
        terminal.print_bytes(bytes.clone());
        terminal.pause().await;
    }
}

pub(super) async fn seq(terminal: Terminal) -> Result<(), Failure> {
    // Numbers below zero look like options: they are none.
    let mut options = SEQ.read_with_numbers(&terminal)?;
    let operands = core::mem::take(&mut options.operands);
    if operands.is_empty() {
        return Err(SEQ.missing(&terminal, "operand", &operands));
    }
    if let Some(extra) = operands.get(3) {
        return Err(SEQ.misused(&terminal, &["extra operand '", extra, "'"]));
    }
    let mut numbers = Vec::new();
    for text in &operands {
        let Some(number) = decimals(text) else {
            return Err(SEQ.misused(&terminal, &["invalid floating point argument: '", text, "'"]));
        };
        numbers.push(number);
    }
    let one = (1, 0);
    let (first, step, last) = match numbers[..] {
        [last] => (one, one, last),
        [first, last] => (first, one, last),
        [first, step, last, ..] => (first, step, last),
        [] => return Ok(()),
    };
    if step.0 == 0 {
        let text = operands.get(1).map_or("", |text| text);
        return Err(SEQ.misused(&terminal, &["invalid Zero increment value: '", text, "'"]));
    }
    let scale = first.1.max(step.1);
    let finest = scale.max(last.1);
    let raise = |(digits, own): (i128, u32)| digits.saturating_mul(10_i128.pow(finest - own));
    let (mut at, step, last) = (raise(first), raise(step), raise(last));
    let widest = show(at, finest, scale).len().max(show(last, finest, scale).len());
    let width = if options.has("w") { widest } else { 0 };
    let separator = options.value("s").unwrap_or("\n");
    let mut output = Output::new(terminal, SEQ.name);
    let mut count = 0_u32;
    while if step > 0 { at <= last } else { at >= last } {
        if count > 0 {
            output.text(separator);
        }
        let text = show(at, finest, scale);
        match text.strip_prefix('-') {
            Some(digits) if width > 0 => output.text(&["-", &padded(digits, width - 1, '0')].concat()),
            _ => output.text(&padded(&text, width, '0')),
        }
        count = count.wrapping_add(1);
        if count.is_multiple_of(4096) {
            output.flush();
            output.terminal.pause().await;
        }
        at = at.saturating_add(step);
    }
    output.text(if count > 0 { "\n" } else { "" });
    output.end()
}

/// A number of so many digits behind the point, shown with fewer.
fn show(number: i128, finest: u32, scale: u32) -> String {
    let magnitude = number.unsigned_abs() / 10_u128.pow(finest - scale);
    let unit = 10_u128.pow(scale);
    let mut text = String::from(if number < 0 { "-" } else { "" });
    text.push_str(&decimal((magnitude / unit) as u64));
    if scale > 0 {
        text.push('.');
        text.push_str(&padded(&decimal((magnitude % unit) as u64), scale as usize, '0'));
    }
    text
}
