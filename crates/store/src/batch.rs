//! What a batch does, as a value: the rules of the guarded write, evaluated in order over what the transaction has read.
//!
//! Pure. The store reads everything the batch names under its lock, this decides, the store saves. Nothing here waits,
//! and no write can see anything but the store's state and the writes before it.

use std::collections::{BTreeMap, HashMap, HashSet};

use gatehold_core::commit::{
    Conflict, CounterKey, Guard, LeafBytes, Outbox, Receipt, RowChange, RowKey, UniqueKey, Write,
};
use gatehold_core::time::Timestamp;
use gatehold_ledger::{Anchor, Frontier, leaf_hash};

use crate::after_commit::{Answers, Release, told, withheld};
use crate::form::Prepared;
use crate::queue::CommitJob;

/// What the transaction has read of everything the batch names. What is missing does not exist.
#[derive(Debug, Default)]
pub(crate) struct Known<'w> {
    /// Version and first leaf.
    pub rows: HashMap<&'w RowKey, (u64, u64)>,
    pub counters: HashMap<&'w CounterKey, u64>,
    /// When the key may be forgotten.
    pub unique: HashMap<&'w UniqueKey, Option<Timestamp>>,
    pub leaves: HashSet<LeafBytes>,
}

/// Every key a write's evaluation looks at.
pub(crate) fn keys(write: &Write) -> impl Iterator<Item = Key<'_>> {
    let guards = write.guards.iter().map(|guard| match guard {
        Guard::Version(key, _) => Key::Row(key),
        Guard::Below(key, _) => Key::Counter(key),
        Guard::Absent(key, _) => Key::Unique(key),
    });
    guards.chain(write.counters.iter().map(|add| Key::Counter(&add.key)))
}

/// One thing to read before a batch.
pub(crate) enum Key<'w> {
    Row(&'w RowKey),
    Counter(&'w CounterKey),
    Unique(&'w UniqueKey),
}

/// A batch in evaluation.
pub(crate) struct Batch<'w> {
    frontier: Frontier,
    now: Timestamp,
    known: Known<'w>,
    staged: Staged<'w>,
}

/// What the survivors change, each thing once.
#[derive(Debug, Default)]
pub(crate) struct Staged<'w> {
    pub rows: BTreeMap<&'w RowKey, RowPut<'w>>,
    pub counters: BTreeMap<&'w CounterKey, u64>,
    pub unique: BTreeMap<&'w UniqueKey, UniquePut>,
    pub leaves: Vec<LeafPut<'w>>,
    pub outbox: Vec<&'w Outbox>,
    /// A refusal has shown this batch's time to somebody, so it must be kept even if nothing else is.
    pub time_shown: bool,
}

#[derive(Debug)]
pub(crate) struct RowPut<'w> {
    pub change: &'w RowChange,
    pub version: u64,
    pub first_leaf: u64,
    pub last_leaf: u64,
}

#[derive(Debug)]
pub(crate) struct UniquePut {
    pub leaf: u64,
    pub forget: Option<Timestamp>,
}

#[derive(Debug)]
pub(crate) struct LeafPut<'w> {
    pub index: u64,
    pub prepared: &'w Prepared,
}

impl<'w> Batch<'w> {
    /// `now` is the store's time, read under the lock and never before the head's.
    pub fn new(frontier: Frontier, now: Timestamp, known: Known<'w>) -> Self {
        Self {
            frontier,
            now,
            known,
            staged: Staged::default(),
        }
    }

    /// Applies one write, or tells why not and leaves everything as it was.
    pub fn apply(&mut self, prepared: &'w Prepared) -> Result<Receipt, Conflict> {
        // INVARIANT(guarded-write): every check of a write stands before its first change.
        self.check(prepared)?;
        let index = self
            .frontier
            .push(leaf_hash(&prepared.leaf))
            .map_err(|_| Conflict::Malformed("the log is full; start a new one"))?;
        self.stage(prepared, index);
        Ok(Receipt {
            index,
            leaf: prepared.leaf,
            time: self.now,
        })
    }

    /// What to save, and where the ledger stands then.
    pub fn finish(self) -> (Staged<'w>, Frontier) {
        (self.staged, self.frontier)
    }

    fn check(&mut self, prepared: &Prepared) -> Result<(), Conflict> {
        if let Some(conflict) = &prepared.refused {
            return Err(conflict.clone());
        }
        if self.known.leaves.contains(&prepared.leaf) {
            return Err(Conflict::Malformed(
                "the leaf is in the ledger already; ask for its receipt",
            ));
        }
        let write = &prepared.write;
        // A unique key that is forgotten before it is stored would guard nothing: that write comes too late as well.
        let forgets = write.guards.iter().filter_map(|guard| match guard {
            Guard::Absent(_, forget) => *forget,
            Guard::Version(..) | Guard::Below(..) => None,
        });
        // INVARIANT(in-time): the deadline is compared with the store's time inside the transaction.
        if write
            .deadline
            .into_iter()
            .chain(forgets)
            .any(|last| last < self.now)
        {
            self.staged.time_shown = true;
            return Err(Conflict::Deadline);
        }
        let failed = write.guards.iter().find(|guard| !self.holds(guard));
        failed.map_or(Ok(()), |guard| Err(Conflict::Guard(guard.clone())))
    }

    fn holds(&self, guard: &Guard) -> bool {
        match guard {
            Guard::Version(key, version) => {
                self.known.rows.get(key).map_or(0, |(version, _)| *version) == *version
            }
            Guard::Below(key, limit) => self.known.counters.get(key).copied().unwrap_or(0) < *limit,
            Guard::Absent(key, _) => match self.known.unique.get(key) {
                None => true,
                Some(forget) => forget.is_some_and(|last| last < self.now),
            },
        }
    }

    fn stage(&mut self, prepared: &'w Prepared, index: u64) {
        let write = &prepared.write;
        for change in &write.rows {
            let (version, first_leaf) = self
                .known
                .rows
                .get(&change.key)
                .copied()
                .unwrap_or((0, index));
            let put = RowPut {
                change,
                version: version + 1,
                first_leaf,
                last_leaf: index,
            };
            self.known
                .rows
                .insert(&change.key, (put.version, first_leaf));
            self.staged.rows.insert(&change.key, put);
        }
        for counter in &write.counters {
            let value = self.known.counters.entry(&counter.key).or_insert(0);
            // Stays within what both databases can hold; never below zero.
            *value = value
                .saturating_add_signed(counter.add)
                .min(i64::MAX as u64);
            self.staged.counters.insert(&counter.key, *value);
        }
        for guard in &write.guards {
            if let Guard::Absent(key, forget) = guard {
                self.known.unique.insert(key, *forget);
                let forget = *forget;
                let put = UniquePut {
                    leaf: index,
                    forget,
                };
                self.staged.unique.insert(key, put);
            }
        }
        self.known.leaves.insert(prepared.leaf);
        self.staged.leaves.push(LeafPut { index, prepared });
        self.staged.outbox.extend(&write.outbox);
    }
}

/// A whole batch, evaluated: what each caller hears once it is durable, and what to save.
pub(crate) struct Evaluated<'w> {
    pub answers: Vec<Answers>,
    pub staged: Staged<'w>,
    pub frontier: Frontier,
    /// Leaves before the batch.
    pub before: u64,
}

/// Evaluates every queued call in order. While the hook fails, only calls in the safe direction are applied.
pub(crate) fn evaluate<'w>(
    commits: &'w [CommitJob],
    frontier: Frontier,
    now: Timestamp,
    known: Known<'w>,
    release: &Release,
) -> Evaluated<'w> {
    let before = frontier.size();
    let tried = commits.iter().any(|job| job.writes.is_empty());
    let ready = release.ready(tried, || anchor_of(&frontier));
    let mut batch = Batch::new(frontier, now, known);
    let answer = |job: &'w CommitJob| match &ready {
        Err(text) if !release.safe(&job.writes) => Err(withheld(text)),
        _ => Ok(job.writes.iter().map(|write| batch.apply(write)).collect()),
    };
    let answers = commits.iter().map(answer).collect();
    let (mut staged, frontier) = batch.finish();
    // A call without writes is answered once the database has taken a write all the same.
    staged.time_shown |= tried;
    Evaluated {
        answers,
        staged,
        frontier,
        before,
    }
}

impl Evaluated<'_> {
    /// Whether anything that decides has to be saved.
    pub fn saves(&self) -> bool {
        self.frontier.size() > self.before || self.staged.time_shown
    }

    /// Called once the batch is durable: what may be told.
    pub fn told(self, commits: &[CommitJob], release: &Release) -> Vec<Answers> {
        if self.frontier.size() == self.before {
            return self.answers;
        }
        told(
            release,
            commits,
            self.answers,
            self.before,
            anchor_of(&self.frontier),
        )
    }
}

/// Where a ledger stands, as the anchor says it.
pub(crate) fn anchor_of(frontier: &Frontier) -> Anchor {
    Anchor {
        size: frontier.size(),
        root: frontier.root(),
    }
}
