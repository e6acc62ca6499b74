//! Once a minute: is everything still as it was declared? What isn't is set right, and told (S4).

use super::changes::{acting_as, membership};
use super::findings::{Finding, Matter};
use super::groups::{self, Groups};
use super::keeper;
use super::marker::Purpose;
use super::quote::Ident;
use super::server::{Reach, Server};
use super::session::Session;
use super::users::Access;
use crate::{EngineError, Result};

impl Server {
    /// Compares what the server grants with what was declared, and sets right what it may.
    ///
    /// # Errors
    /// When the server cannot be asked. A single database that can't be looked at is a finding.
    pub async fn reconcile(&self) -> Result<Vec<Finding>> {
        if self.reach() == Reach::Attached {
            return self.reconcile_attached().await;
        }
        let (groups, mut findings) = {
            let session = self.hub().await?;
            let (groups, mut findings) = groups::ensure(&session).await?;
            findings.extend(mend_users(&session).await?);
            (groups, findings)
        };
        for database in self.open_databases().await? {
            match self.keep(&database, groups).await {
                Ok(found) => findings.extend(found),
                // It was dropped just now.
                Err(EngineError::NotFound { .. }) => {}
                Err(error) => {
                    findings.push(Finding::open(Matter::Database, error.to_string()).in_database(&database));
                }
            }
        }
        findings.extend(mend_databases(&*self.hub().await?, groups).await?);
        Ok(findings)
    }

    /// The databases in which read-only users are kept from changing anything, and which alone `pg_hba.conf` should
    /// let them into.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn prepared_databases(&self) -> Result<Vec<String>> {
        let sql = "SELECT d.datname::pg_catalog.text FROM pg_catalog.pg_database d
                    WHERE d.datallowconn AND NOT d.datistemplate AND EXISTS (
                      SELECT FROM pg_catalog.aclexplode(d.datacl) a JOIN pg_catalog.pg_roles g ON g.oid = a.grantee
                       WHERE g.rolname = $1 AND a.privilege_type = 'CONNECT')
                    ORDER BY 1";
        let rows = self.hub().await?.rows(sql, &[&groups::READ_ONLY]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// One database: the keeper in its place, and every object's rights as they should be.
    async fn keep(&self, database: &str, groups: Groups) -> Result<Vec<Finding>> {
        let session = self.session(database).await?;
        let fresh = !keeper::was_here(&session).await?;
        let mut findings = keeper::install(&session, groups).await?;
        let (settled, left) = keeper::sweep(&session, groups).await?;
        // What a database holds when we first see it is no news.
        if settled > left && !fresh {
            let text = format!("The rights on {} objects were not as they should be.", settled - left);
            findings.push(Finding::mended(Matter::Rights, text).in_database(database));
        }
        if left > 0 {
            let text = format!(
                "On {left} objects somebody who was given the right to pass rights on has opened them wider than \
                 read-only users should reach; only he can withdraw it."
            );
            findings.push(Finding::open(Matter::Rights, text).in_database(database));
        }
        Ok(findings)
    }
}

/// Who may enter and fill which database; says which of them are prepared, so it comes last.
async fn mend_databases(session: &Session, groups: Groups) -> Result<Vec<Finding>> {
    let sql = "SELECT d.datname::pg_catalog.text AS name,
                      EXISTS (SELECT FROM pg_catalog.aclexplode(d.datacl) a
                               WHERE a.grantee = 0 AND a.privilege_type = 'CREATE') AS open_to_all
                 FROM pg_catalog.pg_database d
                WHERE d.datallowconn AND NOT d.datistemplate AND d.datconnlimit <> -2 AND d.datname <> 'postgres'
                  AND (NOT EXISTS (SELECT FROM pg_catalog.aclexplode(d.datacl) a
                                    WHERE a.grantee = $1 AND a.privilege_type = 'CONNECT')
                       OR (SELECT pg_catalog.count(DISTINCT a.privilege_type)
                             FROM pg_catalog.aclexplode(d.datacl) a WHERE a.grantee = $2) < 3
                       OR EXISTS (SELECT FROM pg_catalog.aclexplode(d.datacl) a
                                   WHERE a.grantee = 0 AND a.privilege_type = 'CREATE'))";
    let mut findings = Vec::new();
    for row in session.rows(sql, &[&groups.readers, &groups.writers]).await? {
        let name: String = row.try_get("name")?;
        let database = Ident::new(&name)?;
        let (readers, writers) = (groups::READ_ONLY, groups::READ_WRITE);
        session
            .run(&format!(
                "GRANT CONNECT ON DATABASE {database} TO {readers};
                 GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {database} TO {writers};
                 REVOKE CREATE ON DATABASE {database} FROM PUBLIC;"
            ))
            .await?;
        if row.try_get("open_to_all")? {
            let text = "Everybody had been allowed to make schemas.";
            findings.push(Finding::mended(Matter::Rights, text).in_database(&name));
        }
    }
    Ok(findings)
}

/// Users of ours that are not what they were declared to be, told by one query that returns nothing on a good day.
const WRONG_USERS: &str = "
    WITH ours AS (
      SELECT r.*, pg_catalog.split_part(d.description, ' ', 2) AS purpose,
             pg_catalog.split_part(d.description, ' ', 3) AS fingerprint
        FROM pg_catalog.pg_authid r
        JOIN pg_catalog.pg_shdescription d
          ON d.objoid = r.oid AND d.classoid = 'pg_catalog.pg_authid'::pg_catalog.regclass
       WHERE d.description LIKE 'Rolecall %' AND r.rolcanlogin),
    judged AS (
      SELECT u.rolname, u.purpose,
             u.fingerprint <> '-' AND u.fingerprint IS DISTINCT FROM
               pg_catalog.substr(pg_catalog.encode(pg_catalog.sha256(
                 pg_catalog.convert_to(u.rolpassword, 'UTF8')), 'hex'), 1, 24) AS other_password,
             u.purpose IN ('readonly', 'readwrite', 'replication') AND (u.rolsuper OR u.rolcreatedb OR u.rolcreaterole
               OR u.rolbypassrls OR NOT u.rolinherit OR u.rolreplication <> (u.purpose = 'replication')) AS other_attributes,
             u.purpose IN ('readonly', 'readwrite', 'replication') AND NOT EXISTS (
               SELECT FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
                WHERE m.member = u.oid
                  AND g.rolname = CASE u.purpose WHEN 'readonly' THEN $1 ELSE $2 END) AS lacks_group,
             CASE WHEN u.purpose = 'readonly' THEN ARRAY(
               SELECT g.rolname::pg_catalog.text FROM pg_catalog.pg_auth_members m
                 JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
                WHERE m.member = u.oid AND g.rolname <> $1) ELSE '{}' END AS too_many,
             CASE u.purpose
               WHEN 'readonly' THEN EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s WHERE s.setrole = u.oid)
               WHEN 'readwrite' THEN NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s
                 WHERE s.setrole = u.oid AND s.setdatabase = 0 AND 'role=' || $2 = ANY (s.setconfig))
               ELSE false END AS other_settings
        FROM ours u)
    SELECT * FROM judged
     WHERE other_password OR other_attributes OR lacks_group OR too_many <> '{}' OR other_settings
     ORDER BY rolname";

/// Sets right what isn't as declared; a password that isn't ours is told only: who knows ours sets it.
async fn mend_users(session: &Session) -> Result<Vec<Finding>> {
    let (readers, writers) = (groups::READ_ONLY, groups::READ_WRITE);
    let mut findings = Vec::new();
    for row in session.rows(WRONG_USERS, &[&readers, &writers]).await? {
        let name: String = row.try_get("rolname")?;
        let role = Ident::new(&name)?;
        let (access, purpose) = match row.try_get("purpose")? {
            "readonly" => (Access::ReadOnly, Purpose::ReadOnly),
            "replication" => (Access::ReadWrite, Purpose::Replication),
            _ => (Access::ReadWrite, Purpose::ReadWrite),
        };
        let mut mend = Vec::new();
        let mut tell = |matter, text: String| findings.push(Finding::mended(matter, text).about(&name));
        if row.try_get("other_attributes")? {
            let replication = if purpose == Purpose::Replication { "REPLICATION" } else { "NOREPLICATION" };
            mend.push(format!(
                "ALTER ROLE {role} NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS INHERIT {replication};"
            ));
            tell(Matter::Attributes, format!("\"{name}\" had been given other attributes."));
        }
        if row.try_get("lacks_group")? {
            mend.push(membership(session, access, &role));
            tell(Matter::Membership, format!("\"{name}\" had been taken out of its group."));
        }
        for other in row.try_get::<_, Vec<String>>("too_many")? {
            mend.push(format!("REVOKE {} FROM {role} CASCADE;", Ident::new(&other)?));
            tell(Matter::Membership, format!("\"{name}\" had been made a member of \"{other}\"."));
        }
        if row.try_get("other_settings")? {
            mend.push(reset_settings(session, &name, &role, purpose).await?);
            tell(Matter::Settings, format!("\"{name}\" had other settings of its own."));
        }
        if row.try_get("other_password")? {
            let text = format!("\"{name}\" has another password than the one that was set here last.");
            findings.push(Finding::open(Matter::Password, text).about(&name));
        }
        if !mend.is_empty() {
            session.run(&mend.concat()).await?;
        }
    }
    Ok(findings)
}

/// A reader has no settings of its own; of a writer's only the name that it acts in is ours.
async fn reset_settings(session: &Session, name: &str, role: &Ident, purpose: Purpose) -> Result<String> {
    let mut sql = Vec::new();
    if purpose == Purpose::ReadOnly {
        sql.push(format!("ALTER ROLE {role} RESET ALL;"));
        let places = "SELECT d.datname::pg_catalog.text FROM pg_catalog.pg_db_role_setting s
                        JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
                        JOIN pg_catalog.pg_roles r ON r.oid = s.setrole WHERE r.rolname = $1";
        for row in session.rows(places, &[&name]).await? {
            sql.push(format!("ALTER ROLE {role} IN DATABASE {} RESET ALL;", Ident::new(row.try_get(0)?)?));
        }
    }
    sql.push(acting_as(role, purpose, Reach::Managed));
    Ok(sql.concat())
}
