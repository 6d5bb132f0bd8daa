//! A signed review, checked under the keys and teams of its own leaf: by the same function that the gate and the chain
//! use, so that no third opinion about signatures exists.

use gatehold_core::approved::effective_limits;
use gatehold_core::assurance::Assurance;
use gatehold_core::checkpoint::asks_more;
use gatehold_core::commit::LeafKind;
use gatehold_core::delegation::Lending;
use gatehold_core::directory::{Authority, Directory};
use gatehold_core::entry::{Event, Trace};
use gatehold_core::json::canonical;
use gatehold_core::quorum::{self, Question, Quorum};
use gatehold_core::reason;
use gatehold_core::request::state::Event as Step;
use gatehold_core::request::{Closing, DecidedBy, HeldAt, State};
use gatehold_core::review::{
    Answers, ReviewAct, ReviewContext, Subject, UnverifiedReview, VerifiedReview,
};
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_core::view::View;

use super::{Checked, Fold, RequestFold, ensure, wrong};
use crate::finding::Code;
use crate::opened::Opened;

impl Fold {
    pub(super) fn reviewed(&mut self, request: &mut RequestFold, leaf: &Opened) -> Checked {
        let Event::Reviewed {
            reviewer,
            act,
            trace,
            grant,
            limits,
            ..
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        self.check_trace(trace)?;
        self.reviews = self.reviews.saturating_add(1);
        in_time(request, leaf)?;
        let review = self.signed(request, leaf, trace)?;
        request.reviews.push(review);
        self.held_at_its_tier(request, leaf, trace.tier)?;
        let step = match (act, leaf.entry.to) {
            (ReviewAct::Deny, _) => Step::Denied,
            (ReviewAct::Approve, Some(State::Denied)) => Step::Forbidden,
            (ReviewAct::Approve, Some(State::Redeemable)) => Step::Met,
            (ReviewAct::Approve, _) => Step::Reviewed,
        };
        request.step(&[step], leaf)?;
        let waits = leaf.kind == LeafKind::Review;
        ensure(
            waits == (request.state == State::Held),
            Code::Record,
            "a review that decides stands in a leaf of another kind",
        )?;
        if *act == ReviewAct::Approve {
            request.approved_by.push(reviewer.clone());
        }
        match step {
            Step::Met => {
                request.decision = Some(leaf.index);
                self.met(request, leaf, trace.tier)?;
                request.count_step();
                let Some(limits) = limits else {
                    return wrong(Code::Limits, "it decides and states no limits");
                };
                request.limits = Some(limits.clone());
                request.grant = *grant;
                request.decided_by = Some(DecidedBy::Human);
                return ensure(
                    grant.is_some(),
                    Code::Quorum,
                    "it decides and names no grant",
                );
            }
            Step::Denied => close(request, leaf, "denied_by_human", DecidedBy::Human),
            Step::Forbidden => close(request, leaf, "forbidden", DecidedBy::Policy),
            _ => {}
        }
        ensure(
            grant.is_none() && limits.is_none(),
            Code::Quorum,
            "it does not decide and makes a grant",
        )
    }

    /// What asks for more than when it was held is held again, and not approved.
    fn held_at_its_tier(&self, request: &RequestFold, leaf: &Opened, now: Tier) -> Checked {
        let approves =
            matches!(&leaf.entry.event, Event::Reviewed { act, .. } if *act == ReviewAct::Approve);
        let forbidden = leaf.entry.to == Some(State::Denied);
        let dev = self
            .directory()
            .is_some_and(|directory| directory.origin.is_dev());
        ensure(
            !approves || forbidden || !asks_more(request.tier, now, dev),
            Code::Review,
            "it approves at a higher tier than it was held at: it had to be held again",
        )
    }

    /// The last seat is filled by what really was signed, and the limits are the least of all.
    // INVARIANT(genuine-quorum): counted again from the signatures in the ledger, under the directory of this leaf.
    fn met(&mut self, request: &RequestFold, leaf: &Opened, tier: Tier) -> Checked {
        let Some((held, quorum)) = self.count(request, tier, leaf.entry.at) else {
            self.gap(
                Some(leaf.index),
                "the reviews could not be counted: a part of them is not here",
            );
            return Ok(());
        };
        ensure(
            quorum.met,
            Code::Quorum,
            "it was decided without enough people whose signatures count",
        )?;
        let Event::Reviewed {
            limits: Some(said), ..
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        let wide = request
            .record()
            .is_some_and(|record| *said != effective_limits(&record, &held.requirement, &quorum));
        ensure(
            !wide,
            Code::Limits,
            "its limits are not the least of request, checkpoints and reviews",
        )
    }

    /// Counts the stored reviews; nothing when a part was erased or the chain is broken.
    pub(super) fn count<'r>(
        &self,
        request: &'r RequestFold,
        tier: Tier,
        at: Timestamp,
    ) -> Option<(&'r HeldAt, Quorum)> {
        let directory = self.directory()?;
        let held = request.held.as_ref()?;
        let question = Question {
            subject: subject(request, held, directory),
            requirement: &held.requirement,
            tier,
            requester: request.requester()?,
            directory,
            moment: self.moment(request, at),
        };
        let reviews: Vec<UnverifiedReview> =
            request.reviews.iter().cloned().collect::<Option<_>>()?;
        Some((held, quorum::count(&question, &reviews)))
    }

    /// The review as it was signed, once everything in its leaf agrees with it.
    fn signed(
        &mut self,
        request: &mut RequestFold,
        leaf: &Opened,
        trace: &Trace,
    ) -> Checked<Option<UnverifiedReview>> {
        let (Some(context), Some(signature)) = (text(leaf, "context")?, text(leaf, "signature")?)
        else {
            let gone = if leaf.bytes("context").is_none() {
                "context"
            } else {
                "signature"
            };
            self.gap(
                Some(leaf.index),
                format!("{}: the signature was not checked", leaf.absence(gone)),
            );
            return Ok(None);
        };
        let mut review = UnverifiedReview::new(context, signature);
        // Kept in the row where it lists delegations, and nowhere else.
        if by_delegation(leaf) {
            review.authority = text(leaf, "authority")?;
        }
        let whole = !by_delegation(leaf) || review.authority.is_some();
        let Some(held) = request.held.clone() else {
            self.gap(
                Some(leaf.index),
                "what held it is not here: the review was not checked",
            );
            return Ok(whole.then_some(review));
        };
        let Some(directory) = self.directory() else {
            return Ok(whole.then_some(review));
        };
        let lending = self.lending(request, &held, directory, leaf.entry.at);
        let verified =
            VerifiedReview::verify(&review, &subject(request, &held, directory), &lending)
                .map_err(|error| (Code::Review, error.to_string()))?;
        if !whole || (request.requester().is_none() && by_delegation(leaf)) {
            let gone = if whole {
                "who asked is not here".to_owned()
            } else {
                leaf.absence("authority")
            };
            let text = format!("{gone}: whether a delegation counted was not checked");
            self.gap(Some(leaf.index), text);
            return Ok(whole.then_some(review));
        }
        let directory = lending.directory();
        named(leaf, &verified)?;
        current(request, &held, trace, &verified)?;
        shown(leaf, &verified)?;
        may_decide(request, &held, directory, &verified)?;
        answered(leaf, &held, request.tier.max(trace.tier), &verified)?;
        let nonce = verified.context().review_nonce.clone();
        ensure(
            !request.nonces.contains(&nonce),
            Code::Review,
            "its nonce was used before: the signature was replayed",
        )?;
        request.nonces.push(nonce);
        request.checked.push((leaf.index, verified.assurance()));
        Ok(Some(review))
    }

    /// The delegations that count at a request at some moment: none, where who asked is not here.
    pub(super) fn lending<'r>(
        &self,
        request: &'r RequestFold,
        held: &'r HeldAt,
        directory: &'r Directory,
        at: Timestamp,
    ) -> Lending<'r> {
        let moment = self.moment(request, at);
        match request.requester() {
            Some(requester) => Lending::new(directory, &held.requirement, requester, moment),
            None => Lending::of_nobody(directory, &held.requirement, moment),
        }
    }
}

fn by_delegation(leaf: &Opened) -> bool {
    matches!(&leaf.entry.event, Event::Reviewed { delegations, .. } if !delegations.is_empty())
}

pub(super) fn subject<'a>(
    request: &RequestFold,
    held: &HeldAt,
    directory: &'a Directory,
) -> Subject<'a> {
    Subject {
        gate: &directory.origin,
        request: request.id,
        request_hash: request.request_hash,
        digest: request.digest,
        display_hash: request.display_hash,
        requirement_hash: held.requirement_hash,
        spend_by: request.spend_by,
    }
}

pub(super) fn in_time(request: &RequestFold, leaf: &Opened) -> Checked {
    let Some(held) = &request.held else {
        return Ok(());
    };
    ensure(
        leaf.entry.at <= held.decide_by && leaf.time <= held.decide_by,
        Code::Deadline,
        "it was stored after the time to decide",
    )
}

/// The record names the review that was signed.
fn named(leaf: &Opened, verified: &VerifiedReview) -> Checked {
    let Event::Reviewed {
        reviewer,
        key,
        authority,
        delegations,
        act,
        challenge,
        ..
    } = &leaf.entry.event
    else {
        return Ok(());
    };
    let context = verified.context();
    let signed = leaf.bytes("context").unwrap_or_default();
    ensure(
        reviewer == verified.human()
            && *key == context.reviewer.key
            && *authority == context.reviewer.authority_hash
            && *delegations == verified.authority().delegations()
            && *act == context.act
            && *challenge == ReviewContext::challenge(signed),
        Code::Review,
        "the record names another reviewer or act than was signed",
    )
}

/// Bundle, authority and times in what was signed are those of this moment.
fn current(
    request: &RequestFold,
    held: &HeldAt,
    trace: &Trace,
    verified: &VerifiedReview,
) -> Checked {
    let context = verified.context();
    ensure(
        context.policy == trace.bundle
            && context.decide_by == held.decide_by
            && context.spend_by == request.spend_by
            && verified.authority().hash() == context.reviewer.authority_hash,
        Code::Review,
        "it was signed over another bundle, authority or time",
    )?;
    ensure(
        context.act == ReviewAct::Deny
            || request
                .limits
                .as_ref()
                .is_none_or(|limits| context.limits.within(limits)),
        Code::Limits,
        "the review widens the limits",
    )
}

/// What is kept as shown and answered is what was signed.
fn shown(leaf: &Opened, verified: &VerifiedReview) -> Checked {
    let context = verified.context();
    let view = leaf.bytes("view");
    ensure(
        view.is_none_or(|view| View::hash_of(view) == context.view_hash),
        Code::Review,
        "the stored view is not the one that was signed",
    )?;
    let authority = leaf.bytes("authority");
    ensure(
        authority.is_none_or(|bytes| Authority::hash_of(bytes) == context.reviewer.authority_hash),
        Code::Review,
        "the stored authority is not the one that was signed",
    )
}

// INVARIANT(requester-never-decides): asked again of the identity anchor in the ledger.
fn may_decide(
    request: &RequestFold,
    held: &HeldAt,
    directory: &Directory,
    verified: &VerifiedReview,
) -> Checked {
    let own = request
        .requester()
        .is_some_and(|requester| requester.set().contains(verified.human()));
    ensure(!own, Code::Review, "the reviewer belongs to the requester")?;
    ensure(
        verified.authority().entitles(&held.requirement),
        Code::Review,
        "the reviewer was not entitled to decide",
    )?;
    let authority = verified.authority();
    let asked = held
        .requirement
        .signer(|checkpoint| authority.admitted_at(checkpoint));
    ensure(
        verified.context().act == ReviewAct::Deny || asked.takes(verified.kind()),
        Code::Review,
        "it was signed with another kind of key than the checkpoint takes",
    )?;
    ensure(
        verified.assurance() != Assurance::Software || directory.origin.is_dev(),
        Code::Review,
        "it was signed by a software key outside a development gate",
    )
}

/// The answers are those that were signed, and none of them forbids approving.
fn answered(leaf: &Opened, held: &HeldAt, tier: Tier, verified: &VerifiedReview) -> Checked {
    let approves = verified.context().act == ReviewAct::Approve;
    // Also when the words themselves are erased.
    ensure(
        !approves || !reason::is_demanded(tier) || verified.context().reasoned,
        Code::Review,
        "it approves red, and was signed without a reason",
    )?;
    let Some(bytes) = leaf.bytes("answers") else {
        return Ok(());
    };
    let answers: Answers = canonical::from_canonical_bytes(bytes)
        .map_err(|error| (Code::Review, format!("the answers cannot be read: {error}")))?;
    ensure(
        answers.hash().ok() == Some(verified.context().answers_hash),
        Code::Review,
        "the stored answers are not those that were signed",
    )?;
    ensure(
        !approves || held.requirement.unanswered(&answers.criteria).is_empty(),
        Code::Review,
        "it approves although a criterion is open",
    )?;
    ensure(
        !approves || !verified.context().reasoned || answers.say_why(),
        Code::Review,
        "what was signed and the answers differ in whether there is a reason",
    )
}

fn close(request: &mut RequestFold, leaf: &Opened, code: &str, decided_by: DecidedBy) {
    request.decided_by = Some(decided_by);
    request.closing = Some(Closing {
        code: code.to_owned(),
        decided_by,
        at: leaf.entry.at,
    });
}

fn text(leaf: &Opened, name: &str) -> Checked<Option<String>> {
    let Some(bytes) = leaf.bytes(name) else {
        return Ok(None);
    };
    String::from_utf8(bytes.to_vec())
        .map(Some)
        .map_err(|_| (Code::Review, format!("its {name} is not text")))
}
