//! How a problem looks to a person: a page, or the way to the sign-in page.

use super::cookies;
use super::page::bare;
use super::problem::Problem;
use axum::extract::Request;
use axum::http::{StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;

/// Turns the problems of console routes into pages.
pub async fn show_problems(request: Request, next: Next) -> Response {
    let is_read = request.method().is_safe();
    let uri = request.uri().clone();
    let had_notice = cookies::notice(request.headers()).is_some();
    let response = next.run(request).await;
    let mut response = match response.extensions().get::<Problem>() {
        Some(problem) => face(problem, &uri, is_read),
        None => response,
    };
    // A notice is shown by one page only; a redirect leaves it to the next.
    if had_notice && !response.status().is_redirection() {
        response.headers_mut().append(header::SET_COOKIE, cookies::drop_notice());
    }
    response
}

fn face(problem: &Problem, uri: &Uri, is_read: bool) -> Response {
    if problem.status == StatusCode::UNAUTHORIZED.as_u16() {
        // What was about to be done is not done by signing in: one begins anew.
        let path = uri.path_and_query().filter(|_| is_read).map_or("/", |path| path.as_str());
        return Redirect::to(&format!("/sign-in?next={}", form_encode(path))).into_response();
    }
    face_of(problem)
}

/// The page of a problem.
#[must_use]
pub fn face_of(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let title = match problem.status {
        403 => "You may not do this",
        404 | 405 => "Nothing here",
        409 => "Not now",
        413 | 400 | 422 => "This could not be read",
        429 => "Too many attempts",
        502..=504 => "No answer",
        _ => "Something went wrong",
    };
    let page = bare(
        title,
        &html! {
            h1 { (title) }
            p { (problem.detail) }
            @for error in problem.errors.iter().skip(1) { p { (error.message) } }
            @if let Some(decision) = &problem.decision {
                p.muted { small { "An administrator finds this decision as " code { (decision) } "." } }
            }
            div.acts { a.btn.primary href="/" { "To the start page" } }
        },
    );
    (status, page).into_response()
}

/// Percent-encodes what a query value cannot hold.
fn form_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
