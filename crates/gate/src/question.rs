//! Puts the question to policy: what the descriptor reads in the payload, what the catalogue knows, what the task has
//! done, what is unlike the baseline. What nobody established is unknown, and said so.

use std::collections::BTreeMap;

use gatehold_core::action::{Action, Envelope};
use gatehold_core::context::{ChainContext, ResourceFacts, TypedValue};
use gatehold_core::decide::{Claims, Described as DescribedAction, Rendered};
use gatehold_core::descriptor::{
    self, Described, Descriptor, Projection, Recipients, SentenceValues, ValueType, intent_hash,
};
use gatehold_core::effect::{EffectClass, Sensitivity, read_alone};
use gatehold_core::guard;
use gatehold_core::habits::Habits;
use gatehold_core::hash::Hash;
use gatehold_core::known::Known;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::RequestRecord;
use gatehold_core::requester::Requester;
use gatehold_core::task::{Boundary, Chain, StepLabels, covers};
use gatehold_core::trust::GATE_TARGET;
use gatehold_core::verdict::Evaluated;
use gatehold_core::view::Findings;
use gatehold_core::wording::grouped;
use gatehold_render::{Field, Flag, Member, PayloadKind, RenderInput, Shape};

use crate::error::GateError;
use crate::facts::{Established, by_the_book, compensating, establish};
use crate::gate::Gate;
use crate::habits::{signals, unlike};
use crate::input::{self, Word, narrower, unlike_baseline};
use crate::load::Loaded;
use crate::ports::facts::Question;
use crate::signals::hold;

/// What was asked, what came back, and what was derived on the way.
pub(crate) struct Answered {
    pub(crate) evaluated: Evaluated,
    pub(crate) described: DescribedAction,
    pub(crate) labels: StepLabels,
    pub(crate) rendered: Rendered,
    pub(crate) findings: Findings,
    /// What would do instead.
    pub(crate) narrower: Vec<String>,
    pub(crate) habits: Option<Habits>,
    /// What policy was asked that only this gate knows.
    pub(crate) word: Word,
}

/// What there is to go by besides the action.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    /// The request that the action became, where it was submitted before.
    pub(crate) own: Option<&'a RequestRecord>,
    /// What the requester says: it may name what is looked up.
    pub(crate) claims: &'a Claims,
    /// What for.
    pub(crate) when: When,
}

/// What policy is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Something new is asked for.
    Asked,
    /// People look at it, or decide; or it was let out and lives.
    LookedAt,
    /// It is about to be let out: facts are established anew.
    Used,
}

impl Gate {
    /// Asks policy about an action of a requester, now, with what the gate finds out about it.
    pub(crate) async fn ask(
        &self,
        action: &Action,
        requester: &Requester,
        loaded: &Loaded,
        given: Given<'_>,
    ) -> Result<Answered, GateError> {
        let envelope = action.envelope();
        let active = &loaded.active;
        let descriptor = named(loaded, envelope)?;
        let catalog = &self.inner.parts.catalog;
        let resource = catalog.facts(&envelope.target, &envelope.resource);
        let projection = descriptor.project(action.payload());
        let question = Question {
            now: loaded.now,
            owner: requester.accountable(),
            envelope,
            resource: &resource,
            queries: &descriptor.facts,
            fields: fields(&projection),
            claims: given.claims,
            anew: guard!("redeem-facts-anew", given.when == When::Used),
        };
        let asking = given.when == When::Asked;
        let (found, habits) = self.find_out(requester, &question, asking).await?;
        let rendered = rendered(action, descriptor);
        let said = (&found.values, &resource);
        let read = input::read(action, descriptor, &projection, &rendered, said);
        let mut unlike_baseline =
            unlike_baseline(requester, envelope, &read.scopes, &active.directory);
        let narrower = narrower(requester, envelope, &read.scopes, &active.directory);
        let chain = loaded.chain(given.own);
        if let Some(habits) = &habits {
            unlike_baseline.extend(unlike(habits, asking, envelope));
        }
        let labels = labels(&read);
        let described = described(descriptor, envelope, &projection, &read, requester);
        let mut shown = [by_the_book(&read, &resource), found.shown.clone()].concat();
        let line = catalog.line(&envelope.target, &envelope.resource);
        shown.extend(compensating(line, loaded.now));
        let flag = hold::flag_of(&loaded.as_read.restraints, requester, loaded.now);
        shown.extend(flag.map(|flag| hold::shown(flag, loaded.now)));
        let mut word = word(
            &read,
            found,
            requester,
            envelope,
            (loaded, &chain),
            resource,
            habits.as_ref().map(|habits| (habits, asking)),
        );
        word.signals.flagged = Known::some(flag.is_some());
        if flag.is_some() {
            word.anomaly = Known::some(true);
        }
        let input = input::input(action, read, requester, &active.directory, word.clone())?;
        Ok(Answered {
            evaluated: active.engine.evaluate(&input),
            described,
            labels,
            rendered,
            findings: Findings {
                facts: shown,
                unlike_baseline,
            },
            narrower,
            habits,
            word,
        })
    }

    /// What can be found out about the action, and what its workload usually does.
    async fn find_out(
        &self,
        requester: &Requester,
        question: &Question<'_>,
        asking: bool,
    ) -> Result<(Established, Option<Habits>), GateError> {
        let mut found = establish(self.inner.parts.facts.as_ref(), question).await;
        let environment = question.resource.environment.get().copied();
        let habits = self
            .habits(requester, question.envelope, environment, question.now)
            .await?;
        signals(habits.as_ref(), asking, &mut found.signals);
        Ok((found, habits))
    }
}

/// The descriptor that the action names, by its very definition.
fn named<'a>(loaded: &'a Loaded, envelope: &Envelope) -> Result<&'a Descriptor, Refusal> {
    let known = loaded.active.bundle.descriptors();
    known
        .get(&envelope.descriptor.id)
        .filter(|descriptor| descriptor.hash() == envelope.descriptor.hash)
        .ok_or(Refusal::UnknownDescriptor)
}

fn described(
    descriptor: &Descriptor,
    envelope: &Envelope,
    projection: &Projection,
    read: &Described,
    requester: &Requester,
) -> DescribedAction {
    DescribedAction {
        descriptor: envelope.descriptor.clone(),
        media_types: descriptor.media_types.clone(),
        reads_only: read_alone(&read.effects),
        sentence: sentence(descriptor, envelope, projection, read),
        intent: intent_hash(
            &descriptor.id,
            &envelope.resource,
            projection,
            requester.accountable(),
        ),
    }
}

fn fields(projection: &Projection) -> &BTreeMap<String, TypedValue> {
    static NONE: BTreeMap<String, TypedValue> = BTreeMap::new();
    match projection {
        Projection::Inspectable { fields, .. } => fields,
        Projection::Uninspectable { .. } => &NONE,
    }
}

fn outside(boundary: &Boundary, envelope: &Envelope, chain: &Chain) -> bool {
    !boundary.descriptors.contains(&envelope.descriptor.id)
        || !boundary.targets.contains(&envelope.target)
        || !covers(&boundary.resources, &envelope.resource)
        || chain.steps >= boundary.steps
}

fn labels(read: &Described) -> StepLabels {
    StepLabels {
        sensitive: read
            .sensitivity
            .get()
            .is_none_or(|level| *level >= Sensitivity::Confidential),
        untrusted: false,
        external: read.effects.contains(&EffectClass::DataRelease),
    }
}

/// What only this gate knows of it.
fn word(
    read: &Described,
    found: Established,
    requester: &Requester,
    envelope: &Envelope,
    (loaded, chain): (&Loaded, &Chain),
    resource: ResourceFacts,
    habits: Option<(&Habits, bool)>,
) -> Word {
    let human = matches!(requester, Requester::Human { .. });
    let boundary = loaded.boundary();
    let task = loaded.task.as_ref();
    let purpose = task.map(|now| now.task.value.purpose.to_string());
    Word {
        resource,
        facts: found.values,
        signals: found.signals,
        chain: ChainContext {
            steps: chain.steps,
            sensitive: Known::some(chain.sensitive > 0),
            untrusted: Known::some(chain.untrusted > 0),
            external: Known::some(chain.external > 0),
            tier: Known::some(chain.tier()),
            systems: Known::from(i64::try_from(chain.systems_with_this()).ok()),
        },
        purpose: Known::from(purpose),
        out_of_boundary: Known::some(
            boundary.is_some_and(|boundary| outside(boundary, envelope, chain)),
        ),
        anomaly: Known::some(habits.is_some_and(|(habits, asking)| {
            habits.is_anomalous(asking, read_alone(&read.effects))
        })),
        cross_system: Known::some(!human && chain.crosses_systems()),
    }
}

/// The descriptor's sentence about an action, which touches so many units. The terminal makes the same call.
#[must_use]
pub fn sentence_of(action: &Action, descriptor: &Descriptor, quantity: Option<i64>) -> String {
    let envelope = action.envelope();
    let values = SentenceValues {
        workload: &envelope.workload,
        target: &envelope.target,
        resource: &envelope.resource,
        duration_seconds: envelope.duration_seconds,
        quantity,
    };
    descriptor.sentence(&values, &descriptor.project(action.payload()))
}

fn sentence(
    descriptor: &Descriptor,
    envelope: &Envelope,
    projection: &Projection,
    read: &Described,
) -> String {
    let values = SentenceValues {
        workload: &envelope.workload,
        target: &envelope.target,
        resource: &envelope.resource,
        duration_seconds: envelope.duration_seconds,
        quantity: read.quantity.get().copied(),
    };
    descriptor.sentence(&values, projection)
}

/// The trusted rendering of an action: what `display_bytes` are made of. The terminal makes the same call.
pub(crate) fn rendered(action: &Action, descriptor: &Descriptor) -> Rendered {
    let display = display(action, descriptor);
    let uninspectable = display.flags.contains(&Flag::Uninspectable);
    let too_large = display.flags.contains(&Flag::TooLargeToShow);
    match display.to_bytes() {
        Ok(bytes) if bytes.len() < gatehold_core::commit::ATTACHMENT_BYTES_MAX => {
            Rendered::new(bytes, uninspectable, too_large)
        }
        // Too large to keep is too large to show: nobody can approve it.
        _ => Rendered::new(
            Hash::of(action.payload()).to_string().into_bytes(),
            true,
            true,
        ),
    }
}

/// Renders an action through its descriptor.
#[must_use]
pub fn display(action: &Action, descriptor: &Descriptor) -> gatehold_render::Display {
    let envelope = action.envelope();
    let duration = format!("{} s", envelope.duration_seconds);
    let caps: Vec<String> = envelope
        .caps
        .iter()
        .map(|(name, cap)| format!("{name} at most {}", grouped(*cap)))
        .collect();
    let caps = if caps.is_empty() {
        "none".to_owned()
    } else {
        caps.join(", ")
    };
    let version = format!("{} v{}", descriptor.id, descriptor.version);
    let digest = action.digest().to_string();
    let fields = [
        Field {
            label: "action",
            value: &version,
        },
        Field {
            label: "workload",
            value: envelope.workload.as_str(),
        },
        Field {
            label: "target",
            value: envelope.target.as_str(),
        },
        Field {
            label: "resource",
            value: envelope.resource.as_str(),
        },
        Field {
            label: "duration",
            value: &duration,
        },
        Field {
            label: "caps",
            value: &caps,
        },
        Field {
            label: "precondition",
            value: envelope.precondition.as_deref().unwrap_or("none"),
        },
        Field {
            label: "digest",
            value: &digest,
        },
    ];
    let described: Vec<Member<'_>> = descriptor
        .fields
        .iter()
        .map(|field| Member {
            label: &field.label,
            pointer: &field.pointer,
            shape: shape(field, &descriptor.recipients),
        })
        .collect();
    let internal = match &descriptor.recipients {
        Recipients::Addresses(addresses) => addresses.internal.as_slice(),
        _ => &[],
    };
    let input = RenderInput {
        media_type: &envelope.payload.media_type,
        kind: kind(descriptor.payload),
        envelope: &fields,
        described: &described,
        internal,
        payload: action.payload(),
    };
    if envelope.target.as_str() == GATE_TARGET {
        gatehold_render::render_change(&input)
    } else {
        gatehold_render::render(&input)
    }
}

fn kind(payload: descriptor::PayloadKind) -> PayloadKind {
    match payload {
        descriptor::PayloadKind::Json => PayloadKind::Json,
        descriptor::PayloadKind::Sql => PayloadKind::Sql,
        descriptor::PayloadKind::Http => PayloadKind::Http,
        descriptor::PayloadKind::Argv => PayloadKind::Argv,
        descriptor::PayloadKind::Shell => PayloadKind::Shell,
        descriptor::PayloadKind::Diff => PayloadKind::Diff,
        descriptor::PayloadKind::Message => PayloadKind::Message,
        descriptor::PayloadKind::Opaque => PayloadKind::Opaque,
    }
}

/// What the value of a field is, beside being JSON.
fn shape(field: &descriptor::Field, recipients: &Recipients) -> Shape {
    match field.type_ {
        ValueType::Sql => Shape::Sql,
        ValueType::Shell => Shape::Shell,
        ValueType::Diff => Shape::Diff,
        ValueType::TerraformPlan => Shape::TerraformPlan,
        ValueType::Kubernetes => Shape::Kubernetes,
        ValueType::IamPolicy => Shape::IamPolicy,
        ValueType::IamPolicyBefore => Shape::IamPolicyBefore,
        ValueType::Amount { .. } => Shape::Amount,
        ValueType::MinorAmount => Shape::MinorAmount,
        ValueType::Currency => Shape::Currency,
        ValueType::Payee => Shape::Payee,
        ValueType::Account => Shape::Account,
        ValueType::PayeeBefore => Shape::PayeeBefore,
        ValueType::AccountBefore => Shape::AccountBefore,
        ValueType::Secret => Shape::Secret,
        _ => match recipients {
            Recipients::Addresses(addresses) if addresses.fields.contains(&field.name) => {
                Shape::Recipients
            }
            _ => Shape::Plain,
        },
    }
}
