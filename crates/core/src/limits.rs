//! Limits: what a grant may at most be. A review can only lower them, and it never touches the bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Most named caps in one action or review.
pub const CAPS_MAX: usize = 16;
/// Longest grant, in seconds: one day.
pub const TTL_SECONDS_MAX: u32 = 86_400;

/// The bounds of a grant. Absent bounds do not exist here: every field has a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Longest life of the grant from its creation, in seconds.
    pub ttl_seconds: u32,
    /// How often it may be used. Held execution is always one.
    pub uses: u32,
    /// Named caps, such as `rows` or `bytes`. A cap missing on one side is taken from the other.
    pub caps: BTreeMap<String, u64>,
    /// Not usable before this store time.
    pub not_before: Timestamp,
    /// Not usable after this store time.
    pub not_after: Timestamp,
}

impl Limits {
    /// The pointwise minimum: the tighter of both in every dimension.
    // INVARIANT(narrowing-only-lowers): effective limits are a fold of this over request, checkpoints and reviews.
    #[must_use]
    pub fn min(&self, other: &Self) -> Self {
        let mut caps = self.caps.clone();
        for (name, cap) in &other.caps {
            caps.entry(name.clone())
                .and_modify(|mine| *mine = (*mine).min(*cap))
                .or_insert(*cap);
        }
        Self {
            ttl_seconds: self.ttl_seconds.min(other.ttl_seconds),
            uses: self.uses.min(other.uses),
            caps,
            not_before: self.not_before.max(other.not_before),
            not_after: self.not_after.min(other.not_after),
        }
    }

    /// Whether `self` asks for nothing beyond `other`.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        self == &self.min(other)
    }

    /// When a grant created at `now` ends.
    #[must_use]
    pub fn expires_at(&self, now: Timestamp) -> Timestamp {
        now.plus_seconds(self.ttl_seconds).min(self.not_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(ttl: u32, uses: u32, rows: Option<u64>) -> Limits {
        Limits {
            ttl_seconds: ttl,
            uses,
            caps: rows
                .into_iter()
                .map(|rows| ("rows".to_owned(), rows))
                .collect(),
            not_before: Timestamp::from_millis(0),
            not_after: Timestamp::from_millis(1_000_000),
        }
    }

    #[test]
    fn minimum_is_tighter_than_both_and_keeps_caps_of_either() {
        let (a, b) = (limits(60, 3, None), limits(90, 1, Some(10)));
        let least = a.min(&b);
        assert!(least.within(&a) && least.within(&b));
        assert_eq!(least, limits(60, 1, Some(10)));
        assert!(!a.within(&b), "a has no cap where b has one");
        assert_eq!(a.min(&b), b.min(&a));
    }
}
