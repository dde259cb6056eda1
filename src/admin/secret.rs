//! The one form in which a secret crosses the control socket, which none but the appliance's own user can open.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::Secret;

/// A secret on its way through the control socket: chosen by an administrator, or made by the appliance and shown once.
#[derive(Debug, Clone)]
pub struct SentSecret(pub Secret);

impl Serialize for SentSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for SentSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}
