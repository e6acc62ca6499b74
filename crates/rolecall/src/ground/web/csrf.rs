//! The token that a session's forms carry: made from the session's own token, so nothing has to be kept.

use crate::app::App;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The header by which a script proves that the page is ours.
pub const HEADER: &str = "rolecall-csrf";

/// The CSRF token of a session.
#[must_use]
pub fn of(app: &App, session: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(app.vault.mac("csrf", session.as_bytes()))
}

/// Whether the header carries it.
#[must_use]
pub fn header_matches(app: &App, session: &str, headers: &HeaderMap) -> bool {
    headers.get(HEADER).is_some_and(|value| is_same(value.as_bytes(), of(app, session).as_bytes()))
}

/// Whether a form carries it.
#[must_use]
pub fn form_matches(app: &App, session: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    // The token's alphabet needs no percent-encoding, so the field stands in the body as it is.
    let field = body.split(|byte| *byte == b'&').find_map(|pair| pair.strip_prefix(b"csrf="));
    is_form && field.is_some_and(|found| is_same(found, of(app, session).as_bytes()))
}

/// Compares in constant time.
fn is_same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}
