//! Cuts masked Rust into tokens, and finds functions and inline modules among them.

use super::mask::LITERAL;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

impl Token {
    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    pub(super) fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// Words, `::`, runs of literal, and every other character by itself.
pub(super) fn cut(masked: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (line, text) in (1..).zip(masked.lines()) {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                c if c.is_alphanumeric() || c == '_' => word(rest),
                LITERAL => rest.find(|c| c != LITERAL).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                c => c.len_utf8(),
            };
            let (token, after) = rest.split_at(length);
            tokens.push(Token { text: token.to_owned(), line });
            rest = after.trim_start();
        }
    }
    tokens
}

fn word(rest: &str) -> usize {
    rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
}

/// The index of the bracket that closes the one at `open`.
pub(super) fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// A function with a body.
pub(super) struct Function {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) is_async: bool,
    /// Lines between its braces that hold more than a comment.
    pub(super) body_lines: usize,
    /// Its braces, as indices.
    open: usize,
    close: usize,
}

impl Function {
    pub(super) fn contains(&self, at: usize) -> bool {
        self.open < at && at < self.close
    }
}

pub(super) fn functions(tokens: &[Token]) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        let [keyword, name] = pair else { continue };
        if keyword.is("fn")
            && name.is_word()
            && let Some((open, close)) = body(tokens, at)
        {
            found.push(Function {
                name: name.text.clone(),
                line: name.line,
                is_async: is_async(tokens, at),
                body_lines: lines(tokens.get(open + 1..close).unwrap_or_default()),
                open,
                close,
            });
        }
    }
    found
}

/// The braces of the function whose `fn` is at `start`; none if it is only declared.
fn body(tokens: &[Token], start: usize) -> Option<(usize, usize)> {
    let mut at = start;
    loop {
        match tokens.get(at)?.text.as_str() {
            "(" | "[" => at = closing(tokens, at)?,
            "{" => return Some((at, closing(tokens, at)?)),
            ";" => return None,
            _ => {}
        }
        at += 1;
    }
}

/// `async` stands directly before `fn`, or with `unsafe` between them.
fn is_async(tokens: &[Token], at: usize) -> bool {
    let before = tokens.get(at.saturating_sub(2)..at).unwrap_or_default();
    matches!(before, [.., token] if token.is("async"))
        || matches!(before, [first, second] if first.is("async") && second.is("unsafe"))
}

fn lines(tokens: &[Token]) -> usize {
    let mut lines: Vec<usize> = tokens.iter().map(|token| token.line).collect();
    lines.dedup();
    lines.len()
}

/// `mod name { … }`, as indices of its braces.
pub(super) struct InlineModule {
    pub(super) name: String,
    pub(super) open: usize,
    pub(super) close: usize,
    /// Whether `#[cfg(test)]` stands before it.
    pub(super) is_test: bool,
}

impl InlineModule {
    pub(super) fn contains(&self, at: usize) -> bool {
        self.open < at && at < self.close
    }
}

pub(super) fn inline_modules(tokens: &[Token]) -> Vec<InlineModule> {
    let mut found = Vec::new();
    for (at, three) in tokens.windows(3).enumerate() {
        let [keyword, name, brace] = three else { continue };
        if keyword.is("mod")
            && brace.is("{")
            && let Some(close) = closing(tokens, at + 2)
        {
            let is_test =
                ends_with(tokens.get(..at).unwrap_or_default(), &["[", "cfg", "(", "test", ")", "]"]);
            found.push(InlineModule { name: name.text.clone(), open: at + 2, close, is_test });
        }
    }
    found
}

fn ends_with(tokens: &[Token], end: &[&str]) -> bool {
    let start = tokens.len().saturating_sub(end.len());
    tokens.iter().skip(start).map(|token| token.text.as_str()).eq(end.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::{super::mask::mask, cut, functions, inline_modules};

    #[test]
    fn functions_are_found_with_their_length() {
        let text = "trait T { fn declared(a: [u8; 2]); }\n\
                    pub async fn long<'a>(f: fn(u8)) -> [u8; 2] {\n    // why\n    one(\"{\");\n\n    two()\n}\n\
                    fn short() { one() }";
        let found = functions(&cut(&mask(text)));
        let found: Vec<_> =
            found.iter().map(|f| (f.name.as_str(), f.line, f.is_async, f.body_lines)).collect();
        assert_eq!(found, [("long", 2, true, 2), ("short", 8, false, 1)]);
    }

    #[test]
    fn lines_of_a_long_string_count() {
        let found = functions(&cut(&mask("fn f() {\n    \"select\n    1\"\n}")));
        assert_eq!(found[0].body_lines, 2);
    }

    #[test]
    fn inline_modules_know_whether_they_are_tests() {
        let found = inline_modules(&cut("mod a { mod b { } }\n#[cfg(test)]\nmod tests { }\nmod c;"));
        let found: Vec<_> = found.iter().map(|m| (m.name.as_str(), m.is_test)).collect();
        assert_eq!(found, [("a", false), ("b", false), ("tests", true)]);
    }
}
