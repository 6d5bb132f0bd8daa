use super::*;
use crate::hash::Hash;
use crate::json::canonical::{self, Value};

/// A context about which everything is known and nothing is unusual.
pub(crate) fn calm() -> Context {
    Context {
        tier: Tier::Green,
        effects: BTreeSet::from([EffectClass::Read]),
        reversibility: Known::some(Reversibility::ReadOnly),
        quantity: Known::some(1),
        recipients: Known::some(BTreeSet::new()),
        external_recipients: Known::some(false),
        duration_seconds: 60,
        purpose: Known::some("sha256:00".to_owned()),
        sensitivity: Known::some(Sensitivity::Internal),
        environment: Known::some(Environment::Staging),
        zone: Known::some("eu".to_owned()),
        target: "sql:shop".to_owned(),
        inspectable: true,
        undescribed: 0,
        chain: ChainContext {
            steps: 0,
            sensitive: Known::some(false),
            untrusted: Known::some(false),
            external: Known::some(false),
            tier: Known::some(Tier::Green),
            systems: Known::some(1),
        },
        provenance: Provenance {
            prompt_source: PromptSource::Observed,
            user_typed: Known::some(false),
        },
        signals: Signals {
            outside_hours: Known::some(false),
            weekend: Known::some(false),
            holiday: Known::some(false),
            change_freeze: Known::some(false),
            burst: Known::some(false),
            wide: Known::some(false),
            new_resource: Known::some(false),
            flagged: Known::some(false),
        },
        conditions: Conditions {
            elevation: Known::some(false),
            exception: Known::some(false),
            creates_privilege: false,
            context_missing: false,
            out_of_boundary: Known::some(false),
            ambiguous: false,
            anomaly: Known::some(false),
            cross_system: Known::some(false),
        },
        initiator: InitiatorKind::HumanAttested,
        assurance: WorkloadAssurance::Pop,
        caps: BTreeMap::from([("rows".to_owned(), 10)]),
        fields: BTreeMap::new(),
        facts: BTreeMap::new(),
    }
}

/// Leaf names of the struct itself, `{known, value}` being one leaf.
fn leaves(value: &Value, path: &str, out: &mut Vec<(String, bool)>) {
    match value {
        Value::Object(object) if object.get("known").is_some() => out.push((path.to_owned(), true)),
        Value::Object(object) if !["caps", "fields", "facts"].contains(&path) => {
            for (name, member) in object.iter() {
                let path = if path.is_empty() {
                    name.to_owned()
                } else {
                    format!("{path}.{name}")
                };
                leaves(member, &path, out);
            }
        }
        Value::Object(_) => {}
        _ => out.push((path.to_owned(), false)),
    }
}

#[test]
fn every_member_is_documented_and_every_documented_name_is_a_member() {
    let mut members = Vec::new();
    leaves(&canonical::to_value(&calm()).unwrap(), "", &mut members);
    members.sort();
    let mut documented: Vec<_> = Context::documented()
        .iter()
        .map(|field| (field.path.to_owned(), field.may_be_unknown()))
        .collect();
    documented.sort();
    assert_eq!(members, documented);
    assert!(
        Context::documented()
            .iter()
            .all(|field| !field.doc.is_empty())
    );
}

#[test]
fn values_have_the_documented_type_and_words() {
    for field in Context::documented() {
        let calm = calm();
        let value = field.read(&calm).unwrap();
        let (type_, words) = match &value {
            ContextValue::Bool(_) => (FieldType::Bool, vec![]),
            ContextValue::Integer(_) => (FieldType::Integer, vec![]),
            ContextValue::Text(word) => (FieldType::Text, vec![*word]),
            ContextValue::TextSet(words) => (FieldType::TextSet, words.clone()),
        };
        assert_eq!(type_, field.type_, "{}", field.path);
        let listed = field.words.is_empty() || words.iter().all(|word| field.words.contains(word));
        assert!(listed, "{}: {words:?}", field.path);
    }
}

#[test]
fn what_is_required_and_unknown_is_missing() {
    let mut context = calm();
    context.sensitivity = Known::unknown();
    context
        .fields
        .insert("table".to_owned(), TypedValue::Text("orders".to_owned()));
    let requires = [
        "sensitivity",
        "quantity",
        "fields.table",
        "fields.x",
        "facts.rows",
        "nonsense",
    ];
    let requires = requires.map(str::to_owned).into();
    assert_eq!(
        context.missing(&requires),
        ["facts.rows", "fields.x", "nonsense", "sensitivity"]
    );
}

#[test]
fn derivation_only_adds() {
    let write = |environment| {
        let mut context = calm();
        context.effects = BTreeSet::from([EffectClass::StateChange]);
        context.reversibility = Known::some(Reversibility::Reversible);
        context.environment = environment;
        context.derived()
    };
    let has = |context: &Context, class| context.effects.contains(&class);
    assert!(!has(
        &write(Known::some(Environment::Staging)),
        EffectClass::ProductionChange
    ));
    assert!(has(
        &write(Known::some(Environment::Production)),
        EffectClass::ProductionChange
    ));
    assert!(
        has(&write(Known::unknown()), EffectClass::ProductionChange),
        "unknown counts as production"
    );
    assert_eq!(write(Known::some(Environment::Production)).tier, Tier::Red);

    let mut opaque = calm();
    opaque.inspectable = false;
    assert!(opaque.derived().conditions.ambiguous);
    let mut grants = calm();
    grants.effects.insert(EffectClass::AccessGrant);
    assert!(grants.derived().conditions.creates_privilege);
    assert_eq!(calm().derived(), calm());
    assert!(calm().not_derived().is_empty());
    let mut forgotten = calm();
    forgotten.effects = BTreeSet::from([EffectClass::AccessGrant]);
    forgotten.environment = Known::unknown();
    forgotten.inspectable = false;
    assert_eq!(forgotten.not_derived().len(), 3);
    assert!(forgotten.derived().not_derived().is_empty());
}

#[test]
fn the_input_hash_covers_principal_descriptor_resource_and_context() {
    let input = || PolicyInput {
        principal: Principal::Human {
            id: "ann@corp.example".parse().unwrap(),
            teams: BTreeSet::new(),
        },
        descriptor: "sql.read".parse().unwrap(),
        descriptor_hash: Hash::of(b"sql.read"),
        resource: ResourceFacts {
            id: "shop/orders".parse().unwrap(),
            environment: Known::unknown(),
            zone: Known::unknown(),
            sensitivity: Known::unknown(),
            owner: Known::unknown(),
            legacy_coarse: Known::some(false),
        },
        context: calm(),
    };
    let changes: [fn(&mut PolicyInput); 4] = [
        |i| {
            i.principal = Principal::Human {
                id: "bob@corp.example".parse().unwrap(),
                teams: BTreeSet::new(),
            }
        },
        |i| i.descriptor_hash = Hash::of(b"other"),
        |i| i.resource.legacy_coarse = Known::unknown(),
        |i| i.context.signals.weekend = Known::unknown(),
    ];
    let hashes: BTreeSet<_> = changes
        .iter()
        .map(|change| {
            let mut input = input();
            change(&mut input);
            input.hash().unwrap()
        })
        .chain([input().hash().unwrap()])
        .collect();
    assert_eq!(hashes.len(), 5);
    let bytes = canonical::to_bytes(&input()).unwrap();
    assert_eq!(
        canonical::from_canonical_bytes::<PolicyInput>(&bytes).unwrap(),
        input()
    );
}
