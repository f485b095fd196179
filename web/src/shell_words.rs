//! A line as a shell reads it: blanks part words, quotes keep them.

/// The words of a line. What a quote that is not closed begins goes to the end.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = line.chars().peekable();
    while let Some(one) = rest.next() {
        match (one, quote) {
            (close, Some(open)) if close == open => quote = None,
            ('\\', Some('"')) => {
                // Within double quotes it is special before them and before itself only.
                let escaped = rest.next_if(|next| matches!(next, '"' | '\\'));
                word.get_or_insert_default().push(escaped.unwrap_or('\\'));
            }
            ('"' | '\'', None) => {
                quote = Some(one);
                // Nothing in quotes is a word too.
                word.get_or_insert_default();
            }
            ('\\', None) => word.get_or_insert_default().extend(rest.next()),
            (blank, None) if blank.is_whitespace() => words.extend(word.take()),
            (any, _) => word.get_or_insert_default().push(any),
        }
    }
    words.extend(word);
    words
}

/// A word as it must stand in a line to be read as that word again.
pub fn quoted(word: &str) -> String {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "-_=+.,:/@%".contains(one);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_part_words_and_quotes_keep_them() {
        let cases: [(&str, &[&str]); 10] = [
            ("", &[]),
            ("  a=1   b=2 ", &["a=1", "b=2"]),
            (r#"key="a b" c=d"#, &["key=a b", "c=d"]),
            (r#""key=a b""#, &["key=a b"]),
            ("key='a \"b\"'", &["key=a \"b\""]),
            (r#"key="a \"b\" \c \\""#, &[r#"key=a "b" \c \"#]),
            (r"a\ b \'", &["a b", "'"]),
            (r#"key="" ''"#, &["key=", ""]),
            (r#"key="a b c=d"#, &["key=a b c=d"]),
            ("a\\", &["a"]),
        ];
        for (line, expected) in cases {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn a_quoted_word_is_read_as_it_was() {
        for word in ["plain=1,2", "a b", "", "it's", "$HOME `x` \"y\" \\", "한글 값", "*"] {
            let line = format!("before {} after", quoted(word));
            assert_eq!(words(&line), ["before", word, "after"], "{line}");
        }
        assert_eq!(quoted("retention.ms=600000"), "retention.ms=600000");
    }
}
