use super::{Parser, SyntaxError};
use crate::rng::Rng;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What reading all of a text ends with: the number of lists, or why not.
fn read(text: &str, may_go_on: bool) -> Result<usize, SyntaxError> {
    let mut parser = Parser::new(text, may_go_on, None);
    let mut count = 0;
    while parser.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[test]
fn whole_commands_are_understood() {
    for text in [
        "",
        "# a comment",
        "echo a",
        "echo a#b # comment",
        "A=1 B='x y' env",
        "a && b || c; d & e",
        "a | b |& c",
        "! a",
        "if a; then b; elif c; then d; else e; fi",
        "if a\nthen\nb\nfi",
        "while a; do b; done",
        "until a; do b; done < f > g",
        "for x in a b c; do echo $x; done",
        "for x; do echo $x; done",
        "for ((i = 0; i < 3; i++)); do echo $i; done",
        "case $x in a|b) c ;; (d) ;; *) e; esac",
        "case $x in\na)\n b\n ;;\nesac",
        "f() { a; }",
        "f () { a\n}\nf",
        "function g { a; }",
        "{ a; b; } > f",
        "( a; b )",
        "(a)",
        "(( i++ ))",
        "(( a ) )",
        "[[ -f x && ( $a == b* || ! $c =~ ^(a|b)$ ) ]]",
        "echo $(a $(b) `c \\`d\\``)",
        "echo $((1 + (2 * 3)))",
        "echo \"a $(b \"c\") ${d:-\"e\"} \\\" $\"",
        "echo ${a:-b c} ${#a} ${a##*/} ${a%%.*} ${a/b/c} ${a//b} ${a:1:2} ${a^^} ${!a} ${a[1]} ${a[@]}",
        "cat <<EOF\na $b\nEOF\necho b",
        "cat <<'EOF' | b\na $b\nEOF",
        "cat <<-EOF\n\ta\n\tEOF",
        "a <<X <<Y\nx\nX\ny\nY\nb",
        "x=$(cat <<EOF\na\nEOF\n)",
        "a 2>&1 >f 2>>g &>h <i <<<j 3>&1 >&2",
        "echo a \\\n b",
        "arr=(a b\nc)",
        "time a",
        "!",
        "echo {a,b} }",
        "echo if then fi",
    ] {
        assert!(read(text, true).is_ok(), "{text}: {:?}", read(text, true));
    }
}

#[test]
fn incomplete_commands_want_more_lines() {
    for text in [
        "echo \\",
        "echo 'a",
        "echo \"a",
        "echo `a",
        "echo $(a",
        "echo $((1",
        "echo ${a",
        "if a",
        "if a; then",
        "if a; then b",
        "if a; then b; else",
        "while a; do",
        "for x in a",
        "for x in a; do b",
        "case x in",
        "case x in a)",
        "case x in a) b ;;",
        "{ a",
        "( a",
        "f() {",
        "f()",
        "a |",
        "a &&",
        "a ||",
        "cat <<EOF",
        "cat <<EOF\na",
        "[[ a",
        "[[ -f x &&",
        "arr=(a",
    ] {
        assert!(matches!(read(text, true), Err(SyntaxError::Incomplete(_))), "{text}: {:?}", read(text, true));
    }
}

#[test]
fn what_is_not_expected_is_named_as_bash_names_it() {
    for (text, token) in [
        ("fi", "fi"),
        ("done", "done"),
        ("a; then", "then"),
        (")", ")"),
        ("a )", ")"),
        ("| a", "|"),
        ("a | | b", "|"),
        ("a && && b", "&&"),
        ("a ;; b", ";;"),
        ("; a", ";"),
        ("& a", "&"),
        ("if a; b; fi", "fi"),
        ("if ; then a; fi", ";"),
        ("while a; done", "done"),
        ("for x in a; b; done", "b"),
        ("for x in a; do done", "done"),
        ("if a; then fi", "fi"),
        ("{ }", "}"),
        ("()", ")"),
        ("echo a (b)", "("),
        ("a > ", "newline"),
        ("a > \nb", "newline"),
        ("a < | b", "|"),
        ("if a; then b; fi c", "c"),
        ("a && fi", "fi"),
        ("f() a", "a"),
        ("case x in a b) c;; esac", "b"),
    ] {
        assert_eq!(read(text, false), Err(SyntaxError::Token(token.to_string())), "{text}");
    }
}

#[test]
fn whatever_is_read_ends_without_a_panic() {
    const PIECES: [&str; 60] = [
        "if ", "then ", "fi", "while ", "do ", "done", "for ", "in ", "case ", "esac", "{ ", "}", "(", ")", "((", "))",
        "[[ ", " ]]", "$(", "$((", "${", "`", "'", "\"", "\\", "<<", "<<-", "<<<", "<", ">", ">>", "&>", ">&", "&",
        "&&", "|", "||", ";", ";;", "\n", " ", "#", "$", "a", "EOF", "x=", "=", "*", "?", "[", "]", "!", ",", "..",
        "1", "é", "\t", ":-", "%", "/",
    ];
    let seed = 0x5eed_u64;
    let mut rng = Rng::new(seed);
    for round in 0..20_000 {
        let mut text = String::new();
        for _ in 0..rng.below(40) {
            if rng.below(12) == 0 {
                let letters: Vec<char> =
                    (0..rng.below(4)).filter_map(|_| char::from_u32(rng.below(0x250) as u32)).collect();
                text.extend(letters);
            } else {
                text.push_str(PIECES[rng.below(PIECES.len() as u64) as usize]);
            }
        }
        for may_go_on in [false, true] {
            let _any = read(&text, may_go_on);
        }
        if round % 10 == 0 {
            for nested in ["$((", "((", "$(", "`", "( ", "{ ", "\"$(", "${a:-", "if ", "! "] {
                let _any = read(&(nested.repeat(200) + &text), true);
            }
        }
    }
}
