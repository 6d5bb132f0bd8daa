//! Setting a stop: the safe direction, one entitled person, no hold.

use super::world::{Fresh, World};
use super::writer::{About, Writer};
use super::{Release, Sealed};
use crate::commit::{LeafKind, RECORD_BYTES_MAX, RowIndex, RowKey, Table, Write};
use crate::entry::Event;
use crate::ids::HumanId;
use crate::json::canonical;
use crate::refusal::Refusal;
use crate::stops::Stops;
use crate::time::Timestamp;

/// Longest list of stops. A record holds it whole, beside a name and a few hashes; no store takes one that is too long.
const LISTED_BYTES_MAX: usize = RECORD_BYTES_MAX / 2;

/// A human stops something. Lifting is a held action and goes another way.
#[derive(Debug, Clone)]
pub struct StopChange {
    /// Who, authenticated by the surface.
    pub human: HumanId,
    /// What to stop in addition.
    pub add: Stops,
    /// Why: an attachment.
    pub reason: String,
}

pub(super) fn stop(
    change: &StopChange,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    if guard!(
        "stop-known-human",
        !world.directory.humans.contains_key(&change.human)
    ) {
        return Err(Refusal::NotEntitled);
    }
    let (added, stops) = listed(&world.stops.value, &change.add)?;
    let mut writer = Writer::new(fresh);
    let key = RowKey {
        table: Table::Stops,
        id: "main".to_owned(),
    };
    let index = RowIndex {
        state: "set".into(),
        ..RowIndex::default()
    };
    writer.put_row(key, world.stops.version, &stops, index)?;
    writer.attach("reason", change.reason.clone().into_bytes());
    let event = Event::Stops {
        human: change.human.clone(),
        added,
        stops: stops.clone(),
    };
    let write = writer.finish(LeafKind::Stop, &About::default(), event, now)?;
    let sealed = Sealed::new(&write, Release::Stops(stops));
    Ok((write, sealed))
}

/// What is added and what is stopped then. Whoever stops more than can be listed stops everything: a long list keeps
/// nobody from stopping.
fn listed(before: &Stops, add: &Stops) -> Result<(Stops, Stops), Refusal> {
    let all = before.and(add);
    let size = |stops| canonical::to_bytes(stops).map(|bytes| bytes.len());
    let damaged = |_| Refusal::NotProven("stops");
    let sizes = size(add).and_then(|added| Ok(added + size(&all)?));
    if sizes.map_err(damaged)? <= LISTED_BYTES_MAX {
        return Ok((add.clone(), all));
    }
    let everything = Stops {
        everything: true,
        ..Stops::default()
    };
    Ok((everything.clone(), before.and(&everything)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::RECORD_BYTES_MAX;
    use crate::decide::{Counters, Pause, Settings, Versioned};
    use crate::directory::{Directory, Human};
    use crate::hash::Hash;
    use crate::ids::{GrantId, RequestId, TaskId};
    use crate::restraints::Restraints;
    use crate::trust::AttestationRoots;

    fn directory(humans: &[&HumanId]) -> Directory {
        let hash = Hash::of(b"x");
        Directory {
            version: 1,
            chain: hash,
            named: 1,
            origin: "dev.gate.example".parse().unwrap(),
            root: hash,
            bundle: hash,
            humans: humans
                .iter()
                .map(|human| ((*human).clone(), Human::default()))
                .collect(),
            teams: [].into(),
            workloads: [].into(),
            points: [].into(),
            delegations: [].into(),
            suspended: [].into(),
            last_gone: [].into(),
            log_key: String::new(),
            recovery: vec![],
            attestation_roots: AttestationRoots::default(),
            consoles: vec![],
            quorum_lost: vec![],
        }
    }

    fn stopped(human: &HumanId, add: Stops, stops: &Versioned<Stops>) -> (Write, Stops) {
        let directory = directory(&[human]);
        let world = World {
            policy: None,
            directory: &directory,
            stops,
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
        let change = StopChange {
            human: human.clone(),
            add,
            reason: "odd".to_owned(),
        };
        let (write, sealed) = stop(&change, &world, &fresh, Timestamp::from_millis(1)).unwrap();
        let Release::Stops(stops) = sealed.release else {
            panic!("a stop releases stops")
        };
        (write, stops)
    }

    #[test]
    fn no_list_of_stops_keeps_anybody_from_stopping_more() {
        let one: HumanId = "ann@https://people.example".parse().unwrap();
        let long = format!("{}@https://people.example", "o".repeat(200));
        let other: HumanId = long.parse().unwrap();
        let mut stops = Versioned::default();
        // One person, again and again, until nothing more is listed.
        for number in 0..2_000 {
            let name = format!("{number:0>250}");
            let add = Stops {
                resources: [name.parse().unwrap()].into(),
                ..Stops::default()
            };
            let (write, next) = stopped(&one, add, &stops);
            assert!(write.leaf.record.len() <= RECORD_BYTES_MAX, "{number}");
            assert_eq!(next.and(&stops.value), next, "nothing is lifted");
            stops.value = next;
            stops.version += 1;
        }
        assert!(stops.value.everything, "what cannot be listed is stopped");
        let add = Stops {
            targets: ["sql:shop".parse().unwrap()].into(),
            ..Stops::default()
        };
        let (write, next) = stopped(&other, add, &stops);
        assert!(write.leaf.record.len() <= RECORD_BYTES_MAX);
        assert!(next.everything);
    }
}
