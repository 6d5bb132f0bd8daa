//! The tier, made again. A report prints its inputs; here each of them is held against what the payload, the descriptor and the key
//! directory give, and the tier is made of them anew.
//!
//! Five inputs only the gate knows, and they stay its word: the environment and the sensitivity of the resource, a number that it
//! counted itself, whether something is unusual, and what the task has read. What it adds to the effects only raises.

use std::collections::{BTreeMap, BTreeSet};

use gatehold_core::action::Action;
use gatehold_core::baseline::ScopesAsked;
use gatehold_core::descriptor::{Described, Descriptor, Quantity};
use gatehold_core::effect::{EffectClass, Environment, Sensitivity, read_alone};
use gatehold_core::known::Known;
use gatehold_core::reason;
use gatehold_core::requester::Requester;
use gatehold_core::tier::TierInputs;
use gatehold_core::view::View;
use gatehold_core::workload::WorkloadAssurance;
use gatehold_gate::{narrower, unlike_baseline};
use gatehold_render::{Display, Flag};

use super::shown::Looking;

/// What stands beside the tier wherever it is printed.
pub const BY_THE_GATE: &str =
    "environment, sensitivity, numbers counted, anomaly and untrusted content by the gate's books";

/// What the descriptor reads in the action, where the resource is this sensitive. Of facts it reads nothing.
pub fn described(
    action: &Action,
    descriptor: &Descriptor,
    sensitivity: &Known<Sensitivity>,
) -> Described {
    let projection = descriptor.project(action.payload());
    let caps = &action.envelope().caps;
    descriptor.describe(&projection, caps, &BTreeMap::new(), sensitivity)
}

/// Everything in which the tier and what is unlike the baseline differ from what is made here.
pub fn unlike(
    view: &View,
    action: &Action,
    descriptor: &Descriptor,
    display: &Display,
    looking: &Looking<'_>,
) -> Vec<String> {
    let mut differs = Vec::new();
    if !view.tier.is_as_printed() {
        differs.push("the tier is not the one that its own inputs make".to_owned());
    }
    // The gate may demand one where the tier does not, as it does of what was held as more; not the other way round.
    if reason::is_demanded(view.tier.tier) && !view.reason_demanded {
        differs.push("its tier demands that you say why, and the view does not".to_owned());
    }
    let (requester, envelope) = (&view.requester, action.envelope());
    let scopes = ScopesAsked::of(descriptor, &descriptor.project(action.payload()));
    let directory = &looking.rooted.directory;
    let baseline = unlike_baseline(requester, envelope, &scopes, directory);
    let told = |line: &String| view.unlike_baseline.contains(line);
    if !baseline.iter().all(told) {
        differs.push("something unlike the baseline is not shown as such".to_owned());
    }
    // INVARIANT(signed-is-shown): what is proposed instead is made here again, from the root that was pinned.
    if view.narrower != narrower(requester, envelope, &scopes, directory) {
        differs.push("what would do instead is not what the baseline gives".to_owned());
    }
    if let Some(printed) = view.tier.read() {
        let own = described(action, descriptor, &printed.sensitivity);
        let inspectable = own.inspectable && !display.flags.contains(&Flag::Uninspectable);
        let checks = [
            effects(&printed, &own),
            (
                printed.reversibility == own.reversibility,
                "whether it can be taken back is not shown as the descriptor says",
            ),
            // A field can only raise what the resource is, so what is shown stays as it is when that is added.
            (
                printed.sensitivity == own.sensitivity,
                "the data is shown as less sensitive than the payload says",
            ),
            (
                printed.quantity == own.quantity
                    || matches!(descriptor.quantity, Quantity::Fact(_)),
                "how much it touches is not what the descriptor reads",
            ),
            (
                printed.external_recipients == external(&own),
                "whether anybody outside receives something is not what the descriptor reads",
            ),
            (
                printed.assurance == assurance(&view.requester),
                "the assurance of who asks is not the one in the tier",
            ),
            (
                printed.elevation == Known::some(!baseline.is_empty()),
                "whether it is beyond the baseline is not what the key directory says",
            ),
            (
                printed.inspectable == inspectable,
                "whether the payload can be inspected is not shown as it is",
            ),
        ];
        let wrong = checks.into_iter().filter(|(same, _)| !same);
        differs.extend(wrong.map(|(_, what)| what.to_owned()));
    }
    differs
}

/// All that the descriptor gives, and a change of production where the gate's own word makes it one.
fn effects(printed: &TierInputs, own: &Described) -> (bool, &'static str) {
    let production = printed.environment.get();
    let production = production.is_none_or(|world| *world == Environment::Production);
    let implied = production && !read_alone(&printed.effects);
    let named = own.effects.is_subset(&printed.effects);
    (
        named && (!implied || printed.effects.contains(&EffectClass::ProductionChange)),
        "an effect that the descriptor names is not among the effects shown",
    )
}

/// Whether anybody outside receives something: nobody does where nobody receives anything, and else nobody can say.
fn external(own: &Described) -> Known<bool> {
    if own.recipients.get().is_some_and(BTreeSet::is_empty) {
        Known::some(false)
    } else {
        Known::unknown()
    }
}

const fn assurance(requester: &Requester) -> WorkloadAssurance {
    match requester {
        Requester::Workload { assurance, .. } => *assurance,
        // A human's own key signed the submission itself.
        Requester::Human { .. } => WorkloadAssurance::Pop,
    }
}
