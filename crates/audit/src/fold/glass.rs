//! Breaking the glass, checked under the keys of its own leaf by the function that the gate uses; and who looked at it afterwards.

use gatehold_core::approved::effective_limits;
use gatehold_core::correction::CorrectionText;
use gatehold_core::decide::days_past;
use gatehold_core::entry::{Event, Trace};
use gatehold_core::glass::{
    GlassQuestion, SignedGlass, UnverifiedPostReview, VerifiedGlass, VerifiedPostReview,
};
use gatehold_core::json::canonical;
use gatehold_core::quorum::Quorum;
use gatehold_core::request::state::Event as Step;
use gatehold_core::request::{DecidedBy, HeldAt};
use gatehold_core::review::Answers;
use gatehold_core::time::Timestamp;

use super::review::{in_time, subject};
use super::{Checked, Fold, RequestFold, ensure};
use crate::finding::Code;
use crate::opened::{Expect, Opened};

/// One opening, for a report.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct GlassShown {
    /// Its leaf.
    pub leaf: u64,
    /// Of which request.
    pub request: gatehold_core::ids::RequestId,
    /// For which incident.
    pub incident: String,
    /// Who signed.
    pub signers: Vec<gatehold_core::ids::HumanId>,
}

impl Fold {
    /// A held request goes on without its reviewers: by two people, in time, not too often, and for no more than was offered.
    // INVARIANT(glass-is-dual): verified again from the signatures in the ledger, under the directory of this leaf.
    pub(super) fn broke_glass(&mut self, request: &mut RequestFold, leaf: &Opened) -> Checked {
        let Event::BrokeGlass {
            signers,
            incident,
            limits,
            grant,
            trace,
            ..
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        self.check_trace(trace)?;
        in_time(request, leaf)?;
        self.not_stopped(request)?;
        self.not_too_often(leaf)?;
        let shown = GlassShown {
            leaf: leaf.index,
            request: request.id,
            incident: incident.clone(),
            signers: signers.iter().cloned().collect(),
        };
        self.glass_broken.push(shown);
        let signed = self.signed_glass(request, leaf, trace)?;
        request.step(&[Step::BrokenOpen], leaf)?;
        request.decision = Some(leaf.index);
        request.count_step();
        request.broken_open = true;
        request.glass = signed;
        request.limits = Some(limits.clone());
        request.grant = Some(*grant);
        request.decided_by = Some(DecidedBy::BreakGlass);
        Ok(())
    }

    /// The gate asks the same of the leaves before. A selection leaves some of them out.
    fn not_too_often(&self, leaf: &Opened) -> Checked {
        let Event::BrokeGlass { signers, .. } = &leaf.entry.event else {
            return Ok(());
        };
        if self.expect == Expect::Selection {
            return Ok(());
        }
        let openings = self.restraints.openings();
        openings
            .may_open(signers, leaf.entry.at)
            .map_err(|why| (Code::Glass, why.to_string()))
    }

    /// What was signed, once everything in its leaf agrees with it; nothing when a part is not here.
    fn signed_glass(
        &mut self,
        request: &RequestFold,
        leaf: &Opened,
        trace: &Trace,
    ) -> Checked<Option<SignedGlass>> {
        let Some(bytes) = leaf.bytes("glass") else {
            let text = format!("{}: the signatures were not checked", leaf.absence("glass"));
            self.gap(Some(leaf.index), text);
            return Ok(None);
        };
        let signed: SignedGlass = canonical::from_canonical_bytes(bytes).map_err(|error| {
            (
                Code::Glass,
                format!("what was signed cannot be read: {error}"),
            )
        })?;
        let Some((held, quorum)) = self.count(request, trace.tier, leaf.entry.at) else {
            let text = "what held it is not here: the signatures were not checked";
            self.gap(Some(leaf.index), text);
            return Ok(Some(signed));
        };
        let verified = self.verified_glass(request, &signed, held, trace, leaf.entry.at)?;
        let Some(verified) = verified else {
            return Ok(Some(signed));
        };
        self.named(request, leaf, &verified)?;
        waited(held, leaf, &verified)?;
        answered(leaf, held, &verified)?;
        least(request, leaf, (held, &quorum), &verified)?;
        Ok(Some(signed))
    }

    fn verified_glass(
        &self,
        request: &RequestFold,
        signed: &SignedGlass,
        held: &HeldAt,
        trace: &Trace,
        now: Timestamp,
    ) -> Checked<Option<VerifiedGlass>> {
        let (Some(directory), Some(envelope), Some(requester)) =
            (self.directory(), &request.envelope, request.requester())
        else {
            return Ok(None);
        };
        let question = GlassQuestion {
            subject: subject(request, held, directory),
            envelope,
            requirement: &held.requirement,
            tier: trace.tier,
            requester,
            directory,
            now,
        };
        VerifiedGlass::verify(signed, &question)
            .map(Some)
            .map_err(|error| (Code::Glass, error.to_string()))
    }

    /// The record names what was signed.
    fn named(&self, request: &RequestFold, leaf: &Opened, verified: &VerifiedGlass) -> Checked {
        let Event::BrokeGlass {
            glass,
            signers,
            incident,
            involved,
            post_review,
            review_by,
            use_by,
            ..
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        let (statement, offer) = (verified.statement(), verified.offer());
        let within = offer.post_review_within_seconds;
        let people = request.requester().zip(self.directory());
        let all = people.is_none_or(|(requester, directory)| {
            *involved == verified.involved(requester, directory)
        });
        ensure(
            *glass == verified.id()
                && *signers == statement.signers
                && *incident == statement.incident
                && *use_by == statement.use_by
                && *post_review == offer.post_review
                && *review_by == leaf.entry.at.plus_seconds(within)
                && all,
            Code::Glass,
            "the record says something else than was signed and offered",
        )
    }

    /// What let it out at the claim: the same signatures, under the directory of that leaf.
    pub(super) fn claimed_by_glass(
        &mut self,
        request: &RequestFold,
        leaf: &Opened,
        trace: &Trace,
        quorum: &Quorum,
    ) -> Checked {
        let Event::Claimed {
            limits, reviewers, ..
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        let (Some(signed), Some(held)) = (&request.glass, &request.held) else {
            let text = "what was signed to break the glass is not here: it was not checked again";
            self.gap(Some(leaf.index), text);
            return Ok(());
        };
        ensure(
            quorum.denial.is_none(),
            Code::Quorum,
            "it was executed by break-glass although somebody denied it",
        )?;
        let verified = self.verified_glass(request, signed, held, trace, leaf.entry.at)?;
        let Some(verified) = verified else {
            return Ok(());
        };
        ensure(
            verified.signers().eq(reviewers.iter()),
            Code::Quorum,
            "it names other people than those who signed",
        )?;
        let wide = request.record().is_some_and(|record| {
            let approvable = effective_limits(&record, &held.requirement, quorum);
            *limits != verified.limits(&approvable)
        });
        ensure(
            !wide,
            Code::Limits,
            "it was executed under wider limits than break-glass gives",
        )
    }

    /// The gate told everybody that too few people have looked at it in time. Somebody may look at it in the same moment, so whether
    /// too few have is not asked again.
    pub(super) fn glass_overdue(&mut self, leaf: &Opened) -> Checked {
        let Event::GlassOverdue {
            of,
            glass,
            review_by,
            days,
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        let at = leaf.entry.at;
        ensure(
            leaf.entry.row.is_none() && at > *review_by && *days == days_past(*review_by, at),
            Code::Glass,
            "it says that a look at an opening is overdue, at another time",
        )?;
        if self.expect == Expect::Selection {
            return Ok(());
        }
        let opening = self.restraints.openings().of(*of, *glass);
        ensure(
            opening.is_none_or(|opening| opening.review_by == *review_by),
            Code::Glass,
            "it names another time than the opening has",
        )
    }

    /// Somebody looked at it afterwards.
    pub(super) fn post_reviewed(&mut self, leaf: &Opened) -> Checked {
        let Event::PostReviewed {
            of,
            glass,
            human,
            key,
            judgement,
            signed,
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        ensure(
            leaf.entry.row.is_none() && leaf.entry.to.is_none(),
            Code::Row,
            "a look afterwards changes no request, and this one does",
        )?;
        let (Some(statement), Some(signature)) = (
            text(leaf, "glass_review"),
            text(leaf, "glass_review_signature"),
        ) else {
            let text = "what was signed is not here: the look afterwards was not checked";
            self.gap(Some(leaf.index), text);
            return Ok(());
        };
        let Some(directory) = self.directory() else {
            return Ok(());
        };
        let review = UnverifiedPostReview {
            statement,
            signature,
        };
        let verified = VerifiedPostReview::verify(&review, directory)
            .map_err(|error| (Code::Glass, error.to_string()))?;
        let teams = directory.teams_of(human);
        let said = verified.statement();
        let words = leaf.bytes("text").map(CorrectionText::hash_of);
        ensure(
            said.request == *of
                && said.glass == *glass
                && said.human == *human
                && said.key == *key
                && said.judgement == *judgement
                && review.id() == *signed
                && words.is_none_or(|words| words == said.text_hash),
            Code::Glass,
            "the record says something else than was signed",
        )?;
        ensure(
            verified.is_timely(leaf.entry.at),
            Code::Deadline,
            "it was signed too long before it was recorded, or after",
        )?;
        if self.expect == Expect::Selection {
            return Ok(());
        }
        self.restraints
            .post_reviewed(&verified, &teams)
            .map_err(|error| (Code::Glass, error.to_string()))
    }
}

/// Whoever decides was asked first.
fn waited(held: &HeldAt, leaf: &Opened, verified: &VerifiedGlass) -> Checked {
    let first = held.since.plus_seconds(verified.offer().after_seconds);
    ensure(
        leaf.entry.at >= first,
        Code::Glass,
        "the glass was broken before those who decide had been asked for as long as its checkpoints say",
    )
}

/// The answers are those that were signed, none is left open, and they say why.
fn answered(leaf: &Opened, held: &HeldAt, verified: &VerifiedGlass) -> Checked {
    let Some(bytes) = leaf.bytes("answers") else {
        return Ok(());
    };
    let answers: Answers = canonical::from_canonical_bytes(bytes)
        .map_err(|error| (Code::Glass, format!("the answers cannot be read: {error}")))?;
    ensure(
        answers.hash().ok() == Some(verified.statement().answers_hash)
            && held.requirement.unanswered(&answers.criteria).is_empty()
            && answers.say_why(),
        Code::Glass,
        "the answers are not those that were signed, or leave something open",
    )
}

/// The limits are the least of all.
fn least(
    request: &RequestFold,
    leaf: &Opened,
    (held, quorum): (&HeldAt, &Quorum),
    verified: &VerifiedGlass,
) -> Checked {
    let Event::BrokeGlass { limits, .. } = &leaf.entry.event else {
        return Ok(());
    };
    let wide = request.record().is_some_and(|record| {
        let approvable = effective_limits(&record, &held.requirement, quorum);
        *limits != verified.limits(&approvable)
    });
    ensure(
        !wide,
        Code::Limits,
        "its limits are not the least of what was asked for, offered and signed",
    )
}

fn text(leaf: &Opened, name: &str) -> Option<String> {
    let bytes = leaf.bytes(name)?;
    String::from_utf8(bytes.to_vec()).ok()
}
