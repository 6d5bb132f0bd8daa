//! Everything policy may look at, as one typed, documented record. Policy sees nothing else.
//!
//! There are no optional members: what may be unknown is a [`Known`], always filled, and unknown can only make an
//! outcome stricter (threat A15). What people approved is not in here: it is never an input of policy. The documented
//! list in `context/documented.rs` is the source of policy's schema and of docs/reference/policy-context.md.

mod documented;
mod input;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::effect::{EffectClass, Environment, Reversibility, Sensitivity, words};
use crate::known::Known;
use crate::tier::{Tier, TierInputs};
use crate::workload::WorkloadAssurance;

pub use documented::{ContextValue, FieldDoc, FieldType};
pub use input::{PolicyInput, Principal, ResourceFacts};

words! {
    /// Where the words that led to the action came from. Only the first two can make an argument user-typed.
    PromptSource {
        /// A human signed them.
        HumanSigned = "human_signed",
        /// An enforcement point saw the human type them.
        Observed = "observed",
        /// The requester says so.
        Claimed = "claimed",
    }
}

words! {
    /// Who started the task.
    InitiatorKind {
        /// A person, known from a signature or an enforcement point.
        HumanAttested = "human_attested",
        /// A person, by the requester's word.
        HumanClaimed = "human_claimed",
        /// Nobody: a schedule, an event, the workload itself.
        None = "none",
    }
}

/// What a field of the payload or a fact can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TypedValue {
    /// An integer within ±(2^53 - 1).
    Integer(i64),
    /// An exact decimal: `unscaled` divided by ten to the power of `scale`. Policy sees `unscaled`.
    Decimal {
        /// The digits.
        unscaled: i64,
        /// How many of them stand behind the point.
        scale: u8,
    },
    /// Text.
    Text(String),
    /// Texts, in the order of the payload.
    TextList(Vec<String>),
    /// True or false.
    Bool(bool),
}

/// What the task has done so far, labels of all its steps together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainContext {
    /// Other steps that are decided by now: its own is never among them.
    pub steps: u64,
    /// Whether some step read sensitive data.
    pub sensitive: Known<bool>,
    /// Whether some step took in content that nobody vouches for.
    pub untrusted: Known<bool>,
    /// Whether some step reached outside.
    pub external: Known<bool>,
    /// The highest tier of any step (M107).
    pub tier: Known<Tier>,
    /// How many systems the task has touched, this one included.
    pub systems: Known<i64>,
}

/// Where the action's words came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The source of the prompt.
    pub prompt_source: PromptSource,
    /// Whether the arguments were typed by a human, as far as the gate can tell.
    pub user_typed: Known<bool>,
}

/// What is unusual about the moment, computed by the gate (M006, M014).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signals {
    /// Outside the owner's working hours.
    pub outside_hours: Known<bool>,
    /// Saturday or Sunday for the owner.
    pub weekend: Known<bool>,
    /// A holiday for the owner.
    pub holiday: Known<bool>,
    /// A change freeze is in force.
    pub change_freeze: Known<bool>,
    /// More often than this workload usually asks.
    pub burst: Known<bool>,
    /// About more different resources than it usually is.
    pub wide: Known<bool>,
    /// A kind of access that this workload has not used lately.
    pub new_resource: Known<bool>,
    /// Somebody outside, whose keys an operator pinned, says that this workload is unusual.
    #[serde(default = "Known::unknown")]
    pub flagged: Known<bool>,
}

/// The derived conditions of the design. The engine raises the ones it can compute itself; it never lowers one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Beyond what the workload normally does.
    pub elevation: Known<bool>,
    /// It relies on an exception to a rule.
    pub exception: Known<bool>,
    /// It makes or widens a privilege.
    pub creates_privilege: bool,
    /// An input that the descriptor or a checkpoint requires is unknown.
    pub context_missing: bool,
    /// Beyond what the task declared.
    pub out_of_boundary: Known<bool>,
    /// The payload cannot be inspected, or signals conflict.
    pub ambiguous: bool,
    /// It is unusual, by what the gate counts or by what a signal says.
    pub anomaly: Known<bool>,
    /// It reaches into another system than the task worked in so far.
    pub cross_system: Known<bool>,
}

/// The context of one evaluation. Every member is always there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// The tier; the engine computes it again and refuses to allow when it differs.
    pub tier: Tier,
    /// Effect classes: the descriptor's, and those inferred from this very action.
    pub effects: BTreeSet<EffectClass>,
    /// Whether it can be taken back.
    pub reversibility: Known<Reversibility>,
    /// How many units it touches.
    pub quantity: Known<i64>,
    /// Who receives something.
    pub recipients: Known<BTreeSet<String>>,
    /// Whether anyone of them is outside.
    pub external_recipients: Known<bool>,
    /// How long access is wanted.
    pub duration_seconds: u32,
    /// Hash of the task's purpose, as text.
    pub purpose: Known<String>,
    /// How sensitive the data is.
    pub sensitivity: Known<Sensitivity>,
    /// Which world it happens in.
    pub environment: Known<Environment>,
    /// The trust zone of the resource.
    pub zone: Known<String>,
    /// Where it would be executed.
    pub target: String,
    /// Whether the payload could be read: through the descriptor, and by a person.
    pub inspectable: bool,
    /// How many parts of the payload the descriptor says nothing about.
    pub undescribed: u64,
    /// The task so far.
    pub chain: ChainContext,
    /// Where the words came from.
    pub provenance: Provenance,
    /// What is unusual about the moment.
    pub signals: Signals,
    /// Derived conditions.
    pub conditions: Conditions,
    /// Who started the task.
    pub initiator: InitiatorKind,
    /// How well the workload's key is tied to it.
    pub assurance: WorkloadAssurance,
    /// Upper bounds the requester accepted, by name; policy sees every cap the descriptor can enforce.
    pub caps: BTreeMap<String, u64>,
    /// The typed projection of the payload, by field name. A field that is not here is unknown to policy.
    pub fields: BTreeMap<String, TypedValue>,
    /// Facts the gate established, by name. A fact that is not here is unknown to policy.
    pub facts: BTreeMap<String, TypedValue>,
}

impl Context {
    /// What the tier's table is asked about this context.
    #[must_use]
    pub fn tier_inputs(&self) -> TierInputs {
        TierInputs {
            effects: self.effects.clone(),
            reversibility: self.reversibility.clone(),
            sensitivity: self.sensitivity.clone(),
            quantity: self.quantity.clone(),
            external_recipients: self.external_recipients.clone(),
            environment: self.environment.clone(),
            assurance: self.assurance,
            elevation: self.conditions.elevation.clone(),
            anomaly: self.conditions.anomaly.clone(),
            untrusted: self.chain.untrusted.clone(),
            inspectable: self.inspectable,
        }
    }

    /// Fills in what follows from the rest: effects of production and of another system, the conditions that are
    /// computed, and the tier. The gate calls this once, last; advice may raise the tier afterwards.
    #[must_use]
    pub fn derived(mut self) -> Self {
        self.effects
            .extend(self.implied_effects().into_iter().flatten());
        self.conditions.creates_privilege |= self.widens_privilege();
        self.conditions.ambiguous |= !self.inspectable;
        self.tier = crate::tier::tier(&self.tier_inputs()).tier;
        self
    }

    /// What is missing of what [`Context::derived`] fills in. Whoever asks policy must not have forgotten it.
    #[must_use]
    pub fn not_derived(&self) -> Vec<&'static str> {
        let forgotten = [
            (
                "effects",
                self.implied_effects()
                    .iter()
                    .flatten()
                    .any(|class| !self.effects.contains(class)),
            ),
            (
                "conditions.creates_privilege",
                self.widens_privilege() && !self.conditions.creates_privilege,
            ),
            (
                "conditions.ambiguous",
                !self.inspectable && !self.conditions.ambiguous,
            ),
        ];
        forgotten
            .into_iter()
            .filter(|(_, missing)| *missing)
            .map(|(name, _)| name)
            .collect()
    }

    /// What changes something and is not certainly elsewhere counts as a change of production, and as one of another
    /// system.
    fn implied_effects(&self) -> [Option<EffectClass>; 2] {
        let changes = !crate::effect::read_alone(&self.effects);
        let production = self
            .environment
            .get()
            .is_none_or(|world| *world == Environment::Production);
        let crosses = self.conditions.cross_system.get() != Some(&false);
        [
            (changes && production).then_some(EffectClass::ProductionChange),
            (changes && crosses).then_some(EffectClass::CrossSystem),
        ]
    }

    fn widens_privilege(&self) -> bool {
        self.effects.iter().any(|class| class.creates_privilege())
    }
}

#[cfg(test)]
mod tests;
