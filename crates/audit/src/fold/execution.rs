//! Execution and its outcome. An execution must stand on a decision that stands in an earlier leaf, and be the only one.

use gatehold_core::approved::effective_limits;
use gatehold_core::entry::Event;
use gatehold_core::request::State;
use gatehold_core::request::state::Event as Step;

use super::request::check_stood;
use super::{Checked, Fold, RequestFold, ensure, wrong};
use crate::finding::Code;
use crate::opened::Opened;

impl Fold {
    /// Execution was claimed: decided before (M172), in time, under the same limits, by people who still counted.
    // INVARIANT(single-release): the machine has one step to `Executing` and none back.
    pub(super) fn claimed(&mut self, request: &mut RequestFold, leaf: &Opened) -> Checked {
        let Event::Claimed {
            limits,
            reviewers,
            trace,
            ..
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        self.may_claim(request, leaf)?;
        self.lease_begins(request, leaf)?;
        request.execution = Some(leaf.index);
        if !request.held_before {
            return ensure(
                reviewers.is_empty() && request.limits.as_ref().is_none_or(|asked| limits == asked),
                Code::Limits,
                "it was executed under other terms than policy allowed",
            );
        }
        let Some((held, quorum)) = self.count(request, trace.tier, leaf.entry.at) else {
            self.gap(
                Some(leaf.index),
                "the reviews behind the execution could not be counted: a part of them is not here",
            );
            return Ok(());
        };
        if request.broken_open {
            return self.claimed_by_glass(request, leaf, trace, &quorum);
        }
        ensure(
            quorum.met,
            Code::Quorum,
            "it was executed without enough people whose signatures counted then",
        )?;
        let counted = quorum.approvals.iter().map(|review| review.human());
        ensure(
            counted.eq(reviewers.iter()),
            Code::Quorum,
            "it names other people than those who signed",
        )?;
        let wide = request
            .record()
            .is_some_and(|record| *limits != effective_limits(&record, &held.requirement, &quorum));
        ensure(
            !wide,
            Code::Limits,
            "it was executed under wider limits than were approved",
        )
    }

    /// Everything but the people: the action, the grant, the times, and what could have stopped it.
    fn may_claim(&self, request: &mut RequestFold, leaf: &Opened) -> Checked {
        let Event::Claimed {
            digest,
            grant,
            limits,
            trace,
            ..
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        self.check_trace(trace)?;
        request.step(&[Step::Claimed], leaf)?;
        ensure(
            request
                .decision
                .is_some_and(|decision| decision < leaf.index),
            Code::Quorum,
            "it was executed, and no earlier leaf decided it",
        )?;
        ensure(
            *digest == request.digest,
            Code::Action,
            "another action was executed than was asked for",
        )?;
        ensure(
            request.grant == Some(*grant),
            Code::Quorum,
            "it was executed under another grant",
        )?;
        // INVARIANT(in-time): the time in the record and the store's own both count.
        ensure(
            leaf.entry.at <= request.spend_by && leaf.time <= request.spend_by,
            Code::Deadline,
            "it was executed after its time",
        )?;
        ensure(
            trace.errors == 0 || request.held_before,
            Code::Policy,
            "it was executed without a human although policy erred",
        )?;
        ensure(
            limits.not_before <= leaf.entry.at && leaf.entry.at <= limits.not_after,
            Code::Deadline,
            "it was executed outside the window of the decision",
        )?;
        self.not_stopped(request)?;
        if let (Some(requester), Some(directory)) = (request.requester(), self.directory()) {
            ensure(
                requester.still_has_force(directory, leaf.entry.at),
                Code::Requester,
                "the key that asked had lost its force",
            )?;
        }
        Ok(())
    }

    /// What came of it, after it was claimed.
    pub(super) fn executed(&self, request: &mut RequestFold, leaf: &Opened) -> Checked {
        let Event::Executed {
            outcome,
            digest,
            grant,
            trace,
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        let step = match leaf.entry.to {
            Some(State::Completed) => Step::Completed,
            Some(State::Failed) => Step::Failed,
            Some(State::Unknown) => Step::Lost,
            _ => return wrong(Code::Transition, "no execution ends this way"),
        };
        ensure(
            *digest == request.digest && *grant == request.grant,
            Code::Record,
            "it reports on another action or grant than the one that was claimed",
        )?;
        check_stood(request, trace)?;
        request.step(&[step], leaf)?;
        request.outcome = Some(outcome.clone());
        request.outcome_leaf = Some(leaf.index);
        Ok(())
    }

    pub(super) fn not_stopped(&self, request: &RequestFold) -> Checked {
        let (Some(envelope), Some(requester)) = (&request.envelope, request.requester()) else {
            return Ok(());
        };
        ensure(
            self.stop_reason(envelope, requester).is_none(),
            Code::Stop,
            "it was executed although it was stopped",
        )?;
        ensure(
            !self.task_has_ended(envelope.task.as_ref()),
            Code::Task,
            "it was executed although its task had ended",
        )
    }
}
