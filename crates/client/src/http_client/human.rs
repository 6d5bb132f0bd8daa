//! The calls of a human, signed with the key of their login: see, open, review, act, stop. The review itself carries a
//! second signature, by the human's enrolled key, over its context.

use http::StatusCode;

use super::call::{Call, path};
use super::{Client, ClientError};
use crate::wire::{
    ActRequest, BreakGlassRequest, ChangeRequest, Correction, CorrectionRequest, Corrections,
    Deciders, DelegationEndRequest, DelegationItem, DelegationRequest, Delegations, Descriptors,
    GateInfo, Humans, Inbox, KeyRevocationRequest, LoginRequest, Me, Opened, OpeningItem, Openings,
    PostReviewRequest, RequestStatus, ReviewRequest, ReviewResult, Session, StopRequest, Stops,
    Submitted,
};

impl Client {
    /// Everybody who is enrolled, with their keys.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn humans(&self) -> Result<Humans, ClientError> {
        self.call_json(Call::get("/v1/humans")).await
    }

    /// Who this is, what they sign with and what they may decide.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn me(&self) -> Result<Me, ClientError> {
        self.call_json(Call::get("/v1/me")).await
    }

    /// What waits for this human.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn inbox(&self) -> Result<Inbox, ClientError> {
        self.call_json(Call::get("/v1/inbox")).await
    }

    /// Who could approve a held request.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn deciders(&self, request: &str) -> Result<Deciders, ClientError> {
        self.call_json(Call::get(path("requests", request, "/deciders")?))
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

    /// Stops a workload, a task, a target, a resource or everything.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn stop(&self, stop: &StopRequest) -> Result<Stops, ClientError> {
        let key = self.random_hex()?;
        self.call_json(Call::post("/v1/stops").json(stop)?.idempotency_key(key))
            .await
    }

    /// Logs in: this client's own key is the session's.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn login(&self, login: &LoginRequest) -> Result<Session, ClientError> {
        let key = self.random_hex()?;
        self.call_json(Call::post("/v1/sessions").json(login)?.idempotency_key(key))
            .await
    }

    /// Asks the gate for a held change of itself.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn submit_change(
        &self,
        change: &ChangeRequest,
        dry_run: bool,
    ) -> Result<Submitted, ClientError> {
        let key = self.random_hex()?;
        let target = if dry_run {
            "/v1/changes?dry_run=true"
        } else {
            "/v1/changes"
        };
        let call = Call::post(target).json(change)?.idempotency_key(key);
        self.submitted(call).await
    }

    /// Takes away what was allowed, before it is used.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revoke_request(&self, request: &str) -> Result<RequestStatus, ClientError> {
        let key = self.random_hex()?;
        self.call_json(Call::post(path("requests", request, "/revoke")?).idempotency_key(key))
            .await
    }

    /// The corrections of a request, its leaves, and one more leaf of it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn corrections(
        &self,
        request: &str,
        leaf: Option<u64>,
    ) -> Result<Corrections, ClientError> {
        let mut target = path("requests", request, "/corrections")?;
        if let Some(leaf) = leaf {
            target.push_str(&format!("?leaf={leaf}"));
        }
        self.call_json(Call::get(target)).await
    }

    /// Hands in a signed correction.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn correct(
        &self,
        request: &str,
        correction: &CorrectionRequest,
    ) -> Result<Correction, ClientError> {
        let key = self.random_hex()?;
        let target = path("requests", request, "/corrections")?;
        self.call_json(Call::post(target).json(correction)?.idempotency_key(key))
            .await
    }

    /// Lets a held request out by what two people signed with offline keys.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn break_glass(
        &self,
        request: &str,
        signed: &BreakGlassRequest,
    ) -> Result<RequestStatus, ClientError> {
        let key = self.random_hex()?;
        let target = path("requests", request, "/break-glass")?;
        self.call_json(Call::post(target).json(signed)?.idempotency_key(key))
            .await
    }

    /// Where the glass was broken lately, and what nobody has looked at yet.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn openings(&self) -> Result<Openings, ClientError> {
        self.call_json(Call::get("/v1/break-glass")).await
    }

    /// Hands in what somebody found who looked at it afterwards.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn look_afterwards(
        &self,
        look: &PostReviewRequest,
    ) -> Result<OpeningItem, ClientError> {
        let key = self.random_hex()?;
        let call = Call::post("/v1/break-glass/reviews").json(look)?;
        self.call_json(call.idempotency_key(key)).await
    }

    /// Hands in a signed key revocation.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revoke_key(&self, revocation: &KeyRevocationRequest) -> Result<(), ClientError> {
        let key = self.random_hex()?;
        self.call(
            Call::post("/v1/keys/revoke")
                .json(revocation)?
                .idempotency_key(key),
        )
        .await
        .map(drop)
    }

    /// Who decides for whom while they are away.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn delegations(&self) -> Result<Delegations, ClientError> {
        self.call_json(Call::get("/v1/delegations")).await
    }

    /// Hands in a signed delegation.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn delegate(
        &self,
        delegation: &DelegationRequest,
    ) -> Result<DelegationItem, ClientError> {
        let key = self.random_hex()?;
        let call = Call::post("/v1/delegations").json(delegation)?;
        self.call_json(call.idempotency_key(key)).await
    }

    /// Hands in the signed end of a delegation.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn end_delegation(&self, end: &DelegationEndRequest) -> Result<(), ClientError> {
        let key = self.random_hex()?;
        let call = Call::post("/v1/delegations/end").json(end)?;
        self.call(call.idempotency_key(key)).await.map(drop)
    }

    /// What this gate is, and whom it takes the caller for.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn gate(&self) -> Result<GateInfo, ClientError> {
        self.call_json(Call::get("/v1/gate")).await
    }

    /// The bytes that the gate serves as a file of its pages; nothing when it serves none of this name.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn page_file(&self, name: &str) -> Result<Option<Vec<u8>>, ClientError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if !name.bytes().all(plain) {
            let what = "a file of the pages is named by letters, digits and `.`, `_`, `-`";
            return Err(ClientError::Config(what.into()));
        }
        let answer = self.file(name).await?;
        match answer.status {
            StatusCode::OK => Ok(Some(answer.body)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(answer.foreign("neither a file nor that there is none")),
        }
    }

    /// The kinds of action of the active bundle.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn descriptors(&self) -> Result<Descriptors, ClientError> {
        self.call_json(Call::get("/v1/descriptors")).await
    }
}
