//! `POST /v1/tasks` and `POST /v1/tasks/{id}/end`: a workload declares a unit of work. The purpose is fixed here.

use super::bounds::{self, BoundsError, NAME_BYTES_MAX, TEXT_BYTES_MAX};
use super::request::WireRequest;
use serde::{Deserialize, Serialize};

/// The body of `POST /v1/tasks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskRequest {
    /// What the work is for, in the requester's words. Fixed for the life of the task.
    pub purpose: String,
    /// On whose behalf, as `subject@issuer`, when the workload says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// What the task may touch. An empty list permits nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<Boundary>,
}

/// What a task may touch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Boundary {
    /// Kinds of action, by descriptor id.
    pub descriptors: Vec<String>,
    /// Targets.
    pub targets: Vec<String>,
    /// Resources, exact or by a prefix that ends in `/`.
    pub resources: Vec<String>,
    /// At most so many steps.
    pub steps: u64,
    /// Nothing after this store time.
    pub not_after: i64,
}

impl WireRequest for TaskRequest {
    fn check(&self) -> Result<(), BoundsError> {
        bounds::required("purpose", &self.purpose, TEXT_BYTES_MAX)?;
        bounds::optional(
            "on_behalf_of",
            self.on_behalf_of.as_deref(),
            2 * NAME_BYTES_MAX,
        )?;
        self.boundary.as_ref().map_or(Ok(()), |boundary| {
            bounds::texts("descriptors", &boundary.descriptors, NAME_BYTES_MAX)?;
            bounds::texts("targets", &boundary.targets, NAME_BYTES_MAX)?;
            bounds::texts("resources", &boundary.resources, NAME_BYTES_MAX)
        })
    }
}

/// A task, as `POST /v1/tasks` answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Task {
    /// Its id, to be named in each envelope.
    pub task: String,
}
