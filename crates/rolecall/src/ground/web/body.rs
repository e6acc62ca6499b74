//! What requests bring beside their path: JSON, forms, and a list's query.

use super::problem::Problem;
use super::routes::{Describe, Named, Spec};
use crate::app::App;
use crate::ground::store::PageRequest;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

/// A JSON body. Unknown fields are refused by the types themselves (`deny_unknown_fields`).
pub struct Body<T>(pub T);

/// A JSON body that may be left out: then all its fields are.
pub struct OptionalBody<T>(pub T);

/// A form of the console. Its CSRF check is the console's layer, so that no handler can forget it.
pub struct Form<T>(pub T);

/// A list's `?limit=&cursor=&search=&sort=`.
pub struct ListQuery(pub PageRequest);

/// Any other query.
pub struct Ask<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = bytes(request, app).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<App> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = bytes(request, app).await?;
        let text = if bytes.trim_ascii().is_empty() { b"{}".as_slice() } else { &bytes };
        parse(text).map(Self)
    }
}

async fn bytes(request: Request, app: &App) -> Result<axum::body::Bytes, Problem> {
    axum::body::Bytes::from_request(request, app).await.map_err(|_| {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "The body is larger than this server takes; send less.",
        )
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.contains(&0) {
        return Err(Problem::malformed("The body holds a NUL character; take it out."));
    }
    let value: T = serde_json::from_slice(bytes)
        .map_err(|error| Problem::malformed(format!("The body is not what is expected here: {error}.")))?;
    Ok(value)
}

impl<T: DeserializeOwned> FromRequest<App> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        axum::Form::<T>::from_request(request, app).await.map(|form| Self(form.0)).map_err(|error| {
            Problem::malformed(format!("The form is not what is expected here: {}.", error.body_text()))
        })
    }
}

#[derive(Deserialize)]
struct RawListQuery {
    limit: Option<String>,
    cursor: Option<String>,
    search: Option<String>,
    sort: Option<String>,
}

impl FromRequestParts<App> for ListQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Query(raw) = Query::<RawListQuery>::from_request_parts(parts, app).await.map_err(|error| {
            Problem::malformed(format!("The query cannot be read: {}.", error.body_text()))
        })?;
        let limit = raw
            .limit
            .filter(|text| !text.is_empty())
            .map(|text| {
                text.parse::<u32>().map_err(|_| Problem::malformed("limit is a number from 1 to 500."))
            })
            .transpose()?;
        Ok(Self(PageRequest { limit, cursor: raw.cursor, search: raw.search, sort: raw.sort }))
    }
}

impl<T: DeserializeOwned> FromRequestParts<App> for Ask<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Query(query) = Query::<T>::from_request_parts(parts, app).await.map_err(|error| {
            Problem::malformed(format!("The query cannot be read: {}.", error.body_text()))
        })?;
        Ok(Self(query))
    }
}

impl<T: ToSchema> Describe for Body<T> {
    fn describe(spec: &mut Spec) {
        spec.takes = Some(Named::of::<T>());
    }
}

impl<T: ToSchema> Describe for OptionalBody<T> {
    fn describe(spec: &mut Spec) {
        spec.takes = Some(Named::of::<T>());
    }
}

impl<T> Describe for Form<T> {
    fn describe(_: &mut Spec) {}
}

impl<T> Describe for Ask<T> {
    fn describe(_: &mut Spec) {}
}

impl Describe for ListQuery {
    fn describe(spec: &mut Spec) {
        spec.list = true;
    }
}
