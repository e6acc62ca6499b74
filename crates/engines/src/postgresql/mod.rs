//! `PostgreSQL`: its users, what they may do, its databases.
//!
//! Reading order: [`Server`] (how we get in), `session` (why a hostile database can't bend what we ask), [`names`]
//! and [`Verifier`] (what a login may be called and how its password is sent), `users`, `databases`, `deletion`.
//!
//! Three files hold what must be right for all others: `quote` is the only one that puts names into SQL, `session` the
//! only one that sends any, `marker` the only one that knows how our roles are told from other people's.

mod attached;
mod changes;
pub mod cluster;
mod databases;
mod deletion;
mod dial;
mod findings;
mod groups;
mod keeper;
mod marker;
pub mod names;
mod prepare;
mod preview;
mod quote;
mod reconcile;
mod server;
mod session;
mod tls;
mod users;
mod verifier;
mod wary;

pub use databases::{Database, DatabasePreview};
pub use deletion::Deleted;
pub use findings::{Finding, Matter};
pub use marker::{Marker, Purpose};
pub use names::{check_database_name, check_password, check_username};
pub use prepare::{DefaultUser, DefaultUsers};
pub use preview::{DeletionPreview, Holding, Holdings, Membership};
pub use server::{Facts, Login, LoginOutcome, Reach, Server};
pub use users::{Access, NewUser, PasswordEncryption, User};
pub use verifier::Verifier;
