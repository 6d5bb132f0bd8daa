//! Releases: nothing leaves before its own leaf is durable, and proof leaves once.

use gatehold_core::approved::Approved;
use gatehold_core::commit::LeafBytes;
use gatehold_core::decide::Release;

use super::{Checked, Oracle, holds};
use crate::simulator::shelf::Shelf;

impl Oracle {
    /// Something leaves a process.
    ///
    /// # Errors
    /// `release-after-durable`.
    // INVARIANT(release-after-durable): asked of the store itself, whatever receipt the process believed.
    pub fn released(&self, release: &Release, leaf: &LeafBytes, shelf: &Shelf) -> Checked {
        let durable = shelf.receipt_of(leaf).is_some();
        holds(durable, "release-after-durable", || {
            format!("something left before it was durable: {release:?}")
        })
    }

    /// An action is executed.
    ///
    /// # Errors
    /// `single-release` or `signed-is-exact`.
    pub fn executed(&mut self, approved: &Approved) -> Checked {
        let Some(request) = self.requests.get_mut(&approved.request()) else {
            return holds(false, "single-release", || "nobody asked for it".to_owned());
        };
        request.releases += 1;
        holds(request.releases == 1, "single-release", || {
            format!("{} was released {} times", request.id, request.releases)
        })?;
        let same = approved.action() == &*request.action;
        holds(same, "signed-is-exact", || {
            format!("{} was released with other bytes", request.id)
        })
    }
}
