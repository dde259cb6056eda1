//! Trust in the appliance's own authority: told by the appliance, and brought into an operating system's store.

mod publish;

pub(super) use publish::{host, publish, write};
