//! What a workload asked for belongs to the key that asked: an address alone, or another workload's key, is worth nothing on
//! any route; and a signed call that changes something does so once.

use std::sync::Arc;

use gatehold_client::Submission;
use gatehold_client::wire::{DenyReason, RequestState, Submitted};
use gatehold_proof::SigningKey;
use serde_json::json;

use crate::support::call::Call;
use crate::support::people::{self, Person};
use crate::support::{House, key};
use crate::walk::{Endpoint, endpoints};

/// Enrols a second workload, which has done nothing.
async fn another(house: &House) -> Arc<SigningKey> {
    let other = Arc::new(key(b"other"));
    let owner = Person::Owner.id();
    let nhi = json!({
        "id": "other-bot", "kind": "ai_agent", "jwk": other.public().to_jwk(),
        "owner": owner, "backup": owner, "custodians": [], "assurance": "pop", "teams": [],
        "baseline": { "descriptors": ["shop.read"], "targets": ["sql:shop"], "resources": ["shop/"] },
        "lifecycle": "active", "not_after": 4_102_444_800_000_i64,
    });
    people::change(&house.gate, "nhi.create", &nhi.to_string()).await;
    other
}

/// A task, and a request in it that waits for people.
async fn held(house: &House) -> (String, String) {
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let write = house.action(&task, "shop.write", "DELETE FROM orders");
    match bot.submit(&write, &Submission::default()).await.unwrap() {
        Submitted::Held(held) => (task, held.request.unwrap()),
        Submitted::Decided(decision) => panic!("{decision:?}"),
    }
}

/// A call of this endpoint about this task or request.
fn about(endpoint: &Endpoint, (task, request): &(String, String)) -> Call {
    let id = if endpoint.path.contains("/tasks/") {
        task
    } else {
        request
    };
    let body = match (endpoint.takes_body, endpoint.path.ends_with("/answer")) {
        (true, true) => json!({ "text": "because" }).to_string(),
        (true, false) => "{}".to_owned(),
        (false, _) => String::new(),
    };
    Call::new(&endpoint.method, &endpoint.path.replace("{id}", id), body)
}

#[tokio::test]
async fn c13_an_address_or_another_workloads_key_is_worth_nothing_on_any_route() {
    let house = House::open().await;
    let other = another(&house).await;
    let stranger = key(b"stranger");
    let own = held(&house).await;
    let before = house.leaves().await;
    // Generated from the router's own table: a route that is added stands here by itself.
    let routes: Vec<_> = endpoints()
        .into_iter()
        .filter(|one| one.secured && one.path.contains("{id}"))
        .collect();
    assert!(routes.len() >= 10, "{routes:#?}");
    for route in &routes {
        let call = about(route, &own);
        let unsigned = call.clone().header("content-type", "application/json");
        let word = unsigned.send(&house).await.word();
        assert_eq!(word, (401, "unsigned".to_owned()), "{route:?}");
        let word = call.clone().signed(&house, &stranger).send(&house).await;
        assert_eq!(word.word().0, 401, "{route:?}");
        let answer = call.signed(&house, &other).send(&house).await;
        let of_people = ["people", "reviews"].contains(&route.tag.as_str());
        let expected = if of_people {
            (403, "wrong_principal".to_owned())
        } else {
            (404, "no_such_request".to_owned())
        };
        assert_eq!(answer.word(), expected, "{route:?}");
    }
    assert_eq!(house.leaves().await, before, "a stranger changed something");
    // The key that asked still sees all of it, and that its request waits.
    let bot = house.client(&house.workload);
    let status = bot.status(&own.1, 0).await.unwrap();
    assert!(status.held.is_some() && status.questions.is_empty());
}

#[tokio::test]
async fn every_signed_call_that_changes_something_counts_once() {
    let house = House::open().await;
    let reviewer = Person::Reviewer.log_in(&house).await;
    let routes: Vec<_> = endpoints()
        .into_iter()
        .filter(|one| one.method == "POST" && one.secured)
        .filter(|one| ["requests", "tasks"].contains(&one.tag.as_str()))
        .filter(|one| one.path.contains("{id}"))
        // Nothing is handed out here that could be made anew.
        .filter(|one| !one.path.ends_with("/rekey"))
        .collect();
    assert!(routes.len() >= 4, "{routes:#?}");
    for route in &routes {
        let mut own = held(&house).await;
        if route.path.ends_with("/answer") {
            let ask = json!({ "act": "ask", "text": "why?" });
            let ask: gatehold_client::wire::ActRequest = serde_json::from_value(ask).unwrap();
            reviewer.act(&own.1, &ask).await.unwrap();
        }
        if route.path.ends_with("/redeem") {
            let bot = house.client(&house.workload);
            let read = house.action(&own.0, "shop.read", "SELECT 1");
            let read = bot.submit(&read, &Submission::default()).await.unwrap();
            let Submitted::Decided(allowed) = read else {
                panic!("{read:?}")
            };
            own.1 = allowed.request.unwrap();
        }
        let call = about(route, &own).signed(&house, &house.workload);
        let first = call.clone().send(&house).await;
        assert_eq!(first.status, 200, "{route:?} {}", first.head);
        let leaves = house.leaves().await;
        let word = call.send(&house).await.word();
        assert_eq!(word, (401, "replayed".to_owned()), "{route:?}");
        assert_eq!(house.leaves().await, leaves, "{route:?}");
    }
}

#[tokio::test]
async fn the_requester_reads_what_a_reviewer_asks_and_answers_it() {
    let house = House::open().await;
    let (_, request) = held(&house).await;
    let reviewer = Person::Reviewer.log_in(&house).await;
    let bot = house.client(&house.workload);
    let answer = gatehold_client::wire::AnswerRequest {
        text: "the rows are test data".to_owned(),
    };
    // Nobody asked: an answer to nothing would only disarm the screens of reviewers.
    assert!(bot.answer(&request, &answer).await.is_err());
    let waiting = house.client(&house.workload);
    let waited = request.clone();
    let waiting = tokio::spawn(async move { waiting.status(&waited, 30).await.unwrap() });
    let ask = json!({ "act": "ask", "text": "why\u{202e}?" });
    let ask: gatehold_client::wire::ActRequest = serde_json::from_value(ask).unwrap();
    // The waiting call may have begun before or after the question; it hears of it either way.
    reviewer.act(&request, &ask).await.unwrap();
    let status = bot.status(&request, 0).await.unwrap();
    let [question] = status.questions.as_slice() else {
        panic!("{status:?}")
    };
    assert_eq!(question.text, "why\u{27e8}U+202E\u{27e9}?");
    assert!(question.by.starts_with("team "), "{question:?}");
    assert!(!question.answered && question.number == 1);
    reviewer.act(&request, &ask).await.unwrap();
    let heard = waiting.await.unwrap();
    assert!(!heard.questions.is_empty());
    let status = bot.answer(&request, &answer).await.unwrap();
    assert!(status.questions.iter().all(|one| one.answered));
    assert_eq!(
        status.questions[0].answer.as_deref(),
        Some("the rows are test data")
    );
    let opened = reviewer.open(&request).await.unwrap();
    let view = String::from_utf8(opened.view.0).unwrap();
    assert!(view.contains("the rows are test data"), "{view}");
}

#[tokio::test]
async fn the_requester_learns_why_it_was_denied_and_nothing_of_a_report() {
    let house = House::open().await;
    let reviewer = Person::Reviewer.log_in(&house).await;
    let bot = house.client(&house.workload);
    for (act, told) in [
        (
            json!({ "act": "deny", "reason": "too_broad", "text": "one row\u{202e}" }),
            Some((Some(DenyReason::TooBroad), "one row\u{27e8}U+202E\u{27e9}")),
        ),
        (
            json!({ "act": "deny", "reason": "duplicate" }),
            Some((Some(DenyReason::Duplicate), "")),
        ),
        (
            json!({ "act": "suspicious", "text": "it looks like a thief" }),
            None,
        ),
    ] {
        let (_, request) = held(&house).await;
        let act: gatehold_client::wire::ActRequest = serde_json::from_value(act).unwrap();
        reviewer.act(&request, &act).await.unwrap();
        let status = bot.status(&request, 0).await.unwrap();
        assert_eq!(status.state, RequestState::Denied);
        let denial = status.denial.as_ref();
        let denial = denial.map(|denial| (denial.reason, denial.text.as_str()));
        assert_eq!(denial, told, "{status:?}");
        assert!(!format!("{status:?}").contains("thief"));
    }
}

#[tokio::test]
async fn the_requester_reads_what_whoever_signed_a_denial_says() {
    let house = House::open().await;
    let reviewer = Person::Reviewer.log_in(&house).await;
    let (_, request) = held(&house).await;
    let opened = reviewer.open(&request).await.unwrap();
    let review = Person::Reviewer.review(&opened, false);
    reviewer.review(&request, &review).await.unwrap();
    let status = house.client(&house.workload).status(&request, 0).await;
    let denial = status.unwrap().denial.unwrap();
    assert_eq!((denial.reason, denial.text), (None, review.justification));
}
