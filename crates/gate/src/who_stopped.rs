//! Who stopped what is stopped now, for those who look at it. It decides nothing: what is stopped stays so whoever said it.

use gatehold_core::request::RequestRecord;
use gatehold_core::restraints::Restraints;
use gatehold_core::signal::StoppedBy;
use gatehold_core::stops::Stops;
use gatehold_core::time::Timestamp;

/// What the leaves say of who stopped what, oldest first.
#[derive(Debug, Clone, Default)]
pub struct WhoStopped(Vec<(Stops, SaidStop)>);

/// Who said a stop last, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidStop {
    /// A person, or a signal with the name of its sender and its issuer.
    pub by: String,
    /// The time of its leaf.
    pub at: Timestamp,
}

/// What stops a request, or whoever asks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppedNow {
    /// `lockdown`, `workload_stopped`, `task_stopped`, `target_stopped`, `resource_stopped`, `workload_paused`.
    pub code: &'static str,
    /// Who said so; nothing where no leaf says who, as of a pause.
    pub said: Option<SaidStop>,
}

impl WhoStopped {
    pub(crate) fn of(restraints: &Restraints) -> Self {
        let each = restraints.stopped_by().map(|(stops, by, at)| {
            let by = match by {
                StoppedBy::Human(human) => human.to_string(),
                StoppedBy::Signal(signal) => format!("signal: {}, {}", signal.name, signal.issuer),
            };
            (stops.clone(), SaidStop { by, at })
        });
        Self(each.collect())
    }

    /// Who said last what `is` asks for.
    #[must_use]
    pub fn last(&self, is: impl Fn(&Stops) -> bool) -> Option<&SaidStop> {
        let mut latest = self.0.iter().rev();
        latest.find(|(stops, _)| is(stops)).map(|(_, said)| said)
    }

    /// The same of what stops a request for this reason.
    pub(crate) fn of_request(&self, record: &RequestRecord, code: &'static str) -> StoppedNow {
        let said = self.last(|said| reason(said, record) == Some(code));
        StoppedNow {
            code,
            said: said.cloned(),
        }
    }
}

/// Why these stops stop what a request asks for, if they do.
pub(crate) fn reason(stops: &Stops, record: &RequestRecord) -> Option<&'static str> {
    let envelope = &record.envelope;
    let task = envelope.task.as_ref();
    stops.reason(
        &envelope.workload,
        task,
        &envelope.target,
        &envelope.resource,
    )
}
