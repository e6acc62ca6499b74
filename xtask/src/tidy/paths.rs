//! Finds the paths that a Rust source names, in `use` trees and in the middle of code.

use super::{
    Source,
    tokens::{Token, inline_modules},
};

/// A path of at least two names, as written: `use a::{b, c::d};` gives `a::b` and `a::c::d`.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
    /// The index of its first token.
    pub(super) at: usize,
}

pub(super) fn named(tokens: &[Token]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let start = at;
        if token.is_word() && tokens.get(at + 1).is_some_and(|next| next.is("::")) {
            at = tree(tokens, at, &mut Vec::new(), &mut found);
        }
        at = at.max(start + 1);
    }
    found
}

/// Reads one branch of a `use` tree and returns the index behind it.
fn tree(tokens: &[Token], mut at: usize, prefix: &mut Vec<String>, found: &mut Vec<Named>) -> usize {
    let (depth, start) = (prefix.len(), at);
    let mut leaf = true;
    while let Some(token) = tokens.get(at) {
        if token.is("{") {
            at = group(tokens, at + 1, prefix, found);
            leaf = false;
            break;
        }
        if !token.is_word() && !token.is("*") {
            break;
        }
        prefix.push(token.text.clone());
        at += 1;
        if !tokens.get(at).is_some_and(|next| next.is("::")) {
            break;
        }
        at += 1;
    }
    if leaf && let Some(token) = tokens.get(start) {
        found.push(Named { segments: prefix.clone(), line: token.line, at: start });
    }
    prefix.truncate(depth);
    at
}

fn group(tokens: &[Token], mut at: usize, prefix: &mut Vec<String>, found: &mut Vec<Named>) -> usize {
    while let Some(token) = tokens.get(at) {
        let start = at;
        if token.is("}") {
            return at + 1;
        }
        if token.is_word() || token.is("*") {
            at = tree(tokens, at, prefix, found);
        }
        if tokens.get(at).is_some_and(|next| next.is("as")) {
            at += 2;
        }
        at = at.max(start + 1);
    }
    at
}

/// The same paths with `crate`, `self` and `super` worked out: `super::store` in `people/tokens/api.rs` is
/// `people::tokens::store`. Paths into other crates are left out.
pub(super) fn within_crate(source: &Source) -> Vec<Named> {
    let modules = inline_modules(&source.tokens);
    let mut found = named(&source.tokens);
    found.retain_mut(|path| {
        let mut absolute = module_of(&source.path);
        absolute.extend(
            modules.iter().filter(|module| module.contains(path.at)).map(|module| module.name.clone()),
        );
        let mut rest = path.segments.as_slice();
        let is_local = rest.first().is_some_and(|head| ["crate", "self", "super"].contains(&head.as_str()));
        while let Some((head, tail)) = rest.split_first() {
            match head.as_str() {
                "crate" => absolute.clear(),
                "super" => drop(absolute.pop()),
                "self" => {}
                _ => break,
            }
            rest = tail;
        }
        absolute.extend_from_slice(rest);
        path.segments = absolute;
        is_local
    });
    found
}

/// `crates/rolecall/src/people/tokens/api.rs` is the module `people::tokens::api`.
pub(super) fn module_of(path: &str) -> Vec<String> {
    let inside = path.split_once("/src/").map_or(path, |(_, inside)| inside);
    let mut names: Vec<_> = inside.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if names.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        names.pop();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::{super::Source, within_crate};

    fn check(path: &str, text: &str, expected: &[&str]) {
        let found = within_crate(&Source::new(path, text));
        let found: Vec<_> = found.iter().map(|path| path.segments.join("::")).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn trees_are_taken_apart() {
        check(
            "crates/rolecall/src/people/tokens/api.rs",
            "use crate::{ground::store::Tx, people::{accounts::{self, store as other}, *}};\nuse std::fmt;",
            &["ground::store::Tx", "people::accounts::self", "people::accounts::store", "people::*"],
        );
    }

    #[test]
    fn relative_paths_are_worked_out() {
        let file = "crates/rolecall/src/people/tokens/api.rs";
        check(file, "use super::store;", &["people::tokens::store"]);
        check(file, "fn f() { super::super::accounts::find(1) }", &["people::accounts::find"]);
        check(file, "mod tests { use super::Own; }", &["people::tokens::api::Own"]);
        check(
            "crates/rolecall/src/people/tokens/mod.rs",
            "use self::store::find;",
            &["people::tokens::store::find"],
        );
        check(
            "crates/rolecall/src/people/tokens/mod.rs",
            "use super::accounts::Id;",
            &["people::accounts::Id"],
        );
    }
}
