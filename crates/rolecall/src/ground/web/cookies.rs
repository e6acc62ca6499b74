//! The console's cookies: the session's token, and a notice that the next page shows.

use crate::app::App;
use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

const SECURE: &str = "__Host-rolecall";
const PLAIN: &str = "rolecall";
const NOTICE: &str = "rolecall-notice";

/// The session's token, if a cookie carries one. Over TLS only the cookie counts that no other host could set.
#[must_use]
pub fn session<'h>(app: &App, headers: &'h HeaderMap) -> Option<&'h str> {
    find(headers, name(app))
}

fn name(app: &App) -> &'static str {
    if app.config.is_https() { SECURE } else { PLAIN }
}

/// The notice for this page.
#[must_use]
pub fn notice(headers: &HeaderMap) -> Option<String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(find(headers, NOTICE)?).ok()?;
    String::from_utf8(bytes).ok()
}

fn find<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, value)| *key == name && !value.is_empty())
        .map(|(_, value)| value)
}

/// The cookie that keeps a session, for as long as the browser runs or thirty days, whichever the token allows.
#[must_use]
pub fn keep_session(app: &App, token: &str) -> HeaderValue {
    session_cookie(app, token, 2_592_000)
}

/// The cookie that ends a session.
#[must_use]
pub fn end_session(app: &App) -> HeaderValue {
    session_cookie(app, "", 0)
}

fn session_cookie(app: &App, token: &str, seconds: u32) -> HeaderValue {
    let secure = if app.config.is_https() { "; Secure" } else { "" };
    let name = name(app);
    value(&format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"))
}

/// The cookie that carries a notice to the next page. Never a secret.
#[must_use]
pub fn carry_notice(text: &str) -> HeaderValue {
    let text = BASE64_URL_SAFE_NO_PAD.encode(text);
    value(&format!("{NOTICE}={text}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"))
}

/// The cookie that takes the notice away once it was shown.
#[must_use]
pub fn drop_notice() -> HeaderValue {
    value(&format!("{NOTICE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"))
}

fn value(cookie: &str) -> HeaderValue {
    HeaderValue::from_str(cookie).unwrap_or_else(|_| HeaderValue::from_static(""))
}
