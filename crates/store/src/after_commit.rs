//! What happens between "durable" and "told": once a batch, before any of its answers is released.
//!
//! The anchor hangs here. If it cannot be written, nothing of the batch is released but acts in the safe direction, and
//! further decisions are not even applied until it can.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gatehold_core::commit::{Conflict, LeafDraft, Receipt};
use gatehold_gate::ports::store::StoreFault;
use gatehold_ledger::Anchor;

use crate::form::Prepared;
use crate::queue::CommitJob;

/// Called by a store's writer once a batch.
pub trait AfterCommit: Send + Sync + 'static {
    /// The batch is durable and the ledger stands here; its answers wait for the return.
    ///
    /// # Errors
    /// A text for the operator: what failed and what to do. Nothing but safe-direction acts is released.
    fn committed(&self, head: Anchor) -> Result<(), String>;

    /// Whether a write with this leaf only stops, ends or revokes, so that releasing it can never let anything out.
    fn safe_direction(&self, leaf: &LeafDraft) -> bool;
}

/// One call's answers.
pub(crate) type Answers = Result<Vec<Result<Receipt, Conflict>>, StoreFault>;

/// Decides what may leave the store. Shared by the writer and by `receipt_of`.
// INVARIANT(anchored-release): no receipt of a leaf leaves before the hook has accepted a head that covers it.
pub(crate) struct Release {
    hook: Option<Arc<dyn AfterCommit>>,
    /// Size of the last accepted head while the hook fails; `u64::MAX` while all is well.
    covered: AtomicU64,
}

impl Release {
    pub fn new(hook: Option<Arc<dyn AfterCommit>>) -> Arc<Self> {
        Arc::new(Self {
            hook,
            covered: AtomicU64::new(u64::MAX),
        })
    }

    /// Asked with the head before a batch. After a failure it first tries to catch up, and it tries if somebody asks for
    /// nothing but that.
    pub fn ready(&self, tried: bool, head: impl FnOnce() -> Anchor) -> Result<(), String> {
        if !tried && self.covered.load(Ordering::SeqCst) == u64::MAX {
            return Ok(());
        }
        let head = head();
        self.committed(head.size, head)
    }

    /// Tells the hook that the ledger grew from `before` to `head`.
    pub fn committed(&self, before: u64, head: Anchor) -> Result<(), String> {
        let Some(hook) = &self.hook else {
            return Ok(());
        };
        match hook.committed(head) {
            Ok(()) => {
                self.covered.store(u64::MAX, Ordering::SeqCst);
                Ok(())
            }
            Err(text) => {
                self.covered.fetch_min(before, Ordering::SeqCst);
                Err(text)
            }
        }
    }

    /// Whether all writes of one call are in the safe direction. A call without any asks whether decisions are taken.
    pub fn safe(&self, writes: &[Prepared]) -> bool {
        let safe = |hook: &Arc<dyn AfterCommit>| {
            !writes.is_empty()
                && writes
                    .iter()
                    .all(|prepared| hook.safe_direction(&prepared.write.leaf))
        };
        self.hook.as_ref().is_none_or(safe)
    }

    /// Whether the receipt of an older leaf may be told.
    pub fn tell(&self, receipt: Receipt) -> Result<Receipt, StoreFault> {
        if receipt.index < self.covered.load(Ordering::SeqCst) {
            Ok(receipt)
        } else {
            Err(withheld("the last attempt failed"))
        }
    }
}

/// The answer in place of what may not be released.
pub(crate) fn withheld(text: &str) -> StoreFault {
    StoreFault::Unavailable(format!(
        "the ledger's anchor cannot be written, so only acts that stop something are released ({text}); make the anchor \
         directory writable"
    ))
}

/// Runs the hook over a durable batch and keeps back what it does not let out.
pub(crate) fn told(
    release: &Release,
    commits: &[CommitJob],
    answers: Vec<Answers>,
    before: u64,
    head: Anchor,
) -> Vec<Answers> {
    let Err(text) = release.committed(before, head) else {
        return answers;
    };
    tracing::error!(%text, "the anchor could not be written; answers are withheld");
    let keep = |(job, answers): (&CommitJob, Answers)| match answers {
        Ok(_) if !release.safe(&job.writes) => Err(withheld(&text)),
        answers => answers,
    };
    commits.iter().zip(answers).map(keep).collect()
}
