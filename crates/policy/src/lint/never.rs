//! Rules that rest on what this version of the gate never computes: they read as protection, and are none yet.

use gatehold_core::context::Context;

use super::{Finding, Level};
use crate::bundle::Bundle;
use crate::guard;

pub(super) fn findings(bundle: &Bundle) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in bundle.rules() {
        for name in guard::reads(rule).names {
            let Some(value) = always(&name) else { continue };
            findings.push(Finding {
                level: Level::Warning,
                code: "never_computed",
                about: rule.id.clone(),
                text: format!(
                    "it reads `{name}`, which this version does not compute: it is always {value}; do not rely on the rule"
                ),
            });
        }
    }
    findings
}

/// What the gate always says of this name, if nothing computes it.
fn always(name: &str) -> Option<&'static str> {
    let path = name.strip_prefix("context.")?;
    let mut documented = Context::documented().iter();
    documented.find(|field| field.path == path)?.always
}
