//! The Cedar schema, generated: from the documented context, and from what each descriptor declares. Nobody writes it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use gatehold_core::context::{Context, FieldType};
use gatehold_core::descriptor::{Descriptor, ExecutorKind, ValueType};
use gatehold_core::effect::{EffectClass, Reversibility};

/// What policy can read of a resource; each may be unknown.
pub(crate) const RESOURCE_ATTRIBUTES: [(&str, FieldType); 5] = [
    ("environment", FieldType::Text),
    ("zone", FieldType::Text),
    ("sensitivity", FieldType::Text),
    ("owner", FieldType::Text),
    ("legacy_coarse", FieldType::Bool),
];

/// The groups an action of this kind is in: its effect classes, its reversibility, what executes it.
pub(crate) fn groups(descriptor: &Descriptor) -> Vec<String> {
    let effects = descriptor
        .effects
        .iter()
        .map(|class| format!("effect:{class}"));
    effects
        .chain([
            format!("reversibility:{}", descriptor.reversibility),
            format!("executor:{}", descriptor.executor.kind),
        ])
        .collect()
}

/// The whole schema.
pub(crate) fn text<'d>(descriptors: impl Iterator<Item = &'d Descriptor>) -> String {
    let mut out = String::from(HEAD);
    let attributes =
        RESOURCE_ATTRIBUTES.map(|(name, type_)| format!("  {}: {}", quoted(name), known(type_)));
    let _ = writeln!(
        out,
        "entity Resource in [Folder] {{\n{}\n}};\n",
        attributes.join(",\n")
    );
    let every_group = EffectClass::ALL
        .iter()
        .map(|class| format!("effect:{class}"))
        .chain(
            Reversibility::ALL
                .iter()
                .map(|word| format!("reversibility:{word}")),
        )
        .chain(
            ExecutorKind::ALL
                .iter()
                .map(|kind| format!("executor:{kind}")),
        );
    for group in every_group {
        let _ = writeln!(out, "action {};", quoted(&group));
    }
    out.push('\n');
    for descriptor in descriptors {
        action(descriptor, &mut out);
    }
    out
}

fn action(descriptor: &Descriptor, out: &mut String) {
    let groups: Vec<String> = groups(descriptor)
        .iter()
        .map(|group| quoted(group))
        .collect();
    let _ = writeln!(
        out,
        "action {} in [{}] appliesTo {{\n  principal: [Workload, Human],\n  resource: [Resource],\n  context: {{",
        quoted(descriptor.id.as_str()),
        groups.join(", ")
    );
    let mut members = Vec::new();
    let mut records: Vec<(&str, Vec<String>)> = Vec::new();
    for field in Context::documented() {
        let type_ = if field.may_be_unknown() {
            known(field.type_)
        } else {
            plain(field.type_)
        };
        match field.path.split_once('.') {
            None => members.push(format!("    {}: {type_}", quoted(field.path))),
            Some((record, member)) => {
                let member = format!("{}: {type_}", quoted(member));
                match records.iter_mut().find(|(name, _)| *name == record) {
                    Some((_, inside)) => inside.push(member),
                    None => records.push((record, vec![member])),
                }
            }
        }
    }
    records.push((
        "caps",
        caps(descriptor)
            .iter()
            .map(|cap| format!("{}: KnownLong", quoted(cap)))
            .collect(),
    ));
    let typed =
        |name: &str, type_: ValueType| format!("{}: {}", quoted(name), known(field_type(type_)));
    records.push((
        "fields",
        descriptor
            .fields
            .iter()
            .map(|f| typed(&f.name, f.type_))
            .collect(),
    ));
    records.push((
        "facts",
        descriptor
            .facts
            .iter()
            .map(|f| typed(&f.name, f.type_))
            .collect(),
    ));
    members.extend(
        records
            .iter()
            .map(|(name, inside)| format!("    {}: {{ {} }}", quoted(name), inside.join(", "))),
    );
    let _ = writeln!(out, "{}\n  }}\n}};\n", members.join(",\n"));
}

/// The caps policy can read: those the executor enforces.
pub(crate) fn caps(descriptor: &Descriptor) -> &BTreeSet<String> {
    &descriptor.executor.caps
}

/// How policy sees a declared type; a decimal is the integer of its smallest unit.
pub(crate) const fn field_type(type_: ValueType) -> FieldType {
    match type_ {
        ValueType::Integer
        | ValueType::Decimal { .. }
        | ValueType::Amount { .. }
        | ValueType::MinorAmount => FieldType::Integer,
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
        | ValueType::Secret => FieldType::Text,
        ValueType::StringList => FieldType::TextSet,
        ValueType::Bool => FieldType::Bool,
    }
}

const fn plain(type_: FieldType) -> &'static str {
    match type_ {
        FieldType::Bool => "Bool",
        FieldType::Integer => "Long",
        FieldType::Text => "String",
        FieldType::TextSet => "Set<String>",
    }
}

const fn known(type_: FieldType) -> &'static str {
    match type_ {
        FieldType::Bool => "KnownBool",
        FieldType::Integer => "KnownLong",
        FieldType::Text => "KnownString",
        FieldType::TextSet => "KnownSet",
    }
}

/// Names are plain identifiers by now; quoting keeps Cedar's own words apart.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.escape_debug())
}

const HEAD: &str = "\
type KnownBool = { known: Bool, value: Bool };
type KnownLong = { known: Bool, value: Long };
type KnownString = { known: Bool, value: String };
type KnownSet = { known: Bool, value: Set<String> };

entity Kind;
entity Owner;
entity Team;
entity Folder;
entity Workload in [Kind, Team, Owner];
entity Human in [Team];

";
