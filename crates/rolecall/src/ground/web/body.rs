//! What requests bring beside their path: JSON, forms, and a list's query.

use super::problem::Problem;
use super::routes::{Describe, Named, Spec};
use crate::app::App;
use crate::ground::seen::Seen;
use crate::ground::store::PageRequest;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

/// A JSON body. Unknown fields are refused by the types themselves (`deny_unknown_fields`).
pub struct Body<T>(pub T);

/// A JSON body that may be left out: then all its fields are.
pub struct OptionalBody<T>(pub T);

/// A form of the console. Its CSRF check is the console's layer, so that no handler can forget it.
pub struct Form<T>(pub T);

/// A list's `?limit=&cursor=&search=&sort=`; what it can be sorted by is asked of it before it is used.
pub struct ListQuery(PageRequest);

impl ListQuery {
    /// The page that is asked for, of a list that can be sorted by these fields.
    ///
    /// # Errors
    /// 400 for another field, and for a cursor that isn't one of ours: silence would be the wrong page.
    pub fn by(self, fields: &[&str]) -> Result<PageRequest, Problem> {
        let Self(request) = self;
        if request.sort().is_some_and(|sort| !fields.contains(&sort.field)) {
            return Err(Problem::malformed(format!("This list is sorted by one of: {}.", fields.join(", "))));
        }
        if request.cursor.as_deref().is_some_and(|cursor| !cursor.is_empty()) && request.after().is_none() {
            return Err(Problem::malformed(
                "cursor is the `next` of the page before; leave it out to begin.",
            ));
        }
        Ok(request)
    }
}

/// What the caller has seen of the thing: its `If-Match`.
pub struct IfMatch(pub Seen);

/// Any other query.
pub struct Ask<T>(pub T);

/// A query by its fields, for the API's description.
pub trait Asked: DeserializeOwned {
    /// Each field's name, and what it is for in one line.
    const FIELDS: &'static [(&'static str, &'static str)] = &[];
}

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
    axum::body::Bytes::from_request(request, app).await.map_err(|_| Problem::too_large())
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
            if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
                return Problem::too_large();
            }
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
                text.parse().ok().filter(|limit| *limit > 0).ok_or_else(|| {
                    Problem::malformed(
                        "limit is a number from 1 to 500; more than 500 are never given at once.",
                    )
                })
            })
            .transpose()?;
        Ok(Self(PageRequest { limit, cursor: raw.cursor, search: raw.search, sort: raw.sort }))
    }
}

impl FromRequestParts<App> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let given = parts.headers.get(header::IF_MATCH).map(|value| value.to_str().unwrap_or_default());
        Ok(Self(given.map_or(Seen::Anything, Seen::of_header)))
    }
}

impl<T: Asked> FromRequestParts<App> for Ask<T> {
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

impl<T: Asked> Describe for Ask<T> {
    fn describe(spec: &mut Spec) {
        spec.query.extend(T::FIELDS);
    }
}

impl Describe for IfMatch {
    fn describe(spec: &mut Spec) {
        spec.if_match = true;
    }
}

impl Describe for ListQuery {
    fn describe(spec: &mut Spec) {
        spec.list = true;
    }
}
