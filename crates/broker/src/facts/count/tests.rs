//! Threat C18 against real databases: what a requester writes is neither run nor planned, whatever it is.

use gatehold_core::decide::Claims;

use super::super::lookup::Lookups;
use super::super::testing::Asked;
use super::*;
use crate::testing::CANARY;
use crate::testing::postgres::Server;

/// What is understood, each with how many of the rows it is about.
const UNDERSTOOD: &[(&str, i64)] = &[
    ("DELETE FROM orders", 5),
    ("DELETE FROM orders;", 5),
    ("delete from Orders where State = 'new'", 2),
    ("DELETE FROM \"orders\" WHERE \"state\" = 'it''s'", 1),
    (
        "UPDATE orders SET state = 'done', total = total WHERE total >= 20 AND NOT state = 'new'",
        2,
    ),
    ("UPDATE orders SET state = NULL WHERE id IN (1, 2, 9)", 2),
    ("DELETE FROM orders WHERE id NOT IN (1, 2)", 3),
    ("DELETE FROM orders WHERE id BETWEEN 2 AND 4", 3),
    (
        "DELETE FROM orders WHERE (id < 2 OR id > 4) AND total <> -1",
        2,
    ),
    (
        "DELETE FROM orders WHERE state IS NULL OR state IS NOT NULL",
        5,
    ),
    ("DELETE FROM orders WHERE total > id", 5),
    ("DELETE FROM orders WHERE total = 12.50", 1),
    ("SELECT * FROM orders WHERE id > 1 LIMIT 2", 2),
    ("SELECT id, state FROM orders WHERE total < 0", 0),
];

/// What could run, or mean, something else than it looks like. None of it may reach a database.
const NOT_UNDERSTOOD: &[&str] = &[
    "",
    ";",
    "DELETE FROM orders; DROP TABLE orders",
    "DELETE FROM orders WHERE id = (SELECT 1)",
    "DELETE FROM orders WHERE id = noticed(1)",
    "DELETE FROM orders WHERE noticed (1) = 1",
    "DELETE FROM orders WHERE id = noticed (1)",
    "DELETE FROM orders WHERE dblink_connect('host=evil') = 'OK'",
    "DELETE FROM orders WHERE pg_terminate_backend(id)",
    "DELETE FROM orders WHERE id = 1 OR pg_terminate_backend(pg_backend_pid())",
    "DELETE FROM orders WHERE total > random()",
    "DELETE FROM orders WHERE id = nextval('noticed_seq')",
    "SELECT noticed(1) FROM orders",
    "SELECT * FROM noticed(1)",
    "SELECT * FROM orders, other",
    "SELECT * FROM orders o WHERE o.id = 1",
    "SELECT * FROM orders JOIN other ON true",
    "SELECT * FROM orders WHERE id = 1 UNION SELECT 1",
    "SELECT * FROM (DELETE FROM orders RETURNING id) x",
    "WITH x AS (DELETE FROM orders RETURNING id) SELECT * FROM x",
    "SELECT * FROM orders FOR UPDATE",
    "DELETE FROM orders RETURNING noticed(id)",
    "DELETE FROM orders USING other WHERE true",
    "DELETE FROM ONLY orders",
    "UPDATE orders SET id = noticed(1)",
    "UPDATE orders SET id = (SELECT 1) WHERE id = 1",
    "UPDATE orders SET (id) = (1)",
    "INSERT INTO orders VALUES (1)",
    "TRUNCATE orders",
    "COPY orders TO PROGRAM 'id'",
    "DO $$ BEGIN PERFORM 1; END $$",
    "EXPLAIN ANALYZE DELETE FROM orders",
    "DELETE FROM orders WHERE id = 1 -- comment",
    "DELETE FROM orders /* comment */",
    "DELETE FROM orders WHERE state = E'\\x41'",
    "DELETE FROM orders WHERE state = 'a\\'' OR true",
    "DELETE FROM orders WHERE state = $$x$$",
    "DELETE FROM orders WHERE state = U&'x'",
    "DELETE FROM orders WHERE state = X'41'",
    "DELETE FROM orders WHERE state LIKE '%'",
    "DELETE FROM orders WHERE state ~ '(a+)+$'",
    "DELETE FROM orders WHERE state || 'x' = 'x'",
    "DELETE FROM orders WHERE id + 1 = 2",
    "DELETE FROM orders WHERE id <@ 1",
    "DELETE FROM orders WHERE id @> 1",
    "DELETE FROM orders WHERE id =- 1 ^ 2",
    "DELETE FROM orders WHERE id::text = '1'",
    "DELETE FROM orders WHERE CAST(id AS text) = '1'",
    "DELETE FROM orders WHERE id OPERATOR(public.=) 1",
    "DELETE FROM orders WHERE state = 'x' COLLATE \"C\"",
    "DELETE FROM orders WHERE CASE WHEN true THEN true END",
    "DELETE FROM orders WHERE true",
    "DELETE FROM orders WHERE EXISTS (SELECT 1)",
    "DELETE FROM orders WHERE id = ANY (ARRAY[1])",
    "DELETE FROM orders WHERE (id, total) = (1, 2)",
    "DELETE FROM orders WHERE id = :id",
    "DELETE FROM orders WHERE id = ?",
    "DELETE FROM orders WHERE id = $1",
    "DELETE FROM orders WHERE id = 1e2",
    "DELETE FROM orders WHERE id = 0x1",
    "DELETE FROM orders WHERE id = 1_000",
    "DELETE FROM orders WHERE id = 99999999999999999999999",
    "DELETE FROM orders WHERE ïd = 1",
    "DELETE FROM orders\u{a0}WHERE id = 1",
    "DELETE FROM orders WHERE id = 1\u{0}",
    "DELETE FROM orders WHERE id",
    "DELETE FROM orders WHERE id = ",
    "DELETE FROM orders WHERE (id = 1",
    "DELETE FROM orders WHERE id = 1)",
    "DELETE FROM orders LIMIT",
    "DELETE FROM",
    "SELECT FROM orders",
    "SELECT 1",
];

/// What is understood, and is not of what may be counted.
const NOT_COUNTED: &[&str] = &[
    "DELETE FROM secrets",
    "DELETE FROM pg_catalog.pg_class",
    "DELETE FROM other.orders",
    "DELETE FROM seen",
    "DELETE FROM orders WHERE current_user = 'x'",
    "DELETE FROM orders WHERE no_such_column = 1",
    "DELETE FROM orders WHERE ctid = '(0,1)'",
    "DELETE FROM orders WHERE \"such text\" = 'such text'",
    "DELETE FROM orders WHERE computed = 1",
];

#[test]
fn c18_only_what_is_understood_whole_is_read() {
    for (sql, _) in UNDERSTOOD {
        assert!(statement::read(sql).is_some(), "{sql}");
    }
    for sql in NOT_UNDERSTOOD {
        assert_eq!(statement::read(sql), None, "{sql}");
    }
    let deep = format!(
        "DELETE FROM t WHERE {}a = 1{}",
        "(".repeat(40),
        ")".repeat(40)
    );
    assert_eq!(statement::read(&deep), None);
    let long = format!("DELETE FROM t WHERE a IN (1{})", ", 1".repeat(100));
    assert_eq!(statement::read(&long), None);
    let nots = format!("DELETE FROM t WHERE {} a = 1", "NOT ".repeat(100_000));
    assert_eq!(statement::read(&nots), None);
    assert_eq!(
        statement::read(&format!("DELETE FROM t WHERE a = '{}'", "x".repeat(20_000))),
        None
    );
}

proptest::proptest! {
    #[test]
    fn reading_a_statement_never_panics(sql in "(SELECT|DELETE|UPDATE)? ?[-a-z0-9_*'\"(),.;=<>! \\\\]{0,60}|\\PC{0,60}") {
        let _read = statement::read(&sql);
    }
}

async fn ask(lookups: &Lookups, sql: &str) -> Result<i64, String> {
    let mut asked = Asked::new();
    asked.anew = true;
    asked.queries = vec![gatehold_core::descriptor::FactQuery {
        name: "rows".to_owned(),
        label: "Rows that match now".to_owned(),
        type_: gatehold_core::descriptor::ValueType::Integer,
        recipe: "sql.count".to_owned(),
    }];
    asked.claims = Claims::default();
    let text = TypedValue::Text(sql.to_owned());
    asked.fields.insert("statement".to_owned(), text);
    let told = lookups.answer(&asked.at("2026-11-23T10:00:00Z")).await;
    let told = told.into_values().next().unwrap();
    assert_eq!(told.from, "count at sql:shop");
    told.answer.map(|found| match found.value {
        TypedValue::Integer(rows) => rows,
        other => panic!("{other:?}"),
    })
}

async fn count_as_they_should(lookups: &Lookups) {
    for (sql, rows) in UNDERSTOOD {
        assert_eq!(ask(lookups, sql).await, Ok(*rows), "{sql}");
    }
    for sql in NOT_UNDERSTOOD.iter().chain(NOT_COUNTED) {
        assert!(ask(lookups, sql).await.is_err(), "{sql}");
    }
}

const ROWS: &str = "CREATE TABLE orders (id integer PRIMARY KEY, state varchar(20), total numeric(10,2), \
        computed integer GENERATED ALWAYS AS (id) STORED); \
    INSERT INTO orders (id, state, total) VALUES (1, 'new', 10), (2, 'new', 12.50), (3, 'done', 20), (4, 'it''s', 30), (5, NULL, 40); \
    CREATE TABLE secrets (id integer); CREATE VIEW seen AS SELECT * FROM orders;";

#[tokio::test]
async fn c18_sqlite_runs_nothing_that_a_requester_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute_batch(ROWS).unwrap();
    // A view and a table of a module, of the very names that may be counted.
    database
        .execute_batch("CREATE VIEW a_view AS SELECT random() AS id; CREATE VIRTUAL TABLE words USING fts5(id);")
        .unwrap();
    drop(database);
    let before = std::fs::read(&path).unwrap();
    let toml = format!(
        "[[count]]\nrecipe = \"sql.count\"\ntarget = \"sql:shop\"\nkind = \"sqlite\"\npath = \"{}\"\ntables = [\"orders\", \"a_view\", \"words\", \"sqlite_schema\", \"gone\"]\n",
        path.display()
    );
    let lookups = Lookups::from_toml(&toml, &|_| None).unwrap();
    count_as_they_should(&lookups).await;
    for table in ["a_view", "words", "sqlite_schema", "gone"] {
        let told = ask(&lookups, &format!("DELETE FROM {table}")).await;
        assert!(told.is_err(), "{table}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert!(!path.with_file_name("shop.db-journal").exists());
}

#[tokio::test]
async fn c18_postgresql_runs_nothing_that_a_requester_wrote() {
    let server = Server::start(&[]).await;
    server.admin(ROWS).await;
    server
        .admin(&format!(
            "CREATE ROLE counts LOGIN PASSWORD '{CANARY}'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO counts; \
             CREATE SEQUENCE noticed_seq; \
             CREATE FUNCTION noticed(integer) RETURNS integer LANGUAGE sql SECURITY DEFINER IMMUTABLE AS \
                'SELECT nextval(''noticed_seq'')::integer'; \
             CREATE FUNCTION equals(varchar, text) RETURNS boolean LANGUAGE sql SECURITY DEFINER AS \
                'SELECT noticed(1) = 1'; \
             CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = text, FUNCTION = equals); \
             CREATE VIEW a_view AS SELECT noticed(1) AS id; GRANT SELECT ON a_view TO counts; \
             CREATE TABLE guarded (id integer); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; \
             CREATE POLICY noticing ON guarded USING (noticed(id) = 1); INSERT INTO guarded VALUES (1); \
             CREATE TABLE parent (id integer); CREATE TABLE child () INHERITS (parent); \
             CREATE DOMAIN small AS integer CHECK (noticed(VALUE) > 0); \
             CREATE TABLE domained (id integer, of_domain small); \
             CREATE TYPE mood AS ENUM ('good'); CREATE TABLE typed (id integer, mood mood); \
             GRANT SELECT ON guarded, parent, child, domained, typed TO counts; \
             GRANT USAGE ON SEQUENCE noticed_seq TO counts"
        ))
        .await;
    let (_folder, secret) = crate::testing::secret_file();
    let toml = |user: &str| {
        format!(
            "[[count]]\nrecipe = \"sql.count\"\ntarget = \"sql:shop\"\nkind = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{user}\"\ndatabase = \"postgres\"\npassword_file = \"{}\"\ntimeout_seconds = 20\ntables = [\"orders\", \"a_view\", \"guarded\", \"parent\", \"domained\", \"typed\"]\n",
            server.port(),
            secret.display()
        )
    };
    let lookups = Lookups::from_toml(&toml("counts"), &|_| None).unwrap();
    count_as_they_should(&lookups).await;
    for sql in [
        "DELETE FROM a_view",
        "DELETE FROM guarded",
        "DELETE FROM parent",
        "DELETE FROM domained WHERE of_domain = 1",
        "DELETE FROM typed WHERE mood = 'good'",
    ] {
        assert!(ask(&lookups, sql).await.is_err(), "{sql}");
    }
    assert_eq!(
        ask(&lookups, "DELETE FROM domained WHERE id = 1").await,
        Ok(0)
    );
    // Nothing that would have left a trace was run or planned.
    let called = server.admin("SELECT is_called FROM noticed_seq").await;
    assert_eq!(called, [["f"]]);
    assert_eq!(server.admin("SELECT count(*) FROM orders").await, [["5"]]);
    // A role that may do more than read is not used.
    let powerful = Lookups::from_toml(&toml("gate"), &|_| None).unwrap();
    let told = ask(&powerful, "DELETE FROM orders").await;
    assert!(told.unwrap_err().contains("more than read"));
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_unknown() {
    let silent =
        crate::testing::listener::Upstream::start(crate::testing::listener::Manner::Silence);
    let silent = silent.await;
    let toml = |port: u16| {
        format!(
            "[[count]]\nrecipe = \"sql.count\"\ntarget = \"sql:shop\"\nkind = \"postgres\"\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"counts\"\ndatabase = \"postgres\"\ntimeout_seconds = 1\ntables = [\"orders\"]\n"
        )
    };
    let lookups = Lookups::from_toml(&toml(silent.port), &|_| None).unwrap();
    assert!(ask(&lookups, "DELETE FROM orders").await.is_err());
    for (from, to) in [
        ("target = \"sql:shop\"\n", ""),
        ("tables = [\"orders\"]", "tables = []"),
        ("tables = [\"orders\"]", "tables = [1]"),
        ("tables = [\"orders\"]", "tables = [\"a.b.c\"]"),
        ("timeout_seconds = 1", "timeout_seconds = 0"),
        ("kind = \"postgres\"", "kind = \"oracle\""),
        ("recipe = \"sql.count\"", "recipe = 1"),
        ("user = \"counts\"", "writes = true"),
    ] {
        let text = toml(1).replacen(from, to, 1);
        assert!(Lookups::from_toml(&text, &|_| None).is_err(), "{to}");
    }
    assert!(Lookups::from_toml(&format!("{0}{0}", toml(1)), &|_| None).is_err());
}
