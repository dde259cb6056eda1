//! Segments: the log's files, each named by its first sequence.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The segment that is written to.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    /// How much of it is known to be on the disk.
    length: u64,
    /// Closed after a failure, and opened again by the next write.
    file: Option<File>,
}

impl Segment {
    /// A segment of which the first `length` bytes hold.
    pub(super) fn at(path: PathBuf, length: u64) -> Self {
        Self { path, length, file: None }
    }

    /// Where a segment that begins with entry `first` lies.
    pub(super) fn path_of(folder: &Path, first: u64) -> PathBuf {
        folder.join(format!("{PREFIX}{first:020}{SUFFIX}"))
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Whether what was written to it is where it was written: nobody removed, cut or replaced the file.
    pub(super) fn is_whole(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|about| about.is_file() && about.len() >= self.length)
    }

    /// Appends `lines` and syncs them. After a failure the file is as before, now or before the next write.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let (mut file, fresh) = match self.file.take() {
            Some(file) if same_file(&file, &self.path) => (file, false),
            _ => (self.open()?, true),
        };
        let written = file
            .write_all(lines)
            .and_then(|()| file.sync_data())
            .and_then(|()| if fresh { sync_folder(self.path.parent()) } else { Ok(()) });
        match written {
            Ok(()) => {
                self.length += lines.len() as u64;
                self.file = Some(file);
                Ok(())
            }
            Err(error) => {
                // If this fails too, the next write does it.
                let _ = file.set_len(self.length);
                Err(error)
            }
        }
    }

    /// Takes back what was appended after `length`.
    pub(super) fn take_back(&mut self, length: u64) {
        self.length = length;
        if let Some(file) = self.file.take() {
            let _ = file.set_len(length);
        }
    }

    /// Opens the file with exactly what is known to hold.
    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.path)?;
        if file.metadata()?.len() > self.length {
            file.set_len(self.length)?;
            file.sync_all()?;
        }
        Ok(file)
    }
}

/// The segments of a folder, with their first sequences, in their order.
pub(super) fn list(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let first = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)).and_then(|n| n.parse().ok());
        if let Some(first) = first {
            found.push((first, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Syncs the entries of a folder.
pub(super) fn sync_folder(folder: Option<&Path>) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = folder {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Whether the open file is still the one that `path` names.
#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let named = std::fs::metadata(path).map(|about| (about.dev(), about.ino()));
    let open = file.metadata().map(|about| (about.dev(), about.ino()));
    matches!((named, open), (Ok(named), Ok(open)) if named == open)
}

#[cfg(not(unix))]
fn same_file(_file: &File, path: &Path) -> bool {
    path.exists()
}

const PREFIX: &str = "audit-";
const SUFFIX: &str = ".jsonl";
