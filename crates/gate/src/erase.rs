//! Erasing an attachment: people approved it, a leaf says so, and only then the bytes go. Proofs stay valid, because the
//! leaf commits to the attachment's salted hash. What a crash left between the leaf and the erasing, the tick finishes.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use gatehold_core::commit::{LeafKind, RowKey, Table};
use gatehold_core::directory::Directory;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::grant::GrantState;
use gatehold_core::guard;
use gatehold_core::ids::TaskId;
use gatehold_core::refusal::Refusal;
use gatehold_core::task::{Task, TaskState};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::change::RecordErase;
use gatehold_core::trust::{Chain, Change, Evidence, Executed};

use crate::believed::record_opens;
use crate::chain::{Link, opened, trust_kind};
use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::{StoredLeaf, StoredRecord};
use crate::stored::{attachment, body};

fn refuse<T>(why: String) -> Result<T, GateError> {
    Err(Refusal::Erasure(why).into())
}

impl Gate {
    /// Whether an attachment may be erased now: it is there and nothing live needs it. What has ended never lives again,
    /// so that this stays true until the write.
    pub(crate) async fn check_erasable(&self, erase: &RecordErase) -> Result<(), GateError> {
        let (index, name) = (erase.leaf, erase.name.as_str());
        let Some(leaf) = self.leaf(index).await? else {
            return refuse(format!("there is no leaf {index}"));
        };
        let named = leaf.attachments.iter().find(|known| known.name == name);
        match named.map(|known| known.erased_by) {
            None => return refuse(format!("leaf {index} has no attachment `{name}`")),
            Some(Some(by)) => {
                return refuse(format!(
                    "`{name}` of leaf {index} is erased already, by leaf {by}"
                ));
            }
            Some(None) => {}
        }
        if !record_opens(&leaf.leaf, &leaf.salt, &leaf.record) {
            return Err(GateError::Damaged(format!("leaf {index} does not open")));
        }
        let entry = Entry::from_bytes(&leaf.record).map_err(GateError::damaged)?;
        if let Some(id) = entry.request {
            let record = self.request(id).await?.record;
            let state = record.state;
            if guard!("erase-not-live", !state.is_terminal()) {
                return refuse(format!(
                    "{id} is {} and still needs `{name}`; ask again once it has ended",
                    state.name()
                ));
            }
            // Policy is asked about it as long as what was handed out for it lives.
            let lease = self.lease_of(&record).await?;
            let lives = lease.is_some_and(|(state, _)| state == GrantState::Active);
            if guard!("erase-not-leased", lives) {
                return refuse(format!(
                    "what was handed out for {id} is in use and is judged by `{name}`; take it away, then ask again"
                ));
            }
        }
        if let Event::Task { task, .. } = &entry.event
            && self.is_open(task).await?
            && guard!("erase-task-ended", true)
        {
            return refuse(format!(
                "{task} is open and its steps are judged by its purpose; ask again once it has ended"
            ));
        }
        Ok(())
    }

    async fn is_open(&self, id: &TaskId) -> Result<bool, GateError> {
        let row = self.row(&RowKey::new(Table::Task, id)).await?;
        let row = row.ok_or_else(|| GateError::damaged("the task's row is missing"))?;
        let task: Task = body(&row)?;
        let now = self.store().now().await?;
        let over = task.boundary.is_some_and(|until| now > until.not_after);
        Ok(task.state != TaskState::Ended && !over)
    }

    /// Erases what durable leaves say is erased. Doing it twice is harmless. What is erased already is not verified again,
    /// and the chain is folded once for all that is left: oldest first, each under the links before it.
    pub(crate) async fn finish_erasures(&self) -> Result<u64, GateError> {
        let waiting = self.believed().erasures.clone();
        if waiting.is_empty() {
            return Ok(0);
        }
        let links = self.inner.chain.lock().await.links.clone();
        let mut past = Past::from(links);
        let mut erased = 0_u64;
        for (by, link) in waiting {
            match self.finish_erasure(link, &mut past).await {
                Ok(gone) => erased = erased.saturating_add(gone),
                Err(error @ GateError::Store(_)) => return Err(error),
                Err(error) => {
                    tracing::error!(leaf = by, %error, "a leaf erases something and does not verify");
                }
            }
            self.believed().erasures.remove(&by);
        }
        Ok(erased)
    }

    /// What a leaf erases goes. The leaf is opened, its evidence hashed and every signature in it counted again: nobody who
    /// can write a leaf past the gate makes the gate forget anything.
    async fn finish_erasure(&self, link: Link, past: &mut Past) -> Result<u64, GateError> {
        let by = link.index;
        let executed = self.erasure_evidence(link).await?;
        let erase = match executed.change().map_err(GateError::damaged)? {
            Change::RecordErase(erase) if erase.leaf < by => erase,
            _ => return Err(GateError::damaged("it erases nothing before it")),
        };
        let left = self.left_to_erase(&erase).await?;
        if left.is_empty() {
            return Ok(0);
        }
        let before = self.directory_at(by, past).await?;
        if let Err(error) = executed.check(before)
            && guard!("erase-approved", true)
        {
            return Err(GateError::damaged(error));
        }
        let mut erased = 0_u64;
        for name in left {
            self.store().erase(erase.leaf, name, by).await?;
            erased = erased.saturating_add(1);
        }
        Ok(erased)
    }

    async fn left_to_erase<'a>(&self, erase: &'a RecordErase) -> Result<Vec<&'a str>, GateError> {
        let Some(leaf) = self.leaf(erase.leaf).await? else {
            return Ok(Vec::new());
        };
        let there = |name: &&str| leaf.attachments.iter().any(|known| is_there(known, name));
        Ok(erase.names().filter(there).collect())
    }

    /// What a leaf says was approved and done; whether it was is not looked at here.
    // INVARIANT(leaf-opens): the change is read from evidence that the leaf's own record names.
    async fn erasure_evidence(&self, link: Link) -> Result<Box<Executed>, GateError> {
        let leaf = link.read(self.store()).await?;
        if !record_opens(&leaf.leaf, &leaf.salt, &leaf.record) {
            return Err(GateError::damaged("it does not open"));
        }
        let entry = Entry::from_bytes(&leaf.record).map_err(GateError::damaged)?;
        let Event::Trust { evidence, .. } = entry.event else {
            return Err(GateError::damaged("it carries no evidence"));
        };
        let given = Evidence::from_bytes(attachment(&leaf, "evidence")?);
        let given = given.map_err(GateError::damaged)?;
        if given.hash().map_err(GateError::damaged)? != evidence {
            return Err(GateError::damaged("its evidence is another"));
        }
        let Evidence::Executed(executed) = given else {
            return Err(GateError::damaged("nobody asked for it"));
        };
        Ok(executed)
    }

    /// The directory as the links before a leaf give it: who could sign then, whatever became of their keys since. What
    /// people have begun to have erased is finished.
    async fn directory_at<'a>(
        &self,
        index: u64,
        past: &'a mut Past,
    ) -> Result<&'a Directory, GateError> {
        while let Some(link) = past
            .links
            .front()
            .copied()
            .filter(|link| link.index < index)
        {
            let leaf = link.read(self.store()).await?;
            let evidence = Evidence::from_bytes(opened(&leaf, "evidence")?);
            let added = evidence.map_err(GateError::damaged).and_then(|evidence| {
                if !trust_kind(&leaf.leaf).is_some_and(|kind| evidence.fits(kind)) {
                    return Err(GateError::damaged("it stands in a leaf of another kind"));
                }
                let pinned = self.inner.parts.pinned_root;
                let added = past.chain.add(link.index, &evidence, pinned);
                added.map_err(GateError::damaged)
            });
            // As when the gate reads its own: a link that does not verify gives nothing force.
            if let Err(error) = added {
                tracing::warn!(leaf = link.index, %error, "a trust leaf has no force");
            }
            // Only now: behind one that cannot be read nothing is verified.
            past.links.pop_front();
        }
        let directory = past.chain.directory();
        directory.ok_or_else(|| GateError::damaged("no root stands before it"))
    }

    async fn leaf(&self, index: u64) -> Result<Option<StoredLeaf>, GateError> {
        let found = self.store().leaves(index, 1, false).await?;
        Ok(found.into_iter().find(|leaf| leaf.index == index))
    }

    /// Reads the leaves that others wrote, once a minute, so that what another process left is found by this one.
    pub(crate) async fn read_on_each_minute(&self, now: Timestamp) -> Result<(), GateError> {
        let minute = now.seconds().div_euclid(60);
        if self.inner.read_minute.swap(minute, Ordering::Relaxed) == minute {
            return Ok(());
        }
        self.read_on().await.map(drop)
    }
}

/// The chain as it stood before a leaf, and the links still to come.
struct Past {
    chain: Chain,
    links: VecDeque<Link>,
}

impl From<Vec<Link>> for Past {
    fn from(links: Vec<Link>) -> Self {
        let chain = Chain::default();
        let links = links.into();
        Self { chain, links }
    }
}

fn is_there(known: &crate::ports::store::StoredAttachment, name: &str) -> bool {
    known.name == name && known.erased_by.is_none()
}

/// Whether a leaf says that something is erased.
pub(crate) const fn is_erasure(leaf: &StoredRecord) -> bool {
    let [_, high, low, ..] = leaf.leaf;
    u16::from_be_bytes([high, low]) == LeafKind::Erasure as u16
}
