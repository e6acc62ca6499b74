//! How the ground's own types are stored: instants as milliseconds in a BIGINT, so that both stores sort alike.

use crate::ground::clock::At;

crate::stored_as!(At: i64, |at| at.millis(), |milliseconds| Ok(At::from_millis(milliseconds)));
