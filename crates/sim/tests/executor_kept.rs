//! What an executor in a process of its own remembers, in a real folder: what was spent stays so, whoever opens it next, and what is
//! damaged is not gone by.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test that fails should say where"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

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
        whole.split_once('\n').unwrap().1.to_owned(),
        whole.replacen(" - ", " 1 ", 1),
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
    // Whoever proved it before its time was over, and waited since, does not do it again.
    let waited = kept.spend(names("old"), NOW.plus_seconds(60), NOW).await;
    assert!(waited.unwrap_err().to_string().contains("its time is over"));
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

/// A little randomness, the same at each run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 40).unwrap() % sides
    }
}

/// The files beside `spent`.
fn beside(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("spent.")).collect();
    names.sort();
    names
}

/// INVARIANT(single-release), against a map that forgets nothing: a name is spent twice only where its time was over by a day on the
/// latest clock that was seen, and refused only where it was spent before. Whoever dies, wherever, changes nothing of that.
#[tokio::test]
async fn names_are_spent_as_in_a_map_that_forgets_nothing_before_its_time_however_many_there_are() {
    const ROOM: usize = 3;
    let mut most = 0;
    for seed in 0..12 {
        let mut dice = Dice(seed);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spent");
        let mut kept = KeptIn::open_with(folder.path(), ROOM).unwrap();
        let mut all: BTreeMap<Hash, Timestamp> = BTreeMap::new();
        let mut clock = NOW;
        for _ in 0..100 {
            clock = clock.plus_seconds(dice.throw(DAY / 4));
            let own = [("call", dice.throw(100)), ("request", dice.throw(100))];
            let own = own.map(|(what, number)| Hash::of(format!("{what} {number}").as_bytes()));
            // Some clocks go wrong.
            let now = if dice.throw(10) == 0 { NOW } else { clock };
            let now = now.max(kept.latest());
            let until = now.plus_seconds(dice.throw(3 * DAY));
            let (before, were) = (fs::read(&path).unwrap(), beside(folder.path()));
            let spent = kept.spend(own, until, now).await.unwrap();
            let known: Vec<Timestamp> = own
                .iter()
                .filter_map(|name| all.get(name).copied())
                .collect();
            if spent {
                let over = |until: &Timestamp| until.plus_seconds(DAY) < now;
                assert!(known.iter().all(over), "{seed}: forgotten before its time");
            } else {
                assert!(!known.is_empty(), "{seed}: never spent, and refused");
            }
            most = most.max(beside(folder.path()).len());
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines <= 1 + ROOM, "{seed}: {lines}");
            // It dies between the two writes with which names are put in order: the call was not answered then.
            let died = spent && were != beside(folder.path()) && dice.throw(3) == 0;
            if died && were.iter().all(|name| beside(folder.path()).contains(name)) {
                drop(kept);
                fs::write(&path, before).unwrap();
                kept = KeptIn::open_with(folder.path(), ROOM).unwrap();
                continue;
            }
            if spent {
                all.extend(own.map(|name| (name, until)));
            }
            if dice.throw(12) == 0 {
                drop(kept);
                kept = KeptIn::open_with(folder.path(), ROOM).unwrap();
            }
        }
    }
    assert!(most > 3, "{most}");
}

#[tokio::test]
async fn what_is_over_leaves_no_file_behind_and_one_that_is_damaged_or_gone_is_not_gone_by() {
    let folder = tempfile::tempdir().unwrap();
    let kept = KeptIn::open_with(folder.path(), 2).unwrap();
    let spend = async |kept: &KeptIn, number: u32, now: Timestamp| {
        let until = now.plus_seconds(60);
        let own = names(&number.to_string());
        assert!(kept.spend(own, until, now).await.unwrap(), "{number}");
    };
    for number in 0..5 {
        spend(&kept, number, NOW).await;
    }
    assert_eq!(beside(folder.path()), ["spent.1", "spent.2"]);
    for number in 0..5 {
        assert!(!spends(&kept, names(&number.to_string())).await, "{number}");
    }
    drop(kept);
    let one = folder.path().join("spent.1");
    let whole = fs::read_to_string(&one).unwrap();
    let mut torn = whole.clone();
    torn.pop();
    for damaged in [
        whole.replacen("00001800", "00001900", 1),
        torn,
        String::new(),
    ] {
        fs::write(&one, damaged).unwrap();
        assert!(KeptIn::open_with(folder.path(), 2).is_err());
    }
    fs::remove_file(&one).unwrap();
    assert!(KeptIn::open_with(folder.path(), 2).is_err());
    fs::write(&one, whole).unwrap();
    // Nor is `spent` itself, where these are left; and one of before they were written is noticed.
    let spent = fs::read(folder.path().join("spent")).unwrap();
    fs::remove_file(folder.path().join("spent")).unwrap();
    assert!(KeptIn::open_with(folder.path(), 2).is_err());
    fs::write(folder.path().join("spent"), "gatehold/spent/v2 0 1 .\n").unwrap();
    assert!(KeptIn::open_with(folder.path(), 2).is_err());
    fs::write(folder.path().join("spent"), spent).unwrap();

    // A process that is never started again forgets what is over, and names nothing of it.
    let kept = KeptIn::open_with(folder.path(), 2).unwrap();
    let later = NOW.plus_seconds(DAY + 61);
    for number in 5..9 {
        spend(&kept, number, later).await;
    }
    let left = beside(folder.path());
    assert!(!left.contains(&"spent.1".to_owned()), "{left:?}");
    assert_eq!(kept.latest(), later);
    drop(kept);
    let kept = KeptIn::open_with(folder.path(), 2).unwrap();
    assert_eq!(kept.latest(), later);
}
