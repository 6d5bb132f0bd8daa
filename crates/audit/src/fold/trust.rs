//! The leaves that give and take force: the root, changes that people approved, key revocations. Each link is verified
//! by the same chain that a gate starts from.

use std::collections::BTreeSet;

use gatehold_core::commit::LeafKind;
use gatehold_core::entry::Event;
use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;
use gatehold_core::json::canonical;
use gatehold_core::request::state::Event as Step;
use gatehold_core::request::{Outcome, State};
use gatehold_core::review::ReviewContext;
use gatehold_core::trust::{
    Change, DelegationReason, DelegationStatement, Evidence, RootStatement,
};
use serde::Serialize;

use super::{Checked, Fold, RequestFold, ensure, wrong};
use crate::finding::Code;
use crate::opened::Opened;

/// One link of the chain of trust that verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The leaf it stands at.
    pub leaf: u64,
    /// `root`, `human.enrol`, `bundle.activate`, …
    pub what: String,
    /// Who drew it up.
    pub by: Vec<HumanId>,
    /// Who approved it.
    pub approved_by: Vec<HumanId>,
    /// The directory's version after it.
    pub directory: u64,
    /// The bundle that has force after it.
    pub bundle: Hash,
}

impl Fold {
    /// A link that is no request: the root, a key revocation, a delegation or its end, what an identity provider said.
    pub(super) fn trust(&mut self, leaf: &Opened) -> Checked {
        let evidence = self.evidence(leaf)?;
        match (&evidence, leaf.kind, leaf.index) {
            (Evidence::Root(root), LeafKind::Root, 0) => {
                let statement: RootStatement =
                    canonical::from_canonical_bytes(root.statement.as_bytes())
                        .map_err(|error| (Code::Chain, error.to_string()))?;
                self.root_humans = statement.humans.len();
                self.log_key = Some(statement.log_key.clone());
                if let Some(bundle) = leaf.bytes("bundle") {
                    ensure(
                        Change::bundle_hash(bundle) == statement.bundle,
                        Code::Chain,
                        "the first bundle is not the one that the root statement names",
                    )?;
                }
                let people = statement.humans.into_iter().map(|human| human.human);
                self.link(leaf, &evidence, people.collect(), Vec::new())
            }
            (Evidence::Revocation(revocation), LeafKind::Trust, _) => {
                let signers = revocation.signatures.iter();
                let signers = signers.map(|signature| signature.human.clone()).collect();
                self.link(leaf, &evidence, signers, Vec::new())
            }
            (Evidence::Delegation(delegation), LeafKind::Trust, _) => {
                let statement = delegation
                    .read()
                    .map_err(|error| (Code::Chain, error.to_string()))?;
                delegated(leaf, &statement)?;
                self.link(leaf, &evidence, vec![statement.from], Vec::new())
            }
            (Evidence::DelegationEnd(end), LeafKind::Trust, _) => {
                let signers = end.signatures.iter();
                let signers = signers.map(|signature| signature.human.clone()).collect();
                self.link(leaf, &evidence, signers, Vec::new())
            }
            // Whoever said it has no key here: an identity provider, by the word of the gate.
            (Evidence::Suspension(_) | Evidence::Reinstatement(_), LeafKind::Trust, _) => {
                self.link(leaf, &evidence, Vec::new(), Vec::new())
            }
            (Evidence::Recovery(recovery), LeafKind::QuorumLost, _) => {
                let statement = recovery
                    .read()
                    .map_err(|error| (Code::Chain, error.to_string()))?;
                let people = statement.enrol.into_iter().map(|human| human.human);
                self.link(leaf, &evidence, Vec::new(), people.collect())?;
                self.quorum_lost.push(leaf.index);
                Ok(())
            }
            _ => wrong(Code::Chain, "it is no link that may stand here"),
        }
    }

    /// A change of the gate itself: approved like any held action, and applied in the same leaf.
    pub(super) fn changed(&mut self, request: &mut RequestFold, leaf: &Opened) -> Checked {
        ensure(
            matches!(request.state, State::Redeemable),
            Code::Transition,
            "a change of the gate was applied that was not approved",
        )?;
        ensure(
            leaf.entry.at <= request.spend_by,
            Code::Deadline,
            "it was applied after its time",
        )?;
        let evidence = self.evidence(leaf)?;
        let Evidence::Executed(executed) = &evidence else {
            return wrong(
                Code::Chain,
                "its evidence is not that of an approved change",
            );
        };
        if let Some(record) = request.record() {
            ensure(
                executed.record == record,
                Code::Chain,
                "its evidence tells of another request than the leaves before it",
            )?;
        }
        let change = executed
            .change()
            .map_err(|error| (Code::Chain, error.to_string()))?;
        if let Some(directory) = self.directory() {
            executed
                .check(directory)
                .map_err(|error| (Code::Chain, error.to_string()))?;
        }
        let Event::Trust {
            what,
            trace: Some(trace),
            ..
        } = &leaf.entry.event
        else {
            return wrong(Code::Record, "it is no change with policy's answer");
        };
        self.check_trace(trace)?;
        ensure(
            executed.record.id == request.id
                && *what == executed.record.envelope.descriptor.id.as_str(),
            Code::Chain,
            "its evidence is about another change",
        )?;
        let by = vec![executed.record.requester.accountable().clone()];
        let approved_by = request.approvers();
        if change.changes_directory() {
            ensure(
                leaf.kind == LeafKind::Trust,
                Code::Record,
                "a link of the chain stands in a leaf of another kind",
            )?;
            self.link(leaf, &evidence, by, approved_by)?;
        } else {
            ensure(
                leaf.kind == kind_of(&change),
                Code::Record,
                "a change of the gate stands in a leaf of another kind",
            )?;
            self.check_version(leaf)?;
        }
        if let Change::StopLift(lifted) = &change {
            self.lift(request.id, leaf.index, lifted);
        }
        request.step(&[Step::Claimed, Step::Completed], leaf)?;
        request.execution = Some(leaf.index);
        request.outcome_leaf = Some(leaf.index);
        request.outcome = Some(Outcome {
            code: "ok".to_owned(),
            quantity: None,
            result: Hash::of(b""),
            at: leaf.entry.at,
        });
        Ok(())
    }

    /// A change whose own request is not followed: its evidence alone must carry it.
    pub(super) fn changed_elsewhere(&mut self, leaf: &Opened) -> Checked {
        let evidence = self.evidence(leaf)?;
        let Evidence::Executed(executed) = &evidence else {
            return wrong(
                Code::Chain,
                "its evidence is not that of an approved change",
            );
        };
        let change = executed
            .change()
            .map_err(|error| (Code::Chain, error.to_string()))?;
        if change.changes_directory() && leaf.kind == LeafKind::Trust {
            let by = vec![executed.record.requester.accountable().clone()];
            let contexts = executed.record.reviews.iter().filter_map(|review| {
                canonical::from_canonical_bytes::<ReviewContext>(review.context.as_bytes()).ok()
            });
            let people = contexts.filter_map(|context| {
                HumanId::new(&context.reviewer.issuer, &context.reviewer.subject).ok()
            });
            let people = people.collect();
            return self.link(leaf, &evidence, by, people);
        }
        match self.directory() {
            Some(directory) => executed
                .check(directory)
                .map_err(|error| (Code::Chain, error.to_string())),
            None => Ok(()),
        }
    }

    fn evidence(&mut self, leaf: &Opened) -> Checked<Evidence> {
        let Event::Trust {
            evidence: named, ..
        } = &leaf.entry.event
        else {
            return wrong(Code::Record, "it is no trust leaf");
        };
        let Some(bytes) = leaf.bytes("evidence") else {
            return wrong(Code::Chain, leaf.absence("evidence"));
        };
        let evidence =
            Evidence::from_bytes(bytes).map_err(|error| (Code::Chain, error.to_string()))?;
        let hash = evidence
            .hash()
            .map_err(|error| (Code::Chain, error.to_string()))?;
        ensure(
            hash == *named,
            Code::Chain,
            "its evidence is not the one that the record names",
        )?;
        Ok(evidence)
    }

    fn link(
        &mut self,
        leaf: &Opened,
        evidence: &Evidence,
        by: Vec<HumanId>,
        approved_by: Vec<HumanId>,
    ) -> Checked {
        if self.chain_broken.is_some() {
            return Ok(());
        }
        self.chain
            .add(leaf.index, evidence, self.pinned)
            .map_err(|error| (Code::Chain, error.to_string()))?;
        self.check_version(leaf)?;
        let (Some(directory), Event::Trust { what, .. }) = (self.directory(), &leaf.entry.event)
        else {
            return Ok(());
        };
        let link = Link {
            leaf: leaf.index,
            what: what.clone(),
            by,
            approved_by,
            directory: directory.version,
            bundle: directory.bundle,
        };
        self.links.push(link);
        Ok(())
    }

    fn check_version(&self, leaf: &Opened) -> Checked {
        let (
            Some(directory),
            Event::Trust {
                directory: says, ..
            },
        ) = (self.directory(), &leaf.entry.event)
        else {
            return Ok(());
        };
        if *says != directory.version {
            let text = format!(
                "it makes version {says} of the key directory, and the chain gives {}: a link is missing, added or moved",
                directory.version
            );
            return wrong(Code::Directory, text);
        }
        Ok(())
    }
}

/// A delegation was recorded when it was signed, with the reason that was signed.
fn delegated(leaf: &Opened, statement: &DelegationStatement) -> Checked {
    ensure(
        statement.is_of(leaf.entry.at),
        Code::Deadline,
        "the delegation was recorded long after it was signed, before, or when it was over",
    )?;
    ensure(
        leaf.commits_to("reason"),
        Code::Attachment,
        "a delegation states its reason beside it",
    )?;
    match leaf.bytes("reason") {
        Some(reason) => DelegationReason::check(reason, statement.reason)
            .map_err(|error| (Code::Chain, error.to_string())),
        None => Ok(()),
    }
}

/// The leaf and the attachments that a leaf erases with people's approval. Whether they approved is checked where the leaf
/// is followed.
pub(super) fn erased_by(leaf: &Opened) -> BTreeSet<(u64, String)> {
    let evidence = leaf.bytes("evidence").map(Evidence::from_bytes);
    let Some(Ok(Evidence::Executed(executed))) = evidence else {
        return BTreeSet::new();
    };
    match executed.change() {
        Ok(Change::RecordErase(erase)) => {
            let names = erase.names().map(|name| (erase.leaf, name.to_owned()));
            names.collect()
        }
        _ => BTreeSet::new(),
    }
}

/// The kind of leaf of a change that is no link of the chain.
const fn kind_of(change: &Change) -> LeafKind {
    if matches!(change, Change::RecordErase(_)) {
        LeafKind::Erasure
    } else {
        LeafKind::Outcome
    }
}
