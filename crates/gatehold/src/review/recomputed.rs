//! The gate's words about a request, made again here from definitions that follow from the pinned root: its sentence, what holds it,
//! who may decide, how many people, what is asked and at most granted, and who signs as whom. Who asks and for whom is made again in
//! `asked`, the tier in `graded`, what a change of the gate changes in `change`.
//!
//! What only the gate can know is in none of them, and stays its word: facts and unknowns, what the task has done, what is unlike
//! the habits, and why a rule held it.

use gatehold_core::action::Action;
use gatehold_core::checkpoint::{Offer, Requirement};
use gatehold_core::delegation::{Lending, Moment};
use gatehold_core::descriptor::{Descriptor, Quantity};
use gatehold_core::directory::Authority;
use gatehold_core::ids::CheckpointName;
use gatehold_core::known::Known;
use gatehold_core::limits::Limits;
use gatehold_core::review::ReviewContext;
use gatehold_core::signer::Signer;
use gatehold_core::view::View;
use gatehold_core::wording::{grouped, of_one};
use gatehold_gate::{NOT_ASKED_YET, checkpoints_shown, sentence_of};

use super::graded::described;
use super::shown::Looking;

/// What was made again, and how the gate's own differs from it.
#[derive(Debug)]
pub struct Recomputed {
    /// Everything that differs, in words; nothing when all is as the gate says.
    pub differs: Vec<String>,
    /// With what this reviewer must sign.
    pub signer: Signer,
    /// What break-glass its checkpoints offer for this action.
    pub offer: Option<Offer>,
}

impl Recomputed {
    /// Makes it again.
    pub fn of(
        context: &ReviewContext,
        view: &View,
        action: &Action,
        descriptor: &Descriptor,
        looking: &Looking<'_>,
    ) -> Self {
        let rooted = looking.rooted;
        let mut differs = Vec::new();
        let mut same = |same: bool, what: &str| {
            if !same {
                differs.push(what.to_owned());
            }
        };
        same(
            context.policy == rooted.directory.bundle,
            "the gate goes by another bundle than the one that people approved last",
        );
        same(
            is_sentence(&view.sentence, action, descriptor),
            "the sentence is not the one that the descriptor makes of this action",
        );
        let mut signer = Signer::Any;
        let mut offer = None;
        match requirement(context, view, descriptor, looking) {
            None => same(
                false,
                "what holds it is in no bundle that people approved: the checkpoints are not those that would be signed",
            ),
            Some(requirement) => {
                held(&requirement, view, action, looking, &mut same);
                offer = requirement.break_glass(action.envelope());
                let authority = authority(&requirement, context, view, action, looking);
                same(
                    authority.is_some(),
                    "what you are entitled to here is not what would be signed",
                );
                signer = requirement.signer(|checkpoint| {
                    let authority = authority.as_ref();
                    authority.is_some_and(|authority| authority.admitted_at(checkpoint))
                });
            }
        }
        Self {
            differs,
            signer,
            offer,
        }
    }
}

/// Whether the gate's sentence is the descriptor's. A number that the gate counted itself is its word; everything around it is not.
fn is_sentence(shown: &str, action: &Action, descriptor: &Descriptor) -> bool {
    let quantity = described(action, descriptor, &Known::unknown()).quantity;
    if !matches!(descriptor.quantity, Quantity::Fact(_)) {
        return shown == sentence_of(action, descriptor, quantity.get().copied());
    }
    // A number that no target counts stands where the gate's stands.
    let marked = sentence_of(action, descriptor, Some(i64::MIN));
    let mark = grouped(i64::MIN);
    let mut parts = marked.split(mark.as_str());
    let first = parts.next().and_then(|first| shown.strip_prefix(first));
    let Some(mut rest) = first else {
        return false;
    };
    for part in parts {
        let counted = without_number(rest);
        let is_one = counted.is_some() && rest.strip_prefix('1') == counted;
        let part = if is_one {
            of_one(part)
        } else {
            part.to_owned()
        };
        let after = rest.strip_prefix(UNKNOWN_NUMBER).or(counted);
        match after.and_then(|after| after.strip_prefix(part.as_str())) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

/// What follows a number that is written as every number of ours is.
fn without_number(text: &str) -> Option<&str> {
    let sign = text.len() - text.strip_prefix('-').unwrap_or(text).len();
    let (_, digits) = text.split_at_checked(sign)?;
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != ',');
    let (number, _) = digits.split_at_checked(end.unwrap_or(digits.len()))?;
    // A comma behind it is the sentence's.
    let number = number.trim_end_matches(',');
    let (said, after) = text.split_at_checked(sign + number.len())?;
    let value: i64 = said.replace(',', "").parse().ok()?;
    (grouped(value) == said).then_some(after)
}

/// What a sentence says where a number is not known.
const UNKNOWN_NUMBER: &str = "an UNKNOWN number of";

/// The checkpoints that the view names, as people approved them, if their hash is the one to be signed.
fn requirement(
    context: &ReviewContext,
    view: &View,
    descriptor: &Descriptor,
    looking: &Looking<'_>,
) -> Option<Requirement> {
    let names = view.checkpoints.iter().map(|(name, _)| name.parse().ok());
    let names: Vec<CheckpointName> = names.collect::<Option<_>>()?;
    let hash = &context.requirement_hash;
    looking.rooted.requirement(&names, descriptor, hash)
}

/// What the checkpoints ask and permit.
fn held(
    requirement: &Requirement,
    view: &View,
    action: &Action,
    looking: &Looking<'_>,
    same: &mut impl FnMut(bool, &str),
) {
    // Who of those who may decide is asked by now depends on how long it has waited.
    let whoever = |all: &[(String, String)]| -> Vec<(String, String)> {
        let each = all.iter();
        each.map(|(name, who)| (name.clone(), who.replace(NOT_ASKED_YET, "")))
            .collect()
    };
    same(
        whoever(&view.checkpoints) == whoever(&checkpoints_shown(requirement, 0)),
        "who may decide is not who the checkpoints name",
    );
    let criteria = requirement.criteria();
    same(
        view.criteria.iter().eq(criteria),
        "the questions are not those of the checkpoints",
    );
    let people = requirement.people_needed(
        view.tier.tier,
        looking.origin.is_dev(),
        view.requester.people_min(),
    );
    same(
        view.people_needed == people,
        &format!(
            "the gate says that {} must approve, and the checkpoints ask for {people}",
            view.people_needed
        ),
    );
    same(
        is_within(&view.terms.limits, requirement, action),
        "the limits are wider than what was asked for or what the checkpoints permit",
    );
}

fn is_within(limits: &Limits, requirement: &Requirement, action: &Action) -> bool {
    let envelope = action.envelope();
    let most = requirement.limits();
    let mut caps = envelope.caps.iter();
    limits.ttl_seconds <= envelope.duration_seconds
        && caps.all(|(name, most)| limits.caps.get(name).is_some_and(|cap| cap <= most))
        && most.is_some_and(|most| most.narrow(limits) == *limits)
}

/// Who this reviewer is by the chain of trust, if that is what the context names. Whether the request's task is still open, in which
/// a delegation may count alone, is the gate's word.
fn authority(
    requirement: &Requirement,
    context: &ReviewContext,
    view: &View,
    action: &Action,
    looking: &Looking<'_>,
) -> Option<Authority> {
    let directory = &looking.rooted.directory;
    [action.envelope().task, None].into_iter().find_map(|task| {
        let moment = Moment {
            now: context.issued_at,
            task,
        };
        let lending = Lending::new(directory, requirement, &view.requester, moment);
        let authority = lending.authority(looking.human, &looking.key)?;
        (authority.hash() == context.reviewer.authority_hash).then_some(authority)
    })
}

#[cfg(test)]
mod tests {
    use super::without_number;

    #[test]
    fn a_number_of_the_gate_is_passed_over_only_as_it_is_written() {
        for (text, after) in [
            ("4,212 rows", Some(" rows")),
            ("0 rows", Some(" rows")),
            ("-1,000, at once", Some(", at once")),
            ("7", Some("")),
            ("4212 rows", None),
            ("4,21 rows", None),
            ("007 rows", None),
            ("rows", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(without_number(text), after, "{text}");
        }
    }
}
