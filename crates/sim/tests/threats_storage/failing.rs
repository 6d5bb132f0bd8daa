//! D2 to D5: calls that come twice and in any order, clocks that step, a process that is paused between decision and write,
//! and writes that are stored and reported as failed, or not stored and nobody can tell.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gatehold_core::commit::{RowKey, Table};
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::request::State;
use gatehold_core::stops::Stops;
use gatehold_core::task::{Task, TaskState};
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::RowQuery;
use gatehold_gate::{Gate, GateError, StartTask};
use gatehold_sim::postgres_server::PostgresServer;
use gatehold_store::clock::SetClock;
use gatehold_store::postgres::{PostgresOptions, PostgresStore};
use gatehold_store::sqlite::{SqliteOptions, SqliteStore};
use tokio::task::JoinSet;
use tokio_postgres::Client;

use crate::shop::faulty::{Faulty, Shape};
use crate::shop::{Person, Shop, team_set};

const START: Timestamp = Timestamp::from_millis(1_795_226_732_000);
const FIVE_MINUTES: i64 = 300_000;

fn too_late<T: std::fmt::Debug>(answer: Result<T, GateError>) {
    assert!(matches!(answer, Err(GateError::Refused(_))), "{answer:?}");
}

/// Twelve reads, each asked for three times over and used twice, out of order, at two processes.
async fn batch(shop: Shop) {
    let shop = Arc::new(shop);
    let other = shop.beside(None).await;
    let task = shop.task().await;
    let mut calls = JoinSet::new();
    for number in (0..36).rev() {
        let (shop, other) = (Arc::clone(&shop), other.clone());
        calls.spawn(async move {
            let gate = if number % 2 == 0 { &shop.gate } else { &other };
            let number = number % 12;
            let sql = format!("SELECT {number}");
            let asked = shop.asked(Some(task), "shop.read", &sql, false);
            let mut caller = shop.asking(&asked).await;
            caller.idempotency = Some(format!("key-{number}"));
            gate.submit(&caller, asked).await.unwrap().record.id
        });
    }
    let ids: BTreeSet<RequestId> = calls.join_all().await.into_iter().collect();
    assert_eq!(ids.len(), 12);
    let mut uses = JoinSet::new();
    for id in ids.iter().chain(&ids).copied() {
        let (shop, other) = (Arc::clone(&shop), other.clone());
        uses.spawn(async move {
            let _once = other.redeem(&shop.caller(), id).await;
            let _twice = shop.gate.redeem(&shop.caller(), id).await;
        });
    }
    uses.join_all().await;
    let executed = shop.executed();
    assert_eq!(executed.len(), 12, "{executed:?}");
    assert_eq!(executed.into_iter().collect::<BTreeSet<_>>().len(), 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d02_a_batch_in_any_order_with_duplicates_does_each_thing_once() {
    batch(Shop::open().await).await;
    let server = PostgresServer::start();
    let url = server.create_database("batch").await;
    batch(Shop::in_postgres(&url).await).await;
}

/// The other process, whose clock is its own.
async fn process(shop: &Shop, clock: &Arc<SetClock>) -> Gate {
    let options = SqliteOptions {
        clock: Arc::clone(clock) as _,
        ..SqliteOptions::new(shop.database_path())
    };
    let store = SqliteStore::open(options).unwrap();
    shop.over_store(Arc::new(store)).await
}

#[tokio::test]
async fn d03_a_clock_that_steps_five_minutes_either_way_brings_no_deadline_back() {
    for step in [FIVE_MINUTES, -FIVE_MINUTES] {
        let clock = Arc::new(SetClock::at(START));
        let shop = Shop::open_at(Arc::clone(&clock) as _).await;
        let task = shop.task().await;
        let held = shop.submit(&task, "shop.write", "DELETE FROM a").await;
        let record = held.unwrap().record;
        let decide_by = record.held.as_ref().unwrap().decide_by;
        let review = shop.sign(Person::Reviewer, record.id, true).await;
        let late = shop.sign(Person::Second, record.id, true).await;
        let stepped = Arc::new(SetClock::at(START));
        let other = process(&shop, &stepped).await;
        // In time at both, whatever the other's clock says, as long as the store's says so.
        clock.advance(1_000);
        stepped.advance(1_000);
        shop.gate.review(review).await.unwrap();
        // The store has shown the time after the deadline; the other process's clock steps.
        clock.set(decide_by.plus_seconds(1));
        shop.gate.tick().await.unwrap();
        stepped.advance(step);
        too_late(other.review(late.clone()).await);
        too_late(shop.gate.review(late).await);
        too_late(other.redeem(&shop.caller(), record.id).await);
        assert!(shop.executed().is_empty());
        let now = other.now().await.unwrap();
        assert!(now > decide_by, "{now}");
    }
}

/// A server's clock jumps to this time. What it has shown is in its head row, and stays there when it is set back.
async fn jump(admin: &Client, time: Timestamp) {
    let head = "UPDATE gatehold.head SET time = $1";
    admin.execute(head, &[&time.millis()]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d03_a_servers_clock_that_steps_forward_and_back_brings_no_deadline_back() {
    let server = PostgresServer::start();
    let url = server.create_database("clock").await;
    let shop = Shop::in_postgres(&url).await;
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", "DELETE FROM a").await;
    let record = held.unwrap().record;
    let decide_by = record.held.as_ref().unwrap().decide_by;
    let forward = decide_by.millis() - shop.gate.now().await.unwrap().millis();
    assert!(forward > FIVE_MINUTES, "{forward}");
    let review = shop.sign(Person::Reviewer, record.id, true).await;
    let late = shop.sign(Person::Second, record.id, true).await;
    let store = PostgresStore::open(PostgresOptions::new(&url)).await;
    let other = shop.over_store(Arc::new(store.unwrap())).await;
    other.review(review).await.unwrap();
    jump(&server.connect("clock").await, decide_by.plus_seconds(1)).await;
    // From here on the server's own clock is minutes behind what it has shown, for both.
    too_late(other.review(late.clone()).await);
    too_late(shop.gate.review(late).await);
    too_late(other.redeem(&shop.caller(), record.id).await);
    assert!(shop.executed().is_empty());
    for gate in [&other, &shop.gate] {
        let now = gate.now().await.unwrap();
        assert!(now > decide_by, "{now}");
    }
    shop.gate.tick().await.unwrap();
    let state = shop.gate.show(record.id).await.unwrap().state;
    assert_eq!(state, State::Expired);
}

/// The process sleeps after it has decided in time; when it wakes up the time is over.
async fn sleeps<S: Future<Output = ()> + Send + 'static>(
    shop: Shop,
    redeem: bool,
    until: impl FnOnce(Timestamp) -> S,
) {
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", "DELETE FROM a").await;
    let record = held.unwrap().record;
    shop.approve(Person::Reviewer, record.id).await.unwrap();
    let second = shop.sign(Person::Second, record.id, true).await;
    let store = Faulty::of(shop.store.clone());
    let paused = shop.over_store(store.clone()).await;
    if redeem {
        shop.gate.review(second).await.unwrap();
        store.before_the_write(until(record.spend_by));
        too_late(paused.redeem(&shop.caller(), record.id).await);
    } else {
        store.before_the_write(until(record.held.unwrap().decide_by));
        too_late(paused.review(second).await);
    }
    assert!(shop.executed().is_empty());
    shop.gate.tick().await.unwrap();
    let state = shop.gate.show(record.id).await.unwrap().state;
    assert_eq!(state, State::Expired);
}

#[tokio::test]
async fn d04_what_was_decided_in_time_and_is_written_too_late_is_refused() {
    for redeem in [false, true] {
        let clock = Arc::new(SetClock::at(START));
        let shop = Shop::open_at(Arc::clone(&clock) as _).await;
        let until = |time: Timestamp| async move { clock.set(time.plus_seconds(1)) };
        sleeps(shop, redeem, until).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d04_what_was_decided_in_time_and_is_written_too_late_is_refused_on_postgresql() {
    let server = PostgresServer::start();
    for redeem in [false, true] {
        let database = format!("sleeps_{redeem}");
        let url = server.create_database(&database).await;
        let shop = Shop::in_postgres(&url).await;
        let admin = server.connect(&database).await;
        let until = |time: Timestamp| async move { jump(&admin, time.plus_seconds(1)).await };
        sleeps(shop, redeem, until).await;
    }
}

/// Asks again when it is told that it failed, as a client does, until the answer is one. Gives what it ended as.
async fn story(shop: &Shop, gate: &Gate, task: TaskId) -> Result<(), GateError> {
    task_of_its_own(shop, gate).await?;
    change_of_the_gate(shop, gate).await?;
    let at = (shop, gate, task);
    let read = keyed(at, "shop.read", "SELECT 1", "read").await?;
    use_once(shop, gate, read).await?;
    let write = keyed(at, "shop.write", "DELETE FROM a", "write").await?;
    for person in [Person::Reviewer, Person::Second] {
        let review = shop.sign(person, write, true).await;
        match gate.review(review.clone()).await {
            Ok(_) => {}
            Err(GateError::Store(_)) => match gate.review(review).await {
                Ok(_) | Err(GateError::Refused(_)) => {}
                Err(error) => return Err(error),
            },
            Err(error) => return Err(error),
        }
    }
    use_once(shop, gate, write).await?;
    let revoked = keyed(at, "shop.read", "SELECT 2", "gone").await?;
    let human = shop.human(Person::Owner);
    for _ in 0..2 {
        match gate.revoke(&human, revoked).await {
            Ok(_) | Err(GateError::Refused(_)) => break,
            Err(GateError::Store(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let stop = Stops {
        everything: true,
        ..Stops::default()
    };
    for _ in 0..2 {
        match gate.stop(&human, stop.clone(), "x").await {
            Ok(_) => break,
            Err(GateError::Store(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A task is begun and ended; it has ended when that is said.
async fn task_of_its_own(shop: &Shop, gate: &Gate) -> Result<(), GateError> {
    let mut begun = Err(GateError::Busy);
    for _ in 0..2 {
        let start = StartTask {
            purpose: "of its own".into(),
            on_behalf_of: None,
            boundary: None,
        };
        begun = gate.start_task(&shop.caller(), start).await;
        if !matches!(begun, Err(GateError::Store(_))) {
            break;
        }
    }
    let task = begun?.id;
    for _ in 0..2 {
        match gate.end_task(&shop.caller(), task).await {
            Ok(_) | Err(GateError::Refused(_)) => break,
            Err(GateError::Store(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let row = shop.store().row(&RowKey::new(Table::Task, &task)).await;
    let row: Task = canonical::from_bytes(&row.unwrap().unwrap().body).unwrap();
    assert_eq!(row.state, TaskState::Ended);
    // What it was for is over, whoever was told what.
    let asked = shop.asked(Some(task), "shop.read", "SELECT 4", false);
    let answer = shop.gate.submit(&shop.asking(&asked).await, asked).await;
    let allowed = answer.is_ok_and(|submitted| submitted.record.state == State::Allowed);
    assert!(!allowed, "its task has ended");
    Ok(())
}

/// A person asks for a change of the gate, two others approve it, and it is applied once.
async fn change_of_the_gate(shop: &Shop, gate: &Gate) -> Result<(), GateError> {
    let before = shop.gate.directory().version;
    let signed = shop.signed_proposal("team.set", &team_set(), Person::Owner);
    for _ in 0..2 {
        match gate.submit_human(signed.clone()).await {
            // What was signed counts once: refused is what came before.
            Ok(_) | Err(GateError::Refused(_)) => break,
            Err(GateError::Store(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let query = RowQuery {
        states: vec![State::Held.name().to_owned()],
        limit: 10,
        ..RowQuery::default()
    };
    let held = shop.store().rows(Table::Request, &query).await.unwrap();
    let [held] = held.as_slice() else {
        panic!("asked for once: {held:?}");
    };
    let id = held.key.id.parse().unwrap();
    for person in [Person::Reviewer, Person::Second] {
        let review = shop.sign(person, id, true).await;
        for _ in 0..2 {
            match gate.review(review.clone()).await {
                Ok(_) | Err(GateError::Refused(_)) => break,
                Err(GateError::Store(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    for gate in [gate, &shop.gate, gate] {
        // A tick that is told of a failure is followed by another.
        let _ = gate.tick().await;
        let _ = gate.tick().await;
    }
    let record = shop.gate.show(id).await.unwrap();
    assert_eq!(record.state, State::Completed);
    for gate in [gate, &shop.gate] {
        assert_eq!(gate.directory().version, before + 1);
    }
    Ok(())
}

async fn keyed(
    (shop, gate, task): (&Shop, &Gate, TaskId),
    kind: &str,
    sql: &str,
    key: &str,
) -> Result<RequestId, GateError> {
    let mut answer = Err(GateError::Busy);
    for _ in 0..2 {
        let asked = shop.asked(Some(task), kind, sql, false);
        let mut caller = shop.asking(&asked).await;
        caller.idempotency = Some(key.to_owned());
        answer = gate
            .submit(&caller, asked)
            .await
            .map(|submitted| submitted.record.id);
        if !matches!(answer, Err(GateError::Store(_))) {
            break;
        }
    }
    answer
}

async fn use_once(shop: &Shop, gate: &Gate, id: RequestId) -> Result<(), GateError> {
    for _ in 0..2 {
        match gate.redeem(&shop.caller(), id).await {
            Ok(_) | Err(GateError::Refused(_)) => return Ok(()),
            Err(GateError::Store(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Every write of a story goes wrong once, in every shape.
async fn each_write(fresh: impl AsyncFn() -> Shop) {
    let mut writes = 0;
    let mut wrong = -1;
    while wrong < writes {
        for shape in [
            Shape::StoredUnknown,
            Shape::StoredFailed,
            Shape::LostUnknown,
        ] {
            let shop = fresh().await;
            let task = shop.task().await;
            let store = Faulty::of(shop.store.clone());
            let gate = shop.over_store(store.clone()).await;
            store.goes_wrong(if wrong < 0 { i64::MAX } else { wrong }, shape);
            let told = story(&shop, &gate, task).await;
            let context = format!("write {wrong} {shape:?}: {told:?}");
            told.unwrap_or_else(|_| panic!("{context}"));
            gate.tick().await.unwrap();
            let executed = shop.executed();
            let once = executed.iter().collect::<BTreeSet<_>>().len();
            assert_eq!(once, executed.len(), "twice: {context}");
            assert!(!executed.contains(&"SELECT 2".to_owned()), "{context}");
            // When no caller was told that it failed, everything has happened.
            if shape != Shape::StoredFailed {
                assert_eq!(executed, ["SELECT 1", "DELETE FROM a"], "{context}");
            }
            // The stop stands: whatever is asked now runs nothing.
            let at = (&shop, &shop.gate, task);
            if let Ok(late) = keyed(at, "shop.read", "SELECT 3", "late").await {
                too_late(shop.gate.redeem(&shop.caller(), late).await);
            }
            assert_eq!(shop.executed().len(), executed.len(), "{context}");
            let held = shop.gate.standing().await.unwrap().holds;
            assert_eq!(held, [0; 3], "{context}");
            writes = writes.max(i64::try_from(store.commits()).unwrap());
        }
        wrong += 1;
    }
    assert!(writes >= 10, "{writes}");
}

#[tokio::test]
async fn d05_stored_and_reported_as_failed_at_every_write() {
    each_write(Shop::in_memory).await;
}

#[tokio::test]
async fn d05_stored_and_reported_as_failed_at_every_write_on_sqlite() {
    each_write(Shop::open).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d05_stored_and_reported_as_failed_at_every_write_on_postgresql() {
    let server = PostgresServer::start();
    let number = AtomicU64::new(0);
    each_write(async || {
        let number = number.fetch_add(1, Ordering::SeqCst);
        let url = server.create_database(&format!("write_{number}")).await;
        Shop::in_postgres(&url).await
    })
    .await;
}
