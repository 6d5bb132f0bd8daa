//! The anchor notices a database that went back or was rewritten, and lets nothing out that it cannot vouch for.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use gatehold_core::commit::LeafKind;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::hash::Hash;
use gatehold_gate::ports::store::{Store, StoreFault};
use gatehold_ledger::{Anchor, AnchorViolation, Frontier};
use gatehold_sim::conformance::{Draft, START};
use gatehold_store::anchor::{AnchorFault, Anchors};
use gatehold_store::memory::MemoryStore;
use gatehold_store::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

struct Gate {
    data: TempDir,
    anchors: TempDir,
}

impl Gate {
    fn new() -> Self {
        Self {
            data: tempfile::tempdir().unwrap(),
            anchors: tempfile::tempdir().unwrap(),
        }
    }

    fn database(&self) -> std::path::PathBuf {
        self.data.path().join("gate.db")
    }

    fn open(&self) -> (SqliteStore, Arc<Anchors>) {
        let anchors = Anchors::open(self.anchors.path(), "one").unwrap();
        let store = SqliteStore::open(SqliteOptions {
            hook: Some(anchors.clone()),
            ..SqliteOptions::new(self.database())
        });
        (store.unwrap(), anchors)
    }

    async fn start(&self) -> Result<SqliteStore, AnchorFault> {
        let (store, anchors) = self.open();
        anchors.compare(&store).await?;
        Ok(store)
    }

    fn anchor(&self) -> Anchor {
        let text = fs::read_to_string(self.anchors.path().join("one.anchor")).unwrap();
        Anchor::parse(&text).unwrap()
    }

    fn put_anchor(&self, name: &str, anchor: &Anchor) {
        let path = self.anchors.path().join(name);
        fs::write(path, anchor.to_string()).unwrap();
    }
}

async fn append(store: &impl Store, leaves: usize) {
    let batch = (0..leaves).map(|_| Draft::new().write()).collect();
    let answers = store.commit(batch).await.unwrap();
    assert!(answers.iter().all(Result::is_ok));
}

async fn head(store: &impl Store) -> Anchor {
    let frontier = Frontier::from_bytes(&store.head().await.unwrap().frontier).unwrap();
    Anchor {
        size: frontier.size(),
        root: frontier.root(),
    }
}

#[tokio::test]
async fn every_batch_moves_the_anchor_before_its_answers() {
    let gate = Gate::new();
    let store = gate.start().await.unwrap();
    assert_eq!(gate.anchor().size, 0);
    for size in [1, 4, 5] {
        let have = gate.anchor().size;
        append(&store, usize::try_from(size - have).unwrap()).await;
        assert_eq!(gate.anchor(), head(&store).await);
        assert_eq!(gate.anchor().size, size);
    }
    drop(store);
    let store = gate.start().await.unwrap();
    append(&store, 1).await;
    assert_eq!(gate.anchor().size, 6);
}

#[tokio::test]
async fn nothing_is_released_before_the_comparison() {
    let gate = Gate::new();
    let (store, anchors) = gate.open();
    let answer = store.commit(vec![Draft::new().write()]).await;
    assert!(matches!(answer, Err(StoreFault::Unavailable(_))));
    assert!(!gate.anchors.path().join("one.anchor").exists());
    anchors.compare(&store).await.unwrap();
    append(&store, 1).await;
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test]
async fn d01_yesterdays_database_is_refused_until_it_rejoins() {
    let gate = Gate::new();
    let store = gate.start().await.unwrap();
    append(&store, 3).await;
    drop(store);
    let backup = tempfile::tempdir().unwrap();
    copy(gate.data.path(), backup.path());
    let store = gate.start().await.unwrap();
    append(&store, 4).await;
    let lost = gate.anchor();
    drop(store);
    copy(backup.path(), gate.data.path());

    let refused = gate.start().await.err().unwrap();
    let behind = AnchorViolation::StoreBehind {
        anchor: 7,
        store: 3,
    };
    assert!(matches!(&refused, AnchorFault::Violated { violation, .. } if *violation == behind));
    assert!(refused.to_string().contains("ledger rejoin"), "{refused}");
    assert_eq!(gate.anchor(), lost);

    let (store, anchors) = gate.open();
    let restored = head(&store).await;
    let receipt = anchors.rejoin(&store, [7; 32]).await.unwrap();
    assert_eq!(receipt.index, 3);
    let leaf = store.leaves(3, 1, false).await.unwrap().remove(0);
    assert_eq!(leaf.leaf[2], LeafKind::Rejoin as u8);
    let entry = Entry::from_bytes(&leaf.record).unwrap();
    let Event::Rejoined {
        size,
        root,
        overruled,
    } = entry.event
    else {
        panic!("{entry:?}");
    };
    assert_eq!((size, root), (3, Hash::from_bytes(restored.root.0)));
    let overruled = &overruled[0];
    assert_eq!((overruled.file.as_str(), overruled.size), ("one.anchor", 7));
    assert_eq!(overruled.root, Hash::from_bytes(lost.root.0));
    let kept = gate.anchors.path().join("one.superseded-7");
    assert_eq!(fs::read_to_string(kept).unwrap(), lost.to_string());
    append(&store, 1).await;
    drop((store, anchors));
    let store = gate.start().await.unwrap();
    assert_eq!(gate.anchor(), head(&store).await);
}

#[tokio::test]
async fn d01_a_rewritten_history_is_refused_at_any_anchor() {
    let gate = Gate::new();
    let store = gate.start().await.unwrap();
    append(&store, 5).await;
    let other = MemoryStore::at(START);
    append(&other, 5).await;
    for size in [2, 5] {
        let leaves = other.leaves(0, size, false).await.unwrap();
        let hashes: Vec<_> = leaves
            .iter()
            .map(|leaf| gatehold_ledger::leaf_hash(&leaf.leaf))
            .collect();
        let foreign = Anchor {
            size: size.into(),
            root: Frontier::over(&hashes).root(),
        };
        gate.put_anchor("two.anchor", &foreign);
        let anchors = Anchors::open(gate.anchors.path(), "one").unwrap();
        let refused = anchors.compare(&store).await.unwrap_err();
        let AnchorFault::Violated { violation, path } = &refused else {
            panic!("{refused}");
        };
        assert!(
            matches!(violation, AnchorViolation::RootDiffers { .. }),
            "{refused}"
        );
        assert!(path.ends_with("two.anchor"));
    }
    // The other process's anchor at a size we passed long ago is fine when it is of this history.
    let leaves = store.leaves(0, 2, false).await.unwrap();
    let hashes: Vec<_> = leaves
        .iter()
        .map(|leaf| gatehold_ledger::leaf_hash(&leaf.leaf))
        .collect();
    let own = Anchor {
        size: 2,
        root: Frontier::over(&hashes).root(),
    };
    gate.put_anchor("two.anchor", &own);
    let anchors = Anchors::open(gate.anchors.path(), "three").unwrap();
    anchors.compare(&store).await.unwrap();
    assert!(matches!(
        anchors.rejoin(&store, [0; 32]).await,
        Err(AnchorFault::NothingToRejoin)
    ));
}

#[tokio::test]
async fn torn_and_foreign_files_are_refused() {
    let gate = Gate::new();
    let store = gate.start().await.unwrap();
    append(&store, 2).await;
    let text = gate.anchor().to_string();
    for wrong in [
        "",
        text.get(..20).unwrap(),
        &format!("{text}\n"),
        &"x".repeat(100_000),
    ] {
        fs::write(gate.anchors.path().join("two.anchor"), wrong).unwrap();
        let anchors = Anchors::open(gate.anchors.path(), "one").unwrap();
        assert!(matches!(
            anchors.compare(&store).await,
            Err(AnchorFault::Unreadable { .. })
        ));
    }
    for name in ["", "a/b", "..", "A", &"a".repeat(65)] {
        assert!(
            matches!(
                Anchors::open(gate.anchors.path(), name),
                Err(AnchorFault::Name)
            ),
            "{name}"
        );
    }
    let missing = Anchors::open(gate.anchors.path().join("none"), "one");
    assert!(matches!(missing, Err(AnchorFault::File { .. })));
}

#[tokio::test]
async fn without_its_directory_only_stops_are_released() {
    let gate = Gate::new();
    let store = gate.start().await.unwrap();
    append(&store, 1).await;
    let away = gate.data.path().join("away");
    fs::rename(gate.anchors.path(), &away).unwrap();
    let decision = || vec![Draft::new().of_kind(LeafKind::Decision).write()];
    let stop = || vec![Draft::new().of_kind(LeafKind::Stop).write()];
    for _ in 0..2 {
        let refused = store.commit(decision()).await.unwrap_err();
        assert!(refused.to_string().contains("anchor"), "{refused}");
        assert!(store.commit(stop()).await.unwrap()[0].is_ok());
    }
    fs::rename(&away, gate.anchors.path()).unwrap();
    assert!(store.commit(decision()).await.unwrap()[0].is_ok());
    assert_eq!(gate.anchor(), head(&store).await);
}
