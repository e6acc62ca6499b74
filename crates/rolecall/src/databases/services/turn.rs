//! One change at a time to a service: turns within this process, and a lease in the store where several nodes may
//! change the same server.

use super::types::{Mode, ServiceError};
use super::{Service, store};
use crate::app::App;
use crate::ground::access::{FinishWork, Installation, System};
use crate::ground::store::{Backend, Error};
use crate::transaction;
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use uuid::Uuid;

/// How long a lease lasts that nobody renews: so long a node that died keeps others waiting.
const LASTS: Duration = Duration::from_secs(30);
/// Between two looks at a lease that another node holds.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// For how long another node's change is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// The right to change a service; it ends when this is dropped.
pub struct Turn {
    /// The lease first: the next one here finds it given back.
    _lease: Option<Lease>,
    _here: OwnedMutexGuard<()>,
}

/// Waits for one's turn to change a service, in order of asking.
///
/// # Errors
/// [`ServiceError::Busy`] when another node does not come to an end.
pub async fn turn(app: &App, service: &Service) -> Result<Turn, ServiceError> {
    let here = app.fleet.turn(service.key).await;
    // A managed server is changed by the node on whose disk it lies, and the embedded store has one node only.
    let is_shared = service.mode == Mode::Attached && app.store.backend() == Backend::Postgres;
    let lease = if is_shared { Some(Lease::take(app, service).await?) } else { None };
    Ok(Turn { _lease: lease, _here: here })
}

/// A lease that is renewed until it is dropped.
struct Lease {
    app: App,
    service: Service,
    holder: Uuid,
    renewing: AbortHandle,
}

impl Lease {
    async fn take(app: &App, service: &Service) -> Result<Self, ServiceError> {
        let holder = app.dice.uuid();
        let began = Instant::now();
        while !hold(app, service, holder).await? {
            if began.elapsed() > PATIENCE {
                return Err(ServiceError::Busy);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let renewing = tokio::spawn(renew(app.clone(), service.clone(), holder)).abort_handle();
        Ok(Self { app: app.clone(), service: service.clone(), holder, renewing })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
        let (app, key, holder) = (self.app.clone(), self.service.key, self.holder);
        tokio::spawn(async move {
            let proof = System::<FinishWork>::on(&Installation);
            let given_back: Result<(), Error> =
                transaction!(app.store, &proof, |tx| store::give_back_lease(tx, key, holder).await);
            if let Err(error) = given_back {
                tracing::warn!(%error, "a lease could not be given back; it runs out by itself");
            }
        });
    }
}

/// Takes the lease or holds it on; `false` while somebody else has it.
async fn hold(app: &App, service: &Service, holder: Uuid) -> Result<bool, Error> {
    let now = app.clock.now();
    let proof = System::<FinishWork>::on(&Installation);
    transaction!(app.store, &proof, |tx| store::hold_lease(tx, service.key, holder, now, now.plus(LASTS))
        .await)
}

async fn renew(app: App, service: Service, holder: Uuid) {
    loop {
        tokio::time::sleep(LASTS / 3).await;
        match hold(&app, &service, holder).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(
                service = service.name,
                "another node took over a service while it was changed"
            ),
            Err(error) => tracing::warn!(%error, "a lease could not be renewed"),
        }
    }
}
