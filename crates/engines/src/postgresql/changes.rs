//! Making users and changing them (M7, S3, S5). Every step may be repeated, and is read back where we may see.

use super::deletion;
use super::findings::{Finding, Matter};
use super::groups;
use super::marker::{Marker, Purpose};
use super::quote::{Ident, Literal};
use super::server::{Reach, Server};
use super::session::Session;
use super::users::{self, Access, NewUser, User};
use super::verifier::Verifier;
use crate::{EngineError, Result};

/// From here on a membership says whether it is inherited and whether one may change into the role.
pub(super) const MEMBERSHIP_OPTIONS: i32 = 160_000;

impl Server {
    /// Makes a user with all that it needs to reach everything that it should. Making the same one again changes
    /// nothing. On an attached server what could not be granted comes back as findings.
    ///
    /// # Errors
    /// [`EngineError::AlreadyExists`] if a role of that name isn't this very user.
    pub async fn create_user(&self, new: &NewUser) -> Result<Vec<Finding>> {
        if new.access == Access::ReadOnly && new.replication {
            return Err(replication_reads_everything());
        }
        self.check_mutable(&new.name)?;
        let session = self.hub().await?;
        if let Some(user) = users::find(&session, &new.name, self.reach()).await? {
            return self.create_again(session, new, &user).await;
        }
        let sql = creation(&session, new, self.reach())?;
        if let Err(error) = session.run_hushed(&sql).await {
            // Somebody was faster; whether it was ourselves is seen now.
            return match users::find(&session, &new.name, self.reach()).await? {
                Some(user) => self.create_again(session, new, &user).await,
                None => Err(error),
            };
        }
        prove(&session, &new.name, &new.verifier).await?;
        drop(session);
        self.grant_where_attached(&new.name, new.access).await
    }

    /// Sets a user's password, as a verifier (S5). Of the administrator's own login, too: then it is time for a new
    /// [`Server`].
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such user.
    pub async fn set_verifier(&self, name: &str, verifier: &Verifier) -> Result<()> {
        if name != self.administrator() {
            self.check_mutable(name)?;
        }
        let session = self.hub().await?;
        let user = self.must_find(&session, name).await?;
        let role = Ident::new(name)?;
        let mut sql = format!("ALTER ROLE {role} PASSWORD {};", Literal::new(verifier.text())?);
        if let Some(marker) = user.marker {
            let marker = Marker { fingerprint: Some(verifier.fingerprint()), ..marker };
            sql += &comment(&role, &marker)?;
        }
        session.run_hushed(&sql).await?;
        prove(&session, name, verifier).await
    }

    /// Lets a user sign in, or locks it out and ends its sessions; says how many there were. It keeps its rights.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such user; [`EngineError::InUse`] if a session does not end.
    pub async fn set_login(&self, name: &str, allowed: bool) -> Result<i64> {
        self.check_mutable(name)?;
        let session = self.hub().await?;
        let user = self.must_find(&session, name).await?;
        let word = if allowed { "LOGIN" } else { "NOLOGIN" };
        session.run(&format!("ALTER ROLE {} {word}", Ident::new(name)?)).await?;
        if allowed { Ok(0) } else { deletion::end_sessions(&session, &user).await }
    }

    /// Allows or forbids replication (M7).
    ///
    /// # Errors
    /// [`EngineError::Invalid`] for a read-only user: replication reads everything.
    pub async fn set_replication(&self, name: &str, allowed: bool) -> Result<()> {
        self.check_mutable(name)?;
        let session = self.hub().await?;
        let user = self.must_find(&session, name).await?;
        if user.read_only && allowed {
            return Err(replication_reads_everything());
        }
        let role = Ident::new(name)?;
        let word = if allowed { "REPLICATION" } else { "NOREPLICATION" };
        let mut sql = format!("ALTER ROLE {role} {word};");
        if let Some(marker) = user.marker
            && matches!(marker.purpose, Purpose::ReadWrite | Purpose::Replication)
        {
            let purpose = if allowed { Purpose::Replication } else { Purpose::ReadWrite };
            sql += &acting_as(&role, purpose, self.reach());
            sql += &comment(&role, &Marker { purpose, ..marker })?;
        }
        session.run(&sql).await
    }

    /// The administrator's own login and our groups are nobody's service users.
    pub(super) fn check_mutable(&self, name: &str) -> Result<()> {
        let own = name == self.administrator() || groups::ALL.contains(&name) || name.starts_with("pg_");
        if own {
            return Err(EngineError::Forbidden(format!(
                "\"{name}\" belongs to the server; it cannot be changed here."
            )));
        }
        Ok(())
    }

    pub(super) async fn must_find(&self, session: &Session, name: &str) -> Result<User> {
        let user = users::find(session, name, self.reach()).await?;
        user.ok_or_else(|| EngineError::NotFound { kind: "user", name: name.to_owned() })
    }

    /// A role of the wanted name is there: fine if it is this very user, a conflict otherwise.
    async fn create_again(
        &self,
        session: super::server::Lease<'_>,
        new: &NewUser,
        user: &User,
    ) -> Result<Vec<Finding>> {
        let conflict = || EngineError::AlreadyExists { kind: "user", name: new.name.clone() };
        let expected = Marker::new(purpose(new), Some(&new.verifier), &new.id);
        if user.marker.as_ref() != Some(&expected)
            || user.keeps_our_password == Some(false)
            || !user.can_login
        {
            return Err(conflict());
        }
        drop(session);
        self.grant_where_attached(&new.name, new.access).await
    }
}

/// What a new user is for.
fn purpose(new: &NewUser) -> Purpose {
    match new.access {
        Access::ReadOnly => Purpose::ReadOnly,
        Access::ReadWrite if new.replication => Purpose::Replication,
        Access::ReadWrite => Purpose::ReadWrite,
    }
}

/// The statements that make a user: all of them or none.
fn creation(session: &Session, new: &NewUser, reach: Reach) -> Result<String> {
    let role = Ident::new(&new.name)?;
    let replication = if new.replication { "REPLICATION" } else { "NOREPLICATION" };
    let mut sql = format!(
        "CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT NOBYPASSRLS {replication} PASSWORD {};",
        Literal::new(new.verifier.text())?
    );
    if reach == Reach::Managed {
        sql += &membership(session, new.access, &role);
    }
    sql += &acting_as(&role, purpose(new), reach);
    sql += &comment(&role, &Marker::new(purpose(new), Some(&new.verifier), &new.id))?;
    Ok(sql)
}

/// Puts a user into the group that it belongs to.
pub(super) fn membership(session: &Session, access: Access, role: &Ident) -> String {
    // A reader inherits and cannot become the group; a writer can, for what it makes belongs to all writers.
    let (group, options) = match access {
        Access::ReadOnly => (groups::READ_ONLY, " WITH ADMIN FALSE, INHERIT TRUE, SET FALSE"),
        Access::ReadWrite => (groups::READ_WRITE, " WITH ADMIN FALSE, INHERIT TRUE, SET TRUE"),
    };
    let options = if session.standing.number >= MEMBERSHIP_OPTIONS { options } else { "" };
    format!("GRANT {group} TO {role}{options};")
}

/// Whose name a user acts in. Writers act in their group's, so that each may alter what another made and nothing is
/// left behind when one goes. Not replication users: what they may do is asked of the name they act in.
pub(super) fn acting_as(role: &Ident, purpose: Purpose, reach: Reach) -> String {
    match (reach, purpose) {
        (Reach::Managed, Purpose::ReadWrite) => {
            format!("ALTER ROLE {role} SET role = '{}';", groups::READ_WRITE)
        }
        (Reach::Managed, Purpose::Replication) => format!("ALTER ROLE {role} RESET role;"),
        _ => String::new(),
    }
}

/// Writes our comment on a role.
pub(super) fn comment(role: &Ident, marker: &Marker) -> Result<String> {
    Ok(format!("COMMENT ON ROLE {role} IS {};", Literal::new(&marker.text())?))
}

/// Reads back that a password is the one that was set.
async fn prove(session: &Session, name: &str, verifier: &Verifier) -> Result<()> {
    match users::holds(session, name, verifier).await? {
        Some(false) => {
            Err(EngineError::Internal(format!("the server did not keep the new password of \"{name}\"")))
        }
        _ => Ok(()),
    }
}

fn replication_reads_everything() -> EngineError {
    EngineError::Invalid(
        "A read-only user cannot replicate: replication reads everything, stored passwords included."
            .to_owned(),
    )
}

impl Server {
    /// Takes over a user that was there before us, with the rights that it has: nothing is given, nothing taken.
    /// What it may do beyond an ordinary user comes back as findings.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such user; [`EngineError::Forbidden`] for a superuser.
    pub async fn adopt(&self, name: &str, id: &str) -> Result<Vec<Finding>> {
        self.check_mutable(name)?;
        let session = self.hub().await?;
        let user = self.must_find(&session, name).await?;
        if user.superuser {
            return Err(EngineError::Forbidden(format!(
                "\"{name}\" is a superuser; it cannot be taken over."
            )));
        }
        if user.marker.is_none() {
            session.run(&comment(&Ident::new(name)?, &Marker::new(Purpose::Adopted, None, id))?).await?;
        }
        let can = [
            (user.create_role, "make roles"),
            (user.create_db, "make databases"),
            (user.replication, "replicate, which reads everything"),
            (user.bypass_rls, "see rows that row security hides"),
        ];
        let beyond = can.iter().filter(|(may, _)| *may).map(|(_, what)| {
            Finding::open(Matter::Attributes, format!("\"{name}\" may {what}.")).about(name)
        });
        Ok(beyond.collect())
    }
}
