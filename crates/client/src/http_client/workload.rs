//! The calls of a workload: declare a task, ask, wait, take back, answer, redeem.

use super::call::{Call, path};
use super::{Client, ClientError};
use crate::wire::{
    AnswerRequest, Decision, Held, Redeemed, RequestStatus, SubmitRequest, Submitted, Task,
    TaskRequest,
};
use http::StatusCode;

/// Makes a repeated call the same call: the gate answers it with the first answer, for 24 hours and this signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// From text the caller stored: 1 to 255 characters of printable ASCII without spaces.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// The text to store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How an action is submitted.
#[derive(Debug, Clone, Default)]
pub struct Submission {
    /// The key to repeat the call with; a fresh one when absent.
    pub idempotency_key: Option<IdempotencyKey>,
    /// How long the gate may wait for people before it answers 202, seconds, at most 120.
    pub wait_seconds: u32,
    /// Only says what would be decided: no request, no grant.
    pub dry_run: bool,
}

impl Client {
    /// A fresh Idempotency-Key, to be stored before the call it is for.
    ///
    /// # Errors
    /// `Ambient` without randomness.
    pub fn new_idempotency_key(&self) -> Result<IdempotencyKey, ClientError> {
        Ok(IdempotencyKey(self.random_hex()?))
    }

    /// Declares a unit of work.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn start_task(&self, request: &TaskRequest) -> Result<Task, ClientError> {
        let key = self.random_hex()?;
        self.call_json(Call::post("/v1/tasks").json(request)?.idempotency_key(key))
            .await
    }

    /// Ends a task: its grants are revoked.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn end_task(&self, task: &str) -> Result<Task, ClientError> {
        let key = self.random_hex()?;
        self.call_json(Call::post(path("tasks", task, "/end")?).idempotency_key(key))
            .await
    }

    /// Asks for one action. A denial is an answer, not an error.
    ///
    /// # Errors
    /// See [`ClientError`]; after [`ClientError::may_have_acted`], repeat only with the same Idempotency-Key.
    pub async fn submit(
        &self,
        request: &SubmitRequest,
        how: &Submission,
    ) -> Result<Submitted, ClientError> {
        let key = match &how.idempotency_key {
            Some(key) => key.0.clone(),
            None => self.random_hex()?,
        };
        let target = if how.dry_run {
            "/v1/requests?dry_run=true"
        } else {
            "/v1/requests"
        };
        let call = Call::post(target)
            .json(request)?
            .idempotency_key(key)
            .wait(how.wait_seconds);
        self.submitted(call).await
    }

    /// Makes a submission of either kind and tells decided from held.
    pub(super) async fn submitted(&self, call: Call) -> Result<Submitted, ClientError> {
        let answer = self.call(call).await?;
        match answer.status {
            StatusCode::OK => Ok(Submitted::Decided(answer.json::<Box<Decision>>()?)),
            StatusCode::ACCEPTED => Ok(Submitted::Held(answer.json::<Box<Held>>()?)),
            _ => Err(answer.foreign("a submission is answered by 200 or 202")),
        }
    }

    /// Where a request stands, after waiting up to `wait_seconds` for a change.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn status(
        &self,
        request: &str,
        wait_seconds: u32,
    ) -> Result<RequestStatus, ClientError> {
        self.call_json(Call::get(path("requests", request, "")?).wait(wait_seconds))
            .await
    }

    /// Takes a request back.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn withdraw(&self, request: &str) -> Result<RequestStatus, ClientError> {
        let key = self.random_hex()?;
        self.call_json(Call::post(path("requests", request, "/withdraw")?).idempotency_key(key))
            .await
    }

    /// Answers a reviewer's question.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn answer(
        &self,
        request: &str,
        answer: &AnswerRequest,
    ) -> Result<RequestStatus, ClientError> {
        let key = self.random_hex()?;
        self.call_json(
            Call::post(path("requests", request, "/answer")?)
                .json(answer)?
                .idempotency_key(key),
        )
        .await
    }

    /// Has the gate execute the action, at most once, and waits up to `wait_seconds` for its end. Policy is asked again
    /// first, so the answer may be that it is held again.
    ///
    /// # Errors
    /// See [`ClientError`]. After a lost answer the status tells what happened; it is never run again.
    pub async fn redeem(&self, request: &str, wait_seconds: u32) -> Result<Redeemed, ClientError> {
        let key = self.random_hex()?;
        self.call_json(
            Call::post(path("requests", request, "/redeem")?)
                .idempotency_key(key)
                .wait(wait_seconds),
        )
        .await
    }

    /// Has the credential that was handed out for a request made anew, for whoever lost it. The earlier one is dead then, and its
    /// sessions are over; the lease, its end and what it may do stay as they are.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn rekey(&self, request: &str) -> Result<Redeemed, ClientError> {
        let key = self.random_hex()?;
        self.call_json(Call::post(path("requests", request, "/rekey")?).idempotency_key(key))
            .await
    }
}
