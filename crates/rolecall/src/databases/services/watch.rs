//! The watch: sees a crashed server, and one that answers again.

use super::settle::observe;
use super::types::{Mode, ServiceError, ServiceKey, State, Wanted};
use super::{SETTLE, Service, store, types};
use crate::app::App;
use crate::ground::access::{FinishWork, Installation, System};
use crate::ground::jobs;
use crate::transaction;
use engines::postgresql::cluster::{Cluster, Status};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

const PAUSE: Duration = Duration::from_secs(1);
/// An attached server is asked every so many rounds.
const ATTACHED_ROUNDS: u32 = 5;

/// How long after a failed service was asked to settle it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(20);

/// What was seen of a service in the rounds before.
#[derive(Default)]
struct Seen {
    down: u8,
    asked: Option<Instant>,
}

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
        let seen_before = Mutex::default();
        while !*stop.borrow() {
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                _ = stop.changed() => return,
            }
            round = round.wrapping_add(1);
            match self.services().await {
                Ok(services) => {
                    // All at once: a server that does not answer keeps nobody from seeing the others.
                    let looks = services.iter().map(|service| self.look_at(service, round, &seen_before));
                    tokio::select! {
                        _ = futures_util::future::join_all(looks) => {}
                        _ = stop.changed() => return,
                    }
                }
                Err(error) => tracing::warn!(%error, "services cannot be watched just now"),
            }
        }
    }

    async fn look_at(&self, service: &Service, round: u32, before: &Mutex<HashMap<ServiceKey, Seen>>) {
        let mut seen = {
            let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
            before.remove(&service.key).unwrap_or_default()
        };
        let looked = match service.mode {
            Mode::Managed if service.must_be_here(&self.app).is_ok() => {
                self.look_at_cluster(service, &mut seen).await
            }
            Mode::Attached if round.is_multiple_of(ATTACHED_ROUNDS) => self.look_at_server(service).await,
            _ => Ok(()),
        };
        if let Err(error) = looked {
            tracing::warn!(%error, service = service.name, "a service could not be watched");
        }
        before.lock().unwrap_or_else(PoisonError::into_inner).insert(service.key, seen);
    }

    async fn services(&self) -> Result<Vec<Service>, crate::ground::store::Error> {
        let proof = System::<FinishWork>::on(&Installation);
        store::of_node(&mut self.app.store.read(&proof).await?, self.app.node()).await
    }

    /// Only what is settled is looked at: whatever is under way tells its own story.
    async fn look_at_cluster(&self, service: &Service, seen: &mut Seen) -> Result<(), ServiceError> {
        if service.wanted != Wanted::Running || !matches!(service.state, State::Running | State::Failed) {
            seen.down = 0;
            return Ok(());
        }
        let status = Cluster::at(self.app.fleet.home(), &service.key.to_string())?.status().await?;
        match (status, service.state) {
            (Status::Crashed | Status::Stopped | Status::Absent, State::Running) => {
                // A server that an administrator restarts is down for a moment; twice in a row it is down.
                seen.down += 1;
                if seen.down < 2 {
                    return Ok(());
                }
                seen.down = 0;
                self.app.fleet.forget(service.key);
                let why = "The server is gone without having been stopped; start it again, and look into its log if that repeats.";
                observe(&self.app, service, State::Failed, Some(why)).await
            }
            (Status::Running { .. }, State::Failed)
                if seen.asked.is_none_or(|asked| asked.elapsed() > ASK_AGAIN) =>
            {
                seen.asked = Some(Instant::now());
                self.settle_again(service).await
            }
            _ => {
                seen.down = 0;
                Ok(())
            }
        }
    }

    async fn look_at_server(&self, service: &Service) -> Result<(), ServiceError> {
        let answer = types::server(&self.app, service).await?.check().await;
        match (answer, service.state) {
            (Ok(_), State::Unreachable) => self.settle_again(service).await,
            (Err(error), State::Running) => {
                observe(&self.app, service, State::Unreachable, Some(&error.to_string())).await
            }
            _ => Ok(()),
        }
    }

    async fn settle_again(&self, service: &Service) -> Result<(), ServiceError> {
        let proof = System::<FinishWork>::on(&Installation);
        let now = self.app.clock.now();
        transaction!(self.app.store, &proof, |tx| {
            jobs::enqueue(tx, self.app.dice.uuid(), SETTLE, &service.key.to_string(), now, now).await
        })?;
        self.app.wake.notify_one();
        Ok(())
    }
}
