//! Paths, queries and the one preference: small, typed, and closed. A parameter that a call does not know is refused, so
//! that nobody believes in a `dry_run` that was never read.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, Query};
use http::HeaderMap;
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::problem::ApiError;

/// The `{id}` of a path.
pub(super) struct Id<T>(pub T);

/// A query of exactly these parameters.
pub(super) struct Params<T>(pub T);

/// No parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct None {}

/// For whom an enforcement point acts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActingFor {
    pub workload: Option<String>,
}

/// After which leaf.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    pub after: Option<u64>,
}

/// As [`ActingFor`], and whether to only say what would be decided.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Submitting {
    pub workload: Option<String>,
    #[serde(default)]
    pub dry_run: bool,
}

/// Whether to only say what would be decided.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DryRun {
    #[serde(default)]
    pub dry_run: bool,
}

impl<T, S> FromRequestParts<S> for Id<T>
where
    T: FromStr,
    T::Err: Display,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::Member {
                member: "id",
                why: error.body_text(),
            })?;
        let id = text.parse().map_err(|error: T::Err| ApiError::Member {
            member: "id",
            why: error.to_string(),
        })?;
        Ok(Self(id))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Query::from_request_parts(parts, state)
            .await
            .map(|Query(query)| Self(query))
            .map_err(|error| ApiError::Query(error.body_text()))
    }
}

/// `Prefer: wait=N` (RFC 7240), bounded. It is not signed, and it changes only when the answer comes. A preference that
/// cannot be read is ignored, as the RFC wants.
pub(super) fn preferred_wait(headers: &HeaderMap, most: Duration) -> Option<Duration> {
    let seconds: u64 = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|preference| preference.split(';').next()?.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .and_then(|(_, seconds)| seconds.trim().parse().ok())?;
    let wait = Duration::from_secs(seconds).min(most);
    (!wait.is_zero()).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_and_bounded() {
        let most = Duration::from_secs(60);
        for (values, seconds) in [
            (&["wait=10"][..], Some(10)),
            (&["respond-async, Wait = 7"], Some(7)),
            (&["handling=lenient", "wait=5; x=1"], Some(5)),
            (&["wait=10000000"], Some(60)),
            (&["wait=0"], Option::None),
            (&["wait=-1"], Option::None),
            (&["wait=x"], Option::None),
            (&["wait"], Option::None),
            (&[][..], Option::None),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("prefer", value.parse().unwrap());
            }
            let wait = preferred_wait(&headers, most).map(|wait| wait.as_secs());
            assert_eq!(wait, seconds, "{values:?}");
        }
    }
}
