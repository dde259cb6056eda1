//! The appliance's own SQL client over tiberius: sign in over a connection that stands already, look around, quote
//! names. The only room that names tiberius.

pub mod client;
pub mod identifier;
pub mod inventory;
mod shim;

pub use client::{Client, SqlError, SqlLogin, login};
pub use identifier::{IdentifierError, QuotedIdentifier};
pub use inventory::{Inventory, probe};
