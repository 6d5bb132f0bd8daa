//! What the scanner refuses, in words that say what to do.
//!
//! A message may repeat a little of the document, never more than 64 characters of it and never raw controls.

/// Where scanning stopped, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {problem}")]
pub struct ScanError {
    /// Offset into the scanned bytes, from 0.
    pub offset: usize,
    /// What is wrong there and what to do about it.
    pub problem: Problem,
}

/// What a document can do wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The document is larger than `Limits::bytes`.
    #[error("the document is larger than {limit} bytes; send a smaller one")]
    TooManyBytes {
        /// The limit that was passed.
        limit: usize,
    },
    /// Arrays and objects nest too deeply.
    #[error("arrays and objects are nested deeper than {limit}; flatten the document")]
    TooDeep {
        /// The limit that was passed.
        limit: usize,
    },
    /// Too many members and elements in all.
    #[error("the document has more than {limit} members and elements; split it")]
    TooManyMembers {
        /// The limit that was passed.
        limit: usize,
    },
    /// A string, name or number is too long.
    #[error("a string, name or number is longer than {limit} bytes; shorten it")]
    StringTooLong {
        /// The limit that was passed.
        limit: usize,
    },
    /// A byte order mark in front.
    #[error("the document begins with a byte order mark; send UTF-8 without one")]
    ByteOrderMark,
    /// Not UTF-8.
    #[error("this is not valid UTF-8; encode the document as UTF-8")]
    NotUtf8,
    /// The bytes ended too early.
    #[error("the document ends where {wanted} was expected; send it whole")]
    UnexpectedEnd {
        /// What should have stood there.
        wanted: &'static str,
    },
    /// Another character than the grammar wants.
    #[error("found {found:?} where {wanted} was expected; send JSON as in RFC 8259")]
    Unexpected {
        /// What stands there.
        found: char,
        /// What should have stood there.
        wanted: &'static str,
    },
    /// Something follows the document.
    #[error("something follows the document; send exactly one JSON value")]
    Trailing,
    /// One object has one name twice.
    #[error("the name {name:?} occurs twice in one object; send each name once")]
    DuplicateName {
        /// The name, unescaped, cut after 64 characters.
        name: String,
    },
    /// A control character stands raw inside a string.
    #[error("a control character stands unescaped in a string; write it as \\u{code:04x}")]
    RawControl {
        /// The character.
        code: u32,
    },
    /// A backslash with something unknown behind it.
    #[error("unknown escape in a string; use one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX")]
    BadEscape,
    /// Half of a surrogate pair.
    #[error("\\u{code:04x} is half of a surrogate pair; send both halves or none")]
    LoneSurrogate {
        /// The code unit.
        code: u16,
    },
    /// Not a JSON number.
    #[error("this is not a JSON number; use digits without leading zeros, plus sign or bare dot")]
    BadNumber,
    /// An exponent so long that its value cannot be compared.
    #[error("the exponent has more than 18 digits; write the number out or send it as a string")]
    ExponentTooLong,
    /// Canonical documents hold integers only.
    #[error("only integers are allowed here; send {0:?} as a string or in a smaller unit")]
    NotAnInteger(String),
    /// Outside ±(2^53 - 1).
    #[error("integers here lie within ±9007199254740991; send {0:?} as a string")]
    IntegerTooLarge(String),
    /// Minus zero has two spellings.
    #[error("minus zero is not allowed here; send 0")]
    MinusZero,
}
