//! Reading a descriptor from TOML and checking that it means something. Every problem is told, not only the first.

use std::collections::BTreeSet;

use super::{Descriptor, Field, PayloadKind, Quantity, Recipients, SensitivitySource, ValueType};
use crate::context::Context;
use crate::effect::{EffectClass, Reversibility};
use crate::json::ident::check_identifier;
use crate::strict_toml::{StrictTable, TomlProblem};

use super::sentence::placeholders;

/// Most members of any list.
const LIST_MAX: usize = 64;
/// Longest text.
const TEXT_BYTES_MAX: usize = 500;
/// Longest name of a field, fact or cap.
const NAME_BYTES_MAX: usize = 48;

impl Descriptor {
    /// Reads one definition.
    ///
    /// # Errors
    /// Everything that is wrong with it, by line.
    pub fn parse(text: &str) -> Result<Self, Vec<TomlProblem>> {
        let mut table = StrictTable::parse(text)?;
        let read = read(&mut table);
        // A list that could not be read would be complained about twice: as itself and as empty.
        if let Some(descriptor) = &read
            && !table.has_problems()
        {
            let mut checks = Checks {
                descriptor,
                table: &mut table,
            };
            checks.texts();
            checks.effects();
            checks.fields();
            checks.references();
            checks.sentence();
            checks.sizes();
        }
        let problems = table.finish();
        match read {
            Some(descriptor) if problems.is_empty() => Ok(descriptor),
            _ => Err(problems),
        }
    }
}

/// Takes every key before giving up, so that all problems are told together.
fn read(table: &mut StrictTable<'_>) -> Option<Descriptor> {
    let id = table.take("id");
    let version = table.take("version");
    let title = table.take("title");
    let effects = table.take("effects");
    let reversibility = table.take("reversibility");
    let media_types = table.take("media_types");
    let payload = table.take("payload");
    let fields = table.take_each("fields");
    let scopes = table.take_or_default("scopes");
    let quantity = table.take("quantity");
    let recipients = table.take("recipients");
    let sensitivity = table.take("sensitivity");
    let sentence = table.take("sentence");
    let criteria = table.take("criteria");
    let requires = table.take("requires");
    let downstream = table.take("downstream");
    let infers = table.take_each("infers");
    let facts = table.take_each("facts");
    let dry_run = table.take("dry_run");
    let revocation = table.take("revocation");
    let executor = table.take("executor");
    Some(Descriptor {
        id: id?,
        version: version?,
        title: title?,
        effects: effects?,
        reversibility: reversibility?,
        media_types: media_types?,
        payload: payload?,
        fields,
        scopes: scopes?,
        quantity: quantity?,
        recipients: recipients?,
        sensitivity: sensitivity?,
        sentence: sentence?,
        criteria: criteria?,
        requires: requires?,
        downstream: downstream?,
        infers,
        facts,
        dry_run: dry_run?,
        revocation: revocation?,
        executor: executor?,
    })
}

struct Checks<'a, 'i> {
    descriptor: &'a Descriptor,
    table: &'a mut StrictTable<'i>,
}

impl Checks<'_, '_> {
    fn text(&mut self, key: &str, text: &str, max_bytes: usize) {
        if let Err(error) = check_identifier(text, max_bytes) {
            self.table.problem(key, error.to_string());
        }
    }

    fn texts(&mut self) {
        let descriptor = self.descriptor;
        self.text("title", &descriptor.title, TEXT_BYTES_MAX);
        self.text("sentence", &descriptor.sentence, TEXT_BYTES_MAX);
        self.text("dry_run", &descriptor.dry_run, TEXT_BYTES_MAX);
        self.text("revocation", &descriptor.revocation, TEXT_BYTES_MAX);
        for media_type in &descriptor.media_types {
            self.text("media_types", media_type, 128);
        }
        for template in &descriptor.criteria {
            self.text("criteria", template, 128);
        }
        if descriptor.version == 0 {
            self.table.problem("version", "count from 1");
        }
        if !id_is_plain(descriptor.id.as_str()) {
            self.table.problem(
                "id",
                "use lower-case letters, digits, `_` and dots, such as `crm.mass_update`",
            );
        }
    }

    fn effects(&mut self) {
        let descriptor = self.descriptor;
        let reads = crate::effect::read_alone(&descriptor.effects);
        if descriptor.effects.is_empty() {
            self.table
                .problem("effects", "name at least one; what only looks is `read`");
        }
        if descriptor.media_types.is_empty() {
            self.table.problem("media_types", "name at least one");
        }
        if descriptor.reversibility == Reversibility::ReadOnly
            && !descriptor.effects.is_subset(&BTreeSet::from([
                EffectClass::Read,
                EffectClass::DataRelease,
                EffectClass::SecretExposure,
                EffectClass::CrossSystem,
            ]))
        {
            self.table.problem(
                "reversibility",
                "an action that changes something is not `read_only`",
            );
        }
        if reads && descriptor.reversibility != Reversibility::ReadOnly {
            self.table
                .problem("reversibility", "an action that only reads is `read_only`");
        }
    }

    fn fields(&mut self) {
        let descriptor = self.descriptor;
        let mut names = BTreeSet::new();
        for (key, name) in descriptor
            .fields
            .iter()
            .map(|field| ("fields", &field.name))
            .chain(descriptor.facts.iter().map(|fact| ("facts", &fact.name)))
        {
            if !name_is_plain(name) {
                let problem = format!("`{name}` must be lower-case letters, digits and `_`");
                self.table.problem(key, problem);
            }
            if ENVELOPE_NAMES.contains(&name.as_str()) || !names.insert(name) {
                let problem = format!("the name `{name}` is taken; choose another");
                self.table.problem(key, problem);
            }
        }
        for fact in &descriptor.facts {
            self.text("facts", &fact.label, TEXT_BYTES_MAX);
            self.text("facts", &fact.recipe, TEXT_BYTES_MAX);
            self.scale("facts", fact.type_);
        }
        for (at, field) in descriptor.fields.iter().enumerate() {
            self.text("fields", &field.label, TEXT_BYTES_MAX);
            self.scale("fields", field.type_);
            self.pointer(field);
            let overlap = descriptor.fields.iter().skip(at + 1).find(|other| {
                covers(&field.pointer, &other.pointer) || covers(&other.pointer, &field.pointer)
            });
            if let Some(other) = overlap {
                let problem = format!(
                    "`{}` and `{}` read the same part of the payload",
                    field.name, other.name
                );
                self.table.problem("fields", problem);
            }
        }
        if descriptor.payload == PayloadKind::Opaque && !descriptor.fields.is_empty() {
            self.table
                .problem("fields", "an opaque payload cannot be read; write `[]`");
        }
    }

    fn scale(&mut self, key: &str, type_: ValueType) {
        if let ValueType::Decimal { scale } | ValueType::Amount { scale } = type_
            && scale > 9
        {
            self.table
                .problem(key, "a decimal has at most 9 digits behind the point");
        }
    }

    fn pointer(&mut self, field: &Field) {
        let sound = field.pointer.is_empty()
            || field.pointer.starts_with('/')
                && !field
                    .pointer
                    .replace("~0", "")
                    .replace("~1", "")
                    .contains('~');
        if !sound || field.pointer.len() > TEXT_BYTES_MAX {
            let problem = format!("`{}` needs an RFC 6901 pointer such as `/a/b`", field.name);
            self.table.problem("fields", problem);
        }
        let whole_text = field.pointer.is_empty() && field.type_ == ValueType::String;
        let text = matches!(
            self.descriptor.payload,
            PayloadKind::Sql | PayloadKind::Shell | PayloadKind::Diff | PayloadKind::Message
        );
        if text && !whole_text {
            let problem = format!(
                "`{}`: a payload that is text has one field, pointer `\"\"`, type `string`",
                field.name
            );
            self.table.problem("fields", problem);
        }
    }

    fn recipients(&mut self) {
        let descriptor = self.descriptor;
        let texts = |name: &String| {
            descriptor.field(name).is_some_and(|field| {
                matches!(field.type_, ValueType::String | ValueType::StringList)
            })
        };
        let named = match &descriptor.recipients {
            Recipients::Nobody | Recipients::Unknown => return,
            Recipients::Field(name) => std::slice::from_ref(name),
            Recipients::Addresses(addresses) => {
                let message = descriptor.payload == PayloadKind::Message;
                if message != addresses.fields.is_empty() {
                    let problem =
                        "a message names its recipients itself; everything else needs `fields`";
                    self.table.problem("recipients", problem);
                }
                for domain in addresses
                    .internal
                    .iter()
                    .filter(|domain| !is_domain(domain))
                {
                    let problem = format!("`{domain}` is no domain such as `acme.example`");
                    self.table.problem("recipients", problem);
                }
                if addresses.fields.len().max(addresses.internal.len()) > LIST_MAX {
                    let problem = format!("at most {LIST_MAX} members");
                    self.table.problem("recipients", problem);
                }
                &addresses.fields
            }
        };
        if !named.iter().all(texts) {
            self.table
                .problem("recipients", "it must name a text field or a list of texts");
        }
    }

    fn scopes(&mut self) {
        let listed = |name: &String| {
            let field = self.descriptor.field(name);
            field.is_some_and(|field| field.type_ == ValueType::StringList && field.required)
        };
        if !self.descriptor.scopes.as_ref().is_none_or(listed) {
            self.table
                .problem("scopes", "it must name a required list of texts");
        }
    }

    fn references(&mut self) {
        self.scopes();
        let descriptor = self.descriptor;
        let integer_field = |name: &str| {
            descriptor
                .field(name)
                .is_some_and(|f| f.type_ == ValueType::Integer)
        };
        let integer_fact = |name: &str| {
            descriptor
                .fact(name)
                .is_some_and(|f| f.type_ == ValueType::Integer)
        };
        let problem = match &descriptor.quantity {
            Quantity::Field(m) if !integer_field(&m.name) => Some("an integer field"),
            Quantity::Fact(m) if !integer_fact(&m.name) => Some("an integer fact"),
            Quantity::Cap(m) if !descriptor.executor.caps.contains(&m.name) => {
                Some("a cap that the executor enforces")
            }
            _ => None,
        };
        if let Some(what) = problem {
            self.table
                .problem("quantity", format!("it must name {what}"));
        }
        self.recipients();
        let text_field = |name: &str| descriptor.field(name).is_some_and(|f| f.type_.is_text());
        if let SensitivitySource::Field(name) = &descriptor.sensitivity
            && !text_field(name)
        {
            self.table
                .problem("sensitivity", "it must name a text field");
        }
        for inference in &descriptor.infers {
            let words = &inference.contains_any;
            if !text_field(&inference.field)
                || words.is_empty()
                || words.iter().any(String::is_empty)
                || inference.adds.is_empty()
            {
                self.table.problem(
                    "infers",
                    "each names a text field, at least one word and at least one effect",
                );
            }
        }
        for cap in &descriptor.executor.caps {
            if !name_is_plain(cap) {
                let problem = format!("cap `{cap}` must be lower-case letters, digits and `_`");
                self.table.problem("executor", problem);
            }
        }
        for name in &descriptor.requires {
            if !descriptor.offers(name) {
                let problem = format!("`{name}` is no documented input and nothing declared here");
                self.table.problem("requires", problem);
            }
        }
    }

    fn sentence(&mut self) {
        match placeholders(&self.descriptor.sentence) {
            Err(problem) => self.table.problem("sentence", problem),
            Ok(names) => {
                for name in names {
                    if self.descriptor.field(name).is_none() && !ENVELOPE_NAMES.contains(&name) {
                        let problem =
                            format!("`{{{name}}}` is no field and no part of an envelope");
                        self.table.problem("sentence", problem);
                    }
                }
            }
        }
    }

    fn sizes(&mut self) {
        let descriptor = self.descriptor;
        for (key, length) in [
            ("media_types", descriptor.media_types.len()),
            ("fields", descriptor.fields.len()),
            ("criteria", descriptor.criteria.len()),
            ("requires", descriptor.requires.len()),
            ("infers", descriptor.infers.len()),
            ("facts", descriptor.facts.len()),
            ("executor", descriptor.executor.caps.len()),
        ] {
            if length > LIST_MAX {
                self.table
                    .problem(key, format!("at most {LIST_MAX} members"));
            }
        }
    }
}

impl Descriptor {
    /// Whether an input of that name exists for actions of this kind.
    #[must_use]
    pub fn offers(&self, name: &str) -> bool {
        match name.split_once('.') {
            Some(("fields", field)) => self.field(field).is_some(),
            Some(("facts", fact)) => self.fact(fact).is_some(),
            Some(("caps", cap)) => self.executor.caps.contains(cap),
            _ => Context::documented().iter().any(|field| field.path == name),
        }
    }
}

/// Names in a sentence that come from the envelope.
pub(super) const ENVELOPE_NAMES: &[&str] =
    &["workload", "target", "resource", "duration", "quantity"];

fn id_is_plain(id: &str) -> bool {
    !id.is_empty() && id.split('.').all(name_is_plain)
}

fn name_is_plain(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Lower-case labels with a dot between them.
fn is_domain(domain: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    domain.len() <= 253
        && domain.contains('.')
        && domain
            .split('.')
            .all(|label| !label.is_empty() && label.len() <= 63 && label.bytes().all(plain))
}

/// Whether the part at `inner` lies within the part at `outer`.
fn covers(outer: &str, inner: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
