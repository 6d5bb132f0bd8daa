//! The two files of a target, on a disk of this machine: the revocation list that servers read, and the log beside it. Only one process
//! writes them at a time; the list is replaced as a whole or not at all, and read back.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatehold_core::hash::Hash;
use gatehold_core::ssh::krl::KRL_BYTES_MAX;
use gatehold_core::ssh::{Krl, KrlError};
use gatehold_core::time::Timestamp;

use super::book::{Book, Line};

/// Longest log read, in bytes.
const LOG_BYTES_MAX: usize = 64 << 20;
/// Somebody else may write.
const OTHERS_WRITE: u32 = 0o022;
/// How often it is looked whether another process has finished.
const LOOK: Duration = Duration::from_millis(10);
/// Every server reads the list; the log is the gate's.
const LIST_MODE: u32 = 0o644;
const LOG_MODE: u32 = 0o600;

/// Why the files say nothing, or were not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("{}: {error}", path.display())]
    File {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("{0}")]
    List(#[from] KrlError),
    #[error("{0}")]
    Damaged(String),
    #[error("another process has the lock, or the disk is too slow")]
    Timeout,
}

impl Trouble {
    /// As it is said of a credential that remains.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "unreachable",
            Self::List(_) | Self::Damaged(_) => "target_refused",
            Self::Timeout => "timeout",
        }
    }

    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { path, error }
    }
}

/// Where they are.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    list: PathBuf,
    folder: PathBuf,
}

impl Files {
    /// The list at this path, which need not be there yet, in a folder that nobody else writes to.
    pub(crate) fn new(list: PathBuf) -> Result<Self, String> {
        let folder = match (list.parent(), list.file_name()) {
            (Some(folder), Some(_)) if list.is_absolute() => folder.to_owned(),
            _ => return Err("name the file by its absolute path".to_owned()),
        };
        let metadata = std::fs::metadata(&folder)
            .map_err(|_| format!("its folder {} cannot be read", folder.display()))?;
        if !metadata.is_dir() || metadata.permissions().mode() & OTHERS_WRITE != 0 {
            let text = "must belong to the gate alone: run chmod go-w on it";
            return Err(format!("its folder {} {text}", folder.display()));
        }
        Ok(Self { list, folder })
    }

    /// Where the list is.
    pub(crate) fn path(&self) -> &Path {
        &self.list
    }

    /// Which list it is: a hash of its path, because a path may be longer than a recipe.
    pub(crate) fn name(&self) -> String {
        Hash::of(self.list.as_os_str().as_bytes()).to_string()
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.list.clone().into_os_string();
        name.push(ending);
        name.into()
    }

    fn log(&self) -> PathBuf {
        self.beside(".issued")
    }

    /// What is revoked; nothing where there is no list.
    pub(crate) fn list(&self) -> Result<Option<Krl>, Trouble> {
        let bytes = read(&self.list, KRL_BYTES_MAX)?;
        Ok(bytes.map(|bytes| Krl::parse(&bytes)).transpose()?)
    }

    /// What was certified; nothing where there is no log.
    pub(crate) fn book(&self) -> Result<Option<Book>, Trouble> {
        let bytes = read(&self.log(), LOG_BYTES_MAX)?;
        bytes.map(|bytes| Book::parse(&bytes)).transpose()
    }

    /// Waits until no other process writes.
    pub(crate) async fn lock(&self, at_most: Duration) -> Result<Locked, Trouble> {
        let path = self.beside(".lock");
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(LOG_MODE)
            .open(&path)
            .map_err(Trouble::file(&path))?;
        let mut looks = tokio::time::interval(LOOK);
        let locked = tokio::time::timeout(at_most, async {
            loop {
                looks.tick().await;
                match lock.try_lock() {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::WouldBlock) => {}
                    Err(TryLockError::Error(error)) => return Err(Trouble::file(&path)(error)),
                }
            }
        });
        match locked.await {
            Ok(Ok(())) => Ok(Locked {
                files: self.clone(),
                _lock: lock,
            }),
            Ok(Err(trouble)) => Err(trouble),
            Err(_elapsed) => Err(Trouble::Timeout),
        }
    }
}

/// The right to write, until it is dropped.
#[derive(Debug)]
pub(crate) struct Locked {
    pub(crate) files: Files,
    _lock: File,
}

impl Locked {
    /// Puts a line at the end of the log. It is on the disk when this returns.
    pub(crate) fn append(&self, book: &Book, line: &Line) -> Result<(), Trouble> {
        let path = self.files.log();
        let bytes = line.to_bytes()?;
        let end = u64::try_from(book.whole).unwrap_or(u64::MAX);
        let written = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(LOG_MODE)
            .open(&path)
            .and_then(|file| {
                // What a process left that died while it wrote.
                file.set_len(end)?;
                file.write_all_at(&bytes, end)?;
                file.sync_all()
            })
            .and_then(|()| self.sync_folder());
        written.map_err(Trouble::file(&path))
    }

    /// Writes the log again.
    pub(crate) fn replace_log(&self, bytes: &[u8]) -> Result<(), Trouble> {
        let path = self.files.log();
        self.replace(&path, bytes, LOG_MODE)
            .map_err(Trouble::file(&path))
    }

    /// Writes the list, and gives what is there afterwards.
    pub(crate) fn replace_list(&self, list: &Krl, now: Timestamp) -> Result<Krl, Trouble> {
        let path = &self.files.list;
        let bytes = list.to_bytes(u64::try_from(now.seconds()).unwrap_or(0));
        self.replace(path, &bytes, LIST_MODE)
            .map_err(Trouble::file(path))?;
        self.files.list()?.ok_or_else(|| {
            Trouble::Damaged("the revocation list is gone as soon as it was written".to_owned())
        })
    }

    /// The list as it is, once it is on the disk as well.
    pub(crate) fn sync_list(&self) -> Result<(), Trouble> {
        let path = &self.files.list;
        let synced = File::open(path).and_then(|file| file.sync_all());
        synced
            .and_then(|()| self.sync_folder())
            .map_err(Trouble::file(path))
    }

    /// A new file in the place of the old one: whoever reads it reads one or the other.
    fn replace(&self, path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
        let mut next = path.as_os_str().to_owned();
        next.push(".new");
        let next = PathBuf::from(next);
        // What a process left that died while it wrote; and never what somebody else put there.
        match std::fs::remove_file(&next) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(mode)
            .open(&next)?;
        file.write_all(bytes)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        std::fs::rename(&next, path)?;
        self.sync_folder()
    }

    fn sync_folder(&self) -> std::io::Result<()> {
        File::open(&self.files.folder)?.sync_all()
    }
}

/// A file of at most so many bytes; nothing where there is none. A link is not followed: what is written takes its place, and who
/// reads at its other end would see nothing of it.
fn read(path: &Path, bytes_max: usize) -> Result<Option<Vec<u8>>, Trouble> {
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Trouble::file(path)(error)),
    };
    let damaged = |why: &str| Trouble::Damaged(format!("{} {why}", path.display()));
    if !metadata.is_file() {
        return Err(damaged("is not a file of its own: name the file itself"));
    }
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(Trouble::file(path))?;
    if bytes.len() > bytes_max {
        return Err(damaged("is too long"));
    }
    Ok(Some(bytes))
}
