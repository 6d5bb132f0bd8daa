//! A process ends and another opens the same database.

use gatehold_core::commit::{RowIndex, Table};
use gatehold_gate::ports::store::{OpenedView, RowQuery, Store};

use super::draft::{Draft, counter, numbered, unique};
use super::guards::{commit, ok};
use super::{Database, after};

pub(super) async fn everything_is_there_again(db: &impl Database) {
    let store = db.open().await;
    let index = RowIndex {
        state: "held".to_owned(),
        due: Some(after(5)),
        owner: "ann".to_owned(),
        group: "t".to_owned(),
    };
    let draft = Draft::new()
        .row(&numbered(1), 0, "body")
        .index(index)
        .absent("key", None)
        .add("n", 4)
        .message("m", "{}")
        .attachment("payload", b"bytes");
    let receipt = ok(&store, draft).await;
    store
        .put_opened(OpenedView {
            review_nonce: "nonce".to_owned(),
            request: "req".to_owned(),
            view: b"view".to_vec(),
            expires: after(1_000),
        })
        .await
        .unwrap();
    let query = RowQuery {
        limit: 10,
        ..RowQuery::default()
    };
    let head = store.head().await.unwrap();
    let rows = store.rows(Table::Request, &query).await.unwrap();
    let leaves = store.leaves(0, 10, true).await.unwrap();
    let outbox = store.outbox(0, 10).await.unwrap();
    drop(store);

    let store = db.open().await;
    assert_eq!(store.head().await.unwrap(), head);
    assert_eq!(store.rows(Table::Request, &query).await.unwrap(), rows);
    assert_eq!(store.leaves(0, 10, true).await.unwrap(), leaves);
    assert_eq!(store.outbox(0, 10).await.unwrap(), outbox);
    assert_eq!(store.counters(&[counter("n")]).await.unwrap(), [4]);
    assert_eq!(
        store.unique(&unique("key")).await.unwrap(),
        Some(receipt.index)
    );
    assert_eq!(
        store.receipt_of(&receipt.leaf).await.unwrap(),
        Some(receipt)
    );
    assert!(store.opened("nonce").await.unwrap().is_some());
    assert!(
        commit(&store, Draft::new().absent("key", None))
            .await
            .is_err()
    );
    assert_eq!(
        ok(&store, Draft::new().row(&numbered(1), 1, "next"))
            .await
            .index,
        1
    );
}
