//! How each channel to people stands, as this process has seen it: when it last took something, since when it takes nothing and why,
//! and how much waits. Names are the operator's; no address and no message is kept here, and why a try failed is for operators: no
//! page says it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gatehold_core::time::Timestamp;
use gatehold_gate::Beat;
use serde::{Deserialize, Serialize};

/// How much of why a try failed is kept, in characters.
const WHY_CHARACTERS_MAX: usize = 300;

/// A try in vain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedTry {
    /// When.
    pub at: Timestamp,
    /// Why, in words for operators.
    pub why: String,
}

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelStanding {
    /// When it last took something.
    pub last_delivered: Option<Timestamp>,
    /// Since when tries fail, if the last ones did.
    pub failing_since: Option<Timestamp>,
    /// The last try in vain, also where one was taken since.
    pub last_failure: Option<FailedTry>,
    /// Notices that it has not taken yet.
    pub undelivered: u64,
}

/// All of them, by name; nothing before anything was known.
#[derive(Debug, Default)]
pub(crate) struct Channels(Mutex<Option<ChannelsSeen>>);

/// How the channels stand, as one process has seen it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelsSeen {
    /// By the operator's name.
    pub channels: BTreeMap<String, ChannelStanding>,
    /// Whether this process is the one that delivers.
    pub delivers: bool,
}

impl Channels {
    fn seen_now(&self) -> MutexGuard<'_, Option<ChannelsSeen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a beat did. A try in vain beside one that was taken leaves the channel failing: it does not reach everybody.
    pub(crate) fn take(&self, beat: &Beat, now: Timestamp) {
        let mut seen = self.seen_now();
        let seen = seen.get_or_insert_default();
        seen.delivers = beat.delivers;
        for (name, done) in &beat.channels {
            let standing = seen.channels.entry(name.clone()).or_default();
            if done.delivered > 0 {
                standing.last_delivered = Some(now);
                standing.failing_since = None;
            }
            if done.failed > 0 || done.given_up > 0 {
                standing.failing_since = standing.failing_since.or(Some(now));
            }
            standing.undelivered = beat.undelivered.get(name).copied().unwrap_or_default();
            if let Some(why) = beat.failures.get(name) {
                let why = why.chars().take(WHY_CHARACTERS_MAX).collect();
                standing.last_failure = Some(FailedTry { at: now, why });
            }
        }
    }

    /// What was seen so far.
    pub(crate) fn seen(&self) -> Option<ChannelsSeen> {
        self.seen_now().clone()
    }
}

#[cfg(test)]
mod tests {
    use gatehold_gate::ChannelBeat;

    use super::*;

    fn beat(delivered: u64, failed: u64) -> Beat {
        let done = ChannelBeat {
            delivered,
            failed,
            given_up: 0,
        };
        Beat {
            channels: [("pager".to_owned(), done)].into(),
            delivers: true,
            ..Beat::default()
        }
    }

    #[test]
    fn a_channel_fails_from_the_first_try_in_vain_until_one_is_taken() {
        let channels = Channels::default();
        assert!(channels.seen().is_none());
        let at = Timestamp::from_millis;
        let stands = |beat: &Beat, seconds: i64| {
            channels.take(beat, at(seconds * 1_000));
            let seen = channels.seen().unwrap();
            let one = &seen.channels["pager"];
            let seconds = |time: Option<Timestamp>| time.map(|time| time.millis() / 1_000);
            (seconds(one.last_delivered), seconds(one.failing_since))
        };
        assert_eq!(stands(&beat(0, 0), 1), (None, None));
        assert_eq!(stands(&beat(0, 1), 2), (None, Some(2)));
        assert_eq!(stands(&beat(0, 0), 3), (None, Some(2)));
        assert_eq!(stands(&beat(0, 2), 4), (None, Some(2)));
        assert_eq!(stands(&beat(1, 0), 5), (Some(5), None));
        assert_eq!(stands(&beat(1, 1), 6), (Some(6), Some(6)));
        assert_eq!(stands(&beat(0, 0), 7), (Some(6), Some(6)));
    }

    #[test]
    fn a_channel_says_why_it_failed_last_and_how_much_waits() {
        let channels = Channels::default();
        let at = Timestamp::from_millis(1_000);
        let failed = Beat {
            undelivered: [("pager".to_owned(), 3)].into(),
            failures: [("pager".to_owned(), "y".repeat(10_000))].into(),
            ..beat(0, 1)
        };
        channels.take(&failed, at);
        let taken = Beat {
            undelivered: [("pager".to_owned(), 2)].into(),
            ..beat(1, 0)
        };
        channels.take(&taken, Timestamp::from_millis(2_000));
        let one = &channels.seen().unwrap().channels["pager"];
        let failure = one.last_failure.as_ref().unwrap();
        assert_eq!(
            (failure.at, failure.why.len(), one.undelivered),
            (at, 300, 2)
        );
        assert_eq!(one.failing_since, None);
    }
}
