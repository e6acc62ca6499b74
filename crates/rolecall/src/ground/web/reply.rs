//! What handlers give, each with its status.

use super::routes::{Describe, Named, Spec};
use crate::ground::seen;
use crate::ground::store::Page;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// 200 with the thing.
pub struct Shown<T>(pub T);

/// 200 with the thing and its `ETag`.
pub struct Tagged<T>(pub T);

/// 201 with where it is and the thing.
pub struct Created<T> {
    /// Its address below the base.
    pub location: String,
    /// Itself.
    pub thing: T,
}

/// 202 with the thing: the work goes on, and its state tells how far it is.
pub struct Accepted<T>(pub T);

/// 204.
pub struct Gone;

/// 200 with one page of a list.
pub struct Listed<T>(pub Page<T>);

/// On to another page, which may say what was done.
pub struct Turn {
    to: String,
    notice: Option<String>,
}

impl Turn {
    /// On to this address of ours.
    #[must_use]
    pub fn to(address: String) -> Self {
        Self { to: address, notice: None }
    }

    /// What the next page says, once. Never a secret.
    #[must_use]
    pub fn saying(mut self, notice: &str) -> Self {
        self.notice = Some(notice.to_owned());
        self
    }
}

impl IntoResponse for Turn {
    fn into_response(self) -> Response {
        let mut response = Redirect::to(&self.to).into_response();
        if let Some(notice) = self.notice {
            response.headers_mut().append(header::SET_COOKIE, super::cookies::carry_notice(&notice));
        }
        response
    }
}

impl Describe for Turn {
    fn describe(spec: &mut Spec) {
        spec.status = StatusCode::SEE_OTHER;
    }
}

#[derive(Serialize)]
struct Items<T> {
    items: Vec<T>,
    next: Option<String>,
}

impl<T: Serialize> IntoResponse for Shown<T> {
    fn into_response(self) -> Response {
        Json(self.0).into_response()
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let tag = seen::tag(&self.0);
        let mut response = Json(self.0).into_response();
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, Json(self.thing)).into_response();
        if let Ok(location) = HeaderValue::from_str(&self.location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

impl IntoResponse for Gone {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl<T: Serialize> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        Json(Items { items: self.0.items, next: self.0.next }).into_response()
    }
}

impl<T: ToSchema> Describe for Shown<T> {
    fn describe(spec: &mut Spec) {
        spec.gives = Some(Named::of::<T>());
    }
}

impl<T: ToSchema> Describe for Tagged<T> {
    fn describe(spec: &mut Spec) {
        spec.gives = Some(Named::of::<T>());
    }
}

impl<T: ToSchema> Describe for Created<T> {
    fn describe(spec: &mut Spec) {
        spec.status = StatusCode::CREATED;
        spec.gives = Some(Named::of::<T>());
    }
}

impl<T: ToSchema> Describe for Accepted<T> {
    fn describe(spec: &mut Spec) {
        spec.status = StatusCode::ACCEPTED;
        spec.gives = Some(Named::of::<T>());
    }
}

impl Describe for Gone {
    fn describe(spec: &mut Spec) {
        spec.status = StatusCode::NO_CONTENT;
    }
}

impl<T: ToSchema> Describe for Listed<T> {
    fn describe(spec: &mut Spec) {
        spec.list = true;
        spec.gives = Some(Named { paged: true, ..Named::of::<T>() });
    }
}

impl Describe for Redirect {
    fn describe(spec: &mut Spec) {
        spec.status = StatusCode::SEE_OTHER;
    }
}

impl Describe for Response {
    fn describe(_: &mut Spec) {}
}

impl Describe for maud::Markup {
    fn describe(_: &mut Spec) {}
}
