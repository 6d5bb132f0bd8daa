//! What an action is held for that nobody had to leave open: a cap that was not given or is high, a resource of which the
//! operator said nothing. Each is tried: the question is asked again with it put right, and said only if that changes the
//! answer, with the very values that were tried: another number or place may be held again.

use gatehold_core::context::{PolicyInput, Principal};
use gatehold_core::descriptor::{Descriptor, Quantity};
use gatehold_core::effect::{EffectClass, Environment, Sensitivity};
use gatehold_core::known::Known;
use gatehold_core::verdict::{Reason, Verdict};
use gatehold_core::wording::grouped;

/// One thing that could be put right.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Remedy {
    code: String,
    text: String,
    change: Change,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    Cap(String),
    Sensitivity,
    Environment,
}

impl Change {
    /// The value that was tried.
    fn tried(&self) -> String {
        match self {
            Self::Cap(name) => format!("--cap {name}=1"),
            Self::Sensitivity => "sensitivity internal".to_owned(),
            Self::Environment => "environment staging".to_owned(),
        }
    }
}

/// Why it is held beside the checkpoints, with what to do; `ask` answers a question that was put right.
pub(super) fn reasons(
    input: &PolicyInput,
    descriptor: &Descriptor,
    ask: impl Fn(&PolicyInput) -> Verdict,
) -> Vec<Reason> {
    let remedies = remedies(input, descriptor);
    let best = ask(&put_right(input, descriptor, remedies.iter()));
    let matters = |remedy: &&Remedy| {
        let others = remedies.iter().filter(|other| other != remedy);
        ask(&put_right(input, descriptor, others)) != best
    };
    let matter: Vec<&Remedy> = remedies.iter().filter(matters).collect();
    let passes = if best == Verdict::Allow {
        let tried: Vec<String> = matter.iter().map(|one| one.change.tried()).collect();
        format!(" With {} nobody needs to decide.", tried.join(" and "))
    } else {
        String::new()
    };
    let reason = |remedy: &&Remedy| Reason {
        code: remedy.code.clone(),
        text: format!("{}{passes}", remedy.text),
    };
    matter.iter().map(reason).collect()
}

fn remedies(input: &PolicyInput, descriptor: &Descriptor) -> Vec<Remedy> {
    // People ask the gate itself, which has no caps and stands in no catalogue.
    if matches!(input.principal, Principal::Human { .. }) {
        return Vec::new();
    }
    let mut remedies = Vec::new();
    if let Quantity::Cap(measure) = &descriptor.quantity {
        let (name, unit) = (&measure.name, &measure.unit);
        let (code, text) = match input.context.caps.get(name) {
            None => (
                format!("unknown:caps.{name}"),
                format!(
                    "No cap `{name}` is given, so it may touch any number of {unit}: ask again with --cap {name}=NUMBER."
                ),
            ),
            Some(cap) => (
                format!("high:caps.{name}"),
                format!(
                    "It may touch up to {} {unit}: ask again with a lower --cap {name}=NUMBER if fewer are enough.",
                    grouped(*cap)
                ),
            ),
        };
        remedies.push(Remedy {
            code,
            text,
            change: Change::Cap(name.clone()),
        });
    }
    let context = &input.context;
    let resource = &input.resource.id;
    for (known, name, what, change) in [
        (
            context.sensitivity.is_known(),
            "sensitivity",
            "how sensitive",
            Change::Sensitivity,
        ),
        (
            context.environment.is_known(),
            "environment",
            "of which environment",
            Change::Environment,
        ),
    ] {
        if !known {
            remedies.push(Remedy {
                code: format!("unknown:{name}"),
                text: format!(
                    "Nobody has said {what} `{resource}` is: the operator names it in a [[resource]] of the gate's configuration."
                ),
                change,
            });
        }
    }
    remedies
}

/// The same question with the least of each: one unit, data that few need to protect, no production.
fn put_right<'a>(
    input: &PolicyInput,
    descriptor: &Descriptor,
    remedies: impl Iterator<Item = &'a Remedy>,
) -> PolicyInput {
    let mut input = input.clone();
    for remedy in remedies {
        match &remedy.change {
            Change::Cap(name) => {
                input.context.caps.insert(name.clone(), 1);
                input.context.quantity = Known::some(1);
            }
            Change::Sensitivity => {
                input.context.sensitivity = Known::some(Sensitivity::Internal);
                input.resource.sensitivity = Known::some(Sensitivity::Internal);
            }
            Change::Environment => {
                input.context.environment = Known::some(Environment::Staging);
                input.resource.environment = Known::some(Environment::Staging);
                // It followed from not knowing, unless the descriptor says it of every such action.
                let production = EffectClass::ProductionChange;
                let inferred = descriptor
                    .infers
                    .iter()
                    .any(|one| one.adds.contains(&production));
                if !inferred && !descriptor.effects.contains(&production) {
                    input.context.effects.remove(&production);
                }
            }
        }
    }
    input.context = input.context.derived();
    input
}
