//! What was let out by break-glass and waits for a look, and whether anybody could break the glass where a checkpoint offers it.

use gatehold_core::time::Timestamp;
use gatehold_gate::Trust;
use gatehold_gate::ports::store::Store;

use super::{Level, Report};
use crate::config::{Config, StorePlace};
use crate::exit::Failure;
use crate::serve::{open_store, refused};

/// Says what waits, for whoever asks how a gate stands that runs.
pub(super) async fn stands(report: &mut Report, config: &Config) -> Result<(), Failure> {
    // Nothing is made here: a file that is not there yet is `gatehold serve`'s to make.
    if let StorePlace::Sqlite(path) = &config.store
        && !path.exists()
    {
        return Ok(());
    }
    let store = open_store(&config.store, None).await?;
    let fault = |fault| Failure::fault(fault, "repair the store");
    if store.head().await.map_err(fault)?.size == 0 {
        return Ok(());
    }
    let trust = Trust::read(store.as_ref(), config.root).await;
    let trust = trust.map_err(|error| refused(&error))?;
    owed(report, &trust, store.now().await.map_err(fault)?);
    Ok(())
}

/// Says what waits, and what could not be done.
pub(super) async fn glass(
    report: &mut Report,
    trust: &Trust,
    store: &dyn Store,
    now: Timestamp,
) -> Result<(), Failure> {
    owed(report, trust, now);
    let without = trust.without_drawers(store).await;
    for one in without.map_err(|error| refused(&error))? {
        let text = format!("{one}. Enrol keys with `gatehold human enrol-offline`");
        report.say(Level::See, text);
    }
    Ok(())
}

/// Each opening that people have still to look at.
fn owed(report: &mut Report, trust: &Trust, now: Timestamp) {
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
}
