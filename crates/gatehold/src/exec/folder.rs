//! The folder of what was handed out: its owner's alone, in memory where the machine has a place for that, and removed at the end.
//! What a killed process left is removed by the next one of the same user; what lies in it is of no use once the lease has ended.

use std::fs::{File, Permissions, TryLockError, read_dir, remove_dir_all, rename};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::statfs;
use rustix::process::geteuid;
use tempfile::TempDir;

use crate::ambient::variable;
use crate::exit::Failure;
use crate::files::write_secret;

/// How such folders are called.
const PREFIX: &str = "gatehold-exec-";
/// Held as long as whoever uses the folder lives.
const LOCK: &str = "lock";
/// Where everybody may put something in memory.
const SHARED: &str = "/dev/shm";
/// File systems that are in memory: tmpfs and ramfs.
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// The folder, while it is used.
pub struct Folder {
    folder: TempDir,
    _held: File,
}

impl Folder {
    /// Makes it, and removes what others of this user left behind.
    ///
    /// # Errors
    /// When there is no room.
    pub fn make() -> Result<Self, Failure> {
        let place = place();
        sweep(&place.clone().unwrap_or_else(std::env::temp_dir));
        let full = |error| Failure::fault(error, "make room in the temporary folder");
        let mut making = tempfile::Builder::new();
        making
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700));
        let folder = match &place {
            Some(place) => making.tempdir_in(place),
            None => making.tempdir(),
        };
        let folder = folder.map_err(full)?;
        if place.is_none() {
            let path = folder.path().display();
            eprintln!("note:  no folder here is in memory: what is handed out lies in {path}");
        }
        // Whoever sees the lock sees it held.
        let (new, lock) = (folder.path().join("lock.new"), folder.path().join(LOCK));
        let held = File::create_new(&new).map_err(|error| Failure::file(&new, &error))?;
        held.try_lock().map_err(full_of_locks)?;
        rename(&new, &lock).map_err(|error| Failure::file(&lock, &error))?;
        Ok(Self {
            folder,
            _held: held,
        })
    }

    /// A file of it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that only its owner reads; gives its path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.path(name);
        write_secret(&path, text.as_bytes())?;
        Ok(path)
    }

    /// Removes it.
    ///
    /// # Errors
    /// When it could not be removed, with where it still is.
    pub fn remove(self) -> Result<(), Failure> {
        let path = self.folder.path().to_owned();
        self.folder.close().map_err(|error| {
            Failure::fault(
                format!("{}: {error}", path.display()),
                "remove this folder by hand; what was handed out is in it",
            )
        })
    }
}

fn full_of_locks(error: TryLockError) -> Failure {
    Failure::fault(error, "put the temporary folder on a disk of this machine")
}

/// A folder in memory: the user's own, or the one that everybody shares.
fn place() -> Option<PathBuf> {
    let own = variable("XDG_RUNTIME_DIR").map(PathBuf::from);
    let places = own.into_iter().chain([PathBuf::from(SHARED)]);
    places
        .into_iter()
        .find(|place| place.is_absolute() && place.is_dir() && is_in_memory(place))
}

fn is_in_memory(place: &Path) -> bool {
    let kind = statfs(place).ok().map(|kind| u64::try_from(kind.f_type));
    kind.is_some_and(|kind| kind.is_ok_and(|kind| IN_MEMORY.contains(&kind)))
}

/// Removes the folders of this user that nobody holds. What cannot be removed now is tried by the next one.
fn sweep(place: &Path) {
    for entry in read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX));
        let path = entry.path();
        if ours && is_own_folder(&path) && is_left(&path.join(LOCK)) {
            let _next_time = remove_dir_all(&path);
        }
    }
}

/// Never through a link, and never what another user put there.
fn is_own_folder(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|about| about.is_dir() && about.uid() == geteuid().as_raw())
}

/// One without a lock is being made.
fn is_left(lock: &Path) -> bool {
    let plain = lock.symlink_metadata().is_ok_and(|about| about.is_file());
    plain && File::open(lock).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_owners_alone_and_gone_afterwards() {
        let folder = Folder::make().unwrap();
        let path = folder.path("");
        let secret = folder.write("key", "s").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(&secret)), (0o700, 0o600));
        folder.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_used_stays() {
        let place = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let folder = place.path().join(format!("{PREFIX}{name}"));
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("key"), "s").unwrap();
            folder
        };
        let (left, used, begun) = (make("left"), make("used"), make("begun"));
        let other = place.path().join("other");
        std::fs::create_dir(&other).unwrap();
        File::create(left.join(LOCK)).unwrap();
        File::create(other.join(LOCK)).unwrap();
        let held = File::create(used.join(LOCK)).unwrap();
        held.try_lock().unwrap();
        sweep(place.path());
        let there = [&left, &used, &begun, &other].map(|folder| folder.exists());
        assert_eq!(there, [false, true, true, true]);
    }
}
