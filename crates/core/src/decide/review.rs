//! A human's signed verdict on a held request. The last seat filled makes it redeemable; any denial ends it.

use super::submit::grant;
use super::world::{Fresh, World};
use super::writer::{About, Writer, codes, grounds, holds, trace};
use super::{Release, Sealed};
use crate::approved::{bound, count, effective_limits, lending, subject};
use crate::assurance::Assurance;
use crate::checkpoint::{Requirement, asks_more};
use crate::commit::{LeafKind, Write};
use crate::entry::Event;
use crate::grant::Grant;
use crate::hash::Hash;
use crate::json::canonical;
use crate::quorum::Quorum;
use crate::reason;
use crate::refusal::Refusal;
use crate::request::state::{self, Event as Step};
use crate::request::{Closing, DecidedBy, HeldAt, RequestRecord, State};
use crate::review::{
    Answers, ReviewAct, ReviewContext, ReviewError, UnverifiedReview, VerifiedReview,
};
use crate::tier::Tier;
use crate::time::Timestamp;
use crate::verdict::{Evaluated, Verdict};
use crate::view::View;

/// What the reviewer was given when they opened the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Drawn for this opening.
    pub review_nonce: String,
    /// Hash of the stored view.
    pub view_hash: Hash,
    /// The claims head that the view showed.
    pub claims_head: Hash,
    /// The stored view, which goes into the ledger with the review.
    pub view: Vec<u8>,
}

/// A review as it arrives.
#[derive(Debug)]
pub struct SubmittedReview {
    /// What was signed, and the signature.
    pub review: UnverifiedReview,
    /// What was answered.
    pub answers: Answers,
    /// What the gate gave this reviewer to look at.
    pub opened: Opened,
}

pub(super) fn review(
    submitted: SubmittedReview,
    record: &RequestRecord,
    version: u64,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let (State::Held, Some(held)) = (record.state, &record.held) else {
        return Err(Refusal::WrongState {
            state: record.state.name(),
        });
    };
    if guard!("review-in-time", now > held.decide_by) {
        return Err(Refusal::TooLate("the time to decide"));
    }
    let signed = &held.requirement;
    let lending = lending(record, held, world.directory, world.moment(record, now));
    // What they could do for others by then is kept with what they signed: later delegations give it nothing.
    let submitted = SubmittedReview {
        review: submitted.review.kept(&lending),
        ..submitted
    };
    let subject = subject(record, held, world.directory);
    let verified = VerifiedReview::verify(&submitted.review, &subject, &lending)?;
    check_shown(&submitted, &verified, record, held, world)?;
    check_reviewer(&verified, record, signed, world)?;

    let evaluated = world.policy.ok_or(Refusal::Stale)?;
    if guard!(
        "review-active-bundle",
        evaluated.trace().bundle != world.directory.bundle
    ) {
        return Err(Refusal::Stale);
    }
    let act = verified.context().act;
    // Also when they decided already: what they approved then was something smaller.
    let more = has_risen(record, evaluated, world);
    if guard!("review-tier-risen", act == ReviewAct::Approve && more) {
        return rehold(record, version, held, evaluated, world, fresh, now);
    }
    check_once(&verified, record)?;
    let mut next = record.clone();
    next.reviews.push(submitted.review.clone());
    let (step, quorum) = match act {
        ReviewAct::Deny => (Step::Denied, None),
        ReviewAct::Approve => {
            check_answers(&submitted.answers, signed)?;
            check_fact(&submitted.answers, record, evaluated)?;
            check_reason(&submitted.answers, &verified, record, evaluated)?;
            let raised = !verified.context().limits.within(&record.limits);
            if guard!("review-limits-lower", raised) {
                return Err(Refusal::Limits);
            }
            approve_step(&next, held, evaluated, world, now)
        }
    };
    if step == Step::Reheld {
        return rehold(record, version, held, evaluated, world, fresh, now);
    }
    if next.reviews.len() > crate::quorum::REVIEWS_MAX {
        return Err(Refusal::NotYours(
            "this request has all the reviews it can keep",
        ));
    }
    apply(&mut next, step, quorum.as_ref(), fresh, now)?;
    let lapses = lapses(&verified, quorum.as_ref());
    write(
        &submitted, &verified, lapses, record, version, next, held, world, fresh, now,
    )
}

/// The screen, the signature and the stored request are about the same thing.
fn check_shown(
    submitted: &SubmittedReview,
    verified: &VerifiedReview,
    record: &RequestRecord,
    held: &HeldAt,
    world: &World<'_>,
) -> Result<(), Refusal> {
    let context = verified.context();
    if guard!(
        "review-nonce-own",
        context.review_nonce != submitted.opened.review_nonce
    ) {
        return Err(Refusal::ChangedSinceShown);
    }
    let shown = View::hash_of(&submitted.opened.view);
    if guard!(
        "review-view-shown",
        context.view_hash != shown || submitted.opened.view_hash != shown
    ) {
        return Err(Refusal::ChangedSinceShown);
    }
    // A later answer of the requester disarms open screens; reviews already stored keep their force.
    if guard!(
        "review-claims-head",
        submitted.opened.claims_head != record.claims_head
    ) {
        return Err(Refusal::ChangedSinceShown);
    }
    let same = context.policy == world.directory.bundle
        && context.decide_by == held.decide_by
        && context.spend_by == record.spend_by
        && verified.authority().hash() == context.reviewer.authority_hash;
    if guard!("review-context-current", !same) {
        return Err(Refusal::ChangedSinceShown);
    }
    let answers = submitted
        .answers
        .hash()
        .map_err(|_| Refusal::ChangedSinceShown)?;
    if guard!("review-answers-signed", context.answers_hash != answers) {
        return Err(Refusal::ChangedSinceShown);
    }
    Ok(())
}

fn check_reviewer(
    verified: &VerifiedReview,
    record: &RequestRecord,
    signed: &Requirement,
    world: &World<'_>,
) -> Result<(), Refusal> {
    let own = record.requester.excluded(world.directory);
    if guard!("review-own-request", own.contains(verified.human())) {
        return Err(Refusal::OwnRequest);
    }
    if guard!(
        "review-not-entitled",
        !verified.authority().entitles(signed)
    ) {
        return Err(Refusal::NotEntitled);
    }
    let software = verified.assurance() == Assurance::Software;
    if guard!(
        "review-software",
        software && !world.directory.origin.is_dev()
    ) {
        return Err(Refusal::Factor {
            given: verified.assurance(),
        });
    }
    // A denial is the safe direction: it ends the request whatever it was signed with.
    let authority = verified.authority();
    let asked = signed.signer(|checkpoint| authority.admitted_at(checkpoint));
    let other = verified.context().act == ReviewAct::Approve && !asked.takes(verified.kind());
    if guard!("review-signer", other) {
        return Err(Refusal::Signer { asked });
    }
    Ok(())
}

/// One review of each person, as long as it is held at the same.
fn check_once(verified: &VerifiedReview, record: &RequestRecord) -> Result<(), Refusal> {
    let already = record.reviews.iter().any(|stored| {
        canonical::from_canonical_bytes::<ReviewContext>(stored.context.as_bytes()).is_ok_and(
            |context| {
                context.reviewer.issuer == verified.human().issuer()
                    && context.reviewer.subject == verified.human().subject()
            },
        )
    });
    if guard!("review-twice", already) {
        return Err(Refusal::AlreadyDecided);
    }
    Ok(())
}

/// Every criterion of every checkpoint is answered, and none with "no" or "cannot tell" (M013, M058).
pub(super) fn check_answers(answers: &Answers, signed: &Requirement) -> Result<(), Refusal> {
    match signed.unanswered(&answers.criteria).first() {
        Some(open) if guard!("review-criteria", true) => Err(Refusal::Criterion(open.id.clone())),
        _ => Ok(()),
    }
}

/// On red whoever approves has read what it is about: the question that was drawn for this request has its answer (M059).
pub(super) fn check_fact(
    answers: &Answers,
    record: &RequestRecord,
    evaluated: &Evaluated,
) -> Result<(), Refusal> {
    if evaluated.trace().tier.tier != Tier::Red {
        return Ok(());
    }
    let asked = record.fact_challenge();
    let given = answers.criteria.get(&asked.id);
    let met = given.is_some_and(|given| asked.is_met_by(given));
    if guard!("review-fact", !met) {
        return Err(Refusal::Fact(asked.id));
    }
    Ok(())
}

/// On red whoever approves says why, in words that say something; elsewhere what is said can be shown (M058). What is signed says
/// whether there is a reason: whoever counts the review later has nothing else to go by.
fn check_reason(
    answers: &Answers,
    verified: &VerifiedReview,
    record: &RequestRecord,
    evaluated: &Evaluated,
) -> Result<(), Refusal> {
    let demanded = record.demands_reason(evaluated.trace().tier.tier);
    match reason::check(&answers.justification, demanded) {
        Err(error) if guard!("review-reason", true) => return Err(Refusal::Reason(error)),
        _ => {}
    }
    let other = verified.context().reasoned != answers.say_why();
    if guard!("review-reason-signed", other) {
        return Err(ReviewError::Other("reason").into());
    }
    Ok(())
}

/// Whether its tier has risen since it was held, and more is asked with it: everybody who approved it was asked for less. What
/// policy denies by now ends.
fn has_risen(record: &RequestRecord, evaluated: &Evaluated, world: &World<'_>) -> bool {
    let now = evaluated.trace().tier.tier;
    let denied = matches!(evaluated.verdict(), Verdict::Deny);
    !denied && asks_more(record.tier, now, world.directory.origin.is_dev())
}

fn approve_step(
    next: &RequestRecord,
    held: &HeldAt,
    evaluated: &Evaluated,
    world: &World<'_>,
    now: Timestamp,
) -> (Step, Option<Quorum>) {
    match evaluated.verdict() {
        Verdict::Deny if guard!("review-forbidden", true) => return (Step::Forbidden, None),
        Verdict::Hold(asked)
            if guard!(
                "review-requirement-covered",
                !asked.is_covered_by(&held.requirement.hashes())
            ) =>
        {
            return (Step::Reheld, None);
        }
        Verdict::Allow | Verdict::Deny | Verdict::Hold(_) => {}
    }
    let moment = world.moment(next, now);
    let quorum = count(next, held, evaluated, world.directory, moment);
    if quorum.met {
        (Step::Met, Some(quorum))
    } else {
        (Step::Reviewed, None)
    }
}

fn apply(
    next: &mut RequestRecord,
    step: Step,
    quorum: Option<&Quorum>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(), Refusal> {
    next.state = state::next(State::Held, step).ok_or(Refusal::WrongState {
        state: State::Held.name(),
    })?;
    let close = |code: &str, decided_by| {
        Some(Closing {
            code: code.to_owned(),
            decided_by,
            at: now,
        })
    };
    match step {
        Step::Met => {
            let held = next.held.clone().ok_or(Refusal::NotProven("held"))?;
            let quorum = quorum.ok_or(Refusal::NotProven("quorum"))?;
            next.limits = effective_limits(next, &held.requirement, quorum);
            next.grant = Some(fresh.grant);
            next.decided_by = Some(DecidedBy::Human);
        }
        Step::Denied => {
            next.decided_by = Some(DecidedBy::Human);
            next.closing = close("denied_by_human", DecidedBy::Human);
        }
        Step::Forbidden => {
            next.decided_by = Some(DecidedBy::Policy);
            next.closing = close("forbidden", DecidedBy::Policy);
        }
        _ => {}
    }
    Ok(())
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one decision, used once; a struct would only rename them"
)]
fn write(
    submitted: &SubmittedReview,
    verified: &VerifiedReview,
    lapses: Option<Timestamp>,
    record: &RequestRecord,
    version: u64,
    mut next: RequestRecord,
    held: &HeldAt,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let evaluated = world.policy.ok_or(Refusal::Stale)?;
    let context = verified.context();
    let mut writer = Writer::new(fresh);
    writer.guard_world(world, &record.requester.name());
    writer.guard_chain(world, &record.envelope.target);
    deadlines(&mut writer, held, lapses);
    // The nonce is consumed in the write that stores the review (threat B4).
    if guard!("review-nonce-once", true) {
        writer.once(
            format!("review:{}:{}", record.id, context.review_nonce),
            None,
        );
    }
    if next.state != State::Held {
        writer.add(holds(&record.requester.name()), -1);
        writer.announce("decided", record.id);
    }
    let mut limits = None;
    if next.state == State::Redeemable {
        writer.count_step(&mut next, world);
        writer.put_grant(&grant(&next, now), 0)?;
        limits = Some(next.limits.clone());
    }
    writer.attach("context", submitted.review.context.clone().into_bytes());
    writer.attach("signature", submitted.review.signature.clone().into_bytes());
    writer.attach("view", submitted.opened.view.clone());
    writer.attach(
        "answers",
        canonical::to_bytes(&submitted.answers).unwrap_or_default(),
    );
    writer.attach(
        "authority",
        canonical::to_bytes(verified.authority()).unwrap_or_default(),
    );
    let event = Event::Reviewed {
        reviewer: verified.human().clone(),
        key: context.reviewer.key,
        authority: context.reviewer.authority_hash,
        delegations: verified.authority().delegations(),
        act: context.act,
        challenge: ReviewContext::challenge(submitted.review.context.as_bytes()),
        trace: trace(evaluated, world),
        grant: (next.state == State::Redeemable)
            .then_some(next.grant)
            .flatten(),
        limits,
    };
    let kind = if next.state == State::Held {
        LeafKind::Review
    } else {
        LeafKind::Decision
    };
    let about = About {
        request: Some((&next, version)),
        from: Some(record.state),
    };
    let write = writer.finish(kind, &about, event, now)?;
    let sealed = Sealed::new(&write, Release::Request(Box::new(next)));
    Ok((write, sealed))
}

// INVARIANT(in-time): the deadlines are checked again by the store, on its clock, in the commit.
fn deadlines(writer: &mut Writer<'_>, held: &HeldAt, lapses: Option<Timestamp>) {
    if guard!("review-deadline-in-commit", true) {
        writer.deadline(held.decide_by);
    }
    // Whoever decides for somebody does so until that ends, also while this is on its way to the store.
    if let Some(lapses) = lapses
        && guard!("review-delegation-in-commit", true)
    {
        writer.deadline(lapses);
    }
}

/// When the first delegation ends that the write rests on: of the reviewer's own, and of all who are counted with them.
fn lapses(verified: &VerifiedReview, quorum: Option<&Quorum>) -> Option<Timestamp> {
    let own = verified.authority().lapses();
    match quorum {
        Some(quorum) if guard!("review-counted-in-commit", true) => {
            let counted = quorum.approvals.iter();
            let counted = counted.filter_map(|review| review.authority().lapses());
            counted.chain(own).min()
        }
        _ => own,
    }
}

/// Back to Held at what policy asks for now, or at what held it where it asks for nothing; every review so far is void (threat
/// A22).
fn rehold(
    record: &RequestRecord,
    version: u64,
    held: &HeldAt,
    evaluated: &Evaluated,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let asked = match evaluated.verdict() {
        Verdict::Hold(asked) => asked,
        Verdict::Allow | Verdict::Deny => &held.requirement,
    };
    rehold_at(record, version, None, asked, evaluated, world, fresh, now)
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one decision, used once; a struct would only rename them"
)]
pub(super) fn rehold_at(
    record: &RequestRecord,
    version: u64,
    grant: Option<(&Grant, u64)>,
    requirement: &Requirement,
    evaluated: &Evaluated,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let decide_by = now
        .plus_seconds(requirement.decide_within_seconds())
        .min(record.spend_by);
    let name = record.requester.name();
    let mut next = record.clone();
    next.state = state::next(record.state, Step::Reheld).ok_or(Refusal::WrongState {
        state: record.state.name(),
    })?;
    next.held = Some(HeldAt::new(requirement, now, decide_by));
    next.limits = bound(requirement, &record.limits);
    next.reviews.clear();
    next.glass = None;
    next.grant = None;
    next.decided_by = None;
    next.tier = evaluated.trace().tier.tier;
    next.raised = evaluated.trace().tier.raised();
    next.bundle = evaluated.trace().bundle;
    next.input = evaluated.trace().input;
    next.rules.clone_from(&evaluated.trace().rules);
    next.reasons = codes(evaluated);
    let mut writer = Writer::new(fresh);
    writer.guard_world(world, &name);
    // What holds it, and the reasons that people will read, may lie in the chain.
    writer.guard_chain(world, &record.envelope.target);
    writer.deadline(record.spend_by);
    if record.state == State::Held {
        // Whoever comes too late to decide comes too late to begin the time to decide anew.
        if let Some(held) = &record.held
            && guard!("rehold-deadline-in-commit", true)
        {
            writer.deadline(held.decide_by);
        }
    } else {
        writer.add(holds(&name), 1);
    }
    if let Some((grant, grant_version)) = grant {
        writer.end_grant(grant, grant_version, "reheld")?;
    }
    // Of what was let through by policy nobody was asked before.
    let topic = if record.held.is_none() {
        "held"
    } else {
        "reheld"
    };
    writer.announce(topic, record.id);
    writer.attach("verdict", grounds(&next, evaluated, world)?);
    let event = Event::Reheld {
        trace: trace(evaluated, world),
        requirement: requirement.requirement_hash(),
        decide_by,
    };
    let about = About {
        request: Some((&next, version)),
        from: Some(record.state),
    };
    let write = writer.finish(LeafKind::Closing, &about, event, now)?;
    let sealed = Sealed::new(&write, Release::Request(Box::new(next)));
    Ok((write, sealed))
}
