//! A requester's JSON as it was written: source order, numbers as lexemes, every member kept.
//!
//! This tree is for reading only. It is never serialised again: what executes is the stored bytes.

use super::lexeme::Lexeme;
use super::scan::{self, Build, Limits, Problem, ScanError};

/// One value of a payload. `==` compares what was written: 1.0 and 1 differ, and so do two orders of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number as written.
    Number(Lexeme),
    /// Text, unescaped.
    String(String),
    /// Elements in order.
    Array(Vec<Json>),
    /// Members in source order, names distinct.
    Object(Vec<(String, Json)>),
}

/// Reads one document.
///
/// # Errors
/// Whatever the strict scanner refuses.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Json, ScanError> {
    scan::scan(bytes, limits, &mut Verbatim)
}

impl Json {
    /// The value at an RFC 6901 pointer (`""` is the whole, `/a/0/b`). `None` when the pointer is malformed or leads
    /// nowhere.
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<&Json> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer
            .strip_prefix('/')?
            .split('/')
            .try_fold(self, |value, token| match value {
                Json::Object(members) => {
                    let name = unescape(token)?;
                    members
                        .iter()
                        .find(|(key, _)| *key == name)
                        .map(|(_, value)| value)
                }
                Json::Array(elements) => elements.get(index(token)?),
                _ => None,
            })
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Json::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The truth value.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Json::Bool(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The number as written.
    #[must_use]
    pub fn as_number(&self) -> Option<&Lexeme> {
        if let Json::Number(lexeme) = self {
            Some(lexeme)
        } else {
            None
        }
    }

    /// The elements of an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Json]> {
        if let Json::Array(elements) = self {
            Some(elements)
        } else {
            None
        }
    }

    /// The members of an object, in source order.
    #[must_use]
    pub fn as_object(&self) -> Option<&[(String, Json)]> {
        if let Json::Object(members) = self {
            Some(members)
        } else {
            None
        }
    }
}

/// One reference token of a pointer, escaped: `~` is `~0`, `/` is `~1`.
#[must_use]
pub fn escape_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn unescape(token: &str) -> Option<String> {
    let mut name = String::with_capacity(token.len());
    let mut rest = token.chars();
    while let Some(character) = rest.next() {
        name.push(match character {
            '~' => match rest.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            plain => plain,
        });
    }
    Some(name)
}

/// Digits without a leading zero or sign, as RFC 6901 section 4 wants.
fn index(token: &str) -> Option<usize> {
    let plain = token.bytes().all(|byte| byte.is_ascii_digit())
        && (token == "0" || !token.starts_with('0'));
    if plain { token.parse().ok() } else { None }
}

struct Verbatim;

impl Build for Verbatim {
    type Node = Json;

    fn null(&mut self) -> Json {
        Json::Null
    }

    fn boolean(&mut self, value: bool) -> Json {
        Json::Bool(value)
    }

    fn number(&mut self, lexeme: &str) -> Result<Json, Problem> {
        Lexeme::new(lexeme).map(Json::Number)
    }

    fn string(&mut self, text: String) -> Json {
        Json::String(text)
    }

    fn array(&mut self, elements: Vec<Json>) -> Json {
        Json::Array(elements)
    }

    fn object(&mut self, members: Vec<(String, Json)>) -> Json {
        Json::Object(members)
    }
}
