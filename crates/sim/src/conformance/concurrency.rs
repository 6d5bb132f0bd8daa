//! Many callers at once, and two processes on one database.

use std::collections::BTreeSet;
use std::sync::Arc;

use gatehold_gate::ports::store::Store;
use gatehold_ledger::{Frontier, leaf_hash};
use tokio::task::JoinSet;

use super::Database;
use super::draft::{Draft, counter, numbered, unique};
use super::guards::{commit, ok};

pub(super) async fn of_many_claims_on_one_key_exactly_one_wins(db: &impl Database) {
    let stores = [Arc::new(db.open().await), Arc::new(db.open().await)];
    for round in 0..4 {
        let key = format!("redeem:{round}");
        let mut claims = JoinSet::new();
        for number in 0..64 {
            let (store, key) = (Arc::clone(&stores[number % 2]), key.clone());
            let draft = Draft::new().absent(&key, None).add(&key, 1);
            claims.spawn(async move { commit(&*store, draft).await.ok() });
        }
        let winners: Vec<_> = claims.join_all().await.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(
            stores[0].unique(&unique(&key)).await.unwrap(),
            Some(winners[0].index)
        );
        assert_eq!(stores[1].counters(&[counter(&key)]).await.unwrap(), [1]);
    }
}

pub(super) async fn two_processes_share_one_history(db: &impl Database) {
    let (one, two) = (db.open().await, db.open().await);
    let key = numbered(1);
    for round in 0..10 {
        let (first, second) = if round % 2 == 0 {
            (&one, &two)
        } else {
            (&two, &one)
        };
        let written = ok(first, Draft::new().row(&key, round, "{}")).await;
        // What one has been told, the other sees at once.
        let row = second.row(&key).await.unwrap().unwrap();
        assert_eq!((row.version, row.last_leaf), (round + 1, written.index));
        assert!(
            commit(second, Draft::new().row(&key, round, "{}"))
                .await
                .is_err()
        );
        assert_eq!(
            second.receipt_of(&written.leaf).await.unwrap(),
            Some(written)
        );
    }
    let (one, two) = (Arc::new(one), Arc::new(two));
    let mut writes = JoinSet::new();
    for number in 0..100 {
        let store = Arc::clone(if number % 2 == 0 { &one } else { &two });
        writes.spawn(async move { ok(&*store, Draft::new()).await.index });
    }
    let indexes: BTreeSet<_> = writes.join_all().await.into_iter().collect();
    assert_eq!(indexes, (10..110).collect());
    let leaves = one.leaves(0, 1_000, false).await.unwrap();
    let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(&leaf.leaf)).collect();
    let head = two.head().await.unwrap();
    assert_eq!(head.frontier, Frontier::over(&hashes).to_bytes());
}

pub(super) async fn two_processes_never_pass_the_last_free_place(db: &impl Database) {
    let stores = [Arc::new(db.open().await), Arc::new(db.open().await)];
    let mut holds = JoinSet::new();
    for number in 0..60 {
        let store = Arc::clone(&stores[number % 2]);
        let draft = Draft::new().below("holds", 20).add("holds", 1);
        holds.spawn(async move { commit(&*store, draft).await.is_ok() });
    }
    let held = holds
        .join_all()
        .await
        .into_iter()
        .filter(|held| *held)
        .count();
    assert_eq!(held, 20);
    assert_eq!(stores[0].counters(&[counter("holds")]).await.unwrap(), [20]);
}
