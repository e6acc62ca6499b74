//! Deleting a user without losing what it owned (S6).
//!
//! In this order, each step repeatable, so that whoever is interrupted begins again: it may not sign in any more; the
//! memberships that it gave end; its sessions end; what it owned goes to `rolecall_former` in every database; its
//! rights go; it goes; and it is looked for once more.

use std::time::{Duration, Instant};

use super::groups::FORMER;
use super::marker::Purpose;
use super::preview::{self, Place};
use super::quote::Ident;
use super::server::{Reach, Server};
use super::session::Session;
use super::users::{self, User};
use crate::{EngineError, Result};

/// A session that was told to end and didn't within this is stuck.
const END_LIMIT: Duration = Duration::from_secs(10);
/// Between two looks at sessions that are ending.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Somebody who acts in the user's name may make something while it is being deleted: then we go round again.
const ROUNDS: usize = 3;

/// What came of deleting a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Whether it was there.
    pub existed: bool,
    /// Sessions that were ended.
    pub sessions: i64,
    /// Objects that belong to `rolecall_former` now.
    pub handed_over: i64,
    /// Memberships that it had given and that ended.
    pub memberships: usize,
}

impl Server {
    /// Deletes a user. Deleting one that is already gone succeeds.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`] for superusers and protected users; [`EngineError::InUse`] if something holds it,
    /// in which case it can't sign in any more and deleting may be tried again.
    pub async fn delete_user(&self, name: &str) -> Result<Deleted> {
        self.check_mutable(name)?;
        let Some((oid, mut deleted)) = self.shut_out(name).await? else { return Ok(Deleted::default()) };
        for round in 1..=ROUNDS {
            deleted.handed_over += self.hand_over(oid, name).await?;
            match self.drop_role(name).await {
                Err(EngineError::InUse(_)) if round < ROUNDS => {}
                outcome => return outcome.map(|()| deleted),
            }
        }
        Ok(deleted)
    }

    /// Blocks a user's login, ends what it gave and its sessions; `None` if there is no such user.
    async fn shut_out(&self, name: &str) -> Result<Option<(u32, Deleted)>> {
        let session = self.hub().await?;
        let Some(user) = users::find(&session, name, self.reach()).await? else { return Ok(None) };
        refuse_protected(&user)?;
        let role = Ident::new(name)?;
        session.run(&format!("ALTER ROLE {role} NOLOGIN")).await?;
        if self.reach() == Reach::Attached {
            become_heir(&session, &role, self.administrator()).await?;
        }
        let memberships = revoke_memberships(&session, &user, &role).await?;
        let sessions = end_sessions(&session, &user).await?;
        if let Some(gid) = preview::prepared(&session, name).await?.first() {
            return Err(EngineError::InUse(format!(
                "\"{name}\" has the prepared transaction \"{gid}\": commit it or roll it back, then delete the user."
            )));
        }
        Ok(Some((user.oid, Deleted { existed: true, sessions, memberships, handed_over: 0 })))
    }

    /// Hands over what a user owns and takes its rights, in every database that knows it and in the hub, from where
    /// what belongs to the server as a whole is handed over too.
    async fn hand_over(&self, oid: u32, name: &str) -> Result<i64> {
        let mut places = preview::places(&*self.hub().await?, oid).await?;
        if !places.iter().any(|place| place.database == self.hub_name()) {
            places.push(Place { database: self.hub_name().to_owned(), open: true });
        }
        let mut handed_over = 0;
        for place in places {
            if place.open {
                handed_over += hand_over_here(&*self.session(&place.database).await?, oid, name).await?;
            } else {
                handed_over += self.hand_over_behind_closed_doors(&place.database, oid, name).await?;
            }
        }
        Ok(handed_over)
    }

    /// As [`hand_over_here`] in a database that nobody may connect to: opened for superusers only, then closed.
    async fn hand_over_behind_closed_doors(&self, database: &str, oid: u32, name: &str) -> Result<i64> {
        let quoted = Ident::new(database)?;
        let limit: i32 = {
            let session = self.hub().await?;
            let sql = "SELECT datconnlimit FROM pg_catalog.pg_database WHERE datname = $1";
            let limit = session.value(sql, &[&database]).await?;
            // A limit of none does not hold for superusers: should we not come to close it again, it is closed to all
            // others.
            session
                .run(&format!("ALTER DATABASE {quoted} ALLOW_CONNECTIONS true CONNECTION LIMIT 0"))
                .await?;
            limit
        };
        let handed_over = match self.session(database).await {
            Ok(session) => hand_over_here(&session, oid, name).await,
            Err(error) => Err(error),
        };
        let close = format!("ALTER DATABASE {quoted} ALLOW_CONNECTIONS false CONNECTION LIMIT {limit}");
        self.hub().await?.run(&close).await?;
        handed_over
    }

    async fn drop_role(&self, name: &str) -> Result<()> {
        let session = self.hub().await?;
        session.run(&format!("DROP ROLE IF EXISTS {}", Ident::new(name)?)).await?;
        match users::find(&session, name, self.reach()).await? {
            None => Ok(()),
            Some(_) => Err(EngineError::Internal(format!("the server still has \"{name}\""))),
        }
    }
}

fn refuse_protected(user: &User) -> Result<()> {
    let name = &user.name;
    if user.superuser {
        return Err(EngineError::Forbidden(format!("\"{name}\" is a superuser; it cannot be deleted here.")));
    }
    if matches!(user.purpose(), Some(Purpose::Admin | Purpose::Protected)) {
        return Err(EngineError::Forbidden(format!("\"{name}\" is protected; it cannot be deleted.")));
    }
    Ok(())
}

/// From version 16 on, a membership that the user gave would keep it from being dropped.
async fn revoke_memberships(session: &Session, user: &User, role: &Ident) -> Result<usize> {
    let given = preview::memberships_given(session, user.oid).await?;
    for membership in &given {
        let (of, member) = (Ident::new(&membership.role)?, Ident::new(&membership.member)?);
        session.run(&format!("REVOKE {of} FROM {member} GRANTED BY {role} CASCADE")).await?;
    }
    Ok(given.len())
}

/// Ends a role's sessions and waits until they are over.
pub(super) async fn end_sessions(session: &Session, user: &User) -> Result<i64> {
    let sql = "SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity
                WHERE usesysid = $1";
    let begun = Instant::now();
    let ended: i64 = session.value(sql, &[&user.oid]).await?;
    let mut left = ended;
    while left > 0 {
        if begun.elapsed() > END_LIMIT {
            return Err(EngineError::InUse(format!(
                "{left} sessions of \"{}\" do not end; try again.",
                user.name
            )));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        left = session.value(sql, &[&user.oid]).await?;
    }
    Ok(ended)
}

/// Without being superuser one may end the sessions of roles that one is a member of, and hand over between them.
async fn become_heir(session: &Session, role: &Ident, administrator: &str) -> Result<()> {
    let found = session.row("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1", &[&FORMER]).await?;
    if found.is_none() {
        session.run(&format!("CREATE ROLE {FORMER} NOLOGIN")).await?;
    }
    if session.standing.superuser {
        return Ok(());
    }
    let options = if session.standing.number >= super::changes::MEMBERSHIP_OPTIONS {
        " WITH INHERIT TRUE, SET TRUE"
    } else {
        ""
    };
    let heir = Ident::new(administrator)?;
    session.run(&format!("GRANT {role} TO {heir}{options}; GRANT {FORMER} TO {heir}{options};")).await
}

/// Hands over what a role owns in the session's database, and takes its rights: all of it or nothing.
async fn hand_over_here(session: &Session, oid: u32, name: &str) -> Result<i64> {
    let owned = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_shdepend s
                  WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND s.refobjid = $1
                    AND s.deptype = 'o' AND s.dbid IN (0, (SELECT d.oid FROM pg_catalog.pg_database d
                                                   WHERE d.datname = pg_catalog.current_database()))
                    AND s.classid <> 'pg_catalog.pg_user_mapping'::pg_catalog.regclass
                    AND s.classid <> 'pg_catalog.pg_default_acl'::pg_catalog.regclass";
    let count: i64 = session.value(owned, &[&oid]).await?;
    let role = Ident::new(name)?;
    let still_owned = owned.replace("$1", &oid.to_string());
    // Routines that run as their owner were open to everybody by default; as `rolecall_former` they would reach what
    // all deleted users owned, so only those keep them who were allowed by name. And what anybody made in the user's
    // name between the second and the last step must not be dropped by it (nor between the last two: see `keep` in `keeper.sql`).
    let sql = format!(
        "DO $hand$ DECLARE routine pg_catalog.regprocedure; BEGIN
           FOR routine IN SELECT oid FROM pg_catalog.pg_proc WHERE proowner = {oid} AND prosecdef LOOP
             EXECUTE pg_catalog.format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', routine);
           END LOOP;
         END $hand$;
         SET LOCAL rolecall.deleting = on;
         REASSIGN OWNED BY {role} TO {FORMER};
         DO $hand$ BEGIN IF ({still_owned}) > 0 THEN
           RAISE object_in_use USING MESSAGE = 'something new belongs to the user';
         END IF; END $hand$;
         DROP OWNED BY {role};"
    );
    session.run_long(&sql).await?;
    Ok(count)
}
