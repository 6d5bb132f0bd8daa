//! What this crate itself says no with: status, stable word, title and next step of each.

use gatehold_client::wire::ProblemCode as Code;
use http::StatusCode;

/// One way of saying no; what happened this time comes from the error.
pub(super) struct Words {
    pub status: StatusCode,
    pub kind: &'static str,
    pub code: Code,
    pub title: &'static str,
    pub next: &'static str,
}

pub(super) const BUSY: Words = Words {
    status: StatusCode::SERVICE_UNAVAILABLE,
    kind: "busy",
    code: Code::Unavailable,
    title: "The gate is busy",
    next: "Send the same call again after the time in Retry-After, with the same Idempotency-Key.",
};

pub(super) const JOURNALED: Words = Words {
    status: StatusCode::ACCEPTED,
    kind: "journaled",
    code: Code::Journaled,
    title: "It is in force here and not in the ledger yet",
    next: "Nothing more is needed; the operators must bring the store back before anything else is decided.",
};

pub(super) const JOURNAL_WAITS: Words = Words {
    status: StatusCode::SERVICE_UNAVAILABLE,
    kind: "journal_waits",
    code: Code::Unavailable,
    title: "Revocations wait to be written to the ledger",
    next: "Send the same call again once the store works: the operators see why in `gatehold doctor` and the log.",
};

pub(super) const OUTCOME_UNKNOWN: Words = Words {
    status: StatusCode::SERVICE_UNAVAILABLE,
    kind: "outcome_unknown",
    code: Code::Unavailable,
    title: "It is not known whether the call was carried out",
    next: "Ask with `gatehold request show REQUEST`, or send the call again with the same Idempotency-Key.",
};

pub(super) const LOGIN_REFUSED: Words = Words {
    status: StatusCode::UNAUTHORIZED,
    kind: "login_refused",
    code: Code::Unauthenticated,
    title: "The login was refused",
    next: "Log in again with `gatehold login`, with an enrolled key and a correct clock.",
};

pub(super) const UNKNOWN_PRINCIPAL: Words = Words {
    status: StatusCode::UNAUTHORIZED,
    kind: "unknown_principal",
    code: Code::Unauthenticated,
    title: "The key is not known",
    next: "Sign with an enrolled key, or log in again with `gatehold login` if the session has ended.",
};

pub(super) const WRONG_PRINCIPAL: Words = Words {
    status: StatusCode::FORBIDDEN,
    kind: "wrong_principal",
    code: Code::Forbidden,
    title: "This call is not for this kind of caller",
    next: "Use the calls of the API document that are for this kind of key.",
};

pub(super) const ACTING_FOR: Words = Words {
    status: StatusCode::FORBIDDEN,
    kind: "acting_for",
    code: Code::Forbidden,
    title: "It is not clear for whom the caller acts",
    next: "Enforcement points name the workload as `?workload=`; workloads leave it out.",
};

pub(super) const TOO_LARGE: Words = Words {
    status: StatusCode::PAYLOAD_TOO_LARGE,
    kind: "too_large",
    code: Code::TooLarge,
    title: "The body is too large",
    next: "Send less; split the action if its payload is the reason.",
};

pub(super) const TOO_SLOW: Words = Words {
    status: StatusCode::REQUEST_TIMEOUT,
    kind: "too_slow",
    code: Code::Malformed,
    title: "The body came too slowly",
    next: "Send the call again, all at once.",
};

pub(super) const BROKEN_BODY: Words = Words {
    status: StatusCode::BAD_REQUEST,
    kind: "broken_body",
    code: Code::Malformed,
    title: "The body broke off",
    next: "Send the call again.",
};

pub(super) const WRONG_CONTENT_TYPE: Words = Words {
    status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
    kind: "wrong_content_type",
    code: Code::Malformed,
    title: "The body is of another type",
    next: "Send the header `Content-Type: application/json`.",
};

pub(super) const MALFORMED_MEMBER: Words = Words {
    status: StatusCode::BAD_REQUEST,
    kind: "malformed_member",
    code: Code::Malformed,
    title: "A value is not of its form",
    next: "Give the value as the gate printed it or as the API document describes it.",
};

pub(super) const MALFORMED_QUERY: Words = Words {
    status: StatusCode::BAD_REQUEST,
    kind: "malformed_query",
    code: Code::Malformed,
    title: "The query cannot be used",
    next: "Leave out what the API document does not list for this call.",
};

pub(super) const TARGET_TOO_LONG: Words = Words {
    status: StatusCode::URI_TOO_LONG,
    kind: "target_too_long",
    code: Code::TooLarge,
    title: "The request target is too long",
    next: "Send data in the body.",
};

pub(super) const NO_SUCH_PATH: Words = Words {
    status: StatusCode::NOT_FOUND,
    kind: "no_such_path",
    code: Code::NotFound,
    title: "There is nothing here",
    next: "Look up the path in the API document at /openapi.json.",
};

pub(super) const WRONG_METHOD: Words = Words {
    status: StatusCode::METHOD_NOT_ALLOWED,
    kind: "wrong_method",
    code: Code::Malformed,
    title: "The path does not take this method",
    next: "Use a method of the Allow header.",
};

pub(super) const REPLAYED: Words = Words {
    status: StatusCode::UNAUTHORIZED,
    kind: "replayed",
    code: Code::Replayed,
    title: "This was sent before",
    next: "Sign a new proof with a new nonce.",
};

pub(super) const TOO_MANY: Words = Words {
    status: StatusCode::TOO_MANY_REQUESTS,
    kind: "too_many",
    code: Code::TooMany,
    title: "Too many calls at once",
    next: "Wait for the time in Retry-After and send the call again.",
};

pub(super) const NO_SUCH_LEAF: Words = Words {
    status: StatusCode::NOT_FOUND,
    kind: "no_such_leaf",
    code: Code::NotFound,
    title: "The ledger does not have that",
    next: "Check the index against the tree head; a new leaf is provable within a second.",
};
