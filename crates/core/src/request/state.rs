//! States, events and the transition table. What is not in the table cannot happen.

use serde::{Deserialize, Serialize};

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Policy let it through; it may be redeemed.
    Allowed,
    /// Policy or a human said no.
    Denied,
    /// Nothing has happened and nothing can until people decide.
    Held,
    /// The requirement was met when this was written. Never believed.
    Redeemable,
    /// Claimed: from here on execution happens at most once.
    Executing,
    /// Done, and the target said so.
    Completed,
    /// Not done, and the target said so.
    Failed,
    /// The gate cannot tell whether it was done. Never run again.
    Unknown,
    /// Nobody decided, or nobody redeemed, in time.
    Expired,
    /// The requester took it back.
    Withdrawn,
    /// What was allowed was taken away before it was used.
    Revoked,
}

impl State {
    /// All states.
    pub const ALL: [Self; 11] = [
        Self::Allowed,
        Self::Denied,
        Self::Held,
        Self::Redeemable,
        Self::Executing,
        Self::Completed,
        Self::Failed,
        Self::Unknown,
        Self::Expired,
        Self::Withdrawn,
        Self::Revoked,
    ];

    /// Whether nothing can follow.
    // INVARIANT(terminal-stays-terminal): no row of the table starts at a terminal state.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Denied
                | Self::Completed
                | Self::Failed
                | Self::Unknown
                | Self::Expired
                | Self::Withdrawn
                | Self::Revoked
        )
    }

    /// Whether a clock must look at it again.
    #[must_use]
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Allowed | Self::Held | Self::Redeemable)
    }

    /// The name stored and printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Held => "held",
            Self::Redeemable => "redeemable",
            Self::Executing => "executing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
            Self::Revoked => "revoked",
        }
    }
}

/// What can happen to a request after its submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A review was stored that does not decide yet.
    Reviewed,
    /// An act without a verdict was stored.
    Acted,
    /// Its time without a decision has come: more people are asked.
    Escalated,
    /// The last seat was filled.
    Met,
    /// Two people broke the glass.
    BrokenOpen,
    /// A human denied.
    Denied,
    /// Policy says no now.
    Forbidden,
    /// Policy, asked again, holds at something that was not signed.
    Reheld,
    /// A deadline passed.
    Expired,
    /// The requester took it back.
    Withdrawn,
    /// A human took it away.
    Revoked,
    /// Execution was claimed.
    Claimed,
    /// The target confirmed.
    Completed,
    /// The target refused.
    Failed,
    /// Nobody knows.
    Lost,
}

/// The whole machine.
pub const TRANSITIONS: &[(State, Event, State)] = &[
    (State::Held, Event::Reviewed, State::Held),
    (State::Held, Event::Acted, State::Held),
    (State::Held, Event::Escalated, State::Held),
    (State::Held, Event::Met, State::Redeemable),
    (State::Held, Event::BrokenOpen, State::Redeemable),
    (State::Held, Event::Denied, State::Denied),
    (State::Held, Event::Forbidden, State::Denied),
    (State::Held, Event::Reheld, State::Held),
    (State::Held, Event::Expired, State::Expired),
    (State::Held, Event::Withdrawn, State::Withdrawn),
    (State::Allowed, Event::Forbidden, State::Denied),
    (State::Allowed, Event::Reheld, State::Held),
    (State::Allowed, Event::Expired, State::Expired),
    (State::Allowed, Event::Withdrawn, State::Withdrawn),
    (State::Allowed, Event::Revoked, State::Revoked),
    (State::Allowed, Event::Claimed, State::Executing),
    (State::Redeemable, Event::Denied, State::Denied),
    (State::Redeemable, Event::Forbidden, State::Denied),
    (State::Redeemable, Event::Reheld, State::Held),
    (State::Redeemable, Event::Expired, State::Expired),
    (State::Redeemable, Event::Withdrawn, State::Withdrawn),
    (State::Redeemable, Event::Revoked, State::Revoked),
    (State::Redeemable, Event::Claimed, State::Executing),
    (State::Executing, Event::Completed, State::Completed),
    (State::Executing, Event::Failed, State::Failed),
    (State::Executing, Event::Lost, State::Unknown),
];

/// Where `event` leads from `state`, if anywhere.
#[must_use]
pub fn next(state: State, event: Event) -> Option<State> {
    TRANSITIONS
        .iter()
        .find(|(from, on, _)| (*from, *on) == (state, event))
        .map(|(_, _, to)| *to)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn terminal_states_absorb_and_the_others_do_not() {
        for state in State::ALL {
            let leaves = TRANSITIONS
                .iter()
                .any(|(from, _, to)| *from == state && *to != state);
            assert_eq!(leaves, !state.is_terminal(), "{}", state.name());
        }
    }

    #[test]
    fn every_pair_leads_to_one_state() {
        let pairs: BTreeSet<_> = TRANSITIONS
            .iter()
            .map(|(from, on, _)| (*from, *on))
            .collect();
        assert_eq!(pairs.len(), TRANSITIONS.len());
    }

    #[test]
    fn only_allowed_and_redeemable_lead_to_execution() {
        let before: Vec<_> = TRANSITIONS
            .iter()
            .filter(|(_, _, to)| *to == State::Executing)
            .map(|(from, _, _)| *from)
            .collect();
        assert_eq!(before, [State::Allowed, State::Redeemable]);
    }
}
