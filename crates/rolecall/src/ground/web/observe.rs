//! Gives each request an id, logs it and counts it. The log has the route, never the query.

use crate::app::App;
use crate::ground::telemetry::{HTTP_REQUESTS, HTTP_SECONDS};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use metrics::{Counter, Histogram, counter, histogram};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};
use tracing::{Instrument as _, debug, info};

/// The header that carries a request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What requests are counted and named by.
pub struct Observer {
    /// Random, one for each run of the program; ids need to be unlike each other, not hard to guess.
    run: String,
    next: AtomicU64,
    seconds: Histogram,
    /// By route.
    counters: RwLock<HashMap<String, Answers>>,
}

/// How many answers of each status there were to each method.
type Answers = HashMap<(&'static str, StatusCode), Counter>;

impl Observer {
    /// For one run of the program, which `run` names.
    #[must_use]
    pub fn new(run: String) -> Self {
        let seconds = histogram!(HTTP_SECONDS);
        Self { run, next: AtomicU64::new(1), seconds, counters: RwLock::default() }
    }

    fn id(&self) -> String {
        format!("{}-{:x}", self.run, self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn count(&self, method: &'static str, route: &str, status: StatusCode, elapsed: Duration) {
        self.seconds.record(elapsed.as_secs_f64());
        let key = (method, status);
        {
            let counters = self.counters.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(counter) = counters.get(route).and_then(|counters| counters.get(&key)) {
                return counter.increment(1);
            }
        }
        let labels = [
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", status.as_str().to_owned()),
        ];
        let counter = counter!(HTTP_REQUESTS, &labels);
        counter.increment(1);
        let mut counters = self.counters.write().unwrap_or_else(PoisonError::into_inner);
        counters.entry(route.to_owned()).or_default().insert(key, counter);
    }
}

/// Anybody can make up methods; figures and logs take only those that there are.
fn word(method: &Method) -> &'static str {
    const KNOWN: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("OTHER")
}

/// The layer.
pub async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = app.observer.id();
    let method = word(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let span = tracing::info_span!("request", id);
    let began = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let elapsed = began.elapsed();
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    let status = response.status();
    span.in_scope(|| log(method, route, status, elapsed));
    app.observer.count(method, route, status, elapsed);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// What changes something or fails is worth a line; what only reads is told when somebody looks closer.
fn log(method: &str, route: &str, status: StatusCode, elapsed: Duration) {
    let (status, milliseconds) = (status.as_u16(), elapsed.as_millis());
    if matches!(method, "GET" | "HEAD") && status < 400 {
        debug!(method, route, status, milliseconds, "request");
    } else {
        info!(method, route, status, milliseconds, "request");
    }
}
