//! Leases: what a broker made at a target under a grant, and how far its end is known.
//!
//! A grant has at most one lease, and the lease is named by it. Its row holds the way to take it away before anything
//! exists at the target (threat C4), and it says `revoked` only when the target was asked and nothing was left (threat C1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::grant::GrantState;
use crate::hash::Hash;
use crate::ids::{GrantId, TargetId};
use crate::json::ident::check_identifier;
use crate::time::Timestamp;

/// Most parts of a recipe.
pub const RECIPE_PARTS_MAX: usize = 8;
/// Longest text in a recipe, in bytes.
pub const RECIPE_TEXT_BYTES_MAX: usize = 256;
/// After how many seconds a lease that is still not gone is overdue, and people are told.
pub const OVERDUE_SECONDS: u32 = 60;
/// How often the credential of one lease is made anew at most, where whoever asked lost it.
pub const REKEYS_MAX: u32 = 5;
/// Longest pause between two attempts to take a lease away, in seconds. Attempts never end (threat C3).
pub const RETRY_SECONDS_MAX: u32 = 10;

/// How soon revocation takes hold, as far as the target can do it (M215). The reviewer is told before deciding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationClass {
    /// No new use, and what is in use ends.
    Immediate,
    /// No new use; what is in use goes on until it ends by itself.
    NewUseOnly,
    /// It stays usable until its own expiry.
    ExpiryOnly,
}

impl RevocationClass {
    /// The name stored and printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Immediate => "immediate",
            Self::NewUseOnly => "new_use_only",
            Self::ExpiryOnly => "expiry_only",
        }
    }
}

/// How a credential is found at its target and taken away. Names alone: no secret, and nothing that a requester wrote freely.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Which kind of broker reads it: `postgres`, `ssh`.
    pub broker: String,
    /// The credential's own name at the target, such as a role. No two leases share it.
    pub handle: String,
    /// What it gives there, such as membership in a role. Leases may share it: one that ends takes it from no other (threat C5).
    pub entitlement: String,
    /// Whatever else the broker needs to find it.
    pub parts: BTreeMap<String, String>,
}

/// A recipe cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the way to take a credential away cannot be written down: {0}")]
pub struct RecipeError(String);

impl Recipe {
    /// Checks every text: visible, bounded, without control or bidi characters.
    ///
    /// # Errors
    /// [`RecipeError`] with the part that is wrong.
    pub fn check(&self) -> Result<(), RecipeError> {
        if self.parts.len() > RECIPE_PARTS_MAX {
            let text = format!("it has more than {RECIPE_PARTS_MAX} parts");
            return Err(RecipeError(text));
        }
        let own = [
            ("broker", &self.broker),
            ("handle", &self.handle),
            ("entitlement", &self.entitlement),
        ];
        let parts = self.parts.iter().map(|(name, text)| (name.as_str(), text));
        for (name, text) in own.into_iter().chain(parts) {
            check_identifier(name, RECIPE_TEXT_BYTES_MAX)
                .and_then(|()| check_identifier(text, RECIPE_TEXT_BYTES_MAX))
                .map_err(|error| RecipeError(format!("`{name}`: {error}")))?;
        }
        Ok(())
    }
}

/// What is going to be issued: known, and written, before anything is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How it is taken away.
    pub recipe: Recipe,
    /// How soon that takes hold.
    pub class: RevocationClass,
}

/// The serial number of a certificate that is called so: 63 bits of the hash of its name, and never 0, which a server takes for none.
#[must_use]
pub fn certificate_serial(handle: &str) -> u64 {
    let hash = Hash::tagged("gatehold/ssh/serial/v1", &[handle.as_bytes()]);
    let first = hash.as_bytes().first_chunk::<8>();
    let number = first.map_or(0, |bytes| u64::from_be_bytes(*bytes));
    (number >> 1).max(1)
}

/// Why a lease ended, and when that was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseEnd {
    /// A stable code: `expired`, `revoked`, `task_ended`, `stopped`, `workload_paused`, `requester_gone`; `forbidden`,
    /// `held_again` and `reviews_lost` where policy was asked again; or why it was never handed over.
    pub code: String,
    /// When it was decided; how long revocation took is counted from here.
    pub at: Timestamp,
}

/// The unique key of the step that gave a grant's row this version: by it the leaf of each step is found.
#[must_use]
pub fn step_key(grant: &GrantId, version: u64) -> String {
    format!("lease:{grant}:{version}")
}

/// A lease: part of its grant's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Where it stands.
    pub target: TargetId,
    /// How it is taken away.
    pub recipe: Recipe,
    /// How soon that takes hold.
    pub class: RevocationClass,
    /// When it ends whatever happens; the target is told so too (P10).
    pub not_after: Timestamp,
    /// When the target said that it was made; nothing while nobody knows.
    #[serde(deserialize_with = "crate::request::record::stated")]
    pub issued_at: Option<Timestamp>,
    /// Why it ends, once it does. The first reason stays.
    #[serde(deserialize_with = "crate::request::record::stated")]
    pub end: Option<LeaseEnd>,
    /// Whether people were told that it is not gone in time.
    pub overdue: bool,
    /// When the target was last asked and nothing was left.
    #[serde(deserialize_with = "crate::request::record::stated")]
    pub verified_at: Option<Timestamp>,
    /// How often it stood at the target again after that, as after a restore of the target from a backup.
    pub returned: u32,
    /// How often it was begun to make its credential anew, for whoever asked and lost it.
    #[serde(default, skip_serializing_if = "is_never")]
    pub rekeys: u32,
    /// Which of these was handed over last; 0 where none was.
    #[serde(default, skip_serializing_if = "is_never")]
    pub rekeyed: u32,
}

/// What never happened stands in no row: a row from before it could has the same bytes.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_never(count: &u32) -> bool {
    *count == 0
}

impl Lease {
    /// A lease of which nothing exists yet.
    #[must_use]
    pub fn planned(plan: Plan, target: TargetId, not_after: Timestamp) -> Self {
        Self {
            target,
            recipe: plan.recipe,
            class: plan.class,
            not_after,
            issued_at: None,
            end: None,
            overdue: false,
            verified_at: None,
            returned: 0,
            rekeys: 0,
            rekeyed: 0,
        }
    }

    /// When people are to be told that it is still not gone.
    #[must_use]
    pub fn overdue_at(&self) -> Option<Timestamp> {
        let end = self.end.as_ref()?;
        Some(end.at.plus_seconds(OVERDUE_SECONDS))
    }
}

/// What can happen to a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseEvent {
    /// The target said that the credential was made.
    Issued,
    /// Its credential is about to be made anew, and the earlier one to die.
    Rekeying,
    /// The target said that it was, and it is handed over.
    Rekeyed,
    /// It is to end.
    Ended,
    /// It is still there, a minute later.
    Overdue,
    /// The target was asked, and nothing of it is left.
    Verified,
    /// It stands there again.
    Returned,
}

impl LeaseEvent {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Issued,
        Self::Rekeying,
        Self::Rekeyed,
        Self::Ended,
        Self::Overdue,
        Self::Verified,
        Self::Returned,
    ];

    /// The name stored and printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Rekeying => "rekeying",
            Self::Rekeyed => "rekeyed",
            Self::Ended => "ended",
            Self::Overdue => "overdue",
            Self::Verified => "verified",
            Self::Returned => "returned",
        }
    }
}

/// The whole machine, over the states of the grant. There is no way out of `Revoking` but the target's own word, and none
/// from anywhere to `Revoked` but through it.
// INVARIANT(revoked-is-verified): `Verified` is the only event that leads to `Revoked`, and it leads there from `Revoking` alone.
pub const TRANSITIONS: &[(GrantState, LeaseEvent, GrantState)] = &[
    (GrantState::Active, LeaseEvent::Issued, GrantState::Active),
    (GrantState::Active, LeaseEvent::Rekeying, GrantState::Active),
    (GrantState::Active, LeaseEvent::Rekeyed, GrantState::Active),
    (GrantState::Active, LeaseEvent::Ended, GrantState::Revoking),
    (
        GrantState::Suspended,
        LeaseEvent::Ended,
        GrantState::Revoking,
    ),
    (
        GrantState::Revoking,
        LeaseEvent::Overdue,
        GrantState::Revoking,
    ),
    (
        GrantState::Revoking,
        LeaseEvent::Verified,
        GrantState::Revoked,
    ),
    (
        GrantState::Revoked,
        LeaseEvent::Returned,
        GrantState::Revoking,
    ),
];

/// Where `event` leads from `state`, if anywhere.
#[must_use]
pub fn next(state: GrantState, event: LeaseEvent) -> Option<GrantState> {
    let mut rows = TRANSITIONS.iter();
    rows.find(|(from, on, _)| (*from, *on) == (state, event))
        .map(|(_, _, to)| *to)
}

/// How many seconds to wait after so many attempts in a row that did not end a lease: 1, 2, 4, 8, and 10 from then on.
#[must_use]
pub fn retry_seconds(attempts: u32) -> u32 {
    let doubled = 1_u32.checked_shl(attempts.saturating_sub(1));
    doubled.unwrap_or(u32::MAX).clamp(1, RETRY_SECONDS_MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const STATES: [GrantState; 5] = [
        GrantState::Active,
        GrantState::Suspended,
        GrantState::Revoking,
        GrantState::Revoked,
        GrantState::Ended,
    ];

    #[test]
    fn only_the_targets_word_leads_to_revoked() {
        for state in STATES {
            for event in LeaseEvent::ALL {
                let to = next(state, event);
                let verified = (state, event) == (GrantState::Revoking, LeaseEvent::Verified);
                assert_eq!(
                    to == Some(GrantState::Revoked),
                    verified,
                    "{state:?} {event:?}"
                );
                // A credential is never alive again.
                let alive = to == Some(GrantState::Active);
                assert!(!alive || state == GrantState::Active, "{state:?} {event:?}");
            }
        }
        let pairs: BTreeSet<_> = TRANSITIONS
            .iter()
            .map(|(from, on, _)| (from.name(), on))
            .collect();
        assert_eq!(
            pairs.len(),
            TRANSITIONS.len(),
            "every pair leads to one state"
        );
    }

    #[test]
    fn a_credential_is_made_anew_under_a_living_lease_alone() {
        for state in STATES {
            for event in [LeaseEvent::Rekeying, LeaseEvent::Rekeyed] {
                let living = state == GrantState::Active;
                let to = living.then_some(GrantState::Active);
                assert_eq!(next(state, event), to, "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn attempts_never_end_and_never_come_rarely() {
        let waits: Vec<_> = [0, 1, 2, 3, 4, 5, 31, 32, 33, u32::MAX]
            .map(retry_seconds)
            .into();
        assert_eq!(waits, [1, 1, 2, 4, 8, 10, 10, 10, 10, 10]);
    }

    #[test]
    fn a_recipe_holds_visible_names_alone() {
        let recipe = Recipe {
            broker: "postgres".to_owned(),
            handle: "gh_1".to_owned(),
            entitlement: "role orders_reader".to_owned(),
            parts: BTreeMap::from([("database".to_owned(), "orders".to_owned())]),
        };
        recipe.check().unwrap();
        for bad in ["", "a\nb", "a\u{202e}b", &"x".repeat(257)] {
            let broken = Recipe {
                handle: bad.to_owned(),
                ..recipe.clone()
            };
            assert!(broken.check().is_err(), "{bad:?}");
            let mut broken = recipe.clone();
            broken.parts.insert("more".to_owned(), bad.to_owned());
            assert!(broken.check().is_err(), "{bad:?}");
        }
        let mut many = recipe;
        many.parts = (0..9).map(|n| (format!("p{n}"), "x".to_owned())).collect();
        assert!(
            many.check()
                .unwrap_err()
                .to_string()
                .contains("more than 8")
        );
    }
}
