//! A change is committed only within its caps, by whatever route it would write.

use super::*;

#[tokio::test]
async fn rows_are_counted_by_whatever_route_they_are_written() {
    let server = shop().await;
    server
        .admin(
            "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               INSERT INTO audit SELECT 'n' FROM generate_series(1, 10); RETURN NULL; END $$;
             CREATE TRIGGER noted AFTER UPDATE OF status ON orders
               FOR EACH STATEMENT EXECUTE FUNCTION noted();
             CREATE CONSTRAINT TRIGGER late AFTER UPDATE OF total ON orders
               DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION noted();
             CREATE FUNCTION sweep() RETURNS int LANGUAGE sql AS
               $$ DELETE FROM lines; SELECT 1 $$;",
        )
        .await;
    let target = server.target();
    let before = server.admin(STATE).await;
    for (text, rows) in [
        ("UPDATE lines SET sku = 'c' WHERE order_id <= 5", 9),
        ("UPDATE orders SET status = 'x' WHERE id = 1", 10),
        ("UPDATE orders SET total = 1 WHERE id = 1", 10),
        ("DELETE FROM orders WHERE id <= 3", 8),
        (
            "WITH x AS (DELETE FROM lines RETURNING 1) SELECT count(*) FROM x",
            39,
        ),
        ("SELECT sweep()", 39),
        (
            "INSERT INTO audit SELECT 'x' FROM orders RETURNING what",
            19,
        ),
        ("DO $$ BEGIN DELETE FROM lines; END $$", 39),
        ("TRUNCATE lines", 1_000_000),
        ("DROP TABLE lines", 1_000_000),
        ("ALTER TABLE lines DROP COLUMN sku", 1_000_000),
        ("DO $$ BEGIN TRUNCATE lines; END $$", 1_000_000),
    ] {
        let ended = run(&target, &capped(text, rows)).await;
        assert_eq!(
            (ended.ending, ended.code),
            (Ending::Failed, "cap_exceeded"),
            "{text}"
        );
        assert_eq!(server.admin(STATE).await, before, "{text}");
    }
    let ended = run(
        &target,
        &capped("UPDATE orders SET total = 1 WHERE id = 1", 11),
    )
    .await;
    assert_eq!(
        (ended.ending, ended.quantity),
        (Ending::Completed, Some(11))
    );
    let ended = run(&target, &capped("DELETE FROM orders WHERE id <= 3", 9)).await;
    assert_eq!((ended.ending, ended.quantity), (Ending::Completed, Some(9)));
    assert_eq!(testing::json(&ended)["affected"], 9);
    assert_eq!(server.admin("SELECT count(*) FROM orders").await, [["17"]]);
    let ended = run(&target, &sql(Write, "TRUNCATE lines")).await;
    assert_eq!(
        ended.ending,
        Ending::Completed,
        "nobody asked for counted rows"
    );
}

#[tokio::test]
async fn an_answer_may_be_cut_but_the_change_stands() {
    let server = shop().await;
    let mut insert = sql(
        Write,
        "INSERT INTO audit SELECT repeat('x', 100) FROM orders RETURNING what",
    );
    insert.caps = BTreeMap::from([("bytes".to_owned(), 500)]);
    let ended = run(&server.target(), &insert).await;
    assert_eq!(
        (ended.ending, ended.quantity),
        (Ending::Completed, Some(20))
    );
    assert!(ended.truncated && ended.body.len() <= 500);
    assert_eq!(server.admin("SELECT count(*) FROM audit").await, [["20"]]);
}

#[tokio::test]
async fn a_server_that_does_not_count_cannot_keep_a_cap() {
    let server = Server::start(&[("track_counts", "off")]).await;
    server.admin(SHOP).await;
    let ended = run(
        &server.target(),
        &capped("UPDATE orders SET status = 'x'", 100),
    )
    .await;
    assert_eq!((ended.ending, ended.code), (Ending::Failed, "cap_exceeded"));
    let free = run(
        &server.target(),
        &sql(Write, "UPDATE orders SET status = 'x'"),
    )
    .await;
    assert_eq!((free.ending, free.quantity), (Ending::Completed, Some(20)));
}

#[tokio::test]
async fn a23_preconditions_and_constraints_hold_at_commit() {
    let server = shop().await;
    let target = server.target();
    let before = server.admin(STATE).await;
    let mut update = sql(Write, "UPDATE orders SET status = 'x' WHERE id <= 4");
    for wrong in ["rows=3", "rows=5"] {
        update.precondition = Some(wrong.to_owned());
        let ended = run(&target, &update).await;
        assert_eq!((ended.ending, ended.code), (Ending::Failed, "precondition"));
        assert_eq!(server.admin(STATE).await, before);
    }
    update.precondition = Some("rows=4".to_owned());
    assert_eq!(run(&target, &update).await.ending, Ending::Completed);

    server
        .admin(
            "ALTER TABLE orders ADD CONSTRAINT once UNIQUE (total) DEFERRABLE INITIALLY DEFERRED",
        )
        .await;
    let before = server.admin(STATE).await;
    let ended = run(&target, &sql(Write, "UPDATE orders SET total = 1")).await;
    assert_eq!(
        (ended.ending, ended.code),
        (Ending::Failed, "target_refused")
    );
    assert!(
        !String::from_utf8_lossy(&ended.body).contains("(total)="),
        "no row in it"
    );
    assert_eq!(server.admin(STATE).await, before);
}

#[tokio::test]
async fn a_slow_statement_ends_and_its_connection_with_it() {
    let server = shop().await;
    let mut target = server.target();
    target.statement_timeout = Duration::from_millis(100);
    let slow = "WITH x AS (INSERT INTO audit VALUES ('x')) SELECT pg_sleep(3600)";
    let ended = run(&target, &sql(Write, slow)).await;
    assert_eq!((ended.ending, ended.code), (Ending::Failed, "timeout"));
    assert_eq!(server.admin("SELECT count(*) FROM audit").await, [["0"]]);

    // Nobody waits any more: the server notices and rolls back, long before its own limit.
    target.statement_timeout = Duration::from_secs(3_600);
    let mut slow = sql(Write, slow);
    slow.ttl = Duration::from_secs(3_600);
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    let begun = async { while server.admin(sleeping).await != [["1"]] {} };
    tokio::select! {
        ended = run(&target, &slow) => panic!("it sleeps for an hour: {ended:?}"),
        () = begun => {}
    }
    // The statement holds a lock that this one waits for.
    server
        .admin("SET lock_timeout = '60s'; LOCK TABLE audit IN ACCESS EXCLUSIVE MODE")
        .await;
    assert_eq!(server.admin("SELECT count(*) FROM audit").await, [["0"]]);
}
