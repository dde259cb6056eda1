//! Section `sign_in`: how passwords are checked, and how guessing is slowed down.

use std::time::Duration;

use super::section::{Objections, between, section};

section! {
    /// How passwords are checked, and how guessing is slowed down.
    SignIn = "sign_in";

    /// How many passwords are hashed at once. Each takes a processor for a moment and some 20 MiB.
    hashing_places: usize = 2;

    /// How long a password that was right is remembered (as a keyed hash), so that an application opening many connections pays for one.
    /// `"0s"` remembers nothing.
    remember_for: Duration = Duration::from_secs(10);

    /// How many wrong tries an address or a name has before it has to wait.
    throttle_free_tries: usize = 5;

    /// The first wait; each further wrong try doubles it.
    throttle_first_delay: Duration = Duration::from_secs(1);

    /// The longest wait.
    throttle_longest_delay: Duration = Duration::from_secs(300);
}

impl Objections for SignIn {
    fn objections(&self) -> Vec<(&'static str, String)> {
        let places = between("hashing_places", self.hashing_places, 1, 64);
        let long = self.remember_for > Duration::from_secs(300);
        let remember = long.then(|| ("remember_for", "has to be 5m or less".to_owned()));
        let free = between("throttle_free_tries", self.throttle_free_tries, 1, 1000);
        let backwards = self.throttle_first_delay > self.throttle_longest_delay;
        let delay = backwards
            .then(|| ("throttle_first_delay", "has to be no longer than `sign_in.throttle_longest_delay`".to_owned()));
        [places, remember, free, delay].into_iter().flatten().collect()
    }
}
