//! What only a server can do: lose the answer to a commit, end a connection, hold the lock, be of another schema.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use gatehold_core::commit::Conflict;
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::{OpenedView, Store as _, StoreFault};
use gatehold_sim::conformance::{Draft, numbered};
use gatehold_sim::postgres_server::PostgresServer;
use gatehold_store::postgres::{PostgresOptions, PostgresStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

async fn open(url: &str) -> PostgresStore {
    PostgresStore::open(PostgresOptions::new(url))
        .await
        .unwrap()
}

async fn refused(url: &str) -> String {
    let opened = PostgresStore::open(PostgresOptions::new(url)).await;
    opened.err().unwrap().to_string()
}

/// A connection that breaks around the next commit.
#[derive(Clone)]
struct Cutter(Arc<AtomicU8>);

const WHOLE: u8 = 0;
const CUT_BEFORE: u8 = 1;
const CUT_AFTER: u8 = 2;

impl Cutter {
    /// Forwards to a server's port and returns its own.
    async fn start(to: u16) -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cutter = Self(Arc::new(AtomicU8::new(WHOLE)));
        let forward = cutter.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                tokio::spawn(forward.clone().forward(client, server));
            }
        });
        (cutter, port)
    }

    fn cut(&self, how: u8) {
        self.0.store(how, Ordering::SeqCst);
    }

    async fn forward(self, mut client: TcpStream, mut server: TcpStream) {
        let (mut up, mut down) = (vec![0; 1 << 20], vec![0; 1 << 20]);
        loop {
            tokio::select! {
                read = client.read(&mut up) => {
                    let Ok(read @ 1..) = read else { return };
                    let commits = up[..read].windows(7).any(|bytes| bytes == b"COMMIT\0");
                    let how = if commits { self.0.swap(WHOLE, Ordering::SeqCst) } else { WHOLE };
                    if how == CUT_BEFORE {
                        return;
                    }
                    server.write_all(&up[..read]).await.unwrap();
                    if how == CUT_AFTER {
                        // Swallows answers up to the one that says that the commit is done.
                        let mut answers = Vec::new();
                        while !answers.windows(7).any(|bytes: &[u8]| bytes == b"COMMIT\0") {
                            let read = server.read(&mut down).await.unwrap();
                            answers.extend_from_slice(&down[..read]);
                        }
                        return;
                    }
                }
                read = server.read(&mut down) => {
                    let Ok(read @ 1..) = read else { return };
                    if client.write_all(&down[..read]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_resolved_by_the_leaf() {
    let server = PostgresServer::start();
    let url = server.create_database("lost").await;
    let (cutter, port) = Cutter::start(server.port()).await;
    let through = url.replace(&format!(":{}/", server.port()), &format!(":{port}/"));
    let store = open(&through).await;
    let write = |number| Draft::new().row(&numbered(number), 0, "{}").write();
    assert!(store.commit(vec![write(0)]).await.unwrap()[0].is_ok());
    for round in [1, 2] {
        cutter.cut(CUT_AFTER);
        let stored = write(round * 10);
        let receipt = store.commit(vec![stored.clone()]).await.unwrap()[0]
            .clone()
            .unwrap();
        assert_eq!(
            store.receipt_of(&stored.leaf.bytes()).await,
            Ok(Some(receipt))
        );
        assert_eq!(
            store
                .row(&numbered(round * 10))
                .await
                .unwrap()
                .unwrap()
                .last_leaf,
            receipt.index
        );
        cutter.cut(CUT_BEFORE);
        let dropped = write(round * 10 + 1);
        let answer = store.commit(vec![dropped.clone()]).await;
        assert!(
            matches!(answer, Err(StoreFault::Unavailable(_))),
            "{answer:?}"
        );
        assert_eq!(store.receipt_of(&dropped.leaf.bytes()).await, Ok(None));
        // The same write again is the same write.
        assert!(store.commit(vec![dropped]).await.unwrap()[0].is_ok());
    }
    assert_eq!(store.head().await.unwrap().size, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ended_connections_are_opened_again() {
    let server = PostgresServer::start();
    let url = server.create_database("ended").await;
    let store = open(&url).await;
    store.commit(vec![Draft::new().write()]).await.unwrap();
    let admin = server.connect("postgres").await;
    let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'gatehold'";
    for _ in 0..3 {
        admin.query(end, &[]).await.unwrap();
        // The first call may meet the dead connection and say so; it never lies, and the next one works.
        let draft = Draft::new().write();
        let first = store.commit(vec![draft.clone()]).await;
        let stored = async || store.receipt_of(&draft.leaf.bytes()).await;
        let receipt = match stored().await {
            Ok(receipt) => receipt,
            Err(_) => stored().await.unwrap(),
        };
        assert_eq!(
            first.map(|answers| answers[0].clone().unwrap()).ok(),
            receipt
        );
        assert!(store.commit(vec![Draft::new().write()]).await.unwrap()[0].is_ok());
    }
}

/// Notes which connection wrote to a table.
const NOTED: &str = "CREATE TABLE noted (written text, pid integer);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO noted VALUES (TG_TABLE_NAME, pg_backend_pid()); RETURN NULL; END $$;
    CREATE TRIGGER note AFTER INSERT ON gatehold.opened_view EXECUTE FUNCTION note();
    CREATE TRIGGER note AFTER UPDATE ON gatehold.head EXECUTE FUNCTION note();";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opened_view_goes_the_way_of_decisions() {
    let server = PostgresServer::start();
    let store = open(&server.create_database("way").await).await;
    let admin = server.connect("way").await;
    admin.batch_execute(NOTED).await.unwrap();
    for number in 0..8 {
        let view = OpenedView {
            review_nonce: format!("probe-{number}"),
            request: String::new(),
            view: vec![1],
            expires: Timestamp::from_millis(1),
        };
        store.put_opened(view).await.unwrap();
    }
    store.commit(vec![Draft::new().write()]).await.unwrap();
    let noted = "SELECT written, count(*), count(DISTINCT pid), max(pid) FROM noted GROUP BY written ORDER BY written";
    let noted = admin.query(noted, &[]).await.unwrap();
    let row = |row: &tokio_postgres::Row| {
        let (of, times): (String, i64) = (row.get(0), row.get(1));
        let (connections, pid): (i64, i32) = (row.get(2), row.get(3));
        (of, times, connections, pid)
    };
    let (head, views) = (row(&noted[0]), row(&noted[1]));
    assert_eq!((head.0.as_str(), views.0.as_str()), ("head", "opened_view"));
    assert_eq!((views.1, views.2, views.3), (8, 1, head.3));
}

fn view(nonce: &str) -> OpenedView {
    OpenedView {
        review_nonce: nonce.to_owned(),
        request: String::new(),
        view: vec![1],
        expires: Timestamp::from_millis(i64::MAX / 2),
    }
}

/// Queues things while the writer waits for the head row's lock, so that all of them are in one batch.
async fn while_locked<T>(
    store: &PostgresStore,
    server: &PostgresServer,
    database: &str,
    queued: impl Future<Output = T>,
) -> T {
    let mut other = server.connect(database).await;
    let admin = server.connect(database).await;
    let transaction = other.transaction().await.unwrap();
    let lock = "SELECT * FROM gatehold.head FOR UPDATE";
    transaction.query(lock, &[]).await.unwrap();
    let release = async {
        let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        while admin.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {}
        // Looked at just now: what is queued next does not ask for the time first, and is there before the lock is let go.
        store.now().await.unwrap();
    };
    let first = async { store.commit(vec![Draft::new().write()]).await.unwrap() };
    let rest = async {
        release.await;
        let unlocked = async { transaction.rollback().await.unwrap() };
        tokio::join!(queued, unlocked).0
    };
    let (first, told) = tokio::join!(first, rest);
    assert!(first[0].is_ok());
    told
}

async fn commits(store: &PostgresStore) {
    let (one, other) = tokio::join!(
        store.commit(vec![Draft::new().write()]),
        store.commit(vec![Draft::new().write()])
    );
    assert!(one.unwrap()[0].is_ok() && other.unwrap()[0].is_ok());
}

/// Refuses views of one name, and notes in which order rows were written.
const REFUSES: &str = "CREATE TABLE noted (number bigserial, written text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO noted (written) VALUES (TG_TABLE_NAME); RETURN NULL; END $$;
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.review_nonce LIKE 'bad%' THEN RAISE 'odd'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON gatehold.opened_view FOR EACH ROW EXECUTE FUNCTION refuse();
    CREATE TRIGGER note AFTER INSERT ON gatehold.opened_view EXECUTE FUNCTION note();
    CREATE TRIGGER note AFTER UPDATE ON gatehold.head EXECUTE FUNCTION note();";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_is_refused_refuses_nothing_else() {
    let server = PostgresServer::start();
    let store = open(&server.create_database("refused").await).await;
    let admin = server.connect("refused").await;
    admin.batch_execute(REFUSES).await.unwrap();
    let queued = async {
        tokio::join!(
            store.put_opened(view("bad-1")),
            store.put_opened(view("good-1")),
            store.put_opened(view("bad-2")),
            store.put_opened(view("good-2")),
            commits(&store),
        )
    };
    let told = while_locked(&store, &server, "refused", queued).await;
    for bad in [told.0, told.2] {
        assert!(bad.unwrap_err().to_string().contains("odd"));
    }
    assert_eq!((told.1, told.3), (Ok(()), Ok(())));
    assert_eq!(store.head().await.unwrap().size, 3);
    // Decisions first, although they were asked for last.
    let noted = "SELECT written FROM noted ORDER BY number";
    let noted = admin.query(noted, &[]).await.unwrap();
    let noted: Vec<String> = noted.iter().map(|row| row.get(0)).collect();
    assert_eq!(noted, ["head", "head", "opened_view", "opened_view"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_go_on_while_views_are_locked() {
    let server = PostgresServer::start();
    let store = open(&server.create_database("locked").await).await;
    let mut other = server.connect("locked").await;
    let transaction = other.transaction().await.unwrap();
    let lock = "LOCK TABLE gatehold.opened_view IN ACCESS EXCLUSIVE MODE";
    transaction.batch_execute(lock).await.unwrap();
    let store = Arc::new(store);
    let mut opening = tokio::task::JoinSet::new();
    for number in 0..20 {
        let store = Arc::clone(&store);
        opening.spawn(async move { store.put_opened(view(&format!("{number}"))).await });
    }
    for _ in 0..10 {
        commits(&store).await;
    }
    for answer in opening.join_all().await {
        assert!(
            matches!(answer, Err(StoreFault::Unavailable(_))),
            "{answer:?}"
        );
    }
    transaction.rollback().await.unwrap();
    store.put_opened(view("after")).await.unwrap();
    assert_eq!(store.opened("after").await.unwrap(), Some(view("after")));
    assert_eq!(store.opened("0").await.unwrap(), None);
    assert_eq!(store.head().await.unwrap().size, 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_passes_while_another_process_holds_the_lock() {
    let server = PostgresServer::start();
    let url = server.create_database("held").await;
    let store = open(&url).await;
    let mut other = server.connect("held").await;
    let transaction = other.transaction().await.unwrap();
    transaction
        .query("SELECT * FROM gatehold.head FOR UPDATE", &[])
        .await
        .unwrap();
    let now = store.now().await.unwrap();
    let deadline = Timestamp::from_millis(now.millis() + 300);
    let late = Draft::new().due(deadline).write();
    let release = async {
        // The server's own clock passes the deadline while the lock is held.
        transaction
            .batch_execute("SELECT pg_sleep(0.4)")
            .await
            .unwrap();
        transaction.rollback().await.unwrap();
    };
    let (answer, ()) = tokio::join!(store.commit(vec![late]), release);
    assert_eq!(answer.unwrap(), [Err(Conflict::Deadline)]);
    assert!(store.head().await.unwrap().time > deadline);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_clock_is_the_stores() {
    let server = PostgresServer::start();
    let url = server.create_database("clock").await;
    let store = open(&url).await;
    let admin = server.connect("clock").await;
    let clock = async || {
        let sql = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        Timestamp::from_millis(admin.query_one(sql, &[]).await.unwrap().get(0))
    };
    let before = clock().await;
    let receipt = store.commit(vec![Draft::new().write()]).await.unwrap()[0]
        .clone()
        .unwrap();
    assert!(before <= receipt.time && receipt.time <= clock().await);
    // A head from the future: time stands still instead of going back, and a new process does not even start.
    let future = Timestamp::from_millis(clock().await.millis() + 3_600_000);
    let ahead = "UPDATE gatehold.head SET time = $1";
    admin.execute(ahead, &[&future.millis()]).await.unwrap();
    let receipt = store.commit(vec![Draft::new().write()]).await.unwrap()[0]
        .clone()
        .unwrap();
    assert_eq!(receipt.time, future);
    assert_eq!(store.now().await.unwrap(), future);
    assert!(refused(&url).await.contains("correct the clock"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn growth_is_announced() {
    let server = PostgresServer::start();
    let url = server.create_database("told").await;
    let store = open(&url).await;
    let (client, mut connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    let (told, mut heard) = tokio::sync::mpsc::channel(16);
    tokio::spawn(async move {
        let mut messages = std::pin::pin!(std::future::poll_fn(
            |context| connection.poll_message(context)
        ));
        while let Some(Ok(message)) = messages.as_mut().await {
            if let tokio_postgres::AsyncMessage::Notification(notification) = message {
                told.send(notification.payload().to_owned()).await.unwrap();
            }
        }
    });
    client.batch_execute("LISTEN gatehold").await.unwrap();
    store
        .commit(vec![Draft::new().write(), Draft::new().write()])
        .await
        .unwrap();
    assert_eq!(heard.recv().await.unwrap(), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_schema_is_refused() {
    let server = PostgresServer::start();
    let url = server.create_database("schema").await;
    drop(open(&url).await);
    drop(open(&url).await);
    let admin = server.connect("schema").await;
    let newer = "INSERT INTO gatehold.migration VALUES (7, 'sha256:00')";
    admin.batch_execute(newer).await.unwrap();
    assert!(refused(&url).await.contains("newer gatehold"));
    let other = "DELETE FROM gatehold.migration WHERE step = 7; UPDATE gatehold.migration SET checksum = 'x'";
    admin.batch_execute(other).await.unwrap();
    assert!(refused(&url).await.contains("step 1 of the schema"));
    assert!(refused("not a url").await.contains("connection string"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_an_older_step_is_taken_along() {
    let server = PostgresServer::start();
    let url = server.create_database("older").await;
    let store = open(&url).await;
    let commit = store.commit(vec![Draft::new().write()]).await;
    commit.unwrap().remove(0).unwrap();
    drop(store);
    let admin = server.connect("older").await;
    for older in [
        "DROP TABLE gatehold.push_subscription; DROP TABLE gatehold.lease; ALTER TABLE gatehold.outbox DROP COLUMN time; DROP TABLE gatehold.browser_session; DELETE FROM gatehold.migration WHERE step > 1",
        "DROP TABLE gatehold.push_subscription; DROP TABLE gatehold.lease; ALTER TABLE gatehold.outbox DROP COLUMN time; ALTER TABLE gatehold.browser_session DROP COLUMN provider, DROP COLUMN narrowed; DELETE FROM gatehold.migration WHERE step > 2",
        "DROP TABLE gatehold.push_subscription; DROP TABLE gatehold.lease; ALTER TABLE gatehold.outbox DROP COLUMN time; ALTER TABLE gatehold.browser_session DROP COLUMN provider; DELETE FROM gatehold.migration WHERE step > 3",
        "DROP TABLE gatehold.push_subscription; DROP TABLE gatehold.lease; ALTER TABLE gatehold.outbox DROP COLUMN time; DELETE FROM gatehold.migration WHERE step > 4",
        "DROP TABLE gatehold.push_subscription; DELETE FROM gatehold.migration WHERE step > 5",
    ] {
        admin.batch_execute(older).await.unwrap();
        let store = open(&url).await;
        assert_eq!(store.head().await.unwrap().size, 1);
        assert_eq!(store.session(&Hash::of(b"nobody")).await.unwrap(), None);
        assert!(store.subscribers().await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_would_lose_decisions_is_refused() {
    let server = PostgresServer::start_with(&[("fsync", "off")]);
    let url = server.create_database("unsafe").await;
    assert!(refused(&url).await.contains("fsync"));
}
