//! Every form of every page, with everything in it that is not meant: hostile values in each field, bodies that are no form, and
//! people who may not. Which forms there are, the router says; a page always answers, says why not, and records nothing.

use gatehold_core::decide::ActKind;
use gatehold_server::{PAGES, Page};
use tower::ServiceExt as _;

use super::doors::everything;
use crate::support::House;
use crate::support::browser::{Browser, form};
use crate::support::call::{Answer, Call};
use crate::support::knock::pages::form_of;
use crate::support::knock::{Kind, held};
use crate::support::people::Person;

/// Free text of people: of these a page takes what can be written, and shows it harmless. Everything else names something.
const FREE: [(&str, &str); 2] = [("/requests/{id}/act", "text"), ("/stops", "reason")];

fn values() -> Vec<String> {
    let mut values: Vec<String> = [
        "",
        " ",
        "\0",
        "a\0b",
        "\u{1b}[2J",
        "\u{7f}",
        "\u{202e}drowssap",
        "\u{2066}\u{200b}\u{feff}",
        "\u{e0041}",
        "\r\nset-cookie: gatehold=1",
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' OR 1=1 --",
        "../../etc/passwd",
        "//evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "%00",
        "${jndi:ldap://x}",
        "[]",
        "{}",
        "null",
        "true",
        "-1",
        "0",
        "18446744073709551616",
        "1e309",
        "\u{ff11}",
        "req_",
        "a@b",
    ]
    .map(str::to_owned)
    .to_vec();
    values.push("x".repeat(60 << 10));
    values.push("[".repeat(20_000));
    values.push("\u{202e}".repeat(10_000));
    values
}

/// The forms of the console.
fn forms() -> Vec<Page> {
    let forms: Vec<Page> = PAGES
        .iter()
        .copied()
        .filter(|page| page.method == "POST")
        .collect();
    assert!(forms.len() >= 14, "{forms:?}");
    forms
}

/// What a page says when it does nothing: a page or, to a script, a document; in words, with nothing of what was sent in it that
/// could move or hide anything.
fn refused(answer: &Answer, what: &str) {
    assert!(
        (400..500).contains(&answer.status),
        "{what}: {}",
        answer.head
    );
    assert!(
        answer.header("set-cookie").is_none(),
        "{what}: {}",
        answer.head
    );
    let kind = answer.header("content-type").unwrap_or_default();
    let text = std::str::from_utf8(&answer.body).unwrap();
    if kind.starts_with("application/json") || kind.starts_with("application/problem+json") {
        let said: serde_json::Value = serde_json::from_str(text).unwrap();
        assert!(
            said["title"]
                .as_str()
                .is_some_and(|title| !title.is_empty()),
            "{what}: {text}"
        );
        assert!(
            said["next"]
                .as_str()
                .is_some_and(|next| next.ends_with('.')),
            "{what}: {text}"
        );
    } else {
        assert!(kind.starts_with("text/html"), "{what}: {}", answer.head);
        assert!(text.contains("<h1"), "{what}: {text}");
    }
    for hidden in [
        '\0',
        '\u{1b}',
        '\u{202e}',
        '\u{200b}',
        '\u{feff}',
        '\u{e0041}',
    ] {
        assert!(!text.contains(hidden), "{what}: {hidden:?} in {text}");
    }
    for markup in ["<script>alert", "<img src=x", "evil.example\""] {
        assert!(!text.contains(markup), "{what}: {text}");
    }
}

/// A form as it should be, with its token.
async fn good(
    house: &House,
    browser: &mut Browser<'_>,
    page: &Page,
) -> (String, Vec<(&'static str, String)>) {
    let (target, mut fields) = form_of(house, page, Kind::Reviewer).await;
    if !page.open {
        fields.push(("token", browser.token().await));
    }
    (target, fields)
}

async fn sent(browser: &mut Browser<'_>, target: &str, fields: &[(&str, String)]) -> Answer {
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    browser.post(target, &fields).await
}

#[tokio::test]
async fn no_field_of_any_form_takes_what_it_is_not_for() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    for page in forms() {
        let (mut target, mut fields) = good(&house, &mut browser, &page).await;
        for place in 0..fields.len() {
            for value in values() {
                let (name, meant) = fields[place].clone();
                if value == meant {
                    continue;
                }
                let what = format!(
                    "{} {name} {:?}",
                    page.path,
                    value.chars().take(20).collect::<String>()
                );
                let before = everything(&house).await;
                let mut bad = fields.clone();
                bad[place].1 = value;
                let answer = sent(&mut browser, &target, &bad).await;
                if FREE.contains(&(page.path, name)) && answer.status == 303 {
                    // Taken as what somebody said. It is done, so the next is about something else.
                    (target, fields) = good(&house, &mut browser, &page).await;
                    continue;
                }
                refused(&answer, &what);
                assert_eq!(everything(&house).await, before, "{what}");
            }
        }
    }
    assert!(house.executed.lock().unwrap().is_empty());
    assert!(
        house.printed.lock().unwrap().is_empty(),
        "a code was printed"
    );
}

/// `name=text`, as it is sent.
fn body(fields: &[(&'static str, String)]) -> String {
    let pairs: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    String::from_utf8(form("/", &pairs).body).unwrap()
}

/// Bodies that are no form of this page, each with its type.
fn bodies(fields: &[(&'static str, String)]) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    const FORM: &str = "application/x-www-form-urlencoded";
    let whole = body(fields);
    let json = serde_json::to_string(
        &fields
            .iter()
            .map(|(name, text)| (*name, text))
            .collect::<std::collections::BTreeMap<_, _>>(),
    );
    let with = |more: &str| match whole.as_str() {
        "" => more.to_owned().into_bytes(),
        whole => format!("{whole}&{more}").into_bytes(),
    };
    let mut all = vec![
        ("an unknown field", FORM, with("surplus=1")),
        ("an unknown field without a value", FORM, with("approve")),
        ("a field without a name", FORM, with("=1")),
        ("an array", FORM, with("reason%5B%5D=1")),
        ("no UTF-8", FORM, with("x=%ff%fe")),
        (
            "raw bytes",
            FORM,
            with("x=").into_iter().chain([0xff, 0, 0xc0]).collect(),
        ),
        ("ten thousand fields", FORM, with(&"a=b&".repeat(10_000))),
        (
            "one megabyte",
            FORM,
            with(&format!("x={}", "x".repeat(1 << 20))),
        ),
        (
            "JSON called a form",
            FORM,
            json.as_ref().unwrap().clone().into_bytes(),
        ),
        ("JSON", "application/json", json.unwrap().into_bytes()),
        ("text", "text/plain", whole.clone().into_bytes()),
        (
            "a form in parts",
            "multipart/form-data; boundary=x",
            b"--x--\r\n".to_vec(),
        ),
        ("no type", "", whole.clone().into_bytes()),
    ];
    for (place, (name, _)) in fields.iter().enumerate() {
        let twice = format!(
            "{}={}",
            name,
            body(&fields[place..=place]).split_once('=').unwrap().1
        );
        all.push(("a doubled field", FORM, with(&twice)));
        let mut without = fields.to_vec();
        without.remove(place);
        all.push(("a missing field", FORM, body(&without).into_bytes()));
        let mut array = fields.to_vec();
        let (_, text) = array.remove(place);
        let pair = body(&[("x", text)]);
        let (_, text) = pair.split_once('=').unwrap();
        let rest = body(&array);
        all.push((
            "a field as an array",
            FORM,
            format!("{rest}&{name}%5B%5D={text}").into_bytes(),
        ));
    }
    all
}

/// Past the socket: a body that is refused half way is answered by a reset as well, which may overtake the answer.
async fn at_once(house: &House, browser: &Browser<'_>, call: Call) -> Answer {
    let call = match &browser.cookie {
        Some(cookie) => call.header("cookie", cookie.as_bytes()),
        None => call,
    };
    let answer = gatehold_server::router(&house.app)
        .oneshot(call.to_request())
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let lines = answer
        .headers()
        .iter()
        .map(|(name, value)| format!("\r\n{name}: {}", value.to_str().unwrap()));
    let head = format!("HTTP/1.1 {status}{}", lines.collect::<String>());
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX)
        .await
        .unwrap()
        .to_vec();
    Answer { status, head, body }
}

#[tokio::test]
async fn no_page_takes_a_body_that_is_not_its_form() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    for page in forms() {
        let (target, fields) = good(&house, &mut browser, &page).await;
        let before = everything(&house).await;
        for (what, kind, body) in bodies(&fields) {
            let what = format!("{} {what}", page.path);
            let mut call = Call::new("POST", &target, body)
                .header("sec-fetch-site", "same-origin")
                .header("origin", "null");
            if !kind.is_empty() {
                call = call.header("content-type", kind);
            }
            let answer = at_once(&house, &browser, call).await;
            refused(&answer, &what);
            assert_eq!(everything(&house).await, before, "{what}");
        }
        // A code is printed every half minute at most.
        house.after(if page.path == "/sign-in/code" { 60 } else { 0 });
        // Sent as it should be it is taken, so that it was none of these that was refused.
        let answer = sent(&mut browser, &target, &fields).await;
        // Only whoever the identity provider has just vouched for has a passkey looked at.
        let taken = answer.status < 400 || page.path == "/sign-in/passkey";
        assert!(taken, "{page:?} {}", answer.head);
        if page.path.starts_with("/session/") || page.open {
            browser = Browser::of(&house, Person::Reviewer).await;
        }
    }
}

#[tokio::test]
async fn a10_whoever_asked_acts_on_no_page() {
    let house = House::open().await;
    let mut owner = Browser::of(&house, Person::Owner).await;
    for page in forms()
        .iter()
        .filter(|page| page.path.starts_with("/requests/{id}/"))
    {
        let (target, fields) = form_of(&house, page, Kind::Owner).await;
        let named = |act: &str| -> Vec<(&str, String)> {
            let (reason, text) = match act {
                "deny" => ("other", ""),
                "ask" => ("", "why?"),
                _ => ("", ""),
            };
            vec![
                ("act", act.to_owned()),
                ("reason", reason.to_owned()),
                ("text", text.to_owned()),
            ]
        };
        let forms: Vec<Vec<(&str, String)>> = match page.path {
            "/requests/{id}/act" => ["deny", "ask", "escalate", "suspicious"]
                .map(named)
                .to_vec(),
            "/requests/{id}/review" | "/requests/{id}/claim" | "/requests/{id}/release" => {
                vec![fields]
            }
            // Looking at what would be signed, saying what was recorded wrong, and taking back decide nothing.
            "/requests/{id}/open" | "/requests/{id}/correct" | "/requests/{id}/revoke" => continue,
            other => panic!("{other} is a new act: say whether whoever asked may"),
        };
        for mut fields in forms {
            fields.push(("token", owner.token().await));
            let before = everything(&house).await;
            let answer = sent(&mut owner, &target, &fields).await;
            refused(&answer, &format!("{target} {fields:?}"));
            let text = String::from_utf8(answer.body).unwrap();
            assert!(
                text.contains("Not possible now"),
                "{target} {fields:?}: {text}"
            );
            assert_eq!(everything(&house).await, before, "{target} {fields:?}");
        }
    }
    // A claim of somebody else's is not theirs to take back either.
    let request = held(&house).await;
    let id = request.parse().unwrap();
    house
        .gate
        .act(&Person::Reviewer.id(), id, ActKind::Claim, "", "console")
        .await
        .unwrap();
    let before = everything(&house).await;
    let fields = [("view", "mine"), ("page", "0")];
    let answer = owner
        .post_as_shown(&format!("/requests/{request}/release"), &fields)
        .await;
    refused(&answer, "another's claim");
    assert_eq!(everything(&house).await, before);
}
