//! Whose processes a cluster's are.

use super::error::ClusterError;

/// The user that a server runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Nobody else runs anything under this number.
    pub(super) own: bool,
}

/// Numbers below belong to people and programs.
const FIRST_OWN: u32 = 100_000;

/// May this process become another user?
pub(super) fn we_are_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl Owner {
    /// Who will run a cluster: the number given when we are root, else ourselves.
    pub(super) fn of(number: Option<u32>) -> Result<Self, ClusterError> {
        match number {
            _ if !we_are_root() => Ok(Self {
                uid: rustix::process::geteuid().as_raw(),
                gid: rustix::process::getegid().as_raw(),
                own: false,
            }),
            Some(uid) if (FIRST_OWN..u32::MAX).contains(&uid) => Ok(Self { uid, gid: uid, own: true }),
            Some(uid) => Err(ClusterError::Owner(uid)),
            None => Self::named(),
        }
    }

    /// A user with a name, which `initdb` insists on.
    pub(super) fn maker() -> Result<Self, ClusterError> {
        if we_are_root() { Self::named() } else { Self::of(None) }
    }

    fn named() -> Result<Self, ClusterError> {
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"].iter().find_map(|name| find(&accounts, name)).ok_or(ClusterError::NoAccount)
    }
}

/// Looks a user up in the text of `/etc/passwd`.
fn find(accounts: &str, name: &str) -> Option<Owner> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (uid != 0).then_some(Owner { uid, gid, own: false })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let accounts =
            "root:x:0:0::/root:/bin/sh\npostgres2:x:7:8::/:/bin/sh\npostgres:x:101:104:,,,:/:/bin/bash\n";
        assert_eq!(find(accounts, "postgres"), Some(Owner { uid: 101, gid: 104, own: false }));
        assert_eq!(find(accounts, "root"), None);
        assert_eq!(find(accounts, "nobody"), None);
    }
}
