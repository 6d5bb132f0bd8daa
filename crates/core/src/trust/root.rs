//! The root statement: who may begin, signed by every key it names. Its hash is what a configuration pins.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{ROOT_NAMESPACE, TrustError, bad_signature};
use crate::assurance::Assurance;
use crate::directory::{Directory, EnrolledKey};
use crate::hash::Hash;
use crate::ids::{HumanId, Origin, TeamId};
use crate::json::canonical;
use crate::ssh::key::SshPublicKey;
use crate::ssh::sshsig;
use crate::time::Timestamp;

/// The `type` member of a root statement.
pub const ROOT_TYPE: &str = "gatehold/root/v1";

/// One key of a human in the root statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootKey {
    /// The public key as one authorized-keys line without comment.
    pub key: String,
    /// What it is enrolled as. Plain SSH keys are `software`, whatever stands here.
    pub assurance: Assurance,
}

/// One human of the root statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootHuman {
    /// Who.
    pub human: HumanId,
    /// Their keys; at least one.
    pub keys: Vec<RootKey>,
}

/// What the first people agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootStatement {
    /// [`ROOT_TYPE`].
    #[serde(rename = "type")]
    pub type_: String,
    /// The gate's log origin.
    pub origin: Origin,
    /// When it was drawn up.
    pub created_at: Timestamp,
    /// The first humans.
    pub humans: Vec<RootHuman>,
    /// The first teams.
    pub teams: BTreeMap<TeamId, BTreeSet<HumanId>>,
    /// The first bundle.
    pub bundle: Hash,
    /// The log's verifier key line (signed note).
    pub log_key: String,
    /// Offline keys that can restore a lost quorum, one authorized-keys line each.
    pub recovery_keys: Vec<String>,
}

/// One signature over a root statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootSignature {
    /// The signing key's line.
    pub key: String,
    /// Armored SSHSIG over the statement's canonical bytes.
    pub sshsig: String,
}

/// A root statement with the signatures of all keys that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRoot {
    /// Canonical JSON of a [`RootStatement`].
    pub statement: String,
    /// Every key proves that it is there.
    pub signatures: Vec<RootSignature>,
}

impl SignedRoot {
    /// What a configuration pins.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::tagged(ROOT_TYPE, &[self.statement.as_bytes()])
    }

    /// The statement, once every key in it has been seen to sign it.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn verify(&self) -> Result<RootStatement, TrustError> {
        let root: RootStatement = canonical::from_canonical_bytes(self.statement.as_bytes())?;
        if guard!("root-type", root.type_ != ROOT_TYPE) {
            return Err(TrustError::Form(format!("its type is not `{ROOT_TYPE}`")));
        }
        let people: BTreeSet<&HumanId> = root.humans.iter().map(|human| &human.human).collect();
        let too_few = people.len() < 2 || people.len() != root.humans.len();
        if guard!("root-people", too_few) {
            return Err(TrustError::TooFew);
        }
        for human in &root.humans {
            if guard!("root-keys", human.keys.is_empty()) {
                return Err(TrustError::Form(format!("{} has no key", human.human)));
            }
            for key in &human.keys {
                self.possessed(&human.human, key)?;
            }
        }
        Ok(root)
    }

    fn possessed(&self, human: &HumanId, key: &RootKey) -> Result<(), TrustError> {
        let signature = self
            .signatures
            .iter()
            .find(|signature| signature.key == key.key)
            .ok_or_else(|| TrustError::Signature {
                who: human.to_string(),
                why: "the key has not signed the root".to_owned(),
            })?;
        let public = SshPublicKey::from_line(&key.key)?;
        sshsig::verify(
            signature.sshsig.as_bytes(),
            self.statement.as_bytes(),
            ROOT_NAMESPACE,
            &public,
        )
        .map(drop)
        .or_else(|error| {
            if guard!("root-possession", true) {
                Err(bad_signature(human, &error))
            } else {
                Ok(())
            }
        })
    }

    pub(super) fn directory(
        &self,
        leaf: u64,
        pinned: Option<Hash>,
    ) -> Result<Directory, TrustError> {
        let found = self.hash();
        if let Some(pinned) = pinned
            && guard!("root-pinned", pinned != found)
        {
            return Err(TrustError::NotPinned { pinned, found });
        }
        let root = self.verify()?;
        let mut directory = Directory {
            version: 1,
            origin: root.origin,
            root: found,
            bundle: root.bundle,
            humans: BTreeMap::new(),
            teams: root.teams,
            workloads: BTreeMap::new(),
            points: BTreeMap::new(),
        };
        for human in root.humans {
            for key in human.keys {
                enrol(&mut directory, &human.human, &key.key, key.assurance, leaf)?;
            }
        }
        Ok(directory)
    }
}

/// Gives a key force. A key has one holder for ever: a second is refused (threat A9).
pub(super) fn enrol(
    directory: &mut Directory,
    human: &HumanId,
    line: &str,
    assurance: Assurance,
    leaf: u64,
) -> Result<(), TrustError> {
    let key = SshPublicKey::from_line(line)?;
    let thumbprint = Hash::from_bytes(key.thumbprint());
    if guard!("enrol-one-holder", directory.holder(&thumbprint).is_some()) {
        return Err(TrustError::Contradiction(
            "this key is enrolled already".to_owned(),
        ));
    }
    let assurance = if guard!("enrol-software", !key.is_security_key()) {
        Assurance::Software
    } else {
        assurance
    };
    directory
        .humans
        .entry(human.clone())
        .or_default()
        .keys
        .insert(
            thumbprint,
            EnrolledKey {
                key,
                assurance,
                leaf,
            },
        );
    Ok(())
}
