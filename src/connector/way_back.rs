//! What somebody does once this program is let in no more. Where this machine is a device, no person signs in on it: it is
//! enrolled again.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

/// What lets this program in again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WayBack {
    /// A person signs in.
    #[default]
    SignIn,
    /// This machine is enrolled with another one-time code.
    Enrol,
    /// Somebody puts another device's secret where the former one was.
    Secret,
}

impl WayBack {
    /// What to do, as the end of a sentence; `url` is the appliance's.
    pub fn in_words(self, url: impl Display) -> String {
        match self {
            Self::SignIn => format!("sign in again: gatehouse connect {url}"),
            Self::Enrol => {
                format!(
                    "enrol this machine again, with another code of an administrator's: gatehouse connect {url} --enrol CODE"
                )
            }
            Self::Secret => format!(
                "enrol the device again, at {url}/workstations/enrol or by an administrator, and put its new secret into \
                 the file of --device-secret-file"
            ),
        }
    }
}
