//! Files for people to download: made from a connection, and without its password, so that none of them has to be kept
//! secret or goes stale. Whoever opens one types the pass, or a device's secret.
//!
//! A file is refused where a value cannot stand in it safely: a line break in an `.ini`-like file would begin another line.

mod dsn;
mod powershell;
mod qr;
mod registry;
mod udl;

pub use dsn::dsn;
pub use powershell::powershell;
pub use qr::{TooLong, qr_svg};
pub use registry::registry;
pub use udl::udl;

use super::connection::{Connection, Unwritable};

/// A file to download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What to call it: letters, digits, dots and hyphens.
    pub name: String,
    /// Its media type.
    pub media_type: &'static str,
    /// What is in it.
    pub content: Vec<u8>,
}

/// Why a file cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The connection cannot be written in any form.
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    /// A value has a character that would end its line.
    #[error("a name has a line break or another control character in it, which this kind of file cannot carry")]
    Control,
    /// A value has a character that the file's encoding does not have.
    #[error(
        "a name has other characters than ASCII in it, and Windows reads this kind of file in another code page on each machine: take the .reg or the .udl file"
    )]
    NotAscii,
}

/// The connection as a file may have it: no password, no control characters.
fn fit(connection: &Connection) -> Result<Connection, FileError> {
    let bare = connection.without_password();
    bare.check()?;
    if [&bare.database, &bare.user].iter().any(|text| text.chars().any(char::is_control)) {
        return Err(FileError::Control);
    }
    Ok(bare)
}

/// A file's name: what is not a plain character becomes a hyphen.
fn file_name(connection: &Connection, ending: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let stem: String = connection.database.chars().map(plain).take(40).collect();
    format!("gatehouse-{}.{ending}", stem.trim_matches('-'))
}

/// UTF-16, little end first, with its mark: what Windows' own editors write.
fn utf16(text: &str) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests;
