//! Asks again whether what lives would be let out now (design section 1, step 8). A lease rests on policy, people and the chain of its
//! task, and not only on what ends it by itself: when the bundle or the directory changes every living lease is asked about, when a
//! task takes a step those of that task, and each of them once a minute besides, for what changes by itself: facts, the hour,
//! what its workload usually does.
//!
//! What policy denies, what it holds at something that nobody signed, and what cannot be evaluated ends: an answer that rests on
//! something unknown is an answer, as at use. What the store does not answer ends nothing and is asked about again at the next
//! turn. A turn reads the rows of a bounded number of leases, beside everything else that turns do: a source of facts that stalls
//! keeps no lease from being taken away. A round over all of them is finished under whatever changes meanwhile, and the next begins
//! at once then: changes that follow each other keep no lease from being asked about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{join_all, ready};
use futures_util::{StreamExt as _, stream};
use gatehold_core::commit::Write;
use gatehold_core::decide::{Sealed, reconsider};
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::guard;
use gatehold_core::ids::{GrantId, TaskId};
use gatehold_core::time::Timestamp;
use tokio::task::JoinHandle;

use super::end::PAGE;
use super::line::Line;
use crate::drive::{Committed, TRIES};
use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::RowQuery;
use crate::question::{Given, When};
use crate::stored::StoredRequest;

/// How often each living lease is asked about although nothing is known to have changed, in seconds.
const AGAIN_SECONDS: u32 = 60;
/// Most leases that a turn asks about because their time has come.
const A_TURN: usize = 64;
/// Most tasks of which a turn looks for leases because they took a step.
const TASKS_A_TURN: usize = 256;
/// Tasks whose leases cannot be read, after which a turn looks for no more of them.
const MISSED_A_TURN: usize = 8;
/// Leases asked about at once: each may wait for a source of facts.
const AT_ONCE: usize = 8;
/// How long a turn waits for one of them. What takes longer goes on beside it, and keeps no other from its turn.
const PATIENCE: Duration = Duration::from_millis(100);
/// Most that are asked about at any time, beside turns too.
const ASKING_MAX: usize = 512;
/// Pages of grants that a turn looks through for living leases.
const PAGES_A_TURN: usize = 8;

/// What is asked about, and how far that has come. In memory alone: whoever starts next asks about everything.
#[derive(Debug, Default)]
pub(crate) struct Again {
    /// Under which version of the directory everything was asked about last, and when that began.
    done: Option<(u64, Timestamp)>,
    /// A signal said that something is unusual: the next round begins at once.
    unusual: bool,
    /// The round that is under way.
    round: Option<Round>,
    /// Rounds begun so far.
    begun: u64,
    /// Tasks with living leases, each with the last round that saw one or that was under way when one was claimed.
    living: BTreeMap<TaskId, u64>,
    /// Those of them that took a step since.
    stepped: BTreeSet<TaskId>,
    /// Those whose leases could not be read: they come after the others, so that none of them keeps another from its turn.
    missed: BTreeSet<TaskId>,
    /// Leases that are to be asked about next: those of which nobody could say whether they stand come last again.
    line: Line,
    /// Those that are being asked about, also by turns that went on without them.
    asking: BTreeSet<GrantId>,
    /// Whether somebody is at it.
    busy: bool,
}

/// One round over all living leases, a part of it in each turn.
#[derive(Debug, Clone, Copy)]
struct Round {
    directory: u64,
    began: Timestamp,
    after_leaf: Option<u64>,
}

impl Again {
    /// Whether everything is to be asked about from the start: under another directory than before, or because it is time. Not
    /// while a round runs: it is finished, and what changed since it began makes the next one due.
    fn is_due(&self, directory: u64, now: Timestamp) -> bool {
        match (self.round, self.done) {
            (Some(_), _) => false,
            (None, Some((version, began))) => {
                let changed = guard!("lease-asked-when-changed", version != directory);
                changed || self.unusual || now.has_passed(began, AGAIN_SECONDS)
            }
            (None, None) => true,
        }
    }

    fn waits(&self, directory: u64, now: Timestamp) -> bool {
        let tasks = !self.stepped.is_empty() || !self.missed.is_empty();
        let some = tasks || !self.line.is_empty() || self.round.is_some();
        some || self.is_due(directory, now)
    }

    /// The leases that a turn asks about, and whether others wait. Whoever is asked about stays in line until that is over.
    fn next(&mut self) -> (Vec<GrantId>, bool) {
        let room = ASKING_MAX.saturating_sub(self.asking.len());
        let next = self.line.take(room.min(2 * A_TURN), &self.asking);
        let rest = self.line.waits(&self.asking);
        self.asking.extend(next.iter().copied());
        (next, rest)
    }

    /// The tasks of which a turn looks for leases, in the order in which it does.
    fn next_tasks(&mut self) -> Vec<TaskId> {
        let mut tasks = Vec::new();
        while tasks.len() < TASKS_A_TURN
            && let Some(task) = self.stepped.pop_first()
        {
            self.missed.remove(&task);
            tasks.push(task);
        }
        while tasks.len() < TASKS_A_TURN
            && let Some(task) = self.missed.pop_first()
        {
            tasks.push(task);
        }
        tasks
    }

    /// Whether it goes on because of a change, and so at once: until a whole round was asked about under this directory.
    fn hurries(&self, directory: u64) -> bool {
        self.done.map(|(version, _)| version) != Some(directory)
    }
}

impl Gate {
    /// Begins to ask about what is to be asked about, where nobody is at it.
    pub(super) fn ask_again(&self, directory: u64, now: Timestamp) -> Option<JoinHandle<()>> {
        {
            let mut again = self.asked_again();
            if again.busy || !again.waits(directory, now) {
                return None;
            }
            again.busy = true;
        }
        let over = Over(self.clone());
        Some(tokio::spawn(async move {
            let (asked, beside) = over.0.ask_some(directory, now).await;
            if let Err(error) = asked {
                tracing::warn!(%error, "living leases could not be asked about; they are at the next turn");
            }
            drop(over);
            // The next turn may begin; whoever waits for this one waits for these as well.
            join_all(beside).await;
        }))
    }

    /// A credential is about to be claimed in a task: every step of it is heard from here on.
    pub(crate) fn lives_in(&self, task: Option<TaskId>) {
        let mut again = self.asked_again();
        let begun = again.begun;
        again.living.extend(task.map(|task| (task, begun)));
    }

    /// A signal said that something is unusual: all are asked about, beginning at the next turn. Other processes hear of it within
    /// the minute in which they ask about each anyway.
    pub(crate) fn ask_all_again(&self) {
        self.asked_again().unusual = true;
        self.inner.lease_ended.notify_one();
    }

    /// A step of a task was stored: where leases live in it, these are asked about at the next turn.
    pub(crate) fn stepped(&self, task: TaskId) {
        let mut again = self.asked_again();
        let lives = again.living.contains_key(&task);
        if guard!("lease-asked-when-stepped", lives) {
            again.stepped.insert(task);
        }
    }

    /// One turn, and what it went on without.
    async fn ask_some(
        &self,
        directory: u64,
        now: Timestamp,
    ) -> (Result<(), GateError>, Vec<JoinHandle<()>>) {
        let tasks = self.asked_again().next_tasks();
        // Behind what was missed before: first the round, which a task with any number of leases must not keep from its end.
        let round = self.next_of_round(directory, now).await;
        let found = self.of_tasks(tasks).await;
        let (ids, rest) = self.asked_again().next();
        // The rest is asked about at once, in a turn of its own.
        if rest && !ids.is_empty() {
            self.inner.lease_ended.notify_one();
        }
        let beside = stream::iter(ids)
            .map(|id| self.ask_patiently(id))
            .buffer_unordered(AT_ONCE)
            .filter_map(ready)
            .collect()
            .await;
        // A page counts as asked about once each of its leases was, is being, or stands in line again.
        let went_on = round.map(|round| self.round_went_on(round, directory));
        (found.and(went_on), beside)
    }

    /// Asks about one lease; gives what goes on, where that takes long.
    async fn ask_patiently(&self, id: GrantId) -> Option<JoinHandle<()>> {
        let asking = Asking {
            gate: self.clone(),
            id,
        };
        let mut ask = tokio::spawn(async move {
            asking.gate.ask_about(asking.id).await;
            drop(asking);
        });
        let slow = tokio::time::timeout(PATIENCE, &mut ask).await.is_err();
        slow.then_some(ask)
    }

    /// Puts the living leases of these tasks in line. One whose leases cannot be read is missed and keeps no other from its turn;
    /// after a few of them the store is left alone, and whoever was not looked at comes first at the next turn.
    async fn of_tasks(&self, tasks: Vec<TaskId>) -> Result<(), GateError> {
        let mut found = Ok(());
        let mut missed = 0_usize;
        let mut tasks = tasks.into_iter();
        for task in tasks.by_ref() {
            let query = RowQuery {
                group: Some(task.to_string()),
                ..RowQuery::default()
            };
            match self.living(query).await {
                Ok(living) => self.asked_again().line.add(living),
                Err(error) => {
                    self.asked_again().missed.insert(task);
                    missed = missed.saturating_add(1);
                    found = found.and(Err(error));
                }
            }
            if missed >= MISSED_A_TURN {
                break;
            }
        }
        self.asked_again().stepped.extend(tasks);
        found
    }

    /// Puts the next living leases of the round in line. Where it then is, and whether its end is reached.
    async fn next_of_round(
        &self,
        directory: u64,
        now: Timestamp,
    ) -> Result<Option<(Round, bool)>, GateError> {
        let Some(mut round) = self.round(directory, now) else {
            return Ok(None);
        };
        let mut taken = 0;
        for _ in 0..PAGES_A_TURN {
            let query = RowQuery {
                states: vec![GrantState::Active.name().to_owned()],
                after_leaf: round.after_leaf,
                limit: PAGE,
                ..RowQuery::default()
            };
            let page = self.leased_page(&query, A_TURN - taken).await?;
            taken += page.leased.len();
            self.asked_again().line.add(page.leased);
            match page.last {
                Some(last) => round.after_leaf = Some(last),
                None => return Ok(Some((round, true))),
            }
            if taken >= A_TURN {
                break;
            }
        }
        Ok(Some((round, false)))
    }

    /// The round that is under way, begun if it is due.
    fn round(&self, directory: u64, now: Timestamp) -> Option<Round> {
        let mut again = self.asked_again();
        if again.is_due(directory, now) {
            again.begun += 1;
            again.unusual = false;
            again.round = Some(Round {
                directory,
                began: now,
                after_leaf: None,
            });
        }
        again.round
    }

    fn round_went_on(&self, went_on: Option<(Round, bool)>, directory: u64) {
        let Some((round, over)) = went_on else { return };
        let hurries = {
            let mut again = self.asked_again();
            if over {
                again.round = None;
                again.done = Some((round.directory, round.began));
                let begun = again.begun;
                // A task of which this whole round saw no living lease has none. Who is still in line, or asked about, may not have
                // been seen yet.
                if again.line.is_empty() && again.asking.is_empty() {
                    again.living.retain(|_, seen| *seen >= begun);
                }
            } else {
                again.round = Some(round);
            }
            again.hurries(directory)
        };
        if hurries {
            self.inner.lease_ended.notify_one();
        }
    }

    /// Asks about one lease, and ends it where it does not stand. What could not be asked is asked at the next turn.
    async fn ask_about(&self, id: GrantId) {
        match self.stands(id).await {
            Ok(true) => {}
            Ok(false) => {
                self.leases_under_way().did.ended += 1;
                self.inner.lease_ended.notify_one();
            }
            // Nobody can tell of whom it is: whoever asks its target takes away what stands there.
            Err(GateError::Damaged(why)) => {
                tracing::error!(grant = %id, %why, "a living lease cannot be asked about");
            }
            Err(error) => {
                tracing::warn!(grant = %id, %error, "a living lease could not be asked about; it is asked again");
                self.asked_again().line.add([id]);
            }
        }
    }

    /// Whether a lease stands or had ended before; it is ended where it does not.
    pub(super) async fn stands(&self, id: GrantId) -> Result<bool, GateError> {
        for _ in 0..TRIES {
            let (grant, version) = self.grant(id).await?;
            if grant.state != GrantState::Active || grant.lease.is_none() {
                return Ok(true);
            }
            let begun = self.asked_again().begun;
            self.asked_again()
                .living
                .extend(grant.task.map(|task| (task, begun)));
            let answer = match self.request(grant.request).await {
                Ok(of) => self.answer_about(&grant, version, &of).await,
                Err(error) => Err(error),
            };
            let ended = match answer {
                Ok(None) => return Ok(true),
                Ok(Some((write, sealed))) => match self.commit(write, sealed).await? {
                    Committed::Done(..) => return Ok(false),
                    Committed::Again => continue,
                },
                // What policy cannot be asked, as about a descriptor that is gone, is let out by nobody.
                Err(GateError::Refused(refusal)) => refusal.code(),
                // What somebody changed supports nothing.
                Err(GateError::Damaged(_)) => "row_damaged",
                Err(error) => return Err(error),
            };
            return Ok(!self.end_lease(id, ended, None).await?);
        }
        Err(self.overtaken().await)
    }

    /// What policy says of a lease's request now, and what follows from that: nothing where it stands.
    async fn answer_about(
        &self,
        grant: &Grant,
        version: u64,
        of: &StoredRequest,
    ) -> Result<Option<(Write, Sealed)>, GateError> {
        let record = &of.record;
        let submission = self.submission(of).await?;
        let action = Self::action(record, &submission)?;
        // What a signal said in another process is in the leaves; while they cannot be read, what is known counts.
        let _read = self.read_on().await;
        // Stops and pauses end it by themselves, and a row of theirs that somebody changed keeps nobody from asking.
        let envelope = &record.envelope;
        let loaded = self.load_unrestrained(&record.requester, envelope).await?;
        let given = Given {
            own: Some(record),
            claims: &Self::claims(&submission),
            when: When::LookedAt,
        };
        let answered = self.ask(&action, &record.requester, &loaded, given).await?;
        let world = loaded.world(Some(&answered), self.settings());
        let fresh = self.fresh(loaded.now);
        let about = (grant, version, record);
        Ok(reconsider(about, &action, &world, &fresh, loaded.now)?)
    }

    fn asked_again(&self) -> MutexGuard<'_, Again> {
        let again = &self.inner.lease_again;
        again.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody else may ask, however this one ended.
struct Over(Gate);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.asked_again().busy = false;
    }
}

/// A lease is being asked about, until this is dropped.
struct Asking {
    gate: Gate,
    id: GrantId,
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.gate.asked_again().asking.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    #[test]
    fn tasks_that_could_not_be_read_come_after_those_that_were_not() {
        let task = |number: u16| {
            let [high, low] = number.to_be_bytes();
            let mut bytes = [0; 16];
            bytes[14] = high;
            bytes[15] = low;
            TaskId::from_bytes(bytes)
        };
        let most = u16::try_from(TASKS_A_TURN).unwrap();
        let mut again = Again {
            missed: [task(0), task(1)].into(),
            stepped: (1..most).map(task).collect(),
            ..Again::default()
        };
        let order: Vec<_> = (1..most).chain([0]).map(task).collect();
        assert_eq!(again.next_tasks(), order);
        assert!(again.missed.is_empty() && again.stepped.is_empty());
        again.missed.insert(task(0));
        again.stepped = (1..=most).map(task).collect();
        assert!(!again.next_tasks().contains(&task(0)));
        // It waits for its turn, and has one although nothing else does.
        again.done = Some((1, START));
        assert!(again.waits(1, START) && again.next_tasks() == [task(0)]);
    }

    #[test]
    fn a_round_is_finished_and_what_changed_meanwhile_begins_the_next_at_once() {
        let round = Round {
            directory: 2,
            began: START,
            after_leaf: Some(7),
        };
        let mut again = Again {
            done: Some((1, START)),
            round: Some(round),
            ..Again::default()
        };
        let much_later = START.plus_seconds(2 * AGAIN_SECONDS);
        for directory in [2, 3] {
            assert!(!again.is_due(directory, much_later));
            assert!(again.waits(directory, START) && again.hurries(directory));
        }
        again.round = None;
        again.done = Some((2, START));
        assert!(again.is_due(3, START) && again.hurries(3));
        assert!(!again.waits(2, START) && !again.hurries(2));
    }
}
