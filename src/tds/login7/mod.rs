//! LOGIN7 (MS-TDS 2.2.6.4): decode, edit by changing fields, encode.
//!
//! A fixed part of 94 bytes (86 before TDS 7.2) holds numbers and, for each text, its offset and its length in UTF-16
//! units; the texts follow, and the feature extension block behind them. Text that is not valid UTF-16 is refused: what
//! is accepted comes out of [`Login7::encode`] unchanged. Memory: what is decoded takes at most 64 bytes for each byte of
//! the message, even if all texts name the same bytes and all features are empty.

mod decode;
mod encode;
mod feature;
mod flags;
#[cfg(test)]
mod tests;

pub use feature::{Feature, FeatureId, FedAuth, FedAuthLibrary};
pub(super) use feature::{decode_features, encode_features};
pub use flags::{OptionFlags1, OptionFlags2, OptionFlags3, TypeFlags};

use super::TdsVersion;
use crate::domain::Secret;

/// A login, as a client asks for it. [`Default`] is one of TDS 7.4 with nothing filled in.
#[derive(Clone, PartialEq, Eq)]
pub struct Login7 {
    /// The highest version that the client speaks.
    pub tds_version: TdsVersion,
    /// The packet size that it wants; zero leaves it to the server.
    pub packet_size: u32,
    /// The version of its library.
    pub client_program_version: u32,
    /// Its process.
    pub client_pid: u32,
    /// The connection to the primary server, in a replication.
    pub connection_id: u32,
    /// OptionFlags1.
    pub options1: OptionFlags1,
    /// OptionFlags2.
    pub options2: OptionFlags2,
    /// TypeFlags.
    pub type_flags: TypeFlags,
    /// OptionFlags3. [`OptionFlags3::EXTENSION`] follows `features` when encoded.
    pub options3: OptionFlags3,
    /// Its time zone; not used by servers.
    pub client_time_zone: i32,
    /// Its locale.
    pub client_lcid: u32,
    /// The workstation's name.
    pub host_name: String,
    /// The login's name.
    pub user_name: String,
    /// The password; only obfuscated on the wire.
    pub password: Secret,
    /// The application's name.
    pub app_name: String,
    /// The server, as the user wrote it.
    pub server_name: String,
    /// The library's name (CltIntName).
    pub library: String,
    /// The language wanted; empty for the login's own.
    pub language: String,
    /// The database wanted; empty for the login's own.
    pub database: String,
    /// The workstation's network address, or something unique instead.
    pub client_id: [u8; 6],
    /// SSPI data, for Windows authentication.
    pub sspi: Vec<u8>,
    /// A database file to attach.
    pub attach_db_file: String,
    /// The new password, for [`OptionFlags3::CHANGE_PASSWORD`]. Since TDS 7.2.
    pub change_password: Secret,
    /// The features asked for. Since TDS 7.4.
    pub features: Vec<Feature>,
}

/// Shows what tells logins apart, and nothing that lets anybody in.
impl std::fmt::Debug for Login7 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login7")
            .field("tds_version", &self.tds_version)
            .field("packet_size", &self.packet_size)
            .field("options", &(self.options1, self.options2, self.type_flags, self.options3))
            .field("host_name", &self.host_name)
            .field("user_name", &self.user_name)
            .field("app_name", &self.app_name)
            .field("server_name", &self.server_name)
            .field("library", &self.library)
            .field("language", &self.language)
            .field("database", &self.database)
            .field("sspi_bytes", &self.sspi.len())
            .field("features", &self.features)
            .finish_non_exhaustive()
    }
}

impl Default for Login7 {
    fn default() -> Self {
        Self {
            tds_version: TdsVersion::V7_4,
            packet_size: 4096,
            client_program_version: 0,
            client_pid: 0,
            connection_id: 0,
            options1: OptionFlags1::USE_DB | OptionFlags1::INIT_DB_FATAL | OptionFlags1::SET_LANG,
            options2: OptionFlags2::INIT_LANG_FATAL | OptionFlags2::ODBC,
            type_flags: TypeFlags::default(),
            options3: OptionFlags3::UNKNOWN_COLLATION,
            client_time_zone: 0,
            client_lcid: 0x0409,
            host_name: String::new(),
            user_name: String::new(),
            password: Secret::new(""),
            app_name: String::new(),
            server_name: String::new(),
            library: String::new(),
            language: String::new(),
            database: String::new(),
            client_id: [0; 6],
            sspi: Vec::new(),
            attach_db_file: String::new(),
            change_password: Secret::new(""),
            features: Vec::new(),
        }
    }
}

/// The password's disguise: each byte's halves swapped, then XOR with 0xA5.
fn obscure(byte: u8) -> u8 {
    byte.rotate_left(4) ^ 0xA5
}

/// The way back.
fn reveal(byte: u8) -> u8 {
    (byte ^ 0xA5).rotate_left(4)
}

impl Login7 {
    /// The feature with this id, if the client asks for it.
    pub fn feature(&self, id: FeatureId) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.id == id)
    }

    /// The FEDAUTH feature, read; `None` if the client does not ask for it.
    pub fn fed_auth(&self) -> Result<Option<FedAuth>, super::DecodeError> {
        self.feature(FeatureId::FED_AUTH).map(|feature| FedAuth::decode(&feature.data)).transpose()
    }

    /// Drops a feature; says whether it was there.
    pub fn remove_feature(&mut self, id: FeatureId) -> bool {
        let before = self.features.len();
        self.features.retain(|feature| feature.id != id);
        self.features.len() < before
    }
}
