//! How no is said: every error of this crate and of the gate to a status, a stable type, a sentence and what to do next.
//!
//! The matches are exhaustive on purpose: a new refusal does not compile until somebody has decided how it is said. An
//! internal fault is a bare 500 with the id of the call; its cause goes to the log and never to the caller.

mod refusal;
mod words;

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use gatehold_client::wire::{
    PROBLEM_MEDIA_TYPE, Problem, ProblemCode, REQUEST_BODY_BYTES_MAX, ReadError,
};
use gatehold_core::refusal::Refusal;
use gatehold_gate::GateError;
use gatehold_gate::ports::store::StoreFault;
use gatehold_proof::SignatureError;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};

/// A call that was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The submit proof was refused.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Nobody whose key has force signs with this key.
    #[error("no registered principal and no login session signs with this key")]
    UnknownKey,
    /// A kind of principal that this call is not for.
    #[error("this call is for {needed}; the key belongs to {given}")]
    WrongPrincipal {
        /// Whom the call is for.
        needed: &'static str,
        /// Who signed.
        given: &'static str,
    },
    /// An enforcement point must say for which workload it acts, and nobody else may.
    #[error("{0}")]
    ActingFor(&'static str),
    /// The body is too large.
    #[error("the body has more than {REQUEST_BODY_BYTES_MAX} bytes")]
    BodyTooLarge,
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    BodyTooSlow,
    /// The body broke off.
    #[error("the body broke off before its end")]
    BodyBroken,
    /// The body is not declared as JSON.
    #[error("the body must be declared as application/json")]
    MediaType,
    /// The body was read and refused.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A text in the body, path or query is not of its form.
    #[error("`{member}` is not usable: {why}")]
    Member {
        /// Where it stands.
        member: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The query holds something this call does not take.
    #[error("the query is not what this call takes: {0}")]
    Query(String),
    /// The request target is too long.
    #[error("the request target is too long")]
    TargetTooLong,
    /// There is no such path.
    #[error("there is nothing at this path")]
    NoSuchPath,
    /// The path does not take this method.
    #[error("this path does not take this method")]
    Method,
    /// A login was refused.
    #[error("the login does not hold: {0}")]
    Login(String),
    /// A human's signed call was sent twice.
    #[error("this signed call was sent before")]
    Replayed,
    /// More calls at once than can be remembered.
    #[error("too many signed calls of people at once")]
    TooMany,
    /// There is no such leaf or tree head yet.
    #[error("the ledger does not have that yet")]
    NoSuchLeaf,
    /// The gate refused or failed.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// Something that cannot be happened here.
    #[error("{0}")]
    Fault(&'static str),
}

/// What is said for one kind of problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub status: StatusCode,
    pub kind: &'static str,
    pub code: ProblemCode,
    pub title: &'static str,
    pub detail: String,
    pub next: &'static str,
}

impl ApiError {
    /// Says that a text is not of its form.
    pub(crate) fn member<E: Display>(member: &'static str) -> impl Fn(E) -> Self {
        move |error| Self::Member {
            member,
            why: error.to_string(),
        }
    }

    /// Reads texts of one form.
    pub(crate) fn members<T, C>(member: &'static str, texts: &[String]) -> Result<C, Self>
    where
        T: FromStr<Err: Display>,
        C: FromIterator<T>,
    {
        texts
            .iter()
            .map(|text| text.parse().map_err(Self::member(member)))
            .collect()
    }

    /// What becomes a leaf when the caller was authenticated: being turned away for what one is, or by the gate's rules.
    /// Mistakes of form are only counted.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Gate(GateError::Refused(refusal)) => Some(refusal.clone()),
            Self::WrongPrincipal { needed, .. } => Some(Refusal::NotYours(needed)),
            Self::ActingFor(why) => Some(Refusal::NotYours(why)),
            Self::Replayed => Some(Refusal::Replayed),
            _ => None,
        }
    }

    /// Said of a call before anybody was found to have signed it: whether the caller is to blame.
    pub(crate) fn is_strangers(&self) -> bool {
        !matches!(self, Self::Replayed) && self.said().status.is_client_error()
    }

    /// A stable word for metrics.
    pub(crate) fn kind(&self) -> &'static str {
        self.said().kind
    }

    /// Status, type and sentences. The one place that decides them.
    pub(crate) fn said(&self) -> Said {
        let words = match self {
            Self::Signature(error) => return signature(error),
            Self::Read(error) => return read(error),
            Self::Gate(GateError::Refused(refusal)) => return refusal::said(refusal),
            Self::Gate(GateError::Store(StoreFault::Unavailable(_))) => return unavailable(),
            Self::Gate(GateError::Store(StoreFault::Damaged(_)) | GateError::Damaged(_))
            | Self::Fault(_) => return fault(),
            Self::Gate(GateError::Store(StoreFault::OutcomeUnknown)) => words::OUTCOME_UNKNOWN,
            Self::Gate(GateError::Busy) => words::BUSY,
            Self::Gate(GateError::Journaled) => words::JOURNALED,
            Self::Gate(GateError::JournalWaits(_)) => words::JOURNAL_WAITS,
            Self::UnknownKey => words::UNKNOWN_PRINCIPAL,
            Self::WrongPrincipal { .. } => words::WRONG_PRINCIPAL,
            Self::ActingFor(_) => words::ACTING_FOR,
            Self::BodyTooLarge => words::TOO_LARGE,
            Self::BodyTooSlow => words::TOO_SLOW,
            Self::BodyBroken => words::BROKEN_BODY,
            Self::MediaType => words::WRONG_CONTENT_TYPE,
            Self::Member { .. } => words::MALFORMED_MEMBER,
            Self::Query(_) => words::MALFORMED_QUERY,
            Self::TargetTooLong => words::TARGET_TOO_LONG,
            Self::NoSuchPath => words::NO_SUCH_PATH,
            Self::Method => words::WRONG_METHOD,
            Self::Login(_) => words::LOGIN_REFUSED,
            Self::Replayed => words::REPLAYED,
            Self::TooMany => words::TOO_MANY,
            Self::NoSuchLeaf => words::NO_SUCH_LEAF,
        };
        Said {
            status: words.status,
            kind: words.kind,
            code: words.code,
            title: words.title,
            detail: self.to_string(),
            next: words.next,
        }
    }
}

/// All of them are "not authenticated": the sentence says which part of the profile was broken.
fn signature(error: &SignatureError) -> Said {
    let (kind, next) = match error {
        SignatureError::BadSignature => (
            "bad_signature",
            "Sign method, public URL with path and query, Content-Digest and Idempotency-Key exactly as they are sent.",
        ),
        SignatureError::BodyMismatch => (
            "body_mismatch",
            "Compute Content-Digest over the very bytes that are sent.",
        ),
        SignatureError::Expired => (
            "signature_expired",
            "Sign again; if that fails too, correct the clock.",
        ),
        SignatureError::CreatedInFuture => {
            ("signature_from_future", "Correct the clock and sign again.")
        }
        SignatureError::KeyMismatch | SignatureError::AlgorithmMismatch => (
            "wrong_key",
            "Name the key that signs by its RFC 7638 thumbprint.",
        ),
        SignatureError::MissingHeader(_) => (
            "unsigned",
            "Sign the call as the API document describes under `proof`; every call is signed.",
        ),
        SignatureError::RepeatedHeader(_)
        | SignatureError::MalformedHeader(_)
        | SignatureError::NotOneSignature
        | SignatureError::Components
        | SignatureError::MissingParameter(_)
        | SignatureError::Parameter
        | SignatureError::Tag
        | SignatureError::Lifetime
        | SignatureError::Target
        | SignatureError::Evidence => (
            "malformed_signature",
            "Compare the headers with the example in the API document, member by member.",
        ),
    };
    Said {
        status: StatusCode::UNAUTHORIZED,
        kind,
        code: ProblemCode::Unauthenticated,
        title: "The call is not signed as it must be",
        detail: error.to_string(),
        next,
    }
}

fn read(error: &ReadError) -> Said {
    let (status, kind, code, title) = match error {
        ReadError::TooLarge => return ApiError::BodyTooLarge.said(),
        ReadError::Malformed(_) => (
            StatusCode::BAD_REQUEST,
            "malformed_body",
            ProblemCode::Malformed,
            "The body cannot be read",
        ),
        ReadError::Bounds(_) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "out_of_bounds",
            ProblemCode::Unprocessable,
            "A member of the body is out of bounds",
        ),
    };
    Said {
        status,
        kind,
        code,
        title,
        detail: error.to_string(),
        next: "Correct the body as the message says and send it again.",
    }
}

fn unavailable() -> Said {
    Said {
        status: StatusCode::SERVICE_UNAVAILABLE,
        kind: "unavailable",
        code: ProblemCode::Unavailable,
        title: "The gate cannot decide now",
        detail: "the store does not answer, so nothing was decided and nothing let out".to_owned(),
        next: "Send the call again after the time in Retry-After, with the same Idempotency-Key.",
    }
}

/// Nothing about the cause: who asks may be who made it happen.
fn fault() -> Said {
    Said {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        kind: "fault",
        code: ProblemCode::Fault,
        title: "The gate failed",
        detail: String::new(),
        next: "Nothing was let out. Give the request_id to the operators of the gate.",
    }
}

impl Said {
    /// The answer as it is sent.
    pub(crate) fn into_response(self, request_id: String) -> Response {
        let mut headers = HeaderMap::with_capacity(3);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE));
        match self.status {
            StatusCode::UNAUTHORIZED => {
                let challenge = HeaderValue::from_static("Signature realm=\"gatehold\"");
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        let problem = Problem {
            kind: format!("{TYPE_PREFIX}{}", self.kind),
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
            code: self.code,
            next: self.next.to_owned(),
            instance: None,
            request_id: Some(request_id),
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        (self.status, headers, body).into_response()
    }
}

/// Carries the error to the layer that renders, counts and logs it, see [`crate::observe`].
#[derive(Debug, Clone)]
pub(crate) struct Failed(pub Arc<ApiError>);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.said().status.into_response();
        response.extensions_mut().insert(Failed(Arc::new(self)));
        response
    }
}

/// In front of the stable word in `type`.
pub(crate) const TYPE_PREFIX: &str = "urn:gatehold:problem:";

#[cfg(test)]
mod tests;
