//! What the documents promise, and how the files look.

use super::{Finding, Source, Tree};

const ARCHITECTURE: usize = 150;

pub fn every_module_says_what_it_is(tree: &Tree) -> Vec<Finding> {
    let is_module =
        |path: &str| path.starts_with("crates/") && (path.ends_with("/mod.rs") || path.ends_with("/lib.rs"));
    let silent = tree.rust().filter(|file| is_module(&file.path) && !file.text.starts_with("//! "));
    silent.map(|file| file.find(1, "a module begins with `//!` and says what it is")).collect()
}

pub fn architecture_fits_in_one_reading(tree: &Tree) -> Vec<Finding> {
    let Some(file) = tree.get("ARCHITECTURE.md") else { return Vec::new() };
    let lines = file.text.lines().count();
    let why = format!("ARCHITECTURE.md has at most {ARCHITECTURE} lines; it has {lines}");
    (lines > ARCHITECTURE).then(|| file.find(ARCHITECTURE + 1, why)).into_iter().collect()
}

/// Every `path` of the code map: from the root, from the product's sources, or from a folder named before it.
pub fn the_map_names_what_is_there(tree: &Tree) -> Vec<Finding> {
    let Some(file) = tree.get("ARCHITECTURE.md") else { return Vec::new() };
    let map = file.text.split("\n## ").find(|part| part.starts_with("Code map")).unwrap_or_default();
    let before = file.text.split_once(map).map_or(0, |(before, _)| before.lines().count());
    let mut findings = Vec::new();
    for (line, text) in (before..).zip(map.lines()) {
        for name in text.split('`').skip(1).step_by(2).filter(|name| is_path(name)) {
            let ends = |path: &String| format!("/{path}").contains(&format!("/{name}"));
            if !tree.paths().any(ends) {
                findings.push(file.find(line, format!("the code map names what is there, unlike `{name}`")));
            }
        }
    }
    findings
}

fn is_path(name: &str) -> bool {
    name.ends_with('/') || name.ends_with(".rs")
}

/// Of README.md, ARCHITECTURE.md, the manual and all other Markdown: every file and heading that a link names is there.
pub fn links_lead_somewhere(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, link) in links(&file.text) {
            if !is_elsewhere(link) && !leads_somewhere(tree, file, link) {
                findings.push(
                    file.find(line, format!("a link leads to something that is there, unlike `{link}`")),
                );
            }
        }
    }
    findings
}

fn is_elsewhere(link: &str) -> bool {
    link.contains("://") || link.starts_with("mailto:")
}

/// The targets of `[text](target)`, outside code.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (line, text) in (1..).zip(text.lines()) {
        in_code ^= text.trim_start().starts_with("```");
        let prose = text.split('`').step_by(2).filter(|_| !in_code);
        let targets =
            prose.flat_map(|prose| prose.split("](").skip(1)).filter_map(|rest| rest.split_once(')'));
        found.extend(targets.map(|(target, _)| (line, target)));
    }
    found
}

fn leads_somewhere(tree: &Tree, from: &Source, link: &str) -> bool {
    let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
    let path = if target.is_empty() { from.path.clone() } else { resolve(&from.path, target) };
    match tree.get(&path) {
        Some(file) => anchor.is_empty() || anchors(&file.text).any(|heading| heading == anchor),
        // A picture or a folder is no text file of ours.
        None => anchor.is_empty() && exists(tree, &path),
    }
}

/// `../a.md` seen from `docs/manual/b.md` is `docs/a.md`.
fn resolve(from: &str, target: &str) -> String {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut names: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).collect();
    for name in target.split('/') {
        match name {
            ".." => drop(names.pop()),
            "." | "" => {}
            name => names.push(name),
        }
    }
    names.join("/")
}

fn exists(tree: &Tree, path: &str) -> bool {
    let is_inside = |other: &str| {
        other
            .strip_prefix(path)
            .is_some_and(|rest| path.is_empty() || rest.is_empty() || rest.starts_with('/'))
    };
    tree.paths().any(|other| is_inside(other))
}

/// Headings as the forges spell them in links: lower case, blanks as hyphens, no punctuation.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let headings =
        text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings.map(|heading| {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>().to_lowercase()
    })
}

pub fn no_line_ends_in_blanks(tree: &Tree) -> Vec<Finding> {
    let blank = |file: &Source| {
        let lines = (1..).zip(file.text.lines()).filter(|(_, line)| line.ends_with([' ', '\t']));
        lines.map(|(line, _)| file.find(line, "no line ends in blanks")).collect::<Vec<_>>()
    };
    tree.files.iter().flat_map(blank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_module_is_seen() {
        let found = |path, text| every_module_says_what_it_is(&Tree::of(&[(path, text)])).len();
        assert_eq!(found("crates/a/src/b/mod.rs", "//! What it is.\nmod c;"), 0);
        assert_eq!(found("crates/a/src/b/mod.rs", "// What it is.\nmod c;"), 1);
        assert_eq!(found("crates/a/src/b/c.rs", "mod d;"), 0);
    }

    #[test]
    fn a_long_architecture_is_seen() {
        let found = |lines: usize| {
            architecture_fits_in_one_reading(&Tree::of(&[("ARCHITECTURE.md", &"\n".repeat(lines))])).len()
        };
        assert_eq!((found(150), found(151)), (0, 1));
    }

    #[test]
    fn a_dead_name_on_the_map_is_seen() {
        let text =
            "`gone.rs`\n\n## Code map\n\n`ground/` `a.rs`\n`gone/` `b.rs` `sqlx`\n\n## Next\n`gone.rs`";
        let tree = Tree::of(&[("ARCHITECTURE.md", text), ("crates/x/src/ground/a.rs", "")]);
        let lines: Vec<_> = the_map_names_what_is_there(&tree).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [6, 6]);
    }

    #[test]
    fn a_dead_link_is_seen() {
        let tree = |link: &str| {
            Tree::of(&[
                ("README.md", "# Start here\n## Why, and `how`?\n"),
                ("docs/manual/cli.md", format!("# A\n`[x](nowhere)`\n[x]({link})").as_str()),
            ])
        };
        for link in ["../../README.md", "../..", "#a", "../../README.md#why-and-how", "https://example.org/"]
        {
            assert_eq!(links_lead_somewhere(&tree(link)), [], "{link}");
        }
        for link in ["README.md", "../nowhere", "#b", "../../README.md#nothing"] {
            assert_eq!(links_lead_somewhere(&tree(link)).len(), 1, "{link}");
        }
    }

    #[test]
    fn a_trailing_blank_is_seen() {
        assert_eq!(no_line_ends_in_blanks(&Tree::of(&[("a.md", "a\nb \nc\t\n")])).len(), 2);
    }
}
