//! Bodies: JSON of one type, strictly read, or none at all. What a call does not take is refused, never ignored.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use gatehold_client::wire::{ReadError, WireRequest, read_request};
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::problem::ApiError;

/// A JSON body.
pub(super) struct Json<T>(pub T);

/// No body.
pub(super) struct NoBody;

impl<T: WireRequest, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let declared = is_json(request.headers());
        let body = bytes(request, state).await?;
        if !declared {
            return Err(ApiError::MediaType);
        }
        Ok(Self(read_request(&body)?))
    }
}

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if bytes(request, state).await?.is_empty() {
            Ok(Self)
        } else {
            Err(ReadError::Malformed("this call takes no body".to_owned()).into())
        }
    }
}

/// The authentication layer has read the body within its bounds and put it back.
async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state)
        .await
        .map_err(|_| ApiError::BodyBroken)
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value
        .and_then(|text| text.split(';').next())
        .unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}
