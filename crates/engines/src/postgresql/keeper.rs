//! What keeps everybody's rights inside one managed database (S4): the event triggers of `keeper.sql`, and the sweep
//! that settles whatever came about without them.

use super::findings::{Finding, Matter};
use super::groups::Groups;
use super::quote::Ident;
use super::session::Session;
use super::verifier::fingerprint;
use crate::Result;

const KEEPER: &str = include_str!("keeper.sql");

/// Everything of ours in a database, in one line of text: what it says, who owns it, whether it is switched on.
const PRESENT: &str = "
    SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
             pg_catalog.string_agg(line, ' ' ORDER BY line COLLATE \"C\"), 'UTF8')), 'hex')
      FROM (SELECT pg_catalog.concat_ws('|', p.proname, p.prosrc, p.prosecdef, p.proconfig, o.rolsuper, p.proacl) AS line
              FROM pg_catalog.pg_proc p
              JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'rolecall'
              JOIN pg_catalog.pg_roles o ON o.oid = p.proowner
             UNION ALL
            SELECT pg_catalog.concat_ws('|', e.evtname, e.evtevent, e.evtenabled, e.evttags, e.evtfoid, o.rolsuper)
              FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_roles o ON o.oid = e.evtowner
             UNION ALL
            SELECT pg_catalog.concat_ws('|', p.oid, p.proacl) FROM pg_catalog.pg_proc p
             WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
               AND p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'pg_logical_emit_message')
             UNION ALL
            SELECT pg_catalog.concat_ws('|', n.nspname, n.nspacl, o.rolsuper) FROM pg_catalog.pg_namespace n
              JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner WHERE n.nspname = 'rolecall') AS lines";

/// Objects whose rights are not what [`KEEPER`]'s `settle` would make them; `$1` readers, `$2` writers.
const ASTRAY: &str = "
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS class, c.oid AS object
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
       AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
       AND (NOT EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) a WHERE a.grantee = $1 AND a.privilege_type = 'SELECT')
            OR EXISTS (SELECT a.privilege_type
                         FROM pg_catalog.aclexplode(pg_catalog.acldefault(
                                CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", c.relowner)) a
                       EXCEPT
                       SELECT a.privilege_type FROM pg_catalog.aclexplode(c.relacl) a WHERE a.grantee = $2)
            OR EXISTS (SELECT FROM rolecall.excess(c.relacl, ARRAY['SELECT']))
            OR EXISTS (SELECT FROM pg_catalog.pg_attribute t, rolecall.excess(t.attacl, ARRAY['SELECT'])
                        WHERE t.attrelid = c.oid AND t.attacl IS NOT NULL))
     UNION ALL
    SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid FROM pg_catalog.pg_namespace n
     WHERE n.nspname NOT IN ('information_schema', 'rolecall') AND n.nspname !~ '^pg_'
       AND (NOT EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) a WHERE a.grantee = $1 AND a.privilege_type = 'USAGE')
            OR (SELECT pg_catalog.count(DISTINCT a.privilege_type)
                  FROM pg_catalog.aclexplode(n.nspacl) a WHERE a.grantee = $2) < 2
            OR EXISTS (SELECT FROM rolecall.excess(n.nspacl, ARRAY['USAGE'])))
     UNION ALL
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid
      FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
     WHERE p.prosecdef AND n.nspname NOT IN ('information_schema', 'rolecall') AND n.nspname !~ '^pg_'
       AND (NOT EXISTS (SELECT FROM pg_catalog.aclexplode(p.proacl) a WHERE a.grantee = $2)
            OR EXISTS (SELECT FROM rolecall.excess(COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner)), '{}')))
     UNION ALL
    SELECT 'pg_catalog.pg_largeobject'::pg_catalog.regclass, l.oid FROM pg_catalog.pg_largeobject_metadata l
     WHERE EXISTS (SELECT FROM rolecall.excess(l.lomacl, ARRAY['SELECT']))
";

/// Puts the keeper into a database, unless it is there as it should be.
pub(super) async fn install(session: &Session, groups: Groups) -> Result<Vec<Finding>> {
    let sql = KEEPER
        .replace("{readers}", &groups.readers.to_string())
        .replace("{writers}", &groups.writers.to_string());
    let wanted = fingerprint(&sql);
    let said: Option<String> = session
        .value(
            "SELECT pg_catalog.obj_description(pg_catalog.to_regnamespace('rolecall')::pg_catalog.oid, 'pg_namespace')",
            &[],
        )
        .await?;
    let present: Option<String> = session.value(PRESENT, &[]).await?;
    let expected = present.as_ref().map(|present| format!("Rolecall keeps rights here: {wanted} {present}"));
    if said.is_some() && said == expected {
        return Ok(Vec::new());
    }
    let mut findings = set_strangers_aside(session).await?;
    session.run(&sql).await?;
    let present: String = session.value(PRESENT, &[]).await?;
    session
        .run(&format!("COMMENT ON SCHEMA rolecall IS 'Rolecall keeps rights here: {wanted} {present}'"))
        .await?;
    if said.is_some() {
        findings.push(
            Finding::mended(Matter::Triggers, "The triggers that keep everybody's rights had been changed.")
                .in_database(&session.database),
        );
    }
    Ok(findings)
}

/// Whether the keeper was put into this database before, by us or into the one that it was copied from.
pub(super) async fn was_here(session: &Session) -> Result<bool> {
    session.value("SELECT pg_catalog.to_regnamespace('rolecall') IS NOT NULL", &[]).await
}

/// Settles everything whose rights are not as they should be; says how much it was, and how much is left because it
/// isn't ours to settle.
pub(super) async fn sweep(session: &Session, groups: Groups) -> Result<(usize, usize)> {
    let astray = session.rows(ASTRAY, &[&groups.readers, &groups.writers]).await?;
    if astray.is_empty() {
        return Ok((0, 0));
    }
    for chunk in astray.chunks(100) {
        let mut sql = Vec::new();
        for row in chunk {
            let (class, object): (u32, u32) = (row.try_get(0)?, row.try_get(1)?);
            sql.push(format!("SELECT rolecall.settle({class}, {object});"));
        }
        session.run(&sql.concat()).await?;
    }
    let left = session.rows(ASTRAY, &[&groups.readers, &groups.writers]).await?;
    Ok((astray.len(), left.len()))
}

/// Whoever made a schema of our name before us could put his own code under our triggers, and it would run as
/// superuser: his schema gets another name, with all that is in it.
async fn set_strangers_aside(session: &Session) -> Result<Vec<Finding>> {
    let sql = "SELECT n.oid FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner
                WHERE n.nspname = 'rolecall'
                  AND (NOT o.rolsuper OR EXISTS (SELECT FROM pg_catalog.pg_proc p
                                                   JOIN pg_catalog.pg_roles o ON o.oid = p.proowner
                                                  WHERE p.pronamespace = n.oid AND NOT o.rolsuper))";
    let Some(row) = session.row(sql, &[]).await? else { return Ok(Vec::new()) };
    let number: u32 = row.try_get(0)?;
    let aside = format!("rolecall_aside_{number}");
    session.run(&format!("ALTER SCHEMA rolecall RENAME TO {}", Ident::new(&aside)?)).await?;
    let text = format!("Somebody else's schema \"rolecall\" was renamed to \"{aside}\".");
    Ok(vec![Finding::mended(Matter::Triggers, text).in_database(&session.database)])
}
