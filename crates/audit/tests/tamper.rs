//! Threats D1, D9, D12 and promise P12: whoever changes the stored ledger, its rows or its attachments is noticed, and the leaf is
//! named.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests: helpers outside test functions"
)]

mod cases;
mod forge;
mod gate;

use cases::{Held, assert_first, at, first, held, verify, verify_resigned};
use forge::{renumber, rewrite};
use gate::{Who, head_of, signer};
use gatehold_audit::{Code, Finding, Hex, LedgerLeaf, References, Trusted, Verifier};
use gatehold_core::entry::Event;
use gatehold_core::hash::Hash;
use gatehold_core::json::canonical;
use gatehold_core::signal::FLAG_SECONDS_MAX;
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_core::verdict::Verdict;
use gatehold_ledger::Anchor;
use gatehold_ledger::SignedTreeHead;

/// One change to one leaf.
type Change = Box<dyn Fn(&mut LedgerLeaf)>;

#[test]
fn d01_p12_a_flipped_bit_in_any_field_names_its_leaf() {
    let Held { gate, .. } = held();
    let references = gate.references();
    let flip = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    let mut changes = 0;
    for index in 0..gate.leaves.len() {
        let mut fields: Vec<Change> = vec![
            Box::new(move |leaf| flip(&mut leaf.leaf)),
            Box::new(move |leaf| flip(&mut leaf.salt)),
            Box::new(move |leaf| flip(&mut leaf.record)),
            Box::new(|leaf| leaf.index += 1),
            Box::new(|leaf| leaf.leaf.truncate(34)),
        ];
        for number in 0..gate.leaves[index].attachments.len() {
            fields.push(Box::new(move |leaf| {
                flip(&mut leaf.attachments[number].salt.as_mut().unwrap().0);
            }));
            fields.push(Box::new(move |leaf| {
                flip(&mut leaf.attachments[number].bytes.as_mut().unwrap().0);
            }));
            fields.push(Box::new(move |leaf| drop(leaf.attachments.remove(number))));
        }
        for change in fields {
            let mut leaves = gate.leaves.clone();
            change(&mut leaves[index]);
            let report = verify(&leaves, &references, &gate.trusted());
            assert_eq!(first(&report).leaf, Some(index as u64), "{report}");
            changes += 1;
        }
    }
    assert!(changes > 150, "{changes}");
}

#[test]
fn d01_p12_a_cut_tail_is_missed_at_every_length() {
    let Held { gate, .. } = held();
    for size in 0..gate.leaves.len() {
        let report = verify(&gate.leaves[..size], &gate.references(), &gate.trusted());
        let missing = Finding::at(size as u64, Code::TailMissing, "");
        let found = report.findings.iter();
        let found = found.filter(|found| (found.leaf, found.code) == (missing.leaf, missing.code));
        // Without its first leaf the log's key is known only from outside; the anchor still tells.
        assert_eq!(found.count(), 1, "{size}: {report}");
    }
}

#[test]
fn d01_p12_an_older_copy_disagrees_with_the_anchor() {
    let Held { gate, .. } = held();
    let older = &gate.leaves[..gate.leaves.len() - 3];
    let references = References {
        tree_heads: vec![head_of(older).to_string()],
        anchors: gate.references().anchors,
        leaf_hashes: vec![],
    };
    assert_first(
        &verify(older, &references, &gate.trusted()),
        older.len(),
        Code::TailMissing,
    );
    // With nothing kept outside, an older copy of everything cannot be told apart: that takes a witness, and is said.
    let report = verify_resigned(older, &gate);
    assert!(report.is_sound(), "{report}");
    assert!(report.to_string().contains("takes a witness"));
}

#[test]
fn d01_p12_moved_and_foreign_leaves_are_named() {
    let Held { gate, .. } = held();
    let mut references = gate.references();
    references.leaf_hashes = gate.leaf_hashes();
    for index in 1..gate.leaves.len() - 1 {
        let mut leaves = gate.leaves.clone();
        leaves.swap(index, index + 1);
        renumber(&mut leaves);
        let report = verify(&leaves, &references, &gate.trusted());
        let first = first(&report);
        assert_eq!(first.leaf, Some(index as u64), "{report}");
        assert!(
            report
                .findings
                .iter()
                .any(|finding| finding.code == Code::LeafDiffers)
        );
    }
    let mut leaves = gate.leaves.clone();
    leaves.insert(5, leaves[2].clone());
    renumber(&mut leaves);
    assert_eq!(
        first(&verify(&leaves, &references, &gate.trusted())).leaf,
        Some(5)
    );
    leaves.remove(5);
    leaves.remove(4);
    renumber(&mut leaves);
    assert_eq!(
        first(&verify(&leaves, &references, &gate.trusted())).leaf,
        Some(4)
    );
}

#[test]
fn without_tiles_a_rewritten_leaf_is_named_with_its_range() {
    let Held { gate, .. } = held();
    let mut leaves = gate.leaves.clone();
    let last = leaves.len() - 1;
    // A refusal would be followed by nothing: only the tree notices, and only the range is known.
    rewrite(&mut leaves[last], |entry| {
        entry.at = entry.at.plus_seconds(1)
    });
    let report = verify(&leaves, &gate.references(), &gate.trusted());
    let range = report
        .findings
        .iter()
        .find(|finding| finding.last.is_some())
        .unwrap();
    assert_eq!(
        (range.leaf, range.last, range.code),
        (Some(0), Some(last as u64), Code::LeafDiffers)
    );
}

#[test]
fn d01_p12_two_histories_are_a_fork() {
    let Held { gate, .. } = held();
    let mut references = gate.references();
    let other = SignedTreeHead::sign(
        gate.head().size(),
        gatehold_ledger::Hash([7; 32]),
        &signer(),
    );
    references.tree_heads.push(other.unwrap().to_string());
    let report = verify(&gate.leaves, &references, &gate.trusted());
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.code == Code::Fork),
        "{report}"
    );

    // The forger shows another history than the one the anchor knows.
    let mut leaves = gate.leaves.clone();
    let last = leaves.len() - 1;
    rewrite(&mut leaves[last], |entry| {
        entry.at = entry.at.plus_seconds(1)
    });
    let references = References {
        tree_heads: vec![head_of(&leaves).to_string()],
        anchors: vec![
            Anchor {
                size: gate.head().size(),
                root: gate.head().root(),
            }
            .to_string(),
        ],
        leaf_hashes: vec![],
    };
    let report = verify(&leaves, &references, &gate.trusted());
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.code == Code::Fork),
        "{report}"
    );
}

#[test]
fn d01_every_tree_head_of_a_series_extends_every_earlier_one() {
    let Held { gate, .. } = held();
    let series = |leaves: &[LedgerLeaf]| -> Vec<String> {
        let sizes = 1..=leaves.len();
        sizes
            .map(|size| head_of(&leaves[..size]).to_string())
            .collect()
    };
    let with = |tree_heads: Vec<String>| References {
        tree_heads,
        ..References::default()
    };
    let honest = series(&gate.leaves);
    let report = verify(&gate.leaves, &with(honest.clone()), &gate.trusted());
    assert!(report.is_sound(), "{report}");

    // Whoever holds the log's key shows one person another history, and signs it: from any leaf on, in any one head.
    for from in 1..gate.leaves.len() {
        let mut forked = gate.leaves.clone();
        rewrite(&mut forked[from], |entry| {
            entry.at = entry.at.plus_seconds(1);
        });
        let other = series(&forked);
        for at in from..honest.len() {
            let mut heads = honest.clone();
            heads[at].clone_from(&other[at]);
            let report = verify(&gate.leaves, &with(heads), &gate.trusted());
            let parted = report
                .findings
                .iter()
                .find(|found| found.code == Code::LeafDiffers);
            let parted = parted.unwrap_or_else(|| panic!("{from} {at}: {report}"));
            let until = parted.last.or(parted.leaf).unwrap();
            assert!(
                parted.leaf.unwrap() <= at as u64 && until >= from as u64,
                "{report}"
            );
        }
        // Both histories at once, at one size.
        let mut both = honest.clone();
        both.push(other[from].clone());
        let report = verify(&gate.leaves, &with(both), &gate.trusted());
        assert!(
            report.findings.iter().any(|found| found.code == Code::Fork),
            "{report}"
        );
    }
}

#[test]
fn another_root_or_log_key_is_refused() {
    let Held { gate, .. } = held();
    let stranger = Trusted {
        pinned_root: Some(Hash::of(b"another root")),
        log_key: None,
    };
    assert_first(
        &verify(&gate.leaves, &gate.references(), &stranger),
        0,
        Code::Chain,
    );
    let other = gatehold_ledger::LogSigner::from_seed(
        gatehold_ledger::Origin::new(gate::ORIGIN).unwrap(),
        &[7; 32],
    );
    let stranger = Trusted {
        log_key: Some(other.log_key()),
        ..gate.trusted()
    };
    let report = verify(&gate.leaves, &gate.references(), &stranger);
    assert!(
        report
            .findings
            .iter()
            .all(|finding| finding.code == Code::Reference),
        "{report}"
    );
    assert!(!report.is_sound());
    let report = verify(&gate.leaves, &References::default(), &gate.trusted());
    assert_eq!(first(&report).code, Code::NothingToCompare);
}

#[test]
fn b11_swapped_attachments_do_not_open() {
    let mut case = held();
    let task = case.gate.task();
    let other = case.gate.leaves.len();
    case.gate
        .submit(task, "DELETE FROM orders", Verdict::Deny, Tier::Red);
    for name in [
        "envelope", "payload", "display", "claims", "verdict", "request", "proof", "body",
    ] {
        let mut leaves = case.gate.leaves.clone();
        let find = |leaf: &LedgerLeaf| leaf.attachments.iter().position(|given| given.name == name);
        let (one, two) = (
            find(&leaves[case.submission]).unwrap(),
            find(&leaves[other]).unwrap(),
        );
        let moved = leaves[other].attachments[two].clone();
        leaves[case.submission].attachments[one] = moved;
        let report = verify(&leaves, &case.gate.references(), &case.gate.trusted());
        assert_first(&report, case.submission, Code::Attachment);
    }
}

#[test]
fn edited_missing_and_inserted_rows_are_named() {
    let mut gate = held().gate;
    gate.stop(Who::Bob);
    let rows = gate.row_claims();
    let verify = |rows: &[gatehold_audit::RowClaim]| {
        let (references, trusted) = (gate.references(), gate.trusted());
        let mut verifier = Verifier::new(&references, &trusted);
        gate.leaves.iter().for_each(|leaf| verifier.leaf(leaf));
        rows.iter().cloned().for_each(|row| verifier.row(row));
        verifier.finish()
    };
    let report = verify(&rows);
    assert!(report.is_sound(), "{report}");
    for index in 0..rows.len() {
        let mut edited = rows.clone();
        edited[index].body.0.push(b' ');
        let mut older = rows.clone();
        older[index].version -= 1;
        let mut missing = rows.clone();
        missing.remove(index);
        for rows in [edited, older, missing] {
            let report = verify(&rows);
            let first = first(&report);
            assert_eq!(
                (report.findings.len(), first.code),
                (1, Code::Row),
                "{report}"
            );
            assert!(
                first.text.contains(&gate.row_claims()[index].row),
                "{first}"
            );
        }
    }
    let mut inserted = rows.clone();
    inserted.push(gatehold_audit::RowClaim {
        row: "grant/grt_00000000000000000000000000000000".to_owned(),
        ..rows[0].clone()
    });
    assert!(first(&verify(&inserted)).text.contains("no leaf put there"));
}

#[test]
fn d08_what_people_had_erased_is_a_gap_and_everything_else_still_verifies() {
    let mut case = held();
    for name in ["payload", "display", "claims", "proof"] {
        let by = case.gate.erase(case.submission as u64, name);
        let report = verify_resigned(&case.gate.leaves, &case.gate);
        assert!(report.is_sound(), "{name}: {report}");
        let gap = format!("`{name}` was erased by leaf {by}");
        assert!(report.gaps.iter().any(|gap_| gap_.text == gap), "{report}");
    }
    for name in ["view", "answers", "authority"] {
        case.gate.erase(case.reviews[0] as u64, name);
    }
    let report = verify_resigned(&case.gate.leaves, &case.gate);
    assert!(report.is_sound(), "{report}");
    // The signed body went with the payload, for it repeats it.
    assert_eq!(report.counts.erased, 8);

    // The signature itself may go too: then the count behind the execution is a gap, never a silent yes.
    case.gate.erase(case.reviews[0] as u64, "signature");
    case.gate.erase(case.submission as u64, "envelope");
    let report = verify_resigned(&case.gate.leaves, &case.gate);
    assert!(report.is_sound(), "{report}");
    let uncounted = |gap: &&gatehold_audit::Gap| gap.text.contains("could not be counted");
    assert_eq!(report.gaps.iter().filter(uncounted).count(), 2, "{report}");
}

#[test]
fn d08_what_nobody_had_erased_is_a_finding() {
    let case = held();
    // Gone, and said to be erased by a leaf that erases nothing.
    for by in [case.execution as u64, 10_000] {
        let mut gate = held().gate;
        gate.forget(case.submission as u64, "payload", by);
        let report = verify_resigned(&gate.leaves, &gate);
        assert_first(&report, case.submission, Code::Erasure);
    }
    // Erased by people, but another attachment than the one that is gone.
    let mut gate = held().gate;
    let by = gate.erase(case.submission as u64, "claims");
    gate.forget(case.submission as u64, "payload", by);
    assert_first(
        &verify_resigned(&gate.leaves, &gate),
        case.submission,
        Code::Erasure,
    );
    // Erased, and its salt kept, so that guesses can be tested.
    let mut gate = held().gate;
    gate.erase(case.submission as u64, "claims");
    let kept = gate.leaves[case.submission].attachments.iter_mut();
    kept.filter(|given| given.name == "claims")
        .for_each(|given| given.salt = Some(Hex(vec![1; 32])));
    assert_first(
        &verify_resigned(&gate.leaves, &gate),
        case.submission,
        Code::Attachment,
    );
}

#[test]
fn the_store_s_time_never_goes_back() {
    let case = held();
    let mut leaves = case.gate.leaves.clone();
    leaves[case.execution].time = Timestamp::from_millis(gate::START - 1);
    assert_first(
        &verify_resigned(&leaves, &case.gate),
        case.execution,
        Code::Time,
    );
    let mut leaves = case.gate.leaves.clone();
    for leaf in &mut leaves[case.reviews[0]..] {
        leaf.time = leaf.time.plus_seconds(100_000);
    }
    assert_first(
        &verify_resigned(&leaves, &case.gate),
        case.reviews[0],
        Code::Deadline,
    );
}

#[test]
fn m055_no_signal_counts_for_longer_than_four_hours() {
    let mut case = held();
    let flag = at(case.gate.flag(FLAG_SECONDS_MAX));
    let report = verify_resigned(&case.gate.leaves, &case.gate);
    assert!(report.is_sound(), "{report}");
    let mut leaves = case.gate.leaves.clone();
    rewrite(&mut leaves[flag], |entry| {
        if let Event::Flagged { until, .. } = &mut entry.event {
            *until = until.plus_seconds(1);
        }
    });
    assert_first(&verify_resigned(&leaves, &case.gate), flag, Code::Stop);
}

#[test]
fn nothing_passes_a_stop_and_no_stop_lifts_itself() {
    let mut case = held();
    let stop = at(case.gate.stop(Who::Bob));
    let mut leaves = case.gate.leaves.clone();
    let stopped = leaves.remove(stop);
    leaves.insert(case.execution, stopped);
    rewrite(&mut leaves[case.execution], |entry| {
        if let Event::Stops { stops, .. } = &mut entry.event {
            stops.everything = true;
            let row = Hash::of(&canonical::to_bytes(stops).unwrap());
            entry.rows.insert("stops/main".to_owned(), row);
        }
    });
    renumber(&mut leaves);
    assert_first(
        &verify_resigned(&leaves, &case.gate),
        case.execution + 1,
        Code::Stop,
    );

    let mut leaves = case.gate.leaves.clone();
    let mut lifted = leaves[stop].clone();
    rewrite(&mut lifted, |entry| {
        if let Event::Stops { stops, .. } = &mut entry.event {
            stops.targets.clear();
        }
    });
    leaves.push(lifted);
    renumber(&mut leaves);
    assert_first(
        &verify_resigned(&leaves, &case.gate),
        leaves.len() - 1,
        Code::Stop,
    );
}
