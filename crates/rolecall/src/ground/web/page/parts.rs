//! The small parts that pages are made of.

use maud::{Markup, html};

/// How something is meant: its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Neither here nor there.
    Plain,
    /// All is well.
    Good,
    /// Under way, or to be looked at.
    Warn,
    /// Wrong.
    Bad,
    /// To stand out.
    Blue,
    /// Not quite ours.
    Dashed,
}

impl Mood {
    const fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Blue => "blue",
            Self::Dashed => "dashed",
        }
    }
}

/// A page's title, with what stands beside it, and what can be done here.
#[must_use]
pub fn head(title: &str, beside: &Markup, acts: &Markup) -> Markup {
    html! {
        div.head {
            h1 { (title) }
            (beside)
            @if !acts.0.is_empty() { div.acts { (acts) } }
        }
    }
}

/// One of a page's tabs.
pub struct Tab<'a> {
    /// What it is called.
    pub text: &'a str,
    /// Where it leads.
    pub href: String,
    /// How many things it holds, where that is known.
    pub count: Option<usize>,
}

impl<'a> Tab<'a> {
    /// A tab without a count.
    #[must_use]
    pub fn new(text: &'a str, href: String) -> Self {
        Self { text, href, count: None }
    }
}

/// The tabs of a page, of which `current` is open.
#[must_use]
pub fn tabs(current: &str, tabs: &[Tab<'_>]) -> Markup {
    html! {
        nav.tabs aria-label="Parts of this page" {
            @for tab in tabs {
                a href=(tab.href) aria-current=[(tab.text == current).then_some("page")] {
                    (tab.text)
                    @if let Some(count) = tab.count { small { (count) } }
                }
            }
        }
    }
}

/// A state: a dot and a word.
#[must_use]
pub fn state(mood: Mood, text: &str) -> Markup {
    // What is under way moves.
    let class = if mood == Mood::Warn { "wait" } else { mood.class() };
    html! { span class={ "state " (class) } { (text) } }
}

/// A short word in a frame.
#[must_use]
pub fn tag(mood: Mood, text: &str) -> Markup {
    html! { span class={ "tag " (mood.class()) } { (text) } }
}

/// A sentence that wants to be read before the rest of the page.
#[must_use]
pub fn note(mood: Mood, content: &Markup) -> Markup {
    let role = if mood == Mood::Bad { "alert" } else { "status" };
    html! { div class={ "note " (mood.class()) } role=(role) { (content) } }
}

/// An icon in the colour of the text around it; `name` is one of the stylesheet's.
#[must_use]
pub fn icon(name: &str) -> Markup {
    html! { span class={ "ico i-" (name) } aria-hidden="true" {} }
}

/// Where nothing is yet: what this is, and what to do first.
#[must_use]
pub fn empty(icon_name: &str, title: &str, text: &Markup, acts: &Markup) -> Markup {
    html! {
        div.card.empty {
            (icon(icon_name))
            h2 { (title) }
            p { (text) }
            @if !acts.0.is_empty() { div.acts { (acts) } }
        }
    }
}

/// A button that cannot be used; pressing it says why.
#[must_use]
pub fn off(label: &str, why: &str) -> Markup {
    html! {
        details.why name="menu" {
            summary.btn title=(why) { (icon("lock")) (label) span.unseen { ": why can't I?" } }
            div.drop role="note" { p { (why) } }
        }
    }
}

/// The button, or in its place one that says why not.
#[must_use]
pub fn or_why(why: Option<&str>, label: &str, button: &Markup) -> Markup {
    match why {
        Some(why) => off(label, why),
        None => button.clone(),
    }
}

/// An entry of a menu: its word, why it cannot be used, and itself.
pub type Entry<'a> = (&'a str, Option<String>, Markup);

/// The entries of a menu; in place of one that cannot be used stands its word, and once below, why not.
#[must_use]
pub fn entries(entries: &[Entry<'_>]) -> Markup {
    let next_why = |place: usize| entries.get(place + 1).and_then(|(_, why, _)| why.as_deref());
    html! {
        @for (place, (word, why, entry)) in entries.iter().enumerate() {
            @match why {
                None => (entry),
                Some(why) => span.off { (word) @if next_why(place) != Some(why) { small { (why) } } },
            }
        }
    }
}

/// The menu behind “⋯”; `of` tells a screen reader whose it is.
#[must_use]
pub fn menu(of: &str, entries: &Markup) -> Markup {
    html! {
        details.menu name="menu" {
            summary.icon aria-label={ "More for " (of) } title="More" { (icon("more")) }
            div.drop { (entries) }
        }
    }
}

/// Facts: what something is, and its value.
#[must_use]
pub fn facts(rows: &[(&str, Markup)]) -> Markup {
    html! {
        dl.card.facts { @for (term, value) in rows { div { dt { (term) } dd { (value) } } } }
    }
}

/// A line to take along, with a button that copies it where there is a script.
#[must_use]
pub fn take(label: &str, text: &str) -> Markup {
    html! { div.take { span { (label) } code { (text) } (copy_button(label)) } }
}

/// Copies the text of the element before it.
#[must_use]
pub fn copy_button(of: &str) -> Markup {
    html! {
        button.icon.copy type="button" hidden aria-label={ "Copy " (of) } { (icon("copy")) span { "Copy" } }
    }
}

/// How far a step of some work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Behind us.
    Done,
    /// Under way.
    Now,
    /// Before us.
    Next,
    /// It went wrong here.
    Failed,
}

/// The steps of some work.
#[must_use]
pub fn steps(steps: &[(&str, Step)]) -> Markup {
    html! {
        ol.card.steps {
            @for (text, step) in steps {
                @match step {
                    Step::Done => li.done { (text) },
                    Step::Now => li.now aria-current="step" { (text) },
                    Step::Next => li { (text) },
                    Step::Failed => li.failed { (text) },
                }
            }
        }
    }
}

/// `1 user`, `2 users`.
#[must_use]
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// `8.4 MB`.
#[must_use]
pub fn size(bytes: i64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    // Tenths of the unit, so that no floating point is needed.
    let mut tenths = u64::try_from(bytes).unwrap_or_default() / 100;
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    for larger in units {
        if tenths < 10_000 {
            break;
        }
        tenths /= 1000;
        unit = larger;
    }
    if tenths < 100 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", tenths / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0.0 kB"),
            (8_400, "8.4 kB"),
            (999_999, "999 kB"),
            (1_000_000, "1.0 MB"),
            (7_700_000, "7.7 MB"),
            (12_345_678_901, "12 GB"),
            (-1, "0.0 kB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
