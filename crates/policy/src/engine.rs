//! The engine: one question in, one verdict with its trace out.
//!
//! Two disjoint sets of rules. BASE, everything but checkpoint forbids, decides whether the action may happen at all;
//! only then the checkpoint forbids decide whether it waits. An error in BASE is Deny, an erring checkpoint holds. An
//! engine keeps its own parsed copy, because one copy shared by threads does not scale; [`EnginePool`] keeps several.

mod ask;
mod pool;
mod slice;
mod unknown;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cedar_policy::{Authorizer, Decision, Policy, PolicySet};
use gatehold_core::checkpoint::{Checkpoint, Requirement};
use gatehold_core::context::PolicyInput;
use gatehold_core::descriptor::Descriptor;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{CheckpointName, DescriptorId};
use gatehold_core::tier::{ADVICE, TierInput, TierReport, tier};
use gatehold_core::verdict::{Evaluated, Reason, Trace, Verdict};

use crate::bundle::{Bundle, Effect};
use ask::{Asked, Names, Posed};
use slice::{Index, Slice};

pub use pool::EnginePool;

/// Most requirements and slices kept; beyond that they are built anew.
const CACHE_MAX: usize = 4_096;

/// Asks one bundle. Not shared between threads: each has its own, or uses [`EnginePool`].
pub struct Engine {
    bundle: Arc<Bundle>,
    names: Names,
    index: Index,
    authorizer: Authorizer,
    requirements: RefCell<HashMap<(DescriptorId, BTreeSet<CheckpointName>), Requirement>>,
}

/// What the rules answered, before it is a verdict.
#[derive(Default)]
struct Found {
    permitted: bool,
    /// Ids of the rules that determined it.
    rules: BTreeSet<String>,
    checkpoints: BTreeSet<CheckpointName>,
    errors: Vec<String>,
}

impl Engine {
    /// Parses the bundle's rules anew for this engine alone.
    #[must_use]
    pub fn new(bundle: Arc<Bundle>) -> Self {
        let names = Names::new(&bundle);
        let index = Index::new(&bundle);
        Self {
            bundle,
            names,
            index,
            authorizer: Authorizer::new(),
            requirements: RefCell::default(),
        }
    }

    /// The bundle it asks.
    #[must_use]
    pub const fn bundle(&self) -> &Arc<Bundle> {
        &self.bundle
    }

    /// Answers one question.
    pub fn evaluate(&self, input: &PolicyInput) -> Evaluated {
        self.answer(input, |asked| self.index.slice(asked.keys()))
    }

    /// As [`Engine::evaluate`], walking every rule: what slicing must agree with.
    pub fn evaluate_unsliced(&self, input: &PolicyInput) -> Evaluated {
        self.answer(input, |_| self.index.whole())
    }

    /// Whether one rule by itself matches.
    ///
    /// # Errors
    /// What went wrong while evaluating it.
    pub(crate) fn one_rule(&self, rule: &Policy, input: &PolicyInput) -> Result<bool, String> {
        let descriptor = self
            .bundle
            .descriptors()
            .get(&input.descriptor)
            .ok_or("there is no such descriptor")?;
        let asked = Asked::new(&self.names, input, descriptor)?;
        let missing = input.context.conditions.context_missing
            || !input.context.missing(&descriptor.requires).is_empty();
        let set = PolicySet::from_policies([rule.clone()]).map_err(|error| error.to_string())?;
        let mut found = Found::default();
        let posed = asked.pose(missing, &self.index.whole())?;
        self.one_set(&posed, &set, &mut found);
        match found.errors.pop() {
            Some(error) => Err(error),
            None => Ok(!found.rules.is_empty()),
        }
    }

    fn answer(&self, input: &PolicyInput, slice: impl Fn(&Asked<'_>) -> Arc<Slice>) -> Evaluated {
        let mut trace = self.trace(input);
        let Some(descriptor) = self.bundle.descriptors().get(&input.descriptor) else {
            return deny(
                trace,
                "descriptor_unknown",
                "No descriptor of the active bundle describes this kind of action.",
            );
        };
        if self.names.descriptor_hash(&descriptor.id) != Some(input.descriptor_hash) {
            let text = "The descriptor changed since the action was made; make it again with the active one.";
            return deny(trace, "descriptor_changed", text);
        }
        trace.errors.extend(contradictions(input, descriptor));
        let found = match self.find(input, descriptor, &slice) {
            Ok(found) => found,
            Err(error) => {
                trace.errors.push(error);
                return deny(trace, "evaluation_error", "Policy could not be asked.");
            }
        };
        let answered = self.verdict(found, descriptor, trace);
        if !matches!(answered.verdict(), Verdict::Hold(_)) {
            return answered;
        }
        let (verdict, mut trace) = answered.into_parts();
        trace
            .reasons
            .extend(unknown::reasons(input, descriptor, |other| {
                let found = self.find(other, descriptor, &slice);
                let answered =
                    found.map(|found| self.verdict(found, descriptor, self.trace(other)));
                answered.map_or(Verdict::Deny, |answered| answered.into_parts().0)
            }));
        Evaluated::new(verdict, trace)
    }

    /// Asks the rules. When a checkpoint that matched requires an input that is unknown, the question is asked again
    /// with `context_missing`, and holds add up.
    fn find(
        &self,
        input: &PolicyInput,
        descriptor: &Descriptor,
        slice: &impl Fn(&Asked<'_>) -> Arc<Slice>,
    ) -> Result<Found, String> {
        let missing = input.context.conditions.context_missing
            || !input.context.missing(&descriptor.requires).is_empty();
        let asked = Asked::new(&self.names, input, descriptor)?;
        let slice = slice(&asked);
        let mut found = self.ask(&asked.pose(missing, &slice)?, &slice);
        let requires_more = |name: &CheckpointName| {
            let checkpoint = self.bundle.checkpoints().get(name);
            checkpoint
                .is_some_and(|checkpoint| !input.context.missing(&checkpoint.requires).is_empty())
        };
        if found.permitted && !missing && found.checkpoints.iter().any(requires_more) {
            let again = self.ask(&asked.pose(true, &slice)?, &slice);
            found.permitted &= again.permitted;
            found.rules.extend(again.rules);
            found.checkpoints.extend(again.checkpoints);
            found.errors.extend(again.errors);
        }
        Ok(found)
    }

    fn ask(&self, posed: &Posed, slice: &Slice) -> Found {
        let mut found = Found::default();
        let base = self.one_set(posed, &slice.base, &mut found);
        found.permitted = base == Decision::Allow && found.errors.is_empty();
        if !found.permitted || slice.holds.is_empty() {
            return found;
        }
        let mut held = Found::default();
        self.one_set(posed, &slice.holds, &mut held);
        for rule in held.rules {
            if let Some(Effect::Hold(name)) = self.index.effect(&rule) {
                found.checkpoints.insert(name.clone());
            }
            found.rules.insert(rule);
        }
        found.errors.extend(held.errors);
        found
    }

    /// Evaluates one set. Rules that erred count among those that determined the answer.
    fn one_set(&self, posed: &Posed, set: &PolicySet, found: &mut Found) -> Decision {
        let response = self
            .authorizer
            .is_authorized(&posed.request, set, &posed.entities);
        for rule in response.diagnostics().reason() {
            found.rules.insert(AsRef::<str>::as_ref(rule).to_owned());
        }
        for error in response.diagnostics().errors() {
            let cedar_policy::AuthorizationError::PolicyEvaluationError(erred) = error;
            found
                .rules
                .insert(AsRef::<str>::as_ref(erred.policy_id()).to_owned());
            found.errors.push(error.to_string());
        }
        response.decision()
    }

    fn verdict(&self, found: Found, descriptor: &Descriptor, mut trace: Trace) -> Evaluated {
        trace.errors.extend(found.errors);
        trace.rules = found.rules.into_iter().collect();
        if !found.permitted {
            let forbidden: Vec<&String> = trace
                .rules
                .iter()
                .filter(|rule| self.index.effect(rule) == Some(&Effect::Forbid))
                .collect();
            let reasons = forbidden.iter().map(|rule| Reason {
                code: format!("forbidden:{rule}"),
                text: self.index.rationale(rule).to_owned(),
            });
            let reasons: Vec<Reason> = reasons.collect();
            return match (reasons.is_empty(), trace.errors.is_empty()) {
                (false, _) => {
                    trace.reasons.extend(reasons);
                    Evaluated::new(Verdict::Deny, trace)
                }
                (true, false) => deny(
                    trace,
                    "evaluation_error",
                    "A rule could not be evaluated; nothing is allowed then.",
                ),
                (true, true) => deny(
                    trace,
                    "no_permit",
                    "No rule permits this: it lies beyond the boundary.",
                ),
            };
        }
        if found.checkpoints.is_empty() {
            return Evaluated::new(Verdict::Allow, trace);
        }
        for name in &found.checkpoints {
            if let Some(checkpoint) = self.bundle.checkpoints().get(name) {
                let holds =
                    |rule: &&String| self.index.effect(rule) == Some(&Effect::Hold(name.clone()));
                let why = trace.rules.iter().filter(holds);
                let why: Vec<&str> = why.map(|rule| self.index.rationale(rule)).collect();
                trace.reasons.push(Reason {
                    code: format!("checkpoint:{name}"),
                    text: format!("{}: {}", checkpoint.title, why.join("; ")),
                });
            }
        }
        match self.requirement(descriptor, found.checkpoints) {
            Ok(requirement) => Evaluated::new(Verdict::Hold(requirement), trace),
            Err(error) => {
                trace.errors.push(error);
                deny(
                    trace,
                    "evaluation_error",
                    "The checkpoints that hold this cannot be joined.",
                )
            }
        }
    }

    fn requirement(
        &self,
        descriptor: &Descriptor,
        names: BTreeSet<CheckpointName>,
    ) -> Result<Requirement, String> {
        let key = (descriptor.id.clone(), names);
        let mut cache = self.requirements.borrow_mut();
        if let Some(requirement) = cache.get(&key) {
            return Ok(requirement.clone());
        }
        let checkpoints: Option<Vec<Checkpoint>> = key
            .1
            .iter()
            .map(|name| self.bundle.checkpoint_for(name, descriptor))
            .collect();
        let checkpoints = checkpoints.ok_or_else(|| "a checkpoint has no definition".to_owned())?;
        let requirement = Requirement::new(checkpoints).map_err(|error| error.to_string())?;
        if cache.len() >= CACHE_MAX {
            cache.clear();
        }
        cache.insert(key, requirement.clone());
        Ok(requirement)
    }

    fn trace(&self, input: &PolicyInput) -> Trace {
        let computed = tier(&input.context.tier_inputs());
        let mut errors = Vec::new();
        if input.context.tier < computed.tier {
            errors.push(format!(
                "the tier given is {}, its inputs say {}",
                input.context.tier, computed.tier
            ));
        }
        let hash = input.hash().unwrap_or_else(|error| {
            errors.push(format!("the input has no canonical form: {error}"));
            Hash::of(b"")
        });
        Trace {
            bundle: self.bundle.hash(),
            input: hash,
            rules: Vec::new(),
            reasons: Vec::new(),
            errors,
            tier: raised(computed, input),
        }
    }
}

/// The tier may stand above its table, when advice raised it; never below.
fn raised(computed: TierReport, input: &PolicyInput) -> TierReport {
    let TierReport { tier, mut inputs } = computed;
    let given = input.context.tier;
    if given > tier {
        inputs.push(TierInput {
            name: ADVICE.to_owned(),
            value: given.to_string(),
            raised: true,
            why: "something outside the table raised it".to_owned(),
        });
    }
    TierReport {
        tier: tier.max(given),
        inputs,
    }
}

/// What the context says of itself must follow from the rest of it: whoever filled it in may not have forgotten.
fn contradictions(input: &PolicyInput, descriptor: &Descriptor) -> Vec<String> {
    let context = &input.context;
    let mut found = Vec::new();
    if !descriptor.effects.is_subset(&context.effects) {
        found.push("the context's effects lack some of the descriptor's".to_owned());
    }
    for name in context.not_derived() {
        found.push(format!(
            "the context's `{name}` does not follow from the rest of it"
        ));
    }
    if context
        .fields
        .keys()
        .any(|field| descriptor.field(field).is_none())
        || context
            .facts
            .keys()
            .any(|fact| descriptor.fact(fact).is_none())
    {
        found.push(
            "the context holds fields or facts that the descriptor does not declare".to_owned(),
        );
    }
    found
}

fn deny(mut trace: Trace, code: &str, text: &str) -> Evaluated {
    trace.reasons.push(Reason {
        code: code.to_owned(),
        text: text.to_owned(),
    });
    Evaluated::new(Verdict::Deny, trace)
}

#[cfg(test)]
mod tests;
