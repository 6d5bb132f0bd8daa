//! Breaking the glass: a held request goes on without its reviewers, once, by what two people signed. And the look at it afterwards.

use super::redeem::check_stopped;
use super::review::{check_answers, check_fact};
use super::submit::grant;
use super::world::{Fresh, World};
use super::writer::{About, Writer, holds, trace};
use super::{Release, Sealed};
use crate::approved::{bound_by, glass_question};
use crate::commit::{LeafKind, Write};
use crate::correction::{CORRECTION_TEXT_BYTES_MAX, CorrectionText};
use crate::entry::Event;
use crate::glass::{
    GlassError, Opening, PostReviewError, SignedGlass, UnverifiedPostReview, VerifiedGlass,
    VerifiedPostReview,
};
use crate::hash::Hash;
use crate::json::canonical;
use crate::reason;
use crate::refusal::Refusal;
use crate::request::state::{self, Event as Step};
use crate::request::{DecidedBy, HeldAt, RequestRecord, State};
use crate::review::Answers;
use crate::time::Timestamp;
use crate::verdict::{Evaluated, Verdict};

/// What the message is called that tells everybody that the glass was broken.
pub const GLASS_BROKEN: &str = "glass_broken";
/// What the message is called that tells everybody that it is being used.
pub const GLASS_USED: &str = "glass_used";
/// What the message is called that tells everybody what was found afterwards.
pub const GLASS_REVIEWED: &str = "glass_reviewed";
/// What the message is called that tells everybody that too few people have looked at it in time.
pub const GLASS_OVERDUE: &str = "glass_overdue";
/// Seconds of a day: so often everybody is told.
const DAY_SECONDS: i64 = 86_400;
/// Openings of this gate: a write that opens names how many it has seen.
const OPENINGS: &str = "glass:openings";
/// Seconds by which the clock of whoever signs may be ahead.
const AHEAD_SECONDS_MAX: u32 = 60;

/// Two people want a held request to go on.
#[derive(Debug, Clone)]
pub struct BreakGlassNow {
    /// What they signed.
    pub glass: SignedGlass,
    /// What they answered.
    pub answers: Answers,
}

/// The unique key of one signed statement: it opens once.
#[must_use]
pub fn glass_key(id: &Hash) -> String {
    format!("glass:{}", id.hex())
}

pub(super) fn open(
    opening: &BreakGlassNow,
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
    if guard!("glass-in-time", now > held.decide_by) {
        return Err(Refusal::TooLate("the time to decide"));
    }
    check_stopped(&record.envelope, world)?;
    let evaluated = world.policy.ok_or(Refusal::Stale)?;
    check_policy(evaluated, held, world)?;
    let question = glass_question(record, held, evaluated, world.directory, now);
    let verified = VerifiedGlass::verify(&opening.glass, &question)?;
    check_moment(&verified, held, now)?;
    check_said(&opening.answers, &verified, record, held, evaluated)?;
    let openings = world.restraints.openings();
    // The row that says so may be gone; the leaf is not.
    let before = openings.of(record.id, verified.id());
    if guard!("glass-once-by-leaf", before.is_some()) {
        return Err(Refusal::Replayed);
    }
    let signers = &verified.statement().signers;
    openings
        .may_open(signers, now)
        .map_err(GlassError::NotOpened)?;

    let mut next = record.clone();
    next.state = state::next(record.state, Step::BrokenOpen).ok_or(Refusal::WrongState {
        state: record.state.name(),
    })?;
    next.glass = Some(opening.glass.clone());
    next.limits = verified.limits(&bound_by(record, held, evaluated, world, now));
    next.grant = Some(fresh.grant);
    next.decided_by = Some(DecidedBy::BreakGlass);
    write(opening, &verified, record, version, next, world, fresh, now)
}

/// Nothing of what policy says is left out: it is asked by the bundle with force, and what it forbids by now, or holds at something
/// that was not signed for, is not opened.
fn check_policy(evaluated: &Evaluated, held: &HeldAt, world: &World<'_>) -> Result<(), Refusal> {
    let other = evaluated.trace().bundle != world.directory.bundle;
    if guard!("glass-active-bundle", other) {
        return Err(Refusal::Stale);
    }
    match evaluated.verdict() {
        Verdict::Deny if guard!("glass-forbidden", true) => Err(Refusal::NotYours(
            "policy forbids it by now, and break-glass reaches no further than people do",
        )),
        Verdict::Hold(asked)
            if guard!(
                "glass-covered",
                !asked.is_covered_by(&held.requirement.hashes())
            ) =>
        {
            Err(Refusal::ChangedSinceShown)
        }
        Verdict::Allow | Verdict::Deny | Verdict::Hold(_) => Ok(()),
    }
}

/// Whoever decides was asked first, for as long as the checkpoints say.
fn check_moment(verified: &VerifiedGlass, held: &HeldAt, now: Timestamp) -> Result<(), Refusal> {
    let first = held.since.plus_seconds(verified.offer().after_seconds);
    if guard!("glass-waited", now < first) {
        return Err(GlassError::Early(first).into());
    }
    let ahead = verified.statement().created_at > now.plus_seconds(AHEAD_SECONDS_MAX);
    if guard!("glass-ahead", ahead) {
        return Err(GlassError::Ahead.into());
    }
    Ok(())
}

/// What a reviewer would have to answer, they answer; and they always say why.
fn check_said(
    answers: &Answers,
    verified: &VerifiedGlass,
    record: &RequestRecord,
    held: &HeldAt,
    evaluated: &Evaluated,
) -> Result<(), Refusal> {
    let hash = answers.hash().map_err(|_| Refusal::ChangedSinceShown)?;
    if guard!(
        "glass-answers-signed",
        hash != verified.statement().answers_hash
    ) {
        return Err(Refusal::ChangedSinceShown);
    }
    check_answers(answers, &held.requirement)?;
    check_fact(answers, record, evaluated)?;
    let silent = reason::check(&answers.justification, true).is_err();
    if guard!("glass-reason", silent) {
        return Err(GlassError::Silent.into());
    }
    Ok(())
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one decision, used once; a struct would only rename them"
)]
fn write(
    opening: &BreakGlassNow,
    verified: &VerifiedGlass,
    record: &RequestRecord,
    version: u64,
    mut next: RequestRecord,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let evaluated = world.policy.ok_or(Refusal::Stale)?;
    let statement = verified.statement();
    let name = record.requester.name();
    let mut writer = Writer::new(fresh);
    writer.guard_world(world, &name);
    writer.guard_chain(world, &record.envelope.target);
    if guard!("glass-deadline-in-commit", true) {
        writer.deadline(statement.use_by);
        writer.deadline(record.spend_by);
        if let Some(held) = &record.held {
            writer.deadline(held.decide_by);
        }
    }
    if guard!("glass-once", true) {
        writer.once(glass_key(&verified.id()), None);
    }
    // Two at a time would each find room for one.
    let seen = world.restraints.openings().total();
    if guard!("glass-rate-in-commit", true) {
        writer.below(OPENINGS.to_owned(), seen.saturating_add(1));
    }
    writer.add(OPENINGS.to_owned(), 1);
    writer.add(holds(&name), -1);
    writer.announce(GLASS_BROKEN, record.id);
    writer.count_step(&mut next, world);
    writer.put_grant(&grant(&next, now), 0)?;
    writer.attach(
        "glass",
        canonical::to_bytes(&opening.glass).unwrap_or_default(),
    );
    writer.attach(
        "answers",
        canonical::to_bytes(&opening.answers).unwrap_or_default(),
    );
    let offer = verified.offer();
    let event = Event::BrokeGlass {
        glass: verified.id(),
        signers: statement.signers.clone(),
        incident: statement.incident.clone(),
        involved: verified.involved(&record.requester, world.directory),
        post_review: offer.post_review.clone(),
        review_by: now.plus_seconds(offer.post_review_within_seconds),
        use_by: statement.use_by,
        grant: fresh.grant,
        limits: next.limits.clone(),
        trace: trace(evaluated, world),
    };
    let about = About {
        request: Some((&next, version)),
        from: Some(record.state),
    };
    let write = writer.finish(LeafKind::BreakGlass, &about, event, now)?;
    let sealed = Sealed::new(&write, Release::Request(Box::new(next)));
    Ok((write, sealed))
}

/// Somebody who had no part in it says what they found.
#[derive(Debug, Clone)]
pub struct LookAfterwards {
    /// What they signed.
    pub review: UnverifiedPostReview,
    /// Their words, as an attachment: what `text_hash` names.
    pub text: Vec<u8>,
}

/// The unique key of one person's look at one opening.
#[must_use]
pub fn post_review_key(opening: &Opening, human: &crate::ids::HumanId) -> String {
    format!("glass-review:{}:{human}", opening.glass.hex())
}

/// The write of one look afterwards: a leaf that changes no row.
///
/// # Errors
/// [`Refusal`] when it does not verify, or is by somebody who does not count.
pub fn look_afterwards(
    look: &LookAfterwards,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<Write, Refusal> {
    let verified = VerifiedPostReview::verify(&look.review, world.directory)?;
    let said = verified.statement();
    if guard!("post-review-time", !verified.is_timely(now)) {
        return Err(PostReviewError::Time.into());
    }
    check_words(&look.text, said.text_hash)?;
    let teams = world.directory.teams_of(&said.human);
    let openings = world.restraints.openings();
    let opening = openings.check(&verified, &teams)?;
    let mut writer = Writer::new(fresh);
    writer.guard_actor(world);
    writer.once(post_review_key(opening, &said.human), None);
    writer.announce(GLASS_REVIEWED, said.request);
    let parts = [
        ("glass_review", look.review.statement.as_bytes()),
        ("glass_review_signature", look.review.signature.as_bytes()),
        ("text", &look.text),
    ];
    for (name, bytes) in parts {
        writer.attach(name, bytes.to_vec());
    }
    let event = Event::PostReviewed {
        of: said.request,
        glass: said.glass,
        human: said.human.clone(),
        key: said.key,
        judgement: said.judgement,
        signed: look.review.id(),
    };
    writer.finish(LeafKind::PostReview, &About::default(), event, now)
}

/// The words are those that were signed, and there are some.
fn check_words(text: &[u8], signed: Hash) -> Result<(), Refusal> {
    let words = CorrectionText::from_bytes(text)
        .map_err(|error| PostReviewError::Form(error.to_string()))?;
    if guard!("post-review-text", signed != CorrectionText::hash_of(text)) {
        return Err(PostReviewError::Other("text").into());
    }
    let unusable = words.text.trim().is_empty() || words.text.len() > CORRECTION_TEXT_BYTES_MAX;
    if guard!("post-review-words", unusable) {
        return Err(PostReviewError::Words.into());
    }
    Ok(())
}

/// How many whole days a moment is past.
#[must_use]
pub fn days_past(moment: Timestamp, now: Timestamp) -> u32 {
    let seconds = now.seconds().saturating_sub(moment.seconds());
    u32::try_from(seconds.div_euclid(DAY_SECONDS)).unwrap_or(0)
}

/// The unique key under which everybody is told of one opening on one day.
#[must_use]
pub fn glass_overdue_key(opening: &Opening, now: Timestamp) -> String {
    let days = days_past(opening.review_by, now);
    format!("glass-overdue:{}:{days}", opening.glass.hex())
}

/// The write that tells everybody that a look is overdue: a leaf that changes no row, once a day.
///
/// # Errors
/// [`Refusal`] when no leaf tells of such an opening, or the look at it is not overdue.
pub fn glass_overdue(
    (request, glass): (crate::ids::RequestId, Hash),
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<Write, Refusal> {
    let opening = world.restraints.openings().of(request, glass);
    let opening = opening.ok_or(PostReviewError::Other("opening"))?;
    if guard!("glass-overdue-told", !opening.is_overdue(now)) {
        return Err(Refusal::Stale);
    }
    let mut writer = Writer::new(fresh);
    if guard!("glass-overdue-daily", true) {
        writer.once(glass_overdue_key(opening, now), None);
    }
    writer.announce(GLASS_OVERDUE, request);
    let event = Event::GlassOverdue {
        of: request,
        glass,
        review_by: opening.review_by,
        days: days_past(opening.review_by, now),
    };
    writer.finish(LeafKind::PostReview, &About::default(), event, now)
}
