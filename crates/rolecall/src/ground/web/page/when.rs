//! Instants, as people say them.

use crate::ground::clock::At;
use maud::{Markup, html};

/// How long ago it was, with the instant itself for whoever wants it.
#[must_use]
pub fn when(at: At, now: At) -> Markup {
    let exact = at.to_string();
    let shown = exact.replace('T', " ");
    let shown = shown.get(..16).unwrap_or_default();
    html! { time datetime=(exact) title={ (shown) " UTC" } { (ago(at, now)) } }
}

/// `3 minutes ago`, or the day where that is long ago.
fn ago(at: At, now: At) -> String {
    let seconds = now.since(at).as_secs();
    let say = |number: u64, unit: &str| format!("{number} {unit}{} ago", if number == 1 { "" } else { "s" });
    match seconds {
        0..=59 => "just now".to_owned(),
        60..=3599 => say(seconds / 60, "minute"),
        3600..=86_399 => say(seconds / 3600, "hour"),
        86_400..=2_591_999 => say(seconds / 86_400, "day"),
        _ => day(&at.to_string()),
    }
}

/// `3 May 2026`, of `2026-05-03T…`.
fn day(text: &str) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let mut parts = text.split(['-', 'T']);
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    let month = month
        .and_then(|month| month.parse::<usize>().ok())
        .and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    match (year, month, day) {
        (Some(year), Some(month), Some(day)) => format!("{} {month} {year}", day.trim_start_matches('0')),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_said_as_people_say_it() {
        let now = At::parse("2026-06-05T12:00:00Z").unwrap();
        for (text, said) in [
            ("2026-06-05T11:59:30Z", "just now"),
            ("2026-06-05T11:59:00Z", "1 minute ago"),
            ("2026-06-05T09:00:00Z", "3 hours ago"),
            ("2026-06-03T09:00:00Z", "2 days ago"),
            ("2026-05-03T09:00:00Z", "3 May 2026"),
            ("2026-06-05T12:00:09Z", "just now"),
        ] {
            assert_eq!(ago(At::parse(text).unwrap(), now), said, "{text}");
        }
    }
}
