//! `POST /v1/requests/{id}/acts`: what a human can do without a signature of their enrolled key: deny, ask, escalate,
//! claim, suspicious. All of them are safe directions, recorded with their channel. A signed denial is a review.

use super::bounds::{self, BoundsError, TEXT_BYTES_MAX};
use super::request::WireRequest;
use serde::{Deserialize, Serialize};

/// The body of `POST /v1/requests/{id}/acts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActRequest {
    /// Which act.
    pub act: Act,
    /// Why it is denied; required for `deny`, refused elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<DenyReason>,
    /// The question for `ask`, a remark otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// An act without an approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Act {
    /// Ends the request.
    Deny,
    /// Asks the requester; the clock keeps running.
    Ask,
    /// Asks more of those already listed; never lowers what is needed.
    Escalate,
    /// Says "I am looking at it".
    Claim,
    /// Takes that back.
    Release,
    /// Reports the request as suspicious.
    Suspicious,
}

/// Why a request is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum DenyReason {
    /// Nobody needs this.
    NotJustified,
    /// More than the purpose needs.
    TooBroad,
    /// Not now, or not this way.
    OperationallyUnsafe,
    /// What would be needed to decide is not known.
    ContextMissing,
    /// Looks like misuse.
    Suspicious,
    /// Against a rule the policy does not know.
    AgainstPolicy,
    /// Another way needs no access.
    BetterAlternative,
    /// It was already done or asked.
    Duplicate,
    /// Something else; the text says what.
    Other,
}

impl WireRequest for ActRequest {
    fn check(&self) -> Result<(), BoundsError> {
        match (self.act, self.reason) {
            (Act::Deny, None) => {
                return Err(BoundsError::new("reason", "is missing; a denial says why"));
            }
            (Act::Ask | Act::Escalate | Act::Claim | Act::Release | Act::Suspicious, Some(_)) => {
                return Err(BoundsError::new(
                    "reason",
                    "belongs to a denial only; use `text`",
                ));
            }
            (Act::Deny, Some(DenyReason::Other)) if self.text.is_none() => {
                return Err(BoundsError::new(
                    "text",
                    "is missing; reason `other` needs a sentence",
                ));
            }
            _ => {}
        }
        if self.act == Act::Ask && self.text.is_none() {
            return Err(BoundsError::new("text", "is missing; write the question"));
        }
        bounds::optional("text", self.text.as_deref(), TEXT_BYTES_MAX)
    }
}
