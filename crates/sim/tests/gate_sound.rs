//! A bundle that cannot be read decides nothing: it is refused when it is asked for, and again when what was approved is applied.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should say where"
)]

mod shop;

use std::sync::Arc;

use gatehold_core::action::Action;
use gatehold_core::decide::{
    Claims, Command, Counters, Described, Fresh, Pause, Record, Rendered, Settings, Submission,
    Versioned, World, decide,
};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{GrantId, RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_core::requester::Requester;
use gatehold_core::restraints::Restraints;
use gatehold_core::stops::Stops;
use gatehold_core::task::StepLabels;
use gatehold_gate::{GateError, HumanSubmit, display};
use gatehold_policy::{Bundle, Engine, golden};

use shop::{Person, Shop, bundle_folder};

/// The shop's own bundle with other rules.
fn with_rules(change: impl FnOnce(&str) -> String) -> String {
    let bytes = Bundle::load(&bundle_folder()).unwrap().to_bytes();
    let mut packed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let rules = change(packed["files"]["rules.cedar"].as_str().unwrap());
    packed["files"]["rules.cedar"] = rules.into();
    String::from_utf8(canonical::to_bytes(&packed).unwrap()).unwrap()
}

/// Bytes that are no sound bundle, each with what is said about it.
fn unsound() -> [(String, &'static str); 3] {
    let deep = |rules: &str| {
        let (open, close) = ("(".repeat(20_000), ")".repeat(20_000));
        format!("{rules}\nforbid (principal, action, resource) when {{ {open}true{close} }};\n")
    };
    [
        ("{}".to_owned(), "these are no bundle bytes"),
        (
            with_rules(|rules| rules.replace("@owner(\"owners\")\n", "")),
            "rules.cedar:1: the rule needs `@owner(\"…\")`",
        ),
        (
            with_rules(deep),
            "brackets stand more than 32 deep in each other",
        ),
    ]
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, GateError>, why: &str) {
    match answer {
        Err(GateError::Refused(Refusal::Bundle(said))) => assert!(said.contains(why), "{said}"),
        other => panic!("this is no sound bundle: {other:?}"),
    }
}

async fn nobody_asks_for_an_unsound_bundle(shop: &Shop) {
    let before = shop.leaves().await;
    for (payload, why) in unsound() {
        refused(
            shop.try_propose("bundle.activate", &payload, Person::Owner)
                .await,
            why,
        );
    }
    assert_eq!(shop.leaves().await, before);
    let sound = with_rules(|rules| format!("{rules}\n"));
    let changed = shop.change("bundle.activate", &sound, Person::Owner).await;
    assert_eq!(changed.state, State::Completed);
}

#[tokio::test]
async fn d11_nobody_asks_for_an_unsound_bundle_in_memory() {
    nobody_asks_for_an_unsound_bundle(&Shop::in_memory().await).await;
}

#[tokio::test]
async fn d11_nobody_asks_for_an_unsound_bundle_in_sqlite() {
    nobody_asks_for_an_unsound_bundle(&Shop::open().await).await;
}

/// Writes the submission as a gate would that does not look at the bundle, such as one that read more than this one does.
async fn asked_of_another_gate(shop: &Shop, input: HumanSubmit) -> RequestId {
    let action = Action::parse(&input.envelope, input.payload.clone()).unwrap();
    let (bundle, directory) = (shop.gate.bundle(), shop.gate.directory());
    let descriptor = &bundle.descriptors()[&action.envelope().descriptor.id];
    let teams = directory.teams_of(&input.human);
    let question = golden::change_asked_by(&bundle, descriptor, &input.human, &teams);
    let evaluated = Engine::new(Arc::clone(&bundle)).evaluate(&question);
    let display = display(&action, descriptor).to_bytes().unwrap();
    let (stops, pause) = (Versioned::<Stops>::default(), Versioned::<Pause>::default());
    let restraints = Restraints::default();
    let world = World {
        policy: Some(&evaluated),
        directory: &directory,
        stops: &stops,
        pause: &pause,
        restraints: &restraints,
        task: None,
        counters: Counters::default(),
        rendered: Some(&Rendered::new(display, false, false)),
        findings: None,
        habits: None,
        settings: &Settings::default(),
    };
    let id = RequestId::from_bytes([7; 16]);
    let fresh = Fresh {
        request: id,
        grant: GrantId::from_bytes([8; 16]),
        task: TaskId::from_bytes([9; 16]),
        seed: [5; 32],
    };
    let submission = Submission {
        described: Described {
            descriptor: action.envelope().descriptor.clone(),
            media_types: descriptor.media_types.clone(),
            reads_only: false,
            sentence: "another bundle is to decide".to_owned(),
            intent: Hash::of(b"intent"),
        },
        action,
        claims: Claims::default(),
        requester: Requester::Human {
            human: input.human,
            key: input.key,
            beneficiaries: [].into(),
        },
        proof: canonical::to_bytes(&input.submit).unwrap(),
        body: None,
        nonce: input.submit.nonce.into(),
        idempotency: None,
        labels: StepLabels::default(),
    };
    let command = Command::Submit(Box::new(submission));
    let now = shop.store().now().await.unwrap();
    let (write, _) = decide(Record::Absent, command, &world, &fresh, now).unwrap();
    let answers = shop.store().commit(vec![write]).await.unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    id
}

async fn an_approved_bundle_that_is_unsound_is_not_applied(shop: &Shop) {
    let (payload, why) = unsound()[2].clone();
    let before = shop.gate.directory();
    let signed = shop.signed_proposal("bundle.activate", &payload, Person::Owner);
    let id = asked_of_another_gate(shop, signed).await;

    let held = shop.gate.show(id).await.unwrap();
    let words = shop.gate.change_in_words(&held).await.unwrap();
    let said = "it is no sound bundle and is never applied: rules.cedar:";
    assert!(words[1].starts_with(said), "{words:?}");

    shop.approve(Person::Reviewer, id).await.unwrap();
    refused(shop.approve(Person::Second, id).await, why);
    // Nor by the gate itself, which tries again.
    shop.gate.tick().await.unwrap();
    let left = shop.gate.show(id).await.unwrap();
    assert_eq!(left.state, State::Redeemable);
    assert_eq!(shop.gate.directory(), before);
    let task = shop.task().await;
    shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    // Another process starts, and decides by the bundle that was there.
    assert_eq!(shop.beside(None).await.bundle().hash(), before.bundle);
}

#[tokio::test]
async fn d11_an_approved_bundle_that_is_unsound_is_not_applied_in_memory() {
    an_approved_bundle_that_is_unsound_is_not_applied(&Shop::in_memory().await).await;
}

#[tokio::test]
async fn d11_an_approved_bundle_that_is_unsound_is_not_applied_in_sqlite() {
    an_approved_bundle_that_is_unsound_is_not_applied(&Shop::open().await).await;
}
