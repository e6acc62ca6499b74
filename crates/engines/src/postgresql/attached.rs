//! Somebody else's server, where we are whatever our login is: rights go to the login itself, for a group's members
//! could withdraw what the group was promised; and what only a superuser can do is told, with the SQL for it (S4).

use super::findings::{Finding, Matter};
use super::quote::Ident;
use super::server::{Reach, Server};
use super::session::Session;
use super::users::{Access, User};
use crate::{EngineError, Result};

impl Server {
    /// Gives a user on an attached server what our login may give; the rest comes back.
    pub(super) async fn grant_where_attached(&self, name: &str, access: Access) -> Result<Vec<Finding>> {
        if self.reach() == Reach::Managed {
            return Ok(Vec::new());
        }
        let mut findings = Vec::new();
        for database in self.open_databases().await? {
            match self.session(&database).await {
                Ok(session) => findings.extend(grant_here(&session, name, access).await?),
                Err(error) => {
                    let finding = Finding::open(Matter::Database, error.to_string());
                    findings.push(finding.in_database(&database).about(name));
                }
            }
        }
        Ok(findings)
    }

    /// Gives every user of ours again what it should have: what was made since, too.
    pub(super) async fn reconcile_attached(&self) -> Result<Vec<Finding>> {
        let users: Vec<User> = self.users().await?.into_iter().filter(User::managed_marker).collect();
        let mut findings = Vec::new();
        for user in users {
            use super::marker::Purpose;
            let access = match user.purpose() {
                Some(Purpose::ReadOnly) => Access::ReadOnly,
                Some(Purpose::ReadWrite | Purpose::Replication) => Access::ReadWrite,
                _ => continue,
            };
            if user.keeps_our_password == Some(false) {
                let text =
                    format!("\"{}\" has another password than the one that was set here last.", user.name);
                findings.push(Finding::open(Matter::Password, text).about(&user.name));
            }
            findings.extend(self.grant_where_attached(&user.name, access).await?);
        }
        Ok(findings)
    }
}

/// What an access means on each kind of object.
struct Wanted {
    schema: &'static str,
    table: &'static str,
    sequence: &'static str,
    /// What to ask for when looking whether it is there; of several, all.
    schema_proof: &'static [&'static str],
    table_proof: &'static [&'static str],
    sequence_proof: &'static [&'static str],
}

impl Wanted {
    fn of(access: Access) -> Self {
        match access {
            Access::ReadOnly => Self {
                schema: "USAGE",
                table: "SELECT",
                sequence: "SELECT",
                schema_proof: &["USAGE"],
                table_proof: &["SELECT"],
                sequence_proof: &["SELECT"],
            },
            Access::ReadWrite => Self {
                schema: "USAGE, CREATE",
                table: "ALL",
                sequence: "ALL",
                schema_proof: &["USAGE", "CREATE"],
                table_proof: &["SELECT", "INSERT", "UPDATE", "DELETE"],
                sequence_proof: &["SELECT", "USAGE", "UPDATE"],
            },
        }
    }
}

/// Schemas, tables and sequences that a user lacks something of, and whether we may give it. `$1` the user, `$2` to
/// `$4` what to look for on schemas, tables and sequences.
const LACKING: &str = "
    SELECT 'SCHEMA' AS kind, n.nspname::pg_catalog.text AS schema, NULL::pg_catalog.text AS name,
           pg_catalog.pg_has_role(n.nspowner, 'USAGE') OR pg_catalog.has_schema_privilege(n.oid, 'USAGE WITH GRANT OPTION')
             AS ours
      FROM pg_catalog.pg_namespace n
     WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
       AND EXISTS (SELECT FROM pg_catalog.unnest($2::pg_catalog.text[]) p
                    WHERE NOT pg_catalog.has_schema_privilege($1::pg_catalog.name, n.oid, p))
     UNION ALL
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname, c.relname,
           pg_catalog.pg_has_role(c.relowner, 'USAGE')
             OR CASE c.relkind WHEN 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'SELECT WITH GRANT OPTION')
                               ELSE pg_catalog.has_table_privilege(c.oid, 'SELECT WITH GRANT OPTION') END
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
       AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
       AND CASE c.relkind
             WHEN 'S' THEN EXISTS (SELECT FROM pg_catalog.unnest($4::pg_catalog.text[]) p
                                    WHERE NOT pg_catalog.has_sequence_privilege($1::pg_catalog.name, c.oid, p))
             ELSE EXISTS (SELECT FROM pg_catalog.unnest($3::pg_catalog.text[]) p
                           WHERE NOT pg_catalog.has_table_privilege($1::pg_catalog.name, c.oid, p)) END
     ORDER BY 1, 2, 3";

/// Who makes tables here: whoever owns some, and we. With whether we may speak for them, and whether what they make
/// later is already promised to the user. `$1` the user.
const MAKERS: &str = "
    SELECT o.rolname::pg_catalog.text AS maker, pg_catalog.pg_has_role(o.oid, 'USAGE') AS ours
      FROM pg_catalog.pg_roles o
     WHERE (o.rolname = CURRENT_USER OR o.oid IN (
              SELECT c.relowner FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'))
       AND o.rolname <> $1
       AND NOT EXISTS (
         SELECT FROM pg_catalog.pg_default_acl f, pg_catalog.aclexplode(f.defaclacl) a
           JOIN pg_catalog.pg_roles u ON u.oid = a.grantee
          WHERE f.defaclrole = o.oid AND f.defaclnamespace = 0 AND f.defaclobjtype = 'r' AND u.rolname = $1)
     ORDER BY 1";

/// Gives a user what it should have in the session's database, as far as we may.
async fn grant_here(session: &Session, name: &str, access: Access) -> Result<Vec<Finding>> {
    let (role, wanted) = (Ident::new(name)?, Wanted::of(access));
    let (mut ours, mut theirs) = (String::new(), String::new());
    let proofs = (&wanted.schema_proof, &wanted.table_proof, &wanted.sequence_proof);
    for row in session.rows(LACKING, &[&name, proofs.0, proofs.1, proofs.2]).await? {
        let schema = Ident::new(row.try_get("schema")?)?;
        let (kind, privileges) = match row.try_get("kind")? {
            "SCHEMA" => ("SCHEMA", wanted.schema),
            "SEQUENCE" => ("SEQUENCE", wanted.sequence),
            _ => ("TABLE", wanted.table),
        };
        let target = match row.try_get::<_, Option<&str>>("name")? {
            Some(name) => format!("{schema}.{}", Ident::new(name)?),
            None => schema.to_string(),
        };
        let grant = format!("GRANT {privileges} ON {kind} {target} TO {role};\n");
        if row.try_get("ours")? { ours += &grant } else { theirs += &grant }
    }
    for row in session.rows(MAKERS, &[&name]).await? {
        let maker = Ident::new(row.try_get("maker")?)?;
        let promise = format!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {maker} GRANT {} ON TABLES TO {role};\n\
             ALTER DEFAULT PRIVILEGES FOR ROLE {maker} GRANT {} ON SEQUENCES TO {role};\n\
             ALTER DEFAULT PRIVILEGES FOR ROLE {maker} GRANT {} ON SCHEMAS TO {role};\n",
            wanted.table, wanted.sequence, wanted.schema
        );
        if row.try_get("ours")? { ours += &promise } else { theirs += &promise }
    }
    if !ours.is_empty()
        && let Err(error) = session.run(&ours).await
    {
        match error {
            EngineError::Forbidden(_) => theirs.insert_str(0, &ours),
            other => return Err(other),
        }
    }
    let mut findings = Vec::new();
    if !theirs.is_empty() {
        let text = format!("\"{name}\" does not reach what others own; a superuser may grant it.");
        findings.push(Finding::open(Matter::Rights, text).with_sql(theirs));
    }
    findings.extend(limits(session, access).await?);
    Ok(findings.into_iter().map(|finding| finding.in_database(&session.database).about(name)).collect())
}

/// What a read-only user can still do on a server that isn't ours.
async fn limits(session: &Session, access: Access) -> Result<Option<Finding>> {
    if access == Access::ReadWrite {
        return Ok(None);
    }
    let sql = "SELECT pg_catalog.string_agg('REVOKE EXECUTE ON FUNCTION ' || p.oid::pg_catalog.regprocedure
                                            || ' FROM PUBLIC;', E'\\n' ORDER BY p.oid)
                 FROM pg_catalog.pg_proc p
                WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
                  AND p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'pg_logical_emit_message')
                  AND EXISTS (SELECT FROM pg_catalog.aclexplode(COALESCE(p.proacl,
                                pg_catalog.acldefault('f', p.proowner))) a WHERE a.grantee = 0)";
    let functions: Option<String> = session.value(sql, &[]).await?;
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_database d, pg_catalog.aclexplode(COALESCE(d.datacl,
                 pg_catalog.acldefault('d', d.datdba))) a
                WHERE d.datname = pg_catalog.current_database() AND a.grantee = 0 AND a.privilege_type = 'TEMPORARY')";
    let temporary: bool = session.value(sql, &[]).await?;
    let mut sql = functions.unwrap_or_default();
    if temporary {
        sql = format!("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC;\n{sql}", Ident::new(&session.database)?);
    }
    if sql.is_empty() {
        return Ok(None);
    }
    let text = "Everybody, read-only users included, may make temporary tables or large objects here.";
    Ok(Some(Finding::open(Matter::Limit, text).with_sql(sql)))
}
