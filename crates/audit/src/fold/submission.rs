//! The first leaf of a request: the exact action, who asked, and policy's answer with its grounds.

use gatehold_core::action::{Action, Envelope};
use gatehold_core::approved::bound;
use gatehold_core::commit::LeafKind;
use gatehold_core::decide::Claims;
use gatehold_core::entry::{Event, Grounds, Trace};
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::request::record::Asked;
use gatehold_core::request::{Closing, DecidedBy, HeldAt, State};
use gatehold_core::requester::Requester;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::change_asked;

use super::request::RequestFold;
use super::{Checked, Fold, ensure, wrong};
use crate::finding::Code;
use crate::opened::Opened;

impl Fold {
    pub(super) fn submitted(&mut self, id: RequestId, leaf: &Opened) -> Checked<RequestFold> {
        let Event::Submitted {
            digest,
            request_hash,
            display_hash,
            trace,
            requirement,
            spend_by,
            grant,
            decided_by,
            change,
            ..
        } = &leaf.entry.event
        else {
            return wrong(Code::Record, "it is no submission");
        };
        let entry = &leaf.entry;
        ensure(
            leaf.kind == LeafKind::Submission,
            Code::Record,
            "a submission stands in a leaf of another kind",
        )?;
        let (1, None, Some(state)) = (entry.version, entry.from, entry.to) else {
            return wrong(Code::Order, "a request begins with its submission");
        };
        self.check_trace(trace)?;
        let envelope = action(leaf, *digest)?;
        if let Some(envelope) = &envelope {
            ensure(
                *change == change_asked(envelope),
                Code::Record,
                "it names another change of the gate than it asks for",
            )?;
        }
        let asked = self.asked(leaf, envelope.as_ref())?;
        let claims = claims(leaf, asked.as_ref())?;
        rendering(leaf, *display_hash)?;
        let grounds = self.grounds(leaf, trace, *requirement)?;
        let mut request = RequestFold {
            broken: false,
            state,
            version: 1,
            digest: *digest,
            request_hash: *request_hash,
            display_hash: *display_hash,
            claims_head: claims,
            trace: Some(trace.clone()),
            tier: trace.tier,
            held_before: state == State::Held,
            limits: grounds.as_ref().map(|grounds| grounds.limits.clone()),
            spend_by: *spend_by,
            decided_by: *decided_by,
            grant: *grant,
            envelope,
            asked,
            grounds,
            ..RequestFold::unknown(id)
        };
        if state == State::Allowed {
            request.count_step();
        }
        self.answered(&mut request, leaf)?;
        self.check_row(&request, leaf)?;
        Ok(request)
    }

    /// The verdict agrees with itself: allowed without a human only if nothing held it.
    fn answered(&self, request: &mut RequestFold, leaf: &Opened) -> Checked {
        let Event::Submitted {
            trace,
            requirement,
            decide_by,
            ..
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        ensure(
            request
                .limits
                .as_ref()
                .is_none_or(|limits| limits.uses == 1),
            Code::Limits,
            "held execution is one use, and its limits say otherwise",
        )?;
        let by_policy = request.decided_by == Some(DecidedBy::Policy);
        let sound = match request.state {
            State::Allowed => {
                requirement.is_none() && trace.errors == 0 && by_policy && request.grant.is_some()
            }
            State::Held => {
                requirement.is_some() && request.decided_by.is_none() && request.grant.is_none()
            }
            State::Denied => by_policy && request.grant.is_none(),
            _ => false,
        };
        ensure(
            sound && decide_by.is_some() == (request.state == State::Held),
            Code::Policy,
            "the verdict and what came of it contradict each other",
        )?;
        if let (Some(envelope), Some(asked)) = (&request.envelope, &request.asked)
            && self.stop_reason(envelope, &asked.requester).is_some()
        {
            ensure(
                request.state == State::Denied,
                Code::Stop,
                "it was not denied although it was stopped",
            )?;
        }
        match request.state {
            State::Allowed => request.decision = Some(leaf.index),
            State::Denied => {
                let reasons = request.grounds.as_ref().map(|grounds| &grounds.reasons);
                let code = reasons.and_then(|codes| codes.first());
                request.closing = Some(Closing {
                    code: code.map_or("denied", String::as_str).to_owned(),
                    decided_by: DecidedBy::Policy,
                    at: leaf.entry.at,
                });
            }
            _ => {}
        }
        self.hold(request, leaf)
    }

    fn hold(&self, request: &mut RequestFold, leaf: &Opened) -> Checked {
        let Event::Submitted {
            decide_by: Some(decide_by),
            ..
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        let requirement = request
            .grounds
            .as_ref()
            .and_then(|grounds| grounds.requirement.clone());
        let Some(requirement) = requirement else {
            return Ok(());
        };
        let at = leaf.entry.at;
        let decides = at.plus_seconds(requirement.decide_within_seconds());
        let spends = at
            .plus_seconds(requirement.spend_within_seconds())
            .max(decides);
        ensure(
            *decide_by == decides && request.spend_by == spends,
            Code::Deadline,
            "its times are not those its checkpoints give",
        )?;
        ensure(
            request
                .limits
                .as_ref()
                .is_none_or(|limits| bound(&requirement, limits) == *limits),
            Code::Limits,
            "its limits are wider than its checkpoints permit",
        )?;
        request.held = Some(HeldAt::new(&requirement, leaf.entry.at, *decide_by));
        Ok(())
    }

    /// The grounds of a verdict, checked against the record they stand beside.
    pub(super) fn grounds(
        &mut self,
        leaf: &Opened,
        trace: &Trace,
        requirement: Option<Hash>,
    ) -> Checked<Option<Grounds>> {
        let Some(bytes) = leaf.bytes("verdict") else {
            self.gap(
                Some(leaf.index),
                format!(
                    "{}: the verdict's grounds were not checked",
                    leaf.absence("verdict")
                ),
            );
            return Ok(None);
        };
        let grounds: Grounds = canonical::from_canonical_bytes(bytes)
            .map_err(|error| (Code::Policy, format!("its grounds cannot be read: {error}")))?;
        let held = grounds.requirement.as_ref();
        let held = held.map(|requirement| requirement.requirement_hash());
        let codes = grounds.explained.iter().map(|reason| &reason.code);
        let errors = u32::try_from(grounds.errors.len()).unwrap_or(u32::MAX);
        ensure(
            held == requirement
                && grounds.tier.tier == trace.tier
                && codes.eq(trace.reasons.iter())
                && errors == trace.errors,
            Code::Policy,
            "the grounds of the verdict are not those that the record names",
        )?;
        Ok(Some(grounds))
    }

    /// Who asked, from the preimage of the request hash.
    fn asked(&mut self, leaf: &Opened, envelope: Option<&Envelope>) -> Checked<Option<Asked>> {
        let Event::Submitted {
            digest,
            request_hash,
            requester,
            accountable,
            ..
        } = &leaf.entry.event
        else {
            return Ok(None);
        };
        let Some(bytes) = leaf.bytes("request") else {
            self.gap(
                Some(leaf.index),
                format!("{}: who asked was not checked", leaf.absence("request")),
            );
            return Ok(None);
        };
        ensure(
            Asked::hash_of(bytes) == *request_hash,
            Code::Action,
            "the request hash is that of another submission",
        )?;
        let asked: Asked = canonical::from_canonical_bytes(bytes).map_err(|error| {
            (
                Code::Action,
                format!("the submission cannot be read: {error}"),
            )
        })?;
        ensure(
            asked.digest == *digest
                && asked.submitted_at == leaf.entry.at
                && envelope.is_none_or(|envelope| envelope.task == asked.task),
            Code::Action,
            "the submission is about another action",
        )?;
        ensure(
            asked.requester.key() == asked.key
                && asked.requester.name() == *requester
                && asked.requester.accountable() == accountable,
            Code::Requester,
            "the record names another requester than the submission",
        )?;
        if let (Requester::Workload { id, .. }, Some(envelope)) = (&asked.requester, envelope) {
            ensure(
                envelope.workload == *id,
                Code::Requester,
                "the envelope names another workload",
            )?;
        }
        self.check_requester(&asked.requester, leaf.entry.at)?;
        self.check_task(&asked)?;
        self.signed_call(&asked, leaf)?;
        Ok(Some(asked))
    }

    /// The identity anchor is what the directory said at that moment.
    fn check_requester(&self, requester: &Requester, at: Timestamp) -> Checked {
        let Some(directory) = self.directory() else {
            return Ok(());
        };
        ensure(
            requester.still_has_force(directory, at),
            Code::Requester,
            "the key that asked had no force",
        )?;
        let Requester::Workload {
            id,
            kind,
            owner,
            backup,
            custodians,
            proposer,
            assurance,
            ..
        } = requester
        else {
            return Ok(());
        };
        let same = directory.workloads.get(id).is_some_and(|workload| {
            workload.kind == *kind
                && workload.owner == *owner
                && workload.backup == *backup
                && workload.proposer == *proposer
                && workload.custodians.is_subset(custodians)
                && workload.assurance == *assurance
        });
        ensure(
            same,
            Code::Requester,
            "the requester's owner, custodians or assurance are not those of the directory",
        )
    }
}

/// Envelope and payload are the ones that the digest names.
fn action(leaf: &Opened, digest: Hash) -> Checked<Option<Envelope>> {
    let envelope_bytes = leaf.bytes("envelope");
    if let (Some(envelope), Some(payload)) = (envelope_bytes, leaf.bytes("payload")) {
        let action = Action::rebuild(envelope, payload.to_vec(), digest)
            .map_err(|error| (Code::Action, error.to_string()))?;
        return Ok(Some(action.envelope().clone()));
    }
    let Some(bytes) = envelope_bytes else {
        return Ok(None);
    };
    ensure(
        Action::digest_of(bytes) == digest,
        Code::Action,
        "the envelope is not the one that the digest names",
    )?;
    canonical::from_canonical_bytes(bytes)
        .map(Some)
        .map_err(|error| (Code::Action, error.to_string()))
}

/// The claims are the ones that the submission was made with; their head, if they are here.
fn claims(leaf: &Opened, asked: Option<&Asked>) -> Checked<Option<Hash>> {
    if let Some(bytes) = leaf.bytes("claims") {
        let claims: Claims = canonical::from_canonical_bytes(bytes)
            .map_err(|error| (Code::Action, format!("the claims cannot be read: {error}")))?;
        ensure(
            asked.is_none_or(|asked| asked.claims_root == claims.root()),
            Code::Action,
            "the claims are not those of the submission",
        )?;
    }
    Ok(asked.map(|asked| asked.claims_root))
}

fn rendering(leaf: &Opened, display_hash: Hash) -> Checked {
    let Some(bytes) = leaf.bytes("display") else {
        return Ok(());
    };
    ensure(
        Hash::tagged("gatehold/display/v1", &[bytes]) == display_hash,
        Code::Action,
        "the stored rendering is another one",
    )
}
