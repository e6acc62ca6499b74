//! Managed clusters: PostgreSQL servers of our own, made, started, stopped and found again below one folder.
//!
//! A server is no child that dies with us: it runs in its own session, as its own user when we are root, and in a
//! Landlock domain where the kernel has it. All we know about it lies in its folder, so a new process finds it.
//!
//! Reading order: [`Cluster`] here, then `create`, `run`, `settings`, `confine`, `process`, `folder`.

mod authority;
mod confine;
mod create;
mod error;
mod folder;
mod installation;
mod leftovers;
mod network;
mod owner;
mod port;
mod process;
mod record;
mod run;
mod settings;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

pub use authority::Authority;
pub use confine::Confinement;
pub use error::ClusterError;
pub use installation::{Installation, installations};
pub use network::{Network, NetworkError};
pub use port::PORTS;
pub use record::Record;
pub use run::PATIENCE;

use folder::Layout;

/// The folder that all clusters lie in, with what they share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Home(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    authority: Arc<Authority>,
    ports: RangeInclusive<u16>,
}

impl Home {
    /// Opens the folder, made if it is missing. New clusters get a port of `ports` ([`PORTS`] by default).
    pub async fn open(
        root: &Path,
        authority: Arc<Authority>,
        ports: RangeInclusive<u16>,
    ) -> Result<Self, ClusterError> {
        let root = root.to_owned();
        blocking(move || {
            folder::make(&root, 0o711)?;
            // One spelling of the path, so that a server is known by it whoever looks.
            let root = root.canonicalize().map_err(ClusterError::file("Could not open", &root))?;
            Ok(Self(Arc::new(Shared { root, authority, ports })))
        })
        .await
    }

    /// The authority that signs the servers' certificates.
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }
}

/// What a new cluster shall be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its folder's name in [`Home`].
    pub name: String,
    /// The PostgreSQL that makes and runs it.
    pub installation: Installation,
    /// A port that is insisted on; any free one of the range without.
    pub port: Option<u16>,
    /// Addresses to listen on beside loopback.
    pub listen: Vec<IpAddr>,
    /// Names under which clients know this machine, for the certificate.
    pub hosts: Vec<String>,
    /// Networks that may connect, over TLS, beside loopback.
    pub networks: Vec<Network>,
    /// A user number that runs nothing else; heeded when we are root.
    pub owner: Option<u32>,
    /// The password of `postgres`, as the text `SCRAM-SHA-256$…`: the password itself is not told.
    pub superuser_verifier: String,
}

/// How far creation has come: told as each step begins, and `Ready` at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// The folder, the port and what was left of an attempt cut short.
    Folder,
    /// The empty cluster itself.
    Initdb,
    /// The server's certificate.
    Certificate,
    /// Settings and rules.
    Settings,
    /// The first start.
    Start,
    /// It takes connections.
    Ready,
}

/// How a cluster is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// There is none.
    Absent,
    /// Its creation or removal was cut short: repeat it.
    HalfMade,
    /// It was stopped properly.
    Stopped,
    /// It runs and does not take connections yet, while it recovers from a crash for example.
    Starting,
    /// It takes connections.
    Running {
        /// The server's first process.
        pid: i32,
        /// The port it listens on.
        port: u16,
        /// When it was started.
        since: SystemTime,
    },
    /// It is shutting down.
    Stopping,
    /// It is gone without having been stopped: it crashed, was killed, or the machine went down.
    Crashed,
}

/// Where a running server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The folder of its Unix socket, where only `postgres` is let in; `None` where the path is too long for one.
    pub socket_dir: Option<PathBuf>,
    /// On this machine, with or without TLS.
    pub tcp: SocketAddr,
}

/// One cluster, there or not. Cheap to clone; what it says is read from the system each time it is asked.
#[derive(Debug, Clone)]
pub struct Cluster {
    home: Home,
    layout: Arc<Layout>,
}

impl Cluster {
    /// The cluster of this name, whether it is there or not.
    pub fn at(home: &Home, name: &str) -> Result<Self, ClusterError> {
        let plain = !name.is_empty()
            && name.len() <= 255
            && !name.starts_with('.')
            && !name.contains(|c: char| c == '/' || c.is_control());
        if !plain {
            return Err(ClusterError::Name(name.to_owned()));
        }
        Ok(Self { home: home.clone(), layout: Arc::new(Layout { folder: home.0.root.join(name) }) })
    }

    /// What was fixed when it was made; `None` when it is absent or half made.
    pub async fn record(&self) -> Result<Option<Record>, ClusterError> {
        self.blocking(|cluster| Record::read(&cluster.layout.record())).await
    }

    /// Where it is reached, also while it is stopped.
    pub async fn address(&self) -> Result<Address, ClusterError> {
        let record = self.blocking(|cluster| cluster.whole()).await?;
        let tcp = SocketAddr::from((Ipv4Addr::LOCALHOST, record.port));
        Ok(Address { socket_dir: self.layout.socket_dir(), tcp })
    }

    /// Its log: a file for each day of the week, named `server-Mon.log`. Superusers of the cluster can write there.
    pub fn log_dir(&self) -> PathBuf {
        self.layout.log()
    }

    /// What keeps it from the rest of the machine.
    pub async fn confinement(&self) -> Result<Confinement, ClusterError> {
        self.blocking(|cluster| {
            Ok(Confinement { uid: cluster.whole()?.runs_as()?.own, landlock: confine::landlock() })
        })
        .await
    }

    /// The record, or why there is none.
    fn whole(&self) -> Result<Record, ClusterError> {
        let folder = || self.layout.folder.clone();
        match Record::read(&self.layout.record())? {
            Some(record) => Ok(record),
            None if self.layout.draft().exists() => Err(ClusterError::HalfMade(folder())),
            None => Err(ClusterError::Absent(folder())),
        }
    }

    /// Looks at files and processes off the runtime's own threads.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(Self) -> Result<T, ClusterError> + Send + 'static,
    ) -> Result<T, ClusterError> {
        let cluster = self.clone();
        blocking(move || work(cluster)).await
    }
}

/// Runs what waits for disks off the runtime's own threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ClusterError> + Send + 'static,
) -> Result<T, ClusterError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other).map_err(ClusterError::process("Could not finish work on a folder"))?
}
