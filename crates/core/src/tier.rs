//! The tier of an action: a documented table over six inputs, printed with the answer (M048). No score, no weights.
//!
//! | input | raised when |
//! |---|---|
//! | effect | any class other than `read` |
//! | reversibility | `externally_reversible` or worse, or UNKNOWN |
//! | sensitivity | `confidential` or worse, or UNKNOWN |
//! | blast_radius | more than 1,000 units, external recipients, production (unless it only reads), or any of them UNKNOWN |
//! | identity | `local` assurance, beyond its baseline, or that is UNKNOWN |
//! | context | anomaly, untrusted content in the task, or UNKNOWN; or the payload cannot be inspected |
//!
//! Green: nothing raised. Amber: one input raised. Red: two raised, or the effect is irreversible. For `read` alone,
//! unknowns cap at amber. A tier alone never holds anything: checkpoints do.

mod read;

use core::fmt;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::effect::{EffectClass, Environment, Reversibility, Sensitivity, read_alone};
use crate::known::Known;
use crate::wording::grouped;
use crate::workload::WorkloadAssurance;

/// Quantities above this raise the blast radius.
pub const QUANTITY_RAISED_ABOVE: i64 = 1_000;

/// The row of a report in which something outside the table raised the tier.
pub const ADVICE: &str = "advice";

/// How risky the documented inputs make an action. Ordered.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// No input is raised.
    Green,
    /// One input is raised.
    Amber,
    /// Two inputs are raised, or it cannot be taken back. Also what an unknown tier reads as.
    #[default]
    Red,
}

impl Tier {
    /// The word used in policies, records and on screens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Red => "red",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the table is asked. Every member must be said; what the gate does not know is said as unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierInputs {
    /// Effect classes of this action, inferred ones included.
    pub effects: BTreeSet<EffectClass>,
    /// Whether it can be taken back.
    pub reversibility: Known<Reversibility>,
    /// How sensitive the data is.
    pub sensitivity: Known<Sensitivity>,
    /// How many units it touches.
    pub quantity: Known<i64>,
    /// Whether anyone outside receives something.
    pub external_recipients: Known<bool>,
    /// Which world it happens in.
    pub environment: Known<Environment>,
    /// How well the workload's key is tied to it.
    pub assurance: WorkloadAssurance,
    /// Whether it goes beyond what the workload normally does.
    pub elevation: Known<bool>,
    /// Whether some signal says it is unusual.
    pub anomaly: Known<bool>,
    /// Whether the task has taken in content that nobody vouches for.
    pub untrusted: Known<bool>,
    /// Whether the payload could be read through its descriptor.
    pub inspectable: bool,
}

/// One input of the table as it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierInput {
    /// Its name in the table.
    pub name: String,
    /// What it was.
    pub value: String,
    /// Whether it raises the tier.
    pub raised: bool,
    /// Why, for a reader.
    pub why: String,
}

/// An input that raised a tier, as the row of a request keeps it: enough to order what waits and to say why, without its report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raised {
    /// Its name in the table.
    pub input: String,
    /// Whether a part of it is not known.
    pub unknown: bool,
}

/// The tier, with everything that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierReport {
    /// The answer.
    pub tier: Tier,
    /// All six inputs, in the order of the table; after them [`ADVICE`], where that raised it.
    pub inputs: Vec<TierInput>,
}

impl TierInput {
    /// Whether a part of it is not known, or could not be read.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        let mut words = self.value.split([' ', ',']);
        words.any(|word| [UNKNOWN, UNINSPECTABLE].contains(&word))
    }

    /// `context: anomaly UNKNOWN, payload inspectable (something about the situation is unknown)`, on every surface.
    #[must_use]
    pub fn in_words(&self) -> String {
        format!(
            "{}: {} ({})",
            self.name.replace('_', " "),
            self.value,
            self.why
        )
    }
}

impl Raised {
    /// `blast radius`, `context UNKNOWN`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let name = self.input.replace('_', " ");
        if self.unknown {
            format!("{name} {UNKNOWN}")
        } else {
            name
        }
    }
}

impl TierReport {
    /// What raised it, in the order of the table.
    #[must_use]
    pub fn raised(&self) -> Vec<Raised> {
        let raised = self.inputs.iter().filter(|input| input.raised);
        let raised = raised.map(|input| Raised {
            input: input.name.clone(),
            unknown: input.is_unknown(),
        });
        raised.collect()
    }
}

/// The table.
#[must_use]
pub fn tier(inputs: &TierInputs) -> TierReport {
    let rows = rows(inputs);
    let raised = |raise: Raise| rows.iter().filter(|row| row.raise >= raise).count();
    let irreversible = inputs.reversibility.get() == Some(&Reversibility::Irreversible);
    let by_known = of_count(raised(Raise::ByKnown), irreversible);
    let with_unknown = of_count(
        raised(Raise::ByUnknown),
        irreversible || !inputs.reversibility.is_known(),
    );
    let tier = if read_alone(&inputs.effects) {
        by_known.max(with_unknown.min(Tier::Amber))
    } else {
        with_unknown
    };
    let inputs = rows.into_iter().map(Row::printed).collect();
    TierReport { tier, inputs }
}

const fn of_count(raised: usize, irreversible: bool) -> Tier {
    match raised {
        _ if irreversible => Tier::Red,
        0 => Tier::Green,
        1 => Tier::Amber,
        _ => Tier::Red,
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Raise {
    No,
    ByUnknown,
    ByKnown,
}

struct Row {
    name: &'static str,
    value: String,
    raise: Raise,
    why: &'static str,
}

impl Row {
    fn printed(self) -> TierInput {
        TierInput {
            name: self.name.to_owned(),
            value: self.value,
            raised: self.raise > Raise::No,
            why: self.why.to_owned(),
        }
    }
}

fn rows(inputs: &TierInputs) -> [Row; 6] {
    [
        effect(inputs),
        reversibility(inputs),
        sensitivity(inputs),
        blast_radius(inputs),
        identity(inputs),
        context(inputs),
    ]
}

fn effect(inputs: &TierInputs) -> Row {
    let classes: Vec<&str> = inputs.effects.iter().map(|class| class.as_str()).collect();
    let (raise, why) = if read_alone(&inputs.effects) {
        (Raise::No, "it only reads")
    } else {
        (Raise::ByKnown, "it does more than read")
    };
    Row {
        name: "effect",
        value: classes.join(", "),
        raise,
        why,
    }
}

fn reversibility(inputs: &TierInputs) -> Row {
    let (raise, why) = match inputs.reversibility.get() {
        None => (
            Raise::ByUnknown,
            "whether it can be taken back is unknown: counted as irreversible",
        ),
        Some(Reversibility::Irreversible) => (Raise::ByKnown, "nobody can take it back"),
        Some(Reversibility::ExternallyReversible) => {
            (Raise::ByKnown, "only somebody else can take it back")
        }
        Some(Reversibility::Reversible) => (Raise::No, "it can be taken back"),
        Some(Reversibility::ReadOnly) => (Raise::No, "there is nothing to take back"),
    };
    Row {
        name: "reversibility",
        value: printed(&inputs.reversibility),
        raise,
        why,
    }
}

fn sensitivity(inputs: &TierInputs) -> Row {
    let (raise, why) = match inputs.sensitivity.get() {
        None => (
            Raise::ByUnknown,
            "the sensitivity is unknown: counted as restricted",
        ),
        Some(level) if *level >= Sensitivity::Confidential => {
            (Raise::ByKnown, "few may see this data")
        }
        Some(_) => (Raise::No, "the data is not sensitive"),
    };
    Row {
        name: "sensitivity",
        value: printed(&inputs.sensitivity),
        raise,
        why,
    }
}

fn blast_radius(inputs: &TierInputs) -> Row {
    let only_reads = read_alone(&inputs.effects);
    let parts = [
        judged(&inputs.quantity, |n| {
            !(0..=QUANTITY_RAISED_ABOVE).contains(n)
        }),
        judged(&inputs.external_recipients, |external| *external),
        if only_reads {
            Raise::No
        } else {
            judged(&inputs.environment, |world| {
                *world == Environment::Production
            })
        },
    ];
    let value = format!(
        "quantity {}, external recipients {}, environment {}",
        inputs
            .quantity
            .get()
            .map_or_else(|| UNKNOWN.to_owned(), |quantity| grouped(*quantity)),
        flag(&inputs.external_recipients),
        printed(&inputs.environment)
    );
    Row {
        name: "blast_radius",
        value,
        raise: worst(parts),
        why: match worst(parts) {
            Raise::No => "a mistake stays small",
            Raise::ByUnknown => "how far a mistake reaches is unknown: counted as far",
            Raise::ByKnown => "a mistake reaches far",
        },
    }
}

fn identity(inputs: &TierInputs) -> Row {
    let parts = [
        if inputs.assurance == WorkloadAssurance::Local {
            Raise::ByKnown
        } else {
            Raise::No
        },
        judged(&inputs.elevation, |beyond| *beyond),
    ];
    let value = format!(
        "assurance {}, beyond baseline {}",
        inputs.assurance,
        flag(&inputs.elevation)
    );
    Row {
        name: "identity",
        value,
        raise: worst(parts),
        why: match worst(parts) {
            Raise::No => "the workload proves who it is and does what it normally does",
            Raise::ByUnknown => "what this workload normally does is unknown",
            Raise::ByKnown => "the workload is weakly identified or goes beyond its baseline",
        },
    }
}

fn context(inputs: &TierInputs) -> Row {
    let parts = [
        judged(&inputs.anomaly, |unusual| *unusual),
        judged(&inputs.untrusted, |tainted| *tainted),
        if inputs.inspectable {
            Raise::No
        } else {
            Raise::ByUnknown
        },
    ];
    let value = format!(
        "anomaly {}, untrusted content {}, payload {}",
        flag(&inputs.anomaly),
        flag(&inputs.untrusted),
        if inputs.inspectable {
            "inspectable"
        } else {
            UNINSPECTABLE
        }
    );
    Row {
        name: "context",
        value,
        raise: worst(parts),
        why: match worst(parts) {
            Raise::No => "nothing about the situation is unusual",
            Raise::ByUnknown => "something about the situation is unknown",
            Raise::ByKnown => "the situation is unusual or the task has read untrusted content",
        },
    }
}

fn judged<T: Default>(value: &Known<T>, bad: impl FnOnce(&T) -> bool) -> Raise {
    match value.get() {
        None => Raise::ByUnknown,
        Some(value) if bad(value) => Raise::ByKnown,
        Some(_) => Raise::No,
    }
}

fn worst<const N: usize>(parts: [Raise; N]) -> Raise {
    parts.into_iter().max().unwrap_or(Raise::ByKnown)
}

fn printed<T: fmt::Display + Default>(value: &Known<T>) -> String {
    value
        .get()
        .map_or_else(|| UNKNOWN.to_owned(), ToString::to_string)
}

fn flag(value: &Known<bool>) -> &'static str {
    match value.get() {
        None => UNKNOWN,
        Some(true) => "yes",
        Some(false) => "no",
    }
}

/// How a report prints what the gate does not know.
const UNKNOWN: &str = "UNKNOWN";
/// How `context` says that its payload cannot be read.
const UNINSPECTABLE: &str = "uninspectable";

#[cfg(test)]
mod tests;
