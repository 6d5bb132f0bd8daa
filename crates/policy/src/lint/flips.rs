//! Every golden case asked again with something unknown, and with the rules in another order. Outcomes may only stay or
//! get stricter in the first, and must stay in the second (threats A5, A6, A15).

use std::sync::Arc;

use gatehold_core::context::{Context, PolicyInput};
use gatehold_core::known::Known;
use gatehold_core::verdict::Verdict;

use super::{Finding, Level};
use crate::bundle::Bundle;
use crate::engine::Engine;
use crate::golden;

pub(super) fn findings(bundle: &Arc<Bundle>) -> Vec<Finding> {
    let engine = Engine::new(Arc::clone(bundle));
    let mut findings = Vec::new();
    for case in bundle.cases() {
        let Ok(input) = case.input(bundle) else {
            continue;
        };
        let before = engine.evaluate(&input);
        for (name, flipped) in flipped(&input) {
            let after = engine.evaluate(&flipped);
            if !after.verdict().at_least(before.verdict()) {
                findings.push(Finding {
                    level: Level::Error,
                    code: "unknown_loosens",
                    about: case.name.clone(),
                    text: format!(
                        "with `{name}` unknown the answer is {} instead of {}",
                        shown(after.verdict()),
                        shown(before.verdict())
                    ),
                });
            }
        }
        let whole = engine.evaluate_unsliced(&input);
        if whole != before {
            findings.push(Finding {
                level: Level::Error,
                code: "slice_differs",
                about: case.name.clone(),
                text: "evaluating every rule gives another answer than evaluating those in scope"
                    .to_owned(),
            });
        }
    }
    findings
}

/// The question with one thing unknown, for each thing that was known.
pub(crate) fn flipped(input: &PolicyInput) -> Vec<(String, PolicyInput)> {
    let mut questions = Vec::new();
    let mut ask = |name: String, change: &dyn Fn(&mut PolicyInput)| {
        let mut question = input.clone();
        change(&mut question);
        question.context = question.context.derived();
        // For reads an unknown can cap the tier; what is known of the case still counts.
        question.context.tier = question.context.tier.max(input.context.tier);
        questions.push((name, question));
    };
    let unknown = serde_json::Value::String("UNKNOWN".to_owned());
    for field in Context::documented()
        .iter()
        .filter(|field| field.may_be_unknown())
    {
        if field.read(&input.context).is_some() {
            ask(format!("context.{}", field.path), &|question| {
                // A documented name that may be unknown can be set to unknown.
                let _ = golden::set(&mut question.context, field.path, &unknown);
            });
        }
    }
    for name in input.context.fields.keys() {
        ask(format!("context.fields.{name}"), &|question| {
            question.context.fields.remove(name);
        });
    }
    for name in input.context.facts.keys() {
        ask(format!("context.facts.{name}"), &|question| {
            question.context.facts.remove(name);
        });
    }
    for name in input.context.caps.keys() {
        ask(format!("context.caps.{name}"), &|question| {
            question.context.caps.remove(name);
        });
    }
    ask("resource.environment".to_owned(), &|question| {
        question.resource.environment = Known::unknown()
    });
    ask("resource.zone".to_owned(), &|question| {
        question.resource.zone = Known::unknown()
    });
    ask("resource.sensitivity".to_owned(), &|question| {
        question.resource.sensitivity = Known::unknown()
    });
    ask("resource.owner".to_owned(), &|question| {
        question.resource.owner = Known::unknown()
    });
    ask("resource.legacy_coarse".to_owned(), &|question| {
        question.resource.legacy_coarse = Known::unknown()
    });
    questions
}

fn shown(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Hold(requirement) => {
            let names: Vec<&str> = requirement
                .checkpoints()
                .map(|(_, c)| c.name.as_str())
                .collect();
            format!("hold at {}", names.join(", "))
        }
        other => other.as_str().to_owned(),
    }
}
