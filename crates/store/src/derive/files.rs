//! The files of a published ledger: each replaced whole by rename, so that a reader never sees half of one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use gatehold_ledger::{LogKey, SignedTreeHead};
use tokio::fs;

use super::PublishFault;

/// The file of the newest signed tree head.
pub(super) const TREE_HEAD: &str = "tree-head";

/// The newest signed tree head, if one was published. One that is not of this log's key is refused.
pub(super) async fn tree_head(
    directory: &Path,
    key: &LogKey,
) -> Result<Option<SignedTreeHead>, PublishFault> {
    let Some(bytes) = read(directory, TREE_HEAD).await? else {
        return Ok(None);
    };
    let note = String::from_utf8_lossy(&bytes);
    Ok(Some(SignedTreeHead::verify(&note, key)?))
}

/// A file's bytes, if there is one.
pub(super) async fn read(directory: &Path, name: &str) -> Result<Option<Vec<u8>>, PublishFault> {
    let path = directory.join(name);
    match fs::read(&path).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(&path, error)),
    }
}

/// Replaces a file.
pub(super) async fn write(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), PublishFault> {
    let path = directory.join(name);
    let mut new = path.clone().into_os_string();
    new.push(".tmp");
    let new = PathBuf::from(new);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .await
            .map_err(|error| fault(folder, error))?;
    }
    fs::write(&new, bytes)
        .await
        .map_err(|error| fault(&new, error))?;
    fs::rename(&new, &path)
        .await
        .map_err(|error| fault(&path, error))
}

/// Removes the partial tiles before a full one. What stays is only litter.
pub(super) async fn remove_partials(directory: &Path, full: &str) {
    let _ = fs::remove_dir_all(directory.join(format!("{full}.p"))).await;
}

pub(super) fn fault(path: &Path, error: std::io::Error) -> PublishFault {
    PublishFault::File {
        path: path.to_owned(),
        error,
    }
}
