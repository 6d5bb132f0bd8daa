//! Who stopped what is stopped now, for those who look at it. It decides nothing: what is stopped stays so whoever said it.

use gatehold_core::restraints::Restraints;
use gatehold_core::stops::Stops;

/// What the leaves say of who stopped what, oldest first.
#[derive(Debug, Clone, Default)]
pub struct WhoStopped(Vec<(Stops, String)>);

impl WhoStopped {
    pub(crate) fn of(restraints: &Restraints) -> Self {
        let each = restraints.stopped_by();
        Self(
            each.map(|(stops, by)| (stops.clone(), by.to_string()))
                .collect(),
        )
    }

    /// Who said last what `is` asks for.
    #[must_use]
    pub fn last(&self, is: impl Fn(&Stops) -> bool) -> Option<&str> {
        let mut latest = self.0.iter().rev();
        latest
            .find(|(stops, _)| is(stops))
            .map(|(_, by)| by.as_str())
    }
}
