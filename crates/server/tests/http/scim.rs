//! What an identity provider says of people by SCIM, over a real port: it takes away at once, gives back what the chain gives,
//! and gives nothing else to anybody.

use gatehold_client::Submission;
use gatehold_client::wire::{RequestState, Submitted};
use gatehold_gate::OwnWord;
use gatehold_server::{Provisioning, SubjectAttribute};
use serde_json::{Value, json};

use crate::support::House;
use crate::support::browser::Browser;
use crate::support::call::{Answer, Call};
use crate::support::people::{self, Person, log_signer};

const TOKEN: &str = "a-token-that-nobody-guesses-0123456789";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

async fn house() -> House {
    let word = OwnWord::new(log_signer());
    let subject = SubjectAttribute::ExternalId;
    let provider = Provisioning::new("dev.local".to_owned(), TOKEN, subject, word);
    House::open_provisioned(provider).await
}

/// As a provider calls.
async fn asked(house: &House, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let answer = answered(house, call(method, path, body)).await;
    let document = match answer.body.as_slice() {
        [] => Value::Null,
        body => serde_json::from_slice(body).unwrap(),
    };
    (answer.status, document)
}

fn call(method: &str, path: &str, body: &Value) -> Call {
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    Call::new(method, &format!("/scim/v2{path}"), text)
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/scim+json")
}

async fn answered(house: &House, call: Call) -> Answer {
    let answer = call.send(house).await;
    if !answer.body.is_empty() {
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("application/scim+json"), "{}", answer.head);
    }
    answer
}

/// The id of somebody, looked up as providers do.
async fn id(house: &House, person: Person) -> String {
    let filter = format!("/Users?filter=externalId%20eq%20%22{}%22", person.name());
    let (status, list) = asked(house, "GET", &filter, &Value::Null).await;
    assert_eq!((status, &list["totalResults"]), (200, &json!(1)), "{list}");
    list["Resources"][0]["id"].as_str().unwrap().to_owned()
}

fn active(value: Value) -> Value {
    json!({
        "schemas": [PATCH],
        "Operations": [{ "op": "replace", "path": "active", "value": value }],
    })
}

async fn deactivate(house: &House, person: Person) {
    let path = format!("/Users/{}", id(house, person).await);
    let (status, user) = asked(house, "PATCH", &path, &active(json!(false))).await;
    assert_eq!((status, &user["active"]), (200, &json!(false)), "{user}");
}

/// A write that waits for two people; gives its id.
async fn held(house: &House) -> String {
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let sql = "UPDATE orders SET status = 'retry' WHERE id = 7";
    let write = house.action(&task, "shop.write", sql);
    match bot.submit(&write, &Submission::default()).await.unwrap() {
        Submitted::Held(held) => held.request.unwrap(),
        Submitted::Decided(decision) => panic!("{decision:?}"),
    }
}

async fn approve(house: &House, person: Person, request: &str) -> RequestState {
    let client = person.log_in(house).await;
    let opened = client.open(request).await.unwrap();
    let review = person.review(&opened, true);
    client.review(request, &review).await.unwrap().state
}

#[tokio::test]
async fn a26_what_somebody_reviewed_counts_no_more_once_they_are_deactivated() {
    let house = house().await;
    let request = held(&house).await;
    approve(&house, Person::Reviewer, &request).await;
    let state = approve(&house, Person::Second, &request).await;
    assert_eq!(state, RequestState::Redeemable);
    deactivate(&house, Person::Second).await;
    let bot = house.client(&house.workload);
    let redeemed = bot.redeem(&request, 0).await;
    assert!(
        !redeemed.is_ok_and(|redeemed| redeemed.status.state == RequestState::Completed),
        "it was executed"
    );
    assert!(house.executed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a26_whoever_is_deactivated_is_out_of_every_door() {
    let house = house().await;
    let client = Person::Second.log_in(&house).await;
    let mut browser = Browser::of(&house, Person::Second).await;
    let cookie = browser.cookie.clone().unwrap();
    let stream = Call::new("GET", "/events?view=mine", "").header("cookie", cookie.as_bytes());
    deactivate(&house, Person::Second).await;
    assert!(client.inbox().await.is_err(), "the login goes on");
    assert_eq!(browser.get("/").await.header("location"), Some("/sign-in"));
    assert_eq!(stream.send(&house).await.status, 303);
    let signed_in = browser.sign_in(Person::Second, "").await;
    assert_ne!(signed_in.header("location"), Some("/"), "{signed_in:?}");
    let ephemeral = Person::Second.session_key();
    let request = Person::Second.login_request(&house.gate, &ephemeral);
    assert!(house.client(&ephemeral).login(&request).await.is_err());
    // Others are not touched, and they are back when their provider says so.
    assert!(Person::Reviewer.log_in(&house).await.inbox().await.is_ok());
    let path = format!("/Users/{}", id(&house, Person::Second).await);
    let (status, user) = asked(&house, "PATCH", &path, &active(json!("True"))).await;
    assert_eq!((status, &user["active"]), (200, &json!(true)));
    assert!(Person::Second.log_in(&house).await.inbox().await.is_ok());
    let request = held(&house).await;
    approve(&house, Person::Second, &request).await;
}

#[tokio::test]
async fn every_verb_says_what_the_standard_has_it_say() {
    let house = house().await;
    let none = Value::Null;
    let id = id(&house, Person::Second).await;
    let path = format!("/Users/{id}");
    let (status, user) = asked(&house, "GET", &path, &none).await;
    assert_eq!(status, 200);
    assert_eq!(user["externalId"], "second");
    let location = user["meta"]["location"].as_str().unwrap();
    assert_eq!(location, format!("{}/scim/v2/Users/{id}", house.url));
    let (_, list) = asked(&house, "GET", "/Users?startIndex=2&count=1", &none).await;
    assert_eq!(
        (
            &list["totalResults"],
            &list["startIndex"],
            &list["itemsPerPage"]
        ),
        (&json!(3), &json!(2), &json!(1))
    );
    // Put away by PUT and by DELETE; a removed user is no user, and is created again.
    let put = json!({ "userName": "s@corp.example", "externalId": "second", "active": false });
    let (status, user) = asked(&house, "PUT", &path, &put).await;
    assert_eq!((status, &user["active"]), (200, &json!(false)));
    assert_eq!(asked(&house, "DELETE", &path, &none).await.0, 204);
    for method in ["GET", "DELETE"] {
        let (status, error) = asked(&house, method, &path, &none).await;
        assert_eq!((status, &error["status"]), (404, &json!("404")), "{method}");
    }
    let (status, _) = asked(&house, "PATCH", &path, &active(json!(true))).await;
    assert_eq!(status, 404);
    let (_, list) = asked(&house, "GET", "/Users", &none).await;
    assert_eq!(list["totalResults"], 2);
    // Nothing is given back that was not said.
    let silent = json!({ "userName": "s@corp.example", "externalId": "second" });
    let (status, user) = asked(&house, "POST", "/Users", &silent).await;
    assert_eq!((status, &user["active"]), (201, &json!(false)));
    let said = json!({ "userName": "s@corp.example", "externalId": "second", "active": true });
    let answer = answered(&house, call("POST", "/Users", &said)).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("location"), Some(location));
    assert!(Person::Second.log_in(&house).await.inbox().await.is_ok());
    for path in ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"] {
        assert_eq!(asked(&house, "GET", path, &none).await.0, 200, "{path}");
    }
}

/// An "active" that is still on its way ends what it was sent for, and not what is said now.
#[tokio::test]
async fn gone_is_said_anew_whatever_stands() {
    let house = house().await;
    let path = format!("/Users/{}", id(&house, Person::Second).await);
    let gone = active(json!(false));
    let mut leaves = house.leaves().await;
    let mut stood = Vec::new();
    for (method, body, wanted) in [
        ("PATCH", &gone, 200),
        ("PATCH", &gone, 200),
        ("DELETE", &Value::Null, 204),
        ("DELETE", &Value::Null, 404),
        ("PATCH", &gone, 404),
    ] {
        assert_eq!(asked(&house, method, &path, body).await.0, wanted);
        leaves += 1;
        assert_eq!(house.leaves().await, leaves, "{method}");
        let directory = house.gate.directory();
        let stands = directory.suspended_by(&Person::Second.id()).unwrap();
        assert!(!stood.contains(&stands));
        stood.push(stands);
        let after_removal = stood.len() > 2;
        let removed = directory.suspended[&Person::Second.id()].removed;
        assert_eq!(removed, after_removal);
    }
}

/// Nobody ever enrolled them, and somebody has asked for that: they are gone all the same.
#[tokio::test]
async fn whoever_is_gone_before_their_first_key_is_enrolled_by_nobody_who_did_not_know() {
    let house = house().await;
    let payload = crate::support::knock::enrolment(&house, Person::Bystander);
    let named = json!({ "externalId": Person::Bystander.name() });
    let (status, user) = asked(&house, "POST", "/Users", &named).await;
    assert_eq!(status, 201);
    let path = format!("/Users/{}", user["id"].as_str().unwrap());
    let gone = active(json!(false));
    let before = house.leaves().await;
    assert_eq!(asked(&house, "PATCH", &path, &gone).await.0, 200);
    assert_eq!(house.leaves().await, before);
    let request = people::ask(&house.gate, "human.enrol", &payload).await;
    let request = request.id.to_string();
    assert_eq!(asked(&house, "PATCH", &path, &gone).await.0, 200);
    let bystander = Person::Bystander.id();
    assert!(house.gate.directory().is_suspended(&bystander));
    let (status, user) = asked(&house, "GET", &path, &Value::Null).await;
    assert_eq!((status, &user["active"]), (200, &json!(false)));
    for person in [Person::Reviewer, Person::Second] {
        let client = person.log_in(&house).await;
        let opened = client.open(&request).await.unwrap();
        let review = person.review(&opened, true);
        let _told = client.review(&request, &review).await;
    }
    assert!(!house.gate.directory().humans.contains_key(&bystander));
    // Whoever lists people is told what a new enrolment has to name.
    let listed = Person::Reviewer.log_in(&house).await.humans().await;
    let [listed] = listed.unwrap().suspended.try_into().unwrap();
    assert_eq!(listed.human, bystander.to_string());
    let back = active(json!(true));
    assert_eq!(asked(&house, "PATCH", &path, &back).await.0, 200);
    assert!(house.gate.directory().suspended.is_empty());
    // Back as they are, what was asked for before gives nothing: a new enrolment names which time it was.
    let humans = Person::Reviewer.log_in(&house).await.humans().await;
    let humans = humans.unwrap();
    let [returned] = humans.returned.try_into().unwrap();
    assert_eq!(returned.suspension, listed.suspension);
    assert!(humans.suspended.is_empty());
}

#[tokio::test]
async fn of_one_person_it_is_said_again_so_often_in_an_hour_and_of_others_as_often() {
    let house = house().await;
    let second = format!("/Users/{}", id(&house, Person::Second).await);
    let reviewer = format!("/Users/{}", id(&house, Person::Reviewer).await);
    let gone = active(json!(false));
    for _ in 0..11 {
        assert_eq!(asked(&house, "PATCH", &second, &gone).await.0, 200);
    }
    let leaves = house.leaves().await;
    let answer = answered(&house, call("PATCH", &second, &gone)).await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(house.leaves().await, leaves);
    assert!(house.gate.directory().is_suspended(&Person::Second.id()));
    for _ in 0..11 {
        assert_eq!(asked(&house, "PATCH", &reviewer, &gone).await.0, 200);
    }
    // What takes more is taken.
    let removed = asked(&house, "DELETE", &second, &Value::Null).await;
    assert_eq!(removed.0, 204);
    house.after(3_601);
    assert_eq!(asked(&house, "PATCH", &reviewer, &gone).await.0, 200);
}

#[tokio::test]
async fn nobody_is_enrolled_and_nobody_joins_a_team() {
    let house = house().await;
    let (before, leaves) = (house.gate.directory(), house.leaves().await);
    let new = json!({
        "externalId": "eve", "userName": "eve@corp.example", "active": true,
        "groups": [{ "value": "reviewers" }], "roles": [{ "value": "owner" }],
    });
    let (status, user) = asked(&house, "POST", "/Users", &new).await;
    assert_eq!(status, 201);
    let path = format!("/Users/{}", user["id"].as_str().unwrap());
    assert_eq!(asked(&house, "GET", &path, &Value::Null).await.0, 404);
    let gone = active(json!(false));
    assert_eq!(asked(&house, "PATCH", &path, &gone).await.0, 200);
    assert_eq!(asked(&house, "DELETE", &path, &Value::Null).await.0, 204);
    let groups = json!({ "displayName": "reviewers", "members": [{ "value": "eve" }] });
    assert_eq!(
        call("POST", "/Groups", &groups).send(&house).await.status,
        404
    );
    // A user who is there is given nothing by what is said of them.
    let own = format!("/Users/{}", id(&house, Person::Reviewer).await);
    let more = json!({ "Operations": [
        { "op": "add", "path": "groups", "value": [{ "value": "owners" }] },
        { "op": "replace", "path": "active", "value": true },
    ] });
    assert_eq!(asked(&house, "PATCH", &own, &more).await.0, 200);
    assert_eq!(house.gate.directory(), before);
    assert_eq!(house.leaves().await, leaves);
}

#[tokio::test]
async fn without_the_token_nothing_is_said_or_done() {
    let house = house().await;
    let path = format!("/Users/{}", id(&house, Person::Second).await);
    let leaves = house.leaves().await;
    let good = || call("PATCH", &path, &active(json!(false)));
    let wrong = format!("Bearer {TOKEN}x");
    for call in [
        good().without("authorization"),
        good().header("authorization", wrong),
        good().header("authorization", "Bearer "),
        good().header("authorization", TOKEN),
        good().header("authorization", format!("Basic {TOKEN}")),
        good().header("authorization", b"Bearer \xff".to_vec()),
    ] {
        let answer = call.send(&house).await;
        assert_eq!(answer.status, 401, "{call:?}");
        assert!(answer.header("www-authenticate").is_some());
        let text = String::from_utf8(answer.body).unwrap();
        assert!(!text.contains("second") && !text.contains(TOKEN), "{text}");
    }
    // Nor does a session of a person open it, nor the token a page.
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    assert_eq!(browser.get("/scim/v2/Users").await.status, 401);
    let page = Call::new("GET", "/", "").header("authorization", format!("Bearer {TOKEN}"));
    assert_eq!(page.send(&house).await.status, 303);
    assert_eq!(house.leaves().await, leaves);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_never_passed_over() {
    let house = house().await;
    let id = id(&house, Person::Second).await;
    let path = format!("/Users/{id}");
    let leaves = house.leaves().await;
    for (method, path, body, kind) in [
        ("PATCH", path.as_str(), json!({}), "invalidSyntax"),
        ("PATCH", &path, json!({ "Operations": [] }), "invalidValue"),
        ("PATCH", &path, active(json!("no")), "invalidValue"),
        (
            "PATCH",
            &path,
            active(json!({ "deep": [[[1]]] })),
            "invalidValue",
        ),
        ("PUT", &path, json!({ "active": null }), "invalidValue"),
        ("PUT", &path, json!([1]), "invalidSyntax"),
        (
            "PUT",
            &path,
            json!({ "externalId": "owner", "active": true }),
            "mutability",
        ),
        (
            "POST",
            "/Users",
            json!({ "userName": "second", "active": false }),
            "invalidValue",
        ),
        (
            "POST",
            "/Users",
            json!({ "externalId": "a\u{202e}b" }),
            "invalidValue",
        ),
        (
            "POST",
            "/Users",
            json!({ "externalId": "" }),
            "invalidValue",
        ),
    ] {
        let (status, error) = asked(&house, method, path, &body).await;
        assert_eq!(
            (status, error["scimType"].as_str()),
            (400, Some(kind)),
            "{body}"
        );
    }
    for filter in [
        "externalId",
        "externalId%20sw%20%22s%22",
        "active%20eq%20true",
        "externalId%20eq%20second",
    ] {
        let (status, error) = asked(
            &house,
            "GET",
            &format!("/Users?filter={filter}"),
            &Value::Null,
        )
        .await;
        assert_eq!(
            (status, error["scimType"].as_str()),
            (400, Some("invalidFilter")),
            "{filter}"
        );
    }
    for other in [
        format!("{id}="),
        "second".to_owned(),
        "..%2f".to_owned(),
        "A".repeat(900),
    ] {
        let (status, _) = asked(&house, "GET", &format!("/Users/{other}"), &Value::Null).await;
        assert_eq!(status, 404, "{other}");
    }
    let long = json!({ "externalId": "second", "displayName": "x".repeat(80_000) });
    assert_eq!(asked(&house, "PUT", &path, &long).await.0, 413);
    let plain = call("PATCH", &path, &active(json!(false))).header("content-type", "text/plain");
    assert_eq!(plain.send(&house).await.status, 400);
    assert_eq!(house.leaves().await, leaves);
    // Taken away is taken away, whatever else is said beside it.
    let both = json!({ "externalId": "owner", "active": false });
    assert_eq!(asked(&house, "PUT", &path, &both).await.0, 200);
    assert!(house.gate.directory().is_suspended(&Person::Second.id()));
    assert!(!house.gate.directory().is_suspended(&Person::Owner.id()));
}

#[tokio::test]
async fn so_many_are_given_back_in_an_hour_and_everybody_may_be_taken_away() {
    let house = house().await;
    let path = format!("/Users/{}", id(&house, Person::Second).await);
    let mut back = 0;
    for _ in 0..101 {
        assert_eq!(
            asked(&house, "PATCH", &path, &active(json!(false))).await.0,
            200
        );
        match asked(&house, "PATCH", &path, &active(json!(true))).await.0 {
            200 => back += 1,
            status => assert_eq!(status, 429),
        }
    }
    assert_eq!(back, 100);
    assert!(house.gate.directory().is_suspended(&Person::Second.id()));
    house.after(3_601);
    assert_eq!(
        asked(&house, "PATCH", &path, &active(json!(true))).await.0,
        200
    );
}

#[tokio::test]
async fn a_gate_without_a_provider_has_no_such_door() {
    let house = House::open().await;
    let answer = call("GET", "/Users", &Value::Null).send(&house).await;
    assert_eq!(answer.word(), (404, "no_such_path".to_owned()));
}
