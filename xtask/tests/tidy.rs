//! ARCHITECTURE.md's rules, each a test. What breaks one is named by file, line and a sentence.
#![cfg(test)]

use xtask::tidy::{Rule, Tree, arrows, budgets, documents, names, orphans, testing};

#[track_caller]
fn holds(rule: Rule) {
    let tree = Tree::read().expect("the repository can be read");
    let findings: Vec<_> = rule(&tree).iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn sqlx_stays_in_the_store() {
    holds(names::sqlx_stays_in_the_store);
}

#[test]
fn sql_is_glued_in_one_place() {
    holds(names::sql_is_glued_in_one_place);
}

#[test]
fn axum_stays_at_the_edge() {
    holds(names::axum_stays_at_the_edge);
}

#[test]
fn maud_stays_at_the_edge() {
    holds(names::maud_stays_at_the_edge);
}

#[test]
fn engines_stands_alone() {
    holds(arrows::engines_stands_alone);
}

#[test]
fn wings_stand_in_reading_order() {
    holds(arrows::wings_stand_in_reading_order);
}

#[test]
fn wings_look_upwards_only() {
    holds(arrows::wings_look_upwards_only);
}

#[test]
fn stores_are_private() {
    holds(arrows::stores_are_private);
}

#[test]
fn files_are_short() {
    holds(budgets::files_are_short);
}

#[test]
fn functions_are_short() {
    holds(budgets::functions_are_short);
}

#[test]
fn handlers_are_thin() {
    holds(budgets::handlers_are_thin);
}

#[test]
fn every_file_is_compiled() {
    holds(orphans::every_file_is_compiled);
}

#[test]
fn no_test_is_ignored() {
    holds(testing::no_test_is_ignored);
}

#[test]
fn no_test_sleeps() {
    holds(testing::no_test_sleeps);
}

#[test]
fn every_module_says_what_it_is() {
    holds(documents::every_module_says_what_it_is);
}

#[test]
fn architecture_fits_in_one_reading() {
    holds(documents::architecture_fits_in_one_reading);
}

#[test]
fn the_map_names_what_is_there() {
    holds(documents::the_map_names_what_is_there);
}

#[test]
fn links_lead_somewhere() {
    holds(documents::links_lead_somewhere);
}

#[test]
fn no_line_ends_in_blanks() {
    holds(documents::no_line_ends_in_blanks);
}
