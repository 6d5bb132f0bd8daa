//! The clock of a hold: who is asked after how long. It asks more of those who may decide anyway, and does nothing else.

use std::collections::BTreeSet;

use gatehold_core::checkpoint::{Checkpoint, EscalationStep};
use gatehold_core::commit::{RowKey, Table};
use gatehold_core::entry::Event;
use gatehold_core::ids::TeamId;
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::time::Timestamp;

use super::{Checked, Commit, Held, Oracle, Request, Tampered, holds};
use crate::simulator::shelf::Shelf;
use crate::simulator::work::Intent;

/// What in a row decides when more people are asked; over one that somebody edited so, its own word counts.
const OTHER_CLOCK: [Tampered; 5] = [
    Tampered::Decided,
    Tampered::Unheld,
    Tampered::Requirement,
    Tampered::Times,
    Tampered::PutBack,
];

impl Held {
    fn steps(&self) -> impl Iterator<Item = (&Checkpoint, &EscalationStep)> {
        let checkpoints = self.requirement.checkpoints();
        checkpoints.flat_map(|(_, checkpoint)| {
            let steps = checkpoint.escalation.iter();
            steps.map(move |step| (checkpoint, step))
        })
    }

    fn next_step(&self) -> Option<u32> {
        let later = self.steps().map(|(_, step)| step.after_seconds.get());
        later.filter(|after| *after > self.asked_seconds).min()
    }

    /// When more people are to be asked, if there are any and there is time.
    #[must_use]
    pub fn asks_more_at(&self) -> Option<Timestamp> {
        let at = self.since.plus_seconds(self.next_step()?);
        (at < self.decide_by).then_some(at)
    }

    /// The next of them are asked, with all others whose time has come.
    pub(super) fn ask_more(&mut self, waited_seconds: u32) {
        if let Some(next) = self.next_step() {
            self.asked_seconds = next.max(waited_seconds);
        }
    }

    /// Teams that are asked in so far as some step names them or no step does.
    fn asked(&self) -> BTreeSet<TeamId> {
        let mut asked = BTreeSet::new();
        for (_, checkpoint) in self.requirement.checkpoints() {
            for team in &checkpoint.eligible.teams {
                let mut named = checkpoint.escalation.iter();
                let first = !named.clone().any(|step| step.teams.contains(team));
                let due = named.any(|step| {
                    step.teams.contains(team) && step.after_seconds.get() <= self.asked_seconds
                });
                if first || due {
                    asked.insert(team.clone());
                }
            }
        }
        asked
    }
}

impl Oracle {
    // INVARIANT(escalation-only-asks): by the oracle's own clock of the hold, and against the row as it was before.
    pub(super) fn escalated(
        &mut self,
        record: &RequestRecord,
        commit: &Commit<'_>,
        shelf: &Shelf,
    ) -> Checked {
        let Event::Escalated {
            after_seconds,
            teams,
        } = &commit.entry.event
        else {
            return Ok(());
        };
        let asked = matches!(commit.intent, Intent::Escalate { .. });
        holds(asked, "escalation-only-asks", || {
            format!("no clock asked that {} be escalated", record.id)
        })?;
        let Some(request) = self.requests.get_mut(&record.id) else {
            return Ok(());
        };
        let excused = request.excused(&OTHER_CLOCK);
        let untouched = request.tampered.is_empty();
        let Some(held) = &mut request.held else {
            return holds(excused, "escalation-only-asks", || {
                format!("{} is not held and was escalated", record.id)
            });
        };
        let due = held.asks_more_at().is_some_and(|at| at <= commit.entry.at);
        holds(excused || due, "escalation-only-asks", || {
            format!("{} was escalated before its time", record.id)
        })?;
        holds(excused || commit.time <= held.decide_by, "in-time", || {
            format!("{} was escalated after its time", record.id)
        })?;
        let before = held.asked();
        held.ask_more(*after_seconds);
        let more: BTreeSet<TeamId> = held.asked().difference(&before).cloned().collect();
        holds(excused || more == *teams, "escalation-only-asks", || {
            format!(
                "{} was escalated to others than its checkpoints say",
                record.id
            )
        })?;
        let mut was =
            shelf.written_before::<RequestRecord>(&RowKey::new(Table::Request, &record.id));
        if let Some(was) = &mut was {
            was.escalations += 1;
            if let (Some(was), Some(is)) = (&mut was.held, &record.held) {
                was.escalated_seconds = is.escalated_seconds;
            }
        }
        let same = was.as_ref() == Some(record);
        holds(!untouched || same, "escalation-only-asks", || {
            format!("an escalation changed what {} is", record.id)
        })
    }

    /// Once faults have stopped, and after the clock has looked.
    ///
    /// # Errors
    /// `escalation-only-asks`.
    pub fn everybody_is_asked(&self, now: Timestamp) -> Checked {
        let waiting =
            |request: &&Request| request.state == State::Held && request.tampered.is_empty();
        for request in self.requests.values().filter(waiting) {
            let due = request.held.as_ref().and_then(Held::asks_more_at);
            holds(
                due.is_none_or(|due| due > now),
                "escalation-only-asks",
                || format!("nobody more is asked about {}", request.id),
            )?;
        }
        Ok(())
    }
}
