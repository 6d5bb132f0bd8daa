//! Every endpoint, by walking the document: strangers are refused, what changes something needs a proof, reading changes
//! nothing, no kind of caller gets through another one's door, and nothing is taken that is not described. There is no list of
//! exceptions to forget: an endpoint is open only when its description says so.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::House;
use crate::support::call::Call;
use crate::support::people::Person;

/// One endpoint of the document.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub method: String,
    pub path: String,
    pub secured: bool,
    pub takes_body: bool,
    pub tag: String,
    /// Whether an enforcement point says in it for whom it acts.
    pub acts_for_others: bool,
}

impl Endpoint {
    /// About nothing that there is.
    pub fn target(&self) -> String {
        let id = if self.path.contains("/tasks/") {
            "tsk_"
        } else {
            "req_"
        };
        self.path
            .replace("{id}", &format!("{id}{}", "0".repeat(32)))
            .replace("{leaf}", "0")
    }

    fn call(&self) -> Call {
        let body = if self.takes_body { "{}" } else { "" };
        Call::new(&self.method, &self.target(), body)
    }

    fn is_login(&self) -> bool {
        self.path == "/v1/sessions"
    }
}

fn document() -> Value {
    serde_json::to_value(gatehold_server::document()).unwrap()
}

pub fn endpoints() -> Vec<Endpoint> {
    let document = document();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push(Endpoint {
                method: method.to_uppercase(),
                path: path.clone(),
                secured: operation["security"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|one| one.get("proof").is_some())),
                takes_body: operation.get("requestBody").is_some(),
                tag: operation["tags"][0].as_str().unwrap().to_owned(),
                acts_for_others: operation["parameters"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|one| one["name"] == "workload")),
            });
        }
    }
    assert!(all.len() >= 20, "{all:#?}");
    all
}

#[test]
fn the_checked_in_document_is_the_one_that_is_served() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/openapi.json"
    );
    let mut text = gatehold_server::document().to_pretty_json().unwrap();
    text.push('\n');
    if accepting() {
        std::fs::write(path, &text).unwrap();
    }
    let known = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        known == text,
        "docs/reference/openapi.json differs from the handlers; run the tests with GATEHOLD_ACCEPT=1 and read the difference"
    );
}

#[test]
fn the_document_says_what_every_call_needs_and_may_answer() {
    let document = document();
    let mut names = BTreeSet::new();
    for endpoint in endpoints() {
        let operation = &document["paths"][&endpoint.path][endpoint.method.to_lowercase()];
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{name} twice");
        assert!(operation["summary"].is_string(), "{name} has no summary");
        let problem = &operation["responses"]["default"]["content"]["application/problem+json"];
        assert_eq!(
            problem["schema"]["$ref"], "#/components/schemas/Problem",
            "{name}"
        );
        // What changes something is never open, and what is open only reads.
        assert!(endpoint.secured || endpoint.method == "GET", "{name}");
        assert!(
            ["GET", "POST"].contains(&endpoint.method.as_str()),
            "{name}"
        );
    }
    for schema in [
        "Problem",
        "SubmitRequest",
        "Decision",
        "Held",
        "ReviewRequest",
    ] {
        assert!(
            document["components"]["schemas"][schema].is_object(),
            "{schema}"
        );
    }
    let open: Vec<_> = endpoints().into_iter().filter(|one| !one.secured).collect();
    let open: Vec<_> = open.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(
        open,
        ["/healthz", "/openapi.json", "/readyz"],
        "this list may only shrink"
    );
}

#[tokio::test]
async fn every_endpoint_refuses_strangers() {
    let house = House::open().await;
    let leaves = house.leaves().await;
    let stranger = crate::support::key(b"stranger");
    for endpoint in endpoints().into_iter().filter(|one| one.secured) {
        let unsigned = endpoint.call().header("content-type", "application/json");
        assert_eq!(
            unsigned.send(&house).await.word(),
            (401, "unsigned".to_owned()),
            "{endpoint:?}"
        );
        if !endpoint.is_login() {
            let signed = endpoint.call().signed(&house, &stranger);
            let word = signed.send(&house).await.word();
            assert_eq!(word, (401, "unknown_principal".to_owned()), "{endpoint:?}");
        }
    }
    assert_eq!(house.leaves().await, leaves, "strangers write nothing");
}

#[tokio::test]
async fn nobody_gets_through_anothers_door() {
    let house = House::open().await;
    drop(Person::Reviewer.log_in(&house).await);
    let session = Person::Reviewer.session_key();
    for endpoint in endpoints()
        .into_iter()
        .filter(|one| one.secured && !one.is_login())
    {
        let people_only = ["people", "reviews"].contains(&endpoint.tag.as_str());
        let workloads_only = endpoint.tag == "tasks"
            || ["submit", "redeem", "rekey"]
                .iter()
                .any(|verb| ends(&endpoint, verb));
        let by_workload = endpoint
            .call()
            .signed(&house, &house.workload)
            .send(&house)
            .await;
        let by_person = endpoint.call().signed(&house, &session).send(&house).await;
        for (answer, refused) in [(by_workload, people_only), (by_person, workloads_only)] {
            let is_refused = answer.status == 403 && answer.word().1 == "wrong_principal";
            assert_eq!(
                is_refused, refused,
                "{endpoint:?} {} {:?}",
                answer.status, answer.head
            );
        }
    }
}

fn ends(endpoint: &Endpoint, verb: &str) -> bool {
    endpoint.path.ends_with(verb)
        || (verb == "submit" && endpoint.method == "POST" && endpoint.path == "/v1/requests")
}

#[tokio::test]
async fn reading_changes_nothing() {
    let house = House::open().await;
    drop(Person::Reviewer.log_in(&house).await);
    let session = Person::Reviewer.session_key();
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let write = house.action(&task, "shop.write", "DELETE FROM orders");
    let held = bot
        .submit(&write, &gatehold_client::Submission::default())
        .await
        .unwrap();
    let gatehold_client::wire::Submitted::Held(held) = held else {
        panic!("decided")
    };
    let request = held.request.unwrap();

    let before = everything(&house).await;
    for endpoint in endpoints().into_iter().filter(|one| one.method == "GET") {
        for key in [&house.workload, &session] {
            for method in ["GET", "HEAD"] {
                let mut call = endpoint.call();
                call.method = method.to_owned();
                call.target = endpoint
                    .path
                    .replace("{id}", &request)
                    .replace("{leaf}", "0");
                let answer = call.clone().signed(&house, key).send(&house).await;
                assert!(
                    answer.status < 500,
                    "{method} {} {}",
                    call.target,
                    answer.status
                );
            }
        }
    }
    assert_eq!(everything(&house).await, before);
}

/// All rows and leaves, so also what nobody thought of.
async fn everything(house: &House) -> Vec<String> {
    use gatehold_core::commit::Table;
    use gatehold_gate::ports::store::{RowQuery, Store};
    let mut all = vec![format!("{:?}", house.store.head().await.unwrap())];
    for table in [Table::Request, Table::Task, Table::Grant] {
        let query = RowQuery {
            limit: 1000,
            ..RowQuery::default()
        };
        let rows = house.store.rows(table, &query).await.unwrap();
        all.extend(rows.iter().map(|row| format!("{row:?}")));
    }
    all
}

#[tokio::test]
async fn nothing_is_taken_that_is_not_described() {
    let house = House::open().await;
    drop(Person::Reviewer.log_in(&house).await);
    let session = Person::Reviewer.session_key();
    for endpoint in endpoints().into_iter().filter(|one| one.secured) {
        let people = ["people", "reviews"].contains(&endpoint.tag.as_str());
        let key = if people { &session } else { &house.workload };
        let mut surplus = endpoint.call();
        surplus.target.push_str("?surplus=1");
        let answer = surplus.signed(&house, key).send(&house).await;
        assert_eq!(
            answer.word(),
            (400, "malformed_query".to_owned()),
            "{endpoint:?}"
        );
        let mut body = endpoint.call();
        body.body = br#"{"surplus":1}"#.to_vec();
        let answer = body.signed(&house, key).send(&house).await;
        assert_eq!(
            answer.word(),
            (400, "malformed_body".to_owned()),
            "{endpoint:?}"
        );
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the test, read where it is used"
)]
pub fn accepting() -> bool {
    std::env::var_os("GATEHOLD_ACCEPT").is_some()
}
