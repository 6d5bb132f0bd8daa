//! Descriptors: the typed, versioned, hashed description of one kind of action.
//!
//! A descriptor says what to read in a payload, what the action does, how to say it in a sentence and what may enforce
//! it. It never executes anything and never holds a default: every key is written down, and unknown is said as unknown.

mod parse;
mod project;
mod sentence;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::effect::{EffectClass, Reversibility, words};
use crate::hash::Hash;
use crate::ids::DescriptorId;
use crate::json::canonical;

pub use crate::strict_toml::TomlProblem as DescriptorError;
pub use project::{Described, FIELD_BYTES_MAX, Projection, intent_hash};
pub use sentence::SentenceValues;

words! {
    /// What the payload is, and so how it is read and rendered.
    PayloadKind {
        /// A JSON document: tool parameters, API bodies.
        Json = "json",
        /// SQL text.
        Sql = "sql",
        /// The body of an HTTP request: JSON, or empty.
        Http = "http",
        /// A JSON array of strings: a program and its arguments.
        Argv = "argv",
        /// A line or script for a POSIX shell.
        Shell = "shell",
        /// Changes of files as a unified diff.
        Diff = "diff",
        /// An electronic message, RFC 5322.
        Message = "message",
        /// Bytes nobody can read. Always uninspectable.
        Opaque = "opaque",
    }
}

words! {
    /// What executes the action once it may happen.
    ExecutorKind {
        /// The gate calls an HTTP target.
        Http = "http",
        /// The gate runs SQL.
        Sql = "sql",
        /// The gate acts on itself: its own held actions.
        Gate = "gate",
        /// A broker issues a credential.
        Broker = "broker",
    }
}

/// The type of a declared field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ValueType {
    /// An integer within ±(2^53 - 1); 1e2 and 100.0 are integers.
    Integer,
    /// An exact decimal with this many digits behind the point. Policy sees it as that many-fold integer.
    Decimal {
        /// Digits behind the point, 0 to 9.
        scale: u8,
    },
    /// Text.
    String,
    /// Text that is SQL: reviewers also read what its statements touch.
    Sql,
    /// Text that is for a POSIX shell: reviewers also read the commands that it splits into.
    Shell,
    /// Text that is a unified diff: reviewers also read which files it touches.
    Diff,
    /// A Terraform plan as JSON: reviewers read what it makes, changes and destroys.
    TerraformPlan,
    /// A Kubernetes object as JSON, or a call that holds one: reviewers read what in it reaches further.
    Kubernetes,
    /// A policy of AWS IAM, as JSON or as a text of it: reviewers read what it makes possible.
    IamPolicy,
    /// The policy that the other takes the place of: reviewers read what differs.
    IamPolicyBefore,
    /// A sum of money in the units of its currency, as a number or as a text of one. Policy sees it as a decimal.
    Amount {
        /// Digits behind the point, 0 to 9.
        scale: u8,
    },
    /// A sum of money in the smallest units of its currency. Policy sees an integer.
    MinorAmount,
    /// The currency of a sum, by its ISO 4217 code.
    Currency,
    /// Who is paid.
    Payee,
    /// The account that is paid to; check digits of an IBAN are checked for reviewers.
    Account,
    /// Who was paid before.
    PayeeBefore,
    /// The account that was paid to before.
    AccountBefore,
    /// Text that nobody is shown: reviewers read its length and hash, policy its length alone.
    Secret,
    /// A list of texts.
    StringList,
    /// True or false.
    Bool,
}

impl ValueType {
    /// Whether policy reads it as a text.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(
            self,
            Self::String
                | Self::Sql
                | Self::Shell
                | Self::Diff
                | Self::Currency
                | Self::Payee
                | Self::Account
                | Self::PayeeBefore
                | Self::AccountBefore
        )
    }
}

/// One declared part of the payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name in policies and sentences.
    pub name: String,
    /// RFC 6901 pointer into the payload; `""` is the whole of it.
    pub pointer: String,
    /// What reviewers read beside it.
    pub label: String,
    /// Its type. What does not fit makes the payload uninspectable.
    #[serde(rename = "type")]
    pub type_: ValueType,
    /// Whether a payload without it is uninspectable.
    pub required: bool,
}

/// How many units an action touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Quantity {
    /// Exactly one thing.
    One,
    /// Nobody can say.
    Unknown,
    /// What a field says.
    Field(Measure),
    /// What a fact says.
    Fact(Measure),
    /// What a cap says that the executor enforces.
    Cap(Measure),
}

/// A named number and what it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// The field, fact or cap.
    pub name: String,
    /// What it counts, in the plural: `rows`.
    pub unit: String,
}

/// Who receives something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Recipients {
    /// Nobody but the workload.
    Nobody,
    /// Nobody can say.
    Unknown,
    /// Those a field names.
    Field(String),
    /// Those that some fields name by address.
    Addresses(Addresses),
}

/// Who receives something, by address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addresses {
    /// Text fields or lists of texts. One that is absent names nobody. None for a message, which names them itself.
    pub fields: Vec<String>,
    /// Domains that are the organisation's own, with those below them; reviewers see all others marked.
    pub internal: Vec<String>,
}

/// Where the sensitivity of the data is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SensitivitySource {
    /// The gate's catalogue of resources.
    Resource,
    /// A field, which can only raise what the catalogue says.
    Field(String),
}

/// What the action sets off elsewhere (M109).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Downstream {
    /// Nobody knows: reversibility then counts as unknown.
    Unknown,
    /// These and nothing else.
    Declared(Vec<String>),
}

/// Adds effect classes when a text field holds a word, whatever the action is named (M214). An unreadable field counts
/// as holding it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inference {
    /// Which field.
    pub field: String,
    /// Any of these, compared without case.
    pub contains_any: Vec<String>,
    /// The classes it adds.
    pub adds: BTreeSet<EffectClass>,
}

/// A fact the gate may ask for before the decision, by a recipe that the executor knows. Declared here, never free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactQuery {
    /// Its name in policies.
    pub name: String,
    /// What reviewers read beside it.
    pub label: String,
    /// What the answer is.
    #[serde(rename = "type")]
    pub type_: ValueType,
    /// Which recipe answers it, such as `sql.count`.
    pub recipe: String,
}

/// What executes the action and which caps it enforces. A cap that nothing enforces is refused when it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutorSpec {
    /// Which kind.
    pub kind: ExecutorKind,
    /// Names of the caps it enforces.
    pub caps: BTreeSet<String>,
}

/// One kind of action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descriptor {
    /// Its id.
    pub id: DescriptorId,
    /// Counts its changes, for people; machines compare hashes.
    pub version: u32,
    /// What it is, in a few words.
    pub title: String,
    /// What it does to the world.
    pub effects: BTreeSet<EffectClass>,
    /// Whether it can be taken back.
    pub reversibility: Reversibility,
    /// Media types its payload may have.
    pub media_types: BTreeSet<String>,
    /// What the payload is.
    pub payload: PayloadKind,
    /// Declared parts of the payload.
    pub fields: Vec<Field>,
    /// Which field lists the scopes of access that it asks for; they are compared with the baseline (M053). Left out where there is
    /// none, so that a definition without it keeps the hash it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<String>,
    /// How many units it touches.
    pub quantity: Quantity,
    /// Who receives something.
    pub recipients: Recipients,
    /// Where sensitivity is read.
    pub sensitivity: SensitivitySource,
    /// One sentence with `{field}` placeholders.
    pub sentence: String,
    /// Criteria templates of the bundle that every checkpoint holding it asks as well.
    pub criteria: Vec<String>,
    /// Inputs that must be known; an unknown one is the condition `context_missing`.
    pub requires: BTreeSet<String>,
    /// What it sets off elsewhere.
    pub downstream: Downstream,
    /// Effects that follow from what a field holds.
    pub infers: Vec<Inference>,
    /// Facts the gate may ask for.
    pub facts: Vec<FactQuery>,
    /// Which recipe shows what it would do, or `none`.
    pub dry_run: String,
    /// Which recipe takes it back, or `none`.
    pub revocation: String,
    /// What executes it.
    pub executor: ExecutorSpec,
}

impl Descriptor {
    /// The hash that an action's envelope names: `SHA-256("gatehold/descriptor/v1" || 0x00 || canonical JSON)`.
    #[must_use]
    pub fn hash(&self) -> Hash {
        // Text and small integers have a canonical form; the hash of nothing would match no envelope.
        Hash::tagged(
            "gatehold/descriptor/v1",
            &[&canonical::to_bytes(self).unwrap_or_default()],
        )
    }

    /// The declared field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The declared fact of that name.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&FactQuery> {
        self.facts.iter().find(|fact| fact.name == name)
    }
}

#[cfg(test)]
mod tests;
