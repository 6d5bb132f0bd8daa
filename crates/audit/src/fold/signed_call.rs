//! What the requester signed (threat C16). A human signs the envelope itself, by SSHSIG. A workload signs its call, by RFC
//! 9421: method, target and the hash of its body, and the body asks for this very action. No call is good for two requests.

use gatehold_core::directory::{Directory, EnrolledKey};
use gatehold_core::hash::Hash;
use gatehold_core::json::canonical;
use gatehold_core::request::record::Asked;
use gatehold_core::requester::Requester;
use gatehold_core::signed_body::{CALL_APART_SECONDS_MAX, SignedBody, is_submission};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::{SUBMIT_NAMESPACE, SubmitSignature};
use gatehold_proof::{ReverifiedSubmit, SubmitEvidence, WorkloadKey};

use super::{Checked, Fold, ensure, wrong};
use crate::finding::Code;
use crate::opened::Opened;

impl Fold {
    /// The proof stored with a submission is by the key that asked, for the action that stands there, and for it alone.
    pub(super) fn signed_call(&mut self, asked: &Asked, leaf: &Opened) -> Checked {
        if self.directory().is_none() {
            // Said once, where the chain broke.
            return Ok(());
        }
        let (Some(proof), Some(directory)) = (leaf.bytes("proof"), self.directory()) else {
            let text = format!(
                "{}: that the requester signed the action was not checked",
                leaf.absence("proof")
            );
            self.gap(Some(leaf.index), text);
            return Ok(());
        };
        let call = match &asked.requester {
            Requester::Human { human, key, .. } => {
                let Some(enrolled) = directory.key(human, key) else {
                    return wrong(Code::Requester, "the key that asked had no force");
                };
                let Some(envelope) = leaf.bytes("envelope") else {
                    return Ok(());
                };
                by_human(proof, envelope, enrolled, directory)?
            }
            Requester::Workload { id, point, .. } => {
                let called_for = point.as_ref().map(|_| id);
                let key = key_of(directory, &asked.key)?;
                let call = by_workload(proof, leaf, &key)?;
                ensure(
                    is_submission(call.method(), call.target_uri(), called_for),
                    Code::Requester,
                    "the signed call is no submission for this workload",
                )?;
                ensure(
                    apart(leaf.entry.at, call.created()) <= CALL_APART_SECONDS_MAX,
                    Code::Requester,
                    "the signed call is of another time",
                )?;
                ensure(
                    leaf.commits_to("body"),
                    Code::Requester,
                    "the body that was signed is not kept",
                )?;
                if leaf.bytes("body").is_none() {
                    let text = format!(
                        "{}: that the signed call asks for this action was not checked",
                        leaf.absence("body")
                    );
                    self.gap(Some(leaf.index), text);
                }
                let once = format!("{} {}", call.created(), call.nonce());
                Hash::tagged("call", &[call.key().as_bytes(), once.as_bytes()])
            }
        };
        ensure_asked(asked, leaf)?;
        match self.calls.insert(call, leaf.index) {
            Some(before) => {
                let text = format!("its signed call was used before, by leaf {before}");
                wrong(Code::Requester, text)
            }
            None => Ok(()),
        }
    }
}

/// The body, when it is here, asks for this action with these claims.
fn ensure_asked(asked: &Asked, leaf: &Opened) -> Checked {
    let Some(body) = leaf.bytes("body") else {
        return Ok(());
    };
    ensure(
        matches!(asked.requester, Requester::Workload { .. }),
        Code::Requester,
        "a human signs the envelope, and a body stands beside it",
    )?;
    let body = SignedBody::read(body).map_err(|error| (Code::Requester, error.to_string()))?;
    ensure(
        body.asks(asked.digest, asked.claims_root),
        Code::Requester,
        "the requester signed another action, or other claims, than those that stand here",
    )
}

fn by_human(
    proof: &[u8],
    envelope: &[u8],
    key: &EnrolledKey,
    directory: &Directory,
) -> Checked<Hash> {
    let signature: SubmitSignature = canonical::from_canonical_bytes(proof).map_err(|error| {
        (
            Code::Requester,
            format!("the proof cannot be read: {error}"),
        )
    })?;
    let message = SubmitSignature::message(envelope, &signature.nonce);
    directory
        .signed(
            key,
            &signature.signature,
            message.as_bytes(),
            SUBMIT_NAMESPACE,
        )
        .map_err(|error| {
            let text = format!("whoever asked did not sign it: {error}");
            (Code::Requester, text)
        })?;
    // Consumed by name of the key, as the gate does: another envelope under the same nonce is a replay too.
    let nonce = signature.nonce.as_bytes();
    Ok(Hash::tagged(
        "human",
        &[key.key.thumbprint().as_bytes(), nonce],
    ))
}

/// The key that asked, as the directory knows it.
fn key_of(directory: &Directory, thumbprint: &Hash) -> Checked<WorkloadKey> {
    let machine = directory.workload_by_key(thumbprint);
    let jwk = machine.map(|(_, workload)| &workload.jwk);
    let point = || directory.point_by_key(thumbprint);
    let jwk = jwk.or_else(|| point().map(|(_, point)| &point.jwk));
    let key = jwk.and_then(|jwk| WorkloadKey::from_jwk(jwk.as_bytes()).ok());
    let key = key.filter(|key| key.thumbprint().as_bytes() == thumbprint.as_bytes());
    key.ok_or_else(|| {
        let text = "the signed call is by a key that is not known";
        (Code::Requester, text.to_owned())
    })
}

fn by_workload(proof: &[u8], leaf: &Opened, key: &WorkloadKey) -> Checked<ReverifiedSubmit> {
    let refused = |error: gatehold_proof::SignatureError| {
        let text = format!("the requester did not sign the call: {error}");
        (Code::Requester, text)
    };
    let evidence = SubmitEvidence::from_bytes(proof).map_err(refused)?;
    match leaf.bytes("body") {
        Some(body) => evidence.reverify(key, body),
        None => evidence.reverify_without_body(key),
    }
    .map_err(refused)
}

fn apart(at: Timestamp, seconds: u64) -> i64 {
    i64::try_from(seconds).map_or(i64::MAX, |seconds| {
        at.seconds().saturating_sub(seconds).saturating_abs()
    })
}
