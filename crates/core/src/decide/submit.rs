//! Submission and verdict: one write. What policy holds waits; what it denies is kept; what it allows gets a grant.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::redeem::last_of_task;
use super::world::{CallNonce, Fresh, World};
use super::writer::{About, Writer, codes, grounds, holds, trace};
use super::{Release, Sealed};
use crate::action::{Action, DescriptorRef};
use crate::approved::bound;
use crate::checkpoint::Requirement;
use crate::commit::{LeafKind, Write};
use crate::entry::Event;
use crate::grant::{Grant, GrantState};
use crate::hash::{Hash, hex};
use crate::json::canonical;
use crate::limits::Limits;
use crate::refusal::Refusal;
use crate::request::{Closing, DecidedBy, HeldAt, RequestRecord, State};
use crate::requester::Requester;
use crate::signed_body::SignedBody;
use crate::task::{StepLabels, TaskState};
use crate::tier::{Tier, TierReport};
use crate::time::Timestamp;
use crate::trust::change_asked;
use crate::verdict::{Evaluated, Verdict};
use crate::workload::WorkloadAssurance;

/// Most claims with a submission.
pub const CLAIMS_MAX: usize = 32;
/// Longest claim in bytes.
pub const CLAIM_BYTES_MAX: usize = 64 << 10;

/// The claim in which a requester says what a model thinks: a claim as any other, and no reviewer of ours.
pub const MODEL_RECOMMENDATION: &str = "model_recommendation";

/// What the requester says. Free text, never believed, kept as an attachment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Claims(pub BTreeMap<String, String>);

impl Claims {
    /// The first link of the claims chain.
    #[must_use]
    pub fn root(&self) -> Hash {
        Hash::tagged(
            "gatehold/claims/v1",
            &[&canonical::to_bytes(self).unwrap_or_default()],
        )
    }

    /// The next link, when something is added later.
    #[must_use]
    pub fn extend(head: Hash, text: &str) -> Hash {
        Hash::tagged(
            "gatehold/claims/next/v1",
            &[head.as_bytes(), text.as_bytes()],
        )
    }

    /// The head of the chain once these answers were given, oldest first.
    #[must_use]
    pub fn head<'a>(&self, answers: impl IntoIterator<Item = &'a str>) -> Hash {
        answers.into_iter().fold(self.root(), Self::extend)
    }

    fn check(&self) -> Result<(), Refusal> {
        if self.0.len() > CLAIMS_MAX {
            return Err(Refusal::Claims(format!("at most {CLAIMS_MAX} are kept")));
        }
        for (name, text) in &self.0 {
            if crate::json::ident::check_identifier(name, 64).is_err() {
                return Err(Refusal::Claims(
                    "a claim's name is a short visible identifier".to_owned(),
                ));
            }
            if text.len() > CLAIM_BYTES_MAX {
                return Err(Refusal::Claims(format!(
                    "claim `{name}` is longer than {CLAIM_BYTES_MAX} bytes"
                )));
            }
        }
        Ok(())
    }
}

/// What the active bundle's descriptor says about an action.
#[derive(Debug, Clone)]
pub struct Described {
    /// The descriptor, by id and hash of its definition.
    pub descriptor: DescriptorRef,
    /// Media types it takes.
    pub media_types: BTreeSet<String>,
    /// Whether its only effect is `read`.
    pub reads_only: bool,
    /// Its sentence about this action.
    pub sentence: String,
    /// Same intent, same key.
    pub intent: Hash,
}

/// A request as it arrives, with what the gate established about it.
#[derive(Debug)]
pub struct Submission {
    /// The exact action.
    pub action: Action,
    /// What its descriptor, from the active bundle, makes of it.
    pub described: Described,
    /// What the requester says.
    pub claims: Claims,
    /// Who asks, anchored now.
    pub requester: Requester,
    /// What proves it: the evidence of the signed call, for the ledger.
    pub proof: Vec<u8>,
    /// The body that the signed call covers, when a workload asks. A human signs the envelope itself.
    pub body: Option<Vec<u8>>,
    /// The nonce of that proof.
    pub nonce: CallNonce,
    /// The caller's idempotency key, if any.
    pub idempotency: Option<String>,
    /// Whether this step takes in untrusted content or reaches outside, for the chain's labels.
    pub labels: StepLabels,
}

/// What policy and the gate's own rules say about a submission.
struct Answer {
    state: State,
    held: Option<HeldAt>,
    spend_by: Timestamp,
    limits: Limits,
    decided_by: Option<DecidedBy>,
    reasons: Vec<String>,
    pause: bool,
}

pub(super) fn submit(
    submission: Submission,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    submission.claims.check()?;
    let evaluated = world.policy.ok_or(Refusal::Stale)?;
    // A verdict of another bundle than the active one decides nothing.
    if guard!(
        "submit-active-bundle",
        evaluated.trace().bundle != world.directory.bundle
    ) {
        return Err(Refusal::Stale);
    }
    let living = submission.requester.still_has_force(world.directory, now);
    if guard!("submit-requester-force", !living) {
        return Err(Refusal::UnknownPrincipal);
    }
    check_descriptor(&submission)?;
    check_signed(&submission)?;
    let purpose = check_task(&submission, world, now)?;

    let answer = answer(&submission, world, evaluated, now)?;
    let mut record = record(&submission, world, fresh, now, purpose, &answer);
    let writer = writer(submission, &mut record, &answer, world, fresh, now)?;
    let event = submitted(&record, evaluated, world);
    let about = About {
        request: Some((&record, 0)),
        from: None,
    };
    let write = writer.finish(LeafKind::Submission, &about, event, now)?;
    let sealed = Sealed::new(&write, Release::Request(Box::new(record)));
    Ok((write, sealed))
}

/// Everything the write insists on, changes and keeps, before its leaf.
fn writer<'a>(
    submission: Submission,
    record: &mut RequestRecord,
    answer: &Answer,
    world: &World<'_>,
    fresh: &'a Fresh,
    now: Timestamp,
) -> Result<Writer<'a>, Refusal> {
    let evaluated = world.policy.ok_or(Refusal::Stale)?;
    let rendered = world.rendered.ok_or(Refusal::Stale)?;
    let name = submission.requester.name();

    let mut writer = Writer::new(fresh);
    writer.guard_world(world, &name);
    if !submission.described.reads_only || answer.state == State::Held {
        writer.guard_chain(world, &record.envelope.target);
    }
    ask_in_time(&mut writer, &submission.requester, world);
    if guard!("submit-nonce-once", true) {
        writer.once_called(&submission.requester.key(), &submission.nonce);
    }
    if let Some(key) = &submission.idempotency
        && guard!("submit-idempotency-once", true)
    {
        let key = format!(
            "idem:{}:{}",
            hex(submission.requester.key().as_bytes()),
            Hash::of(key.as_bytes()).hex()
        );
        writer.once(
            key,
            Some(now.plus_seconds(world.settings.idempotency_seconds)),
        );
    }
    if let Some(habits) = world.habits {
        writer.count_asking(habits);
    }
    if answer.state == State::Held {
        if guard!("submit-holds-below", true) {
            writer.below(holds(&name), world.settings.open_holds_max);
        }
        writer.add(holds(&name), 1);
        writer.announce("held", record.id);
    }
    if answer.pause && record.requester.is_workload() {
        writer.pause(world, &name, "too_many_holds")?;
    }
    if answer.state == State::Allowed {
        writer.count_step(record, world);
        writer.put_grant(&grant(record, now), 0)?;
    }

    writer.attach("envelope", submission.action.envelope_bytes().to_vec());
    writer.attach("payload", submission.action.payload().to_vec());
    writer.attach("display", rendered.display.clone());
    writer.attach(
        "claims",
        canonical::to_bytes(&submission.claims).unwrap_or_default(),
    );
    writer.attach("request", record.asked().to_bytes());
    writer.attach("verdict", grounds(record, evaluated, world)?);
    writer.attach("proof", submission.proof);
    if let Some(body) = submission.body {
        writer.attach("body", body);
    }
    Ok(writer)
}

/// Whoever asks in time and is written too late has asked too late.
// INVARIANT(in-time): the end of the task and of the workload's registration stand in the write, on the store's clock.
fn ask_in_time(writer: &mut Writer<'_>, requester: &Requester, world: &World<'_>) {
    if guard!("submit-deadline-in-commit", true) {
        let force_ends = requester.force_ends(world.directory);
        for last in [last_of_task(world), force_ends].into_iter().flatten() {
            writer.deadline(last);
        }
    }
}

fn submitted(record: &RequestRecord, evaluated: &Evaluated, world: &World<'_>) -> Event {
    Event::Submitted {
        digest: record.digest,
        request_hash: record.request_hash,
        requester: record.requester.name(),
        accountable: record.requester.accountable().clone(),
        display_hash: record.display_hash,
        trace: trace(evaluated, world),
        requirement: record.held.as_ref().map(|held| held.requirement_hash),
        decide_by: record.held.as_ref().map(|held| held.decide_by),
        spend_by: record.spend_by,
        grant: record.grant,
        decided_by: record.decided_by,
        change: change_asked(&record.envelope),
    }
}

fn check_descriptor(submission: &Submission) -> Result<(), Refusal> {
    let envelope = submission.action.envelope();
    let described = envelope.descriptor == submission.described.descriptor;
    if guard!("submit-descriptor", !described) {
        return Err(Refusal::UnknownDescriptor);
    }
    let takes = submission
        .described
        .media_types
        .contains(&envelope.payload.media_type);
    if guard!("submit-media-type", !takes) {
        return Err(Refusal::MediaType);
    }
    Ok(())
}

/// What the requester signed is what is decided on: their own words, not our reading of them (threat C16).
fn check_signed(submission: &Submission) -> Result<(), Refusal> {
    let asks = |body: &[u8]| {
        SignedBody::read(body)
            .is_ok_and(|body| body.asks(submission.action.digest(), submission.claims.root()))
    };
    let signed = match (&submission.requester, &submission.body) {
        (Requester::Human { .. }, None) => true,
        (Requester::Workload { .. }, Some(body)) => asks(body),
        (Requester::Human { .. }, Some(_)) | (Requester::Workload { .. }, None) => false,
    };
    if guard!("submit-signed-body", !signed) {
        return Err(Refusal::NotYours(
            "the signed body asks for something else: sign the body that is sent",
        ));
    }
    Ok(())
}

/// The task's purpose, if the submission may take a step in it.
fn check_task(submission: &Submission, world: &World<'_>, now: Timestamp) -> Result<Hash, Refusal> {
    let envelope = submission.action.envelope();
    // Stops do not bind a person's change of the gate, and what stands in its evidence must be a person's.
    if guard!(
        "submit-gate-target",
        submission.requester.is_crossed(envelope)
    ) {
        return Err(Refusal::NotYours(
            "people ask for changes of the gate, workloads in their own name for everything else",
        ));
    }
    let (id, key) = match &submission.requester {
        Requester::Human { .. } if envelope.task.is_none() => return Ok(Hash::of(b"")),
        Requester::Human { .. } => {
            return Err(Refusal::Task("a human's own held action names no task"));
        }
        Requester::Workload { id, key, .. } => (id, key),
    };
    let task = match (&envelope.task, world.task) {
        (None, _) => return Err(Refusal::Task("a workload's action names its task")),
        (Some(named), Some(now)) if now.task.value.id == *named => &now.task.value,
        (Some(_), _) => return Err(Refusal::Task("there is no such task")),
    };
    if guard!("task-of-workload", task.workload != *id || task.key != *key) {
        return Err(Refusal::Task("it belongs to another workload or key"));
    }
    if guard!("task-open", task.state != TaskState::Open) {
        return Err(Refusal::Task("it has ended"));
    }
    let over = task
        .boundary
        .as_ref()
        .is_some_and(|boundary| now > boundary.not_after);
    if guard!("task-time", over) {
        return Err(Refusal::Task("its time is over"));
    }
    Ok(task.purpose)
}

fn answer(
    submission: &Submission,
    world: &World<'_>,
    evaluated: &Evaluated,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    let limits = asked_limits(
        submission,
        now,
        now.plus_seconds(submission.action.envelope().duration_seconds),
    );
    let denied = |code: &str| Answer {
        state: State::Denied,
        held: None,
        spend_by: now,
        limits: limits.clone(),
        decided_by: Some(DecidedBy::Policy),
        reasons: vec![code.to_owned()],
        pause: false,
    };
    if let Some(code) = stopped(submission, world) {
        return Ok(denied(code));
    }
    if !evaluated.trace().errors.is_empty() && !matches!(evaluated.verdict(), Verdict::Hold(_)) {
        return Ok(denied("policy_error"));
    }
    let reasons = codes(evaluated);
    Ok(match evaluated.verdict() {
        Verdict::Deny => Answer {
            reasons,
            ..denied("denied")
        },
        Verdict::Allow => Answer {
            state: State::Allowed,
            spend_by: now.plus_seconds(world.settings.allowed_spend_seconds),
            decided_by: Some(DecidedBy::Policy),
            reasons,
            ..denied("")
        },
        Verdict::Hold(_) if world.rendered.is_none_or(|rendered| rendered.too_large) => {
            denied("too_large_to_show")
        }
        Verdict::Hold(_) if world.counters.open_holds >= world.settings.open_holds_max => Answer {
            pause: true,
            ..denied("too_many_holds")
        },
        Verdict::Hold(requirement) => held(requirement, submission, reasons, now),
    })
}

fn held(
    requirement: &Requirement,
    submission: &Submission,
    reasons: Vec<String>,
    now: Timestamp,
) -> Answer {
    let decide_by = now.plus_seconds(requirement.decide_within_seconds());
    let spend_by = now
        .plus_seconds(requirement.spend_within_seconds())
        .max(decide_by);
    let not_after = spend_by.plus_seconds(submission.action.envelope().duration_seconds);
    Answer {
        state: State::Held,
        held: Some(HeldAt::new(requirement, now, decide_by)),
        spend_by,
        limits: bound(requirement, &asked_limits(submission, now, not_after)),
        decided_by: None,
        reasons,
        pause: false,
    }
}

fn stopped(submission: &Submission, world: &World<'_>) -> Option<&'static str> {
    let envelope = submission.action.envelope();
    let stops = &world.stops.value;
    // Lifting a stop must stay possible under lockdown: it is held, needs people, and lets nothing else out.
    if !submission.requester.is_workload() {
        return None;
    }
    if let Some(code) = stops.reason(
        &envelope.workload,
        envelope.task.as_ref(),
        &envelope.target,
        &envelope.resource,
    ) && guard!("submit-stops", true)
    {
        return Some(code);
    }
    if guard!("submit-paused", world.pause.value.code.is_some()) {
        return Some("workload_paused");
    }
    None
}

/// The limits asked for. Held execution is at most once, so it is one use whatever else is said.
fn asked_limits(submission: &Submission, now: Timestamp, not_after: Timestamp) -> Limits {
    let envelope = submission.action.envelope();
    Limits {
        ttl_seconds: envelope.duration_seconds,
        uses: 1,
        caps: envelope.caps.clone(),
        not_before: now,
        not_after,
    }
}

fn record(
    submission: &Submission,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
    purpose: Hash,
    answer: &Answer,
) -> RequestRecord {
    let judged = world.policy.map(|evaluated| &evaluated.trace().tier);
    let mut record = RequestRecord {
        id: fresh.request,
        state: answer.state,
        envelope: submission.action.envelope().clone(),
        digest: submission.action.digest(),
        requester: submission.requester.clone(),
        claims_root: submission.claims.root(),
        claims_head: submission.claims.root(),
        purpose,
        submitted_at: now,
        request_nonce: fresh.request_nonce(),
        request_hash: Hash::of(b""),
        intent: submission.described.intent,
        tier: judged.map_or(Tier::Red, |report| report.tier),
        raised: judged.map(TierReport::raised).unwrap_or_default(),
        labels: submission.labels,
        counted: None,
        sentence: submission.described.sentence.clone(),
        display_hash: world
            .rendered
            .map_or_else(|| Hash::of(b""), |rendered| rendered.display_hash),
        bundle: world.directory.bundle,
        input: world
            .policy
            .map_or_else(|| Hash::of(b""), |evaluated| evaluated.trace().input),
        rules: world
            .policy
            .map(|evaluated| evaluated.trace().rules.clone())
            .unwrap_or_default(),
        reasons: answer.reasons.clone(),
        limits: answer.limits.clone(),
        held: answer.held.clone(),
        spend_by: answer.spend_by,
        reviews: Vec::new(),
        glass: None,
        claimed_by: None,
        escalations: 0,
        handled: 0,
        turns: Vec::new(),
        decided_by: answer.decided_by,
        grant: (answer.state == State::Allowed).then_some(fresh.grant),
        outcome: None,
        closing: (answer.state == State::Denied).then(|| Closing {
            code: answer
                .reasons
                .first()
                .cloned()
                .unwrap_or_else(|| "denied".to_owned()),
            decided_by: DecidedBy::Policy,
            at: now,
        }),
    };
    record.request_hash = record.computed_request_hash();
    record
}

/// The grant that a decision makes. Its workload is the name the envelope carries.
pub(super) fn grant(record: &RequestRecord, now: Timestamp) -> Grant {
    Grant {
        id: record
            .grant
            .unwrap_or_else(|| crate::ids::GrantId::from_bytes([0; 16])),
        request: record.id,
        digest: record.digest,
        workload: record.envelope.workload.clone(),
        key: record.requester.key(),
        task: record.envelope.task,
        limits: record.limits.clone(),
        created_at: now,
        expires_at: record.limits.expires_at(now),
        uses: 0,
        state: GrantState::Active,
        reason: "decided".to_owned(),
        decided_by: record.decided_by.unwrap_or(DecidedBy::Policy),
        lease: None,
    }
}

/// Whether an assurance may be given a credential, or only held execution.
#[must_use]
pub const fn may_hold_credentials(assurance: WorkloadAssurance) -> bool {
    !matches!(assurance, WorkloadAssurance::Local)
}
