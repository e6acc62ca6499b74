//! What no test does.

use super::{
    Finding, Source, Tree,
    paths::named,
    tokens::{functions, inline_modules},
};

pub fn no_test_is_ignored(tree: &Tree) -> Vec<Finding> {
    let why = "no test is ignored: assert what it does now and say that it is wrong";
    let ignored = |file: &Source| {
        let three = file.tokens.windows(3);
        let found = three.filter_map(|three| match three {
            [hash, bracket, name] if hash.is("#") && bracket.is("[") && name.is("ignore") => Some(name.line),
            _ => None,
        });
        found.map(|line| file.find(line, why)).collect::<Vec<_>>()
    };
    tree.rust().flat_map(ignored).collect()
}

/// What another program does sends us no event: a function named `until` may look, pause and look again.
pub fn no_test_sleeps(tree: &Tree) -> Vec<Finding> {
    let why = "no test sleeps: move its clock, wait for the event itself, or ask `until` it is so";
    let sleeping = |file: &Source| {
        let modules = inline_modules(&file.tokens);
        let in_test =
            |at: usize| file.is_test() || modules.iter().any(|module| module.is_test && module.contains(at));
        let patient: Vec<_> = functions(&file.tokens).into_iter().filter(|f| f.name == "until").collect();
        let in_until = |at: usize| patient.iter().any(|function| function.contains(at));
        let paths = named(&file.tokens).into_iter().filter(|path| in_test(path.at) && !in_until(path.at));
        let sleeps = paths.filter(|path| path.segments.windows(2).any(is_sleep));
        sleeps.map(|path| file.find(path.line, why)).collect::<Vec<_>>()
    };
    tree.rust().flat_map(sleeping).collect()
}

fn is_sleep(pair: &[String]) -> bool {
    matches!(pair, [module, name] if ["thread", "time"].contains(&module.as_str()) && ["sleep", "sleep_until"].contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_test_is_seen() {
        let found = |text| no_test_is_ignored(&Tree::of(&[("a.rs", text)])).len();
        assert_eq!(found("#[test]\n#[ignore]\nfn f() {}"), 1);
        assert_eq!(found("#[ignore = \"slow\"]"), 1);
        assert_eq!(found("// #[ignore]\nlet ignore = [ignore];"), 0);
    }

    #[test]
    fn a_sleeping_test_is_seen() {
        let found = |path, text| no_test_sleeps(&Tree::of(&[(path, text)])).len();
        assert_eq!(found("crates/a/src/tests.rs", "fn f() { std::thread::sleep(S); }"), 1);
        assert_eq!(found("crates/a/tests/it/main.rs", "use tokio::{net, time::{Duration, sleep}};"), 1);
        assert_eq!(
            found("crates/a/src/b.rs", "#[cfg(test)]\nmod tests { fn f() { tokio::time::sleep(S) } }"),
            1
        );
        assert_eq!(found("crates/a/src/tests.rs", "async fn until() { tokio::time::sleep(S) }"), 0);
        assert_eq!(found("crates/a/src/b.rs", "fn f() { tokio::time::sleep(S) }"), 0);
        assert_eq!(found("crates/a/src/tests.rs", "fn f() { tokio::time::timeout(S, f) }"), 0);
    }
}
