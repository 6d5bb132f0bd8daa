//! What people do: look, open, review, act, revoke, stop. Everything but a review may come from a session; a review is
//! signed by the enrolled key itself.

use std::collections::BTreeMap;

use gatehold_core::decide::{
    Act, ActBy, ActKind, Command, Opened, Record, Release, Revoke, StopBy, StopChange,
    SubmittedReview, decide, revoke_key,
};
use gatehold_core::delegation::Lending;
use gatehold_core::directory::{Authority, Directory};
use gatehold_core::guard;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, RequestId, WorkloadId};
use gatehold_core::json::canonical;
use gatehold_core::quorum::{self, Question};
use gatehold_core::refusal::Refusal;
use gatehold_core::request::{HeldAt, RequestRecord, State};
use gatehold_core::review::{
    Answers, REVIEW_TYPE, ReviewAct, ReviewContext, ReviewError, ReviewerRef, Subject,
    UnverifiedReview,
};
use gatehold_core::stops::Stops;
use gatehold_core::trust::{Evidence, GATE_TARGET, SignedRevocation};
use gatehold_core::view::View;

use crate::answers::{OpenedRequest, ReviewInput, Reviewed};
use crate::caps::kept_or_refused;
use crate::conversation::answers;
use crate::drive::{Committed, TRIES};
use crate::error::GateError;
use crate::gate::{Active, Gate};
use crate::ports::store::OpenedView;
use crate::question::{Given, When};
use crate::redeem::blind;
use crate::safe_act::SafeAct;
use crate::stored::StoredRequest;
use crate::submit::digest_words;
use crate::view::bytes;

/// How long an opened view can be signed, in seconds.
const OPENED_SECONDS: u32 = 3_600;

/// Whether a review of theirs counts, so that nothing is left for them to do. They learn only of their own: the reviews of
/// others are not even verified, so that the time of an answer says nothing of them.
pub(crate) fn signed(
    record: &RequestRecord,
    held: &HeldAt,
    lending: &Lending<'_>,
    human: &HumanId,
) -> bool {
    let directory = lending.directory();
    let own = |review: &&UnverifiedReview| {
        canonical::from_bytes::<ReviewContext>(review.context.as_bytes()).is_ok_and(|context| {
            let by = &context.reviewer;
            (by.issuer.as_str(), by.subject.as_str()) == (human.issuer(), human.subject())
        })
    };
    let own: Vec<UnverifiedReview> = record.reviews.iter().filter(own).cloned().collect();
    if own.is_empty() {
        return false;
    }
    let question = Question {
        subject: Subject {
            gate: &directory.origin,
            request: record.id,
            request_hash: record.request_hash,
            digest: record.digest,
            display_hash: record.display_hash,
            requirement_hash: held.requirement_hash,
            spend_by: record.spend_by,
        },
        requirement: &held.requirement,
        tier: record.tier,
        requester: &record.requester,
        directory,
        moment: lending.moment(),
    };
    let counted = quorum::count(&question, &own);
    counted
        .approvals
        .iter()
        .any(|review| review.human() == human)
}

impl Gate {
    /// A request as anyone enrolled may see it.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn show(&self, id: RequestId) -> Result<RequestRecord, GateError> {
        let record = self.request(id).await?.record;
        Ok(blind(self.lapsed(record).await?))
    }

    /// Opens a held request for a reviewer: draws a nonce and stores exactly what is shown.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn open_request(
        &self,
        human: &HumanId,
        key: &Hash,
        id: RequestId,
    ) -> Result<OpenedRequest, GateError> {
        let stored = self.request(id).await?;
        let record = &stored.record;
        let (State::Held, Some(held)) = (record.state, &record.held) else {
            return Err(Refusal::WrongState {
                state: record.state.name(),
            }
            .into());
        };
        let submission = self.submission(&stored).await?;
        let action = Self::action(record, &submission)?;
        let claims = Self::claims(&submission);
        let loaded = self.load_for(&record.requester, &record.envelope).await?;
        let directory = &loaded.active.directory;
        let authority = loaded
            .lending(record, held, self.settings())
            .authority(human, key)
            .ok_or(Refusal::UnknownPrincipal)?;
        let given = Given {
            own: Some(record),
            claims: &claims,
            when: When::LookedAt,
        };
        let answered = self.ask(&action, &record.requester, &loaded, given).await?;
        let view = self
            .build_view(record, held, &loaded, &answered, &action, &claims)
            .await?;
        let answers = answers(&self.questions(record).await?);
        let view_bytes = bytes(&view)?;
        let review_nonce = Hash::from_bytes(self.inner.parts.entropy.bytes()).hex();
        let context = ReviewContext {
            type_: REVIEW_TYPE.to_owned(),
            gate: directory.origin.clone(),
            request: record.id,
            request_hash: record.request_hash,
            digest: record.digest,
            display_hash: record.display_hash,
            view_hash: View::hash_of(&view_bytes),
            requirement_hash: held.requirement_hash,
            policy: directory.bundle,
            act: ReviewAct::Approve,
            limits: view.terms.limits.clone(),
            answers_hash: empty_answers()?,
            reasoned: false,
            reviewer: reviewer(&authority),
            review_nonce: review_nonce.clone(),
            issued_at: loaded.now,
            decide_by: held.decide_by,
            spend_by: record.spend_by,
        };
        let opened = OpenedView {
            review_nonce,
            request: id.to_string(),
            view: view_bytes.clone(),
            expires: held.decide_by.min(loaded.now.plus_seconds(OPENED_SECONDS)),
        };
        self.store().put_opened(opened).await?;
        Ok(OpenedRequest {
            words: digest_words(record),
            criteria: view.criteria,
            display: crate::stored::attachment(&submission, "display")?.to_vec(),
            view: view_bytes,
            envelope: action.envelope_bytes().to_vec(),
            payload: action.payload().to_vec(),
            asked: crate::stored::attachment(&submission, "request")?.to_vec(),
            claims,
            answers,
            context,
            authority: canonical::to_bytes(&authority).map_err(GateError::damaged)?,
            record: blind(stored.record),
        })
    }

    /// Stores a signed review. The last one needed makes the request redeemable; a change of the gate itself is then
    /// applied at once.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn review(&self, input: ReviewInput) -> Result<RequestRecord, GateError> {
        Ok(self.review_told(input).await?.record)
    }

    /// The same, and whether it was held again instead of being counted.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn review_told(&self, input: ReviewInput) -> Result<Reviewed, GateError> {
        match signed_denial(&input, &self.active().directory) {
            Some(denial) => {
                let reviewed = self.review_stored(&input).await;
                self.or_keep(reviewed, || denial).await
            }
            None => {
                self.journal_first().await?;
                self.review_stored(&input).await
            }
        }
    }

    async fn review_stored(&self, input: &ReviewInput) -> Result<Reviewed, GateError> {
        for _ in 0..TRIES {
            let stored = self.request(input.request).await?;
            match self.review_once(&stored, input).await? {
                None => {}
                Some(record)
                    if record.state == State::Redeemable
                        && record.envelope.target.as_str() == GATE_TARGET =>
                {
                    return Ok(Reviewed {
                        record: self.apply_change(record.id).await?,
                        held_again: false,
                    });
                }
                Some(record) => {
                    // A review that counts is in the row; where it is held anew, none is.
                    let held_again = record.state == State::Held && record.reviews.is_empty();
                    return Ok(Reviewed {
                        record: blind(record),
                        held_again,
                    });
                }
            }
        }
        Err(self.overtaken().await)
    }

    async fn review_once(
        &self,
        stored: &StoredRequest,
        input: &ReviewInput,
    ) -> Result<Option<RequestRecord>, GateError> {
        let record = &stored.record;
        let context: ReviewContext =
            canonical::from_canonical_bytes(input.review.context.as_bytes())
                .map_err(|error| Refusal::Review(ReviewError::Form(error.to_string())))?;
        let opened = self
            .store()
            .opened(&context.review_nonce)
            .await?
            .ok_or(Refusal::ChangedSinceShown)?;
        if guard!("opened-request", opened.request != record.id.to_string()) {
            return Err(Refusal::ChangedSinceShown.into());
        }
        let shown: View =
            canonical::from_canonical_bytes(&opened.view).map_err(GateError::damaged)?;
        let submission = self.submission(stored).await?;
        let action = Self::action(record, &submission)?;
        let loaded = self.load_for(&record.requester, &record.envelope).await?;
        if loaded.now > opened.expires {
            return Err(Refusal::TooLate("the opened view").into());
        }
        if context.act == ReviewAct::Approve {
            self.check_caps(record, &context, &loaded.active)?;
            // It was held again at a higher tier since that screen was opened, which asked for less.
            let less = record.demands_reason(record.tier) && !shown.reason_demanded;
            if guard!("opened-reason-demanded", less) {
                return Err(Refusal::ChangedSinceShown.into());
            }
        }
        let given = Given {
            own: Some(record),
            claims: &Self::claims(&submission),
            when: When::LookedAt,
        };
        let answered = self.ask(&action, &record.requester, &loaded, given).await?;
        let world = loaded.world(Some(&answered), self.settings());
        let submitted = SubmittedReview {
            review: input.review.clone(),
            answers: input.answers.clone(),
            opened: Opened {
                review_nonce: opened.review_nonce.clone(),
                view_hash: View::hash_of(&opened.view),
                claims_head: shown.claims_head,
                view: opened.view.clone(),
            },
        };
        let about = Record::Request {
            record,
            version: stored.version,
            action: Some(&action),
            grant: None,
        };
        let fresh = self.fresh(loaded.now);
        let (write, sealed) = decide(
            about,
            Command::Review(Box::new(submitted)),
            &world,
            &fresh,
            loaded.now,
        )?;
        match self.commit(write, sealed).await? {
            Committed::Done(_, Release::Request(record)) => Ok(Some(*record)),
            Committed::Done(..) => Err(GateError::damaged("a review releases a request")),
            Committed::Again => Ok(None),
        }
    }

    /// A cap that the review adds must be one that the target keeps: else people would approve what can only fail.
    fn check_caps(
        &self,
        record: &RequestRecord,
        context: &ReviewContext,
        active: &Active,
    ) -> Result<(), Refusal> {
        let kept = self.caps_kept_at(record, active);
        let asked = |cap: &&String| record.limits.caps.contains_key(*cap);
        let added = context.limits.caps.keys().filter(|cap| !asked(cap));
        kept_or_refused(added, &kept)
    }

    /// An act without a verdict, or a denial by a channel that cannot sign.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn act(
        &self,
        human: &HumanId,
        id: RequestId,
        kind: ActKind,
        text: &str,
        channel: &str,
    ) -> Result<RequestRecord, GateError> {
        let act = |_: &RequestRecord| {
            Ok(Command::Act(Act {
                by: ActBy::Human(human.clone()),
                kind,
                text: text.to_owned(),
                channel: channel.to_owned(),
            }))
        };
        let acted = self.on_request(id, act).await.map(blind);
        if !matches!(kind, ActKind::Deny | ActKind::Suspicious) {
            return acted;
        }
        let denial = || SafeAct::Deny {
            human: human.clone(),
            request: id,
            suspicious: kind == ActKind::Suspicious,
            text: text.to_owned(),
            channel: channel.to_owned(),
        };
        self.or_keep(acted, denial).await
    }

    /// Takes away what was allowed; what this process is executing is given up at its target and is then Unknown.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn revoke(&self, human: &HumanId, id: RequestId) -> Result<RequestRecord, GateError> {
        let revocation = || SafeAct::Revoke {
            human: human.clone(),
            request: id,
        };
        self.or_keep(self.revoke_stored(human, id).await, revocation)
            .await
    }

    pub(crate) async fn revoke_stored(
        &self,
        human: &HumanId,
        id: RequestId,
    ) -> Result<RequestRecord, GateError> {
        let enrolled = self.current().await?.directory.humans.contains_key(human);
        if enrolled && let Some(record) = self.revoke_running(id).await? {
            return Ok(record);
        }
        if let Some(record) = self.revoke_lease(human, id).await? {
            return Ok(record);
        }
        self.revoke_with(
            id,
            Revoke {
                human: Some(human.clone()),
                code: "revoked",
            },
        )
        .await
    }

    /// Stops something: the safe direction.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn stop(
        &self,
        human: &HumanId,
        add: Stops,
        reason: &str,
    ) -> Result<Stops, GateError> {
        let stop = || SafeAct::Stop {
            human: human.clone(),
            add: add.clone(),
            reason: reason.to_owned(),
        };
        self.or_keep(self.stop_stored(human, &add, reason).await, stop)
            .await
    }

    /// Whether there is a workload of this name.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn is_enrolled(&self, workload: &WorkloadId) -> Result<bool, GateError> {
        let active = self.current().await?;
        Ok(active.directory.workloads.contains_key(workload))
    }

    pub(crate) async fn stop_stored(
        &self,
        human: &HumanId,
        add: &Stops,
        reason: &str,
    ) -> Result<Stops, GateError> {
        // Who may have asked to lift it is in the leaves.
        let read = self.read_on().await.is_ok();
        for _ in 0..TRIES {
            let loaded = self.load(&human.to_string(), None, None).await?;
            let stops = &loaded.stops.value;
            let known = loaded.active.directory.humans.contains_key(human);
            // Set already, and nobody asks to lift it: a leaf for every time that it is said would let one person fill
            // the ledger. One that outlives what is asked for is written, once.
            let settled = read && loaded.as_read.restraints.is_settled(add);
            let again = stops.and(add) == *stops && settled;
            if known && loaded.stops.version > 0 && again {
                self.give_up_ended().await;
                return Ok(loaded.stops.value);
            }
            let world = loaded.world(None, self.settings());
            let change = StopChange {
                by: StopBy::Human(human.clone()),
                add: add.clone(),
                reason: reason.to_owned(),
            };
            let fresh = self.fresh(loaded.now);
            let (write, sealed) = decide(
                Record::Absent,
                Command::Stop(Box::new(change)),
                &world,
                &fresh,
                loaded.now,
            )?;
            match self.commit(write, sealed).await? {
                Committed::Done(_, Release::Stops(stops)) => {
                    self.give_up_ended().await;
                    return Ok(stops);
                }
                Committed::Done(..) => return Err(GateError::damaged("a stop releases stops")),
                Committed::Again => {}
            }
        }
        Err(self.overtaken().await)
    }

    /// Takes a key's force away: the subject's signature or those of two others.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn revoke_key(&self, revocation: SignedRevocation) -> Result<(), GateError> {
        let revoked = self.revoke_key_stored(revocation.clone()).await;
        self.or_keep(revoked, || SafeAct::RevokeKey { revocation })
            .await
    }

    pub(crate) async fn revoke_key_stored(
        &self,
        revocation: SignedRevocation,
    ) -> Result<(), GateError> {
        let evidence = Evidence::Revocation(revocation);
        for _ in 0..TRIES {
            let loaded = self.load("", None, None).await?;
            let world = loaded.world(None, self.settings());
            let write = revoke_key(&evidence, &world, &self.fresh(loaded.now), loaded.now)?;
            if self.commit_plain(write).await?.is_some() {
                self.read_on().await?;
                self.inner.lease_ended.notify_one();
                return Ok(());
            }
        }
        Err(self.overtaken().await)
    }
}

/// A review that denies, by a key that is enrolled: what is left of it when the store takes no review.
fn signed_denial(input: &ReviewInput, directory: &Directory) -> Option<SafeAct> {
    let text = &input.review.context;
    let context: ReviewContext = canonical::from_canonical_bytes(text.as_bytes()).ok()?;
    let about = context.act == ReviewAct::Deny
        && context.gate == directory.origin
        && context.request == input.request;
    let reviewer = &context.reviewer;
    let human = HumanId::new(&reviewer.issuer, &reviewer.subject).ok()?;
    let enrolled = directory.key(&human, &reviewer.key).filter(|_| about)?;
    let signature = &input.review.signature;
    directory
        .signed(enrolled, signature, text.as_bytes(), REVIEW_TYPE)
        .ok()?;
    Some(SafeAct::Deny {
        human,
        request: input.request,
        suspicious: false,
        text: input.answers.justification.clone(),
        channel: "signed".to_owned(),
    })
}

/// Who signs, as a review context names them.
fn reviewer(authority: &Authority) -> ReviewerRef {
    ReviewerRef {
        issuer: authority.human.issuer().to_owned(),
        subject: authority.human.subject().to_owned(),
        key: authority.key,
        authority_hash: authority.hash(),
    }
}

fn empty_answers() -> Result<Hash, GateError> {
    let answers = Answers {
        criteria: BTreeMap::new(),
        justification: String::new(),
        salt: String::new(),
    };
    answers.hash().map_err(GateError::damaged)
}
