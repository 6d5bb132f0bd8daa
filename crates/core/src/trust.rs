//! The signed chain: from the root statement at leaf 0 through every change that people approved, to the directory of
//! now. A row, file or table never gives a key force; only a link that verifies here does.

pub mod change;
pub mod delegation;
pub mod enrolment;
pub mod evidence;
pub mod glass;
pub mod recovery;
pub mod revocation;
pub mod root;
pub mod suspension;

use std::collections::BTreeSet;

use crate::assurance::Assurance;
use crate::attest::AttestError;
use crate::hash::Hash;
use crate::ids::{NameError, RequestId};
use crate::json::canonical::CanonicalError;
use crate::passkey::PasskeyError;
use crate::person_key::PersonKeyError;
use crate::ssh::key::KeyError;

pub use change::Change;
pub use delegation::{
    DelegationEnd, DelegationReason, DelegationStatement, SignedDelegation, SignedDelegationEnd,
};
pub use enrolment::{AttestationRoots, PinnedRoot, attestation_challenge};
pub use evidence::{CHANGE_PEOPLE_MIN, Evidence, Executed, SubmitSignature};
pub use glass::{GLASS_ENROL_NAMESPACE, GLASS_KEYS_MAX, GlassEnrol};
pub use recovery::{Recovery, SignedRecovery};
pub use revocation::{KeyRevocation, SignedRevocation};
pub use root::{RootHuman, RootKey, RootSignature, RootStatement, SignedRoot};
pub use suspension::{Reinstatement, SignedReinstatement, Suspension};

use crate::action::Envelope;
use crate::directory::Directory;

/// The namespace of root signatures.
pub const ROOT_NAMESPACE: &str = "gatehold/root/v1";
/// The namespace of proofs of possession at enrolment.
pub const ENROL_NAMESPACE: &str = "gatehold/enrol/v1";
/// The namespace of a human's own submissions.
pub const SUBMIT_NAMESPACE: &str = "gatehold/submit/v1";
/// The namespace of signed safe-direction statements.
pub const SAFE_NAMESPACE: &str = "gatehold/safe/v1";
/// The target that stands for the gate itself.
pub const GATE_TARGET: &str = "gatehold";

/// Which change of the gate itself an action asks for, by its descriptor; nothing for an action elsewhere.
#[must_use]
pub fn change_asked(envelope: &Envelope) -> Option<String> {
    let own = envelope.target.as_str() == GATE_TARGET;
    own.then(|| envelope.descriptor.id.to_string())
}

/// A link of the chain that has no force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Not exactly the form.
    #[error("a trust statement cannot be read: {0}")]
    Form(String),
    /// The root statement is not the one that the configuration pins.
    #[error("the root statement hashes to {found}, and the configuration pins {pinned}")]
    NotPinned {
        /// What the configuration says.
        pinned: Hash,
        /// What the store holds.
        found: Hash,
    },
    /// Too few humans.
    #[error("a root statement needs at least two humans, and three to be called whole")]
    TooFew,
    /// A signature that should be there is missing or wrong.
    #[error("{who}: {why}")]
    Signature {
        /// Whose.
        who: String,
        /// What is wrong.
        why: String,
    },
    /// More is claimed of a key than is proven.
    #[error("{who}: the key is claimed to be `{claimed}` and proven to be `{proven}`; {next}")]
    Level {
        /// Whose.
        who: String,
        /// What was said.
        claimed: Assurance,
        /// What was seen.
        proven: Assurance,
        /// What to do.
        next: &'static str,
    },
    /// An attestation came with the key and does not hold.
    #[error("{who}: {error}")]
    Attestation {
        /// Whose.
        who: String,
        /// What is wrong with it.
        error: AttestError,
    },
    /// The reviews do not carry the change.
    #[error("the change was not approved by enough people whose keys had force")]
    NotApproved,
    /// The change contradicts the directory.
    #[error("the change cannot be applied: {0}")]
    Contradiction(String),
    /// The same approved request stands in the chain already.
    #[error("the change was applied before; people approve it once for once")]
    Repeated,
    /// The chain does not begin with a root statement, or holds a second one.
    #[error("the chain must begin with exactly one root statement")]
    Order,
}

impl From<CanonicalError> for TrustError {
    fn from(error: CanonicalError) -> Self {
        Self::Form(error.to_string())
    }
}

impl From<KeyError> for TrustError {
    fn from(error: KeyError) -> Self {
        Self::Form(error.to_string())
    }
}

impl From<PersonKeyError> for TrustError {
    fn from(error: PersonKeyError) -> Self {
        Self::Form(error.to_string())
    }
}

impl From<PasskeyError> for TrustError {
    fn from(error: PasskeyError) -> Self {
        Self::Form(error.to_string())
    }
}

impl From<NameError> for TrustError {
    fn from(error: NameError) -> Self {
        Self::Form(error.to_string())
    }
}

pub(crate) fn bad_signature(who: &impl ToString, error: &impl ToString) -> TrustError {
    TrustError::Signature {
        who: who.to_string(),
        why: error.to_string(),
    }
}

/// The chain, folded link by link.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    directory: Option<Directory>,
    /// Names every link so far, also those that the directory's name does not have yet.
    linked: Option<Hash>,
    applied: BTreeSet<RequestId>,
    delegated: BTreeSet<Hash>,
    suspended: BTreeSet<Hash>,
}

impl Chain {
    /// Adds the link that stands at `leaf`. A link that does not verify changes nothing.
    ///
    /// # Errors
    /// [`TrustError`]; the chain is then unchanged, and the caller reports the leaf.
    // INVARIANT(chain-gives-force): this is the only way a key, team, workload, point or bundle enters a directory.
    pub fn add(
        &mut self,
        leaf: u64,
        evidence: &Evidence,
        pinned: Option<Hash>,
    ) -> Result<(), TrustError> {
        let linked = self.linked(leaf, evidence)?;
        let mut next = match (&self.directory, evidence) {
            (None, Evidence::Root(root)) => root.directory(leaf, pinned)?,
            (None, _) | (Some(_), Evidence::Root(_)) => return Err(TrustError::Order),
            (Some(directory), Evidence::Executed(executed)) => {
                // People approved it once. Appended again it would bring back a bundle, team or key they have replaced.
                let request = executed.record.id;
                if guard!("chain-once", self.applied.contains(&request)) {
                    return Err(TrustError::Repeated);
                }
                let next = executed.apply(directory, leaf)?;
                self.applied.insert(request);
                next
            }
            (Some(directory), Evidence::Revocation(revocation)) => revocation.apply(directory)?,
            (Some(directory), Evidence::Recovery(recovery)) => recovery.apply(directory, leaf)?,
            (Some(directory), Evidence::Delegation(delegation)) => {
                // One that was ended would come back to life.
                let id = delegation.id();
                if guard!("delegation-once", self.delegated.contains(&id)) {
                    return Err(TrustError::Repeated);
                }
                let next = delegation.apply(directory, leaf)?;
                self.delegated.insert(id);
                next
            }
            (Some(directory), Evidence::DelegationEnd(end)) => end.apply(directory)?,
            (Some(directory), Evidence::Suspension(suspension)) => {
                // Appended again after it ended, it would stand in the place of a later one, and its end is known.
                let id = suspension.id()?;
                if guard!("suspension-once", self.suspended.contains(&id)) {
                    return Err(TrustError::Repeated);
                }
                let next = suspension.apply(directory, leaf)?;
                self.suspended.insert(id);
                next
            }
            (Some(directory), Evidence::Reinstatement(end)) => end.apply(directory)?,
        };
        let named = self.directory.as_ref();
        let named = named.filter(|before| is_said_again(evidence, before));
        // Nobody reads a screen anew because a provider repeats itself. The next link's name has this one in it.
        (next.chain, next.named) = match named {
            Some(before) if guard!("chain-said-again", true) => (before.chain, before.named),
            _ => (linked, next.version),
        };
        self.directory = Some(next);
        self.linked = Some(linked);
        Ok(())
    }

    /// Names the chain up to this link: what came before it, where it stands, and what it says.
    fn linked(&self, leaf: u64, evidence: &Evidence) -> Result<Hash, TrustError> {
        let before = self.linked.map_or([0; 32], |linked| *linked.as_bytes());
        let evidence = evidence.hash()?;
        let parts = [&before[..], &leaf.to_be_bytes(), evidence.as_bytes()];
        Ok(Hash::tagged("gatehold/chain/v1", &parts))
    }

    /// The directory so far.
    #[must_use]
    pub const fn directory(&self) -> Option<&Directory> {
        self.directory.as_ref()
    }
}

fn is_said_again(evidence: &Evidence, before: &Directory) -> bool {
    matches!(evidence, Evidence::Suspension(suspension) if suspension.is_said_again(before))
}

#[cfg(test)]
mod tests;
