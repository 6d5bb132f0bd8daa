//! What the gate finds out itself before a decision: calendars that the operator keeps, and look-ups and counts at other systems,
//! over connections and with credentials of their own. Nothing of the requester's is run, and nothing anywhere is changed.

mod calendar;
pub(crate) mod count;
pub(crate) mod lookup;
mod probe;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;

use async_trait::async_trait;
use gatehold_gate::ports::facts::{Facts, Found, Moment, Question, Told};

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
}
