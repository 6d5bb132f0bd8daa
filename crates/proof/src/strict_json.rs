//! JSON for tokens and keys, with nothing to interpret: no duplicate names, no floats, integers within 2^53-1, no `null`,
//! bounded size and depth. Members are *taken* by name and type, and `finish` refuses what nobody took: an unknown member
//! is never ignored (threat C9).

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Why a JSON object was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Longer than the caller's limit.
    #[error("the JSON text is longer than {max_bytes} bytes; send a smaller one")]
    TooLong {
        /// The limit that applied.
        max_bytes: usize,
    },
    /// Not JSON, or JSON outside the strict profile.
    #[error(
        "the text is not strict JSON ({0}); send one object without duplicate names, floats or null"
    )]
    NotStrict(String),
    /// A required member is absent.
    #[error("member `{0}` is missing; add it")]
    Missing(&'static str),
    /// A member has another type, or is outside its bounds.
    #[error("member `{0}` has the wrong type or is out of bounds; see the profile's documentation")]
    WrongType(&'static str),
    /// A member that the profile does not name.
    #[error("member `{0}` is not part of the profile; remove it")]
    Unknown(String),
}

/// A JSON value of the strict profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `true` or `false`.
    Bool(bool),
    /// An integer with |n| <= 2^53-1.
    Integer(i64),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object, in the order it was written.
    Object(Object),
}

/// A JSON object without duplicate names, whose members are taken one by one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Object(Vec<(String, Json)>);

impl Object {
    /// Parses one object of at most `max_bytes`.
    ///
    /// # Errors
    /// `TooLong` or `NotStrict`; also when the text is JSON but not an object.
    pub fn parse(text: &[u8], max_bytes: usize) -> Result<Self, JsonError> {
        if text.len() > max_bytes {
            return Err(JsonError::TooLong { max_bytes });
        }
        // serde_json ends at 128 levels of depth by itself, and `from_slice` refuses anything after the value.
        match serde_json::from_slice::<Json>(text) {
            Ok(Json::Object(object)) => Ok(object),
            Ok(_) => Err(JsonError::NotStrict("not an object".into())),
            Err(error) => Err(JsonError::NotStrict(error.to_string())),
        }
    }

    /// Takes an optional member, whatever its type.
    pub fn take(&mut self, name: &str) -> Option<Json> {
        let at = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.remove(at).1)
    }

    fn require(&mut self, name: &'static str) -> Result<Json, JsonError> {
        self.take(name).ok_or(JsonError::Missing(name))
    }

    /// Takes a required, non-empty string of at most `max_bytes`.
    ///
    /// # Errors
    /// `Missing`, or `WrongType` for another type, an empty or an over-long string.
    pub fn text(&mut self, name: &'static str, max_bytes: usize) -> Result<String, JsonError> {
        match self.require(name)? {
            Json::Text(text) if !text.is_empty() && text.len() <= max_bytes => Ok(text),
            _ => Err(JsonError::WrongType(name)),
        }
    }

    /// As [`Object::text`], for a member that may be absent.
    ///
    /// # Errors
    /// `WrongType` when it is present and not such a string.
    pub fn optional_text(
        &mut self,
        name: &'static str,
        max_bytes: usize,
    ) -> Result<Option<String>, JsonError> {
        if self.0.iter().any(|(key, _)| key == name) {
            self.text(name, max_bytes).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Takes a required integer that is not negative.
    ///
    /// # Errors
    /// `Missing`, or `WrongType` for another type or a negative integer.
    pub fn unsigned(&mut self, name: &'static str) -> Result<u64, JsonError> {
        match self.require(name)? {
            Json::Integer(n) => u64::try_from(n).map_err(|_| JsonError::WrongType(name)),
            _ => Err(JsonError::WrongType(name)),
        }
    }

    /// Takes a required object.
    ///
    /// # Errors
    /// `Missing` or `WrongType`.
    pub fn object(&mut self, name: &'static str) -> Result<Object, JsonError> {
        match self.require(name)? {
            Json::Object(object) => Ok(object),
            _ => Err(JsonError::WrongType(name)),
        }
    }

    /// Takes a required array of objects, at most `max` of them.
    ///
    /// # Errors
    /// `Missing` or `WrongType`.
    pub fn objects(&mut self, name: &'static str, max: usize) -> Result<Vec<Object>, JsonError> {
        match self.require(name)? {
            Json::Array(items) if items.len() <= max => items
                .into_iter()
                .map(|item| match item {
                    Json::Object(object) => Ok(object),
                    _ => Err(JsonError::WrongType(name)),
                })
                .collect(),
            _ => Err(JsonError::WrongType(name)),
        }
    }

    /// The members nobody took yet, in their order.
    #[must_use]
    pub fn into_members(self) -> Vec<(String, Json)> {
        self.0
    }

    /// Refuses the object when a member was not taken.
    ///
    /// # Errors
    /// `Unknown`, with the first such name.
    pub fn finish(self) -> Result<(), JsonError> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(JsonError::Unknown(name.chars().take(64).collect())),
        }
    }
}

const INTEGER_MAX: i64 = (1 << 53) - 1;

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a strict JSON value (no null, no float)")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Json, E> {
        if (-INTEGER_MAX..=INTEGER_MAX).contains(&value) {
            Ok(Json::Integer(value))
        } else {
            Err(E::custom("integer beyond 2^53-1"))
        }
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Json, E> {
        self.visit_i64(i64::try_from(value).map_err(|_| E::custom("integer beyond 2^53-1"))?)
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            // The bound keeps the quadratic duplicate check below harmless.
            if members.len() == MEMBERS_MAX {
                return Err(serde::de::Error::custom("too many members"));
            }
            if members.iter().any(|(key, _)| *key == name) {
                return Err(serde::de::Error::custom("duplicate name"));
            }
            let value = map.next_value()?;
            members.push((name, value));
        }
        Ok(Json::Object(Object(members)))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

const MEMBERS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) {
        assert!(
            Object::parse(text.as_bytes(), 4096).is_err(),
            "accepted {text}"
        );
    }

    #[test]
    fn what_is_not_strict_is_refused() {
        for text in [
            "",
            "[]",
            "\"a\"",
            "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"\\u0061\":1}",
            "{\"a\":{\"b\":1,\"b\":1}}",
            "{\"a\":1.0}",
            "{\"a\":1e3}",
            "{\"a\":null}",
            "{\"a\":9007199254740992}",
            "{\"a\":-9007199254740992}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":1} ,",
            "{\"a\":1}{}",
            "{'a':1}",
            "{\"a\":01}",
            "\u{feff}{}",
            "{\"a\":18446744073709551616}",
        ] {
            refused(text);
        }
        refused(&format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200)));
        assert_eq!(
            Object::parse(b"{\"a\":1}", 6),
            Err(JsonError::TooLong { max_bytes: 6 })
        );
    }

    #[test]
    fn members_are_taken_once_and_none_may_stay() {
        let mut object = Object::parse(br#"{"a":"x","n":7,"o":{},"l":[{}]}"#, 100).unwrap();
        assert_eq!(object.text("a", 1), Ok("x".into()));
        assert_eq!(object.text("a", 1), Err(JsonError::Missing("a")));
        assert_eq!(object.clone().unsigned("o"), Err(JsonError::WrongType("o")));
        assert_eq!(object.unsigned("n"), Ok(7));
        assert!(object.object("o").is_ok());
        assert_eq!(object.clone().finish(), Err(JsonError::Unknown("l".into())));
        assert_eq!(
            object.clone().objects("l", 0),
            Err(JsonError::WrongType("l"))
        );
        assert_eq!(object.objects("l", 1).map(|l| l.len()), Ok(1));
        assert_eq!(object.finish(), Ok(()));
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(bytes: Vec<u8>) {
            let _ = Object::parse(&bytes, 1 << 16);
        }
    }
}
