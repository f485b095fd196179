//! Patterns for names of files: `*`, `?` and `[…]`.

/// The whole name is like the pattern.
pub(super) fn matches(pattern: &str, name: &str, ignores_case: bool) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    // Where the last star was, to let it stand for one more character.
    let mut star: Option<(&str, &str)> = None;
    loop {
        let mut behind = name.chars();
        let next = behind.next();
        if let Some(rest) = pattern.strip_prefix('*') {
            pattern = rest;
            star = Some((rest, name));
            continue;
        }
        if next.is_none() && pattern.is_empty() {
            return true;
        }
        if let Some(rest) = next.and_then(|c| one(pattern, c, ignores_case)) {
            pattern = rest;
            name = behind.as_str();
            continue;
        }
        let Some((after, from)) = star else { return false };
        let mut longer = from.chars();
        if longer.next().is_none() {
            return false;
        }
        pattern = after;
        name = longer.as_str();
        star = Some((after, name));
    }
}

/// What is left of the pattern where it begins with something that is this character.
fn one(pattern: &str, c: char, ignores_case: bool) -> Option<&str> {
    let same = |one: char, other: char| one == other || (ignores_case && one.eq_ignore_ascii_case(&other));
    let mut rest = pattern.chars();
    match rest.next()? {
        '?' => Some(rest.as_str()),
        '[' => match set(rest.as_str(), c, ignores_case) {
            Some((is_member, behind)) => is_member.then_some(behind),
            None => same('[', c).then_some(rest.as_str()),
        },
        '\\' => {
            let escaped = rest.next()?;
            same(escaped, c).then_some(rest.as_str())
        }
        plain => same(plain, c).then_some(rest.as_str()),
    }
}

/// Behind `[`: whether the character is in the set, and what follows the set; nothing where it does not end.
fn set(pattern: &str, c: char, ignores_case: bool) -> Option<(bool, &str)> {
    let body = pattern.strip_prefix(['!', '^']);
    let is_negated = body.is_some();
    let mut rest = body.unwrap_or(pattern);
    let mut is_member = false;
    let mut is_first = true;
    loop {
        let mut chars = rest.chars();
        let from = chars.next()?;
        if from == ']' && !is_first {
            return Some((is_member != is_negated, chars.as_str()));
        }
        is_first = false;
        let mut to = from;
        if let Some(after) = chars.as_str().strip_prefix('-')
            && !after.starts_with(']')
        {
            chars = after.chars();
            to = chars.next()?;
        }
        let within = |c: char| (from..=to).contains(&c);
        is_member |= within(c) || (ignores_case && (within(c.to_ascii_lowercase()) || within(c.to_ascii_uppercase())));
        rest = chars.as_str();
    }
}
