//! The views of the inbox, what stands together in them, and claims: a claim is said and taken back, and locks nothing.

use gatehold_client::wire::RequestState;

use super::{hold, hold_saying};
use crate::support::House;
use crate::support::browser::Browser;
use crate::support::people::Person;

const VIEWS: [&str; 5] = [
    "/",
    "/?view=team",
    "/?view=expiring",
    "/?view=accountable",
    "/?view=all",
];

/// The number beside each view.
fn counts(page: &str) -> Vec<u32> {
    let parts = page.split("<span class=\"count\">").skip(1);
    parts
        .map(|rest| rest.split('<').next().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn a_view_shows_what_it_says_and_counts_the_others() {
    let house = House::open().await;
    let request = hold(&house).await;
    for (person, shows, says) in [
        (
            Person::Reviewer,
            [true, true, false, false, true],
            "Waits for you",
        ),
        (
            Person::Second,
            [true, true, false, false, true],
            "Waits for you",
        ),
        // The workload is the owner's, who may not decide about it.
        (
            Person::Owner,
            [false, true, false, true, true],
            "Waits for others",
        ),
    ] {
        let mut browser = Browser::of(&house, person).await;
        for (view, shows_it) in VIEWS.iter().zip(shows) {
            let page = browser.page(view).await;
            let row = format!("href=\"/requests/{request}\"");
            assert_eq!(page.contains(&row), shows_it, "{person:?} {view}");
            assert_eq!(counts(&page), shows.map(u32::from), "{person:?} {view}");
            assert_eq!(page.matches("aria-current=\"page\"").count(), 2, "{view}");
        }
        assert!(
            browser.page("/?view=team").await.contains(says),
            "{person:?}"
        );
    }
    // Why it stands where it stands, by the table of tiers.
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let page = browser.page("/").await;
    assert!(page.contains("<p class=\"meta\">RED by: effect"), "{page}");
    // It has fifteen minutes; with five of them left it is about to end.
    for (seconds, soon) in [(600, false), (601, true)] {
        house.after(seconds);
        let page = browser.page("/?view=expiring").await;
        assert_eq!(page.contains("Little time left"), soon, "{seconds}: {page}");
        assert_eq!(
            page.contains("Nothing is about to end."),
            !soon,
            "{seconds}"
        );
    }
}

/// The session, the time and the directory for whoever looks; what is held in three more, the leaves of what is new among them.
#[tokio::test]
async fn the_whole_page_takes_six_reads_however_much_is_held() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    for held in 1..=12 {
        let sql = format!("DELETE FROM orders WHERE id = {held}");
        hold_saying(&house, &sql, &[]).await;
        for (look, most) in [("first", 6), ("next", 5)] {
            let before = house.store.asked();
            let page = browser.page("/").await;
            let asked = house.store.asked() - before;
            assert!(asked <= most, "{asked} reads for the {look} look at {held}");
            assert_eq!(counts(&page)[0], held);
        }
    }
}

#[tokio::test]
async fn what_is_alike_stands_together_and_is_decided_one_by_one() {
    let house = House::open().await;
    let mut asked = Vec::new();
    for number in 0..7 {
        let sql = format!("DELETE FROM orders WHERE id = {number}");
        asked.push(hold_saying(&house, &sql, &[]).await);
    }
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let page = browser.page("/").await;
    assert!(page.contains("7 requests for you") && page.contains("6 more like this"));
    assert_eq!(
        page.matches("data-row").count(),
        5,
        "the first, and four of the others"
    );
    let (_, rest) = page.split_once("<p data-key=\"all\"><a href=\"").unwrap();
    let all = browser.page(rest.split('"').next().unwrap()).await;
    for request in &asked {
        assert!(
            all.contains(&format!("href=\"/requests/{request}\"")),
            "{request}"
        );
    }
    assert_eq!(all.matches("data-row").count(), 7);
    // Whatever can be pressed is about one request, and none of it decides.
    for page in [&page, &all] {
        let buttons: Vec<&str> = page.split("<button").skip(1).collect();
        for button in buttons {
            let tag = button.split('>').next().unwrap();
            let own = asked
                .iter()
                .any(|request| tag.contains(&format!("/requests/{request}/claim")));
            let of_the_frame = !tag.contains("formaction");
            assert!(own || of_the_frame, "{tag}");
        }
        assert!(!page.to_lowercase().contains("approve all"));
        assert!(!page.contains("type=\"checkbox\""));
    }
    // Another tier, or other reasons, is not alike.
    hold_saying(&house, "DROP TABLE orders", &[]).await;
    let mut seen = browser.page("/").await;
    seen.retain(|character| character != '\n');
    assert!(seen.contains("8 requests for you"), "{seen}");
}

#[tokio::test]
async fn pages_of_an_inbox_show_everything_once() {
    let house = House::open().await;
    let mut asked = Vec::new();
    for number in 0..30 {
        let sql = format!("DELETE FROM orders WHERE id = {number}");
        asked.push(hold_saying(&house, &sql, &[]).await);
    }
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let page = browser.page("/?view=all").await;
    let (_, rest) = page.split_once("<p data-key=\"all\"><a href=\"").unwrap();
    let mut next = Some(
        rest.split('"')
            .next()
            .unwrap()
            .replace("&#38;", "&")
            .replace("&amp;", "&"),
    );
    let mut shown = Vec::new();
    while let Some(target) = next {
        let page = browser.page(&target).await;
        let rows = page.split("data-row data-key=\"").skip(1);
        shown.extend(rows.map(|rest| rest.split('"').next().unwrap().to_owned()));
        next = page
            .split_once("\">Less urgent</a>")
            .and_then(|(before, _)| before.rsplit("href=\"").next().map(str::to_owned))
            .map(|href| href.replace("&#38;", "&").replace("&amp;", "&"));
    }
    asked.sort();
    shown.sort();
    assert_eq!(shown, asked);
    let beyond = browser.page("/?view=all&page=7").await;
    assert!(beyond.contains("Nothing of it is held any more."));
}

#[tokio::test]
async fn a_claim_is_seen_taken_over_and_released_and_locks_nothing() {
    let house = House::open().await;
    let request = hold(&house).await;
    let mut reviewer = Browser::of(&house, Person::Reviewer).await;
    let mut second = Browser::of(&house, Person::Second).await;
    let mut owner = Browser::of(&house, Person::Owner).await;
    let claim = format!("/requests/{request}/claim");
    let release = format!("/requests/{request}/release");
    let of = [("view", "team"), ("page", "0")];
    assert!(
        reviewer
            .page("/")
            .await
            .contains(&format!("formaction=\"{claim}\""))
    );
    assert!(!owner.page("/?view=all").await.contains("formaction"));

    let answer = reviewer.post_as_shown(&claim, &of).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/?view=team"))
    );
    assert!(reviewer.page("/").await.contains("You are looking at it"));
    assert!(
        reviewer
            .page("/")
            .await
            .contains(&format!("formaction=\"{release}\""))
    );
    let seen = second.page("/").await;
    assert!(seen.contains("reviewer@dev.local is looking at it") && seen.contains(&claim));
    // It is theirs to release, and nobody's in the requester set to make.
    assert_eq!(second.post_as_shown(&release, &of).await.status, 409);
    assert_eq!(owner.post_as_shown(&claim, &of).await.status, 409);
    // Somebody else takes it over.
    assert_eq!(second.post_as_shown(&claim, &of).await.status, 303);
    assert!(
        reviewer
            .page("/")
            .await
            .contains("second@dev.local is looking at it")
    );
    assert_eq!(second.post_as_shown(&release, &of).await.status, 303);
    assert!(!reviewer.page("/").await.contains("is looking at it"));

    // No approval, and no lock: claimed by one, it is signed by both.
    assert_eq!(second.post_as_shown(&claim, &of).await.status, 303);
    for person in [Person::Reviewer, Person::Second] {
        let client = person.log_in(&house).await;
        let opened = client.open(&request).await.unwrap();
        let review = person.review(&opened, true);
        let state = client.review(&request, &review).await.unwrap().state;
        let last = person == Person::Second;
        assert_eq!(state == RequestState::Redeemable, last, "{person:?}");
    }
    // There is nothing left to look at.
    for target in [&claim, &release] {
        assert_eq!(
            second.post_as_shown(target, &of).await.status,
            409,
            "{target}"
        );
    }
}

#[tokio::test]
async fn hostile_claims_are_refused_and_change_nothing() {
    let house = House::open().await;
    let request = hold(&house).await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let leaves = house.leaves().await;
    let claim = format!("/requests/{request}/claim");
    let of = |view: &'static str, page: &'static str| vec![("view", view), ("page", page)];
    for (fields, status) in [
        (vec![], 400),
        (of("", "0"), 400),
        (of("//evil.example", "0"), 400),
        (of("mine\r\nset-cookie: x", "0"), 400),
        (of("mine", "-1"), 400),
        (of("mine", "99999999999999999999"), 400),
        (of("mine", "<script>"), 400),
        ([of("mine", "0"), of("mine", "0")].concat(), 400),
        (
            [of("mine", "0"), vec![("to", "https://evil.example")]].concat(),
            400,
        ),
    ] {
        let answer = browser.post_as_shown(&claim, &fields).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (status, None),
            "{fields:?}"
        );
    }
    for (id, status) in [
        ("req_", 404),
        ("%3Cscript%3E", 404),
        ("req_%00", 404),
        (&format!("req_{}", "0".repeat(32)), 404),
    ] {
        let target = format!("/requests/{id}/claim");
        let answer = browser.post_as_shown(&target, &of("mine", "0")).await;
        assert_eq!(answer.status, status, "{id}");
    }
    assert_eq!(house.leaves().await, leaves);
    let answer = browser.post_as_shown(&claim, &of("all", "7")).await;
    assert_eq!(answer.header("location"), Some("/?view=all&page=7"));
}

#[tokio::test]
async fn a_request_is_found_by_how_its_id_begins() {
    let house = House::open().await;
    let one = hold(&house).await;
    let two = hold_saying(&house, "DELETE FROM orders WHERE id = 2", &[]).await;
    let mut browser = Browser::of(&house, Person::Owner).await;
    for (sought, to) in [(&one, &one), (&two, &two)] {
        let whole = browser.get(&format!("/find?q={sought}")).await;
        let to = format!("/requests/{to}");
        assert_eq!(
            (whole.status, whole.header("location")),
            (303, Some(to.as_str()))
        );
        let nearly = sought.get(..sought.len() - 1).unwrap();
        let nearly = browser.get(&format!("/find?q={nearly}")).await;
        assert_eq!(nearly.header("location"), Some(to.as_str()));
    }
    let same = one
        .bytes()
        .zip(two.bytes())
        .take_while(|(left, right)| left == right);
    let both = one.get(..same.count()).unwrap();
    if both.len() >= 8 {
        let page = browser.page(&format!("/find?q={both}")).await;
        assert!(page.contains(&one) && page.contains(&two), "{page}");
    }
    let none = browser.page("/find?q=req_ffff").await;
    assert!(none.contains("begins with req_ffff"), "{none}");
}
