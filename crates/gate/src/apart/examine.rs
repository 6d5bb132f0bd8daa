//! From what a gate shows to a proof. Every step takes what people or the requester signed, and what follows from the executor's own
//! root; the gate's word is believed in [`Word`](crate::input::Word) alone, where only a gate can know.

use gatehold_core::action::Action;
use gatehold_core::approved::Approved;
use gatehold_core::descriptor::ExecutorKind;
use gatehold_core::elsewhere::{self, Shown, remembered_until};
use gatehold_core::guard;
use gatehold_core::hash::Hash;
use gatehold_core::ids::WorkloadId;
use gatehold_core::json::canonical;
use gatehold_core::quorum::REVIEWS_MAX;
use gatehold_core::request::RequestRecord;
use gatehold_core::requester::Requester;
use gatehold_core::signed_body::{SignedBody, is_submission};
use gatehold_core::time::Timestamp;
use gatehold_core::verdict::Evaluated;
use gatehold_proof::{ReverifiedSubmit, SubmitEvidence, WorkloadKey};

use super::{ApartParts, Force, Refused};
use crate::case::Case;
use crate::input;
use crate::question::rendered;

/// Where requests are submitted.
const SUBMIT_PATH: &str = "/v1/requests";

/// What verified.
pub(super) struct Examined {
    pub(super) approved: Approved,
    /// The signed call and the request: each is good for one execution.
    pub(super) names: [Hash; 2],
    /// How long they must be remembered.
    pub(super) until: Timestamp,
    /// When the workload says that it signed.
    pub(super) signed_at: Timestamp,
}

/// What is to be done with a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Execute,
    Issue,
}

impl Does {
    /// Whether this kind of action is done so.
    const fn fits(self, kind: ExecutorKind) -> bool {
        match self {
            Self::Execute => matches!(kind, ExecutorKind::Http | ExecutorKind::Sql),
            Self::Issue => matches!(kind, ExecutorKind::Broker),
        }
    }
}

/// Makes the proof again.
pub(super) fn examine(
    (case, does): (&Case, Does),
    force: &Force,
    parts: &ApartParts,
    now: Timestamp,
) -> Result<Examined, Refused> {
    let record = &case.record;
    let Requester::Workload { id, .. } = &record.requester else {
        return Err(elsewhere::NotElsewhere::OwnChange.into());
    };
    let call = signed_call(case, id, force, &parts.public_url)?;
    let action = signed_action(case)?;
    known(&record.requester, id, force)?;
    // Whoever reviewed named every link there was by then.
    let seen = record.reviews.iter().take(REVIEWS_MAX);
    let mut seen = seen.map(|review| force.past.has_signed_in(review));
    if guard!("apart-chain-unseen", !seen.all(|seen| seen)) {
        return Err(Refused::Unseen);
    }
    let evaluated = evaluate(&action, (case, does), force, parts)?;
    let signed_at = seconds(call.created());
    let shown = Shown {
        record,
        action,
        signed_at,
        evaluated: &evaluated,
        directory: &force.directory,
        now,
    };
    let approved = elsewhere::prove(shown)?;
    Ok(Examined {
        approved,
        names: [name(&call), record.request_hash],
        // A gate that shows less time than there is must not have it forgotten before.
        until: record.spend_by.max(remembered_until(signed_at)),
        signed_at,
    })
}

/// The call by which the workload, or the point that speaks for it, asked this very gate.
fn signed_call(
    case: &Case,
    id: &WorkloadId,
    force: &Force,
    public_url: &str,
) -> Result<ReverifiedSubmit, Refused> {
    let refused = |error: gatehold_proof::SignatureError| Refused::NotSigned(error.to_string());
    let point = match &case.record.requester {
        Requester::Workload { point, .. } => point.as_ref(),
        Requester::Human { .. } => None,
    };
    let directory = &force.directory;
    let jwk = match point {
        None => directory.workloads.get(id).map(|known| &known.jwk),
        Some(point) => directory.points.get(&point.id).map(|known| &known.jwk),
    };
    let key = jwk.and_then(|jwk| WorkloadKey::from_jwk(jwk.as_bytes()).ok());
    let key = key.ok_or_else(|| Refused::Requester(format!("no key of {id} has force")))?;
    let evidence = SubmitEvidence::from_bytes(case.proof.as_bytes()).map_err(refused)?;
    let call = evidence.reverify(&key, &case.body).map_err(refused)?;
    let called_for = point.map(|_| id);
    if guard!(
        "apart-submission",
        !is_submission(call.method(), call.target_uri(), called_for)
    ) {
        let what = "the signed call is no submission for this workload";
        return Err(Refused::NotSigned(what.to_owned()));
    }
    let here = call.target_uri().strip_prefix(public_url);
    let here = here.is_some_and(|rest| rest.split('?').next() == Some(SUBMIT_PATH));
    if guard!("apart-other-gate", !here) {
        let what = format!("the signed call is to another gate than {public_url}");
        return Err(Refused::NotSigned(what));
    }
    Ok(call)
}

/// The bytes that the workload signed, under the envelope of the request.
fn signed_action(case: &Case) -> Result<Action, Refused> {
    let record = &case.record;
    let body = SignedBody::read(&case.body);
    let body = body.map_err(|error| Refused::NotSigned(error.to_string()))?;
    if guard!(
        "apart-action-signed",
        !body.asks(record.digest, record.claims_root)
    ) {
        let what = "the signed call asks for another action, or says something else";
        return Err(Refused::NotSigned(what.to_owned()));
    }
    let envelope = canonical::to_bytes(&record.envelope)
        .map_err(|error| Refused::NotSigned(error.to_string()))?;
    Action::rebuild(&envelope, body.into_payload(), record.digest)
        .map_err(|error| Refused::NotSigned(error.to_string()))
}

/// The requester is as it was enrolled at some time: owner, backup and custodians decide who may not review.
fn known(requester: &Requester, id: &WorkloadId, force: &Force) -> Result<(), Refused> {
    let past = &force.past;
    let mut entries = past.workloads(id);
    let as_enrolled = entries.any(|entry| past.unlike(requester, entry).is_empty());
    if guard!("apart-requester-known", !as_enrolled) {
        let what = format!("{id} was never enrolled like that");
        return Err(Refused::Requester(what));
    }
    let attested =
        matches!(requester, Requester::Workload { initiator: Some(one), .. } if one.attested);
    if guard!("apart-attested", attested && !past.has_point_for(id)) {
        let what = format!("somebody is said to be attested, and no point ever spoke for {id}");
        return Err(Refused::Requester(what));
    }
    Ok(())
}

/// What policy answers by the bundle that people approved.
fn evaluate(
    action: &Action,
    (case, does): (&Case, Does),
    force: &Force,
    parts: &ApartParts,
) -> Result<Evaluated, Refused> {
    let RequestRecord {
        envelope,
        requester,
        ..
    } = &case.record;
    let known = force.bundle.descriptors().get(&envelope.descriptor.id);
    let descriptor = known.filter(|known| known.hash() == envelope.descriptor.hash);
    let descriptor = descriptor.ok_or(Refused::Descriptor)?;
    if guard!("apart-kind", !does.fits(descriptor.executor.kind)) {
        return Err(Refused::Descriptor);
    }
    let mut word = case.word.clone();
    // Whoever runs the executor may know its resources better than a gate that may lie about them.
    if let Some(catalog) = &parts.catalog {
        word.resource = catalog.facts(&envelope.target, &envelope.resource);
    }
    let projection = descriptor.project(action.payload());
    let rendered = rendered(action, descriptor);
    let said = (&word.facts, &word.resource);
    let read = input::read(action, descriptor, &projection, &rendered, said);
    let input = input::input(action, read, requester, &force.directory, word)
        .map_err(|refusal| Refused::Requester(refusal.to_string()))?;
    Ok(force.engine.evaluate(&input))
}

fn seconds(created: u64) -> Timestamp {
    let seconds = i64::try_from(created).unwrap_or(i64::MAX);
    Timestamp::from_millis(seconds.saturating_mul(1_000))
}

/// Names what a workload wants done once: by its key and its Idempotency-Key, under which it sends again what was not answered; and
/// without that by key, time and nonce, as an auditor tells calls apart.
fn name(call: &ReverifiedSubmit) -> Hash {
    let once = match call.idempotency_key() {
        Some(key) => format!("key {key}"),
        None => format!("call {} {}", call.created(), call.nonce()),
    };
    let parts = [&call.key().as_bytes()[..], once.as_bytes()];
    Hash::tagged("gatehold/spent-call/v1", &parts)
}
