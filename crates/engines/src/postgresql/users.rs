//! The users of a server, as the server itself tells them (S1, M7).

use tokio_postgres::Row;

use super::groups;
use super::marker::{Marker, Purpose};
use super::quote::Ident;
use super::server::{Reach, Server};
use super::session::Session;
use super::verifier::Verifier;
use crate::Result;

/// What a user may do to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reads and writes everything.
    ReadWrite,
    /// Reads everything, changes nothing (S4).
    ReadOnly,
}

/// How a server keeps a user's password (S1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PasswordEncryption {
    /// `SCRAM-SHA-256`.
    ScramSha256,
    /// `MD5`: old and weak.
    Md5,
}

impl PasswordEncryption {
    /// As the lists show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::Md5 => "MD5",
        }
    }
}

/// A user to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Its name; see [`super::check_username`].
    pub name: String,
    /// What its password is checked by.
    pub verifier: Verifier,
    /// What it may do.
    pub access: Access,
    /// Whether it may replicate (M7); not together with [`Access::ReadOnly`].
    pub replication: bool,
    /// The caller's own mark, kept in the role's comment: making the same user again is then no conflict.
    pub id: String,
}

/// A user of a server: a role that may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a role's attributes are just that")]
pub struct User {
    /// Its name.
    pub name: String,
    /// Whether it may only read: a member of the read-only group, or made read-only on an attached server.
    pub read_only: bool,
    /// Whether it may replicate.
    pub replication: bool,
    /// Whether nothing is forbidden to it.
    pub superuser: bool,
    /// Whether it may make databases.
    pub create_db: bool,
    /// Whether it may make roles.
    pub create_role: bool,
    /// Whether row security does not apply to it.
    pub bypass_rls: bool,
    /// Whether it may sign in. Only [`Server::user`] tells of roles that may not.
    pub can_login: bool,
    /// How its password is kept; `None` if it has none, or if we may not see.
    pub password_encryption: Option<PasswordEncryption>,
    /// The comment that says that it is ours; `None` for other people's roles.
    pub marker: Option<Marker>,
    /// Until when its password is good, in milliseconds since 1970.
    pub valid_until: Option<i64>,
    /// How many connections it may have at a time.
    pub connection_limit: Option<u32>,
    pub(crate) oid: u32,
    /// Whether it holds the verifier that we set last; `None` if that can't be told.
    pub(crate) keeps_our_password: Option<bool>,
}

impl User {
    /// Whether Rolecall made this user or took it over.
    #[must_use]
    pub fn managed_marker(&self) -> bool {
        self.marker.is_some()
    }

    pub(crate) fn purpose(&self) -> Option<Purpose> {
        self.marker.as_ref().map(|marker| marker.purpose)
    }
}

/// The columns of a [`User`], for those who may see verifiers; `$1` is the read-only group. Looked up row by row, not
/// joined: a server that never counted its roles would join them in a time that grows with their square.
const SELECT: &str = "
    SELECT r.oid, r.rolname, r.rolsuper, r.rolcreatedb, r.rolcreaterole, r.rolreplication, r.rolbypassrls,
           r.rolcanlogin, r.rolconnlimit,
           CASE WHEN pg_catalog.isfinite(r.rolvaliduntil)
                THEN (EXTRACT(epoch FROM r.rolvaliduntil) * 1000)::pg_catalog.int8 END AS valid_until,
           (SELECT d.description FROM pg_catalog.pg_shdescription d
             WHERE d.objoid = r.oid AND d.classoid = 'pg_catalog.pg_authid'::pg_catalog.regclass) AS description,
           EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                    WHERE m.roleid = (SELECT g.oid FROM pg_catalog.pg_roles g WHERE g.rolname = $1)
                      AND m.member = r.oid) AS in_read_only,
           CASE WHEN r.rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'scram'
                WHEN r.rolpassword LIKE 'md5%' THEN 'md5' END AS encryption,
           pg_catalog.substr(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(r.rolpassword, 'UTF8')),
                                               'hex'), 1, 24) AS fingerprint
      FROM pg_catalog.pg_authid r";

/// [`SELECT`] as far as our login may see.
fn select(session: &Session) -> String {
    if session.standing.reads_verifiers {
        return SELECT.to_owned();
    }
    // `pg_roles` shows every password as asterisks, which is neither kind and has no fingerprint of ours.
    SELECT.replace("pg_catalog.pg_authid r", "pg_catalog.pg_roles r")
}

impl Server {
    /// All users, by name: every role that may sign in, except our own groups (S1).
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn users(&self) -> Result<Vec<User>> {
        let session = self.hub().await?;
        let sql =
            format!("{} WHERE r.rolcanlogin AND r.rolname <> ALL ($2) ORDER BY r.rolname", select(&session));
        let own: &[&str] = &groups::ALL;
        let rows = session.rows(&sql, &[&groups::READ_ONLY, &own]).await?;
        rows.iter().map(|row| read(row, &session, self.reach())).collect()
    }

    /// One user, or another role of that name.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn user(&self, name: &str) -> Result<Option<User>> {
        let session = self.hub().await?;
        find(&session, name, self.reach()).await
    }

    /// Whether the server holds exactly this verifier for a user; `None` if we may not see.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn holds(&self, name: &str, verifier: &Verifier) -> Result<Option<bool>> {
        holds(&*self.hub().await?, name, verifier).await
    }
}

/// See [`Server::user`].
pub(super) async fn find(session: &Session, name: &str, reach: Reach) -> Result<Option<User>> {
    if Ident::new(name).is_err() {
        return Ok(None);
    }
    let sql = format!("{} WHERE r.rolname = $2", select(session));
    let row = session.row(&sql, &[&groups::READ_ONLY, &name]).await?;
    row.map(|row| read(&row, session, reach)).transpose()
}

/// See [`Server::holds`].
pub(super) async fn holds(session: &Session, name: &str, verifier: &Verifier) -> Result<Option<bool>> {
    if !session.standing.reads_verifiers {
        return Ok(None);
    }
    let sql = "SELECT rolpassword FROM pg_catalog.pg_authid WHERE rolname = $1";
    let Some(row) = session.row(sql, &[&name]).await? else { return Ok(Some(false)) };
    let held: Option<String> = row.try_get(0)?;
    Ok(Some(held.as_deref() == Some(verifier.text())))
}

fn read(row: &Row, session: &Session, reach: Reach) -> Result<User> {
    let comment: Option<String> = row.try_get("description")?;
    let marker = comment.as_deref().and_then(Marker::parse);
    let superuser: bool = row.try_get("rolsuper")?;
    let declared_read_only = marker.as_ref().is_some_and(|marker| marker.purpose == Purpose::ReadOnly);
    let read_only: bool = match reach {
        Reach::Managed => row.try_get("in_read_only")?,
        Reach::Attached => declared_read_only,
    };
    let fingerprint: Option<String> = row.try_get("fingerprint")?;
    let keeps_our_password = match marker.as_ref().and_then(|marker| marker.fingerprint.as_ref()) {
        Some(ours) if session.standing.reads_verifiers => Some(fingerprint.as_ref() == Some(ours)),
        _ => None,
    };
    let limit: i32 = row.try_get("rolconnlimit")?;
    Ok(User {
        oid: row.try_get("oid")?,
        name: row.try_get("rolname")?,
        read_only: read_only && !superuser,
        replication: row.try_get("rolreplication")?,
        superuser,
        create_db: row.try_get("rolcreatedb")?,
        create_role: row.try_get("rolcreaterole")?,
        bypass_rls: row.try_get("rolbypassrls")?,
        can_login: row.try_get("rolcanlogin")?,
        password_encryption: match row.try_get("encryption")? {
            Some("scram") => Some(PasswordEncryption::ScramSha256),
            Some("md5") => Some(PasswordEncryption::Md5),
            _ => None,
        },
        marker,
        valid_until: row.try_get("valid_until")?,
        connection_limit: u32::try_from(limit).ok(),
        keeps_our_password,
    })
}
