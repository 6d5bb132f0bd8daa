//! Where credentials are made, and where they end.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use gatehold_gate::ports::issuer::Removal;
use gatehold_gate::{
    Apart, CASE_BYTES_MAX, EndAsked, FoundAsked, FoundThere, IssueAsked, Made, Removed,
};
use http::StatusCode;

use super::{no, read, said, said_no};

/// Longest list of credentials that are to end, in bytes.
const RECIPES_BYTES_MAX: usize = 1 << 20;

/// Makes the credential that is proven, once. It is in this answer and nowhere else.
pub(super) async fn issue(State(apart): State<Apart>, body: Body) -> Response {
    let asked: IssueAsked = match read(body, CASE_BYTES_MAX).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    match apart.issue(asked).await {
        Ok(issuance) => said(StatusCode::OK, &Made::from(issuance)),
        Err(refused) => said_no(&refused),
    }
}

/// Makes many of no use, before each is taken away.
pub(super) async fn shut(State(apart): State<Apart>, body: Body) -> Response {
    let asked: EndAsked = match read(body, RECIPES_BYTES_MAX).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    match apart.shut(&asked).await {
        Ok(()) => said(StatusCode::OK, &serde_json::json!({})),
        Err(refused) => said_no(&refused),
    }
}

/// Takes one away.
pub(super) async fn remove(State(apart): State<Apart>, body: Body) -> Response {
    let asked: EndAsked = match read(body, RECIPES_BYTES_MAX).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let [recipe] = asked.recipes.as_slice() else {
        let text = "one credential is taken away at a time";
        return no(StatusCode::BAD_REQUEST, "unreadable", text);
    };
    let remains = match apart.remove(&asked.target, recipe).await {
        Ok(Removal::Gone) => None,
        Ok(Removal::Remains(code)) => Some(code.to_owned()),
        Err(refused) => return said_no(&refused),
    };
    said(StatusCode::OK, &Removed { remains })
}

/// Tells what stands at a target.
pub(super) async fn found(State(apart): State<Apart>, body: Body) -> Response {
    let asked: FoundAsked = match read(body, RECIPES_BYTES_MAX).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    match apart.found(&asked.target).await {
        Ok(recipes) => said(StatusCode::OK, &FoundThere { recipes }),
        Err(not_told) => no(StatusCode::BAD_GATEWAY, "not_told", &not_told.to_string()),
    }
}
