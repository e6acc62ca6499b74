//! Programs that see little: their own user, no way to more rights, and with Landlock only what they need.
//!
//! Both are properties of a thread, and a child has those of the thread that made it. So each program is started
//! from a thread that has first locked itself in; that thread ends with the program, and reaps it.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
};
use rustix::process::{Signal, set_parent_process_death_signal, setsid};
use tokio::sync::oneshot;

use super::error::ClusterError;
use super::owner::{Owner, we_are_root};
use super::process::Process;

/// What keeps a server, and whoever is superuser in it, from the rest of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confinement {
    /// It runs under a user number of its own.
    pub uid: bool,
    /// It runs in a Landlock domain: it can open its own folder and the system's programs, nothing else.
    pub landlock: bool,
}

/// Programs and their libraries.
const PROGRAMS: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store"];

/// What programs read while they start or look a host's name up. Not the whole of `/etc`.
const FACTS: [&str; 16] = [
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/locale.alias",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/ssl/openssl.cnf",
    "/etc/ssl/certs",
];

/// Where PostgreSQL and the shell it starts read and write without leaving anything.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random"];

/// The newest set of rights that these rules were tried with.
const TRIED: ABI = ABI::V6;

/// How long `initdb` may take on the slowest disk.
const PATIENCE: Duration = Duration::from_mins(2);
/// The threads that start programs do little.
const STACK: usize = 256 * 1024;

/// Who a program runs as, and what it may open.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) owner: Owner,
    /// Read and run.
    pub(super) programs: PathBuf,
    /// Read only.
    pub(super) readable: Vec<PathBuf>,
    /// All of it.
    pub(super) writable: Vec<PathBuf>,
    /// The one port that it may listen on; none for a program that listens on none.
    pub(super) port: Option<u16>,
}

/// Has this kernel Landlock?
pub(super) fn landlock() -> bool {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create)
        .is_ok()
}

impl Cell {
    /// The rules, as far as this kernel knows them.
    fn rules(&self) -> Result<RulesetCreated, RulesetError> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let files = AccessFs::from_file(TRIED) & !AccessFs::Execute;
        Ruleset::default()
            .handle_access(AccessFs::from_all(TRIED))?
            .handle_access(AccessNet::BindTcp)?
            .scope(Scope::from_all(TRIED))?
            .create()?
            .add_rules(path_beneath_rules(PROGRAMS, read | AccessFs::Execute))?
            .add_rules(path_beneath_rules([&self.programs], read | AccessFs::Execute))?
            .add_rules(path_beneath_rules(FACTS, read))?
            .add_rules(path_beneath_rules(DEVICES, files))?
            .add_rules(path_beneath_rules(&self.readable, read))?
            .add_rules(path_beneath_rules(&self.writable, AccessFs::from_all(TRIED)))?
            .add_rules(self.port.map(|port| Ok::<_, RulesetError>(NetPort::new(port, AccessNet::BindTcp))))
    }

    /// Locks the calling thread, and what it starts from now on, in.
    fn enter(&self) -> io::Result<()> {
        rustix::thread::set_no_new_privs(true)?;
        self.rules().and_then(RulesetCreated::restrict_self).map(drop).map_err(io::Error::other)
    }

    /// Completes a command: its user, and an environment that tells nothing.
    fn dress(&self, command: &mut Command) {
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("TZ", "UTC");
        if we_are_root() {
            // Naming the user also drops every supplementary group.
            command.uid(self.owner.uid).gid(self.owner.gid);
        }
    }

    /// Runs a program to its end, which is also reached by waiting no longer: dropped, it is killed.
    pub(super) async fn run(self, mut command: Command) -> Result<Output, ClusterError> {
        // Killed with us, too: a half-made cluster is made anew, and nothing old may work on it then.
        in_child(&mut command, || Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let (started, ended) = self.spawn(command)?;
        let _killed = KilledOnDrop(told(started).await?);
        let output = tokio::time::timeout(PATIENCE, ended).await.map_err(io::Error::from);
        let output = output.and_then(|output| output.map_err(io::Error::other)).flatten();
        output.map_err(ClusterError::process("Could not run initdb to its end"))
    }

    /// Starts a program that outlives us: in a session of its own, so that no terminal and no signal to our
    /// group reaches it.
    pub(super) async fn start(self, mut command: Command) -> Result<Process, ClusterError> {
        in_child(&mut command, || Ok(setsid().map(drop)?));
        let (started, _) = self.spawn(command)?;
        told(started).await
    }

    /// Starts a program from a thread of its own, which reaps it when it ends; if we end first, init does that.
    fn spawn(self, mut command: Command) -> Result<(Started, Ended), ClusterError> {
        let (tell_start, started) = oneshot::channel();
        let (tell_end, ended) = oneshot::channel();
        let work = move || {
            self.dress(&mut command);
            let child = self.enter().and_then(|()| command.spawn());
            match child.map_err(ClusterError::process("Could not start a program of PostgreSQL")) {
                Ok(child) => {
                    // Nobody may be waiting any more; the child is reaped all the same.
                    let _ = tell_start.send(hold(&child));
                    let _ = tell_end.send(child.wait_with_output());
                }
                Err(error) => {
                    let _ = tell_start.send(Err(error));
                }
            }
        };
        thread::Builder::new()
            .name("postgresql".to_owned())
            .stack_size(STACK)
            .spawn(work)
            .map_err(ClusterError::process("Could not start a thread"))?;
        Ok((started, ended))
    }
}

type Started = oneshot::Receiver<Result<Process, ClusterError>>;
type Ended = oneshot::Receiver<io::Result<Output>>;

/// What the thread says about the start.
async fn told(started: Started) -> Result<Process, ClusterError> {
    let said = started.await.map_err(io::Error::other);
    said.map_err(ClusterError::process("Could not start a program of PostgreSQL"))?
}

/// Ends a program that nobody waits for.
struct KilledOnDrop(Process);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        // One that has ended is not there to be killed.
        let _ = self.0.signal(Signal::KILL);
    }
}

/// Has the child do one more thing before it becomes the program.
fn in_child(command: &mut Command, act: fn() -> io::Result<()>) {
    // SAFETY: both callers make one system call, which neither takes a lock nor memory, so it is safe between
    // fork and exec.
    #[expect(unsafe_code, reason = "the standard library has no other way to begin a session")]
    unsafe {
        command.pre_exec(act);
    }
}

/// A child that has not been waited for keeps its number, so this cannot meet another.
fn hold(child: &Child) -> Result<Process, ClusterError> {
    let pid = i32::try_from(child.id()).unwrap_or(0);
    Process::hold(pid)?.ok_or(ClusterError::WouldNotEnd(pid))
}
