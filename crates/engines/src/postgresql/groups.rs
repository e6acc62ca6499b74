//! The three groups of a managed server. Logins are members of one and hold nothing themselves, so that a thousand
//! logins cost no more than one, and nobody is left behind in a grant.

use super::findings::{Finding, Matter};
use super::marker::{Marker, Purpose};
use super::quote::{Ident, Literal};
use super::session::Session;
use crate::{EngineError, Result};

/// Reads every table, view and sequence.
pub(super) const READ_ONLY: &str = "rolecall_readonly";
/// Reads and writes everything; its members make things in its name, so that each may alter what another made.
pub(super) const READ_WRITE: &str = "rolecall_readwrite";
/// Owns what deleted users owned.
pub(super) const FORMER: &str = "rolecall_former";

/// The numbers of the two groups that rights are granted to. Names may change; these do not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Groups {
    pub(super) readers: u32,
    pub(super) writers: u32,
}

/// All three.
pub(super) const ALL: [&str; 3] = [READ_ONLY, READ_WRITE, FORMER];

/// Makes the groups, or finds them again under whatever name and with whatever rights somebody gave them.
pub(super) async fn ensure(session: &Session) -> Result<(Groups, Vec<Finding>)> {
    let mut findings = Vec::new();
    let readers = ensure_one(session, READ_ONLY, &mut findings).await?;
    let writers = ensure_one(session, READ_WRITE, &mut findings).await?;
    ensure_one(session, FORMER, &mut findings).await?;
    Ok((Groups { readers, writers }, findings))
}

async fn ensure_one(session: &Session, group: &str, findings: &mut Vec<Finding>) -> Result<u32> {
    let comment = Marker::new(Purpose::Group, None, group).text();
    let sql = "SELECT r.oid, r.rolname, d.description IS NOT DISTINCT FROM $2 AS known,
                      r.rolcanlogin OR r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication
                      OR r.rolbypassrls OR NOT r.rolinherit AS too_much,
                      ARRAY(SELECT pg_catalog.pg_get_userbyid(m.roleid)::pg_catalog.text
                              FROM pg_catalog.pg_auth_members m WHERE m.member = r.oid) AS member_of
                 FROM pg_catalog.pg_roles r
                 LEFT JOIN pg_catalog.pg_shdescription d
                        ON d.objoid = r.oid AND d.classoid = 'pg_catalog.pg_authid'::pg_catalog.regclass
                WHERE r.rolname = $1 OR d.description = $2
                ORDER BY r.rolname = $1 DESC LIMIT 1";
    let name = Ident::new(group)?;
    let describe = format!("COMMENT ON ROLE {name} IS {};", Literal::new(&comment)?);
    let Some(row) = session.row(sql, &[&group, &comment]).await? else {
        session.run(&format!("CREATE ROLE {name} NOLOGIN; {describe}")).await?;
        let sql = "SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1";
        return session.value(sql, &[&group]).await;
    };
    let found: String = row.try_get("rolname")?;
    let mut mend = Vec::new();
    if found != group {
        mend.push(format!("ALTER ROLE {} RENAME TO {name};", Ident::new(&found)?));
        findings.push(Finding::mended(
            Matter::Group,
            format!("The group \"{group}\" had been renamed to \"{found}\"."),
        ));
    }
    if row.try_get("too_much")? {
        mend.push(format!(
            "ALTER ROLE {name} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT;"
        ));
        findings.push(Finding::mended(
            Matter::Group,
            format!("The group \"{group}\" had been given attributes."),
        ));
    }
    for role in row.try_get::<_, Vec<String>>("member_of")? {
        mend.push(format!("REVOKE {} FROM {name} CASCADE;", Ident::new(&role)?));
        findings.push(Finding::mended(
            Matter::Group,
            format!("The group \"{group}\" had been put into \"{role}\"."),
        ));
    }
    if !row.try_get::<_, bool>("known")? {
        mend.push(describe);
    }
    if !mend.is_empty() {
        session.run(&mend.concat()).await?;
    }
    row.try_get("oid").map_err(EngineError::from)
}
