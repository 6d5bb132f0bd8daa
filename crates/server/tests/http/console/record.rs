//! The page of a decided request: what happened, taking away what was allowed, and corrections beside what they correct.

use gatehold_client::Client;
use gatehold_client::wire::{
    Act, ActRequest, Correction, CorrectionRequest, Corrections, DenyReason,
};
use gatehold_core::correction::{CORRECTION_TYPE, CorrectionStatement, CorrectionText};
use gatehold_core::json::canonical;

use super::{hold, usable};
use crate::support::House;
use crate::support::browser::Browser;
use crate::support::people::Person;

const WRONG: &str = "the ticket was <b>another</b> one\u{202e}";

async fn denied(house: &House) -> String {
    let request = hold(house).await;
    let client = Person::Reviewer.log_in(house).await;
    let act = ActRequest {
        act: Act::Deny,
        reason: Some(DenyReason::NotJustified),
        text: None,
    };
    client.act(&request, &act).await.unwrap();
    request
}

/// What this person signs about the last leaf of a request.
fn signed(house: &House, by: Person, known: &Corrections, text: &str) -> CorrectionRequest {
    let last = known.leaves.last().unwrap();
    let words = CorrectionText {
        text: text.to_owned(),
        salt: "ab".repeat(32),
    };
    let statement = CorrectionStatement {
        type_: CORRECTION_TYPE.to_owned(),
        gate: house.gate.origin(),
        request: known.request.parse().unwrap(),
        leaf: last.leaf,
        commitment: last.commitment.parse().unwrap(),
        text_hash: CorrectionText::hash_of(&words.to_bytes().unwrap()),
        human: by.id(),
        key: by.thumbprint(),
        issued_at: gatehold_core::time::Timestamp::from_millis(crate::support::NOW),
    };
    let statement = canonical::to_bytes(&statement).unwrap();
    CorrectionRequest {
        signature: by.sign(CORRECTION_TYPE, &statement),
        statement: statement.into(),
        text: words.text,
        salt: words.salt,
    }
}

async fn corrected(house: &House, client: &Client, request: &str) -> Correction {
    let known = client.corrections(request, None).await.unwrap();
    let correction = signed(house, Person::Reviewer, &known, WRONG);
    client.correct(request, &correction).await.unwrap()
}

#[tokio::test]
async fn what_was_allowed_is_taken_away_on_its_page() {
    let house = House::open().await;
    let request = usable(&house).await;
    let page = format!("/requests/{request}");
    let revoke = format!("{page}/revoke");
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let before = browser.page(&page).await;
    assert!(before.contains("Take it away") && before.contains(&revoke));
    // No link and no other site takes anything away.
    assert_eq!(browser.get(&revoke).await.status, 405);
    let foreign = browser.post(&revoke, &[("back", "request")]).await;
    assert_eq!(foreign.status, 403);
    for back in ["https://evil.example", "//evil.example", ""] {
        let answer = browser.post_as_shown(&revoke, &[("back", back)]).await;
        assert_eq!(answer.status, 400, "{back}");
    }
    assert!(browser.page(&page).await.contains("MAY BE USED") || before.contains("ALLOWED"));
    let answer = browser.post_as_shown(&revoke, &[("back", "request")]).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some(page.as_str()))
    );
    let after = browser.page(&page).await;
    assert!(
        after.contains("REVOKED") && after.contains("reviewer@dev.local took it away"),
        "{after}"
    );
    assert!(!after.contains(&revoke));
    let again = browser.post_as_shown(&revoke, &[("back", "request")]).await;
    assert_eq!(again.status, 409);
}

#[tokio::test]
async fn a_correction_stands_beside_what_it_corrects_on_the_page() {
    let house = House::open().await;
    let request = denied(&house).await;
    let client = Person::Reviewer.log_in(&house).await;
    let one = corrected(&house, &client, &request).await;
    let mut browser = Browser::of(&house, Person::Second).await;
    let page = browser.page(&format!("/requests/{request}")).await;
    let beside = format!("leaf {}", one.corrects);
    for said in [
        "CORRECTED",
        "reviewer@dev.local says that this is wrong",
        "&#60;b&#62;another&#60;/b&#62;",
        "\u{27e8}U+202E\u{27e9}",
        "VERIFIED",
        &beside,
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    // It stands in the entry of what it corrects, and changed nothing of that.
    let (_, entry) = page.split_once("denied it").unwrap();
    assert!(
        entry.split("</ol>").next().unwrap().contains("CORRECTED"),
        "{page}"
    );
    assert!(page.contains("DENIED"));
    // Another leaf of the request can be named too, and nobody else's.
    let other = client.corrections(&request, Some(0)).await.unwrap();
    assert!(other.leaves.iter().all(|leaf| leaf.leaf != 0));
    assert_eq!(other.corrections, [one]);
}

#[tokio::test]
async fn a_page_hands_in_what_a_key_signed_and_nothing_else() {
    let house = House::open().await;
    let request = denied(&house).await;
    let client = Person::Reviewer.log_in(&house).await;
    let known = client.corrections(&request, None).await.unwrap();
    let correct = format!("/requests/{request}/correct");
    let mut browser = Browser::of(&house, Person::Second).await;
    // The session says nothing: whoever signed speaks.
    let good = signed(&house, Person::Owner, &known, WRONG);
    let mut forged = good.clone();
    forged.text = "something else".to_owned();
    for (correction, status) in [
        ("{}".to_owned(), 400),
        (serde_json::to_string(&forged).unwrap(), 409),
        (serde_json::to_string(&good).unwrap(), 200),
        (serde_json::to_string(&good).unwrap(), 409),
    ] {
        let answer = browser
            .post_as_shown(&correct, &[("correction", &correction)])
            .await;
        assert_eq!(answer.status, status, "{correction}");
    }
    let page = browser.page(&format!("/requests/{request}")).await;
    assert!(
        page.contains("owner@dev.local says that this is wrong"),
        "{page}"
    );
}

#[tokio::test]
async fn what_is_held_shows_no_leaf_and_takes_no_correction() {
    let house = House::open().await;
    let request = hold(&house).await;
    let client = Person::Reviewer.log_in(&house).await;
    let refused = client.corrections(&request, None).await.unwrap_err();
    let problem = refused.problem().unwrap();
    assert!(problem.detail.contains("held"), "{problem:?}");
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let page = browser.page(&format!("/requests/{request}")).await;
    for absent in [
        "Something here is wrong",
        "Take it away",
        "record.js",
        "What happened",
    ] {
        assert!(!page.contains(absent), "{absent}");
    }
}

#[tokio::test]
async fn a_record_is_made_to_be_printed() {
    let house = House::open().await;
    let request = denied(&house).await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let page = browser.page(&format!("/requests/{request}")).await;
    assert!(page.contains("href=\"/static/record.css\"") && page.contains("class=\"paper\""));
    assert!(page.contains(&format!("Record of {request}")));
    let style = browser.page("/static/record.css").await;
    assert!(style.contains("@media print") && style.contains("@page"));
}
