//! SQLite as a target: the file is opened for one call, with the least it needs, and closed again.
//!
//! A reading call gets a read-only handle, `query_only` and an authorizer that knows nothing but reading. A changing call
//! runs in one transaction that is committed only within its caps. Nobody can attach, set pragmas or load code.

mod count;
mod fence;
mod run;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(crate) use count::count;

use super::Plan;
use crate::call::Call;
use crate::outcome::{Execution, Stop, code};

/// A database file.
#[derive(Debug)]
pub(crate) struct SqliteTarget {
    pub(crate) path: PathBuf,
    pub(crate) statement_timeout: Duration,
    pub(crate) lock_timeout: Duration,
    pub(crate) bytes_max: usize,
}

/// Tells the thread that runs a statement to stop. A stop that comes before COMMIT rolls back.
#[derive(Clone, Default)]
struct Halt(Arc<AtomicBool>);

impl Halt {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Halts when it is dropped: a call nobody waits for any more ends.
struct HaltOnDrop(Halt);

impl Drop for HaltOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// Makes the call.
pub(crate) async fn execute(target: &SqliteTarget, call: &Call) -> Result<Execution, Stop> {
    let plan = Plan::read(call, target.bytes_max)?;
    let guard = HaltOnDrop(Halt::default());
    let (halt, path) = (guard.0.clone(), target.path.clone());
    let lock_timeout = call.within(target.lock_timeout);
    let mut worker =
        tokio::task::spawn_blocking(move || run::run(&path, lock_timeout, &plan, &halt));
    let limit = call.within(target.statement_timeout);
    let ended = match tokio::time::timeout(limit, &mut worker).await {
        Ok(ended) => ended,
        Err(_elapsed) => {
            guard.0.set();
            // It ends soon: the statement is interrupted, or a COMMIT that has begun is finished.
            worker.await
        }
    };
    // The thread was lost with whatever it had begun.
    ended.unwrap_or_else(|_| Err(Stop::unknown(code::LOST, "the execution broke off")))
}

#[cfg(test)]
mod tests;
