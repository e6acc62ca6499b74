//! A text that must not be seen. The type is the one of `engines`, so that a password goes from our store to a database
//! without being copied out of it.

pub use engines::Secret;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_from_a_body() {
        let secret: Secret = serde_json::from_str("\"pa\\\"ss\"").unwrap();
        assert_eq!(secret.expose(), "pa\"ss");
        let wrong = serde_json::from_str::<Secret>("12345").unwrap_err();
        assert_eq!(wrong.to_string(), "expected a string");
    }
}
