//! What holds a request, by what people agreed the policy to be; and everything that ends or changes a hold without a
//! review.

use std::collections::BTreeSet;

use gatehold_core::checkpoint::Requirement;
use gatehold_core::decide::{ActBy, ActKind};
use gatehold_core::entry::{Basis, Event, Trace};
use gatehold_core::ids::HumanId;
use gatehold_core::request::RequestRecord;
use gatehold_core::task::Chain;
use gatehold_core::time::Timestamp;
use gatehold_core::verdict::{Evaluated, Verdict};

use super::{Checked, Commit, Oracle, Request, Tampered, holds};
use crate::simulator::process::steps_most;
use crate::simulator::rules::Rules;
use crate::simulator::work::Intent;

/// A hold.
#[derive(Debug, Clone)]
pub struct Held {
    /// The checkpoints.
    pub requirement: Requirement,
    /// Last time to decide.
    pub decide_by: Timestamp,
    /// Who has decided in it.
    pub reviewed: BTreeSet<HumanId>,
    /// Somebody entitled said no.
    pub denied: bool,
    /// When it began.
    pub since: Timestamp,
    /// Who was to be asked after so many seconds is asked; nobody but those asked first at 0.
    pub asked_seconds: u32,
}

impl Held {
    pub(super) const fn begun(
        requirement: Requirement,
        decide_by: Timestamp,
        since: Timestamp,
    ) -> Self {
        Self {
            requirement,
            decide_by,
            reviewed: BTreeSet::new(),
            denied: false,
            since,
            asked_seconds: 0,
        }
    }
}

impl Oracle {
    /// What policy really says about a request, now.
    pub(super) fn verdict(&self, request: &Request, rules: &Rules) -> Evaluated {
        let task = request.action.envelope().task;
        let task = task.and_then(|task| self.tasks.get(&task));
        let others = |all: u64, own: bool| all - u64::from(request.counted && own);
        let chain = Chain {
            steps: task.map_or(0, |task| others(task.steps, true)),
            sensitive: task.map_or(0, |task| others(task.sensitive, request.labels.sensitive)),
            ..Chain::default()
        };
        let most = task.and_then(|task| steps_most(&task.task));
        rules.evaluate(request.kind(), &chain, most)
    }

    /// Whether some hold may have been counted off twice, or for somebody else: its row was put back, or told another state or
    /// another requester, and ended. Only an auditor, who replays its leaves, can tell.
    pub fn holds_miscounted(&self) -> bool {
        let mut requests = self.requests.values();
        requests.any(|request| {
            request.excused(&Tampered::STATE) || request.excused(&[Tampered::Requester])
        })
    }

    pub(super) fn reheld(&mut self, record: &RequestRecord, commit: &Commit<'_>) -> Checked {
        let Event::Reheld { trace, .. } = &commit.entry.event else {
            return Ok(());
        };
        self.trace_is_true(trace)?;
        self.says_why(record, trace, commit)?;
        let held = record.held.clone();
        let Some(request) = self.requests.get_mut(&record.id) else {
            return Ok(());
        };
        let last = request
            .held
            .as_ref()
            .filter(|_| request.state == gatehold_core::request::State::Held);
        let too_late =
            last.is_some_and(|held| commit.time > held.decide_by) || commit.time > request.spend_by;
        let excused = request.excused(&Tampered::STATE) || request.excused(&[Tampered::Times]);
        holds(excused || !too_late, "in-time", || {
            format!("{} was held again after its time", record.id)
        })?;
        let since = commit.entry.at;
        request.held = held.map(|held| Held::begun(held.requirement, held.decide_by, since));
        request.grant = None;
        Ok(())
    }

    /// What policy answers now is what the request says of itself, and not what it answered before.
    // INVARIANT(policy-recorded-is-policy-used): the reasons too.
    fn says_why(&self, record: &RequestRecord, trace: &Trace, commit: &Commit<'_>) -> Checked {
        let Some(request) = self.requests.get(&record.id) else {
            return Ok(());
        };
        let verdict = self.verdict(request, commit.rules);
        let now = verdict.trace().reasons.iter().map(|reason| &reason.code);
        let same = record.reasons == trace.reasons && now.eq(&record.reasons);
        holds(same, "policy-recorded-is-policy-used", || {
            format!("{} gives reasons that policy did not give", record.id)
        })
    }

    pub(super) fn closed(&self, record: &RequestRecord, commit: &Commit<'_>) -> Checked {
        let id = record.id;
        let Some(request) = self.requests.get(&id) else {
            return Ok(());
        };
        if let Event::Closed {
            trace: Basis::Asked(trace),
            ..
        } = &commit.entry.event
        {
            self.says_why(record, trace, commit)?;
        }
        match commit.intent {
            // Over an edited row, where a process believes rows, only the row's leaf tells who asked.
            Intent::Withdraw { call, .. } => {
                let another = request.excused(&[Tampered::Requester]);
                holds(another || call.key == request.key, "own-key", || {
                    format!("{id} was withdrawn by a stranger")
                })
            }
            Intent::Revoke {
                human: Some(human), ..
            } => holds(
                self.realm.humans.contains_key(human),
                "chain-gives-force",
                || format!("{id} was revoked by {human}, who is nobody"),
            ),
            Intent::Expire { .. } => {
                let due = match (&request.held, request.state) {
                    (Some(held), gatehold_core::request::State::Held) => {
                        held.decide_by.min(request.spend_by)
                    }
                    _ => request.spend_by,
                };
                // By the time that the leaf itself names: a process may be wrong about the store's.
                let early = commit.entry.at <= due;
                holds(
                    request.excused(&[Tampered::PutBack]) || !early,
                    "in-time",
                    || format!("{id} expired before its time"),
                )
            }
            _ => Ok(()),
        }
    }

    pub(super) fn acted(&mut self, record: &RequestRecord, commit: &Commit<'_>) -> Checked {
        let Intent::Act { by, kind, .. } = commit.intent else {
            return Ok(());
        };
        let at = (commit.entry.at, commit.entry.at);
        let entitled = self.requests.get(&record.id).is_some_and(|request| {
            let (ActBy::Human(human), Some(held)) = (by, &request.held) else {
                return false;
            };
            let places = self.places(human, request, at);
            self.may_decide(human, &held.requirement, &places)
        });
        let Some(request) = self.requests.get_mut(&record.id) else {
            return Ok(());
        };
        let late = request
            .held
            .as_ref()
            .is_some_and(|held| commit.time > held.decide_by);
        let longer = request.excused(&[Tampered::Times, Tampered::PutBack]);
        holds(longer || !late, "in-time", || {
            format!("somebody acted on {} after its time", record.id)
        })?;
        match by {
            ActBy::Requester { key, .. } => {
                let another = request.excused(&[Tampered::Requester]);
                holds(another || *key == request.key, "own-key", || {
                    format!("{} was answered by a stranger", record.id)
                })?;
                request.claims_head = record.claims_head;
            }
            ActBy::Human(human) => {
                holds(
                    // An act is not signed: over an edited row only the row's leaf tells who asked.
                    request.excused(&[Tampered::Requester]) || !request.excluded.contains(human),
                    "requester-never-decides",
                    || format!("{human} acted on {}", record.id),
                )?;
                let other = request.excused(&[Tampered::Requirement, Tampered::PutBack]);
                holds(other || entitled, "genuine-quorum", || {
                    format!("{human} is not entitled and acted on {}", record.id)
                })?;
            }
        }
        if let Some(held) = &mut request.held {
            held.denied |= matches!(kind, ActKind::Deny | ActKind::Suspicious);
            if *kind == ActKind::Escalate {
                held.ask_more(0);
            }
        }
        Ok(())
    }
}

/// Whether policy's answer is a hold at these checkpoints, by hash.
pub(super) fn holds_at(evaluated: &Evaluated, requirement: &Requirement) -> bool {
    matches!(evaluated.verdict(), Verdict::Hold(now) if now.hashes() == requirement.hashes())
}
