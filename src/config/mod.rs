//! The settings: what can be set, where a value comes from, and what refuses the start.
//!
//! A section is a file here and a struct. One declaration of each field (`section!`) makes the struct, its parser, the
//! reference page and the example file, so that they cannot disagree. Precedence: flag, environment (`GATEHOUSE_<SECTION>_<KEY>`,
//! or the same with `_FILE` for a file that holds the value), `gatehouse.toml`, what was chosen on a page, default. This room alone reads the environment.

mod acme;
mod appliance;
mod chosen;
mod complaint;
mod desktop;
mod duration;
mod environment;
mod file;
mod gateway;
mod instance;
mod keys;
mod listen;
mod load;
mod log;
mod mail;
mod origin;
mod reference;
mod section;
mod set_up;
mod setting;
mod sign_in;
mod size;
mod tls;
mod workstation;

use std::path::Path;

pub use acme::{Acme, Challenge};
pub use appliance::{Appliance, machine_name};
pub use chosen::{CHOOSABLE, Choice, ChoiceError, Chosen, Sources, file_in as chosen_file};
pub use complaint::{Complaint, ConfigError};
pub use desktop::Desktop;
pub use duration::parse as parse_duration;
pub use environment::Environment;
pub use gateway::Gateway;
pub use instance::InstanceName;
pub use keys::Keys;
pub use listen::Listen;
pub use load::{Effective, Flags, Loaded, load};
pub use log::{Log, LogFormat};
pub use mail::{Encryption, Mail};
pub use origin::Origin;
pub use reference::{example_file, reference_page};
pub use section::Field;
pub use set_up::SetUp;
pub use sign_in::{SecondFactor, SignIn};
pub use size::Size;
pub use tls::Tls;
pub use workstation::Workstation;

use section::{Objections as _, Raw, Refused, Section};

/// Declares [`Config`] from its sections, in the order in which the reference shows them.
macro_rules! sections {
    ($( $(#[doc = $doc:literal])+ $field:ident: $Section:ty; )+) => {
        /// Every setting, with its effective value.
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct Config {
            $( $(#[doc = $doc])+ pub $field: $Section, )+
        }

        impl Config {
            /// Everything that can be set, section by section.
            pub fn fields() -> Vec<Field> {
                let mut fields = Vec::new();
                $( fields.extend(<$Section>::fields()); )+
                fields
            }

            fn section_docs() -> Vec<(&'static str, &'static [&'static str])> {
                vec![$( (<$Section>::NAME, <$Section>::DOC) ),+]
            }

            fn put(&mut self, section: &str, key: &str, raw: &Raw) -> Result<(), Refused> {
                $( if section == <$Section>::NAME { return self.$field.put(key, raw); } )+
                Err(Refused::UnknownKey)
            }

            /// Each setting's name and its value as TOML shows it, secrets masked.
            fn texts(&self) -> Vec<(String, String)> {
                let mut texts = Vec::new();
                $( texts.extend(self.$field.texts().into_iter().map(|(key, text)| (format!("{}.{key}", <$Section>::NAME), text))); )+
                texts
            }

            /// What is wrong with the values taken together: (setting, what is wrong).
            fn objections(&self) -> Vec<(String, String)> {
                let mut all = Vec::new();
                $( all.extend(self.$field.objections().into_iter().map(|(key, text)| (format!("{}.{key}", <$Section>::NAME), text))); )+
                all.extend(self.acme.objections_among(self));
                all
            }
        }
    };
}

sections! {
    /// Who the appliance is, and where it keeps its data.
    appliance: Appliance;
    /// Where it listens.
    listen: Listen;
    /// The certificate that it shows.
    tls: Tls;
    /// Certificates that are ordered by ACME.
    acme: Acme;
    /// The keys that seal its secrets.
    keys: Keys;
    /// Sessions between workstations and SQL Servers.
    gateway: Gateway;
    /// Signing in.
    sign_in: SignIn;
    /// The first administrator.
    setup: SetUp;
    /// Mail that it sends.
    mail: Mail;
    /// What workstations are told.
    workstation: Workstation;
    /// What it writes about itself.
    log: Log;
}

impl Config {
    /// The defaults, with everything kept in `folder` and the master key beside it.
    pub fn for_folder(folder: &Path) -> Self {
        let mut config = Self::default();
        config.appliance.data_dir = folder.to_path_buf();
        config.keys.master_key_file = keys::default_file(folder);
        config
    }

    /// For tests: everything in `folder`, the master key beside it, free ports on the loopback addresses.
    pub fn for_tests(folder: &Path) -> Self {
        let mut config = Self::for_folder(folder);
        let free = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        config.appliance.names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        config.listen.sql = vec![free];
        config.listen.https = vec![free];
        config.listen.metrics = Vec::new();
        config
    }
}

#[cfg(test)]
mod tests;
