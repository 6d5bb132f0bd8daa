//! PostgreSQL passes the suite on a real server, and survives what only a server can do.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gatehold_sim::conformance::{self, Database, START};
use gatehold_sim::postgres_server::PostgresServer;
use gatehold_store::AfterCommit;
use gatehold_store::clock::SetClock;
use gatehold_store::postgres::{PostgresOptions, PostgresStore};

struct Served {
    url: String,
    clock: Arc<SetClock>,
}

impl Served {
    fn options(&self) -> PostgresOptions {
        PostgresOptions {
            set_clock: Some(self.clock.clone()),
            ..PostgresOptions::new(&self.url)
        }
    }
}

impl Database for Served {
    type Store = PostgresStore;

    async fn open(&self) -> PostgresStore {
        PostgresStore::open(self.options()).await.unwrap()
    }

    async fn open_with(&self, hook: Arc<dyn AfterCommit>) -> PostgresStore {
        let hook = Some(hook);
        let options = PostgresOptions {
            hook,
            ..self.options()
        };
        PostgresStore::open(options).await.unwrap()
    }

    fn clock(&self) -> &SetClock {
        &self.clock
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_conforms() {
    let server = PostgresServer::start();
    let databases = AtomicU64::new(0);
    let fresh = async || Served {
        url: server
            .create_database(&format!(
                "check_{}",
                databases.fetch_add(1, Ordering::SeqCst)
            ))
            .await,
        clock: Arc::new(SetClock::at(START)),
    };
    conformance::run(fresh).await;
}
