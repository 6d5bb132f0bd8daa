//! Every field of every form with what no page of ours would send: refused in words, by nothing more than the form itself, and
//! nothing changed. The list is held to the router's own, so that no form can be forgotten.

use std::collections::BTreeSet;

use gatehold_server::PAGES;

use super::hold;
use crate::support::House;
use crate::support::browser::{Browser, form};
use crate::support::call::Call;
use crate::support::people::Person;

/// A field, what a page would send in it, and whether it takes any text that is not too long: words of a person, and names, of which
/// whoever stops something may name one that the gate does not know.
type Field = (&'static str, &'static str, bool);

/// The forms without their token.
const FORMS: &[(&str, &[Field])] = &[
    ("/requests/{id}/open", &[("key", "sha256:", false)]),
    ("/requests/{id}/review", &[("review", "{}", false)]),
    (
        "/requests/{id}/act",
        &[
            ("act", "ask", false),
            ("reason", "", false),
            ("text", "which order?", true),
        ],
    ),
    ("/requests/{id}/revoke", &[("back", "request", false)]),
    ("/requests/{id}/correct", &[("correction", "{}", false)]),
    (
        "/requests/{id}/claim",
        &[("view", "mine", false), ("page", "0", false)],
    ),
    (
        "/requests/{id}/release",
        &[("view", "mine", false), ("page", "0", false)],
    ),
    ("/keys", &[("proof", "{}", false)]),
    (
        "/stops",
        &[
            ("scope", "workload", false),
            ("name", "deploy-bot", true),
            ("reason", "stopped for the test", true),
        ],
    ),
    ("/session/seen", &[]),
    ("/session/person", &[("person", "second@dev.local", false)]),
    ("/session/end", &[]),
    (
        "/sign-in",
        &[
            ("code", "000-000", false),
            ("person", "second@dev.local", false),
            ("to", "", false),
        ],
    ),
    ("/sign-in/code", &[("to", "", false)]),
];

/// What stands in a field that takes a few words of ours.
fn hostile() -> Vec<String> {
    vec![
        "<script>alert(1)</script>".to_owned(),
        "' OR 1=1 --".to_owned(),
        "\0".to_owned(),
        "mine\r\nset-cookie: gatehold=1".to_owned(),
        "\u{202e}\u{feff}\u{5e9}".to_owned(),
        "../../etc/passwd".to_owned(),
        "https://evil.example/".to_owned(),
        "-1".to_owned(),
        "1e400".to_owned(),
        "18446744073709551616".to_owned(),
        "[".repeat(20_000),
        format!("{{\"a\":{}}}", "{\"a\":".repeat(5_000)),
        "x".repeat(100_000),
    ]
}

/// The forms that are sent for one page: what is spoilt, and the fields.
fn spoilt(fields: &[Field]) -> Vec<(String, Vec<(String, String)>)> {
    let own = |(name, value, _): &Field| ((*name).to_owned(), (*value).to_owned());
    let good: Vec<(String, String)> = fields.iter().map(own).collect();
    let surplus = ("surplus".to_owned(), "1".to_owned());
    let mut all = vec![(
        "a field too many".to_owned(),
        [&good[..], &[surplus]].concat(),
    )];
    for (at, (name, _, free)) in fields.iter().enumerate() {
        let mut missing = good.clone();
        let field = missing.remove(at);
        all.push((format!("no {name}"), missing));
        all.push((format!("{name} twice"), [&good[..], &[field]].concat()));
        let values = match free {
            true => vec!["x".repeat(100_000)],
            false => hostile(),
        };
        for value in values {
            let begins: String = value.chars().take(20).collect();
            let mut changed = good.clone();
            changed[at].1 = value;
            all.push((format!("{name} = {begins:?}"), changed));
        }
    }
    all
}

#[tokio::test]
async fn every_field_of_every_form_refuses_what_no_page_sends() {
    let known: BTreeSet<&str> = FORMS.iter().map(|(path, _)| *path).collect();
    let posted = PAGES.iter().filter(|page| page.method == "POST");
    assert_eq!(posted.map(|page| page.path).collect::<BTreeSet<_>>(), known);

    let house = House::open().await;
    let request = hold(&house).await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let token = browser.token().await;
    let leaves = house.leaves().await;
    let mut sent = 0;
    for (path, fields) in FORMS {
        let target = path.replace("{id}", &request);
        // Signing in has no session yet, so no token.
        let carried = !path.starts_with("/sign-in");
        for (what, mut fields) in spoilt(fields) {
            if carried {
                fields.push(("token".to_owned(), token.clone()));
            }
            let pairs: Vec<(&str, &str)> = fields
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            refused(
                &mut browser,
                form(&target, &pairs),
                &format!("{path} {what}"),
            )
            .await;
            sent += 1;
        }
        for (media_type, body) in [
            ("application/json", format!("{{\"token\":\"{token}\"}}")),
            ("text/plain", format!("token={token}")),
            (
                "multipart/form-data; boundary=x",
                format!(
                    "--x\r\ncontent-disposition: form-data; name=\"token\"\r\n\r\n{token}\r\n--x--\r\n"
                ),
            ),
            (
                "application/x-www-form-urlencoded",
                format!("token={token}&%ff%fe=%80%zz"),
            ),
            (
                "application/x-www-form-urlencoded",
                format!("token={token}&x={}", "y".repeat(200_000)),
            ),
        ] {
            let call = Call::new("POST", &target, body).header("content-type", media_type);
            refused(&mut browser, call, &format!("{path} as {media_type}")).await;
            sent += 1;
        }
    }
    assert!(sent > 300, "{sent}");
    assert_eq!(house.leaves().await, leaves, "something was done");
    assert!(
        house.printed.lock().unwrap().is_empty(),
        "a code was printed"
    );
    let page = browser.page("/").await;
    assert!(page.contains("reviewer@dev.local"), "{page}");
}

/// Refused by what it is, on a page of ours that repeats nothing of it.
async fn refused(browser: &mut Browser<'_>, call: Call, what: &str) {
    let call = call.header("sec-fetch-site", "same-origin");
    let answer = browser.send(call).await;
    let text = String::from_utf8(answer.body.clone()).unwrap();
    assert!(
        (400..500).contains(&answer.status),
        "{what}: {} {text}",
        answer.status
    );
    assert!(answer.header("set-cookie").is_none(), "{what}");
    for echoed in ["<script>alert", "evil.example", "\u{202e}", "passwd"] {
        assert!(!text.contains(echoed), "{what}: {echoed}");
    }
}
