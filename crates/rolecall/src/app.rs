//! What a use case gets: the store, the clock, the dice, the vault, the engines.

use crate::config::Config;
use crate::ground::access::Gate;
use crate::ground::clock::Clock;
use crate::ground::dice::Dice;
use crate::ground::passwords::Passwords;
use crate::ground::secret::Secret;
use crate::ground::store::Store;
use crate::ground::telemetry::Figures;
use crate::ground::vault::Vault;
use crate::ground::web::Observer;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::Notify;

/// One running Rolecall. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What an [`App`] is made of.
pub struct Parts {
    /// What the server was told.
    pub config: Config,
    /// The name of this node.
    pub node: String,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub dice: Dice,
    /// Sealing of secrets.
    pub vault: Vault,
    /// Rolecall's own data.
    pub store: Store,
    /// From credentials to actors.
    pub gate: Gate,
    /// Hashing of passwords, so many at once.
    pub passwords: Passwords,
    /// Figures for Prometheus.
    pub figures: Figures,
    /// Names and counts requests.
    pub observer: Observer,
    /// Wakes the worker when a job was made.
    pub wake: Arc<Notify>,
    /// Whether somebody holds the installation; until then only the set-up page is served.
    pub claimed: AtomicBool,
    /// The code of the set-up link, as long as nobody holds the installation.
    pub setup_code: Option<Secret>,
    /// The servers that services are.
    pub fleet: crate::databases::fleet::Fleet,
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl App {
    /// The name of this node: managed services belong to the node on whose disk they lie.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Whether this is the token that lets other machines read the figures.
    #[must_use]
    pub fn may_scrape(&self, token: Option<&str>) -> bool {
        let given = token.map(Secret::new);
        self.config.metrics_token.is_some() && self.config.metrics_token == given
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}
