//! The comment that says that a role is ours, and what we meant it to be.
//!
//! `Rolecall readonly 5f0c… 0197…`: what it is for, the fingerprint of the verifier that we set, and the caller's own
//! mark. Everyone may read it, so it holds no secret. It never decides what a login may do: it tells our roles from
//! other people's, and what we declared from what we find.

use super::verifier::Verifier;

/// How every comment of ours begins.
const BEGINNING: &str = "Rolecall ";

/// What a role of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Reads everything, changes nothing (S4).
    ReadOnly,
    /// Reads and writes everything.
    ReadWrite,
    /// Copies the whole server, and reads and writes (M7).
    Replication,
    /// The owner of a managed service's database (M4).
    Admin,
    /// The protected default user (S2).
    Protected,
    /// Was there before us and was taken over with the rights that it had.
    Adopted,
    /// One of our groups, which nobody signs in as.
    Group,
}

impl Purpose {
    const ALL: [(Self, &'static str); 7] = [
        (Self::ReadOnly, "readonly"),
        (Self::ReadWrite, "readwrite"),
        (Self::Replication, "replication"),
        (Self::Admin, "admin"),
        (Self::Protected, "protected"),
        (Self::Adopted, "adopted"),
        (Self::Group, "group"),
    ];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(purpose, _)| *purpose == self).map_or("", |(_, word)| word)
    }
}

/// The comment of a role of ours, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// What the role is for.
    pub purpose: Purpose,
    /// The fingerprint of the verifier that we set last; `None` if we never set one.
    pub(crate) fingerprint: Option<String>,
    /// The caller's own mark: the id of the service user, say.
    pub id: String,
}

impl Marker {
    pub(crate) fn new(purpose: Purpose, verifier: Option<&Verifier>, id: &str) -> Self {
        Self { purpose, fingerprint: verifier.map(Verifier::fingerprint), id: id.to_owned() }
    }

    /// Reads a role's comment; `None` if it isn't one of ours.
    pub(crate) fn parse(comment: &str) -> Option<Self> {
        let mut words = comment.strip_prefix(BEGINNING)?.splitn(3, ' ');
        let (purpose, fingerprint, id) = (words.next()?, words.next()?, words.next()?);
        let (purpose, _) = Purpose::ALL.into_iter().find(|(_, word)| *word == purpose)?;
        let fingerprint = (fingerprint != "-").then(|| fingerprint.to_owned());
        Some(Self { purpose, fingerprint, id: id.to_owned() })
    }

    /// The comment.
    pub(crate) fn text(&self) -> String {
        let fingerprint = self.fingerprint.as_deref().unwrap_or("-");
        format!("{BEGINNING}{} {fingerprint} {}", self.purpose.word(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_of_ours_reads_back_and_others_do_not() {
        for (purpose, _) in Purpose::ALL {
            let marker =
                Marker { purpose, fingerprint: Some("00ff".to_owned()), id: "an id, with spaces".to_owned() };
            assert_eq!(Marker::parse(&marker.text()), Some(marker));
        }
        let unset = Marker::new(Purpose::Adopted, None, "");
        assert_eq!(Marker::parse(&unset.text()), Some(unset));
        for other in ["", "Rolecall", "Rolecall boss - x", "the shop's login", "rolecall readonly - x"] {
            assert_eq!(Marker::parse(other), None, "{other}");
        }
    }
}
