//! Files written so that a crash leaves the old or the new one, never half of one.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::error::StoreError;

/// Turns an I/O error into one that says what was tried on which file.
pub(super) fn file_error(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File { what, path, source }
}

/// Makes a folder (and its parents), for the owner alone, its entry synced.
pub(super) fn make_folder(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(file_error("make the folder", path))?;
    sync_parent(path)
}

/// Syncs a folder's entries.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    crate::platform::files::sync_folder(path).map_err(file_error("sync", path))
}

/// Syncs the entry of `path` in its folder.
pub(super) fn sync_parent(path: &Path) -> Result<(), StoreError> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => sync_folder(Path::new(".")),
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    }
}

/// Writes a small file aside, for the owner alone, syncs it, and puts it in place.
pub(super) fn write_whole(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let aside = aside(path);
    let mut file = create(&aside)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(file_error("write", &aside))?;
    put_in_place(&aside, path)
}

/// Renames what was written aside, and makes that durable.
pub(super) fn put_in_place(aside: &Path, path: &Path) -> Result<(), StoreError> {
    std::fs::rename(aside, path).map_err(file_error("put in place", path))?;
    sync_parent(path)
}

/// Where a file is written before it is put in place.
pub(super) fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

/// A new, empty file for the owner alone, in place of any of that name.
pub(super) fn create(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(file_error("create", path))
}
