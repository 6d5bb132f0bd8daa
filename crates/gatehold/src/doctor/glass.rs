//! What was let out by break-glass and waits for a look, and whether anybody could break the glass where a checkpoint offers it.

use gatehold_core::time::Timestamp;
use gatehold_gate::Trust;
use gatehold_gate::ports::store::Store;

use super::{Level, Report};
use crate::exit::Failure;
use crate::serve::refused;

/// Says what waits, and what could not be done.
pub(super) async fn glass(
    report: &mut Report,
    trust: &Trust,
    store: &dyn Store,
    now: Timestamp,
) -> Result<(), Failure> {
    for opening in trust.openings.open() {
        let (request, until) = (opening.request, opening.review_by);
        if opening.is_overdue(now) {
            let text = format!(
                "BREAK-GLASS: too few people have looked at {request} by {until}, and nothing else is let out so until they have: \
                 `gatehold break-glass review`"
            );
            report.say(Level::Bad, text);
        } else {
            let text = format!(
                "break-glass let {request} out; two people who had no part in it look at it until {until}: \
                 `gatehold break-glass list`"
            );
            report.say(Level::See, text);
        }
    }
    let without = trust.without_drawers(store).await;
    for one in without.map_err(|error| refused(&error))? {
        let text = format!("{one}. Enrol keys with `gatehold human enrol-offline`");
        report.say(Level::See, text);
    }
    Ok(())
}
