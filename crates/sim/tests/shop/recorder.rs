//! What performs the actions of a shop, and remembers them.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use gatehold_core::approved::Approved;
use gatehold_core::commit::LeafKind;
use gatehold_core::ids::RequestId;
use gatehold_gate::ports::executor::{Ending, Evidence, Execution, Executor};

/// Remembers what it was told to execute, and looks behind the gate's back whether the ledger knew before.
pub(super) struct Recorder {
    pub(super) executed: Mutex<Vec<String>>,
    pub(super) unlogged: AtomicU64,
    pub(super) database: PathBuf,
}

impl Recorder {
    /// Whether the claim of this very execution is durable: read by a connection of its own.
    fn is_logged(&self, request: RequestId) -> bool {
        // A store in memory has nothing that another connection could read.
        if !self.database.exists() {
            return true;
        }
        let database = rusqlite::Connection::open(&self.database).unwrap();
        let kind = [1, 0, LeafKind::Execution as u8];
        let known: i64 = database
            .query_row(
                "SELECT count(*) FROM leaf WHERE substr(leaf, 1, 3) = ?1 AND CAST(record AS TEXT) LIKE ?2",
                (&kind[..], format!("%{request}%")),
                |row| row.get(0),
            )
            .unwrap();
        known == 1
    }
}

#[async_trait]
impl Executor for Recorder {
    async fn execute(&self, approved: Approved, _: &dyn Evidence) -> Execution {
        if !self.is_logged(approved.request()) {
            self.unlogged.fetch_add(1, Ordering::Relaxed);
        }
        tokio::task::yield_now().await;
        let text = String::from_utf8(approved.action().payload().to_vec()).unwrap();
        self.executed.lock().unwrap().push(text);
        tokio::task::yield_now().await;
        Execution {
            ending: Ending::Completed,
            code: "ok",
            quantity: Some(1),
            status: None,
            media_type: "text/plain".to_owned(),
            body: b"done".to_vec(),
            truncated: false,
        }
    }

    fn has_target(&self, target: &str) -> bool {
        ["sql:shop", "sql:depot", "sql:mill"].contains(&target)
    }

    fn enforces(&self, _: &str) -> Vec<String> {
        vec!["rows".to_owned()]
    }
}
