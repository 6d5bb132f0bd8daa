//! Several writes in one call: in order, each for itself.

use gatehold_core::commit::{Conflict, Guard};
use gatehold_gate::ports::store::Store;

use super::Database;
use super::draft::{Draft, counter, numbered};
use super::guards::{commit, ok};

pub(super) async fn an_empty_batch_is_nothing(db: &impl Database) {
    let store = db.open().await;
    assert_eq!(store.commit(vec![]).await.unwrap(), []);
    assert_eq!(store.head().await.unwrap().size, 0);
}

pub(super) async fn a_write_sees_those_before_it(db: &impl Database) {
    let store = db.open().await;
    let key = numbered(1);
    let batch = vec![
        Draft::new().row(&key, 0, "one").write(),
        Draft::new().row(&key, 1, "two").write(),
        Draft::new().absent("once", None).write(),
        Draft::new().absent("once", None).write(),
        Draft::new().below("n", 1).add("n", 1).write(),
        Draft::new().below("n", 1).add("n", 1).write(),
    ];
    let guards = [batch[3].guards[0].clone(), batch[5].guards[0].clone()];
    let answers = store.commit(batch).await.unwrap();
    let indexes: Vec<_> = answers
        .iter()
        .map(|a| a.as_ref().map(|r| r.index).ok())
        .collect();
    assert_eq!(indexes, [Some(0), Some(1), Some(2), None, Some(3), None]);
    assert_eq!(answers[3], Err(Conflict::Guard(guards[0].clone())));
    assert_eq!(answers[5], Err(Conflict::Guard(guards[1].clone())));
    let row = store.row(&key).await.unwrap().unwrap();
    assert_eq!((row.version, row.first_leaf, row.last_leaf), (2, 0, 1));
    assert_eq!(row.body, b"two");
    assert_eq!(store.counters(&[counter("n")]).await.unwrap(), [1]);
}

pub(super) async fn a_conflict_drops_that_write_alone(db: &impl Database) {
    let store = db.open().await;
    let bad = Draft::new()
        .version(&numbered(9), 4)
        .row(&numbered(1), 0, "no")
        .message("bad", "{}");
    let batch = vec![
        Draft::new()
            .row(&numbered(2), 0, "a")
            .message("good", "{}")
            .write(),
        bad.clone().write(),
        Draft::new().row(&numbered(1), 0, "b").write(),
    ];
    let answers = store.commit(batch).await.unwrap();
    let guard = Guard::Version(numbered(9), 4);
    assert_eq!(answers[1], Err(Conflict::Guard(guard)));
    assert_eq!(
        (
            answers[0].as_ref().unwrap().index,
            answers[2].as_ref().unwrap().index
        ),
        (0, 1)
    );
    assert_eq!(store.row(&numbered(1)).await.unwrap().unwrap().body, b"b");
    assert_eq!(store.outbox(0, 10).await.unwrap().len(), 1);
    assert_eq!(
        store.receipt_of(&bad.write().leaf.bytes()).await.unwrap(),
        None
    );
}

pub(super) async fn one_leaf_is_appended_once(db: &impl Database) {
    let store = db.open().await;
    let draft = Draft::new().add("n", 1);
    let receipt = ok(&store, draft.clone()).await;
    let again = commit(&store, draft.clone()).await;
    assert!(matches!(again, Err(Conflict::Malformed(_))), "{again:?}");
    let other = Draft::new().add("n", 1);
    let answers = store
        .commit(vec![other.clone().write(), other.write()])
        .await
        .unwrap();
    assert!(answers[0].is_ok() && matches!(answers[1], Err(Conflict::Malformed(_))));
    assert_eq!(
        store.receipt_of(&receipt.leaf).await.unwrap(),
        Some(receipt)
    );
    assert_eq!(store.counters(&[counter("n")]).await.unwrap(), [2]);
}
