//! Reading the audit log, and checking that nobody changed it (B2).

pub mod api;
#[cfg(test)]
mod tests;

use crate::app::App;
use crate::ground::access::{ActionId, Allowed, ReadAudit};
use crate::ground::audit::{self, Filter, Verdict};
use crate::ground::clock::At;
use crate::ground::store::{Error, Page, PageRequest};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What the log can be sorted by.
pub const SORTS: &[&str] = &["sequence"];

/// A record of what somebody did.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditRecord {
    /// Its number: 1, 2, 3, … without a gap.
    sequence: i64,
    /// When it was committed.
    at: At,
    /// Whose account; `rolecall` for the program itself.
    account: String,
    /// From which address; null for the program itself.
    address: Option<String>,
    /// The action's name.
    action: String,
    /// What it was done to: `kind:name`.
    resource: String,
    /// `done`, or `refused` for a sign-in that failed.
    outcome: &'static str,
    /// By which rule it was allowed.
    rule: String,
    /// State before, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    /// State after, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

/// The sealed records that are asked for, the newest first.
///
/// # Errors
/// The store's.
pub async fn list(
    app: &App,
    allowed: &Allowed<ReadAudit>,
    filter: &Filter,
    request: &PageRequest,
) -> Result<Page<AuditRecord>, Error> {
    let page = audit::page(&mut app.store.read(allowed).await?, filter, request).await?;
    Ok(page.map(|(sequence, record)| shown(sequence, record)))
}

fn shown(sequence: i64, record: audit::Record) -> AuditRecord {
    let is_refused = record.action == ActionId::CountFailure.name();
    AuditRecord {
        sequence,
        at: record.at,
        account: record.account,
        address: record.address,
        action: record.action,
        resource: record.resource,
        outcome: if is_refused { "refused" } else { "done" },
        rule: record.rule,
        before: record.before,
        after: record.after,
    }
}

/// Walks the whole chain: every hash, every signature.
///
/// # Errors
/// The store's.
pub async fn verify(app: &App, allowed: &Allowed<ReadAudit>) -> Result<Verdict, Error> {
    let keys = app.vault.signer_keys();
    let is_signed =
        |text: &[u8], signature: &[u8]| keys.iter().any(|key| key.verify(text, signature).is_ok());
    audit::verify(&mut app.store.read(allowed).await?, &is_signed).await
}
