//! How long somebody who typed wrong passwords has to wait; one rule for console, API and Basic.
//!
//! Counters are kept per account name and per address by the caller; here is only the reckoning. An account name that
//! does not exist is counted like one that does, so that waiting tells nobody which names exist.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use unicode_normalization::UnicodeNormalization;

use super::clock::At;

/// How failures on one kind of counter lead to waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// So many failures cost nothing.
    pub free: u32,
    /// What the next one costs; each further one costs twice as much.
    pub first_wait: Duration,
    /// More than this nobody waits.
    pub longest_wait: Duration,
    /// After so long without a failure the counter starts anew.
    pub forgotten_after: Duration,
}

/// Per account: five free typing errors, then 1, 2, 4 … seconds, at most a quarter of an hour. A guesser gets about a
/// hundred tries a day, far from any password of 12 letters; the owner, kept out by somebody else's guessing,
/// waits a quarter of an hour at worst.
pub const PER_ACCOUNT: Limits = Limits {
    free: 5,
    first_wait: Duration::from_secs(1),
    longest_wait: Duration::from_mins(15),
    forgotten_after: Duration::from_hours(24),
};

/// Per address: thirty, as an office sits behind one address, and forgotten after an hour; this is what slows one
/// machine that tries one password on many accounts.
pub const PER_ADDRESS: Limits = Limits {
    free: 30,
    first_wait: Duration::from_secs(1),
    longest_wait: Duration::from_mins(15),
    forgotten_after: Duration::from_hours(1),
};

/// The failures on one account name or from one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// How many in a row.
    pub count: u32,
    /// When the last one was.
    pub last_at: At,
}

/// Whether a sign-in may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Now.
    Go,
    /// Not before so much time has passed (more than nothing): the `Retry-After` of a 429.
    Wait(Duration),
}

impl Verdict {
    /// The stricter of two, for the account's and the address's counter.
    #[must_use]
    pub fn and(self, other: Verdict) -> Verdict {
        match (self, other) {
            (Verdict::Wait(one), Verdict::Wait(two)) => Verdict::Wait(one.max(two)),
            (Verdict::Wait(wait), Verdict::Go) | (Verdict::Go, Verdict::Wait(wait)) => Verdict::Wait(wait),
            (Verdict::Go, Verdict::Go) => Verdict::Go,
        }
    }

    /// Whole seconds to wait, rounded up; 0 for [`Verdict::Go`].
    #[must_use]
    pub fn seconds(self) -> u64 {
        match self {
            Verdict::Go => 0,
            Verdict::Wait(wait) => wait.as_secs() + u64::from(wait.subsec_nanos() > 0),
        }
    }
}

impl Limits {
    /// Whether a sign-in may be tried now. To be asked before the password is looked at; a try that has to wait is
    /// not counted, so that a program that retries does not lock its account for ever.
    #[must_use]
    pub fn verdict(&self, failures: Option<Failures>, now: At) -> Verdict {
        let Some(failures) = failures else { return Verdict::Go };
        let ends = failures.last_at.plus(self.wait_after(failures.count));
        match ends.since(now) {
            Duration::ZERO => Verdict::Go,
            // A clock that was set back must not lengthen the wait.
            left => Verdict::Wait(left.min(self.longest_wait)),
        }
    }

    /// The counter after one more failure. A success removes an account's counter; an address's counter stays, or a
    /// guesser with an account of their own could wipe it.
    #[must_use]
    pub fn after_failure(&self, failures: Option<Failures>, now: At) -> Failures {
        let fresh = failures.filter(|failures| !self.is_forgotten(*failures, now));
        Failures { count: fresh.map_or(0, |failures| failures.count).saturating_add(1), last_at: now }
    }

    /// Whether a counter may be deleted from the store.
    #[must_use]
    pub fn is_forgotten(&self, failures: Failures, now: At) -> bool {
        now.since(failures.last_at) >= self.forgotten_after
    }

    fn wait_after(&self, failures: u32) -> Duration {
        match failures.checked_sub(self.free.saturating_add(1)) {
            None => Duration::ZERO,
            Some(doublings) => {
                let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
                self.first_wait.saturating_mul(factor).min(self.longest_wait)
            }
        }
    }
}

/// No account id (128) and no email address (254) is longer; what is longer shares counters with what begins alike.
const LONGEST_NAME: usize = 254;

/// The counter of an account name as somebody typed it: names that are spelled alike share one.
#[must_use]
pub fn account_key(typed: &str) -> String {
    let cut = typed.trim().chars().take(LONGEST_NAME).nfkc().collect::<String>();
    // Lower case can leave letters apart that NFKC joins, and joining can leave blanks at an end.
    cut.to_lowercase().nfkc().collect::<String>().trim().chars().take(LONGEST_NAME).collect()
}

/// The counter of an address: an IPv6 host commands its whole /64, and IPv4 in IPv6's clothes is IPv4.
#[must_use]
pub fn address_key(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::to_string(&address),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            format!("{}/64", std::net::Ipv6Addr::from(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: At = At::MIN;

    fn after(seconds: u64) -> At {
        START.plus(Duration::from_secs(seconds))
    }

    #[expect(clippy::unnecessary_wraps, reason = "what the calls below take")]
    fn failed(count: u32) -> Option<Failures> {
        Some(Failures { count, last_at: START })
    }

    #[test]
    fn waiting_doubles_with_every_failure_after_the_free_ones_up_to_the_longest() {
        for (failures, seconds) in [
            (0, 0),
            (1, 0),
            (5, 0),
            (6, 1),
            (7, 2),
            (8, 4),
            (9, 8),
            (15, 512),
            (16, 900),
            (17, 900),
            (37, 900),
            (38, 900),
            (u32::MAX, 900),
        ] {
            let verdict = PER_ACCOUNT.verdict(failed(failures), START);
            assert_eq!(verdict.seconds(), seconds, "after {failures} failures: {verdict:?}");
        }
        assert_eq!(PER_ADDRESS.verdict(failed(30), START), Verdict::Go);
        assert_eq!(PER_ADDRESS.verdict(failed(31), START), Verdict::Wait(Duration::from_secs(1)));
        assert_eq!(PER_ACCOUNT.verdict(None, START), Verdict::Go);
    }

    #[test]
    fn a_wait_runs_out() {
        for (seconds, left) in [(0, 4), (1, 3), (3, 1), (4, 0), (5, 0)] {
            assert_eq!(PER_ACCOUNT.verdict(failed(8), after(seconds)).seconds(), left, "{seconds} s later");
        }
        let nearly = after(4).minus(Duration::from_millis(1));
        assert_eq!(PER_ACCOUNT.verdict(failed(8), nearly), Verdict::Wait(Duration::from_millis(1)));
        assert_eq!(PER_ACCOUNT.verdict(failed(8), nearly).seconds(), 1);
    }

    #[test]
    fn a_clock_set_back_lengthens_no_wait() {
        let failures = Failures { count: 6, last_at: after(1_000_000) };
        assert_eq!(PER_ACCOUNT.verdict(Some(failures), START).seconds(), 900);
    }

    #[test]
    fn failures_count_up_and_are_forgotten_after_a_day() {
        let once = PER_ACCOUNT.after_failure(None, START);
        assert_eq!(once, Failures { count: 1, last_at: START });
        let day = 24 * 60 * 60;
        assert_eq!(
            PER_ACCOUNT.after_failure(failed(7), after(day - 1)),
            Failures { count: 8, last_at: after(day - 1) }
        );
        assert_eq!(PER_ACCOUNT.after_failure(failed(7), after(day)).count, 1);
        assert_eq!(PER_ACCOUNT.after_failure(failed(u32::MAX), START).count, u32::MAX);
    }

    #[test]
    fn a_guesser_who_never_rests_gets_few_tries_a_day() {
        let (mut failures, mut now, mut tries) = (None, START, 0);
        while now < after(24 * 60 * 60) {
            match PER_ACCOUNT.verdict(failures, now) {
                Verdict::Wait(wait) => now = now.plus(wait),
                Verdict::Go => {
                    failures = Some(PER_ACCOUNT.after_failure(failures, now));
                    tries += 1;
                }
            }
        }
        assert!(tries <= 112, "{tries}");
    }

    #[test]
    fn the_stricter_of_two_verdicts_holds() {
        let wait = |seconds| Verdict::Wait(Duration::from_secs(seconds));
        for (one, two, both) in [
            (Verdict::Go, Verdict::Go, Verdict::Go),
            (wait(1), Verdict::Go, wait(1)),
            (wait(1), wait(2), wait(2)),
        ] {
            assert_eq!((one.and(two), two.and(one)), (both, both));
        }
    }

    #[test]
    fn names_spelled_alike_share_a_counter() {
        for alike in ["ada", " Ada\t", "ADA", "ａｄａ", "\u{a0}ada\u{3000}"] {
            assert_eq!(account_key(alike), "ada", "{alike:?}");
        }
        assert_eq!(account_key("Zoe\u{308}"), account_key("zoë"));
        assert_ne!(account_key("ada"), account_key("adam"));
        assert_eq!(account_key(&"x".repeat(100_000)).len(), 254);
    }

    #[test]
    fn an_ipv6_network_shares_a_counter_and_ipv4_in_ipv6_is_ipv4() {
        for (address, key) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ] {
            assert_eq!(address_key(address.parse().unwrap()), key);
        }
    }

    proptest::proptest! {
        #[test]
        fn a_key_is_its_own_key(typed in "\\PC{0,40}") {
            let key = account_key(&typed);
            proptest::prop_assert_eq!(account_key(&key), key);
        }
    }
}
