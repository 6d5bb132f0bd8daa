//! Generated bodies, envelopes, targets and headers, through the whole router and a real gate: always an answer that
//! explains itself, never a fault, and nothing is ever executed.

use gatehold_server::PAGES;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::House;
use crate::support::browser::{Browser, form};
use crate::support::call::Call;
use crate::support::people::Person;
use crate::walk::{Endpoint, endpoints};

/// JSON that is nearly what calls take: their member names, and values of the wrong kinds.
fn nearly() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("e30=")),
        Just(json!("deny")),
        Just(json!("all")),
        Just(json!("a@b")),
    ];
    let name = prop::sample::select(vec![
        "envelope",
        "payload",
        "claims",
        "purpose",
        "boundary",
        "on_behalf_of",
        "act",
        "reason",
        "text",
        "context",
        "signature",
        "answers",
        "salt",
        "scope",
        "name",
        "statement",
        "signatures",
        "nonce",
        "descriptors",
        "targets",
        "resources",
        "steps",
        "not_after",
        "more",
        "evidence",
    ]);
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => nearly().prop_map(|json| json.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        2 => nearly().prop_map(|envelope| {
            let bytes = gatehold_client::wire::Base64Bytes(envelope.to_string().into_bytes());
            json!({ "envelope": bytes, "payload": "" }).to_string().into_bytes()
        }),
    ]
}

fn targets() -> impl Strategy<Value = String> {
    let mut known: Vec<String> = endpoints().iter().map(Endpoint::target).collect();
    known.push("/v1/requests?dry_run=true".to_owned());
    prop_oneof![
        6 => prop::sample::select(known),
        1 => "/v1/[a-z%0-9/?=&.]{0,30}".prop_filter("a target of the profile", |target| {
            target.parse::<http::Uri>().is_ok()
        }),
    ]
}

/// Nearly a form of the console: the names of its fields, and values that nobody meant.
fn fields() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let name = prop::sample::select(vec![
        "code",
        "person",
        "to",
        "key",
        "review",
        "act",
        "reason",
        "text",
        "back",
        "correction",
        "proof",
        "scope",
        "name",
        "view",
        "page",
        "token",
        "surplus",
    ]);
    let value = prop_oneof![
        2 => ".{0,12}",
        1 => nearly().prop_map(|json| json.to_string()),
        1 => prop::sample::select(vec!["deny", "ask", "mine", "0", "task", "all", "request", "reviewer@dev.local"]).prop_map(str::to_owned),
    ];
    prop::collection::vec((name, value), 0..5)
}

#[test]
fn no_form_makes_a_page_fail() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let house = runtime.block_on(House::open());
    let (cookie, token) = runtime.block_on(async {
        let mut browser = Browser::of(&house, Person::Reviewer).await;
        let token = browser.token().await;
        (browser.cookie.unwrap(), token)
    });
    let router = gatehold_server::router(&house.app);
    let pages = PAGES.iter().filter(|page| page.method == "POST");
    let zeros = format!("req_{}", "0".repeat(32));
    // Whoever signs out or is somebody else asks no further question with this cookie.
    let targets: Vec<String> = pages
        .filter(|page| !["/session/end", "/session/person"].contains(&page.path))
        .map(|page| page.path.replace("{id}", &zeros))
        .collect();
    assert!(targets.len() >= 12, "{targets:?}");
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(
            &(prop::sample::select(targets), fields(), any::<bool>()),
            |(target, fields, signed_in)| {
                let mut pairs: Vec<(&str, &str)> = fields
                    .iter()
                    .map(|(name, text)| (*name, text.as_str()))
                    .collect();
                if signed_in {
                    pairs.push(("token", &token));
                }
                let call = form(&target, &pairs)
                    .header("sec-fetch-site", "same-origin")
                    .header("origin", "null")
                    .header("cookie", cookie.as_bytes());
                let answer = runtime
                    .block_on(router.clone().oneshot(call.to_request()))
                    .unwrap();
                prop_assert!(
                    !answer.status().is_server_error(),
                    "{} {target} {fields:?}",
                    answer.status()
                );
                Ok(())
            },
        )
        .unwrap();
    assert!(house.executed.lock().unwrap().is_empty());
}

#[test]
fn no_body_makes_the_gate_fail() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let house = runtime.block_on(House::open());
    runtime.block_on(async { drop(Person::Reviewer.log_in(&house).await) });
    let router = gatehold_server::router(&house.app);
    let session = Person::Reviewer.session_key();
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::default()
    });
    let cases = (targets(), bodies(), any::<bool>(), any::<bool>());
    runner
        .run(&cases, |(target, body, by_person, post)| {
            let key = if by_person { &session } else { &house.workload };
            let call =
                Call::new(if post { "POST" } else { "GET" }, &target, body).signed(&house, key);
            let answer = runtime
                .block_on(router.clone().oneshot(call.to_request()))
                .unwrap();
            prop_assert!(
                !answer.status().is_server_error(),
                "{} {target}",
                answer.status()
            );
            if !answer.status().is_success() {
                prop_assert_eq!(
                    &answer.headers()["content-type"],
                    "application/problem+json"
                );
            }
            Ok(())
        })
        .unwrap();
    assert!(house.executed.lock().unwrap().is_empty());
}

#[test]
fn no_signature_header_makes_the_gate_fail() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let house = runtime.block_on(House::open());
    let router = gatehold_server::router(&house.app);
    let good = Call::new("GET", "/v1/gate", "").signed(&house, &house.workload);
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::default()
    });
    let header = |name: &str| {
        let found = good
            .headers
            .iter()
            .find(|(known, _)| known == name)
            .unwrap();
        found.1.clone()
    };
    let names = vec!["signature", "signature-input", "content-digest"];
    let cases = (
        prop::sample::select(names),
        any::<prop::sample::Index>(),
        0x20_u8..0x7f,
        any::<bool>(),
    );
    runner
        .run(&cases, |(name, at, byte, cut)| {
            let mut value = header(name);
            let at = at.index(value.len());
            if value[at] == byte {
                return Ok(());
            }
            value[at] = byte;
            if cut {
                value.truncate(at);
            }
            let call = good.clone().header(name, value);
            let answer = runtime
                .block_on(router.clone().oneshot(call.to_request()))
                .unwrap();
            prop_assert_eq!(answer.status().as_u16(), 401);
            Ok(())
        })
        .unwrap();
}
