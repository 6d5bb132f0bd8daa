//! Every door of the API and of the console, each called as it is meant to be, by every kind of caller: what is refused then is
//! refused for who calls, and not for how. The doors are those of the document and of the router; one that is not known here
//! stops whoever tests all of them.

use std::sync::Arc;

use gatehold_client::Submission;
use gatehold_client::wire::{Base64Bytes, Submitted};
use gatehold_core::correction::{CORRECTION_TYPE, CorrectionStatement, CorrectionText};
use gatehold_core::decide::ActKind;
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::review::REVIEW_TYPE;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::change::HumanEnrol;
use gatehold_core::trust::delegation::{DELEGATION_END_TYPE, DELEGATION_TYPE};
use gatehold_core::trust::revocation::REVOCATION_TYPE;
use gatehold_core::trust::{
    DelegationEnd, DelegationReason, DelegationStatement, ENROL_NAMESPACE, KeyRevocation,
    SAFE_NAMESPACE, SUBMIT_NAMESPACE, SignedDelegation, SubmitSignature,
};
use gatehold_core::wording::FactChallenge;
use gatehold_gate::DelegationInput;
use gatehold_proof::SigningKey;
use gatehold_server::{PAGES, Page};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::browser::{Browser, form};
use super::call::{Answer, Call};
use super::people::{self, Person};
use super::{House, NOW};
use crate::walk::{Endpoint, endpoints};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Nobody,
    Workload,
    Point,
    /// A person who is enrolled and in no team.
    Bystander,
    /// A person with a seat.
    Reviewer,
    /// A person who would have one, and answers for the workload that asks.
    Owner,
}

impl Kind {
    pub const ALL: [Self; 6] = [
        Self::Nobody,
        Self::Workload,
        Self::Point,
        Self::Bystander,
        Self::Reviewer,
        Self::Owner,
    ];

    pub fn person(self) -> Option<Person> {
        match self {
            Self::Nobody | Self::Workload | Self::Point => None,
            Self::Bystander => Some(Person::Bystander),
            Self::Reviewer => Some(Person::Reviewer),
            Self::Owner => Some(Person::Owner),
        }
    }

    /// The key with which calls of the API are signed.
    fn key(self, house: &House) -> Option<Arc<SigningKey>> {
        match self {
            Self::Nobody => None,
            Self::Workload => Some(house.workload.clone()),
            Self::Point => Some(house.point.clone()),
            person => person.person().map(Person::session_key),
        }
    }
}

/// One door.
#[derive(Debug, Clone)]
pub enum Door {
    Api(Endpoint),
    Page(Page),
}

impl Door {
    /// All of them. Last comes the one behind which whoever calls has no key any more, and what the clock is moved for.
    pub fn all() -> Vec<Self> {
        let api = endpoints().into_iter().map(Self::Api);
        let mut all: Vec<Self> = api.chain(PAGES.iter().copied().map(Self::Page)).collect();
        let last = ["POST /v1/keys/revoke", "POST /sign-in/code"];
        all.sort_by_key(|door| last.iter().position(|name| *name == door.name()));
        all
    }

    /// `POST /v1/requests`.
    pub fn name(&self) -> String {
        match self {
            Self::Api(one) => format!("{} {}", one.method, one.path),
            Self::Page(page) => format!("{} {}", page.method, page.path),
        }
    }
}

/// A house in which this kind of caller is known.
pub async fn house_of(kind: Kind) -> House {
    let house = House::open().await;
    if kind == Kind::Bystander {
        enrol(&house, Person::Bystander).await;
    }
    if let Some(person) = kind.person() {
        drop(person.log_in(&house).await);
    }
    house
}

/// The payload that enrols a person with their first key.
pub fn enrolment(house: &House, person: Person) -> String {
    let (human, key) = (person.id(), person.line());
    let message = HumanEnrol::possession_message(&house.gate.origin(), &human, &key).unwrap();
    let enrol = HumanEnrol {
        possession: person.sign(ENROL_NAMESPACE, &message),
        assurance: gatehold_core::assurance::Assurance::Software,
        attestation: None,
        suspension: None,
        human,
        key,
    };
    String::from_utf8(canonical::to_bytes(&enrol).unwrap()).unwrap()
}

async fn enrol(house: &House, person: Person) {
    people::change(&house.gate, "human.enrol", &enrolment(house, person)).await;
}

/// Calls it as this kind of caller; what came of it: the status, and the word of the problem or where it leads.
pub async fn knock(house: &House, door: &Door, kind: Kind) -> String {
    let answer = match door {
        Door::Api(one) => {
            let call = call(house, one, kind).await;
            match kind.key(house) {
                Some(key) => call.signed(house, &key).send(house).await,
                None => {
                    call.header("content-type", "application/json")
                        .send(house)
                        .await
                }
            }
        }
        Door::Page(page) => visit(house, page, kind).await,
    };
    said(&answer)
}

fn said(answer: &Answer) -> String {
    let status = answer.status;
    if answer
        .head
        .to_lowercase()
        .contains("application/problem+json")
    {
        return format!("{status} {}", answer.word().1);
    }
    let to_sign_in = answer
        .header("location")
        .is_some_and(|to| to.starts_with("/sign-in"));
    format!("{status}{}", if to_sign_in { " to sign in" } else { "" })
}

/// Something that is held.
pub async fn held(house: &House) -> String {
    ask(house, "shop.write").await
}

/// Something that may be used.
async fn usable(house: &House) -> String {
    ask(house, "shop.read").await
}

async fn ask(house: &House, descriptor: &str) -> String {
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let action = house.action(&task, descriptor, "SELECT 1");
    let request = match bot.submit(&action, &Submission::default()).await.unwrap() {
        Submitted::Held(held) => held.request,
        Submitted::Decided(decision) => decision.request,
    };
    request.unwrap()
}

fn id(request: &str) -> RequestId {
    request.parse().unwrap()
}

async fn act(house: &House, by: Person, request: &str, kind: ActKind) {
    // Whoever may not is told so by the door.
    let _refused = house
        .gate
        .act(&by.id(), id(request), kind, "other", "session")
        .await;
}

/// Something that is decided.
async fn denied(house: &House) -> String {
    let request = held(house).await;
    act(house, Person::Second, &request, ActKind::Deny).await;
    request
}

fn base64(bytes: &[u8]) -> Value {
    serde_json::to_value(Base64Bytes(bytes.to_vec())).unwrap()
}

/// The well-formed call of this endpoint, not signed yet. What is signed in it is signed by whoever calls, or else by the
/// reviewer: for others it is as good as what they could have overheard.
async fn call(house: &House, one: &Endpoint, kind: Kind) -> Call {
    let person = kind.person().unwrap_or(Person::Reviewer);
    let (name, body) = match (one.method.as_str(), one.path.as_str()) {
        (
            "GET",
            "/healthz"
            | "/readyz"
            | "/openapi.json"
            | "/v1/audit/tree-head"
            | "/v1/delegations"
            | "/v1/descriptors"
            | "/v1/gate"
            | "/v1/humans"
            | "/v1/inbox"
            | "/v1/trust/links",
        ) => (String::new(), None),
        ("GET", "/v1/audit/receipts/{leaf}") => {
            let request = id(&usable(house).await);
            let looked = house.gate.look(&Person::Owner.id(), request).await;
            (looked.unwrap().first_leaf.to_string(), None)
        }
        ("GET", "/v1/audit/dossiers/{id}" | "/v1/requests/{id}/corrections") => {
            (denied(house).await, None)
        }
        ("GET", "/v1/requests/{id}" | "/v1/requests/{id}/deciders")
        | ("POST", "/v1/requests/{id}/open" | "/v1/requests/{id}/withdraw") => {
            (held(house).await, None)
        }
        ("POST", "/v1/requests/{id}/redeem" | "/v1/requests/{id}/revoke") => {
            (usable(house).await, None)
        }
        ("POST", "/v1/requests/{id}/acts") => {
            let deny = json!({ "act": "deny", "reason": "not_justified" });
            (held(house).await, Some(deny))
        }
        ("POST", "/v1/requests/{id}/answer") => {
            let request = held(house).await;
            act(house, Person::Second, &request, ActKind::Ask).await;
            (request, Some(json!({ "text": "because" })))
        }
        ("POST", "/v1/requests/{id}/reviews") => {
            let request = held(house).await;
            let review = review(house, person, &request).await;
            (request, Some(review))
        }
        ("POST", "/v1/requests/{id}/corrections") => {
            let request = denied(house).await;
            let correction = correction(house, person, &request).await;
            (request, Some(correction))
        }
        ("POST", "/v1/requests") => {
            let task = match kind {
                Kind::Point => task_of_point(house).await,
                _ => house.task(&house.client(&house.workload)).await,
            };
            let action = house.action(&task, "shop.read", "SELECT 1");
            (String::new(), Some(serde_json::to_value(action).unwrap()))
        }
        ("POST", "/v1/tasks") => (String::new(), Some(json!({ "purpose": "repair" }))),
        ("POST", "/v1/tasks/{id}/end") => {
            let bot = house.client(&house.workload);
            (house.task(&bot).await, None)
        }
        ("POST", "/v1/stops") => {
            let stop = json!({ "scope": "resource", "name": "elsewhere/", "reason": "odd" });
            (String::new(), Some(stop))
        }
        ("POST", "/v1/changes") => {
            let team = json!({ "team": "standby", "members": [person.id()] }).to_string();
            (
                String::new(),
                Some(change(house, person, "team.set", team.as_bytes())),
            )
        }
        ("POST", "/v1/sessions") => {
            let ephemeral = person.session_key();
            let login = person.login_request(&house.gate, &ephemeral);
            (String::new(), Some(serde_json::to_value(login).unwrap()))
        }
        ("POST", "/v1/keys/revoke") => (String::new(), Some(revocation(house, person))),
        ("POST", "/v1/delegations") => (String::new(), Some(delegation(house, person, "one").1)),
        ("POST", "/v1/delegations/end") => (String::new(), Some(ended(house, person).await)),
        other => panic!(
            "{other:?} is a new door: say here how it is called, and run with GATEHOLD_ACCEPT=1 to have \
             docs/reference/doors.md say who may"
        ),
    };
    let mut target = one.path.replace("{id}", &name).replace("{leaf}", &name);
    if kind == Kind::Point && one.acts_for_others {
        target.push_str("?workload=deploy-bot");
    }
    let body = body.map_or_else(String::new, |body| body.to_string());
    Call::new(&one.method, &target, body)
}

/// A task that the point began for the workload.
async fn task_of_point(house: &House) -> String {
    let purpose = json!({ "purpose": "repair" }).to_string();
    let call = Call::new("POST", "/v1/tasks?workload=deploy-bot", purpose);
    let answer = call.signed(house, &house.point).send(house).await;
    let task: Value = serde_json::from_slice(&answer.body).unwrap();
    task["task"].as_str().unwrap().to_owned()
}

/// What this person signs to approve it, whether or not they have a seat.
async fn review(house: &House, person: Person, request: &str) -> Value {
    let by = Person::Reviewer;
    let opened = house
        .gate
        .open_request(&by.id(), &by.thumbprint(), id(request))
        .await;
    let opened = opened.unwrap();
    let mut context = opened.context;
    let record = &opened.record;
    let fact = FactChallenge::of(&record.request_nonce, &context.limits, &record.envelope);
    let answers = people::answers(fact);
    context.answers_hash = answers.hash().unwrap();
    let human = person.id();
    context.reviewer.subject = human.subject().to_owned();
    context.reviewer.issuer = human.issuer().to_owned();
    context.reviewer.key = person.thumbprint();
    let authority = house.gate.with_directory(|directory| {
        let authority = directory.authority(&human, &person.thumbprint());
        authority.map(|authority| authority.hash())
    });
    context.reviewer.authority_hash = authority.unwrap();
    let bytes = context.to_bytes().unwrap();
    json!({
        "context": base64(&bytes), "signature": person.sign(REVIEW_TYPE, &bytes),
        "answers": answers.criteria, "justification": answers.justification, "salt": answers.salt,
    })
}

async fn correction(house: &House, person: Person, request: &str) -> Value {
    let recorded = house.gate.recorded(id(request), None).await.unwrap();
    let last = recorded.last().unwrap();
    let words = CorrectionText {
        text: "the ticket was another one".to_owned(),
        salt: "ab".repeat(32),
    };
    let statement = CorrectionStatement {
        type_: CORRECTION_TYPE.to_owned(),
        gate: house.gate.origin(),
        request: id(request),
        leaf: last.leaf,
        commitment: last.commitment,
        text_hash: CorrectionText::hash_of(&words.to_bytes().unwrap()),
        human: person.id(),
        key: person.thumbprint(),
        issued_at: Timestamp::from_millis(NOW),
    };
    let statement = canonical::to_bytes(&statement).unwrap();
    json!({
        "statement": base64(&statement), "signature": person.sign(CORRECTION_TYPE, &statement),
        "text": words.text, "salt": words.salt,
    })
}

/// What a person sends to have the gate changed.
pub fn change(house: &House, person: Person, descriptor: &str, payload: &[u8]) -> Value {
    let envelope = people::envelope_of(&house.gate, None, descriptor, payload);
    let envelope = canonical::to_bytes(&envelope).unwrap();
    let nonce = format!("change-{}", Hash::of(payload).hex().get(..32).unwrap());
    let message = SubmitSignature::message(&envelope, &nonce);
    json!({
        "envelope": base64(&envelope), "payload": base64(payload),
        "signature": person.sign(SUBMIT_NAMESPACE, message.as_bytes()), "nonce": nonce,
    })
}

fn revocation(house: &House, person: Person) -> Value {
    let statement = KeyRevocation {
        type_: REVOCATION_TYPE.to_owned(),
        gate: house.gate.origin(),
        human: person.id(),
        key: person.thumbprint(),
    };
    signed_by(person, &canonical::to_bytes(&statement).unwrap())
}

fn signed_by(person: Person, statement: &[u8]) -> Value {
    let signature = json!({
        "human": person.id(), "key": person.thumbprint(),
        "signature": person.sign(SAFE_NAMESPACE, statement),
    });
    json!({ "statement": base64(statement), "signatures": [signature] })
}

fn delegation(house: &House, person: Person, nonce: &str) -> (SignedDelegation, Value) {
    let reason = DelegationReason {
        text: String::new(),
        salt: "ab".repeat(32),
    };
    let statement = DelegationStatement {
        type_: DELEGATION_TYPE.to_owned(),
        gate: house.gate.origin(),
        from: person.id(),
        key: person.thumbprint(),
        to: Person::Second.id(),
        teams: ["reviewers".parse().unwrap()].into(),
        task: None,
        checkpoints: None,
        not_before: Timestamp::from_millis(NOW),
        not_after: Timestamp::from_millis(NOW + 86_400_000),
        reason: DelegationReason::hash_of(&reason.to_bytes().unwrap()),
        nonce: Hash::of(nonce.as_bytes()).hex(),
        created_at: Timestamp::from_millis(NOW),
    };
    let statement = String::from_utf8(canonical::to_bytes(&statement).unwrap()).unwrap();
    let signature = person.sign(DELEGATION_TYPE, statement.as_bytes());
    let sent = json!({
        "statement": base64(statement.as_bytes()), "signature": signature, "reason": "",
        "salt": reason.salt,
    });
    (
        SignedDelegation {
            statement,
            signature,
        },
        sent,
    )
}

/// The end of a delegation of the reviewer's, signed by whoever calls alone.
async fn ended(house: &House, person: Person) -> Value {
    let (delegation, _) = delegation(house, Person::Reviewer, "another");
    let statement = DelegationEnd {
        type_: DELEGATION_END_TYPE.to_owned(),
        gate: house.gate.origin(),
        delegation: delegation.id(),
    };
    let reason = DelegationReason {
        text: String::new(),
        salt: "ab".repeat(32),
    };
    house
        .gate
        .delegate(DelegationInput { delegation, reason })
        .await
        .unwrap();
    signed_by(person, &canonical::to_bytes(&statement).unwrap())
}

/// Calls a page: people through a session of a browser, machines with what signs their calls of the API.
async fn visit(house: &House, page: &Page, kind: Kind) -> Answer {
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
            "/" | "/keys" | "/decided" | "/find" | "/workloads" | "/overview" | "/events"
            | "/sign-in" | "/sign-in/start" | "/sign-in/callback",
        ) => (String::new(), nothing()),
        ("GET", "/static/{name}") => ("console.css".to_owned(), nothing()),
        ("GET", "/tasks/{id}") => (house.task(&house.client(&house.workload)).await, nothing()),
        ("GET", "/requests/{id}" | "/requests/{id}/stamp") => (held(house).await, nothing()),
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
