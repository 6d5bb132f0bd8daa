//! What a workload usually does, told by counters that only ever grow: how often it asks, how many resources it asks about, and
//! which kinds of access it has used (M014, M062).
//!
//! A busy workload never waits for its own counters: a decision that rests on a count below a limit insists on just that. What
//! is read beside them is the same for everybody from the end of its day on.

use crate::action::Envelope;
use crate::commit::CounterKey;
use crate::effect::Environment;
use crate::hash::Hash;
use crate::ids::WorkloadId;
use crate::time::Timestamp;

/// How many days before today count as usual.
pub const DAYS: i64 = 28;
/// Days of one of the buckets that remember what was used.
const BUCKET_DAYS: i64 = 10;
/// How many buckets remember, this one included: at least 90 days.
const BUCKETS: i64 = 10;
/// How many of them are at least 30 days.
const BUCKETS_MONTH: usize = 4;
/// Active days from which on there is something to compare with.
const DAYS_MIN: u64 = 3;
/// Requests in an hour that are never a burst, and those that always are while there is nothing to compare with.
const HOUR_MIN: u64 = 20;
const HOUR_FIRST: u64 = 100;
/// The same of resources in a day.
const RESOURCES_MIN: u64 = 10;
const RESOURCES_FIRST: u64 = 50;
/// Kinds of access first used within a month that are worth a word.
const GROWTH_MIN: u64 = 5;

/// The counters of one workload and one action, as of a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HabitKeys {
    /// Requests in this hour.
    pub hour: CounterKey,
    /// Requests on this day.
    pub day: CounterKey,
    /// Different resources asked about on this day.
    pub resources: CounterKey,
    /// Requests about this very resource on this day.
    pub resource: CounterKey,
    /// Uses of this kind of access (descriptor, resource, environment), in this bucket and the three before.
    pub used: [CounterKey; 4],
    /// Kinds of access that were used for the first time, in this bucket and those before.
    pub first_used: Vec<CounterKey>,
}

impl HabitKeys {
    /// For this action of a workload, now.
    #[must_use]
    pub fn of(
        workload: &WorkloadId,
        envelope: &Envelope,
        environment: Option<Environment>,
        now: Timestamp,
    ) -> Self {
        let (day, hour) = (day_of(now), now.seconds().div_euclid(3_600));
        let bucket = day.div_euclid(BUCKET_DAYS);
        let environment = environment.map_or("unknown", |world| world.as_str());
        let target = envelope.target.as_str().as_bytes();
        let resource = envelope.resource.as_str().as_bytes();
        let about = Hash::tagged("gatehold/habit/v1", &[target, b"\0", resource]);
        let kind = Hash::tagged(
            "gatehold/habit/v1",
            &[
                envelope.descriptor.id.as_str().as_bytes(),
                b"\0",
                target,
                b"\0",
                resource,
                b"\0",
                environment.as_bytes(),
            ],
        );
        let used = |back: i64| key(workload, &format!("used:{}:{}", bucket - back, kind.hex()));
        Self {
            hour: key(workload, &format!("hour:{hour}")),
            day: key(workload, &format!("day:{day}")),
            resources: key(workload, &format!("resources:{day}")),
            resource: key(workload, &format!("resource:{day}:{}", about.hex())),
            used: [used(0), used(1), used(2), used(3)],
            first_used: (0..BUCKETS)
                .map(|back| key(workload, &format!("first:{}", bucket - back)))
                .collect(),
        }
    }

    /// Those that every decision reads, in the order of [`Habits::from_counts`].
    #[must_use]
    pub fn read(&self) -> Vec<CounterKey> {
        let first = [&self.hour, &self.resources, &self.resource];
        first.into_iter().chain(&self.used).cloned().collect()
    }
}

/// The day of a time, counted from 1970.
#[must_use]
pub fn day_of(now: Timestamp) -> i64 {
    now.seconds().div_euclid(86_400)
}

/// The counters of the days before `today`, in the order of [`Past::from_counts`]. They change no more.
#[must_use]
pub fn past(workload: &WorkloadId, today: i64) -> Vec<CounterKey> {
    let of = |what: &'static str| {
        (1..=DAYS).map(move |back| key(workload, &format!("{what}:{}", today - back)))
    };
    of("day").chain(of("resources")).collect()
}

fn key(workload: &WorkloadId, what: &str) -> CounterKey {
    CounterKey(format!("habit:{workload}:{what}"))
}

/// The days before today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Past {
    /// Days on which it asked for something.
    pub active_days: u64,
    /// Requests on the busiest of them.
    pub busiest: u64,
    /// Different resources on the widest of them.
    pub widest: u64,
}

impl Past {
    /// From the values of [`past`].
    #[must_use]
    pub fn from_counts(counts: &[u64]) -> Self {
        let (days, resources) = counts.split_at(counts.len() / 2);
        let active = days.iter().filter(|count| **count > 0).count();
        Self {
            active_days: u64::try_from(active).unwrap_or(u64::MAX),
            busiest: days.iter().copied().max().unwrap_or_default(),
            widest: resources.iter().copied().max().unwrap_or_default(),
        }
    }
}

/// What a workload usually does, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Habits {
    /// Where the counts are.
    pub keys: HabitKeys,
    /// The days before today.
    pub past: Past,
    /// Requests in this hour so far.
    pub hour: u64,
    /// Different resources today so far.
    pub resources: u64,
    /// Requests about this resource today so far.
    pub resource: u64,
    /// Uses of this kind of access in the last 30 to 40 days.
    pub used: u64,
}

impl Habits {
    /// From the values of [`HabitKeys::read`].
    #[must_use]
    pub fn from_counts(keys: HabitKeys, past: Past, counts: &[u64]) -> Self {
        let at = |index: usize| counts.get(index).copied().unwrap_or_default();
        Self {
            keys,
            past,
            hour: at(0),
            resources: at(1),
            resource: at(2),
            used: counts.iter().skip(3).sum(),
        }
    }

    /// At most so many requests in an hour are usual: a quarter of the busiest day.
    #[must_use]
    pub fn hour_limit(&self) -> u64 {
        if self.past.active_days < DAYS_MIN {
            HOUR_FIRST
        } else {
            HOUR_MIN.max(self.past.busiest / 4)
        }
    }

    /// At most so many different resources on a day are usual: twice those of the widest day.
    #[must_use]
    pub fn resources_limit(&self) -> u64 {
        if self.past.active_days < DAYS_MIN {
            RESOURCES_FIRST
        } else {
            RESOURCES_MIN.max(self.past.widest.saturating_mul(2))
        }
    }

    /// More often than usual; `asking` when this request is not counted yet.
    #[must_use]
    pub fn is_burst(&self, asking: bool) -> bool {
        self.hour.saturating_add(u64::from(asking)) > self.hour_limit()
    }

    /// About more resources than usual; `asking` when this request is not counted yet.
    #[must_use]
    pub fn is_wide(&self, asking: bool) -> bool {
        let more = u64::from(asking && self.resource == 0);
        self.resources.saturating_add(more) > self.resources_limit()
    }

    /// What looks like a stolen credential or an agent that runs wild (M014): it reaches for more resources than it usually
    /// does, or changes things more often. Frequent reads of the same few things are an agent at work, and hold nobody up.
    #[must_use]
    pub fn is_anomalous(&self, asking: bool, reads_only: bool) -> bool {
        self.is_wide(asking) || (!reads_only && self.is_burst(asking))
    }

    /// This kind of access was not used before.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.used == 0
    }
}

/// Kinds of access first used in the last 30 days, and in the last 90, to the bucket, from the values of
/// [`HabitKeys::first_used`].
#[must_use]
pub fn grown(counts: &[u64]) -> (u64, u64) {
    let first = |buckets: usize| counts.iter().take(buckets).sum();
    (first(BUCKETS_MONTH), first(counts.len()))
}

/// Whether somebody should be told that access accumulates (M062): several kinds of access are new in the last 30 days, and more
/// of them than in the 60 days before. A workload in its first month accumulates by this too.
#[must_use]
pub const fn accumulates(month: u64, quarter: u64) -> bool {
    month >= GROWTH_MIN && month > quarter.saturating_sub(month)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn habits(past: Past, counts: &[u64]) -> Habits {
        let key = |name: &str| CounterKey(name.to_owned());
        let keys = HabitKeys {
            hour: key("hour"),
            day: key("day"),
            resources: key("resources"),
            resource: key("resource"),
            used: ["a", "b", "c", "d"].map(key),
            first_used: (0..9).map(|n| key(&format!("first{n}"))).collect(),
        };
        Habits::from_counts(keys, past, counts)
    }

    #[test]
    fn what_is_usual_is_told_by_the_days_before() {
        let week = Past::from_counts(&[vec![100, 0, 400, 40], vec![3, 0, 9, 1]].concat());
        let wanted = Past {
            active_days: 3,
            busiest: 400,
            widest: 9,
        };
        assert_eq!(week, wanted);
        for (past, hour, burst) in [
            (week, 99, false),
            (week, 100, true),
            (Past { busiest: 8, ..week }, 19, false),
            (Past { busiest: 8, ..week }, 20, true),
            // Nothing to compare with yet.
            (
                Past {
                    active_days: 2,
                    ..week
                },
                99,
                false,
            ),
            (Past::default(), 99, false),
            (Past::default(), 100, true),
        ] {
            let habits = habits(past, &[hour]);
            assert_eq!(habits.is_burst(true), burst, "{past:?} {hour}");
            assert!(!habits.is_burst(false) || hour > habits.hour_limit());
        }
        for (past, resources, resource, wide) in [
            (week, 17, 0, false),
            (week, 18, 0, true),
            // One that was asked about today is no other.
            (week, 18, 1, false),
            (week, 19, 1, true),
            (Past { widest: 1, ..week }, 9, 0, false),
            (Past { widest: 1, ..week }, 10, 0, true),
            (Past::default(), 49, 0, false),
            (Past::default(), 50, 0, true),
        ] {
            let habits = habits(past, &[0, resources, resource]);
            assert_eq!(
                habits.is_wide(true),
                wide,
                "{past:?} {resources} {resource}"
            );
        }
    }

    #[test]
    fn reading_often_is_no_anomaly_and_changing_often_or_reading_widely_is() {
        let past = Past::default();
        for (counts, of_reads, of_changes) in [
            ([99, 49, 0], false, false),
            ([100, 49, 0], false, true),
            ([0, 50, 0], true, true),
            ([100, 50, 1], false, true),
        ] {
            let habits = habits(past, &counts);
            assert_eq!(habits.is_anomalous(true, true), of_reads, "{counts:?}");
            assert_eq!(habits.is_anomalous(true, false), of_changes, "{counts:?}");
        }
    }

    #[test]
    fn what_was_used_lately_is_not_new() {
        assert!(habits(Past::default(), &[]).is_new());
        for bucket in 0..4 {
            let mut counts = vec![0; 7];
            counts[3 + bucket] = 1;
            assert!(!habits(Past::default(), &counts).is_new());
        }
    }

    #[test]
    fn kinds_of_access_are_counted_by_bucket() {
        let counts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
        assert_eq!(grown(&counts), (10, 55));
        assert!(accumulates(5, 9) && accumulates(6, 11));
        assert!(!accumulates(4, 4) && !accumulates(5, 10) && !accumulates(10, 55));
        assert_eq!(grown(&[]), (0, 0));
    }
}
