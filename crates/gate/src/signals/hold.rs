//! Signals that stop nothing: for a while, what a workload asks for is an anomaly, and policy says who looks at it. It only tightens.

use gatehold_core::commit::UniqueKey;
use gatehold_core::decide::{Command, FlagChange, Record, Release, decide};
use gatehold_core::guard;
use gatehold_core::ids::WorkloadId;
use gatehold_core::requester::Requester;
use gatehold_core::restraints::Restraints;
use gatehold_core::signal::{Flag, HeardSignal};
use gatehold_core::time::Timestamp;
use gatehold_core::view::{Fact, Source};
use gatehold_proof::security_event::{Subject, VerifiedEvent};

use super::{Heeded, KNOWN_LONGER_SECONDS, Sender, SignalError};
use crate::drive::{Committed, TRIES};
use crate::error::GateError;
use crate::facts::short;
use crate::gate::Gate;

impl Sender {
    /// The workload of an event that asks at least for people to look, and for how long its sender may ask that.
    fn flaggable(&self, event: &VerifiedEvent) -> Option<(WorkloadId, u32)> {
        let seconds = self.rules.may.hold_seconds?;
        let asked = event.subject().filter(|_| event.asks_to_hold())?;
        let user = match asked {
            Subject::Simple(id) => Some(id),
            Subject::Complex(_) => asked.member("user"),
        };
        Some((self.workload(user?)?, seconds))
    }
}

impl Gate {
    /// Has what a workload asks for be an anomaly for a while, where the sender may. While the store refuses nothing is let out, and
    /// its sender comes again: unlike a stop it is not kept in the journal.
    pub(super) async fn heed_hold(
        &self,
        sender: &Sender,
        event: &VerifiedEvent,
        heard: HeardSignal,
        now: Timestamp,
    ) -> Result<Heeded, SignalError> {
        let Some((workload, seconds)) = sender.flaggable(event) else {
            return Ok(Heeded::Nothing);
        };
        if !self.is_there_for(sender, &workload).await? {
            return Ok(Heeded::Nothing);
        }
        // What is said already is in the leaves.
        let active = self.read_on().await?;
        let again = active.restraints.flag_of(&workload, now).is_some();
        sender.one(now, again)?;
        let change = FlagChange {
            workload,
            seconds,
            heard,
        };
        Ok(self.flag_stored(change).await?)
    }

    /// In the store, once.
    async fn flag_stored(&self, change: FlagChange) -> Result<Heeded, GateError> {
        let key = UniqueKey(change.heard.signal.key());
        for _ in 0..TRIES {
            let loaded = self.load("", None, None).await?;
            if self.store().unique(&key).await?.is_some() {
                return Ok(Heeded::Known);
            }
            let world = loaded.world(None, self.settings());
            let mut change = change.clone();
            let soon = loaded.now.plus_seconds(KNOWN_LONGER_SECONDS);
            change.heard.known_until = change.heard.known_until.max(soon);
            let fresh = self.fresh(loaded.now);
            let command = Command::Flag(Box::new(change));
            let (write, sealed) = decide(Record::Absent, command, &world, &fresh, loaded.now)?;
            match self.commit(write, sealed).await? {
                Committed::Done(_, Release::Stops(_)) => {
                    self.ask_all_again();
                    return Ok(Heeded::Held);
                }
                Committed::Done(..) => return Err(GateError::damaged("a signal releases stops")),
                Committed::Again => {}
            }
        }
        Err(self.overtaken().await)
    }
}

/// What a signal says of whoever asks, as long as it counts. Nobody says it of people: who is gone, SCIM says.
pub(crate) fn flag_of<'a>(
    restraints: &'a Restraints,
    requester: &Requester,
    now: Timestamp,
) -> Option<&'a Flag> {
    let Requester::Workload { id, .. } = requester else {
        return None;
    };
    let flag = restraints.flag_of(id, now);
    flag.filter(|_| guard!("flag-counts", true))
}

/// The same for people: who said it, when, what, and until when it counts.
pub(crate) fn shown(flag: &Flag, now: Timestamp) -> Fact {
    let signal = &flag.signal;
    let event = signal.event.rsplit(['/', ':']).next().unwrap_or_default();
    let age = now.seconds().saturating_sub(flag.at.seconds());
    Fact {
        label: "said to be unusual".to_owned(),
        value: short(&format!("{event}, said {}, until {}", flag.at, flag.until)),
        source: Source::Verified,
        from: short(&format!("signal: {}, {}", signal.name, signal.issuer)),
        age_seconds: u32::try_from(age).unwrap_or(0),
        refuted: false,
    }
}
