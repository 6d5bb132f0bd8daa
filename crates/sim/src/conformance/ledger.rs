//! Leaves, receipts, the frontier, attachments and their erasure.

use gatehold_core::commit::LeafKind;
use gatehold_gate::ports::store::{OpenedView, Store, StoredLeaf, StoredRecord};
use gatehold_ledger::{Frontier, leaf_hash};

use super::draft::{Draft, numbered};
use super::guards::{commit, ok};
use super::{Database, START};

pub(super) async fn leaves_are_numbered_without_gaps(db: &impl Database) {
    let store = db.open().await;
    let drafts: Vec<_> = (0..20).map(|_| Draft::new()).collect();
    for (number, draft) in drafts.iter().enumerate() {
        let receipt = ok(&store, draft.clone()).await;
        assert_eq!((receipt.index, receipt.time), (number as u64, START));
        assert_eq!(receipt.leaf, draft.clone().write().leaf.bytes());
        commit(&store, Draft::new().below("none", 0))
            .await
            .unwrap_err();
    }
    let leaves = store.leaves(3, 7, false).await.unwrap();
    let indexes: Vec<_> = leaves.iter().map(|leaf| leaf.index).collect();
    assert_eq!(indexes, [3, 4, 5, 6, 7, 8, 9]);
    // The same without attachments.
    let records = store.records(3, 7).await.unwrap();
    let alone = |leaf: &StoredLeaf| StoredRecord {
        index: leaf.index,
        leaf: leaf.leaf,
        salt: leaf.salt,
        record: leaf.record.clone(),
    };
    assert_eq!(records, leaves.iter().map(alone).collect::<Vec<_>>());
    for leaf in leaves {
        let draft = drafts[usize::try_from(leaf.index).unwrap()]
            .clone()
            .write()
            .leaf;
        assert_eq!(
            (leaf.leaf, leaf.salt, leaf.record),
            (draft.bytes(), draft.salt, draft.record)
        );
        assert_eq!(leaf.time, START);
    }
    assert_eq!(store.leaves(19, 10, false).await.unwrap().len(), 1);
    assert_eq!(store.leaves(20, 10, false).await.unwrap(), []);
    assert_eq!(store.leaves(u64::MAX, 10, false).await.unwrap(), []);
    assert_eq!(store.leaves(0, 0, false).await.unwrap(), []);
    assert_eq!(store.records(19, 10).await.unwrap().len(), 1);
    for (first, limit) in [(20, 10), (u64::MAX, 10), (0, 0)] {
        assert_eq!(store.records(first, limit).await.unwrap(), []);
    }
}

pub(super) async fn the_frontier_leads_to_the_root_of_the_leaves(db: &impl Database) {
    let store = db.open().await;
    let empty = store.head().await.unwrap();
    assert_eq!(
        (empty.size, empty.frontier),
        (0, Frontier::new().to_bytes())
    );
    for size in [1, 2, 3, 8, 13] {
        let have = store.head().await.unwrap().size;
        let batch = (have..size).map(|_| Draft::new().write()).collect();
        store.commit(batch).await.unwrap();
        let leaves = store.leaves(0, 100, false).await.unwrap();
        let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(&leaf.leaf)).collect();
        let head = store.head().await.unwrap();
        assert_eq!(head.size, size);
        assert_eq!(
            Frontier::from_bytes(&head.frontier).unwrap(),
            Frontier::over(&hashes)
        );
    }
}

pub(super) async fn a_receipt_is_found_by_its_leaf(db: &impl Database) {
    let store = db.open().await;
    let draft = Draft::new().of_kind(LeafKind::Review);
    let leaf = draft.clone().write().leaf.bytes();
    assert_eq!(leaf[..3], [1, 0, 3]);
    ok(&store, Draft::new()).await;
    assert_eq!(store.receipt_of(&leaf).await.unwrap(), None);
    let receipt = ok(&store, draft).await;
    assert_eq!(store.receipt_of(&leaf).await.unwrap(), Some(receipt));
    db.clock().advance(5_000);
    assert_eq!(store.receipt_of(&leaf).await.unwrap(), Some(receipt));
}

pub(super) async fn records_are_found_by_their_numbers(db: &impl Database) {
    let store = db.open().await;
    for number in 0..5 {
        ok(&store, Draft::new().row(&numbered(number), 0, "{}")).await;
    }
    let all = store.records(0, 10).await.unwrap();
    let mut some = store.records_of(&[4, 1, 99]).await.unwrap();
    some.sort_by_key(|record| record.index);
    assert_eq!(some, [all[1].clone(), all[4].clone()]);
    assert_eq!(store.records_of(&[]).await.unwrap(), []);
}

pub(super) async fn attachments_come_with_bytes_only_on_demand(db: &impl Database) {
    let store = db.open().await;
    let draft = Draft::new()
        .attachment("payload", b"\x00\xff")
        .attachment("display", b"")
        .attachment("claims", &vec![7; 1 << 20]);
    let drafts = draft.clone().write().leaf.attachments;
    ok(&store, draft).await;
    let without = store
        .leaves(0, 1, false)
        .await
        .unwrap()
        .remove(0)
        .attachments;
    let with = store
        .leaves(0, 1, true)
        .await
        .unwrap()
        .remove(0)
        .attachments;
    for ((draft, without), with) in drafts.iter().zip(&without).zip(&with) {
        assert_eq!(
            (without.name.as_str(), without.salt),
            (draft.name, Some(draft.salt))
        );
        assert_eq!((without.bytes.as_ref(), without.erased_by), (None, None));
        assert_eq!(
            (with.name.as_str(), with.salt),
            (draft.name, Some(draft.salt))
        );
        assert_eq!(
            (with.bytes.as_ref(), with.erased_by),
            (Some(&draft.bytes), None)
        );
    }
    assert_eq!((without.len(), with.len()), (3, 3));
}

pub(super) async fn erasing_forgets_salt_and_bytes_and_nothing_else(db: &impl Database) {
    let store = db.open().await;
    ok(
        &store,
        Draft::new()
            .attachment("prompt", b"secret")
            .attachment("payload", b"kept"),
    )
    .await;
    let erasure = ok(&store, Draft::new().of_kind(LeafKind::Erasure))
        .await
        .index;
    let before = store.leaves(0, 2, true).await.unwrap();
    let opened = OpenedView {
        review_nonce: "nonce".to_owned(),
        request: "req".to_owned(),
        view: b"shows the secret".to_vec(),
        expires: START.plus_seconds(60),
    };
    store.put_opened(opened).await.unwrap();
    store.erase(0, "prompt", erasure).await.unwrap();
    assert_eq!(store.opened("nonce").await.unwrap(), None);
    // Again, by another leaf, and of what does not exist: nothing more happens.
    store.erase(0, "prompt", 77).await.unwrap();
    store.erase(0, "nothing", erasure).await.unwrap();
    store.erase(9, "prompt", erasure).await.unwrap();
    let after = store.leaves(0, 2, true).await.unwrap();
    let mut expected = before.clone();
    expected[0].attachments[0].salt = None;
    expected[0].attachments[0].bytes = None;
    expected[0].attachments[0].erased_by = Some(erasure);
    assert_eq!(after, expected);
    let frontier = store.head().await.unwrap().frontier;
    let hashes: Vec<_> = after.iter().map(|leaf| leaf_hash(&leaf.leaf)).collect();
    assert_eq!(frontier, Frontier::over(&hashes).to_bytes());
}
