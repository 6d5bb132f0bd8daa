//! The store in memory: for the simulator and tests. It owns the virtual clock, counts what it is asked and fails on demand.
//!
//! Clones share one database, so a clone is a second process or the same one after a restart. It must never be offered
//! to a running gate: nothing in it survives the process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use gatehold_core::commit::{CounterKey, LeafBytes, Receipt, RowKey, Table, UniqueKey, Write};
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::{
    Announced, BrowserSession, Head, OpenedView, Row, RowQuery, SESSIONS_OF_ONE_MAX,
    SUBSCRIPTIONS_OF_ONE_MAX, Store, StoreFault, StoredAttachment, StoredLeaf, StoredRecord,
    StoredSubscription,
};
use gatehold_ledger::Frontier;

use crate::after_commit::{AfterCommit, Answers, Release, withheld};
use crate::batch::{Batch, Key, Known, Staged, anchor_of, keys};
use crate::clock::{Clock, SetClock};
use crate::form::OUTBOX_MAX;
use crate::form::Prepared;
use crate::page::{LIMIT_MAX, page};

/// The head's time before the first commit, in every store.
const EPOCH: Timestamp = Timestamp::from_millis(0);

/// Everything a gate remembers, in this process.
#[derive(Clone)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    clock: Arc<SetClock>,
    release: Arc<Release>,
}

/// A failure put in the way of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Injected {
    /// The store fails before anything is stored.
    Before,
    /// Everything is stored, and the answer is lost.
    StoredButReportedFailed,
}

#[derive(Default)]
struct State {
    frontier: Frontier,
    /// The latest time shown by a commit; none before the first.
    time: Option<Timestamp>,
    rows: BTreeMap<RowKey, Row>,
    counters: BTreeMap<CounterKey, u64>,
    unique: BTreeMap<UniqueKey, (u64, Option<Timestamp>)>,
    leaves: Vec<StoredLeaf>,
    by_leaf: BTreeMap<LeafBytes, u64>,
    outbox: BTreeMap<u64, Announced>,
    messages: u64,
    opened: BTreeMap<String, OpenedView>,
    sessions: BTreeMap<Hash, BrowserSession>,
    subscriptions: BTreeMap<Hash, StoredSubscription>,
    /// Who holds each, and until when.
    leases: BTreeMap<String, (String, Timestamp)>,
    injected: VecDeque<Injected>,
    down: bool,
    asked: u64,
}

impl MemoryStore {
    /// An empty store whose clock shows a time.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self {
            state: Arc::default(),
            clock: Arc::new(SetClock::at(time)),
            release: Release::new(None),
        }
    }

    /// The same database with something to do after each batch of this process.
    #[must_use]
    pub fn hooked(self, hook: Arc<dyn AfterCommit>) -> Self {
        Self {
            release: Release::new(Some(hook)),
            ..self
        }
    }

    /// The virtual clock. The store never shows a time before one it has shown.
    #[must_use]
    pub fn clock(&self) -> &SetClock {
        &self.clock
    }

    /// Puts a failure in the way of the next commit that has none yet.
    pub fn inject(&self, failure: Injected) {
        self.state().injected.push_back(failure);
    }

    /// Makes every call fail, or work again.
    pub fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    /// How many calls it had so far: the difference is what a page or an answer costs.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.state().asked
    }

    /// Edits a row past every guard, as someone with access to the database would. `None` deletes it.
    pub fn tamper(&self, key: &RowKey, body: Option<Vec<u8>>) {
        let mut state = self.state();
        match body {
            None => drop(state.rows.remove(key)),
            Some(body) => {
                let row = state.rows.entry(key.clone()).or_insert_with(|| Row {
                    key: key.clone(),
                    version: 1,
                    first_leaf: 0,
                    last_leaf: 0,
                    body: Vec::new(),
                    index: Default::default(),
                });
                row.body = body;
            }
        }
    }

    // A panic while the lock was held can only come from a caller's thread dying elsewhere: the state is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn up(&self) -> Result<MutexGuard<'_, State>, StoreFault> {
        let mut state = self.state();
        state.asked = state.asked.saturating_add(1);
        if state.down {
            return Err(StoreFault::Unavailable("switched off by the test".into()));
        }
        Ok(state)
    }

    fn now_in(&self, state: &State) -> Timestamp {
        state
            .time
            .map_or(self.clock.now(), |time| time.max(self.clock.now()))
    }
}

impl State {
    fn known<'w>(&self, writes: &'w [Prepared]) -> Known<'w> {
        let mut known = Known::default();
        for prepared in writes {
            for key in keys(&prepared.write) {
                match key {
                    Key::Row(key) => {
                        let row = self.rows.get(key);
                        known
                            .rows
                            .extend(row.map(|row| (key, (row.version, row.first_leaf))));
                    }
                    Key::Counter(key) => {
                        known
                            .counters
                            .extend(self.counters.get(key).map(|value| (key, *value)));
                    }
                    Key::Unique(key) => {
                        known
                            .unique
                            .extend(self.unique.get(key).map(|(_, forget)| (key, *forget)));
                    }
                }
            }
            if self.by_leaf.contains_key(&prepared.leaf) {
                known.leaves.insert(prepared.leaf);
            }
        }
        known
    }

    fn save(&mut self, staged: Staged<'_>, now: Timestamp) {
        for (key, put) in staged.rows {
            let row = Row {
                key: key.clone(),
                version: put.version,
                first_leaf: put.first_leaf,
                last_leaf: put.last_leaf,
                body: put.change.body.clone(),
                index: put.change.index.clone(),
            };
            self.rows.insert(key.clone(), row);
        }
        let counters = staged.counters.into_iter();
        self.counters
            .extend(counters.map(|(key, value)| (key.clone(), value)));
        let unique = staged.unique.into_iter();
        self.unique
            .extend(unique.map(|(key, put)| (key.clone(), (put.leaf, put.forget))));
        for put in &staged.leaves {
            let draft = &put.prepared.write.leaf;
            let attachments = draft.attachments.iter().map(|attachment| StoredAttachment {
                name: attachment.name.to_owned(),
                salt: Some(attachment.salt),
                bytes: Some(attachment.bytes.clone()),
                erased_by: None,
            });
            self.leaves.push(StoredLeaf {
                index: put.index,
                leaf: put.prepared.leaf,
                time: now,
                salt: draft.salt,
                record: draft.record.clone(),
                attachments: attachments.collect(),
            });
            self.by_leaf.insert(put.prepared.leaf, put.index);
        }
        for message in staged.outbox {
            self.messages += 1;
            let announced = Announced {
                number: self.messages,
                at: now,
                message: message.clone(),
            };
            self.outbox.insert(self.messages, announced);
        }
        let kept = self.messages.saturating_sub(OUTBOX_MAX.unsigned_abs());
        while self
            .outbox
            .keys()
            .next()
            .is_some_and(|number| *number <= kept)
        {
            self.outbox.pop_first();
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, writes: Vec<Write>) -> Answers {
        let writes = Prepared::all(writes);
        let mut state = self.up()?;
        let injected = state.injected.pop_front();
        if injected == Some(Injected::Before) {
            return Err(StoreFault::Unavailable("failed by the test".into()));
        }
        let safe = self.release.safe(&writes);
        if let Err(text) = self
            .release
            .ready(writes.is_empty(), || anchor_of(&state.frontier))
            && !safe
        {
            return Err(withheld(&text));
        }
        let before = state.frontier.size();
        let now = self.now_in(&state);
        let mut batch = Batch::new(state.frontier.clone(), now, state.known(&writes));
        let answers = writes.iter().map(|write| batch.apply(write)).collect();
        let (staged, frontier) = batch.finish();
        state.frontier = frontier;
        if staged.time_shown || state.frontier.size() > before {
            state.time = Some(now);
        }
        state.save(staged, now);
        let grew = state.frontier.size() > before;
        let told = if grew {
            self.release.committed(before, anchor_of(&state.frontier))
        } else {
            Ok(())
        };
        match (injected, told) {
            (Some(Injected::StoredButReportedFailed), _) => Err(StoreFault::OutcomeUnknown),
            (_, Err(text)) if !safe => Err(withheld(&text)),
            _ => Ok(answers),
        }
    }

    async fn receipt_of(&self, leaf: &LeafBytes) -> Result<Option<Receipt>, StoreFault> {
        let state = self.up()?;
        let index = state.by_leaf.get(leaf).copied();
        let stored = index.and_then(|index| state.leaves.get(usize::try_from(index).ok()?));
        let receipt = stored.map(|stored| Receipt {
            index: stored.index,
            leaf: stored.leaf,
            time: stored.time,
        });
        receipt
            .map(|receipt| self.release.tell(receipt))
            .transpose()
    }

    async fn row(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        Ok(self.up()?.rows.get(key).cloned())
    }

    async fn rows(&self, table: Table, query: &RowQuery) -> Result<Vec<Row>, StoreFault> {
        let state = self.up()?;
        let wanted = |row: &&Row| {
            let index = &row.index;
            row.key.table == table
                && (query.states.is_empty() || query.states.contains(&index.state))
                && query
                    .due_by
                    .is_none_or(|by| index.due.is_some_and(|due| due <= by))
                && query
                    .owner
                    .as_ref()
                    .is_none_or(|owner| *owner == index.owner)
                && query
                    .group
                    .as_ref()
                    .is_none_or(|group| *group == index.group)
                && query.after_leaf.is_none_or(|after| row.first_leaf > after)
                && query
                    .before_leaf
                    .is_none_or(|before| row.first_leaf < before)
        };
        let mut rows: Vec<Row> = state.rows.values().filter(wanted).cloned().collect();
        rows.sort_by(|a, b| (a.first_leaf, &a.key.id).cmp(&(b.first_leaf, &b.key.id)));
        if query.newest_first {
            rows.reverse();
        }
        Ok(page(rows, query.limit))
    }

    async fn counters(&self, keys: &[CounterKey]) -> Result<Vec<u64>, StoreFault> {
        let state = self.up()?;
        let value = |key| state.counters.get(key).copied().unwrap_or(0);
        Ok(keys.iter().map(value).collect())
    }

    async fn unique(&self, key: &UniqueKey) -> Result<Option<u64>, StoreFault> {
        Ok(self.up()?.unique.get(key).map(|(leaf, _)| *leaf))
    }

    async fn head(&self) -> Result<Head, StoreFault> {
        let state = self.up()?;
        Ok(Head {
            size: state.frontier.size(),
            frontier: state.frontier.to_bytes(),
            time: state.time.unwrap_or(EPOCH),
        })
    }

    async fn leaves(
        &self,
        first: u64,
        limit: u32,
        bytes: bool,
    ) -> Result<Vec<StoredLeaf>, StoreFault> {
        let state = self.up()?;
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let leaves = state.leaves.iter().skip(first);
        let mut leaves: Vec<StoredLeaf> = leaves
            .take(limit.min(LIMIT_MAX) as usize)
            .cloned()
            .collect();
        if !bytes {
            let attachments = leaves.iter_mut().flat_map(|leaf| &mut leaf.attachments);
            attachments.for_each(|attachment| attachment.bytes = None);
        }
        Ok(leaves)
    }

    async fn records(&self, first: u64, limit: u32) -> Result<Vec<StoredRecord>, StoreFault> {
        let leaves = self.leaves(first, limit, false).await?.into_iter();
        let record = |leaf: StoredLeaf| StoredRecord {
            index: leaf.index,
            leaf: leaf.leaf,
            salt: leaf.salt,
            record: leaf.record,
        };
        Ok(leaves.map(record).collect())
    }

    async fn records_of(&self, leaves: &[u64]) -> Result<Vec<StoredRecord>, StoreFault> {
        let state = self.up()?;
        let stored = |leaf: &u64| state.leaves.get(usize::try_from(*leaf).ok()?);
        let record = |leaf: &StoredLeaf| StoredRecord {
            index: leaf.index,
            leaf: leaf.leaf,
            salt: leaf.salt,
            record: leaf.record.clone(),
        };
        let asked = leaves.iter().take(LIMIT_MAX as usize);
        Ok(asked.filter_map(stored).map(record).collect())
    }

    async fn now(&self) -> Result<Timestamp, StoreFault> {
        let state = self.up()?;
        Ok(self.now_in(&state))
    }

    async fn erase(&self, leaf: u64, name: &str, erased_by: u64) -> Result<(), StoreFault> {
        let mut state = self.up()?;
        let index = usize::try_from(leaf).unwrap_or(usize::MAX);
        let attachments = state
            .leaves
            .get_mut(index)
            .map(|leaf| &mut leaf.attachments);
        let attachment = attachments
            .into_iter()
            .flatten()
            .find(|attachment| attachment.name == name && attachment.erased_by.is_none());
        if let Some(attachment) = attachment {
            attachment.salt = None;
            attachment.bytes = None;
            attachment.erased_by = Some(erased_by);
        }
        state.opened.clear();
        Ok(())
    }

    async fn outbox(&self, after: u64, limit: u32) -> Result<Vec<Announced>, StoreFault> {
        let state = self.up()?;
        let oldest = state.outbox.range(after.saturating_add(1)..);
        let oldest = oldest.take(limit.min(LIMIT_MAX) as usize);
        Ok(oldest.map(|(_, message)| message.clone()).collect())
    }

    async fn acknowledge(&self, message: u64) -> Result<(), StoreFault> {
        self.up()?.outbox.remove(&message);
        Ok(())
    }

    async fn lease(&self, name: &str, holder: &str, seconds: u32) -> Result<bool, StoreFault> {
        let mut state = self.up()?;
        let now = self.now_in(&state);
        let free = state
            .leases
            .get(name)
            .is_none_or(|(known, expires)| known == holder || *expires <= now);
        if free {
            let lease = (holder.to_owned(), now.plus_seconds(seconds));
            state.leases.insert(name.to_owned(), lease);
        }
        Ok(free)
    }

    async fn put_opened(&self, view: OpenedView) -> Result<(), StoreFault> {
        let mut state = self.up()?;
        let now = self.now_in(&state);
        state.opened.retain(|_, opened| opened.expires >= now);
        state
            .opened
            .entry(view.review_nonce.clone())
            .or_insert(view);
        Ok(())
    }

    async fn opened(&self, review_nonce: &str) -> Result<Option<OpenedView>, StoreFault> {
        let state = self.up()?;
        let now = self.now_in(&state);
        let opened = state.opened.get(review_nonce);
        Ok(opened.filter(|opened| opened.expires >= now).cloned())
    }

    async fn put_session(&self, session: BrowserSession) -> Result<(), StoreFault> {
        let mut state = self.up()?;
        let now = self.now_in(&state);
        state.sessions.retain(|_, session| session.expires >= now);
        let of_one = |known: &&BrowserSession| known.human == session.human;
        let mut theirs: Vec<_> = state.sessions.values().filter(of_one).collect();
        theirs.sort_by_key(|known| (known.created, known.id));
        let kept = SESSIONS_OF_ONE_MAX as usize - 1;
        let surplus = theirs.len().saturating_sub(kept);
        let surplus: Vec<Hash> = theirs.iter().take(surplus).map(|one| one.id).collect();
        for id in surplus {
            state.sessions.remove(&id);
        }
        state.sessions.entry(session.id).or_insert(session);
        Ok(())
    }

    async fn session(&self, id: &Hash) -> Result<Option<BrowserSession>, StoreFault> {
        let state = self.up()?;
        let now = self.now_in(&state);
        let session = state.sessions.get(id);
        Ok(session.filter(|session| session.expires >= now).cloned())
    }

    async fn use_session(&self, id: &Hash, at: Timestamp) -> Result<(), StoreFault> {
        if let Some(session) = self.up()?.sessions.get_mut(id) {
            session.last_used = session.last_used.max(at);
        }
        Ok(())
    }

    async fn end_session(&self, id: &Hash) -> Result<(), StoreFault> {
        self.up()?.sessions.remove(id);
        Ok(())
    }

    async fn put_subscription(&self, subscription: StoredSubscription) -> Result<(), StoreFault> {
        let mut state = self.up()?;
        let human = subscription.human.clone();
        state.subscriptions.insert(subscription.id, subscription);
        let theirs = of_one(&state.subscriptions, &human);
        let surplus = theirs
            .len()
            .saturating_sub(SUBSCRIPTIONS_OF_ONE_MAX as usize);
        for oldest in theirs.into_iter().take(surplus) {
            state.subscriptions.remove(&oldest.id);
        }
        Ok(())
    }

    async fn subscriptions(&self, human: &str) -> Result<Vec<StoredSubscription>, StoreFault> {
        Ok(of_one(&self.up()?.subscriptions, human))
    }

    async fn subscribers(&self) -> Result<Vec<String>, StoreFault> {
        let state = self.up()?;
        let humans = state.subscriptions.values().map(|one| one.human.clone());
        let humans: BTreeSet<String> = humans.collect();
        Ok(humans.into_iter().collect())
    }

    async fn end_subscription(&self, id: &Hash, human: &str) -> Result<(), StoreFault> {
        let mut state = self.up()?;
        if state
            .subscriptions
            .get(id)
            .is_some_and(|one| one.human == human)
        {
            state.subscriptions.remove(id);
        }
        Ok(())
    }
}

/// Somebody's browsers, oldest first.
fn of_one(all: &BTreeMap<Hash, StoredSubscription>, human: &str) -> Vec<StoredSubscription> {
    let theirs = all.values().filter(|one| one.human == human);
    let mut theirs: Vec<StoredSubscription> = theirs.cloned().collect();
    theirs.sort_by_key(|one| (one.created, one.id));
    theirs
}
