use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::context::TypedValue;
use crate::effect::Sensitivity;
use crate::known::Known;

const REFUND: &str = r#"
id = "shop.refund"
version = 1
title = "Refund an order"
effects = ["state_change"]
reversibility = "externally_reversible"
media_types = ["application/json"]
payload = "json"
fields = [
  { name = "order", pointer = "/order", label = "Order", type = "string", required = true },
  { name = "amount", pointer = "/money/amount", label = "Amount", type = { decimal = { scale = 2 } }, required = true },
  { name = "count", pointer = "/count", label = "Items", type = "integer", required = false },
  { name = "to", pointer = "/to", label = "Recipients", type = "string_list", required = false },
  { name = "rush", pointer = "/rush", label = "Rush", type = "bool", required = false },
  { name = "class", pointer = "/class", label = "Class", type = "string", required = false },
]
quantity = { field = { name = "count", unit = "items" } }
recipients = { field = "to" }
sensitivity = { field = "class" }
sentence = "{workload} wants to refund {amount} for order {order} to {to} on {target}, {quantity} items, for {duration}"
criteria = []
requires = ["sensitivity", "fields.count"]
downstream = { declared = ["ledger"] }
infers = [{ field = "order", contains_any = ["accessPolicies"], adds = ["privilege_change"] }]
facts = [{ name = "balance", label = "Balance", type = "integer", recipe = "http.get" }]
dry_run = "none"
revocation = "none"
executor = { kind = "http", caps = ["rows"] }
"#;

fn refund() -> Descriptor {
    Descriptor::parse(REFUND).unwrap()
}

fn fields(payload: &str) -> BTreeMap<String, TypedValue> {
    match refund().project(payload.as_bytes()) {
        Projection::Inspectable { fields, .. } => fields,
        Projection::Uninspectable { why } => panic!("{why}"),
    }
}

fn why(payload: &[u8]) -> String {
    match refund().project(payload) {
        Projection::Uninspectable { why } => why,
        Projection::Inspectable { fields, .. } => panic!("{fields:?}"),
    }
}

#[test]
fn a17_every_key_is_needed_and_every_typo_is_found() {
    let keys: Vec<String> = REFUND
        .parse::<toml::Table>()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(keys.len(), 20);
    for key in keys {
        let mut table: toml::Table = REFUND.parse().unwrap();
        let value = table.remove(&key).unwrap();
        table.insert(format!("{key}x"), value);
        let problems = Descriptor::parse(&toml::to_string(&table).unwrap()).unwrap_err();
        let told: BTreeSet<&str> = problems
            .iter()
            .map(|problem| problem.key.as_str())
            .collect();
        assert_eq!(told, BTreeSet::from([key.as_str(), &format!("{key}x")]));
    }
}

#[test]
fn what_means_nothing_is_refused_all_at_once() {
    let bad = REFUND
        .replace("/money/amount", "/order/amount")
        .replace("scale = 2", "scale = 12")
        .replace("{order} to", "{ordre} to")
        .replace("\"fields.count\"", "\"fields.kount\"")
        .replace("{ field = \"to\" }", "{ field = \"rush\" }")
        .replace("contains_any = [\"accessPolicies\"]", "contains_any = []")
        .replace("name = \"balance\"", "name = \"target\"");
    let problems = Descriptor::parse(&bad).unwrap_err();
    let told: Vec<&str> = problems
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "fields",
            "fields",
            "recipients",
            "sentence",
            "requires",
            "infers",
            "facts"
        ],
        "{problems:#?}"
    );
    for (from, to, key) in [
        ("\"state_change\"", "\"statechange\"", "effects"),
        (
            "\"externally_reversible\"",
            "\"read_only\"",
            "reversibility",
        ),
        ("[\"state_change\"]", "[\"read\"]", "reversibility"),
        ("[\"state_change\"]", "[]", "effects"),
        ("\"count\", unit", "\"order\", unit", "quantity"),
        ("{amount} for", "{amount for", "sentence"),
        ("version = 1", "version = 0", "version"),
        ("shop.refund", "Shop refund", "id"),
    ] {
        let problems = Descriptor::parse(&REFUND.replacen(from, to, 1)).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.key == key),
            "{to}: {problems:?}"
        );
    }
}

#[test]
fn the_hash_covers_the_definition() {
    let mut other = refund();
    other.fields[1].pointer = "/money/other".to_owned();
    assert_ne!(refund().hash(), other.hash());
    assert_eq!(
        refund().hash(),
        Descriptor::parse(&format!("# a comment\n{REFUND}"))
            .unwrap()
            .hash()
    );
}

#[test]
fn values_are_exact() {
    let read = fields(
        r#"{"order":"A-1","money":{"amount":1.25e1},"count":1e2,"to":["a","b"],"rush":true}"#,
    );
    assert_eq!(
        read["amount"],
        TypedValue::Decimal {
            unscaled: 1250,
            scale: 2
        }
    );
    assert_eq!(read["count"], TypedValue::Integer(100));
    assert_eq!(
        read["to"],
        TypedValue::TextList(vec!["a".into(), "b".into()])
    );
    assert!(!read.contains_key("class"));
}

#[test]
fn what_does_not_fit_is_uninspectable() {
    for payload in [
        r#"{"money":{"amount":1}}"#,
        r#"{"order":7,"money":{"amount":1}}"#,
        r#"{"order":null,"money":{"amount":1}}"#,
        r#"{"order":"A","money":{"amount":1.005}}"#,
        r#"{"order":"A","money":{"amount":"1"}}"#,
        r#"{"order":"A","money":{"amount":1},"count":9007199254740993}"#,
        r#"{"order":"A","money":{"amount":1},"count":1.5}"#,
        r#"{"order":"A","money":{"amount":1},"to":["a",1]}"#,
        r#"{"order":"A","order":"B","money":{"amount":1}}"#,
        r#"{"order":"A","money":{"amount":1}"#,
        "",
    ] {
        assert!(!why(payload.as_bytes()).is_empty(), "{payload}");
    }
    assert!(why(b"\xff").contains("strict JSON"));
    let long = format!(
        r#"{{"order":"{}","money":{{"amount":1}}}}"#,
        "x".repeat(FIELD_BYTES_MAX + 1)
    );
    assert!(why(long.as_bytes()).contains("order"));
    let many: Vec<String> = (0..300).map(|n| format!("\"k{n}\":1")).collect();
    let many = format!(
        r#"{{"order":"A","money":{{"amount":1}},{}}}"#,
        many.join(",")
    );
    assert!(why(many.as_bytes()).contains("256"));
}

#[test]
fn what_the_descriptor_does_not_mention_is_listed() {
    let payload =
        r#"{"order":"A","money":{"amount":1,"currency":"EUR"},"x/y":{"deep":[1]},"to":["a"]}"#;
    let Projection::Inspectable { undescribed, .. } = refund().project(payload.as_bytes()) else {
        panic!("inspectable")
    };
    assert_eq!(undescribed, ["/money/currency", "/x~1y"]);
}

#[test]
fn other_kinds_of_payload() {
    let kind = |kind: PayloadKind, fields: Vec<Field>| Descriptor {
        payload: kind,
        fields,
        ..refund()
    };
    let whole = |type_| {
        vec![Field {
            name: "all".into(),
            pointer: String::new(),
            label: "All".into(),
            type_,
            required: true,
        }]
    };
    let sql = kind(PayloadKind::Sql, whole(ValueType::String));
    let Projection::Inspectable {
        fields,
        undescribed,
    } = sql.project(b"SELECT 1")
    else {
        panic!("sql")
    };
    assert_eq!(fields["all"], TypedValue::Text("SELECT 1".into()));
    assert!(undescribed.is_empty());
    let inspectable = |descriptor: &Descriptor, payload: &[u8]| {
        matches!(descriptor.project(payload), Projection::Inspectable { .. })
    };
    assert!(!inspectable(&sql, b"SELECT \xff"));
    assert!(!inspectable(&sql, b"SELECT \0"));
    let argv = kind(PayloadKind::Argv, whole(ValueType::StringList));
    assert!(inspectable(&argv, br#"["ls","-l"]"#));
    assert!(!inspectable(&argv, br#"["ls",1]"#));
    assert!(!inspectable(&argv, br#"{"a":1}"#));
    let http = kind(PayloadKind::Http, vec![]);
    assert!(inspectable(&http, b"") && inspectable(&http, b"{}") && !inspectable(&http, b"{"));
    assert!(!inspectable(&kind(PayloadKind::Opaque, vec![]), b"{}"));
}

#[test]
fn description_never_lowers_what_is_unknown() {
    let describe = |payload: &str, resource: Known<Sensitivity>| {
        let descriptor = refund();
        let projection = descriptor.project(payload.as_bytes());
        descriptor.describe(&projection, &BTreeMap::new(), &BTreeMap::new(), &resource)
    };
    let public = r#"{"order":"A","money":{"amount":1},"count":3,"to":["x"],"class":"public"}"#;
    let described = describe(public, Known::some(Sensitivity::Confidential));
    assert_eq!(
        described.sensitivity,
        Known::some(Sensitivity::Confidential),
        "a claim cannot lower it"
    );
    assert_eq!(described.quantity, Known::some(3));
    assert_eq!(
        described.recipients,
        Known::some(BTreeSet::from(["x".to_owned()]))
    );
    assert!(!describe(public, Known::unknown()).sensitivity.is_known());

    let bare = describe(
        r#"{"order":"Z/ACCESSpolicies/1","money":{"amount":1}}"#,
        Known::some(Sensitivity::Public),
    );
    assert!(
        bare.effects.contains(&EffectClass::PrivilegeChange),
        "inferred from the content"
    );
    assert!(
        !bare.quantity.is_known() && !bare.recipients.is_known() && !bare.sensitivity.is_known()
    );

    let opaque = describe("{", Known::some(Sensitivity::Public));
    assert!(!opaque.inspectable && opaque.fields.is_empty());
    assert!(
        opaque.effects.contains(&EffectClass::PrivilegeChange),
        "unreadable counts as holding the word"
    );

    let unknown = Descriptor {
        downstream: Downstream::Unknown,
        ..refund()
    };
    let projection = unknown.project(public.as_bytes());
    let described = unknown.describe(
        &projection,
        &BTreeMap::new(),
        &BTreeMap::new(),
        &Known::unknown(),
    );
    assert!(!described.reversibility.is_known());
}

#[test]
fn sentences_quote_and_escape_what_the_requester_wrote() {
    let sentence = |payload: &str, quantity| {
        let (workload, target, resource) = (
            "bot".parse().unwrap(),
            "http:shop".parse().unwrap(),
            "shop".parse().unwrap(),
        );
        let values = SentenceValues {
            workload: &workload,
            target: &target,
            resource: &resource,
            duration_seconds: 900,
            quantity,
        };
        let descriptor = refund();
        descriptor.sentence(&values, &descriptor.project(payload.as_bytes()))
    };
    assert_eq!(
        sentence(
            r#"{"order":"A-1","money":{"amount":-0.5},"to":["a","b","c","d"]}"#,
            Some(2)
        ),
        "bot wants to refund -0.50 for order “A-1” to “a”, “b”, “c”, and 1 more on http:shop, 2 items, for 15 min"
    );
    let one = sentence(r#"{"order":"1"}"#, Some(1));
    assert!(one.contains(", 1 item, for 15 min"), "{one}");
    let evil = sentence(
        "{\"order\":\"A\u{202e}\\n{workload}”\",\"money\":{\"amount\":1}}",
        None,
    );
    assert!(
        evil.contains(r"“A\u{202e}\u{a}{workload}\u{201d}” to (not given)"),
        "{evil}"
    );
    assert!(evil.contains("an UNKNOWN number of items"));
    let long = sentence(
        &format!(
            r#"{{"order":"{}","money":{{"amount":1}}}}"#,
            "y".repeat(500)
        ),
        None,
    );
    assert!(long.contains(&format!("{}…", "y".repeat(80))) && !long.contains(&"y".repeat(81)));
    assert!(sentence("{", None).contains("order (UNINSPECTABLE)"));
}

#[test]
fn the_intent_forgets_task_and_spelling_but_not_content() {
    let owner = "ann@corp.example".parse().unwrap();
    let intent = |payload: &str, resource: &str| {
        let descriptor = refund();
        let projection = descriptor.project(payload.as_bytes());
        intent_hash(
            &descriptor.id,
            &resource.parse().unwrap(),
            &projection,
            &owner,
        )
    };
    let one = intent(r#"{"order":"A","money":{"amount":1}}"#, "shop");
    assert_eq!(
        one,
        intent(r#"{ "money" : {"amount":1.00}, "order" : "A" }"#, "shop")
    );
    assert_ne!(one, intent(r#"{"order":"B","money":{"amount":1}}"#, "shop"));
    assert_ne!(
        one,
        intent(r#"{"order":"A","money":{"amount":1}}"#, "other")
    );
    assert_eq!(
        intent("{", "shop"),
        intent("[", "shop"),
        "uninspectable: the content does not tell them apart"
    );
}

proptest! {
    #[test]
    fn projecting_anything_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = refund().project(&bytes);
    }

    #[test]
    fn parsing_near_descriptors_never_panics(at in 0..REFUND.len(), character in any::<char>()) {
        let mut text = REFUND.to_owned();
        if text.is_char_boundary(at) {
            text.insert(at, character);
        }
        let _ = Descriptor::parse(&text);
    }

    #[test]
    fn amounts_are_read_as_written(whole in 0_i64..1_000_000, cents in 0_i64..100) {
        let read = fields(&format!(r#"{{"order":"A","money":{{"amount":{whole}.{cents:02}}}}}"#));
        prop_assert_eq!(&read["amount"], &TypedValue::Decimal { unscaled: whole * 100 + cents, scale: 2 });
    }
}

/// A descriptor of a tool that runs a command and tells people.
fn tool(recipients: &str, payload: &str, fields: &str) -> Result<Descriptor, Vec<DescriptorError>> {
    let (before, _) = REFUND.split_once("payload = ").unwrap();
    Descriptor::parse(&format!(
        r#"{before}payload = "{payload}"
fields = [{fields}]
quantity = "one"
recipients = {recipients}
sensitivity = "resource"
sentence = "{{workload}} wants to run something on {{target}}"
criteria = []
requires = []
downstream = {{ declared = [] }}
infers = []
facts = []
dry_run = "none"
revocation = "none"
executor = {{ kind = "http", caps = [] }}"#
    ))
}

const TOOL_FIELDS: &str = r#"
  { name = "command", pointer = "/command", label = "Command", type = "shell", required = true },
  { name = "query", pointer = "/query", label = "Query", type = "sql", required = false },
  { name = "patch", pointer = "/patch", label = "Patch", type = "diff", required = false },
  { name = "token", pointer = "/token", label = "Token", type = "secret", required = false },
  { name = "to", pointer = "/to", label = "To", type = "string_list", required = false },
  { name = "cc", pointer = "/cc", label = "Copies", type = "string", required = false },
"#;
const ADDRESSES: &str =
    r#"{ addresses = { fields = ["to", "cc"], internal = ["acme.example", "acme-1.test"] } }"#;

#[test]
fn texts_of_another_language_are_texts_to_policy_and_secrets_are_a_length() {
    let tool = tool(ADDRESSES, "json", TOOL_FIELDS).unwrap();
    let payload = br#"{"command":"ls","query":"SELECT 1","patch":"-","token":"hunter2 hunter2"}"#;
    let Projection::Inspectable { fields, .. } = tool.project(payload) else {
        panic!("inspectable")
    };
    assert_eq!(fields["command"], TypedValue::Text("ls".into()));
    assert_eq!(fields["query"], TypedValue::Text("SELECT 1".into()));
    assert_eq!(fields["patch"], TypedValue::Text("-".into()));
    assert_eq!(
        fields["token"],
        TypedValue::Text("a secret of 15 bytes".into())
    );
    for wrong in [r#"{"command":["ls"]}"#, r#"{"command":"ls","token":7}"#] {
        let projection = tool.project(wrong.as_bytes());
        assert!(
            matches!(projection, Projection::Uninspectable { .. }),
            "{wrong}"
        );
    }
}

#[test]
fn a_document_is_its_hash_to_policy() {
    let fields = r#"
  { name = "plan", pointer = "/plan", label = "Plan", type = "terraform_plan", required = true },
"#;
    let tool = tool("\"nobody\"", "json", fields).unwrap();
    let read = |payload: &str| match tool.project(payload.as_bytes()) {
        Projection::Inspectable {
            fields,
            undescribed,
        } => {
            assert!(undescribed.is_empty(), "{payload}");
            Some(fields["plan"].clone())
        }
        Projection::Uninspectable { .. } => None,
    };
    let one = read(r#"{"plan":{"password":"hunter2 hunter2","a":[1,{"b":null}]}}"#);
    let Some(TypedValue::Text(text)) = &one else {
        panic!("a text")
    };
    assert!(text.starts_with("a document, sha256:"), "{text}");
    assert_eq!(
        read(r#"{"plan": {"password":"hunter2\u0020hunter2","a":[1, {"b":null}]}}"#),
        one
    );
    for other in [
        r#"{"plan":{"password":"hunter2 hunter2","a":[1,{"b":false}]}}"#,
        r#"{"plan":{"password":"hunter2 hunter2","a":[1],"b":null}}"#,
        r#"{"plan":{"password":"hunter2 hunter2","a":[[1],{"b":null}]}}"#,
    ] {
        assert_ne!(read(other), one, "{other}");
    }
    for none in [r#"{"plan":"text"}"#, r#"{"plan":[{}]}"#, r#"{"plan":null}"#] {
        assert_eq!(read(none), None, "{none}");
    }
}

#[test]
fn a_payment_is_a_decimal_and_texts_to_policy() {
    let fields = r#"
  { name = "amount", pointer = "/amount", label = "Amount", type = { amount = { scale = 2 } }, required = true },
  { name = "cents", pointer = "/cents", label = "Cents", type = "minor_amount", required = false },
  { name = "currency", pointer = "/currency", label = "Currency", type = "currency", required = true },
"#;
    let tool = tool("\"nobody\"", "json", fields).unwrap();
    for written in [r#""12.50""#, "12.5", "1.25e1"] {
        let payload = format!(r#"{{"amount":{written},"cents":1250,"currency":"EUR"}}"#);
        let Projection::Inspectable { fields, .. } = tool.project(payload.as_bytes()) else {
            panic!("{written}")
        };
        let amount = TypedValue::Decimal {
            unscaled: 1_250,
            scale: 2,
        };
        assert_eq!(fields["amount"], amount, "{written}");
        assert_eq!(fields["cents"], TypedValue::Integer(1_250));
        assert_eq!(fields["currency"], TypedValue::Text("EUR".into()));
    }
    for wrong in [r#""12,50""#, r#""12.505""#, r#"" 12.50""#, "[1]", r#""""#] {
        let payload = format!(r#"{{"amount":{wrong},"currency":"EUR"}}"#);
        let read = tool.project(payload.as_bytes());
        assert!(matches!(read, Projection::Uninspectable { .. }), "{wrong}");
    }
    let too_fine = self::tool(
        "\"nobody\"",
        "json",
        &fields.replace("scale = 2", "scale = 10"),
    );
    assert!(too_fine.is_err());
}

#[test]
fn recipients_by_address_are_those_of_every_field() {
    let tool = tool(ADDRESSES, "json", TOOL_FIELDS).unwrap();
    let recipients = |payload: &str| {
        let projection = tool.project(payload.as_bytes());
        let none = BTreeMap::new();
        tool.describe(&projection, &none, &BTreeMap::new(), &Known::unknown())
            .recipients
    };
    let both = recipients(r#"{"command":"ls","to":["a@acme.example"],"cc":"b@evil.test"}"#);
    let expected = BTreeSet::from(["a@acme.example".to_owned(), "b@evil.test".to_owned()]);
    assert_eq!(both, Known::some(expected));
    assert_eq!(
        recipients(r#"{"command":"ls"}"#),
        Known::some(BTreeSet::new())
    );
}

#[test]
fn recipients_by_address_are_checked() {
    let problems = |recipients: &str, payload: &str, fields: &str| -> String {
        let problems = tool(recipients, payload, fields).unwrap_err();
        problems
            .iter()
            .map(|problem| format!("{problem}\n"))
            .collect()
    };
    let list = |fields: &str, internal: &str| {
        format!("{{ addresses = {{ fields = [{fields}], internal = [{internal}] }} }}")
    };
    let wrong = problems(&list(r#""command""#, ""), "json", TOOL_FIELDS);
    assert!(wrong.contains("a text field or a list of texts"), "{wrong}");
    let wrong = problems(&list(r#""nobody""#, ""), "json", TOOL_FIELDS);
    assert!(wrong.contains("a text field or a list of texts"), "{wrong}");
    let wrong = problems(&list("", ""), "json", TOOL_FIELDS);
    assert!(wrong.contains("everything else needs `fields`"), "{wrong}");
    for domain in [
        "acme",
        "Acme.example",
        "acme..example",
        "acme.example.",
        "@acme.example",
        "",
    ] {
        let wrong = problems(
            &list(r#""to""#, &format!("\"{domain}\"")),
            "json",
            TOOL_FIELDS,
        );
        assert!(wrong.contains("is no domain"), "{domain}: {wrong}");
    }
    assert!(tool(&list("", r#""acme.example""#), "message", "").is_ok());
    let misspelt = r#"{ addresses = { fields = ["to"], internals = [] } }"#;
    assert!(tool(misspelt, "json", TOOL_FIELDS).is_err());
}

#[test]
fn payloads_that_are_text_have_one_field() {
    for payload in ["sql", "shell", "diff", "message"] {
        let whole =
            r#"{ name = "all", pointer = "", label = "All", type = "string", required = true }"#;
        let descriptor = tool("\"unknown\"", payload, whole).unwrap();
        let inspectable =
            |bytes: &[u8]| matches!(descriptor.project(bytes), Projection::Inspectable { .. });
        assert!(
            inspectable(b"ls") && !inspectable(b"\xff") && !inspectable(b"a\0b"),
            "{payload}"
        );
        let part = whole.replace("pointer = \"\"", "pointer = \"/a\"");
        assert!(tool("\"unknown\"", payload, &part).is_err(), "{payload}");
    }
}

#[test]
fn m053_scopes_are_read_where_the_descriptor_says_and_a_definition_without_them_keeps_its_hash() {
    use crate::baseline::ScopesAsked;

    let plain = refund();
    assert!(
        !String::from_utf8(canonical::to_bytes(&plain).unwrap())
            .unwrap()
            .contains("scopes")
    );
    let payload = br#"{"order":"7","money":{"amount":1.00},"to":["b","a"]}"#;
    let asked = |descriptor: &Descriptor, payload: &[u8]| {
        ScopesAsked::of(descriptor, &descriptor.project(payload))
    };
    assert_eq!(asked(&plain, payload), ScopesAsked::NoneNamed);
    let listed = r#"label = "Recipients", type = "string_list", required = true"#;
    let listed = REFUND.replace(
        r#"label = "Recipients", type = "string_list", required = false"#,
        listed,
    );
    let named = |name: &str| Descriptor::parse(&format!("scopes = \"{name}\"\n{listed}"));
    let named_to = named("to").unwrap();
    assert_ne!(named_to.hash(), Descriptor::parse(&listed).unwrap().hash());
    let both = ScopesAsked::These(["a".to_owned(), "b".to_owned()].into());
    assert_eq!(asked(&named_to, payload), both);
    assert_eq!(asked(&named_to, b"no json"), ScopesAsked::Unreadable);
    // Neither a text, nor a list that may be missing, nor nothing at all is a list to compare.
    for wrong in ["order", "nowhere"] {
        let problems = named(wrong).unwrap_err();
        assert!(
            problems[0].problem.contains("a required list of texts"),
            "{problems:?}"
        );
    }
    let optional = Descriptor::parse(&format!("scopes = \"to\"\n{REFUND}")).unwrap_err();
    assert!(
        optional[0].problem.contains("a required list of texts"),
        "{optional:?}"
    );
}
