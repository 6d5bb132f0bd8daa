//! Folding the write-ahead log back into the database file, in the background, so that no batch pays for it.
//!
//! SQLite's own automatic way stalls the commit that crosses its limit; ours copies beside the writer. Under steady load
//! the log would never start over, so beyond a second bound the writer itself finishes the little that is left.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use gatehold_gate::ports::store::StoreFault;
use rusqlite::Connection;

use super::connect;
use super::fault::fault;

/// How large the write-ahead log may grow, in pages of 4 KiB.
#[derive(Debug, Clone, Copy)]
pub struct WalBounds {
    /// The background copies whenever the log has grown by this much.
    pub background_pages: u32,
    /// The writer starts the log over when it is longer than this.
    pub writer_pages: u32,
}

impl Default for WalBounds {
    fn default() -> Self {
        Self {
            background_pages: 1_000,
            writer_pages: 16_384,
        }
    }
}

/// How long the writer waits for readers when it starts the log over; if they are still there it tries again later.
const WAIT_MILLIS: u64 = 50;

pub(super) struct FoldBack {
    bounds: WalBounds,
    pages: Arc<AtomicU32>,
    signalled_at: u32,
    signal: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FoldBack {
    /// Starts the background thread with a connection of its own.
    pub fn start(path: &Path, bounds: WalBounds) -> Result<Self, StoreFault> {
        let connection = connect::second(path)?;
        let (signal, signals) = sync_channel(1);
        let run = move || {
            while signals.recv().is_ok() {
                // Best effort: what fails here fails loudly in the writer, or is done by the next round.
                if let Err(error) = copy(&connection, "PASSIVE") {
                    tracing::warn!(%error, "the write-ahead log could not be folded back");
                }
            }
        };
        let thread = std::thread::Builder::new().name("store-fold-back".into());
        let failed =
            |error| StoreFault::Unavailable(format!("no thread to fold back with ({error})"));
        Ok(Self {
            bounds,
            pages: Arc::default(),
            signalled_at: 0,
            signal: Some(signal),
            thread: Some(thread.spawn(run).map_err(failed)?),
        })
    }

    /// Lets the writer's connection tell how long the log is after each commit, instead of folding back by itself.
    pub fn watch(&self, connection: &mut Connection) -> Result<(), StoreFault> {
        let pages = Arc::clone(&self.pages);
        let hook = move |_: &mut rusqlite::hooks::Wal, length| {
            pages.store(u32::try_from(length).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        };
        connection.wal_hook(Some(hook)).map_err(fault)
    }

    /// Called by the writer between batches.
    pub fn after_batch(&mut self, connection: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        self.signalled_at = self.signalled_at.min(pages);
        if pages
            >= self
                .signalled_at
                .saturating_add(self.bounds.background_pages)
        {
            self.signalled_at = pages;
            // Full means that a round is already asked for.
            let _ = self.signal.as_ref().map(|signal| signal.try_send(()));
        }
        if pages > self.bounds.writer_pages && start_over(connection).is_ok() {
            self.pages.store(0, Ordering::Relaxed);
        }
    }
}

impl Drop for FoldBack {
    fn drop(&mut self) {
        self.signal = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Empties the log. After a failed commit this also removes frames that a crash could otherwise bring back to life.
pub(super) fn start_over(connection: &Connection) -> Result<(), StoreFault> {
    let wait = |millis| {
        connection
            .busy_timeout(Duration::from_millis(millis))
            .map_err(fault)
    };
    wait(WAIT_MILLIS)?;
    let copied = copy(connection, "TRUNCATE");
    wait(connect::BUSY_MILLIS)?;
    copied
}

fn copy(connection: &Connection, how: &str) -> Result<(), StoreFault> {
    let busy: i64 = connection
        .query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| {
            row.get(0)
        })
        .map_err(fault)?;
    if busy == 0 {
        Ok(())
    } else {
        Err(StoreFault::Unavailable(
            "readers are in the way of folding back".into(),
        ))
    }
}
