//! `GET /v1/inbox`: what waits for this human. Only text that the gate made stands here; nothing of the requester's.

use super::decision::Tier;
use serde::{Deserialize, Serialize};

/// The inbox of one human.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Inbox {
    /// What waits, most urgent first.
    pub items: Vec<InboxItem>,
}

/// An input that raised a tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Raised {
    /// Its name in the table of tiers.
    pub input: String,
    /// Whether a part of it is not known.
    pub unknown: bool,
}

/// What stops a request, and who said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoppedItem {
    /// A stable code: `lockdown`, `workload_stopped`, `task_stopped`, `target_stopped`, `resource_stopped`, `workload_paused`.
    pub code: String,
    /// The person who said it last, or the signal with its sender and issuer; nothing where no leaf says who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When, store time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
}

/// One held request that this human may review. Says how many people are needed, never how many have reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InboxItem {
    /// The request.
    pub request: String,
    /// Tier of the action.
    pub tier: Tier,
    /// What raised it; what is raised by more, and by what nobody knows, stands above the others of its tier.
    #[serde(default)]
    pub raised: Vec<Raised>,
    /// The descriptor's sentence.
    pub sentence: String,
    /// Where it would be executed.
    pub target: String,
    /// What it would touch.
    pub resource: String,
    /// Who asks.
    pub requester: String,
    /// Why it is held, in stable codes.
    pub why: Vec<String>,
    /// What stops it now, or whoever asks it: nothing of it is let out until that ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<StoppedItem>,
    /// When it was asked, store time.
    pub submitted_at: i64,
    /// How many people must review.
    pub people_needed: u32,
    /// Last store time a review may commit.
    pub decide_by: i64,
    /// Who said they are looking at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_by: Option<String>,
    /// Whether this human may decide it; otherwise it is only shown.
    pub mine: bool,
    /// Whether this human is asked to decide it by now: some are asked only when others have not decided in time.
    #[serde(default)]
    pub asked: bool,
    /// Whether this human has signed it already: it waits for others.
    #[serde(default)]
    pub signed: bool,
    /// How often it was escalated: by a reviewer, or because nobody decided in time.
    #[serde(default)]
    pub escalations: u32,
}
