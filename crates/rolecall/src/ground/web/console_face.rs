//! How a problem looks to a person: a page, or the way to the sign-in page.

use super::page::bare;
use super::problem::Problem;
use axum::extract::Request;
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;

/// Turns the problems of console routes into pages.
pub async fn show_problems(request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let response = next.run(request).await;
    match response.extensions().get::<Problem>() {
        Some(problem) => face(problem, &uri),
        None => response,
    }
}

fn face(problem: &Problem, uri: &Uri) -> Response {
    if problem.status == StatusCode::UNAUTHORIZED.as_u16() {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let next: String = form_encode(path);
        return Redirect::to(&format!("/sign-in?next={next}")).into_response();
    }
    face_of(problem)
}

/// The page of a problem.
#[must_use]
pub fn face_of(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let page = bare(
        problem.title,
        &html! {
            h1 { (problem.title) }
            p { (problem.detail) }
            @if let Some(decision) = &problem.decision { p.muted { "Decision " code { (decision) } } }
            p { a.btn href="/" { "To the start page" } }
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
