//! `gatehold ledger rejoin`: after an honest restore, a person says so, and the ledger keeps it.

use clap::Subcommand;
use serde_json::json;

use crate::config::{Config, ConfigFile};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::serve::{open_anchors, open_store};

/// `gatehold ledger …`.
#[derive(Debug, Subcommand)]
pub enum Ledger {
    /// Accept a store that was restored from a backup: a leaf names every anchor that it overrules.
    Rejoin(ConfigFile),
}

/// Runs it. The gate must not run meanwhile.
///
/// # Errors
/// When nothing disagrees, or the store or a folder cannot be written.
pub async fn run(ctx: &Ctx, ledger: &Ledger) -> Result<Exit, Failure> {
    let Ledger::Rejoin(file) = ledger;
    let config = Config::require(&file.config)?;
    let anchors = open_anchors(&config)?;
    let store = open_store(&config.store, Some(anchors.clone())).await?;
    let salt = crate::ambient::random()
        .map_err(|error| Failure::fault(error, "check the system's random source"))?;
    let receipt = anchors
        .rejoin(store.as_ref(), salt)
        .await
        .map_err(|fault| Failure::fault(fault, "run `gatehold doctor`"))?;
    let leaf = receipt.index;
    let next = "publish into an empty folder, and tell whoever keeps tree heads of this log";
    ctx.print(&json!({ "leaf": leaf, "next": next }), || {
        format!("rejoined at leaf {leaf}; the overruled anchors are kept beside\nnext: {next}\n")
    })?;
    Ok(Exit::Done)
}
