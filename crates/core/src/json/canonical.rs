//! Our own documents: one value, one byte form (RFC 8785 over integers only).
//!
//! Whatever is hashed or signed goes through here. Parsing refuses what RFC 8785 could merge (floats, exponents, minus
//! zero, integers beyond 2^53 - 1, duplicate names), so `parse(to_bytes(v)) == v` and different values have different
//! bytes. The serde bridge in `canonical/` carries typed structs across under the same rules.

mod de;
mod ser;

use std::cmp::Ordering;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::scan::{self, Build, Limits, Problem, ScanError};

/// Largest magnitude of an [`Int`]: 2^53 - 1, the last integer that every JSON reader keeps.
pub const INT_MAX: i64 = (1 << 53) - 1;

/// One canonical value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer.
    Int(Int),
    /// Text.
    String(String),
    /// Elements in order.
    Array(Vec<Value>),
    /// Members in canonical order.
    Object(Object),
}

/// An integer within ±[`INT_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Int(i64);

/// Members with distinct names, sorted by UTF-16 code units (RFC 8785 section 3.2.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Object(Vec<(String, Value)>);

/// Why something has no canonical form, or bytes are not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// Not strict JSON, or not of the canonical kind.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The right value in another spelling.
    #[error("byte {offset}: the document is not in canonical form; send the RFC 8785 bytes")]
    NotCanonical {
        /// First byte that differs.
        offset: usize,
    },
    /// Floats have no place in signed documents.
    #[error("a float has no canonical form here; use an integer in a smaller unit or a string")]
    Float,
    /// Beyond ±(2^53 - 1).
    #[error("integer {0} lies outside ±9007199254740991; use a string")]
    IntegerTooLarge(i128),
    /// A map key that is no text.
    #[error("a map key is not text; use string keys")]
    KeyNotText,
    /// Raw bytes.
    #[error("bytes have no canonical form here; encode them as text")]
    Bytes,
    /// Two members of one name.
    #[error("the name {0:?} occurs twice in one object; use each name once")]
    DuplicateName(String),
    /// Nested deeper than the scanner would read back.
    #[error("arrays and objects are nested deeper than {0}; flatten the value")]
    TooDeep(usize),
    /// Not the shape the type wants; the text is serde's.
    #[error("{0}; send the documented fields only")]
    Shape(String),
}

impl Value {
    /// The member of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        if let Value::Object(object) = self {
            object.get(name)
        } else {
            None
        }
    }

    /// The RFC 8785 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = String::new();
        write(self, &mut text);
        text.into_bytes()
    }
}

impl Int {
    /// The number.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Int {
    type Error = CanonicalError;

    fn try_from(number: i64) -> Result<Self, CanonicalError> {
        if number.unsigned_abs() > INT_MAX.unsigned_abs() {
            return Err(CanonicalError::IntegerTooLarge(i128::from(number)));
        }
        Ok(Self(number))
    }
}

impl Object {
    /// Sorts members and refuses duplicate names.
    ///
    /// # Errors
    /// `DuplicateName`.
    pub fn from_members(mut members: Vec<(String, Value)>) -> Result<Self, CanonicalError> {
        members.sort_by(|(left, _), (right, _)| utf16_order(left, right));
        for pair in members.windows(2) {
            if let [(left, _), (right, _)] = pair
                && left == right
            {
                return Err(CanonicalError::DuplicateName(left.clone()));
            }
        }
        Ok(Self(members))
    }

    /// The member of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = self
            .0
            .binary_search_by(|(key, _)| utf16_order(key, name))
            .ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Members in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Reads a canonical value from any spelling of it.
///
/// # Errors
/// Whatever the strict scanner refuses, and every number that is not an integer within ±[`INT_MAX`].
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, ScanError> {
    scan::scan(bytes, limits, &mut Strict)
}

/// Reads a value and refuses every spelling but the canonical one.
///
/// # Errors
/// As [`parse`], and `NotCanonical` with the first differing byte.
pub fn parse_canonical(bytes: &[u8], limits: &Limits) -> Result<Value, CanonicalError> {
    let value = parse(bytes, limits)?;
    let canonical = value.to_bytes();
    if canonical != bytes {
        let offset = canonical
            .iter()
            .zip(bytes)
            .take_while(|(left, right)| left == right)
            .count();
        return Err(CanonicalError::NotCanonical { offset });
    }
    Ok(value)
}

/// A typed value as a canonical one.
///
/// # Errors
/// Floats, bytes, keys that are not text, integers beyond ±[`INT_MAX`].
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, CanonicalError> {
    value.serialize(ser::Serializer::new())
}

/// A canonical value as a typed one.
///
/// # Errors
/// `Shape` when the value is not what the type wants.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, CanonicalError> {
    T::deserialize(value)
}

/// The RFC 8785 bytes of a typed value.
///
/// # Errors
/// As [`to_value`].
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    Ok(to_value(value)?.to_bytes())
}

/// A typed value from any spelling, within [`Limits::RECORD`].
///
/// # Errors
/// As [`parse`] and [`from_value`].
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    from_bytes_within(bytes, &Limits::RECORD)
}

/// A typed value from any spelling, within limits.
///
/// # Errors
/// As [`parse`] and [`from_value`].
pub fn from_bytes_within<T: DeserializeOwned>(
    bytes: &[u8],
    limits: &Limits,
) -> Result<T, CanonicalError> {
    from_value(parse(bytes, limits)?)
}

/// A typed value from its canonical bytes and no others, within [`Limits::RECORD`].
///
/// # Errors
/// As [`parse_canonical`] and [`from_value`].
pub fn from_canonical_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    from_value(parse_canonical(bytes, &Limits::RECORD)?)
}

fn utf16_order(left: &str, right: &str) -> Ordering {
    // In ASCII, bytes and UTF-16 code units order alike; almost every name is.
    if left.is_ascii() && right.is_ascii() {
        return left.cmp(right);
    }
    left.encode_utf16().cmp(right.encode_utf16())
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(number) => out.push_str(&number.0.to_string()),
        Value::String(text) => write_string(text, out),
        Value::Array(elements) => {
            out.push('[');
            for (position, element) in elements.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write(element, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (position, (name, member)) in object.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                write(member, out);
            }
            out.push('}');
        }
    }
}

/// RFC 8785 section 3.2.2.2: two-character escapes where JSON has them, lower-case hex below U+0020, all else as it is.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    // Runs of plain text are copied whole: almost every string is one run. What is escaped is one byte long.
    while let Some((plain, low, after)) = first_escaped(rest) {
        out.push_str(plain);
        match low {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x8 => out.push_str("\\b"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            0xc => out.push_str("\\f"),
            b'\r' => out.push_str("\\r"),
            other => out.push_str(&format!("\\u{other:04x}")),
        }
        rest = after;
    }
    out.push_str(rest);
    out.push('"');
}

/// The text before the first byte that is escaped, that byte, and the text after it.
fn first_escaped(text: &str) -> Option<(&str, u8, &str)> {
    let at = text
        .bytes()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
    let byte = *text.as_bytes().get(at)?;
    Some((text.get(..at)?, byte, text.get(at + 1..)?))
}

struct Strict;

impl Build for Strict {
    type Node = Value;

    fn null(&mut self) -> Value {
        Value::Null
    }

    fn boolean(&mut self, value: bool) -> Value {
        Value::Bool(value)
    }

    fn number(&mut self, lexeme: &str) -> Result<Value, Problem> {
        // Cut, because it is repeated in the message.
        let shown = || lexeme.chars().take(40).collect::<String>();
        if lexeme == "-0" {
            return Err(Problem::MinusZero);
        }
        if lexeme.contains(['.', 'e', 'E']) {
            return Err(Problem::NotAnInteger(shown()));
        }
        let number = lexeme
            .parse::<i64>()
            .ok()
            .and_then(|number| Int::try_from(number).ok());
        number
            .map(Value::Int)
            .ok_or_else(|| Problem::IntegerTooLarge(shown()))
    }

    fn string(&mut self, text: String) -> Value {
        Value::String(text)
    }

    fn array(&mut self, elements: Vec<Value>) -> Value {
        Value::Array(elements)
    }

    fn object(&mut self, mut members: Vec<(String, Value)>) -> Value {
        // INVARIANT(distinct-names): the scanner has refused duplicates, so sorting is all that is left.
        members.sort_by(|(left, _), (right, _)| utf16_order(left, right));
        Value::Object(Object(members))
    }
}
