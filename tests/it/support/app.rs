//! An authenticator app, as far as a person has one in hand: made from what the page shows, and knows the time.

use gatehouse::domain::{Secret, Timestamp};
use gatehouse::identity::factors::Enrolment;
use totp_rs::{Builder, Totp};

pub struct App(Totp);

impl App {
    /// Reads the picture.
    pub fn scan(enrolment: &Enrolment) -> Self {
        let app = Self(Totp::from_url(enrolment.url.expose()).unwrap());
        let typed = Self::typed(&enrolment.secret);
        assert_eq!(app.0.generate(59).to_string(), typed.0.generate(59).to_string(), "both forms are the same secret");
        app
    }

    /// Takes the typed secret.
    pub fn typed(secret: &Secret) -> Self {
        let secret = totp_rs::Secret::try_from_base32(secret.expose()).unwrap();
        Self(Builder::new().with_secret(secret).build().unwrap())
    }

    /// What it shows.
    pub fn code(&self, now: Timestamp) -> String {
        self.0.generate(u64::try_from(now.as_millis() / 1000).unwrap()).to_string()
    }
}
