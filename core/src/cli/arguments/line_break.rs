//! Where Java's `BreakIterator.getLineInstance()` lets a line end: the help of all tools is cut there.

use alloc::vec::Vec;

/// Cuts a text into pieces behind each of which a line may end. Blanks belong to the piece before them.
///
/// A piece is what clings to a word from the left, a word or a number, what clings to it from the right, and the blanks
/// behind, as long as can be. Apostrophes and dollar signs hold what stands on their two sides together.
pub(in crate::cli) fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at_checked(piece_length(rest)).unwrap_or((rest, ""));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

fn piece_length(text: &str) -> usize {
    let mut end = word(text, 0);
    while byte(text, end).is_some_and(is_glue) {
        end = word(text, end + 1);
    }
    let end = run(text, end, |byte| byte == b' ');
    let is_call = text.get(end..).is_some_and(|rest| rest.starts_with("()"));
    let end = if is_call { run(text, end + 1, is_behind_word) } else { end };
    let end = if byte(text, end) == Some(b'\n') { end + 1 } else { end };
    // What no rule knows is a piece of its own.
    end.max(text.chars().next().map_or(1, char::len_utf8))
}

/// The end of a word with all that clings to it.
fn word(text: &str, from: usize) -> usize {
    let leading = run(text, from, is_before_word);
    let word = with_suffix(text, run(text, leading, is_in_word));
    number(text, from).map_or(word, |end| word.max(with_suffix(text, end)))
}

/// The end of a number that begins here: signs, digits, and periods or commas between digits.
fn number(text: &str, from: usize) -> Option<usize> {
    let signs = run(text, from, |byte| is_before_word(byte) || byte == b'-');
    let mut end = run(text, signs, |byte| byte.is_ascii_digit());
    if end == signs {
        return None;
    }
    while matches!(byte(text, end), Some(b'.' | b',')) {
        let further = run(text, end + 1, |byte| byte.is_ascii_digit());
        if further == end + 1 {
            break;
        }
        end = further;
    }
    Some(end)
}

/// Hyphens or closing marks that follow a word.
fn with_suffix(text: &str, at: usize) -> usize {
    run(text, at, |byte| byte == b'-').max(run(text, at, is_behind_word))
}

fn byte(text: &str, at: usize) -> Option<u8> {
    text.as_bytes().get(at).copied()
}

fn run(text: &str, from: usize, belongs: impl Fn(u8) -> bool) -> usize {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| belongs(**byte)).count()
}

const fn is_glue(byte: u8) -> bool {
    matches!(byte, b'$' | b'\'')
}

const fn is_before_word(byte: u8) -> bool {
    matches!(byte, b'(' | b'[' | b'{' | b'"')
}

const fn is_behind_word(byte: u8) -> bool {
    matches!(byte, b'!' | b'%' | b')' | b':' | b';' | b'?' | b']' | b'}' | b'.' | b',' | b'"')
}

const fn is_in_word(byte: u8) -> bool {
    !is_before_word(byte) && !is_behind_word(byte) && !is_glue(byte) && !matches!(byte, b' ' | b'\t' | b'\n' | b'-')
}

#[cfg(test)]
mod tests {
    use super::pieces;
    use alloc::vec::Vec;

    /// Each was cut by Java; `|` marks where.
    const CUT_BY_JAVA: &str = "\
        kafka-|cluster: |error: |invalid |choice: |'cluster-|name' |(choose |from |'cluster-|id')\n\
        one |of |the |arguments |--|bootstrap-|server/-|b |--|bootstrap-|controller/-|C |is |required\n\
        could |not |convert |'nine' |to |Integer |(For |input |string: |\"nine\")\n\
        For |example: |`metadata.|version=5`. |The |default |is |4.3-|IV0; |a-|1 |-1|a |1.5,3|x |a|(b)|c |\"q\"|d |$5 |5% |x'y\n\
        (DEPRECATED)|(again) |a--|b |- |- |c  |d:|e |1:|2 |[a]|{b}|<c>/d\\e\n\
        2024-|11-|27 |host:|9092,|other:|9093 |--|x=-|1 |end.";

    #[test]
    fn lines_end_where_java_lets_them_end() {
        for line in CUT_BY_JAVA.lines() {
            let expected: Vec<&str> = line.split('|').collect();
            assert_eq!(pieces(&line.replace('|', "")), expected, "{line}");
        }
    }
}
