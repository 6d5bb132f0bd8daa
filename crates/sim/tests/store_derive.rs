//! What is published verifies by itself, is made again from nothing, and never takes a leaf back.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::Store as _;
use gatehold_ledger::{
    Frontier, LogKey, LogSigner, Origin, SignedTreeHead, TileId, decode_bundle, leaf_hash, tiles_of,
};
use gatehold_sim::conformance::{Draft, START};
use gatehold_store::derive::{Cadence, PublishFault, Publisher, receipt};
use gatehold_store::memory::MemoryStore;
use gatehold_store::sqlite::{SqliteOptions, SqliteStore};

fn signer() -> LogSigner {
    LogSigner::from_seed(Origin::new("dev.example/log").unwrap(), &[3; 32])
}

fn key() -> LogKey {
    signer().log_key()
}

async fn append(store: &MemoryStore, leaves: usize) {
    for start in (0..leaves).step_by(500) {
        let batch = (start..leaves.min(start + 500)).map(|_| Draft::new().write());
        store.commit(batch.collect()).await.unwrap();
    }
}

/// Reads a directory as a stranger would: the tree head, every entry, every tile.
fn verify(directory: &Path) -> SignedTreeHead {
    let note = fs::read_to_string(directory.join("tree-head")).unwrap();
    let head = SignedTreeHead::verify(&note, &key()).unwrap();
    let mut hashes = Vec::new();
    for id in tiles_of(head.size()).filter(|id| id.level == 0) {
        let bundle = fs::read(directory.join(id.entries_path())).unwrap();
        hashes.extend(
            decode_bundle(&bundle)
                .unwrap()
                .iter()
                .map(|entry| leaf_hash(entry)),
        );
    }
    assert_eq!(hashes.len() as u64, head.size());
    assert_eq!(Frontier::over(&hashes).root(), head.root());
    for id in tiles_of(head.size()) {
        let bytes = fs::read(directory.join(id.path())).unwrap();
        assert_eq!(bytes, tile(&hashes, id), "{}", id.path());
    }
    head
}

fn tile(leaves: &[gatehold_ledger::Hash], id: TileId) -> Vec<u8> {
    let span = 1usize << (8 * id.level);
    let first = usize::try_from(id.index).unwrap() * 256 * span;
    let parts = leaves[first..].chunks(span).take(id.width.into());
    parts
        .flat_map(|part| Frontier::over(part).root().0)
        .collect()
}

#[tokio::test]
async fn every_published_state_verifies() {
    let directory = tempfile::tempdir().unwrap();
    let store = MemoryStore::at(START);
    let mut publisher = Publisher::open(directory.path(), signer()).unwrap();
    for grow in [0, 1, 254, 1, 1, 300, 0, 66_000] {
        append(&store, grow).await;
        let signed = publisher.publish(&store).await.unwrap();
        assert_eq!(verify(directory.path()), signed);
        assert_eq!(signed.size(), store.head().await.unwrap().size);
    }
}

#[tokio::test]
async fn a_restarted_publisher_continues_and_a_lost_directory_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = MemoryStore::at(START);
    for (grow, lost) in [
        (700, None),
        (5, None),
        (300, Some("tile/0/000")),
        (20, Some("tile/0/003.p")),
        (1, Some("tree-head")),
    ] {
        append(&store, grow).await;
        if let Some(lost) = lost {
            let path = directory.path().join(lost);
            let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
        let mut publisher = Publisher::open(directory.path(), signer()).unwrap();
        publisher.publish(&store).await.unwrap();
        if lost == Some("tile/0/000") {
            // A full tile nobody needed to continue is noticed by who needs it.
            let missing = receipt(&store, directory.path(), &key(), 3).await;
            assert!(matches!(missing, Err(PublishFault::Missing(_))));
            fs::remove_file(directory.path().join("tree-head")).unwrap();
            drop(publisher);
            let mut publisher = Publisher::open(directory.path(), signer()).unwrap();
            publisher.publish(&store).await.unwrap();
        }
        verify(directory.path());
    }
}

#[tokio::test]
async fn a_receipt_verifies_for_every_leaf_that_is_covered() {
    let directory = tempfile::tempdir().unwrap();
    let store = MemoryStore::at(START);
    append(&store, 600).await;
    let mut publisher = Publisher::open(directory.path(), signer()).unwrap();
    publisher.publish(&store).await.unwrap();
    append(&store, 1).await;
    for index in [0, 1, 255, 256, 511, 599] {
        let receipt = receipt(&store, directory.path(), &key(), index)
            .await
            .unwrap()
            .unwrap();
        let verified = receipt.verify(&key()).unwrap();
        let stored = store.leaves(index, 1, false).await.unwrap().remove(0);
        assert_eq!(
            (verified.index(), verified.record()),
            (index, &stored.record[..])
        );
        assert!(receipt.to_string().len() <= 4096);
    }
    for index in [600, 601, u64::MAX] {
        assert_eq!(
            receipt(&store, directory.path(), &key(), index)
                .await
                .unwrap(),
            None
        );
    }
}

#[tokio::test]
async fn d01_another_history_is_never_signed() {
    let directory = tempfile::tempdir().unwrap();
    let store = MemoryStore::at(START);
    append(&store, 300).await;
    let signed = Publisher::open(directory.path(), signer())
        .unwrap()
        .publish(&store)
        .await
        .unwrap();
    let shorter = MemoryStore::at(START);
    append(&shorter, 299).await;
    let longer = MemoryStore::at(START);
    append(&longer, 301).await;
    let open = || Publisher::open(directory.path(), signer()).unwrap();
    let refused = open().publish(&shorter).await;
    assert!(matches!(
        refused,
        Err(PublishFault::Behind {
            signed: 300,
            store: 299
        })
    ));
    // With its tiles the publisher would continue, and end at another root than the head row's; without, the leaves do
    // not pass through the signed root.
    let refused = open().publish(&longer).await;
    assert!(
        matches!(refused, Err(PublishFault::HeadDiffers(301))),
        "{refused:?}"
    );
    fs::remove_dir_all(directory.path().join("tile")).unwrap();
    let refused = open().publish(&longer).await;
    assert!(
        matches!(refused, Err(PublishFault::Fork(300))),
        "{refused:?}"
    );
    let note = fs::read_to_string(directory.path().join("tree-head")).unwrap();
    assert_eq!(note, signed.to_string());
    assert!(open().publish(&store).await.is_ok());
}

#[tokio::test]
async fn one_process_publishes_at_a_time_and_only_under_its_own_key() {
    let directory = tempfile::tempdir().unwrap();
    let store = MemoryStore::at(START);
    append(&store, 2).await;
    let mut one = Publisher::open(directory.path(), signer()).unwrap();
    assert!(matches!(
        Publisher::open(directory.path(), signer()),
        Err(PublishFault::Busy(_))
    ));
    one.publish(&store).await.unwrap();
    drop(one);
    let other = LogSigner::from_seed(Origin::new("dev.example/log").unwrap(), &[4; 32]);
    let mut other = Publisher::open(directory.path(), other).unwrap();
    assert!(matches!(
        other.publish(&store).await,
        Err(PublishFault::TreeHead(_))
    ));
}

#[tokio::test]
async fn a_changed_leaf_in_the_database_is_not_signed() {
    let (data, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = data.path().join("gate.db");
    let store = SqliteStore::open(SqliteOptions::new(&path)).unwrap();
    let batch = (0..20).map(|_| Draft::new().write()).collect();
    store.commit(batch).await.unwrap();
    let edit = rusqlite::Connection::open(&path).unwrap();
    let mut leaf = store.leaves(7, 1, false).await.unwrap().remove(0).leaf;
    leaf[34] ^= 1;
    let changed = edit.execute("UPDATE leaf SET leaf = ?1 WHERE number = 7", [&leaf[..]]);
    assert_eq!(changed.unwrap(), 1);
    let mut publisher = Publisher::open(directory.path(), signer()).unwrap();
    let refused = publisher.publish(&store).await;
    assert!(
        matches!(refused, Err(PublishFault::HeadDiffers(20))),
        "{refused:?}"
    );
}

/// Promise P13, counted on the store's clock, which here is time that the test moves: tokio's clock is paused, so that
/// waiting takes none of the real one. Appends come at times that drift through the publisher's rhythm, and publishing
/// itself takes up to the half second that the rhythm leaves it.
#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "time that the test moves")]
async fn p13_every_leaf_is_under_a_tree_head_within_a_second_of_its_append() {
    for publishing_takes in [0, 130, 499] {
        let directory = tempfile::tempdir().unwrap();
        let store = MemoryStore::at(START);
        let mut publisher = Publisher::open(directory.path(), signer()).unwrap();
        let begun = tokio::time::Instant::now();
        let elapsed = || i64::try_from(begun.elapsed().as_millis()).unwrap();
        let mut cadence = Cadence::start();
        let mut appends = tokio::time::interval(Duration::from_millis(37));
        let mut times = Vec::new();
        let (mut covered, mut latest) = (0, 0);
        while covered < 1_000 {
            tokio::select! {
                _ = appends.tick() => {
                    store.clock().set(Timestamp::from_millis(START.millis() + elapsed()));
                    append(&store, 1).await;
                    times.push(elapsed());
                }
                () = cadence.next() => {
                    let head = publisher.publish(&store).await.unwrap();
                    // The disk is slow, and a leaf comes just after the head was read: it waits for the next time.
                    store.clock().set(Timestamp::from_millis(START.millis() + elapsed()));
                    append(&store, 1).await;
                    times.push(elapsed());
                    tokio::time::advance(Duration::from_millis(publishing_takes)).await;
                    let size = usize::try_from(head.size()).unwrap();
                    for time in &times[covered..size] {
                        latest = latest.max(elapsed() - time);
                    }
                    covered = size;
                }
            }
        }
        println!("publishing takes {publishing_takes} ms: the latest leaf waited {latest} ms");
        assert!(latest <= 1_000, "{latest} ms");
        assert_eq!(verify(directory.path()).size(), covered as u64);
    }
}
