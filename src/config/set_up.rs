//! Section `setup`: the first administrator, for whoever sets appliances up without a person.

use super::section::{Objections, section};
use crate::domain::{Name, Secret};

section! {
    /// The first administrator, for whoever sets appliances up without a person. Used at a start of an appliance that has no
    /// administrator, and never afterwards; without it such an appliance prints a code, with which a browser does the same.
    SetUp = "setup";

    /// The administrator's name.
    administrator: Option<String> = None, shown "none: a browser makes the administrator", example "\"admin\"";

    /// The administrator's password; best as `GATEHOUSE_SETUP_PASSWORD_FILE`.
    password: Option<Secret> = None, shown "none", example "\"\"";

    /// The secret of the administrator's authenticator app, in base 32, at least 128 bits; best as `GATEHOUSE_SETUP_TOTP_SECRET_FILE`.
    /// Without it, whoever signs in first with the password adds an app.
    totp_secret: Option<Secret> = None, shown "none: added at the first sign-in", example "\"\"";
}

impl Objections for SetUp {
    fn objections(&self) -> Vec<(&'static str, String)> {
        let name = self.administrator.as_deref().map(Name::parse);
        let wrong = name.and_then(Result::err).map(|error| ("administrator", error.to_string()));
        let half = self.administrator.is_some() != self.password.is_some();
        let half = half.then(|| ("administrator", "goes with `setup.password`: set both, or neither".to_owned()));
        let alone = self.totp_secret.is_some() && self.administrator.is_none();
        let alone = alone.then(|| ("totp_secret", "needs `setup.administrator`".to_owned()));
        [wrong, half, alone].into_iter().flatten().collect()
    }
}
