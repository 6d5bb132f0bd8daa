//! Why a call gave no answer, typed so that its owner can tell "the gate said no" from "nobody knows".

use super::{AmbientError, SignerError};
use crate::wire::{BoundsError, Problem};

/// A call that gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The configuration cannot be used.
    #[error("client configuration: {0}")]
    Config(String),
    /// The request is out of bounds; it was not sent.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    /// The signer refused; the request was not sent.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// No randomness; the request was not sent.
    #[error(transparent)]
    Ambient(#[from] AmbientError),
    /// The gate could not be reached; the request was not sent.
    #[error("cannot connect to the gate: {0}; check its address and that it runs")]
    Connect(#[source] reqwest::Error),
    /// The connection broke or the time was up; the gate may or may not have acted.
    #[error(
        "no answer from the gate: {0}; ask for the status, or send again with the same Idempotency-Key"
    )]
    NoAnswer(#[source] reqwest::Error),
    /// The gate answered with a problem.
    #[error(transparent)]
    Problem(Box<Problem>),
    /// The answer is larger than the bound.
    #[error("the answer has more than {bytes_max} bytes and was not read")]
    AnswerTooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// The answer is not of the API: another status, a redirect, or a body that cannot be read.
    #[error(
        "the answer (status {status}) is not one of this API: {what}; check that the URL is that of a gate"
    )]
    Foreign {
        /// The status.
        status: u16,
        /// What was wrong.
        what: String,
    },
}

impl ClientError {
    /// Whether the gate may have acted on the call although no answer came. Then only the same Idempotency-Key is safe.
    #[must_use]
    pub fn may_have_acted(&self) -> bool {
        match self {
            Self::NoAnswer(_) | Self::AnswerTooLarge { .. } => true,
            // A redirect or a foreign 4xx did nothing; a success or a server error may have.
            Self::Foreign { status, .. } => !(300..500).contains(status),
            Self::Problem(problem) => problem.status >= 500,
            Self::Config(_)
            | Self::Bounds(_)
            | Self::Signer(_)
            | Self::Ambient(_)
            | Self::Connect(_) => false,
        }
    }

    /// What went wrong, in one sentence without what to do next: for whoever says that in words of their own. Of a chain of
    /// errors only the innermost, because what lies between says the same again.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::Connect(error) => format!("cannot connect to the gate: {}", innermost(error)),
            Self::NoAnswer(error) => format!("no answer from the gate: {}", innermost(error)),
            Self::Foreign { status, what } => {
                format!("the answer (status {status}) is not one of this API: {what}")
            }
            other => other.to_string(),
        }
    }

    /// The problem, when the gate answered with one.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }
}

/// The innermost cause.
fn innermost(error: &reqwest::Error) -> &dyn std::error::Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}
