//! Set-up in a browser: the code that was printed, the administrator with a second factor; then, signed in, the name and
//! certificate, the SQL Server, the first database and who may use it, and the URL that workstations are given.
//!
//! What comes after the administrator is done step by step: each stands by itself, can be left out, and can be come back to.

mod administrator;
mod database;
mod name;
mod restore;
mod server;
mod workstations;

use super::access::{Access, SET_UP};
use super::routes::{Route, get, post};
use crate::domain::Role;

/// Its routes.
pub fn routes() -> Vec<Route> {
    vec![
        get(SET_UP, Access::SetUp, administrator::first),
        post("/setup/code", Access::SetUp, administrator::code),
        post("/setup/administrator", Access::SetUp, administrator::begin),
        post("/setup/factor", Access::SetUp, administrator::complete),
        post("/setup/restore", Access::SetUp, restore::send).taking(restore::LARGEST),
        get(name::PATH, ADMINISTRATORS, name::page),
        post(name::PATH, ADMINISTRATORS, name::send),
        get(server::PATH, ADMINISTRATORS, server::page),
        post(server::PATH, ADMINISTRATORS, server::send),
        get(database::PATH, ADMINISTRATORS, database::page),
        post(database::PATH, ADMINISTRATORS, database::send),
        get(workstations::PATH, ADMINISTRATORS, workstations::page),
    ]
}

const ADMINISTRATORS: Access = Access::Staff(&[Role::Administrator]);
