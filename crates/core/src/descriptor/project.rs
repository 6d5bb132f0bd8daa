//! The typed projection of a payload: what policy may look at. Not what executes: that is the stored bytes.
//!
//! What does not fit its declared type exactly, is missing though required, or cannot be parsed makes the whole payload
//! uninspectable; nothing is guessed, rounded or skipped. What the descriptor does not mention is listed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    Descriptor, Downstream, Field, PayloadKind, Quantity, Recipients, SensitivitySource, ValueType,
};
use crate::baseline::ScopesAsked;
use crate::context::TypedValue;
use crate::effect::{EffectClass, Reversibility, Sensitivity};
use crate::hash::Hash;
use crate::ids::{DescriptorId, HumanId, ResourceId};
use crate::json::canonical::{self, INT_MAX};
use crate::json::lexeme::Lexeme;
use crate::json::payload::{self, Json, escape_token};
use crate::json::scan::Limits;
use crate::known::Known;

/// Longest text that a field may hold, in bytes.
pub const FIELD_BYTES_MAX: usize = 64 << 10;
/// Most members of a list field.
const LIST_MAX: usize = 4_096;
/// Most parts that the descriptor says nothing about before the payload counts as uninspectable.
const UNDESCRIBED_MAX: usize = 256;

/// What could be read of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Projection {
    /// Everything declared fits.
    Inspectable {
        /// Declared fields by name; one that is not required may be absent.
        fields: BTreeMap<String, TypedValue>,
        /// Pointers to the topmost parts that the descriptor does not mention.
        undescribed: Vec<String>,
    },
    /// It cannot be relied on to mean what it says.
    Uninspectable {
        /// Why, for a reader.
        why: String,
    },
}

/// The part of a policy context that follows from descriptor and payload alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Declared effects and those inferred from fields.
    pub effects: BTreeSet<EffectClass>,
    /// Unknown when what it sets off is unknown.
    pub reversibility: Known<Reversibility>,
    /// How many units.
    pub quantity: Known<i64>,
    /// Who receives something.
    pub recipients: Known<BTreeSet<String>>,
    /// Sensitivity, never below what the catalogue says of the resource.
    pub sensitivity: Known<Sensitivity>,
    /// Whether the payload could be read.
    pub inspectable: bool,
    /// How many parts are not described.
    pub undescribed: u64,
    /// The fields.
    pub fields: BTreeMap<String, TypedValue>,
    /// The scopes it asks for.
    pub scopes: ScopesAsked,
}

impl Descriptor {
    /// Reads the declared fields of a payload.
    #[must_use]
    pub fn project(&self, payload: &[u8]) -> Projection {
        match self.try_project(payload) {
            Ok((fields, undescribed)) => Projection::Inspectable {
                fields,
                undescribed,
            },
            Err(why) => Projection::Uninspectable { why },
        }
    }

    fn try_project(
        &self,
        payload: &[u8],
    ) -> Result<(BTreeMap<String, TypedValue>, Vec<String>), String> {
        match self.payload {
            PayloadKind::Opaque => Err("the payload is opaque".to_owned()),
            PayloadKind::Sql | PayloadKind::Shell | PayloadKind::Diff | PayloadKind::Message => {
                let what = self.payload.as_str();
                let text = core::str::from_utf8(payload)
                    .map_err(|error| format!("the {what} text is not UTF-8: {error}"))?;
                if text.contains('\0') {
                    return Err(format!("the {what} text holds a NUL character"));
                }
                self.read_fields(&Json::String(text.to_owned()))
                    .map(|fields| (fields, Vec::new()))
            }
            PayloadKind::Http if payload.is_empty() => self
                .read_fields(&Json::Object(Vec::new()))
                .map(|fields| (fields, Vec::new())),
            PayloadKind::Json | PayloadKind::Http | PayloadKind::Argv => {
                let json = payload::parse(payload, &Limits::PAYLOAD)
                    .map_err(|error| format!("the payload is not strict JSON: {error}"))?;
                let words = |list: &[Json]| list.iter().all(|word| word.as_str().is_some());
                if self.payload == PayloadKind::Argv && !json.as_array().is_some_and(words) {
                    return Err("the payload is not a JSON array of strings".to_owned());
                }
                let fields = self.read_fields(&json)?;
                Ok((fields, self.undescribed(&json)?))
            }
        }
    }

    fn read_fields(&self, json: &Json) -> Result<BTreeMap<String, TypedValue>, String> {
        let mut fields = BTreeMap::new();
        for field in &self.fields {
            match json.pointer(&field.pointer) {
                Some(value) => {
                    let value = typed(field, value).ok_or_else(|| {
                        format!("`{}` does not fit its declared type", field.name)
                    })?;
                    fields.insert(field.name.clone(), value);
                }
                None if field.required => {
                    return Err(format!("`{}` is missing", field.name));
                }
                None => {}
            }
        }
        Ok(fields)
    }

    fn undescribed(&self, json: &Json) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        let mut open = vec![(String::new(), json)];
        while let Some((pointer, value)) = open.pop() {
            let inside = format!("{pointer}/");
            if self.fields.iter().any(|field| field.pointer == pointer) {
                continue;
            }
            let leads_on = pointer.is_empty()
                || self
                    .fields
                    .iter()
                    .any(|field| field.pointer.starts_with(&inside));
            match value {
                Json::Object(members) if leads_on => open.extend(
                    members
                        .iter()
                        .map(|(name, value)| (inside.clone() + &escape_token(name), value)),
                ),
                Json::Array(elements) if leads_on => open.extend(
                    elements
                        .iter()
                        .enumerate()
                        .map(|(at, value)| (format!("{inside}{at}"), value)),
                ),
                _ => found.push(pointer),
            }
            if found.len() > UNDESCRIBED_MAX || open.len() > LIST_MAX * 2 {
                return Err(format!(
                    "the descriptor says nothing about more than {UNDESCRIBED_MAX} parts of the payload"
                ));
            }
        }
        found.sort();
        Ok(found)
    }

    /// What follows for policy from this descriptor, a projection, the caps asked for, the facts that are known and
    /// what the catalogue says about the resource's sensitivity.
    #[must_use]
    pub fn describe(
        &self,
        projection: &Projection,
        caps: &BTreeMap<String, u64>,
        facts: &BTreeMap<String, TypedValue>,
        resource: &Known<Sensitivity>,
    ) -> Described {
        let (inspectable, undescribed, fields) = match projection {
            Projection::Inspectable {
                fields,
                undescribed,
            } => (true, undescribed.len(), fields.clone()),
            Projection::Uninspectable { .. } => (false, 0, BTreeMap::new()),
        };
        Described {
            effects: self.effects_of(&fields),
            reversibility: match self.downstream {
                Downstream::Unknown => Known::unknown(),
                Downstream::Declared(_) => Known::some(self.reversibility),
            },
            quantity: self.quantity_of(&fields, caps, facts).into(),
            recipients: self.recipients_of(&fields).into(),
            sensitivity: self.sensitivity_of(&fields, resource).into(),
            inspectable,
            undescribed: u64::try_from(undescribed).unwrap_or(u64::MAX),
            fields,
            scopes: ScopesAsked::of(self, projection),
        }
    }

    fn effects_of(&self, fields: &BTreeMap<String, TypedValue>) -> BTreeSet<EffectClass> {
        let mut effects = self.effects.clone();
        for inference in &self.infers {
            let holds = match fields.get(&inference.field) {
                Some(TypedValue::Text(text)) => {
                    let text = text.to_lowercase();
                    inference
                        .contains_any
                        .iter()
                        .any(|word| text.contains(&word.to_lowercase()))
                }
                _ => true,
            };
            if holds {
                effects.extend(&inference.adds);
            }
        }
        effects
    }

    fn quantity_of(
        &self,
        fields: &BTreeMap<String, TypedValue>,
        caps: &BTreeMap<String, u64>,
        facts: &BTreeMap<String, TypedValue>,
    ) -> Option<i64> {
        let integer = |value: Option<&TypedValue>| match value {
            Some(TypedValue::Integer(number)) => Some(*number),
            _ => None,
        };
        match &self.quantity {
            Quantity::One => Some(1),
            Quantity::Unknown => None,
            Quantity::Field(measure) => integer(fields.get(&measure.name)),
            Quantity::Fact(measure) => integer(facts.get(&measure.name)),
            Quantity::Cap(measure) => i64::try_from(*caps.get(&measure.name)?).ok(),
        }
    }

    fn recipients_of(&self, fields: &BTreeMap<String, TypedValue>) -> Option<BTreeSet<String>> {
        match &self.recipients {
            Recipients::Nobody => Some(BTreeSet::new()),
            Recipients::Unknown => None,
            Recipients::Field(name) => match fields.get(name)? {
                TypedValue::Text(text) => Some(BTreeSet::from([text.clone()])),
                TypedValue::TextList(texts) => Some(texts.iter().cloned().collect()),
                _ => None,
            },
            Recipients::Addresses(addresses) if addresses.fields.is_empty() => None,
            Recipients::Addresses(addresses) => {
                let mut found = BTreeSet::new();
                for name in &addresses.fields {
                    match fields.get(name) {
                        None => {}
                        Some(TypedValue::Text(text)) => found.extend([text.clone()]),
                        Some(TypedValue::TextList(texts)) => found.extend(texts.iter().cloned()),
                        Some(_) => return None,
                    }
                }
                Some(found)
            }
        }
    }

    /// A field is requester text: it can raise what the catalogue says, never stand in for it.
    fn sensitivity_of(
        &self,
        fields: &BTreeMap<String, TypedValue>,
        resource: &Known<Sensitivity>,
    ) -> Option<Sensitivity> {
        let resource = *resource.get()?;
        match &self.sensitivity {
            SensitivitySource::Resource => Some(resource),
            SensitivitySource::Field(name) => match fields.get(name)? {
                TypedValue::Text(word) => {
                    let said = Sensitivity::ALL
                        .iter()
                        .find(|level| level.as_str() == word)?;
                    Some(resource.max(*said))
                }
                _ => None,
            },
        }
    }
}

/// The value of one field, exactly, or nothing.
fn typed(field: &Field, value: &Json) -> Option<TypedValue> {
    let short = |text: &str| (text.len() <= FIELD_BYTES_MAX).then(|| text.to_owned());
    let safe = |number: i64| (number.unsigned_abs() <= INT_MAX.unsigned_abs()).then_some(number);
    Some(match field.type_ {
        ValueType::Integer | ValueType::MinorAmount => {
            TypedValue::Integer(safe(value.as_number()?.decimal().to_i64()?)?)
        }
        ValueType::Decimal { scale } => TypedValue::Decimal {
            unscaled: safe(value.as_number()?.decimal().to_scaled(u32::from(scale))?)?,
            scale,
        },
        ValueType::Amount { scale } => {
            let written = match value {
                Json::String(text) => Lexeme::new(text).ok()?,
                other => other.as_number()?.clone(),
            };
            TypedValue::Decimal {
                unscaled: safe(written.decimal().to_scaled(u32::from(scale))?)?,
                scale,
            }
        }
        ValueType::String
        | ValueType::Sql
        | ValueType::Shell
        | ValueType::Diff
        | ValueType::Currency
        | ValueType::Payee
        | ValueType::Account
        | ValueType::PayeeBefore
        | ValueType::AccountBefore => TypedValue::Text(short(value.as_str()?)?),
        // Policy inputs are kept and shown.
        ValueType::Secret => {
            let length = short(value.as_str()?)?.len();
            TypedValue::Text(format!("a secret of {length} bytes"))
        }
        ValueType::IamPolicy | ValueType::IamPolicyBefore => match value {
            Json::String(text) => TypedValue::Text(short(text)?),
            other => document(other)?,
        },
        ValueType::TerraformPlan | ValueType::Kubernetes => document(value)?,
        ValueType::StringList => {
            let elements = value.as_array()?;
            if elements.len() > LIST_MAX {
                return None;
            }
            let texts: Option<Vec<String>> =
                elements.iter().map(|text| short(text.as_str()?)).collect();
            TypedValue::TextList(texts?)
        }
        ValueType::Bool => TypedValue::Bool(value.as_bool()?),
    })
}

/// What a document is to policy, whose inputs are kept and shown: its hash alone.
fn document(value: &Json) -> Option<TypedValue> {
    value.as_object()?;
    let mut bytes = Vec::new();
    write(value, &mut bytes);
    let hash = Hash::of(&bytes);
    Some(TypedValue::Text(format!("a document, {hash}")))
}

/// What stands in a document, so that two that say the same in the same order are the same.
fn write(value: &Json, out: &mut Vec<u8>) {
    let mut text = |kind: u8, text: &str| {
        out.push(kind);
        out.extend_from_slice(&text.len().to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    };
    match value {
        Json::Null => text(b'n', ""),
        Json::Bool(true) => text(b't', ""),
        Json::Bool(false) => text(b'f', ""),
        Json::Number(lexeme) => text(b'd', lexeme.as_str()),
        Json::String(inside) => text(b's', inside),
        Json::Array(elements) => {
            text(b'[', "");
            elements.iter().for_each(|element| write(element, out));
            out.push(b']');
        }
        Json::Object(members) => {
            text(b'{', "");
            for (name, member) in members {
                write(&Json::String(name.clone()), out);
                write(member, out);
            }
            out.push(b'}');
        }
    }
}

#[derive(Serialize)]
struct Intent<'a> {
    descriptor: &'a DescriptorId,
    resource: &'a ResourceId,
    fields: Option<&'a BTreeMap<String, TypedValue>>,
    owner: &'a HumanId,
}

/// The intent key: what is wanted, whoever of one owner's workloads asks and within whichever task, duration and caps.
/// Cool-downs compare it; it can only make outcomes stricter.
#[must_use]
pub fn intent_hash(
    descriptor: &DescriptorId,
    resource: &ResourceId,
    projection: &Projection,
    owner: &HumanId,
) -> Hash {
    let fields = match projection {
        Projection::Inspectable { fields, .. } => Some(fields),
        Projection::Uninspectable { .. } => None,
    };
    let intent = Intent {
        descriptor,
        resource,
        fields,
        owner,
    };
    // Fields are text and safe integers, so there is a canonical form; equal empty forms would only be stricter.
    Hash::tagged(
        "gatehold/intent/v1",
        &[&canonical::to_bytes(&intent).unwrap_or_default()],
    )
}
