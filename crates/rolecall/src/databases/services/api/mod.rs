//! `/projects/{project}/services`.

mod problem;

use super::{DefaultUser, NewAttached, NewManaged, ServiceView, TlsMode};
use crate::app::App;
use crate::ground::access::{
    Allowed, AttachService, CreateService, DeleteService, EditService, RestartService, SeeSelf, SeeServices,
    StartService, StopService,
};
use crate::ground::secret::Secret;
use crate::ground::store::Page;
use crate::ground::web::body::{Body, ListQuery};
use crate::ground::web::problem::Problem;
use crate::ground::web::reply::{Created, Gone, Listed, Shown};
use crate::ground::web::routes::Routes;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The routes of this slice.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .get("/api/v1/projects/{project}/services", "List a project's services", list)
        .post("/api/v1/projects/{project}/services", "Make a managed service, or attach a server", create)
        .post("/api/v1/projects/{project}/services/test", "Try to reach a server before attaching it", test)
        .get("/api/v1/projects/{project}/services/{service}", "Show a service", show)
        .patch("/api/v1/projects/{project}/services/{service}", "Rename a service", edit)
        .delete("/api/v1/projects/{project}/services/{service}", "Delete a service with its data", delete)
        .post("/api/v1/projects/{project}/services/{service}/start", "Start a service", start)
        .post("/api/v1/projects/{project}/services/{service}/stop", "Stop a service", stop)
        .post("/api/v1/projects/{project}/services/{service}/restart", "Restart a service", restart)
        .get("/api/v1/service-versions", "List the installed versions to choose from", versions)
        .get(
            "/api/v1/service-authority",
            "The certificate that managed services' certificates are signed with",
            authority,
        )
}

/// A service to be made or attached.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum NewService {
    /// Made and run here.
    Managed(NewManagedBody),
    /// Registered by address.
    Attached(NewAttachedBody),
}

/// A managed service to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewManagedBody {
    /// Small letters, digits and hyphens, a letter first.
    name: String,
    /// `postgresql`.
    #[serde(default)]
    engine: Option<String>,
    /// `17` or `17.10`; the newest without.
    #[serde(default)]
    version: Option<String>,
    /// `tsdbadmin`, unless a random name is wanted.
    #[serde(default)]
    default_user: Option<DefaultUser>,
    /// `defaultdb`, unless named otherwise.
    #[serde(default)]
    database: Option<String>,
}

/// A server to be attached.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAttachedBody {
    /// Small letters, digits and hyphens, a letter first.
    #[serde(default)]
    name: String,
    /// `postgresql`.
    #[serde(default)]
    engine: Option<String>,
    /// A host name or an address.
    host: String,
    /// 5432 without.
    #[serde(default)]
    port: Option<u16>,
    /// An administrator's login.
    username: String,
    /// Its password.
    #[schema(value_type = String, format = Password)]
    password: Secret,
    /// A database it may connect to; `postgres` without.
    #[serde(default)]
    database: Option<String>,
    /// `required`, unless said otherwise.
    #[serde(default)]
    tls: Option<TlsMode>,
    /// The authority that signs the server's certificate, PEM.
    #[serde(default)]
    tls_ca: Option<String>,
}

/// What can be changed of a service.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceEdit {
    /// Its new name.
    #[serde(default)]
    name: Option<String>,
}

/// What a server answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestedService {
    /// Always true: what cannot be reached is an error that says why.
    ok: bool,
    /// One sentence.
    message: String,
    /// The server's version.
    server_version: String,
    /// How long it took to answer.
    milliseconds: u64,
}

/// An installed version.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceVersion {
    /// `postgresql`.
    engine: &'static str,
    /// `17.10`.
    version: String,
    /// 17.
    major: u32,
    /// Whether it is used where none is asked for.
    default: bool,
    /// What to know before choosing it.
    #[serde(skip_serializing_if = "Option::is_none")]
    caution: Option<&'static str>,
}

/// The installation's own authority.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceAuthority {
    /// PEM, for `sslrootcert`.
    certificate: String,
}

type Names = Path<(String, String)>;

async fn list(
    State(app): State<App>,
    allowed: Allowed<SeeServices>,
    query: ListQuery,
) -> Result<Listed<ServiceView>, Problem> {
    Ok(Listed(super::list(&app, &allowed, &query.by(super::SORTS)?).await?))
}

async fn create(
    State(app): State<App>,
    allowed: Allowed<CreateService>,
    Body(new): Body<NewService>,
) -> Result<Created<ServiceView>, Problem> {
    let service = match new {
        NewService::Managed(new) => super::create(&app, &allowed, &new.checked()?).await?,
        NewService::Attached(new) => {
            super::attach(&app, &allowed.also::<AttachService>()?, &new.checked()?).await?
        }
    };
    let location = format!("/api/v1/projects/{}/services/{}", service.project, service.name);
    Ok(Created { location, thing: service })
}

async fn test(
    allowed: Allowed<AttachService>,
    Body(new): Body<NewService>,
) -> Result<Shown<TestedService>, Problem> {
    let NewService::Attached(new) = new else {
        return Err(Problem::field(
            "mode",
            "Only an attached server can be tested; a managed one is not there yet.",
        ));
    };
    let facts = super::test(&allowed, &new.checked()?).await?;
    let message = format!("PostgreSQL {} answered in {} ms.", facts.version, facts.milliseconds);
    Ok(Shown(TestedService {
        ok: true,
        message,
        server_version: facts.version,
        milliseconds: facts.milliseconds,
    }))
}

async fn show(
    State(app): State<App>,
    allowed: Allowed<SeeServices>,
    Path((_, service)): Names,
) -> Result<Shown<ServiceView>, Problem> {
    Ok(Shown(super::show(&app, &allowed, &service).await?))
}

async fn edit(
    State(app): State<App>,
    allowed: Allowed<EditService>,
    Path((_, service)): Names,
    Body(edit): Body<ServiceEdit>,
) -> Result<Shown<ServiceView>, Problem> {
    match edit.name {
        Some(name) => Ok(Shown(super::rename(&app, &allowed, &service, &name).await?)),
        None => Ok(Shown(super::show(&app, &allowed.also()?, &service).await?)),
    }
}

async fn delete(
    State(app): State<App>,
    allowed: Allowed<DeleteService>,
    Path((_, service)): Names,
) -> Result<Gone, Problem> {
    super::delete(&app, &allowed, &service).await?;
    Ok(Gone)
}

async fn start(
    State(app): State<App>,
    allowed: Allowed<StartService>,
    Path((_, service)): Names,
) -> Result<Shown<ServiceView>, Problem> {
    Ok(Shown(super::start(&app, &allowed, &service).await?))
}

async fn stop(
    State(app): State<App>,
    allowed: Allowed<StopService>,
    Path((_, service)): Names,
) -> Result<Shown<ServiceView>, Problem> {
    Ok(Shown(super::stop(&app, &allowed, &service).await?))
}

async fn restart(
    State(app): State<App>,
    allowed: Allowed<RestartService>,
    Path((_, service)): Names,
) -> Result<Shown<ServiceView>, Problem> {
    Ok(Shown(super::restart(&app, &allowed, &service).await?))
}

async fn versions(
    State(app): State<App>,
    _: crate::ground::access::Own<SeeSelf>,
) -> Result<Listed<ServiceVersion>, Problem> {
    let versions = app.fleet.installations().iter().enumerate().map(|(place, one)| ServiceVersion {
        engine: "postgresql",
        version: one.version.clone(),
        major: one.major,
        default: place == 0,
        caution: (one.major < 16)
            .then_some("Before PostgreSQL 16 tsdbadmin can make itself a superuser of its server."),
    });
    Ok(Listed(Page { items: versions.collect(), next: None }))
}

async fn authority(
    State(app): State<App>,
    _: crate::ground::access::Own<SeeSelf>,
) -> Result<Shown<ServiceAuthority>, Problem> {
    let certificate = app.fleet.home().authority().certificate_pem().to_owned();
    Ok(Shown(ServiceAuthority { certificate }))
}

fn must_be_postgresql(engine: Option<&str>) -> Result<(), Problem> {
    match engine {
        None | Some("postgresql") => Ok(()),
        Some(_) => Err(Problem::field("engine", "Services are PostgreSQL servers; write postgresql.")),
    }
}

impl NewManagedBody {
    fn checked(self) -> Result<NewManaged, Problem> {
        must_be_postgresql(self.engine.as_deref())?;
        let default_user = self.default_user.unwrap_or(DefaultUser::Tsdbadmin);
        Ok(NewManaged { name: self.name, version: self.version, default_user, database: self.database })
    }
}

impl NewAttachedBody {
    fn checked(self) -> Result<NewAttached, Problem> {
        must_be_postgresql(self.engine.as_deref())?;
        Ok(NewAttached {
            name: self.name,
            host: self.host,
            port: self.port,
            username: self.username,
            password: self.password,
            database: self.database,
            tls: self.tls.unwrap_or(TlsMode::Required),
            tls_ca: self.tls_ca,
        })
    }
}
