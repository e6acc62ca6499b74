//! What every request passes: security headers, and the check against forged forms.

use super::problem::Problem;
use super::{cookies, csrf};
use crate::app::App;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use std::sync::atomic::Ordering;

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// Swagger UI draws with inline styles; it still runs no inline script.
const DOCS_POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Headers that keep a browser from doing what nobody asked for.
pub async fn secure(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let policy = if path.starts_with("/api/docs") { DOCS_POLICY } else { POLICY };
    let is_asset = path.starts_with("/assets/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if !is_asset {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    if app.config.is_https() {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// Until somebody holds the installation there is nothing but the set-up page.
pub async fn wait_for_setup(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_open = ["/setup", "/health", "/api/v1/health", "/metrics", "/favicon.ico"].contains(&path)
        || path.starts_with("/assets/");
    if is_open || app.claimed.load(Ordering::Acquire) {
        return next.run(request).await;
    }
    if !path.starts_with("/api/") {
        return Redirect::to("/setup").into_response();
    }
    let detail =
        "Nobody holds this installation yet; open the set-up link that the server printed on its terminal.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_set_up", detail).into_response()
}

/// Refuses what another site made a browser send.
///
/// A request that changes something and is signed in by cookie must carry the session's CSRF token, in a header
/// or a form field; and none may come from another site, signed in or not: browsers send a Basic password by
/// themselves, too.
pub async fn refuse_forgery(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    if is_cross_site(request.headers()) {
        return forged();
    }
    if request.headers().contains_key(header::AUTHORIZATION) {
        return next.run(request).await;
    }
    let path = request.uri().path();
    let signs_in = path == "/sign-in" || path == "/setup" || path == "/api/v1/login";
    let Some(token) = cookies::session(&app, request.headers()).map(ToOwned::to_owned) else {
        return next.run(request).await;
    };
    if signs_in || csrf::header_matches(&app, &token, request.headers()) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, app.config.request_body_limit_bytes).await else {
        return Problem::too_large().into_response();
    };
    if !csrf::form_matches(&app, &token, &parts.headers, &bytes) {
        return forged();
    }
    next.run(Request::from_parts(parts, Body::from(bytes))).await
}

fn forged() -> Response {
    let detail =
        "This page is out of date, or the request came from another site; open the page again and repeat it.";
    Problem { code: "csrf", ..Problem::forbidden(detail) }.into_response()
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => origin.split_once("://").is_none_or(|(_, authority)| authority != host),
        (Some(_), None) => true,
        (None, _) => false,
    }
}
