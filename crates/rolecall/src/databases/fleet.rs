//! The servers behind services: where managed clusters lie, connections to each, and one change at a time.

use crate::config::Config;
use crate::databases::services::ServiceKey;
use engines::postgresql::Server;
use engines::postgresql::cluster::{Authority, ClusterError, Home, Installation, installations};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

/// Every server this node speaks to.
pub struct Fleet {
    home: Home,
    installations: Vec<Installation>,
    servers: Mutex<HashMap<ServiceKey, Known>>,
    turns: Mutex<HashMap<ServiceKey, Arc<tokio::sync::Mutex<()>>>>,
}

struct Known {
    /// When the row that made it was changed last; a later change makes it anew.
    changed_at: i64,
    server: Server,
}

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
        Ok(Self { home, installations, servers: Mutex::default(), turns: Mutex::default() })
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
    pub fn server(&self, key: ServiceKey, changed_at: i64, make: impl FnOnce() -> Server) -> Server {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        match servers.get(&key) {
            Some(known) if known.changed_at == changed_at => known.server.clone(),
            _ => {
                let server = make();
                servers.insert(key, Known { changed_at, server: server.clone() });
                server
            }
        }
    }

    /// Lets go of the connections to a service.
    pub fn forget(&self, key: ServiceKey) {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// Waits for one's turn to change a service; in order of asking.
    pub async fn turn(&self, key: ServiceKey) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(key).or_default())
        };
        turn.lock_owned().await
    }
}
