//! Turns what was asked and what was read into the one call of core: the record, the command and the world.

use gatehold_core::commit::Write;
use gatehold_core::decide::{
    self, Act, CallNonce, Command, Described, Fresh, Record, Redeem, Report, Revoke, Sealed,
    Settings, StopBy, StopChange, Submission, SubmittedReview, TaskEnd, TaskStart, Withdraw, World,
};
use gatehold_core::directory::Directory;
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::request::state::Event as Ending;
use gatehold_core::request::{Outcome, RequestRecord};
use gatehold_core::requester::Requester;
use gatehold_core::signed_body::SignedBody;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::SubmitSignature;

use super::process::{Loaded, Stopped, submission_of};
use super::rules::READS;
use super::shelf::Shelf;
use super::target::plan;
use super::work::Intent;

/// What is said where everything still holds that a lease was made from.
pub(super) const STANDS: &str = "it stands";

impl Loaded {
    /// The requester a submission is anchored to.
    #[must_use]
    pub const fn requester(&self) -> Option<&Requester> {
        self.requester.as_ref()
    }

    /// The request, as it was read.
    #[must_use]
    pub fn request(&self) -> Option<&RequestRecord> {
        self.read.request.as_ref().map(|(record, _)| record)
    }

    /// The directory, as it was read.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(super) fn world<'a>(&'a self, settings: &'a Settings) -> World<'a> {
        World {
            policy: self.evaluated.as_ref(),
            directory: &self.directory,
            stops: &self.stops,
            pause: &self.pause,
            restraints: &self.restraints,
            task: self.task.as_ref(),
            counters: self.counters,
            rendered: self.rendered.as_ref(),
            findings: None,
            habits: None,
            settings,
        }
    }

    pub(super) fn record(&self, intent: &Intent) -> Result<Record<'_>, Stopped> {
        if let Intent::Lease { .. } = intent {
            return self.lease();
        }
        match (intent, &self.read.request, &self.task) {
            (Intent::EndTask { .. }, _, Some(now)) => Ok(Record::Task {
                task: &now.task.value,
                version: now.task.version,
            }),
            (Intent::EndTask { .. }, ..) => Err(Stopped("no such task".to_owned())),
            (_, Some((record, version)), _) => Ok(Record::Request {
                record,
                version: *version,
                action: self.read.action.as_ref(),
                grant: self
                    .read
                    .grant
                    .as_ref()
                    .map(|(grant, version)| (grant, *version)),
            }),
            (_, None, _) => Ok(Record::Absent),
        }
    }

    /// A grant, and the request that it came from.
    fn lease(&self) -> Result<Record<'_>, Stopped> {
        let (Some((grant, version)), Some((of, _))) = (&self.read.grant, &self.read.request) else {
            return Err(Stopped("no such grant".to_owned()));
        };
        Ok(Record::Grant {
            grant,
            version: *version,
            of: Some(of),
        })
    }

    /// What lives is asked about again.
    pub(super) fn again(
        &self,
        world: &World<'_>,
        fresh: &Fresh,
        now: Timestamp,
    ) -> Result<(Write, Option<Sealed>), Stopped> {
        let (Some((grant, version)), Some((of, _)), Some(action)) =
            (&self.read.grant, &self.read.request, &self.read.action)
        else {
            return Err(Stopped("nothing to ask about".to_owned()));
        };
        match decide::reconsider((grant, *version, of), action, world, fresh, now) {
            Ok(Some((write, sealed))) => Ok((write, Some(sealed))),
            Ok(None) => Err(Stopped(STANDS.to_owned())),
            Err(refusal) => Err(Stopped(refusal.to_string())),
        }
    }

    pub(super) fn command(
        &self,
        shelf: &Shelf,
        intent: &Intent,
        now: Timestamp,
    ) -> Result<Command, Stopped> {
        let unknown = || Stopped("no registered principal signs with this key".to_owned());
        Ok(match intent {
            Intent::StartTask { .. } => {
                let start = self.task_start(intent).ok_or_else(unknown)?;
                Command::StartTask(Box::new(start))
            }
            Intent::EndTask { call, .. } => Command::EndTask(TaskEnd {
                key: call.key,
                nonce: call.nonce(),
            }),
            Intent::Submit { .. } | Intent::Propose { .. } => {
                let requester = self.requester.clone().ok_or_else(unknown)?;
                Command::Submit(Box::new(submission(intent, requester)?))
            }
            Intent::Review {
                review, answers, ..
            } => Command::Review(Box::new(SubmittedReview {
                review: review.clone(),
                answers: answers.clone(),
                opened: self.screen.clone().ok_or_else(unknown)?,
            })),
            Intent::Act { by, kind, .. } => Command::Act(Act {
                by: by.clone(),
                kind: *kind,
                text: "a word".to_owned(),
                channel: "sim".to_owned(),
            }),
            Intent::Withdraw { call, .. } => Command::Withdraw(Withdraw {
                key: call.key,
                nonce: call.nonce(),
            }),
            Intent::Redeem { call, request } => Command::Redeem(Redeem {
                plan: self.request().and_then(|of| plan(&of.envelope, of.grant?)),
                key: call.key,
                nonce: call.nonce(),
                submit: submit_of(shelf, *request),
            }),
            Intent::Report { ending, .. } => Command::Report(reported(*ending, now)),
            Intent::Expire { .. } => Command::Expire,
            Intent::Escalate { .. } => Command::Escalate,
            Intent::Revoke { human, .. } => Command::Revoke(Revoke {
                human: human.clone(),
                code: if human.is_some() {
                    "revoked"
                } else {
                    "task_ended"
                },
            }),
            Intent::Stop { human, add } => Command::Stop(Box::new(StopChange {
                by: StopBy::Human(human.clone()),
                add: add.clone(),
                reason: "something is wrong".to_owned(),
            })),
            Intent::Lease { step, .. } => Command::Lease(step.clone()),
            Intent::Open { .. }
            | Intent::Again { .. }
            | Intent::Remove { .. }
            | Intent::RevokeKey { .. }
            | Intent::Delegate { .. }
            | Intent::EndDelegation { .. }
            | Intent::Suspend { .. }
            | Intent::Reinstate { .. } => {
                return Err(Stopped("nothing for core".to_owned()));
            }
        })
    }

    fn task_start(&self, intent: &Intent) -> Option<TaskStart> {
        let Intent::StartTask {
            call,
            on_behalf_of,
            boundary,
        } = intent
        else {
            return None;
        };
        let (workload, _) = self.directory.workload_by_key(&call.key)?;
        Some(TaskStart {
            workload: workload.clone(),
            key: call.key,
            nonce: call.nonce(),
            purpose: format!("purpose {}", call.nonce),
            on_behalf_of: on_behalf_of.as_ref().map(|(human, _)| human.clone()),
            attested: on_behalf_of.as_ref().is_some_and(|(_, attested)| *attested),
            boundary: boundary.clone(),
        })
    }
}

/// What a target said.
fn reported(ending: Ending, now: Timestamp) -> Report {
    Report {
        step: ending,
        outcome: Outcome {
            code: "sim".to_owned(),
            quantity: Some(1),
            result: Hash::of(b"done"),
            at: now,
        },
        result: b"done".to_vec(),
    }
}

fn submit_of(shelf: &Shelf, id: RequestId) -> Option<SubmitSignature> {
    let proof = submission_of(shelf, id)?.attachment("proof")?;
    canonical::from_canonical_bytes(proof).ok()
}

fn submission(intent: &Intent, requester: Requester) -> Result<Submission, Stopped> {
    let (action, labels, claims, idempotency, nonce, proof, body) = match intent {
        Intent::Submit {
            call,
            action,
            labels,
            claims,
            idempotency,
        } => (
            action,
            *labels,
            claims.clone(),
            idempotency.clone(),
            call.nonce(),
            b"signed".to_vec(),
            Some(SignedBody::write(action, claims)),
        ),
        Intent::Propose { action, submit, .. } => (
            action,
            Default::default(),
            Default::default(),
            None,
            CallNonce {
                text: submit.nonce.clone(),
                until: None,
            },
            canonical::to_bytes(submit).unwrap_or_default(),
            None,
        ),
        _ => return Err(Stopped("nothing is submitted".to_owned())),
    };
    let descriptor = action.envelope().descriptor.clone();
    let id = descriptor.id.as_str().to_owned();
    Ok(Submission {
        action: (**action).clone(),
        described: Described {
            descriptor: gatehold_core::action::DescriptorRef {
                hash: Hash::of(id.as_bytes()),
                id: descriptor.id,
            },
            media_types: ["application/json".to_owned()].into(),
            reads_only: READS.contains(&id.as_str()),
            sentence: format!("{id} on {}", action.envelope().target),
            intent: Hash::of(id.as_bytes()),
        },
        claims,
        requester,
        proof,
        body,
        nonce,
        idempotency,
        labels,
    })
}
