//! What a change of the gate changes, made again from the key directory and the bundle under the pinned root: who gets which key,
//! who comes and goes, and whom an identity provider says is gone. Stops, pauses and records stand in the gate's own books alone,
//! and stay its word.

use gatehold_core::action::Action;
use gatehold_core::trust::{Change, GATE_TARGET};
use gatehold_core::view::View;
use gatehold_gate::{UNREADABLE_CHANGE, change_in_words};

use crate::root::Rooted;

/// Most lines that a lie is told by.
const NAMED_MAX: usize = 20;

/// Whose word it is what a change changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It was made here, and the gate says the same.
    Here,
    /// Only the gate can know.
    ByTheGate,
}

impl Told {
    /// Makes it again; everything that the gate leaves out or says otherwise is added to what differs.
    // INVARIANT(own-root): that a key is one of somebody who is gone is read from the chain of trust, and not from the gate.
    pub fn or_differs(
        view: &View,
        action: &Action,
        rooted: &Rooted,
        differs: &mut Vec<String>,
    ) -> Self {
        let Some(own) = own(action, rooted) else {
            return Self::ByTheGate;
        };
        if own == view.change {
            return Self::Here;
        }
        differs.push("what it changes is not what the chain of trust says".to_owned());
        let left_out = own.iter().filter(|line| !view.change.contains(line));
        differs.extend(
            left_out
                .take(NAMED_MAX)
                .map(|line| format!("the gate leaves out: {line}")),
        );
        Self::ByTheGate
    }
}

/// As it follows from the pinned root, where that alone says it.
fn own(action: &Action, rooted: &Rooted) -> Option<Vec<String>> {
    if action.envelope().target.as_str() != GATE_TARGET {
        return Some(Vec::new());
    }
    let Ok(change) = Change::of(action) else {
        return Some(vec![UNREADABLE_CHANGE.to_owned()]);
    };
    let is_bundle = matches!(change, Change::BundleActivate(_));
    let decides = is_bundle.then(|| rooted.bundle()).flatten();
    change_in_words(
        &change,
        action.payload(),
        &rooted.directory,
        decides.as_ref(),
    )
}
