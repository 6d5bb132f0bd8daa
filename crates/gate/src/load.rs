//! Loads the world a decision reads, with the version of every part.

use std::sync::Arc;

use gatehold_core::commit::{CounterKey, RowKey, Table};
use gatehold_core::decide::{Counters, Pause, Settings, TaskNow, Versioned, World};
use gatehold_core::delegation::Lending;
use gatehold_core::guard;
use gatehold_core::ids::{TargetId, TaskId};
use gatehold_core::request::{HeldAt, RequestRecord};
use gatehold_core::requester::Requester;
use gatehold_core::stops::Stops;
use gatehold_core::task::{Boundary, Chain, Task};
use gatehold_core::time::Timestamp;

use crate::error::GateError;
use crate::gate::{Active, Gate};
use crate::question::Answered;
use crate::stored::body;

/// The world, owned.
pub(crate) struct Loaded {
    pub(crate) active: Arc<Active>,
    pub(crate) stops: Versioned<Stops>,
    pub(crate) pause: Versioned<Pause>,
    pub(crate) as_read: Arc<Active>,
    pub(crate) task: Option<TaskNow>,
    pub(crate) counters: Counters,
    pub(crate) now: Timestamp,
}

impl Loaded {
    /// As core wants it.
    pub(crate) fn world<'a>(
        &'a self,
        answered: Option<&'a Answered>,
        settings: &'a Settings,
    ) -> World<'a> {
        World {
            policy: answered.map(|answered| &answered.evaluated),
            directory: &self.active.directory,
            stops: &self.stops,
            pause: &self.pause,
            restraints: &self.as_read.restraints,
            task: self.task.as_ref(),
            counters: self.counters,
            rendered: answered.map(|answered| &answered.rendered),
            findings: answered.map(|answered| &answered.findings),
            habits: answered.and_then(|answered| answered.habits.as_ref()),
            settings,
        }
    }

    /// The delegations that count at a request that is held so.
    pub(crate) fn lending<'a>(
        &'a self,
        record: &'a RequestRecord,
        held: &'a HeldAt,
        settings: &'a Settings,
    ) -> Lending<'a> {
        let moment = self.world(None, settings).moment(record, self.now);
        let directory = &self.active.directory;
        Lending::new(directory, &held.requirement, &record.requester, moment)
    }

    /// What the task may touch, if it said so.
    pub(crate) fn boundary(&self) -> Option<&Boundary> {
        self.task.as_ref()?.task.value.boundary.as_ref()
    }

    /// The chain around what is asked about: a request that was submitted before is no step before itself.
    // INVARIANT(step-once): at every later question the request's own step is left out.
    pub(crate) fn chain(&self, own: Option<&RequestRecord>) -> Chain {
        let chain = self.task.as_ref().map(|now| now.chain.clone());
        let chain = chain.unwrap_or_default();
        match own {
            Some(own) if guard!("own-step-left-out", true) => chain.around(own),
            _ => chain,
        }
    }
}

impl Gate {
    /// Everything around an action of this requester in this task on this target.
    pub(crate) async fn load(
        &self,
        requester: &str,
        task: Option<&TaskId>,
        target: Option<&TargetId>,
    ) -> Result<Loaded, GateError> {
        let active = self.current().await?;
        let now = self.store().now().await?;
        let stops = self.stops_now().await?;
        let pause = self.pause_now(requester).await?;
        let about = (requester, task, target);
        self.load_around((active, now), (stops, pause), about).await
    }

    async fn load_around(
        &self,
        (active, now): (Arc<Active>, Timestamp),
        (stops, pause): (Versioned<Stops>, Versioned<Pause>),
        (requester, task, target): (&str, Option<&TaskId>, Option<&TargetId>),
    ) -> Result<Loaded, GateError> {
        // Read at least to the leaves that wrote those rows.
        let as_read = self.active();
        let mut keys = vec![CounterKey(format!("holds:{requester}"))];
        let task = match task {
            None => None,
            Some(id) => self.row(&RowKey::new(Table::Task, id)).await?,
        };
        let counted = match (&task, target) {
            (Some(row), Some(target)) => {
                let task: Task = body(row)?;
                keys.extend(Chain::counters(&task.id, target));
                Some((task, row.version))
            }
            (Some(row), None) => Some((body(row)?, row.version)),
            (None, _) => None,
        };
        let counts = self.store().counters(&keys).await?;
        let (open_holds, rest) = counts
            .split_first()
            .map_or((0, &[][..]), |(first, rest)| (*first, rest));
        let chain = rest.try_into().map(Chain::from_counts).unwrap_or_default();
        let task = counted.map(|(value, version)| TaskNow {
            task: Versioned { value, version },
            chain,
        });
        Ok(Loaded {
            active,
            stops,
            pause,
            as_read,
            task,
            counters: Counters { open_holds },
            now,
        })
    }

    /// The same without what is stopped and paused, for what lets nothing out.
    pub(crate) async fn load_unrestrained(
        &self,
        requester: &Requester,
        envelope: &gatehold_core::action::Envelope,
    ) -> Result<Loaded, GateError> {
        let active = self.current().await?;
        let now = self.store().now().await?;
        let name = requester.name();
        let about = (
            name.as_str(),
            envelope.task.as_ref(),
            Some(&envelope.target),
        );
        let restraints = (Versioned::default(), Versioned::default());
        self.load_around((active, now), restraints, about).await
    }

    pub(crate) async fn load_for(
        &self,
        requester: &Requester,
        envelope: &gatehold_core::action::Envelope,
    ) -> Result<Loaded, GateError> {
        self.load(
            &requester.name(),
            envelope.task.as_ref(),
            Some(&envelope.target),
        )
        .await
    }
}
