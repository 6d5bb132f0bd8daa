//! Files the binary writes: secrets are readable by their owner alone, and nothing is half written.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::exit::Failure;

/// Writes a new file that only its owner can read. An existing file is never overwritten: a key that is lost is lost.
///
/// # Errors
/// When it exists or cannot be written.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Failure::file(path, &error))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|error| Failure::file(path, &error))
}

/// Writes or replaces a file that only its owner can read, by renaming.
///
/// # Errors
/// When it cannot be written.
pub fn replace_secret(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let next = path.with_added_extension("new");
    if next.exists() {
        std::fs::remove_file(&next).map_err(|error| Failure::file(&next, &error))?;
    }
    write_secret(&next, bytes)?;
    std::fs::rename(&next, path).map_err(|error| Failure::file(path, &error))
}

/// Makes a folder that only its owner can enter.
///
/// # Errors
/// When it cannot be made.
pub fn private_folder(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Failure::file(path, &error))
}
