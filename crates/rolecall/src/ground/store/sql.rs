//! One SQL text, two native drivers: the macros that write both match arms. README.md has the SQL subset.

/// Runs work in a transaction that asks the proof once more, records what was done, and commits.
///
/// `transaction!(app.store, allowed, |tx| { …; Ok(value) })` is `Ok(value)`, or the work's error with nothing written.
/// The work may be run again when PostgreSQL asks for it, so it must do nothing but talk to `tx`.
#[macro_export]
macro_rules! transaction {
    ($store:expr, $proof:expr, |$tx:ident| $work:expr) => {{
        // A macro, not a function that takes a closure: the compiler cannot yet see that the future of an async closure
        // that borrows is `Send`, which every handler's must be.
        let store: &$crate::ground::store::Store = &$store;
        let proof: &dyn $crate::ground::access::Proof = $proof;
        let mut attempt = 0;
        loop {
            let mut open = match store.begin(proof, &mut attempt).await {
                Ok(open) => open,
                Err(error) => break Err(error.into()),
            };
            let done = {
                let $tx = &mut open;
                let _ = &$tx; // Work that only records has no use for it.
                async { $work }.await
            };
            if let Some(outcome) = store.end(open, proof, &mut attempt, done).await {
                break outcome;
            }
        }
    }};
}

/// Runs one SQL text on whichever store is open.
///
/// `all`, `one`, `maybe` read rows of a type made by [`row!`](crate::row) or a tuple; `exec` changes rows and
/// returns how many. Placeholders are `$1`, `$2`, … on both.
#[macro_export]
macro_rules! sql {
    (all $tx:expr, $row:ty, $text:expr $(, $value:expr)* $(,)?) => { $crate::sql!(@rows fetch_all connection $tx, $row, $text $(, $value)*) };
    (one $tx:expr, $row:ty, $text:expr $(, $value:expr)* $(,)?) => { $crate::sql!(@rows fetch_one connection $tx, $row, $text $(, $value)*) };
    (maybe $tx:expr, $row:ty, $text:expr $(, $value:expr)* $(,)?) => { $crate::sql!(@rows fetch_optional connection $tx, $row, $text $(, $value)*) };
    // `RETURNING` on a change: needs a transaction that may write.
    (changed $tx:expr, $row:ty, $text:expr $(, $value:expr)* $(,)?) => { $crate::sql!(@rows fetch_all writing $tx, $row, $text $(, $value)*) };
    (exec $tx:expr, $text:expr $(, $value:expr)* $(,)?) => {{
        use $crate::ground::store::{Connection, Error, driver};
        if $crate::sql!(@holds_nul $($value),*) {
            Err(Error::Nul)
        } else {
            let outcome = match $tx.writing() {
                Connection::Sqlite(c) => driver::query::<driver::Sqlite>($text)$(.bind($value))*.execute(c).await.map(|d| d.rows_affected()),
                Connection::Postgres(c) => driver::query::<driver::Postgres>($text)$(.bind($value))*.execute(c).await.map(|d| d.rows_affected()),
            };
            outcome.map_err(|error| $tx.failed(error))
        }
    }};
    (@rows $fetch:ident $connection:ident $tx:expr, $row:ty, $text:expr $(, $value:expr)*) => {{
        use $crate::ground::store::{Connection, Error, driver};
        if $crate::sql!(@holds_nul $($value),*) {
            Err(Error::Nul)
        } else {
            let outcome = match $tx.$connection() {
                Connection::Sqlite(c) => driver::query_as::<driver::Sqlite, $row>($text)$(.bind($value))*.$fetch(c).await,
                Connection::Postgres(c) => driver::query_as::<driver::Postgres, $row>($text)$(.bind($value))*.$fetch(c).await,
            };
            outcome.map_err(|error| $tx.failed(error))
        }
    }};
    // PostgreSQL refuses a NUL in a text; so do we on both, before it is sent.
    (@holds_nul) => { false };
    (@holds_nul $($value:expr),*) => {{
        // All of them: which of the two traits applies depends on the value's type.
        use $crate::ground::store::nul::*;
        false $(|| (&Value(&$value)).holds_nul())*
    }};
}

/// A struct that is read from a row of either store, its fields by their columns' names.
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$field_meta:meta])* $field_vis:vis $field:ident : $type:ty),* $(,)? }) => {
        $(#[$meta])* $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type),* }
        impl<'r, R: $crate::ground::store::driver::Row> $crate::ground::store::driver::FromRow<'r, R> for $name
        where
            &'static str: $crate::ground::store::driver::ColumnIndex<R>,
            $($type: $crate::ground::store::driver::Decode<'r, R::Database> + $crate::ground::store::driver::Type<R::Database>,)*
        {
            fn from_row(row: &'r R) -> Result<Self, $crate::ground::store::driver::DriverError> {
                Ok(Self { $($field: row.try_get(stringify!($field))?),* })
            }
        }
    };
}

/// Stores a type as another one: `stored_as!(At: i64, |at| at.0, At)`.
#[macro_export]
macro_rules! stored_as {
    ($name:ty : $inner:ty, $out:expr, $back:expr) => {
        $crate::stored_as!(@on $crate::ground::store::driver::Sqlite, $name, $inner, $out, $back);
        $crate::stored_as!(@on $crate::ground::store::driver::Postgres, $name, $inner, $out, $back);
    };
    (@on $database:ty, $name:ty, $inner:ty, $out:expr, $back:expr) => {
        impl $crate::ground::store::driver::Type<$database> for $name {
            fn type_info() -> <$database as $crate::ground::store::driver::Database>::TypeInfo {
                <$inner as $crate::ground::store::driver::Type<$database>>::type_info()
            }
            fn compatible(found: &<$database as $crate::ground::store::driver::Database>::TypeInfo) -> bool {
                <$inner as $crate::ground::store::driver::Type<$database>>::compatible(found)
            }
        }
        impl<'q> $crate::ground::store::driver::Encode<'q, $database> for $name {
            fn encode_by_ref(
                &self,
                buffer: &mut <$database as $crate::ground::store::driver::Database>::ArgumentBuffer,
            ) -> Result<$crate::ground::store::driver::IsNull, $crate::ground::store::driver::BoxDynError> {
                let out: fn(&$name) -> $inner = $out;
                <$inner as $crate::ground::store::driver::Encode<'q, $database>>::encode(out(self), buffer)
            }
        }
        impl<'r> $crate::ground::store::driver::Decode<'r, $database> for $name {
            fn decode(
                value: <$database as $crate::ground::store::driver::Database>::ValueRef<'r>,
            ) -> Result<Self, $crate::ground::store::driver::BoxDynError> {
                let inner = <$inner as $crate::ground::store::driver::Decode<'r, $database>>::decode(value)?;
                let back: fn($inner) -> Result<$name, $crate::ground::store::driver::BoxDynError> = $back;
                back(inner)
            }
        }
    };
}

/// A set of words: an enum that is the same text in the store, in JSON and on the screen.
#[macro_export]
macro_rules! words {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        $vis enum $name { $($(#[$variant_meta])* #[serde(rename = $word)] $variant),* }
        impl $name {
            /// Every one, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The word that stands for it everywhere.
            #[must_use]
            pub const fn word(self) -> &'static str { match self { $(Self::$variant => $word),* } }
            /// The one this word stands for.
            #[must_use]
            pub fn of(word: &str) -> Option<Self> { match word { $($word => Some(Self::$variant),)* _ => None } }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.word()) }
        }
        // By hand: the derive does not see the words.
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let text = utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String);
                text.enum_values(Some([$($word),*])).into()
            }
        }
        impl utoipa::ToSchema for $name {}
        $crate::stored_as!($name: String, |one| one.word().to_owned(),
            |word| Self::of(&word).ok_or_else(|| format!("unknown word '{word}'").into()));
    };
}

/// Keys of rows: a `UUIDv7` behind a type each.
#[macro_export]
macro_rules! key {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub struct $name(pub uuid::Uuid);
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.fmt(f) }
        }
        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> { text.parse().map(Self) }
        }
        $crate::stored_as!($name: uuid::Uuid, |key| key.0, |uuid| Ok(Self(uuid)));
    };
}
