//! From what the gate answers to what travels. Reviews never do: while a request is held nobody learns that one exists.

use gatehold_client::wire;
use gatehold_core::commit::Receipt;
use gatehold_core::grant::GrantState;
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::lease::Lease;
use gatehold_core::request::{DecidedBy, RequestRecord, State};
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_core::verdict;
use gatehold_core::words::words;
use gatehold_gate::{Asked, Reviewed, RevocationBound, SeenLease, Submitted};

/// Where a request stands.
pub(super) fn status(record: &RequestRecord, questions: Vec<Asked>) -> wire::RequestStatus {
    wire::RequestStatus {
        request: record.id.to_string(),
        state: state(record.state),
        digest: record.digest.to_string(),
        tier: tier(record.tier),
        sentence: record.sentence.clone(),
        change: Vec::new(),
        words: four_words(record),
        decision: decision(record),
        held: (record.state == State::Held).then(|| held(record, Some(record.id))),
        execution: record.outcome.as_ref().map(|outcome| wire::Execution {
            code: outcome.code.clone(),
            quantity: outcome.quantity,
            result: outcome.result.to_string(),
            at: outcome.at.millis(),
        }),
        lease: None,
        closed: record.closing.as_ref().map(|closing| closing.code.clone()),
        denial: None,
        questions: questions.into_iter().map(question).collect(),
    }
}

/// Where a credential stands.
pub(super) fn lease((state, lease): (GrantState, Lease)) -> wire::LeaseStatus {
    wire::LeaseStatus {
        state: state.name().to_owned(),
        not_after: lease.not_after.millis(),
        ending_since: lease.end.map(|end| end.at.millis()),
        overdue: lease.overdue,
    }
}

/// What was handed out.
pub(super) fn seen_lease(seen: SeenLease) -> wire::LeaseItem {
    let lease = seen.lease;
    let millis = |at: Timestamp| at.millis();
    let end = lease.end;
    wire::LeaseItem {
        request: seen.request.to_string(),
        grant: seen.grant.to_string(),
        state: seen.state.name().to_owned(),
        workload: seen.workload.to_string(),
        task: seen.task.map(|task| task.to_string()),
        target: lease.target.to_string(),
        resource: seen
            .record
            .as_ref()
            .map(|record| record.envelope.resource.to_string()),
        sentence: seen.record.map(|record| record.sentence),
        handle: lease.recipe.handle,
        entitlement: lease.recipe.entitlement,
        revocation_class: lease.class.name().to_owned(),
        issued_at: lease.issued_at.map(millis),
        not_after: lease.not_after.millis(),
        ending_since: end.as_ref().map(|end| end.at.millis()),
        ends_because: end.map(|end| end.code),
        overdue: lease.overdue,
        attempts: seen.attempts,
        remains_because: seen.remains.map(ToOwned::to_owned),
        missing: seen.missing,
        gone_at: lease.verified_at.map(millis),
        returned: lease.returned,
        rekeys: lease.rekeys,
        mine: seen.mine,
    }
}

pub(super) fn revocation_bound(bound: RevocationBound) -> wire::RevocationBound {
    let measured = bound.measured;
    let millis = |millis: u64| (measured.leases > 0).then_some(millis);
    wire::RevocationBound {
        target: bound.target,
        revocation_class: bound.class.name().to_owned(),
        enforces: bound.enforces,
        configured: bound.configured,
        leases: measured.leases,
        median_ms: millis(measured.median_millis),
        p99_ms: millis(measured.p99_millis),
        longest_ms: millis(measured.longest_millis),
    }
}

fn question(asked: Asked) -> wire::Question {
    wire::Question {
        number: asked.number,
        by: asked.by,
        at: asked.at.millis(),
        text: asked.text,
        answered: asked.answer.is_some(),
        answer: asked.answer.map(|answer| answer.text),
    }
}

/// What a submission led to. A dry run names no request, because it leaves none.
pub(super) fn submitted(submitted: &Submitted, dry_run: bool) -> wire::Submitted {
    let record = &submitted.record;
    let request = (!dry_run).then_some(record.id);
    let receipt = submitted.receipt.as_ref().map(receipt);
    let Some(decision) = decision(record) else {
        let held = wire::Held {
            reasons: reasons(&submitted.trace),
            trace: trace(&submitted.trace),
            receipt,
            ..held(record, request)
        };
        return wire::Submitted::Held(Box::new(held));
    };
    wire::Submitted::Decided(Box::new(wire::Decision {
        request: request.map(|id| id.to_string()),
        reasons: with_codes(reasons(&submitted.trace), record),
        trace: trace(&submitted.trace),
        grant: decision.grant.filter(|_| !dry_run),
        receipt,
        ..decision
    }))
}

/// The decision, once there is one. A withdrawn request has none.
pub(super) fn decision(record: &RequestRecord) -> Option<wire::Decision> {
    let outcome = match record.state {
        State::Held | State::Withdrawn => return None,
        State::Denied | State::Expired => wire::Outcome::Denied,
        State::Allowed
        | State::Redeemable
        | State::Executing
        | State::Completed
        | State::Failed
        | State::Unknown
        | State::Revoked => wire::Outcome::Allowed,
    };
    let closed_by = record.closing.as_ref().map(|closing| closing.decided_by);
    let by = match outcome {
        wire::Outcome::Denied => closed_by.or(record.decided_by),
        wire::Outcome::Allowed => record.decided_by.or(closed_by),
    };
    Some(wire::Decision {
        request: Some(record.id.to_string()),
        outcome,
        decided_by: decided_by(by.unwrap_or(DecidedBy::Policy)),
        reasons: with_codes(Vec::new(), record),
        trace: stored_trace(record),
        digest: record.digest.to_string(),
        tier: tier(record.tier),
        grant: record.grant.map(|grant| grant.to_string()),
        spend_by: record.spend_by.millis(),
        receipt: None,
    })
}

fn held(record: &RequestRecord, request: Option<RequestId>) -> wire::Held {
    let at = record.held.as_ref();
    wire::Held {
        request: request.map(|id| id.to_string()),
        digest: record.digest.to_string(),
        tier: tier(record.tier),
        reasons: with_codes(Vec::new(), record),
        trace: stored_trace(record),
        words: four_words(record),
        checkpoints: at
            .iter()
            .flat_map(|held| held.requirement.checkpoints())
            .map(|(_, checkpoint)| checkpoint.name.to_string())
            .collect(),
        escalations: record.escalations,
        decide_by: at.map_or(record.spend_by, |held| held.decide_by).millis(),
        spend_by: record.spend_by.millis(),
        location: request.map(location),
        receipt: None,
    }
}

/// Where to ask about a request.
pub(super) fn location(request: RequestId) -> String {
    format!("/v1/requests/{request}")
}

pub(super) fn four_words(record: &RequestRecord) -> [String; 4] {
    words(record.digest.as_bytes(), record.request_nonce.as_bytes()).map(str::to_owned)
}

fn receipt(receipt: &Receipt) -> wire::ReceiptRef {
    // RFC 6962: a leaf's hash is over a zero byte and the leaf.
    let hashed = [&[0], receipt.leaf.as_slice()].concat();
    wire::ReceiptRef {
        leaf: receipt.index,
        hash: Hash::of(&hashed).to_string(),
    }
}

fn reasons(trace: &verdict::Trace) -> Vec<wire::Reason> {
    trace
        .reasons
        .iter()
        .map(|reason| wire::Reason {
            code: reason.code.clone(),
            text: Some(reason.text.clone()),
        })
        .collect()
}

/// The sentences of policy, and behind them the codes of the gate's own rules.
fn with_codes(mut reasons: Vec<wire::Reason>, record: &RequestRecord) -> Vec<wire::Reason> {
    let closing = record.closing.iter().map(|closing| &closing.code);
    for code in record.reasons.iter().chain(closing) {
        if !reasons.iter().any(|reason| reason.code == *code) {
            reasons.push(wire::Reason {
                code: code.clone(),
                text: None,
            });
        }
    }
    reasons
}

fn trace(trace: &verdict::Trace) -> wire::Trace {
    wire::Trace {
        rules: trace.rules.clone(),
        errors: trace.errors.clone(),
        bundle: trace.bundle.to_string(),
        input: trace.input.to_string(),
    }
}

fn stored_trace(record: &RequestRecord) -> wire::Trace {
    wire::Trace {
        rules: record.rules.clone(),
        errors: Vec::new(),
        bundle: record.bundle.to_string(),
        input: record.input.to_string(),
    }
}

pub(super) const fn tier(tier: Tier) -> wire::Tier {
    match tier {
        Tier::Green => wire::Tier::Green,
        Tier::Amber => wire::Tier::Amber,
        Tier::Red => wire::Tier::Red,
    }
}

const fn decided_by(by: DecidedBy) -> wire::DecidedBy {
    match by {
        DecidedBy::Policy => wire::DecidedBy::Policy,
        DecidedBy::Human => wire::DecidedBy::Human,
        DecidedBy::DelegatedModel => wire::DecidedBy::DelegatedModel,
        DecidedBy::BreakGlass => wire::DecidedBy::BreakGlass,
        DecidedBy::Timeout => wire::DecidedBy::Timeout,
    }
}

pub(super) const fn state(state: State) -> wire::RequestState {
    match state {
        State::Allowed => wire::RequestState::Allowed,
        State::Denied => wire::RequestState::Denied,
        State::Held => wire::RequestState::Held,
        State::Redeemable => wire::RequestState::Redeemable,
        State::Executing => wire::RequestState::Executing,
        State::Completed => wire::RequestState::Completed,
        State::Failed => wire::RequestState::Failed,
        State::Unknown => wire::RequestState::Unknown,
        State::Expired => wire::RequestState::Expired,
        State::Withdrawn => wire::RequestState::Withdrawn,
        State::Revoked => wire::RequestState::Revoked,
    }
}

/// What a review or an act led to. Blind: while the request is held it says no more than that.
pub(super) fn reviewed(reviewed: &Reviewed) -> wire::ReviewResult {
    wire::ReviewResult {
        held_again: reviewed.held_again,
        ..review(&reviewed.record)
    }
}

/// Where it stands after an act that is no review.
pub(super) fn review(record: &RequestRecord) -> wire::ReviewResult {
    wire::ReviewResult {
        held_again: false,
        request: record.id.to_string(),
        state: state(record.state),
        decision: decision(record),
    }
}
