//! The whole-log verifier against what can happen to a log: a flipped bit, a cut tail, a restored database, leaves moved
//! or put in, a fork (threat D1). Each is detected, and the leaf is named where the tiles allow it.

mod sample;

use gatehold_ledger::{
    Anchor, LogFault, LogVerifier, Reference, SignedTreeHead, VerifiedLog, verify_log,
};
use sample::{SampleLog, signer};

const SIZE: usize = 13;

#[test]
fn an_honest_log_passes() {
    let log = SampleLog::of(SIZE);
    let heads = [log.head(0), log.head(5), log.head(SIZE)];
    let anchors = [
        Anchor {
            size: 9,
            root: log.root(9),
        },
        Anchor {
            size: 5,
            root: log.root(5),
        },
    ];
    let expected = VerifiedLog {
        size: 13,
        root: log.root(SIZE),
        covered: 13,
    };
    assert_eq!(verify_log(log.leaves(), &heads, &anchors), Ok(expected));
    // Leaves after the newest head are told apart, not refused: heads follow within a second.
    assert_eq!(
        verify_log(log.leaves(), &heads[..2], &[]),
        Ok(VerifiedLog {
            covered: 5,
            ..expected
        })
    );
}

#[test]
fn every_flipped_bit_is_detected_and_its_leaf_named() {
    let log = SampleLog::of(SIZE);
    let heads = [log.head(5), log.head(SIZE)];
    for index in 0..SIZE {
        for bit in 0..35 * 8 {
            let mut leaves = log.leaves();
            leaves[index][bit / 8] ^= 1 << (bit % 8);
            let fault = verify_log(&leaves, &heads, &[]).unwrap_err();
            let expected = match (bit / 8, index) {
                (0, _) => LogFault::MalformedLeaf {
                    index: index as u64,
                },
                (_, 0..5) => LogFault::RootDiffers {
                    agreed: 0,
                    size: 5,
                    reference: Reference::TreeHead,
                },
                _ => LogFault::RootDiffers {
                    agreed: 5,
                    size: 13,
                    reference: Reference::TreeHead,
                },
            };
            assert_eq!(fault, expected, "leaf {index} bit {bit}");
            if bit >= 8 {
                let named = LogFault::LeafDiffers {
                    index: index as u64,
                    belongs_at: None,
                };
                assert_eq!(verify_with_tiles(&log, &leaves, &heads), Err(named));
            }
        }
    }
}

#[test]
fn a_cut_tail_or_yesterdays_database_is_detected() {
    let log = SampleLog::of(SIZE);
    let leaves = log.leaves();
    for kept in 0..SIZE {
        let missing = Err(LogFault::TailMissing {
            size: kept as u64,
            covered: 13,
        });
        assert_eq!(verify_log(&leaves[..kept], &[log.head(SIZE)], &[]), missing);
        // Heads restored together with the leaves agree with them: only the anchor knows better.
        let yesterday = [log.head(kept)];
        assert!(verify_log(&leaves[..kept], &yesterday, &[]).is_ok());
        let anchor = Anchor {
            size: 13,
            root: log.root(SIZE),
        };
        assert_eq!(verify_log(&leaves[..kept], &yesterday, &[anchor]), missing);
    }
}

#[test]
fn moved_doubled_and_dropped_leaves_are_detected_and_named() {
    let log = SampleLog::of(SIZE);
    let heads = [log.head(SIZE)];
    for first in 0..SIZE {
        for second in first + 1..SIZE {
            let mut swapped = log.leaves();
            swapped.swap(first, second);
            assert!(matches!(
                verify_log(&swapped, &heads, &[]),
                Err(LogFault::RootDiffers { .. })
            ));
            let named = LogFault::LeafDiffers {
                index: first as u64,
                belongs_at: Some(second as u64),
            };
            assert_eq!(verify_with_tiles(&log, &swapped, &heads), Err(named));
        }
        let mut doubled = log.leaves();
        doubled.insert(first, doubled[first]);
        // The last leaf once more stands where no head looks yet; it is reported as vouched for by nobody.
        let covered_only = |log: VerifiedLog| log.size == log.covered;
        assert!(
            !verify_log(&doubled, &heads, &[]).is_ok_and(covered_only),
            "leaf {first} doubled"
        );
        let mut dropped = log.leaves();
        dropped.remove(first);
        assert!(
            verify_log(&dropped, &heads, &[]).is_err(),
            "leaf {first} dropped"
        );
    }
}

#[test]
fn a_fork_is_detected() {
    let log = SampleLog::of(SIZE);
    let mut other = SampleLog::of(SIZE);
    other.hashes[7] = other.hashes[8];
    let anchor = Anchor {
        size: 13,
        root: other.root(SIZE),
    };
    let fork = LogFault::Fork {
        size: 13,
        one: log.root(SIZE),
        other: other.root(SIZE),
    };
    assert_eq!(
        verify_log(log.leaves(), &[log.head(SIZE), other.head(SIZE)], &[]),
        Err(fork)
    );
    assert_eq!(
        verify_log(log.leaves(), &[log.head(SIZE)], &[anchor]),
        Err(fork)
    );
    // A fork at another size shows as soon as the leaves reach it.
    let differs = LogFault::RootDiffers {
        agreed: 9,
        size: 13,
        reference: Reference::Anchor,
    };
    assert_eq!(
        verify_log(log.leaves(), &[log.head(9)], &[anchor]),
        Err(differs)
    );
}

#[test]
fn tiles_that_lead_nowhere_accuse_no_leaf() {
    let log = SampleLog::of(SIZE);
    let heads = [log.head(5), log.head(SIZE)];
    let mut tiles = log.hashes.clone();
    tiles[9] = tiles[0];
    let mut verifier = LogVerifier::new(&heads, &[])
        .unwrap()
        .with_leaf_hashes(&tiles);
    log.leaves()
        .iter()
        .for_each(|leaf| verifier.leaf(leaf).unwrap());
    assert!(verifier.finish().is_ok());
}

#[test]
fn nothing_to_compare_with_is_no_success() {
    let log = SampleLog::of(SIZE);
    assert_eq!(
        verify_log(log.leaves(), &[], &[]),
        Err(LogFault::NothingToCompare)
    );
}

#[test]
fn a_fault_stays() {
    let log = SampleLog::of(SIZE);
    let heads = [log.head(SIZE)];
    let mut verifier = LogVerifier::new(&heads, &[]).unwrap();
    let fault = Err(LogFault::MalformedLeaf { index: 0 });
    assert_eq!(verifier.leaf(b"not a leaf"), fault);
    assert_eq!(verifier.leaf(&log.leaves()[0]), fault);
    assert_eq!(verifier.finish().map(|_| ()), fault);
}

#[test]
fn an_empty_log_has_one_root() {
    let wrong = SignedTreeHead::sign(0, SampleLog::of(1).root(1), &signer(1)).unwrap();
    let differs = LogFault::RootDiffers {
        agreed: 0,
        size: 0,
        reference: Reference::TreeHead,
    };
    assert_eq!(verify_log([[0; 35]; 0], &[wrong], &[]), Err(differs));
    assert!(verify_log([[0; 35]; 0], &[SampleLog::of(0).head(0)], &[]).is_ok());
}

fn verify_with_tiles(
    log: &SampleLog,
    leaves: &[[u8; 35]],
    heads: &[SignedTreeHead],
) -> Result<VerifiedLog, LogFault> {
    let mut verifier = LogVerifier::new(heads, &[])?.with_leaf_hashes(&log.hashes);
    leaves.iter().try_for_each(|leaf| verifier.leaf(leaf))?;
    verifier.finish()
}
