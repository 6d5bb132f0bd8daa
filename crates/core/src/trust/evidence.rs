//! Evidence of a change that was held, approved and applied: everything needed to check it again with nothing else
//! but the chain before it.

use serde::{Deserialize, Serialize};

use super::change::Change;
use super::delegation::{SignedDelegation, SignedDelegationEnd};
use super::recovery::SignedRecovery;
use super::revocation::SignedRevocation;
use super::root::SignedRoot;
use super::suspension::{SignedReinstatement, Suspension};
use super::{SUBMIT_NAMESPACE, TrustError, bad_signature};
use crate::action::Action;
use crate::commit::LeafKind;
use crate::delegation::Moment;
use crate::directory::Directory;
use crate::hash::{Hash, hex, unhex};
use crate::json::canonical::{self, CanonicalError};
use crate::quorum::{self, Question};
use crate::request::RequestRecord;
use crate::requester::Requester;
use crate::review::Subject;

/// Fewest people who must approve a change of the gate itself, besides its author and whoever gains by it.
pub const CHANGE_PEOPLE_MIN: usize = 2;

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Evidence {
    /// The first.
    Root(SignedRoot),
    /// A held action that was approved and applied.
    Executed(Box<Executed>),
    /// A key was revoked: the safe direction.
    Revocation(SignedRevocation),
    /// The quorum was lost, and offline keys put people back.
    Recovery(SignedRecovery),
    /// Somebody who is away lets another person decide for them.
    Delegation(SignedDelegation),
    /// That has ended early: the safe direction.
    DelegationEnd(SignedDelegationEnd),
    /// An identity provider says that somebody is gone: the safe direction.
    Suspension(Suspension),
    /// It says that they are back.
    Reinstatement(SignedReinstatement),
}

/// A human's signature over what they submit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmitSignature {
    /// Drawn by the client; consumed by the submission.
    pub nonce: String,
    /// The author's signature over [`SubmitSignature::message`].
    pub signature: String,
}

impl SubmitSignature {
    /// `SHA-256("gatehold/submit/v1" || 0x00 || envelope_bytes || nonce)`.
    #[must_use]
    pub fn message(envelope_bytes: &[u8], nonce: &str) -> Hash {
        Hash::tagged("gatehold/submit/v1", &[envelope_bytes, nonce.as_bytes()])
    }
}

/// A change with its request, payload and reviews.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Executed {
    /// The request with its reviews and the definitions of the checkpoints that held it.
    pub record: RequestRecord,
    /// The payload in lower hex.
    pub payload: String,
    /// The author's signature.
    pub submit: SubmitSignature,
}

impl Evidence {
    /// The stored bytes.
    ///
    /// # Errors
    /// When a number has no canonical form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TrustError> {
        Ok(canonical::to_bytes(self)?)
    }

    /// Reads stored evidence, in the one spelling that [`Evidence::to_bytes`] gives it.
    ///
    /// # Errors
    /// [`TrustError::Form`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TrustError> {
        let read: Self = canonical::from_canonical_bytes(bytes)?;
        // A set in another order is canonical JSON as well; its hash would be that of other bytes than these.
        if read.to_bytes()? == bytes {
            Ok(read)
        } else {
            Err(CanonicalError::NotCanonical { offset: 0 }.into())
        }
    }

    /// Whether it may stand in a leaf of this kind: a recovery only in its own, loud one, and nothing else there.
    #[must_use]
    pub const fn fits(&self, kind: LeafKind) -> bool {
        matches!(
            (self, kind),
            (Self::Root(_), LeafKind::Root)
                | (
                    Self::Executed(_)
                        | Self::Revocation(_)
                        | Self::Delegation(_)
                        | Self::DelegationEnd(_)
                        | Self::Suspension(_)
                        | Self::Reinstatement(_),
                    LeafKind::Trust
                )
                | (Self::Recovery(_), LeafKind::QuorumLost)
        )
    }

    /// Its name in a record.
    ///
    /// # Errors
    /// When a number has no canonical form.
    pub fn hash(&self) -> Result<Hash, TrustError> {
        Ok(Hash::tagged("gatehold/evidence/v1", &[&self.to_bytes()?]))
    }
}

impl Executed {
    /// Puts evidence together.
    #[must_use]
    pub fn new(record: RequestRecord, payload: &[u8], submit: SubmitSignature) -> Self {
        Self {
            record,
            payload: hex(payload),
            submit,
        }
    }

    /// Whether people approved it, under the directory before it, and it could be applied. Also for changes that are no
    /// links of the chain, such as lifting a stop or erasing an attachment.
    ///
    /// # Errors
    /// [`TrustError`] says why not.
    pub fn check(&self, before: &Directory) -> Result<(), TrustError> {
        self.apply(before, 0).map(drop)
    }

    /// The change that it carries out, read from its payload; nothing is verified.
    ///
    /// # Errors
    /// [`TrustError::Form`].
    pub fn change(&self) -> Result<Change, TrustError> {
        Change::of(&self.action()?)
    }

    fn action(&self) -> Result<Action, TrustError> {
        let payload = unhex(&self.payload)
            .ok_or_else(|| TrustError::Form("the payload is not hex".to_owned()))?;
        let envelope = canonical::to_bytes(&self.record.envelope)?;
        Action::rebuild(&envelope, payload, self.record.digest)
            .map_err(|error| TrustError::Form(error.to_string()))
    }

    /// Checks everything again under the directory before it, and applies the change.
    pub(super) fn apply(&self, before: &Directory, leaf: u64) -> Result<Directory, TrustError> {
        let action = self.action()?;
        let change = Change::of(&action)?;
        let author = self.author(before, &action, &change)?;
        self.approved(before)?;
        change.apply(before, &author, self.record.submitted_at, leaf)
    }

    fn author(
        &self,
        before: &Directory,
        action: &Action,
        change: &Change,
    ) -> Result<crate::ids::HumanId, TrustError> {
        let Requester::Human {
            human,
            key,
            beneficiaries,
        } = &self.record.requester
        else {
            return Err(TrustError::Contradiction(
                "only a human changes the gate itself".to_owned(),
            ));
        };
        let named = *beneficiaries == change.beneficiaries(before);
        if guard!("chain-beneficiaries", !named) {
            return Err(TrustError::Contradiction(
                "whoever gains by the change must be named".to_owned(),
            ));
        }
        let enrolled = before.key(human, key).ok_or(TrustError::NotApproved)?;
        let message = SubmitSignature::message(action.envelope_bytes(), &self.submit.nonce);
        let signature = &self.submit.signature;
        let signed = before.signed(enrolled, signature, message.as_bytes(), SUBMIT_NAMESPACE);
        match signed {
            Err(error) if guard!("chain-author", true) => Err(bad_signature(human, &error)),
            Err(_) | Ok(_) => Ok(human.clone()),
        }
    }

    fn approved(&self, before: &Directory) -> Result<(), TrustError> {
        let record = &self.record;
        let held = record.held.as_ref().ok_or(TrustError::NotApproved)?;
        let whole = record.computed_request_hash() == record.request_hash
            && held.requirement.requirement_hash() == held.requirement_hash;
        if guard!("chain-hashes", !whole) {
            return Err(TrustError::Contradiction(
                "the request does not match its own hashes".to_owned(),
            ));
        }
        let subject = Subject {
            gate: &before.origin,
            request: record.id,
            request_hash: record.request_hash,
            digest: record.digest,
            display_hash: record.display_hash,
            requirement_hash: held.requirement_hash,
            spend_by: record.spend_by,
        };
        let question = Question {
            subject,
            requirement: &held.requirement,
            tier: record.tier,
            requester: &record.requester,
            directory: before,
            // No delegation counts for a change of the gate, so no clock is needed to verify a link.
            moment: Moment {
                now: record.submitted_at,
                task: None,
            },
        };
        let quorum = quorum::count(&question, &record.reviews);
        // The floor does not depend on anything stored with the request: a weak requirement signed into being by
        // nobody would still need two people here.
        if guard!(
            "chain-quorum",
            !quorum.met || quorum.approvals.len() < CHANGE_PEOPLE_MIN
        ) {
            return Err(TrustError::NotApproved);
        }
        Ok(())
    }
}
