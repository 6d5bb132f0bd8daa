//! The well-formed call of every endpoint of the API.

use gatehold_core::decide::ActKind;
use serde_json::{Value, json};

use super::signed::{change, correction, delegation, ended, glass, looked, review, revocation};
use super::{Kind, act, denied, held, id, usable};
use crate::support::House;
use crate::support::call::Call;
use crate::support::people::Person;
use crate::walk::Endpoint;

/// The well-formed call of this endpoint, not signed yet. What is signed in it is signed by whoever calls, or else by the
/// reviewer: for others it is as good as what they could have overheard.
pub(super) async fn call(house: &House, one: &Endpoint, kind: Kind) -> Call {
    let person = kind.person().unwrap_or(Person::Reviewer);
    let (name, body) = match (one.method.as_str(), one.path.as_str()) {
        (
            "GET",
            "/healthz"
            | "/readyz"
            | "/openapi.json"
            | "/v1/audit/tree-head"
            | "/v1/break-glass"
            | "/v1/delegations"
            | "/v1/descriptors"
            | "/v1/gate"
            | "/v1/humans"
            | "/v1/inbox"
            | "/v1/leases"
            | "/v1/me"
            | "/v1/revocation"
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
        ("POST", "/v1/requests/{id}/rekey") | ("GET", "/v1/leases/{id}") => {
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
        ("POST", "/v1/requests/{id}/break-glass") => {
            let request = held(house).await;
            let glass = glass(house, person, &request).await;
            (request, Some(glass))
        }
        ("POST", "/v1/break-glass/reviews") => {
            let request = held(house).await;
            (String::new(), Some(looked(house, person, &request)))
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
