//! What a provider is answered: users, lists, errors (RFC 7644, 3.12) and what there is (section 4).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gatehold_gate::GateError;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::app::App;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// Why a provider's call was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScimError {
    /// Another token, or none.
    #[error("the bearer token is not the one in this gate's configuration")]
    NoToken,
    /// The body cannot be read.
    #[error("the body is no SCIM document in application/scim+json")]
    Syntax,
    /// It is too large.
    #[error("the body has more than 64 KiB")]
    TooLarge,
    /// What it says is not of its form.
    #[error("{0}")]
    Value(&'static str),
    /// An attribute that names somebody does not.
    #[error("`{0}` is a text that is not empty")]
    Text(&'static str),
    /// The attribute that is configured as the subject is missing, or no name of anybody.
    #[error(
        "`{0}` must be the subject of this provider's tokens; map it so, or correct `identity_provider.scim_subject`"
    )]
    Subject(&'static str),
    /// A user would become somebody else.
    #[error("a user keeps its subject; another subject is another user")]
    Another,
    /// A filter that is not answered.
    #[error("a filter is `id`, `userName` or `externalId`, `eq` and a text in quotes")]
    Filter,
    /// There is no such user here.
    #[error("there is no such user at this gate")]
    Nobody,
    /// Too many were given back, or one was said again to be gone too often.
    #[error(
        "too many people were given back within the hour, or this one was said again to be gone too often; nothing changed, try again later"
    )]
    TooMany,
    /// Somebody who is to be given back was said to be gone while that was on its way.
    #[error("the user was deactivated while this was on its way; send it again if they are active")]
    GoneSince,
    /// The gate refused or failed.
    #[error(transparent)]
    Gate(#[from] GateError),
}

impl ScimError {
    const fn status(&self) -> StatusCode {
        match self {
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::Syntax
            | Self::Value(_)
            | Self::Text(_)
            | Self::Subject(_)
            | Self::Another
            | Self::Filter => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Nobody => StatusCode::NOT_FOUND,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::GoneSince => StatusCode::CONFLICT,
            Self::Gate(GateError::Refused(_)) => StatusCode::FORBIDDEN,
            Self::Gate(GateError::Damaged(_)) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Gate(
                GateError::Store(_)
                | GateError::Busy
                | GateError::Journaled
                | GateError::JournalWaits(_),
            ) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The word of RFC 7644, table 9, where there is one.
    const fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Syntax => Some("invalidSyntax"),
            Self::Value(_) | Self::Text(_) | Self::Subject(_) => Some("invalidValue"),
            Self::Another => Some("mutability"),
            Self::Filter => Some("invalidFilter"),
            _ => None,
        }
    }

    /// Nothing about the cause of a fault: it stands in the log.
    fn detail(&self) -> String {
        match self {
            Self::Gate(GateError::Refused(_)) | Self::Gate(GateError::JournalWaits(_)) => {
                self.to_string()
            }
            Self::Gate(_) => "the gate cannot do that now; try again".to_owned(),
            other => other.to_string(),
        }
    }
}

impl IntoResponse for ScimError {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(error = %self, "what the identity provider says could not be recorded");
        }
        let mut document = json!({
            "schemas": [ERROR], "status": status.as_str(), "detail": self.detail(),
        });
        if let (Some(kind), Some(object)) = (self.kind(), document.as_object_mut()) {
            object.insert("scimType".to_owned(), Value::from(kind));
        }
        let mut response = answer(status, &document);
        let headers = response.headers_mut();
        match status {
            StatusCode::UNAUTHORIZED => {
                let challenge = HeaderValue::from_static("Bearer realm=\"gatehold\"");
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("30"));
            }
            _ => {}
        }
        response
    }
}

/// A document as SCIM has it.
pub(super) fn answer(status: StatusCode, document: &Value) -> Response {
    let mut headers = HeaderMap::with_capacity(1);
    let kind = HeaderValue::from_static("application/scim+json");
    headers.insert(CONTENT_TYPE, kind);
    (status, headers, document.to_string()).into_response()
}

/// A user: who they are, and whether the provider took their keys' force.
pub(super) fn user(location: &str, id: &str, subject: &str, active: bool) -> Value {
    json!({
        "schemas": [USER], "id": id, "userName": subject, "externalId": subject, "active": active,
        "meta": { "resourceType": "User", "location": location },
    })
}

/// Some of so many users, beginning with the one of this number.
pub(super) fn list(total: usize, start: usize, users: Vec<Value>) -> Value {
    json!({
        "schemas": [LIST], "totalResults": total, "startIndex": start,
        "itemsPerPage": users.len(), "Resources": users,
    })
}

/// `GET /scim/v2/ServiceProviderConfig`.
pub(super) async fn config() -> Response {
    let no = json!({ "supported": false });
    let document = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": super::users::PAGE_MAX },
        "changePassword": no, "sort": no, "etag": no,
        "authenticationSchemes": [{
            "type": "oauthbearertoken", "name": "Bearer token",
            "description": "The token in this gate's configuration",
        }],
    });
    answer(StatusCode::OK, &document)
}

/// `GET /scim/v2/ResourceTypes`.
pub(super) async fn resource_types() -> Response {
    let user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": "User", "name": "User", "endpoint": "/Users", "schema": USER,
        "description": "Somebody whom this provider vouches for",
    });
    answer(StatusCode::OK, &list(1, 1, vec![user]))
}

/// `GET /scim/v2/Schemas`: the attributes that mean something here.
pub(super) async fn schemas(State(app): State<App>) -> Response {
    let subject = app.provisioning().map(|provider| provider.subject.as_str());
    let attribute = |name: &str, kind: &str, mutability: &str| {
        json!({
            "name": name, "type": kind, "multiValued": false, "required": subject == Some(name),
            "mutability": mutability, "returned": "default",
        })
    };
    let user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": USER, "name": "User",
        "attributes": [
            attribute("userName", "string", "immutable"),
            attribute("externalId", "string", "immutable"),
            attribute("active", "boolean", "readWrite"),
        ],
    });
    answer(StatusCode::OK, &list(1, 1, vec![user]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7644, 3.12: the resource is not as whoever sent this knew it.
    #[test]
    fn an_active_that_was_overtaken_is_a_conflict() {
        let answer = ScimError::GoneSince.into_response();
        assert_eq!(answer.status(), StatusCode::CONFLICT);
        assert!(answer.headers().get(RETRY_AFTER).is_none());
        assert!(ScimError::GoneSince.detail().contains("send it again"));
    }
}
