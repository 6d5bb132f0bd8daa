//! `POST /v1/requests`: one action, and what the requester claims about it.

use super::bounds::{
    self, BoundsError, ENVELOPE_BYTES_MAX, NAME_BYTES_MAX, PAYLOAD_BYTES_MAX, PROMPT_BYTES_MAX,
    TEXT_BYTES_MAX,
};
use super::bytes::Base64Bytes;
use super::request::{WireRequest, unique_names};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The body of `POST /v1/requests`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubmitRequest {
    /// The envelope: strict JSON, canonical (RFC 8785), at most 64 KiB.
    pub envelope: Base64Bytes,
    /// The payload, verbatim, at most 1 MiB. Its size and hash stand in the envelope.
    pub payload: Base64Bytes,
    /// What the requester says about the action. Shown as CLAIMED, never as fact.
    #[serde(default)]
    pub claims: Claims,
}

/// What the requester claims. Nothing here lowers an outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Claims {
    /// Why the action is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What supports the reason, at most 32 items.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// What the workload was asked to do, in the words it says it got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Where the prompt comes from. What a workload says for itself is `claimed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_source: Option<PromptSource>,
    /// What a model recommends. It can raise a tier, never lower it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_recommendation: Option<String>,
    /// A ticket or change reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// How the effect would be undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_plan: Option<String>,
    /// What was tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<String>,
    /// Further claims by name, at most 32.
    #[serde(
        default,
        deserialize_with = "unique_names",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub more: BTreeMap<String, String>,
}

/// Who vouches for a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum PromptSource {
    /// A human's key signed it.
    HumanSigned,
    /// An enforcement point saw the human type it.
    Observed,
    /// The workload says so.
    Claimed,
}

impl WireRequest for SubmitRequest {
    fn check(&self) -> Result<(), BoundsError> {
        if self.envelope.0.is_empty() {
            return Err(BoundsError::new(
                "envelope",
                "is empty; send the canonical envelope",
            ));
        }
        bounds::bytes("envelope", &self.envelope.0, ENVELOPE_BYTES_MAX)?;
        bounds::bytes("payload", &self.payload.0, PAYLOAD_BYTES_MAX)?;
        self.claims.check()
    }
}

impl Claims {
    /// Checks the bounds.
    ///
    /// # Errors
    /// The first claim out of bounds.
    pub fn check(&self) -> Result<(), BoundsError> {
        bounds::optional("reason", self.reason.as_deref(), TEXT_BYTES_MAX)?;
        bounds::texts("evidence", &self.evidence, TEXT_BYTES_MAX)?;
        bounds::optional("prompt", self.prompt.as_deref(), PROMPT_BYTES_MAX)?;
        bounds::optional(
            "model_recommendation",
            self.model_recommendation.as_deref(),
            TEXT_BYTES_MAX,
        )?;
        bounds::optional("ticket", self.ticket.as_deref(), NAME_BYTES_MAX)?;
        bounds::optional(
            "rollback_plan",
            self.rollback_plan.as_deref(),
            TEXT_BYTES_MAX,
        )?;
        bounds::optional("tests", self.tests.as_deref(), TEXT_BYTES_MAX)?;
        bounds::map("more", &self.more, TEXT_BYTES_MAX)
    }
}
