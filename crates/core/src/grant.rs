//! Grants: what a decision permits, for how long, how often. And the effective limits of a decision.

use serde::{Deserialize, Serialize};

use crate::hash::Hash;
use crate::ids::{GrantId, RequestId, TaskId, WorkloadId};
use crate::lease::Lease;
use crate::limits::Limits;
use crate::request::DecidedBy;
use crate::time::Timestamp;

/// Where a grant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// May be used.
    Active,
    /// May not be used until re-evaluated.
    Suspended,
    /// Being taken away at the target.
    Revoking,
    /// Gone at the target, verified.
    Revoked,
    /// Used up, expired, or its task ended.
    Ended,
}

impl GrantState {
    /// The name stored and printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoking => "revoking",
            Self::Revoked => "revoked",
            Self::Ended => "ended",
        }
    }
}

/// The row of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The request it came from.
    pub request: RequestId,
    /// The exact action.
    pub digest: Hash,
    /// Who may use it.
    pub workload: WorkloadId,
    /// With which key.
    pub key: Hash,
    /// Within which task; it ends with it.
    #[serde(deserialize_with = "crate::request::record::stated")]
    pub task: Option<TaskId>,
    /// Effective limits.
    pub limits: Limits,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// How often it was used.
    pub uses: u32,
    /// Where it stands.
    pub state: GrantState,
    /// Why it stands there.
    pub reason: String,
    /// Who decided.
    pub decided_by: DecidedBy,
    /// What stands at the target under it, where anything was handed out.
    #[serde(deserialize_with = "crate::request::record::stated")]
    pub lease: Option<Lease>,
}

impl Grant {
    /// Whether it permits one more use at `now`.
    #[must_use]
    pub fn permits(&self, now: Timestamp) -> bool {
        self.state == GrantState::Active
            && self.uses < self.limits.uses
            && now >= self.limits.not_before
            && now <= self.expires_at
            && now <= self.limits.not_after
    }

    /// Whether its time is over. One that was used or ended is not: whoever read its request just before must not take that
    /// for a lapse.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now > self.expires_at || now > self.limits.not_after
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_grant_is_over_by_its_time_and_not_by_its_use() {
        let now = Timestamp::from_millis(1_000_000);
        let later = now.plus_seconds(60);
        let grant = |state| Grant {
            id: GrantId::from_bytes([1; 16]),
            request: RequestId::from_bytes([2; 16]),
            digest: Hash::of(b"action"),
            workload: "bot".parse().unwrap(),
            key: Hash::of(b"key"),
            task: None,
            limits: Limits {
                ttl_seconds: 60,
                uses: 1,
                caps: BTreeMap::new(),
                not_before: now,
                not_after: later,
            },
            created_at: now,
            expires_at: later,
            uses: 1,
            state,
            reason: String::new(),
            decided_by: DecidedBy::Human,
            lease: None,
        };
        assert!(!grant(GrantState::Active).is_over(now));
        // Read just after the request that it is of, which is about to say what came of it.
        assert!(!grant(GrantState::Ended).is_over(now));
        assert!(grant(GrantState::Active).is_over(later.plus_seconds(1)));
    }
}
