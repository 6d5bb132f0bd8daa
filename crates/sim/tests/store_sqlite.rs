//! SQLite passes the suite on a real file.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use gatehold_sim::conformance::{self, Database, START};
use gatehold_store::AfterCommit;
use gatehold_store::clock::SetClock;
use gatehold_store::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

struct File {
    directory: TempDir,
    clock: Arc<SetClock>,
}

impl File {
    fn options(&self) -> SqliteOptions {
        SqliteOptions {
            clock: self.clock.clone(),
            ..SqliteOptions::new(self.directory.path().join("gate.db"))
        }
    }
}

impl Database for File {
    type Store = SqliteStore;

    async fn open(&self) -> SqliteStore {
        SqliteStore::open(self.options()).unwrap()
    }

    async fn open_with(&self, hook: Arc<dyn AfterCommit>) -> SqliteStore {
        let hook = Some(hook);
        SqliteStore::open(SqliteOptions {
            hook,
            ..self.options()
        })
        .unwrap()
    }

    fn clock(&self) -> &SetClock {
        &self.clock
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_conforms() {
    let fresh = async || File {
        directory: tempfile::tempdir().unwrap(),
        clock: Arc::new(SetClock::at(START)),
    };
    conformance::run(fresh).await;
}
