//! What can go wrong with a managed cluster, each in a sentence that says what to do next.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Why a managed cluster could not be made, started, stopped or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The name is not one plain folder name.
    #[error("“{0}” cannot be a folder's name: use one name without slashes and control characters.")]
    Name(String),
    /// The name cannot stand in a certificate.
    #[error("“{0}” cannot stand in a certificate: give a host's name such as db.example.com.")]
    Host(String),
    /// Nothing is there.
    #[error("There is no cluster in {0}: create it first.")]
    Absent(PathBuf),
    /// Creation was cut short and not repeated yet.
    #[error("The cluster in {0} was never finished: create it again, which finishes it, or remove it.")]
    HalfMade(PathBuf),
    /// The folder holds something that we did not make.
    #[error("{0} holds files that are not a cluster of ours: choose another name or empty the folder.")]
    NotOurs(PathBuf),
    /// The server's own user could not reach its folder.
    #[error(
        "The folder {folder} cannot be entered by the server's own user: \
         run `chmod o+x {folder}` or keep the data somewhere else."
    )]
    NotTraversable {
        /// The first folder, from the root, that keeps others out.
        folder: PathBuf,
    },
    /// The number may not be a server's user.
    #[error("User number {0} cannot run a server: give each cluster its own number from 100000 on.")]
    Owner(u32),
    /// The number runs another cluster already.
    #[error("User number {owner} already runs the cluster {other}: give each cluster its own.")]
    OwnerTaken {
        /// The number asked for.
        owner: u32,
        /// Who has it.
        other: String,
    },
    /// We are root and there is no user that `initdb` would run as.
    #[error("This machine has neither a user “postgres” nor “nobody”: add one, initdb does not run as root.")]
    NoAccount,
    /// The verifier is not one.
    #[error("The superuser's password was not given as a SCRAM-SHA-256 verifier: compute one first.")]
    Verifier,
    /// The installation is gone.
    #[error("PostgreSQL {version} is no longer installed in {bin}: install it again.")]
    NotInstalled {
        /// The version that made the cluster.
        version: String,
        /// Where it was.
        bin: PathBuf,
    },
    /// No port is free.
    #[error("No port from {0} to {1} is free: widen the range of ports for managed services.")]
    NoPort(u16, u16),
    /// The fixed port is used by something else.
    #[error("Port {port} on {address} is used by another program: stop it, then start the service again.")]
    PortTaken {
        /// The cluster's port.
        port: u16,
        /// On which address.
        address: IpAddr,
    },
    /// The address does not belong to this machine, or may not be used.
    #[error("The server cannot listen on {address} ({source}): give an address of this machine.")]
    Listen {
        /// The address that was configured.
        address: IpAddr,
        /// What the system said.
        source: io::Error,
    },
    /// `initdb` failed.
    #[error("initdb could not make the cluster; it said: {0}")]
    Initdb(String),
    /// The server ended instead of starting.
    #[error("The server did not start; its log ends with: {0}")]
    DidNotStart(String),
    /// The server is still busy starting, after a crash for example.
    #[error("The server is still starting after {0} seconds: wait, then look at its status and its log.")]
    StillStarting(u64),
    /// It does not run.
    #[error("The cluster in {0} is not running: start it first.")]
    NotRunning(PathBuf),
    /// Something would not die.
    #[error("Process {0} did not end when it was killed: look at what it waits for, then try again.")]
    WouldNotEnd(i32),
    /// Certificates could not be made.
    #[error("The certificate could not be made ({0}): check the authority's two files.")]
    Certificate(#[from] rcgen::Error),
    /// A file of ours is not what we wrote.
    #[error("{path} cannot be understood ({what}): restore it from a backup.")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A file or folder could not be used.
    #[error("{doing} {path}: {source}. Check the folder's permissions and the free space.")]
    File {
        /// What we were doing: “Could not read”.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A process could not be started, watched or signalled.
    #[error("{doing}: {source}.")]
    Process {
        /// What we were doing.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl ClusterError {
    /// Wraps what the system said about a file.
    pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }

    /// Wraps what the system said about a process.
    pub(super) fn process<E: Into<io::Error>>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Process { doing, source: source.into() }
    }
}
