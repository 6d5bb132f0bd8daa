//! Redemption and execution: the proof is rebuilt now, the claim is durable before anything is touched, and what came
//! of it is reported once.

use std::time::Duration;

use gatehold_core::approved::Approved;
use gatehold_core::decide::{
    Act, ActBy, ActKind, Command, Record, Redeem, Release, Report, Revoke, Withdraw, decide,
};
use gatehold_core::guard;
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::state::Event as Step;
use gatehold_core::request::{Closing, DecidedBy, Outcome, RequestRecord, State};
use gatehold_core::trust::{Change, GATE_TARGET, SubmitSignature};

use crate::answers::{Caller, Redeemed};
use crate::drive::{Committed, TRIES};
use crate::error::GateError;
use crate::gate::Gate;
use crate::input::Word;
use crate::question::{Given, When};
use crate::safe_act::SafeAct;
use crate::sound;
use crate::stored::{StoredRequest, attachment};

impl Gate {
    /// The request as it stands, for the key that asked. Its reviews are withheld until it is decided.
    ///
    /// # Errors
    /// [`GateError`]; a foreign key learns nothing, not even that the request exists.
    pub async fn status(&self, caller: &Caller, id: RequestId) -> Result<RequestRecord, GateError> {
        let stored = self.own(caller, id).await?;
        Ok(blind(self.lapsed(stored.record).await?))
    }

    /// Tells as expired what can be used no more, also while the clock has not closed it: a grant may end before the time to use
    /// it does. Nothing of this is stored.
    pub(crate) async fn lapsed(
        &self,
        mut record: RequestRecord,
    ) -> Result<RequestRecord, GateError> {
        if !matches!(record.state, State::Allowed | State::Redeemable) {
            return Ok(record);
        }
        let grant = self.grant_of(&record).await?;
        let now = self.store().now().await?;
        let over = grant.is_some_and(|(grant, _)| grant.is_over(now));
        if over || now > record.spend_by {
            record.state = State::Expired;
            record.closing = Some(Closing {
                code: "expired".to_owned(),
                decided_by: DecidedBy::Timeout,
                at: now,
            });
        }
        Ok(record)
    }

    /// Waits until the request is no longer held or a reviewer asks something more, at most so long.
    ///
    /// # Errors
    /// As [`Gate::status`].
    pub async fn wait(
        &self,
        caller: &Caller,
        id: RequestId,
        at_most: Duration,
    ) -> Result<RequestRecord, GateError> {
        let waiting = async {
            let mut heard = None;
            loop {
                let decided = self.inner.decided.notified();
                let record = self.status(caller, id).await?;
                let turns = record.turns.len();
                let asked = *heard.get_or_insert(turns) < turns && record.is_asked();
                if record.state != State::Held || asked {
                    return Ok(record);
                }
                // Another process may decide: look again now and then even when nothing wakes us here.
                let _ = tokio::time::timeout(Duration::from_secs(1), decided).await;
            }
        };
        match tokio::time::timeout(at_most, waiting).await {
            Ok(answer) => answer,
            Err(_) => self.status(caller, id).await,
        }
    }

    /// The requester takes it back.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn withdraw(
        &self,
        caller: &Caller,
        id: RequestId,
    ) -> Result<RequestRecord, GateError> {
        let withdraw = |_: &RequestRecord| {
            Ok(Command::Withdraw(Withdraw {
                key: caller.key,
                nonce: caller.nonce.clone(),
            }))
        };
        let withdrawn = self.on_request(id, withdraw).await;
        let key = caller.key;
        let withdrawal = || SafeAct::Withdraw { key, request: id };
        let withdrawn = self.or_keep(withdrawn, withdrawal).await;
        self.unless_replayed(caller, withdrawn).await
    }

    /// The requester answers every question that is open.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn answer(
        &self,
        caller: &Caller,
        id: RequestId,
        text: &str,
    ) -> Result<RequestRecord, GateError> {
        let act = |_: &RequestRecord| {
            Ok(Command::Act(Act {
                by: ActBy::Requester {
                    key: caller.key,
                    nonce: caller.nonce.clone(),
                },
                kind: ActKind::Answer,
                text: text.to_owned(),
                channel: "signed".to_owned(),
            }))
        };
        let answered = self.on_request(id, act).await;
        self.unless_replayed(caller, answered).await.map(blind)
    }

    /// A call that was refused is told that it was sent before, if it was: what it changed then may be why it is refused
    /// now.
    pub(crate) async fn unless_replayed<T>(
        &self,
        caller: &Caller,
        answer: Result<T, GateError>,
    ) -> Result<T, GateError> {
        let Err(GateError::Refused(refusal)) = answer else {
            return answer;
        };
        let nonce = caller.nonce.key(&caller.key);
        // A store that does not answer takes nothing away from the refusal.
        let counted = matches!(self.store().unique(&nonce).await, Ok(Some(_)));
        Err(if counted { Refusal::Replayed } else { refusal }.into())
    }

    /// Executes what was allowed or approved, at most once.
    ///
    /// # Errors
    /// [`GateError`] when there is nothing to redeem or nothing could be claimed.
    pub async fn redeem(&self, caller: &Caller, id: RequestId) -> Result<Redeemed, GateError> {
        let redeemed = self.redeem_call(caller, id).await;
        self.unless_replayed(caller, redeemed).await
    }

    async fn redeem_call(&self, caller: &Caller, id: RequestId) -> Result<Redeemed, GateError> {
        self.journal_first().await?;
        for _ in 0..TRIES {
            let stored = self.own(caller, id).await?;
            let redeem = Redeem {
                key: caller.key,
                nonce: caller.nonce.clone(),
                submit: None,
                plan: None,
            };
            match self.redeem_once(&stored, redeem).await? {
                None => {}
                Some((Release::Approved(approved, record), word)) => {
                    return self.perform(*approved, &record, word).await;
                }
                Some((Release::Request(record), _)) => {
                    return Ok(Redeemed {
                        record: blind(*record),
                        execution: None,
                        credential: None,
                        lease: None,
                    });
                }
                Some(_) => {
                    return Err(GateError::damaged(
                        "a redemption releases proof or a request",
                    ));
                }
            }
        }
        Err(self.overtaken().await)
    }

    /// Executes, or makes the credential that was approved.
    async fn perform(
        &self,
        approved: Approved,
        record: &RequestRecord,
        word: Word,
    ) -> Result<Redeemed, GateError> {
        let brokered = self.grant_of(record).await?;
        if brokered.is_some_and(|(grant, _)| grant.lease.is_some()) {
            return self.issue(approved, record, word).await;
        }
        let execution = self.execute(approved, record, word).await;
        let record = self.report(record.id, execution.clone()).await?;
        Ok(Redeemed {
            record,
            execution: Some(execution),
            credential: None,
            lease: None,
        })
    }

    /// Applies an approved change of the gate itself. Its author signed the submission; nothing is left to ask them.
    pub(crate) async fn apply_change(&self, id: RequestId) -> Result<RequestRecord, GateError> {
        self.journal_first().await?;
        // With which leaf it was asked for, and what was stopped since.
        self.read_on().await?;
        for _ in 0..TRIES {
            let stored = self.request(id).await?;
            if stored.record.state != State::Redeemable
                || stored.record.envelope.target.as_str() != GATE_TARGET
            {
                return Ok(stored.record);
            }
            let submission = self.submission(&stored).await?;
            let action = Self::action(&stored.record, &submission)?;
            let change = Change::of(&action);
            if let Ok(Change::RecordErase(erase)) = &change {
                self.check_erasable(erase).await?;
            }
            // Asked for before this program was started, perhaps, by one that took what this one cannot read.
            if let Ok(change) = &change
                && guard!("bundle-sound-when-applied", true)
            {
                sound::check(change, action.payload())?;
            }
            let submit: SubmitSignature =
                canonical::from_canonical_bytes(attachment(&submission, "proof")?)
                    .map_err(GateError::damaged)?;
            let redeem = Redeem {
                key: stored.record.requester.key(),
                nonce: format!("apply-{id}").into(),
                submit: Some(submit),
                plan: None,
            };
            match self.redeem_once(&stored, redeem).await? {
                None => {}
                Some((Release::Request(record), _)) => {
                    self.read_on().await?;
                    if let Ok(Change::RecordErase(_)) = change {
                        self.finish_erasures().await?;
                    }
                    return Ok(*record);
                }
                Some(_) => return Err(GateError::damaged("a change releases a request")),
            }
        }
        Err(self.overtaken().await)
    }

    /// One try, and what policy was asked for it that only this gate knows; nothing when the world changed under it.
    async fn redeem_once(
        &self,
        stored: &StoredRequest,
        redeem: Redeem,
    ) -> Result<Option<(Release, Word)>, GateError> {
        let record = &stored.record;
        let submission = self.submission(stored).await?;
        let action = Self::action(record, &submission)?;
        self.read_on_behind_glass(record).await?;
        // To resume a workload is to change its pause row, so that one is read.
        let loaded = match Change::of(&action) {
            Ok(Change::WorkloadResume(resume)) => {
                self.load(resume.workload.as_str(), None, None).await?
            }
            _ => self.load_for(&record.requester, &record.envelope).await?,
        };
        // What the decision rested on may have changed since: nothing that was found out earlier lets it out.
        let given = Given {
            own: Some(record),
            claims: &Self::claims(&submission),
            when: When::Used,
        };
        let answered = self.ask(&action, &record.requester, &loaded, given).await?;
        let descriptors = loaded.active.bundle.descriptors();
        let descriptor = descriptors.get(&action.envelope().descriptor.id);
        let redeem = Redeem {
            plan: match record.grant {
                Some(grant) => self.plan(&action, descriptor, grant)?,
                None => None,
            },
            ..redeem
        };
        if redeem.plan.is_some() {
            self.lives_in(record.envelope.task);
        }
        let grant = self.grant_of(record).await?;
        let world = loaded.world(Some(&answered), self.settings());
        let about = Record::Request {
            record,
            version: stored.version,
            action: Some(&action),
            grant: grant.as_ref().map(|(grant, version)| (grant, *version)),
        };
        let fresh = self.fresh(loaded.now);
        let decided = decide(about, Command::Redeem(redeem), &world, &fresh, loaded.now);
        let (write, sealed) = match decided {
            Ok(decided) => decided,
            // Its grant was read after it: somebody used it between the two, and that is no refusal of what is asked for here.
            Err(_) if self.request(record.id).await?.version != stored.version => return Ok(None),
            Err(refusal) => return Err(refusal.into()),
        };
        match self.commit(write, sealed).await? {
            Committed::Done(_, release) => Ok(Some((release, answered.word))),
            Committed::Again => Ok(None),
        }
    }

    pub(crate) async fn report_step(
        &self,
        id: RequestId,
        step: Step,
        code: &str,
        quantity: Option<u64>,
        body: &[u8],
    ) -> Result<RequestRecord, GateError> {
        let now = self.store().now().await?;
        let outcome = Outcome {
            code: code.to_owned(),
            quantity,
            result: Hash::of(body),
            at: now,
        };
        let command = |_: &RequestRecord| {
            Ok(Command::Report(Report {
                step,
                outcome: outcome.clone(),
                result: body.to_vec(),
            }))
        };
        self.on_request(id, command).await
    }

    pub(crate) async fn revoke_with(
        &self,
        id: RequestId,
        revoke: Revoke,
    ) -> Result<RequestRecord, GateError> {
        self.on_request(id, |_| Ok(Command::Revoke(revoke.clone())))
            .await
    }

    /// Decides a command about a stored request that lets nothing out, until it is committed.
    pub(crate) async fn on_request(
        &self,
        id: RequestId,
        command: impl Fn(&RequestRecord) -> Result<Command, GateError>,
    ) -> Result<RequestRecord, GateError> {
        for _ in 0..TRIES {
            let stored = self.request(id).await?;
            let record = &stored.record;
            let loaded = self.load_for(&record.requester, &record.envelope).await?;
            let grant = self.grant_of(record).await?;
            let about = Record::Request {
                record,
                version: stored.version,
                action: None,
                grant: grant.as_ref().map(|(grant, version)| (grant, *version)),
            };
            let world = loaded.world(None, self.settings());
            let fresh = self.fresh(loaded.now);
            let (write, sealed) = decide(about, command(record)?, &world, &fresh, loaded.now)?;
            match self.commit(write, sealed).await? {
                Committed::Done(_, Release::Request(record)) => return Ok(*record),
                Committed::Done(..) => return Err(GateError::damaged("a request was expected")),
                Committed::Again => {}
            }
        }
        Err(self.overtaken().await)
    }

    pub(crate) async fn own(
        &self,
        caller: &Caller,
        id: RequestId,
    ) -> Result<StoredRequest, GateError> {
        let stored = self.request(id).await?;
        // Polling, withdrawal and use need the key that asked (threat C13).
        if guard!("own-key", stored.record.requester.key() != caller.key) {
            return Err(Refusal::NoSuchRequest.into());
        }
        Ok(stored)
    }
}

/// While a request is held nobody learns that a review exists, what it says, or whose it is.
pub(crate) fn blind(mut record: RequestRecord) -> RequestRecord {
    if record.state == State::Held {
        record.reviews.clear();
        record.claimed_by = None;
    }
    record
}
