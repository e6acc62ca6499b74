//! `rolecall serve`: from settings to a listening server, and back down again.

use crate::app::{App, Parts};
use crate::config::{Config, Inputs};
use crate::databases::{fleet::Fleet, service_databases, service_users, services};
use crate::demo;
use crate::ground::access::Gate;
use crate::ground::audit::Sealer;
use crate::ground::clock::Clock;
use crate::ground::dice::{Alphabet, Dice};
use crate::ground::jobs::{Job, Work, Worker};
use crate::ground::passwords::Passwords;
use crate::ground::store::Store;
use crate::ground::telemetry::{Figures, start_logs};
use crate::ground::vault::{FirstKey, Vault};
use crate::ground::web::{self, Observer, Routed, routes::Routes};
use crate::oversight::audit;
use crate::people::{me, setup, sign_in};
use crate::tenancy::projects;
use anyhow::Context as _;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// How often last uses are written and figures folded.
const HOUSEKEEPING: Duration = Duration::from_secs(5);

/// Serves until it is told to stop.
///
/// # Errors
/// What keeps it from starting, in one sentence.
pub async fn run(inputs: Inputs) -> anyhow::Result<()> {
    let config = Config::load(&inputs)?;
    start_logs(&config.log, config.log_format)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let listener = TcpListener::bind(config.listen).with_context(|| {
        format!("{} cannot be listened on; free it or choose another with --listen", config.listen)
    })?;
    listener.set_nonblocking(true)?;
    let clock = Clock::system();
    let dice = Dice::system(clock.clone());
    let tools = Tools {
        passwords: Passwords::new(dice.clone())?,
        figures: Figures::start(clock.clone())?,
        clock,
        dice,
    };
    let app = open(config, tools).await?;
    let background = Background::start(&app).await?;
    let tls = tls(&app.config).await?;
    let handle = Handle::new();
    announce(&app, listener.local_addr()?)?;
    if app.config.demo {
        tokio::spawn(demo::run(app.clone()));
    }
    let stopping = tokio::spawn(stop_on_signal(handle.clone()));
    let routed = routes(&app);
    let served = web::serve(routed.router, listener, tls, handle).await;
    stopping.abort();
    tracing::info!("no more requests; finishing what is under way");
    background.stop().await;
    if app.config.stop_services_with_server {
        services::stop_all(&app).await;
    }
    app.store.close().await;
    Ok(served?)
}

/// What tests bring their own of.
pub struct Tools {
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub dice: Dice,
    /// Hashing of passwords.
    pub passwords: Passwords,
    /// Figures.
    pub figures: Figures,
}

/// Opens everything that a running Rolecall needs, and prepares an empty store.
///
/// # Errors
/// What is missing or wrong, in one sentence.
pub async fn open(config: Config, tools: Tools) -> anyhow::Result<App> {
    let Tools { clock, dice, passwords, figures } = tools;
    make_data_folder(&config)?;
    let store = Store::open(&config.store, clock.clone(), dice.clone()).await?;
    let is_new = !setup::is_prepared(&store).await?;
    let first_key = if is_new { FirstKey::Make } else { FirstKey::MustExist };
    let vault = Vault::of_installation(&config.data, config.sealing_key.as_ref(), first_key, dice.clone())?;
    setup::prepare(&store).await?;
    let first_password =
        if config.demo { Some(demo::password(&config, &dice)?) } else { config.admin_password.clone() };
    if let Some(password) = &first_password {
        setup::claim_from_environment(&store, &passwords, password).await?;
    }
    let is_claimed = setup::is_claimed(&store).await?;
    let fleet = Fleet::open(&config).await?;
    Ok(App::new(Parts {
        node: node_name(),
        gate: Gate::new(store.clone()),
        observer: Observer::new(dice.random_text(Alphabet::Lower, 6)),
        wake: Arc::new(Notify::new()),
        claimed: AtomicBool::new(is_claimed),
        setup_code: (!is_claimed).then(|| dice.token_secret()),
        figures,
        config,
        clock,
        dice,
        vault,
        store,
        passwords,
        fleet,
    }))
}

/// The data folder can be passed through by the servers that run under other users, and read by nobody else.
fn make_data_folder(config: &Config) -> anyhow::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    let folder = &config.data;
    let sentence =
        || format!("the data folder {} cannot be made; choose another with --data", folder.display());
    std::fs::DirBuilder::new().recursive(true).mode(0o711).create(folder).with_context(sentence)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711)).with_context(sentence)
}

/// The machine's name; managed services belong to the node on whose disk they lie.
fn node_name() -> String {
    std::fs::read_to_string("/etc/hostname")
        .map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned())
}

/// Every route there is.
#[must_use]
pub fn routes(app: &App) -> Routed {
    let api = Routes::new()
        .and(sign_in::api::routes())
        .and(me::api::routes())
        .and(projects::api::routes())
        .and(services::api::routes())
        .and(service_users::api::routes())
        .and(service_databases::api::routes())
        .and(audit::api::routes());
    let console = Routes::new()
        .and(sign_in::console::routes())
        .and(setup::console::routes())
        .and(projects::console::routes())
        .and(services::console::routes())
        .and(service_users::console::routes())
        .and(service_databases::console::routes());
    web::assemble(app.clone(), api, console)
}

/// The work beside requests.
pub struct Background {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Background {
    /// Starts the sealer, the worker, the watch and the housekeeping.
    ///
    /// # Errors
    /// The store's.
    pub async fn start(app: &App) -> anyhow::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(Sealer::new(app.store.clone(), app.vault.clone()).run(stopped.clone()));
        let worker = Worker::new(app.store.clone(), kinds(app), Arc::clone(&app.wake));
        worker.recover().await?;
        services::enqueue_all(app).await?;
        tasks.spawn(worker.run(stopped.clone()));
        tasks.spawn(services::Watcher::new(app.clone()).run(stopped.clone()));
        tasks.spawn(keep_house(app.clone(), stopped));
        Ok(Self { stop, tasks })
    }

    /// Ends it all, each after what it has begun.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Every kind of job.
fn kinds(app: &App) -> HashMap<&'static str, Work> {
    fn work<F, R>(app: &App, work: F) -> Work
    where
        F: Fn(App, Job) -> R + Send + Sync + 'static,
        R: Future<Output = crate::ground::jobs::Outcome> + Send + 'static,
    {
        let app = app.clone();
        Arc::new(move |job| Box::pin(work(app.clone(), job)))
    }
    HashMap::from([
        (services::SETTLE, work(app, services::settle)),
        (services::RECONCILE, work(app, services::reconcile)),
        (service_users::SETTLE, work(app, service_users::settle)),
    ])
}

async fn keep_house(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(HOUSEKEEPING) => {}
            _ = stop.changed() => {}
        }
        if let Err(error) = sign_in::write_uses(&app).await {
            tracing::warn!(%error, "last uses of tokens could not be written");
        }
        if let Err(error) = setup::look_again(&app).await {
            tracing::warn!(%error, "whether Rolecall is set up could not be read");
        }
        app.figures.fold();
        if *stop.borrow() {
            return;
        }
    }
}

async fn tls(config: &Config) -> anyhow::Result<Option<RustlsConfig>> {
    let (Some(cert), Some(key)) = (&config.tls_cert, &config.tls_key) else { return Ok(None) };
    let sentence =
        || format!("the TLS certificate {} or its key {} cannot be read", cert.display(), key.display());
    Ok(Some(RustlsConfig::from_pem_file(cert, key).await.with_context(sentence)?))
}

/// One line on standard error: that it is ready, and where.
fn announce(app: &App, address: SocketAddr) -> anyhow::Result<()> {
    let scheme = if app.config.speaks_tls() { "https" } else { "http" };
    let base = app.config.base_url.clone().unwrap_or_else(|| format!("{scheme}://{address}"));
    if let (Some(code), false) = (&app.setup_code, app.claimed.load(Ordering::Acquire)) {
        eprintln!("Set Rolecall up by this link, which works once: {base}/setup?code={}", code.expose());
    }
    if app.config.demo {
        let password = demo::password(&app.config, &app.dice)?;
        eprintln!("Sign in as admin with the password {}", password.expose());
    }
    eprintln!("Rolecall is ready at {base}");
    Ok(())
}

/// SIGTERM and Ctrl-C: requests under way finish.
async fn stop_on_signal(handle: Handle<SocketAddr>) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be heard; stop the process by killing it");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    web::stop(&handle);
    tracing::info!("stopping");
}
