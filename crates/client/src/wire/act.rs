//! `POST /v1/requests/{id}/acts`: what a human can do besides a signed approve: deny, ask, escalate, claim, suspicious.
//! All of them are safe directions; signed where the surface can, else recorded as unsigned with their channel.

use super::bounds::{self, BoundsError, CONTEXT_BYTES_MAX, SSHSIG_BYTES_MAX, TEXT_BYTES_MAX};
use super::bytes::Base64Bytes;
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
    /// The context bytes that were signed, when the act is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Base64Bytes>,
    /// The SSHSIG over the context, when the act is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sshsig: Option<String>,
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
            (Act::Ask | Act::Escalate | Act::Claim | Act::Suspicious, Some(_)) => {
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
        if self.context.is_some() != self.sshsig.is_some() {
            return Err(BoundsError::new(
                "sshsig",
                "and `context` come together or not at all",
            ));
        }
        bounds::optional("text", self.text.as_deref(), TEXT_BYTES_MAX)?;
        bounds::optional("sshsig", self.sshsig.as_deref(), SSHSIG_BYTES_MAX)?;
        self.context.as_ref().map_or(Ok(()), |context| {
            bounds::bytes("context", &context.0, CONTEXT_BYTES_MAX)
        })
    }
}
