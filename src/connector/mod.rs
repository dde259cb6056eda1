//! What runs on workstations. It knows the documents that an appliance publishes, and nothing of how one is built: no
//! store, no accounts, no databases.
//!
//! [`discovery`] finds an appliance and says on which ground it is believed; [`https`] is the small client that it asks with.

pub mod discovery;
pub mod https;
