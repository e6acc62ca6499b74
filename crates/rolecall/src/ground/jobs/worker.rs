//! The worker: takes what is due, keeps its hold while it works, puts off what failed.

use super::{Job, store};
use crate::ground::access::{FinishWork, Installation, System};
use crate::ground::store::{Backend, Error, Store};
use crate::transaction;
use futures_util::FutureExt as _;
use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// How often the worker looks without being woken.
const PAUSE: Duration = Duration::from_secs(1);
/// For how long a job is held before another process may take it over.
const HOLD: Duration = Duration::from_secs(30);
/// How many jobs run at a time.
const AT_ONCE: usize = 4;
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Finished: the job is gone.
    Done,
    /// Not yet: once more after this long; the attempt counts as good.
    Again(Duration),
    /// Failed: once more later and later; one sentence why.
    Failed(String),
}

type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// A kind of work: what is to be done about a subject.
pub type Work = Arc<dyn Fn(Job) -> Running + Send + Sync>;

/// Runs the jobs of a store.
#[derive(Clone)]
pub struct Worker {
    store: Store,
    kinds: Arc<HashMap<&'static str, Work>>,
    wake: Arc<Notify>,
}

impl Worker {
    /// A worker that knows these kinds of work.
    #[must_use]
    pub fn new(store: Store, kinds: HashMap<&'static str, Work>, wake: Arc<Notify>) -> Self {
        Self { store, kinds: Arc::new(kinds), wake }
    }

    /// Frees what a process that is gone was working on; call once at the start.
    ///
    /// # Errors
    /// The store's.
    pub async fn recover(&self) -> Result<(), Error> {
        if self.store.backend() == Backend::Postgres {
            return Ok(()); // Other nodes are at work; a dead one's holds run out by themselves.
        }
        let now = self.store.clock().now();
        transaction!(self.store, &work_itself(), |tx| store::release_all(tx, now).await)
    }

    /// Works until `stop` turns true; then finishes what it has begun.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut running = JoinSet::new();
        while !*stop.borrow() {
            while running.try_join_next().is_some() {}
            match self.next(running.len()).await {
                Ok(Some(job)) => {
                    let worker = self.clone();
                    running.spawn(async move { worker.work(job).await });
                }
                Ok(None) => self.rest(&mut running, &mut stop).await,
                Err(error) => {
                    tracing::error!(%error, "jobs cannot be read; trying again");
                    self.rest(&mut running, &mut stop).await;
                }
            }
        }
        while running.join_next().await.is_some() {}
    }

    async fn rest(&self, running: &mut JoinSet<()>, stop: &mut watch::Receiver<bool>) {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = self.wake.notified() => {}
            Some(_) = running.join_next() => {}
            _ = stop.changed() => {}
        }
    }

    async fn next(&self, running: usize) -> Result<Option<Job>, Error> {
        let now = self.store.clock().now();
        if running >= AT_ONCE || !store::any_due(&mut self.store.reader().await?, now).await? {
            return Ok(None);
        }
        let holder = self.store.dice().uuid();
        transaction!(self.store, &work_itself(), |tx| store::take(tx, holder, now, now.plus(HOLD)).await)
    }

    async fn work(&self, job: Job) {
        let outcome = match self.kinds.get(job.kind.as_str()) {
            Some(work) => self.holding(&job, caught(work(job.clone()))).await,
            None => Outcome::Failed(format!("this version knows no work called {}", job.kind)),
        };
        if let Err(error) = self.settle(&job, &outcome).await {
            tracing::error!(%error, kind = job.kind, subject = job.subject, "a job's outcome could not be written");
        }
    }

    /// Runs the work while renewing the hold, so that long work isn't taken over.
    async fn holding(&self, job: &Job, mut work: Running) -> Outcome {
        loop {
            tokio::select! {
                outcome = &mut work => return outcome,
                () = tokio::time::sleep(HOLD / 3) => {
                    let until = self.store.clock().now().plus(HOLD);
                    let renewed: Result<(), Error> =
                        transaction!(self.store, &work_itself(), |tx| store::extend(tx, job.key, job.holder, until).await);
                    if let Err(error) = renewed {
                        tracing::warn!(%error, "a job's hold could not be renewed");
                    }
                }
            }
        }
    }

    async fn settle(&self, job: &Job, outcome: &Outcome) -> Result<(), Error> {
        let now = self.store.clock().now();
        transaction!(self.store, &work_itself(), |tx| match outcome {
            Outcome::Done => store::delete(tx, job.key, job.holder).await,
            Outcome::Again(wait) => store::put_off(tx, job.key, job.holder, now.plus(*wait), None).await,
            Outcome::Failed(why) => {
                tracing::warn!(kind = job.kind, subject = job.subject, attempts = job.attempts, %why, "a job failed and will be tried again");
                store::put_off(tx, job.key, job.holder, now.plus(back_off(job.attempts)), Some(why)).await
            }
        })
    }
}

/// Work that panics has failed: its job comes again, later and later, and takes nobody's place meanwhile.
fn caught(work: Running) -> Running {
    let panicked = |_| Outcome::Failed("it panicked; the log says where".to_owned());
    Box::pin(AssertUnwindSafe(work).catch_unwind().map(move |outcome| outcome.unwrap_or_else(panicked)))
}

fn work_itself() -> System<FinishWork> {
    System::on(&Installation)
}

/// Later and later, up to five minutes.
fn back_off(attempts: i64) -> Duration {
    let doubled = 1_u64 << attempts.clamp(0, 9);
    Duration::from_secs(doubled).min(LONGEST_WAIT)
}
