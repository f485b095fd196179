//! Points in time and durations as Java's tools read and print them.

use super::failure::Exception;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

/// Milliseconds since the epoch as `2026-01-02 03:04:05,678`.
pub(super) fn time_stamp(ms: i64) -> String {
    let (days, of_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (seconds, millis) = (of_day / 1000, of_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02},{millis:03}")
}

/// Milliseconds since the epoch as Java's `Date.toString` shows them in UTC: `Fri Jan 02 03:04:05 UTC 2026`.
pub(super) fn java_date(ms: i64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, seconds) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000) / 1000);
    let (year, month, day) = civil(days);
    let weekday = WEEKDAYS.get(days.rem_euclid(7) as usize).copied().unwrap_or_default();
    let month = MONTHS.get((month - 1) as usize).copied().unwrap_or_default();
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{weekday} {month} {day:02} {hour:02}:{minute:02}:{second:02} UTC {year}")
}

/// A `java.text.SimpleDateFormat`.
pub(super) struct DateFormat(Vec<Part>);

enum Part {
    Text(String),
    /// A pattern letter, and how often it stands there.
    Field(char, usize),
}

/// The letters of patterns; those behind the blank are not shown here.
const LETTERS: &str = "GyYMLdDEuaHkKhmsSzZX wWF";
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

impl DateFormat {
    /// Reads a pattern.
    ///
    /// # Errors
    /// `java.lang.IllegalArgumentException`.
    pub(super) fn new(pattern: &str) -> Result<Self, Exception> {
        let mut parts = Vec::new();
        let mut letters = pattern.chars().peekable();
        while let Some(letter) = letters.next() {
            if letter == '\'' {
                let mut text = String::new();
                loop {
                    match letters.next() {
                        Some('\'') if letters.next_if_eq(&'\'').is_none() => break,
                        Some(other) => text.push(other),
                        None => return Err(Exception::illegal_argument("Unterminated quote")),
                    }
                }
                // Two quotes are one.
                parts.push(Part::Text(if text.is_empty() { "'".into() } else { text }));
            } else if letter.is_ascii_alphabetic() {
                if !LETTERS.contains(letter) {
                    return Err(Exception::illegal_argument(format!("Illegal pattern character '{letter}'")));
                }
                let mut count = 1;
                while letters.next_if_eq(&letter).is_some() {
                    count += 1;
                }
                parts.push(Part::Field(letter, count));
            } else {
                parts.push(Part::Text(letter.into()));
            }
        }
        Ok(Self(parts))
    }

    /// Local milliseconds since the epoch in this pattern.
    pub(super) fn format(&self, ms: i64) -> String {
        let (day_number, of_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
        let (year, month, day) = civil(day_number);
        let (hour, minute, second) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60);
        // 1970-01-01 was a Thursday.
        let weekday = (day_number + 3).rem_euclid(7);
        let mut text = String::new();
        for part in &self.0 {
            let (letter, width) = match part {
                Part::Text(literal) => {
                    text += literal;
                    continue;
                }
                Part::Field(letter, width) => (*letter, *width),
            };
            let name = |names: &[&'static str], at: i64| {
                let name = usize::try_from(at).ok().and_then(|at| names.get(at)).copied().unwrap_or_default();
                if width >= 4 { name } else { name.get(..3).unwrap_or(name) }
            };
            let number = match letter {
                'y' | 'Y' if width == 2 => year.rem_euclid(100),
                'y' | 'Y' => year,
                'M' | 'L' if width >= 3 => {
                    text += name(&MONTHS, month - 1);
                    continue;
                }
                'M' | 'L' => month,
                'd' => day,
                'D' => day_number - days(year, 1, 1) + 1,
                'u' => weekday + 1,
                'H' => hour,
                'k' => (hour + 23) % 24 + 1,
                'K' => hour % 12,
                'h' => (hour + 11) % 12 + 1,
                'm' => minute,
                's' => second,
                'S' => of_day % 1000,
                other => {
                    text += match other {
                        'E' => name(&DAYS, weekday),
                        'a' if hour < 12 => "AM",
                        'a' => "PM",
                        'G' => "AD",
                        'z' => "UTC",
                        'Z' => "+0000",
                        'X' => "Z",
                        _ => "",
                    };
                    continue;
                }
            };
            // A string takes whatever is written to it.
            let _ = write!(text, "{number:0width$}");
        }
        text
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar: 400 years have 146,097 days, and
/// years are counted from March, so that the leap day is the last.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day counted from 1970-01-01 of a date; the other way of [`civil`].
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

/// `YYYY-MM-DDThh:mm:ss.sss`, with `Z` or `+hh:mm` behind it or in UTC, in milliseconds since the epoch (Kafka's
/// `Utils.getDateTime`).
///
/// # Errors
/// `java.text.ParseException`.
pub(super) fn epoch_ms(text: &str) -> Result<i64, Exception> {
    let wrong = |message: String| Exception::new("java.text.ParseException", message);
    let Some((date, time)) = text.split_once('T') else {
        let message = "Error parsing timestamp. It does not contain a 'T' according to ISO8601 format";
        return Err(wrong(message.into()));
    };
    let (time, zone) = match time.rfind(['+', '-', 'Z']) {
        Some(at) => time.split_at(at),
        None => (time, "Z"),
    };
    let parse = || {
        let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
        let (year, month, day) = (date.next()??, date.next()??, date.next()??);
        let mut time = time.splitn(3, ':');
        let (hour, minute) = (time.next()?.parse::<i64>().ok()?, time.next()?.parse::<i64>().ok()?);
        let (second, millis) =
            time.next()?.split_once('.').map(|(second, millis)| (second, millis.get(..3).unwrap_or(millis)))?;
        let ms = ((hour * 60 + minute) * 60 + second.parse::<i64>().ok()?) * 1000 + millis.parse::<i64>().ok()?;
        let offset = match zone.strip_prefix(['+', '-']) {
            None => 0,
            Some(digits) => {
                let (hours, minutes) = match digits.split_once(':') {
                    Some(parts) => parts,
                    None => digits.split_at_checked(2)?,
                };
                let minutes: i64 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
                let all = hours.parse::<i64>().ok()? * 60 + minutes;
                if zone.starts_with('-') { -all } else { all }
            }
        };
        Some(days(year, month, day) * 86_400_000 + ms - offset * 60_000)
    };
    parse().ok_or_else(|| wrong(format!("Unparseable date: \"{text}\"")))
}

/// An ISO 8601 duration such as `P1DT2H3M4.5S`, in milliseconds (`java.time.Duration.parse`).
///
/// # Errors
/// `java.time.format.DateTimeParseException`.
pub(super) fn duration_ms(text: &str) -> Result<i64, Exception> {
    let parse = || {
        let upper = text.to_ascii_uppercase();
        let (sign, rest) = match upper.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, upper.strip_prefix('+').unwrap_or(&upper)),
        };
        let rest = rest.strip_prefix('P')?;
        let (date, time) = rest.split_once('T').map_or((rest, None), |(date, time)| (date, Some(time)));
        let mut total = 0_f64;
        let mut is_empty = true;
        for (part, units) in [(date, &[('D', 86_400_000_f64)][..]), (time.unwrap_or_default(), &TIME_UNITS[..])] {
            let mut rest = part;
            let mut units = units.iter();
            while !rest.is_empty() {
                let end = rest.find(|letter: char| letter.is_ascii_alphabetic())?;
                let (number, behind) = rest.split_at(end);
                let unit = behind.chars().next()?;
                let (_, ms) = units.find(|(letter, _)| *letter == unit)?;
                total += number.parse::<f64>().ok()? * ms;
                rest = behind.get(1..)?;
                is_empty = false;
            }
        }
        let is_cut = time.is_some_and(str::is_empty);
        (!is_empty && !is_cut).then_some(sign * total as i64)
    };
    let wrong = || Exception::new("java.time.format.DateTimeParseException", "Text cannot be parsed to a Duration");
    parse().ok_or_else(wrong)
}

/// Units behind the `T`, in their order.
const TIME_UNITS: [(char, f64); 3] = [('H', 3_600_000_f64), ('M', 60_000_f64), ('S', 1000_f64)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_are_read_and_printed() {
        for (text, ms) in [
            ("1970-01-01T00:00:00.000", 0),
            ("2000-02-29T12:34:56.789", 951_827_696_789),
            ("2026-11-26T00:00:00.000+09:00", 1_795_618_800_000),
            ("2026-11-26T00:00:00.000Z", 1_795_651_200_000),
            ("1969-12-31T23:59:59.999", -1),
        ] {
            assert_eq!(epoch_ms(text).ok(), Some(ms), "{text}");
        }
        assert_eq!(time_stamp(951_827_696_789), "2000-02-29 12:34:56,789");
        assert_eq!(java_date(951_827_696_789), "Tue Feb 29 12:34:56 UTC 2000");
        assert_eq!(java_date(-1), "Wed Dec 31 23:59:59 UTC 1969");
        for text in ["yesterday", "2026-11T1", "T", "2026-13-x1T00:00:00.000", "2026-01-01T00:00"] {
            assert!(epoch_ms(text).is_err(), "{text}");
        }
    }

    #[test]
    fn patterns_are_those_of_simple_date_format() {
        // 2026-11-27 03:11:01.242, a Friday.
        let ms = 1_795_749_061_242;
        for (pattern, text) in [
            ("yyyy-MM-dd HH:mm:ss:SSS", "2026-11-27 03:11:01:242"),
            ("yyyy.MM.dd 'at' HH", "2026.11.27 at 03"),
            ("EEE, d MMM yy h:mm a", "Fri, 27 Nov 26 3:11 AM"),
            ("EEEE ''D' o''clock'", "Friday '331 o'clock"),
        ] {
            assert_eq!(DateFormat::new(pattern).map(|format| format.format(ms)).unwrap(), text, "{pattern}");
        }
        for (pattern, message) in [("bogus", "Illegal pattern character 'b'"), ("'open", "Unterminated quote")] {
            assert_eq!(DateFormat::new(pattern).err().map(|error| error.message).as_deref(), Some(message));
        }
    }

    #[test]
    fn durations_are_read() {
        for (text, ms) in [
            ("P1D", 86_400_000),
            ("PT1H2M3S", 3_723_000),
            ("P1DT0.5S", 86_400_500),
            ("-PT1S", -1000),
            ("pt90m", 5_400_000),
        ] {
            assert_eq!(duration_ms(text).ok(), Some(ms), "{text}");
        }
        for text in ["", "P", "PT", "1day", "P1H", "PT1D", "P1DT", "PT1M1H"] {
            assert!(duration_ms(text).is_err(), "{text}");
        }
    }
}
