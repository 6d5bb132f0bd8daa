//! Credentials that are handed out, where they are used: a gate in a process of its own, a real PostgreSQL server, a workload that
//! logs in with what it was given, and people who take it away.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests: helpers outside test functions"
)]

#[path = "leases/killed.rs"]
mod killed;
#[path = "leases/logs.rs"]
mod logs;
#[path = "leases/rekeyed.rs"]
mod rekeyed;
#[path = "../../audit/tests/share/mod.rs"]
mod share;
#[path = "leases/world.rs"]
mod world;

use std::path::{Path, PathBuf};

use gatehold_client::wire::RequestState;
use gatehold_sim::postgres_server::PostgresServer;
use rusqlite::{Connection, OpenFlags};

use world::{World, code};

/// What the server says to whoever it does not know, or whose password is not right.
const NOBODY: &str = "28P01";
/// What it says of rights that somebody has not.
const NO_RIGHT: &str = "42501";
/// What a dossier says of a credential that is gone.
const GONE: &str = "the credential that was handed out is gone, and its target said so";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m144_m215_what_people_approved_logs_in_and_is_gone_when_one_of_them_revokes_it() {
    let mut world = World::open().await;
    let request = world.ask(600).await;
    let early = world.bot.client.redeem(&request, 0).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(world.roles().await, 0, "nothing is made before a decision");
    world.approve(&request).await;
    let credential = world.taken(&request).await;
    assert_eq!(credential.kind, "postgres_login");

    // What the group may, and nothing else.
    let session = world.log_in(&credential).await.unwrap();
    let row = session.query_one("SELECT status FROM orders WHERE id = 7", &[]);
    assert_eq!(row.await.unwrap().get::<_, String>(0), "stuck");
    for beyond in [
        "SELECT * FROM payroll",
        "UPDATE orders SET status = 'paid'",
        "CREATE TABLE mine (id int)",
        "CREATE ROLE another",
        "GRANT orders_reader TO gatehold_broker",
        "SET ROLE gatehold_broker",
    ] {
        let refused = session.batch_execute(beyond).await;
        assert_eq!(code(&refused), NO_RIGHT, "{beyond}");
    }

    // It goes on with what it has open, and the whole of that ends.
    session.batch_execute("BEGIN").await.unwrap();
    let open = session.query("SELECT * FROM orders", &[]).await;
    assert_eq!(open.unwrap().len(), 2);
    let working = tokio::spawn(async move { session.batch_execute("SELECT pg_sleep(600)").await });
    let revoked = world.people["reviewer"].client.revoke_request(&request);
    assert_eq!(revoked.await.unwrap().state, RequestState::Completed);
    let ended = working.await.unwrap();
    assert!(ended.is_err(), "{ended:?}");
    world.until_gone(1).await;
    // The ledger said so after the server did: nobody has to wait now.
    assert_eq!((world.roles().await, world.sessions().await), (0, 0));
    assert_eq!(code(&world.log_in(&credential).await), NOBODY);
    // Nobody is handed it again.
    let again = world.bot.client.redeem(&request, 0).await;
    assert!(again.is_err(), "{again:?}");

    let text = world.until_explained(&request, GONE).await;
    for wanted in [
        "the credential: issued",
        "the credential: ended (revoked)",
        "the credential: verified",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in:\n{text}");
    }
    // How long it took this server, for whoever has to know.
    let all = world.people["reviewer"].client.revocation().await.unwrap();
    let [bound] = all.targets.as_slice() else {
        panic!("one target: {all:?}");
    };
    assert_eq!(
        (bound.leases, bound.revocation_class.as_str()),
        (1, "immediate")
    );
    assert!(bound.longest_ms.is_some_and(|ms| ms < 60_000), "{bound:?}");
    world.gate.stop().await.unwrap();
    world.gate.verify_ledger().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c05_m195_m217_a_task_that_ends_takes_its_own_credential_and_no_other() {
    let mut world = World::open().await;
    let first = world.bot.start_task("look for stuck orders").await.unwrap();
    let ending = world.leased(&first).await;
    let second = world.bot.start_task("look for lost orders").await.unwrap();
    let staying = world.leased(&second).await;
    // Both are members of one group.
    let (ended, stays) = (world.log_in(&ending).await, world.log_in(&staying).await);
    let (ended, stays) = (ended.unwrap(), stays.unwrap());
    ended.batch_execute("BEGIN").await.unwrap();
    let working = tokio::spawn(async move { ended.batch_execute("SELECT pg_sleep(600)").await });

    world.bot.client.end_task(&first).await.unwrap();
    assert!(working.await.unwrap().is_err());
    world.until_gone(1).await;
    assert_eq!(code(&world.log_in(&ending).await), NOBODY);
    let read = stays.query("SELECT * FROM orders", &[]).await;
    assert_eq!(read.unwrap().len(), 2);
    drop(stays);

    world.bot.client.end_task(&second).await.unwrap();
    world.until_gone(2).await;
    assert_eq!((world.roles().await, world.sessions().await), (0, 0));
    world.gate.stop().await.unwrap();
    world.gate.verify_ledger().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c15_p10_m021_a_credential_ends_with_its_time_however_late_somebody_logs_in() {
    let world = World::open().await;
    let request = world.ask(600).await;
    // People gave it less than was asked for, and it is counted from their decision.
    world.approve_for(&request, Some(SHORT_SECONDS)).await;
    let credential = world.taken(&request).await;
    let session = world.log_in(&credential).await.unwrap();
    let admin = world.server.connect("orders").await;
    let (user, expires) = (&credential.public["user"], &credential.public["expires"]);
    let kept = "SELECT rolvaliduntil = $1::text::timestamptz
        AND rolvaliduntil <= now() + make_interval(secs => $2) FROM pg_roles WHERE rolname = $3::text";
    let seconds = f64::from(SHORT_SECONDS);
    let row = admin.query_one(kept, &[expires, &seconds, user]).await;
    let kept: bool = row.unwrap().get(0);
    assert!(kept, "the server keeps the same end");
    let ended = session.batch_execute("SELECT pg_sleep(600)").await;
    assert!(ended.is_err(), "{ended:?}");
    world.until_gone(1).await;
    assert_eq!((world.roles().await, world.sessions().await), (0, 0));
    assert_eq!(code(&world.log_in(&credential).await), NOBODY);
}

/// How long the credential of a test lives that is to expire.
const SHORT_SECONDS: u32 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c14_p16_the_password_of_a_lease_is_in_no_file_answer_or_log() {
    let mut world = World::open().await;
    let request = world.ask(600).await;
    world.approve(&request).await;
    let redeemed = world.bot.client.redeem(&request, 0).await.unwrap();
    let said = format!("{redeemed:?}");
    let credential = redeemed.credential.unwrap();
    let session = world.log_in(&credential).await.unwrap();
    session.batch_execute("SELECT 1").await.unwrap();
    let secret = credential.secret.as_bytes();
    assert!(secret.len() >= 32);
    // Also who prints everything prints its kind alone.
    assert!(!holds(said.as_bytes(), secret));

    let mut all = Vec::new();
    files(&world.home(), &mut all);
    let status = world.bot.client.status(&request, 0).await.unwrap();
    assert!(!holds(format!("{status:?}").as_bytes(), secret));
    world.people["reviewer"]
        .client
        .revoke_request(&request)
        .await
        .unwrap();
    world.until_gone(1).await;
    let text = world.until_explained(&request, GONE).await;
    let dossier = world.bot.client.dossier(&request).await.unwrap();
    assert!(!holds(text.as_bytes(), secret) && !holds(&dossier, secret));
    // It logs every statement, and what it was told of the password is not the password.
    let log = world.server.log_until("CREATE ROLE");
    assert!(log.contains("SCRAM-SHA-256") && !holds(log.as_bytes(), secret));
    world.gate.stop().await.unwrap();
    files(&world.home(), &mut all);
    assert!(all.iter().any(|(path, _)| path.ends_with("gate.log")));
    assert!(all.iter().any(|(path, _)| path.ends_with("gatehold.db")));
    for (path, bytes) in &all {
        assert!(!holds(bytes, secret), "it stands in {}", path.display());
    }
}

fn holds(bytes: &[u8], secret: &[u8]) -> bool {
    bytes
        .windows(secret.len())
        .any(|part| part.eq_ignore_ascii_case(secret))
}

/// Every file as it is now.
fn files(folder: &Path, all: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else if let Ok(bytes) = std::fs::read(&path) {
            all.push((path, bytes));
        }
    }
}

/// When the gate is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// The claim is durable, and the server is at work on the role.
    Claimed,
    /// The role stands there, and the ledger does not know yet.
    Made,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p08_a_killed_gate_leaves_no_credential_that_nobody_was_handed() {
    let mut world = World::open().await;
    for (gone, moment) in (1..).zip([Moment::Claimed, Moment::Made]) {
        let request = world.ask(600).await;
        world.approve(&request).await;
        // Nobody becomes a member of anything until this is over.
        let holding = world.server.connect("orders").await;
        let hold = "BEGIN; LOCK TABLE pg_catalog.pg_auth_members IN SHARE MODE";
        holding.batch_execute(hold).await.unwrap();
        let (bot, asked) = (world.bot.clone(), request.clone());
        let redeeming = tokio::spawn(async move { bot.client.redeem(&asked, 0).await });
        world.until_the_broker_waits().await;
        let alone = (moment == Moment::Made).then(|| alone_at(&world.gate.database()));
        if moment == Moment::Made {
            holding.batch_execute("COMMIT").await.unwrap();
            world.until_a_role_stands().await;
        }
        world.gate.kill().await.unwrap();
        assert!(redeeming.await.unwrap().is_err(), "{moment:?}");
        drop((alone, holding));

        world.gate.start_again().await.unwrap();
        world.until_gone(gone).await;
        assert_eq!(world.roles().await, 0, "{moment:?}");
        let state = world.bot.client.status(&request, 0).await.unwrap().state;
        assert_eq!(state, RequestState::Unknown, "{moment:?}");
        world.people = world.gate.people().await.unwrap();
    }
    world.gate.stop().await.unwrap();
    world.gate.verify_ledger().await.unwrap();
}

/// Nobody else writes this database until it is dropped.
fn alone_at(store: &Path) -> Connection {
    let store = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    store.execute_batch("BEGIN IMMEDIATE").unwrap();
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c03_a_credential_is_gone_once_a_server_that_was_down_is_back() {
    let mut world = World::open().await;
    let request = world.ask(600).await;
    world.approve(&request).await;
    let credential = world.taken(&request).await;
    world.server.stop();
    let revoked = world.people["second"].client.revoke_request(&request);
    revoked.await.unwrap();
    let waits = "the target has not said yet that the credential is gone";
    world.until_explained(&request, waits).await;
    // Whoever takes over goes on with it.
    world.gate.kill().await.unwrap();
    world.gate.start_again().await.unwrap();
    world.server.go_on();
    world.until_gone(1).await;
    assert_eq!(world.roles().await, 0);
    assert_eq!(code(&world.log_in(&credential).await), NOBODY);
    world.gate.stop().await.unwrap();
    world.gate.verify_ledger().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m155_the_doctor_names_who_else_reaches_a_target_and_not_the_lease_that_lives() {
    let world = World::open().await;
    let request = world.ask(600).await;
    world.approve(&request).await;
    let credential = world.taken(&request).await;
    let admin = world.server.connect("orders").await;
    let analyst = "CREATE ROLE analyst LOGIN; GRANT orders_reader TO analyst;
        GRANT SELECT ON pg_hba_file_rules TO gatehold_broker;
        GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO gatehold_broker";
    admin.batch_execute(analyst).await.unwrap();
    let (code, answer) = world.ways_round();
    assert_eq!(code, Some(1), "{answer:#}");
    assert_eq!(answer["leases"], 1, "{answer:#}");
    // The server's own superuser, and whoever was let in past the gate.
    assert_eq!(answer["bypasses"], 2, "{answer:#}");
    let bad = |answer: &serde_json::Value| -> Vec<String> {
        let findings = answer["findings"].as_array().unwrap().iter();
        let bad = findings.filter(|found| found["level"] == "bad");
        bad.map(|found| found["what"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = bad(&answer).join("\n");
    assert!(all.contains("analyst through orders_reader"), "{all}");
    assert!(all.contains("postgres is a superuser"), "{all}");
    assert!(!all.contains(&credential.public["user"]), "{all}");

    // One that was given more is no lease like any other.
    let more = format!("ALTER ROLE {} REPLICATION", credential.public["user"]);
    admin.batch_execute(&more).await.unwrap();
    let (_, answer) = world.ways_round();
    assert_eq!(answer["bypasses"], 3, "{answer:#}");
    assert!(bad(&answer).join("\n").contains("more than that"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m023_the_servers_own_log_tells_a_session_under_a_lease_from_one_beside_it() {
    let settings = [
        ("log_connections", "on"),
        ("log_statement", "all"),
        ("log_timezone", "UTC"),
    ];
    let world = World::over(PostgresServer::start_writing_csvlog(&settings)).await;
    let request = world.ask(600).await;
    world.approve(&request).await;
    let credential = world.taken(&request).await;
    let session = world.log_in(&credential).await.unwrap();
    let read = session.query("SELECT * FROM orders WHERE status <> 'under a lease'", &[]);
    assert_eq!(read.await.unwrap().len(), 2);
    let beside = world.server.connect("orders").await;
    let words = "SELECT * FROM payroll WHERE name = 'round the gate,\n\"and\" over lines'";
    beside.batch_execute(words).await.unwrap();
    let log = world.server.csvlog_until("over lines");
    let (code, answer) = world.reconciled(&log);
    assert_eq!(code, Some(7), "{answer:#}");
    assert_eq!(answer["unknown"], serde_json::json!([]), "{answer:#}");
    let count = |name: &str| answer[name].as_u64().unwrap();
    assert!(
        count("granted") >= 2,
        "its login and its statement: {answer:#}"
    );
    assert!(count("own") > 0, "the broker made it: {answer:#}");
    let findings = answer["findings"].as_array().unwrap();
    let lines: Vec<&str> = log.lines().collect();
    for finding in findings {
        assert_eq!(finding["who"], "postgres", "{answer:#}");
        let line = usize::try_from(finding["line"].as_u64().unwrap()).unwrap();
        assert!(lines[line - 1].contains("\"postgres\""), "{finding:#}");
    }
    // The last one is the session beside the lease, by its first line.
    let last = findings.last().unwrap();
    let line = usize::try_from(last["line"].as_u64().unwrap()).unwrap();
    assert!(lines[line - 1].contains("connection auth"), "{last:#}");
    assert!(last["lines"].as_u64().unwrap() > 1, "{last:#}");
    assert!(
        !answer.to_string().contains("round the gate"),
        "no statement is shown"
    );

    // Whoever takes lines out of the log is missed by the numbers of the others.
    let without = |line: &&str| !line.contains("under a lease");
    let cut: Vec<&str> = log.lines().filter(without).collect();
    let more = session.query("SELECT 'after it'", &[]).await;
    assert_eq!(more.unwrap().len(), 1);
    let all = world.server.csvlog_until("after it");
    let rest = all.strip_prefix(log.as_str()).unwrap();
    let (_, answer) = world.reconciled(&format!("{}\n{rest}", cut.join("\n")));
    let unknown = answer["unknown"].to_string();
    assert!(unknown.contains("lines that are missing"), "{answer:#}");
}
