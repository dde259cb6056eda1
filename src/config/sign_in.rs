//! Section `sign_in`: how passwords are checked, how guessing is slowed down, how long a browser stays signed in.

use std::time::Duration;

use super::section::{Objections, between, section};
use super::setting::{Raw, Setting, quoted};

section! {
    /// How passwords are checked, how guessing is slowed down, and how long a browser stays signed in.
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

    /// Who gives a second factor when signing in on the web: `administrators`, `staff` (operators and auditors, too) or `everybody`.
    /// Single accounts and groups can be told to as well. Whoever has one is asked for it in any case.
    second_factor: SecondFactor = SecondFactor::Administrators;

    /// Whether administrators may do without a second factor for one day after the first of them was made.
    second_factor_optional_first_day: bool = false;

    /// How long a signed-in browser of an administrator, operator or auditor may be idle.
    web_idle_limit: Duration = Duration::from_secs(15 * 60);

    /// After how long an administrator, operator or auditor signs in again on the web, however busy the browser was.
    web_absolute_limit: Duration = Duration::from_secs(12 * HOUR);

    /// How long a signed-in browser of a member may be idle.
    web_idle_limit_members: Duration = Duration::from_secs(8 * HOUR);

    /// After how long a member signs in again on the web, however busy the browser was.
    web_absolute_limit_members: Duration = Duration::from_secs(7 * 24 * HOUR);

    /// After how long a program that somebody let in (the connector, for example) asks its person to sign in again, when it did not
    /// refresh its access meanwhile.
    program_idle_limit: Duration = Duration::from_secs(30 * 24 * HOUR);
}

const HOUR: u64 = 60 * 60;

impl Objections for SignIn {
    fn objections(&self) -> Vec<(&'static str, String)> {
        let places = between("hashing_places", self.hashing_places, 1, 64);
        let long = self.remember_for > Duration::from_secs(300);
        let remember = long.then(|| ("remember_for", "has to be 5m or less".to_owned()));
        let free = between("throttle_free_tries", self.throttle_free_tries, 1, 1000);
        let backwards = self.throttle_first_delay > self.throttle_longest_delay;
        let delay = backwards
            .then(|| ("throttle_first_delay", "has to be no longer than `sign_in.throttle_longest_delay`".to_owned()));
        let minute = Duration::from_secs(60);
        let short = [
            ("web_idle_limit", self.web_idle_limit),
            ("web_absolute_limit", self.web_absolute_limit),
            ("web_idle_limit_members", self.web_idle_limit_members),
            ("web_absolute_limit_members", self.web_absolute_limit_members),
        ];
        // What is seen of a browser is written once a minute, so a shorter limit would end the busiest session.
        let short = short.into_iter().filter(|(_, limit)| *limit < 2 * minute);
        let short = short.map(|(key, _)| (key, "has to be 2m or more".to_owned()));
        let program = self.program_idle_limit < Duration::from_secs(HOUR);
        let program = program.then(|| ("program_idle_limit", "has to be 1h or more".to_owned()));
        let short = short.chain(program);
        [places, remember, free, delay].into_iter().flatten().chain(short).collect()
    }
}

/// Who must have a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactor {
    /// Administrators.
    Administrators,
    /// Administrators, operators and auditors.
    Staff,
    /// Every account.
    Everybody,
}

impl SecondFactor {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Administrators, "administrators"), (Self::Staff, "staff"), (Self::Everybody, "everybody")];
}

impl Setting for SecondFactor {
    fn expected() -> String {
        "one of \"administrators\", \"staff\", \"everybody\"".to_owned()
    }

    fn read(raw: &Raw) -> Option<Self> {
        let (Raw::Loose(text) | Raw::Text(text)) = raw else { return None };
        Self::ALL.into_iter().find(|(_, name)| name == text).map(|(who, _)| who)
    }

    fn toml(&self) -> String {
        let name = Self::ALL.into_iter().find(|(who, _)| who == self).map_or("", |(_, name)| name);
        quoted(name)
    }
}
