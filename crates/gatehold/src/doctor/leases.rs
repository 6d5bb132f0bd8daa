//! Whether what was handed out could be taken away with this configuration.

use gatehold_core::commit::Table;
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::lease::Lease;
use gatehold_gate::ports::issuer::Issuer;
use gatehold_gate::ports::store::{RowQuery, Store};

use super::{Level, Report};
use crate::config::Config;
use crate::exit::Failure;
use crate::screen::counted_as;

/// Most that are named; the rest is counted.
const NAMED_MAX: usize = 16;

/// What the configuration lacks for each credential that is not known to be gone.
pub(super) async fn leases(
    report: &mut Report,
    config: &Config,
    store: &dyn Store,
) -> Result<(), Failure> {
    let there = [
        GrantState::Active,
        GrantState::Suspended,
        GrantState::Revoking,
    ];
    let mut query = RowQuery {
        states: there.map(|state| state.name().to_owned()).into(),
        limit: 1_000,
        ..RowQuery::default()
    };
    let mut found = Vec::new();
    let mut count = 0_usize;
    loop {
        let rows = store.rows(Table::Grant, &query).await;
        let rows = rows.map_err(|fault| Failure::fault(fault, "repair the store"))?;
        let Some(last) = rows.last() else { break };
        query.after_leaf = Some(last.first_leaf);
        for row in &rows {
            // A row that cannot be read is told among those that differ from the ledger.
            let Ok(grant) = serde_json::from_slice::<Grant>(&row.body) else {
                continue;
            };
            let Some(lease) = &grant.lease else { continue };
            count = count.saturating_add(1);
            if let Some(missing) = missing(config, lease) {
                found.push(format!(
                    "what was handed out for {} cannot be taken away: {missing}",
                    grant.request
                ));
            }
        }
    }
    let asked = config.executor.as_ref();
    if count > 0 && asked.is_some_and(|place| !place.remote.knows_targets()) {
        let text = format!(
            "{} handed out, and whether the executor can take them away is not known until it answers",
            counted_as(count, "credential is", "credentials are")
        );
        report.say(Level::See, text);
    } else if found.is_empty() && count > 0 {
        let text = format!(
            "{} handed out, and nothing that takes them away is missing in the configuration",
            counted_as(count, "credential is", "credentials are")
        );
        report.say(Level::Ok, text);
    }
    let more = found.len().saturating_sub(NAMED_MAX);
    for text in found.into_iter().take(NAMED_MAX) {
        report.say(Level::Bad, text);
    }
    if more > 0 {
        report.say(
            Level::Bad,
            format!(
                "{more} more were handed out and cannot be taken away either: `gatehold lease list`"
            ),
        );
    }
    Ok(())
}

/// By the executor's targets, as it told them to this process; or by those of the gate.
fn missing(config: &Config, lease: &Lease) -> Option<String> {
    match &config.executor {
        Some(place) => place.remote.missing(lease.target.as_str(), &lease.recipe),
        None => config.targets.missing(&lease.target, &lease.recipe),
    }
}
