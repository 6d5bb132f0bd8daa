//! What pages say: the fixed order, everything of the action, nothing of others in our own voice; and what every answer
//! carries.

use gatehold_client::wire::{Act, ActRequest, AnswerRequest, DenyReason, Submitted};
use gatehold_core::json::canonical;

use super::{ask, hold, hold_saying};
use crate::support::House;
use crate::support::browser::Browser;
use crate::support::call::Answer;
use crate::support::people::{self, Person};

/// The headers of every answer of the console.
fn framed(answer: &Answer, what: &str) {
    framed_with(answer, what, "'none'");
}

/// The same of a page on which one script vouches for addresses of scripts.
fn framed_with(answer: &Answer, what: &str, types: &str) {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; manifest-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types {types}"
    );
    for (name, value) in [
        ("content-security-policy", policy.as_str()),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("integrity-policy", "blocked-destinations=(script)"),
        ("strict-transport-security", "max-age=31536000"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{what}");
    }
    let permissions = answer.header("permissions-policy").unwrap();
    assert!(
        permissions.starts_with("publickey-credentials-get=(self)"),
        "{what}"
    );
    assert!(
        answer.header("access-control-allow-origin").is_none(),
        "{what}"
    );
}

#[tokio::test]
async fn every_answer_keeps_to_itself() {
    let house = House::open().await;
    let request = hold(&house).await;
    let mut stranger = Browser::new(&house);
    for target in ["/", "/sign-in", "/requests/nothing", "/static/nothing"] {
        framed(&stranger.get(target).await, target);
    }
    framed(&stranger.post("/session/end", &[]).await, "a refused form");
    // What shows notifications loads nothing and speaks to nobody.
    let worker = stranger.get("/static/worker.js").await;
    assert_eq!(
        worker.header("content-security-policy"),
        Some(
            "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        )
    );
    assert_eq!(worker.header("service-worker-allowed"), None);
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    framed_with(&browser.get("/keys").await, "/keys", "push-worker");
    for target in [
        "/",
        "/decided",
        &format!("/requests/{request}"),
        "/requests/nothing",
    ] {
        let answer = browser.get(target).await;
        framed(&answer, target);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{target}");
        let text = String::from_utf8(answer.body).unwrap();
        for inline in [
            "<style",
            " style=",
            "<script>",
            "javascript:",
            " onclick=",
            " onload=",
        ] {
            assert!(!text.contains(inline), "{target}: {inline}");
        }
        // Nothing from elsewhere.
        assert!(!text.contains("=\"http"), "{target}: {text}");
    }
}

#[tokio::test]
async fn b09_where_a_terminal_is_demanded_the_page_says_how_and_has_nothing_to_arm_with() {
    let house = House::open().await;
    let target = format!("/requests/{}", hold(&house).await);
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let says = "This one is signed in a terminal:";
    assert!(!browser.page(&target).await.contains(says));

    let bundle = house.gate.bundle().to_bytes();
    let mut bundle: serde_json::Value = serde_json::from_slice(&bundle).unwrap();
    let checkpoint = &mut bundle["files"]["checkpoints/shop-write.toml"];
    *checkpoint = format!("signer = \"cli\"\n{}", checkpoint.as_str().unwrap()).into();
    let bundle = gatehold_core::json::canonical::to_bytes(&bundle).unwrap();
    let bundle = String::from_utf8(bundle).unwrap();
    people::change(&house.gate, "bundle.activate", &bundle).await;

    let id = hold(&house).await;
    let page = browser.page(&format!("/requests/{id}")).await;
    let command = format!("<code>gatehold approve {id} --as reviewer</code>");
    assert!(page.contains(says) && page.contains(&command), "{page}");
    assert!(
        page.contains("signed in a terminal, with an SSH key"),
        "{page}"
    );
    // Without a key the module opens nothing and shows no button; a denial is offered as ever.
    assert!(!page.contains("name=\"key\""), "{page}");
    assert!(page.contains("value=\"deny\""), "{page}");
}

#[tokio::test]
async fn a_request_is_shown_in_the_fixed_order() {
    let house = House::open().await;
    let request = hold(&house).await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let page = browser.page(&format!("/requests/{request}")).await;
    let order = [
        "HELD",
        "2 people needed",
        "deploy-bot",
        "Why held",
        "Exact action",
        "DELETE FROM orders",
        "Unlike its baseline",
        ">Who<",
        "If approved",
        "immediate",
        "Already done in this task",
        "Evidence",
        "UNKNOWN",
        "Criteria",
        "Is this what was meant?",
        "What the requester says",
        "CLAIMED",
        "orders are stuck",
        "You may decide",
        "gatehold approve",
    ];
    let mut rest = page.as_str();
    for part in order {
        let found = rest.split_once(part);
        let (_, after) =
            found.unwrap_or_else(|| panic!("`{part}` is not where it belongs: {page}"));
        rest = after;
    }
    // Untrusted text is last and collapsed; the exact action never is.
    let (before, after) = page.split_once("<details>").unwrap();
    assert!(before.contains("DELETE FROM orders") && !before.contains("orders are stuck"));
    assert!(after.contains("orders are stuck"));
    // Whoever has no passkey is told where one is made, and how a terminal decides.
    assert_eq!(page.matches("<details>").count(), 1);
    assert!(page.contains("no passkey of yours signs on this page"));
    assert!(page.contains("<details class=\"terminal\">"));
}

#[tokio::test]
async fn a_page_carries_the_name_of_what_it_shows() {
    let house = House::open().await;
    let request = hold(&house).await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let shown = browser.page(&format!("/requests/{request}")).await;
    let (_, rest) = shown.split_once("data-stamped=\"").unwrap();
    let stamped = rest.split('"').next().unwrap();
    let now = format!("/requests/{request}/stamp");
    let same = format!("{{\"stamp\":\"{stamped}\",\"changed\":[],");
    assert!(browser.page(&now).await.starts_with(&same));
    // A page from before the words that were added to it is not of what would be opened, whenever it asks first.
    let act = format!("/requests/{request}/act");
    let question = [("act", "ask"), ("reason", ""), ("text", "which orders?")];
    assert_eq!(browser.post_as_shown(&act, &question).await.status, 303);
    let bot = house.client(&house.workload);
    let answer = AnswerRequest {
        text: "all of them".to_owned(),
    };
    bot.answer(&request, &answer).await.unwrap();
    assert!(!browser.page(&now).await.starts_with(&same));
}

/// What the gate says of a page that shows a request: its name, and what is otherwise than it was opened.
async fn stamp(browser: &mut Browser<'_>, request: &str, opened: &str) -> (String, Vec<String>) {
    let target = format!("/requests/{request}/stamp{opened}");
    let said: serde_json::Value = serde_json::from_str(&browser.page(&target).await).unwrap();
    let changed = serde_json::from_value(said["changed"].clone()).unwrap();
    (said["stamp"].as_str().unwrap().to_owned(), changed)
}

#[tokio::test]
async fn a_stop_and_another_bundle_disarm_an_open_page_and_a_review_does_not() {
    let house = House::open().await;
    let request = hold(&house).await;
    let mut second = Browser::of(&house, Person::Second).await;
    let client = Person::Second.log_in(&house).await;
    let opened = client.open(&request).await.unwrap();
    let opened = format!("?opened={}", opened.review_nonce);
    let first = stamp(&mut second, &request, &opened).await;
    assert!(first.1.is_empty(), "{first:?}");
    // Time alone changes nothing, and neither does what nobody else may know.
    house.after(60);
    let reviewer = Person::Reviewer.log_in(&house).await;
    let theirs = reviewer.open(&request).await.unwrap();
    let review = Person::Reviewer.review(&theirs, true);
    reviewer.review(&request, &review).await.unwrap();
    assert_eq!(stamp(&mut second, &request, &opened).await, first);

    let mut owner = Browser::of(&house, Person::Owner).await;
    let why = ("reason", "its key may be stolen");
    let stop = [("scope", "workload"), ("name", "deploy-bot"), why];
    assert_eq!(owner.post_as_shown("/stops", &stop).await.status, 303);
    let stopped = stamp(&mut second, &request, &opened).await;
    assert_ne!(stopped.0, first.0);
    let page = second.page(&format!("/requests/{request}")).await;
    let who = format!("workload stopped, by {}, 20", Person::Owner.id());
    for said in ["It is stopped: ", &who] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let row = second.page("/").await;
    for said in ["Stopped: ", &who] {
        assert!(row.contains(said), "{said}: {row}");
    }
    let inbox = client.inbox().await.unwrap();
    let waiting = inbox.items.iter().find(|item| item.request == request);
    let said = waiting.unwrap().stopped.clone().unwrap();
    assert_eq!(said.code, "workload_stopped");
    assert_eq!(said.by, Some(Person::Owner.id().to_string()));
    assert!(said.at.is_some());

    // Of an opening that never was nothing is said but that it is over.
    let never = format!("?opened={}", "0".repeat(64));
    let over = stamp(&mut second, &request, &never).await;
    assert_eq!(over.0, stopped.0);
    assert_eq!(over.1, ["the time for which it stays open"]);
    for bad in ["?opened=x", "?opened=", "?other=1"] {
        let target = format!("/requests/{request}/stamp{bad}");
        assert_eq!(second.get(&target).await.status, 400, "{bad}");
    }

    let bundle = house.gate.bundle().to_bytes();
    let mut packed: serde_json::Value = serde_json::from_slice(&bundle).unwrap();
    let rules = format!("{}\n", packed["files"]["rules.cedar"].as_str().unwrap());
    packed["files"]["rules.cedar"] = rules.into();
    let packed = String::from_utf8(canonical::to_bytes(&packed).unwrap()).unwrap();
    people::change(&house.gate, "bundle.activate", &packed).await;
    assert_ne!(stamp(&mut second, &request, &opened).await.0, stopped.0);
}

#[tokio::test]
async fn b07_b08_text_of_others_stays_text() {
    let house = House::open().await;
    let hostile = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}gnp.exe\u{200b}\u{1b}[2J\
                   \n\n<h1>HELD GREEN approved by security</h1> [click](javascript:alert(1)) \u{2066}x\u{2069}";
    let sql = format!("UPDATE orders SET note = '{hostile}' WHERE id = 1");
    let request = hold_saying(
        &house,
        &sql,
        &[("reason", hostile), ("rollback_plan", "\u{202e}\u{feff}")],
    )
    .await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    for target in ["/".to_owned(), format!("/requests/{request}")] {
        let page = browser.page(&target).await;
        let bad = page.chars().find(|character| {
            *character != '\n' && gatehold_core::json::ident::hazard(*character).is_some()
        });
        assert_eq!(bad, None, "{target}");
        for markup in ["<script>alert", "<img", "<h1>HELD GREEN", "</pre><script"] {
            assert!(!page.contains(markup), "{target}: {markup}");
        }
    }
    let page = browser.page(&format!("/requests/{request}")).await;
    for shown in [
        "\u{27e8}U+202E\u{27e9}",
        "\u{27e8}U+200B\u{27e9}",
        "&#60;script&#62;",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(page.contains("class=\"ch\""));
}

#[tokio::test]
async fn what_a_model_thinks_is_folded_last_and_by_itself() {
    let house = House::open().await;
    let says = [
        ("model_recommendation", "approve it at once"),
        ("reason", "orders are stuck"),
    ];
    let request = hold_saying(&house, "DELETE FROM orders", &says).await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let page = browser.page(&format!("/requests/{request}")).await;
    let (_, says) = page.split_once("id=\"says\"").unwrap();
    let (story, model) = says.split_once("What a model thinks of it").unwrap();
    assert!(story.contains("Untrusted text, 1 part") && story.contains("orders are stuck"));
    assert!(!story.contains("approve it at once"), "{story}");
    assert!(model.contains("approve it at once"), "{model}");
    assert!(!model.contains("orders are stuck"), "{model}");
    let (says, _) = says.split_once("<dl class=\"ids\">").unwrap();
    assert_eq!(says.matches("<details>").count(), 2, "closed, both: {says}");
}

#[tokio::test]
async fn the_policy_in_force_is_said_and_who_could_approve_what_it_holds() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Owner).await;
    let policy = browser.page("/policy").await;
    for says in [
        "shop-write",
        "reviewers",
        "Where people decide",
        "COVERED",
        "shop.write",
        "state change",
        &house.gate.bundle().hash().to_string(),
    ] {
        assert!(policy.contains(says), "{says}: {policy}");
    }
    let request = hold(&house).await;
    let who = browser.page(&format!("/requests/{request}/deciders")).await;
    for says in [
        "2 people needed, of these:",
        "reviewer@dev.local",
        "second@dev.local",
        "MAY APPROVE",
        "NOT HERE",
        "not here: they asked, or are behind whoever did",
        "no schedule is kept: everybody with a seat is told at once",
    ] {
        assert!(who.contains(says), "{says}: {who}");
    }
    let page = browser.page(&format!("/requests/{request}")).await;
    let link = format!("href=\"/requests/{request}/deciders\"");
    assert!(page.contains(&link), "{page}");
    // Decided, it has nobody left to decide.
    let client = Person::Reviewer.log_in(&house).await;
    let act = ActRequest {
        act: Act::Deny,
        reason: Some(DenyReason::TooBroad),
        text: None,
    };
    client.act(&request, &act).await.unwrap();
    let over = browser.get(&format!("/requests/{request}/deciders")).await;
    assert_eq!(over.status, 409);
    let page = browser.page(&format!("/requests/{request}")).await;
    assert!(!page.contains(&link), "{page}");
}

#[tokio::test]
async fn an_empty_inbox_says_what_was_decided() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Owner).await;
    let page = browser.page("/").await;
    assert!(page.contains("Nothing needs you.") && page.contains("/decided"));
    let request = hold(&house).await;
    // The owner's own: it waits for others.
    let page = browser.page("/").await;
    assert!(page.contains("Nothing needs you.") && !page.contains(&request));
    let page = browser.page("/?view=all").await;
    assert!(page.contains("Waits for others") && page.contains(&request));
    let mut reviewer = Browser::of(&house, Person::Reviewer).await;
    let page = reviewer.page("/").await;
    assert!(page.contains("1 request for you") && page.contains("Waits for you"));
}

#[tokio::test]
async fn a_denied_request_says_who_and_why() {
    let house = House::open().await;
    let request = hold(&house).await;
    let client = Person::Reviewer.log_in(&house).await;
    let act = ActRequest {
        act: Act::Deny,
        reason: Some(DenyReason::TooBroad),
        text: Some("ask for \u{202e}one row".to_owned()),
    };
    client.act(&request, &act).await.unwrap();
    let mut browser = Browser::of(&house, Person::Second).await;
    let page = browser.page(&format!("/requests/{request}")).await;
    for said in [
        "DENIED",
        "reviewer@dev.local",
        "What happened",
        "Download the dossier",
        "U+202E",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(browser.page("/decided").await.contains(&request));
}

#[tokio::test]
async fn what_nobody_can_read_says_so_and_still_fits_a_page() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let large = format!("UPDATE orders SET note = '{}'", "x".repeat(900 * 1024));
    let lines = "\n".repeat(20_000);
    let reversed = "UPDATE orders SET note = '\u{5e9}\u{5dc}\u{5d5}\u{5dd}'";
    // What is too large to be shown whole is decided by nobody; what cannot be read says so.
    for (sql, held, read) in [
        (large.as_str(), false, false),
        (&lines, true, false),
        (reversed, true, true),
    ] {
        let request = match ask(&house, sql, &[]).await {
            Submitted::Held(held) => held.request,
            Submitted::Decided(denied) => denied.request,
        };
        let page = browser
            .page(&format!("/requests/{}", request.unwrap()))
            .await;
        let size = page.len();
        assert!(page.contains("Look twice"), "{page}");
        assert_eq!(page.contains(">HELD<"), held, "{page}");
        assert_eq!(page.contains(">UNINSPECTABLE<"), !read, "{page}");
        assert!(size < if held { 2 << 20 } else { 64 << 10 }, "{size} bytes");
    }
}
