//! The operating system's store of authorities, as far as this program puts its own into it: a file in a folder, and the
//! system's tool that takes the folder over. Which certificate belongs there is the caller's to know.
//!
//! The tool is run by its full path, without a shell, with nothing in its arguments that somebody else chose.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::files;

/// How a system keeps the authorities that its administrator adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Debian, Ubuntu, Alpine: `update-ca-certificates`.
    Debian,
    /// Red Hat, Fedora and relatives: `update-ca-trust`.
    RedHat,
    /// SUSE: `update-ca-certificates` over other folders.
    Suse,
    /// Windows: `certutil`, and a folder of ours that remembers what was put there.
    Windows,
}

/// The store of one system.
#[derive(Debug, Clone)]
pub struct TrustStore {
    layout: Layout,
    root: PathBuf,
    program: PathBuf,
}

/// A certificate that is to be in the store, or out of it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What tells its file from others: hexadecimal digits of its fingerprint.
    pub short: String,
    /// The certificate in PEM form.
    pub pem: String,
    /// SHA-1 of its DER form in hexadecimal: what Windows finds it by.
    pub thumbprint: String,
}

/// What a call found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was done.
    Done,
    /// It was so already.
    Already,
}

/// Why the store cannot be changed or read. The operator's side.
#[derive(Debug, thiserror::Error)]
pub enum TrustStoreError {
    /// No tool that this program knows.
    #[error(
        "this system has neither update-ca-certificates nor update-ca-trust: install the package ca-certificates, or give the certificate to your programs by their own settings"
    )]
    NoTool,
    /// The rights are missing.
    #[error("{} cannot be changed without an administrator's rights (sudo, or an elevated prompt)", path.display())]
    Rights {
        /// What cannot be changed.
        path: PathBuf,
    },
    /// A file cannot be written, read or removed.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The tool cannot be run, or failed.
    #[error("{} failed: {text}", program.display())]
    Tool {
        /// The tool.
        program: PathBuf,
        /// What it said.
        text: String,
    },
}

impl TrustStore {
    /// The store of the system under `root`; `/` is this one.
    pub fn under(root: &Path) -> Result<Self, TrustStoreError> {
        let there = |path: &str| root.join(path).is_dir();
        let layout = if cfg!(windows) {
            Layout::Windows
        } else if there("etc/pki/ca-trust/source") {
            Layout::RedHat
        } else if there("etc/pki/trust") {
            Layout::Suse
        } else {
            Layout::Debian
        };
        let folders = if cfg!(windows) { &WINDOWS_FOLDERS[..] } else { &UNIX_FOLDERS };
        let found = folders.iter().map(|folder| Path::new(folder).join(layout.tool())).find(|path| path.is_file());
        Ok(Self::with(layout, root, &found.ok_or(TrustStoreError::NoTool)?))
    }

    /// The store of the system under `root`, by its layout and its tool.
    pub fn with(layout: Layout, root: &Path, program: &Path) -> Self {
        Self { layout, root: root.to_owned(), program: program.to_owned() }
    }

    /// How the system keeps its authorities.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Puts it there.
    pub fn install(&self, entry: &Entry) -> Result<Change, TrustStoreError> {
        let file = self.file(entry);
        let already = std::fs::read(&file).is_ok_and(|content| content == entry.pem.as_bytes());
        if !already {
            let folder = self.folder();
            std::fs::create_dir_all(&folder).map_err(|source| trouble(&folder, source))?;
            files::write_public(&file, entry.pem.as_bytes()).map_err(|source| trouble(&file, source))?;
        }
        // Also where the file was there: somebody may have been interrupted.
        if let Err(error) = self.run(&self.arguments(Act::Install, entry)) {
            if !already {
                let _ = std::fs::remove_file(&file);
            }
            return Err(error);
        }
        Ok(if already { Change::Already } else { Change::Done })
    }

    /// Takes it out.
    pub fn uninstall(&self, entry: &Entry) -> Result<Change, TrustStoreError> {
        let file = self.file(entry);
        if !file.exists() {
            return Ok(Change::Already);
        }
        match self.layout {
            // Windows knows it by its thumbprint; the file is only what we remember it by.
            Layout::Windows => {
                self.run(&self.arguments(Act::Uninstall, entry))?;
                std::fs::remove_file(&file).map_err(|source| trouble(&file, source))?;
            }
            _ => {
                std::fs::remove_file(&file).map_err(|source| trouble(&file, source))?;
                self.run(&self.arguments(Act::Uninstall, entry))?;
            }
        }
        Ok(Change::Done)
    }

    /// Every certificate that this program put there: the files and their content.
    pub fn installed(&self) -> Result<Vec<(PathBuf, Vec<u8>)>, TrustStoreError> {
        let folder = self.folder();
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(trouble(&folder, error)),
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        paths.retain(|path| path.file_name().is_some_and(|name| is_ours(&name.to_string_lossy())));
        paths.sort();
        let read = |path: PathBuf| match std::fs::read(&path) {
            Ok(content) => Ok((path, content)),
            Err(error) => Err(trouble(&path, error)),
        };
        paths.into_iter().map(read).collect()
    }

    /// Whether programs of this system believe it: it is in the file that the tool makes for them.
    pub fn is_in_effect(&self, entry: &Entry) -> bool {
        let Some(bundle) = self.layout.bundle() else {
            return self.run(&self.arguments(Act::Verify, entry)).is_ok();
        };
        let body = |pem: &str| pem.lines().filter(|line| !line.starts_with("-----")).collect::<String>();
        let whole = std::fs::read_to_string(self.root.join(bundle)).unwrap_or_default();
        whole.split("-----BEGIN CERTIFICATE-----").skip(1).any(|one| {
            let one = one.split("-----END").next().unwrap_or_default();
            body(one.trim()) == body(&entry.pem)
        })
    }

    /// The file of a certificate.
    pub fn file(&self, entry: &Entry) -> PathBuf {
        self.folder().join(format!("{PREFIX}{}{SUFFIX}", entry.short))
    }

    fn folder(&self) -> PathBuf {
        self.root.join(self.layout.folder())
    }

    /// What the tool is called with.
    fn arguments(&self, act: Act, entry: &Entry) -> Vec<OsString> {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        match (self.layout, act) {
            (Layout::Debian | Layout::Suse, act) => {
                // A certificate that is gone leaves its links behind, unless everything is made afresh.
                let mut all = words(if act == Act::Uninstall { &["--fresh"] } else { &[] });
                // Of another system than this one, only where it differs: the authorities of the distribution stay this one's.
                if self.layout == Layout::Debian && self.root != Path::new("/") {
                    for (option, folder) in DEBIAN_FOLDERS {
                        all.extend([OsString::from(option), self.root.join(folder).into_os_string()]);
                    }
                }
                all
            }
            (Layout::RedHat, _) => words(&["extract"]),
            (Layout::Windows, Act::Install) => {
                let mut all = words(&["-f", "-addstore", "Root"]);
                all.push(self.file(entry).into_os_string());
                all
            }
            (Layout::Windows, Act::Uninstall) => words(&["-delstore", "Root", &entry.thumbprint]),
            (Layout::Windows, Act::Verify) => words(&["-verifystore", "Root", &entry.thumbprint]),
        }
    }

    fn run(&self, arguments: &[OsString]) -> Result<(), TrustStoreError> {
        let failed = |text: String| TrustStoreError::Tool { program: self.program.clone(), text };
        let output = Command::new(&self.program).args(arguments).output().map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        Err(failed(format!("{} ({})", said.join("; "), output.status)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Install,
    Uninstall,
    Verify,
}

impl Layout {
    fn tool(self) -> &'static str {
        match self {
            Self::Debian | Self::Suse => "update-ca-certificates",
            Self::RedHat => "update-ca-trust",
            Self::Windows => "certutil.exe",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Debian => "usr/local/share/ca-certificates",
            Self::RedHat => "etc/pki/ca-trust/source/anchors",
            Self::Suse => "etc/pki/trust/anchors",
            Self::Windows => "ProgramData/Gatehouse/trust",
        }
    }

    /// The file that the tool makes; none where the store is asked itself.
    fn bundle(self) -> Option<&'static str> {
        match self {
            Self::Debian => Some("etc/ssl/certs/ca-certificates.crt"),
            Self::RedHat => Some("etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),
            Self::Suse => Some("var/lib/ca-certificates/ca-bundle.pem"),
            Self::Windows => None,
        }
    }
}

fn is_ours(name: &str) -> bool {
    let middle = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    middle.is_some_and(|short| !short.is_empty() && short.chars().all(|c| c.is_ascii_hexdigit()))
}

fn trouble(path: &Path, source: io::Error) -> TrustStoreError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => TrustStoreError::Rights { path },
        _ => TrustStoreError::File { path, source },
    }
}

const PREFIX: &str = "gatehouse-";
const SUFFIX: &str = ".crt";
/// Where the tools are; not where whoever calls us says.
const UNIX_FOLDERS: [&str; 5] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin"];
const WINDOWS_FOLDERS: [&str; 1] = ["C:\\Windows\\System32"];
/// What is another under another root.
const DEBIAN_FOLDERS: [(&str, &str); 3] = [
    ("--localcertsdir", "usr/local/share/ca-certificates"),
    ("--etccertsdir", "etc/ssl/certs"),
    ("--hooksdir", "etc/ca-certificates/update.d"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let pem = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n".to_owned();
        Entry { short: "1a2b3c4d".to_owned(), pem, thumbprint: "00ff".to_owned() }
    }

    fn called(store: &TrustStore, act: Act) -> String {
        let words = store.arguments(act, &entry());
        words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_systems_tool_is_called_as_its_manual_says() {
        let store = |layout, root: &str| TrustStore::with(layout, Path::new(root), Path::new("/nowhere"));
        let debian = store(Layout::Debian, "/");
        assert_eq!(
            (called(&debian, Act::Install), called(&debian, Act::Uninstall)),
            (String::new(), "--fresh".to_owned())
        );
        let image = called(&store(Layout::Debian, "/image"), Act::Install);
        assert!(
            image.starts_with(
                "--localcertsdir /image/usr/local/share/ca-certificates --etccertsdir /image/etc/ssl/certs"
            )
        );
        assert_eq!(called(&store(Layout::RedHat, "/"), Act::Install), "extract");
        let windows = store(Layout::Windows, "C:/");
        assert_eq!(
            called(&windows, Act::Install),
            "-f -addstore Root C:/ProgramData/Gatehouse/trust/gatehouse-1a2b3c4d.crt"
        );
        assert_eq!(called(&windows, Act::Uninstall), "-delstore Root 00ff");
        assert_eq!(called(&windows, Act::Verify), "-verifystore Root 00ff");
    }

    #[test]
    fn only_files_of_our_own_making_are_ours() {
        assert!(is_ours("gatehouse-1a2b3c4d.crt"));
        for other in ["company.crt", "gatehouse-.crt", "gatehouse-1a2b3c4d.pem", "gatehouse-notes.crt"] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
