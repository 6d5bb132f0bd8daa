//! Threats B11, D1, D9, D12 and promise P12: every kind of tampering is detected, and the leaf is named.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests: helpers outside test functions"
)]

mod forge;
mod gate;

use std::convert::Infallible;

use forge::{entry, renumber, replace, rewrite};
use gate::{Gate, Who, head_of, requirement, signed, signer};
use gatehold_audit::{
    Code, Finding, Hex, LedgerLeaf, References, Report, Trusted, Verifier, verify_ledger,
};
use gatehold_core::entry::Event;
use gatehold_core::hash::Hash;
use gatehold_core::ids::GrantId;
use gatehold_core::json::canonical;
use gatehold_core::request::record::Asked;
use gatehold_core::request::state::Event as Step;
use gatehold_core::request::{DecidedBy, State};
use gatehold_core::requester::Requester;
use gatehold_core::review::ReviewAct::Approve;
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::Evidence;
use gatehold_core::verdict::Verdict;
use gatehold_ledger::{Anchor, SignedTreeHead};

const UPDATE: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";

/// A held write that two people approved and that was executed, with its leaves.
struct Held {
    gate: Gate,
    submission: usize,
    reviews: [usize; 2],
    execution: usize,
}

fn held() -> Held {
    let mut gate = Gate::founded();
    let task = gate.task();
    let submission = gate.leaves.len();
    let id = gate.submit(task, UPDATE, Verdict::Hold(requirement(2)), Tier::Amber);
    let now = gate.answer(Verdict::Hold(requirement(2)), Tier::Amber);
    let first = at(gate.review(id, Who::Bob, Approve, &now));
    let second = at(gate.review(id, Who::Cid, Approve, &now));
    let execution = at(gate.redeem(id, &now));
    gate.report(id, Step::Completed);
    Held {
        gate,
        submission,
        reviews: [first, second],
        execution,
    }
}

fn at(leaf: u64) -> usize {
    usize::try_from(leaf).unwrap()
}

fn verify(leaves: &[LedgerLeaf], references: &References, trusted: &Trusted) -> Report {
    verify_ledger(
        leaves.iter().cloned().map(Ok::<_, Infallible>),
        references,
        trusted,
    )
    .unwrap()
}

/// The ledger as the forger signs it anew. A root pinned by the auditor is all that is left to trust.
fn verify_resigned(leaves: &[LedgerLeaf], gate: &Gate) -> Report {
    let references = References {
        tree_heads: vec![head_of(leaves).to_string()],
        ..References::default()
    };
    verify(leaves, &references, &gate.trusted())
}

fn first(report: &Report) -> Finding {
    report
        .first()
        .unwrap_or_else(|| panic!("nothing was noticed:\n{report}"))
        .clone()
}

fn assert_first(report: &Report, leaf: usize, code: Code) {
    let first = first(report);
    assert_eq!(
        (first.leaf, first.last, first.code),
        (Some(leaf as u64), None, code),
        "{report}"
    );
}

/// One change to one leaf.
type Change = Box<dyn Fn(&mut LedgerLeaf)>;

#[test]
fn a_flipped_bit_in_any_field_names_its_leaf() {
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
fn a_cut_tail_is_missed_at_every_length() {
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
fn an_older_copy_disagrees_with_the_anchor() {
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
fn moved_and_foreign_leaves_are_named() {
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
fn two_histories_are_a_fork() {
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
fn swapped_attachments_do_not_open() {
    let mut case = held();
    let task = case.gate.task();
    let other = case.gate.leaves.len();
    case.gate
        .submit(task, "DELETE FROM orders", Verdict::Deny, Tier::Red);
    for name in [
        "envelope", "payload", "display", "claims", "verdict", "request", "proof",
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

/// One rewriting of one leaf, by a forger who can sign tree heads.
type Rewriting = (&'static str, Code, fn(&mut Held) -> usize);

const REWRITINGS: &[Rewriting] = &[
    ("an edited row hash", Code::Row, |case| {
        rewrite(&mut case.gate.leaves[case.submission], |entry| {
            entry.row = Some(Hash::of(b"another row"));
        });
        case.submission
    }),
    ("another digest", Code::Action, |case| {
        change_submission(case, |event| {
            if let Event::Submitted { digest, .. } = event {
                *digest = Hash::of(b"another action");
            }
        })
    }),
    ("another payload", Code::Action, |case| {
        let leaf = &mut case.gate.leaves[case.submission];
        replace(leaf, "payload", UPDATE.replace('7', "8").into_bytes());
        case.submission
    }),
    ("another rendering", Code::Action, |case| {
        replace(
            &mut case.gate.leaves[case.submission],
            "display",
            b"{}".to_vec(),
        );
        case.submission
    }),
    (
        "another requester behind the same name",
        Code::Action,
        |case| {
            let leaf = &mut case.gate.leaves[case.submission];
            let asked = String::from_utf8(leaf.attachment("request").unwrap().to_vec()).unwrap();
            let asked = asked.replace("ann@corp.example", "eve@corp.example");
            replace(leaf, "request", asked.into_bytes());
            case.submission
        },
    ),
    ("weaker checkpoints", Code::Policy, |case| {
        let leaf = &mut case.gate.leaves[case.submission];
        let grounds = String::from_utf8(leaf.attachment("verdict").unwrap().to_vec()).unwrap();
        let grounds = grounds.replace("\"seats\":2", "\"seats\":1");
        replace(leaf, "verdict", grounds.into_bytes());
        case.submission
    }),
    ("a policy of nobody", Code::Policy, |case| {
        change_submission(case, |event| {
            if let Event::Submitted { trace, .. } = event {
                trace.bundle = Hash::of(b"another bundle");
            }
        })
    }),
    ("an allow of what was held", Code::Policy, |case| {
        rewrite(&mut case.gate.leaves[case.submission], |entry| {
            entry.to = Some(gatehold_core::request::State::Allowed);
        });
        case.submission
    }),
    ("more time to decide", Code::Deadline, |case| {
        change_submission(case, |event| {
            if let Event::Submitted { decide_by, .. } = event {
                *decide_by = decide_by.map(|time| time.plus_seconds(3_600));
            }
        })
    }),
    ("wider limits", Code::Limits, |case| {
        let leaf = &mut case.gate.leaves[case.submission];
        let grounds = String::from_utf8(leaf.attachment("verdict").unwrap().to_vec()).unwrap();
        let grounds = grounds.replacen("\"rows\":10", "\"rows\":1000", 1);
        replace(leaf, "verdict", grounds.into_bytes());
        case.submission
    }),
    ("a review in another's name", Code::Review, |case| {
        rewrite(&mut case.gate.leaves[case.reviews[0]], |entry| {
            if let Event::Reviewed { reviewer, .. } = &mut entry.event {
                *reviewer = Who::Ann.id();
            }
        });
        case.reviews[0]
    }),
    ("a forged signature", Code::Review, |case| {
        // Dan's key over a context that names Bob: Dan is nobody here.
        let leaf = &mut case.gate.leaves[case.reviews[0]];
        let context = leaf.attachment("context").unwrap().to_vec();
        let context = canonical::from_canonical_bytes(&context).unwrap();
        let forged = signed(&context, Who::Dan).sshsig;
        replace(leaf, "sshsig", forged.into_bytes());
        case.reviews[0]
    }),
    ("one human's review twice", Code::Review, |case| {
        let [first, second] = case.reviews;
        for name in ["context", "sshsig", "view", "answers", "authority"] {
            let bytes = case.gate.leaves[first].attachment(name).unwrap().to_vec();
            replace(&mut case.gate.leaves[second], name, bytes);
        }
        let from = entry(&case.gate.leaves[first]).event;
        rewrite(&mut case.gate.leaves[second], |entry| {
            if let (
                Event::Reviewed {
                    reviewer,
                    key,
                    authority,
                    challenge,
                    ..
                },
                Event::Reviewed {
                    reviewer: bob,
                    key: bobs,
                    authority: his,
                    challenge: signed,
                    ..
                },
            ) = (&mut entry.event, from)
            {
                (*reviewer, *key, *authority, *challenge) = (bob, bobs, his, signed);
            }
        });
        second
    }),
    ("another view than was signed", Code::Review, |case| {
        replace(
            &mut case.gate.leaves[case.reviews[0]],
            "view",
            b"harmless".to_vec(),
        );
        case.reviews[0]
    }),
    ("other answers than were signed", Code::Review, |case| {
        let leaf = &mut case.gate.leaves[case.reviews[0]];
        let answers = String::from_utf8(leaf.attachment("answers").unwrap().to_vec()).unwrap();
        replace(leaf, "answers", answers.replace("plan", "sky").into_bytes());
        case.reviews[0]
    }),
    ("a review after its deadline", Code::Deadline, |case| {
        rewrite(&mut case.gate.leaves[case.reviews[0]], |entry| {
            entry.at = entry.at.plus_seconds(901);
        });
        case.reviews[0]
    }),
    ("the first review decides alone", Code::Quorum, |case| {
        decides(case, case.reviews[0])
    }),
    ("execution of another digest", Code::Action, |case| {
        change_execution(case, |event| {
            if let Event::Claimed { digest, .. } = event {
                *digest = Hash::of(b"another action");
            }
        })
    }),
    ("execution under another grant", Code::Quorum, |case| {
        change_execution(case, |event| {
            if let Event::Claimed { grant, .. } = event {
                *grant = GrantId::from_bytes([99; 16]);
            }
        })
    }),
    ("execution in other people's names", Code::Quorum, |case| {
        change_execution(case, |event| {
            if let Event::Claimed { reviewers, .. } = event {
                reviewers.truncate(1);
            }
        })
    }),
    ("execution under wider limits", Code::Limits, |case| {
        change_execution(case, |event| {
            if let Event::Claimed { limits, .. } = event {
                limits.caps.insert("rows".to_owned(), 11);
            }
        })
    }),
    ("execution after its time", Code::Deadline, |case| {
        rewrite(&mut case.gate.leaves[case.execution], |entry| {
            entry.at = entry.at.plus_seconds(10_000);
        });
        case.execution
    }),
    (
        "execution under another directory",
        Code::Directory,
        |case| {
            change_execution(case, |event| {
                if let Event::Claimed { trace, .. } = event {
                    trace.directory += 1;
                }
            })
        },
    ),
    ("an outcome without execution", Code::Order, |case| {
        case.gate.leaves.remove(case.execution);
        case.execution
    }),
    ("execution without the last review", Code::Order, |case| {
        case.gate.leaves.remove(case.reviews[1]);
        case.reviews[1]
    }),
    ("an execution twice", Code::Order, |case| {
        let again = case.gate.leaves[case.execution].clone();
        case.gate.leaves.push(again);
        case.gate.leaves.len() - 1
    }),
];

fn change_submission(case: &mut Held, change: impl FnOnce(&mut Event)) -> usize {
    rewrite(&mut case.gate.leaves[case.submission], |entry| {
        change(&mut entry.event)
    });
    case.submission
}

fn change_execution(case: &mut Held, change: impl FnOnce(&mut Event)) -> usize {
    rewrite(&mut case.gate.leaves[case.execution], |entry| {
        change(&mut entry.event)
    });
    case.execution
}

/// The first review takes the place of the deciding one.
fn decides(case: &mut Held, leaf: usize) -> usize {
    let decision = entry(&case.gate.leaves[case.reviews[1]]);
    let kind = case.gate.leaves[case.reviews[1]].leaf[..3].to_vec();
    case.gate.leaves[leaf].leaf[..3].copy_from_slice(&kind);
    rewrite(&mut case.gate.leaves[leaf], |entry| {
        if let (
            Event::Reviewed { grant, limits, .. },
            Event::Reviewed {
                grant: made,
                limits: least,
                ..
            },
        ) = (&mut entry.event, decision.event)
        {
            (*grant, *limits) = (made, least);
        }
        entry.to = decision.to;
    });
    leaf
}

#[test]
fn whoever_can_sign_tree_heads_still_cannot_rewrite_a_request() {
    for (what, code, change) in REWRITINGS {
        let mut case = held();
        let leaf = change(&mut case);
        renumber(&mut case.gate.leaves);
        let report = verify_resigned(&case.gate.leaves, &case.gate);
        let first = first(&report);
        let expected = (Some(leaf as u64), *code);
        assert_eq!((first.leaf, first.code), expected, "{what}: {report}");
    }
}

#[test]
fn a_review_cannot_be_moved_to_another_request() {
    let mut case = held();
    let task = case.gate.task();
    let id = case
        .gate
        .submit(task, UPDATE, Verdict::Hold(requirement(2)), Tier::Amber);
    let now = case.gate.answer(Verdict::Hold(requirement(2)), Tier::Amber);
    let moved = at(case.gate.review(id, Who::Bob, Approve, &now));
    for name in ["context", "sshsig", "view", "answers", "authority"] {
        let bytes = case.gate.leaves[case.reviews[0]]
            .attachment(name)
            .unwrap()
            .to_vec();
        replace(&mut case.gate.leaves[moved], name, bytes);
    }
    let report = verify_resigned(&case.gate.leaves, &case.gate);
    assert_first(&report, moved, Code::Review);
    assert!(first(&report).text.contains("another request"), "{report}");
}

#[test]
fn links_cannot_be_dropped_put_in_or_changed() {
    let mut gate = Gate::founded();
    let enrolment = at(gate.enrol(Who::Dan));
    let team = at(gate.set_team(&[Who::Bob, Who::Cid, Who::Dan]));
    let task = gate.task();
    let id = gate.submit(task, UPDATE, Verdict::Hold(requirement(1)), Tier::Amber);
    let now = gate.answer(Verdict::Hold(requirement(1)), Tier::Amber);
    gate.review(id, Who::Dan, Approve, &now);
    assert!(verify_resigned(&gate.leaves, &gate).is_sound());

    // Dropped, with its whole request: the next link counts one too many.
    let mut leaves = gate.leaves.clone();
    leaves.drain(enrolment - 3..=enrolment);
    renumber(&mut leaves);
    let report = verify_resigned(&leaves, &gate);
    assert_first(&report, enrolment - 3, Code::Directory);

    // Put in: a team set once more, from evidence that has been used.
    let mut leaves = gate.leaves.clone();
    leaves.push(gate.leaves[team].clone());
    renumber(&mut leaves);
    let report = verify_resigned(&leaves, &gate);
    assert_first(&report, gate.leaves.len(), Code::Order);

    // Changed: a weaker assurance, another member, a key of somebody else.
    for (from, to) in [("dan@corp", "eve@corp"), ("\"uses\":1", "\"uses\":9")] {
        let mut leaves = gate.leaves.clone();
        let evidence = leaves[enrolment].attachment("evidence").unwrap().to_vec();
        let forged = String::from_utf8(evidence).unwrap().replace(from, to);
        let Ok(forged) = Evidence::from_bytes(forged.as_bytes()) else {
            panic!("the forged evidence still reads");
        };
        replace(
            &mut leaves[enrolment],
            "evidence",
            forged.to_bytes().unwrap(),
        );
        rewrite(&mut leaves[enrolment], |entry| {
            if let Event::Trust { evidence, .. } = &mut entry.event {
                *evidence = forged.hash().unwrap();
            }
        });
        assert_first(&verify_resigned(&leaves, &gate), enrolment, Code::Chain);
    }
}

#[test]
fn a_link_of_nobody_gives_no_force_and_is_named() {
    let mut gate = Gate::founded();
    let (id, submit) = gate.ask_change(
        "team.set",
        br#"{"members":["bob@corp.example"],"team":"reviewers"}"#,
    );
    // The row is edited into an approved change, and the leaf written by hand.
    let (mut record, _) = gate.request(id);
    record.state = gatehold_core::request::State::Redeemable;
    let executed = gatehold_core::trust::Executed::new(
        record,
        br#"{"members":["bob@corp.example"],"team":"reviewers"}"#,
        submit,
    );
    let evidence = Evidence::Executed(Box::new(executed));
    let mut forged = gate.leaves[gate.leaves.len() - 2].clone();
    let before = gate
        .leaves
        .iter()
        .rposition(|leaf| leaf.attachment("evidence").is_some());
    forged.clone_from(&gate.leaves[before.unwrap()]);
    replace(&mut forged, "evidence", evidence.to_bytes().unwrap());
    rewrite(&mut forged, |entry| {
        entry.request = Some(id);
        entry.version = 2;
        entry.from = Some(gatehold_core::request::State::Held);
        entry.event = Event::Trust {
            directory: 3,
            what: "team.set".to_owned(),
            evidence: evidence.hash().unwrap(),
        };
    });
    let place = gate.leaves.len();
    gate.leaves.push(forged);
    renumber(&mut gate.leaves);
    assert_first(
        &verify_resigned(&gate.leaves, &gate),
        place,
        Code::Transition,
    );
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
fn what_people_had_erased_is_a_gap_and_everything_else_still_verifies() {
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
    assert_eq!(report.counts.erased, 7);

    // The signature itself may go too: then the count behind the execution is a gap, never a silent yes.
    case.gate.erase(case.reviews[0] as u64, "sshsig");
    case.gate.erase(case.submission as u64, "envelope");
    let report = verify_resigned(&case.gate.leaves, &case.gate);
    assert!(report.is_sound(), "{report}");
    let uncounted = |gap: &&gatehold_audit::Gap| gap.text.contains("could not be counted");
    assert_eq!(report.gaps.iter().filter(uncounted).count(), 2, "{report}");
}

#[test]
fn what_nobody_had_erased_is_a_finding() {
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
fn nothing_passes_a_stop_and_no_stop_lifts_itself() {
    let mut case = held();
    let stop = at(case.gate.stop(Who::Bob));
    let mut leaves = case.gate.leaves.clone();
    let stopped = leaves.remove(stop);
    leaves.insert(case.execution, stopped);
    rewrite(&mut leaves[case.execution], |entry| {
        if let Event::Stops { stops, .. } = &mut entry.event {
            stops.everything = true;
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

/// An allowed read that was executed, and its leaves.
struct Allowed {
    gate: Gate,
    submission: usize,
    execution: usize,
}

fn allowed() -> Allowed {
    let mut gate = Gate::founded();
    let task = gate.task();
    let submission = gate.leaves.len();
    let id = gate.submit(task, "SELECT 1", Verdict::Allow, Tier::Green);
    let now = gate.answer(Verdict::Allow, Tier::Green);
    let execution = at(gate.redeem(id, &now));
    gate.report(id, Step::Completed);
    Allowed {
        gate,
        submission,
        execution,
    }
}

impl Allowed {
    /// Rewrites who asked, and the request hash with it: for what no human signed, that is the forger's to choose.
    fn ask_as(&mut self, change: impl FnOnce(&mut Asked)) -> usize {
        let leaf = &mut self.gate.leaves[self.submission];
        let asked = leaf.attachment("request").unwrap();
        let mut asked: Asked = canonical::from_canonical_bytes(asked).unwrap();
        change(&mut asked);
        replace(leaf, "request", asked.to_bytes());
        rewrite(leaf, |entry| {
            if let Event::Submitted {
                request_hash,
                requester,
                accountable,
                ..
            } = &mut entry.event
            {
                *request_hash = Asked::hash_of(&asked.to_bytes());
                *requester = asked.requester.name();
                *accountable = asked.requester.accountable().clone();
            }
        });
        self.submission
    }
}

type Claiming = (&'static str, Code, fn(&mut Allowed) -> usize);

const CLAIMINGS: &[Claiming] = &[
    ("an unregistered workload", Code::Requester, |case| {
        case.ask_as(|asked| {
            if let Requester::Workload { id, .. } = &mut asked.requester {
                *id = "other-bot".parse().unwrap();
            }
        })
    }),
    ("a key of nobody", Code::Requester, |case| {
        case.ask_as(|asked| {
            asked.key = Hash::of(b"key");
            if let Requester::Workload { key, .. } = &mut asked.requester {
                *key = Hash::of(b"key");
            }
        })
    }),
    ("another owner", Code::Requester, |case| {
        case.ask_as(|asked| {
            if let Requester::Workload { owner, .. } = &mut asked.requester {
                *owner = Who::Bob.id();
            }
        })
    }),
    ("fewer custodians", Code::Requester, |case| {
        case.ask_as(|asked| {
            if let Requester::Workload { custodians, .. } = &mut asked.requester {
                custodians.clear();
            }
        })
    }),
    ("another purpose", Code::Task, |case| {
        case.ask_as(|asked| asked.purpose = Hash::of(b"another purpose"))
    }),
    ("another time of asking", Code::Action, |case| {
        case.ask_as(|asked| asked.submitted_at = asked.submitted_at.plus_seconds(1))
    }),
    ("claims it did not make", Code::Action, |case| {
        case.ask_as(|asked| asked.claims_root = Hash::of(b"claims"))
    }),
    ("no task", Code::Action, |case| {
        case.ask_as(|asked| asked.task = None)
    }),
    (
        "a call that was signed another day",
        Code::Requester,
        |case| {
            let proof = gate::signed_call(b"{}", Timestamp::from_millis(gate::START - 90_000_000));
            replace(&mut case.gate.leaves[case.submission], "proof", proof);
            case.submission
        },
    ),
    ("a call that was altered", Code::Requester, |case| {
        let leaf = &mut case.gate.leaves[case.submission];
        let proof = String::from_utf8(leaf.attachment("proof").unwrap().to_vec()).unwrap();
        replace(leaf, "proof", proof.replace("POST", "PUTT").into_bytes());
        case.submission
    }),
    ("errors that were not errors", Code::Policy, |case| {
        rewrite(&mut case.gate.leaves[case.submission], |entry| {
            if let Event::Submitted { trace, .. } = &mut entry.event {
                trace.errors = 1;
            }
        });
        case.submission
    }),
    ("another tier", Code::Policy, |case| {
        rewrite(&mut case.gate.leaves[case.submission], |entry| {
            if let Event::Submitted { trace, .. } = &mut entry.event {
                trace.tier = Tier::Red;
            }
        });
        case.submission
    }),
    ("an allow that nobody decided", Code::Policy, |case| {
        rewrite(&mut case.gate.leaves[case.submission], |entry| {
            if let Event::Submitted { decided_by, .. } = &mut entry.event {
                *decided_by = None;
            }
        });
        case.submission
    }),
    ("a task that had ended", Code::Task, |case| {
        let begun = case
            .gate
            .leaves
            .iter()
            .position(|leaf| matches!(entry(leaf).event, Event::Task { .. }));
        let mut ended = case.gate.leaves[begun.unwrap()].clone();
        rewrite(&mut ended, |entry| {
            if let Event::Task { what, .. } = &mut entry.event {
                *what = "ended".to_owned();
            }
        });
        case.gate.leaves.insert(case.submission, ended);
        case.submission + 1
    }),
    ("a task that began twice", Code::Task, |case| {
        let begun = case.gate.leaves[case.submission - 1].clone();
        case.gate.leaves.insert(case.submission, begun);
        case.submission
    }),
    (
        "a task with another purpose than its text",
        Code::Task,
        |case| {
            replace(
                &mut case.gate.leaves[case.submission - 1],
                "purpose",
                b"fun".to_vec(),
            );
            case.submission - 1
        },
    ),
    (
        "execution by people who were not asked",
        Code::Limits,
        |case| {
            rewrite(&mut case.gate.leaves[case.execution], |entry| {
                if let Event::Claimed { reviewers, .. } = &mut entry.event {
                    reviewers.push(Who::Bob.id());
                }
            });
            case.execution
        },
    ),
    ("execution though policy erred", Code::Policy, |case| {
        rewrite(&mut case.gate.leaves[case.execution], |entry| {
            if let Event::Claimed { trace, .. } = &mut entry.event {
                trace.errors = 1;
            }
        });
        case.execution
    }),
    ("execution before its window", Code::Deadline, |case| {
        rewrite(&mut case.gate.leaves[case.execution], |entry| {
            entry.at = Timestamp::from_millis(gate::START - 1);
        });
        case.execution
    }),
    ("expired before its time", Code::Deadline, |case| {
        let leaf = &mut case.gate.leaves[case.execution];
        leaf.leaf[2] = 8;
        rewrite(leaf, |entry| {
            entry.to = Some(State::Expired);
            entry.event = Event::Closed {
                code: "expired".to_owned(),
                decided_by: DecidedBy::Timeout,
                human: None,
            };
        });
        case.execution
    }),
    ("revoked by a stranger", Code::Directory, |case| {
        let leaf = &mut case.gate.leaves[case.execution];
        leaf.leaf[2] = 8;
        rewrite(leaf, |entry| {
            entry.to = Some(State::Revoked);
            entry.event = Event::Closed {
                code: "revoked".to_owned(),
                decided_by: DecidedBy::Human,
                human: Some(Who::Dan.id()),
            };
        });
        case.execution
    }),
    ("a stop by a stranger", Code::Stop, |case| {
        let place = at(case.gate.stop(Who::Bob));
        rewrite(&mut case.gate.leaves[place], |entry| {
            if let Event::Stops { human, .. } = &mut entry.event {
                *human = Who::Dan.id();
            }
        });
        place
    }),
    ("an event in a leaf of another kind", Code::Record, |case| {
        let leaf = &mut case.gate.leaves[case.execution];
        leaf.leaf[2] = 7;
        rewrite(leaf, |_| {});
        case.execution
    }),
    ("a kind that does not exist", Code::Record, |case| {
        let leaf = &mut case.gate.leaves[case.execution];
        leaf.leaf[1] = 9;
        rewrite(leaf, |_| {});
        case.execution
    }),
    ("a submission twice", Code::Order, |case| {
        let again = case.gate.leaves[case.submission].clone();
        case.gate.leaves.push(again);
        case.gate.leaves.len() - 1
    }),
    ("an erasure of nobody", Code::Erasure, |case| {
        let mut erasure = case.gate.leaves[case.submission - 1].clone();
        erasure.leaf[2] = 15;
        erasure.attachments.clear();
        rewrite(&mut erasure, |entry| {
            entry.attachments.clear();
            entry.event = Event::Erased {
                leaf: 1,
                name: "payload".to_owned(),
            };
        });
        case.gate.leaves.push(erasure);
        case.gate.leaves.len() - 1
    }),
];

#[test]
fn what_no_human_signed_is_checked_against_what_people_brought_into_force() {
    for (what, code, change) in CLAIMINGS {
        let mut case = allowed();
        let leaf = change(&mut case);
        renumber(&mut case.gate.leaves);
        let report = verify_resigned(&case.gate.leaves, &case.gate);
        let first = first(&report);
        let expected = (Some(leaf as u64), *code);
        assert_eq!((first.leaf, first.code), expected, "{what}: {report}");
    }
    let case = allowed();
    assert!(verify_resigned(&case.gate.leaves, &case.gate).is_sound());
}
