//! Second factors: what somebody must have, besides the password, to sign in on the web.
//!
//! An account has factors (authenticator apps, [`passkeys`](RelyingParty)) and ten recovery codes
//! for the day when none is at hand. A code of either kind counts once: a code's time step, or the recovery code's end,
//! is written in the same change that lets its owner in.
//!
//! Who must have a factor: `policy`. Whoever has one is asked for it, whatever the policy says.

mod enrol;
mod own;
mod passkeys;
mod policy;
mod prove;
mod records;
mod recovery;
mod totp;

use std::time::Duration;

pub use enrol::Enrolment;
pub use passkeys::RelyingParty;
pub use records::Factor;
pub use recovery::RecoveryCodes;

pub(in crate::identity) use enrol::{NewFactor, put_first};
pub(in crate::identity) use passkeys::{Proven, accept_passkey};
pub(in crate::identity) use policy::{forget_rule, is_required};
pub(in crate::identity) use prove::{Candidates, accept};
pub(in crate::identity) use records::{forget, tables};
pub(in crate::identity) use totp::TotpSecret;

use super::throttle::{Limits, Throttle};
use super::waiting::Waiting;
use crate::config::{Appliance, SecondFactor, SignIn};

/// What the service keeps of second factors besides the records.
pub(super) struct Part {
    /// Wrong codes, counted by account: only who has the password gets to try.
    codes: Throttle,
    /// Authenticator apps that people are about to add.
    adding: Waiting<TotpSecret>,
    /// Passkeys that people were asked for, or are about to add.
    challenges: Waiting<passkeys::Challenge>,
    /// The same, asked of people who have not said who they are.
    open_challenges: Waiting<passkeys::Challenge>,
    /// The names that passkeys can be for.
    names: Vec<String>,
    /// Which roles must have one.
    policy: SecondFactor,
    /// Whether administrators may do without on the first day.
    first_day: bool,
    /// The appliance's name, as authenticator apps show it.
    issuer: String,
}

impl Part {
    pub(super) fn new(settings: &SignIn, limits: Limits, appliance: &Appliance) -> Self {
        Self {
            codes: Throttle::new(limits),
            adding: Waiting::new(TO_ADD),
            challenges: Waiting::new(passkeys::TO_ANSWER),
            open_challenges: Waiting::new(passkeys::TO_ANSWER),
            names: passkeys::names(&appliance.names),
            policy: settings.second_factor,
            first_day: settings.second_factor_optional_first_day,
            issuer: appliance.name.clone(),
        }
    }
}

/// How long somebody may take to set up an authenticator app.
const TO_ADD: Duration = Duration::from_secs(15 * 60);
