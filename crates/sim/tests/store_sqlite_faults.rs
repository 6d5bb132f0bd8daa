//! What can happen to a database file: killed writers, full disks, cut and flipped bytes, stepped clocks.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use gatehold_core::hash::unhex;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::{Store as _, StoreFault};
use gatehold_ledger::{Frontier, leaf_hash};
use gatehold_sim::conformance::{Draft, START, numbered};
use gatehold_store::clock::SetClock;
use gatehold_store::sqlite::{SqliteOptions, SqliteStore, WalBounds};

const PAGE: usize = 4096;
const PAGES_KEPT: u64 = 5 * PAGE as u64;

type Damage = dyn Fn(&mut Vec<u8>);

fn options(path: &Path) -> SqliteOptions {
    SqliteOptions {
        clock: Arc::new(SetClock::at(START)),
        ..SqliteOptions::new(path)
    }
}

async fn fill(store: &SqliteStore, writes: u64) {
    for number in 0..writes {
        let draft = Draft::new().row(&numbered(number), 0, &"x".repeat(2_000));
        store.commit(vec![draft.write()]).await.unwrap()[0]
            .as_ref()
            .unwrap();
    }
}

#[tokio::test]
async fn p03_a_killed_writer_loses_nothing_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gate.db");
    let mut acknowledged = Vec::new();
    for round in 1..=3 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sqlite_load"))
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        acknowledged.extend(lines.by_ref().take(700 * round).map(Result::unwrap));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(lines.map(Result::unwrap).filter(|line| whole(line)));
    }
    assert!(acknowledged.len() > 4_000);
    let store = SqliteStore::open(SqliteOptions::new(&path)).unwrap();
    for line in &acknowledged {
        let [index, row, version, leaf] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let leaf = unhex(leaf).unwrap().try_into().unwrap();
        let receipt = store.receipt_of(&leaf).await.unwrap().expect(line);
        assert_eq!(receipt.index.to_string(), index);
        let key = numbered(u64::from_str_radix(row.strip_prefix("req_").unwrap(), 16).unwrap());
        let row = store.row(&key).await.unwrap().unwrap();
        assert!(row.version >= version.parse().unwrap() && row.last_leaf >= receipt.index);
    }
    // And what is there is whole: no gap, and the frontier is that of the leaves.
    let mut frontier = Frontier::new();
    let head = store.head().await.unwrap();
    while frontier.size() < head.size {
        for leaf in store.leaves(frontier.size(), 1_000, false).await.unwrap() {
            assert_eq!(frontier.push(leaf_hash(&leaf.leaf)), Ok(leaf.index));
        }
    }
    assert_eq!(frontier.to_bytes(), head.frontier);
}

fn whole(line: &str) -> bool {
    line.split(' ')
        .next_back()
        .is_some_and(|leaf| leaf.len() == 70)
}

#[tokio::test]
async fn p03_a_full_disk_refuses_whole_batches_and_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gate.db");
    let full = SqliteOptions {
        pages_max: Some(60),
        ..options(&path)
    };
    let store = SqliteStore::open(full).unwrap();
    fill(&store, 5).await;
    let before = store.head().await.unwrap();
    let small = || Draft::new().add_one("n").write();
    let large = Draft::new()
        .row(&numbered(99), 0, &"x".repeat(1 << 20))
        .write();
    let fault = store
        .commit(vec![small(), large.clone()])
        .await
        .unwrap_err();
    assert!(
        matches!(&fault, StoreFault::Unavailable(text) if text.contains("disk is full")),
        "{fault}"
    );
    assert_eq!(store.head().await.unwrap(), before);
    assert_eq!(store.row(&numbered(99)).await.unwrap(), None);
    // What still fits goes on.
    assert!(store.commit(vec![small()]).await.unwrap()[0].is_ok());
    drop(store);
    let store = SqliteStore::open(options(&path)).unwrap();
    assert!(store.commit(vec![large]).await.unwrap()[0].is_ok());
}

#[tokio::test]
async fn a_cut_or_flipped_file_is_damage_and_nothing_is_decided() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gate.db");
    let store = SqliteStore::open(options(&path)).unwrap();
    fill(&store, 300).await;
    drop(store);
    let good = fs::read(&path).unwrap();
    let damages: [(&str, &Damage); 4] = [
        ("cut", &|bytes| bytes.truncate(bytes.len() / 2)),
        ("magic", &|bytes| bytes[3] ^= 0xff),
        ("all pages but the first", &|bytes| bytes[PAGE..].fill(0xa5)),
        ("empty", &|bytes| bytes.truncate(100)),
    ];
    for (name, damage) in damages {
        let mut bytes = good.clone();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let opened = SqliteStore::open(options(&path));
        assert!(
            matches!(opened, Err(StoreFault::Damaged(_))),
            "{name}: {:?}",
            opened.err()
        );
    }
}

#[tokio::test]
async fn damage_under_a_running_store_stops_it_until_it_is_repaired() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gate.db");
    let store = SqliteStore::open(options(&path)).unwrap();
    fill(&store, 300).await;
    drop(store);
    let store = SqliteStore::open(options(&path)).unwrap();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let size = file.metadata().unwrap().len();
    let mut good = vec![0; usize::try_from(size - PAGES_KEPT).unwrap()];
    file.read_exact_at(&mut good, PAGES_KEPT).unwrap();
    file.write_all_at(&vec![0xa5; good.len()], PAGES_KEPT)
        .unwrap();
    let draft = || Draft::new().row(&numbered(150), 1, "next").write();
    for _ in 0..3 {
        let fault = store.commit(vec![draft()]).await.unwrap_err();
        assert!(matches!(fault, StoreFault::Damaged(_)), "{fault}");
    }
    file.write_all_at(&good, PAGES_KEPT).unwrap();
    assert!(store.commit(vec![draft()]).await.unwrap()[0].is_ok());
}

#[tokio::test]
async fn a_clock_more_than_two_seconds_behind_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gate.db");
    let at = |millis| SqliteOptions {
        clock: Arc::new(SetClock::at(Timestamp::from_millis(
            START.millis() + millis,
        ))),
        ..SqliteOptions::new(&path)
    };
    let store = SqliteStore::open(at(10_000)).unwrap();
    fill(&store, 1).await;
    drop(store);
    let refused = SqliteStore::open(at(7_999)).err().unwrap();
    assert!(
        refused.to_string().contains("correct the clock"),
        "{refused}"
    );
    assert!(SqliteStore::open(at(8_000)).is_ok());
}

#[tokio::test]
async fn other_files_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gate.db");
    drop(SqliteStore::open(options(&path)).unwrap());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The version stands at offset 60 of the header.
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&99u32.to_be_bytes(), 60).unwrap();
    let newer = SqliteStore::open(options(&path)).err().unwrap();
    assert!(newer.to_string().contains("newer gatehold"), "{newer}");
    file.write_all_at(&0u32.to_be_bytes(), 68).unwrap();
    let foreign = SqliteStore::open(options(&path)).err().unwrap();
    assert!(foreign.to_string().contains("another program"), "{foreign}");
    let missing = SqliteStore::open(options(&directory.path().join("none/gate.db")))
        .err()
        .unwrap();
    assert!(
        missing.to_string().contains("check the directory"),
        "{missing}"
    );
}

#[tokio::test]
async fn the_write_ahead_log_stays_bounded_under_load() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gate.db");
    let wal = WalBounds {
        background_pages: u32::MAX,
        writer_pages: 200,
    };
    let store = SqliteStore::open(SqliteOptions {
        wal,
        ..options(&path)
    })
    .unwrap();
    let mut longest = 0;
    for _ in 0..200 {
        let draft = Draft::new().attachment_of("payload", 40_000);
        store.commit(vec![draft.write()]).await.unwrap()[0]
            .as_ref()
            .unwrap();
        let log = fs::metadata(directory.path().join("gate.db-wal")).unwrap();
        longest = longest.max(log.len() / PAGE as u64);
    }
    // 8 MB were written; the log never held more than its bound and one batch.
    assert!((100..260).contains(&longest), "{longest}");
}
