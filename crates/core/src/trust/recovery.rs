//! Lost quorum: too few people are left whose keys have force, so nobody can change the gate any more. The offline keys
//! that the root statement names then put people back, in a leaf of its own kind that every verifier says aloud.
//!
//! It can give and take keys of people and set teams, and nothing else: no bundle, no workload, no approval. It names
//! the directory version it is for, so it can be used once and never later.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::enrolment::{Possession, enrol};
use super::root::RootHuman;
use super::{TrustError, bad_signature};
use crate::directory::Directory;
use crate::hash::Hash;
use crate::ids::{HumanId, Origin, TeamId};
use crate::json::canonical;
use crate::ssh::key::SshPublicKey;
use crate::time::Timestamp;

/// The `type` member of a recovery.
pub const RECOVERY_TYPE: &str = "gatehold/recovery/v1";
/// The namespace of its signatures.
pub const RECOVERY_NAMESPACE: &str = "gatehold/recovery/v1";
/// Fewest offline keys that must sign, however few are named.
pub const RECOVERY_SIGNERS_MIN: usize = 2;
/// Most signatures that are looked at.
const SIGNATURES_MAX: usize = 64;

/// A key that is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LostKey {
    /// Whose.
    pub human: HumanId,
    /// Which, by thumbprint.
    pub key: Hash,
}

/// Who is to have force again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// [`RECOVERY_TYPE`].
    #[serde(rename = "type")]
    pub type_: String,
    /// At which gate.
    pub gate: Origin,
    /// Under which root.
    pub root: Hash,
    /// The directory version it is for: it can be used once.
    pub directory: u64,
    /// When it was drawn up.
    pub created_at: Timestamp,
    /// Keys that lose their force.
    pub revoke: Vec<LostKey>,
    /// Keys that get force; each signs the statement too.
    pub enrol: Vec<RootHuman>,
    /// Teams that are to have exactly these members, so that the people can decide again.
    pub teams: BTreeMap<TeamId, BTreeSet<HumanId>>,
}

/// One signature over a recovery, by an offline key or by a key that it enrols.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoverySignature {
    /// The signing key's line.
    pub key: String,
    /// Armored SSHSIG over the statement's canonical bytes.
    pub signature: String,
}

/// A recovery with its signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRecovery {
    /// Canonical JSON of a [`Recovery`].
    pub statement: String,
    /// Those of the offline keys, and of every key that it enrols.
    pub signatures: Vec<RecoverySignature>,
}

/// How many offline keys must sign: more than half of those named, and never fewer than two.
#[must_use]
pub fn signers_needed(named: usize) -> usize {
    (named / 2).saturating_add(1).max(RECOVERY_SIGNERS_MIN)
}

impl SignedRecovery {
    /// The statement; nothing is verified.
    ///
    /// # Errors
    /// [`TrustError::Form`].
    pub fn read(&self) -> Result<Recovery, TrustError> {
        Ok(canonical::from_canonical_bytes(self.statement.as_bytes())?)
    }

    /// Whether it has force under this directory.
    ///
    /// # Errors
    /// [`TrustError`] says why not.
    pub fn check(&self, directory: &Directory) -> Result<(), TrustError> {
        self.apply(directory, 0).map(drop)
    }

    /// The directory with the people it puts back.
    pub(super) fn apply(&self, before: &Directory, leaf: u64) -> Result<Directory, TrustError> {
        let recovery = self.read()?;
        let other = recovery.type_ != RECOVERY_TYPE
            || recovery.gate != before.origin
            || recovery.root != before.root;
        if guard!("recovery-own-gate", other) {
            return Err(TrustError::Form(
                "it is for another gate or root, or of another type".to_owned(),
            ));
        }
        if guard!("recovery-once", recovery.directory != before.version) {
            return Err(TrustError::Contradiction(format!(
                "it is for version {} of the key directory, and this is version {}; draw it up anew",
                recovery.directory, before.version
            )));
        }
        self.offline_signers(before)?;
        let mut directory = before.clone();
        directory.version = before.version.saturating_add(1);
        directory.quorum_lost.push(leaf);
        for lost in &recovery.revoke {
            let human = directory.humans.get_mut(&lost.human);
            if human
                .and_then(|human| human.keys.remove(&lost.key))
                .is_none()
            {
                return Err(TrustError::Contradiction(format!(
                    "{} has no key {}",
                    lost.human, lost.key
                )));
            }
        }
        for human in &recovery.enrol {
            for key in &human.keys {
                let possession = self.of(&human.human.to_string(), &key.key)?;
                let new = key.of(&human.human, recovery.created_at);
                enrol(&mut directory, &new, &possession, leaf)?;
            }
        }
        set_teams(&mut directory, &recovery)?;
        let living = directory.humans.values();
        let living = living.filter(|human| !human.keys.is_empty()).count();
        if guard!("recovery-people", living < RECOVERY_SIGNERS_MIN) {
            return Err(TrustError::TooFew);
        }
        Ok(directory)
    }

    /// Every signature that is there must hold, and enough of them must be of offline keys.
    fn offline_signers(&self, before: &Directory) -> Result<(), TrustError> {
        let needed = signers_needed(before.recovery.len());
        let mut signers = BTreeSet::new();
        for signature in self.signatures.iter().take(SIGNATURES_MAX) {
            let key = SshPublicKey::from_line(&signature.key)?;
            let held = self.possession(signature).verify(&key.clone().into(), &[]);
            if let Err(error) = held
                && guard!("recovery-signature", true)
            {
                return Err(bad_signature(&key.fingerprint(), &error));
            }
            // Anybody may sign; who counts is decided by the root alone.
            let stranger = !before.recovery.contains(&key);
            if guard!("recovery-offline-keys", stranger) {
                continue;
            }
            signers.insert(key);
        }
        if guard!("recovery-signers", signers.len() < needed) {
            return Err(TrustError::Signature {
                who: "the offline keys".to_owned(),
                why: format!(
                    "{} of {} signed, and {needed} are needed",
                    signers.len(),
                    before.recovery.len()
                ),
            });
        }
        Ok(())
    }

    fn possession<'a>(&'a self, signature: &'a RecoverySignature) -> Possession<'a> {
        Possession {
            namespace: RECOVERY_NAMESPACE,
            message: self.statement.as_bytes(),
            signature: &signature.signature,
        }
    }

    fn of(&self, who: &str, key: &str) -> Result<Possession<'_>, TrustError> {
        let signature = self.signatures.iter().find(|found| found.key == key);
        signature
            .map(|signature| self.possession(signature))
            .ok_or_else(|| TrustError::Signature {
                who: who.to_owned(),
                why: "the new key has not signed the recovery".to_owned(),
            })
    }
}

fn set_teams(directory: &mut Directory, recovery: &Recovery) -> Result<(), TrustError> {
    for (team, members) in &recovery.teams {
        let stranger = members
            .iter()
            .find(|human| !directory.humans.contains_key(human));
        if let Some(stranger) = stranger
            && guard!("recovery-team-members-known", true)
        {
            return Err(TrustError::Contradiction(format!(
                "{stranger} is not enrolled"
            )));
        }
        directory.teams.insert(team.clone(), members.clone());
    }
    Ok(())
}
