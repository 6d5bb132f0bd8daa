//! Promise P16 and threat C14: a secret of the operator appears nowhere but where it belongs, and what people and workloads
//! say in confidence appears in no log, error, metric or tile.

use std::path::{Path, PathBuf};

use gatehold_client::wire::Claims;
use gatehold_core::review::ReviewAct;

use crate::world::{World, gatehold, said};

/// What a workload or a reviewer says: kept as attachments in the database, and nowhere else.
const SAID: [&str; 5] = [
    "canary-payload-6f1d",
    "canary-claim-8b2e",
    "canary-purpose-77aa",
    "canary-justification-5c9e",
    "canary-prompt-19fd",
];

/// Every file as it is now, the write-ahead log of a running store included.
fn files(folder: &Path, all: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else if let Ok(bytes) = std::fs::read(&path) {
            // What a publisher replaced in between is found under its new name.
            all.push((path, bytes));
        }
    }
}

fn holds(bytes: &[u8], canary: &[u8]) -> bool {
    !canary.is_empty() && bytes.windows(canary.len()).any(|window| window == canary)
}

/// The secrets in a gate's folder, in each spelling they could leak in.
fn secrets(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut secrets = Vec::new();
    let seed = std::fs::read_to_string(world.home().join("log.key")).unwrap();
    let seed = seed.trim().to_owned();
    let raw = gatehold_core::hash::unhex(&seed).unwrap();
    secrets.push(("the log's key in hex".to_owned(), seed.into_bytes()));
    secrets.push(("the log's key".to_owned(), raw));
    secrets.push(("the workload's key".to_owned(), world.bot.seed().to_vec()));
    let hex = gatehold_core::hash::hex(world.bot.seed());
    secrets.push(("the workload's key in hex".to_owned(), hex.into_bytes()));
    secrets.push((
        "the target's secret".to_owned(),
        world.secret().as_bytes().to_vec(),
    ));
    secrets
}

#[tokio::test]
async fn c14_p16_no_canary_leaves_the_place_it_belongs() {
    let mut world = World::open().await;
    let claims = Claims {
        reason: Some(SAID[1].to_owned()),
        prompt: Some(SAID[4].to_owned()),
        ..Claims::default()
    };
    world.task = world.bot.start_task(SAID[2]).await.unwrap();
    let sql = format!("UPDATE orders SET status = '{}' WHERE id = 7", SAID[0]);
    let write = world.ask_with("sql.write", &sql, claims.clone()).await;
    world
        .review_with("reviewer", &write, ReviewAct::Approve, SAID[3])
        .await;
    world
        .review_with("second", &write, ReviewAct::Approve, SAID[3])
        .await;
    world.bot.client.redeem(&write, 0).await.unwrap();
    // A call that carries the operator's secret outwards, and comes back with it in the answer.
    let called = world.call_web("/customers/17").await;
    world.approve(&called).await;
    let answer = world.bot.client.redeem(&called, 0).await.unwrap();
    // The service answers no call without the secret.
    assert_eq!(world.web.saw().len(), 1, "the call arrived");
    // Errors that quote what they were given, if anything does.
    let broken = format!("UPDATE nowhere SET status = '{}'", SAID[0]);
    let failing = world.ask_with("sql.write", &broken, claims).await;
    world.approve(&failing).await;
    let failed = world.bot.client.redeem(&failing, 0).await;
    let refused = world.bot.client.redeem(&failing, 0).await;
    let said_to_clients = format!("{refused:?}");
    let metrics = world.gate.says();
    let home = world.home();
    let mut all = Vec::new();
    files(&home, &mut all);
    assert!(
        all.iter()
            .any(|(path, bytes)| path.ends_with("gatehold.db-wal") && !bytes.is_empty())
    );
    world.gate.stop().await.unwrap();
    files(&home, &mut all);
    let config = home.join("gatehold.toml");
    let verified = gatehold(
        &home,
        &["audit", "verify", "--config", &config.to_string_lossy()],
    );
    let doctor = gatehold(&home, &["doctor", "--config", &config.to_string_lossy()]);
    let commands = said(&verified) + &said(&doctor) + &said_to_clients + &metrics;

    // Secrets: nowhere but in their own files and at the target.
    let answers = format!("{answer:?}{failed:?}");
    for (what, canary) in secrets(&world) {
        assert!(
            !holds(commands.as_bytes(), &canary),
            "{what} was said: {commands}"
        );
        assert!(!holds(answers.as_bytes(), &canary), "{what} was answered");
        for (path, bytes) in &all {
            let own = path.ends_with("log.key") && what.starts_with("the log");
            let found = holds(bytes, &canary);
            assert!(own || !found, "{what} stands in {}", path.display());
        }
    }
    // Confidences: in the database alone; leaves, tiles, heads, logs and errors know nothing of them.
    for canary in SAID {
        assert!(
            !holds(commands.as_bytes(), canary.as_bytes()),
            "{canary}: {commands}"
        );
        for (path, bytes) in &all {
            let is_database = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("gatehold.db"));
            let found = holds(bytes, canary.as_bytes());
            assert!(
                is_database || !found,
                "{canary} stands in {}",
                path.display()
            );
        }
    }
    assert!(all.iter().any(|(path, _)| path.ends_with("gate.log")));
    assert!(
        all.iter()
            .any(|(path, _)| path.to_string_lossy().contains("/published/tile/"))
    );
    // In the database they stand in attachments, which can be erased: never in a leaf, a row or a notice.
    let database = rusqlite::Connection::open(home.join("gatehold.db")).unwrap();
    for (table, column) in [
        ("leaf", "record"),
        ("state_row", "body"),
        ("outbox", "body"),
        ("unique_key", "key"),
    ] {
        for canary in SAID {
            let found: i64 = database
                .query_row(
                    &format!(
                        "SELECT count(*) FROM {table} WHERE instr(CAST({column} AS TEXT), ?1) > 0"
                    ),
                    [canary],
                    |row| row.get(0),
                )
                .unwrap();
            assert_eq!(found, 0, "{canary} stands in {table}.{column}");
        }
    }
}
