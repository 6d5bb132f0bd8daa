//! SQLite passes the suite on a real file.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use gatehold_core::hash::Hash;
use gatehold_gate::ports::store::{BrowserSession, Store as _};
use gatehold_sim::conformance::{self, Database, Draft, START};
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

#[tokio::test]
async fn a_file_of_an_older_version_is_taken_along() {
    for older in [
        "DROP TABLE browser_session; PRAGMA user_version = 1;",
        "ALTER TABLE browser_session DROP COLUMN provider; ALTER TABLE browser_session DROP COLUMN narrowed; PRAGMA user_version = 2;",
        "ALTER TABLE browser_session DROP COLUMN provider; PRAGMA user_version = 3;",
    ] {
        // Nobody knows who vouched for a session.
        assert!(!is_session_kept_from(older).await);
    }
    assert!(is_session_kept_from("PRAGMA user_version = 4;").await);
    assert!(is_session_kept_from("PRAGMA user_version = 5;").await);
}

/// Whether somebody is still signed in once a file of an older version is taken along.
async fn is_session_kept_from(older: &str) -> bool {
    let file = File {
        directory: tempfile::tempdir().unwrap(),
        clock: Arc::new(SetClock::at(START)),
    };
    let store = file.open().await;
    let commit = store.commit(vec![Draft::new().write()]).await;
    commit.unwrap().remove(0).unwrap();
    let session = BrowserSession {
        id: Hash::of(b"somebody"),
        human: "ann@dev.local".to_owned(),
        csrf: Hash::of(b"csrf"),
        how: "identity provider".to_owned(),
        created: START,
        last_used: START,
        expires: START.plus_seconds(3_600),
        without: String::new(),
        provider: None,
    };
    store.put_session(session.clone()).await.unwrap();
    assert!(store.session(&session.id).await.unwrap().is_some());
    drop(store);
    let path = file.directory.path().join("gate.db");
    let database = rusqlite::Connection::open(path).unwrap();
    database
        .execute_batch("DROP TABLE push_subscription;")
        .unwrap();
    if !older.contains("version = 5") {
        let undelivered = "ALTER TABLE outbox DROP COLUMN time; DROP TABLE lease;";
        database.execute_batch(undelivered).unwrap();
    }
    database.execute_batch(older).unwrap();
    drop(database);
    let store = file.open().await;
    assert_eq!(store.head().await.unwrap().size, 1);
    let kept = store.session(&session.id).await.unwrap().is_some();
    assert!(store.lease("notices", "one", 30).await.unwrap());
    assert!(store.subscribers().await.unwrap().is_empty());
    drop(store);
    drop(file.open().await);
    kept
}
