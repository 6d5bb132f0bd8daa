//! What the requester signed (threat C16): a workload's call by RFC 9421, a human's submission by SSHSIG. A human signs
//! the envelope itself; a workload signs the body of its call, whose hash is in the signature and whose bytes are not kept.

use gatehold_core::directory::Directory;
use gatehold_core::hash::Hash;
use gatehold_core::json::canonical;
use gatehold_core::request::record::Asked;
use gatehold_core::requester::Requester;
use gatehold_core::ssh::sshsig;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::{SUBMIT_NAMESPACE, SubmitSignature};
use gatehold_proof::{ContentDigest, SubmitEvidence, WorkloadKey};
use serde::Deserialize;

use super::{Checked, Fold, ensure, wrong};
use crate::finding::Code;
use crate::opened::Opened;

/// Furthest that a call's own times may be from the store's, in seconds: its life, the skew allowed, and a slow commit.
const APART_SECONDS_MAX: i64 = 300;

impl Fold {
    /// The proof stored with a submission is by the key that asked.
    pub(super) fn signed_call(&mut self, asked: &Asked, leaf: &Opened) -> Checked {
        let (Some(proof), Some(directory)) = (leaf.bytes("proof"), self.directory()) else {
            return Ok(());
        };
        match &asked.requester {
            Requester::Human { human, key, .. } => {
                let Some(enrolled) = directory.key(human, key) else {
                    return wrong(Code::Requester, "the key that asked had no force");
                };
                let Some(envelope) = leaf.bytes("envelope") else {
                    return Ok(());
                };
                by_human(proof, envelope, &enrolled.key)
            }
            Requester::Workload { .. } => {
                let Ok(evidence) = SubmitEvidence::from_bytes(proof) else {
                    self.gap(
                        Some(leaf.index),
                        "the signed call is not of a form that can be checked",
                    );
                    return Ok(());
                };
                by_workload(proof, &evidence, asked, directory, leaf.entry.at)
            }
        }
    }
}

fn by_human(proof: &[u8], envelope: &[u8], key: &gatehold_core::ssh::key::SshPublicKey) -> Checked {
    let signature: SubmitSignature = canonical::from_canonical_bytes(proof).map_err(|error| {
        (
            Code::Requester,
            format!("the proof cannot be read: {error}"),
        )
    })?;
    let message = SubmitSignature::message(envelope, &signature.nonce);
    sshsig::verify(
        signature.sshsig.as_bytes(),
        message.as_bytes(),
        SUBMIT_NAMESPACE,
        key,
    )
    .map(drop)
    .map_err(|error| {
        let text = format!("whoever asked did not sign it: {error}");
        (Code::Requester, text)
    })
}

fn by_workload(
    proof: &[u8],
    evidence: &SubmitEvidence,
    asked: &Asked,
    directory: &Directory,
    at: Timestamp,
) -> Checked {
    let machine = directory.workload_by_key(&asked.key);
    let jwk = machine.map(|(_, workload)| &workload.jwk);
    let jwk = jwk.or_else(|| {
        directory
            .point_by_key(&asked.key)
            .map(|(_, point)| &point.jwk)
    });
    let key = jwk.and_then(|jwk| WorkloadKey::from_jwk(jwk.as_bytes()).ok());
    let (Some(key), Some(body)) = (key, body_digest(proof)) else {
        return wrong(
            Code::Requester,
            "the signed call is by a key that is not known",
        );
    };
    let call = evidence.reverify_digest(&key, &body).map_err(|error| {
        let text = format!("the requester did not sign the call: {error}");
        (Code::Requester, text)
    })?;
    let apart = |seconds: u64| {
        i64::try_from(seconds).map_or(i64::MAX, |seconds| {
            at.seconds().saturating_sub(seconds).saturating_abs()
        })
    };
    ensure(
        Hash::from_bytes(*call.key().as_bytes()) == asked.key
            && apart(call.created()) <= APART_SECONDS_MAX,
        Code::Requester,
        "the signed call is of another key or another time",
    )
}

/// The stored form, of which only the signature base is read here.
#[derive(Deserialize)]
struct Stored {
    signature_base: String,
}

/// The hash of the body that was signed.
fn body_digest(proof: &[u8]) -> Option<ContentDigest> {
    let stored: Stored = serde_json::from_slice(proof).ok()?;
    let mut lines = stored.signature_base.lines();
    let line = lines.find_map(|line| line.strip_prefix("\"content-digest\": "))?;
    ContentDigest::parse(line)
}
