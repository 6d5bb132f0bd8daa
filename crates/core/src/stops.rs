//! Everything that is stopped right now. Setting a stop is the safe direction and needs one entitled person; lifting
//! one is a held action.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::{ResourceId, TargetId, TaskId, WorkloadId};
use crate::task::covers;

/// The one row of stops.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stops {
    /// Lockdown: nothing is let out at all.
    pub everything: bool,
    /// Stopped workloads.
    pub workloads: BTreeSet<WorkloadId>,
    /// Stopped tasks.
    pub tasks: BTreeSet<TaskId>,
    /// Stopped targets.
    pub targets: BTreeSet<TargetId>,
    /// Stopped resources, exact or by a prefix ending in `/`.
    pub resources: BTreeSet<ResourceId>,
}

impl Stops {
    /// What stops an action of this description, if anything does.
    #[must_use]
    pub fn reason(
        &self,
        workload: &WorkloadId,
        task: Option<&TaskId>,
        target: &TargetId,
        resource: &ResourceId,
    ) -> Option<&'static str> {
        if self.everything {
            return Some("lockdown");
        }
        if self.workloads.contains(workload) {
            return Some("workload_stopped");
        }
        if task.is_some_and(|task| self.tasks.contains(task)) {
            return Some("task_stopped");
        }
        if self.targets.contains(target) {
            return Some("target_stopped");
        }
        covers(&self.resources, resource).then_some("resource_stopped")
    }

    /// The union: stopping never lifts.
    #[must_use]
    pub fn and(&self, more: &Self) -> Self {
        Self {
            everything: self.everything || more.everything,
            workloads: self.workloads.union(&more.workloads).cloned().collect(),
            tasks: self.tasks.union(&more.tasks).copied().collect(),
            targets: self.targets.union(&more.targets).cloned().collect(),
            resources: self.resources.union(&more.resources).cloned().collect(),
        }
    }

    /// What is left after lifting; lifts exactly what is named.
    #[must_use]
    pub fn without(&self, lifted: &Self) -> Self {
        Self {
            everything: self.everything && !lifted.everything,
            workloads: self
                .workloads
                .difference(&lifted.workloads)
                .cloned()
                .collect(),
            tasks: self.tasks.difference(&lifted.tasks).copied().collect(),
            targets: self.targets.difference(&lifted.targets).cloned().collect(),
            resources: self
                .resources
                .difference(&lifted.resources)
                .cloned()
                .collect(),
        }
    }
}
