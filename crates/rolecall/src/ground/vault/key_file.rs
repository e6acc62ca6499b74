//! The key file `<data>/sealing.key`: made once, readable by its owner only, never overwritten.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{Dice, KeyRing, Secret, VaultError};

/// The name of the key file in the data folder.
pub const KEY_FILE: &str = "sealing.key";

/// Nobody needs more; a longer file is not a key file.
const LONGEST_FILE: u64 = 64 * 1024;

const REMARKS: &str = "\
# Rolecall seals stored passwords with the first key below; the others only open what they sealed.
# Keep a copy apart from the backups of the store: without it no stored password can be read again.
# To rotate: put a new key (openssl rand -base64 32) first and restart.
";

/// Whether a missing key file may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstKey {
    /// The store is empty: make a key.
    Make,
    /// The store holds data: a missing key file is a mistake, and a new key would open nothing.
    MustExist,
}

/// Reads the key file, or makes it.
pub(super) fn read_or_make(path: &Path, first_key: FirstKey, dice: &Dice) -> Result<KeyRing, VaultError> {
    match File::open(path) {
        Ok(file) => read(path, file),
        Err(error) if error.kind() == ErrorKind::NotFound => match first_key {
            FirstKey::MustExist => Err(VaultError::Missing { path: path.display().to_string() }),
            FirstKey::Make => {
                make(path, dice).map_err(|error| VaultError::file("make", path, error))?;
                read(path, File::open(path).map_err(|error| VaultError::file("read", path, error))?)
            }
        },
        Err(error) => Err(VaultError::file("read", path, error)),
    }
}

fn read(path: &Path, file: File) -> Result<KeyRing, VaultError> {
    let failed = |error| VaultError::file("read", path, error);
    // Of the opened file, not of the path, which might lead elsewhere by now.
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(VaultError::TooOpen { path: path.display().to_string(), mode });
    }
    let mut text = Zeroizing::new(String::with_capacity(4096));
    file.take(LONGEST_FILE).read_to_string(&mut text).map_err(failed)?;
    KeyRing::parse(&Secret::new(text.as_str()), &path.display().to_string())
}

/// Writes a new key beside the path and then links it there: a crash leaves no half a key, and of two servers
/// that start at once the second finds the first one's.
fn make(path: &Path, dice: &Dice) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = folder.join(format!(".{KEY_FILE}.{}", dice.uuid().simple()));
    let written = write(&draft, dice).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = fs::remove_file(&draft);
    written?;
    removed?;
    File::open(folder)?.sync_all()
}

fn write(draft: &Path, dice: &Dice) -> std::io::Result<()> {
    let key = Zeroizing::new(dice.bytes::<32>());
    let line = Zeroizing::new(STANDARD.encode(*key));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(REMARKS.as_bytes())?;
    file.write_all(line.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}
