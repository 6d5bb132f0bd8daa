//! Whether people are asked about what needs nobody: low reads and declared routine must pass when nothing is unusual.

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy::{ActionConstraint, PrincipalConstraint, ResourceConstraint};
use gatehold_core::descriptor::Descriptor;
use gatehold_core::effect::read_alone;
use gatehold_core::verdict::Verdict;

use super::{Finding, Level};
use crate::bundle::{Bundle, Rule};
use crate::engine::Engine;
use crate::golden;

/// What a rule looks at, told by its scope and conditions.
pub(super) struct Shape {
    action: bool,
    principal_or_resource: bool,
    conditions: bool,
}

impl Shape {
    pub(super) fn of(rule: &Rule) -> Self {
        let policy = &rule.policy;
        Self {
            action: policy.action_constraint() != ActionConstraint::Any,
            principal_or_resource: policy.principal_constraint() != PrincipalConstraint::Any
                || policy.resource_constraint() != ResourceConstraint::Any,
            conditions: policy.has_non_scope_constraint(),
        }
    }

    pub(super) const fn is_blank(&self) -> bool {
        !self.action && !self.principal_or_resource && !self.conditions
    }

    pub(super) const fn is_name_alone(&self) -> bool {
        self.action && !self.principal_or_resource && !self.conditions
    }
}

/// Calm uses that are held though they only read (M011) or are declared routine (M049).
pub(super) fn findings(bundle: &Arc<Bundle>) -> Vec<Finding> {
    let engine = Engine::new(Arc::clone(bundle));
    let mut findings = Vec::new();
    for (id, descriptor) in bundle.descriptors() {
        let routine = bundle.header().routine.contains(id);
        if !routine && !read_alone(&descriptor.effects) {
            continue;
        }
        let input = calm_use(bundle, descriptor);
        let evaluated = engine.evaluate(&input);
        if let Verdict::Hold(requirement) = evaluated.verdict() {
            let names: Vec<&str> = requirement
                .checkpoints()
                .map(|(_, c)| c.name.as_str())
                .collect();
            let code = if routine { "routine_held" } else { "read_held" };
            findings.push(Finding {
                level: Level::Error,
                code,
                about: id.to_string(),
                text: format!("a calm use of it is held at {}; people stop reading what they are asked too often", names.join(", ")),
            });
        }
    }
    findings
}

/// A calm use of a descriptor: the payload of the first case that expects Allow of it, else an empty one; every cap
/// named and low.
fn calm_use(bundle: &Bundle, descriptor: &Descriptor) -> gatehold_core::context::PolicyInput {
    let allowed = bundle
        .cases()
        .iter()
        .find(|case| case.descriptor == descriptor.id && case.expected == golden::Expected::Allow);
    if let Some(input) = allowed.and_then(|case| case.input(bundle).ok()) {
        return input;
    }
    let caps: BTreeMap<String, u64> = descriptor
        .executor
        .caps
        .iter()
        .map(|cap| (cap.clone(), 1))
        .collect();
    golden::calm(
        descriptor,
        b"{}",
        &caps,
        &BTreeMap::new(),
        golden::calm_resource(),
    )
}
