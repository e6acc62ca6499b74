//! What the tests of managed clusters share: a bench that cleans up after itself, and clients.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engines::postgresql::cluster::{
    Authority, Cluster, ClusterError, Home, Installation, PORTS, Plan, Status, installations,
};
use ring::{digest, hmac, pbkdf2};
use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

pub(crate) const PASSWORD: &str = "canary-8f2c superuser";

/// Every PostgreSQL that this machine has; `ROLECALL_POSTGRESQL_FOLDERS` adds to the distribution's.
pub(crate) fn versions() -> Vec<Installation> {
    let folders = std::env::var("ROLECALL_POSTGRESQL_FOLDERS").unwrap_or_default();
    let folders: Vec<_> = folders.split(':').filter(|one| !one.is_empty()).map(PathBuf::from).collect();
    let found = installations(&folders);
    assert!(!found.is_empty(), "install PostgreSQL first: apt-get install postgresql");
    found
}

pub(crate) fn newest() -> Installation {
    versions().into_iter().next().unwrap()
}

/// Clusters in a folder of their own. Whatever they started is ended when this is dropped, also by a panic.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) home: Home,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).unwrap();
        let home = open(folder.path()).await;
        Self { folder, home }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("clusters")
    }

    pub(crate) async fn create(&self, name: &str, installation: &Installation) -> Cluster {
        self.make(&planned(name, installation)).await.unwrap()
    }

    pub(crate) async fn make(&self, plan: &Plan) -> Result<Cluster, ClusterError> {
        Cluster::create(&self.home, plan, &|_| {}).await
    }
}

pub(crate) fn planned(name: &str, installation: &Installation) -> Plan {
    Plan {
        name: name.to_owned(),
        installation: installation.clone(),
        port: None,
        listen: Vec::new(),
        hosts: Vec::new(),
        networks: Vec::new(),
        owner: Some(fresh_owner()),
        superuser_verifier: verifier(PASSWORD),
    }
}

/// Opens the home in a folder, as every process of ours would.
pub(crate) async fn open(folder: &Path) -> Home {
    let authority = Arc::new(Authority::open_or_create(&folder.join("authority"), "Test authority").unwrap());
    Home::open(&folder.join("clusters"), authority, PORTS).await.unwrap()
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::thread::scope(|scope| scope.spawn(|| self.remove_all()).join());
        // What could not be removed properly. Twice, since what is killed may just have started another process.
        for pid in processes_below(&self.root()).into_iter().chain(processes_below(&self.root())) {
            kill(pid);
        }
    }
}

impl Bench {
    /// Removes every cluster, from a thread where no other runtime is in the way.
    fn remove_all(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let names = fs::read_dir(self.root())
            .unwrap()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        let all = async {
            for cluster in names.filter_map(|name| Cluster::at(&self.home, &name).ok()) {
                // A folder that a test has put there is not ours to remove.
                let _ = cluster.destroy().await;
            }
        };
        let _ = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), all).await });
        runtime.shutdown_background();
    }
}

/// A user number that nothing else on this machine uses: another run of these tests has another process number.
pub(crate) fn fresh_owner() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    1_000_000 + std::process::id() * 64 + NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The processes whose working folder, or whose data folder, lies below a folder.
pub(crate) fn processes_below(folder: &Path) -> Vec<i32> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    processes(|proc| {
        let works_there = fs::read_link(proc.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&folder));
        let line = fs::read(proc.join("cmdline")).unwrap_or_default();
        works_there || String::from_utf8_lossy(&line).contains(&*folder.to_string_lossy())
    })
}

/// The processes of a user number.
pub(crate) fn processes_of(uid: u32) -> Vec<i32> {
    processes(|proc| fs::metadata(proc).is_ok_and(|facts| facts.uid() == uid))
}

fn processes(wanted: impl Fn(&Path) -> bool) -> Vec<i32> {
    let alive = |proc: &Path| {
        let stat = fs::read_to_string(proc.join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    };
    let numbers = fs::read_dir("/proc").unwrap().flatten();
    let pids = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let own = i32::try_from(std::process::id()).unwrap();
    pids.filter(|pid| *pid != own)
        .filter(|pid| {
            let proc = PathBuf::from(format!("/proc/{pid}"));
            wanted(&proc) && alive(&proc)
        })
        .collect()
}

pub(crate) fn kill(pid: i32) {
    let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
}

/// How much shared memory a user holds, by the system's count of segments.
pub(crate) fn shared_memory_of(uid: u32) -> usize {
    let listed = fs::read_to_string("/proc/sysvipc/shm").unwrap();
    listed.lines().filter(|line| line.split_whitespace().nth(7) == Some(&uid.to_string())).count()
}

/// Has this machine's kernel Landlock? Without it a user of its own is all that confines a server.
pub(crate) fn landlock() -> bool {
    use landlock::{AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr};
    let hard = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    hard.handle_access(AccessFs::ReadFile).and_then(Ruleset::create).is_ok()
}

pub(crate) fn root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Waits for something to come true, for a while.
pub(crate) async fn until(what: &str, mut come: impl AsyncFnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    let true_at_last = async {
        while !come().await {
            looks.tick().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), true_at_last).await;
    assert!(waited.is_ok(), "it did not happen that {what}");
}

pub(crate) async fn running(cluster: &Cluster) -> (i32, u16) {
    match cluster.status().await.unwrap() {
        Status::Running { pid, port, .. } => (pid, port),
        other => panic!("expected it to run, it is {other:?}"),
    }
}

/// TLS that trusts the authority alone.
pub(crate) fn tls_of(home: &Home) -> MakeRustlsConnect {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(home.authority().certificate_pem().as_bytes()).unwrap())
        .unwrap();
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    MakeRustlsConnect::new(tls)
}

/// Signs in as `postgres` over TCP and TLS, trusting the authority alone.
pub(crate) async fn over_tls(home: &Home, port: u16) -> Result<Client, tokio_postgres::Error> {
    let mut config = config(PASSWORD);
    config.host("localhost").hostaddr("127.0.0.1".parse().unwrap()).port(port).ssl_mode(SslMode::Require);
    let (client, connection) = config.connect(tls_of(home)).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Signs in as `postgres` over the cluster's socket.
pub(crate) async fn over_socket(cluster: &Cluster) -> Client {
    let address = cluster.address().await.unwrap();
    let mut config = config(PASSWORD);
    config.host_path(address.socket_dir.unwrap()).port(address.tcp.port());
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub(crate) fn config(password: &str) -> Config {
    let mut config = Config::new();
    config.user("postgres").dbname("postgres").password(password).connect_timeout(Duration::from_secs(10));
    config
}

pub(crate) async fn one(client: &Client, sql: &str) -> String {
    client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

/// What the server keeps instead of the password.
pub(crate) fn verifier(password: &str) -> String {
    let (salt, rounds) = (b"salt of 16 bytes", std::num::NonZeroU32::new(4096).unwrap());
    let mut salted = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, password.as_bytes(), &mut salted);
    let sign = |text: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &salted), text);
    let stored = digest::digest(&digest::SHA256, sign(b"Client Key").as_ref());
    let encode = |bytes: &[u8]| STANDARD.encode(bytes);
    format!(
        "SCRAM-SHA-256$4096:{}${}:{}",
        encode(salt),
        encode(stored.as_ref()),
        encode(sign(b"Server Key").as_ref())
    )
}
