//! What a provider sends: of a user, who it is and whether they are active, and nothing else. What could mean that somebody is
//! gone and cannot be read so is refused, never passed over.

use axum::body::Body;
use axum::extract::Request;
use gatehold_core::ids::HumanId;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::said::ScimError;
use super::{Provisioning, SubjectAttribute};
use crate::app::App;
use crate::auth;
use crate::problem::ApiError;

/// Users of a provider are far smaller.
const BODY_BYTES_MAX: usize = 64 << 10;
/// Most operations of one patch.
const OPERATIONS_MAX: usize = 100;
/// In front of an attribute's name, where it is written in full (RFC 7644, 3.10).
const USER_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:user:";

/// A user as a provider writes one, or wants one changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Asked {
    pub external_id: Option<String>,
    pub user_name: Option<String>,
    pub active: Option<bool>,
}

impl Asked {
    /// What names them in tokens, if it is there.
    pub fn subject(&self, attribute: SubjectAttribute) -> Option<&str> {
        match attribute {
            SubjectAttribute::ExternalId => self.external_id.as_deref(),
            SubjectAttribute::UserName => self.user_name.as_deref(),
        }
    }

    /// Whether it leaves them who they are: a user of another subject is another person, and is no change of this one.
    pub fn names_another(&self, attribute: SubjectAttribute, human: &HumanId) -> bool {
        let subject = self.subject(attribute);
        subject.is_some_and(|subject| subject != human.subject())
    }

    /// Takes one attribute. What is said of anything else is not kept, and changes nothing here.
    fn take(&mut self, name: &str, value: &Value) -> Result<(), ScimError> {
        let lower = name.to_ascii_lowercase();
        match lower.strip_prefix(USER_SCHEMA).unwrap_or(&lower) {
            "active" => put(&mut self.active, flag(value)?),
            "externalid" => put(&mut self.external_id, text(value, "externalId")?),
            "username" => put(&mut self.user_name, text(value, "userName")?),
            other if other.contains("active") => Err(ScimError::Value(
                "an attribute that may mean `active` is not written as RFC 7643 does",
            )),
            _ => Ok(()),
        }
    }

    fn take_all(&mut self, object: &Map<String, Value>) -> Result<(), ScimError> {
        object
            .iter()
            .try_for_each(|(name, value)| self.take(name, value))
    }
}

/// Once: of two that differ nobody knows which one is meant.
fn put<T: PartialEq>(place: &mut Option<T>, value: T) -> Result<(), ScimError> {
    match place.replace(value) {
        Some(before) if Some(&before) != place.as_ref() => {
            Err(ScimError::Value("one attribute has two values"))
        }
        _ => Ok(()),
    }
}

/// Some providers write `"False"`.
fn flag(value: &Value) -> Result<bool, ScimError> {
    let said = match value {
        Value::Bool(said) => Some(*said),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    };
    said.ok_or(ScimError::Value("`active` is true or false"))
}

fn text(value: &Value, name: &'static str) -> Result<String, ScimError> {
    let text = value.as_str().filter(|text| !text.is_empty());
    text.map(ToOwned::to_owned).ok_or(ScimError::Text(name))
}

/// The user in a body (POST, PUT).
pub(super) async fn user(app: &App, request: Request<Body>) -> Result<Asked, ScimError> {
    let object: Map<String, Value> = document(app, request).await?;
    let mut asked = Asked::default();
    asked.take_all(&object)?;
    Ok(asked)
}

#[derive(Deserialize)]
struct Patch {
    #[serde(rename = "Operations", alias = "operations")]
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    op: String,
    path: Option<String>,
    #[serde(default)]
    value: Value,
}

/// What a patch wants changed.
pub(super) async fn patch(app: &App, request: Request<Body>) -> Result<Asked, ScimError> {
    let patch: Patch = document(app, request).await?;
    if patch.operations.is_empty() || patch.operations.len() > OPERATIONS_MAX {
        return Err(ScimError::Value("a patch has 1 to 100 operations"));
    }
    let mut asked = Asked::default();
    for operation in &patch.operations {
        operation.read(&mut asked)?;
    }
    Ok(asked)
}

impl Operation {
    fn read(&self, asked: &mut Asked) -> Result<(), ScimError> {
        let op = self.op.to_ascii_lowercase();
        match (op.as_str(), &self.path, &self.value) {
            ("add" | "replace", None, Value::Object(object)) => asked.take_all(object),
            ("add" | "replace", Some(path), value) => asked.take(path, value),
            // Nothing that is kept here can be removed; without `active` nobody is anything.
            ("remove", Some(path), _) if !path.to_ascii_lowercase().contains("active") => Ok(()),
            ("remove", ..) => Err(ScimError::Value("`active` is set, and not removed")),
            _ => Err(ScimError::Value(
                "an operation is add, replace or remove, with a path or an object",
            )),
        }
    }
}

async fn document<T: DeserializeOwned>(app: &App, request: Request<Body>) -> Result<T, ScimError> {
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let known = ["application/scim+json", "application/json"];
    if !known.iter().any(|known| kind.eq_ignore_ascii_case(known)) {
        return Err(ScimError::Syntax);
    }
    let body = auth::read_body(app, body, BODY_BYTES_MAX).await;
    let body = body.map_err(|error| match error {
        ApiError::BodyTooLarge => ScimError::TooLarge,
        _ => ScimError::Syntax,
    })?;
    serde_json::from_slice(&body).map_err(|_| ScimError::Syntax)
}

/// What a list is asked for.
#[derive(Debug, Deserialize, Default)]
pub(super) struct ListQuery {
    pub filter: Option<String>,
    #[serde(rename = "startIndex")]
    pub start: Option<i64>,
    pub count: Option<i64>,
}

/// Whom a filter names. `attribute eq "value"` is the one that providers look people up with, and the one that is answered.
pub(super) fn named(filter: &str, provider: &Provisioning) -> Result<Option<HumanId>, ScimError> {
    let mut words = filter.trim().splitn(3, ' ');
    let (attribute, operator, value) = (words.next(), words.next(), words.next());
    let (Some(attribute), Some(operator), Some(value)) = (attribute, operator, value) else {
        return Err(ScimError::Filter);
    };
    let value: String = serde_json::from_str(value.trim()).map_err(|_| ScimError::Filter)?;
    if !operator.eq_ignore_ascii_case("eq") {
        return Err(ScimError::Filter);
    }
    if attribute.eq_ignore_ascii_case("id") {
        return Ok(super::users::of_id(&value, provider).ok());
    }
    if attribute.eq_ignore_ascii_case(provider.subject.as_str()) {
        return Ok(HumanId::new(&provider.issuer, &value).ok());
    }
    let other = ["userName", "externalId"];
    if other
        .iter()
        .any(|other| attribute.eq_ignore_ascii_case(other))
    {
        // Nothing is known of it, so nobody has it.
        return Ok(None);
    }
    Err(ScimError::Filter)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(document: &Value) -> Result<Asked, ScimError> {
        let mut asked = Asked::default();
        asked
            .take_all(document.as_object().unwrap())
            .map(|()| asked)
    }

    fn patched(operations: Value) -> Result<Asked, ScimError> {
        let operations: Vec<Operation> = serde_json::from_value(operations).unwrap();
        let mut asked = Asked::default();
        for operation in &operations {
            operation.read(&mut asked)?;
        }
        Ok(asked)
    }

    #[test]
    fn active_is_read_as_providers_write_it() {
        for (document, active) in [
            (json!({"active": false}), Some(false)),
            (json!({"active": "False"}), Some(false)),
            (json!({"Active": true}), Some(true)),
            (
                json!({"urn:ietf:params:scim:schemas:core:2.0:User:active": false}),
                Some(false),
            ),
            (json!({"displayName": "Priya", "emails": []}), None),
        ] {
            assert_eq!(read(&document).unwrap().active, active, "{document}");
        }
        for operations in [
            json!([{"op": "replace", "path": "active", "value": false}]),
            json!([{"op": "Replace", "path": "active", "value": "False"}]),
            json!([{"op": "replace", "value": {"active": false}}]),
            json!([{"op": "add", "path": "title", "value": "x"}, {"op": "replace", "value": {"active": false}}]),
        ] {
            assert_eq!(
                patched(operations.clone()).unwrap().active,
                Some(false),
                "{operations}"
            );
        }
    }

    #[test]
    fn what_may_mean_active_is_never_passed_over() {
        for document in [
            json!({"active": null}),
            json!({"active": "no"}),
            json!({"active": 0}),
            json!({"active": false, "Active": true}),
            json!({"urn:example:active": false}),
        ] {
            assert!(read(&document).is_err(), "{document}");
        }
        for operations in [
            json!([{"op": "remove", "path": "active"}]),
            json!([{"op": "remove"}]),
            json!([{"op": "replace", "value": false}]),
            json!([{"op": "replace", "path": "active[value eq true]", "value": false}]),
            json!([{"op": "move", "path": "active", "value": false}]),
            json!([{"op": "replace", "path": "active"}]),
            json!([{"op": "replace", "path": "active", "value": true}, {"op": "replace", "path": "active", "value": false}]),
        ] {
            assert!(patched(operations.clone()).is_err(), "{operations}");
        }
    }
}
