//! Who sends signals, as a gate serves them.

use std::sync::Arc;

use gatehold_gate::{Gate, SignalRules, Signals};

use crate::exit::Failure;

/// The senders of the configuration, where there are any.
///
/// # Errors
/// When one is to tell a team that this gate does not have: nobody would be told.
pub fn open(rules: Vec<SignalRules>, gate: &Gate) -> Result<Option<Arc<Signals>>, Failure> {
    if rules.is_empty() {
        return Ok(None);
    }
    let signals = Signals::new(rules);
    if let Some(team) = gate.unknown_teams(signals.teams()).first() {
        return Err(Failure::usage(
            format!("signals[].tell: `{team}` is no team of this gate, and nobody would be told"),
            "write it as `gatehold human list` does, or leave it out",
        ));
    }
    Ok(Some(Arc::new(signals)))
}
