//! Making a managed server ready: groups, default users, the service's database, and the keeper in every database.

use super::changes::{MEMBERSHIP_OPTIONS, acting_as, comment, membership};
use super::findings::{Finding, Matter};
use super::groups;
use super::marker::{Marker, Purpose};
use super::quote::{Ident, Literal};
use super::server::{Reach, Server};
use super::session::Session;
use super::users::{self, Access, User};
use super::verifier::Verifier;
use crate::{EngineError, Result};

/// Before this version whoever may make roles may take any right, those of the operating system's user included.
const CREATEROLE_IS_TAMED: i32 = 160_000;

/// A user that comes with a managed service and cannot be deleted.
#[derive(Debug, Clone)]
pub struct DefaultUser {
    /// Its name.
    pub name: String,
    /// What its password is checked by, when it is made; one that is there keeps its own.
    pub verifier: Verifier,
    /// The caller's own mark.
    pub id: String,
}

/// The users that come with a managed service. On an attached server there are none.
#[derive(Debug, Clone, Default)]
pub struct DefaultUsers {
    /// `tsdbadmin`: owns the service's database, may make databases and roles, replicate and bypass row security; not
    /// a superuser (M4).
    pub admin: Option<DefaultUser>,
    /// The protected user with a random name (S2).
    pub protected: Option<DefaultUser>,
}

impl Server {
    /// Makes the server ready, or sees to it that it still is; may be repeated. On an attached server nothing is
    /// changed but what our login may change, and the rest comes back as findings.
    ///
    /// # Errors
    /// When the server cannot be asked, or a default user's name is taken by somebody else.
    pub async fn prepare(&self, default_users: &DefaultUsers) -> Result<Vec<Finding>> {
        if self.reach() == Reach::Attached {
            return self.reconcile().await;
        }
        let mut findings = {
            let session = self.hub().await?;
            let (_, findings) = groups::ensure(&session).await?;
            findings
        };
        match &default_users.admin {
            Some(admin) => findings.extend(self.prepare_admin(admin).await?),
            // Nobody else's, as in the system that names its default users by chance (S2).
            None => self.own_database(&*self.hub().await?, &Ident::new(self.administrator())?).await?,
        }
        findings.extend(self.reconcile().await?);
        if let Some(protected) = &default_users.protected {
            self.prepare_protected(protected).await?;
        }
        Ok(findings)
    }

    async fn prepare_admin(&self, admin: &DefaultUser) -> Result<Vec<Finding>> {
        let session = self.hub().await?;
        let role = Ident::new(&admin.name)?;
        let attributes = "LOGIN NOSUPERUSER INHERIT CREATEDB CREATEROLE REPLICATION BYPASSRLS";
        if self.default_user(&session, admin, Purpose::Admin).await?.is_some() {
            session.run(&format!("ALTER ROLE {role} {attributes}")).await?;
        } else {
            self.make_default_user(&session, admin, Purpose::Admin, attributes).await?;
        }
        // Of both groups, so that the owner of the database reaches what writers make and what leavers left.
        let options =
            if session.standing.number >= MEMBERSHIP_OPTIONS { " WITH INHERIT TRUE, SET TRUE" } else { "" };
        let (writers, former) = (groups::READ_WRITE, groups::FORMER);
        session.run(&format!("GRANT {writers}, {former} TO {role}{options}")).await?;
        self.own_database(&session, &role).await?;
        if session.standing.number >= CREATEROLE_IS_TAMED {
            return Ok(Vec::new());
        }
        let text = format!(
            "On this version of PostgreSQL \"{}\", who may make roles, can make itself superuser; from version 16 on it \
             cannot.",
            admin.name
        );
        Ok(vec![Finding::open(Matter::Limit, text).about(&admin.name)])
    }

    /// Makes the service's own database, or gives it to its owner if it is still the superuser's.
    async fn own_database(&self, session: &Session, owner: &Ident) -> Result<()> {
        let name = self.database();
        if name == self.hub_name() {
            return Ok(());
        }
        let quoted = Ident::new(name)?;
        let sql =
            "SELECT o.rolsuper FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles o ON o.oid = d.datdba
                    WHERE d.datname = $1";
        match session.row(sql, &[&name]).await? {
            None => session.run_long(&format!("CREATE DATABASE {quoted} OWNER {owner}")).await,
            Some(row) if row.try_get(0)? => {
                session.run(&format!("ALTER DATABASE {quoted} OWNER TO {owner}")).await
            }
            Some(_) => Ok(()),
        }
    }

    /// The protected default user, with the grants that its system gives it, word for word (S2).
    async fn prepare_protected(&self, user: &DefaultUser) -> Result<()> {
        let name = Ident::new(&user.name)?;
        {
            let session = self.hub().await?;
            if self.default_user(&session, user, Purpose::Protected).await?.is_none() {
                let attributes =
                    "LOGIN NOSUPERUSER INHERIT NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS";
                self.make_default_user(&session, user, Purpose::Protected, attributes).await?;
            }
            let member = membership(&session, Access::ReadWrite, &name);
            session.run(&format!("{member}{}", acting_as(&name, Purpose::ReadWrite, self.reach()))).await?;
        }
        let session = self.session(self.database()).await?;
        let sql = "SELECT pg_catalog.pg_get_userbyid(datdba)::pg_catalog.text FROM pg_catalog.pg_database
                    WHERE datname = pg_catalog.current_database()";
        let owner = Ident::new(&session.value::<String>(sql, &[]).await?)?;
        let database = Ident::new(self.database())?;
        session
            .run(&format!(
                "GRANT CREATE ON SCHEMA public TO {name};
                 GRANT ALL PRIVILEGES ON DATABASE {database} TO {name};
                 GRANT ALL PRIVILEGES ON ALL TABLES IN SCHEMA public TO {name};
                 GRANT ALL PRIVILEGES ON ALL SEQUENCES IN SCHEMA public TO {name};
                 ALTER DEFAULT PRIVILEGES FOR USER {owner} IN SCHEMA public GRANT ALL ON TABLES TO {name};
                 ALTER DEFAULT PRIVILEGES FOR USER {owner} IN SCHEMA public GRANT ALL ON SEQUENCES TO {name};"
            ))
            .await
    }

    /// The role of a default user, if it is there; a stranger of its name is a conflict.
    async fn default_user(
        &self,
        session: &Session,
        user: &DefaultUser,
        purpose: Purpose,
    ) -> Result<Option<User>> {
        let found = users::find(session, &user.name, self.reach()).await?;
        match found {
            Some(found) if found.purpose() != Some(purpose) => {
                Err(EngineError::AlreadyExists { kind: "user", name: user.name.clone() })
            }
            found => Ok(found),
        }
    }

    async fn make_default_user(
        &self,
        session: &Session,
        user: &DefaultUser,
        purpose: Purpose,
        attributes: &str,
    ) -> Result<()> {
        let role = Ident::new(&user.name)?;
        let password = Literal::new(user.verifier.text())?;
        let marker = comment(&role, &Marker::new(purpose, Some(&user.verifier), &user.id))?;
        session.run_hushed(&format!("CREATE ROLE {role} {attributes} PASSWORD {password}; {marker}")).await
    }
}
