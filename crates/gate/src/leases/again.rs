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

use futures_util::{StreamExt as _, stream};
use gatehold_core::commit::Write;
use gatehold_core::decide::{Sealed, reconsider};
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::guard;
use gatehold_core::ids::{GrantId, TaskId};
use gatehold_core::time::Timestamp;

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
/// Leases asked about at once: each may wait for a source of facts.
const AT_ONCE: usize = 8;
/// Pages of grants that a turn looks through for living leases.
const PAGES_A_TURN: usize = 8;

/// What is asked about, and how far that has come. In memory alone: whoever starts next asks about everything.
#[derive(Debug, Default)]
pub(crate) struct Again {
    /// Under which version of the directory everything was asked about last, and when that began.
    done: Option<(u64, Timestamp)>,
    /// The round that is under way.
    round: Option<Round>,
    /// Rounds begun so far.
    begun: u64,
    /// Tasks with living leases, each with the last round that saw one or that was under way when one was claimed.
    living: BTreeMap<TaskId, u64>,
    /// Those of them that took a step since.
    stepped: BTreeSet<TaskId>,
    /// Leases that are to be asked about next: those of which nobody could say whether they stand come last again.
    line: Line,
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
                changed || now.has_passed(began, AGAIN_SECONDS)
            }
            (None, None) => true,
        }
    }

    fn waits(&self, directory: u64, now: Timestamp) -> bool {
        let some = !self.stepped.is_empty() || !self.line.is_empty() || self.round.is_some();
        some || self.is_due(directory, now)
    }

    /// Whether it goes on because of a change, and so at once: until a whole round was asked about under this directory.
    fn hurries(&self, directory: u64) -> bool {
        self.done.map(|(version, _)| version) != Some(directory)
    }
}

impl Gate {
    /// Begins to ask about what is to be asked about, where nobody is at it.
    pub(super) fn ask_again(
        &self,
        directory: u64,
        now: Timestamp,
    ) -> Option<tokio::task::JoinHandle<()>> {
        {
            let mut again = self.asked_again();
            if again.busy || !again.waits(directory, now) {
                return None;
            }
            again.busy = true;
        }
        let over = Over(self.clone());
        Some(tokio::spawn(async move {
            if let Err(error) = over.0.ask_some(directory, now).await {
                tracing::warn!(%error, "living leases could not be asked about; they are at the next turn");
            }
            drop(over);
        }))
    }

    /// A credential is about to be claimed in a task: every step of it is heard from here on.
    pub(crate) fn lives_in(&self, task: Option<TaskId>) {
        let mut again = self.asked_again();
        let begun = again.begun;
        again.living.extend(task.map(|task| (task, begun)));
    }

    /// A step of a task was stored: where leases live in it, these are asked about at the next turn.
    pub(crate) fn stepped(&self, task: TaskId) {
        let mut again = self.asked_again();
        let lives = again.living.contains_key(&task);
        if guard!("lease-asked-when-stepped", lives) {
            again.stepped.insert(task);
        }
    }

    async fn ask_some(&self, directory: u64, now: Timestamp) -> Result<(), GateError> {
        let tasks = {
            let mut again = self.asked_again();
            let mut tasks = BTreeSet::new();
            while tasks.len() < TASKS_A_TURN
                && let Some(task) = again.stepped.pop_first()
            {
                tasks.insert(task);
            }
            tasks
        };
        // Behind what was missed before: first the round, which a task with any number of leases must not keep from its end.
        let round = self.next_of_round(directory, now).await;
        let found = self.of_tasks(&tasks).await;
        if found.is_err() {
            self.asked_again().stepped.extend(tasks);
        }
        let (ids, rest) = {
            let mut again = self.asked_again();
            (again.line.take(2 * A_TURN), !again.line.is_empty())
        };
        // The rest is asked about at once, in a turn of its own.
        if rest {
            self.inner.lease_ended.notify_one();
        }
        stream::iter(ids)
            .for_each_concurrent(AT_ONCE, |id| self.ask_about(id))
            .await;
        // A page counts as asked about once each of its leases was, or stands in line again.
        let went_on = round.map(|round| self.round_went_on(round, directory));
        found.and(went_on)
    }

    /// Puts the living leases of these tasks in line.
    async fn of_tasks(&self, tasks: &BTreeSet<TaskId>) -> Result<(), GateError> {
        for task in tasks {
            let query = RowQuery {
                group: Some(task.to_string()),
                ..RowQuery::default()
            };
            let living = self.living(query).await?;
            self.asked_again().line.add(living);
        }
        Ok(())
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
                // A task of which this whole round saw no living lease has none. Who is still in line was not seen yet.
                if again.line.is_empty() {
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
    async fn stands(&self, id: GrantId) -> Result<bool, GateError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

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
