//! The store is the clock: deadlines, and a time that never goes back.

use gatehold_core::commit::Conflict;
use gatehold_gate::ports::store::Store;

use super::draft::{Draft, unique};
use super::guards::{commit, ok};
use super::{Database, START, after};

pub(super) async fn a_deadline_counts_to_its_last_millisecond(db: &impl Database) {
    let store = db.open().await;
    let due = || Draft::new().due(after(100));
    ok(&store, due()).await;
    db.clock().set(after(100));
    assert_eq!(ok(&store, due()).await.time, after(100));
    db.clock().set(after(101));
    assert_eq!(commit(&store, due()).await, Err(Conflict::Deadline));
    // In one batch each write has its own deadline, and one time.
    let batch = vec![due().write(), Draft::new().due(after(101)).write()];
    let answers = store.commit(batch).await.unwrap();
    assert_eq!(answers[0], Err(Conflict::Deadline));
    assert_eq!(answers[1].as_ref().unwrap().time, after(101));
}

pub(super) async fn a_key_that_would_be_forgotten_at_once_is_too_late(db: &impl Database) {
    let store = db.open().await;
    let claim = || Draft::new().absent("nonce", Some(after(-1)));
    assert_eq!(commit(&store, claim()).await, Err(Conflict::Deadline));
    assert_eq!(store.unique(&unique("nonce")).await.unwrap(), None);
    ok(&store, Draft::new().absent("nonce", Some(START))).await;
}

pub(super) async fn time_never_goes_back(db: &impl Database) {
    let store = db.open().await;
    db.clock().set(after(60_000));
    let first = ok(&store, Draft::new()).await;
    assert_eq!(first.time, after(60_000));
    db.clock().set(after(-300_000));
    assert_eq!(store.now().await.unwrap(), after(60_000));
    let second = ok(&store, Draft::new().due(after(60_000))).await;
    assert_eq!(second.time, after(60_000));
    let late = Draft::new().due(after(59_999));
    assert_eq!(commit(&store, late).await, Err(Conflict::Deadline));
    assert_eq!(store.head().await.unwrap().time, after(60_000));
    db.clock().set(after(60_001));
    assert_eq!(store.now().await.unwrap(), after(60_001));
    assert_eq!(ok(&store, Draft::new()).await.time, after(60_001));
    let leaves = store.leaves(0, 10, false).await.unwrap();
    let times: Vec<_> = leaves.iter().map(|leaf| leaf.time).collect();
    assert!(times.is_sorted());
}

pub(super) async fn a_refused_deadline_is_remembered(db: &impl Database) {
    let late = || Draft::new().due(START);
    db.clock().set(after(1_000));
    let store = db.open().await;
    assert_eq!(commit(&store, late()).await, Err(Conflict::Deadline));
    assert_eq!(store.head().await.unwrap().time, after(1_000));
    assert_eq!(store.head().await.unwrap().size, 0);
    drop(store);
    // Whoever was told "too late" must not hear otherwise after a restart with another clock.
    db.clock().set(START);
    let store = db.open().await;
    assert_eq!(commit(&store, late()).await, Err(Conflict::Deadline));
}

pub(super) async fn a_clock_a_little_behind_waits(db: &impl Database) {
    db.clock().set(after(10_000));
    let store = db.open().await;
    ok(&store, Draft::new()).await;
    drop(store);
    // Within two seconds it waits; the suite's `open` panics on refusal, so the refusal itself is each store's own test.
    db.clock().set(after(8_000));
    let store = db.open().await;
    assert_eq!(store.now().await.unwrap(), after(10_000));
    assert_eq!(ok(&store, Draft::new()).await.time, after(10_000));
}
