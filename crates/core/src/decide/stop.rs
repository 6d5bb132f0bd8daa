//! Setting a stop: the safe direction, one entitled person or a signal, no hold.

use super::world::{Fresh, World};
use super::writer::{About, Writer};
use super::{Release, Sealed};
use crate::commit::{LeafKind, RECORD_BYTES_MAX, RowIndex, RowKey, Table, Write};
use crate::directory::Directory;
use crate::entry::Event;
use crate::ids::HumanId;
use crate::json::canonical;
use crate::refusal::Refusal;
use crate::signal::{HeardSignal, StoppedBy};
use crate::stops::Stops;
use crate::time::Timestamp;

/// Longest list of stops. A record holds it whole, beside a name and a few hashes; no store takes one that is too long.
const LISTED_BYTES_MAX: usize = RECORD_BYTES_MAX / 2;

/// The topic of what people are told when a signal stops something.
pub const SIGNAL_STOPPED: &str = "signal_stopped";

/// Who stops something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopBy {
    /// A person, authenticated by the surface.
    Human(HumanId),
    /// Somebody outside, by a token that was verified.
    Signal(Box<HeardSignal>),
}

/// Somebody stops something. Lifting is a held action and goes another way.
#[derive(Debug, Clone)]
pub struct StopChange {
    /// Who.
    pub by: StopBy,
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
    match &change.by {
        StopBy::Human(human) => {
            let stranger = !world.directory.humans.contains_key(human);
            if guard!("stop-known-human", stranger) {
                return Err(Refusal::NotEntitled);
            }
        }
        StopBy::Signal(_) => {
            let more = !is_for_signals(&change.add, world.directory);
            if guard!("signal-stops-named", more) {
                return Err(Refusal::NotEntitled);
            }
        }
    }
    let (added, stops) = listed(&world.stops.value, &change.add)?;
    let again = stops == world.stops.value && world.restraints.is_settled(&change.add);
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
    let by = match &change.by {
        StopBy::Human(human) => StoppedBy::Human(human.clone()),
        StopBy::Signal(heard) => {
            let key = heard.signal.key();
            // By its key whoever tells people finds the leaf. What stops nothing more is news to nobody.
            if !again {
                writer.announce_about(SIGNAL_STOPPED, key.clone());
            }
            if guard!("signal-once", true) {
                writer.once(key, Some(heard.known_until));
            }
            if let Some(token) = &heard.token {
                writer.attach("token", token.clone());
            }
            StoppedBy::Signal(Box::new(heard.signal.clone()))
        }
    };
    let event = Event::Stops {
        by,
        added,
        stops: stops.clone(),
    };
    let write = writer.finish(LeafKind::Stop, &About::default(), event, now)?;
    let sealed = Sealed::new(&write, Release::Stops(stops));
    Ok((write, sealed))
}

/// A signal stops workloads that are enrolled, and tasks: whoever sends it cannot fill the list with names that nobody has.
fn is_for_signals(add: &Stops, directory: &Directory) -> bool {
    let Stops {
        everything,
        workloads,
        tasks,
        targets,
        resources,
    } = add;
    let named = !workloads.is_empty() || !tasks.is_empty();
    let wider = *everything || !targets.is_empty() || !resources.is_empty();
    let mut each = workloads.iter();
    named && !wider && each.all(|name| directory.workloads.contains_key(name))
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
pub(super) mod tests {
    use super::*;
    use crate::commit::{Guard, RECORD_BYTES_MAX, UniqueKey};
    use crate::decide::{Counters, Pause, Settings, Versioned};
    use crate::directory::Human;
    use crate::hash::Hash;
    use crate::ids::{GrantId, RequestId, TaskId};
    use crate::restraints::Restraints;
    use crate::signal::Signal;
    use crate::trust::AttestationRoots;

    pub(in crate::decide) fn directory(humans: &[&HumanId]) -> Directory {
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
            glass: [].into(),
            recovery: vec![],
            attestation_roots: AttestationRoots::default(),
            consoles: vec![],
            quorum_lost: vec![],
        }
    }

    fn stopped(human: &HumanId, add: Stops, stops: &Versioned<Stops>) -> (Write, Stops) {
        let directory = directory(&[human]);
        tried(StopBy::Human(human.clone()), add, stops, &directory).unwrap()
    }

    fn tried(
        by: StopBy,
        add: Stops,
        stops: &Versioned<Stops>,
        directory: &Directory,
    ) -> Result<(Write, Stops), Refusal> {
        let world = World {
            policy: None,
            directory,
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
            by,
            add,
            reason: "odd".to_owned(),
        };
        let (write, sealed) = stop(&change, &world, &fresh, Timestamp::from_millis(1))?;
        let Release::Stops(stops) = sealed.release else {
            panic!("a stop releases stops")
        };
        Ok((write, stops))
    }

    pub(in crate::decide) fn heard() -> HeardSignal {
        let signal = Signal {
            name: "idp".to_owned(),
            issuer: "https://idp.example".to_owned(),
            token_id: "j1".to_owned(),
            event: "urn:x".to_owned(),
            token: Hash::of(b"a.b.c"),
        };
        HeardSignal {
            signal,
            known_until: Timestamp::from_millis(9),
            token: Some(b"a.b.c".to_vec()),
        }
    }

    #[test]
    fn a_signal_stops_a_task_once_and_nothing_wider() {
        let person: HumanId = "ann@https://people.example".parse().unwrap();
        let directory = directory(&[&person]);
        let by = || StopBy::Signal(Box::new(heard()));
        let task = Stops {
            tasks: [TaskId::from_bytes([7; 16])].into(),
            ..Stops::default()
        };
        let before = Versioned::default();
        let (write, stops) = tried(by(), task.clone(), &before, &directory).unwrap();
        assert_eq!(stops, task);
        let key = UniqueKey(heard().signal.key());
        let once = Guard::Absent(key, Some(Timestamp::from_millis(9)));
        assert!(write.guards.contains(&once), "{:?}", write.guards);
        let told = write.outbox.first().unwrap();
        assert_eq!(
            (&*told.topic, &told.body),
            (SIGNAL_STOPPED, &heard().signal.key())
        );
        let names: Vec<_> = write.leaf.attachments.iter().map(|one| one.name).collect();
        assert_eq!(names, ["reason", "token"]);
        for wider in [
            Stops::default(),
            Stops {
                everything: true,
                ..task.clone()
            },
            Stops {
                targets: ["sql:shop".parse().unwrap()].into(),
                ..task.clone()
            },
            Stops {
                resources: ["shop/".parse().unwrap()].into(),
                ..task.clone()
            },
            // Nobody has this name.
            Stops {
                workloads: ["deploy-bot".parse().unwrap()].into(),
                ..task
            },
        ] {
            let refused = tried(by(), wider.clone(), &before, &directory);
            assert_eq!(refused.err(), Some(Refusal::NotEntitled), "{wider:?}");
        }
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
