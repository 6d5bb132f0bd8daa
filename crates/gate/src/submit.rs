//! Submission: read strictly, ask policy, decide, commit, and only then answer.

use gatehold_core::action::Action;
use gatehold_core::decide::{Claims, Command, Record, Release, Submission, decide};
use gatehold_core::descriptor::ExecutorKind;
use gatehold_core::directory::{Directory, Lifecycle};
use gatehold_core::guard;
use gatehold_core::ids::WorkloadId;
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::RequestRecord;
use gatehold_core::requester::{GATE_WORKLOAD, Initiator, Requester, SubmittingPoint};
use gatehold_core::task::Task;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::{Change, GATE_TARGET, SUBMIT_NAMESPACE, SubmitSignature};
use gatehold_core::words::words;

use crate::answers::{Caller, HumanSubmit, Submit, Submitted};
use crate::drive::{Committed, TRIES};
use crate::error::GateError;
use crate::gate::{Active, Gate};
use crate::load::Loaded;
use crate::question::{Answered, Given, When};
use crate::secrets::refuse_inline;
use crate::sound;

impl Gate {
    /// A workload, or an enforcement point for one, asks for an action.
    ///
    /// # Errors
    /// [`GateError`]. Policy's "no" is an answer, not an error.
    pub async fn submit(&self, caller: &Caller, input: Submit) -> Result<Submitted, GateError> {
        self.journal_first().await?;
        let action =
            Action::parse(&input.envelope, input.payload.clone()).map_err(Refusal::from)?;
        refuse_inline(action.payload(), &input.claims)?;
        if let Some(request) = self.made_before(caller, &action, &input.claims).await? {
            return self.answer_again(request).await;
        }
        for _ in 0..TRIES {
            let active = self.current().await?;
            let now = self.store().now().await?;
            let id = workload_of(caller, &active.directory)?;
            let task = action.envelope().task.as_ref();
            let loaded = self
                .load(id.as_str(), task, Some(&action.envelope().target))
                .await?;
            let requester = workload_requester(
                caller,
                &id,
                loaded.task.as_ref().map(|now| &now.task.value),
                &loaded.active,
                now,
            )?;
            self.has_executor(&action, &requester, &loaded)?;
            self.keeps_caps(&action, &loaded)?;
            let submission = |answered: &Answered| Submission {
                action: action.clone(),
                described: answered.described.clone(),
                claims: input.claims.clone(),
                requester: requester.clone(),
                proof: caller.evidence.clone(),
                body: Some(caller.body.clone()),
                nonce: caller.nonce.clone(),
                idempotency: caller.idempotency.clone(),
                labels: answered.labels,
            };
            if let Some(submitted) = self
                .submit_once(
                    &action,
                    &requester,
                    &loaded,
                    &input.claims,
                    submission,
                    input.dry_run,
                )
                .await?
            {
                return Ok(submitted);
            }
        }
        // The idempotency key may have been taken by a twin of this very call.
        match self.made_before(caller, &action, &input.claims).await? {
            Some(request) => self.answer_again(request).await,
            None => Err(self.overtaken().await),
        }
    }

    /// A human asks for a change of the gate itself.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn submit_human(&self, input: HumanSubmit) -> Result<Submitted, GateError> {
        self.journal_first().await?;
        let action =
            Action::parse(&input.envelope, input.payload.clone()).map_err(Refusal::from)?;
        let envelope = action.envelope();
        if envelope.workload.as_str() != GATE_WORKLOAD || envelope.target.as_str() != GATE_TARGET {
            return Err(Refusal::NotYours(
                "a human asks only the gate itself, as workload `gatehold`",
            )
            .into());
        }
        let change = Change::of(&action).map_err(|error| Refusal::Claims(error.to_string()))?;
        if let Change::RecordErase(erase) = &change {
            self.check_erasable(erase).await?;
        }
        for _ in 0..TRIES {
            let loaded = self.load(&input.human.to_string(), None, None).await?;
            let directory = &loaded.active.directory;
            let enrolled = directory
                .key(&input.human, &input.key)
                .ok_or(Refusal::UnknownPrincipal)?;
            let message = SubmitSignature::message(action.envelope_bytes(), &input.submit.nonce);
            let signature = &input.submit.signature;
            directory
                .signed(enrolled, signature, message.as_bytes(), SUBMIT_NAMESPACE)
                .map_err(|error| Refusal::Review(error.into()))?;
            if guard!("bundle-sound-when-asked", true) {
                sound::check(&change, action.payload())?;
            }
            change
                .apply(&loaded.active.directory, &input.human, loaded.now, 0)
                .map_err(|error| Refusal::Claims(error.to_string()))?;
            self.keeps_caps(&action, &loaded)?;
            let requester = Requester::Human {
                human: input.human.clone(),
                key: input.key,
                beneficiaries: change.beneficiaries(&loaded.active.directory),
            };
            let proof = canonical::to_bytes(&input.submit).map_err(GateError::damaged)?;
            let submission = |answered: &Answered| Submission {
                action: action.clone(),
                described: answered.described.clone(),
                claims: input.claims.clone(),
                requester: requester.clone(),
                proof: proof.clone(),
                body: None,
                // No time stands in a person's signature over a submission: it counts once for ever.
                nonce: input.submit.nonce.clone().into(),
                idempotency: None,
                labels: answered.labels,
            };
            if let Some(submitted) = self
                .submit_once(
                    &action,
                    &requester,
                    &loaded,
                    &input.claims,
                    submission,
                    input.dry_run,
                )
                .await?
            {
                return Ok(submitted);
            }
        }
        Err(self.overtaken().await)
    }

    /// One try; nothing when the world changed under it.
    async fn submit_once(
        &self,
        action: &Action,
        requester: &Requester,
        loaded: &Loaded,
        claims: &Claims,
        submission: impl Fn(&Answered) -> Submission,
        dry_run: bool,
    ) -> Result<Option<Submitted>, GateError> {
        let given = Given {
            own: None,
            claims,
            when: When::Asked,
        };
        let answered = self.ask(action, requester, loaded, given).await?;
        let world = loaded.world(Some(&answered), self.settings());
        let command = Command::Submit(Box::new(submission(&answered)));
        let fresh = self.fresh(loaded.now);
        let (write, sealed) = decide(Record::Absent, command, &world, &fresh, loaded.now)?;
        let trace = answered.evaluated.trace().clone();
        if dry_run {
            let record = sealed
                .preview()
                .ok_or_else(|| GateError::damaged("a submission previews a request"))?;
            return Ok(Some(submitted(record.clone(), trace, None)));
        }
        match self.commit(write, sealed).await? {
            Committed::Done(receipt, Release::Request(record)) => {
                Ok(Some(submitted(*record, trace, Some(receipt))))
            }
            Committed::Done(..) => Err(GateError::damaged("a submission releases a request")),
            Committed::Again => Ok(None),
        }
    }

    async fn answer_again(
        &self,
        id: gatehold_core::ids::RequestId,
    ) -> Result<Submitted, GateError> {
        let stored = self.request(id).await?;
        let submission = self.submission(&stored).await?;
        let action = Self::action(&stored.record, &submission)?;
        let loaded = self
            .load_for(&stored.record.requester, &stored.record.envelope)
            .await?;
        let given = Given {
            own: Some(&stored.record),
            claims: &Self::claims(&submission),
            when: When::LookedAt,
        };
        let trace = self
            .ask(&action, &stored.record.requester, &loaded, given)
            .await?
            .evaluated
            .trace()
            .clone();
        Ok(Submitted {
            replayed: true,
            ..submitted(stored.record, trace, None)
        })
    }

    /// A kind of action that nobody knows is refused when policy is asked.
    fn keeps_caps(&self, action: &Action, loaded: &Loaded) -> Result<(), GateError> {
        let descriptors = loaded.active.bundle.descriptors();
        match descriptors.get(&action.envelope().descriptor.id) {
            Some(descriptor) => Ok(self.check_asked_caps(action, descriptor)?),
            None => Ok(()),
        }
    }

    /// An action that nothing here can execute is refused before anyone is asked to decide on it.
    fn has_executor(
        &self,
        action: &Action,
        requester: &Requester,
        loaded: &Loaded,
    ) -> Result<(), GateError> {
        let envelope = action.envelope();
        let descriptor = loaded
            .active
            .bundle
            .descriptors()
            .get(&envelope.descriptor.id);
        let kind = descriptor.map(|descriptor| descriptor.executor.kind);
        let known = match kind {
            Some(ExecutorKind::Http | ExecutorKind::Sql) => self
                .inner
                .parts
                .executor
                .has_target(envelope.target.as_str()),
            Some(ExecutorKind::Gate) if guard!("gate-by-people", true) => {
                return Err(Refusal::NotYours("a workload cannot change the gate itself").into());
            }
            Some(ExecutorKind::Broker) => {
                let descriptor = descriptor.ok_or(Refusal::UnknownDescriptor)?;
                return Ok(self.check_issuable(action, requester, descriptor)?);
            }
            Some(ExecutorKind::Gate) | None => true,
        };
        if known {
            Ok(())
        } else {
            Err(Refusal::UnknownTarget.into())
        }
    }
}

fn submitted(
    record: RequestRecord,
    trace: gatehold_core::verdict::Trace,
    receipt: Option<gatehold_core::commit::Receipt>,
) -> Submitted {
    let words = digest_words(&record);
    Submitted {
        record,
        trace,
        words,
        receipt,
        replayed: false,
    }
}

/// The four words, equal on every surface.
pub(crate) fn digest_words(record: &RequestRecord) -> [String; 4] {
    words(record.digest.as_bytes(), record.request_nonce.as_bytes()).map(ToOwned::to_owned)
}

/// The workload a call is for: the caller itself, or one that the enforcement point names and may submit for.
pub(crate) fn workload_of(caller: &Caller, directory: &Directory) -> Result<WorkloadId, Refusal> {
    if let Some((id, _)) = directory.workload_by_key(&caller.key) {
        return match &caller.workload {
            None => Ok(id.clone()),
            Some(named) if named == id => Ok(id.clone()),
            Some(_) => Err(Refusal::NotYours("a workload asks only for itself")),
        };
    }
    let (_, point) = directory
        .point_by_key(&caller.key)
        .ok_or(Refusal::UnknownPrincipal)?;
    let named = caller
        .workload
        .as_ref()
        .ok_or(Refusal::NotYours("an enforcement point names the workload"))?;
    if guard!("point-workload", !point.workloads.contains(named)) {
        return Err(Refusal::NotYours(
            "the enforcement point may not submit for this workload",
        ));
    }
    Ok(named.clone())
}

/// The identity anchor, as of now.
fn workload_requester(
    caller: &Caller,
    id: &WorkloadId,
    task: Option<&Task>,
    active: &Active,
    now: Timestamp,
) -> Result<Requester, Refusal> {
    let directory = &active.directory;
    let workload = directory
        .workloads
        .get(id)
        .ok_or(Refusal::UnknownPrincipal)?;
    let inactive = workload.lifecycle != Lifecycle::Active || now > workload.not_after;
    if guard!("workload-active", inactive) {
        return Err(Refusal::NotYours("the workload is not active"));
    }
    let initiator = task.and_then(|task| {
        let human = task.on_behalf_of.clone()?;
        Some(Initiator {
            human,
            attested: task.attested,
        })
    });
    Ok(Requester::Workload {
        id: id.clone(),
        kind: workload.kind,
        key: caller.key,
        owner: workload.owner.clone(),
        backup: workload.backup.clone(),
        custodians: workload.custodians.clone(),
        proposer: workload.proposer.clone(),
        assurance: workload.assurance,
        point: directory
            .point_by_key(&caller.key)
            .map(|(id, point)| SubmittingPoint::of(id, point)),
        initiator,
        delegators: [].into(),
        drafters: [].into(),
    })
}
