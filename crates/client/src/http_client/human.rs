//! The calls of a human, signed with the key of their login: see, open, review, act, stop. The review itself carries a
//! second signature, by the human's enrolled key, over its context.

use super::call::{Call, path};
use super::{Client, ClientError};
use crate::wire::{
    ActRequest, Inbox, Opened, RequestView, ReviewRequest, ReviewResult, Stop, StopRequest,
};

impl Client {
    /// What waits for this human.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn inbox(&self) -> Result<Inbox, ClientError> {
        self.call_json(Call::get("/v1/inbox")).await
    }

    /// What a request shows, without opening it for review.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn view(&self, request: &str) -> Result<RequestView, ClientError> {
        self.call_json(Call::get(path("requests", request, "/view")?))
            .await
    }

    /// Opens a request for review: draws the nonce that the review consumes.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn open(&self, request: &str) -> Result<Opened, ClientError> {
        let key = self.random_hex()?;
        self.call_json(Call::post(path("requests", request, "/open")?).idempotency_key(key))
            .await
    }

    /// Hands in a signed review.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn review(
        &self,
        request: &str,
        review: &ReviewRequest,
    ) -> Result<ReviewResult, ClientError> {
        let key = self.random_hex()?;
        self.call_json(
            Call::post(path("requests", request, "/reviews")?)
                .json(review)?
                .idempotency_key(key),
        )
        .await
    }

    /// Denies, asks, escalates, claims or reports.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn act(&self, request: &str, act: &ActRequest) -> Result<ReviewResult, ClientError> {
        let key = self.random_hex()?;
        self.call_json(
            Call::post(path("requests", request, "/acts")?)
                .json(act)?
                .idempotency_key(key),
        )
        .await
    }

    /// Stops a workload, a task, a resource or everything.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn stop(&self, stop: &StopRequest) -> Result<Stop, ClientError> {
        let key = self.random_hex()?;
        self.call_json(Call::post("/v1/stops").json(stop)?.idempotency_key(key))
            .await
    }
}
