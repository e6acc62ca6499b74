//! Whether the stylesheet's colours can be read: WCAG 2.2, level AA.

use std::collections::HashMap;

const STYLE: &str = include_str!("../assets/console.css");

/// Text and what it stands on.
const TEXT: &[(&str, &[&str])] = &[
    ("text", &["ground", "side", "surface", "sunken", "hover", "accent-soft"]),
    ("muted", &["ground", "side", "surface", "sunken", "hover", "accent-soft"]),
    ("accent", &["ground", "surface", "hover", "accent-soft", "sunken"]),
    ("good", &["good-soft"]),
    ("warn", &["warn-soft"]),
    ("bad", &["bad-soft", "surface", "sunken", "ground"]),
    ("on-accent", &["accent-fill", "accent-over", "bad-fill", "bad-over"]),
];
/// What is no text but has to be seen: the edge of a field, the ring of the focus, a state's dot.
const SHAPES: &[(&str, &[&str])] = &[
    ("line-field", &["surface", "ground", "sunken"]),
    ("accent", &["ground", "side", "surface"]),
    ("dot-good", &["surface"]),
    ("dot-bad", &["surface"]),
];

/// The tokens of light and of dark.
fn tokens() -> [HashMap<&'static str, &'static str>; 2] {
    let blocks: Vec<_> = STYLE.split(":root {").skip(1).take(2).collect();
    let light = read(blocks[0]);
    let mut dark = light.clone();
    dark.extend(read(blocks[1]));
    [light, dark]
}

fn read(block: &'static str) -> HashMap<&'static str, &'static str> {
    let end = block.find('}').unwrap();
    let pairs = block[..end].split(';').filter_map(|pair| pair.trim().strip_prefix("--")?.split_once(": "));
    pairs.filter(|(_, value)| value.starts_with('#')).collect()
}

fn luminance(hex: &str) -> f64 {
    let digits: String = match hex.len() {
        4 => hex[1..].chars().flat_map(|digit| [digit, digit]).collect(),
        _ => hex[1..].to_owned(),
    };
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn assert_all(pairs: &[(&str, &[&str])], least: f64) {
    for (look, tokens) in ["light", "dark"].iter().zip(tokens()) {
        for (front, grounds) in pairs {
            for ground in *grounds {
                let found = contrast(tokens[front], tokens[ground]);
                assert!(found >= least, "{look}: {front} on {ground} is {found:.2}, not {least}");
            }
        }
    }
}

#[test]
fn the_measure_is_right() {
    assert!((contrast("#000", "#ffffff") - 21.0).abs() < 0.001);
}

#[test]
fn every_text_can_be_read() {
    assert_all(TEXT, 4.5);
}

#[test]
fn every_edge_that_matters_can_be_seen() {
    assert_all(SHAPES, 3.0);
}
