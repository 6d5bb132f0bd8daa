//! How often an identity provider may say of somebody who is gone already that they are gone. Each time is a leaf, so there is a
//! limit; it is each person's own, so that nobody's "gone" waits because of others.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use gatehold_core::ids::HumanId;
use gatehold_core::time::Timestamp;

/// Most of them of one person within an hour, at one process. A provider that looks over its users every few minutes says no more.
const AGAIN_IN_AN_HOUR_MAX: u32 = 10;
/// An hour.
const HOUR_SECONDS: u32 = 3_600;

/// How often it was said of whom, in the hour that began when. Nobody is here who is not in the directory as gone.
#[derive(Debug, Default)]
pub(crate) struct SaidAgain(Mutex<BTreeMap<HumanId, (Timestamp, u32)>>);

impl SaidAgain {
    /// Counts one more, and gives whether there were as many within the hour already. A clock that was put back begins anew.
    pub(crate) fn is_too_often(&self, human: &HumanId, now: Timestamp) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|_, (since, _)| *since <= now && now <= since.plus_seconds(HOUR_SECONDS));
        let (_, count) = said.entry(human.clone()).or_insert((now, 0));
        let many = *count >= AGAIN_IN_AN_HOUR_MAX;
        *count = count.saturating_add(1);
        many
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn human(name: &str) -> HumanId {
        HumanId::new("acme", name).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + seconds * 1_000)
    }

    #[test]
    fn each_person_has_an_hour_of_their_own() {
        let said = SaidAgain::default();
        let often = |name: &str, seconds| said.is_too_often(&human(name), at(seconds));
        assert!((0..10).all(|second| !often("ann", second)));
        assert!(often("ann", 10));
        assert!((0..10).all(|second| !often("bob", 20 + second)));
        assert!(often("bob", 30) && often("ann", 3_600));
        // The hour of one is over, and not that of the other.
        assert!(!often("ann", 3_601) && often("bob", 3_601));
    }

    #[test]
    fn a_clock_that_was_put_back_begins_anew_and_nothing_is_kept_for_good() {
        let said = SaidAgain::default();
        for second in 0..20 {
            said.is_too_often(&human("ann"), at(7_200 + second));
        }
        assert!(!said.is_too_often(&human("ann"), at(0)));
        said.is_too_often(&human("bob"), at(9_000));
        assert_eq!(said.0.lock().unwrap().len(), 1);
    }
}
