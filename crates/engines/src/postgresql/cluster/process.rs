//! The processes of a cluster: found through `/proc`, held by a pidfd, so a number used again is never signalled.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::error::ClusterError;
use super::folder::{self, Layout};
use super::owner::Owner;

/// How long a killed process may take to go.
const KILLED: Duration = Duration::from_secs(10);

/// One process, held so that its number cannot come to mean another.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) pid: i32,
    held: Arc<OwnedFd>,
}

impl Process {
    /// Takes hold of a process; `None` when there is none of this number.
    pub(super) fn hold(pid: i32) -> Result<Option<Self>, ClusterError> {
        let Some(number) = Pid::from_raw(pid).filter(|_| pid > 1) else { return Ok(None) };
        match pidfd_open(number, PidfdFlags::empty()) {
            Ok(held) => Ok(Some(Self { pid, held: Arc::new(held) })),
            Err(Errno::SRCH) => Ok(None),
            Err(error) => {
                Err(ClusterError::process("Could not watch a process (Linux 5.3 is needed)")(error))
            }
        }
    }

    /// Sends a signal; a process that is gone has what we wanted.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), ClusterError> {
        match pidfd_send_signal(&self.held, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(ClusterError::process("Could not signal the server")(error)),
        }
    }

    /// Waits until it has ended; says whether it has.
    pub(super) async fn ended_within(&self, patience: Duration) -> Result<bool, ClusterError> {
        let fail = ClusterError::process::<io::Error>;
        let held = self.held.try_clone().map_err(fail("Could not watch the server"))?;
        // SAFETY: an `OwnedFd` stays open, and the same, until it is dropped, which `AsyncFd` does at its own end.
        #[expect(
            unsafe_code,
            reason = "the safe way is deprecated, for types that do not own what they name"
        )]
        let held = unsafe { AsyncFd::register_with_interest(held, Interest::READABLE) };
        let held = held.map_err(io::Error::from).map_err(fail("Could not watch the server"))?;
        Ok(tokio::time::timeout(patience, held.readable()).await.is_ok())
    }

    /// Kills it and waits until it is gone.
    pub(super) async fn kill(&self) -> Result<(), ClusterError> {
        self.signal(Signal::KILL)?;
        if self.ended_within(KILLED).await? { Ok(()) } else { Err(ClusterError::WouldNotEnd(self.pid)) }
    }
}

/// What the server's pid file leads to.
#[derive(Debug)]
pub(super) enum Found {
    /// No pid file: it was stopped properly, or never started.
    Nothing,
    /// A pid file without its server: it crashed, or the machine did.
    Stale,
    /// The server itself.
    Alive(Postmaster),
}

/// The first process of a running server.
#[derive(Debug)]
pub(super) struct Postmaster {
    pub(super) process: Process,
    pub(super) port: u16,
    pub(super) since: SystemTime,
    pub(super) phase: Phase,
}

/// What the server says about itself in its pid file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Starting,
    Ready,
    Stopping,
}

/// Looks for the server of a cluster.
pub(super) fn find(layout: &Layout, owner: Owner) -> Result<Found, ClusterError> {
    let text = match folder::read_guarded(&layout.pid_file(), 4096) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        // What is no plain file was not written by a server.
        Err(_) => return Ok(Found::Stale),
    };
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let number = |line: usize| lines.get(line).and_then(|text| text.parse::<u64>().ok());
    let Some(pid) = number(0).and_then(|pid| i32::try_from(pid).ok()) else { return Ok(Found::Stale) };
    // Held first and looked at then: what we looked at is what we hold.
    let Some(process) = Process::hold(pid)? else { return Ok(Found::Stale) };
    if !is_postmaster(pid, &layout.data(), owner) {
        return Ok(Found::Stale);
    }
    Ok(Found::Alive(Postmaster {
        process,
        port: number(3).and_then(|port| u16::try_from(port).ok()).unwrap_or(0),
        since: SystemTime::UNIX_EPOCH + Duration::from_secs(number(2).unwrap_or(0)),
        phase: match lines.get(7).copied() {
            Some("ready" | "standby") => Phase::Ready,
            Some("stopping") => Phase::Stopping,
            _ => Phase::Starting,
        },
    }))
}

/// Is this process the server of that data folder? The number in a pid file may be in use again by another.
///
/// The command line is asked, since root in a container may not ask for the program or the working folder of
/// another user's process; and the user, since a command line can be forged by whoever owns the process.
fn is_postmaster(pid: i32, data: &Path, owner: Owner) -> bool {
    let proc = format!("/proc/{pid}");
    let theirs = fs::metadata(&proc).is_ok_and(|facts| facts.uid() == owner.uid);
    let Ok(line) = fs::read(format!("{proc}/cmdline")) else { return false };
    let mut words = line.split(|byte| *byte == 0).map(OsStr::from_bytes);
    let program = words.next().and_then(|word| Path::new(word).file_name());
    theirs
        && program == Some(OsStr::new("postgres"))
        && words.next() == Some(OsStr::new("-D"))
        && words.next() == Some(data.as_os_str())
}
