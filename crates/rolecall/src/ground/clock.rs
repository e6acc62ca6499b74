//! Instants, and the only place that asks the machine what time it is.
//!
//! An instant is a count of milliseconds, as the store keeps it, and RFC 3339 in UTC wherever people and
//! programs see it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant: milliseconds since 1970-01-01T00:00:00Z, in the years 0 to 9999, which is what RFC 3339 can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(i64);

impl utoipa::PartialSchema for At {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let text = utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::Type::String);
        let format = utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime);
        text.format(Some(format)).description(Some("RFC 3339, UTC.")).into()
    }
}

impl utoipa::ToSchema for At {}

/// A text that is not an instant.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is not an instant: write it as RFC 3339, for example 2026-01-31T09:30:00Z")]
pub struct NotAnInstant(String);

impl At {
    /// 0000-01-01T00:00:00.000Z.
    pub const MIN: At = At(-62_167_219_200_000);
    /// 9999-12-30T22:00:00.000Z: any later instant would have no local time in some zone before the year 10000.
    pub const MAX: At = At(253_402_207_200_000);

    /// The instant so many milliseconds after the epoch; beyond [`At::MIN`] and [`At::MAX`] it is the nearer of the two.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        At(millis.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Milliseconds since the epoch, as the store keeps it.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 with any offset; what is finer than a millisecond is cut off.
    ///
    /// # Errors
    /// When the text is no instant with an offset, or lies outside [`At::MIN`] to [`At::MAX`].
    pub fn parse(text: &str) -> Result<Self, NotAnInstant> {
        let wrong = || NotAnInstant(text.chars().take(64).collect());
        let millis = text.parse::<Timestamp>().map_err(|_| wrong())?.as_millisecond();
        if (Self::MIN.0..=Self::MAX.0).contains(&millis) { Ok(At(millis)) } else { Err(wrong()) }
    }

    /// So much later, at most [`At::MAX`].
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(whole_millis(duration)))
    }

    /// So much earlier, at least [`At::MIN`].
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(whole_millis(duration)))
    }

    /// How long after `earlier` this is; nothing if it is not after.
    #[must_use]
    pub fn since(self, earlier: At) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{instant:.3}")
    }
}

impl FromStr for At {
    type Err = NotAnInstant;

    fn from_str(text: &str) -> Result<Self, NotAnInstant> {
        At::parse(text)
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        At::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What time it is: the machine's, or one that a test sets. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Hands(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Clock(Source::System)
    }

    /// A clock that stands still, for tests.
    #[must_use]
    pub fn fixed(at: At) -> Self {
        Self::movable(at).0
    }

    /// A clock for tests, and the hands that move it.
    #[must_use]
    pub fn movable(at: At) -> (Self, Hands) {
        let millis = Arc::new(AtomicI64::new(at.millis()));
        (Clock(Source::Hands(Arc::clone(&millis))), Hands(millis))
    }

    /// Now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for the time")]
    pub fn now(&self) -> At {
        At::from_millis(match &self.0 {
            Source::System => Timestamp::now().as_millisecond(),
            Source::Hands(millis) => millis.load(Ordering::SeqCst),
        })
    }
}

/// What moves a clock made by [`Clock::movable`].
#[derive(Clone, Debug)]
pub struct Hands(Arc<AtomicI64>);

impl Hands {
    /// Sets the clock to an instant, which may be an earlier one.
    pub fn set(&self, at: At) {
        self.0.store(at.millis(), Ordering::SeqCst);
    }

    /// Lets so much time go by.
    pub fn pass(&self, duration: Duration) {
        self.0.fetch_add(whole_millis(duration), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_in_utc_with_milliseconds() {
        assert_eq!(At::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(At::from_millis(1_769_851_800_007).to_string(), "2026-01-31T09:30:00.007Z");
        assert_eq!(At::MIN.to_string(), "0000-01-01T00:00:00.000Z");
        assert_eq!(At::MAX.to_string(), "9999-12-30T22:00:00.000Z");
        assert_eq!(serde_json::to_string(&At::from_millis(7)).unwrap(), "\"1970-01-01T00:00:00.007Z\"");
    }

    #[test]
    fn an_instant_is_read_with_any_offset_and_cut_to_milliseconds() {
        for (text, millis) in [
            ("2026-01-31T09:30:00Z", 1_769_851_800_000),
            ("2026-01-31T10:30:00.0079999+01:00", 1_769_851_800_007),
            ("9999-12-30T22:00:00.000Z", At::MAX.millis()),
        ] {
            assert_eq!(At::parse(text), Ok(At::from_millis(millis)), "{text}");
        }
        assert_eq!(serde_json::from_str::<At>("\"1970-01-01T00:00:01Z\"").unwrap(), At::from_millis(1000));
    }

    #[test]
    fn what_is_no_instant_is_refused_with_an_example() {
        for text in [
            "",
            "yesterday",
            "2026-01-31",
            "2026-01-31T09:30:00",
            "2026-02-30T00:00:00Z",
            "-000001-01-01T00:00:00Z",
        ] {
            let error = At::parse(text).unwrap_err().to_string();
            assert!(error.contains("2026-01-31T09:30:00Z"), "{error}");
        }
        assert!(serde_json::from_str::<At>("1769851800").is_err());
    }

    #[test]
    fn reckoning_stops_at_the_ends_of_time() {
        assert_eq!(At::from_millis(i64::MAX), At::MAX);
        assert_eq!(At::from_millis(i64::MIN), At::MIN);
        assert_eq!(At::MAX.plus(Duration::MAX), At::MAX);
        assert_eq!(At::MIN.minus(Duration::MAX), At::MIN);
        let noon = At::from_millis(1000);
        assert_eq!(noon.plus(Duration::from_millis(5)).since(noon), Duration::from_millis(5));
        assert_eq!(noon.since(noon.plus(Duration::from_secs(1))), Duration::ZERO);
    }

    #[test]
    fn every_clone_of_a_movable_clock_moves() {
        let (clock, hands) = Clock::movable(At::from_millis(1000));
        let clone = clock.clone();
        hands.pass(Duration::from_secs(2));
        assert_eq!((clock.now(), clone.now()), (At::from_millis(3000), At::from_millis(3000)));
        hands.set(At::from_millis(5));
        assert_eq!(clone.now(), At::from_millis(5));
    }

    #[test]
    fn the_system_clock_lives_in_this_century() {
        let now = Clock::system().now();
        assert!(
            now > At::parse("2025-01-01T00:00:00Z").unwrap()
                && now < At::parse("2100-01-01T00:00:00Z").unwrap()
        );
    }

    proptest::proptest! {
        #[test]
        fn every_instant_reads_back_as_itself(millis in At::MIN.millis()..=At::MAX.millis()) {
            let at = At::from_millis(millis);
            proptest::prop_assert_eq!(At::parse(&at.to_string()), Ok(at));
        }
    }
}
