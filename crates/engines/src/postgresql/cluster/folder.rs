//! How a cluster lies on disk, who owns which part of it, and how files are written there.
//!
//! ```text
//! <root>/<name>/           ours; others may pass through it, nothing more
//!     cluster              the record: written last, so its presence says that the cluster is whole
//!     draft                the record while the cluster is being made
//!     start.log            what the server says before it opens its own log
//!     settings/            ours, readable by the server: its settings, rules and certificate
//!     data/ run/ log/      the server's own
//! ```
//! Whoever is superuser in the server can do as it likes in the last three, so nothing there is followed as a
//! link, trusted as a fact or opened without care.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};

use super::error::ClusterError;
use super::owner::{Owner, we_are_root};

/// The longest path of a Unix socket that Linux takes, without its closing NUL.
const SOCKET_PATH_LIMIT: usize = 107;

/// Where the parts of one cluster are.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) folder: PathBuf,
}

impl Layout {
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(super) fn run(&self) -> PathBuf {
        self.folder.join("run")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    pub(super) fn settings(&self) -> PathBuf {
        self.folder.join("settings")
    }

    pub(super) fn record(&self) -> PathBuf {
        self.folder.join("cluster")
    }

    pub(super) fn draft(&self) -> PathBuf {
        self.folder.join("draft")
    }

    pub(super) fn start_log(&self) -> PathBuf {
        self.folder.join("start.log")
    }

    pub(super) fn pid_file(&self) -> PathBuf {
        self.data().join("postmaster.pid")
    }

    /// The socket's folder, unless its path would be longer than a client can name.
    pub(super) fn socket_dir(&self) -> Option<PathBuf> {
        let longest = self.run().join(".s.PGSQL.65535");
        (longest.as_os_str().len() <= SOCKET_PATH_LIMIT).then(|| self.run())
    }
}

/// Holds a folder against other tasks and processes of ours until it is dropped.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "closing the file lets the lock go")] File);

impl Lock {
    /// Waits for the folder; `None` when there is none.
    pub(super) fn take(folder: &Path) -> Result<Option<Self>, ClusterError> {
        let fail = |error| ClusterError::file("Could not lock", folder)(error);
        loop {
            let held = match File::open(folder) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(fail(error)),
            };
            flock(&held, FlockOperation::LockExclusive).map_err(|error| fail(error.into()))?;
            // While we waited the folder may have been removed, and another made in its place.
            let inode = held.metadata().map_err(fail)?.ino();
            if fs::metadata(folder).is_ok_and(|now| now.ino() == inode) {
                return Ok(Some(Self(held)));
            }
        }
    }
}

/// Makes a folder with exactly these rights, whatever the umask; one that is there stays as it is.
pub(super) fn make(folder: &Path, mode: u32) -> Result<(), ClusterError> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(folder)
        .and_then(|()| fs::set_permissions(folder, Permissions::from_mode(mode)))
        .map_err(ClusterError::file("Could not make the folder", folder))
}

/// Replaces a file in one step: a reader and a crash see the old one or the new one, whole.
pub(super) fn write(
    path: &Path,
    text: &str,
    mode: u32,
    owner: Option<(u32, u32)>,
) -> Result<(), ClusterError> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    let all = || -> io::Result<()> {
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        if let Some((uid, gid)) = owner {
            fchown(&file, Some(uid), Some(gid))?;
        }
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        path.parent().map_or(Ok(()), sync)
    };
    all().map_err(ClusterError::file("Could not write", path))
}

/// Makes the names in a folder durable.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Reads a file that someone hostile may have put there: no links, no pipes, no more than `limit` from its end.
pub(super) fn read_guarded(path: &Path, limit: u64) -> io::Result<String> {
    use std::io::{Seek, SeekFrom};
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let facts = file.metadata()?;
    if !facts.is_file() {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    file.seek(SeekFrom::Start(facts.len().saturating_sub(limit)))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Hands a folder and all below it to the server's user; links are handed over, not followed.
pub(super) fn hand_over(path: &Path, owner: Owner) -> Result<(), ClusterError> {
    let fail = |error| ClusterError::file("Could not hand over", path)(error);
    lchown(path, Some(owner.uid), Some(owner.gid)).map_err(fail)?;
    if fs::symlink_metadata(path).map_err(fail)?.is_dir() {
        for entry in fs::read_dir(path).map_err(fail)? {
            hand_over(&entry.map_err(fail)?.path(), owner)?;
        }
    }
    Ok(())
}

/// Finds the first folder on the way to `path` that the server's user cannot pass. Ourselves we need not ask.
pub(super) fn traversable(path: &Path, owner: Owner) -> Result<(), ClusterError> {
    if !we_are_root() {
        return Ok(());
    }
    let mut above: Vec<_> = path.ancestors().collect();
    above.reverse();
    for folder in above {
        let facts = fs::metadata(folder).map_err(ClusterError::file("Could not look at", folder))?;
        let bit = if facts.uid() == owner.uid {
            0o100
        } else if facts.gid() == owner.gid {
            0o010
        } else {
            0o001
        };
        if facts.is_dir() && facts.mode() & bit == 0 {
            return Err(ClusterError::NotTraversable { folder: folder.to_owned() });
        }
    }
    Ok(())
}

/// Empties a folder but for the one file named `kept`.
pub(super) fn empty_but(folder: &Path, kept: &Path) -> Result<(), ClusterError> {
    let fail = |error| ClusterError::file("Could not empty", folder)(error);
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if entry.path() == kept {
            continue;
        }
        if entry.file_type().map_err(fail)?.is_dir() {
            fs::remove_dir_all(entry.path()).map_err(fail)?;
        } else {
            fs::remove_file(entry.path()).map_err(fail)?;
        }
    }
    Ok(())
}
