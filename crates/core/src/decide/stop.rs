//! Setting a stop: the safe direction, one entitled person, no hold.

use super::world::{Fresh, World};
use super::writer::{About, Writer};
use super::{Release, Sealed};
use crate::commit::{LeafKind, RowIndex, RowKey, Table, Write};
use crate::entry::Event;
use crate::ids::HumanId;
use crate::refusal::Refusal;
use crate::stops::Stops;
use crate::time::Timestamp;

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
    let stops = world.stops.value.and(&change.add);
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
        stops: stops.clone(),
    };
    let write = writer.finish(LeafKind::Stop, &About::default(), event, now)?;
    let sealed = Sealed::new(&write, Release::Stops(stops));
    Ok((write, sealed))
}
