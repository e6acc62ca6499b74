//! Lists: a page is cut by key before it is joined, and a cursor says where the next one begins.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// What a caller asked of a list: `?limit=&cursor=&search=&sort=`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items at most: 50 unless told, 500 at most.
    pub limit: Option<u32>,
    /// `next` of the page before.
    pub cursor: Option<String>,
    /// Only items that contain this, folded.
    pub search: Option<String>,
    /// By which field; `-field` for descending.
    pub sort: Option<String>,
}

/// A field to sort by, and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort<'a> {
    /// The field's name in the API.
    pub field: &'a str,
    /// From the last to the first.
    pub descending: bool,
}

impl PageRequest {
    /// How many items a page holds.
    #[must_use]
    pub fn size(&self) -> usize {
        usize::try_from(self.limit.unwrap_or(50).clamp(1, 500)).unwrap_or(50)
    }

    /// The field to sort by, if any.
    #[must_use]
    pub fn sort(&self) -> Option<Sort<'_>> {
        let text = self.sort.as_deref().filter(|text| !text.is_empty())?;
        Some(match text.strip_prefix('-') {
            Some(field) => Sort { field, descending: true },
            None => Sort { field: text, descending: false },
        })
    }

    /// The key after which this page begins; `None` at the beginning, and for a cursor that isn't one of ours.
    #[must_use]
    pub fn after(&self) -> Option<String> {
        let cursor = self.cursor.as_deref().filter(|cursor| !cursor.is_empty())?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
        String::from_utf8(bytes).ok()
    }

    /// Whether the list runs from the last to the first.
    #[must_use]
    pub fn descending(&self) -> bool {
        self.sort().is_some_and(|sort| sort.descending)
    }

    /// The name after which this page begins, in the direction of the list: at first one that is before every name of
    /// at most 63 small letters, digits and hyphens.
    #[must_use]
    pub fn after_name(&self) -> String {
        self.after().unwrap_or_else(|| if self.descending() { "z".repeat(64) } else { String::new() })
    }

    /// What to search for as a pattern of `LIKE … ESCAPE '\\'`: every character stands for itself.
    #[must_use]
    pub fn pattern(&self) -> Option<String> {
        let literal = |needle: String| needle.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        self.needle().map(|needle| format!("%{}%", literal(needle)))
    }

    /// What to search for, folded; `None` when nothing is.
    #[must_use]
    pub fn needle(&self) -> Option<String> {
        let needle = self.search.as_deref()?.trim().to_lowercase();
        (!needle.is_empty()).then_some(needle)
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts `items`, which hold one more than fits where there is a next page, and makes the cursor.
    #[must_use]
    pub fn cut(mut items: Vec<T>, request: &PageRequest, key: impl Fn(&T) -> String) -> Self {
        let more = items.len() > request.size();
        items.truncate(request.size());
        let next = items.last().filter(|_| more).map(|last| BASE64_URL_SAFE_NO_PAD.encode(key(last)));
        Self { items, next }
    }

    /// A page of things that are all at hand: sorted by `key`, of which no two are alike, and cut.
    #[must_use]
    pub fn of_all(mut items: Vec<T>, request: &PageRequest, key: impl Fn(&T) -> String) -> Self {
        let descending = request.descending();
        items.sort_by_cached_key(&key);
        if descending {
            items.reverse();
        }
        if let Some(after) = request.after() {
            let is_before = |item: &T| if descending { key(item) >= after } else { key(item) <= after };
            let begin = items.partition_point(is_before);
            items.drain(..begin);
        }
        items.truncate(request.size() + 1);
        Self::cut(items, request, key)
    }

    /// The same page of other things.
    #[must_use]
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_says_where_the_next_page_begins() {
        let request = PageRequest { limit: Some(2), ..PageRequest::default() };
        let page = Page::cut(vec!["a", "b", "c"], &request, |item| (*item).to_owned());
        assert_eq!(page.items, ["a", "b"]);
        let next = PageRequest { cursor: page.next, ..PageRequest::default() };
        assert_eq!(next.after().as_deref(), Some("b"));
        let last = Page::cut(vec!["c"], &request, |item| (*item).to_owned());
        assert_eq!(last.next, None);
    }

    #[test]
    fn what_is_at_hand_is_sorted_and_cut_either_way() {
        let mut request =
            PageRequest { limit: Some(2), sort: Some("-name".into()), ..PageRequest::default() };
        let page = Page::of_all(vec!["b", "c", "a"], &request, |item| (*item).to_owned());
        assert_eq!(page.items, ["c", "b"]);
        request.cursor = page.next;
        let last = Page::of_all(vec!["b", "c", "a"], &request, |item| (*item).to_owned());
        assert_eq!((last.items, last.next), (vec!["a"], None));
    }

    #[test]
    fn limits_are_bounded_and_a_foreign_cursor_starts_anew() {
        let request = PageRequest { limit: Some(9_999), cursor: Some("%%".into()), ..PageRequest::default() };
        assert_eq!(request.size(), 500);
        assert_eq!(request.after(), None);
    }
}
