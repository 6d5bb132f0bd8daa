//! Breaking the glass, from the leaves alone: what two people signed is verified again, and everything around it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: helpers outside test functions"
)]

mod cases;
mod forge;
mod gate;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use cases::{UPDATE, assert_first, at, verify_resigned};
use forge::{replace, rewrite};
use gate::{Gate, Who, requirement};
use gatehold_audit::Code;
use gatehold_core::checkpoint::{BreakGlass, CheckpointLimits, Eligible, Requirement};
use gatehold_core::correction::CorrectionText;
use gatehold_core::decide::{
    self, BreakGlassNow, Command, Counters, LookAfterwards, Settings, Versioned, World,
};
use gatehold_core::entry::Event;
use gatehold_core::glass::{
    GLASS_TYPE, GlassSignature, GlassStatement, Judgement, POST_REVIEW_TYPE, PostReviewStatement,
    SignedGlass, UnverifiedPostReview,
};
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::request::State;
use gatehold_core::request::state::Event as Step;
use gatehold_core::review::Answers;
use gatehold_core::ssh::sshsig::{sign_software, software_key};
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::{GLASS_ENROL_NAMESPACE, GlassEnrol};
use gatehold_core::verdict::{Evaluated, Verdict};

/// Who has an offline key, and its seed.
const OFFLINE: [(Who, [u8; 32]); 2] = [(Who::Dan, [101; 32]), (Who::Eve, [102; 32])];

fn seconds(seconds: u32) -> NonZeroU32 {
    NonZeroU32::new(seconds).unwrap()
}

/// What the other tests are held at, behind glass.
fn behind_glass() -> Requirement {
    let known = requirement(2);
    let mut checkpoint = known.checkpoints().next().unwrap().1.clone();
    checkpoint.break_glass = Some(BreakGlass {
        people: [Who::Dan.id(), Who::Eve.id()].into(),
        descriptors: ["sql.write".parse().unwrap()].into(),
        resources: ["shop/".parse().unwrap(), "orders".parse().unwrap()].into(),
        after_seconds: seconds(300),
        limits: CheckpointLimits {
            ttl_seconds: seconds(120),
            uses: NonZeroU32::MIN,
            caps: [("rows".to_owned(), 1)].into(),
        },
        post_review: Eligible {
            teams: [].into(),
            humans: [Who::Bob.id(), Who::Cid.id(), Who::Dan.id()].into(),
        },
        post_review_within_seconds: seconds(86_400),
    });
    Requirement::new(vec![checkpoint]).unwrap()
}

/// Dan and eve are enrolled, and each has an offline key.
fn founded() -> Gate {
    let mut gate = Gate::founded();
    for (who, seed) in OFFLINE {
        gate.enrol(who);
        let key = software_key(&seed).to_line();
        let origin = gate.directory().origin;
        let message = GlassEnrol::possession_message(&origin, &who.id(), &key).unwrap();
        let enrol = GlassEnrol {
            human: who.id(),
            possession: sign_software(&seed, GLASS_ENROL_NAMESPACE, &message).unwrap(),
            key,
            suspension: None,
        };
        gate.change("glass.enrol", &canonical::to_bytes(&enrol).unwrap());
    }
    gate
}

fn answers() -> Answers {
    Answers {
        criteria: [("intent".to_owned(), "yes".to_owned())].into(),
        justification: "orders are stuck and nobody who decides answers".to_owned(),
        salt: "salt".to_owned(),
    }
}

/// What dan and eve sign now.
fn signed(gate: &Gate, id: RequestId) -> SignedGlass {
    let (record, _) = gate.request(id);
    let statement = GlassStatement {
        type_: GLASS_TYPE.to_owned(),
        gate: gate.directory().origin,
        request: id,
        request_hash: record.request_hash,
        digest: record.digest,
        display_hash: record.display_hash,
        requirement_hash: record.held.as_ref().unwrap().requirement_hash,
        tier: record.tier,
        incident: "INC-7".to_owned(),
        responders: [].into(),
        signers: [Who::Dan.id(), Who::Eve.id()].into(),
        limits: record.limits.clone(),
        answers_hash: answers().hash().unwrap(),
        nonce: "one".to_owned(),
        created_at: gate.time(),
        use_by: gate.time().plus_seconds(300),
        spend_by: record.spend_by,
    };
    let statement = String::from_utf8(statement.to_bytes().unwrap()).unwrap();
    let sign = |(who, seed): (Who, [u8; 32])| GlassSignature {
        human: who.id(),
        key: Hash::from_bytes(software_key(&seed).thumbprint()),
        signature: sign_software(&seed, GLASS_TYPE, statement.as_bytes()).unwrap(),
    };
    SignedGlass {
        signatures: OFFLINE.map(sign).into(),
        statement,
    }
}

/// A write that was let out so, and its leaves.
struct Broken {
    gate: Gate,
    id: RequestId,
    opening: usize,
    execution: usize,
    glass: Hash,
}

fn broken() -> Broken {
    let mut gate = founded();
    let task = gate.task();
    let held = Verdict::Hold(behind_glass());
    let id = gate.submit(task, UPDATE, held.clone(), Tier::Amber);
    gate.now += 400_000;
    let now: Evaluated = gate.answer(held, Tier::Amber);
    let glass = signed(&gate, id);
    let name = glass.id();
    let opening = BreakGlassNow {
        glass,
        answers: answers(),
    };
    let command = Command::BreakGlass(Box::new(opening));
    let opening = at(gate.run(Some(id), command, Some(&now)).unwrap());
    assert_eq!(gate.request(id).0.state, State::Redeemable);
    let execution = at(gate.redeem(id, &now));
    gate.report(id, Step::Completed);
    Broken {
        gate,
        id,
        opening,
        execution,
        glass: name,
    }
}

impl Broken {
    fn said(&self, who: Who) -> (PostReviewStatement, Vec<u8>) {
        let text = CorrectionText {
            text: "it was right".to_owned(),
            salt: "salt".to_owned(),
        };
        let text = text.to_bytes().unwrap();
        let said = PostReviewStatement {
            type_: POST_REVIEW_TYPE.to_owned(),
            gate: self.gate.directory().origin,
            request: self.id,
            glass: self.glass,
            judgement: Judgement::Justified,
            text_hash: CorrectionText::hash_of(&text),
            human: who.id(),
            key: who.thumbprint(),
            issued_at: self.gate.time(),
        };
        (said, text)
    }

    /// Somebody looks at it afterwards.
    fn look(&mut self, who: Who) -> usize {
        let (said, text) = self.said(who);
        let look = LookAfterwards {
            review: looked(&said, who),
            text,
        };
        let fresh = self.gate.fresh();
        let (directory, restraints) = (self.gate.directory(), self.gate.restraints.clone());
        let world = World {
            policy: None,
            directory: &directory,
            stops: &Versioned::default(),
            pause: &Versioned::default(),
            restraints: &restraints,
            task: None,
            counters: Counters::default(),
            rendered: None,
            findings: None,
            habits: None,
            settings: &Settings::default(),
        };
        let write = decide::look_afterwards(&look, &world, &fresh, self.gate.time()).unwrap();
        at(self.gate.commit(write).index)
    }
}

fn looked(said: &PostReviewStatement, who: Who) -> UnverifiedPostReview {
    let statement = canonical::to_bytes(said).unwrap();
    UnverifiedPostReview {
        signature: sign_software(&who.seed(), POST_REVIEW_TYPE, &statement).unwrap(),
        statement: String::from_utf8(statement).unwrap(),
    }
}

#[test]
fn a25_what_two_people_let_out_is_proven_from_the_leaves_and_said_aloud() {
    let mut broken = broken();
    broken.look(Who::Bob);
    broken.look(Who::Cid);
    let report = verify_resigned(&broken.gate.leaves, &broken.gate);
    assert!(report.is_sound(), "{report}");
    let [shown] = report.glass_broken.as_slice() else {
        panic!("{report}");
    };
    assert_eq!((shown.request, at(shown.leaf)), (broken.id, broken.opening));
    assert!(
        report.to_string().contains("THE GLASS WAS BROKEN"),
        "{report}"
    );
}

#[test]
fn a25_one_signature_is_not_two_for_an_auditor_either() {
    let mut broken = broken();
    let leaf = &mut broken.gate.leaves[broken.opening];
    let signed = leaf.attachment("glass").unwrap();
    let mut signed: SignedGlass = canonical::from_canonical_bytes(signed).unwrap();
    signed.signatures.pop();
    replace(leaf, "glass", canonical::to_bytes(&signed).unwrap());
    let report = verify_resigned(&broken.gate.leaves, &broken.gate);
    assert_first(&report, broken.opening, Code::Glass);
}

#[test]
fn what_the_record_says_is_what_was_signed_and_offered() {
    type Changed = (fn(&mut Event), Code);
    let changes: [Changed; 5] = [
        (
            |event| {
                if let Event::BrokeGlass { limits, .. } = event {
                    limits.caps.insert("rows".to_owned(), 50);
                }
            },
            Code::Limits,
        ),
        (
            |event| {
                if let Event::BrokeGlass { involved, .. } = event {
                    involved.remove(&Who::Dan.id());
                }
            },
            Code::Glass,
        ),
        (
            |event| {
                if let Event::BrokeGlass { review_by, .. } = event {
                    *review_by = review_by.plus_seconds(1_000_000);
                }
            },
            Code::Glass,
        ),
        (
            |event| {
                if let Event::BrokeGlass { post_review, .. } = event {
                    post_review.humans.insert(Who::Eve.id());
                }
            },
            Code::Glass,
        ),
        (
            |event| {
                if let Event::BrokeGlass { incident, .. } = event {
                    "INC-8".clone_into(incident);
                }
            },
            Code::Glass,
        ),
    ];
    for (change, code) in changes {
        let mut broken = broken();
        let leaf = &mut broken.gate.leaves[broken.opening];
        rewrite(leaf, |entry| change(&mut entry.event));
        let report = verify_resigned(&broken.gate.leaves, &broken.gate);
        assert_first(&report, broken.opening, code);
    }
}

#[test]
fn who_was_not_asked_for_long_enough_was_not_out_of_reach() {
    let mut broken = broken();
    let leaf = &mut broken.gate.leaves[broken.opening];
    rewrite(leaf, |entry| {
        let early = Timestamp::from_millis(entry.at.millis() - 200_000);
        entry.at = early;
        if let Event::BrokeGlass { review_by, .. } = &mut entry.event {
            *review_by = early.plus_seconds(86_400);
        }
    });
    let report = verify_resigned(&broken.gate.leaves, &broken.gate);
    assert_first(&report, broken.opening, Code::Glass);
}

#[test]
fn a_claim_rests_on_the_same_two_people_and_no_wider_limits() {
    let mut other = broken();
    rewrite(&mut other.gate.leaves[other.execution], |entry| {
        if let Event::Claimed { reviewers, .. } = &mut entry.event {
            reviewers.pop();
        }
    });
    let report = verify_resigned(&other.gate.leaves, &other.gate);
    assert_first(&report, other.execution, Code::Quorum);
    let mut wide = broken();
    rewrite(&mut wide.gate.leaves[wide.execution], |entry| {
        if let Event::Claimed { limits, .. } = &mut entry.event {
            limits.caps.insert("rows".to_owned(), 50);
        }
    });
    let report = verify_resigned(&wide.gate.leaves, &wide.gate);
    assert_first(&report, wide.execution, Code::Limits);
}

#[test]
fn whoever_signed_does_not_look_at_it_afterwards() {
    let mut broken = broken();
    let leaf = broken.look(Who::Bob);
    let (said, _) = broken.said(Who::Dan);
    let review = looked(&said, Who::Dan);
    let forged = &mut broken.gate.leaves[leaf];
    let parts = BTreeMap::from([
        ("glass_review", review.statement.clone()),
        ("glass_review_signature", review.signature.clone()),
    ]);
    for (name, text) in parts {
        replace(forged, name, text.into_bytes());
    }
    rewrite(forged, |entry| {
        if let Event::PostReviewed {
            human, key, signed, ..
        } = &mut entry.event
        {
            *human = Who::Dan.id();
            *key = Who::Dan.thumbprint();
            *signed = review.id();
        }
    });
    let report = verify_resigned(&broken.gate.leaves, &broken.gate);
    assert_first(&report, leaf, Code::Glass);
}

/// The gate tells everybody that a look is overdue, in this many seconds from when it was due.
fn told_late(late: u32) -> (Broken, usize) {
    let mut broken = broken();
    let openings = broken.gate.restraints.openings();
    let review_by = openings.iter().next().unwrap().review_by;
    let due = review_by.millis() - broken.gate.time().millis();
    broken.gate.now += due + i64::from(late) * 1_000;
    let fresh = broken.gate.fresh();
    let (directory, restraints) = (broken.gate.directory(), broken.gate.restraints.clone());
    let world = World {
        policy: None,
        directory: &directory,
        stops: &Versioned::default(),
        pause: &Versioned::default(),
        restraints: &restraints,
        task: None,
        counters: Counters::default(),
        rendered: None,
        findings: None,
        habits: None,
        settings: &Settings::default(),
    };
    let of = (broken.id, broken.glass);
    let write = decide::glass_overdue(of, &world, &fresh, broken.gate.time()).unwrap();
    let leaf = at(broken.gate.commit(write).index);
    (broken, leaf)
}

#[test]
fn a_look_is_called_overdue_at_its_time_and_not_before() {
    let (mut broken, leaf) = told_late(90_000);
    let report = verify_resigned(&broken.gate.leaves, &broken.gate);
    assert!(report.is_sound(), "{report}");
    let whole = broken.gate.leaves.clone();
    let changes: [fn(&mut Event); 2] = [
        |event| {
            if let Event::GlassOverdue { days, .. } = event {
                *days += 1;
            }
        },
        |event| {
            if let Event::GlassOverdue { review_by, .. } = event {
                *review_by = review_by.plus_seconds(1);
            }
        },
    ];
    for change in changes {
        broken.gate.leaves.clone_from(&whole);
        rewrite(&mut broken.gate.leaves[leaf], |entry| {
            change(&mut entry.event)
        });
        let report = verify_resigned(&broken.gate.leaves, &broken.gate);
        assert_first(&report, leaf, Code::Glass);
    }
}
