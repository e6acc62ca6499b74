//! Paths of the API, made of names that may hold anything.

use super::failure::Failure;
use std::fmt::{self, Write as _};

/// A path below `/api/v1`. Each name in it stays one segment, whatever it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(String);

impl Path {
    /// The path of these segments.
    ///
    /// # Errors
    /// When one is empty, `.` or `..`: addresses cannot hold those as names.
    pub fn of(segments: &[&str]) -> Result<Self, Failure> {
        segments.iter().try_fold(Self("/api/v1".to_owned()), |path, segment| path.join(segment))
    }

    /// The path with another segment.
    ///
    /// # Errors
    /// As [`Path::of`].
    pub fn join(&self, segment: &str) -> Result<Self, Failure> {
        if ["", ".", ".."].contains(&segment) {
            return Err(Failure::usage(format!("\"{segment}\" is not a name; give one.")));
        }
        let mut path = format!("{}/", self.0);
        encode(&mut path, segment);
        Ok(Self(path))
    }

    /// The path with a query.
    pub(super) fn with_query(&self, pairs: &[(&str, &str)]) -> String {
        let mut text = self.0.clone();
        for (number, (name, value)) in pairs.iter().enumerate() {
            text.push(if number == 0 { '?' } else { '&' });
            text.push_str(name);
            text.push('=');
            encode(&mut text, value);
        }
        text
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn encode(into: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                into.push(char::from(byte));
            }
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(into, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_one_segment() {
        for (name, segment) in [
            ("my_app-1.x~", "my_app-1.x~"),
            ("a/../b", "a%2F..%2Fb"),
            ("a?b#c&d=e", "a%3Fb%23c%26d%3De"),
            ("%2e%2e", "%252e%252e"),
            ("x\"; DROP TABLE y; --", "x%22%3B%20DROP%20TABLE%20y%3B%20--"),
            ("é\n\0", "%C3%A9%0A%00"),
            ("...", "..."),
            ("\\..\\", "%5C..%5C"),
        ] {
            let path = Path::of(&["users", name]).unwrap();
            assert_eq!(path.to_string(), format!("/api/v1/users/{segment}"));
            let url = reqwest::Url::parse(&format!("http://h{path}/password")).unwrap();
            assert_eq!(url.path(), format!("/api/v1/users/{segment}/password"), "the address keeps it");
        }
    }

    #[test]
    fn what_would_climb_is_no_name() {
        for name in ["", ".", ".."] {
            let failure = Path::of(&["users", name]).unwrap_err();
            assert_eq!(failure.exit() as u8, 2);
        }
    }

    #[test]
    fn a_query_is_encoded() {
        let path = Path::of(&["projects"]).unwrap();
        assert_eq!(path.with_query(&[]), "/api/v1/projects");
        assert_eq!(
            path.with_query(&[("limit", "5"), ("search", "a&b=c d")]),
            "/api/v1/projects?limit=5&search=a%26b%3Dc%20d"
        );
    }
}
