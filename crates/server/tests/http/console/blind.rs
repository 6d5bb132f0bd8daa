//! The second seat is blind on every page and by every call that reads: until the decision only its author learns that a review
//! exists.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatehold_client::wire::RequestState;
use gatehold_proof::SigningKey;
use gatehold_server::PAGES;
use tower::ServiceExt as _;

use super::hold;
use crate::support::House;
use crate::support::browser::Browser;
use crate::support::call::{Answer, Call};
use crate::support::people::Person;
use crate::walk::endpoints;

/// Every page that says something about it, to one person.
async fn pages(browser: &mut Browser<'_>, request: &str) -> Vec<String> {
    let mut pages = Vec::new();
    for target in [
        "/",
        "/decided",
        "/decided?all=true",
        &format!("/requests/{request}"),
    ] {
        pages.push(browser.page(target).await);
    }
    let mut beside = Vec::new();
    for target in [
        "/?view=team",
        "/?view=expiring",
        "/?view=accountable",
        "/?view=all",
        "/find?q=req_",
        "/find?q=0000",
        "/overview",
        "/workloads?all=true",
    ] {
        beside.push(browser.page(target).await);
    }
    let dossier = browser.get(&format!("/requests/{request}/dossier")).await;
    pages.push(format!(
        "{} {}",
        dossier.status,
        String::from_utf8_lossy(&dossier.body)
    ));
    pages.extend(beside);
    pages
}

#[tokio::test]
async fn a_review_shows_on_nobody_elses_page_before_the_decision() {
    let house = House::open().await;
    let request = hold(&house).await;
    let mut second = Browser::of(&house, Person::Second).await;
    let mut owner = Browser::of(&house, Person::Owner).await;
    let mut author = Browser::of(&house, Person::Reviewer).await;
    let before = (
        pages(&mut second, &request).await,
        pages(&mut owner, &request).await,
    );
    let shown = &before.0[3];
    assert!(shown.contains("2 people needed") && shown.contains("gatehold approve"));
    assert!(before.1[3].contains("You cannot decide on this"));

    let reviewer = Person::Reviewer.log_in(&house).await;
    let opened = reviewer.open(&request).await.unwrap();
    let review = Person::Reviewer.review(&opened, true);
    reviewer.review(&request, &review).await.unwrap();

    // Byte for byte: nothing else of the pages may tell either.
    assert_eq!(pages(&mut second, &request).await, before.0);
    assert_eq!(pages(&mut owner, &request).await, before.1);
    let own = pages(&mut author, &request).await;
    assert!(own[0].contains("Nothing waits for you") && own[3].contains("Your review is in"));
    assert!(own[5].contains("Signed by you") && own[8].contains("Signed by you"));
    assert!(own[4].starts_with("404"), "no dossier while it is held");

    let client = Person::Second.log_in(&house).await;
    let opened = client.open(&request).await.unwrap();
    let decided = client
        .review(&request, &Person::Second.review(&opened, true))
        .await
        .unwrap();
    assert_eq!(decided.state, RequestState::Redeemable);
    // Now everybody may know who and why.
    for browser in [&mut second, &mut owner, &mut author] {
        let all = pages(browser, &request).await;
        let page = &all[3];
        for said in [
            "reviewer@dev.local approved it, signed",
            "second@dev.local approved it, signed",
            "looked at it",
            "intent: yes",
            "decided by people",
        ] {
            assert!(page.contains(said), "{said}: {page}");
        }
        assert!(all[4].starts_with("200 dossier of"));
        assert!(all[1].contains(&request));
    }
}

/// Whoever may read something of a gate, and must not learn of a review.
enum Reader<'a> {
    Person(Box<Browser<'a>>, Arc<SigningKey>),
    Machine(Arc<SigningKey>),
}

/// Answers without what differs between any two calls.
fn said(answer: &Answer) -> String {
    let head: Vec<&str> = answer
        .head
        .lines()
        .filter(|line| {
            !["date:", "x-request-id:", "set-cookie:"]
                .iter()
                .any(|own| line.to_lowercase().starts_with(own))
        })
        .collect();
    let body = match serde_json::from_slice::<serde_json::Value>(&answer.body) {
        Ok(serde_json::Value::Object(mut problem)) if problem.contains_key("request_id") => {
            problem.remove("request_id");
            // Its length goes with it.
            return format!("{} {problem:?}", answer.status);
        }
        _ => String::from_utf8_lossy(&answer.body).into_owned(),
    };
    format!("{}\n{body}", head.join("\n"))
}

/// Everything that can be read, by the router's own lists, about a request, its first leaf and its task.
async fn everything_read(
    house: &House,
    reader: &mut Reader<'_>,
    (request, leaf, task): (&str, &str, &str),
) -> BTreeMap<String, String> {
    let target = |path: &str| {
        let id = if path.contains("/tasks/") {
            task
        } else {
            request
        };
        path.replace("{id}", id)
            .replace("{leaf}", leaf)
            .replace("{name}", "console.css")
    };
    let mut all = BTreeMap::new();
    let key = match reader {
        Reader::Person(_, key) | Reader::Machine(key) => key.clone(),
    };
    for one in endpoints().iter().filter(|one| one.method == "GET") {
        let mut target = target(&one.path);
        if one.acts_for_others && key.public().thumbprint() == house.point.public().thumbprint() {
            target.push_str("?workload=deploy-bot");
        }
        let answer = Call::new("GET", &target, "")
            .signed(house, &key)
            .send(house)
            .await;
        assert!(answer.status < 500, "{target} {}", answer.head);
        all.insert(format!("GET {target}"), said(&answer));
    }
    let Reader::Person(browser, _) = reader else {
        return all;
    };
    // What a stream says to whom, `live` asks; here it stands in the address that a page has for it.
    let pages = PAGES
        .iter()
        .filter(|page| page.method == "GET" && page.path != "/events");
    let beside = [
        "/?view=team",
        "/?view=expiring",
        "/?view=accountable",
        "/?view=all",
        "/decided?all=true",
        "/find?q=req_",
        "/find?q=0000",
        "/workloads?all=true",
    ];
    let targets = pages
        .map(|page| target(page.path))
        .chain(beside.map(str::to_owned));
    for target in targets.collect::<Vec<_>>() {
        let answer = browser.get(&target).await;
        assert!(answer.status < 500, "{target} {}", answer.head);
        all.insert(format!("page {target}"), said(&answer));
    }
    all
}

/// Counters and gauges of the gate, without times: what is counted, and how often.
async fn metrics(house: &House) -> BTreeMap<String, String> {
    let router = gatehold_server::operations_router(&house.app);
    let answer = router
        .oneshot(Call::new("GET", "/metrics", "").to_request())
        .await
        .unwrap();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX)
        .await
        .unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.rsplit_once(' '));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What may differ: that the ledger has grown, by leaves of which nothing says what they are.
const GROWN: [&str; 1] = ["GET /v1/audit/tree-head"];
/// The same of metrics, which operators read: calls by route, how long they took, and leaves.
const COUNTED: [&str; 2] = ["gatehold_http_request", "gatehold_audit_head_sequence"];

#[tokio::test]
async fn a_review_shows_in_nothing_that_anybody_can_read_before_the_decision() {
    let house = House::open().await;
    let request = hold(&house).await;
    let looked = house
        .gate
        .look(&Person::Owner.id(), request.parse().unwrap())
        .await
        .unwrap();
    let task = looked.record.envelope.task.unwrap().to_string();
    let leaf = looked.first_leaf.to_string();
    let about = (request.as_str(), leaf.as_str(), task.as_str());
    let mut readers = Vec::new();
    for person in [Person::Second, Person::Owner] {
        drop(person.log_in(&house).await);
        let browser = Browser::of(&house, person).await;
        readers.push(Reader::Person(Box::new(browser), person.session_key()));
    }
    readers.push(Reader::Machine(house.workload.clone()));
    readers.push(Reader::Machine(house.point.clone()));
    let reviewer = Person::Reviewer.log_in(&house).await;
    let opened = reviewer.open(&request).await.unwrap();
    let second = house.client(&Person::Second.session_key());
    let shown = second.open(&request).await.unwrap();
    let mut before = Vec::new();
    for reader in &mut readers {
        before.push(everything_read(&house, reader, about).await);
    }
    let calls = before.iter().map(BTreeMap::len).collect::<Vec<_>>();
    assert!(calls[0] > 35 && calls[2] > 10, "{calls:?}");

    let counted = metrics(&house).await;
    let review = Person::Reviewer.review(&opened, true);
    reviewer.review(&request, &review).await.unwrap();
    for (name, value) in &metrics(&house).await {
        let grown = COUNTED.iter().any(|known| name.starts_with(known));
        let same = counted.get(name) == Some(value);
        assert!(grown || same, "{name} {value}: {:?}", counted.get(name));
    }
    for (reader, before) in readers.iter_mut().zip(&before) {
        let after = everything_read(&house, reader, about).await;
        assert_eq!(after.len(), before.len());
        for (name, said) in &after {
            if !GROWN.contains(&name.as_str()) {
                assert_eq!(Some(said), before.get(name), "{name}");
            }
        }
    }
    // Whoever opens it anew is shown the same, byte for byte.
    let again = second.open(&request).await.unwrap();
    assert_eq!((&again.view, &again.display), (&shown.view, &shown.display));
}
