//! What a task says of itself and what it did, asked of the real gate: its boundary, its own steps, the systems it is on,
//! and on whose behalf it is.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails should say where"
)]

mod shop;

use gatehold_core::action::Envelope;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::jwk::Jwk;
use gatehold_core::reason::ReasonError;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::requester::Requester;
use gatehold_core::task::Boundary;
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_core::view::View;
use gatehold_gate::{Caller, GateError, StartTask, Submit};
use gatehold_policy::Bundle;
use gatehold_proof::{Algorithm, SigningKey};
use gatehold_sim::mutants::remove_the_named_guard;

use shop::{Person, Shop, bundle_folder};

/// Beyond what its task declared nothing happens, as in the default pack.
const OUTSIDE: &str = r#"
@id("outside")
@owner("owners")
@rationale("Beyond what its task declared nothing happens")
forbid (principal is Workload, action, resource)
when { !context.conditions.out_of_boundary.known || context.conditions.out_of_boundary.value };
"#;

/// Reads are held when this is so.
fn held_when(condition: &str) -> String {
    format!(
        "@id(\"when\")\n@owner(\"owners\")\n@rationale(\"A test asks\")\n@checkpoint(\"shop-write\")\n\
         forbid (principal is Workload, action == Action::\"shop.read\", resource)\nwhen {{ {condition} }};\n"
    )
}

/// A shop whose people agreed on more rules.
async fn shop_with(more: &str) -> Shop {
    remove_the_named_guard();
    let shop = Shop::in_memory().await;
    activate(&shop, more).await;
    shop
}

async fn activate(shop: &Shop, more: &str) {
    let bytes = Bundle::load(&bundle_folder()).unwrap().to_bytes();
    let mut packed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let rules = format!(
        "{}\n{more}",
        packed["files"]["rules.cedar"].as_str().unwrap()
    );
    packed["files"]["rules.cedar"] = rules.into();
    let payload = String::from_utf8(canonical::to_bytes(&packed).unwrap()).unwrap();
    let activated = shop.change("bundle.activate", &payload, Person::Owner);
    assert_eq!(activated.await.state, State::Completed);
}

async fn started(shop: &Shop, caller: &Caller, start: StartTask) -> TaskId {
    shop.gate.start_task(caller, start).await.unwrap().id
}

/// A task of at most so many steps.
async fn bounded(shop: &Shop, steps: u64) -> TaskId {
    let boundary = Boundary {
        descriptors: ["shop.read", "shop.write"]
            .map(|id| id.parse().unwrap())
            .into(),
        targets: ["sql:shop".parse().unwrap()].into(),
        resources: ["shop/".parse().unwrap()].into(),
        steps,
        not_after: Timestamp::from_millis(4_000_000_000_000),
    };
    let start = StartTask {
        purpose: "retry failed orders".into(),
        on_behalf_of: None,
        boundary: Some(boundary),
    };
    started(shop, &shop.caller(), start).await
}

async fn ask(shop: &Shop, task: &TaskId, descriptor: &str, sql: &str) -> RequestRecord {
    shop.submit(task, descriptor, sql).await.unwrap().record
}

async fn used(shop: &Shop, id: RequestId) -> State {
    shop.gate
        .redeem(&shop.caller(), id)
        .await
        .unwrap()
        .record
        .state
}

/// The page that a reviewer signs.
async fn page(shop: &Shop, id: RequestId) -> View {
    let (human, key) = (Person::Reviewer.id(), Person::Reviewer.key());
    let opened = shop.gate.open_request(&human, &key, id).await.unwrap();
    canonical::from_canonical_bytes(&opened.view).unwrap()
}

/// The same action, on another target.
fn on_target(input: Submit, target: &str) -> Submit {
    let mut envelope: Envelope = canonical::from_bytes(&input.envelope).unwrap();
    envelope.target = target.parse().unwrap();
    Submit {
        envelope: canonical::to_bytes(&envelope).unwrap(),
        ..input
    }
}

async fn ask_at(shop: &Shop, task: TaskId, target: &str) -> RequestRecord {
    let input = on_target(
        shop.asked(Some(task), "shop.read", "SELECT 1", false),
        target,
    );
    let caller = shop.asking(&input).await;
    shop.gate.submit(&caller, input).await.unwrap().record
}

#[tokio::test]
async fn a_task_of_n_steps_takes_and_uses_n_steps() {
    for steps in [1, 2, 4] {
        let shop = shop_with(OUTSIDE).await;
        let task = bounded(&shop, steps).await;
        let mut allowed = Vec::new();
        for number in 0..steps {
            let read = ask(&shop, &task, "shop.read", &format!("SELECT {number}")).await;
            assert_eq!(read.state, State::Allowed, "step {number} of {steps}");
            allowed.push(read.id);
        }
        let beyond = ask(&shop, &task, "shop.read", "SELECT 99").await;
        assert_eq!(beyond.state, State::Denied, "{steps} steps are all");
        for id in allowed {
            assert_eq!(used(&shop, id).await, State::Completed, "of {steps} steps");
        }
    }
}

#[tokio::test]
async fn a_step_that_people_decided_fills_the_boundary_and_can_be_used() {
    let shop = shop_with(OUTSIDE).await;
    let task = bounded(&shop, 1).await;
    let write = ask(&shop, &task, "shop.write", "DELETE FROM a").await;
    let late = ask(&shop, &task, "shop.write", "DELETE FROM b").await;
    for person in [Person::Reviewer, Person::Second] {
        shop.approve(person, write.id).await.unwrap();
    }
    // The other was asked for while there was room; nobody can decide it now.
    let late = shop.approve(Person::Reviewer, late.id).await.unwrap();
    assert_eq!(
        (late.state, late.closing.unwrap().code.as_str()),
        (State::Denied, "forbidden")
    );
    assert_eq!(used(&shop, write.id).await, State::Completed);
}

#[tokio::test]
async fn what_a_task_did_not_declare_is_outside() {
    let shop = shop_with(OUTSIDE).await;
    let task = bounded(&shop, 9).await;
    let inside = ask_at(&shop, task, "sql:shop").await;
    let outside = ask_at(&shop, task, "sql:depot").await;
    assert_eq!(
        (inside.state, outside.state),
        (State::Allowed, State::Denied)
    );
}

#[tokio::test]
async fn an_action_is_not_held_at_use_because_of_itself() {
    for condition in [
        "context.chain.steps > 0",
        "!context.chain.sensitive.known || context.chain.sensitive.value",
        "!context.chain.tier.known || context.chain.tier.value != \"green\"",
        "!context.chain.systems.known || context.chain.systems.value > 1",
    ] {
        let shop = shop_with(&held_when(condition)).await;
        let task = shop.task().await;
        let first = ask(&shop, &task, "shop.read", "SELECT 1").await;
        assert_eq!(first.state, State::Allowed, "{condition}");
        assert_eq!(used(&shop, first.id).await, State::Completed, "{condition}");
    }
}

#[tokio::test]
async fn another_step_of_the_task_counts_against_it() {
    let shop = shop_with(&held_when(
        "!context.chain.sensitive.known || context.chain.sensitive.value",
    ))
    .await;
    let task = shop.task().await;
    let first = ask(&shop, &task, "shop.read", "SELECT 1").await;
    assert_eq!(first.state, State::Allowed);
    let second = ask(&shop, &task, "shop.read", "SELECT 2").await;
    assert_eq!(
        second.state,
        State::Held,
        "the first read what may be sensitive"
    );
    for person in [Person::Reviewer, Person::Second] {
        shop.approve(person, second.id).await.unwrap();
    }
    // By now the second is a step beside the first, which is asked about again at use.
    assert_eq!(used(&shop, first.id).await, State::Held);
}

#[tokio::test]
async fn a_request_that_is_held_again_counts_once_and_not_before_itself() {
    let shop = shop_with("").await;
    let task = shop.task().await;
    ask(&shop, &task, "shop.read", "SELECT 1").await;
    let write = ask(&shop, &task, "shop.write", "DELETE FROM a").await;
    assert_eq!(page(&shop, write.id).await.so_far.steps, 1);
    for person in [Person::Reviewer, Person::Second] {
        shop.approve(person, write.id).await.unwrap();
    }
    // People agree on another checkpoint for it: what was approved under the old one is held again at use.
    let more = "@id(\"more\")\n@owner(\"owners\")\n@rationale(\"A test asks\")\n@checkpoint(\"gate-change\")\n\
                forbid (principal is Workload, action == Action::\"shop.write\", resource);\n";
    activate(&shop, more).await;
    assert_eq!(used(&shop, write.id).await, State::Held);
    assert_eq!(page(&shop, write.id).await.so_far.steps, 1);
    for person in [Person::Reviewer, Person::Second] {
        shop.approve(person, write.id).await.unwrap();
    }
    let next = ask(&shop, &task, "shop.write", "DELETE FROM b").await;
    let so_far = page(&shop, next.id).await.so_far;
    assert_eq!((so_far.steps, so_far.latest.len()), (2, 2), "{so_far:?}");
    assert_eq!(used(&shop, write.id).await, State::Completed);
}

/// Beyond its baseline a read is amber, and red once the workload reaches for more than it usually does.
#[tokio::test]
async fn what_rises_while_it_is_held_is_held_again_and_asked_about_anew() {
    let elevated = "!context.conditions.elevation.known || context.conditions.elevation.value";
    let shop = shop_with(&held_when(elevated)).await;
    let task = shop.task().await;
    let held = ask_at(&shop, task, "sql:depot").await;
    let id = held.id;
    assert_eq!((held.state, held.tier), (State::Held, Tier::Amber));
    assert!(!page(&shop, id).await.reason_demanded);
    // One approves it without a word; another has it open twice.
    let unsaid = shop.sign_saying(Person::Reviewer, id, "", |_| {}).await;
    let first = shop.gate.review_told(unsaid).await.unwrap();
    assert_eq!((first.record.state, first.held_again), (State::Held, false));
    let before = shop.sign_saying(Person::Second, id, "", |_| {}).await;
    let stale = shop.sign(Person::Second, id, true).await;

    for number in 0..51 {
        let input = shop.asked(Some(task), "shop.read", "SELECT 1", false);
        let envelope = String::from_utf8(input.envelope).unwrap();
        let envelope = envelope.replace("shop/orders", &format!("shop/r{number}"));
        let input = Submit {
            envelope: envelope.into_bytes(),
            ..input
        };
        let caller = shop.asking(&input).await;
        shop.gate.submit(&caller, input).await.unwrap();
    }
    let again = shop.gate.review_told(before).await.unwrap();
    assert!(
        again.held_again,
        "whoever signed it is told that it does not count"
    );
    let again = again.record;
    assert_eq!((again.state, again.tier), (State::Held, Tier::Red));
    assert_eq!(again.held.unwrap().decide_by, held.held.unwrap().decide_by);
    let told = shop.store.outbox(0, 1_000).await.unwrap();
    let mut told = told.into_iter().map(|announced| announced.message);
    assert!(told.any(|told| told.topic == "reheld" && told.body == id.to_string()));

    // It is held until the same moment, so that nothing but what its page asked for tells that screen from one of now.
    let less = shop.gate.review(stale).await;
    refused(less, &Refusal::ChangedSinceShown);
    assert!(page(&shop, id).await.reason_demanded);
    let unsaid = shop.sign_saying(Person::Reviewer, id, "", |_| {}).await;
    let missing = Refusal::Reason(ReasonError::Missing);
    refused(shop.gate.review(unsaid).await, &missing);
    // Nothing of what was approved is left: both say it anew.
    assert_eq!(
        shop.approve(Person::Reviewer, id).await.unwrap().state,
        State::Held
    );
    shop.approve(Person::Second, id).await.unwrap();
    assert_eq!(used(&shop, id).await, State::Completed);
}

#[tokio::test]
async fn systems_are_counted_and_each_once() {
    let shop = shop_with(&held_when(
        "!context.chain.systems.known || context.chain.systems.value > 2",
    ))
    .await;
    let task = shop.task().await;
    for target in ["sql:shop", "sql:depot", "sql:shop", "sql:depot"] {
        assert_eq!(
            ask_at(&shop, task, target).await.state,
            State::Allowed,
            "{target}"
        );
    }
    let third = ask_at(&shop, task, "sql:mill").await;
    assert_eq!(third.state, State::Held, "this is the third system");
    assert!(page(&shop, third.id).await.so_far.crosses_systems);
}

#[tokio::test]
async fn the_second_target_of_a_task_is_another_system() {
    let shop = shop_with(&held_when(
        "!context.conditions.cross_system.known || context.conditions.cross_system.value",
    ))
    .await;
    let task = shop.task().await;
    let first = ask_at(&shop, task, "sql:shop").await;
    assert_eq!(first.state, State::Allowed);
    assert_eq!(ask_at(&shop, task, "sql:depot").await.state, State::Held);
    // In a task of its own the same action crosses nothing.
    let other = shop.task().await;
    assert_eq!(
        ask_at(&shop, other, "sql:depot").await.state,
        State::Allowed
    );
    assert_eq!(used(&shop, first.id).await, State::Completed);
}

/// Whoever began the task says it is on behalf of the reviewer, and asks to write.
async fn on_behalf_of_the_reviewer(shop: &Shop, caller: &dyn Fn() -> Caller) -> RequestRecord {
    let start = StartTask {
        purpose: "retry failed orders".into(),
        on_behalf_of: Some(Person::Reviewer.id()),
        boundary: None,
    };
    let task = started(shop, &caller(), start).await;
    let input = shop.asked(Some(task), "shop.write", "DELETE FROM a", false);
    let signed = shop.asking(&input).await;
    let caller = Caller {
        key: caller().key,
        workload: caller().workload,
        ..signed
    };
    shop.gate.submit(&caller, input).await.unwrap().record
}

#[tokio::test]
async fn a_workloads_own_word_about_its_initiator_frees_nobody_and_a_points_does() {
    remove_the_named_guard();
    let shop = Shop::in_memory().await;
    let key = SigningKey::from_seed(Algorithm::Ed25519, &[9; 32]).unwrap();
    let jwk = key.public().to_jwk();
    let point = serde_json::json!({
        "id": "gateway", "jwk": jwk, "owner": Person::Owner.id(), "workloads": ["deploy-bot"],
    });
    let point = point.to_string();
    let enrolled = shop.change("point.enrol", &point, Person::Owner);
    assert_eq!(enrolled.await.state, State::Completed);

    let claimed = on_behalf_of_the_reviewer(&shop, &|| shop.caller()).await;
    assert_eq!(claimed.state, State::Held);
    assert!(bars_its_owner(&claimed), "{:?}", claimed.requester);
    for person in [Person::Owner, Person::Reviewer] {
        own_request(shop.approve(person, claimed.id).await);
    }

    let thumbprint: Hash = Jwk::parse(&jwk).unwrap().thumbprint();
    let seen = on_behalf_of_the_reviewer(&shop, &|| Caller {
        key: thumbprint,
        workload: Some("deploy-bot".parse().unwrap()),
        ..shop.caller()
    })
    .await;
    assert_eq!(seen.state, State::Held);
    assert!(!bars_its_owner(&seen), "{:?}", seen.requester);
    own_request(shop.approve(Person::Reviewer, seen.id).await);
}

#[track_caller]
fn refused(answer: Result<RequestRecord, GateError>, why: &Refusal) {
    let so = matches!(&answer, Err(GateError::Refused(said)) if said == why);
    assert!(so, "{answer:?}");
}

#[track_caller]
fn own_request(answer: Result<RequestRecord, GateError>) {
    let own = matches!(answer, Err(GateError::Refused(Refusal::OwnRequest)));
    assert!(own, "{answer:?}");
}

/// Whether its owner may not decide for being its owner: in the shop they also proposed its key and answer for the point, which
/// is put aside.
fn bars_its_owner(record: &RequestRecord) -> bool {
    let mut requester = record.requester.clone();
    if let Requester::Workload {
        proposer, point, ..
    } = &mut requester
    {
        *proposer = Person::Second.id();
        *point = None;
    }
    requester.set().contains(&Person::Owner.id())
}
