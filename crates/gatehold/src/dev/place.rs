//! Where a development gate stands: a folder that is kept, or one that is gone when the gate is.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::exit::Failure;
use crate::files;

/// The folder, made.
pub struct Place {
    home: PathBuf,
    /// Nothing of somebody else's can be in it.
    made: bool,
    temporary: Option<TempDir>,
}

impl Place {
    /// Opens the folder to keep, or makes a temporary one.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(keep: Option<&Path>) -> Result<Self, Failure> {
        let (wanted, made, temporary) = match keep {
            Some(folder) => (folder.to_owned(), !folder.exists(), None),
            None => {
                let folder = temporary_folder("gatehold-dev-")?;
                (folder.path().to_owned(), true, Some(folder))
            }
        };
        files::private_folder(&wanted)?;
        let home = wanted
            .canonicalize()
            .map_err(|error| Failure::file(&wanted, &error))?;
        Ok(Self {
            home,
            made,
            temporary,
        })
    }

    /// Its full path.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Removes the folder even if it was to be kept, because nobody is left who would put it away; but not one that was there
    /// before.
    ///
    /// # Errors
    /// As [`Place::close`].
    pub fn abandon(self) -> Result<String, Failure> {
        if self.temporary.is_some() || !self.made {
            return self.close();
        }
        std::fs::remove_dir_all(&self.home)
            .map(|()| format!("{} is removed", self.home.display()))
            .map_err(|error| Failure::file(&self.home, &error))
    }

    /// Removes what is not to be kept. Gives what became of the folder.
    ///
    /// # Errors
    /// When it could not be removed, with where it still is.
    pub fn close(self) -> Result<String, Failure> {
        let home = self.home.display();
        match self.temporary {
            None => Ok(format!("{home} is kept")),
            Some(folder) => remove(folder),
        }
    }
}

/// Makes a folder that is to be gone at the end.
///
/// # Errors
/// When there is no room for it.
pub fn temporary_folder(prefix: &str) -> Result<TempDir, Failure> {
    tempfile::Builder::new()
        .prefix(prefix)
        .tempdir()
        .map_err(|error| Failure::fault(error, "make room in the temporary folder"))
}

/// Removes it. Gives what became of it.
///
/// # Errors
/// When it could not be removed, with where it still is: there are private keys in it.
pub fn remove(folder: TempDir) -> Result<String, Failure> {
    let path = folder.path().to_owned();
    match folder.close() {
        Ok(()) => Ok(format!("{} is removed", path.display())),
        Err(error) => Err(Failure::fault(
            format!("{}: {error}", path.display()),
            "remove this folder by hand; generated keys are in it",
        )),
    }
}
