//! `rolecall serve --demo`: a project with a running service, some data, and a few users. All of it is real, and made
//! through the same use cases as everybody's.

use crate::app::App;
use crate::config::Config;
use crate::databases::service_users::{self, NewServiceUser, UserError};
use crate::databases::services::{self, DefaultUser, NewManaged, ServiceError, State};
use crate::ground::access::{
    Account, Action, Actor, Allowed, CreateProject, CreateServiceUser, Organization, Project, RevealPassword,
    SeeProject, SeeServices, find_account, find_project,
};
use crate::ground::dice::Dice;
use crate::ground::secret::Secret;
use crate::people::setup;
use crate::tenancy::projects::{self, ProjectError};
use anyhow::Context as _;
use engines::postgresql::Login;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

const PROJECT: &str = "demo";
const SERVICE: &str = "main";
/// The login of the shop's program; it makes the tables.
const SHOP: &str = "shop_app";
const SHOP_TABLES: &str = include_str!("shop.sql");

/// The demo's password for `admin`: the environment's, else one made once and kept in a file that only we can read.
///
/// # Errors
/// When the file cannot be written or read.
pub fn password(config: &Config, dice: &Dice) -> anyhow::Result<Secret> {
    if let Some(password) = &config.admin_password {
        return Ok(password.clone());
    }
    let path = config.data.join("demo-password");
    if let Ok(text) = std::fs::read_to_string(&path) {
        return Ok(Secret::new(text.trim()));
    }
    let password = Secret::new(dice.random_text(crate::ground::dice::Alphabet::Typed, 16));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    writeln!(file, "{}", password.expose())
        .with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(password)
}

/// Makes what is missing of the demo, and says on the terminal how to begin.
pub async fn run(app: App) {
    if let Err(error) = fill(&app).await {
        tracing::error!("The demo could not be made whole: {error:#}. It is tried again at the next start.");
    }
}

async fn fill(app: &App) -> anyhow::Result<()> {
    let admin = admin(app).await?;
    let project = project(app, &admin).await?;
    let new = NewManaged {
        name: SERVICE.to_owned(),
        version: None,
        default_user: DefaultUser::Tsdbadmin,
        database: None,
    };
    match services::create(app, &allow(&admin, &project)?, &new).await {
        Err(ServiceError::Taken) => {}
        Err(ServiceError::NoneInstalled) => {
            anyhow::bail!("no PostgreSQL is installed on this machine (apt install postgresql)")
        }
        other => drop(other?),
    }
    wait_until_running(app, &admin, &project).await?;
    fill_users(app, &admin, &project).await?;
    tracing::info!("the demo is ready: project {PROJECT}, service {SERVICE}");
    Ok(())
}

/// `admin`, acting from this machine.
async fn admin(app: &App) -> anyhow::Result<Actor> {
    let proof = crate::ground::access::System::<crate::ground::access::Prepare>::on(
        &crate::ground::access::Installation,
    );
    let found = find_account(&mut app.store.read(&proof).await?, setup::ADMIN).await?;
    let (Account { key, .. }, _) = found.context("there is no admin")?;
    Ok(app.gate.by_account(key, None, IpAddr::V4(Ipv4Addr::LOCALHOST)).await?)
}

fn allow<A: Action<On = Project>>(admin: &Actor, project: &Project) -> anyhow::Result<Allowed<A>> {
    Ok(admin.allow::<A>(project.clone())?)
}

async fn project(app: &App, admin: &Actor) -> anyhow::Result<Project> {
    let organization = Organization { id: "default".to_owned(), name: "Default".to_owned() };
    match projects::create(app, &admin.allow::<CreateProject>(organization)?, PROJECT).await {
        Err(ProjectError::Taken) => {}
        other => drop(other?),
    }
    let own = admin.own::<crate::ground::access::SeeSelf>();
    let found = find_project(&mut app.store.read(&own).await?, PROJECT).await?;
    let project = found.context("the project demo went away")?;
    admin.allow::<SeeProject>(project.clone())?;
    Ok(project)
}

async fn wait_until_running(app: &App, admin: &Actor, project: &Project) -> anyhow::Result<()> {
    loop {
        let service = services::show(app, &allow::<SeeServices>(admin, project)?, SERVICE).await?;
        match service.state {
            State::Running => return Ok(()),
            State::Failed | State::Stopped => anyhow::bail!("the service {SERVICE} is {}", service.state),
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// The shop's own login makes the tables; the others find them readable.
async fn fill_users(app: &App, admin: &Actor, project: &Project) -> anyhow::Result<()> {
    let users = [(SHOP, false, false), ("reporting", true, false), ("shop_cdc", false, true)];
    for (username, read_only, replication) in users {
        let new = NewServiceUser { username: username.to_owned(), password: None, read_only, replication };
        match service_users::create(app, &allow::<CreateServiceUser>(admin, project)?, SERVICE, &new).await {
            Err(UserError::Taken) => {}
            other if username == SHOP => {
                drop(other?);
                make_tables(app, admin, project).await?;
            }
            other => drop(other?),
        }
    }
    Ok(())
}

async fn make_tables(app: &App, admin: &Actor, project: &Project) -> anyhow::Result<()> {
    let allowed = allow::<RevealPassword>(admin, project)?;
    let password = service_users::reveal(app, &allowed, SERVICE, SHOP)
        .await?
        .password
        .context("no password is known")?;
    let service = services::find(app, &allowed, SERVICE).await?;
    let login = Login { username: SHOP.to_owned(), password };
    Ok(services::server(app, &service).await?.run_as(&login, SHOP_TABLES).await?)
}
