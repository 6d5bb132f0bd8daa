//! Key revocation: the safe direction. The subject alone, or two others, at once and without a hold.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{SAFE_NAMESPACE, TrustError, bad_signature};
use crate::directory::Directory;
use crate::hash::Hash;
use crate::ids::{HumanId, Origin};
use crate::json::canonical;

/// The `type` member of a revocation.
pub const REVOCATION_TYPE: &str = "gatehold/key-revocation/v1";

/// A key is to lose its force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRevocation {
    /// [`REVOCATION_TYPE`].
    #[serde(rename = "type")]
    pub type_: String,
    /// At which gate.
    pub gate: Origin,
    /// Whose.
    pub human: HumanId,
    /// Which key, by thumbprint.
    pub key: Hash,
}

/// One signature over a revocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationSignature {
    /// Who signs.
    pub human: HumanId,
    /// With which key, by thumbprint.
    pub key: Hash,
    /// Their key's signature over the canonical statement.
    pub signature: String,
}

/// A revocation with its signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRevocation {
    /// Canonical JSON of a [`KeyRevocation`].
    pub statement: String,
    /// The subject's signature, or those of two others.
    pub signatures: Vec<RevocationSignature>,
}

impl SignedRevocation {
    /// Whether it has force under this directory.
    ///
    /// # Errors
    /// [`TrustError`] says why not.
    pub fn check(&self, directory: &Directory) -> Result<(), TrustError> {
        self.apply(directory).map(drop)
    }

    /// The directory without the key.
    pub(super) fn apply(&self, before: &Directory) -> Result<Directory, TrustError> {
        let statement: KeyRevocation = canonical::from_canonical_bytes(self.statement.as_bytes())?;
        let other = statement.type_ != REVOCATION_TYPE || statement.gate != before.origin;
        if guard!("revocation-own-gate", other) {
            return Err(TrustError::Form(
                "it is for another gate or of another type".to_owned(),
            ));
        }
        let mut signers = BTreeSet::new();
        for signature in self.signatures.iter().take(8) {
            let enrolled = before
                .key(&signature.human, &signature.key)
                .ok_or(TrustError::NotApproved)?;
            let statement = self.statement.as_bytes();
            let signed = before.signed(enrolled, &signature.signature, statement, SAFE_NAMESPACE);
            if let Err(error) = signed
                && guard!("revocation-signature", true)
            {
                return Err(bad_signature(&signature.human, &error));
            }
            signers.insert(&signature.human);
        }
        let others = signers
            .iter()
            .filter(|human| ***human != statement.human)
            .count();
        if guard!(
            "revocation-signers",
            !signers.contains(&statement.human) && others < 2
        ) {
            return Err(TrustError::NotApproved);
        }
        let mut directory = before.clone();
        directory.version = before.version.saturating_add(1);
        // Offline keys are told apart by who has them; nobody else's goes by a name that is not theirs.
        let glass = directory.glass.get(&statement.key);
        if glass.is_some_and(|key| key.human == statement.human) {
            directory.glass.remove(&statement.key);
            return Ok(directory);
        }
        let keys = directory
            .humans
            .get_mut(&statement.human)
            .map(|human| &mut human.keys);
        if keys.and_then(|keys| keys.remove(&statement.key)).is_none() {
            return Err(TrustError::Contradiction("there is no such key".to_owned()));
        }
        Ok(directory)
    }
}
