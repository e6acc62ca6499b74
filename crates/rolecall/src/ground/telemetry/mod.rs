//! Logs and figures: where they go, what the figures are called, and how they are read.

mod process;

use std::io;

use metrics::Unit;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::clock::{At, Clock};
use crate::config::LogFormat;

/// Why logs or figures could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one; the configuration refuses such a filter before.
    #[error(
        "the log filter is not right: write error, warn, info, debug or trace, also by part, as in info,rolecall=debug"
    )]
    Filter,
    /// Somebody set logs or figures up before in this process.
    #[error("{0} are set up already: set them up once, at the start")]
    Twice(&'static str),
    /// The buckets of histograms are not right, which is a mistake in the program.
    #[error("the figures can't be kept ({0}): report this")]
    Figures(String),
}

/// Sends logs to standard error, from now on and for the whole process.
///
/// # Errors
/// When the filter is none, or logs are set up already.
pub fn start_logs(filter: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let subscriber = subscriber(filter, format, io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| TelemetryError::Twice("logs"))
}

type Subscriber = Box<dyn tracing::Subscriber + Send + Sync>;

/// A subscriber that writes to `writer`; for tests, which look at what was logged.
///
/// # Errors
/// When the filter is none.
pub fn subscriber<W>(filter: &str, format: LogFormat, writer: W) -> Result<Subscriber, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(filter).map_err(|_| TelemetryError::Filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        // Whoever read our lines may be gone: a server does not fall over that.
        .log_internal_errors(false);
    Ok(match format {
        LogFormat::Text => Box::new(builder.with_ansi(false).finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).with_span_list(false).finish()),
    })
}

/// How a figure moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Only up.
    Counter,
    /// Up and down.
    Gauge,
    /// Spread over buckets.
    Histogram,
}

/// A figure: its name (as Prometheus wants it: base unit last), shape, unit and meaning.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Its name, for `metrics::counter!` and its sisters.
    pub name: &'static str,
    /// How it moves.
    pub shape: Shape,
    /// What it counts.
    pub unit: Unit,
    /// What it means, in one sentence; the labels in brackets.
    pub description: &'static str,
}

const fn figure(name: &'static str, shape: Shape, unit: Unit, description: &'static str) -> Figure {
    Figure { name, shape, unit, description }
}

/// Requests answered.
pub const HTTP_REQUESTS: &str = "rolecall_http_requests_total";
/// Time from a request's head to its answer's.
pub const HTTP_SECONDS: &str = "rolecall_http_request_duration_seconds";
/// Sign-ins tried.
pub const SIGN_INS: &str = "rolecall_sign_ins_total";
/// Time that sign-ins waited for their turn to hash.
pub const HASH_WAIT_SECONDS: &str = "rolecall_password_wait_seconds";
/// Decisions of the access table.
pub const DECISIONS: &str = "rolecall_access_decisions_total";
/// Transactions of the store.
pub const STORE_TRANSACTIONS: &str = "rolecall_store_transactions_total";
/// Time of transactions of the store.
pub const STORE_SECONDS: &str = "rolecall_store_transaction_duration_seconds";
/// Audit records that are not sealed yet.
pub const AUDIT_UNSEALED: &str = "rolecall_audit_unsealed_records";
/// Jobs that ended.
pub const JOBS: &str = "rolecall_jobs_total";
/// Changes on managed and attached databases.
pub const DATABASE_CHANGES: &str = "rolecall_database_changes_total";
/// Time of changes on managed and attached databases.
pub const DATABASE_SECONDS: &str = "rolecall_database_change_duration_seconds";
/// Services by state.
pub const SERVICES: &str = "rolecall_services";

/// All figures that the product keeps, beside those of the process.
pub const FIGURES: &[Figure] = &[
    figure(HTTP_REQUESTS, Shape::Counter, Unit::Count, "Requests answered (method, route, status)."),
    figure(
        HTTP_SECONDS,
        Shape::Histogram,
        Unit::Seconds,
        "Time from a request's head to its answer's (method, route).",
    ),
    figure(SIGN_INS, Shape::Counter, Unit::Count, "Sign-ins tried (door, outcome)."),
    figure(
        HASH_WAIT_SECONDS,
        Shape::Histogram,
        Unit::Seconds,
        "Time that passwords waited for their turn to be hashed.",
    ),
    figure(DECISIONS, Shape::Counter, Unit::Count, "Decisions of the access table (action, outcome)."),
    figure(STORE_TRANSACTIONS, Shape::Counter, Unit::Count, "Transactions of the store (kind, outcome)."),
    figure(STORE_SECONDS, Shape::Histogram, Unit::Seconds, "Time of transactions of the store (kind)."),
    figure(AUDIT_UNSEALED, Shape::Gauge, Unit::Count, "Audit records that are not chained and signed yet."),
    figure(JOBS, Shape::Counter, Unit::Count, "Background jobs that ended (kind, outcome)."),
    figure(DATABASE_CHANGES, Shape::Counter, Unit::Count, "Changes on databases (engine, change, outcome)."),
    figure(
        DATABASE_SECONDS,
        Shape::Histogram,
        Unit::Seconds,
        "Time of changes on databases (engine, change).",
    ),
    figure(SERVICES, Shape::Gauge, Unit::Count, "Services (engine, state)."),
];

/// From half a millisecond, where most requests end, to half a minute, where they are given up.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0];

/// Reads the figures. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Figures {
    handle: PrometheusHandle,
    clock: Clock,
    started: At,
}

impl Figures {
    /// Keeps the figures of the whole process from now on.
    ///
    /// # Errors
    /// When figures are kept already.
    pub fn start(clock: Clock) -> Result<Self, TelemetryError> {
        let (recorder, figures) = Self::recorder(clock)?;
        metrics::set_global_recorder(recorder).map_err(|_| TelemetryError::Twice("figures"))?;
        describe();
        Ok(figures)
    }

    /// A recorder that a test makes its own with `metrics::with_local_recorder`, and what reads it.
    ///
    /// # Errors
    /// [`TelemetryError::Figures`] only.
    pub fn recorder(clock: Clock) -> Result<(PrometheusRecorder, Self), TelemetryError> {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .map_err(|error| TelemetryError::Figures(error.to_string()))?;
        let recorder = builder.build_recorder();
        let figures = Figures { handle: recorder.handle(), started: clock.now(), clock };
        Ok((recorder, figures))
    }

    /// All figures in Prometheus' text form, those of the process read at this moment.
    #[must_use]
    pub fn render(&self) -> String {
        let uptime = self.clock.now().since(self.started);
        self.handle.render() + &process::render(self.started, uptime)
    }

    /// Folds what histograms gathered into their buckets; to be called every few seconds, or they grow until the next
    /// [`Figures::render`].
    pub fn fold(&self) {
        self.handle.run_upkeep();
    }
}

/// Tells the recorder in charge what the figures mean.
fn describe() {
    for Figure { name, shape, unit, description } in FIGURES.iter().copied() {
        match shape {
            Shape::Counter => metrics::describe_counter!(name, unit, description),
            Shape::Gauge => metrics::describe_gauge!(name, unit, description),
            Shape::Histogram => metrics::describe_histogram!(name, unit, description),
        }
    }
}

#[cfg(test)]
mod tests;
