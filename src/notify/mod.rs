//! What the appliance tells people by itself: mail, where a mail server is configured.
//!
//! [`Mailer`] sends a [`Letter`] over SMTP, to nobody but the configured server, in bounded time, a few at once. It knows nothing of
//! accounts: who is written to, and what, is its caller's to say.

mod error;
mod letter;
mod mailer;

pub use error::MailError;
pub use letter::Letter;
pub use mailer::{Mailer, unusable_files};
