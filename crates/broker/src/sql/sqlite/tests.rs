//! Against real database files.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde_json::json;

use super::*;
use crate::call::Mode::{Read, Write};
use crate::call::tests::call;
use crate::outcome::Ending;
use crate::testing;

struct Shop {
    _folder: tempfile::TempDir,
    target: SqliteTarget,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT, total REAL, note BLOB);
                 CREATE TABLE lines (order_id INTEGER REFERENCES orders ON DELETE CASCADE, sku TEXT);
                 CREATE TABLE audit (what TEXT);
                 CREATE INDEX by_status ON orders (status);
                 INSERT INTO orders SELECT value, 'open', value / 10.0, NULL FROM
                   (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 20)
                    SELECT value FROM n);
                 INSERT INTO lines SELECT id, 'a' FROM orders UNION ALL SELECT id, 'b' FROM orders;",
            )
            .unwrap();
        let target = SqliteTarget {
            path,
            statement_timeout: Duration::from_secs(20),
            lock_timeout: Duration::from_secs(20),
            bytes_max: 1 << 20,
        };
        Self {
            _folder: folder,
            target,
        }
    }

    fn admin(&self) -> Connection {
        Connection::open(&self.target.path).unwrap()
    }

    fn count(&self, sql: &str) -> i64 {
        self.admin().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    async fn run(&self, call: &Call) -> Execution {
        execute(&self.target, call)
            .await
            .unwrap_or_else(Execution::from)
    }

    async fn sql(&self, mode: crate::call::Mode, sql: &str) -> Execution {
        self.run(&call(mode, "application/sql", sql.as_bytes()))
            .await
    }

    /// Everything in the database, to see that nothing changed.
    fn state(&self) -> String {
        let connection = self.admin();
        let mut state = String::new();
        for table in ["orders", "lines", "audit", "sqlite_schema"] {
            let mut statement = connection
                .prepare(&format!("SELECT * FROM {table}"))
                .unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                for column in 0..columns {
                    state.push_str(&format!("{:?} ", row.get_ref(column).unwrap()));
                }
            }
        }
        state
    }
}

fn capped(sql: &str, rows: u64) -> Call {
    let mut call = call(Write, "application/sql", sql.as_bytes());
    call.caps = BTreeMap::from([("rows".to_owned(), rows)]);
    call
}

#[tokio::test]
async fn reads_exactly_and_up_to_its_caps() {
    let shop = Shop::new();
    let read = shop
        .sql(
            Read,
            "SELECT id, status, total, x'00ff' AS raw, NULL FROM orders WHERE id < 3",
        )
        .await;
    assert_eq!((read.ending, read.code), (Ending::Completed, "ok"));
    assert_eq!(read.quantity, Some(2));
    let body = testing::json(&read);
    let raw = json!({"base64": "AP8="});
    assert_eq!(
        body["rows"],
        json!([[1, "open", 0.1, raw, null], [2, "open", 0.2, raw, null]])
    );
    assert_eq!(
        body["columns"][1],
        json!({"name": "status", "type": "TEXT"})
    );
    assert_eq!(body["affected"], json!(null));

    let mut few = call(
        Read,
        "application/sql",
        b"SELECT id FROM orders ORDER BY id",
    );
    few.caps = BTreeMap::from([("rows".to_owned(), 7)]);
    let cut = shop.run(&few).await;
    assert_eq!((cut.quantity, cut.truncated), (Some(7), true));
    few.caps = BTreeMap::from([("rows".to_owned(), 20)]);
    assert!(!shop.run(&few).await.truncated);
    few.caps = BTreeMap::from([("bytes".to_owned(), 120)]);
    let cut = shop.run(&few).await;
    assert!(cut.truncated && cut.body.len() <= 120);
    assert_eq!(cut.ending, Ending::Completed);
}

#[tokio::test]
async fn a_reading_call_changes_nothing_whatever_it_says() {
    let shop = Shop::new();
    let before = shop.state();
    let elsewhere = shop.target.path.with_extension("other");
    let elsewhere = elsewhere.display();
    for sql in [
        "UPDATE orders SET status = 'x'",
        "INSERT INTO audit VALUES ('x') RETURNING what",
        "WITH x AS (SELECT 1) DELETE FROM orders",
        "DROP TABLE orders",
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x (y)",
        "ALTER TABLE orders ADD COLUMN x",
        "PRAGMA user_version = 7",
        "PRAGMA query_only = off",
        "PRAGMA table_info(orders)",
        "SELECT * FROM pragma_table_info('orders')",
        "VACUUM",
        &format!("VACUUM INTO '{elsewhere}'"),
        &format!("ATTACH '{elsewhere}' AS x"),
        "DETACH main",
        "SELECT load_extension('/tmp/x.so')",
        "SELECT fts3_tokenizer('x')",
        "SELECT writefile('/tmp/x', 'y')",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT x",
        "REINDEX",
        "ANALYZE",
        "CREATE VIRTUAL TABLE x USING fts5(y)",
        "EXPLAIN UPDATE orders SET status = 'x'",
    ] {
        let ended = shop.sql(Read, sql).await;
        assert_eq!(
            ended.ending,
            Ending::Failed,
            "{sql}: {:?}",
            testing::json(&ended)
        );
        assert_eq!(shop.state(), before, "{sql}");
    }
    assert!(!std::path::Path::new(&elsewhere.to_string()).exists());
}

#[tokio::test]
async fn exactly_one_statement_is_executed() {
    let shop = Shop::new();
    let before = shop.state();
    for sql in [
        "SELECT 1; DROP TABLE orders",
        "UPDATE orders SET status = 'x'; UPDATE orders SET status = 'y'",
        "UPDATE orders SET status = 'x';; SELECT 1",
        "UPDATE orders SET status = 'x'; garbage",
    ] {
        let ended = shop.sql(Write, sql).await;
        assert_eq!(ended.ending, Ending::Failed, "{sql}");
        assert_eq!(shop.state(), before, "{sql}");
    }
    let tail = shop
        .sql(
            Write,
            "UPDATE orders SET status = 'z' WHERE id = 1; -- done\n ; /* x */",
        )
        .await;
    assert_eq!((tail.ending, tail.quantity), (Ending::Completed, Some(1)));
    for nothing in ["", "-- nothing", ";"] {
        let ended = shop.sql(Read, nothing).await;
        assert_eq!(ended.code, "payload_unusable", "{nothing}");
    }
}

#[tokio::test]
async fn a_changing_call_is_committed_only_within_its_cap() {
    let shop = Shop::new();
    shop.admin()
        .execute_batch(
            "CREATE TRIGGER watch AFTER UPDATE ON orders BEGIN INSERT INTO audit VALUES (new.id); END",
        )
        .unwrap();
    let before = shop.state();
    for (sql, rows) in [
        ("UPDATE lines SET sku = 'c' WHERE order_id <= 5", 9),
        // The trigger writes five more.
        ("UPDATE orders SET status = 'x' WHERE id <= 5", 9),
        // The cascade takes two lines of each.
        ("DELETE FROM orders WHERE id <= 3", 8),
        ("INSERT INTO audit SELECT id FROM orders RETURNING what", 19),
        ("DELETE FROM lines", 39),
        ("DROP TABLE lines", 1_000),
        ("ALTER TABLE lines DROP COLUMN sku", 1_000),
        ("UPDATE orders SET status = 'x'", 0),
    ] {
        let ended = shop.run(&capped(sql, rows)).await;
        assert_eq!(ended.ending, Ending::Failed, "{sql}");
        assert_eq!(shop.state(), before, "{sql}");
    }
    let ended = shop
        .run(&capped("DELETE FROM orders WHERE id <= 3", 9))
        .await;
    assert_eq!((ended.ending, ended.quantity), (Ending::Completed, Some(9)));
    assert_eq!(testing::json(&ended)["affected"], 9);
    assert_eq!(shop.count("SELECT count(*) FROM orders"), 17);
    let ended = shop.sql(Write, "DROP TABLE lines").await;
    assert_eq!(
        ended.ending,
        Ending::Completed,
        "nobody asked for counted rows"
    );
}

#[tokio::test]
async fn nobody_gets_out_of_the_database_by_writing() {
    let shop = Shop::new();
    let before = shop.state();
    for sql in [
        "ATTACH '/tmp/gatehold-other.db' AS x",
        "PRAGMA journal_mode = off",
        "PRAGMA writable_schema = on",
        "UPDATE sqlite_schema SET sql = 'x'",
        "VACUUM INTO '/tmp/gatehold-other.db'",
        "COMMIT",
        "END",
        "ROLLBACK",
        "RELEASE x",
        "CREATE VIRTUAL TABLE x USING fts5(y)",
        "CREATE TEMP TABLE x (y)",
        "INSERT INTO audit SELECT load_extension('x')",
    ] {
        let ended = shop.sql(Write, sql).await;
        assert_eq!(ended.ending, Ending::Failed, "{sql}");
        assert_eq!(shop.state(), before, "{sql}");
    }
}

#[tokio::test]
async fn a23_a_precondition_counts_the_rows_exactly() {
    let shop = Shop::new();
    let before = shop.state();
    let mut update = call(
        Write,
        "application/sql",
        b"UPDATE orders SET status = 'x' WHERE id <= 4",
    );
    for wrong in ["rows=3", "rows=5", "rows=0"] {
        update.precondition = Some(wrong.to_owned());
        let ended = shop.run(&update).await;
        assert_eq!((ended.ending, ended.code), (Ending::Failed, "precondition"));
        assert_eq!(shop.state(), before);
    }
    update.precondition = Some("rows=4".to_owned());
    assert_eq!(shop.run(&update).await.ending, Ending::Completed);
    update.precondition = Some("etag:\"x\"".to_owned());
    assert_eq!(shop.run(&update).await.code, "precondition");
}

#[tokio::test]
async fn parameters_are_bound_exactly_or_not_at_all() {
    let shop = Shop::new();
    let json = |params: &str| {
        let sql = "SELECT ?1, typeof(?1)";
        let text = format!(r#"{{"sql": "{sql}", "params": [{params}]}}"#);
        call(Read, "application/json", text.as_bytes())
    };
    for (param, value) in [
        (
            "9223372036854775807",
            json!(["9223372036854775807", "integer"]),
        ),
        ("0.1", json!([0.1, "real"])),
        ("1e2", json!([100.0, "real"])),
        ("null", json!([null, "null"])),
        ("true", json!([1, "integer"])),
        (r#""x' OR 1=1 --""#, json!(["x' OR 1=1 --", "text"])),
    ] {
        let ended = shop.run(&json(param)).await;
        assert_eq!(testing::json(&ended)["rows"][0], value, "{param}");
    }
    for bad in [
        "9223372036854775808",
        "0.12345678901234567890",
        "1e400",
        "1, 2",
        "",
    ] {
        let ended = shop.run(&json(bad)).await;
        assert_eq!(
            (ended.ending, ended.code),
            (Ending::Failed, "payload_unusable"),
            "{bad}"
        );
    }
}

const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
    INSERT INTO audit SELECT i FROM n";

#[tokio::test]
async fn a_statement_that_takes_too_long_leaves_nothing() {
    let mut shop = Shop::new();
    shop.target.statement_timeout = Duration::from_millis(50);
    let ended = shop.sql(Write, ENDLESS).await;
    assert_eq!((ended.ending, ended.code), (Ending::Failed, "timeout"));
    assert_eq!(shop.count("SELECT count(*) FROM audit"), 0);
    let mut short = call(Write, "application/sql", ENDLESS.as_bytes());
    shop.target.statement_timeout = Duration::from_secs(3_600);
    short.ttl = Duration::from_millis(50);
    assert_eq!(
        shop.run(&short).await.code,
        "timeout",
        "no longer than the grant lives"
    );
}

#[test]
fn a_stop_that_comes_before_commit_is_heeded() {
    let shop = Shop::new();
    // Too short for SQLite to look at the halt while it runs.
    let update = call(Write, "application/sql", b"DELETE FROM orders WHERE id = 1");
    let plan = Plan::read(&update, 1_000).unwrap();
    let halt = Halt::default();
    halt.set();
    let stopped = run::run(&shop.target.path, shop.target.lock_timeout, &plan, &halt);
    assert_eq!(stopped.unwrap_err().code, "timeout");
    assert_eq!(shop.count("SELECT count(*) FROM orders"), 20);
    let done = run::run(
        &shop.target.path,
        shop.target.lock_timeout,
        &plan,
        &Halt::default(),
    );
    assert_eq!(done.unwrap().ending, Ending::Completed);
}

#[tokio::test]
async fn a_call_nobody_waits_for_ends_without_effect() {
    let shop = Shop::new();
    let endless = call(Write, "application/sql", ENDLESS.as_bytes());
    let dropped = tokio::time::timeout(Duration::from_millis(50), shop.run(&endless)).await;
    assert!(dropped.is_err());
    // The lock is free as soon as it has rolled back.
    let connection = shop.admin();
    connection.busy_timeout(Duration::from_secs(60)).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(shop.count("SELECT count(*) FROM audit"), 0);
}

#[tokio::test]
async fn a_locked_or_missing_file_is_said_to_be_so() {
    let mut shop = Shop::new();
    shop.target.lock_timeout = Duration::from_millis(10);
    let holder = shop.admin();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let ended = shop.sql(Write, "DELETE FROM orders").await;
    assert_eq!((ended.ending, ended.code), (Ending::Failed, "timeout"));
    drop(holder);
    shop.target.path = shop.target.path.with_extension("none");
    for mode in [Read, Write] {
        let ended = shop.sql(mode, "SELECT 1").await;
        assert_eq!((ended.ending, ended.code), (Ending::Failed, "unreachable"));
        assert!(!shop.target.path.exists(), "it is never created");
    }
}
