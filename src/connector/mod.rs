//! What runs on workstations. It knows the documents that an appliance publishes, and nothing of how one is built: no
//! store, no accounts, no databases.
//!
//! | module | what it is |
//! |---|---|
//! | [`discovery`] | finds an appliance, and says on which ground it is believed |
//! | [`pin`] | what it is believed by from then on |
//! | [`https`], [`client`] | what is public, asked of somebody who may not be believed yet; everything else, of somebody who is |
//! | [`oauth`] | signing in: in the browser, or by a code on another device; refreshing, revoking |
//! | [`kept`], [`vault`] | what outlives the process: the pin, and the credential |
//! | [`access`] | the one credential, renewed before it ends, or changed when it is old |
//! | [`device`] | this machine as a device of its own: enrolled with a code, its secret changed now and then |
//! | [`way_back`] | what somebody does once this program is let in no more |
//! | [`feed`] | the config document, kept current |
//! | [`local`] | the listeners: programs on this machine are let in and carried to the gateway |
//! | [`status`] | what `--status` shows |
//! | [`run`] | all of it together |

pub mod access;
pub mod client;
pub mod device;
pub mod discovery;
pub mod feed;
pub mod https;
pub mod kept;
pub mod local;
pub mod oauth;
mod patience;
pub mod pin;
pub mod run;
pub mod status;
pub mod vault;
pub mod way_back;

pub use access::Access;
pub use kept::Folder;
pub use pin::{Pin, Place};
pub use run::{Connector, Ended, Parts};
pub use way_back::WayBack;
