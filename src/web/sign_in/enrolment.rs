//! What an authenticator app is set up with, and recovery codes, as pages show them: `parts/enrolment.html`, `recovery_codes.html`.

use askama::Template;
use axum::response::Response;

use crate::identity::factors::{Enrolment, RecoveryCodes};
use crate::web::page::{self, Frame};
use crate::web::problem::Problem;
use crate::web::qr;

/// An enrolment as a page shows it: a template that has it as `enrolment` includes `parts/enrolment.html`.
#[derive(Clone)]
pub struct Shown {
    /// The picture as a `data:` address: it holds the secret, so it has no address of its own that could be asked for, kept or logged.
    pub picture: String,
    /// The secret in groups of four, to be typed.
    pub key: String,
    /// The same as an `otpauth:` address, which opens an app on this very machine.
    pub url: String,
}

impl Shown {
    /// As a page shows it.
    pub fn of(enrolment: &Enrolment) -> Result<Self, Problem> {
        let (picture, key) = (qr::picture(&enrolment.url)?, qr::grouped(&enrolment.secret));
        Ok(Self { picture, key, url: enrolment.url.expose().to_owned() })
    }
}

/// The page that shows recovery codes, once.
#[derive(Template)]
#[template(path = "recovery_codes.html", config = ".askama.toml")]
pub struct Codes<'a> {
    frame: Frame,
    codes: Vec<&'a str>,
    next: &'a str,
}

impl<'a> Codes<'a> {
    /// Shows them, and leads on to `next`.
    pub fn page(frame: Frame, codes: &'a RecoveryCodes, next: &'a str) -> Result<Response, Problem> {
        let codes = codes.0.iter().map(crate::domain::Secret::expose).collect();
        page::show(&Self { frame, codes, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Secret;

    #[test]
    fn the_key_is_shown_in_groups_of_four() {
        let enrolment =
            Enrolment { secret: Secret::new("GEZDGNBVGY"), url: Secret::new("otpauth://totp/a:b?secret=GEZDGNBVGY") };
        let shown = Shown::of(&enrolment).unwrap();
        assert_eq!(shown.key, "GEZD GNBV GY");
        assert!(shown.picture.starts_with("data:image/svg+xml;base64,PD94"), "{}", shown.picture);
    }
}
