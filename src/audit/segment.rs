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
    /// `None` before the first write to a new segment.
    file: Option<File>,
    /// A write failed: what stands after `length` has to go before the next one.
    unclean: bool,
}

impl Segment {
    /// A new segment, to begin with entry `first`; its file is made by the first write, and must not be there yet.
    pub(super) fn new(folder: &Path, first: u64) -> Self {
        let path = folder.join(format!("{PREFIX}{first:020}{SUFFIX}"));
        Self { path, length: 0, file: None, unclean: false }
    }

    /// A segment that is there, of which the first `length` bytes hold and the rest is to go.
    pub(super) fn existing(path: &Path, length: u64) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self { path: path.to_owned(), length, file: Some(file), unclean: true })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Whether what was written to it is still where it was written: nobody removed, cut or replaced the file.
    pub(super) fn is_whole(&self) -> bool {
        let Some(file) = &self.file else { return true };
        let length = std::fs::metadata(&self.path).map(|about| about.len());
        length.is_ok_and(|length| length >= self.length) && same_file(file, &self.path)
    }

    /// Appends `lines` and syncs them. After a failure the segment is as before, at the latest when the next write
    /// begins.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => create(&self.path)?,
        };
        let written = self.write(&mut file, lines);
        if written.is_err() {
            self.unclean = true;
            // If this fails too, the next write does it.
            let _ = file.set_len(self.length);
        }
        self.file = Some(file);
        written
    }

    fn write(&mut self, file: &mut File, lines: &[u8]) -> io::Result<()> {
        if self.unclean {
            file.set_len(self.length)?;
            file.sync_all()?;
            self.unclean = false;
        }
        file.write_all(lines)?;
        file.sync_data()?;
        if self.length == 0 {
            sync_folder(self.path.parent())?;
        }
        self.length += lines.len() as u64;
        Ok(())
    }

    /// Takes back what was appended after `length`.
    pub(super) fn take_back(&mut self, length: u64) {
        self.length = length;
        self.unclean = true;
        if let Some(file) = &self.file {
            let _ = file.set_len(length);
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
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
    folder.map_or(Ok(()), crate::platform::files::sync_folder)
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
