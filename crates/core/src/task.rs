//! Tasks: a workload's declared unit of work, its boundary, and what it has done so far.
//!
//! The row changes only when a task begins or ends. What accumulates (steps, labels, systems) are counters, because a
//! busy workload would otherwise wait for its own row.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::commit::CounterKey;
use crate::hash::Hash;
use crate::ids::{DescriptorId, HumanId, ResourceId, TargetId, TaskId, WorkloadId};
use crate::request::RequestRecord;
use crate::tier::Tier;
use crate::time::Timestamp;

/// What a task may touch (M022). An empty set permits nothing: no blank is permissive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boundary {
    /// Kinds of action.
    pub descriptors: BTreeSet<DescriptorId>,
    /// Targets.
    pub targets: BTreeSet<TargetId>,
    /// Resources, exact or by a prefix ending in `/`.
    pub resources: BTreeSet<ResourceId>,
    /// At most so many steps.
    pub steps: u64,
    /// Nothing after this time.
    pub not_after: Timestamp,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Steps may be taken.
    Open,
    /// Over; its grants ended with it.
    Ended,
}

impl TaskState {
    /// The name stored and printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ended => "ended",
        }
    }
}

/// The row of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// Whose.
    pub workload: WorkloadId,
    /// The key that began it: only that key may take steps in it or end it.
    pub key: Hash,
    /// Hash of the purpose, which is fixed from the start.
    pub purpose: Hash,
    /// On whose behalf, if somebody's.
    #[serde(deserialize_with = "crate::request::record::stated")]
    pub on_behalf_of: Option<HumanId>,
    /// Whether the gate knows that from a signature or an enforcement point.
    pub attested: bool,
    /// What it may touch, if it said so.
    #[serde(deserialize_with = "crate::request::record::stated")]
    pub boundary: Option<Boundary>,
    /// Where it stands.
    pub state: TaskState,
    /// When it began.
    pub started_at: Timestamp,
}

/// Labels a step adds to its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepLabels {
    /// It reads sensitive data.
    pub sensitive: bool,
    /// It takes in content that strangers can write.
    pub untrusted: bool,
    /// It reaches outside.
    pub external: bool,
}

/// What a task has accumulated, read from its counters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    /// Steps decided so far; its value is also the chain's version.
    pub steps: u64,
    /// Steps that read sensitive data.
    pub sensitive: u64,
    /// Steps that took in untrusted content.
    pub untrusted: u64,
    /// Steps that reached outside.
    pub external: u64,
    /// Steps of amber tier.
    pub amber: u64,
    /// Steps of red tier.
    pub red: u64,
    /// Steps on the request's own target.
    pub same_target: u64,
    /// Targets that some step was on.
    pub systems: u64,
}

impl Chain {
    /// The counters of a task, in the order of [`Chain::from_counts`].
    #[must_use]
    pub fn counters(task: &TaskId, target: &TargetId) -> [CounterKey; 8] {
        let key = |what: &str| CounterKey(format!("task:{task}:{what}"));
        [
            key("steps"),
            key("sensitive"),
            key("untrusted"),
            key("external"),
            key("amber"),
            key("red"),
            key(&format!("target:{target}")),
            key("systems"),
        ]
    }

    /// The task whose chain a counter is a part of.
    #[must_use]
    pub fn task_of(counter: &CounterKey) -> Option<TaskId> {
        let (task, _) = counter.0.strip_prefix("task:")?.split_once(':')?;
        task.parse().ok()
    }

    /// From counter values in the order of [`Chain::counters`].
    #[must_use]
    pub const fn from_counts(
        [
            steps,
            sensitive,
            untrusted,
            external,
            amber,
            red,
            same_target,
            systems,
        ]: [u64; 8],
    ) -> Self {
        Self {
            steps,
            sensitive,
            untrusted,
            external,
            amber,
            red,
            same_target,
            systems,
        }
    }

    /// The chain around a request: what its own step added, if it was counted already, is no reason to ask about it.
    #[must_use]
    pub fn around(&self, own: &RequestRecord) -> Self {
        let Some(tier) = own.counted else {
            return self.clone();
        };
        let without = |count: u64, own: bool| count.saturating_sub(u64::from(own));
        let same_target = without(self.same_target, true);
        Self {
            steps: without(self.steps, true),
            sensitive: without(self.sensitive, own.labels.sensitive),
            untrusted: without(self.untrusted, own.labels.untrusted),
            external: without(self.external, own.labels.external),
            amber: without(self.amber, tier == Tier::Amber),
            red: without(self.red, tier == Tier::Red),
            same_target,
            systems: without(self.systems, same_target == 0),
        }
    }

    /// How many targets the task is on once a step is taken on the one that this chain was read for.
    #[must_use]
    pub const fn systems_with_this(&self) -> u64 {
        if self.same_target == 0 {
            self.systems.saturating_add(1)
        } else {
            self.systems
        }
    }

    /// The highest tier of any step (M107).
    #[must_use]
    pub const fn tier(&self) -> Tier {
        match (self.red, self.amber) {
            (0, 0) => Tier::Green,
            (0, _) => Tier::Amber,
            _ => Tier::Red,
        }
    }

    /// Whether some step was on another target than this request's.
    #[must_use]
    pub const fn crosses_systems(&self) -> bool {
        self.same_target < self.steps
    }
}

/// Whether `resource` is one of `set`, or lies under a member that ends in `/`.
#[must_use]
pub fn covers(set: &BTreeSet<ResourceId>, resource: &ResourceId) -> bool {
    let name = resource.as_str();
    // A path with a `..` or `.` segment may resolve elsewhere: it lies under no prefix.
    let plain = !name
        .split('/')
        .any(|segment| segment == ".." || segment == ".");
    set.contains(resource)
        || plain
            && set
                .iter()
                .any(|prefix| prefix.as_str().ends_with('/') && name.starts_with(prefix.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_end_at_a_slash_and_do_not_climb() {
        let set: BTreeSet<ResourceId> = ["shop/".parse().unwrap(), "logs".parse().unwrap()].into();
        for (name, inside) in [
            ("shop/orders", true),
            ("shop", false),
            ("shopping/x", false),
            ("shop/../hr", false),
            ("logs", true),
            ("logs/x", false),
        ] {
            assert_eq!(covers(&set, &name.parse().unwrap()), inside, "{name}");
        }
        assert!(!covers(&BTreeSet::new(), &"x".parse().unwrap()));
    }

    #[test]
    fn a_chain_is_as_risky_as_its_riskiest_step() {
        let tier = |amber, red| {
            Chain {
                steps: 9,
                amber,
                red,
                ..Chain::default()
            }
            .tier()
        };
        assert_eq!(
            (tier(0, 0), tier(1, 0), tier(0, 1), tier(3, 1)),
            (Tier::Green, Tier::Amber, Tier::Red, Tier::Red)
        );
    }
}
