//! Starting, stopping, looking at and removing a cluster.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::authority::due;
use super::confine::Cell;
use super::error::ClusterError;
use super::folder::{self, Lock};
use super::network::Network;
use super::owner::Owner;
use super::process::{self, Found, Phase, Postmaster, Process};
use super::record::{Record, check_hosts};
use super::{Cluster, Status, blocking, installations, leftovers, port, settings};

/// How long a server is given to disconnect its clients and write out what it holds.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may then take to drop everything.
const IMMEDIATE: Duration = Duration::from_secs(10);
/// How long a start is watched. Recovery after a crash may take longer, and goes on by itself then.
const START: Duration = Duration::from_mins(1);
/// How often the pid file is read meanwhile; a server that ends is noticed at once.
const LOOK: Duration = Duration::from_millis(15);

impl Cluster {
    /// How it is, right now.
    pub async fn status(&self) -> Result<Status, ClusterError> {
        self.blocking(|cluster| {
            let record = match cluster.whole() {
                Ok(record) => record,
                Err(ClusterError::HalfMade(_)) => return Ok(Status::HalfMade),
                Err(ClusterError::Absent(folder)) if folder.is_dir() => return Ok(Status::HalfMade),
                Err(ClusterError::Absent(_)) => return Ok(Status::Absent),
                Err(error) => return Err(error),
            };
            Ok(match process::find(&cluster.layout, record.runs_as()?)? {
                Found::Nothing => Status::Stopped,
                Found::Stale => Status::Crashed,
                Found::Alive(Postmaster { phase: Phase::Starting, .. }) => Status::Starting,
                Found::Alive(Postmaster { phase: Phase::Stopping, .. }) => Status::Stopping,
                Found::Alive(Postmaster { process, port, since, .. }) => {
                    Status::Running { pid: process.pid, port, since }
                }
            })
        })
        .await
    }

    /// Starts it and waits until it takes connections; one that runs is left as it is.
    pub async fn start(&self) -> Result<(), ClusterError> {
        let _lock = self.lock().await?;
        self.start_locked().await
    }

    /// Stops it: clients are disconnected and everything is written out. What takes longer than `patience`
    /// ([`PATIENCE`] is a good one) is cut off, which loses nothing either but makes the next start slower.
    pub async fn stop(&self, patience: Duration) -> Result<(), ClusterError> {
        let _lock = self.lock().await?;
        let record = self.blocking(|cluster| cluster.whole()).await?;
        self.stop_locked(record.runs_as()?, patience).await
    }

    /// Stops and starts it, with nobody in between.
    pub async fn restart(&self) -> Result<(), ClusterError> {
        let _lock = self.lock().await?;
        let record = self.blocking(|cluster| cluster.whole()).await?;
        self.stop_locked(record.runs_as()?, PATIENCE).await?;
        self.start_locked().await
    }

    /// Has a running server read its settings, rules and certificate again.
    pub async fn reload(&self) -> Result<(), ClusterError> {
        self.blocking(|cluster| match process::find(&cluster.layout, cluster.whole()?.runs_as()?)? {
            Found::Alive(server) => server.process.signal(Signal::HUP),
            _ => Err(ClusterError::NotRunning(cluster.layout.folder.clone())),
        })
        .await
    }

    /// Writes who may come in: read-only users only into `prepared` databases, everybody only from loopback and
    /// `networks`. It counts from the next [`Cluster::reload`] or start on. Says whether that changed anything.
    pub async fn write_hba(&self, prepared: &[String], networks: &[Network]) -> Result<bool, ClusterError> {
        let rules = settings::hba(prepared, networks);
        let _lock = self.lock().await?;
        self.blocking(move |cluster| {
            if settings::read(&cluster.layout, "pg_hba.conf")? == rules {
                return Ok(false);
            }
            settings::write(&cluster.layout, cluster.whole()?.runs_as()?, "pg_hba.conf", &rules)?;
            Ok(true)
        })
        .await
    }

    /// Changes the addresses that it listens on beside loopback, and the names that its certificate carries. It
    /// counts from the next start on.
    pub async fn write_listen(&self, listen: &[IpAddr], hosts: &[String]) -> Result<(), ClusterError> {
        let (listen, hosts) = (port::addresses(listen), hosts.to_vec());
        check_hosts(&hosts)?;
        let _lock = self.lock().await?;
        self.blocking(move |cluster| {
            Record { listen, hosts, ..cluster.whole()? }.write(&cluster.layout.record())
        })
        .await
    }

    /// Renews the server's certificate when it soon runs out; says whether it did. Call it once a day.
    pub async fn renew_certificate(&self) -> Result<bool, ClusterError> {
        let _lock = self.lock().await?;
        let renewed = self.blocking(|cluster| cluster.certify(&cluster.whole()?)).await?;
        if renewed && !matches!(self.status().await?, Status::Stopped | Status::Crashed) {
            self.reload().await?;
        }
        Ok(renewed)
    }

    /// Stops it and removes it with all that it holds; a half-made one too. One that is not there is well removed.
    pub async fn destroy(&self) -> Result<(), ClusterError> {
        let folder = self.layout.folder.clone();
        let Some(_lock) = blocking(move || Lock::take(&folder)).await? else { return Ok(()) };
        let owner = self.blocking(|cluster| cluster.condemned()).await?;
        if let Some(owner) = owner {
            self.stop_locked(owner, Duration::ZERO).await?;
        }
        self.blocking(|cluster| {
            let (layout, folder) = (&cluster.layout, &cluster.layout.folder);
            let fail = |error| ClusterError::file("Could not remove", folder)(error);
            // Until its last file is gone it counts as half made, so that this can be repeated.
            match fs::rename(layout.record(), layout.draft()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
                _ => {}
            }
            folder::empty_but(folder, &layout.draft())?;
            fs::remove_dir_all(folder).map_err(fail)
        })
        .await
    }

    /// Who runs the cluster that is to be removed; refuses a folder that is not ours.
    fn condemned(&self) -> Result<Option<Owner>, ClusterError> {
        let folder = &self.layout.folder;
        let fail = ClusterError::file("Could not look at", folder);
        let record = match Record::read(&self.layout.record())? {
            Some(record) => Some(record),
            None => Record::read(&self.layout.draft())?,
        };
        let a_link = fs::symlink_metadata(folder).map_err(fail)?.is_symlink();
        let empty = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
        if a_link || (record.is_none() && !empty) {
            return Err(ClusterError::NotOurs(folder.clone()));
        }
        record.map(|record| record.runs_as()).transpose()
    }

    /// Waits until nobody else works on this cluster.
    pub(super) async fn lock(&self) -> Result<Lock, ClusterError> {
        let folder = self.layout.folder.clone();
        let lock = blocking(move || Lock::take(&folder)).await?;
        lock.ok_or_else(|| ClusterError::Absent(self.layout.folder.clone()))
    }

    pub(super) async fn start_locked(&self) -> Result<(), ClusterError> {
        let record = self.blocking(|cluster| cluster.whole()?.installed()).await?;
        let owner = record.runs_as()?;
        let layout = self.layout.clone();
        if let Found::Alive(server) = blocking(move || process::find(&layout, owner)).await? {
            if server.phase != Phase::Stopping {
                return self.ready(&server.process, owner).await;
            }
            // Someone else stops it; it is started when that is done, and what does not end is swept away.
            server.process.ended_within(PATIENCE).await?;
        }
        leftovers::clear(&self.layout, owner).await?;
        let kept = record.clone();
        self.blocking(move |cluster| {
            cluster.certify(&kept)?;
            settings::write_all(&cluster.layout, owner)
        })
        .await?;
        self.launch(&record).await
    }

    /// Starts a server that has everything, and waits until it takes connections.
    pub(super) async fn launch(&self, record: &Record) -> Result<(), ClusterError> {
        let owner = record.runs_as()?;
        let (kept, layout) = (record.clone(), self.layout.clone());
        let command = blocking(move || {
            // A server that gets some of its addresses starts with a warning only, so all are tried before.
            port::free(&kept.listen, kept.port)?;
            settings::command(&layout, &kept)
        })
        .await?;
        let cell = Cell {
            owner,
            programs: record.installation.root().to_owned(),
            readable: vec![self.layout.settings()],
            writable: vec![self.layout.data(), self.layout.run(), self.layout.log()],
            port: Some(record.port),
        };
        let server = cell.start(command).await?;
        self.ready(&server, owner).await
    }

    /// Waits until a server takes connections, or has ended.
    async fn ready(&self, server: &Process, owner: Owner) -> Result<(), ClusterError> {
        let began = Instant::now();
        while began.elapsed() < START {
            if server.ended_within(LOOK).await? {
                let said = self.blocking(|cluster| Ok(cluster.last_words())).await?;
                return Err(ClusterError::DidNotStart(said));
            }
            let layout = self.layout.clone();
            let found = blocking(move || process::find(&layout, owner)).await?;
            if matches!(found, Found::Alive(Postmaster { phase: Phase::Ready, .. })) {
                return Ok(());
            }
        }
        Err(ClusterError::StillStarting(START.as_secs()))
    }

    pub(super) async fn stop_locked(&self, owner: Owner, patience: Duration) -> Result<(), ClusterError> {
        let layout = self.layout.clone();
        if let Found::Alive(server) = blocking(move || process::find(&layout, owner)).await? {
            let server = server.process;
            if patience > Duration::ZERO {
                server.signal(Signal::INT)?;
            }
            if !server.ended_within(patience).await? {
                tracing::info!(folder = %self.layout.folder.display(), "the server's clients are cut off");
                server.signal(Signal::QUIT)?;
                if !server.ended_within(IMMEDIATE).await? {
                    server.kill().await?;
                }
            }
        }
        leftovers::clear(&self.layout, owner).await
    }

    /// Issues the server's certificate if it has none that lasts; says whether it did.
    pub(super) fn certify(&self, record: &Record) -> Result<bool, ClusterError> {
        let hosts = record.certified();
        let there = fs::read_to_string(self.layout.settings().join("server.crt")).unwrap_or_default();
        if !due(&there, &hosts) {
            return Ok(false);
        }
        let (certificate, key) = self.home.authority().issue(&hosts)?;
        let owner = record.runs_as()?;
        // The certificate last: if we are cut off between the two, the old one says that it is due still.
        settings::write(&self.layout, owner, "server.key", &key)?;
        settings::write(&self.layout, owner, "server.crt", &certificate)?;
        Ok(true)
    }

    /// The end of its newest log, and what it said before it opened one when it was last started: at most so many
    /// bytes of each. Superusers of the cluster can write there as well.
    pub async fn log_tail(&self, bytes: u64) -> Result<String, ClusterError> {
        self.blocking(move |cluster| {
            let [before_log, log] = cluster.said(bytes);
            Ok(format!("{log}{before_log}"))
        })
        .await
    }

    /// The ends of what the server said when it was started, and of its newest log.
    fn said(&self, bytes: u64) -> [String; 2] {
        let logs = fs::read_dir(self.layout.log()).into_iter().flatten().flatten();
        let newest = logs.max_by_key(|log| log.metadata().and_then(|facts| facts.modified()).ok());
        let read = |path: &Path| folder::read_guarded(path, bytes).unwrap_or_default();
        [read(&self.layout.start_log()), newest.map(|log| read(&log.path())).unwrap_or_default()]
    }

    /// Why a server did not start, in its own words.
    fn last_words(&self) -> String {
        let [before_log, log] = self.said(4096);
        // A line of a client's names the client before its level; the server's own do not.
        let last =
            |text: &str, level: &str| Some(text.lines().rev().find(|line| line.contains(level))?.to_owned());
        let line = last(&before_log, "FATAL:")
            .or_else(|| last(&log, "] FATAL:"))
            .or_else(|| last(&log, "] PANIC:"))
            .or_else(|| last(&before_log, ""));
        line.unwrap_or_else(|| "nothing".to_owned())
    }
}

impl Record {
    /// The same record with an installation that is there: the one that made the cluster, else its successor.
    pub(super) fn installed(mut self) -> Result<Self, ClusterError> {
        if self.installation.bin.join("postgres").is_file() {
            return Ok(self);
        }
        let major = self.installation.major;
        let Some(other) = installations(&[]).into_iter().find(|one| one.major == major) else {
            let (version, bin) = (self.installation.version, self.installation.bin);
            return Err(ClusterError::NotInstalled { version, bin });
        };
        self.installation = other;
        Ok(self)
    }
}
