//! When to order: at two thirds of a certificate's life, and after a failure later and later. Pure: time and dice are passed in.

use std::time::Duration;

use crate::domain::Timestamp;
use crate::wire::CertificateFacts;

/// When a certificate that was obtained at `obtained` is renewed: at two thirds of its life, whatever that is.
///
/// By a clock that is ahead of the directory's, a fresh certificate looks old. It is kept for a third of its life all the same, or it would
/// be ordered again and again.
pub(super) fn renewal(facts: &CertificateFacts, obtained: Timestamp, now: Timestamp) -> Timestamp {
    let third = facts.not_after.since(facts.not_before) / 3;
    let two_thirds = facts.not_before.after(third * 2);
    // A moment that is still to come was written down by a clock that has been set back.
    if obtained > now { two_thirds } else { two_thirds.max(obtained.after(third)) }
}

/// How a failure bears on the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Nothing was asked of the directory: soon, since a person may be mending it now.
    Soon,
    /// A failure of the way to the directory, or of the directory.
    Later,
    /// The directory checked a name in vain, which it counts.
    Counted,
    /// Not before this moment: the directory said so.
    NotBefore(Timestamp),
}

/// The failures since the last success.
#[derive(Debug, Default)]
pub(super) struct BackOff {
    failures: u32,
}

impl BackOff {
    /// Another failure: how long to wait now. `dice` is uniform from 0 to 1: appliances that failed together do not come back together.
    pub(super) fn failed(&mut self, again: Again, now: Timestamp, dice: f64) -> Duration {
        let base = match again {
            Again::Soon => LOOK_AGAIN,
            Again::Later | Again::Counted | Again::NotBefore(_) => {
                self.failures = self.failures.saturating_add(1);
                let usual = doubled(FIRST, self.failures).min(LONGEST);
                match again {
                    // Let's Encrypt allows five failed checks of a name in an hour.
                    Again::Counted if self.failures >= COUNTED_AN_HOUR => usual.max(HOUR),
                    Again::NotBefore(moment) => usual.max(moment.since(now).min(LONGEST_ORDERED)),
                    _ => usual,
                }
            }
        };
        base + base.mul_f64(JITTER * dice.clamp(0.0, 1.0))
    }

    /// All is well again.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }
}

/// `first`, doubled from the second time on.
fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.saturating_sub(1).min(20))
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const FIRST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(4 * 60 * 60);
/// How long a directory may put us off. Let's Encrypt's longest window is a week.
const LONGEST_ORDERED: Duration = Duration::from_secs(8 * 24 * 60 * 60);
const LOOK_AGAIN: Duration = Duration::from_secs(5 * 60);
const COUNTED_AN_HOUR: u32 = 5;
/// At most so much is added.
const JITTER: f64 = 0.5;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn facts(not_before: i64, seconds: i64) -> CertificateFacts {
        CertificateFacts {
            subject: String::new(),
            issuer: String::new(),
            names: Vec::new(),
            not_before: Timestamp::from_millis(not_before),
            not_after: Timestamp::from_millis(not_before + seconds * 1000),
            sha256: String::new(),
            self_signed: false,
            authority: false,
        }
    }

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
    const DAY: i64 = 86_400;

    #[test]
    fn a_certificate_is_renewed_at_two_thirds_of_its_life_whatever_that_is() {
        for lifetime in [90 * DAY, 45 * DAY, 6 * DAY, 45] {
            let facts = facts(NOW.as_millis(), lifetime);
            let due = renewal(&facts, NOW, NOW);
            assert_eq!(due.as_millis() - NOW.as_millis(), lifetime * 1000 * 2 / 3);
        }
    }

    #[test]
    fn a_clock_that_is_ahead_does_not_order_again_and_again_and_one_that_was_set_back_orders_in_time() {
        // By our clock this certificate of 45 days has only a day left, and we have just got it.
        let old = facts(NOW.as_millis() - 44 * DAY * 1000, 45 * DAY);
        assert_eq!(renewal(&old, NOW, NOW).since(NOW).as_secs(), 15 * 86_400);
        // Obtained in the future: that moment says nothing.
        let fresh = facts(NOW.as_millis(), 45 * DAY);
        let future = NOW.after(Duration::from_secs(86_400 * 1000));
        assert_eq!(renewal(&fresh, future, NOW).since(NOW).as_secs(), 30 * 86_400);
    }

    #[test]
    fn within_an_hour_no_more_checks_fail_than_the_directory_allows() {
        let mut back_off = BackOff::default();
        let mut tries = vec![Duration::ZERO];
        for _ in 0..40 {
            let last = *tries.last().unwrap();
            tries.push(last + back_off.failed(Again::Counted, NOW, 0.0));
        }
        for (at, first) in tries.iter().enumerate() {
            let within = tries[at..].iter().take_while(|next| **next - *first < HOUR).count();
            assert!(within <= COUNTED_AN_HOUR as usize, "{within} from {first:?}");
        }
    }

    #[test]
    fn a_look_that_asks_nobody_neither_grows_nor_counts() {
        let mut back_off = BackOff::default();
        for _ in 0..100 {
            assert_eq!(back_off.failed(Again::Soon, NOW, 0.0), LOOK_AGAIN);
        }
        assert_eq!(back_off.failed(Again::Later, NOW, 0.0), FIRST);
    }

    #[test]
    fn a_directory_that_says_when_is_obeyed_but_not_for_ever() {
        let in_hours = |hours: u64| Again::NotBefore(NOW.after(HOUR * u32::try_from(hours).unwrap()));
        assert_eq!(BackOff::default().failed(in_hours(30), NOW, 0.0), HOUR * 30);
        assert_eq!(BackOff::default().failed(in_hours(0), NOW, 0.0), FIRST);
        assert_eq!(BackOff::default().failed(in_hours(10_000), NOW, 0.0), LONGEST_ORDERED);
    }

    proptest! {
        #[test]
        fn the_wait_grows_from_a_minute_to_hours_and_jitter_only_adds(failures in 1_u32..2000, dice in 0.0_f64..=1.0) {
            let mut back_off = BackOff { failures: failures - 1 };
            let wait = back_off.failed(Again::Later, NOW, dice);
            let base = doubled(FIRST, failures).min(LONGEST);
            prop_assert!(wait >= base && wait <= base.mul_f64(1.0 + JITTER));
            prop_assert!(wait >= FIRST && wait <= LONGEST.mul_f64(1.0 + JITTER));
            back_off.succeeded();
            prop_assert!(back_off.failed(Again::Later, NOW, dice) <= FIRST.mul_f64(1.0 + JITTER));
        }

        #[test]
        fn a_renewal_lies_within_the_life_of_a_certificate_that_came_when_it_began(lifetime in 3_i64..40 * 365 * DAY, late in 0_i64..3600) {
            let facts = facts(NOW.as_millis(), lifetime);
            let obtained = NOW.after(Duration::from_secs(late.min(lifetime / 3) as u64));
            let due = renewal(&facts, obtained, obtained);
            prop_assert!(due > NOW && due <= facts.not_after);
        }
    }
}
