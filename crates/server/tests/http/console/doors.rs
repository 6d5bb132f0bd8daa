//! Every page and every method: strangers are sent to sign in, what is posted must come from one of our own pages, and looking
//! changes nothing. The list of pages is the router's own, so that no page can be forgotten.

use std::collections::BTreeSet;

use gatehold_core::commit::Table;
use gatehold_gate::ports::store::{RowQuery, Store};
use gatehold_server::{PAGES, Page};

use super::hold;
use crate::support::House;
use crate::support::browser::{Browser, form};
use crate::support::call::Call;
use crate::support::people::Person;

/// The address of a page, about a request.
fn target(page: &Page, request: &str) -> String {
    let target = page.path.replace("{id}", request);
    target.replace("{name}", "console.css")
}

/// All rows and leaves, so also what nobody thought of.
pub async fn everything(house: &House) -> Vec<String> {
    let mut all = vec![format!("{:?}", house.store.head().await.unwrap())];
    for table in Table::ALL {
        let query = RowQuery {
            limit: 1000,
            ..RowQuery::default()
        };
        let rows = house.store.rows(table, &query).await.unwrap();
        all.extend(rows.iter().map(|row| format!("{row:?}")));
    }
    all
}

#[test]
fn every_page_is_described_and_no_other() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/console.md"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let table = text.split("<!-- pages -->").nth(1).unwrap();
    let table = table.split("<!-- /pages -->").next().unwrap();
    let described: BTreeSet<String> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| line.split(" | ").take(2).collect::<Vec<_>>().join(" "))
        .collect();
    let whom = |page: &Page| if page.open { "anybody" } else { "people" };
    let known = PAGES
        .iter()
        .map(|page| format!("{} {}` {}", page.method, page.path, whom(page)));
    assert_eq!(described, known.collect());
}

#[tokio::test]
async fn strangers_see_the_sign_in_page_and_nothing_else() {
    let house = House::open().await;
    let request = hold(&house).await;
    let before = everything(&house).await;
    let mut stranger = Browser::new(&house);
    for page in PAGES.iter().filter(|page| !page.open) {
        let target = target(page, &request);
        let answer = if page.method == "GET" {
            stranger.get(&target).await
        } else {
            stranger.post(&target, &[]).await
        };
        let expected = if page.method == "GET" { 303 } else { 403 };
        assert_eq!(answer.status, expected, "{page:?} {}", answer.head);
        if page.method == "GET" {
            let to = answer.header("location").unwrap();
            let back = format!("/sign-in?to={request}");
            assert!(to == "/sign-in" || to == back, "{page:?} {to}");
        }
        let text = String::from_utf8(answer.body).unwrap();
        assert!(!text.contains("orders"), "{page:?}: {text}");
    }
    for page in PAGES.iter().filter(|page| page.open) {
        let answer = stranger.get(&target(page, &request)).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            !text.contains(&request) && !text.contains("DELETE"),
            "{page:?}"
        );
    }
    assert_eq!(everything(&house).await, before);
}

#[tokio::test]
async fn every_page_takes_its_own_methods_and_no_other() {
    let house = House::open().await;
    let request = hold(&house).await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let paths: BTreeSet<_> = PAGES.iter().map(|page| page.path).collect();
    for path in paths {
        let takes: Vec<&str> = PAGES
            .iter()
            .filter(|page| page.path == path)
            .map(|page| page.method)
            .collect();
        let page = PAGES.iter().find(|page| page.path == path).unwrap();
        for method in [
            "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE",
        ] {
            let of = if method == "HEAD" { "GET" } else { method };
            if path == "/events" && of == "GET" {
                // It has no end; `live` asks it what it says.
                continue;
            }
            let call = Call::new(method, &target(page, &request), "");
            let answer = browser.send(call).await;
            if takes.contains(&of) {
                assert_ne!(answer.status, 405, "{method} {path}");
            } else {
                assert_eq!(answer.status, 405, "{method} {path}");
            }
            assert!(answer.status < 500, "{method} {path} {}", answer.head);
        }
    }
}

#[tokio::test]
async fn a_form_from_elsewhere_does_nothing() {
    let house = House::open().await;
    let request = hold(&house).await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let token = browser.token().await;
    let code = house.codes.draw(house.gate.now().await.unwrap());
    let before = everything(&house).await;
    let ours = house.url.clone();
    let foreign: [&[(&str, &str)]; 8] = [
        &[],
        &[("origin", "null")],
        &[("origin", "https://evil.example")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", &ours)],
        &[("sec-fetch-site", "none")],
        &[
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://evil.example"),
        ],
        &[("referer", &ours), ("host", "gate.example")],
    ];
    for page in PAGES.iter().filter(|page| page.method == "POST") {
        for headers in foreign {
            let person = Person::Second.id().to_string();
            let fields = match page.path {
                "/sign-in" => vec![("code", code.as_str()), ("person", &person), ("to", "")],
                "/sign-in/code" => vec![("to", "")],
                "/session/person" => vec![("token", token.as_str()), ("person", &person)],
                _ => vec![("token", token.as_str())],
            };
            let mut call = form(&target(page, &request), &fields);
            for (name, value) in headers {
                call = call.header(name, *value);
            }
            let answer = browser.send(call).await;
            assert_eq!(answer.status, 403, "{page:?} {headers:?}");
            assert!(
                answer.header("set-cookie").is_none(),
                "{page:?} {headers:?}"
            );
        }
    }
    assert_eq!(everything(&house).await, before);
    assert!(
        house.printed.lock().unwrap().is_empty(),
        "no code was printed"
    );
    // The session is whole, and the code was not spent.
    assert!(browser.page("/").await.contains("reviewer@dev.local"));
    let person = Person::Second.id().to_string();
    let fields = [("code", code.as_str()), ("person", &person), ("to", "")];
    assert_eq!(browser.post("/sign-in", &fields).await.status, 303);
}

#[tokio::test]
async fn a_form_carries_the_token_of_its_own_session() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let mut another = Browser::of(&house, Person::Reviewer).await;
    let (own, foreign) = (browser.token().await, another.token().await);
    assert_ne!(own, foreign);
    let cut = own.get(1..).unwrap();
    for fields in [
        &[][..],
        &[("token", "")],
        &[("token", &foreign)],
        &[("Token", &own)],
        &[("token", cut)],
    ] {
        let answer = browser.post("/session/end", fields).await;
        assert_eq!(answer.status, 403, "{fields:?}");
    }
    // Of two tokens none is believed to be the one.
    let twice = [("token", own.as_str()), ("token", own.as_str())];
    assert_eq!(browser.post("/session/end", &twice).await.status, 400);
    assert_eq!(browser.get("/").await.status, 200);
    assert_eq!(
        browser
            .post("/session/end", &[("token", &own)])
            .await
            .status,
        303
    );
    assert_eq!(browser.get("/").await.status, 303);
    assert_eq!(another.get("/").await.status, 200);
}

#[tokio::test]
async fn b10_following_every_link_changes_nothing() {
    let house = House::open().await;
    let request = hold(&house).await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let before = everything(&house).await;
    house.after(60);
    let mut found: BTreeSet<String> = ["/".to_owned()].into();
    let mut seen = BTreeSet::new();
    while let Some(target) = found.pop_first() {
        if !seen.insert(target.clone()) {
            continue;
        }
        for method in ["HEAD", "GET"] {
            let call = Call::new(method, &target, "").header("sec-purpose", "prefetch");
            let answer = browser.send(call).await;
            assert!(answer.status < 400, "{method} {target} {}", answer.status);
            assert!(answer.header("set-cookie").is_none(), "{target}");
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            let links = text.split("href=\"").skip(1);
            let links = links.filter_map(|rest| rest.split('"').next());
            found.extend(
                links
                    .filter(|link| link.starts_with('/'))
                    .map(|link| link.replace("&amp;", "&")),
            );
        }
    }
    assert!(seen.contains(&format!("/requests/{request}")), "{seen:?}");
    assert!(seen.len() >= 5, "{seen:?}");
    assert_eq!(everything(&house).await, before);
    // Nor did it keep the session alive: half an hour after signing in it is over.
    house.after(1_801);
    assert_eq!(browser.get("/").await.status, 303);
}

#[tokio::test]
async fn hostile_addresses_and_headers_are_refused_in_words() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let unknown = format!("/requests/req_{}", "0".repeat(32));
    for (target, status) in [
        ("/requests/req_", 404),
        ("/requests/%2e%2e%2f%2e%2e", 404),
        ("/requests/<script>alert(1)</script>", 400),
        ("/requests/%3Cscript%3Ealert(1)%3C%2Fscript%3E", 404),
        ("/requests/req_%00", 404),
        (unknown.as_str(), 404),
        (&format!("{unknown}/dossier"), 404),
        ("/static/..%2fconsole.css", 404),
        ("/static/nothing", 404),
        ("/decided?before=-1", 400),
        ("/decided?before=99999999999999999999999", 400),
        ("/decided?surplus=1", 400),
        ("/decided?all=yes", 400),
        ("/?page=-1", 400),
        ("/?page=18446744073709551615", 200),
        ("/?next=https://evil.example", 400),
        ("/?view=everything", 400),
        ("/?view=MINE", 400),
        ("/?view=", 400),
        ("/?view=mine&view=all", 400),
        ("/?view=%3Cscript%3E", 400),
        ("/?like=0123456789abcdef", 200),
        ("/?like=0123456789ABCDEF", 400),
        ("/?like=%27%20OR%201%3D1%20--", 400),
        ("/?like=", 400),
        ("/?view=all&page=18446744073709551615", 200),
        ("/?view=all&page=18446744073709551616", 400),
        ("/events?view=everything", 400),
        ("/events?seen=0", 400),
        ("/events?seen=%0A%0Aevent:%20changed", 400),
        ("/events?page=-1", 400),
        ("/events?surplus=1", 400),
        ("/find", 400),
        ("/find?q=", 200),
        ("/find?q=..%2F..", 200),
        ("/find?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E", 200),
        ("/find?q=https://evil.example", 200),
        ("/find?q=req_%E2%80%AE0199", 200),
        ("/find?q=req_0199&q=req_0200", 400),
        ("/workloads?all=yes", 400),
        ("/workloads?surplus=1", 400),
        ("/tasks/%3Cscript%3E", 404),
        ("/tasks/tsk_", 404),
        ("/sign-in?to=https://evil.example", 400),
        ("/sign-in?to=//evil.example", 400),
        ("/sign-in?to=req_1", 400),
    ] {
        let answer = browser.get(target).await;
        assert_eq!(answer.status, status, "{target}");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(!text.contains("<script>"), "{target}");
        assert!(!text.contains("evil.example"), "{target}");
    }
    let long = format!("/find?q={}", "a".repeat(65));
    assert_eq!(browser.get(&long).await.status, 400);
    let long = format!("/requests/{}", "a".repeat(5_000));
    assert_eq!(browser.get(&long).await.status, 414);
    let hostile = Call::new("GET", "/", "")
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-for", "<script>")
        .header("forwarded", "host=evil.example")
        .header("accept", vec![0xff, 0xfe]);
    let answer = browser.send(hostile).await;
    assert_eq!(answer.status, 200);
    assert!(!String::from_utf8(answer.body).unwrap().contains("evil"));
}
