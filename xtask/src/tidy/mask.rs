//! Blanks out comments, and the inside of strings, of a Rust source.

/// What stands for each character of a string or character literal.
pub(super) const LITERAL: char = '"';

/// The same text, line for line, with comments as blanks and literals as quotation marks.
pub(super) fn mask(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut masked = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = chars.as_slice();
    while let Some((&first, after)) = rest.split_first() {
        let (length, stands_for) = hidden(rest, before);
        before = first;
        if length == 0 {
            masked.push(first);
            rest = after;
        } else {
            let (inside, after) = rest.split_at(length.min(rest.len()));
            masked.extend(inside.iter().map(|&c| if c == '\n' { c } else { stands_for }));
            rest = after;
        }
    }
    masked
}

/// How many characters here are a comment or a literal, and what to write in their place.
fn hidden(rest: &[char], before: char) -> (usize, char) {
    let starts_word = !(before.is_alphanumeric() || before == '_');
    match rest {
        ['/', '/', ..] => (rest.iter().take_while(|&&c| c != '\n').count(), ' '),
        ['/', '*', ..] => (block_comment(rest), ' '),
        ['"', ..] => (quoted(rest), LITERAL),
        ['b' | 'c', 'r', raw @ ..] if starts_word => (raw_string(raw).map_or(0, |n| n + 2), LITERAL),
        ['r', raw @ ..] if starts_word => (raw_string(raw).map_or(0, |n| n + 1), LITERAL),
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => (quoted(rest), LITERAL),
        _ => (0, ' '),
    }
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut length) = (0, 0);
    while let Some(at) = rest.get(length..) {
        match at {
            ['/', '*', ..] => (depth, length) = (depth + 1, length + 2),
            ['*', '/', ..] => (depth, length) = (depth - 1, length + 2),
            [_, ..] => length += 1,
            [] => break,
        }
        if depth == 0 {
            break;
        }
    }
    length
}

/// From the opening quotation mark to its like, past escaped ones.
fn quoted(rest: &[char]) -> usize {
    let mut length = 1;
    while let Some(c) = rest.get(length) {
        length += match c {
            '\\' => 2,
            _ if Some(c) == rest.first() => return length + 1,
            _ => 1,
        };
    }
    length
}

/// From the first `#` or `"` of a raw string; `None` for a raw identifier and for any other word with an r.
fn raw_string(rest: &[char]) -> Option<usize> {
    let hashes = rest.iter().take_while(|&&c| c == '#').count();
    let body = rest.get(hashes..).filter(|body| body.first() == Some(&'"'))?;
    let closes = |at: &[char]| at.first() == Some(&'"') && at.iter().skip(1).take(hashes).all(|&c| c == '#');
    let length = (1..body.len()).find(|&at| body.get(at..).is_some_and(closes))?;
    Some(hashes + length + 1 + hashes)
}

#[cfg(test)]
mod tests {
    use super::mask;

    fn check(text: &str, masked: &str) {
        assert_eq!(mask(text), masked);
    }

    #[test]
    fn comments_become_blanks() {
        check("a // sqlx\nb", "a        \nb");
        check("a /* x /* y */ z */ b", "a                   b");
        check("a /* x\n */ b", "a     \n    b");
    }

    #[test]
    fn literals_become_quotation_marks() {
        check("f(\"a\\\"{\") {", "f(\"\"\"\"\"\") {");
        check("r#\"a\"b\"# }", "\"\"\"\"\"\"\"\" }");
        check("br\"{\" }", "\"\"\"\"\" }");
        check("'{' '\\'' b", "\"\"\" \"\"\"\" b");
    }

    #[test]
    fn lifetimes_and_raw_identifiers_stay() {
        check("fn f<'a>(r#type: &'a str)", "fn f<'a>(r#type: &'a str)");
        check("bar(for_r)", "bar(for_r)");
    }
}
