//! Services as people see them.

use super::Format;
use crate::databases::service_databases::cli::{Database, size};
use crate::ground::cli::{Context, Facts, Failure, ListOptions, Path, Table, Text, Tone, View, read};
use serde::Deserialize;

/// A service, as far as we show it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) engine: String,
    pub(super) mode: String,
    pub(super) state: String,
    pub(super) step: Option<String>,
    pub(super) failure: Option<String>,
    pub(super) version: String,
    host: String,
    port: i64,
    database: String,
    tls: String,
    default_user: Option<String>,
    #[serde(default)]
    findings: Vec<Finding>,
    #[serde(default)]
    connection: Connection,
    created_at: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Finding {
    text: String,
    sql: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Connection {
    psql: String,
    uri: String,
    libpq: String,
    jdbc: String,
}

/// An installed version.
#[derive(Debug, Deserialize)]
pub(super) struct Installed {
    engine: String,
    version: String,
    #[serde(default)]
    default: bool,
    caution: Option<String>,
}

impl Service {
    fn state(&self) -> Text {
        let tone = match self.state.as_str() {
            "running" => Tone::Good,
            "creating" | "starting" | "stopping" => Tone::Busy,
            "failed" | "unreachable" => Tone::Bad,
            _ => Tone::Plain,
        };
        Text::new(&self.state, tone)
    }

    /// Where it listens, once that is chosen.
    fn address(&self) -> Option<String> {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        (self.port != 0).then(|| format!("{host}:{}", self.port))
    }
}

pub(super) fn table(services: Vec<Service>) -> View {
    if services.is_empty() {
        return View::Says("No services here yet: make one with `rolecall service create NAME`.".to_owned());
    }
    let row = |one: Service| {
        let (state, address) = (one.state(), one.address().into());
        vec![one.name.into(), one.engine.into(), one.mode.into(), state, one.version.into(), address]
    };
    Table::new(
        &["NAME", "ENGINE", "MODE", "STATE", "VERSION", "ADDRESS"],
        services.into_iter().map(row).collect(),
    )
    .into()
}

pub(super) fn facts(service: Service) -> Facts {
    let findings: Vec<_> = findings(&service).collect();
    Facts::default()
        .with("Name", &service.name)
        .with("State", service.state())
        .with_some("Step", service.step.as_ref())
        .with_some("Failure", service.failure.as_ref())
        .with("Address", service.address())
        .with("Engine", format!("{} {}", service.engine, service.version))
        .with("Mode", service.mode)
        .with("Database", service.database)
        .with("TLS", service.tls)
        .with_some("Default user", service.default_user)
        .with("Created", Text::instant(&service.created_at))
        .with("psql", service.connection.psql)
        .with_each("Findings", findings)
}

/// What could not be done on a service, and the SQL that would do it.
pub(super) fn findings(service: &Service) -> impl Iterator<Item = String> {
    service.findings.iter().map(|finding| match &finding.sql {
        Some(sql) => format!("{} {sql}", finding.text),
        None => finding.text.clone(),
    })
}

/// What became of a service.
#[expect(clippy::needless_pass_by_value, reason = "the output gives it away")]
pub(super) fn state(service: Service) -> String {
    let address = service.address().filter(|_| service.state == "running");
    match address {
        Some(address) => format!("Service \"{}\" is running at {address}.", service.name),
        None if service.state == "creating" => format!("Service \"{}\" is being made.", service.name),
        None => format!("Service \"{}\" is {}.", service.name, service.state),
    }
}

pub(super) fn connection(service: Service, format: Option<Format>) -> View {
    let Connection { psql, uri, libpq, jdbc } = service.connection;
    match format {
        Some(Format::Psql) => View::Says(psql),
        Some(Format::Uri) => View::Says(uri),
        Some(Format::Libpq) => View::Says(libpq),
        Some(Format::Jdbc) => View::Says(jdbc),
        None => Facts::default()
            .with("psql", psql)
            .with("uri", uri)
            .with("libpq", libpq)
            .with("jdbc", jdbc)
            .into(),
    }
}

pub(super) fn versions(versions: Vec<Installed>) -> View {
    if versions.is_empty() {
        return View::Says(
            "No PostgreSQL is installed on the server's machine; install one, or attach a server.".to_owned(),
        );
    }
    let row =
        |one: Installed| vec![one.engine.into(), one.version.into(), one.default.into(), one.caution.into()];
    Table::new(&["ENGINE", "VERSION", "DEFAULT", "NOTE"], versions.into_iter().map(row).collect()).into()
}

/// What deleting a service loses, a sentence each.
pub(super) async fn losses(context: &Context, path: &Path) -> Result<Vec<String>, Failure> {
    let service: Service = read(context.client.get(path).await?)?;
    let name = &service.name;
    if service.mode != "managed" {
        return Ok(vec![format!(
            "Rolecall forgets service \"{name}\" and the passwords of its users; the server stays as it is."
        )]);
    }
    let all = format!("Service \"{name}\" and everything in it will be lost.");
    if service.state != "running" {
        return Ok(vec![all, format!("It is {}, so what it holds cannot be shown.", service.state)]);
    }
    let everything = ListOptions::default();
    let databases = context.client.list(&path.join("databases")?, &everything).await?;
    let users = context.client.list(&path.join("users")?, &everything).await?.len();
    let databases = databases.into_iter().map(read).collect::<Result<Vec<Database>, _>>()?;
    let held = databases.iter().map(|one| format!("  database {} ({})", one.name, size(one.bytes)));
    Ok(std::iter::once(all).chain(held).chain([format!("  {users} users")]).collect())
}
