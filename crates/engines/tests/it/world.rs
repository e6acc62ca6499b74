//! A prepared service with one user of each kind, and things made by each of them.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Mutex;

use engines::Secret;
use engines::postgresql::{Access, DefaultUser, DefaultUsers, NewUser, Server, Verifier};
use tokio_postgres::Client;

use crate::harness::Postgres;

/// The service's own database.
pub const DATABASE: &str = "defaultdb";
pub const ADMIN: &str = "tsdbadmin";
pub const PROTECTED: &str = "app_4553";
pub const READER: &str = "app_4553_ro";
pub const WRITER: &str = "app_4553_rw";
pub const OTHER_WRITER: &str = "app_4553_rw2";
pub const REPLICA: &str = "app_4553_repl";
/// Made by `tsdbadmin` with plain SQL.
pub const PLAIN: &str = "plain_sql_role";

/// Everybody but the superuser has this one, for short.
pub const PASSWORD: &str = "canary-password-of-everybody-0123456789";

pub struct World {
    pub postgres: &'static Postgres,
    pub server: Server,
}

pub fn secret() -> Secret {
    Secret::new(PASSWORD)
}

pub fn verifier() -> Verifier {
    // Few iterations: hashing would be most of what the tests do.
    Verifier::derive_with(&secret(), NonZeroU32::MIN).unwrap()
}

pub fn new_user(name: &str, access: Access, replication: bool) -> NewUser {
    NewUser { name: name.into(), verifier: verifier(), access, replication, id: format!("id-{name}") }
}

pub fn default_users() -> DefaultUsers {
    let user =
        |name: &str| Some(DefaultUser { name: name.into(), verifier: verifier(), id: format!("id-{name}") });
    DefaultUsers { admin: user(ADMIN), protected: user(PROTECTED) }
}

/// The service on this server, made when the first test asks for it.
pub async fn world(postgres: &'static Postgres) -> World {
    static READY: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());
    let world = World { postgres, server: postgres.managed(DATABASE) };
    if READY.lock().unwrap().insert(postgres.version) {
        world.make().await;
    }
    world
}

impl World {
    pub async fn connect_to(&self, database: &str, username: &str) -> Client {
        self.postgres.connect(username, PASSWORD, database).await.unwrap()
    }

    /// A plain connection to the service's database.
    pub async fn connect(&self, username: &str) -> Client {
        self.connect_to(DATABASE, username).await
    }

    pub async fn superuser(&self) -> Client {
        self.postgres.superuser(DATABASE).await
    }

    /// A fresh user.
    pub async fn add(&self, prefix: &str, access: Access) -> String {
        let name = format!("{prefix}_{}", crate::harness::unique());
        self.server.create_user(&new_user(&name, access, false)).await.unwrap();
        name
    }

    /// A fresh database that `tsdbadmin` makes himself.
    pub async fn add_database(&self, prefix: &str, options: &str) -> String {
        let name = format!("{prefix}_{}", crate::harness::unique());
        self.connect(ADMIN).await.batch_execute(&format!("CREATE DATABASE {name} {options}")).await.unwrap();
        name
    }

    async fn make(&self) {
        self.server.prepare(&default_users()).await.unwrap();
        for (name, access, replication) in [
            (READER, Access::ReadOnly, false),
            (WRITER, Access::ReadWrite, false),
            (OTHER_WRITER, Access::ReadWrite, false),
            (REPLICA, Access::ReadWrite, true),
        ] {
            self.server.create_user(&new_user(name, access, replication)).await.unwrap();
        }
        let admin = self.connect(ADMIN).await;
        let plain = format!(
            "CREATE ROLE {PLAIN} LOGIN PASSWORD '{PASSWORD}'; GRANT CREATE ON SCHEMA public TO {PLAIN}"
        );
        admin.batch_execute(&plain).await.unwrap();
        for maker in [ADMIN, PROTECTED, WRITER, OTHER_WRITER, REPLICA, PLAIN] {
            self.connect(maker).await.batch_execute(&things_of(maker)).await.unwrap();
        }
        self.superuser().await.batch_execute(&things_of("postgres")).await.unwrap();
    }
}

/// Who made things in the service's database.
pub const MAKERS: [&str; 7] = [ADMIN, PROTECTED, WRITER, OTHER_WRITER, REPLICA, PLAIN, "postgres"];
/// What each of them made, each readable with SELECT.
pub const THINGS: [&str; 7] = ["plain", "part", "part_one", "seen", "kept", "counter", "plain_id_seq"];

/// One of each kind of thing, in the name of its maker.
fn things_of(maker: &str) -> String {
    format!(
        "CREATE TABLE public.{maker}_plain (id serial PRIMARY KEY, text text);
         INSERT INTO public.{maker}_plain (text) VALUES ('one');
         CREATE TABLE public.{maker}_part (id int) PARTITION BY RANGE (id);
         CREATE TABLE public.{maker}_part_one PARTITION OF public.{maker}_part FOR VALUES FROM (0) TO (9);
         CREATE VIEW public.{maker}_seen AS SELECT * FROM public.{maker}_plain;
         CREATE MATERIALIZED VIEW public.{maker}_kept AS SELECT * FROM public.{maker}_plain;
         CREATE SEQUENCE public.{maker}_counter;
         CREATE FUNCTION public.{maker}_write() RETURNS void LANGUAGE sql SECURITY DEFINER
           AS 'INSERT INTO public.{maker}_plain (text) VALUES (''by function'')';"
    )
}
