//! What went wrong, in one form: RFC 9457 for programs, a page for people, a line for the command line.

use crate::ground::access::{NotProved, Refusal, Unrecognized};
use crate::ground::store::Error;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// A refusal or a failure, as the caller sees it. `detail` is one sentence that says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: `code` tells them apart.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// One sentence that says what happened and what to do next.
    pub detail: String,
    /// Stable, `snake_case`.
    pub code: &'static str,
    /// What is wrong with which field of the body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The decision behind a 403, by which an administrator finds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// Seconds to wait before trying again.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's name in the body.
    pub field: String,
    /// One sentence.
    pub message: String,
}

impl Problem {
    /// A problem of this status and code.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            errors: Vec::new(),
            decision: None,
            retry_after: None,
        }
    }

    /// 400: the request cannot be read.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// 401: nobody is signed in.
    #[must_use]
    pub fn nobody() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "not_signed_in",
            "Sign in first: send a token, or account and password.",
        )
    }

    /// 401: a credential is there, and wrong.
    #[must_use]
    pub fn invalid_credentials(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_credentials", detail)
    }

    /// 403: known, and not allowed.
    #[must_use]
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 404: not there, or not for the caller to know.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is no such thing here, or you may not see it.")
    }

    /// 409: it clashes with what is there.
    #[must_use]
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 413: more than is taken.
    #[must_use]
    pub fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "The body is larger than this server takes; send less.",
        )
    }

    /// 412: it was changed since the caller looked.
    #[must_use]
    pub fn stale() -> Self {
        let detail = "Somebody has changed this since you read it; read it again, then repeat your change.";
        Self::new(StatusCode::PRECONDITION_FAILED, "stale", detail)
    }

    /// 422: fields are wrong.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail =
            errors.first().map_or_else(|| "Some fields are wrong.".to_owned(), |first| first.message.clone());
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail) }
    }

    /// 422: one field is wrong.
    #[must_use]
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { field: field.to_owned(), message: message.into() }])
    }

    /// 429, to be tried again after so many seconds.
    #[must_use]
    pub fn too_many(seconds: u64, detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", detail);
        Self { retry_after: Some(seconds), ..problem }
    }

    /// 500: our fault. What it was goes to the log, not to the caller.
    #[must_use]
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        let detail = "Something went wrong inside Rolecall; the log has this request's id and says what.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// 422 unless the name was typed that a destructive act asks for.
    #[must_use]
    pub fn unless_typed(typed: &str, name: &str) -> Option<Self> {
        (typed.trim() != name).then(|| Self::field("confirm", format!("Type {name} as it is written above.")))
    }

    /// Its status, for a page that shows it.
    #[must_use]
    pub fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The message for a field, if there is one.
    #[must_use]
    pub fn at(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown => Self::not_found(),
            Refusal::TooLow { missing, held, .. } => Self::forbidden(format!(
                "This needs {missing}; you have {held}. Ask an admin there for more."
            )),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Withdrawn(refusal) => refusal.into(),
            Error::Unavailable(_) => {
                tracing::error!(%error, "the store does not answer");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "store_unavailable",
                    "Rolecall's store does not answer; try again in a moment.",
                )
            }
            Error::Contended => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "Others were changing the same thing; try again.",
            ),
            Error::Nul => Self::malformed("A text holds a NUL character; take it out."),
            other => Self::internal(&other),
        }
    }
}

impl From<Unrecognized> for Problem {
    fn from(error: Unrecognized) -> Self {
        match error {
            Unrecognized::Revoked => Self::new(
                StatusCode::UNAUTHORIZED,
                "token_revoked",
                "This token is not known or was revoked; sign in again.",
            ),
            Unrecognized::Expired => {
                Self::new(StatusCode::UNAUTHORIZED, "token_expired", "This token has expired; sign in again.")
            }
            Unrecognized::Store(error) => error.into(),
        }
    }
}

impl From<NotProved> for Problem {
    fn from(error: NotProved) -> Self {
        match error {
            NotProved::Wrong => {
                Self::invalid_credentials("The account or the password is wrong; check both and try again.")
            }
            NotProved::Wait(seconds) => {
                Self::too_many(seconds, format!("Too many failed attempts; try again in {seconds} seconds."))
            }
            NotProved::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer, Basic realm=\"Rolecall\""),
            );
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // The console's layer turns it into a page.
        response.extensions_mut().insert(self);
        response
    }
}
