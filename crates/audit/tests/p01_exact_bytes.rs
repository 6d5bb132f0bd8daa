//! Promise P1: no held action executes without approval signatures over its exact bytes. A request that two people signed, one
//! with an SSH key and one with a passkey, is attacked where it can be: the action, the row, the contexts, the signatures and
//! every part of an assertion, the receipt. An escape is an execution
//! of other bytes, of more, later, for somebody else, or without the signatures that were made.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests: helpers outside test functions"
)]

mod assertion;
mod gate;
mod share;

use std::collections::BTreeMap;

use gate::{Gate, Who, requirement};
use gatehold_core::action::Action;
use gatehold_core::approved::Approved;
use gatehold_core::hash::Hash;
use gatehold_core::json::canonical;
use gatehold_core::passkey::soft::SoftPasskey;
use gatehold_core::request::{DecidedBy, RequestRecord};
use gatehold_core::review::ReviewAct::Approve;
use gatehold_core::tier::Tier;
use gatehold_core::verdict::{Evaluated, Verdict};
use share::{Seed, count};

/// What was signed, ready to be redeemed.
struct Signed {
    gate: Gate,
    row: RequestRecord,
    action: Action,
    now: Evaluated,
    passkey: SoftPasskey,
}

fn signed() -> Signed {
    let mut gate = Gate::founded();
    let passkey = assertion::enrolled(&mut gate);
    let task = gate.task();
    let sql = "UPDATE orders SET status = 'retry' WHERE id = 7";
    let id = gate.submit(task, sql, Verdict::Hold(requirement(2)), Tier::Amber);
    let now = gate.answer(Verdict::Hold(requirement(2)), Tier::Amber);
    gate.review(id, Who::Bob, Approve, &now);
    assertion::review(&mut gate, id, &passkey, &now);
    let (row, _) = gate.request(id);
    let action = gate.action(id);
    Signed {
        gate,
        row,
        action,
        now,
        passkey,
    }
}

impl Signed {
    fn attempt(&self, row: &RequestRecord, action: &Action) -> Option<Approved> {
        self.gate.attempt(row, action, &self.now, |_| {})
    }

    /// Whether this is more, or anything else, than what was signed.
    fn escapes(&self, approved: &Approved) -> bool {
        let limits = approved.limits();
        let lowered = limits.min(&self.row.limits) == *limits;
        let mut people = approved.reviewers().to_vec();
        people.sort();
        people.dedup();
        approved.action() != &self.action
            || approved.digest() != self.row.digest
            || approved.request() != self.row.id
            || Some(approved.grant()) != self.row.grant
            || approved.requester() != &self.row.requester
            || approved.spend_by() > self.row.spend_by
            || approved.decided_by() != DecidedBy::Human
            || people.len() != 2
            || !lowered
    }
}

/// Another action, well-formed: the forger makes envelope and payload agree with each other.
fn other_action(seed: &mut Seed, action: &Action) -> Option<Action> {
    let mut envelope = action.envelope().clone();
    let mut payload = action.payload().to_vec();
    match seed.below(8) {
        0 | 1 => payload = seed.mutate(&payload),
        2 => envelope.duration_seconds += 1,
        3 => drop(envelope.caps.insert("rows".to_owned(), 10_000)),
        4 => envelope.target = seed.mutate_text(envelope.target.as_str()).parse().ok()?,
        5 => envelope.resource = seed.mutate_text(envelope.resource.as_str()).parse().ok()?,
        6 => envelope.descriptor.hash = Hash::of(&seed.next().to_be_bytes()),
        _ => {
            let bytes = seed.mutate(action.envelope_bytes());
            return Action::parse(&bytes, payload).ok();
        }
    }
    envelope.payload.size = payload.len() as u64;
    envelope.payload.sha256 = Hash::of(&payload);
    Action::parse(&canonical::to_bytes(&envelope).unwrap(), payload).ok()
}

/// What one mutation tried; nothing when it made no difference to try.
fn mutate(seed: &mut Seed, case: &Signed) -> Option<(&'static str, Option<Approved>)> {
    let mut row = case.row.clone();
    // Half of all tries are on what the passkey signed.
    if seed.below(2) == 0 {
        return assertion::mutate(seed, case);
    }
    match seed.below(7) {
        0 => {
            let action = other_action(seed, &case.action)?;
            (action != case.action).then(|| ("action", case.attempt(&row, &action)))
        }
        1 => {
            // The row is rewritten to fit the other action, as far as a forger can without anybody's key.
            let action = other_action(seed, &case.action)?;
            if action == case.action {
                return None;
            }
            row.digest = action.digest();
            row.envelope = action.envelope().clone();
            if seed.below(2) == 0 {
                row.request_hash = row.computed_request_hash();
            }
            let at = seed.below(row.reviews.len());
            if seed.below(2) == 0 {
                let (old, new) = (case.row.digest.to_string(), row.digest.to_string());
                row.reviews[at].context = row.reviews[at].context.replace(&old, &new);
            }
            Some(("action and row", case.attempt(&row, &action)))
        }
        2 => {
            let at = seed.below(row.reviews.len());
            row.reviews[at].context = seed.mutate_text(&row.reviews[at].context);
            let changed = row.reviews[at].context != case.row.reviews[at].context;
            let approved = case.attempt(&row, &case.action);
            assert!(
                !changed || approved.is_none(),
                "{}",
                row.reviews[at].context
            );
            changed.then_some(("context", approved))
        }
        3 => {
            let at = seed.below(row.reviews.len());
            row.reviews[at].signature = seed.mutate_text(&row.reviews[at].signature);
            let approved = case.attempt(&row, &case.action);
            let blob = |text: &str| text.split_whitespace().collect::<String>();
            // Line breaks of the armour carry nothing; every other letter does.
            let same = blob(&row.reviews[at].signature) == blob(&case.row.reviews[at].signature);
            assert!(same || approved.is_none(), "{}", row.reviews[at].signature);
            Some(("signature", approved))
        }
        4 => {
            let bytes = seed.mutate(&canonical::to_bytes(&row).unwrap());
            row = canonical::from_canonical_bytes(&bytes).ok()?;
            Some(("row", case.attempt(&row, &case.action)))
        }
        5 => {
            // One person's signature twice, another's left out, or another order.
            match seed.below(3) {
                0 => row.reviews[1] = row.reviews[0].clone(),
                1 => drop(row.reviews.remove(seed.below(2))),
                _ => row.reviews[0].signature = row.reviews[1].signature.clone(),
            }
            let approved = case.attempt(&row, &case.action);
            assert!(approved.is_none(), "{:?}", row.reviews);
            Some(("reviews", approved))
        }
        _ => {
            let (at, bit) = (seed.below(35), 1 << seed.below(8));
            let approved = case
                .gate
                .attempt(&row, &case.action, &case.now, |leaf| leaf[at] ^= bit);
            assert!(approved.is_none(), "another leaf's receipt opened the seal");
            Some(("receipt", approved))
        }
    }
}

#[test]
fn p01_no_mutation_of_what_was_signed_escapes() {
    let case = signed();
    let approved = case.attempt(&case.row, &case.action).unwrap();
    assert!(!case.escapes(&approved));
    let mut seed = Seed::of("p01");
    let (wanted, mut tried) = (count(4_000, 200_000), 0);
    let mut kinds: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    while tried < wanted {
        let Some((kind, approved)) = mutate(&mut seed, &case) else {
            continue;
        };
        tried += 1;
        let counted = kinds.entry(kind).or_default();
        counted.0 += 1;
        if let Some(approved) = approved {
            counted.1 += 1;
            assert!(!case.escapes(&approved), "{kind}: {approved:?}");
        }
    }
    println!("{tried} mutations, 0 escapes; tried and executed as signed: {kinds:?}");
    for kind in assertion::KINDS {
        assert!(kinds.remove(kind).is_some(), "{kind} was not tried");
    }
    assert_eq!(kinds.len(), 7, "{kinds:?}");
}
