//! What a new key counts as: what is proven about it here, never what a statement claims.
//!
//! A key in a file proves nothing. A security key shows by the flags of its proof of possession whether it asks for a
//! touch or for a PIN as well. Only an attestation that a pinned root vouches for makes it `attested`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{TrustError, bad_signature};
use crate::assurance::Assurance;
use crate::attest::{self, Anchors};
use crate::directory::{Directory, EnrolledKey, KeyProof};
use crate::hash::{Hash, hex, unhex};
use crate::ids::{HumanId, Origin};
use crate::json::canonical;
use crate::passkey::{PasskeyPublicKey, Registered, Registration, WebOrigin};
use crate::person_key::{PersonKey, SignatureError};
use crate::ssh::SkFlags;
use crate::ssh::key::SshPublicKey;
use crate::time::Timestamp;

/// Most certificates a root statement may pin.
pub const PINNED_MAX: usize = 32;
/// Most consoles a gate may have.
pub const CONSOLES_MAX: usize = 8;

/// Makers of authenticators whose attestations count, as the first people agreed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttestationRoots {
    /// The pinned roots.
    pub roots: Vec<PinnedRoot>,
    /// Certificates between a root and an authenticator, DER in lower hex; they mean nothing without a root.
    pub intermediates: Vec<String>,
}

/// One pinned root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedRoot {
    /// What lists and records call it.
    pub name: String,
    /// The certificate, DER in lower hex.
    pub certificate: String,
}

impl AttestationRoots {
    /// The pinned certificates, ready to vouch.
    ///
    /// # Errors
    /// When there are too many, or one cannot vouch for anything.
    pub fn anchors(&self) -> Result<Anchors, TrustError> {
        if self.roots.len().saturating_add(self.intermediates.len()) > PINNED_MAX {
            return Err(TrustError::Form(format!(
                "more than {PINNED_MAX} certificates are pinned"
            )));
        }
        let der = |text: &str| {
            unhex(text).ok_or_else(|| TrustError::Form("a certificate is not lower hex".to_owned()))
        };
        let mut anchors = Anchors::none();
        for root in &self.roots {
            anchors
                .pin_root(&root.name, &der(&root.certificate)?)
                .map_err(|error| TrustError::Form(format!("`{}`: {error}", root.name)))?;
        }
        for intermediate in &self.intermediates {
            anchors
                .add_intermediate(&der(intermediate)?)
                .map_err(|error| TrustError::Form(error.to_string()))?;
        }
        Ok(anchors)
    }
}

/// The pages that are named: each once, and few enough to read.
pub(super) fn consoles(named: &[WebOrigin]) -> Result<Vec<WebOrigin>, TrustError> {
    let distinct: BTreeSet<&WebOrigin> = named.iter().collect();
    if guard!(
        "consoles-distinct",
        distinct.len() != named.len() || named.len() > CONSOLES_MAX
    ) {
        return Err(TrustError::Form(format!(
            "at most {CONSOLES_MAX} consoles are named, each once"
        )));
    }
    Ok(named.to_vec())
}

/// A key that is to get force.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewKey<'a> {
    /// Whose.
    pub(super) human: &'a HumanId,
    /// The key's line.
    pub(super) line: &'a str,
    /// What it is claimed to count as.
    pub(super) claimed: Assurance,
    /// An `ssh-sk-attest-v01` blob in lower hex, or a passkey's registration.
    pub(super) attestation: Option<&'a str>,
    /// When it was asked for: certificates must be valid then.
    pub(super) at: Timestamp,
}

/// A proof of possession: what was signed, for which purpose, and the signature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Possession<'a> {
    pub(super) namespace: &'static str,
    pub(super) message: &'a [u8],
    pub(super) signature: &'a str,
}

impl Possession<'_> {
    /// Whether this key made it, and with which flags.
    pub(super) fn verify(
        &self,
        key: &PersonKey,
        consoles: &[WebOrigin],
    ) -> Result<Option<SkFlags>, SignatureError> {
        key.verify(self.signature, self.message, self.namespace, consoles)
    }
}

/// The challenge that a security key is made with, so that its attestation is for this gate and this person:
/// `ssh-keygen -t ed25519-sk -O challenge=FILE -O write-attestation=FILE`.
///
/// # Errors
/// Never for text.
pub fn attestation_challenge(origin: &Origin, human: &HumanId) -> Result<Hash, TrustError> {
    let about = canonical::to_bytes(&(origin, human))?;
    Ok(Hash::tagged("gatehold/attest/v1", &[&about]))
}

/// Gives a key force at the level that was asked for, if that much is proven. A key has one holder for ever: a second is
/// refused (threat A9).
// INVARIANT(attested-key): the level of a key is computed here, by the chain, from the key's own proofs.
pub(super) fn enrol(
    directory: &mut Directory,
    new: &NewKey<'_>,
    possession: &Possession<'_>,
    leaf: u64,
) -> Result<(), TrustError> {
    let key = PersonKey::from_line(new.line)?;
    let thumbprint = key.thumbprint();
    if guard!("enrol-one-holder", directory.holder(&thumbprint).is_some()) {
        return Err(TrustError::Contradiction(
            "this key is enrolled already".to_owned(),
        ));
    }
    let offline = key
        .as_ssh()
        .is_some_and(|key| directory.recovery.contains(key));
    if guard!("enrol-not-offline", offline) {
        return Err(TrustError::Contradiction(
            "this is an offline recovery key; enrol another one".to_owned(),
        ));
    }
    let glass = directory.glass.contains_key(&thumbprint);
    if guard!("enrol-not-glass", glass) {
        return Err(TrustError::Contradiction(
            "this is an offline key for break-glass; enrol another one".to_owned(),
        ));
    }
    let flags = match possession.verify(&key, &directory.consoles) {
        Ok(flags) => flags,
        Err(error) if guard!("enrol-possession", true) => {
            return Err(bad_signature(new.human, &error));
        }
        Err(_) => None,
    };
    let (made, proof) = match &key {
        PersonKey::Ssh(key) => security_key(directory, new, key)?,
        PersonKey::Passkey(key) => passkey(directory, new, key)?,
    };
    let proven = Assurance::of_signature(made, flags);
    if guard!("enrol-level", new.claimed > proven) {
        return Err(TrustError::Level {
            who: new.human.to_string(),
            claimed: new.claimed,
            proven,
            next: next(new.claimed, made),
        });
    }
    let enrolled = EnrolledKey {
        key,
        assurance: new.claimed,
        proof,
        leaf,
    };
    let human = directory.humans.entry(new.human.clone()).or_default();
    human.keys.insert(thumbprint, enrolled);
    Ok(())
}

/// The most that an SSH key of this make can count for, and why.
fn security_key(
    directory: &Directory,
    new: &NewKey<'_>,
    key: &SshPublicKey,
) -> Result<(Assurance, KeyProof), TrustError> {
    let Some(attestation) = new.attestation else {
        return Ok(if key.is_security_key() {
            (Assurance::Verified, KeyProof::SecurityKey)
        } else {
            (Assurance::Software, KeyProof::File)
        });
    };
    let blob = unhex(attestation)
        .ok_or_else(|| TrustError::Form("the attestation is not lower hex".to_owned()))?;
    let challenge = attestation_challenge(&directory.origin, new.human)?;
    let anchors = directory.attestation_roots.anchors()?;
    match attest::verify(&blob, challenge.as_bytes(), key, &anchors, new.at) {
        Ok(attested) => {
            let proof = KeyProof::Attested {
                root: attested.root_name().to_owned(),
                model: hex(&attested.aaguid()),
            };
            Ok((Assurance::Attested, proof))
        }
        Err(error) if guard!("enrol-attestation", true) => Err(TrustError::Attestation {
            who: new.human.to_string(),
            error,
        }),
        Err(_) => Ok((Assurance::Attested, KeyProof::SecurityKey)),
    }
}

/// The same for a passkey. A browser sends a registration with every new one, and few makers are pinned: one that nobody
/// vouches for makes it no less a passkey, and no more.
fn passkey(
    directory: &Directory,
    new: &NewKey<'_>,
    key: &PasskeyPublicKey,
) -> Result<(Assurance, KeyProof), TrustError> {
    let unproven = (Assurance::Verified, KeyProof::Passkey);
    let Some(registration) = new.attestation else {
        return Ok(unproven);
    };
    let registered = registered(directory, new, key, registration)?;
    let anchors = directory.attestation_roots.anchors()?;
    match registered.attested(&anchors, new.at) {
        Ok(attested) => {
            let proof = KeyProof::Attested {
                root: attested.root_name().to_owned(),
                model: hex(&attested.aaguid()),
            };
            Ok((Assurance::Attested, proof))
        }
        Err(error) if new.claimed == Assurance::Attested => Err(TrustError::Attestation {
            who: new.human.to_string(),
            error,
        }),
        Err(_) => Ok(unproven),
    }
}

/// What a browser registered: this very key, on a page of ours, for this gate and person.
fn registered(
    directory: &Directory,
    new: &NewKey<'_>,
    key: &PasskeyPublicKey,
    registration: &str,
) -> Result<Registered, TrustError> {
    let challenge = attestation_challenge(&directory.origin, new.human)?;
    let registration = Registration::from_text(registration)?;
    let mut pages = directory.consoles.iter();
    let own = |page: &&WebOrigin| page.relying_party() == key.relying_party();
    let mut refused = TrustError::Form("no console of this gate made this passkey".to_owned());
    while let Some(page) = pages.by_ref().find(own) {
        match registration.read(&challenge, page) {
            Ok(made) if guard!("enrol-registered-key", made.key() != key) => {
                return Err(TrustError::Form(
                    "the registration is of another passkey; enrol again".to_owned(),
                ));
            }
            Ok(made) => return Ok(made),
            Err(error) => refused = error.into(),
        }
    }
    Err(refused)
}

/// What to do about a claim that is not proven.
const fn next(claimed: Assurance, made: Assurance) -> &'static str {
    match (claimed, made) {
        (_, Assurance::Software) => {
            "enrol it as `software`, or make a security key with `ssh-keygen -t ed25519-sk` or a passkey in the console"
        }
        (Assurance::Attested, Assurance::Present | Assurance::Verified) => {
            "hand in the attestation that was written with the key, or enrol it as `verified`"
        }
        _ => {
            "sign the proof with its PIN (make the key with `-O verify-required`), or enrol it as `present`"
        }
    }
}
