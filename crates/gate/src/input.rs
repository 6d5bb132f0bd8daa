//! One whole question to policy, from the action, the key directory, and what only a gate can know.
//!
//! An executor in a process of its own makes the same question with the same code: everything but the [`Word`] it computes again.

use std::collections::{BTreeMap, BTreeSet};

use gatehold_core::action::{Action, Envelope};
use gatehold_core::baseline::{self, ScopesAsked};
use gatehold_core::context::{
    ChainContext, Conditions, Context, InitiatorKind, PolicyInput, Principal, PromptSource,
    Provenance, ResourceFacts, Signals, TypedValue,
};
use gatehold_core::decide::Rendered;
use gatehold_core::descriptor::{Described, Descriptor, Projection};
use gatehold_core::directory::{Baseline, Directory, Lifecycle};
use gatehold_core::guard;
use gatehold_core::known::Known;
use gatehold_core::refusal::Refusal;
use gatehold_core::requester::Requester;
use gatehold_core::workload::WorkloadAssurance;
use serde::{Deserialize, Serialize};

/// What policy is asked that only the gate knows: its books, its look-ups, and what it has counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// What the gate's catalogue says of the resource.
    pub resource: ResourceFacts,
    /// What it found out.
    pub facts: BTreeMap<String, TypedValue>,
    /// What is unusual about the moment.
    pub signals: Signals,
    /// What the task has done.
    pub chain: ChainContext,
    /// The task's purpose, by its hash.
    pub purpose: Known<String>,
    /// Whether it is beyond what the task declared.
    pub out_of_boundary: Known<bool>,
    /// Whether it is unusual.
    pub anomaly: Known<bool>,
    /// Whether it reaches into another system than the task worked in so far.
    pub cross_system: Known<bool>,
}

/// What the descriptor reads in an action, as far as a person can read it too.
pub(crate) fn read(
    action: &Action,
    descriptor: &Descriptor,
    projection: &Projection,
    rendered: &Rendered,
    word: (&BTreeMap<String, TypedValue>, &ResourceFacts),
) -> Described {
    let (facts, resource) = word;
    let caps = &action.envelope().caps;
    let read = descriptor.describe(projection, caps, facts, &resource.sensitivity);
    // What no person can read, policy does not take for readable: two readers differ, a program is not shown.
    let unread = guard!("uninspectable-raises", rendered.uninspectable);
    Described {
        inspectable: read.inspectable && !unread,
        ..read
    }
}

/// The question.
///
/// # Errors
/// When whoever asks may not act by now.
pub(crate) fn input(
    action: &Action,
    read: Described,
    requester: &Requester,
    directory: &Directory,
    word: Word,
) -> Result<PolicyInput, Refusal> {
    let envelope = action.envelope();
    let mut resource = word.resource.clone();
    resource.id.clone_from(&envelope.resource);
    let unlike = !unlike_baseline(requester, envelope, &read.scopes, directory).is_empty();
    Ok(PolicyInput {
        principal: principal(requester, directory)?,
        descriptor: envelope.descriptor.id.clone(),
        descriptor_hash: envelope.descriptor.hash,
        context: context(read, requester, envelope, unlike, &resource, word).derived(),
        resource,
    })
}

fn principal(requester: &Requester, directory: &Directory) -> Result<Principal, Refusal> {
    Ok(match requester {
        Requester::Human { human, .. } => Principal::Human {
            id: human.clone(),
            teams: directory.teams_of(human),
        },
        Requester::Workload { id, .. } => {
            let workload = directory
                .workloads
                .get(id)
                .ok_or(Refusal::UnknownPrincipal)?;
            if workload.lifecycle != Lifecycle::Active {
                return Err(Refusal::NotYours("the workload is not active"));
            }
            Principal::Workload {
                id: id.clone(),
                kind: workload.kind,
                teams: workload.teams.clone(),
                owner: workload.owner.clone(),
            }
        }
    })
}

/// What is unlike the baseline that was declared at enrolment (M010, M014). The terminal makes the same call.
#[must_use]
pub fn unlike_baseline(
    requester: &Requester,
    envelope: &Envelope,
    scopes: &ScopesAsked,
    directory: &Directory,
) -> Vec<String> {
    let declared = declared(requester, directory);
    declared.map_or_else(Vec::new, |declared| {
        baseline::beyond(envelope, scopes, declared)
    })
}

/// What narrower or just-in-time grant would do instead (M053). The terminal makes the same call.
#[must_use]
pub fn narrower(
    requester: &Requester,
    envelope: &Envelope,
    scopes: &ScopesAsked,
    directory: &Directory,
) -> Vec<String> {
    let declared = declared(requester, directory);
    declared.map_or_else(Vec::new, |declared| {
        baseline::narrower(envelope, scopes, declared)
    })
}

fn declared<'a>(requester: &Requester, directory: &'a Directory) -> Option<&'a Baseline> {
    let Requester::Workload { id, .. } = requester else {
        return None;
    };
    directory
        .workloads
        .get(id)
        .map(|workload| &workload.baseline)
}

fn context(
    read: Described,
    requester: &Requester,
    envelope: &Envelope,
    unlike: bool,
    resource: &ResourceFacts,
    word: Word,
) -> Context {
    let human = matches!(requester, Requester::Human { .. });
    let nobody = read.recipients.get().is_some_and(BTreeSet::is_empty);
    Context {
        tier: gatehold_core::tier::Tier::Red,
        effects: read.effects,
        reversibility: read.reversibility,
        quantity: read.quantity,
        recipients: read.recipients,
        external_recipients: if nobody {
            Known::some(false)
        } else {
            Known::unknown()
        },
        duration_seconds: envelope.duration_seconds,
        purpose: word.purpose,
        sensitivity: read.sensitivity,
        environment: resource.environment.clone(),
        zone: resource.zone.clone(),
        target: envelope.target.to_string(),
        inspectable: read.inspectable,
        undescribed: read.undescribed,
        chain: word.chain,
        provenance: Provenance {
            prompt_source: PromptSource::Claimed,
            user_typed: Known::unknown(),
        },
        signals: word.signals,
        conditions: Conditions {
            elevation: Known::some(!human && unlike),
            // There are no standing exceptions in this version, so no request stands under one.
            exception: Known::some(false),
            creates_privilege: false,
            // The engine knows which inputs the descriptor and the matched checkpoints require.
            context_missing: false,
            out_of_boundary: word.out_of_boundary,
            ambiguous: !read.inspectable,
            anomaly: word.anomaly,
            cross_system: word.cross_system,
        },
        initiator: initiator(requester),
        assurance: match requester {
            Requester::Workload { assurance, .. } => *assurance,
            // A human's own key signed the submission itself.
            Requester::Human { .. } => WorkloadAssurance::Pop,
        },
        caps: envelope.caps.clone(),
        fields: read.fields,
        facts: word.facts,
    }
}

fn initiator(requester: &Requester) -> InitiatorKind {
    match requester {
        Requester::Human { .. } => InitiatorKind::HumanAttested,
        Requester::Workload {
            initiator: Some(initiator),
            ..
        } if initiator.attested => InitiatorKind::HumanAttested,
        Requester::Workload {
            initiator: Some(_), ..
        } => InitiatorKind::HumanClaimed,
        Requester::Workload {
            initiator: None, ..
        } => InitiatorKind::None,
    }
}
