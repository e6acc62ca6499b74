//! What deleting a user would touch, shown before anybody is asked to confirm it (S6).

use tokio_postgres::Row;

use super::server::Server;
use super::session::Session;
use crate::Result;

/// As many objects of a database are named; all are counted.
const MOST_NAMED: i64 = 100;
/// From here on a membership depends on whoever gave it.
const GRANTORS_COUNT: i32 = 160_000;

/// What deleting a user touches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeletionPreview {
    /// Per database in which the user owns something.
    pub holdings: Vec<Holdings>,
    /// Databases that it owns as a whole; they get another owner.
    pub databases: Vec<String>,
    /// Memberships that it gave others, which end with it.
    pub memberships_given: Vec<Membership>,
    /// Its sessions, which are ended.
    pub sessions: i64,
    /// Prepared transactions of its own, which have to be committed or rolled back before.
    pub prepared_transactions: Vec<String>,
    /// Databases that could not be looked into.
    pub unseen: Vec<String>,
}

/// What a user owns in one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holdings {
    /// The database.
    pub database: String,
    /// How many objects get another owner; nothing of them is lost.
    pub count: i64,
    /// The first hundred of them.
    pub first: Vec<Holding>,
    /// Servers of foreign data to which the user's own login is lost.
    pub user_mappings: Vec<String>,
    /// Routines that run as the user: they will run as `rolecall_former`, and only for those who were allowed by name.
    pub definer_routines: Vec<String>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// "table", "function" and the like.
    pub kind: String,
    /// Its name, qualified and quoted as SQL wants it.
    pub name: String,
}

/// A membership in a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The role.
    pub role: String,
    /// Who is a member.
    pub member: String,
}

impl Server {
    /// What deleting a user would touch.
    ///
    /// # Errors
    /// [`crate::EngineError::NotFound`] if there is no such user.
    pub async fn deletion_preview(&self, name: &str) -> Result<DeletionPreview> {
        let (oid, mut preview, places) = {
            let session = self.hub().await?;
            let oid = self.must_find(&session, name).await?.oid;
            let preview = DeletionPreview {
                databases: owned_databases(&session, oid).await?,
                memberships_given: memberships_given(&session, oid).await?,
                sessions: sessions(&session, oid).await?,
                prepared_transactions: prepared(&session, name).await?,
                ..DeletionPreview::default()
            };
            (oid, preview, places(&session, oid).await?)
        };
        for place in places {
            if !place.open {
                preview.unseen.push(place.database);
                continue;
            }
            match self.session(&place.database).await {
                Ok(session) => preview.holdings.extend(holdings(&session, oid).await?),
                Err(_) => preview.unseen.push(place.database),
            }
        }
        Ok(preview)
    }
}

/// A database that something in it ties to a role.
pub(super) struct Place {
    pub(super) database: String,
    /// Whether it can be connected to.
    pub(super) open: bool,
}

/// Where a role owns something or is named in a grant: nowhere else does deletion have to look.
pub(super) async fn places(session: &Session, oid: u32) -> Result<Vec<Place>> {
    let sql = "SELECT d.datname, d.datallowconn FROM pg_catalog.pg_database d
                WHERE d.oid IN (SELECT s.dbid FROM pg_catalog.pg_shdepend s
                                 WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND s.refobjid = $1)
                ORDER BY d.datname";
    let read = |row: &Row| Ok(Place { database: row.try_get(0)?, open: row.try_get(1)? });
    session.rows(sql, &[&oid]).await?.iter().map(read).collect()
}

/// How many sessions a role has.
pub(super) async fn sessions(session: &Session, oid: u32) -> Result<i64> {
    session
        .value("SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE usesysid = $1", &[&oid])
        .await
}

/// The prepared transactions of a role.
pub(super) async fn prepared(session: &Session, name: &str) -> Result<Vec<String>> {
    let sql = "SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE owner = $1 ORDER BY gid";
    texts(&session.rows(sql, &[&name]).await?)
}

/// The memberships that a role gave, where they depend on it.
pub(super) async fn memberships_given(session: &Session, oid: u32) -> Result<Vec<Membership>> {
    if session.standing.number < GRANTORS_COUNT {
        return Ok(Vec::new());
    }
    let sql = "SELECT pg_catalog.pg_get_userbyid(roleid)::pg_catalog.text,
                      pg_catalog.pg_get_userbyid(member)::pg_catalog.text
                 FROM pg_catalog.pg_auth_members WHERE grantor = $1 ORDER BY 1, 2";
    let read = |row: &Row| Ok(Membership { role: row.try_get(0)?, member: row.try_get(1)? });
    session.rows(sql, &[&oid]).await?.iter().map(read).collect()
}

async fn owned_databases(session: &Session, oid: u32) -> Result<Vec<String>> {
    let sql = "SELECT datname::pg_catalog.text FROM pg_catalog.pg_database WHERE datdba = $1 ORDER BY 1";
    texts(&session.rows(sql, &[&oid]).await?)
}

/// What a role owns in the session's database; `None` if nothing.
async fn holdings(session: &Session, oid: u32) -> Result<Option<Holdings>> {
    let objects = "
        FROM pg_catalog.pg_shdepend s
        JOIN pg_catalog.pg_database d ON d.oid = s.dbid AND d.datname = pg_catalog.current_database(),
             LATERAL pg_catalog.pg_identify_object(s.classid, s.objid, s.objsubid) o
       WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND s.refobjid = $1 AND s.deptype = 'o'";
    let kept = "AND s.classid <> ALL (ARRAY['pg_catalog.pg_user_mapping'::pg_catalog.regclass,
                                            'pg_catalog.pg_default_acl'::pg_catalog.regclass]::pg_catalog.oid[])";
    let count: i64 = session.value(&format!("SELECT pg_catalog.count(*) {objects} {kept}"), &[&oid]).await?;
    let sql = format!("SELECT o.type, o.identity {objects} {kept} ORDER BY 1, 2 LIMIT $2");
    let read = |row: &Row| Ok(Holding { kind: row.try_get(0)?, name: row.try_get(1)? });
    let first = session.rows(&sql, &[&oid, &MOST_NAMED]).await?.iter().map(read).collect::<Result<_>>()?;
    let sql = "SELECT srvname::pg_catalog.text FROM pg_catalog.pg_user_mappings WHERE umuser = $1 ORDER BY 1";
    let user_mappings = texts(&session.rows(sql, &[&oid]).await?)?;
    let sql = "SELECT oid::pg_catalog.regprocedure::pg_catalog.text FROM pg_catalog.pg_proc
                WHERE proowner = $1 AND prosecdef ORDER BY 1";
    let definer_routines = texts(&session.rows(sql, &[&oid]).await?)?;
    let nothing = count == 0 && user_mappings.is_empty();
    let database = session.database.clone();
    Ok((!nothing).then_some(Holdings { database, count, first, user_mappings, definer_routines }))
}

fn texts(rows: &[Row]) -> Result<Vec<String>> {
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
