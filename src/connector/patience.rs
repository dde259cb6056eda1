//! How long to wait after a failure: longer each time, up to a minute, and never all workstations at once.

use std::time::Duration;

/// Counts failures.
#[derive(Debug, Default)]
pub(super) struct Patience {
    failures: u32,
}

impl Patience {
    /// It worked.
    pub(super) fn rest(&mut self) {
        self.failures = 0;
    }

    /// It failed: how long to wait.
    pub(super) fn next(&mut self) -> Duration {
        let mut dice = [0];
        // Without randomness all wait the same: worse, and no reason to fail.
        let _ = getrandom::fill(&mut dice);
        let [dice] = dice;
        let wait = wait(self.failures, dice);
        self.failures = self.failures.saturating_add(1);
        wait
    }
}

/// Half of it is fixed, the other half chance.
fn wait(failures: u32, dice: u8) -> Duration {
    let most = FIRST.saturating_mul(1 << failures.min(10)).min(LONGEST);
    most / 2 + most / 2 * u32::from(dice) / 255
}

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_wait_grows_within_its_bounds_whatever_the_dice_say(failures: u32, dice: u8) {
            let now = wait(failures, dice);
            proptest::prop_assert!(now >= FIRST / 2 && now <= LONGEST);
            proptest::prop_assert!(wait(failures.saturating_add(1), dice) >= now);
        }
    }

    #[test]
    fn after_a_success_it_begins_anew() {
        let mut patience = Patience::default();
        for _ in 0..10 {
            patience.next();
        }
        assert!(patience.next() >= LONGEST / 2);
        patience.rest();
        assert!(patience.next() <= FIRST);
    }
}
