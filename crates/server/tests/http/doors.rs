//! The doors that must stay closed: approving one's own request by any route, deciding as a requester, and stopping a
//! call half way by hanging up.

use std::time::Duration;

use gatehold_client::Submission;
use gatehold_client::wire::{RequestState, Submitted};
use gatehold_core::commit::LeafKind;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::Store;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::call::Call;
use crate::support::people::Person;
use crate::support::{House, NOW};

async fn hold(house: &House) -> String {
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let write = house.action(&task, "shop.write", "DELETE FROM orders");
    match bot.submit(&write, &Submission::default()).await.unwrap() {
        Submitted::Held(held) => held.request.unwrap(),
        Submitted::Decided(decision) => panic!("{decision:?}"),
    }
}

/// Every way to say something about a held request over this API.
fn sayings(request: &str, review: &Value) -> Vec<(String, Value)> {
    let act = |act: Value| (format!("/v1/requests/{request}/acts"), act);
    vec![
        (format!("/v1/requests/{request}/reviews"), review.clone()),
        act(json!({ "act": "deny", "reason": "too_broad" })),
        act(json!({ "act": "ask", "text": "why?" })),
        act(json!({ "act": "escalate" })),
        act(json!({ "act": "claim" })),
        act(json!({ "act": "release" })),
        act(json!({ "act": "suspicious" })),
    ]
}

fn post(target: &str, body: &Value) -> Call {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    Call::new("POST", target, body)
}

#[tokio::test]
async fn nobody_in_the_requester_set_decides_by_any_door() {
    let house = House::open().await;
    let request = hold(&house).await;
    let owner = Person::Owner.log_in(&house).await;
    let opened = owner.open(&request).await.unwrap();
    let review = serde_json::to_value(Person::Owner.review(&opened, true)).unwrap();
    for (target, body) in sayings(&request, &review) {
        // A10, A21: the keys that ask have no door to decide at all.
        for key in [&house.workload, &house.point] {
            let by_machine = post(&target, &body).signed(&house, key);
            let answer = by_machine.send(&house).await.word();
            assert_eq!(
                answer,
                (403, "wrong_principal".to_owned()),
                "{target} {body}"
            );
        }
        let by_owner = post(&target, &body).signed(&house, &Person::Owner.session_key());
        let answer = by_owner.send(&house).await.word();
        assert_eq!(answer, (403, "own_request".to_owned()), "{target} {body}");
    }
    let bot = house.client(&house.workload);
    assert_eq!(
        bot.status(&request, 0).await.unwrap().state,
        RequestState::Held
    );
    // Taking it back is the safe direction, and decides nothing.
    let taken_back = owner.revoke_request(&request).await.unwrap();
    assert_eq!(
        (taken_back.state, taken_back.decision),
        (RequestState::Withdrawn, None)
    );
}

#[tokio::test]
async fn a_review_counts_for_who_signed_it_whoever_carries_it() {
    let house = House::open().await;
    let request = hold(&house).await;
    let reviewer = Person::Reviewer.log_in(&house).await;
    let opened = reviewer.open(&request).await.unwrap();
    let review = serde_json::to_value(Person::Reviewer.review(&opened, true)).unwrap();
    drop(Person::Second.log_in(&house).await);
    let target = format!("/v1/requests/{request}/reviews");
    let carried = post(&target, &review).signed(&house, &Person::Second.session_key());
    assert_eq!(carried.send(&house).await.status, 200);
    // It was the reviewer's seat that was filled: the second person still has to look, and the first cannot again.
    let again = reviewer
        .review(&request, &Person::Reviewer.review(&opened, true))
        .await;
    assert!(again.is_err());
    let bot = house.client(&house.workload);
    assert_eq!(
        bot.status(&request, 0).await.unwrap().state,
        RequestState::Held
    );
}

#[tokio::test]
async fn a_refusal_of_somebody_known_becomes_a_leaf_and_a_strangers_does_not() {
    let house = House::open().await;
    let refusals = async || {
        let leaves = house.store.leaves(0, 1000, false).await.unwrap();
        let kind = LeafKind::Refusal as u16;
        leaves
            .iter()
            .filter(|leaf| leaf.leaf[1..3] == kind.to_be_bytes())
            .count()
    };
    let stranger = crate::support::key(b"stranger");
    Call::new("GET", "/v1/inbox", "")
        .signed(&house, &stranger)
        .send(&house)
        .await;
    house.gate.flush().await.unwrap();
    assert_eq!(refusals().await, 0);
    for _ in 0..3 {
        let turned_away = Call::new("GET", "/v1/inbox", "").signed(&house, &house.workload);
        assert_eq!(turned_away.send(&house).await.status, 403);
    }
    house.store.clock().set(Timestamp::from_millis(NOW + 1000));
    house.gate.flush().await.unwrap();
    assert_eq!(refusals().await, 1, "three of a kind are one leaf");
}

#[tokio::test]
async fn hanging_up_does_not_stop_an_execution_half_way() {
    let house = House::open().await;
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let read = house.action(&task, "shop.read", "SELECT 1");
    let Submitted::Decided(decision) = bot.submit(&read, &Submission::default()).await.unwrap()
    else {
        panic!("held")
    };
    let request = decision.request.unwrap();
    house.target.forget_permits(1000);
    let redeem = post(&format!("/v1/requests/{request}/redeem"), &Value::Null)
        .signed(&house, &house.workload);
    let mut answering = Box::pin(gatehold_server::router(&house.app).oneshot(redeem.to_request()));
    tokio::select! {
        begun = house.begun.acquire() => begun.unwrap().forget(),
        _ = &mut answering => panic!("answered before the target did"),
    }
    drop(answering);
    house.target.add_permits(1);
    // The target answers nobody, and the gate still learns how it ended.
    let ended = async {
        loop {
            let state = bot.status(&request, 0).await.unwrap().state;
            if state != RequestState::Executing {
                return state;
            }
            tokio::task::yield_now().await;
        }
    };
    // The bound only turns a failure into one that ends.
    let state = tokio::time::timeout(Duration::from_secs(30), ended)
        .await
        .unwrap();
    assert_eq!(state, RequestState::Completed);
    assert_eq!(*house.executed.lock().unwrap(), [b"SELECT 1"]);
}
