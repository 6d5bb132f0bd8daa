//! What happened, on the page of a decided request: each kind of entry, in the order of the leaves and with their times, whatever
//! the statements in them say about time.

use gatehold_client::Client;
use gatehold_client::wire::{
    Act, ActRequest, AnswerRequest, DenyReason, Opened, RequestState, Submitted,
};
use gatehold_core::json::canonical;

use super::{ask, usable};
use crate::support::House;
use crate::support::browser::Browser;
use crate::support::people::{self, Person};

/// One entry: seconds after the house was opened, what it says, its leaf if it has one, and everything else in it.
struct Entry {
    at: i64,
    what: String,
    leaf: Option<u64>,
    more: String,
}

/// The entries of a request's page.
async fn entries(house: &House, request: &str) -> Vec<Entry> {
    let mut browser = Browser::of(house, Person::Second).await;
    let page = browser.page(&format!("/requests/{request}")).await;
    let (_, list) = page.split_once("<ol class=\"timeline\">").unwrap();
    let (list, _) = list.split_once("</ol>").unwrap();
    let between = |text: &str, from: &str, to: &str| -> Option<String> {
        let (_, rest) = text.split_once(from)?;
        Some(rest.split_once(to)?.0.to_owned())
    };
    let each = list.split("<p class=\"meta\"><time").skip(1);
    let read = |text: &str| {
        let at = between(text, "datetime=\"", "\"").unwrap();
        let did = between(text, "<p class=\"did\">", "</p>").unwrap();
        let leaf = between(&did, "leaf\">leaf ", "<").map(|leaf| leaf.parse().unwrap());
        let what = did.split(" <span").next().unwrap();
        let (_, more) = text.split_once("</p>").unwrap();
        Entry {
            at: (millis_of(&at) - crate::support::NOW) / 1_000,
            what: what.to_owned(),
            leaf,
            more: more.to_owned(),
        }
    };
    each.map(read).collect()
}

/// Milliseconds of a time as pages write it.
fn millis_of(iso: &str) -> i64 {
    let digits = |from: usize, to: usize| -> i64 { iso.get(from..to).unwrap().parse().unwrap() };
    let (year, month, day) = (digits(0, 4), digits(5, 7), digits(8, 10));
    // Days since 1970, by the calendar of Gregory.
    let shifted = (month + 9) % 12;
    let years = year - i64::from(month < 3);
    let days = 365 * years + years / 4 - years / 100 + years / 400 + (shifted * 306 + 5) / 10 + day
        - 1
        - 719_468;
    let seconds = digits(11, 13) * 3_600 + digits(14, 16) * 60 + digits(17, 19);
    (days * 86_400 + seconds) * 1_000
}

async fn held(house: &House) -> String {
    match ask(house, "DELETE FROM orders", &[]).await {
        Submitted::Held(held) => held.request.unwrap(),
        Submitted::Decided(decision) => panic!("{decision:?}"),
    }
}

async fn act(client: &Client, request: &str, act: Act, text: Option<&str>) {
    let act = ActRequest {
        act,
        reason: (act == Act::Deny).then_some(DenyReason::TooBroad),
        text: text.map(str::to_owned),
    };
    client.act(request, &act).await.unwrap();
}

async fn sign(client: &Client, person: Person, request: &str, opened: &Opened) -> RequestState {
    let review = person.review(opened, true);
    client.review(request, &review).await.unwrap().state
}

/// What stands there, and that leaves and times only go up.
fn told(entries: &[Entry]) -> Vec<(i64, &str)> {
    for two in entries.windows(2) {
        let [one, other] = two else { continue };
        assert!(one.at <= other.at, "{} before {}", one.what, other.what);
        if let (Some(one), Some(other)) = (one.leaf, other.leaf) {
            assert!(one <= other, "leaf {one} before {other}");
        }
    }
    let told = entries.iter().map(|one| (one.at, one.what.as_str()));
    told.collect()
}

#[tokio::test]
async fn everything_that_happened_stands_in_the_order_of_its_leaves() {
    let house = House::open().await;
    let bot = house.client(&house.workload);
    let reviewer = Person::Reviewer.log_in(&house).await;
    let second = Person::Second.log_in(&house).await;
    let request = held(&house).await;
    house.after(10);
    act(&second, &request, Act::Claim, None).await;
    house.after(20);
    act(&second, &request, Act::Release, None).await;
    house.after(30);
    act(&reviewer, &request, Act::Ask, Some("which\u{202e} rows?")).await;
    house.after(40);
    let answer = AnswerRequest {
        text: "all of them".to_owned(),
    };
    bot.answer(&request, &answer).await.unwrap();
    house.after(50);
    act(&reviewer, &request, Act::Escalate, Some("not mine alone")).await;
    // Opened first and signed last: when somebody opened it orders nothing.
    house.after(60);
    let early = reviewer.open(&request).await.unwrap();
    house.after(70);
    let late = second.open(&request).await.unwrap();
    house.after(80);
    sign(&second, Person::Second, &request, &late).await;
    house.after(90);
    let state = sign(&reviewer, Person::Reviewer, &request, &early).await;
    assert_eq!(state, RequestState::Redeemable);
    house.after(100);
    bot.redeem(&request, 0).await.unwrap();
    house.after(110);
    let entries = entries(&house, &request).await;
    assert_eq!(
        told(&entries),
        [
            (0, "deploy-bot asked for it"),
            (0, "Held at shop-write"),
            (10, "second@dev.local said that they look at it"),
            (20, "second@dev.local said that they look at it no more"),
            (30, "Question 1 of team reviewers"),
            (40, "The requester answered question 1"),
            (50, "reviewer@dev.local had more people asked"),
            (80, "second@dev.local approved it, signed"),
            (90, "reviewer@dev.local approved it, signed"),
            (100, "Its execution began"),
            (100, "Executed: ok"),
        ]
    );
    for (place, said) in [
        (
            4,
            "which<span class=\"ch\">\u{27e8}U+202E\u{27e9}</span> rows?",
        ),
        (5, "all of them"),
        (6, "not mine alone"),
        (7, "intent: yes"),
        (7, "looked at it"),
        (10, "1 row or object"),
    ] {
        let more = &entries[place].more;
        assert!(more.contains(said), "{said}: {more}");
    }
    assert!(entries.iter().all(|entry| entry.leaf.is_some()));
}

#[tokio::test]
async fn the_clock_asks_more_people_and_somebody_denies() {
    let house = House::open().await;
    let reviewer = Person::Reviewer.log_in(&house).await;
    let request = held(&house).await;
    house.after(601);
    house.gate.tick().await.unwrap();
    house.after(610);
    act(&reviewer, &request, Act::Deny, Some("one row at a time")).await;
    let entries = entries(&house, &request).await;
    assert_eq!(
        told(&entries),
        [
            (0, "deploy-bot asked for it"),
            (0, "Held at shop-write"),
            (
                601,
                "Nobody had decided after 10 min: asked as well: standby"
            ),
            (610, "reviewer@dev.local denied it"),
        ]
    );
    let more = &entries[3].more;
    assert!(
        more.contains("unsigned, by session") && more.contains("one row at a time"),
        "{more}"
    );
}

#[tokio::test]
async fn nobody_decides_in_time_or_it_is_taken_back() {
    let house = House::open().await;
    let bot = house.client(&house.workload);
    let (expired, withdrawn) = (held(&house).await, held(&house).await);
    house.after(5);
    bot.withdraw(&withdrawn).await.unwrap();
    house.after(901);
    house.gate.tick().await.unwrap();
    let of_expired = entries(&house, &expired).await;
    let last = of_expired.last().unwrap();
    assert_eq!(
        (last.at, last.what.as_str()),
        (901, "Ended: expired (decided by nobody, in time)")
    );
    told(&of_expired);
    let of_withdrawn = entries(&house, &withdrawn).await;
    assert_eq!(
        told(&of_withdrawn).last(),
        Some(&(5, "deploy-bot took it back"))
    );
    // Nobody decided either, and the list says so.
    let mut browser = Browser::of(&house, Person::Second).await;
    let page = browser.page("/decided").await;
    for by in ["nobody: whoever asked took it back", "nobody, in time"] {
        assert!(page.contains(&format!("decided by {by}")), "{by}: {page}");
    }
}

#[tokio::test]
async fn what_policy_let_through_says_so_and_that_it_was_taken_away() {
    let house = House::open().await;
    let request = usable(&house).await;
    let entries_before = entries(&house, &request).await;
    let [asked, through, latest] = told(&entries_before)[..] else {
        panic!("{:?}", told(&entries_before))
    };
    assert_eq!(asked, (0, "deploy-bot asked for it"));
    assert_eq!(through, (0, "Let through by policy"));
    assert!(latest.1.starts_with("It may be used until") && entries_before[2].leaf.is_none());
    house.after(7);
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let revoke = format!("/requests/{request}/revoke");
    browser.post_as_shown(&revoke, &[("back", "request")]).await;
    let after = entries(&house, &request).await;
    assert_eq!(
        told(&after).last(),
        Some(&(7, "reviewer@dev.local took it away"))
    );
}

/// Activates the bundle of the house with one more checkpoint for writes.
async fn ask_more(house: &House) {
    let bytes = house.gate.bundle().to_bytes();
    let mut packed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let rules = packed.pointer_mut("/files/rules.cedar").unwrap();
    let more = format!(
        "{}\n@id(\"hold-more\")\n@owner(\"owners\")\n@rationale(\"Writes are looked at twice\")\n\
         @checkpoint(\"gate-change\")\n\
         forbid (principal, action == Action::\"shop.write\", resource);\n",
        rules.as_str().unwrap()
    );
    *rules = more.into();
    let payload = String::from_utf8(canonical::to_bytes(&packed).unwrap()).unwrap();
    people::change(&house.gate, "bundle.activate", &payload).await;
}

#[tokio::test]
async fn a_new_hold_is_told_with_the_reviews_that_it_voids() {
    let house = House::open().await;
    let reviewer = Person::Reviewer.log_in(&house).await;
    let second = Person::Second.log_in(&house).await;
    let request = held(&house).await;
    house.after(10);
    let opened = reviewer.open(&request).await.unwrap();
    sign(&reviewer, Person::Reviewer, &request, &opened).await;
    house.after(20);
    ask_more(&house).await;
    house.after(30);
    let opened = second.open(&request).await.unwrap();
    let state = sign(&second, Person::Second, &request, &opened).await;
    assert_eq!(state, RequestState::Held);
    for (seconds, client, person) in [
        (40, &reviewer, Person::Reviewer),
        (50, &second, Person::Second),
    ] {
        house.after(seconds);
        let opened = client.open(&request).await.unwrap();
        sign(client, person, &request, &opened).await;
    }
    let entries = entries(&house, &request).await;
    let all = told(&entries);
    assert_eq!(
        all[..6],
        [
            (0, "deploy-bot asked for it"),
            (0, "Held at shop-write"),
            (10, "reviewer@dev.local approved it, signed"),
            (30, "Held again at gate-change, shop-write"),
            (40, "reviewer@dev.local approved it, signed"),
            (50, "second@dev.local approved it, signed"),
        ]
    );
    let void = "It counts no more";
    assert!(entries[2].more.contains(void) && entries[3].more.contains("every review until here"));
    assert!(!entries[4].more.contains(void) && !entries[5].more.contains(void));
    assert!(
        entries[2].more.contains("looked at it"),
        "what they said stands: {}",
        entries[2].more
    );
}

#[tokio::test]
async fn what_others_did_in_between_is_not_told() {
    let house = House::open().await;
    let reviewer = Person::Reviewer.log_in(&house).await;
    let request = held(&house).await;
    // A ledger of others between its leaves.
    for _ in 0..5 {
        usable(&house).await;
    }
    act(&reviewer, &request, Act::Claim, None).await;
    let other = held(&house).await;
    act(&reviewer, &other, Act::Claim, None).await;
    act(&reviewer, &other, Act::Deny, None).await;
    act(&reviewer, &request, Act::Deny, None).await;
    let entries = entries(&house, &request).await;
    let all: Vec<&str> = told(&entries).into_iter().map(|(_, what)| what).collect();
    assert_eq!(
        all,
        [
            "deploy-bot asked for it",
            "Held at shop-write",
            "reviewer@dev.local said that they look at it",
            "reviewer@dev.local denied it",
        ]
    );
}
