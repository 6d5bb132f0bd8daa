//! What no human signed is still checked against what people brought into force, even when the log's key is stolen.

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

use cases::{at, first, verify_resigned};
use forge::{entry, renumber, replace, rewrite};
use gate::{Gate, Who};
use gatehold_audit::Code;
use gatehold_core::entry::{Basis, Entry, Event, OverruledAnchor};
use gatehold_core::hash::Hash;
use gatehold_core::json::canonical;
use gatehold_core::request::DecidedBy;
use gatehold_core::request::State;
use gatehold_core::request::record::Asked;
use gatehold_core::request::state::Event as Step;
use gatehold_core::requester::Requester;
use gatehold_core::signal::StoppedBy;
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_core::verdict::Verdict;

/// What the leaf rested on before it was forged.
fn stood(entry: &Entry) -> Basis {
    Basis::Stood(entry.event.answer().unwrap())
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
    ("claims it did not make", Code::Requester, |case| {
        case.ask_as(|asked| asked.claims_root = Hash::of(b"claims"))
    }),
    ("no task", Code::Action, |case| {
        case.ask_as(|asked| asked.task = None)
    }),
    (
        "a call that was signed another day",
        Code::Requester,
        |case| {
            let proof =
                gate::asking::signed_call(b"{}", Timestamp::from_millis(gate::START - 90_000_000));
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
                trace: stood(entry),
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
                trace: stood(entry),
            };
        });
        case.execution
    }),
    ("a stop by a stranger", Code::Stop, |case| {
        let place = at(case.gate.stop(Who::Bob));
        rewrite(&mut case.gate.leaves[place], |entry| {
            if let Event::Stops { by, .. } = &mut entry.event {
                *by = StoppedBy::Human(Who::Dan.id());
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
    ("a rejoin of a store that was longer", Code::Order, |case| {
        let size = case.gate.leaves.len() as u64;
        rejoin(case, size + 1, false)
    }),
    ("a rejoin that changes a row", Code::Record, |case| {
        let size = case.gate.leaves.len() as u64;
        rejoin(case, size, true)
    }),
    ("an erasure of nobody", Code::Record, |case| {
        let mut erasure = case.gate.leaves[case.submission - 1].clone();
        erasure.leaf[2] = 15;
        erasure.attachments.clear();
        rewrite(&mut erasure, |entry| {
            entry.attachments.clear();
            entry.event = Event::Tampered {
                finding: entry
                    .row
                    .unwrap_or(gatehold_core::hash::Hash::from_bytes([0; 32])),
            };
        });
        case.gate.leaves.push(erasure);
        case.gate.leaves.len() - 1
    }),
];

/// Appends a rejoin, with the rows of another leaf or with none.
fn rejoin(case: &mut Allowed, size: u64, rows: bool) -> usize {
    let mut leaf = case.gate.leaves[case.submission - 1].clone();
    leaf.leaf[2] = 17;
    leaf.attachments.clear();
    rewrite(&mut leaf, |entry| {
        entry.attachments.clear();
        if !rows {
            entry.rows.clear();
        }
        entry.event = Event::Rejoined {
            size,
            root: Hash::of(b"restored"),
            overruled: vec![OverruledAnchor {
                file: "gate.anchor".to_owned(),
                size: size + 5,
                root: Hash::of(b"lost"),
            }],
        };
    });
    case.gate.leaves.push(leaf);
    case.gate.leaves.len() - 1
}

#[test]
fn an_honest_restore_verifies_and_is_told() {
    let mut case = allowed();
    let size = case.gate.leaves.len() as u64;
    rejoin(&mut case, size, false);
    renumber(&mut case.gate.leaves);
    let report = verify_resigned(&case.gate.leaves, &case.gate);
    assert!(report.is_sound(), "{report}");
    assert!(
        report.to_string().contains("restored from a backup"),
        "{report}"
    );
}

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
