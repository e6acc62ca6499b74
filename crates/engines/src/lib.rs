//! External databases.
