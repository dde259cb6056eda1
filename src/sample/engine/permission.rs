//! What a login may do in its database.

use super::error::SqlError;
use super::server::{Access, Login};
use super::storage::same_name;

/// A right on a table, or in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// INSERT, UPDATE, DELETE, under this name.
    Change(&'static str),
    /// CREATE TABLE, DROP and their like, under this name.
    Define(&'static str),
}

/// Refuses what the login may not.
pub fn check(login: &Login, right: Right, object: &str, database: &str) -> Result<(), SqlError> {
    let allowed = login.administrator
        || match right {
            Right::Change(_) => login.access != Access::Read,
            Right::Define(_) => login.access == Access::Owner,
        };
    // Besides its own, a login may open master, and changes nothing there.
    let own = login.administrator || same_name(&login.database, database);
    match right {
        _ if allowed && own => Ok(()),
        Right::Change(right) => Err(SqlError::denied(right, object, database)),
        Right::Define("CREATE TABLE") => Err(SqlError::denied_in_database("CREATE TABLE", database)),
        Right::Define("DROP TABLE") => Err(SqlError::cannot_drop(object)),
        Right::Define(_) => Err(SqlError::new(
            1088,
            16,
            format!("Cannot find the object \"{object}\" because it does not exist or you do not have permissions."),
        )),
    }
}

/// Whether the login is in a role of its database.
pub fn is_member(login: &Login, role: &str) -> bool {
    match role.to_ascii_lowercase().as_str() {
        "public" => true,
        "db_owner" => login.administrator || login.access == Access::Owner,
        "db_datawriter" => login.access == Access::Write,
        "db_datareader" => login.access != Access::Owner,
        _ => false,
    }
}
