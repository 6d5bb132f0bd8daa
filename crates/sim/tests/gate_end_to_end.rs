//! The main job, through the real gate on a real SQLite store with a real bundle: asked, held, signed, executed once,
//! and every cheat refused. Only the target is a recorder.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that fails")]

mod shop;

use gatehold_core::action::Envelope;
use gatehold_core::assurance::Assurance;
use gatehold_core::decide::ActKind;
use gatehold_core::json::canonical;
use gatehold_core::passkey::soft::SoftPasskey;
use gatehold_core::passkey::{PasskeyPublicKey, WebOrigin};
use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_core::review::ReviewContext;
use gatehold_core::trust::change::HumanEnrol;
use gatehold_core::trust::{ENROL_NAMESPACE, attestation_challenge};
use gatehold_gate::{Against, GateError, SessionLimits};
use serde_json::json;

use shop::{Person, Shop, team_set};

fn code<T: std::fmt::Debug>(answer: Result<T, GateError>) -> &'static str {
    match answer {
        Err(GateError::Refused(refusal)) => refusal.code(),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn a_read_passes_and_is_executed_once() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    assert_eq!(read.record.state, State::Allowed, "{:?}", read.trace);
    let done = shop
        .gate
        .redeem(&shop.caller(), read.record.id)
        .await
        .unwrap();
    assert_eq!(done.record.state, State::Completed);
    assert_eq!(shop.executed(), ["SELECT 1"]);
    assert_eq!(
        code(shop.gate.redeem(&shop.caller(), read.record.id).await),
        "wrong_state"
    );
    assert_eq!(shop.executed().len(), 1);
}

#[tokio::test]
async fn a_write_is_held_until_two_people_sign_exactly_it() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let sql = "UPDATE orders SET status = 'retry' WHERE id = 7";
    let held = shop.submit(&task, "shop.write", sql).await.unwrap();
    let id = held.record.id;
    assert_eq!(held.record.state, State::Held, "{:?}", held.trace);
    assert_eq!(
        code(shop.gate.redeem(&shop.caller(), id).await),
        "wrong_state"
    );
    assert!(shop.executed().is_empty());

    // The owner is in the requester set, whatever door they use.
    assert_eq!(code(shop.approve(Person::Owner, id).await), "own_request");
    let first = shop.approve(Person::Reviewer, id).await.unwrap();
    assert_eq!(first.state, State::Held);
    assert!(
        first.reviews.is_empty(),
        "nobody learns that a review exists"
    );
    assert_eq!(
        code(shop.approve(Person::Reviewer, id).await),
        "already_decided"
    );
    assert_eq!(
        shop.approve(Person::Second, id).await.unwrap().state,
        State::Redeemable
    );

    let done = shop.gate.redeem(&shop.caller(), id).await.unwrap();
    assert_eq!(done.record.state, State::Completed);
    assert_eq!(shop.executed(), [sql]);
    assert_eq!(
        code(shop.gate.redeem(&shop.caller(), id).await),
        "wrong_state"
    );
}

#[tokio::test]
async fn who_can_approve_is_said_without_a_word_about_reviews() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let write = shop.submit(&task, "shop.write", "DELETE FROM orders").await;
    let id = write.unwrap().record.id;
    let seated = async || {
        let found = shop.gate.deciders(id).await.unwrap();
        let people: Vec<_> = found
            .people
            .iter()
            .map(|person| (person.human.clone(), person.but))
            .collect();
        (people, found.people_needed, found.enough)
    };
    let (owner, reviewer, second) = (
        (Person::Owner.id(), Some(Against::Asked)),
        (Person::Reviewer.id(), None),
        (Person::Second.id(), None),
    );
    let everybody = vec![reviewer.clone(), second, owner.clone()];
    assert_eq!(seated().await, (everybody.clone(), 2, true));
    // That one of them has signed changes nothing of it.
    shop.approve(Person::Reviewer, id).await.unwrap();
    assert_eq!(seated().await, (everybody, 2, true));
    // One who lost every key is gone, and the other alone is not enough.
    shop.revoke_key(Person::Second).await.unwrap();
    assert_eq!(seated().await, (vec![reviewer, owner], 2, false));
    let (by, gate) = (Person::Reviewer.id(), &shop.gate);
    gate.act(&by, id, ActKind::Deny, "", "test").await.unwrap();
    assert_eq!(code(shop.gate.deciders(id).await), "wrong_state");
}

#[tokio::test]
async fn a_passkey_of_a_console_that_is_none_any_more_makes_nobody_able() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let write = shop.submit(&task, "shop.write", "DELETE FROM orders").await;
    let id = write.unwrap().record.id;
    let page = WebOrigin::new("https://gate.example").unwrap();
    let (origin, second) = (shop.gate.origin(), Person::Second.id());
    let named = json!({ "consoles": [page.as_str()] }).to_string();
    shop.change("config.change", &named, Person::Owner).await;
    let passkey = SoftPasskey::new([7; 32], page);
    let key = passkey.public_key().to_line();
    let message = HumanEnrol::possession_message(&origin, &second, &key).unwrap();
    let challenge = PasskeyPublicKey::challenge(ENROL_NAMESPACE, &message);
    let made_for = attestation_challenge(&origin, &second).unwrap();
    let enrol = HumanEnrol {
        possession: passkey.sign(&challenge).to_text().unwrap(),
        attestation: Some(passkey.register(&made_for).to_text().unwrap()),
        assurance: Assurance::Verified,
        suspension: None,
        human: second.clone(),
        key,
    };
    let enrol = String::from_utf8(canonical::to_bytes(&enrol).unwrap()).unwrap();
    shop.change("human.enrol", &enrol, Person::Second).await;
    let able = async || {
        let found = shop.gate.deciders(id).await.unwrap();
        let mut people = found.people.iter();
        let theirs = people.find(|person| person.human == second);
        (theirs.map(|person| person.assurance), found.enough)
    };
    assert_eq!(able().await, (Some(Assurance::Verified), true));
    // Without that console it is as if there were no passkey, and then no key.
    shop.change("config.change", r#"{"consoles":[]}"#, Person::Owner)
        .await;
    assert_eq!(able().await, (Some(Assurance::Software), true));
    let limits = SessionLimits::default();
    let session = shop.gate.sign_in_by_code(&second, limits).await.unwrap();
    shop.revoke_key(Person::Second).await.unwrap();
    assert_eq!(able().await, (None, false));
    let visitor = shop.gate.visitor(&session.id, limits).await.unwrap();
    assert_eq!(visitor, None);
    let refused = shop.gate.sign_in_by_code(&second, limits).await;
    assert_eq!(code(refused.map(drop)), "unknown_principal");
}

#[tokio::test]
async fn a_denial_ends_it_and_no_later_review_revives_it() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let held = shop
        .submit(&task, "shop.write", "DELETE FROM orders")
        .await
        .unwrap();
    let late = shop.sign(Person::Second, held.record.id, true).await;
    let denied = shop.deny(Person::Reviewer, held.record.id).await.unwrap();
    assert_eq!(denied.state, State::Denied);
    assert_eq!(code(shop.gate.review(late).await), "wrong_state");
    assert_eq!(
        code(shop.gate.redeem(&shop.caller(), held.record.id).await),
        "wrong_state"
    );
}

#[tokio::test]
async fn what_ends_with_the_task_cannot_be_used() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    let held = shop
        .submit(&task, "shop.write", "DELETE FROM orders")
        .await
        .unwrap();
    shop.gate.end_task(&shop.caller(), task).await.unwrap();
    let of = async |id| shop.gate.status(&shop.caller(), id).await.unwrap().state;
    assert_eq!(of(read.record.id).await, State::Revoked);
    assert_eq!(of(held.record.id).await, State::Withdrawn);
    assert_eq!(
        code(shop.submit(&task, "shop.read", "SELECT 2").await),
        "task_not_usable"
    );
}

#[tokio::test]
async fn a_stop_set_after_the_decision_keeps_it_from_being_used() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    let all = gatehold_core::stops::Stops {
        everything: true,
        ..Default::default()
    };
    shop.gate
        .stop(&shop.human(Person::Reviewer), all, "incident")
        .await
        .unwrap();
    assert_eq!(
        code(shop.gate.redeem(&shop.caller(), read.record.id).await),
        "stopped"
    );
    let next = shop.submit(&task, "shop.read", "SELECT 2").await.unwrap();
    assert_eq!(
        (next.record.state, next.record.reasons[0].as_str()),
        (State::Denied, "lockdown")
    );
}

/// The same submission with a cap.
fn with_cap(mut input: gatehold_gate::Submit, cap: &str) -> gatehold_gate::Submit {
    let mut envelope: Envelope = canonical::from_bytes(&input.envelope).unwrap();
    envelope.caps = [(cap.to_owned(), 3)].into();
    input.envelope = canonical::to_bytes(&envelope).unwrap();
    input
}

#[tokio::test]
async fn a_cap_that_nothing_keeps_is_refused_when_it_is_asked_for() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let leaves = shop.leaves().await;
    for descriptor in ["shop.read", "shop.write"] {
        let asked = shop.asked(Some(task), descriptor, "SELECT 1", false);
        let input = with_cap(asked, "files");
        let caller = shop.asking(&input).await;
        assert_eq!(
            code(shop.gate.submit(&caller, input).await),
            "cap_not_enforced",
            "{descriptor}"
        );
    }
    // A change of the gate itself has no caps at all.
    let owner = Person::Owner.id();
    let team = format!(r#"{{"members":["{owner}"],"team":"owners"}}"#);
    let change = with_cap(shop.asked(None, "team.set", &team, false), "rows");
    let signed = shop.signed_by(change, Person::Owner);
    assert_eq!(
        code(shop.gate.submit_human(signed).await),
        "cap_not_enforced"
    );
    assert_eq!(shop.leaves().await, leaves, "nobody is asked about it");
    let kept = with_cap(
        shop.asked(Some(task), "shop.read", "SELECT 1", false),
        "rows",
    );
    let caller = shop.asking(&kept).await;
    assert_eq!(
        shop.gate.submit(&caller, kept).await.unwrap().record.state,
        State::Allowed
    );
}

/// Of a request that nobody denied nothing is read, and of one that somebody did its row and the leaf that ended it.
#[tokio::test]
async fn what_was_said_with_a_denial_is_read_from_the_one_leaf_that_has_it() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", "DELETE FROM a").await;
    let held = held.unwrap().record;
    let before = shop.memory().asked();
    assert_eq!(shop.gate.denial(&held).await.unwrap(), None);
    assert_eq!(shop.memory().asked(), before);
    let denied = shop.deny(Person::Reviewer, held.id).await.unwrap();
    for most in [3, 2] {
        let before = shop.memory().asked();
        let said = shop.gate.denial(&denied).await.unwrap();
        assert_eq!(said.as_deref(), Some("looked at it"));
        let asked = shop.memory().asked() - before;
        assert!(asked <= most, "{asked} reads");
    }
}

/// A reviewer adds no cap that the page says nothing keeps: the gate answers by what is shown.
#[tokio::test]
async fn a_cap_that_a_review_adds_is_kept_by_what_its_page_goes_by() {
    let shop = Shop::open().await;
    // Its executor is the gate, which keeps no caps, whatever the executor says of any target.
    let change = shop.propose("team.set", &team_set(), Person::Owner).await;
    let capped = async |cap: &str, id| {
        let add = |context: &mut ReviewContext| {
            context.limits.caps.insert(cap.to_owned(), 3);
        };
        let signed = shop
            .sign_saying(Person::Reviewer, id, "looked at it", add)
            .await;
        shop.gate.review(signed).await
    };
    assert_eq!(code(capped("rows", change.id).await), "cap_not_enforced");
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", "DELETE FROM a").await;
    let held = held.unwrap().record.id;
    assert_eq!(code(capped("files", held).await), "cap_not_enforced");
    capped("rows", held).await.unwrap();
}

#[tokio::test]
async fn an_answer_disarms_open_screens() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let held = shop
        .submit(&task, "shop.write", "DELETE FROM orders")
        .await
        .unwrap();
    let id = held.record.id;
    let signed = shop.sign(Person::Reviewer, id, true).await;
    shop.gate
        .act(
            &shop.human(Person::Second),
            id,
            ActKind::Ask,
            "why all of them?",
            "signed",
        )
        .await
        .unwrap();
    shop.gate
        .answer(&shop.caller(), id, "because they are test data")
        .await
        .unwrap();
    assert_eq!(code(shop.gate.review(signed).await), "changed_since_shown");
}

#[tokio::test]
async fn b04_a_signed_review_counts_for_one_request_once() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let one = shop
        .submit(&task, "shop.write", "DELETE FROM orders WHERE id = 1")
        .await
        .unwrap()
        .record
        .id;
    let two = shop
        .submit(&task, "shop.write", "DELETE FROM orders WHERE id = 2")
        .await
        .unwrap()
        .record
        .id;
    let mut signed = shop.sign(Person::Reviewer, one, true).await;
    signed.request = two;
    assert_eq!(
        code(shop.gate.review(signed.clone()).await),
        "changed_since_shown"
    );
    signed.request = one;
    shop.gate.review(signed.clone()).await.unwrap();
    assert!(matches!(
        shop.gate.review(signed).await,
        Err(GateError::Refused(
            Refusal::AlreadyDecided | Refusal::Replayed | Refusal::ChangedSinceShown
        ))
    ));
}

#[tokio::test]
async fn the_same_key_and_body_is_one_request_and_another_body_is_refused() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let first = shop
        .submit_keyed(&task, "shop.read", "SELECT 1", "k1")
        .await
        .unwrap();
    let again = shop
        .submit_keyed(&task, "shop.read", "SELECT 1", "k1")
        .await
        .unwrap();
    assert!(again.replayed && again.record.id == first.record.id);
    assert_eq!(
        code(
            shop.submit_keyed(&task, "shop.read", "SELECT 2", "k1")
                .await
        ),
        "idempotency_mismatch"
    );
}

#[tokio::test]
async fn a_restart_verifies_the_chain_and_goes_on() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let held = shop
        .submit(&task, "shop.write", "DELETE FROM orders")
        .await
        .unwrap()
        .record
        .id;
    shop.approve(Person::Reviewer, held).await.unwrap();
    let shop = shop.restart().await;
    assert!(shop.gate.chain_findings().await.is_empty());
    assert_eq!(
        shop.approve(Person::Second, held).await.unwrap().state,
        State::Redeemable
    );
    assert_eq!(
        shop.gate
            .redeem(&shop.caller(), held)
            .await
            .unwrap()
            .record
            .state,
        State::Completed
    );
}

#[tokio::test]
async fn a_dry_run_decides_and_writes_nothing() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let before = shop.leaves().await;
    let dry = shop
        .dry_run(&task, "shop.write", "DELETE FROM orders")
        .await
        .unwrap();
    assert_eq!(dry.record.state, State::Held);
    assert!(dry.receipt.is_none());
    assert_eq!(shop.leaves().await, before);
}

#[tokio::test]
async fn inline_secrets_are_refused_before_they_are_stored() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let secret = format!("SELECT 'AKIA{}'", "Q7".repeat(8));
    let before = shop.leaves().await;
    assert_eq!(
        code(shop.submit(&task, "shop.read", &secret).await),
        "inline_secret"
    );
    assert_eq!(shop.leaves().await, before);
}

#[tokio::test]
async fn too_many_open_holds_pause_the_workload_and_not_the_gate() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    for n in 0..3 {
        let held = shop
            .submit(
                &task,
                "shop.write",
                &format!("DELETE FROM orders WHERE id = {n}"),
            )
            .await
            .unwrap();
        assert_eq!(held.record.state, State::Held);
    }
    let over = shop
        .submit(&task, "shop.write", "DELETE FROM orders WHERE id = 9")
        .await
        .unwrap();
    assert_eq!(
        (over.record.state, over.record.reasons[0].as_str()),
        (State::Denied, "too_many_holds")
    );
    let paused = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    assert_eq!(
        (paused.record.state, paused.record.reasons[0].as_str()),
        (State::Denied, "workload_paused")
    );
    let done = shop
        .change(
            "workload.resume",
            r#"{"workload":"deploy-bot"}"#,
            Person::Owner,
        )
        .await;
    assert_eq!(done.state, State::Completed);
    let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    assert_eq!(read.record.state, State::Allowed);
}

#[tokio::test]
async fn c16_what_was_signed_is_what_is_asked_for_or_nothing_is() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let before = shop.leaves().await;
    let signed = shop.asked(Some(task), "shop.read", "SELECT 1", false);
    let other = shop.asked(Some(task), "shop.read", "SELECT 2", false);
    let caller = shop.asking(&signed).await;
    let mut claims = signed.clone();
    claims.claims.0.insert("ticket".into(), "T-1".into());
    for input in [other, claims] {
        assert_eq!(
            code(shop.gate.submit(&caller, input).await),
            "not_permitted"
        );
    }
    let nothing = gatehold_gate::Caller {
        body: Vec::new(),
        ..caller.clone()
    };
    let refused = shop.gate.submit(&nothing, signed.clone()).await;
    assert_eq!(code(refused), "not_permitted");
    assert_eq!(shop.leaves().await, before);
    shop.gate.submit(&caller, signed).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn b04_the_same_review_handed_in_by_many_at_once_counts_once() {
    let shop = std::sync::Arc::new(Shop::open().await);
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", "DELETE FROM orders");
    let id = held.await.unwrap().record.id;
    let signed = shop.sign(Person::Reviewer, id, true).await;
    let before = shop.leaves().await;
    let mut handing_in = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (shop, signed) = (std::sync::Arc::clone(&shop), signed.clone());
        handing_in.spawn(async move { shop.gate.review(signed).await.is_ok() });
    }
    let mut counted = 0;
    while let Some(ended) = handing_in.join_next().await {
        counted += u32::from(ended.unwrap());
    }
    assert_eq!(counted, 1);
    // One person is not two, however often they are heard.
    assert_eq!(shop.gate.show(id).await.unwrap().state, State::Held);
    assert_eq!(shop.leaves().await, before + 1);
}

#[tokio::test]
async fn what_no_person_can_read_is_not_inspectable_to_policy() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let payload = async |sql: &str| {
        let asked = shop.dry_run(&task, "shop.read", sql).await.unwrap();
        let trace = format!("{:?}", asked.trace);
        assert!(trace.contains("payload "), "{trace}");
        trace.contains("payload uninspectable")
    };
    assert!(!payload("SELECT name FROM orders").await);
    // A name to one database, a text to another; a value that nobody is shown; nothing that any of them reads.
    assert!(payload("SELECT \"name\" FROM orders").await);
    assert!(payload("SELECT name FROM orders WHERE id = ?").await);
    assert!(payload("SELEC name FROM orders").await);
}
