//! A floating point number of a configuration, in decimal: it is read, compared with bounds and printed, and never computed with.
//! The conversions of `f64` would be 20 KB of every visitor's wasm.

use alloc::format;
use alloc::string::{String, ToString};
use core::cmp::Ordering;
use core::fmt::{self, Display, Formatter};

/// A number as Java's `Double` reads and prints it. Digits beyond the seventeenth say nothing there, and are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Double {
    /// `NaN`, which lies within no bounds.
    NotANumber,
    /// `Infinity`, or a number beyond Java's largest.
    Infinite {
        /// Below all numbers.
        is_negative: bool,
    },
    /// `0.digits * 10^point`; digits neither begin nor end with 0, but for those of zero.
    Finite {
        /// Below zero, or Java's `-0.0`.
        is_negative: bool,
        /// At most 17 of them.
        digits: u64,
        /// Places of the point behind the first digit's left.
        point: i32,
    },
}

/// Digits that tell every `double` from its neighbours.
const DIGITS: usize = 17;
/// The first number that is infinite has its point there; the first that is zero has it below the other.
const LARGEST_POINT: i32 = 309;
const SMALLEST_POINT: i32 = -323;

impl Double {
    /// As `Double.parseDouble` reads a number that is not hexadecimal; nothing where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        match unsigned {
            "NaN" => return Some(Self::NotANumber),
            "Infinity" => return Some(Self::Infinite { is_negative }),
            _ => {}
        }
        let number = unsigned.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(unsigned);
        let (mantissa, exponent) = match number.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (number, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let significant = all.trim_start_matches('0');
        let zeros = all.len() - significant.len();
        let kept = significant.get(..DIGITS.min(significant.len())).unwrap_or_default().trim_end_matches('0');
        let digits = kept.parse().unwrap_or(0);
        let point = (whole.len() as i32 - zeros as i32).saturating_add(exponent);
        Some(match point {
            _ if digits == 0 => Self::Finite { is_negative, digits, point: 1 },
            ..SMALLEST_POINT => Self::Finite { is_negative, digits: 0, point: 1 },
            LARGEST_POINT.. if point > LARGEST_POINT || kept > "17976931348623157" => Self::Infinite { is_negative },
            _ => Self::Finite { is_negative, digits, point },
        })
    }

    /// The whole part of it times `10^places`, at least 0 and at most the largest there is.
    pub fn scaled(self, places: i32) -> u64 {
        match self {
            Self::Infinite { is_negative: false } => u64::MAX,
            Self::Finite { is_negative: false, digits, point } => {
                let length = digits.checked_ilog10().map_or(1, |log| log as i32 + 1);
                let exponent = point.saturating_sub(length).saturating_add(places);
                let power = 10_u64.checked_pow(exponent.unsigned_abs());
                if exponent < 0 {
                    power.map_or(0, |power| digits / power)
                } else if digits == 0 {
                    0
                } else {
                    power.map_or(u64::MAX, |power| digits.saturating_mul(power))
                }
            }
            Self::NotANumber | Self::Infinite { .. } | Self::Finite { .. } => 0,
        }
    }
}

impl PartialOrd for Double {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        // Sign, then size: infinity has the largest point, zero the smallest.
        let rank = |number: &Self| match *number {
            Self::NotANumber => None,
            Self::Infinite { is_negative } => Some((is_negative, i32::MAX, String::new())),
            Self::Finite { digits: 0, .. } => Some((false, i32::MIN, String::new())),
            Self::Finite { is_negative, digits, point } => Some((is_negative, point, digits.to_string())),
        };
        let ((own_sign, own_point, own_digits), (sign, point, digits)) = (rank(self)?, rank(other)?);
        // Digits behind the point are compared as texts are.
        let by_size = own_point.cmp(&point).then(own_digits.cmp(&digits));
        Some(match (own_sign, sign) {
            (false, false) => by_size,
            (true, true) => by_size.reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        })
    }
}

/// As `Double.toString`.
impl Display for Double {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let (is_negative, digits, point) = match *self {
            Self::NotANumber => return formatter.write_str("NaN"),
            Self::Infinite { is_negative } => {
                return formatter.write_str(if is_negative { "-Infinity" } else { "Infinity" });
            }
            Self::Finite { is_negative, digits, point } => (is_negative, digits.to_string(), point),
        };
        if is_negative {
            formatter.write_str("-")?;
        }
        let with_zero = |fraction: &str| if fraction.is_empty() { String::from("0") } else { String::from(fraction) };
        match point {
            -2..=0 => write!(formatter, "0.{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
            1..=7 => {
                let whole = format!("{digits:0<width$}", width = point as usize);
                let (whole, fraction) = whole.split_at_checked(point as usize).unwrap_or((&whole, ""));
                write!(formatter, "{whole}.{}", with_zero(fraction))
            }
            _ => {
                let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
                write!(formatter, "{first}.{}E{}", with_zero(rest), point - 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Double;
    use crate::rng::Rng;
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn numbers_are_read_and_printed_as_java_does() {
        for (text, printed) in [
            ("0.5", "0.5"),
            (".5", "0.5"),
            ("5.", "5.0"),
            ("0.50", "0.5"),
            ("2", "2.0"),
            ("-1", "-1.0"),
            ("+1.25", "1.25"),
            ("0", "0.0"),
            ("-0.0", "-0.0"),
            ("0.001", "0.001"),
            ("0.0009", "9.0E-4"),
            ("1234567.5", "1234567.5"),
            ("12345678", "1.2345678E7"),
            ("1e3", "1000.0"),
            ("1.5E10", "1.5E10"),
            ("1d", "1.0"),
            ("100f", "100.0"),
            ("1.7976931348623157E308", "1.7976931348623157E308"),
            ("1e309", "Infinity"),
            ("-1e400", "-Infinity"),
            ("1e-400", "0.0"),
            ("NaN", "NaN"),
            ("-Infinity", "-Infinity"),
        ] {
            assert_eq!(Double::parse(text).map(|number| number.to_string()).as_deref(), Some(printed), "{text}");
        }
        for text in ["", ".", "x", "1,5", "1e", "e5", "0x10", "1 2", "--1", "1.2.3"] {
            assert_eq!(Double::parse(text), None, "{text}");
        }
    }

    #[test]
    fn whole_parts_are_scaled_and_stay_within_bounds() {
        for (text, places, expected) in [
            ("0.5", 6, 500_000),
            ("1", 6, 1_000_000),
            ("0.0000004", 6, 0),
            ("123456.789", 0, 123_456),
            ("0", 18, 0),
            ("-3", 2, 0),
            ("1e300", 0, u64::MAX),
            ("1e-300", 6, 0),
            ("Infinity", 0, u64::MAX),
            ("NaN", 0, 0),
        ] {
            assert_eq!(Double::parse(text).map(|number| number.scaled(places)), Some(expected), "{text}");
        }
    }

    #[test]
    fn order_is_that_of_the_numbers() {
        let mut rng = Rng::new(1);
        let mut number = || {
            let sign = if rng.below(2) == 0 { "-" } else { "" };
            format!("{sign}{}.{}e{}", rng.below(20), rng.below(1000), rng.below(6) as i64 - 3)
        };
        for _ in 0..2000 {
            let (one, other) = (number(), number());
            let expected = one.parse::<f64>().ok().partial_cmp(&other.parse::<f64>().ok());
            assert_eq!(Double::parse(&one).partial_cmp(&Double::parse(&other)), expected, "{one} {other}");
        }
        assert_eq!(Double::parse("NaN").and_then(|it| it.partial_cmp(&Double::parse("1")?)), None);
    }
}
