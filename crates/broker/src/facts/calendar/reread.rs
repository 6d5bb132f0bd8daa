//! A file that the operator keeps, read when it is first asked and again every minute: calendars, and who is on call.
//!
//! One that cannot be read says nothing for that minute: whoever asks is told why, and what it said before is never used again.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gatehold_core::time::Timestamp;
use tokio::sync::Mutex;

use super::span::Window;

/// How long what was read is used, in seconds of the store's clock.
const READ_SECONDS: i64 = 60;

/// Reads a file, and all that it names, about the time around a moment.
type How<T> = fn(&Path, Window) -> Result<T, String>;

/// A file, and what was last read of it.
#[derive(Debug)]
pub(super) struct Reread<T> {
    file: PathBuf,
    how: How<T>,
    /// What the log says of one that cannot be read.
    unknown: &'static str,
    kept: Mutex<Option<Arc<Read<T>>>>,
}

/// What a file said, and when.
#[derive(Debug)]
pub(super) struct Read<T> {
    at: Timestamp,
    window: Window,
    said: Result<T, String>,
}

impl<T: Send + Sync + 'static> Reread<T> {
    pub(super) fn new(file: PathBuf, how: How<T>, unknown: &'static str) -> Self {
        Self {
            file,
            how,
            unknown,
            kept: Mutex::default(),
        }
    }

    /// The file's own name, without where it lies.
    pub(super) fn name(&self) -> Cow<'_, str> {
        let name = self.file.file_name().unwrap_or_default();
        name.to_string_lossy()
    }

    /// What it says, at most a minute old.
    pub(super) async fn at(&self, now: Timestamp) -> Arc<Read<T>> {
        let mut kept = self.kept.lock().await;
        if let Some(read) = kept.as_ref()
            && (0..READ_SECONDS).contains(&(now.seconds() - read.at.seconds()))
        {
            return Arc::clone(read);
        }
        let (file, how) = (self.file.clone(), self.how);
        let reading = tokio::task::spawn_blocking(move || Read::of(&file, how, now));
        let read = reading
            .await
            .unwrap_or_else(|_| Read::new(now, Err("reading it broke off".to_owned())));
        if let Err(why) = &read.said {
            tracing::warn!(file = %self.file.display(), why, "{}", self.unknown);
        }
        let read = Arc::new(read);
        *kept = Some(Arc::clone(&read));
        read
    }
}

impl<T> Read<T> {
    /// Read now.
    pub(super) fn of(file: &Path, how: How<T>, now: Timestamp) -> Self {
        Self::new(now, how(file, Window::around(now.millis())))
    }

    const fn new(at: Timestamp, said: Result<T, String>) -> Self {
        Self {
            at,
            window: Window::around(at.millis()),
            said,
        }
    }

    /// What it says about a moment; else why nobody knows.
    pub(super) fn about(&self, now: Timestamp) -> Result<&T, &str> {
        let said = self.said.as_ref().map_err(String::as_str)?;
        // The clock never goes back, and what was read is older than a minute at most.
        if self.window.holds(now.millis()) {
            Ok(said)
        } else {
            Err("the clock has gone on")
        }
    }

    /// How old it is, in seconds.
    pub(super) fn age(&self, now: Timestamp) -> u32 {
        let age = now.seconds().saturating_sub(self.at.seconds());
        u32::try_from(age).unwrap_or(0)
    }
}
