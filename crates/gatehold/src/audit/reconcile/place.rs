//! Where the facts come from: the targets of a gate or of an executor, and the ledger of the gate, from its store or from an export that
//! somebody else verifies too.

use std::path::PathBuf;

use gatehold_audit::Report;
use gatehold_broker::Targets;
use gatehold_core::hash::Hash;
use gatehold_core::reconcile::{Called, Handed};

use super::Reconcile;
use crate::audit::granted_in_export;
use crate::audit::source::Source;
use crate::config::{Config, ExecutorConfig, looked_at};
use crate::context::Ctx;
use crate::exit::Failure;

/// Targets and ledger.
pub struct Place {
    pub targets: Targets,
    /// Whether an executor of its own has targets that this configuration does not.
    pub apart: bool,
    root: Option<Hash>,
    ledger: Kept,
}

/// Where a ledger is.
enum Kept {
    Store(Box<Source>),
    Export(PathBuf),
}

impl Place {
    /// Those that the arguments name.
    ///
    /// # Errors
    /// When a configuration is wrong, or an executor's is given without an export.
    pub async fn of(ctx: &Ctx, args: &Reconcile) -> Result<Self, Failure> {
        let path = looked_at(ctx, args.ledger.config.as_deref());
        if ExecutorConfig::is_in(&path) {
            let Some(export) = &args.export else {
                return Err(Failure::usage(
                    "an executor has no ledger",
                    "export that of its gate with `gatehold audit export --out FILE`, and name it with --export",
                ));
            };
            let config = ExecutorConfig::require(&path)?;
            return Ok(Self {
                targets: config.targets,
                apart: false,
                root: args.root.or(Some(config.root)),
                ledger: Kept::Export(export.clone()),
            });
        }
        let mut config = Config::require(&path)?;
        args.targets.put_into(&mut config)?;
        let ledger = match &args.export {
            Some(export) => Kept::Export(export.clone()),
            None => Kept::Store(Box::new(Source::open(&config).await?)),
        };
        Ok(Self {
            targets: config.targets,
            apart: config.executor.is_some(),
            root: args.root.or(config.root),
            ledger,
        })
    }

    /// What was handed out and executed. It is worth what the report is.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn granted(&self) -> Result<(Report, Vec<Handed>, Vec<Called>), Failure> {
        match &self.ledger {
            Kept::Store(source) => source.verify_granted(self.root).await,
            Kept::Export(file) => granted_in_export(file, self.root),
        }
    }
}
