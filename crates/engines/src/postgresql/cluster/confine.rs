//! Programs that see little: their own user, no way to more rights, and with Landlock only what they need.
//!
//! Both are properties of a thread, and a child has those of the thread that made it. So each program is started
//! from a thread that has first locked itself in; that thread ends with the program, and reaps it.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output};
use std::thread;

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

    /// Runs a program to its end.
    pub(super) async fn run(self, mut command: Command) -> Result<Output, ClusterError> {
        let (tell, told) = oneshot::channel();
        let work = move || {
            self.dress(&mut command);
            // A half-made cluster is made anew: what still works on it must not outlive us.
            in_child(&mut command, || Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
            let _ = tell.send(self.enter().and_then(|()| command.output()));
        };
        on_thread("initdb", work)?;
        told.await.map_err(io::Error::other).flatten().map_err(ClusterError::process("Could not run initdb"))
    }

    /// Starts a program that outlives us: in a session of its own, so that no terminal and no signal to our
    /// group reaches it.
    pub(super) async fn start(self, mut command: Command) -> Result<Process, ClusterError> {
        let (tell, told) = oneshot::channel();
        let work = move || {
            self.dress(&mut command);
            in_child(&mut command, || Ok(setsid().map(drop)?));
            match self.enter().and_then(|()| command.spawn()) {
                Ok(mut child) => {
                    let _ = tell.send(hold(&child));
                    // Reaped when it ends, whenever that is; if we end first, init does it.
                    let _ = child.wait();
                }
                Err(error) => {
                    drop(tell.send(Err(ClusterError::process("Could not start PostgreSQL")(error))))
                }
            }
        };
        on_thread("postmaster", work)?;
        told.await.map_err(io::Error::other).map_err(ClusterError::process("Could not start PostgreSQL"))?
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

fn on_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), ClusterError> {
    thread::Builder::new()
        .name(name.to_owned())
        .stack_size(256 * 1024)
        .spawn(work)
        .map(drop)
        .map_err(ClusterError::process("Could not start a thread"))
}
