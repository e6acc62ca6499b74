//! Real servers for tests: one per installed version, started when the first test wants it, stopped when the last
//! one has ended.
//!
//! Versions are found in `/usr/lib/postgresql/*` and in the folders that `ROLECALL_POSTGRESQL_FOLDERS` names, separated
//! by colons, each of which contains `bin/postgres`.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::num::NonZeroU32;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use engines::postgresql::{Login, Reach, Server, Verifier};
use engines::{Address, Secret, Tls};
use tokio_postgres::{Client, NoTls};

/// The superuser's password on every test server.
pub const SUPERUSER_PASSWORD: &str = "canary-superuser-0123456789";

/// A running server.
pub struct Postgres {
    pub version: u32,
    pub port: u16,
    /// The certificate of the authority that signed the server's, for "localhost".
    pub authority: String,
    folder: PathBuf,
    turn: Mutex<()>,
    guardian: Mutex<std::process::Child>,
}

/// The servers that run, by version.
static SERVERS: OnceLock<BTreeMap<u32, Postgres>> = OnceLock::new();
/// Tests count up from here, so that no two use one name.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// A number that no other test has.
pub fn unique() -> u32 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Runs a test on each version, and says on which one it failed.
pub fn on_every_version<F>(test: impl Fn(&'static Postgres) -> F)
where
    F: Future<Output = ()>,
{
    let servers = SERVERS.get_or_init(start_all);
    assert!(!servers.is_empty(), "no PostgreSQL found: install it, or set ROLECALL_POSTGRESQL_FOLDERS");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (version, server) in servers {
        // One test at a time on each server: several look at the server as a whole.
        let _turn = server.turn.lock().unwrap_or_else(PoisonError::into_inner);
        eprintln!("on PostgreSQL {version}");
        runtime.block_on(test(server));
    }
}

impl Postgres {
    /// The server as its superuser sees it.
    pub fn managed(&self, database: &str) -> Server {
        let login = Login { username: "postgres".into(), password: Secret::new(SUPERUSER_PASSWORD) };
        Server::new(self.address(), login, database.into(), Reach::Managed)
    }

    /// The server as somebody else's, seen by a login of it.
    pub fn attached(&self, username: &str, password: &str, database: &str) -> Server {
        let login = Login { username: username.into(), password: Secret::new(password) };
        Server::new(self.address(), login, database.into(), Reach::Attached)
    }

    pub fn address(&self) -> Address {
        Address { host: "127.0.0.1".into(), port: self.port, tls: Tls::Off }
    }

    /// A plain connection, without anything of ours.
    pub async fn connect(
        &self,
        username: &str,
        password: &str,
        database: &str,
    ) -> Result<Client, tokio_postgres::Error> {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port).user(username).password(password).dbname(database);
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// A plain connection as superuser.
    pub async fn superuser(&self, database: &str) -> Client {
        self.connect("postgres", SUPERUSER_PASSWORD, database).await.unwrap()
    }

    /// The folder of its Unix socket.
    pub fn socket_folder(&self) -> String {
        self.folder.to_str().unwrap().to_owned()
    }

    /// Everything that the server has written to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap()
    }
}

/// The folders of the installed versions.
fn installations() -> Vec<PathBuf> {
    let listed = std::env::var("ROLECALL_POSTGRESQL_FOLDERS").unwrap_or_default();
    let mut folders: Vec<PathBuf> = listed.split(':').filter(|f| !f.is_empty()).map(PathBuf::from).collect();
    if let Ok(entries) = std::fs::read_dir("/usr/lib/postgresql") {
        folders.extend(entries.map(|entry| entry.unwrap().path()));
    }
    folders.retain(|folder| folder.join("bin/postgres").exists());
    folders
}

fn version(folder: &Path) -> u32 {
    let output = Command::new(folder.join("bin/postgres")).arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let number = text.split_whitespace().nth(2).and_then(|version| version.split('.').next()).unwrap();
    number.parse().unwrap()
}

fn start_all() -> BTreeMap<u32, Postgres> {
    let only: Option<u32> = std::env::var("ROLECALL_POSTGRESQL_ONLY").ok().and_then(|v| v.parse().ok());
    let folders: BTreeMap<u32, PathBuf> = installations().into_iter().map(|f| (version(&f), f)).collect();
    let wanted =
        folders.into_iter().filter(|(version, _)| *version >= 15 && only.is_none_or(|only| only == *version));
    let starting: Vec<_> =
        wanted.map(|(v, f)| std::thread::spawn(move || (v, Postgres::start(v, &f)))).collect();
    starting.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// Puts a key and a certificate for "localhost" into a server's folder; returns its authority's certificate.
fn certify(data: &Path) -> String {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap();
    let owner = std::fs::metadata(data).unwrap();
    for (name, text) in [("server.key", key.serialize_pem()), ("server.crt", certificate.pem())] {
        let path = data.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    authority_certificate.pem()
}

/// Runs a program as an unprivileged user where we are root: PostgreSQL refuses to run as root.
fn unprivileged(program: &Path) -> Command {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(program);
    command
}

impl Postgres {
    fn start(version: u32, installation: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("rolecall-postgresql-").tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let (data, secret) = (folder.path().join("data"), folder.path().join("secret"));
        std::fs::write(&secret, SUPERUSER_PASSWORD).unwrap();
        let made = unprivileged(&installation.join("bin/initdb"))
            .args([
                "--username=postgres",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ])
            .arg("--pwfile")
            .arg(&secret)
            .arg("--pgdata")
            .arg(&data)
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let hba = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n\
                   host replication all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(data.join("pg_hba.conf"), hba).unwrap();
        let authority = certify(&data);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut postgres = unprivileged(&installation.join("bin/postgres"));
        postgres.arg("-D").arg(&data).arg("-p").arg(port.to_string()).arg("-k").arg(folder.path());
        for setting in SETTINGS {
            postgres.arg("-c").arg(setting);
        }
        let folder = folder.keep();
        let guardian =
            guarded(&postgres, &folder).env("LC_ALL", "C").stdout(Stdio::null()).stderr(log).spawn();
        let server = Self {
            version,
            port,
            authority,
            folder,
            turn: Mutex::default(),
            guardian: Mutex::new(guardian.unwrap()),
        };
        server.await_start();
        server.cheapen_superuser();
        server
    }

    /// Gives the superuser's password a verifier of one iteration: hashing would be most of what the tests do.
    fn cheapen_superuser(&self) {
        let verifier = Verifier::derive_with(&Secret::new(SUPERUSER_PASSWORD), NonZeroU32::MIN).unwrap();
        let sql = format!("ALTER ROLE postgres PASSWORD '{}'", verifier.text());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { self.superuser("postgres").await.batch_execute(&sql).await.unwrap() });
    }

    fn await_start(&self) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
        while !self.log().contains("database system is ready to accept connections") {
            let ended = self.guardian.lock().unwrap().try_wait().unwrap().is_some();
            assert!(
                !ended && std::time::Instant::now() < deadline,
                "the server did not start: {}",
                self.log()
            );
            std::thread::yield_now();
        }
    }
}

/// A program that ends when this process does, however that comes about, and takes its folder with it: a shell waits
/// for the end of its input, the other side of which we hold.
fn guarded(program: &Command, folder: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg("folder=$1; shift; \"$@\" & read -r _; kill -QUIT $!; wait; rm -rf \"$folder\"")
        .arg("sh")
        .arg(folder)
        .arg(program.get_program())
        .args(program.get_args())
        .stdin(Stdio::piped());
    shell
}

/// Everything is logged, so that the tests can look for what must not be.
const SETTINGS: [&str; 13] = [
    "listen_addresses=127.0.0.1",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=60",
    "shared_buffers=24MB",
    "wal_level=logical",
    "max_prepared_transactions=5",
    "log_statement=all",
    "log_min_duration_statement=0",
    "autovacuum=off",
    "compute_query_id=on",
    "ssl=on",
];
