//! Every kind of guard, holding and failing, and what the changes it guards do.

use gatehold_core::commit::{Conflict, Guard, Receipt, Write};
use gatehold_gate::ports::store::Store;

use super::draft::{Draft, counter, numbered, unique};
use super::{Database, after};

/// Commits one write alone.
pub(super) async fn commit(store: &impl Store, draft: Draft) -> Result<Receipt, Conflict> {
    let answers = store.commit(vec![draft.write()]).await.unwrap();
    let [answer] = <[_; 1]>::try_from(answers).unwrap();
    answer
}

pub(super) async fn ok(store: &impl Store, draft: Draft) -> Receipt {
    commit(store, draft).await.unwrap()
}

async fn refused(store: &impl Store, draft: Draft, guard: usize) {
    let write: Write = draft.clone().write();
    let conflict = Conflict::Guard(write.guards[guard].clone());
    assert_eq!(commit(store, draft).await, Err(conflict));
}

pub(super) async fn a_version_guard_holds_for_the_version_read(db: &impl Database) {
    let store = db.open().await;
    let key = numbered(1);
    ok(&store, Draft::new().row(&key, 0, "one")).await;
    for wrong in [0, 2, u64::MAX] {
        refused(&store, Draft::new().row(&key, wrong, "no"), 0).await;
    }
    ok(&store, Draft::new().row(&key, 1, "two")).await;
    refused(&store, Draft::new().row(&key, 1, "no"), 0).await;
    assert_eq!(store.row(&key).await.unwrap().unwrap().body, b"two");
}

pub(super) async fn a_version_guard_of_zero_holds_for_a_missing_row(db: &impl Database) {
    let store = db.open().await;
    refused(&store, Draft::new().version(&numbered(1), 1), 0).await;
    // A guard without a change on its row only looks.
    ok(&store, Draft::new().version(&numbered(1), 0)).await;
    assert_eq!(store.row(&numbered(1)).await.unwrap(), None);
}

pub(super) async fn a_below_guard_compares_before_the_writes_own_additions(db: &impl Database) {
    let store = db.open().await;
    refused(&store, Draft::new().below("holds", 0), 0).await;
    let take = || Draft::new().below("holds", 2).add("holds", 1);
    ok(&store, take()).await;
    ok(&store, take()).await;
    refused(&store, take(), 0).await;
    ok(&store, Draft::new().add("holds", -1)).await;
    ok(&store, take().add("holds", 40)).await;
    assert_eq!(store.counters(&[counter("holds")]).await.unwrap(), [42]);
}

pub(super) async fn an_absent_guard_holds_once(db: &impl Database) {
    let store = db.open().await;
    assert_eq!(store.unique(&unique("redeem:1")).await.unwrap(), None);
    ok(&store, Draft::new()).await;
    let receipt = ok(&store, Draft::new().absent("redeem:1", None)).await;
    assert_eq!(
        store.unique(&unique("redeem:1")).await.unwrap(),
        Some(receipt.index)
    );
    refused(&store, Draft::new().absent("redeem:1", None), 0).await;
    ok(&store, Draft::new().absent("redeem:2", None)).await;
    db.clock().advance(1_000_000_000);
    refused(&store, Draft::new().absent("redeem:1", None), 0).await;
}

pub(super) async fn an_absent_key_can_be_used_again_once_its_time_has_passed(db: &impl Database) {
    let store = db.open().await;
    let claim = |millis| Draft::new().absent("nonce:1", Some(after(millis)));
    ok(&store, claim(500)).await;
    db.clock().set(after(500));
    refused(&store, claim(900), 0).await;
    db.clock().set(after(501));
    let receipt = ok(&store, claim(900)).await;
    assert_eq!(
        store.unique(&unique("nonce:1")).await.unwrap(),
        Some(receipt.index)
    );
    db.clock().set(after(900));
    refused(&store, claim(1_000), 0).await;
}

pub(super) async fn every_guard_is_checked_before_the_first_change(db: &impl Database) {
    let store = db.open().await;
    ok(&store, Draft::new().add("full", 5).absent("taken", None)).await;
    let key = numbered(7);
    let whole = || {
        Draft::new()
            .row(&key, 0, "body")
            .absent("fresh", None)
            .add("touched", 3)
            .message("m", "{}")
    };
    let size = store.head().await.unwrap().size;
    refused(&store, whole().below("full", 5), 2).await;
    refused(&store, whole().absent("taken", None), 2).await;
    refused(&store, whole().version(&numbered(8), 1), 2).await;
    assert_eq!(store.row(&key).await.unwrap(), None);
    assert_eq!(store.unique(&unique("fresh")).await.unwrap(), None);
    assert_eq!(store.counters(&[counter("touched")]).await.unwrap(), [0]);
    assert_eq!(store.outbox(0, 10).await.unwrap(), []);
    assert_eq!(store.head().await.unwrap().size, size);
    ok(&store, whole()).await;
    assert_eq!(store.head().await.unwrap().size, size + 1);
}

pub(super) async fn rows_count_their_versions_and_keep_their_first_leaf(db: &impl Database) {
    let store = db.open().await;
    let key = numbered(1);
    ok(&store, Draft::new()).await;
    let first = ok(&store, Draft::new().row(&key, 0, "1")).await;
    ok(&store, Draft::new().row(&key, 1, "2")).await;
    let last = ok(&store, Draft::new().row(&key, 2, "3")).await;
    let row = store.row(&key).await.unwrap().unwrap();
    assert_eq!(
        (row.version, row.first_leaf, row.last_leaf),
        (3, first.index, last.index)
    );
    assert_eq!((row.key, row.body), (key.clone(), b"3".to_vec()));
    let guards = [
        Guard::Version(key.clone(), 3),
        Guard::Version(key.clone(), 2),
    ];
    for (guard, holds) in guards.into_iter().zip([true, false]) {
        assert_eq!(
            commit(&store, Draft::new().guard(guard)).await.is_ok(),
            holds
        );
    }
}

pub(super) async fn counters_add_and_never_fall_below_zero(db: &impl Database) {
    let store = db.open().await;
    let value = async || {
        store
            .counters(&[counter("c"), counter("none")])
            .await
            .unwrap()
    };
    ok(&store, Draft::new().add("c", 3)).await;
    ok(&store, Draft::new().add("c", -1).add("c", 5)).await;
    assert_eq!(value().await, [7, 0]);
    // Floored at each addition, in order.
    ok(&store, Draft::new().add("c", -100).add("c", 2)).await;
    assert_eq!(value().await, [2, 0]);
    ok(&store, Draft::new().add("c", i64::MAX).add("c", i64::MAX)).await;
    assert_eq!(value().await, [i64::MAX as u64, 0]);
    ok(&store, Draft::new().add("c", i64::MIN)).await;
    assert_eq!(value().await, [0, 0]);
}
