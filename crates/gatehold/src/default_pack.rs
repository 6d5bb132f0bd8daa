//! The default pack, built into the program, so that `gatehold dev` needs no files.

use std::collections::{BTreeMap, BTreeSet};

use gatehold_core::ids::TeamId;
use gatehold_core::json::canonical;
use gatehold_policy::Bundle;
use serde::Serialize;

use crate::exit::Failure;

include!(concat!(env!("OUT_DIR"), "/default_pack.rs"));

#[derive(Serialize)]
struct Packed {
    format: &'static str,
    files: BTreeMap<&'static str, &'static str>,
}

/// Its bytes, checked as any other bundle is.
///
/// # Errors
/// When it is broken, which tests rule out.
pub fn bytes() -> Result<Vec<u8>, Failure> {
    let packed = Packed {
        format: "gatehold/bundle/v1",
        files: FILES.iter().copied().collect(),
    };
    let bytes =
        canonical::to_bytes(&packed).map_err(|error| Failure::fault(error, "report this"))?;
    Bundle::from_bytes(&bytes).map_err(crate::policy::broken)?;
    Ok(bytes)
}

/// Every team that may decide something in it.
///
/// # Errors
/// As [`bytes`].
pub fn teams() -> Result<BTreeSet<TeamId>, Failure> {
    let bundle = Bundle::from_bytes(&bytes()?).map_err(crate::policy::broken)?;
    let checkpoints = bundle.checkpoints().values();
    Ok(checkpoints
        .flat_map(|checkpoint| checkpoint.eligible.teams.iter().cloned())
        .collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_built_in_pack_is_sound_and_names_teams() {
        assert!(!super::teams().unwrap().is_empty());
    }
}
