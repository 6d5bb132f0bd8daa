//! Golden tests: what policy must answer, written beside the rules and carried in the bundle.
//!
//! A case says only what is unusual about it. Everything else is calm: a workload that proves its key, in its boundary,
//! on an internal resource in staging, everything known. The payload is projected through the real descriptor.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gatehold_core::context::{
    ChainContext, Conditions, Context, InitiatorKind, PolicyInput, Principal, PromptSource,
    Provenance, ResourceFacts, Signals, TypedValue,
};
use gatehold_core::descriptor::{Descriptor, ValueType};
use gatehold_core::effect::{Environment, Sensitivity};
use gatehold_core::ids::{CheckpointName, DescriptorId, HumanId, ResourceId, TeamId, WorkloadId};
use gatehold_core::known::Known;
use gatehold_core::strict_toml::{StrictTable, TomlProblem};
use gatehold_core::tier::Tier;
use gatehold_core::verdict::{Evaluated, Verdict};
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bundle::Bundle;
use crate::engine::Engine;

/// What a case writes for a value that is not known.
const UNKNOWN: &str = "UNKNOWN";

/// What policy must answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expected {
    /// Allow.
    Allow,
    /// Deny.
    Deny,
    /// Hold at exactly these checkpoints.
    Hold(BTreeSet<CheckpointName>),
}

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// The file it stands in.
    pub file: String,
    /// What it shows.
    pub name: String,
    /// Which kind of action.
    pub descriptor: DescriptorId,
    /// What must come out.
    pub expected: Expected,
    raw: RawCase,
}

/// What came out of one case.
#[derive(Debug, Clone)]
pub struct CaseResult {
    /// The file it stands in.
    pub file: String,
    /// What it shows.
    pub name: String,
    /// The answer, or why there is none.
    pub got: Result<Evaluated, String>,
    /// What should have come out.
    pub expected: Expected,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: String,
    descriptor: DescriptorId,
    expect: Expected,
    #[serde(default)]
    payload: String,
    principal: Option<RawPrincipal>,
    #[serde(default)]
    resource: RawResource,
    #[serde(default)]
    caps: BTreeMap<String, u64>,
    #[serde(default)]
    facts: BTreeMap<String, Value>,
    /// Documented names to values.
    #[serde(default)]
    set: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum RawPrincipal {
    Workload {
        id: WorkloadId,
        kind: WorkloadKind,
        #[serde(default)]
        teams: BTreeSet<TeamId>,
        owner: HumanId,
    },
    Human {
        id: HumanId,
        #[serde(default)]
        teams: BTreeSet<TeamId>,
    },
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawResource {
    id: Option<ResourceId>,
    environment: Option<String>,
    zone: Option<String>,
    sensitivity: Option<String>,
    owner: Option<String>,
    legacy_coarse: Option<bool>,
}

/// The cases of one file.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Case>, Vec<TomlProblem>> {
    let mut table = StrictTable::parse(text)?;
    let raw: Vec<RawCase> = table.take_each("case");
    let problems = table.finish();
    if !problems.is_empty() {
        return Err(problems);
    }
    let case = |raw: RawCase| Case {
        file: file.to_owned(),
        name: raw.name.clone(),
        descriptor: raw.descriptor.clone(),
        expected: raw.expect.clone(),
        raw,
    };
    Ok(raw.into_iter().map(case).collect())
}

/// Asks every case of a bundle.
#[must_use]
pub fn run(bundle: &Arc<Bundle>) -> Vec<CaseResult> {
    let engine = Engine::new(Arc::clone(bundle));
    bundle
        .cases()
        .iter()
        .map(|case| CaseResult {
            file: case.file.clone(),
            name: case.name.clone(),
            got: case.input(bundle).map(|input| engine.evaluate(&input)),
            expected: case.expected.clone(),
        })
        .collect()
}

impl CaseResult {
    /// Whether exactly the expected answer came out.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.got
            .as_ref()
            .is_ok_and(|evaluated| self.expected.is(evaluated.verdict()))
    }

    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let got = match &self.got {
            Err(error) => format!("could not be asked: {error}"),
            Ok(evaluated) => {
                let codes: Vec<&str> = evaluated
                    .trace()
                    .reasons
                    .iter()
                    .map(|reason| reason.code.as_str())
                    .collect();
                let errors = &evaluated.trace().errors;
                format!(
                    "{} {codes:?}{}",
                    evaluated.verdict().as_str(),
                    if errors.is_empty() {
                        String::new()
                    } else {
                        format!(" errors {errors:?}")
                    }
                )
            }
        };
        if self.passed() {
            format!("ok    {}: {} -> {got}", self.file, self.name)
        } else {
            format!(
                "FAIL  {}: {} -> {got}, expected {:?}",
                self.file, self.name, self.expected
            )
        }
    }
}

impl Expected {
    /// The checkpoints a Hold names.
    pub fn checkpoints(&self) -> impl Iterator<Item = &CheckpointName> {
        let names = if let Self::Hold(names) = self {
            Some(names)
        } else {
            None
        };
        names.into_iter().flatten()
    }

    fn is(&self, verdict: &Verdict) -> bool {
        match (self, verdict) {
            (Self::Allow, Verdict::Allow) | (Self::Deny, Verdict::Deny) => true,
            (Self::Hold(names), Verdict::Hold(requirement)) => {
                let held: BTreeSet<&CheckpointName> =
                    requirement.checkpoints().map(|(_, c)| &c.name).collect();
                held == names.iter().collect()
            }
            _ => false,
        }
    }
}

impl Case {
    /// The question this case asks.
    ///
    /// # Errors
    /// What of it means nothing.
    pub fn input(&self, bundle: &Bundle) -> Result<PolicyInput, String> {
        let descriptor = bundle
            .descriptors()
            .get(&self.descriptor)
            .ok_or("there is no such descriptor")?;
        let raw = &self.raw;
        let mut input = calm(
            descriptor,
            raw.payload.as_bytes(),
            &raw.caps,
            &self.facts(descriptor)?,
            self.resource()?,
        );
        if let Some(principal) = &raw.principal {
            input.principal = principal.principal();
        }
        for (name, value) in &raw.set {
            set(&mut input.context, name, value)?;
        }
        let advised = input.context.tier;
        input.context = input.context.derived();
        if raw.set.contains_key("tier") {
            input.context.tier = input.context.tier.max(advised);
        }
        Ok(input)
    }

    fn resource(&self) -> Result<ResourceFacts, String> {
        let raw = &self.raw.resource;
        let mut resource = calm_resource();
        if let Some(id) = &raw.id {
            resource.id = id.clone();
        }
        if let Some(word) = &raw.environment {
            resource.environment = word_of(word)?;
        }
        if let Some(word) = &raw.sensitivity {
            resource.sensitivity = word_of(word)?;
        }
        for (place, text) in [
            (&mut resource.zone, &raw.zone),
            (&mut resource.owner, &raw.owner),
        ] {
            if let Some(text) = text {
                *place = (text != UNKNOWN).then(|| text.clone()).into();
            }
        }
        if let Some(coarse) = raw.legacy_coarse {
            resource.legacy_coarse = Known::some(coarse);
        }
        Ok(resource)
    }

    fn facts(&self, descriptor: &Descriptor) -> Result<BTreeMap<String, TypedValue>, String> {
        let typed = |(name, value): (&String, &Value)| {
            let type_ = descriptor
                .fact(name)
                .ok_or_else(|| format!("no fact `{name}` is declared"))?
                .type_;
            let value =
                typed(type_, value).ok_or_else(|| format!("fact `{name}` is not of its type"))?;
            Ok((name.clone(), value))
        };
        self.raw.facts.iter().map(typed).collect()
    }
}

impl RawPrincipal {
    fn principal(&self) -> Principal {
        match self.clone() {
            Self::Workload {
                id,
                kind,
                teams,
                owner,
            } => Principal::Workload {
                id,
                kind,
                teams,
                owner,
            },
            Self::Human { id, teams } => Principal::Human { id, teams },
        }
    }
}

/// A question about which everything is known and nothing is unusual, for one kind of action.
pub(crate) fn calm(
    descriptor: &Descriptor,
    payload: &[u8],
    caps: &BTreeMap<String, u64>,
    facts: &BTreeMap<String, TypedValue>,
    resource: ResourceFacts,
) -> PolicyInput {
    let described = descriptor.describe(
        &descriptor.project(payload),
        caps,
        facts,
        &resource.sensitivity,
    );
    let no = || Known::some(false);
    let context = Context {
        tier: Tier::Green,
        effects: described.effects,
        reversibility: described.reversibility,
        quantity: described.quantity,
        recipients: described.recipients,
        external_recipients: no(),
        duration_seconds: 900,
        purpose: Known::some(String::from("sha256:calm")),
        sensitivity: described.sensitivity,
        environment: resource.environment.clone(),
        zone: resource.zone.clone(),
        target: String::from("target"),
        inspectable: described.inspectable,
        undescribed: described.undescribed,
        chain: ChainContext {
            steps: 0,
            sensitive: no(),
            untrusted: no(),
            external: no(),
            tier: Known::some(Tier::Green),
            systems: Known::some(1),
        },
        provenance: Provenance {
            prompt_source: PromptSource::Observed,
            user_typed: no(),
        },
        signals: Signals {
            outside_hours: no(),
            weekend: no(),
            holiday: no(),
            change_freeze: no(),
            burst: no(),
            wide: no(),
            new_resource: no(),
            flagged: no(),
        },
        conditions: Conditions {
            elevation: no(),
            exception: no(),
            creates_privilege: false,
            context_missing: false,
            out_of_boundary: no(),
            ambiguous: false,
            anomaly: no(),
            cross_system: no(),
        },
        initiator: InitiatorKind::HumanAttested,
        assurance: WorkloadAssurance::Pop,
        caps: caps.clone(),
        fields: described.fields,
        facts: facts.clone(),
    };
    PolicyInput {
        principal: calm_principal(descriptor),
        descriptor: descriptor.id.clone(),
        descriptor_hash: descriptor.hash(),
        resource,
        context: context.derived(),
    }
}

/// The question of a person who asks for a change of the gate: about a resource of which nothing is known, with the
/// payload of the bundle's first case that holds this kind of change.
#[must_use]
pub fn change_asked_by(
    bundle: &Bundle,
    descriptor: &Descriptor,
    human: &HumanId,
    teams: &BTreeSet<TeamId>,
) -> PolicyInput {
    let is_held = |case: &&Case| {
        case.descriptor == descriptor.id && matches!(case.expected, Expected::Hold(_))
    };
    let held = bundle.cases().iter().find(is_held);
    let resource = ResourceFacts {
        id: known_name("gatehold"),
        environment: Known::unknown(),
        zone: Known::unknown(),
        sensitivity: Known::unknown(),
        owner: Known::unknown(),
        legacy_coarse: Known::unknown(),
    };
    let payload = held.map_or("{}", |case| case.raw.payload.as_str());
    let mut input = calm(
        descriptor,
        payload.as_bytes(),
        &BTreeMap::new(),
        &BTreeMap::new(),
        resource,
    );
    input.principal = Principal::Human {
        id: human.clone(),
        teams: teams.clone(),
    };
    input
}

pub(crate) fn calm_resource() -> ResourceFacts {
    ResourceFacts {
        id: known_name("shop/orders"),
        environment: Known::some(Environment::Staging),
        zone: Known::some(String::from("eu")),
        sensitivity: Known::some(Sensitivity::Internal),
        owner: Known::some(String::from("owners")),
        legacy_coarse: Known::some(false),
    }
}

/// The gate's own held actions are asked for by people, everything else by workloads.
fn calm_principal(descriptor: &Descriptor) -> Principal {
    let owner = known_name("ann@corp.example");
    if descriptor.executor.kind == gatehold_core::descriptor::ExecutorKind::Gate {
        return Principal::Human {
            id: owner,
            teams: BTreeSet::from([known_name("owners")]),
        };
    }
    Principal::Workload {
        id: known_name("calm-bot"),
        kind: WorkloadKind::AiAgent,
        teams: BTreeSet::new(),
        owner,
    }
}

#[expect(
    clippy::expect_used,
    reason = "called with literals of this file, which are names"
)]
fn known_name<T: core::str::FromStr<Err: core::fmt::Debug>>(name: &'static str) -> T {
    name.parse().expect("a name")
}

fn word_of<T: DeserializeOwned + Default>(word: &str) -> Result<Known<T>, String> {
    if word == UNKNOWN {
        return Ok(Known::unknown());
    }
    serde_json::from_value(Value::String(word.to_owned()))
        .map(Known::some)
        .map_err(|error| format!("`{word}`: {error}"))
}

/// Writes one documented name of a context.
pub(crate) fn set(context: &mut Context, name: &str, value: &Value) -> Result<(), String> {
    let field = Context::documented()
        .iter()
        .find(|field| field.path == name)
        .ok_or_else(|| format!("`{name}` is not documented"))?;
    let mut json = serde_json::to_value(&*context).map_err(|error| error.to_string())?;
    let pointer = format!("/{}", name.replace('.', "/"));
    let place = json
        .pointer_mut(&pointer)
        .ok_or_else(|| format!("`{name}` is not there"))?;
    match (field.may_be_unknown(), value) {
        (true, Value::String(word)) if word == UNKNOWN => {
            if let Some(known) = place.get_mut("known") {
                *known = Value::Bool(false);
            }
        }
        (true, value) => *place = serde_json::json!({ "known": true, "value": value }),
        (false, value) => *place = value.clone(),
    }
    *context = serde_json::from_value(json).map_err(|error| format!("`{name}`: {error}"))?;
    Ok(())
}

fn typed(type_: ValueType, value: &Value) -> Option<TypedValue> {
    Some(match type_ {
        ValueType::Integer | ValueType::MinorAmount => TypedValue::Integer(value.as_i64()?),
        ValueType::Decimal { scale } | ValueType::Amount { scale } => TypedValue::Decimal {
            unscaled: value.as_i64()?,
            scale,
        },
        ValueType::String
        | ValueType::Sql
        | ValueType::Shell
        | ValueType::Diff
        | ValueType::TerraformPlan
        | ValueType::Kubernetes
        | ValueType::IamPolicy
        | ValueType::IamPolicyBefore
        | ValueType::Currency
        | ValueType::Payee
        | ValueType::Account
        | ValueType::PayeeBefore
        | ValueType::AccountBefore
        | ValueType::Secret => TypedValue::Text(value.as_str()?.to_owned()),
        ValueType::StringList => {
            let texts: Option<Vec<String>> = value
                .as_array()?
                .iter()
                .map(|t| t.as_str().map(str::to_owned))
                .collect();
            TypedValue::TextList(texts?)
        }
        ValueType::Bool => TypedValue::Bool(value.as_bool()?),
    })
}
