//! The well-formed visit of every page of the console, and the form that it sends.

use gatehold_core::decide::ActKind;
use gatehold_server::Page;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::signed::{correction, review};
use super::{Kind, act, denied, enrolment, held, usable};
use crate::support::House;
use crate::support::browser::{Browser, form};
use crate::support::call::{Answer, Call};
use crate::support::people::Person;

/// Calls a page: people through a session of a browser, machines with what signs their calls of the API.
pub(super) async fn visit(house: &House, page: &Page, kind: Kind) -> Answer {
    let signed_in = kind.person().filter(|_| !page.open);
    let mut browser = match signed_in {
        Some(person) => Browser::of(house, person).await,
        None => Browser::new(house),
    };
    let (target, mut fields) = form_of(house, page, kind).await;
    if signed_in.is_some() {
        fields.push(("token", browser.token().await));
    }
    let mut call = if page.method == "GET" {
        Call::new("GET", &target, "")
    } else {
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        form(&target, &fields)
            .header("sec-fetch-site", "same-origin")
            .header("origin", "null")
    };
    if let (None, Some(key)) = (kind.person(), kind.key(house)) {
        call = call.signed(house, &key);
        if page.method == "POST" {
            call = call.header("content-type", "application/x-www-form-urlencoded");
        }
    }
    if page.path == "/sign-in/code" {
        // One is printed every half minute at most, and signing in drew some.
        house.after(60);
    }
    if page.path == "/events" {
        return beginning(house, &browser, call).await;
    }
    browser.send(call).await
}

/// Of what has no end, the head.
async fn beginning(house: &House, browser: &Browser<'_>, call: Call) -> Answer {
    let call = match &browser.cookie {
        Some(cookie) => call.header("cookie", cookie.as_bytes()),
        None => call,
    };
    let mut stream = house.connect().await;
    stream.write_all(&call.to_bytes()).await.unwrap();
    let mut read = Vec::new();
    while !read.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut some = [0; 1024];
        let count = stream.read(&mut some).await.unwrap();
        assert!(count > 0, "no answer");
        read.extend_from_slice(&some[..count]);
    }
    drop(stream);
    Answer::read(read.as_slice()).await
}

/// A page's address and the fields of its form, but for the token.
pub async fn form_of(
    house: &House,
    page: &Page,
    kind: Kind,
) -> (String, Vec<(&'static str, String)>) {
    let person = kind.person().unwrap_or(Person::Reviewer);
    let nothing = Vec::new;
    let (name, fields) = match (page.method, page.path) {
        (
            "GET",
            "/" | "/keys" | "/decided" | "/find" | "/workloads" | "/overview" | "/policy"
            | "/break-glass" | "/events" | "/sign-in" | "/sign-in/start" | "/sign-in/callback",
        ) => (String::new(), nothing()),
        ("GET", "/static/{name}") => ("console.css".to_owned(), nothing()),
        ("GET", "/tasks/{id}") => (house.task(&house.client(&house.workload)).await, nothing()),
        ("GET", "/requests/{id}" | "/requests/{id}/stamp" | "/requests/{id}/deciders") => {
            (held(house).await, nothing())
        }
        ("GET", "/requests/{id}/dossier") => (denied(house).await, nothing()),
        ("POST", "/requests/{id}/open") => (
            held(house).await,
            vec![("key", person.thumbprint().to_string())],
        ),
        ("POST", "/requests/{id}/review") => {
            let request = held(house).await;
            let review = review(house, person, &request).await.to_string();
            (request, vec![("review", review)])
        }
        ("POST", "/requests/{id}/act") => {
            let (act, reason, text) = ("deny".to_owned(), "other".to_owned(), String::new());
            (
                held(house).await,
                vec![("act", act), ("reason", reason), ("text", text)],
            )
        }
        ("POST", "/requests/{id}/revoke") => {
            (usable(house).await, vec![("back", "request".to_owned())])
        }
        ("POST", "/requests/{id}/correct") => {
            let request = denied(house).await;
            let correction = correction(house, person, &request).await.to_string();
            (request, vec![("correction", correction)])
        }
        ("POST", "/requests/{id}/claim" | "/requests/{id}/release") => {
            let request = held(house).await;
            if page.path.ends_with("release") {
                act(house, person, &request, ActKind::Claim).await;
            }
            (
                request,
                vec![("view", "mine".to_owned()), ("page", "0".to_owned())],
            )
        }
        ("POST", "/keys") => (String::new(), vec![("proof", enrolment(house, person))]),
        ("POST", "/stops") => {
            let task = house.task(&house.client(&house.workload)).await;
            let (scope, reason) = ("task".to_owned(), "odd".to_owned());
            (
                String::new(),
                vec![("scope", scope), ("name", task), ("reason", reason)],
            )
        }
        ("POST", "/session/seen" | "/session/end") => (String::new(), nothing()),
        ("POST", "/session/person") => (
            String::new(),
            vec![("person", Person::Second.id().to_string())],
        ),
        ("POST", "/sign-in") => {
            let code = house.codes.draw(house.gate.now().await.unwrap());
            // The code is what it takes, and who sees the terminal of the gate has it.
            let code = if kind.person().is_some() {
                code
            } else {
                "000-000".to_owned()
            };
            let fields = vec![
                ("code", code),
                ("person", person.id().to_string()),
                ("to", String::new()),
            ];
            (String::new(), fields)
        }
        ("POST", "/sign-in/code") => (String::new(), vec![("to", String::new())]),
        ("POST", "/sign-in/passkey") => {
            let fields = vec![
                ("token", "0".repeat(64)),
                ("proof", enrolment(house, Person::Bystander)),
            ];
            (String::new(), fields)
        }
        ("POST", "/push") => {
            let subscription = [
                (
                    "endpoint",
                    "https://updates.push.services.mozilla.com/wpush/v2/one",
                ),
                (
                    "p256dh",
                    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
                ),
                ("auth", "BTBZMqHH6r4Tts7J_aSIgg"),
            ];
            let fields = subscription.map(|(name, text)| (name, text.to_owned()));
            (String::new(), fields.to_vec())
        }
        ("POST", "/push/{id}/end") => ("0".repeat(64), nothing()),
        other => panic!(
            "{other:?} is a new page: say here how it is called, and run with GATEHOLD_ACCEPT=1 to have \
             docs/reference/doors.md say who may"
        ),
    };
    let target = page.path.replace("{id}", &name).replace("{name}", &name);
    let query = if page.path == "/find" { "?q=req_" } else { "" };
    (format!("{target}{query}"), fields)
}
