//! The store of a run: the rules of the guarded write on plain maps, a clock that only the scheduler moves, and the
//! doors through which someone with database access reaches in.

use std::any::Any;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use gatehold_core::action::Action;
use gatehold_core::commit::{
    Conflict, CounterKey, Guard, LeafBytes, LeafDraft, LeafKind, Receipt, RowKey, UniqueKey, Write,
};
use gatehold_core::decide::Opened;
use gatehold_core::entry::Entry;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, RequestId};
use gatehold_core::time::Timestamp;
use gatehold_ledger::{Frontier, Hash as TreeHash, leaf_hash};
use serde::de::DeserializeOwned;

/// A stored row.
#[derive(Debug, Clone)]
pub struct Row {
    /// Counts its changes.
    pub version: u64,
    /// The leaf that created it.
    pub first_leaf: usize,
    /// The leaf that last changed it.
    pub last_leaf: usize,
    body: Vec<u8>,
    /// The value of these bytes, once somebody has read them.
    value: OnceCell<Rc<dyn Any>>,
}

/// A stored leaf.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// Record, salt and attachments.
    pub draft: LeafDraft,
    /// When, on this clock.
    pub time: Timestamp,
    entry: Option<Box<Entry>>,
    action: OnceCell<(Hash, Action)>,
}

/// What a reviewer was given to look at: operational, holds no authority.
#[derive(Debug, Clone)]
pub struct Screen {
    /// Which request.
    pub request: RequestId,
    /// For whom it was drawn.
    pub human: HumanId,
    /// What core is told of it.
    pub opened: Opened,
}

/// Everything both processes share.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    clock: i64,
    shown: i64,
    rows: BTreeMap<RowKey, Row>,
    counters: BTreeMap<CounterKey, u64>,
    unique: BTreeMap<UniqueKey, Option<Timestamp>>,
    leaves: Vec<Leaf>,
    by_leaf: BTreeMap<LeafBytes, Receipt>,
    hashes: Vec<TreeHash>,
    frontier: Frontier,
    screens: BTreeMap<String, Screen>,
    /// Rows that are not as they were when somebody last asked.
    touched: BTreeSet<RowKey>,
    /// Every version of every row that was ever committed: what a backup would hold.
    backups: BTreeMap<RowKey, Vec<Row>>,
}

impl Shelf {
    /// An empty store whose clock shows this time.
    #[must_use]
    pub fn at(millis: i64) -> Self {
        Self {
            clock: millis,
            ..Self::default()
        }
    }

    /// Lets time pass, or steps the clock back; what was shown is never taken back.
    pub const fn step_clock(&mut self, millis: i64) {
        self.clock = self.clock.saturating_add(millis);
    }

    /// A clock that was set back is set right: it goes on from what it last showed.
    pub fn set_right(&mut self) {
        self.clock = self.clock.max(self.shown);
    }

    /// The store's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.max(self.shown))
    }

    /// Applies one write, whole or not at all.
    ///
    /// # Errors
    /// [`Conflict`] when a guard or the deadline does not hold.
    // INVARIANT(guarded-write): nothing changes before everything was checked.
    pub fn commit(&mut self, write: &Write) -> Result<Receipt, Conflict> {
        let now = self.now();
        self.check(write, now)?;
        self.shown = now.millis();
        let index = self.append(&write.leaf, now);
        for change in &write.rows {
            let known = self.rows.get(&change.key);
            let row = Row {
                version: known.map_or(1, |row| row.version + 1),
                first_leaf: known.map_or(index, |row| row.first_leaf),
                last_leaf: index,
                body: change.body.clone(),
                value: OnceCell::new(),
            };
            let backups = self.backups.entry(change.key.clone()).or_default();
            backups.push(row.clone());
            self.touched.insert(change.key.clone());
            self.rows.insert(change.key.clone(), row);
        }
        for counter in &write.counters {
            let value = self.counters.entry(counter.key.clone()).or_insert(0);
            *value = value.saturating_add_signed(counter.add);
        }
        for guard in &write.guards {
            if let Guard::Absent(key, forget) = guard {
                self.unique.insert(key.clone(), *forget);
            }
        }
        let receipt = Receipt {
            index: u64::try_from(index).unwrap_or(u64::MAX),
            leaf: write.leaf.bytes(),
            time: now,
        };
        self.by_leaf.insert(receipt.leaf, receipt);
        Ok(receipt)
    }

    fn check(&self, write: &Write, now: Timestamp) -> Result<(), Conflict> {
        if self.by_leaf.contains_key(&write.leaf.bytes()) {
            return Err(Conflict::Malformed("the leaf is in the ledger already"));
        }
        let unguarded = write.rows.iter().any(|change| {
            let mut guards = write.guards.iter();
            !guards.any(|guard| matches!(guard, Guard::Version(key, _) if *key == change.key))
        });
        if unguarded {
            return Err(Conflict::Malformed("a row without its version"));
        }
        let forgets = write.guards.iter().filter_map(|guard| match guard {
            Guard::Absent(_, forget) => *forget,
            Guard::Version(..) | Guard::Below(..) => None,
        });
        // INVARIANT(in-time): the deadline is compared with this clock and no other.
        if write
            .deadline
            .into_iter()
            .chain(forgets)
            .any(|last| last < now)
        {
            return Err(Conflict::Deadline);
        }
        let failed = write.guards.iter().find(|guard| !self.holds(guard, now));
        failed.map_or(Ok(()), |guard| Err(Conflict::Guard(guard.clone())))
    }

    fn holds(&self, guard: &Guard, now: Timestamp) -> bool {
        match guard {
            Guard::Version(key, version) => {
                self.rows.get(key).map_or(0, |row| row.version) == *version
            }
            Guard::Below(key, limit) => self.counter(key) < *limit,
            Guard::Absent(key, _) => match self.unique.get(key) {
                None => true,
                Some(forget) => forget.is_some_and(|last| last < now),
            },
        }
    }

    fn append(&mut self, draft: &LeafDraft, time: Timestamp) -> usize {
        let index = self.leaves.len();
        let hash = leaf_hash(&draft.bytes());
        self.hashes.push(hash);
        self.frontier.push(hash).expect("a run is short");
        self.leaves.push(Leaf {
            draft: draft.clone(),
            time,
            entry: Entry::from_bytes(&draft.record).ok().map(Box::new),
            action: OnceCell::new(),
        });
        index
    }

    /// The receipt of a leaf, if it was ever appended.
    #[must_use]
    pub fn receipt_of(&self, leaf: &LeafBytes) -> Option<Receipt> {
        self.by_leaf.get(leaf).copied()
    }

    /// Any receipt, for an answer that goes to the wrong caller.
    #[must_use]
    pub fn some_receipt(&self, from_the_end: usize) -> Option<Receipt> {
        let leaf = self.leaves.iter().rev().nth(from_the_end)?;
        self.receipt_of(&leaf.draft.bytes())
    }

    /// A row.
    #[must_use]
    pub fn row(&self, key: &RowKey) -> Option<&Row> {
        self.rows.get(key)
    }

    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = (&RowKey, &Row)> {
        self.rows.iter()
    }

    /// A counter's value.
    #[must_use]
    pub fn counter(&self, key: &CounterKey) -> u64 {
        self.counters.get(key).copied().unwrap_or(0)
    }

    /// All leaves.
    #[must_use]
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The record of a leaf.
    #[must_use]
    pub fn entry(&self, index: usize) -> Option<&Entry> {
        self.leaves.get(index)?.entry.as_deref()
    }

    /// Hashes of all leaves, and the root over them as the head row has it.
    #[must_use]
    pub fn tree(&self) -> (&[TreeHash], TreeHash) {
        (&self.hashes, self.frontier.root())
    }

    /// Remembers what a reviewer was given.
    pub fn put_screen(&mut self, screen: Screen) {
        let nonce = screen.opened.review_nonce.clone();
        self.screens.insert(nonce, screen);
    }

    /// What a reviewer was given.
    #[must_use]
    pub fn screen(&self, nonce: &str) -> Option<&Screen> {
        self.screens.get(nonce)
    }

    /// Edits a row past every guard.
    pub fn tamper(&mut self, key: &RowKey, body: Vec<u8>) {
        self.touched.insert(key.clone());
        if let Some(row) = self.rows.get_mut(key) {
            row.body = body;
            row.value = OnceCell::new();
        } else {
            let row = Row {
                version: 1,
                first_leaf: 0,
                last_leaf: 0,
                body,
                value: OnceCell::new(),
            };
            self.rows.insert(key.clone(), row);
        }
    }

    /// Edits a row's version past every guard.
    pub fn tamper_version(&mut self, key: &RowKey, version: u64) {
        if let Some(row) = self.rows.get_mut(key) {
            self.touched.insert(key.clone());
            row.version = version;
        }
    }

    /// Puts a row back to an earlier version of itself.
    pub fn tamper_back(&mut self, key: &RowKey, before: usize) -> bool {
        let backups = self.backups.get(key).map_or(&[][..], Vec::as_slice);
        let Some(row) = backups.iter().rev().nth(before) else {
            return false;
        };
        self.touched.insert(key.clone());
        self.rows.insert(key.clone(), row.clone());
        true
    }

    /// Appends a leaf that no write made, and keeps the tree right.
    pub fn tamper_leaf(&mut self, draft: &LeafDraft) {
        let now = self.now();
        self.append(draft, now);
    }

    /// A row as the write before the last one left it.
    #[must_use]
    pub fn written_before<T: DeserializeOwned + Clone + 'static>(&self, key: &RowKey) -> Option<T> {
        self.backups.get(key)?.iter().rev().nth(1)?.read()
    }

    /// Puts every row back to what was last committed: the operator has noticed.
    pub fn repair(&mut self) {
        self.rows = self
            .backups
            .iter()
            .filter_map(|(key, backups)| Some((key.clone(), backups.last()?.clone())))
            .collect();
        self.touched.extend(self.rows.keys().cloned());
    }

    /// Rows that are not as they were when this was last asked.
    pub fn take_touched(&mut self) -> BTreeSet<RowKey> {
        core::mem::take(&mut self.touched)
    }
}

impl Row {
    /// Canonical JSON.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The row as a value. Bytes that nobody touched are parsed once.
    pub fn read<T: DeserializeOwned + Clone + 'static>(&self) -> Option<T> {
        if let Some(known) = self.value.get().and_then(|value| value.downcast_ref::<T>()) {
            return Some(known.clone());
        }
        let value: T = gatehold_core::json::canonical::from_canonical_bytes(&self.body).ok()?;
        let _ = self.value.set(Rc::new(value.clone()));
        Some(value)
    }
}

impl Leaf {
    /// Its record, if it can be read.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        self.entry.as_deref()
    }

    /// An attachment's bytes.
    #[must_use]
    pub fn attachment(&self, name: &str) -> Option<&[u8]> {
        let mut attachments = self.draft.attachments.iter();
        let found = attachments.find(|attachment| attachment.name == name)?;
        Some(&found.bytes)
    }

    /// The action of a submission, if its bytes are those of this digest. Nobody touches a leaf, so they are parsed once.
    #[must_use]
    pub fn action(&self, digest: Hash) -> Option<Action> {
        if let Some((known, action)) = self.action.get()
            && *known == digest
        {
            return Some(action.clone());
        }
        let payload = self.attachment("payload")?.to_vec();
        let action = Action::rebuild(self.attachment("envelope")?, payload, digest).ok()?;
        let _ = self.action.set((digest, action.clone()));
        Some(action)
    }

    /// Whether it is a link of the key chain.
    #[must_use]
    pub const fn is_trust(&self) -> bool {
        matches!(
            self.draft.kind,
            LeafKind::Root | LeafKind::Trust | LeafKind::QuorumLost
        )
    }
}
