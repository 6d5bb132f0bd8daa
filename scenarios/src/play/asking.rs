//! What workloads do: declare a task, ask, redeem, end.

use gatehold_client::ClientError;
use gatehold_client::wire::{
    Boundary, ExecutionOutcome, ProblemCode, Reason, ReceiptRef, RequestState, SubmitRequest,
    Submitted, Tier, Trace,
};
use serde::Serialize as _;

use super::stage::Played;
use super::{Stage, wanted};
use crate::ambient::now_millis;
use crate::cast::Ask;
use crate::scenario::{Asked, Bounded, EndTask, Ending, Redeemed, StartTask, Wanted};
use crate::trouble::{Outcome, Trouble, trouble};

fn boundary(said: &Bounded) -> Boundary {
    Boundary {
        descriptors: said.actions.clone(),
        targets: said.targets.clone(),
        resources: said.resources.clone(),
        steps: said.steps,
        not_after: now_millis().saturating_add(i64::from(said.minutes) * 60_000),
    }
}

impl Stage {
    pub(super) async fn start_task(&mut self, start: &StartTask) -> Outcome<()> {
        let workload = self.workload(&start.who)?;
        let task = workload
            .start_task_within(&start.purpose, start.boundary.as_ref().map(boundary))
            .await
            .map_err(trouble("task"))?;
        self.tasks.insert(start.task.clone(), task);
        Ok(())
    }

    pub(super) async fn end_task(&mut self, end: &EndTask) -> Outcome<()> {
        let task = self.task(&end.task)?;
        let workload = self.workload(&end.who)?;
        workload
            .client
            .end_task(task)
            .await
            .map(drop)
            .map_err(trouble("end"))
    }

    pub(super) async fn ask(&mut self, asked: &Asked) -> Outcome<()> {
        let body = self.body(asked, asked.payload.as_bytes())?;
        let key = format!("first-{}", asked.request);
        let answer = self.workload(&asked.who)?.submit(&body, Some(&key)).await;
        let played = Played {
            id: String::new(),
            who: asked.who.clone(),
            asked: asked.clone(),
            idempotency_key: key,
            review: None,
        };
        self.came_of_it(
            &asked.request,
            asked.outcome,
            asked.refused_as.as_deref(),
            answer,
            played,
        )
        .and_then(|come| come.matches(asked))
    }

    /// Compares an answer with what was wanted, and remembers the request.
    pub(super) fn came_of_it(
        &mut self,
        name: &str,
        outcome: Wanted,
        refused_as: Option<&str>,
        answer: Result<Submitted, ClientError>,
        played: Played,
    ) -> Outcome<Come> {
        let come = match answer {
            Ok(Submitted::Decided(decision)) => Come {
                outcome: match decision.outcome {
                    gatehold_client::wire::Outcome::Allowed => Wanted::Allowed,
                    gatehold_client::wire::Outcome::Denied => Wanted::Denied,
                },
                id: decision.request,
                tier: Some(decision.tier),
                traced: is_traced(
                    &decision.trace,
                    decision.receipt.as_ref(),
                    decision.outcome == gatehold_client::wire::Outcome::Allowed,
                ),
                held_at: Vec::new(),
                said: said(&decision.reasons),
            },
            Ok(Submitted::Held(held)) => Come {
                outcome: Wanted::Held,
                id: held.request,
                tier: Some(held.tier),
                traced: is_traced(&held.trace, held.receipt.as_ref(), true),
                held_at: held.checkpoints,
                said: said(&held.reasons),
            },
            Err(error) => Come {
                outcome: Wanted::Refused,
                id: None,
                tier: None,
                traced: true,
                held_at: Vec::new(),
                said: refused(&error, refused_as)?,
            },
        };
        if come.outcome != outcome {
            return Err(Trouble(format!(
                "wanted {outcome:?}, found {:?} ({})",
                come.outcome, come.said
            )));
        }
        if let Some(id) = &come.id {
            let id = id.clone();
            self.requests
                .insert(name.to_owned(), Played { id, ..played });
        }
        Ok(come)
    }

    pub(super) fn body(&self, asked: &Asked, payload: &[u8]) -> Outcome<SubmitRequest> {
        let ask = Ask {
            descriptor: self.descriptor(&asked.action)?,
            task: self.task(&asked.task)?,
            target: &asked.target,
            resource: &asked.resource,
            duration_seconds: asked.minutes.saturating_mul(60),
            caps: asked.caps.clone(),
            media_type: &asked.media_type,
            payload,
            claims: asked.claims.clone(),
        };
        self.workload(&asked.who)?.body(&ask)
    }

    pub(super) async fn redeem(&mut self, redeemed: &Redeemed) -> Outcome<()> {
        let request = self.request(&redeemed.request)?.id.clone();
        let workload = self.workload(&redeemed.who)?;
        let answer = match workload.client.redeem(&request, WAIT_SECONDS).await {
            Ok(answer) => answer,
            Err(error) => {
                refused(&error, redeemed.refused_as.as_deref())?;
                return wanted("result", &redeemed.result, &Ending::Refused);
            }
        };
        let state = answer.status.state;
        let Some(result) = answer.result else {
            return match (redeemed.result, state) {
                (Ending::Held, RequestState::Held) => Ok(()),
                _ => Err(Trouble(format!(
                    "it was not executed: the request is {state:?}"
                ))),
            };
        };
        let found = match result.outcome {
            ExecutionOutcome::Completed => Ending::Completed,
            ExecutionOutcome::Failed => Ending::Failed,
            ExecutionOutcome::Unknown => {
                return Err(Trouble("nobody knows whether it happened".to_owned()));
            }
        };
        let body = String::from_utf8_lossy(result.body.as_ref()).into_owned();
        if found != redeemed.result {
            return Err(Trouble(format!(
                "wanted {:?}, found {found:?} ({}): {body}",
                redeemed.result, result.code
            )));
        }
        if redeemed.rows.is_some() {
            wanted("rows", &redeemed.rows, &result.quantity)?;
        }
        match &redeemed.answer_has {
            Some(text) if !body.contains(text) => {
                Err(Trouble(format!("the answer has no `{text}`: {body}")))
            }
            _ => Ok(()),
        }
    }
}

/// What came of asking.
pub(super) struct Come {
    outcome: Wanted,
    id: Option<String>,
    tier: Option<Tier>,
    traced: bool,
    held_at: Vec<String>,
    said: String,
}

impl Come {
    /// Fails unless the gate said this.
    pub(super) fn says(&self, text: &str) -> Outcome<()> {
        if self.said.contains(text) {
            Ok(())
        } else {
            Err(Trouble(format!(
                "wanted `{text}`, the gate says: {}",
                self.said
            )))
        }
    }

    fn matches(&self, asked: &Asked) -> Outcome<()> {
        if !self.traced {
            return Err(Trouble(
                "the decision names no rule, bundle or leaf".to_owned(),
            ));
        }
        if asked.tier.is_some() {
            wanted("tier", &asked.tier, &self.tier)?;
        }
        match asked
            .held_at
            .iter()
            .find(|name| !self.held_at.contains(name))
        {
            Some(name) => Err(Trouble(format!(
                "not held at `{name}`, only at {:?}",
                self.held_at
            ))),
            None => Ok(()),
        }
    }
}

/// Whether a decision says from what it was computed, and where it stands in the ledger.
/// What nothing permits is denied by no rule.
fn is_traced(trace: &Trace, receipt: Option<&ReceiptRef>, permitted: bool) -> bool {
    !(permitted && trace.rules.is_empty())
        && trace.bundle.starts_with("sha256:")
        && receipt.is_some()
}

fn said(reasons: &[Reason]) -> String {
    let said = reasons
        .iter()
        .map(|reason| reason.text.as_ref().unwrap_or(&reason.code).as_str());
    said.collect::<Vec<_>>().join("; ")
}

/// The code of a problem, when it is the wanted one or any will do.
pub(super) fn refused(error: &ClientError, code: Option<&str>) -> Outcome<String> {
    let Some(problem) = error.problem() else {
        return Err(Trouble(error.to_string()));
    };
    let found = word(problem.code);
    match code {
        Some(code) if code != found => Err(Trouble(format!(
            "wanted a refusal as `{code}`, found `{found}`: {problem}"
        ))),
        _ if problem.next.is_empty() => {
            Err(Trouble(format!("it does not say what to do: {problem}")))
        }
        _ => Ok(problem.to_string()),
    }
}

/// The word of a code on the wire.
pub(super) fn word(code: ProblemCode) -> String {
    match code.serialize(serde_json::value::Serializer) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "other".to_owned(),
    }
}

const WAIT_SECONDS: u32 = 20;
