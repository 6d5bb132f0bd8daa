//! Threats B11 and D9: whoever holds the database and the log's key cannot rewrite what people signed, or move it.

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

use cases::{Held, UPDATE, assert_first, at, first, held, held_at, verify_resigned};
use forge::{entry, renumber, replace, rewrite};
use gate::deciding::signed;
use gate::{Who, requirement};
use gatehold_audit::Code;
use gatehold_core::entry::Event;
use gatehold_core::hash::Hash;
use gatehold_core::ids::GrantId;
use gatehold_core::json::canonical;
use gatehold_core::review::ReviewAct::Approve;
use gatehold_core::review::{Answers, ReviewContext};
use gatehold_core::tier::Tier;
use gatehold_core::verdict::Verdict;

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
        let forged = signed(&context, Who::Dan).signature;
        replace(leaf, "signature", forged.into_bytes());
        case.reviews[0]
    }),
    ("one human's review twice", Code::Review, |case| {
        let [first, second] = case.reviews;
        for name in ["context", "signature", "view", "answers", "authority"] {
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
    ("a review of what had risen", Code::Review, |case| {
        rewrite(&mut case.gate.leaves[case.reviews[0]], |entry| {
            if let Event::Reviewed { trace, .. } = &mut entry.event {
                trace.tier = Tier::Red;
            }
        });
        case.reviews[0]
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
    for name in ["context", "signature", "view", "answers", "authority"] {
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

/// Puts what Bob signed with these words, saying that they are a reason or not, in the place of what he did sign.
fn bob_says(case: &mut Held, because: &str, reasoned: bool) -> usize {
    let leaf = &mut case.gate.leaves[case.reviews[0]];
    let read = |name: &str| leaf.attachment(name).unwrap().to_vec();
    let mut answers: Answers = canonical::from_canonical_bytes(&read("answers")).unwrap();
    because.clone_into(&mut answers.justification);
    let context: ReviewContext = canonical::from_canonical_bytes(&read("context")).unwrap();
    let mut context = context.answering(&answers).unwrap();
    context.reasoned = reasoned;
    let review = signed(&context, Who::Bob);
    replace(leaf, "answers", canonical::to_bytes(&answers).unwrap());
    replace(leaf, "signature", review.signature.into_bytes());
    replace(leaf, "context", review.context.clone().into_bytes());
    rewrite(leaf, |entry| {
        if let Event::Reviewed { challenge, .. } = &mut entry.event {
            *challenge = ReviewContext::challenge(review.context.as_bytes());
        }
    });
    case.reviews[0]
}

#[test]
fn red_that_was_approved_without_a_reason_is_noticed_whoever_stored_it() {
    let honest = held_at(Tier::Red);
    assert!(verify_resigned(&honest.gate.leaves, &honest.gate).is_sound());
    for (because, reasoned, said) in [
        ("", false, "signed without a reason"),
        ("\u{200b}", false, "signed without a reason"),
        ("\u{200b}", true, "differ in whether there is a reason"),
    ] {
        let mut case = held_at(Tier::Red);
        let leaf = bob_says(&mut case, because, reasoned);
        let report = verify_resigned(&case.gate.leaves, &case.gate);
        assert_first(&report, leaf, Code::Review);
        assert!(first(&report).text.contains(said), "{report}");
    }
    // The words may be erased; what was signed still says that there were none.
    let mut case = held_at(Tier::Red);
    let leaf = bob_says(&mut case, "", false);
    case.gate.erase(leaf as u64, "answers");
    let report = verify_resigned(&case.gate.leaves, &case.gate);
    assert_first(&report, leaf, Code::Review);
}
