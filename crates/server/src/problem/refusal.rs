//! The status and title of each refusal of core. Code, sentence and next step are core's own.

use gatehold_client::wire::ProblemCode as Code;
use gatehold_core::action::ActionError;
use gatehold_core::refusal::Refusal;
use http::StatusCode;

use super::Said;

pub(super) fn said(refusal: &Refusal) -> Said {
    let (status, code) = class(refusal);
    Said {
        status,
        kind: refusal.code(),
        code,
        title: title(refusal),
        detail: refusal.to_string(),
        next: refusal.next(),
    }
}

/// Exhaustive: how a new refusal is said is decided here, not by a default.
const fn class(refusal: &Refusal) -> (StatusCode, Code) {
    match refusal {
        Refusal::Action(ActionError::EnvelopeSize(_) | ActionError::PayloadSize(_)) => {
            (StatusCode::PAYLOAD_TOO_LARGE, Code::TooLarge)
        }
        Refusal::Action(
            ActionError::Envelope(_)
            | ActionError::Payload(_)
            | ActionError::Member { .. }
            | ActionError::Digest,
        )
        | Refusal::UnknownDescriptor
        | Refusal::UnknownTarget
        | Refusal::MediaType
        | Refusal::NotIssuable(_)
        | Refusal::Claims(_)
        | Refusal::InlineSecret { .. }
        | Refusal::Review(_)
        | Refusal::Criterion(_)
        | Refusal::Fact(_)
        | Refusal::Reason(_)
        | Refusal::Limits
        | Refusal::Bundle(_)
        | Refusal::Correction(_)
        | Refusal::Glass(_)
        | Refusal::PostReview(_)
        | Refusal::Subscription(_)
        | Refusal::CapNotEnforced { .. } => (StatusCode::UNPROCESSABLE_ENTITY, Code::Unprocessable),
        Refusal::UnknownPrincipal => (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
        Refusal::NotYours(_)
        | Refusal::OwnRequest
        | Refusal::NotEntitled
        | Refusal::Factor { .. }
        | Refusal::Signer { .. } => (StatusCode::FORBIDDEN, Code::Forbidden),
        Refusal::Task(_)
        | Refusal::WrongState { .. }
        | Refusal::NotAgain(_)
        | Refusal::ChangedSinceShown
        | Refusal::AlreadyDecided
        | Refusal::Stale
        | Refusal::Erasure(_)
        | Refusal::TooManyCorrections
        | Refusal::NotProven(_) => (StatusCode::CONFLICT, Code::Conflict),
        Refusal::Stopped(_) => (StatusCode::LOCKED, Code::Stopped),
        Refusal::NoSuchRequest => (StatusCode::NOT_FOUND, Code::NotFound),
        Refusal::TooLate(_) => (StatusCode::GONE, Code::Gone),
        Refusal::Replayed => (StatusCode::UNAUTHORIZED, Code::Replayed),
        Refusal::IdempotencyMismatch => {
            (StatusCode::UNPROCESSABLE_ENTITY, Code::IdempotencyMismatch)
        }
    }
}

/// One line for each kind.
const fn title(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Action(ActionError::EnvelopeSize(_) | ActionError::PayloadSize(_)) => {
            "The action is too large"
        }
        Refusal::Action(
            ActionError::Envelope(_)
            | ActionError::Payload(_)
            | ActionError::Member { .. }
            | ActionError::Digest,
        ) => "The action cannot be read",
        Refusal::UnknownDescriptor => "The kind of action is not known",
        Refusal::UnknownTarget => "The target is not known",
        Refusal::MediaType => "The payload is of another type",
        Refusal::NotAgain(_) => "The credential is not made anew",
        Refusal::NotIssuable(_) => "The target makes no credential of this",
        Refusal::Claims(_) => "The claims cannot be used",
        Refusal::InlineSecret { .. } => "The request holds a secret",
        Refusal::UnknownPrincipal => "The key is not known",
        Refusal::NotYours(_) => "This is not permitted",
        Refusal::Task(_) => "The task cannot be used",
        Refusal::Stopped(_) => "This is stopped",
        Refusal::NoSuchRequest => "There is no such request for this key",
        Refusal::WrongState { .. } => "The request is in another state",
        Refusal::TooLate(_) => "It is too late",
        Refusal::ChangedSinceShown => "The request has changed",
        Refusal::Review(_) => "The review does not count",
        Refusal::OwnRequest => "Nobody decides on a request of their own",
        Refusal::NotEntitled => "You are not entitled to decide here",
        Refusal::Factor { .. } => "The key is not strong enough",
        Refusal::Signer { .. } => "It is to be signed with another kind of key",
        Refusal::AlreadyDecided => "You have decided already",
        Refusal::Criterion(_) => "A criterion is not met",
        Refusal::Fact(_) => "The question about the action is not answered",
        Refusal::Reason(_) => "Why it is approved is not said",
        Refusal::Limits => "Limits can only be lowered",
        Refusal::CapNotEnforced { .. } => "The target does not enforce this cap",
        Refusal::Stale => "The gate has changed",
        Refusal::NotProven(_) => "The stored evidence proves nothing",
        Refusal::Replayed => "This was sent before",
        Refusal::IdempotencyMismatch => "The Idempotency-Key names another body",
        Refusal::Bundle(_) => "The bundle is not sound",
        Refusal::Erasure(_) => "The attachment is erased or must stay",
        Refusal::Correction(_) => "This is no correction",
        Refusal::TooManyCorrections => "There are enough corrections",
        Refusal::Glass(_) => "The glass is not broken",
        Refusal::PostReview(_) => "This look afterwards does not count",
        Refusal::Subscription(_) => "This browser cannot be told",
    }
}
