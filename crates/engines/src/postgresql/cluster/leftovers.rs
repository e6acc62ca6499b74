//! What a server leaves behind: processes, its pid file, and shared memory, which outlives a killed server.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::error::ClusterError;
use super::folder::Layout;
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
        if owner.own {
            remove_shared_memory(owner.uid);
        }
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
    matches!(name.trim(), "postgres" | "initdb") && works_in(&proc, folder)
}

/// Is a folder its own? In a container root may not ask for another user's working folder, but for its command line.
fn works_in(proc: &str, folder: &Path) -> bool {
    let line = fs::read(format!("{proc}/cmdline")).unwrap_or_default();
    let named =
        line.split(|byte| *byte == 0).any(|word| Path::new(OsStr::from_bytes(word)).starts_with(folder));
    named || fs::read_link(format!("{proc}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
}

/// Has it ended, and only waits for its parent to notice?
fn ended(proc: &str) -> bool {
    let facts = fs::read_to_string(format!("{proc}/stat")).unwrap_or_default();
    // The state follows the name, which stands in brackets and may hold anything.
    facts.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// Removes the shared memory of a user that is the cluster's own. Best effort: it is memory only, and the machine's
/// next start frees it. What a user that others share has left is found again by the next server of the same folder.
fn remove_shared_memory(uid: u32) {
    let listed = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    for segment in listed.lines().skip(1).filter_map(|line| abandoned(line, uid)) {
        let mut remove = Command::new("ipcrm");
        remove.arg("--shmem-id").arg(segment.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        match remove.stderr(Stdio::null()).status() {
            Ok(done) if done.success() => {}
            _ => tracing::warn!(segment, "shared memory of a server that is gone could not be removed"),
        }
    }
}

/// Reads `key shmid perms size cpid lpid nattch uid …`; the segment's number if it is this user's and in no use.
fn abandoned(line: &str, uid: u32) -> Option<u32> {
    let fields: Vec<Option<u32>> = line.split_whitespace().map(|field| field.parse().ok()).collect();
    let field = |at: usize| fields.get(at).copied().flatten();
    (field(6) == Some(0) && field(7) == Some(uid)).then(|| field(1)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_memory_is_abandoned_when_it_is_the_clusters_and_nobody_is_attached() {
        let line =
            "   9994402  294915   600   56  4711  4712      0 700001 700001 700001 700001  1 1 1 4096 0";
        assert_eq!(abandoned(line, 700_001), Some(294_915));
        assert_eq!(abandoned(line, 700_002), None);
        assert_eq!(abandoned(&line.replace("     0 700001 ", "     3 700001 "), 700_001), None);
        assert_eq!(abandoned("key shmid perms size cpid lpid nattch uid", 0), None);
    }
}
