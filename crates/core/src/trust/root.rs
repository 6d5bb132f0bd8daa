//! The root statement: who may begin, signed by every key it names. Its hash is what a configuration pins.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::enrolment::{AttestationRoots, NewKey, Possession, consoles, enrol};
use super::{ROOT_NAMESPACE, TrustError, bad_signature};
use crate::assurance::Assurance;
use crate::directory::Directory;
use crate::hash::Hash;
use crate::ids::{HumanId, Origin, TeamId};
use crate::json::canonical;
use crate::passkey::WebOrigin;
use crate::ssh::key::SshPublicKey;
use crate::time::Timestamp;

/// The `type` member of a root statement.
pub const ROOT_TYPE: &str = "gatehold/root/v1";

/// One key of a human in the root statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootKey {
    /// The key's line: an SSH key as in authorized-keys without comment, or a passkey's.
    pub key: String,
    /// What it is enrolled as; more than is proven is refused.
    pub assurance: Assurance,
    /// Its attestation: an SSH key's `ssh-sk-attest-v01` in lower hex, or a passkey's registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<String>,
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
    /// Offline keys that can restore a lost quorum, one authorized-keys line each: none, or two and more.
    pub recovery_keys: Vec<String>,
    /// Makers of authenticators whose attestations count, now and at every later enrolment.
    pub attestation_roots: AttestationRoots,
    /// The pages on which a passkey may sign; none, where people sign in terminals alone.
    pub consoles: Vec<WebOrigin>,
}

/// One signature over a root statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootSignature {
    /// The signing key's line.
    pub key: String,
    /// That key's signature over the statement's canonical bytes.
    pub signature: String,
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

    /// The statement, once every key in it has been seen to sign it and to be what it is said to be.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn verify(&self) -> Result<RootStatement, TrustError> {
        let root = self.statement()?;
        self.found(&root, 0)?;
        Ok(root)
    }

    fn statement(&self) -> Result<RootStatement, TrustError> {
        let root: RootStatement = canonical::from_canonical_bytes(self.statement.as_bytes())?;
        if guard!("root-type", root.type_ != ROOT_TYPE) {
            return Err(TrustError::Form(format!("its type is not `{ROOT_TYPE}`")));
        }
        let people: BTreeSet<&HumanId> = root.humans.iter().map(|human| &human.human).collect();
        let too_few = people.len() < 2 || people.len() != root.humans.len();
        if guard!("root-people", too_few) {
            return Err(TrustError::TooFew);
        }
        Ok(root)
    }

    /// The signature of one of the keys that the statement names.
    fn of(&self, who: &str, key: &str) -> Result<Possession<'_>, TrustError> {
        let signature = self.signatures.iter().find(|found| found.key == key);
        let signature = signature.ok_or_else(|| TrustError::Signature {
            who: who.to_owned(),
            why: "the key has not signed the root".to_owned(),
        })?;
        Ok(Possession {
            namespace: ROOT_NAMESPACE,
            message: self.statement.as_bytes(),
            signature: &signature.signature,
        })
    }

    /// The offline keys; each has signed, or the day they are needed would be the day it is found missing.
    fn offline(&self, root: &RootStatement) -> Result<Vec<SshPublicKey>, TrustError> {
        let mut keys: Vec<SshPublicKey> = Vec::new();
        for line in &root.recovery_keys {
            let key = SshPublicKey::from_line(line)?;
            let who = format!("the offline key {}", key.fingerprint());
            let proof = self.of(&who, line)?;
            if let Err(error) = proof.verify(&key.clone().into(), &[])
                && guard!("root-offline-possession", true)
            {
                return Err(bad_signature(&who, &error));
            }
            if guard!("root-offline-distinct", keys.contains(&key)) {
                return Err(TrustError::Form(format!("{who} is named twice")));
            }
            keys.push(key);
        }
        if guard!("root-offline-two", keys.len() == 1) {
            return Err(TrustError::Form(
                "one offline key could not recover anything, because two must sign; name two or more, or none"
                    .to_owned(),
            ));
        }
        Ok(keys)
    }

    fn found(&self, root: &RootStatement, leaf: u64) -> Result<Directory, TrustError> {
        root.attestation_roots.anchors()?;
        let mut directory = Directory {
            version: 1,
            // Its own link gives it one, like every other.
            chain: Hash::from_bytes([0; 32]),
            named: 1,
            origin: root.origin.clone(),
            root: self.hash(),
            bundle: root.bundle,
            humans: BTreeMap::new(),
            teams: root.teams.clone(),
            workloads: BTreeMap::new(),
            points: BTreeMap::new(),
            delegations: BTreeMap::new(),
            suspended: BTreeMap::new(),
            last_gone: BTreeMap::new(),
            log_key: root.log_key.clone(),
            glass: BTreeMap::new(),
            recovery: self.offline(root)?,
            attestation_roots: root.attestation_roots.clone(),
            consoles: consoles(&root.consoles)?,
            quorum_lost: Vec::new(),
        };
        for human in &root.humans {
            if guard!("root-keys", human.keys.is_empty()) {
                return Err(TrustError::Form(format!("{} has no key", human.human)));
            }
            for key in &human.keys {
                let possession = self.of(&human.human.to_string(), &key.key)?;
                enrol(
                    &mut directory,
                    &key.of(&human.human, root.created_at),
                    &possession,
                    leaf,
                )?;
            }
        }
        Ok(directory)
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
        self.found(&self.statement()?, leaf)
    }
}

impl RootKey {
    /// As something to be enrolled.
    pub(super) fn of<'a>(&'a self, human: &'a HumanId, at: Timestamp) -> NewKey<'a> {
        NewKey {
            human,
            line: &self.key,
            claimed: self.assurance,
            attestation: self.attestation.as_deref(),
            at,
        }
    }
}
