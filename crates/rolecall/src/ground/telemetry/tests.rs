use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::secret::Secret;
use super::*;

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(filter: &str, format: LogFormat, log: impl FnOnce()) -> String {
    let page = Page::default();
    let writer = page.clone();
    let subscriber = subscriber(filter, format, move || writer.clone()).unwrap();
    tracing::subscriber::with_default(subscriber, log);
    let bytes = page.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn json_logs_are_one_object_a_line_with_the_fields_in_it() {
    let line = logged("info", LogFormat::Json, || {
        let _span = tracing::info_span!("request", id = "r1").entered();
        tracing::info!(account = "ada", "signed in");
        tracing::debug!("not seen");
    });
    let object: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&object["message"], &object["account"]), (&"signed in".into(), &"ada".into()));
    assert_eq!((&object["level"], &object["span"]["id"]), (&"INFO".into(), &"r1".into()));
    assert!(object["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn text_logs_are_plain_and_filtered_by_part() {
    let text = logged("warn,rolecall=debug", LogFormat::Text, || {
        tracing::debug!(account = "ada", password = ?Secret::new("hunter2"), "seen");
        tracing::info!(target: "other", "not there");
    });
    assert!(text.contains("DEBUG") && text.contains("seen account=\"ada\" password=Secret(…)"), "{text}");
    assert!(!text.contains("not there") && !text.contains('\u{1b}') && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_filter_that_is_none_is_refused() {
    assert!(matches!(subscriber("rolecall=loud", LogFormat::Text, io::sink), Err(TelemetryError::Filter)));
}

#[test]
fn figures_are_rendered_with_their_descriptions_labels_and_buckets() {
    let (recorder, figures) = Figures::recorder(Clock::system()).unwrap();
    let text = metrics::with_local_recorder(&recorder, || {
        describe();
        metrics::counter!(HTTP_REQUESTS, "route" => "/health").increment(2);
        metrics::histogram!(HTTP_SECONDS, "route" => "/health").record(0.002);
        metrics::gauge!(AUDIT_UNSEALED).set(3.0);
        figures.fold();
        figures.render()
    });
    for line in [
        "# HELP rolecall_http_requests_total Requests answered (method, route, status).",
        "# TYPE rolecall_http_requests_total counter",
        "rolecall_http_requests_total{route=\"/health\"} 2",
        "rolecall_http_request_duration_seconds_bucket{route=\"/health\",le=\"0.001\"} 0",
        "rolecall_http_request_duration_seconds_bucket{route=\"/health\",le=\"0.0025\"} 1",
        "rolecall_audit_unsealed_records 3",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}\n{text}");
    }
}

#[test]
fn the_process_is_measured_when_somebody_asks() {
    let (clock, hands) = Clock::movable(At::from_millis(1_769_851_800_500));
    let (_recorder, figures) = Figures::recorder(clock).unwrap();
    hands.pass(Duration::from_secs(61));
    let text = figures.render();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
        line.parse::<u64>().unwrap()
    };
    assert_eq!((value("rolecall_uptime_seconds"), value("process_start_time_seconds")), (61, 1_769_851_800));
    assert!(value("process_resident_memory_bytes") > 1 << 20 && value("process_open_fds") >= 3);
}

#[test]
fn every_figure_is_named_and_described_as_prometheus_wants_it() {
    for figure in FIGURES {
        assert!(figure.name.starts_with("rolecall_") && figure.description.ends_with('.'), "{figure:?}");
        assert_eq!(figure.name.ends_with("_total"), figure.shape == Shape::Counter, "{figure:?}");
        assert_eq!(figure.name.ends_with("_seconds"), figure.shape == Shape::Histogram, "{figure:?}");
        assert_eq!(FIGURES.iter().filter(|other| other.name == figure.name).count(), 1);
    }
}
