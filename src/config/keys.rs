//! Section `keys`: the key that everything secret in the data folder is sealed under.

use std::path::{Path, PathBuf};

use super::appliance::DEFAULT_DATA_DIR;
use super::section::{Objections, section};

section! {
    /// The key that everything secret in the data folder is sealed under. It lies outside of that folder, so that a copy of the folder
    /// alone tells nobody a password.
    Keys = "keys";

    /// The file of the master key. It is made, readable for its owner alone, when it is missing and the data folder is new. Keep a
    /// copy of it apart from the backups of the data folder.
    master_key_file: PathBuf = default_file(Path::new(DEFAULT_DATA_DIR)), shown "`/etc/gatehouse/master.key`; with another data folder, `<data folder>.key` beside it", example "\"/etc/gatehouse/master.key\"";
}

impl Objections for Keys {}

/// Where the master key of the data in `folder` lies unless a setting says otherwise: never in it.
pub(super) fn default_file(folder: &Path) -> PathBuf {
    if folder == Path::new(DEFAULT_DATA_DIR) && cfg!(not(windows)) {
        return PathBuf::from("/etc/gatehouse/master.key");
    }
    let name = folder.file_name().map_or_else(|| "gatehouse".into(), |name| name.to_os_string());
    let mut file = name;
    file.push(".key");
    folder.with_file_name(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_master_key_lies_beside_the_data_folder_and_never_in_it() {
        assert_eq!(default_file(Path::new("/srv/gate.house")), Path::new("/srv/gate.house.key"));
        assert_eq!(default_file(Path::new("/var/lib/gatehouse")), Path::new("/etc/gatehouse/master.key"));
    }
}
