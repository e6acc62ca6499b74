//! Lists: a search above, headers that sort, and the way to the next page.

use crate::ground::store::PageRequest;
use maud::{Markup, html};

/// A list as it was asked for: where it is, and by what it is searched and sorted.
pub struct Listing<'a> {
    /// The page's address.
    pub path: &'a str,
    /// What was asked for.
    pub request: &'a PageRequest,
    /// The field that it is sorted by when nothing is said.
    pub by_default: &'a str,
}

impl Listing<'_> {
    /// The search field; `/` goes to it.
    #[must_use]
    pub fn search(&self, label: &str) -> Markup {
        let (search, sort) =
            (self.request.search.as_deref().unwrap_or_default(), self.request.sort.as_deref());
        html! {
            form.search role="search" method="get" action=(self.path) {
                @if let Some(sort) = sort { input type="hidden" name="sort" value=(sort); }
                input type="search" name="search" value=(search) placeholder=(label) aria-label=(label);
                kbd aria-hidden="true" { "/" }
            }
        }
    }

    /// A header that sorts by `field`.
    #[must_use]
    pub fn header(&self, text: &str, field: &str) -> Markup {
        let sort = self.request.sort();
        let (by, descending) = sort.map_or((self.by_default, false), |sort| (sort.field, sort.descending));
        let is_current = by == field;
        let order = is_current.then_some(if descending { "descending" } else { "ascending" });
        let next = if is_current && !descending { format!("-{field}") } else { field.to_owned() };
        html! { th aria-sort=[order] { a href=(self.address(Some(&next), None)) { (text) } } }
    }

    /// The list's foot: how much there is, and the way on.
    #[must_use]
    pub fn foot(&self, amount: &str, next: Option<&str>, beside: &str) -> Markup {
        let sort = self.request.sort.as_deref();
        html! {
            div.foot {
                span { (amount) @if self.is_searched() { " found · " a href=(self.path) { "Show all" } } }
                @if self.request.cursor.is_some() || next.is_some() {
                    nav aria-label="Pages" {
                        @if self.request.cursor.is_some() { a href=(self.address(sort, None)) { "To the beginning" } " " }
                        @if let Some(next) = next { a href=(self.address(sort, Some(next))) { "Next page →" } }
                    }
                } @else if !beside.is_empty() { span { (beside) } }
            }
        }
    }

    /// Whether something is searched for.
    #[must_use]
    pub fn is_searched(&self) -> bool {
        self.request.needle().is_some()
    }

    /// What to say where nothing was found.
    #[must_use]
    pub fn nothing_found(&self, things: &str) -> Markup {
        let search = self.request.search.as_deref().unwrap_or_default();
        html! {
            div.card.empty {
                h2 { "No " (things) " match “" (search) "”" }
                div.acts { a.btn href=(self.path) { "Show all" } }
            }
        }
    }

    /// The query of this very page, with its question mark: so that an act leads back to the same view.
    #[must_use]
    pub fn query(&self) -> String {
        let address = self.address(self.request.sort.as_deref(), self.request.cursor.as_deref());
        address.strip_prefix(self.path).unwrap_or_default().to_owned()
    }

    fn address(&self, sort: Option<&str>, cursor: Option<&str>) -> String {
        let search = self.request.search.as_deref();
        let pairs = [("search", search), ("sort", sort), ("cursor", cursor)];
        let query: Vec<_> = pairs
            .iter()
            .filter_map(|(key, value)| value.filter(|value| !value.is_empty()).map(|value| (key, value)))
            .map(|(key, value)| format!("{key}={}", encode(value)))
            .collect();
        if query.is_empty() { self.path.to_owned() } else { format!("{}?{}", self.path, query.join("&")) }
    }
}

/// Percent-encodes what a path segment or a query value cannot hold.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            const DIGITS: [char; 16] =
                ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
            let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}
