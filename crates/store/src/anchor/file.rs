//! Anchor files: read all, replace one, sync it in the background.
//!
//! A file is whole at any time, because it is replaced by rename. A crash of the machine may take it back by up to a
//! second, which makes it a weaker anchor and never a wrong one.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use gatehold_ledger::{ANCHOR_BYTES_MAX, Anchor};

use super::AnchorFault;

const SUFFIX: &str = "anchor";
const FILES_MAX: usize = 1_000;
/// Batches within this time share one sync. Below one second, with room for a slow disk.
const SYNC_EVERY: Duration = Duration::from_millis(500);

pub(super) fn path(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.{SUFFIX}"))
}

/// Fails now rather than at the first batch.
pub(super) fn try_writing(directory: &Path, name: &str) -> Result<(), AnchorFault> {
    let path = directory.join(format!(".{name}.tmp"));
    let tried = fs::write(&path, "").and_then(|()| fs::remove_file(&path));
    tried.map_err(|error| AnchorFault::File { path, error })
}

/// Replaces a process's anchor.
pub(super) fn replace(directory: &Path, name: &str, anchor: &Anchor) -> Result<(), AnchorFault> {
    let new = directory.join(format!(".{name}.tmp"));
    let replaced =
        fs::write(&new, anchor.to_string()).and_then(|()| fs::rename(&new, path(directory, name)));
    replaced.map_err(|error| AnchorFault::File { path: new, error })
}

/// Keeps what an anchor said, as evidence.
pub(super) fn keep_copy(path: &Path, anchor: &Anchor) -> Result<(), AnchorFault> {
    let kept = path.with_extension(format!("superseded-{}", anchor.size));
    let fault = |error| AnchorFault::File {
        path: path.to_owned(),
        error,
    };
    fs::copy(path, kept).map(drop).map_err(fault)
}

/// Takes an anchor out of force.
pub(super) fn remove(path: &Path) -> Result<(), AnchorFault> {
    fs::remove_file(path).map_err(|error| AnchorFault::File {
        path: path.to_owned(),
        error,
    })
}

/// Every anchor of the directory, in order of their names.
pub(super) fn all(directory: &Path) -> Result<Vec<(PathBuf, Anchor)>, AnchorFault> {
    let fault = |error| AnchorFault::File {
        path: directory.to_owned(),
        error,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == SUFFIX)
        {
            paths.push(path);
        }
        if paths.len() > FILES_MAX {
            return Err(AnchorFault::TooMany(directory.to_owned()));
        }
    }
    paths.sort();
    paths.into_iter().map(read).collect()
}

fn read(path: PathBuf) -> Result<(PathBuf, Anchor), AnchorFault> {
    let mut text = String::new();
    let limited = File::open(&path).map(|file| file.take(ANCHOR_BYTES_MAX as u64 + 1));
    match limited.and_then(|mut file| file.read_to_string(&mut text)) {
        Err(error) => Err(AnchorFault::File { path, error }),
        Ok(_) => match Anchor::parse(&text) {
            Err(error) => Err(AnchorFault::Unreadable { path, error }),
            Ok(anchor) => Ok((path, anchor)),
        },
    }
}

/// Syncs the file and its directory soon after each change, on a thread of its own.
pub(super) struct Syncer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    directory: PathBuf,
    name: String,
}

#[derive(Default)]
struct Shared {
    work: Mutex<Work>,
    changed: Condvar,
}

#[derive(Default)]
struct Work {
    dirty: bool,
    failed: bool,
    stop: bool,
}

impl Syncer {
    pub fn start(directory: &Path, name: &str) -> Result<Self, AnchorFault> {
        let shared = Arc::new(Shared::default());
        let (directory, name) = (directory.to_owned(), name.to_owned());
        let run = {
            let (shared, directory, name) = (Arc::clone(&shared), directory.clone(), name.clone());
            move || sync_until_stopped(&shared, &directory, &name)
        };
        let thread = std::thread::Builder::new().name("anchor-sync".into());
        let thread = thread.spawn(run).map_err(|error| AnchorFault::File {
            path: directory.clone(),
            error,
        })?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
            directory,
            name,
        })
    }

    /// Syncs what is left and ends the thread.
    pub fn finish(&self) {
        self.shared.with(|work| work.stop = true);
        self.shared.changed.notify_one();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            let _ = thread.join();
        }
    }

    /// There is something new to sync.
    pub fn wake(&self) {
        self.shared.with(|work| work.dirty = true);
        self.shared.changed.notify_one();
    }

    /// After a failed sync nothing more is let out until one succeeds.
    pub fn check(&self) -> Result<(), AnchorFault> {
        if self.shared.with(|work| work.failed) {
            sync(&self.directory, &self.name)?;
            self.shared.with(|work| work.failed = false);
        }
        Ok(())
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Shared {
    fn with<T>(&self, change: impl FnOnce(&mut Work) -> T) -> T {
        change(&mut self.work.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn sync_until_stopped(shared: &Shared, directory: &Path, name: &str) {
    loop {
        let work = shared.work.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |work: &mut Work| !work.dirty && !work.stop;
        let work = shared.changed.wait_while(work, idle);
        let work = work.unwrap_or_else(PoisonError::into_inner);
        let running = |work: &mut Work| !work.stop;
        let waited = shared.changed.wait_timeout_while(work, SYNC_EVERY, running);
        let (mut work, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let (dirty, stop) = (work.dirty, work.stop);
        work.dirty = false;
        drop(work);
        if dirty && let Err(fault) = sync(directory, name) {
            tracing::error!(%fault, "the anchor could not be synced");
            shared.with(|work| work.failed = true);
        }
        if stop {
            return;
        }
    }
}

fn sync(directory: &Path, name: &str) -> Result<(), AnchorFault> {
    let path = path(directory, name);
    let synced = File::open(&path)
        .and_then(|file| file.sync_all())
        .and_then(|()| File::open(directory)?.sync_all());
    synced.map_err(|error| AnchorFault::File { path, error })
}
