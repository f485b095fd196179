//! `date`, and the dates other programs print.

use super::options::Syntax;
use super::streams::{padded, zeros};
use crate::cli::{Failure, Terminal, civil, days};
use alloc::string::{String, ToString};

const SYNTAX: Syntax = Syntax {
    name: "date",
    wrong: 1,
    help: "date [OPTION]... [+FORMAT]\n\
        Prints the time, or that of -d. In a FORMAT %Y %m %d %H %M %S are numbers of year, month, day, hour, minute\n\
        and second; %s seconds since 1970, %N nanoseconds (%3N milliseconds), %F and %T a date and a time, %z the\n\
        distance from UTC, %a %A %b %B names; and more, as in C's strftime.\n\
        \x20 -d, --date=TIME  @SECONDS, or YYYY-MM-DD with HH:MM:SS or without, or now\n\
        \x20 -I, --iso-8601[=WHAT]  as ISO 8601: date, hours, minutes, seconds or ns\n\
        \x20 -R, --rfc-email  as in mail: Fri, 02 Jan 2026 03:04:05 +0000\n\
        \x20 -u, --utc, --universal  in UTC\n",
};

const MONTHS: &str =
    "January  February March    April    May      June     July     August   SeptemberOctober  November December ";
const DAYS: &str = "Sunday   Monday   Tuesday  WednesdayThursday Friday   Saturday ";

/// A point in time, taken apart.
pub(super) struct Date {
    ms: i64,
    offset_minutes: i32,
    year: i64,
    month: i64,
    day: i64,
    day_of_week: i64,
    day_of_year: i64,
    second_of_day: i64,
}

fn name(names: &str, at: i64) -> &str {
    let at = at as usize * 9;
    names.get(at..at + 9).unwrap_or_default().trim_end()
}

fn short(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}

impl Date {
    pub(super) fn new(ms: i64, offset_minutes: i32) -> Self {
        let seconds = ms.div_euclid(1000) + i64::from(offset_minutes) * 60;
        let day_number = seconds.div_euclid(86_400);
        let (year, month, day) = civil(day_number);
        Self {
            ms,
            offset_minutes,
            year,
            month,
            day,
            day_of_week: (day_number + 4).rem_euclid(7),
            day_of_year: day_number - days(year, 1, 1) + 1,
            second_of_day: seconds.rem_euclid(86_400),
        }
    }

    /// As C's `strftime` and GNU's `date` have it.
    pub(super) fn format(&self, format: &str) -> String {
        let mut text = String::new();
        let mut rest = format;
        while let Some((before, behind)) = rest.split_once('%') {
            text.push_str(before);
            let start = behind.trim_start_matches(['-', '_', '^']);
            let flags = behind.get(..behind.len() - start.len()).unwrap_or_default();
            let directive = start.trim_start_matches(|c: char| c.is_ascii_digit());
            let width = start.get(..start.len() - directive.len()).unwrap_or_default().parse::<usize>().ok();
            let colons = directive.len() - directive.trim_start_matches(':').len();
            let mut letters = directive.trim_start_matches(':').chars();
            let letter = letters.next();
            let shown = letter.and_then(|letter| self.directive(letter, width, colons));
            if let (Some(shown), Some(letter)) = (shown, letter) {
                text.push_str(&flagged(shown, letter, flags));
                rest = letters.as_str();
            } else {
                text.push('%');
                rest = behind;
            }
        }
        text.push_str(rest);
        text
    }

    fn directive(&self, letter: char, width: Option<usize>, colons: usize) -> Option<String> {
        let (hour, minute, second) = (self.second_of_day / 3600, self.second_of_day / 60 % 60, self.second_of_day % 60);
        let twelve = (hour + 11) % 12 + 1;
        let spaced = |number: i64| padded(&zeros(number, 1), 2, ' ');
        let month = name(MONTHS, self.month - 1);
        let day = name(DAYS, self.day_of_week);
        let (iso_year, iso_week) = self.iso_week();
        Some(match letter {
            'Y' => zeros(self.year, 1),
            'C' => zeros(self.year / 100, 2),
            'y' => zeros(self.year % 100, 2),
            'm' => zeros(self.month, 2),
            'd' => zeros(self.day, 2),
            'e' => spaced(self.day),
            'j' => zeros(self.day_of_year, 3),
            'H' => zeros(hour, 2),
            'k' => spaced(hour),
            'I' => zeros(twelve, 2),
            'l' => spaced(twelve),
            'M' => zeros(minute, 2),
            'S' => zeros(second, 2),
            's' => {
                let seconds = self.ms.div_euclid(1000);
                [if seconds < 0 { "-" } else { "" }, &zeros(seconds, 1)].concat()
            }
            'N' => {
                let nanos = zeros(self.ms.rem_euclid(1000) * 1_000_000, 9);
                nanos.get(..width.unwrap_or(9)).unwrap_or(&nanos).to_string()
            }
            'u' => zeros((self.day_of_week + 6) % 7 + 1, 1),
            'w' => zeros(self.day_of_week, 1),
            'U' => zeros((self.day_of_year + 6 - self.day_of_week) / 7, 2),
            'W' => zeros((self.day_of_year + 6 - (self.day_of_week + 6) % 7) / 7, 2),
            'V' => zeros(iso_week, 2),
            'G' => zeros(iso_year, 1),
            'a' => short(day).to_string(),
            'A' => day.to_string(),
            'b' | 'h' => short(month).to_string(),
            'B' => month.to_string(),
            'p' => if hour < 12 { "AM" } else { "PM" }.to_string(),
            'P' => if hour < 12 { "am" } else { "pm" }.to_string(),
            'n' => "\n".to_string(),
            't' => "\t".to_string(),
            '%' => "%".to_string(),
            'z' => self.zone(colons),
            'Z' => self.zone_name(),
            'c' => self.format("%a %b %e %H:%M:%S %Y"),
            'D' | 'x' => self.format("%m/%d/%y"),
            'F' => self.format("%Y-%m-%d"),
            'T' | 'X' => self.format("%H:%M:%S"),
            'R' => self.format("%H:%M"),
            'r' => self.format("%I:%M:%S %p"),
            _ => return None,
        })
    }

    fn zone(&self, colons: usize) -> String {
        let minutes = i64::from(self.offset_minutes.abs());
        let sign = if self.offset_minutes < 0 { "-" } else { "+" };
        let colon = if colons > 0 { ":" } else { "" };
        let seconds = if colons > 1 { ":00" } else { "" };
        [sign, &zeros(minutes / 60, 2), colon, &zeros(minutes % 60, 2), seconds].concat()
    }

    /// The zone is known by its distance from UTC alone: the name is that, as for zones that have none.
    fn zone_name(&self) -> String {
        match self.offset_minutes {
            0 => "UTC".to_string(),
            minutes if minutes % 60 == 0 => self.zone(0).get(..3).unwrap_or_default().to_string(),
            _ => self.zone(0),
        }
    }

    /// ISO 8601's year and week: a week belongs to the year of its Thursday.
    fn iso_week(&self) -> (i64, i64) {
        let thursday = days(self.year, self.month, self.day) + 3 - (self.day_of_week + 6) % 7;
        let (year, _, _) = civil(thursday);
        (year, (thursday - days(year, 1, 1)) / 7 + 1)
    }
}

/// What a directive shows, as its flags have it.
fn flagged(shown: String, letter: char, flags: &str) -> String {
    let is_number = !"aAbBhpPnt%cDFTrRxXzZN".contains(letter);
    match flags {
        "-" | "_" if is_number => {
            let bare = shown.trim_start_matches(['0', ' ']);
            let bare = if bare.is_empty() { "0" } else { bare };
            padded(bare, if flags == "_" { shown.len() } else { 0 }, ' ')
        }
        "^" => shown.to_ascii_uppercase(),
        _ => shown,
    }
}

/// Milliseconds since 1970 of what `-d` has.
fn point(text: &str, now_ms: i64, offset_minutes: i32) -> Option<i64> {
    let fraction = |text: &str| {
        let digits = text.get(..3.min(text.len()))?;
        let unit = [1000, 100, 10, 1].get(digits.len())?;
        text.bytes().all(|byte| byte.is_ascii_digit()).then_some(digits.parse::<i64>().unwrap_or(0) * unit)
    };
    if let Some(seconds) = text.strip_prefix('@') {
        let (seconds, rest) = seconds.split_once('.').unwrap_or((seconds, ""));
        return Some(seconds.parse::<i64>().ok()?.checked_mul(1000)? + fraction(rest)?);
    }
    let (text, offset) = match text.strip_suffix('Z').or(text.strip_suffix(" UTC")) {
        Some(text) => (text, 0),
        None => (text, i64::from(offset_minutes)),
    };
    if text == "now" {
        return Some(now_ms);
    }
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let number = days(year, month, day);
    if civil(number) != (year, month, day) {
        return None;
    }
    let mut time = time.splitn(3, ':');
    let (hour, minute) = (time.next()?.parse::<i64>().ok()?, time.next()?.parse::<i64>().ok()?);
    let (second, behind) = time.next().map_or(("0", ""), |second| second.split_once('.').unwrap_or((second, "")));
    let second = second.parse::<i64>().ok()?;
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..61).contains(&second) {
        return None;
    }
    Some(((number * 1440 + hour * 60 + minute - offset) * 60 + second) * 1000 + fraction(behind)?)
}

pub(super) fn run(terminal: &Terminal) -> Result<(), Failure> {
    let options = SYNTAX.read(terminal)?;
    let offset = if options.has("u") { 0 } else { terminal.utc_offset_minutes() };
    let mut format = "%a %b %e %H:%M:%S %Z %Y";
    let iso;
    match (options.last_of(&["I", "R"]), options.value("I")) {
        (Some("R"), _) => format = "%a, %d %b %Y %H:%M:%S %z",
        (Some(_), Some(what)) => {
            iso = match what {
                "" | "date" => "%Y-%m-%d",
                "hours" => "%Y-%m-%dT%H%:z",
                "minutes" => "%Y-%m-%dT%H:%M%:z",
                "seconds" => "%Y-%m-%dT%H:%M:%S%:z",
                "ns" => "%Y-%m-%dT%H:%M:%S,%N%:z",
                _ => return Err(SYNTAX.misused(terminal, &["invalid argument '", what, "' for '--iso-8601'"])),
            };
            format = iso;
        }
        _ => {}
    }
    for operand in &options.operands {
        let Some(given) = operand.strip_prefix('+') else {
            terminal.error_line(&["date: invalid date '", operand, "'"].concat());
            return Err(Failure::Exit(1));
        };
        format = given;
    }
    let now_ms = terminal.now().wall_ms;
    let ms = match options.value("d") {
        None => Some(now_ms),
        Some(text) => point(text, now_ms, offset),
    };
    let Some(ms) = ms else {
        terminal.error_line(&["date: invalid date '", options.value("d").unwrap_or_default(), "'"].concat());
        return Err(Failure::Exit(1));
    };
    terminal.line(&Date::new(ms, offset).format(format));
    Ok(())
}
