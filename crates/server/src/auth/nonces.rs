//! Nonces of people's state-changing calls. A login session lives in this process, so its nonces do too; a workload's
//! nonce is consumed by the write of the gate instead, which every process sees.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use gatehold_core::time::Timestamp;
use gatehold_proof::{Thumbprint, VerifiedSubmitProof};

use crate::problem::ApiError;

/// Most nonces remembered; each for little more than a minute.
const NONCES_MAX: usize = 100_000;

#[derive(Debug, Default)]
pub(crate) struct SeenNonces(Mutex<Seen>);

type Name = (Thumbprint, String);

#[derive(Debug, Default)]
struct Seen {
    names: HashSet<Name>,
    by_end: BTreeSet<(u64, Name)>,
}

impl SeenNonces {
    /// Remembers the nonce of this call for as long as its proof could be accepted.
    // INVARIANT(nonce-outlives-proof): forgotten only once `nonce_kept_until` has passed on the store's clock.
    pub fn take(&self, proof: &VerifiedSubmitProof, now: Timestamp) -> Result<(), ApiError> {
        let now = u64::try_from(now.seconds()).unwrap_or(0);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((end, _)) = seen.by_end.first() {
            if *end >= now {
                break;
            }
            if let Some((_, name)) = seen.by_end.pop_first() {
                seen.names.remove(&name);
            }
        }
        let name = (*proof.key(), proof.nonce().to_owned());
        if seen.names.contains(&name) {
            return Err(ApiError::Replayed);
        }
        if seen.names.len() >= NONCES_MAX {
            return Err(ApiError::TooMany);
        }
        seen.by_end.insert((proof.nonce_kept_until(), name.clone()));
        seen.names.insert(name);
        Ok(())
    }
}
