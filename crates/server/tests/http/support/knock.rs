//! Every door of the API and of the console, each called as it is meant to be, by every kind of caller: what is refused then is
//! refused for who calls, and not for how. The doors are those of the document and of the router; one that is not known here
//! stops whoever tests all of them.

mod calls;
pub mod pages;
pub mod signed;

use std::sync::Arc;

use gatehold_client::Submission;
use gatehold_client::wire::Submitted;
use gatehold_core::decide::ActKind;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::trust::ENROL_NAMESPACE;
use gatehold_core::trust::change::HumanEnrol;
use gatehold_proof::SigningKey;
use gatehold_server::{PAGES, Page};

use super::House;
use super::call::Answer;
use super::people::{self, Person};
use crate::walk::{Endpoint, endpoints};
use calls::call;
use pages::visit;

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
