//! What an executor in a process of its own remembers, in a real folder: what was spent stays so, whoever opens it next, and what is
//! damaged is not gone by.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test that fails should say where"
)]

use std::fs;

use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::TrustLink;
use gatehold_gate::ports::kept::Kept;
use gatehold_store::kept::KeptIn;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const DAY: u32 = 86_400;

fn names(name: &str) -> [Hash; 2] {
    ["call", "request"].map(|what| Hash::of(format!("{what} {name}").as_bytes()))
}

async fn spends(kept: &KeptIn, names: [Hash; 2]) -> bool {
    let until = NOW.plus_seconds(60);
    kept.spend(names, until, NOW).await.unwrap()
}

#[tokio::test]
async fn each_name_is_spent_once_also_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let kept = KeptIn::open(folder.path()).unwrap();
    let (one, other) = (names("one"), names("other"));
    assert!(spends(&kept, one).await);
    assert!(!spends(&kept, one).await);
    // Neither of the two comes again beside another.
    assert!(!spends(&kept, [one[0], other[1]]).await);
    assert!(!spends(&kept, [other[0], one[1]]).await);
    assert!(
        KeptIn::open(folder.path()).is_err(),
        "one process at a time"
    );
    drop(kept);
    let kept = KeptIn::open(folder.path()).unwrap();
    assert_eq!(kept.latest(), NOW);
    assert!(!spends(&kept, one).await);
    assert!(spends(&kept, other).await);
}

#[tokio::test]
async fn a_torn_line_never_counted_and_a_changed_one_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spent");
    let kept = KeptIn::open(folder.path()).unwrap();
    assert!(spends(&kept, names("one")).await && spends(&kept, names("two")).await);
    drop(kept);
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    let kept = KeptIn::open(folder.path()).unwrap();
    assert!(!spends(&kept, names("one")).await);
    assert!(spends(&kept, names("two")).await);
    drop(kept);
    for changed in [
        whole.replacen(" .", " ", 1),
        whole.replacen("gatehold", "gatehole", 1),
        whole.replacen("gatehold/spent/v1\n", "", 1),
        whole.replacen("1800000", "18o0000", 1),
        String::new(),
    ] {
        fs::write(&path, &changed).unwrap();
        assert!(KeptIn::open(folder.path()).is_err(), "{changed}");
    }
}

#[tokio::test]
async fn what_is_over_for_a_day_is_forgotten_at_a_start_and_the_time_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let kept = KeptIn::open(folder.path()).unwrap();
    assert!(spends(&kept, names("old")).await);
    let later = NOW.plus_seconds(60 + DAY);
    for (name, at) in [("last", later), ("new", later.plus_seconds(1))] {
        let until = at.plus_seconds(60);
        assert!(kept.spend(names(name), until, at).await.unwrap());
    }
    drop(kept);
    let kept = KeptIn::open(folder.path()).unwrap();
    assert_eq!(kept.latest(), later.plus_seconds(1));
    let lines = fs::read_to_string(folder.path().join("spent")).unwrap();
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert!(!spends(&kept, names("last")).await);
}

#[tokio::test]
async fn links_are_kept_whole_and_what_cannot_be_read_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let kept = KeptIn::open(folder.path()).unwrap();
    assert!(kept.links().unwrap().is_empty());
    let link = |leaf| TrustLink {
        leaf,
        evidence: b"{}".to_vec(),
        bundle: (leaf == 0).then(|| b"bundle".to_vec()),
    };
    let links = [link(0), link(7)];
    kept.keep_links(&links).await.unwrap();
    drop(kept);
    let kept = KeptIn::open(folder.path()).unwrap();
    assert_eq!(kept.links().unwrap(), links);
    fs::write(folder.path().join("links.json"), "{").unwrap();
    assert!(kept.links().is_err());
    // Links beside nothing that was spent: somebody lost what was executed before.
    drop(kept);
    fs::remove_file(folder.path().join("spent")).unwrap();
    assert!(KeptIn::open(folder.path()).is_err());
    fs::remove_file(folder.path().join("links.json")).unwrap();
    assert!(KeptIn::open(folder.path()).is_ok());
}
