//! OAuth's endpoints and pages: who asks is a program, who answers a person. What counts is decided in `identity::oauth`.
//!
//! | file | RFC | what |
//! |---|---|---|
//! | `authorize` | 6749 4.1, 9207 | the person's yes or no to a program with a browser |
//! | `token` | 6749 3.2 | codes and refresh tokens against tokens; revoked (7009), looked at (7662) |
//! | [`Issuer`] | 8414 2 | the name under which the authorisation server is known |
//!
//! The pages of the device flow (8628) are in `web::device`.

mod authorize;
mod issuer;
mod token;
mod words;

pub(super) use authorize::Choice;
pub use issuer::Issuer;
pub(super) use words::{destination, in_words};

use super::routes::Route;

/// The routes of this folder.
pub fn routes() -> Vec<Route> {
    [authorize::routes(), token::routes()].into_iter().flatten().collect()
}
