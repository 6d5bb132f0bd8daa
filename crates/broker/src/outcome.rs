//! How a call ended, in the words of the executor port. Failed is said only when nothing was done at the target.

use serde_json::json;

pub(crate) use gatehold_gate::ports::executor::{Ending, Execution};

/// The stable codes of executions.
pub(crate) mod code {
    /// Done.
    pub(crate) const OK: &str = "ok";
    /// Done; an injected secret was cut out of the answer.
    pub(crate) const REDACTED: &str = "redacted";
    /// Done; the answer's body could not be read to its end or not be cleared of secrets.
    pub(crate) const BODY_LOST: &str = "body_lost";
    /// The target said no.
    pub(crate) const REFUSED: &str = "target_refused";
    /// The target failed.
    pub(crate) const TARGET_ERROR: &str = "target_error";
    /// The target points elsewhere; nobody goes there.
    pub(crate) const REDIRECT: &str = "redirect";
    /// It would have touched or returned more than a cap.
    pub(crate) const CAP: &str = "cap_exceeded";
    /// The target is not in the state that was approved.
    pub(crate) const PRECONDITION: &str = "precondition";
    /// No connection.
    pub(crate) const UNREACHABLE: &str = "unreachable";
    /// Too slow.
    pub(crate) const TIMEOUT: &str = "timeout";
    /// The connection broke.
    pub(crate) const LOST: &str = "lost";
    /// The approved bytes are not a call this target can make.
    pub(crate) const PAYLOAD: &str = "payload_unusable";
    /// The limits cannot be kept.
    pub(crate) const LIMITS: &str = "limits_unusable";
    /// The result has a form that cannot be handed over exactly.
    pub(crate) const RESULT: &str = "result_unreadable";
    /// The target's own secret could not be read.
    pub(crate) const SECRET: &str = "secret_unavailable";
    /// No such target here.
    pub(crate) const NO_TARGET: &str = "target_unknown";
    /// It was handed over before.
    pub(crate) const SPENT: &str = "already_spent";
    /// An executor elsewhere did not find it proven.
    pub(crate) const REFUSED_THERE: &str = "executor_refused";
    /// What proves it could not be read.
    pub(crate) const EVIDENCE: &str = "evidence_unreadable";
    /// A code of an executor of another version.
    const OTHER: &str = "other";

    /// The code that another process tells, as one of these.
    pub(crate) fn known(told: &str) -> &'static str {
        const ALL: [&str; 18] = [
            OK,
            REDACTED,
            BODY_LOST,
            REFUSED,
            TARGET_ERROR,
            REDIRECT,
            CAP,
            PRECONDITION,
            UNREACHABLE,
            TIMEOUT,
            LOST,
            PAYLOAD,
            LIMITS,
            RESULT,
            SECRET,
            NO_TARGET,
            SPENT,
            REFUSED_THERE,
        ];
        ALL.into_iter().find(|code| *code == told).unwrap_or(OTHER)
    }
}

/// Longest message, in characters. A target's error text is a way out for data, so it is short.
const MESSAGE_CHARS_MAX: usize = 300;

/// A call that ended early: how, and what the workload may know about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) ending: Ending,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Stop {
    /// Nothing was done.
    pub(crate) fn failed(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            ending: Ending::Failed,
            code,
            message: message.into(),
        }
    }

    /// Nobody can tell.
    pub(crate) fn unknown(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            ending: Ending::Unknown,
            code,
            message: message.into(),
        }
    }
}

impl From<Stop> for Execution {
    fn from(stop: Stop) -> Self {
        let message: String = stop.message.chars().take(MESSAGE_CHARS_MAX).collect();
        Self {
            ending: stop.ending,
            code: stop.code,
            quantity: None,
            status: None,
            media_type: "application/json".to_owned(),
            body: json!({ "code": stop.code, "message": message })
                .to_string()
                .into_bytes(),
            truncated: false,
        }
    }
}
