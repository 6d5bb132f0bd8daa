//! Reading a request body: bounded, strict, checked. The one way in for every request of the API.

use super::REQUEST_BODY_BYTES_MAX;
use super::bounds::{BoundsError, ITEMS_MAX};
use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// A request body of the API.
pub trait WireRequest: Serialize + DeserializeOwned {
    /// Checks the bounds.
    ///
    /// # Errors
    /// The first member that is out of bounds or does not fit the others.
    fn check(&self) -> Result<(), BoundsError>;
}

/// Why a request body was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The body is larger than any request may be.
    #[error("the body has more than {REQUEST_BODY_BYTES_MAX} bytes; send less")]
    TooLarge,
    /// The body is not the JSON object expected here.
    #[error("the body is not what this call takes ({0}); compare it with the API document")]
    Malformed(String),
    /// A member is out of bounds.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
}

/// Reads one request body: one JSON object, no unknown or repeated member, within its bounds.
///
/// # Errors
/// What was wrong with it.
pub fn read_request<T: WireRequest>(body: &[u8]) -> Result<T, ReadError> {
    if body.len() > REQUEST_BODY_BYTES_MAX {
        return Err(ReadError::TooLarge);
    }
    // serde would also fill a struct from an array, by position.
    if body.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(ReadError::Malformed("not a JSON object".into()));
    }
    let request: T =
        serde_json::from_slice(body).map_err(|error| ReadError::Malformed(error.to_string()))?;
    request.check()?;
    Ok(request)
}

/// A map whose names are unique: `BTreeMap` alone would let the last one win.
pub(super) fn unique_names<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    struct Unique<V>(PhantomData<V>);

    impl<'de, V: Deserialize<'de>> Visitor<'de> for Unique<V> {
        type Value = BTreeMap<String, V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object without repeated names")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((name, value)) = access.next_entry()? {
                if map.len() == ITEMS_MAX || map.insert(name, value).is_some() {
                    return Err(A::Error::custom(
                        "a name is repeated, or there are too many",
                    ));
                }
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(Unique(PhantomData))
}
