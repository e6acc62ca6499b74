//! The store: Rolecall's own data, on SQLite by default, on PostgreSQL for several nodes.
//!
//! A transaction opens only with a [`Proof`](crate::ground::access::Proof) of who may do what to which thing, and committing writes the
//! audit record. `sqlx` is named nowhere but here and in the slices' `store.rs`.

mod error;
mod migrate;
#[doc(hidden)]
pub mod nul;
mod open;
mod page;
mod sql;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
mod tx;
mod types;

pub use error::Error;
pub use open::{Backend, Store};
pub use page::{Page, PageRequest, Sort};
pub use tx::{Change, Connection, ReadTx, Tx};

/// What the macros expand to; not for use by name.
#[doc(hidden)]
pub mod driver {
    pub use sqlx::sqlite::Sqlite;
    pub use sqlx::{ColumnIndex, Database, Decode, Encode, FromRow, Postgres, Row, Type, query, query_as};
    pub use sqlx::{Error as DriverError, encode::IsNull, error::BoxDynError};
}
