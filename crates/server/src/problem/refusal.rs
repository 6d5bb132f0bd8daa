//! The status and title of each refusal of core. Code, sentence and next step are core's own.

use gatehold_client::wire::ProblemCode as Code;
use gatehold_core::action::ActionError;
use gatehold_core::refusal::Refusal;
use http::StatusCode;

use super::Said;

pub(super) fn said(refusal: &Refusal) -> Said {
    let (status, code, title) = status(refusal);
    Said {
        status,
        kind: refusal.code(),
        code,
        title,
        detail: refusal.to_string(),
        next: refusal.next(),
    }
}

/// Exhaustive: how a new refusal is said is decided here, not by a default.
const fn status(refusal: &Refusal) -> (StatusCode, Code, &'static str) {
    const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
    match refusal {
        Refusal::Action(ActionError::EnvelopeSize(_) | ActionError::PayloadSize(_)) => (
            StatusCode::PAYLOAD_TOO_LARGE,
            Code::TooLarge,
            "The action is too large",
        ),
        Refusal::Action(
            ActionError::Envelope(_)
            | ActionError::Payload(_)
            | ActionError::Member { .. }
            | ActionError::Digest,
        ) => (
            UNPROCESSABLE,
            Code::Unprocessable,
            "The action cannot be read",
        ),
        Refusal::UnknownDescriptor => (
            UNPROCESSABLE,
            Code::Unprocessable,
            "The kind of action is not known",
        ),
        Refusal::UnknownTarget => (
            UNPROCESSABLE,
            Code::Unprocessable,
            "The target is not known",
        ),
        Refusal::MediaType => (
            UNPROCESSABLE,
            Code::Unprocessable,
            "The payload is of another type",
        ),
        Refusal::Claims(_) => (
            UNPROCESSABLE,
            Code::Unprocessable,
            "The claims cannot be used",
        ),
        Refusal::InlineSecret { .. } => (
            UNPROCESSABLE,
            Code::Unprocessable,
            "The request holds a secret",
        ),
        Refusal::UnknownPrincipal => (
            StatusCode::UNAUTHORIZED,
            Code::Unauthenticated,
            "The key is not known",
        ),
        Refusal::NotYours(_) => (
            StatusCode::FORBIDDEN,
            Code::Forbidden,
            "This is not permitted",
        ),
        Refusal::Task(_) => (
            StatusCode::CONFLICT,
            Code::Conflict,
            "The task cannot be used",
        ),
        Refusal::Stopped(_) => (StatusCode::LOCKED, Code::Stopped, "This is stopped"),
        Refusal::NoSuchRequest => (
            StatusCode::NOT_FOUND,
            Code::NotFound,
            "There is no such request for this key",
        ),
        Refusal::WrongState { .. } => (
            StatusCode::CONFLICT,
            Code::Conflict,
            "The request is in another state",
        ),
        Refusal::TooLate(_) => (StatusCode::GONE, Code::Gone, "It is too late"),
        Refusal::ChangedSinceShown => (
            StatusCode::CONFLICT,
            Code::Conflict,
            "The request has changed",
        ),
        Refusal::Review(_) => (
            UNPROCESSABLE,
            Code::Unprocessable,
            "The review does not count",
        ),
        Refusal::OwnRequest => (
            StatusCode::FORBIDDEN,
            Code::Forbidden,
            "Nobody decides on a request of their own",
        ),
        Refusal::NotEntitled => (
            StatusCode::FORBIDDEN,
            Code::Forbidden,
            "You are not entitled to decide here",
        ),
        Refusal::Factor { .. } => (
            StatusCode::FORBIDDEN,
            Code::Forbidden,
            "The key is not strong enough",
        ),
        Refusal::AlreadyDecided => (
            StatusCode::CONFLICT,
            Code::Conflict,
            "You have decided already",
        ),
        Refusal::Criterion(_) => (UNPROCESSABLE, Code::Unprocessable, "A criterion is not met"),
        Refusal::Limits => (
            UNPROCESSABLE,
            Code::Unprocessable,
            "Limits can only be lowered",
        ),
        Refusal::Stale => (StatusCode::CONFLICT, Code::Conflict, "The gate has changed"),
        Refusal::NotProven(_) => (
            StatusCode::CONFLICT,
            Code::Conflict,
            "The stored evidence proves nothing",
        ),
        Refusal::Replayed => (
            StatusCode::UNAUTHORIZED,
            Code::Replayed,
            "This was sent before",
        ),
        Refusal::IdempotencyMismatch => (
            UNPROCESSABLE,
            Code::IdempotencyMismatch,
            "The Idempotency-Key names another body",
        ),
    }
}
