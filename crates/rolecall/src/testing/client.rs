//! A client that speaks to the router itself, without a network.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::Value;
use std::net::SocketAddr;
use tower::ServiceExt as _;

/// Somebody who calls.
#[derive(Clone)]
pub struct Client {
    router: Router,
    token: Option<String>,
    headers: Vec<(&'static str, String)>,
    address: SocketAddr,
}

/// What came back.
pub struct Answer {
    /// The status.
    pub code: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
    asked: String,
}

impl Client {
    /// The client of whoever holds `token`.
    #[must_use]
    pub fn new(router: Router, token: Option<String>) -> Self {
        Self { router, token, headers: Vec::new(), address: SocketAddr::from(([127, 0, 0, 1], 50_000)) }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same from another address.
    #[must_use]
    pub fn from(mut self, address: &str) -> Self {
        self.address = SocketAddr::new(address.parse().unwrap(), 50_000);
        self
    }

    /// The token it sends.
    #[must_use]
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, "").await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some("application/json"), &body.to_string()).await
    }

    /// PUT of JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, Some("application/json"), &body.to_string()).await
    }

    /// PATCH of JSON.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, Some("application/json"), &body.to_string()).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, "").await
    }

    /// POST of a form.
    pub async fn form(&self, path: &str, body: &str) -> Answer {
        self.send(Method::POST, path, Some("application/x-www-form-urlencoded"), body).await
    }

    /// Anything.
    pub async fn send(&self, method: Method, path: &str, kind: Option<&str>, body: &str) -> Answer {
        let asked = format!("{method} {path}");
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(ConnectInfo(self.address));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            code: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
            asked,
        }
    }
}

impl Answer {
    /// Itself, if the status is this one.
    #[expect(clippy::return_self_not_must_use, reason = "often all that is to be said of an answer")]
    pub fn status(self, code: u16) -> Self {
        assert_eq!(self.code.as_u16(), code, "{}: {}", self.asked, self.body);
        self
    }

    /// A header, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.asked, self.body))
    }

    /// A text field of the body, which is checked to be there.
    #[must_use]
    pub fn text(&self, field: &str) -> &'static str {
        let value = self.json();
        let text = value
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{}: no {field} in {}", self.asked, self.body));
        // Tests are short: what they read may stay.
        Box::leak(text.to_owned().into_boxed_str())
    }

    /// The problem's code.
    #[must_use]
    pub fn problem(&self) -> &'static str {
        self.text("code")
    }
}
