//! `POST /v1/stops`: stop a workload, a task, a target, a resource or everything, at once. Lifting a stop is a held action.

use super::bounds::{self, BoundsError, NAME_BYTES_MAX, TEXT_BYTES_MAX};
use super::request::WireRequest;
use serde::{Deserialize, Serialize};

/// The body of `POST /v1/stops`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StopRequest {
    /// What is stopped.
    pub scope: StopScope,
    /// Which workload, task, target or resource; absent for `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why.
    pub reason: String,
}

/// What a stop covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum StopScope {
    /// One workload.
    Workload,
    /// One task.
    Task,
    /// One target.
    Target,
    /// One resource, or all below a prefix that ends in `/`.
    Resource,
    /// Everything: lockdown.
    All,
}

/// Everything that is stopped now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stops {
    /// Lockdown: nothing is let out at all.
    pub everything: bool,
    /// Stopped workloads.
    pub workloads: Vec<String>,
    /// Stopped tasks.
    pub tasks: Vec<String>,
    /// Stopped targets.
    pub targets: Vec<String>,
    /// Stopped resources, exact or by a prefix that ends in `/`.
    pub resources: Vec<String>,
    /// Set when the name that was just stopped is that of no enrolled workload. It is stopped nevertheless.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub unknown_workload: bool,
}

impl WireRequest for StopRequest {
    fn check(&self) -> Result<(), BoundsError> {
        // A forgotten name must not stop everything, nor a superfluous one stop only a part.
        if (self.scope == StopScope::All) != self.name.is_none() {
            return Err(BoundsError::new(
                "name",
                "is given exactly when the scope is not `all`",
            ));
        }
        bounds::optional("name", self.name.as_deref(), 2 * NAME_BYTES_MAX)?;
        bounds::required("reason", &self.reason, TEXT_BYTES_MAX)
    }
}
