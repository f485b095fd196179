//! Which topics a tool means: a regular expression of a whole name, or several with commas between.

use super::failure::Exception;
use alloc::format;
use alloc::string::String;
use regex_lite::Regex;

/// See the module; Kafka's `IncludeList`.
pub(super) struct TopicFilter(Regex);

impl TopicFilter {
    /// Reads the text of an option.
    ///
    /// # Errors
    /// It is no regular expression.
    pub(super) fn new(text: &str) -> Result<Self, Exception> {
        let mut pattern = String::from(text.trim());
        pattern.retain(|letter| letter != ' ');
        let pattern = pattern.trim_matches(['"', '\'']).replace(',', "|");
        Regex::new(&format!("^(?:{pattern})$"))
            .map(Self)
            .map_err(|_| Exception::new("java.lang.RuntimeException", format!("{pattern} is an invalid regex.")))
    }

    /// Reads a regular expression, as `java.util.regex.Pattern` does.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn of_pattern(text: &str) -> Result<Self, Exception> {
        Regex::new(&format!("^(?:{text})$")).map(Self).map_err(|_| {
            let opened = |open, close| text.matches(open).count() > text.matches(close).count();
            let (what, at) = match () {
                () if opened('(', ')') => ("Unclosed group", text.len()),
                () if opened('[', ']') => ("Unclosed character class", text.len().saturating_sub(1)),
                () => ("Dangling meta character", 0),
            };
            Exception::new("java.util.regex.PatternSyntaxException", format!("{what} near index {at}\n{text}"))
        })
    }

    /// The name is one that is meant.
    pub(super) fn is_match(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}
