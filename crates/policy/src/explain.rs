//! Why an answer came out as it did: every rule, and whether it applied, erred or did not apply.

use std::sync::Arc;

use gatehold_core::context::PolicyInput;
use gatehold_core::verdict::Evaluated;

use crate::bundle::{Bundle, Effect, Rule};
use crate::engine::Engine;

/// What one rule had to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It matched.
    Applied,
    /// It did not match.
    Silent,
    /// It could not be evaluated.
    Erred,
}

/// One rule in an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSaid {
    /// Its id.
    pub id: String,
    /// What it does when it matches.
    pub effect: Effect,
    /// Where it stands.
    pub place: String,
    /// Why it exists.
    pub rationale: String,
    /// What it said.
    pub said: Said,
}

/// An answer and what every rule said.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The answer.
    pub evaluated: Evaluated,
    /// Every rule, by file and line.
    pub rules: Vec<RuleSaid>,
}

/// Asks a bundle and every rule of it by itself.
#[must_use]
pub fn explain(bundle: &Arc<Bundle>, input: &PolicyInput) -> Explanation {
    let engine = Engine::new(Arc::clone(bundle));
    let evaluated = engine.evaluate(input);
    let rules = bundle
        .rules()
        .iter()
        .map(|rule| said(&engine, rule, input))
        .collect();
    Explanation { evaluated, rules }
}

fn said(engine: &Engine, rule: &Rule, input: &PolicyInput) -> RuleSaid {
    RuleSaid {
        id: rule.id.clone(),
        effect: rule.effect.clone(),
        place: format!("{}:{}", rule.file, rule.line),
        rationale: rule.rationale.clone(),
        said: match engine.one_rule(&rule.policy, input) {
            Ok(true) => Said::Applied,
            Ok(false) => Said::Silent,
            Err(_) => Said::Erred,
        },
    }
}
