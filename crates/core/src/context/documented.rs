//! The documented list: every name that policy can read, its type, what it means, and how it is read.
//!
//! One table. Policy's schema, the reference page and the values themselves all come from it, so they cannot differ.

use std::collections::BTreeSet;

use super::{Context, InitiatorKind, PromptSource};
use crate::effect::{EffectClass, Environment, Reversibility, Sensitivity};
use crate::tier::Tier;
use crate::workload::WorkloadAssurance;

/// The type of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// True or false.
    Bool,
    /// A signed 64-bit integer.
    Integer,
    /// Text.
    Text,
    /// A set of texts.
    TextSet,
}

/// A value as policy reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextValue<'a> {
    /// True or false.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// Text.
    Text(&'a str),
    /// A set of texts.
    TextSet(Vec<&'a str>),
}

#[derive(Clone, Copy)]
enum Read {
    Plain(for<'a> fn(&'a Context) -> ContextValue<'a>),
    Maybe(for<'a> fn(&'a Context) -> Option<ContextValue<'a>>),
}

/// One name of the documented list.
#[derive(Clone, Copy)]
pub struct FieldDoc {
    /// Where it stands: `tier`, or `chain.steps` for a member of a record.
    pub path: &'static str,
    /// Its type; a name that may be unknown is read as `{known, value}` with this type as `value`.
    pub type_: FieldType,
    /// What it means.
    pub doc: &'static str,
    /// The words it can be, when it is text from a closed list.
    pub words: &'static [&'static str],
    /// What it always is, when nothing in this version computes it: a rule about it never matches for a reason.
    pub always: Option<&'static str>,
    read: Read,
}

impl FieldDoc {
    /// Whether policy reads `{known, value}`.
    #[must_use]
    pub const fn may_be_unknown(&self) -> bool {
        matches!(self.read, Read::Maybe(_))
    }

    /// The value in a context; `None` is unknown, and only where [`FieldDoc::may_be_unknown`].
    #[must_use]
    pub fn read<'a>(&self, context: &'a Context) -> Option<ContextValue<'a>> {
        match self.read {
            Read::Plain(read) => Some(read(context)),
            Read::Maybe(read) => read(context),
        }
    }
}

impl Context {
    /// Every name policy can read, apart from `caps`, `fields` and `facts`, whose members each descriptor declares.
    #[must_use]
    pub const fn documented() -> &'static [FieldDoc] {
        DOCUMENTED
    }

    /// Those of the named inputs that are UNKNOWN. A name that nothing answers to is unknown too.
    #[must_use]
    pub fn missing<'n>(&self, requires: &'n BTreeSet<String>) -> Vec<&'n str> {
        let known = |name: &str| match name.split_once('.') {
            Some(("fields", field)) => self.fields.contains_key(field),
            Some(("facts", fact)) => self.facts.contains_key(fact),
            Some(("caps", cap)) => self.caps.contains_key(cap),
            _ => DOCUMENTED
                .iter()
                .find(|field| field.path == name)
                .is_some_and(|field| field.read(self).is_some()),
        };
        requires
            .iter()
            .map(String::as_str)
            .filter(|name| !known(name))
            .collect()
    }
}

const fn plain(
    path: &'static str,
    type_: FieldType,
    doc: &'static str,
    read: for<'a> fn(&'a Context) -> ContextValue<'a>,
) -> FieldDoc {
    FieldDoc {
        path,
        type_,
        doc,
        words: &[],
        always: None,
        read: Read::Plain(read),
    }
}

const fn maybe(
    path: &'static str,
    type_: FieldType,
    doc: &'static str,
    read: for<'a> fn(&'a Context) -> Option<ContextValue<'a>>,
) -> FieldDoc {
    FieldDoc {
        path,
        type_,
        doc,
        words: &[],
        always: None,
        read: Read::Maybe(read),
    }
}

const fn of(field: FieldDoc, words: &'static [&'static str]) -> FieldDoc {
    FieldDoc { words, ..field }
}

/// Not computed in this version: it is always this.
const fn always(value: &'static str, field: FieldDoc) -> FieldDoc {
    FieldDoc {
        always: Some(value),
        ..field
    }
}

const fn flag(value: bool) -> ContextValue<'static> {
    ContextValue::Bool(value)
}

fn count(value: u64) -> ContextValue<'static> {
    ContextValue::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

use ContextValue::{Integer, Text, TextSet};
use FieldType as T;

const TIERS: &[&str] = &[
    Tier::Green.as_str(),
    Tier::Amber.as_str(),
    Tier::Red.as_str(),
];

const DOCUMENTED: &[FieldDoc] = &[
    of(
        plain(
            "tier",
            T::Text,
            "How risky the documented inputs make the action.",
            |c| Text(c.tier.as_str()),
        ),
        TIERS,
    ),
    of(
        plain(
            "effects",
            T::TextSet,
            "Effect classes: those of the descriptor and those inferred from this action.",
            |c| TextSet(c.effects.iter().map(|class| class.as_str()).collect()),
        ),
        EffectClass::WORDS,
    ),
    of(
        maybe(
            "reversibility",
            T::Text,
            "Whether the action can be taken back.",
            |c| c.reversibility.get().map(|word| Text(word.as_str())),
        ),
        Reversibility::WORDS,
    ),
    maybe(
        "quantity",
        T::Integer,
        "How many units it touches, in the descriptor's unit.",
        |c| c.quantity.get().copied().map(Integer),
    ),
    maybe("recipients", T::TextSet, "Who receives something.", |c| {
        c.recipients
            .get()
            .map(|set| TextSet(set.iter().map(String::as_str).collect()))
    }),
    maybe(
        "external_recipients",
        T::Bool,
        "Whether any recipient is outside the organisation.",
        |c| c.external_recipients.get().copied().map(flag),
    ),
    plain(
        "duration_seconds",
        T::Integer,
        "How long access is wanted, in seconds.",
        |c| count(u64::from(c.duration_seconds)),
    ),
    maybe(
        "purpose",
        T::Text,
        "Hash of the task's purpose, which is fixed at its first step.",
        |c| c.purpose.get().map(|purpose| Text(purpose)),
    ),
    of(
        maybe("sensitivity", T::Text, "How sensitive the data is.", |c| {
            c.sensitivity.get().map(|word| Text(word.as_str()))
        }),
        Sensitivity::WORDS,
    ),
    of(
        maybe(
            "environment",
            T::Text,
            "Which world the action happens in.",
            |c| c.environment.get().map(|word| Text(word.as_str())),
        ),
        Environment::WORDS,
    ),
    maybe("zone", T::Text, "The trust zone of the resource.", |c| {
        c.zone.get().map(|zone| Text(zone))
    }),
    plain(
        "target",
        T::Text,
        "Where the action would be executed.",
        |c| Text(&c.target),
    ),
    plain(
        "inspectable",
        T::Bool,
        "Whether the payload could be read: every declared field through the descriptor, and all of it by a person. If the first is not so, every field is unknown.",
        |c| flag(c.inspectable),
    ),
    plain(
        "undescribed",
        T::Integer,
        "How many parts of the payload the descriptor says nothing about.",
        |c| count(c.undescribed),
    ),
    plain(
        "chain.steps",
        T::Integer,
        "Other steps of the task that are decided by now. Its own is never among them.",
        |c| count(c.chain.steps),
    ),
    maybe(
        "chain.sensitive",
        T::Bool,
        "Whether another step of the task has read sensitive data.",
        |c| c.chain.sensitive.get().copied().map(flag),
    ),
    always(
        "false",
        maybe(
            "chain.untrusted",
            T::Bool,
            "Whether another step of the task has taken in content that nobody vouches for.",
            |c| c.chain.untrusted.get().copied().map(flag),
        ),
    ),
    maybe(
        "chain.external",
        T::Bool,
        "Whether another step of the task has reached outside.",
        |c| c.chain.external.get().copied().map(flag),
    ),
    of(
        maybe(
            "chain.tier",
            T::Text,
            "The highest tier of any other step so far.",
            |c| c.chain.tier.get().map(|tier| Text(tier.as_str())),
        ),
        TIERS,
    ),
    maybe(
        "chain.systems",
        T::Integer,
        "How many targets the steps of the task are on, this one included.",
        |c| c.chain.systems.get().copied().map(Integer),
    ),
    always(
        "claimed",
        of(
            plain(
                "provenance.prompt_source",
                T::Text,
                "Where the words behind the action came from.",
                |c| Text(c.provenance.prompt_source.as_str()),
            ),
            PromptSource::WORDS,
        ),
    ),
    always(
        "unknown",
        maybe(
            "provenance.user_typed",
            T::Bool,
            "Whether a human typed the arguments. Claimed text never makes this true.",
            |c| c.provenance.user_typed.get().copied().map(flag),
        ),
    ),
    maybe(
        "signals.outside_hours",
        T::Bool,
        "Outside the owner's working hours.",
        |c| c.signals.outside_hours.get().copied().map(flag),
    ),
    maybe("signals.weekend", T::Bool, "Weekend for the owner.", |c| {
        c.signals.weekend.get().copied().map(flag)
    }),
    maybe("signals.holiday", T::Bool, "Holiday for the owner.", |c| {
        c.signals.holiday.get().copied().map(flag)
    }),
    maybe(
        "signals.change_freeze",
        T::Bool,
        "A change freeze is in force.",
        |c| c.signals.change_freeze.get().copied().map(flag),
    ),
    maybe(
        "signals.burst",
        T::Bool,
        "The workload asks more often in this hour than it usually does.",
        |c| c.signals.burst.get().copied().map(flag),
    ),
    maybe(
        "signals.wide",
        T::Bool,
        "The workload asks about more different resources today than it usually does.",
        |c| c.signals.wide.get().copied().map(flag),
    ),
    maybe(
        "signals.new_resource",
        T::Bool,
        "The workload has not used this kind of action on this resource in this environment for 30 days.",
        |c| c.signals.new_resource.get().copied().map(flag),
    ),
    maybe(
        "signals.flagged",
        T::Bool,
        "A signal from outside says of the workload that it is unusual, and its time is not over.",
        |c| c.signals.flagged.get().copied().map(flag),
    ),
    maybe(
        "conditions.elevation",
        T::Bool,
        "Beyond what the workload normally does.",
        |c| c.conditions.elevation.get().copied().map(flag),
    ),
    always(
        "false",
        maybe(
            "conditions.exception",
            T::Bool,
            "It relies on an exception to a rule.",
            |c| c.conditions.exception.get().copied().map(flag),
        ),
    ),
    plain(
        "conditions.creates_privilege",
        T::Bool,
        "It makes or widens a privilege.",
        |c| flag(c.conditions.creates_privilege),
    ),
    plain(
        "conditions.context_missing",
        T::Bool,
        "An input that the descriptor or a matched checkpoint requires is unknown.",
        |c| flag(c.conditions.context_missing),
    ),
    maybe(
        "conditions.out_of_boundary",
        T::Bool,
        "Beyond what the task declared.",
        |c| c.conditions.out_of_boundary.get().copied().map(flag),
    ),
    plain(
        "conditions.ambiguous",
        T::Bool,
        "The payload cannot be inspected, or signals conflict.",
        |c| flag(c.conditions.ambiguous),
    ),
    maybe(
        "conditions.anomaly",
        T::Bool,
        "The workload reaches for more resources today than it usually does, or changes things more often in this hour; or a signal from outside says that it is unusual, which `signals.flagged` tells apart.",
        |c| c.conditions.anomaly.get().copied().map(flag),
    ),
    maybe(
        "conditions.cross_system",
        T::Bool,
        "It reaches into another system than the task worked in so far.",
        |c| c.conditions.cross_system.get().copied().map(flag),
    ),
    of(
        plain("initiator", T::Text, "Who started the task.", |c| {
            Text(c.initiator.as_str())
        }),
        InitiatorKind::WORDS,
    ),
    of(
        plain(
            "assurance",
            T::Text,
            "How well the workload's key is tied to the workload.",
            |c| Text(c.assurance.as_str()),
        ),
        WorkloadAssurance::WORDS,
    ),
];
