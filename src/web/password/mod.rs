//! Passwords: changed by who knows the present one, or set by a one-time link.
//!
//! `reset` knows links and not who delivered them: an administrator, or mail, which `forgotten` asks for.

mod change;
mod forgotten;
mod reset;

use super::access::Access;
use super::problem::Problem;
use super::routes::{Route, get, post};
use crate::domain::Secret;

/// The routes of passwords.
pub fn routes() -> Vec<Route> {
    vec![
        get("/account/password", Access::SignedIn, change::page),
        post("/account/password", Access::SignedIn, change::submit),
        get("/account/password/changed", Access::SignedIn, change::changed),
        get("/forgotten", Access::Browser, forgotten::page),
        post("/forgotten", Access::Browser, forgotten::submit),
        get("/reset/{secret}", Access::Browser, reset::page),
        post("/reset/{secret}", Access::Browser, reset::submit),
    ]
}

/// A new password, typed twice: nobody sees what they type.
fn typed_twice(new: Secret, again: &Secret) -> Result<Secret, Problem> {
    if new == *again {
        Ok(new)
    } else {
        Err(Problem::unprocessable("The two new passwords differ. Type the same one twice."))
    }
}
