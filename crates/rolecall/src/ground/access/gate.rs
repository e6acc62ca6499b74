//! From a credential to an actor. Actors are cached by token hash, and asked anew once anybody's rights changed.

use super::actor::{Actor, Credential, Standing, TokenUse};
use super::{AccountKey, TokenKey, store};
use crate::ground::clock::At;
use crate::ground::store::{Backend, Error, Store};
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long another node's change may stay unseen here.
const OTHER_NODES: Duration = Duration::from_secs(1);

/// The one door through which callers become actors.
pub struct Gate {
    store: Store,
    cache: Cache<[u8; 32], Arc<Known>>,
    uses: Mutex<HashMap<TokenKey, Use>>,
}

struct Known {
    standing: Arc<Standing>,
    credential: Arc<Credential>,
    organization: Option<String>,
    generation: u64,
}

/// When and from where a token was used last; written in batches.
#[derive(Debug, Clone)]
pub struct Use {
    /// When.
    pub at: At,
    /// From which address.
    pub address: IpAddr,
    /// With which program.
    pub user_agent: String,
    /// When the token ends now, if that moved.
    pub expires_at: Option<At>,
}

/// Why a credential makes nobody an actor.
#[derive(Debug, thiserror::Error)]
pub enum Unrecognized {
    /// No such token; never was, or was revoked.
    #[error("the token is not known, or was revoked")]
    Revoked,
    /// It was not used for too long, or its time is over.
    #[error("the token has expired")]
    Expired,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Gate {
    /// A gate into `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let cache = Cache::builder().max_capacity(50_000);
        let cache = match store.backend() {
            Backend::Sqlite => cache.time_to_live(Duration::from_mins(1)),
            Backend::Postgres => cache.time_to_live(OTHER_NODES),
        };
        Self { store, cache: cache.build(), uses: Mutex::default() }
    }

    /// The actor behind a token.
    ///
    /// # Errors
    /// [`Unrecognized`].
    pub async fn by_token(
        &self,
        token: &str,
        organization: Option<&str>,
        address: IpAddr,
        user_agent: &str,
    ) -> Result<Actor, Unrecognized> {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let known = match self.cache.get(&hash) {
            Some(known) if known.generation == self.store.generation() => known,
            // Rare and large: not part of every request's future.
            _ => Box::pin(self.load(hash)).await?,
        };
        let now = self.store.clock().now();
        if let Credential::Token(token) = &*known.credential {
            if !token.touch(now) {
                self.cache.invalidate(&hash);
                return Err(Unrecognized::Expired);
            }
            self.note_use(token, now, address, user_agent);
        }
        let organization = organization.or(known.organization.as_deref()).unwrap_or("default").to_owned();
        Ok(Actor {
            standing: Arc::clone(&known.standing),
            credential: Arc::clone(&known.credential),
            organization,
            address,
        })
    }

    async fn load(&self, hash: [u8; 32]) -> Result<Arc<Known>, Unrecognized> {
        // Read before the rows: a change in between makes this entry stale, never a stale entry fresh.
        let generation = self.store.generation();
        let mut tx = self.store.reader().await?;
        let row = store::token(&mut tx, &hash).await?.ok_or(Unrecognized::Revoked)?;
        let standing = store::standing(&mut tx, row.account).await?.ok_or(Unrecognized::Revoked)?;
        let token = TokenUse {
            key: row.key,
            hash,
            expires_at: AtomicI64::new(row.expires_at.map_or(i64::MAX, At::millis)),
            extend_by: row.extend_by,
        };
        let known = Arc::new(Known {
            standing: Arc::new(standing),
            credential: Arc::new(Credential::Token(token)),
            organization: row.organization,
            generation,
        });
        self.cache.insert(hash, Arc::clone(&known));
        Ok(known)
    }

    /// The actor that has just proved its password with this one request.
    ///
    /// # Errors
    /// [`Unrecognized::Revoked`] when the account went away meanwhile.
    pub async fn by_account(
        &self,
        account: AccountKey,
        organization: Option<&str>,
        address: IpAddr,
    ) -> Result<Actor, Unrecognized> {
        let mut tx = self.store.reader().await?;
        let standing = store::standing(&mut tx, account).await?.ok_or(Unrecognized::Revoked)?;
        let organization = organization.unwrap_or("default").to_owned();
        Ok(Actor {
            standing: Arc::new(standing),
            credential: Arc::new(Credential::Password),
            organization,
            address,
        })
    }

    fn note_use(&self, token: &TokenUse, at: At, address: IpAddr, user_agent: &str) {
        let expires_at = token.extend_by.map(|by| At::from_millis(at.millis() + by));
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        match uses.get_mut(&token.key) {
            Some(last) if last.address == address && last.user_agent == user_agent => {
                last.at = at;
                last.expires_at = expires_at;
            }
            _ => {
                let user_agent = user_agent.chars().take(200).collect();
                uses.insert(token.key, Use { at, address, user_agent, expires_at });
            }
        }
    }

    /// Takes the uses noted since the last call, to be written in one batch.
    #[must_use]
    pub fn take_uses(&self) -> HashMap<TokenKey, Use> {
        std::mem::take(&mut self.uses.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
