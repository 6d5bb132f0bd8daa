//! What is read arrives exactly; what cannot is refused before it runs.

use serde_json::json;

use super::*;

#[tokio::test]
async fn every_supported_type_arrives_exactly() {
    let server = shop().await;
    server
        .admin("CREATE TYPE mood AS ENUM ('fine'); CREATE DOMAIN small AS int CHECK (VALUE < 9)")
        .await;
    let target = server.target();
    for (expression, value) in [
        ("true", json!(true)),
        ("NULL::int", json!(null)),
        ("1::int2", json!(1)),
        ("-2147483648", json!(-2_147_483_648_i64)),
        ("9007199254740991::int8", json!(9_007_199_254_740_991_i64)),
        ("9007199254740993::int8", json!("9007199254740993")),
        ("4294967295::oid", json!(4_294_967_295_u32)),
        ("0.1::float4", json!(0.1)),
        ("0.1::float8", json!(0.1)),
        ("'-Infinity'::float8", json!("-inf")),
        (
            "12345678901234567890.0100",
            json!("12345678901234567890.0100"),
        ),
        ("-0.00001234::numeric", json!("-0.00001234")),
        ("10000::numeric", json!("10000")),
        ("0::numeric(9,3)", json!("0.000")),
        ("'NaN'::numeric", json!("NaN")),
        ("'1e20'::numeric", json!("100000000000000000000")),
        ("'é\"'::text", json!("é\"")),
        ("'x'::char(3)", json!("x  ")),
        ("'{\"a\": 1.0}'::json", json!("{\"a\": 1.0}")),
        ("'{\"a\":1.0}'::jsonb", json!("{\"a\": 1.0}")),
        ("'\\x00ff'::bytea", json!({"base64": "AP8="})),
        (
            "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid",
            json!("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        ),
        ("'1999-12-31'::date", json!("1999-12-31")),
        ("'0044-03-15 BC'::date", json!("-043-03-15")),
        ("'infinity'::date", json!("infinity")),
        ("'23:59:59.5'::time", json!("23:59:59.5")),
        (
            "'1969-07-20 20:17:40'::timestamp",
            json!("1969-07-20T20:17:40"),
        ),
        (
            "'2026-11-21 03:05:32.000001+01'::timestamptz",
            json!("2026-11-21T02:05:32.000001Z"),
        ),
        ("ARRAY[1, NULL, 3]", json!([1, null, 3])),
        ("ARRAY[]::text[]", json!([])),
        ("'fine'::mood", json!("fine")),
        ("7::small", json!(7)),
        ("pg_sleep(0)", json!("")),
    ] {
        let ended = run(&target, &sql(Read, &format!("SELECT {expression} AS v"))).await;
        assert_eq!(
            testing::json(&ended)["rows"],
            json!([[value]]),
            "{expression}"
        );
    }
    for unsupported in [
        "'1 day'::interval",
        "'10.0.0.1'::inet",
        "point(1,2)",
        "ROW(1, 2)",
    ] {
        let text = format!("INSERT INTO audit VALUES ('ran') RETURNING {unsupported}");
        let ended = run(&target, &sql(Write, &text)).await;
        assert_eq!(
            (ended.ending, ended.code),
            (Ending::Failed, "result_unreadable")
        );
    }
    let nested = "INSERT INTO audit VALUES ('ran') RETURNING ARRAY[ARRAY[1]]";
    assert_eq!(
        run(&target, &sql(Write, nested)).await.code,
        "result_unreadable"
    );
    assert_eq!(server.admin("SELECT count(*) FROM audit").await, [["0"]]);
}

#[tokio::test]
async fn parameters_arrive_exactly_as_the_types_the_statement_gives_them() {
    let server = shop().await;
    let target = server.target();
    let with = |statement: &str, params: &str| {
        let text = format!(r#"{{"sql": "{statement}", "params": [{params}]}}"#);
        call(Read, "application/json", text.as_bytes())
    };
    for (statement, params, value) in [
        (
            "SELECT $1::numeric",
            "12345678901234567890.10",
            json!("12345678901234567890.10"),
        ),
        (
            "SELECT $1::int8",
            "9007199254740993",
            json!("9007199254740993"),
        ),
        ("SELECT $1::bool", "true", json!(true)),
        ("SELECT $1::text", "null", json!(null)),
        (
            "SELECT $1::text",
            r#""x' OR 1=1 --""#,
            json!("x' OR 1=1 --"),
        ),
        ("SELECT total FROM orders WHERE id = $1", "7", json!("0.70")),
        (
            "SELECT ($1::jsonb)->>'a'",
            r#""{\"a\": 1.50}""#,
            json!("1.50"),
        ),
    ] {
        let ended = run(&target, &with(statement, params)).await;
        assert_eq!(
            testing::json(&ended)["rows"],
            json!([[value]]),
            "{statement}"
        );
    }
    for (statement, params, code) in [
        ("SELECT $1::int", "1.5", "target_refused"),
        ("SELECT $1::int", "", "payload_unusable"),
        ("SELECT 1", "1", "payload_unusable"),
    ] {
        let ended = run(&target, &with(statement, params)).await;
        assert_eq!(
            (ended.ending, ended.code),
            (Ending::Failed, code),
            "{statement}"
        );
    }
}

#[tokio::test]
async fn reading_stops_at_its_caps() {
    let server = shop().await;
    let target = server.target();
    let mut read = sql(
        Read,
        "SELECT generate_series(1, 1000000000), repeat('x', 100)",
    );
    read.caps = BTreeMap::from([("rows".to_owned(), 1_234)]);
    let ended = run(&target, &read).await;
    assert_eq!(
        (ended.ending, ended.quantity),
        (Ending::Completed, Some(1_234))
    );
    assert!(ended.truncated);
    read.caps = BTreeMap::from([("bytes".to_owned(), 5_000)]);
    let ended = run(&target, &read).await;
    assert!(ended.truncated && ended.body.len() <= 5_000);
    let mut exact = sql(Read, "SELECT id FROM orders");
    exact.caps = BTreeMap::from([("rows".to_owned(), 20)]);
    assert!(!run(&target, &exact).await.truncated);
    // One value larger than the whole budget never arrives.
    let huge = sql(Read, "SELECT repeat('x', 100000000)");
    let ended = run(&target, &huge).await;
    assert_eq!((ended.ending, ended.code), (Ending::Failed, "cap_exceeded"));
}

#[tokio::test]
async fn a_reading_call_changes_nothing_and_one_statement_is_one() {
    let server = shop().await;
    let target = server.target();
    server.admin("CREATE SEQUENCE counter").await;
    let before = server.admin(STATE).await;
    for text in [
        "UPDATE orders SET status = 'x'",
        "WITH x AS (DELETE FROM orders RETURNING 1) SELECT count(*) FROM x",
        "SELECT nextval('counter')",
        "CREATE TABLE x (y int)",
        "TRUNCATE audit",
        "SELECT 1; DELETE FROM orders",
        "SELECT 1; COMMIT; DELETE FROM orders",
        "COMMIT; BEGIN READ WRITE; DELETE FROM orders; COMMIT",
        "DO $$ BEGIN DELETE FROM orders; END $$",
        "DO $$ BEGIN COMMIT; DELETE FROM orders; END $$",
        "DO $$ BEGIN SET transaction_read_only = off; DELETE FROM orders; END $$",
        "COPY orders FROM STDIN",
        "COPY orders TO STDOUT",
        "VACUUM",
        "SELECT * FROM nowhere",
        "",
    ] {
        let ended = run(&target, &sql(Read, text)).await;
        let nothing = text.is_empty() && ended.quantity == Some(0);
        assert!(
            ended.ending == Ending::Failed || nothing,
            "{text}: {ended:?}"
        );
        assert_eq!(server.admin(STATE).await, before, "{text}");
    }
    for text in [
        "DELETE FROM audit; DELETE FROM orders",
        "SELECT 1; SELECT 2",
    ] {
        assert_eq!(run(&target, &sql(Write, text)).await.ending, Ending::Failed);
        assert_eq!(server.admin(STATE).await, before, "{text}");
    }
}
