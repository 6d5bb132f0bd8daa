//! The second seat is blind on every page: until the decision only its author learns that a review exists.

use gatehold_client::wire::RequestState;

use super::hold;
use crate::support::House;
use crate::support::browser::Browser;
use crate::support::people::Person;

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
