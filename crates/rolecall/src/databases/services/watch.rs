//! The watch: sees a crashed server, and one that answers again.

use super::settle::observe;
use super::types::{Mode, State, Wanted};
use super::{SETTLE, Service, store, types};
use crate::app::App;
use crate::ground::access::{FinishWork, Installation, System};
use crate::ground::jobs;
use crate::transaction;
use engines::postgresql::cluster::{Cluster, Status};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::watch;

const PAUSE: Duration = Duration::from_secs(1);
/// An attached server is asked every so many rounds.
const ATTACHED_ROUNDS: u32 = 5;

/// Looks at every service of this node.
pub struct Watcher {
    app: App,
}

impl Watcher {
    /// A watch over `app`'s services.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self { app }
    }

    /// Looks until `stop` turns true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut round = 0_u32;
        let mut failures = HashMap::new();
        while !*stop.borrow() {
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                _ = stop.changed() => return,
            }
            round = round.wrapping_add(1);
            let services = match self.services().await {
                Ok(services) => services,
                Err(error) => {
                    tracing::warn!(%error, "services cannot be watched just now");
                    continue;
                }
            };
            for service in services {
                let seen = match service.mode {
                    Mode::Managed => self.look_at_cluster(&service, &mut failures).await,
                    Mode::Attached if round.is_multiple_of(ATTACHED_ROUNDS) => {
                        self.look_at_server(&service).await
                    }
                    Mode::Attached => Ok(()),
                };
                if let Err(error) = seen {
                    tracing::warn!(%error, service = service.name, "a service could not be watched");
                }
            }
        }
    }

    async fn services(&self) -> Result<Vec<Service>, crate::ground::store::Error> {
        let proof = System::<FinishWork>::on(&Installation);
        store::of_node(&mut self.app.store.read(&proof).await?, self.app.node()).await
    }

    /// Only what is settled is looked at: whatever is under way tells its own story.
    async fn look_at_cluster(
        &self,
        service: &Service,
        failures: &mut HashMap<super::ServiceKey, u8>,
    ) -> Result<(), super::ServiceError> {
        if service.wanted != Wanted::Running || !matches!(service.state, State::Running | State::Failed) {
            return Ok(());
        }
        let status = Cluster::at(self.app.fleet.home(), &service.key.to_string())?.status().await?;
        match (status, service.state) {
            (Status::Crashed | Status::Stopped | Status::Absent, State::Running) => {
                // A server that an administrator restarts is down for a moment; twice in a row it is down.
                let seen = failures.entry(service.key).or_insert(0);
                *seen += 1;
                if *seen < 2 {
                    return Ok(());
                }
                failures.remove(&service.key);
                self.app.fleet.forget(service.key);
                let why = "The server is gone without having been stopped; start it again, and look into its log if that repeats.";
                observe(&self.app, service, State::Failed, Some(why)).await
            }
            (Status::Running { .. }, State::Failed) => self.settle_again(service).await,
            _ => {
                failures.remove(&service.key);
                Ok(())
            }
        }
    }

    async fn look_at_server(&self, service: &Service) -> Result<(), super::ServiceError> {
        let answer = types::server(&self.app, service).await?.check().await;
        match (answer, service.state) {
            (Ok(_), State::Unreachable) => self.settle_again(service).await,
            (Err(error), State::Running) => {
                observe(&self.app, service, State::Unreachable, Some(&error.to_string())).await
            }
            _ => Ok(()),
        }
    }

    async fn settle_again(&self, service: &Service) -> Result<(), super::ServiceError> {
        let proof = System::<FinishWork>::on(&Installation);
        let now = self.app.clock.now();
        transaction!(self.app.store, &proof, |tx| {
            jobs::enqueue(tx, self.app.dice.uuid(), SETTLE, &service.key.to_string(), now, now).await
        })?;
        self.app.wake.notify_one();
        Ok(())
    }
}
