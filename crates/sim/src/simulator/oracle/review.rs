//! Reviews: what is stored was signed by that human's own hand, over what they were shown, in time, and by somebody who
//! may decide.

use gatehold_core::entry::Event;
use gatehold_core::hash::Hash;
use gatehold_core::json::canonical;
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::review::{Answers, ReviewAct, ReviewContext};
use gatehold_core::tier::Tier;

use super::{Checked, Commit, Oracle, Request, Signed, Tampered, holds};
use crate::simulator::work::Intent;

impl Oracle {
    pub(super) fn reviewed(&mut self, record: &RequestRecord, commit: &Commit<'_>) -> Checked {
        let (Event::Reviewed { trace, .. }, Intent::Review { review, .. }) =
            (&commit.entry.event, commit.intent)
        else {
            return holds(false, "genuine-quorum", || {
                "a review nobody sent".to_owned()
            });
        };
        self.trace_is_true(trace)?;
        let Some(request) = self.requests.get(&record.id).cloned() else {
            return Ok(());
        };
        let signed = self
            .signed
            .iter()
            .find(|signed| signed.text == review.context);
        let Some(signed) = signed.cloned() else {
            return holds(false, "genuine-quorum", || {
                "a review nobody signed".to_owned()
            });
        };
        let context = &signed.context;
        self.may_review(&request, &signed, commit)?;
        self.is_exact(&request, context, commit)?;
        self.was_shown(&request, &signed.human, context, commit)?;
        if context.act == ReviewAct::Approve {
            holds(
                context.limits.within(&record.limits) || record.state == State::Redeemable,
                "narrowing-only-lowers",
                || format!("a review raised the limits of {}", record.id),
            )?;
        }
        // Whoever approved before was asked for less, and so was whoever did now.
        let now = trace.tier;
        let more = now > record.tier && (now == Tier::Red || !self.realm.dev);
        let stands = context.act == ReviewAct::Approve && record.state != State::Denied;
        holds(!(stands && more), "genuine-quorum", || {
            format!("{} rose to {now} and was not held again", record.id)
        })?;
        let denies = context.act == ReviewAct::Deny;
        if let Some(held) = self
            .requests
            .get_mut(&record.id)
            .and_then(|request| request.held.as_mut())
        {
            let new = held.reviewed.insert(signed.human.clone());
            holds(
                new || request.excused(&[Tampered::PutBack]),
                "genuine-quorum",
                || format!("{} decided twice on {}", signed.human, record.id),
            )?;
            held.denied |= denies;
        }
        if record.state == State::Redeemable {
            let mut request = self.requests.get(&record.id).cloned().unwrap_or(request);
            self.may_be_released(&request, record, None, commit)?;
            self.count(&mut request);
            self.requests.insert(record.id, request);
        }
        Ok(())
    }

    /// The reviewer is somebody who may decide on this, with a key that has force.
    // INVARIANT(requester-never-decides): nobody of the requester set stands in any review. Over an edited row, where a
    // process believes rows, only the row's leaf would tell who initiated it.
    fn may_review(&self, request: &Request, signed: &Signed, commit: &Commit<'_>) -> Checked {
        let (human, key) = (&signed.human, &signed.key);
        holds(
            request.excused(&[Tampered::Requester]) || !request.excluded.contains(human),
            "requester-never-decides",
            || format!("{human} decided on {}", request.id),
        )?;
        let level = self.realm.key(human, key);
        holds(level.is_some(), "genuine-quorum", || {
            format!("{human} signed with a key without force")
        })?;
        let software = level == Some(gatehold_core::assurance::Assurance::Software);
        holds(self.realm.dev || !software, "genuine-quorum", || {
            format!("a plain key of {human} decided in production")
        })?;
        let at = (commit.entry.at, commit.time);
        let held = request.held.as_ref();
        let entitled =
            held.is_some_and(|held| self.might_by(signed, &held.requirement, request, at));
        let other = request.excused(&[Tampered::Requirement, Tampered::PutBack]);
        holds(other || entitled, "genuine-quorum", || {
            format!("{human} is not entitled at {}", request.id)
        })?;
        // Whoever reads the leaf knows for whom it was.
        let Event::Reviewed { delegations, .. } = &commit.entry.event else {
            return Ok(());
        };
        let said = delegations.iter().eq(signed.given.keys());
        holds(said, "delegation-only-narrows", || {
            format!("the leaf of {human} names other delegations than they signed for")
        })
    }

    /// What was signed is what stands, member by member.
    // INVARIANT(signed-is-exact): compared with what was really asked for, not with the row.
    fn is_exact(&self, request: &Request, context: &ReviewContext, commit: &Commit<'_>) -> Checked {
        let held = request.held.as_ref();
        let exact = context.request == request.id
            && context.digest == request.action.digest()
            && context.policy == self.realm.bundle;
        holds(exact, "signed-is-exact", || {
            format!("a review of {} is about something else", request.id)
        })?;
        let requester = request.excused(&[Tampered::Requester]);
        let longer = request.excused(&[Tampered::Times]);
        let put_back = request.excused(&[Tampered::PutBack]);
        let requirement = put_back || request.excused(&[Tampered::Requirement]);
        let fits = (requester || context.request_hash == request.request_hash)
            && context.display_hash == request.display_hash
            && (longer || context.spend_by == request.spend_by)
            && held.is_some_and(|held| {
                let same = context.requirement_hash == held.requirement.requirement_hash();
                (longer || put_back || context.decide_by == held.decide_by) && (requirement || same)
            });
        holds(fits, "signed-is-exact", || {
            format!(
                "a review of {} names another requirement or time",
                request.id
            )
        })?;
        let late = held.is_none_or(|held| commit.time > held.decide_by);
        holds(!late || longer || put_back, "in-time", || {
            format!("{} was decided too late", request.id)
        })
    }

    /// The nonce was drawn for this person and request and is used once; view and answers are those that were signed.
    fn was_shown(
        &mut self,
        request: &Request,
        human: &gatehold_core::ids::HumanId,
        context: &ReviewContext,
        commit: &Commit<'_>,
    ) -> Checked {
        let Intent::Review { screen, .. } = commit.intent else {
            return Ok(());
        };
        let drawn = self.drawn.get(&context.review_nonce);
        let own = drawn == Some(&(request.id, human.clone())) && *screen == context.review_nonce;
        holds(own, "signed-is-exact", || {
            format!("a nonce was not drawn for {human} and {}", request.id)
        })?;
        let once = self.used_nonces.insert(context.review_nonce.clone());
        holds(once, "single-release", || {
            "a review was stored twice".to_owned()
        })?;
        let view = commit.attachment("view");
        let shown = Hash::tagged("gatehold/view/v1", &[view]) == context.view_hash
            && view.starts_with(request.claims_head.to_string().as_bytes());
        holds(
            shown || request.excused(&[Tampered::PutBack]),
            "signed-is-exact",
            || format!("{human} was not shown what stands in {}", request.id),
        )?;
        let answers: Option<Answers> =
            canonical::from_canonical_bytes(commit.attachment("answers")).ok();
        let hash = answers.as_ref().and_then(|answers| answers.hash().ok());
        holds(
            hash == Some(context.answers_hash),
            "signed-is-exact",
            || format!("{human} did not give the answers stored for {}", request.id),
        )?;
        let open = request
            .held
            .as_ref()
            .zip(answers.as_ref())
            .is_some_and(|(held, answers)| {
                !held.requirement.unanswered(&answers.criteria).is_empty()
            });
        let approves = context.act == ReviewAct::Approve;
        let red =
            matches!(&commit.entry.event, Event::Reviewed { trace, .. } if trace.tier == Tier::Red);
        let read = answers
            .as_ref()
            .is_some_and(|answers| has_read(request, answers));
        let other = request.excused(&[Tampered::Requirement, Tampered::Times, Tampered::PutBack]);
        holds(
            other || !(approves && red) || read,
            "genuine-quorum",
            || format!("{human} approved {} and had not read it", request.id),
        )?;
        let said = answers.as_ref().is_some_and(says_why);
        holds(!(approves && red) || said, "genuine-quorum", || {
            format!("{human} approved {} and did not say why", request.id)
        })?;
        holds(
            !approves || context.reasoned == said,
            "signed-is-exact",
            || {
                format!(
                    "{human} signed another word of why than stands in {}",
                    request.id
                )
            },
        )?;
        holds(
            request.excused(&[Tampered::Requirement, Tampered::PutBack]) || !(approves && open),
            "genuine-quorum",
            || format!("{human} approved {} without answering", request.id),
        )
    }
}

/// Whether somebody who reads it learns why: everybody here writes English.
fn says_why(answers: &Answers) -> bool {
    let text = answers.justification.as_str();
    let letters = text.chars().filter(char::is_ascii_alphanumeric);
    letters.count() >= 3 && !text.contains('\u{1b}')
}

/// Whether something that stands in the action or bounds it was given as the answer to its question.
fn has_read(request: &Request, answers: &Answers) -> bool {
    let envelope = request.action.envelope();
    let bounds = request
        .held
        .as_ref()
        .and_then(|held| held.requirement.limits());
    let caps = bounds.map(|bounds| bounds.caps).unwrap_or_default();
    let stands = |fact: &str| match fact {
        "resource" => Some(envelope.resource.to_string()),
        "target" => Some(envelope.target.to_string()),
        cap => {
            let both = [caps.get(cap), envelope.caps.get(cap)];
            both.into_iter().flatten().min().map(u64::to_string)
        }
    };
    answers.criteria.iter().any(|(id, given)| {
        let fact = id.strip_prefix("fact.");
        fact.and_then(stands).as_ref() == Some(given)
    })
}
