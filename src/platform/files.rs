//! Files and folders that belong to the appliance's user alone, and files that are replaced whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Makes `folder` and what leads to it, with rights for its owner alone. One that exists and is empty (a volume, a folder
/// made beforehand) gets those rights; one that holds something is taken only if others cannot enter it.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let fresh = !folder.exists();
    builder.create(folder)?;
    if fresh {
        return Ok(());
    }
    #[cfg(unix)]
    if others_kept_out(folder).is_err() && fs::read_dir(folder)?.next().is_none() {
        fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    }
    others_kept_out(folder)
}

/// Fails where anybody but the owner has a right to `path`.
#[cfg(unix)]
pub fn others_kept_out(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let about = fs::metadata(path)?;
    let mode = about.mode() & 0o777;
    // systemd hands a credential over as root's own, with the service's right to it shown in the group's bits.
    let from_systemd = mode == 0o440 && about.uid() == 0 && about.gid() == 0;
    if mode & 0o077 == 0 || from_systemd {
        return Ok(());
    }
    let text = format!("{} has rights {mode:o}: others can reach it (chmod go= {})", path.display(), path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

/// Fails where anybody but the owner has a right to `path`. Where rights are lists, they come from the folder above.
#[cfg(not(unix))]
pub fn others_kept_out(path: &Path) -> io::Result<()> {
    fs::metadata(path).map(|_| ())
}

/// Writes a file that its owner alone may read: new or replaced, whole or not at all, and on the disk when this returns.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    write(path, content, 0o600)
}

/// Writes a file that everybody may read, as [`write_private`] does.
pub fn write_public(path: &Path, content: &[u8]) -> io::Result<()> {
    write(path, content, 0o644)
}

fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut aside = path.file_name().unwrap_or_default().to_os_string();
    aside.push(format!(".{}.new", uuid::Uuid::new_v4().simple()));
    let aside = folder.join(aside);
    let done = fill(&aside, content, mode).and_then(|()| fs::rename(&aside, path)).and_then(|()| sync_folder(folder));
    if done.is_err() {
        let _ = fs::remove_file(&aside);
    }
    done
}

fn fill(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Makes a rename or a new file in `folder` survive a power cut.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(windows) { Ok(()) } else { File::open(folder)?.sync_all() }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_private_file_is_replaced_whole_and_keeps_others_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        write_private(&file, b"one").unwrap();
        write_private(&file, b"two").unwrap();
        assert_eq!((fs::read(&file).unwrap(), mode(&file)), (b"two".to_vec(), 0o600));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_failing_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        assert!(write_private(&taken, b"x").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_private_folder_that_others_can_enter_is_closed_to_them_while_it_is_empty_and_refused_after() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("a/b");
        private_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        private_folder(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        private_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        fs::write(folder.join("content"), b"x").unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(private_folder(&folder).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
