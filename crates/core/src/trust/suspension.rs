//! Suspension: an identity provider says that somebody is gone, and their keys have no force until it says that they are back.
//! It takes away and never gives: who is enrolled and in which team, the chain before it says.
//!
//! Taking away is the safe direction, so it is believed of any leaf. Giving back is believed only of the gate that heard the
//! provider say so, by a signature with the log key that the root names: whoever can append a leaf past the gate can suspend,
//! and cannot bring back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{TrustError, bad_signature};
use crate::directory::{Directory, Suspended};
use crate::hash::{Hash, hex, unhex};
use crate::ids::{HumanId, Origin};
use crate::json::canonical;

/// The `type` member of a suspension.
pub const SUSPENSION_TYPE: &str = "gatehold/suspension/v1";
/// The `type` member of its end, and the purpose that the gate signs for.
pub const REINSTATEMENT_TYPE: &str = "gatehold/reinstatement/v1";
/// Longest statement, in bytes.
const BYTES_MAX: usize = 4 << 10;
/// The algorithm in a log's key (C2SP signed note): Ed25519.
const ED25519: u8 = 0x01;

/// An identity provider takes the force of every key that somebody has now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspension {
    /// [`SUSPENSION_TYPE`].
    #[serde(rename = "type")]
    pub type_: String,
    /// At which gate.
    pub gate: Origin,
    /// Whose.
    pub human: HumanId,
    /// Whether the provider has removed them, and not only deactivated.
    pub removed: bool,
    /// Drawn by the gate: no two are the same, so that the end of one ends no other.
    pub nonce: String,
}

impl Suspension {
    /// Its name.
    ///
    /// # Errors
    /// Never for text; the type says so because serialisation can.
    pub fn id(&self) -> Result<Hash, TrustError> {
        let bytes = canonical::to_bytes(self)?;
        Ok(Hash::tagged(SUSPENSION_TYPE, &[&bytes]))
    }

    /// Whether it has force under this directory.
    ///
    /// # Errors
    /// [`TrustError`] says why not.
    pub fn check(&self, directory: &Directory) -> Result<(), TrustError> {
        self.apply(directory, 0).map(drop)
    }

    /// Whether nothing is taken by it: they are gone already, as wholly, and whoever was removed stays so.
    #[must_use]
    pub fn is_said_again(&self, before: &Directory) -> bool {
        let stands = before.suspended.get(&self.human);
        let as_much = stands.is_some_and(|stands| stands.removed || !self.removed);
        as_much && before.is_suspended(&self.human)
    }

    /// The directory in which no key that they have now has force.
    pub(super) fn apply(&self, before: &Directory, leaf: u64) -> Result<Directory, TrustError> {
        let other = self.type_ != SUSPENSION_TYPE || self.gate != before.origin;
        if guard!("suspension-own-gate", other) {
            return Err(other_gate());
        }
        let mut directory = before.clone();
        directory.version = before.version.saturating_add(1);
        let id = self.id()?;
        let suspended = Suspended {
            id,
            removed: self.removed,
            leaf,
        };
        directory.suspended.insert(self.human.clone(), suspended);
        directory.last_gone.insert(self.human.clone(), id);
        Ok(directory)
    }
}

/// The provider says that they are back: one suspension ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reinstatement {
    /// [`REINSTATEMENT_TYPE`].
    #[serde(rename = "type")]
    pub type_: String,
    /// At which gate.
    pub gate: Origin,
    /// Whose.
    pub human: HumanId,
    /// Which suspension, by [`Suspension::id`].
    pub suspension: Hash,
}

/// The end of a suspension, signed by the gate that heard it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReinstatement {
    /// Canonical JSON of a [`Reinstatement`].
    pub statement: String,
    /// Ed25519 by the log key over [`SignedReinstatement::message`], lower hex.
    pub signature: String,
}

impl SignedReinstatement {
    /// Of this statement, by what signs with the log key.
    ///
    /// # Errors
    /// Never for text; the type says so because serialisation can.
    pub fn sign(
        statement: &Reinstatement,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<Self, TrustError> {
        let bytes = canonical::to_bytes(statement)?;
        let signature = hex(&sign(&Self::message(&bytes)));
        let statement = String::from_utf8(bytes)
            .map_err(|_| TrustError::Form("canonical JSON is text".to_owned()))?;
        Ok(Self {
            statement,
            signature,
        })
    }

    /// What is signed: no tree head has a NUL, so neither can stand for the other.
    #[must_use]
    pub fn message(statement: &[u8]) -> Vec<u8> {
        [REINSTATEMENT_TYPE.as_bytes(), b"\0", statement].concat()
    }

    /// The statement; nothing is verified.
    ///
    /// # Errors
    /// [`TrustError::Form`].
    pub fn read(&self) -> Result<Reinstatement, TrustError> {
        let long = self.statement.len() > BYTES_MAX || self.signature.len() > BYTES_MAX;
        if guard!("reinstatement-short", long) {
            return Err(TrustError::Form(format!(
                "statement and signature may have {BYTES_MAX} bytes each"
            )));
        }
        Ok(canonical::from_canonical_bytes(self.statement.as_bytes())?)
    }

    /// Whether it has force under this directory.
    ///
    /// # Errors
    /// [`TrustError`] says why not.
    pub fn check(&self, directory: &Directory) -> Result<(), TrustError> {
        self.apply(directory).map(drop)
    }

    /// The directory without the suspension. What stood before it stands again, and no more: that it was said is kept, so that a
    /// key which was asked for before it stays nobody's.
    // INVARIANT(suspension-outlives-row): only the gate's own word, about this very suspension, ends it.
    pub(super) fn apply(&self, before: &Directory) -> Result<Directory, TrustError> {
        let statement = self.read()?;
        let other = statement.type_ != REINSTATEMENT_TYPE || statement.gate != before.origin;
        if guard!("reinstatement-own-gate", other) {
            return Err(other_gate());
        }
        let standing = before.suspended.get(&statement.human);
        let standing = standing.map(|suspended| suspended.id);
        if guard!(
            "reinstatement-of-this",
            standing != Some(statement.suspension)
        ) {
            return Err(TrustError::Contradiction(format!(
                "{} is not suspended by that",
                statement.human
            )));
        }
        let message = Self::message(self.statement.as_bytes());
        let signed = verifies(&before.log_key, &message, &self.signature);
        if guard!("reinstatement-signed", !signed) {
            return Err(bad_signature(
                &"the log key",
                &"it did not sign that the identity provider has them back",
            ));
        }
        let mut directory = before.clone();
        directory.version = before.version.saturating_add(1);
        directory.suspended.remove(&statement.human);
        Ok(directory)
    }
}

fn other_gate() -> TrustError {
    TrustError::Form("it is for another gate or of another type".to_owned())
}

/// Whether the key of this line (`origin+id+base64`) signed a message. A line that is none signs nothing.
fn verifies(log_key: &str, message: &[u8], signature: &str) -> bool {
    let key = || {
        let (_, rest) = log_key.split_once('+')?;
        let (_, encoded) = rest.split_once('+')?;
        let typed = STANDARD.decode(encoded).ok()?;
        let [ED25519, key @ ..] = typed.as_slice() else {
            return None;
        };
        let key = ed25519_dalek::VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
        (!key.is_weak()).then_some(key)
    };
    let signature =
        unhex(signature).and_then(|bytes| ed25519_dalek::Signature::from_slice(&bytes).ok());
    key()
        .zip(signature)
        .is_some_and(|(key, signature)| key.verify_strict(message, &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    fn line(key: &SigningKey) -> String {
        let typed: Vec<u8> = [ED25519]
            .into_iter()
            .chain(key.verifying_key().to_bytes())
            .collect();
        format!("gate.example+00000000+{}", STANDARD.encode(typed))
    }

    #[test]
    fn only_the_key_of_the_line_signs() {
        let (own, other) = (
            SigningKey::from_bytes(&[1; 32]),
            SigningKey::from_bytes(&[2; 32]),
        );
        let signed = |key: &SigningKey| hex(&key.sign(b"message").to_bytes());
        assert!(verifies(&line(&own), b"message", &signed(&own)));
        for (key, message, signature) in [
            (line(&other), &b"message"[..], signed(&own)),
            (line(&own), b"massage", signed(&own)),
            (line(&own), b"message", signed(&other)),
            (line(&own), b"message", signed(&own).to_uppercase()),
            (line(&own), b"message", String::new()),
            ("log".to_owned(), b"message", signed(&own)),
            (String::new(), b"message", signed(&own)),
        ] {
            assert!(!verifies(&key, message, &signature), "{key} {signature}");
        }
    }
}
