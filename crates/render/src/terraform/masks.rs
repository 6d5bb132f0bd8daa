//! What a plan calls sensitive, in all its parts.

use gatehold_core::json::payload::Json;

use super::{compare, elements, members};
use crate::findings::Findings;

const MASKED: &str = "masked by the plan";

/// Masks everything that the plan calls sensitive.
pub(crate) fn mask(plan: &Json, findings: &mut Findings) {
    for list in ["resource_changes", "resource_drift"] {
        for record in elements(plan, list) {
            mask_change(record.pointer("/change").unwrap_or(&Json::Null), findings);
        }
    }
    for (_, change) in members(plan, "output_changes") {
        mask_change(change, findings);
    }
    for state in ["/planned_values", "/prior_state/values"] {
        let values = plan.pointer(state).unwrap_or(&Json::Null);
        for (_, output) in members(values, "outputs") {
            if output.pointer("/sensitive") == Some(&Json::Bool(true)) {
                output
                    .pointer("/value")
                    .into_iter()
                    .for_each(|value| findings.mask(value, MASKED));
            }
        }
        mask_module(values.pointer("/root_module"), findings);
    }
    let module = plan.pointer("/configuration/root_module");
    for (name, variable) in module.map_or(&[][..], |module| members(module, "variables")) {
        let value = members(plan, "variables")
            .iter()
            .find(|(other, _)| other == name)
            .and_then(|(_, variable)| variable.pointer("/value"));
        if let Some(value) = value
            && variable.pointer("/sensitive") == Some(&Json::Bool(true))
        {
            findings.mask(value, MASKED);
        }
    }
}

fn mask_change(change: &Json, findings: &mut Findings) {
    for (values, marks) in [
        ("/before", "/before_sensitive"),
        ("/after", "/after_sensitive"),
    ] {
        if let (Some(values), Some(marks)) = (change.pointer(values), change.pointer(marks)) {
            mask_by(values, marks, findings);
        }
    }
}

fn mask_module(module: Option<&Json>, findings: &mut Findings) {
    let Some(module) = module else {
        return;
    };
    for resource in elements(module, "resources") {
        let marks = resource.pointer("/sensitive_values");
        if let (Some(values), Some(marks)) = (resource.pointer("/values"), marks) {
            mask_by(values, marks, findings);
        }
    }
    for child in elements(module, "child_modules") {
        mask_module(Some(child), findings);
    }
}

/// `marks` has the form of the values, with `true` in place of what is sensitive.
fn mask_by(values: &Json, marks: &Json, findings: &mut Findings) {
    match (values, marks) {
        (_, Json::Bool(true)) => findings.mask(values, MASKED),
        (Json::Object(values), Json::Object(marks)) => {
            let marks = compare::index(marks);
            for (name, value) in values {
                if let Some(marks) = marks.get(name.as_str()) {
                    mask_by(value, marks, findings);
                }
            }
        }
        (Json::Array(values), Json::Array(marks)) => {
            for (value, marks) in values.iter().zip(marks) {
                mask_by(value, marks, findings);
            }
        }
        _ => {}
    }
}
