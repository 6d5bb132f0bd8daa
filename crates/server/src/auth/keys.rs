//! From the name of a key to whom it belongs now, and the key in the form that verifies. Parsed keys are kept for as long
//! as the directory they were read from is the current one; who has a key is never remembered beyond that.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use gatehold_core::directory::{Directory, Lifecycle};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{PointId, WorkloadId};
use gatehold_core::time::Timestamp;
use gatehold_gate::{Gate, Session};
use gatehold_proof::{Thumbprint, WorkloadKey};

/// Who signed.
#[derive(Debug, Clone)]
pub(crate) enum Principal {
    /// A registered workload.
    Workload(WorkloadId),
    /// An enforcement point.
    Point(PointId),
    /// A human, by the ephemeral key of a login: reads, and acts in the safe direction.
    Human(Arc<Session>),
}

impl Principal {
    /// In words, for a sentence.
    pub const fn in_words(&self) -> &'static str {
        match self {
            Self::Workload(_) => "a workload",
            Self::Point(_) => "an enforcement point",
            Self::Human(_) => "a person",
        }
    }
}

/// Keys of the current directory, parsed at their first use. Holds no more entries than the directory has keys.
#[derive(Debug, Default)]
pub(crate) struct KnownKeys(RwLock<Parsed>);

#[derive(Debug, Default)]
struct Parsed {
    directory: u64,
    keys: HashMap<Thumbprint, Found>,
}

#[derive(Debug, Clone)]
struct Found {
    principal: Principal,
    key: Arc<WorkloadKey>,
    not_after: Option<Timestamp>,
}

impl KnownKeys {
    /// The principal that has this key now.
    pub fn find(
        &self,
        gate: &Gate,
        keyid: &Thumbprint,
        now: Timestamp,
    ) -> Option<(Principal, Arc<WorkloadKey>)> {
        if let Some(found) = gate.with_directory(|directory| self.machine(directory, keyid)) {
            let in_force = found.not_after.is_none_or(|end| now <= end);
            return in_force.then_some((found.principal, found.key));
        }
        let session = gate.session(&Hash::from_bytes(*keyid.as_bytes()), now)?;
        let key = WorkloadKey::from_jwk(session.jwk.as_bytes()).ok()?;
        Some((Principal::Human(Arc::new(session)), Arc::new(key)))
    }

    fn machine(&self, directory: &Directory, keyid: &Thumbprint) -> Option<Found> {
        {
            let parsed = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if parsed.directory == directory.version
                && let Some(found) = parsed.keys.get(keyid)
            {
                return Some(found.clone());
            }
        }
        let found = look_up(directory, keyid)?;
        let mut parsed = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if parsed.directory != directory.version {
            *parsed = Parsed {
                directory: directory.version,
                keys: HashMap::new(),
            };
        }
        parsed.keys.insert(*keyid, found.clone());
        Some(found)
    }
}

fn look_up(directory: &Directory, keyid: &Thumbprint) -> Option<Found> {
    let name = Hash::from_bytes(*keyid.as_bytes());
    let (principal, jwk, not_after) = if let Some((id, workload)) = directory.workload_by_key(&name)
    {
        // A suspended workload is still known: it may look, and core refuses what it asks.
        if workload.lifecycle == Lifecycle::Offboarded {
            return None;
        }
        (
            Principal::Workload(id.clone()),
            &workload.jwk,
            Some(workload.not_after),
        )
    } else {
        let (id, point) = directory.point_by_key(&name)?;
        (Principal::Point(id.clone()), &point.jwk, None)
    };
    let key = WorkloadKey::from_jwk(jwk.as_bytes()).ok()?;
    Some(Found {
        principal,
        key: Arc::new(key),
        not_after,
    })
}
