//! The audit log: a commit writes its record; a sealer chains and signs the records at most 200 ms later.
//!
//! A chain head held through each commit would cost five sixths of the writes, so a record is first pending, in
//! the same transaction as what it tells of, and then moved into the chain by one sealer over all nodes.

mod chain;
mod seal;
mod store;
#[cfg(test)]
mod tests;

pub use chain::{Verdict, verify};
pub use seal::{Sealer, seal_pending};

use crate::ground::access::Proof;
use crate::ground::clock::At;
use crate::ground::store::{Change, Error, Page, PageRequest, ReadTx, Store, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One record, as it is chained: who did what to which thing, when, from where, and what changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When it was committed.
    pub at: At,
    /// The id of the account; `rolecall` for the program itself.
    pub account: String,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The action's name.
    pub action: String,
    /// What it was done to: `kind:name`.
    pub resource: String,
    /// By which rule it was allowed.
    pub rule: String,
    /// State before, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// State after, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl Record {
    /// Reads a record; one that was spoilt while it was pending is shown as it is, and holds nothing up.
    fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Self {
            at: At::from_millis(0),
            account: String::new(),
            address: None,
            action: "unreadable".to_owned(),
            resource: String::new(),
            rule: String::new(),
            before: None,
            after: Some(Value::String(text.to_owned())),
        })
    }
}

/// Which records are asked for; what is left out is not compared.
#[derive(Debug, Default, Deserialize)]
pub struct Filter {
    /// Who did it.
    pub account: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// To what.
    pub resource: Option<String>,
    /// Not before.
    pub from: Option<At>,
    /// Before.
    pub to: Option<At>,
}

/// The sealed records that are asked for, each with its number: the newest first, unless sorted by `sequence`.
///
/// # Errors
/// The store's.
pub async fn page(
    tx: &mut ReadTx,
    filter: &Filter,
    request: &PageRequest,
) -> Result<Page<(i64, Record)>, Error> {
    let descending = request.sort().is_none_or(|sort| sort.descending);
    let beginning = if descending { i64::MAX } else { 0 };
    let after = request.after().and_then(|text| text.parse().ok()).unwrap_or(beginning);
    let limit = i64::try_from(request.size() + 1).unwrap_or(i64::MAX);
    let links = store::page(tx, filter, after, descending, limit).await?;
    let records = links.into_iter().map(|link| (link.sequence, Record::read(&link.record))).collect();
    Ok(Page::cut(records, request, |(sequence, _)| sequence.to_string()))
}

/// Writes the record of what `tx` is about to commit.
///
/// # Errors
/// The store's; then nothing is committed: what cannot be recorded does not happen.
pub async fn record(tx: &mut Tx, store: &Store, proof: &dyn Proof, change: Change) -> Result<(), Error> {
    let record = Record {
        at: store.clock().now(),
        account: proof.account().to_owned(),
        address: change.address.or_else(|| proof.address()).map(|address| address.to_string()),
        action: proof.action().name().to_owned(),
        resource: change.resource.unwrap_or_else(|| proof.resource()).to_string(),
        rule: proof.rule().to_string(),
        before: change.before,
        after: change.after,
    };
    let text = serde_json::to_string(&record).map_err(|error| Error::Driver(error.to_string()))?;
    store::insert_pending(tx, store.dice().uuid(), &text).await
}
