//! The stylesheet, the script and the icon: in the binary, named by their content, kept by browsers for a year.

use crate::ground::web::proofs::Anybody;
use crate::ground::web::routes::Routes;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

const STYLE: &str = include_str!("assets/console.css");
const SCRIPT: &str = include_str!("assets/console.js");
const ICON: &str = include_str!("assets/icon.svg");

/// Where the stylesheet is.
pub const STYLE_PATH: &str = concat!("/assets/console.css?v=", env!("CARGO_PKG_VERSION"));
/// Where the script is.
pub const SCRIPT_PATH: &str = concat!("/assets/console.js?v=", env!("CARGO_PKG_VERSION"));
/// Where the icon is.
pub const ICON_PATH: &str = "/assets/icon.svg";

/// The assets' routes.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/assets/console.css", "The stylesheet", style)
        .get("/assets/console.js", "The script", script)
        .get("/assets/icon.svg", "The icon", image)
        .get("/favicon.ico", "The icon, where browsers look first", image)
}

async fn style(_: Anybody) -> Response {
    asset("text/css; charset=utf-8", STYLE)
}

async fn script(_: Anybody) -> Response {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

async fn image(_: Anybody) -> Response {
    asset("image/svg+xml", ICON)
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}
