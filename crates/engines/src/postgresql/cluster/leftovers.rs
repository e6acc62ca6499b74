//! What a server leaves behind: processes, its pid file, and shared memory, which outlives a killed server.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::error::ClusterError;
use super::folder::{self, Layout};
use super::owner::Owner;
use super::process::Process;

/// How long killed processes may take to go.
const KILLED: Duration = Duration::from_secs(10);

/// Ends and removes what a server, or whoever was superuser in it, has left, so that the folder is nobody's.
pub(super) async fn clear(layout: &Layout, owner: Owner) -> Result<(), ClusterError> {
    kill_all(&layout.folder, owner).await?;
    let layout = layout.clone();
    super::blocking(move || {
        let pid_file = layout.pid_file();
        let pid =
            folder::read_guarded(&pid_file, 4096).ok().and_then(|text| text.lines().next()?.parse().ok());
        remove_shared_memory(owner, pid);
        // None of its processes is left, so a pid file is a crash's. The next server would take any process that
        // has got its number since for itself, and not start.
        match fs::remove_file(&pid_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ClusterError::file("Could not remove", &pid_file)(error))
            }
            _ => Ok(()),
        }
    })
    .await
}

async fn kill_all(folder: &Path, owner: Owner) -> Result<(), ClusterError> {
    let deadline = Instant::now() + KILLED;
    loop {
        let below = folder.to_owned();
        let left = super::blocking(move || processes(&below, owner)).await?;
        let Some(one) = left.first() else { return Ok(()) };
        if Instant::now() > deadline {
            return Err(ClusterError::WouldNotEnd(one.pid));
        }
        // All are told before any is waited for: they cannot keep replacing each other.
        for process in &left {
            process.signal(Signal::KILL)?;
        }
        for process in &left {
            process.kill().await?;
        }
    }
}

/// The processes that belong to a cluster: all of its own user, else PostgreSQL's that work in its folder.
fn processes(folder: &Path, owner: Owner) -> Result<Vec<Process>, ClusterError> {
    let mut left = Vec::new();
    let entries = fs::read_dir("/proc").map_err(ClusterError::file("Could not read", Path::new("/proc")))?;
    for pid in entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
        if belongs(pid, folder, owner)
            && let Some(process) = Process::hold(pid)?
            && belongs(pid, folder, owner)
        {
            left.push(process);
        }
    }
    Ok(left)
}

fn belongs(pid: i32, folder: &Path, owner: Owner) -> bool {
    let proc = format!("/proc/{pid}");
    if owner.own && fs::metadata(&proc).is_ok_and(|facts| facts.uid() == owner.uid) {
        return !ended(&proc);
    }
    // Also while it is being made, when initdb still works under another name.
    let name = fs::read_to_string(format!("{proc}/comm")).unwrap_or_default();
    matches!(name.trim(), "postgres" | "initdb")
        && fs::read_link(format!("{proc}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
}

/// Has it ended, and only waits for its parent to notice?
fn ended(proc: &str) -> bool {
    let facts = fs::read_to_string(format!("{proc}/stat")).unwrap_or_default();
    // The state follows the name, which stands in brackets and may hold anything.
    facts.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// Removes shared memory that nobody is attached to any more: all of a user that is the cluster's own, else what the
/// server that crashed had made. Best effort: it is memory only, and the machine's next start frees it.
fn remove_shared_memory(owner: Owner, crashed: Option<u32>) {
    let listed = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    for segment in listed.lines().skip(1).filter_map(|line| abandoned(line, owner, crashed)) {
        let mut remove = Command::new("ipcrm");
        remove.arg("--shmem-id").arg(segment.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        match remove.stderr(Stdio::null()).status() {
            Ok(done) if done.success() => {}
            _ => tracing::warn!(segment, "shared memory of a server that is gone could not be removed"),
        }
    }
}

/// Reads `key shmid perms size cpid lpid nattch uid …`; the segment's number if nobody needs it.
fn abandoned(line: &str, owner: Owner, crashed: Option<u32>) -> Option<u32> {
    let fields: Vec<Option<u32>> = line.split_whitespace().map(|field| field.parse().ok()).collect();
    let field = |at: usize| fields.get(at).copied().flatten();
    let unused = field(6) == Some(0) && field(7) == Some(owner.uid);
    (unused && (owner.own || (crashed.is_some() && field(4) == crashed))).then(|| field(1)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_memory_is_abandoned_when_nobody_is_attached_and_it_was_the_clusters() {
        let line =
            "   9994402  294915   600   56  4711  4712      0 700001 700001 700001 700001  1 1 1 4096 0";
        let (own, shared) =
            (Owner { uid: 700_001, gid: 700_001, own: true }, Owner { uid: 700_001, gid: 0, own: false });
        assert_eq!(abandoned(line, own, None), Some(294_915));
        assert_eq!(abandoned(line, shared, Some(4711)), Some(294_915));
        assert_eq!(abandoned(line, shared, Some(1)), None);
        assert_eq!(abandoned(line, shared, None), None);
        assert_eq!(abandoned(line, Owner { uid: 700_002, ..own }, None), None);
        let attached = line.replace("     0 700001 ", "     3 700001 ");
        assert_eq!(abandoned(&attached, own, None), None);
    }
}
