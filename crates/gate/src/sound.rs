//! A bundle is looked at before it is asked for and again before it decides: one that cannot be read would leave a gate that
//! decides nothing and does not start again.

use gatehold_core::refusal::Refusal;
use gatehold_core::trust::Change;
use gatehold_policy::{Bundle, BundleProblem};

/// Most problems that a refusal tells; `gatehold policy lint` tells all.
const TOLD_MAX: usize = 5;

/// Refuses the activation of bytes that are no sound bundle; any other change passes.
///
/// # Errors
/// Its first problems, in the words of `gatehold policy lint`.
// INVARIANT(bundle-sound): what is activated was read whole by the program that activates it.
pub(crate) fn check(change: &Change, payload: &[u8]) -> Result<(), Refusal> {
    if !matches!(change, Change::BundleActivate(_)) {
        return Ok(());
    }
    let read = Bundle::from_bytes(payload);
    read.map(drop)
        .map_err(|problems| Refusal::Bundle(told(&problems)))
}

fn told(problems: &[BundleProblem]) -> String {
    let mut told: Vec<String> = problems
        .iter()
        .take(TOLD_MAX)
        .map(ToString::to_string)
        .collect();
    match problems.len().saturating_sub(TOLD_MAX) {
        0 => {}
        more => told.push(format!("and {more} more")),
    }
    told.join("; ")
}
