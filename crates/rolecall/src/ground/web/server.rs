//! From routes to a listening server.

use super::problem::Problem;
use super::routes::{Routes, Spec};
use super::{console_face, layers, observe, openapi, reply::Shown};
use crate::app::App;
use crate::ground::web::proofs::{Anybody, BearerToken, ClientAddress};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;

/// For how long a stopping server lets requests finish.
const GRACE: Duration = Duration::from_secs(20);

/// Everything that is served, and what its routes say of themselves.
pub struct Routed {
    /// The service.
    pub router: Router,
    /// Every route.
    pub specs: Arc<Vec<Spec>>,
}

/// Puts the API's and the console's routes together, with what every request passes.
#[must_use]
pub fn assemble(app: App, api: Routes, console: Routes) -> Routed {
    let document: Arc<OnceLock<serde_json::Value>> = Arc::default();
    let shared = Arc::clone(&document);
    let own = Routes::new()
        .get("/health", "Whether the server is ready", health)
        .get("/api/v1/health", "Whether the server is ready", health)
        .get("/metrics", "Figures for Prometheus; from this machine, or with a token", metrics)
        .get("/api/v1/openapi.json", "This document", move |_: Anybody| {
            let document = shared.get().cloned().unwrap_or_default();
            async move { Shown(document) }
        });
    let (api, mut specs) = api.and(own).and(super::assets::routes()).into_parts();
    let (console, console_specs) = console.into_parts();
    specs.extend(console_specs);
    let _ = document.set(openapi::document(&specs));
    let docs = utoipa_swagger_ui::SwaggerUi::new("/api/docs")
        .config(utoipa_swagger_ui::Config::from("/api/v1/openapi.json"));
    let router = api
        .merge(console.layer(from_fn(console_face::show_problems)))
        .with_state(app.clone())
        .merge(Router::<()>::from(docs))
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.clone(), layers::refuse_forgery))
        .layer(from_fn_with_state(app.clone(), layers::wait_for_setup))
        .layer(DefaultBodyLimit::max(app.config.request_body_limit_bytes))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, app.config.request_timeout))
        .layer(CatchPanicLayer::custom(|_| Problem::internal(&"a handler panicked").into_response()))
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(app.clone(), layers::secure))
        .layer(from_fn_with_state(app, observe::observe));
    Routed { router, specs: Arc::new(specs) }
}

async fn nowhere(request: Request) -> Response {
    shown(&request, &Problem::not_found())
}

async fn wrong_method(request: Request) -> Response {
    let detail = "This address does not take this method; the Allow header names those that it takes.";
    shown(&request, &Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail))
}

/// Outside any route: to programs below `/api/`, to people elsewhere.
fn shown(request: &Request, problem: &Problem) -> Response {
    if request.uri().path().starts_with("/api/") {
        problem.clone().into_response()
    } else {
        console_face::face_of(problem)
    }
}

async fn health(_: Anybody, State(app): State<App>) -> Response {
    if app.store.is_answering().await {
        (StatusCode::OK, "ready\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n").into_response()
    }
}

async fn metrics(
    _: Anybody,
    State(app): State<App>,
    ClientAddress(client): ClientAddress,
    token: BearerToken,
) -> Response {
    if !client.is_loopback() && !app.may_scrape(token.0.as_deref()) {
        let detail =
            "Figures are for this machine alone, unless ROLECALL_METRICS_TOKEN is set and sent as Bearer.";
        return Problem::forbidden(detail).into_response();
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.figures.render()).into_response()
}

/// Serves until `handle` is told to stop; requests under way then finish.
///
/// # Errors
/// When the address cannot be served.
pub async fn serve(
    router: Router,
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    handle: Handle<SocketAddr>,
) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    match tls {
        Some(tls) => axum_server::from_tcp_rustls(listener, tls)?.handle(handle).serve(service).await,
        None => axum_server::from_tcp(listener)?.handle(handle).serve(service).await,
    }
}

/// Lets requests finish, and no new ones in.
pub fn stop(handle: &Handle<SocketAddr>) {
    handle.graceful_shutdown(Some(GRACE));
}
