//! A statement in the safe direction with the signatures of those who signed it: the body of a revocation and of an early end.

use gatehold_client::wire::{Base64Bytes, KeySignature};
use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;

use crate::problem::ApiError;

/// The statement as text, and each signature as core has it.
pub(in crate::api) fn signed<S>(
    statement: Base64Bytes,
    signatures: Vec<KeySignature>,
    signature: impl Fn(HumanId, Hash, String) -> S,
) -> Result<(String, Vec<S>), ApiError> {
    let statement = String::from_utf8(statement.0).map_err(|_| ApiError::Member {
        member: "statement",
        why: "it is not UTF-8, so not a canonical statement".to_owned(),
    })?;
    let read = |by: KeySignature| {
        let human = by.human.parse().map_err(ApiError::member("human"))?;
        let key = by.key.parse().map_err(ApiError::member("key"))?;
        Ok(signature(human, key, by.signature))
    };
    let signatures: Result<Vec<S>, ApiError> = signatures.into_iter().map(read).collect();
    Ok((statement, signatures?))
}
