//! A development gate that runs: which process has which folder, and how the commands of other terminals find it.
//!
//! Whoever serves a folder holds a lock on a file in it, which the system lets go of however the process ends. A pointer in the
//! user's configuration folder names one such folder; it belongs to the gate that wrote it while that one runs.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::exit::Failure;
use crate::profile::configuration_folder;

/// The lock, in the gate's folder.
const LOCK: &str = "dev.lock";
/// The pointer, in the user's configuration folder.
const POINTER: &str = "dev-home";
/// Longest file that is read, bytes.
const BYTES_MAX: u64 = 8192;

/// What a running gate says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Its process.
    pub pid: u32,
    /// Its address.
    pub url: String,
}

/// A folder that this process serves, until it is dropped.
#[derive(Debug)]
pub struct Standing {
    _lock: File,
}

impl Standing {
    /// Takes a folder.
    ///
    /// # Errors
    /// When another process serves it, or the lock cannot be written.
    pub fn take(home: &Path, url: &str) -> Result<Self, Failure> {
        let path = home.join(LOCK);
        let failed = |error: std::io::Error| Failure::file(&path, &error);
        let mut lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(home)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let told = Told {
            pid: std::process::id(),
            url: url.to_owned(),
        };
        let text = toml::to_string(&told).map_err(|error| Failure::fault(error, "report this"))?;
        lock.set_len(0)
            .and_then(|()| lock.write_all(text.as_bytes()))
            .map_err(failed)?;
        Ok(Self { _lock: lock })
    }

    /// Refuses a folder that another process serves, before anything of it is touched.
    ///
    /// # Errors
    /// When one does.
    pub fn refuse_taken(home: &Path) -> Result<(), Failure> {
        if is_served(home) {
            return Err(taken(home));
        }
        Ok(())
    }
}

/// A development gate that runs.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its folder.
    pub home: PathBuf,
    /// What it says; nothing while it starts.
    pub told: Option<Told>,
}

impl Found {
    /// The one that the pointer names, if it runs.
    #[must_use]
    pub fn by_pointer() -> Option<Self> {
        let pointer = configuration_folder().ok()?.join(POINTER);
        let home = PathBuf::from(read(&pointer)?.trim());
        is_served(&home).then(|| Self {
            told: told(&home),
            home,
        })
    }

    /// Which one it is, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let home = self.home.display();
        match &self.told {
            Some(told) => format!("process {}, {}, folder {home}", told.pid, told.url),
            None => format!("folder {home}"),
        }
    }

    /// How to end it, in words.
    #[must_use]
    pub fn end(&self) -> String {
        match &self.told {
            Some(told) => format!("end it with `kill {}`", told.pid),
            None => "end it with Ctrl-C in its terminal".to_owned(),
        }
    }
}

/// The pointer that names this process's folder.
#[derive(Debug)]
pub struct Pointer {
    path: PathBuf,
    home: PathBuf,
}

impl Pointer {
    /// Points to a folder, unless another gate that runs is pointed to. Nothing is lost when it cannot be written.
    ///
    /// # Errors
    /// With the other gate.
    pub fn to(home: &Path) -> Result<Option<Self>, Found> {
        match Found::by_pointer() {
            Some(other) if other.home != home => Err(other),
            _ => Ok(Self::write(home)),
        }
    }

    fn write(home: &Path) -> Option<Self> {
        let folder = configuration_folder().ok()?;
        std::fs::create_dir_all(&folder).ok()?;
        let path = folder.join(POINTER);
        let next = folder.join(format!("{POINTER}.{}", std::process::id()));
        std::fs::write(&next, format!("{}\n", home.display())).ok()?;
        std::fs::rename(&next, &path).ok()?;
        let home = home.to_owned();
        Some(Self { path, home })
    }

    /// Removes it, if it still names this folder.
    pub fn withdraw(self) {
        let named = read(&self.path).unwrap_or_default();
        if Path::new(named.trim()) == self.home {
            let _gone = std::fs::remove_file(&self.path);
        }
    }
}

fn is_served(home: &Path) -> bool {
    File::open(home.join(LOCK))
        .is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn told(home: &Path) -> Option<Told> {
    toml::from_str(&read(&home.join(LOCK))?).ok()
}

fn taken(home: &Path) -> Failure {
    let found = Found {
        told: told(home),
        home: home.to_owned(),
    };
    Failure::usage(
        format!("a gatehold dev runs there: {}", found.words()),
        format!(
            "use it, {}, or name another folder with --keep",
            found.end()
        ),
    )
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = File::open(path).ok()?;
    std::io::Read::read_to_string(&mut std::io::Read::take(file, BYTES_MAX), &mut text).ok()?;
    Some(text)
}
