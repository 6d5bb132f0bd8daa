//! What a handler asks for by the types of its arguments: a workload's call, a person's call, or anybody's.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use bytes::Bytes;
use gatehold_core::decide::CallNonce;
use gatehold_core::hash::Hash;
use gatehold_core::ids::WorkloadId;
use gatehold_core::time::Timestamp;
use gatehold_gate::{Caller, Session};
use gatehold_proof::VerifiedSubmitProof;
use http::request::Parts;

use super::Principal;
use crate::problem::ApiError;

/// A call whose signature was verified. Put on the request by [`super::authenticate`] and by nothing else.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub principal: Principal,
    pub proof: Arc<VerifiedSubmitProof>,
    pub idempotency: Option<String>,
    /// What the signature covers as content-digest.
    pub body: Bytes,
}

impl Signed {
    /// The name of the key that signed.
    pub fn key(&self) -> Hash {
        Hash::from_bytes(*self.proof.key().as_bytes())
    }

    /// Remembered for as long as any process could take the proof, whenever the call is decided.
    fn nonce(&self) -> CallNonce {
        let seconds = i64::try_from(self.proof.nonce_kept_until()).unwrap_or(i64::MAX);
        CallNonce {
            text: self.proof.nonce().to_owned(),
            until: Some(Timestamp::from_millis(seconds.saturating_mul(1_000))),
        }
    }

    fn caller(&self, workload: Option<WorkloadId>) -> Caller {
        // What a person asked for was submitted with the enrolled key; the session stands in for it, to look and to
        // take back.
        let key = match &self.principal {
            Principal::Human(session) => session.enrolled_key,
            Principal::Workload(_) | Principal::Point(_) => self.key(),
        };
        Caller {
            key,
            nonce: self.nonce(),
            evidence: self.proof.evidence().to_bytes(),
            body: self.body.to_vec(),
            idempotency: self.idempotency.clone(),
            workload,
        }
    }
}

/// Anybody who is known.
#[derive(Debug)]
pub(crate) struct Anyone(pub Signed);

/// A workload, or an enforcement point that says for which one it acts.
#[derive(Debug)]
pub(crate) struct Acting(pub Asking);

/// Whoever may have submitted a request: a workload, an enforcement point, or a person.
#[derive(Debug)]
pub(crate) struct Asking(Signed);

impl Asking {
    /// A human with a login session.
    pub const fn is_person(&self) -> bool {
        matches!(self.0.principal, Principal::Human(_))
    }

    /// The caller as the gate wants it. `workload` is the query parameter of that name, which the signature covers.
    pub fn caller(&self, workload: Option<&str>) -> Result<Caller, ApiError> {
        match (&self.0.principal, workload) {
            (Principal::Point(_), Some(name)) => {
                let name = name.parse().map_err(|error| ApiError::Member {
                    member: "workload",
                    why: format!("{error}"),
                })?;
                Ok(self.0.caller(Some(name)))
            }
            (Principal::Point(_), None) => Err(ApiError::ActingFor(
                "an enforcement point must name the workload it acts for",
            )),
            (Principal::Workload(_) | Principal::Human(_), Some(_)) => Err(ApiError::ActingFor(
                "only an enforcement point may act for a workload",
            )),
            (Principal::Workload(_) | Principal::Human(_), None) => Ok(self.0.caller(None)),
        }
    }
}

/// A person with a login session. It never approves: a review carries the person's own signature.
#[derive(Debug)]
pub(crate) struct Person {
    pub session: Arc<Session>,
}

impl<S: Send + Sync> FromRequestParts<S> for Signed {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(ApiError::Fault(
                "a route for callers stands outside the authentication layer",
            ))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Anyone {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Signed::from_request_parts(parts, state).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asking {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Signed::from_request_parts(parts, state).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Acting {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let signed = Signed::from_request_parts(parts, state).await?;
        match &signed.principal {
            Principal::Workload(_) | Principal::Point(_) => Ok(Self(Asking(signed))),
            Principal::Human(_) => Err(ApiError::WrongPrincipal {
                needed: "workloads and enforcement points",
                given: signed.principal.in_words(),
            }),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let signed = Signed::from_request_parts(parts, state).await?;
        match &signed.principal {
            Principal::Human(session) => Ok(Self {
                session: session.clone(),
            }),
            Principal::Workload(_) | Principal::Point(_) => Err(ApiError::WrongPrincipal {
                needed: "people who are logged in",
                given: signed.principal.in_words(),
            }),
        }
    }
}
