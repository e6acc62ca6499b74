//! The servers behind services: where managed clusters lie, connections to each, and one change at a time.

use crate::config::Config;
use crate::databases::services::ServiceKey;
use engines::postgresql::Server;
use engines::postgresql::cluster::{Authority, ClusterError, Home, Installation, installations};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OwnedMutexGuard;

/// How often certificates are looked at.
const DAY: Duration = Duration::from_hours(24);

/// Every server this node speaks to.
pub struct Fleet {
    home: Home,
    installations: Vec<Installation>,
    servers: Mutex<HashMap<ServiceKey, Known>>,
    turns: Mutex<HashMap<ServiceKey, Arc<tokio::sync::Mutex<()>>>>,
    certified: Mutex<HashMap<ServiceKey, Instant>>,
}

struct Known {
    /// What the row said that made it; another one makes it anew.
    made_from: MadeFrom,
    server: Server,
}

/// What of a service's row its connections depend on: when it was changed last, its node's port.
pub type MadeFrom = (i64, i64);

impl Fleet {
    /// Opens the folder of managed clusters and looks which PostgreSQL versions are installed.
    ///
    /// # Errors
    /// When the folder or the authority's key cannot be made or read.
    pub async fn open(config: &Config) -> Result<Self, ClusterError> {
        let authority = Authority::open_or_create(&config.data.join("authority"), "Rolecall")?;
        let home =
            Home::open(&config.data.join("clusters"), Arc::new(authority), config.postgresql_ports.clone())
                .await?;
        let folders = config.postgresql_folders.clone();
        let installations =
            tokio::task::spawn_blocking(move || installations(&folders)).await.unwrap_or_default();
        Ok(Self {
            home,
            installations,
            servers: Mutex::default(),
            turns: Mutex::default(),
            certified: Mutex::default(),
        })
    }

    /// Where managed clusters lie.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Every PostgreSQL that is installed, the newest first: the default.
    #[must_use]
    pub fn installations(&self) -> &[Installation] {
        &self.installations
    }

    /// The installed version that was asked for by number (`17`, `17.10`), or the newest.
    #[must_use]
    pub fn installation(&self, version: Option<&str>) -> Option<&Installation> {
        match version.filter(|version| !version.is_empty()) {
            None => self.installations.first(),
            Some(asked) => {
                self.installations.iter().find(|one| one.version == asked || one.major.to_string() == asked)
            }
        }
    }

    /// The connections to a service's server, made by `make` where they are new or out of date.
    pub fn server(&self, key: ServiceKey, made_from: MadeFrom, make: impl FnOnce() -> Server) -> Server {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        match servers.get(&key) {
            Some(known) if known.made_from == made_from => known.server.clone(),
            _ => {
                let server = make();
                servers.insert(key, Known { made_from, server: server.clone() });
                server
            }
        }
    }

    /// Lets go of the connections to a service.
    pub fn forget(&self, key: ServiceKey) {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        self.certified.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// Whether a day has passed since this was asked last about a service's certificate.
    pub fn is_certificate_due(&self, key: ServiceKey) -> bool {
        let now = Instant::now();
        let mut certified = self.certified.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = certified.get(&key).is_none_or(|last| now.duration_since(*last) >= DAY);
        if is_due {
            certified.insert(key, now);
        }
        is_due
    }

    /// Waits for one's turn to change a service within this process; in order of asking. Use cases take
    /// [`services::turn`](crate::databases::services::turn), which other nodes heed too.
    pub async fn turn(&self, key: ServiceKey) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(key).or_default())
        };
        turn.lock_owned().await
    }
}
