//! Which PostgreSQL versions this machine has.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

/// One installed PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Installation {
    /// As the server prints it: `17.10`.
    pub version: String,
    /// Its major part: 17.
    pub major: u32,
    /// The folder that holds `postgres` and `initdb`.
    pub bin: PathBuf,
}

impl Installation {
    /// The folder that the programs, their libraries and their shared files lie in.
    pub(super) fn root(&self) -> &Path {
        self.bin.parent().unwrap_or(&self.bin)
    }
}

/// Where Debian and Ubuntu install every major version beside the others.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A program is asked again only when its file has changed: an upgrade in place is noticed.
type Asked = HashMap<PathBuf, (i64, u64, Option<Installation>)>;
static ASKED: LazyLock<Mutex<Asked>> = LazyLock::new(Mutex::default);

/// The installed versions, newest first: the distribution's, and those in or directly below `folders`.
///
/// Blocks for some milliseconds the first time, since every `postgres` is asked for its version.
pub fn installations(folders: &[PathBuf]) -> Vec<Installation> {
    let given = folders.iter().map(PathBuf::as_path).chain([Path::new(DEBIAN)]);
    let mut found: Vec<_> = given.flat_map(candidates).filter_map(|bin| ask(&bin)).collect();
    found.sort_by(|a, b| number(&b.version).cmp(&number(&a.version)).then_with(|| a.bin.cmp(&b.bin)));
    found.dedup();
    found
}

/// Every `bin` folder that `folder` may mean: itself, the one inside it, those of its children.
fn candidates(folder: &Path) -> Vec<PathBuf> {
    let children = std::fs::read_dir(folder).into_iter().flatten().flatten();
    [folder.to_owned(), folder.join("bin")]
        .into_iter()
        .chain(children.flat_map(|child| [child.path(), child.path().join("bin")]))
        .filter(|bin| bin.join("postgres").is_file() && bin.join("initdb").is_file())
        .filter_map(|bin| bin.canonicalize().ok())
        .collect()
}

/// Asks a server for its version, or remembers what it said.
fn ask(bin: &Path) -> Option<Installation> {
    let program = bin.join("postgres");
    let file = std::fs::metadata(&program).ok()?;
    let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((changed, length, known)) = asked.get(bin)
        && (*changed, *length) == (file.mtime(), file.len())
    {
        return known.clone();
    }
    let said = Command::new(&program).arg("--version").stdin(Stdio::null()).output().ok()?;
    let known = parse(&String::from_utf8_lossy(&said.stdout), bin);
    asked.insert(bin.to_owned(), (file.mtime(), file.len(), known.clone()));
    known
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn parse(said: &str, bin: &Path) -> Option<Installation> {
    let version = said.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
    let major = version.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()?;
    Some(Installation { version: version.to_owned(), major, bin: bin.to_owned() })
}

/// A version as numbers that sort: `17.10` behind `17.9`.
fn number(version: &str) -> Vec<u32> {
    version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_what_the_server_prints() {
        for (said, version, major) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", "15.18", 15),
            ("postgres (PostgreSQL) 17.10\n", "17.10", 17),
            ("postgres (PostgreSQL) 19beta1\n", "19beta1", 19),
        ] {
            let read = parse(said, Path::new("/bin")).unwrap();
            assert_eq!((read.version.as_str(), read.major), (version, major));
        }
        assert_eq!(parse("mysqld 8.0", Path::new("/bin")), None);
    }

    #[test]
    fn versions_sort_as_numbers() {
        assert!(number("17.10") > number("17.9"));
        assert!(number("18.0") > number("17.10"));
    }
}
