//! The OpenAPI document: what the handlers say of themselves, and what is the same for all of them.

use utoipa::OpenApi as _;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::{ContentBuilder, InfoBuilder, OpenApi, RefOr, ResponseBuilder, Schema};
use utoipa::{PartialSchema as _, ToSchema as _};

use gatehold_client::wire::{PROBLEM_MEDIA_TYPE, Problem, ProblemCode};

use crate::api::Paths;

/// The document.
#[must_use]
pub fn document() -> OpenApi {
    let mut document = Paths::openapi();
    document.info = InfoBuilder::new()
        .title("Gatehold")
        .version("v1")
        .description(Some(DESCRIPTION))
        .build();
    let components = document.components.get_or_insert_default();
    let proof = ApiKeyValue::with_description("Signature", PROOF);
    components.security_schemes.insert(
        "proof".to_owned(),
        SecurityScheme::ApiKey(ApiKey::Header(proof)).into(),
    );
    for (name, schema) in [
        (Problem::name(), Problem::schema()),
        (ProblemCode::name(), ProblemCode::schema()),
    ] {
        components.schemas.insert(name.into_owned(), schema);
    }
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            operation
                .responses
                .responses
                .insert("default".to_owned(), RefOr::T(problem().into()));
        }
    }
    document
}

/// The document as it is served and checked in: two spaces, one final line feed.
#[must_use]
pub(crate) fn text() -> String {
    let mut text = document().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

fn problem() -> ResponseBuilder {
    let content = ContentBuilder::new()
        .schema(Some(RefOr::<Schema>::Ref(
            utoipa::openapi::Ref::from_schema_name("Problem"),
        )))
        .build();
    ResponseBuilder::new()
        .description("Why the call was not carried out, and what to do next (RFC 9457).")
        .content(PROBLEM_MEDIA_TYPE, content)
}

const DESCRIPTION: &str = "Decides whether a piece of software may do one exact thing, holds what people must decide, and \
lets it out only against proof. Answers are decisions; problems (RFC 9457) are only for what could not be decided.";

const PROOF: &str = "HTTP Message Signature (RFC 9421) on every call, by an enrolled key or the key of a login session. \
Covers, in this order: \"@method\", \"@target-uri\" (the configured public URL and the raw path and query), \
\"content-digest\" (RFC 9530, sha-256, also of an empty body) and \"idempotency-key\" exactly when that header is sent. \
Parameters: created, expires (at most 60 s later), nonce (16 to 64 base64url characters, new for each call), keyid (RFC 7638 \
thumbprint) and tag=\"gatehold-v1\".";
