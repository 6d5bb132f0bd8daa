//! From a question to Cedar's terms: entities, and the part of the context that the slice's rules read.
//!
//! Entities are the request's own few: never a clone of a large store. Everything is filled: an unknown value is
//! `known: false` beside a value that no sound rule reads.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Context as CedarContext, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request,
    RestrictedExpression,
};
use gatehold_core::context::{
    Context, ContextValue, FieldDoc, FieldType, PolicyInput, Principal, ResourceFacts, TypedValue,
};
use gatehold_core::descriptor::Descriptor;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{DescriptorId, ResourceId};
use gatehold_core::known::Known;

use super::slice::{Slice, Wanted};
use crate::bundle::Bundle;
use crate::schema;

type Pairs = Vec<(String, RestrictedExpression)>;

/// Names that every question needs, parsed once.
pub(super) struct Names {
    types: HashMap<&'static str, EntityTypeName>,
    actions: HashMap<DescriptorId, Action>,
}

struct Action {
    uid: EntityUid,
    groups: Vec<EntityUid>,
    entity: Entity,
    hash: Hash,
}

const TYPES: [&str; 8] = [
    "Workload", "Human", "Kind", "Team", "Owner", "Resource", "Folder", "Action",
];

impl Names {
    pub(super) fn new(bundle: &Bundle) -> Self {
        let types = TYPES
            .iter()
            .filter_map(|name| Some((*name, name.parse().ok()?)))
            .collect();
        let mut names = Self {
            types,
            actions: HashMap::new(),
        };
        for (id, descriptor) in bundle.descriptors() {
            let Some(uid) = names.uid("Action", id.as_str()) else {
                continue;
            };
            let groups: Vec<EntityUid> = schema::groups(descriptor)
                .iter()
                .filter_map(|group| names.uid("Action", group))
                .collect();
            let entity = Entity::new_no_attrs(uid.clone(), groups.iter().cloned().collect());
            names.actions.insert(
                id.clone(),
                Action {
                    uid,
                    groups,
                    entity,
                    hash: descriptor.hash(),
                },
            );
        }
        names
    }

    /// The hash of a descriptor of the bundle.
    pub(super) fn descriptor_hash(&self, id: &DescriptorId) -> Option<Hash> {
        self.actions.get(id).map(|action| action.hash)
    }

    fn uid(&self, type_: &str, id: &str) -> Option<EntityUid> {
        Some(EntityUid::from_type_name_and_id(
            self.types.get(type_)?.clone(),
            EntityId::new(id),
        ))
    }
}

/// What Cedar is handed.
pub(super) struct Posed {
    pub(super) request: Request,
    pub(super) entities: Entities,
}

/// One question in Cedar's terms.
pub(super) struct Asked<'a> {
    principal: EntityUid,
    principal_groups: Vec<EntityUid>,
    action: &'a Action,
    resource: EntityUid,
    folders: Vec<EntityUid>,
    facts: &'a ResourceFacts,
    context: &'a Context,
    descriptor: &'a Descriptor,
}

impl<'a> Asked<'a> {
    pub(super) fn new(
        names: &'a Names,
        input: &'a PolicyInput,
        descriptor: &'a Descriptor,
    ) -> Result<Self, String> {
        let unnamed = || "a name has no form that policy can read".to_owned();
        let action = names.actions.get(&descriptor.id).ok_or_else(unnamed)?;
        let (type_, id, groups) = match &input.principal {
            Principal::Workload {
                id,
                kind,
                teams,
                owner,
            } => {
                let mut groups = vec![
                    ("Kind", kind.as_str().to_owned()),
                    ("Owner", owner.to_string()),
                ];
                groups.extend(teams.iter().map(|team| ("Team", team.to_string())));
                ("Workload", id.to_string(), groups)
            }
            Principal::Human { id, teams } => {
                let groups = teams
                    .iter()
                    .map(|team| ("Team", team.to_string()))
                    .collect();
                ("Human", id.to_string(), groups)
            }
        };
        let principal = names.uid(type_, &id).ok_or_else(unnamed)?;
        let uids = |list: Vec<(&str, String)>| {
            list.iter()
                .map(|(type_, id)| names.uid(type_, id))
                .collect::<Option<Vec<_>>>()
        };
        let principal_groups = uids(groups).ok_or_else(unnamed)?;
        let resource = names
            .uid("Resource", input.resource.id.as_str())
            .ok_or_else(unnamed)?;
        let folders = uids(
            folders(&input.resource.id)
                .into_iter()
                .map(|f| ("Folder", f))
                .collect(),
        )
        .ok_or_else(unnamed)?;
        Ok(Self {
            principal,
            principal_groups,
            action,
            resource,
            folders,
            facts: &input.resource,
            context: &input.context,
            descriptor,
        })
    }

    /// The names whose buckets can hold a rule that matches.
    pub(super) fn keys(&self) -> impl Iterator<Item = &EntityUid> {
        [&self.principal, &self.resource, &self.action.uid]
            .into_iter()
            .chain(&self.principal_groups)
            .chain(&self.folders)
            .chain(&self.action.groups)
    }

    /// The question with as much of context and resource as the slice reads.
    pub(super) fn pose(&self, context_missing: bool, slice: &Slice) -> Result<Posed, String> {
        Ok(Posed {
            request: self.request_of(self.pairs(context_missing, Some(&slice.wanted)))?,
            entities: self.entities(slice.wanted.resource)?,
        })
    }

    /// The question with everything in it, as the schema describes it.
    #[cfg(test)]
    pub(super) fn pose_whole(&self) -> Result<Posed, String> {
        let missing = self.context.conditions.context_missing;
        Ok(Posed {
            request: self.request_of(self.pairs(missing, None))?,
            entities: self.entities(true)?,
        })
    }

    fn entities(&self, with_attributes: bool) -> Result<Entities, String> {
        let parents = |groups: &[EntityUid]| groups.iter().cloned().collect::<HashSet<_>>();
        let resource = if with_attributes {
            let attributes = attributes(self.facts).into_iter().collect();
            Entity::new(self.resource.clone(), attributes, parents(&self.folders))
                .map_err(|error| error.to_string())?
        } else {
            Entity::new_no_attrs(self.resource.clone(), parents(&self.folders))
        };
        let principal =
            Entity::new_no_attrs(self.principal.clone(), parents(&self.principal_groups));
        Entities::from_entities([principal, resource, self.action.entity.clone()], None)
            .map_err(|error| error.to_string())
    }

    fn request_of(&self, pairs: Pairs) -> Result<Request, String> {
        let context = CedarContext::from_pairs(pairs).map_err(|error| error.to_string())?;
        Request::new(
            self.principal.clone(),
            self.action.uid.clone(),
            self.resource.clone(),
            context,
            None,
        )
        .map_err(|error| error.to_string())
    }

    fn pairs(&self, context_missing: bool, wanted: Option<&Wanted>) -> Pairs {
        let declared_wanted =
            |record: &str, name: &str| wanted.is_none_or(|wanted| wanted.declared(record, name));
        let mut top: Pairs = Vec::new();
        let mut records: Vec<(&str, Pairs)> = Vec::new();
        for (at, field) in Context::documented().iter().enumerate() {
            if !wanted.is_none_or(|wanted| wanted.documented(at)) {
                continue;
            }
            let value = if field.path == "conditions.context_missing" {
                RestrictedExpression::new_bool(context_missing)
            } else {
                documented(field, self.context)
            };
            match field.path.split_once('.') {
                None => top.push((field.path.to_owned(), value)),
                Some((record, member)) => {
                    inside(&mut records, record).push((member.to_owned(), value));
                }
            }
        }
        for cap in schema::caps(self.descriptor) {
            if declared_wanted("caps", cap) {
                let value = self
                    .context
                    .caps
                    .get(cap)
                    .and_then(|cap| i64::try_from(*cap).ok());
                let value = known_or(
                    value.map(RestrictedExpression::new_long),
                    FieldType::Integer,
                );
                inside(&mut records, "caps").push((cap.clone(), value));
            }
        }
        let fields = self.descriptor.fields.iter();
        let fields = fields.map(|f| ("fields", &f.name, f.type_, &self.context.fields));
        let facts = self.descriptor.facts.iter();
        let facts = facts.map(|f| ("facts", &f.name, f.type_, &self.context.facts));
        for (record, name, type_, values) in fields.chain(facts) {
            if declared_wanted(record, name) {
                let type_ = schema::field_type(type_);
                let value = values.get(name).and_then(|value| typed(value, type_));
                inside(&mut records, record).push((name.clone(), known_or(value, type_)));
            }
        }
        if wanted.is_none() {
            for record in ["caps", "fields", "facts"] {
                inside(&mut records, record);
            }
        }
        top.extend(
            records
                .into_iter()
                .filter_map(|(name, pairs)| Some((name.to_owned(), record(pairs)?))),
        );
        top
    }
}

fn inside<'r, 'n>(records: &'r mut Vec<(&'n str, Pairs)>, name: &'n str) -> &'r mut Pairs {
    let at = records
        .iter()
        .position(|(known, _)| *known == name)
        .unwrap_or(records.len());
    if at == records.len() {
        records.push((name, Pairs::new()));
    }
    // Just found or just pushed.
    #[expect(
        clippy::indexing_slicing,
        reason = "`at` was found in or pushed onto this very list"
    )]
    &mut records[at].1
}

fn documented(field: &FieldDoc, context: &Context) -> RestrictedExpression {
    let value = field.read(context).map(expression);
    if field.may_be_unknown() {
        known_or(value, field.type_)
    } else {
        value.unwrap_or_else(|| blank(field.type_))
    }
}

fn expression(value: ContextValue<'_>) -> RestrictedExpression {
    match value {
        ContextValue::Bool(truth) => RestrictedExpression::new_bool(truth),
        ContextValue::Integer(number) => RestrictedExpression::new_long(number),
        ContextValue::Text(text) => RestrictedExpression::new_string(text.to_owned()),
        ContextValue::TextSet(texts) => set(texts.into_iter()),
    }
}

fn typed(value: &TypedValue, type_: FieldType) -> Option<RestrictedExpression> {
    Some(match (value, type_) {
        (
            TypedValue::Integer(number)
            | TypedValue::Decimal {
                unscaled: number, ..
            },
            FieldType::Integer,
        ) => RestrictedExpression::new_long(*number),
        (TypedValue::Text(text), FieldType::Text) => RestrictedExpression::new_string(text.clone()),
        (TypedValue::TextList(texts), FieldType::TextSet) => set(texts.iter().map(String::as_str)),
        (TypedValue::Bool(truth), FieldType::Bool) => RestrictedExpression::new_bool(*truth),
        // Not of its declared type: unknown, not something else.
        _ => return None,
    })
}

fn set<'t>(texts: impl Iterator<Item = &'t str>) -> RestrictedExpression {
    RestrictedExpression::new_set(
        texts.map(|text| RestrictedExpression::new_string(text.to_owned())),
    )
}

fn known_or(value: Option<RestrictedExpression>, type_: FieldType) -> RestrictedExpression {
    let known = value.is_some();
    let value = value.unwrap_or_else(|| blank(type_));
    record(vec![
        ("known".to_owned(), RestrictedExpression::new_bool(known)),
        ("value".to_owned(), value),
    ])
    .unwrap_or_else(|| blank(type_))
}

fn blank(type_: FieldType) -> RestrictedExpression {
    match type_ {
        FieldType::Bool => RestrictedExpression::new_bool(false),
        FieldType::Integer => RestrictedExpression::new_long(0),
        FieldType::Text => RestrictedExpression::new_string(String::new()),
        FieldType::TextSet => RestrictedExpression::new_set([]),
    }
}

fn record(pairs: Pairs) -> Option<RestrictedExpression> {
    // Fails only for duplicate names, and these are distinct.
    RestrictedExpression::new_record(pairs).ok()
}

fn attributes(resource: &ResourceFacts) -> Pairs {
    let text = |value: Option<&str>| {
        known_or(
            value.map(|text| RestrictedExpression::new_string(text.to_owned())),
            FieldType::Text,
        )
    };
    let flag = |value: &Known<bool>| {
        known_or(
            value
                .get()
                .map(|truth| RestrictedExpression::new_bool(*truth)),
            FieldType::Bool,
        )
    };
    vec![
        (
            "environment".to_owned(),
            text(resource.environment.get().map(|word| word.as_str())),
        ),
        (
            "zone".to_owned(),
            text(resource.zone.get().map(String::as_str)),
        ),
        (
            "sensitivity".to_owned(),
            text(resource.sensitivity.get().map(|word| word.as_str())),
        ),
        (
            "owner".to_owned(),
            text(resource.owner.get().map(String::as_str)),
        ),
        ("legacy_coarse".to_owned(), flag(&resource.legacy_coarse)),
    ]
}

/// The folders a resource lies in: `a/b/c` lies in `a/` and `a/b/`. A path with a `.` or `..` segment may resolve
/// elsewhere and lies in none.
fn folders(resource: &ResourceId) -> Vec<String> {
    let name = resource.as_str();
    if name
        .split('/')
        .any(|segment| segment == ".." || segment == ".")
    {
        return Vec::new();
    }
    name.match_indices('/')
        .filter_map(|(at, _)| name.get(..=at))
        .map(str::to_owned)
        .collect()
}
