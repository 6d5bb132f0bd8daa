//! A signal says that what a workload does is unusual: the safe direction, for a while, no hold of its own.

use super::world::{Fresh, World};
use super::writer::{About, Writer};
use super::{Release, Sealed};
use crate::commit::{LeafKind, RowIndex, RowKey, Table, Write};
use crate::entry::Event;
use crate::ids::WorkloadId;
use crate::refusal::Refusal;
use crate::signal::{FLAG_SECONDS_MAX, HeardSignal};
use crate::time::Timestamp;

/// What the message is called that tells people of a workload that is said to be unusual.
pub const SIGNAL_FLAGGED: &str = "signal_flagged";

/// What a signal says of a workload that people are to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagChange {
    /// Which.
    pub workload: WorkloadId,
    /// For how long.
    pub seconds: u32,
    /// Who says so.
    pub heard: HeardSignal,
}

pub(super) fn flag(
    change: &FlagChange,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let stranger = !world.directory.workloads.contains_key(&change.workload);
    if guard!("flag-known-workload", stranger) {
        return Err(Refusal::NotEntitled);
    }
    let long = change.seconds > FLAG_SECONDS_MAX;
    if guard!("flag-bounded", long) {
        return Err(Refusal::NotEntitled);
    }
    let mut writer = Writer::new(fresh);
    // Every decision depends on this row: written again as it is, none is taken by who has not read this leaf.
    let stops = world.stops.value.clone();
    let index = RowIndex {
        state: "set".into(),
        ..RowIndex::default()
    };
    let key = RowKey::new(Table::Stops, &"main");
    writer.put_row(key, world.stops.version, &stops, index)?;
    let heard = &change.heard;
    // By its key whoever tells people finds the leaf. What is said again, while it counts, is news to nobody.
    if world.restraints.flag_of(&change.workload, now).is_none() {
        writer.announce_about(SIGNAL_FLAGGED, heard.signal.key());
    }
    if guard!("flag-once", true) {
        writer.once(heard.signal.key(), Some(heard.known_until));
    }
    if let Some(token) = &heard.token {
        writer.attach("token", token.clone());
    }
    let event = Event::Flagged {
        workload: change.workload.clone(),
        until: now.plus_seconds(change.seconds),
        by: Box::new(heard.signal.clone()),
    };
    let write = writer.finish(LeafKind::Stop, &About::default(), event, now)?;
    let sealed = Sealed::new(&write, Release::Stops(stops));
    Ok((write, sealed))
}

#[cfg(test)]
mod tests {
    use super::super::stop::tests::{directory, heard};
    use super::*;
    use crate::decide::{Counters, Pause, Settings, Versioned};
    use crate::ids::{GrantId, RequestId, TaskId};
    use crate::restraints::Restraints;
    use crate::stops::Stops;

    #[test]
    fn a_signal_says_nothing_of_a_name_that_nobody_has() {
        let directory = directory(&[]);
        let world = World {
            policy: None,
            directory: &directory,
            stops: &Versioned::<Stops>::default(),
            pause: &Versioned::<Pause>::default(),
            restraints: &Restraints::default(),
            task: None,
            counters: Counters::default(),
            rendered: None,
            findings: None,
            habits: None,
            settings: &Settings::default(),
        };
        let fresh = Fresh {
            request: RequestId::from_bytes([1; 16]),
            grant: GrantId::from_bytes([1; 16]),
            task: TaskId::from_bytes([1; 16]),
            seed: [1; 32],
        };
        let change = FlagChange {
            workload: "deploy-bot".parse().unwrap(),
            seconds: 60,
            heard: heard(),
        };
        let refused = flag(&change, &world, &fresh, Timestamp::from_millis(1));
        assert_eq!(refused.err(), Some(Refusal::NotEntitled));
    }
}
