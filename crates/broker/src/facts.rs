//! What the gate finds out itself before a decision: calendars that the operator keeps, and look-ups and counts at other systems,
//! over connections and with credentials of their own. Nothing of the requester's is run, and nothing anywhere is changed.

mod calendar;
pub(crate) mod count;
pub(crate) mod lookup;
mod probe;
#[cfg(test)]
mod testing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use gatehold_core::ids::TeamId;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::facts::{Facts, Found, Moment, OnCall as OnCallOf, Question, Told};

pub use calendar::Calendars;
pub use calendar::on_call::{OnCall, Roster};
pub use lookup::Lookups;
pub use probe::Probed;

/// Every source of facts of a gate.
#[derive(Debug, Default)]
pub struct Sources {
    /// Working hours, holidays and freezes.
    pub calendars: Option<Calendars>,
    /// Other systems.
    pub lookups: Lookups,
    /// Who is on call, where somebody keeps a schedule.
    pub on_call: Option<Arc<OnCall>>,
}

#[async_trait]
impl Facts for Sources {
    async fn moment(&self, question: &Question<'_>) -> Moment {
        match &self.calendars {
            Some(calendars) => calendars.moment(question).await,
            None => Moment::unknown("calendar", "this gate has none"),
        }
    }

    async fn look_up(&self, question: &Question<'_>) -> BTreeMap<String, Told<Found>> {
        self.lookups.answer(question).await
    }

    async fn on_call(&self, teams: &BTreeSet<TeamId>, now: Timestamp) -> Vec<OnCallOf> {
        match &self.on_call {
            None => Vec::new(),
            Some(on_call) => on_call.of(teams, now).await,
        }
    }
}
