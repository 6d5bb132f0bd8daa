//! `gatehold executor`: a process of its own, under a user of its own, that alone holds the targets' secrets. It believes nothing of
//! the gate that asks it: see `gatehold_gate::Apart`.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use clap::Args;
use gatehold_broker::{Executors, Leases};
use gatehold_core::action::DescriptorRef;
use gatehold_core::time::Timestamp;
use gatehold_gate::{Apart, ApartParts, Catalog, Refused};
use gatehold_server::executor_router;
use gatehold_server::listen::{Ended, Listener};
use gatehold_store::kept::KeptIn;

use crate::ambient::Os;
use crate::config::ExecutorConfig;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::serve::ended_by_signal;

/// Arguments of `gatehold executor`.
#[derive(Debug, Args)]
pub struct Executor {
    /// The executor's own configuration, which the gate's user cannot read.
    #[arg(short, long, default_value = "executor.toml")]
    pub config: PathBuf,
}

/// `gatehold executor`.
///
/// # Errors
/// Everything that keeps it from starting.
pub async fn run(args: &Executor) -> Result<Exit, Failure> {
    let config = ExecutorConfig::require(&args.config)?;
    files::private_folder(&config.state)?;
    let kept = KeptIn::open(&config.state);
    let kept = kept.map_err(|fault| {
        Failure::fault(fault, "correct `state_folder`, or repair what stands there")
    })?;
    let opened: Arc<OnceLock<Apart>> = Arc::default();
    let known = Arc::clone(&opened);
    let effects = move |named: &DescriptorRef| known.get()?.effects(named);
    // Under the name of the root that is pinned here, whatever a gate says of itself.
    let (name, clock) = (config.root.to_string(), crate::channel::clock());
    let leases = Leases::new(&config.targets, &name, Arc::new(Os), clock);
    let issuing = leases.told();
    let issuing = issuing.map_err(|error| Failure::fault(error, "report this"))?;
    let executors = Arc::new(Executors::new(config.targets, effects));
    let apart = Apart::open(ApartParts {
        root: config.root,
        origin: config.origin.clone(),
        public_url: config.public_url,
        kept: Arc::new(kept),
        targets: executors.terms(),
        catalog: (!config.resources.is_empty()).then(|| Catalog::new(config.resources)),
        executor: executors,
        issuer: Arc::new(leases),
        issuing,
        clock: Arc::new(|| Timestamp::from_millis(crate::ambient::now_millis())),
    });
    let apart = apart.map_err(|refused| unusable(&refused))?;
    let _first = opened.set(apart.clone());
    let end = ended_by_signal();
    let listener = Listener::bind(&config.listen)
        .await
        .map_err(|error| Failure::usage(error, "correct `listen` or `tls`"))?;
    println!(
        "gatehold executor for {} serves https://{}",
        config.origin,
        listener.address()
    );
    match listener.serve(executor_router(apart), end).await {
        Ended::Orderly => Ok(Exit::Done),
        Ended::Cut(open) => Err(Failure::fault(
            format!("{open} executions were cut, and what came of them is not known"),
            "look at their targets before anything is repeated",
        )),
    }
}

fn unusable(refused: &Refused) -> Failure {
    Failure::verification(
        refused,
        "correct `root` and `origin`; if both are right, what stands in `state_folder` was changed: restore it",
    )
}
