//! Browsers whose push service answers and refuses every message: such an answer is no trouble that passes, and what is never
//! taken would be sent for ever. Counted by one process, and lost with it: then it counts anew.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;

/// Refusals in a row after which a browser is forgotten.
pub(super) const REFUSALS_MAX: u32 = 8;
/// A refusal counts when it comes so long after the one before: a notice that is tried again and again says the same, and a
/// service may be wrong for an hour.
pub(super) const APART_SECONDS: u32 = 3_600;
/// Of how many browsers it is remembered.
const BROWSERS_MAX: usize = 10_000;

/// How often a browser was refused in a row, and when that counted last.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<BTreeMap<Hash, (u32, Timestamp)>>);

impl Refused {
    fn known(&self) -> MutexGuard<'_, BTreeMap<Hash, (u32, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more; whether these are enough.
    pub(super) fn once_more(&self, browser: &Hash, now: Timestamp) -> bool {
        let mut known = self.known();
        let count = match known.get(browser) {
            Some((_, last)) if (*last..last.plus_seconds(APART_SECONDS)).contains(&now) => {
                return false;
            }
            Some((count, _)) => count.saturating_add(1),
            None => 1,
        };
        if count >= REFUSALS_MAX {
            known.remove(browser);
            return true;
        }
        known.insert(*browser, (count, now));
        if known.len() > BROWSERS_MAX {
            let oldest = known.iter().min_by_key(|(_, (_, last))| *last);
            if let Some(oldest) = oldest.map(|(browser, _)| *browser) {
                known.remove(&oldest);
            }
        }
        false
    }

    /// It was taken, or is forgotten.
    pub(super) fn over(&self, browser: &Hash) {
        self.known().remove(browser);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_has_a_limit() {
        let refused = Refused::default();
        for number in 0..=BROWSERS_MAX {
            let at = i64::try_from(number).unwrap();
            let browser = Hash::of(&at.to_be_bytes());
            refused.once_more(&browser, Timestamp::from_millis(at));
        }
        let known = refused.known();
        assert_eq!(known.len(), BROWSERS_MAX);
        assert!(!known.contains_key(&Hash::of(&0_i64.to_be_bytes())));
    }
}
