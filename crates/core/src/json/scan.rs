//! The strict scanner: bytes in, one JSON document out, or the offset and the reason why not.
//!
//! It knows RFC 8259 and nothing else: no BOM, no comments, no trailing commas, no duplicate names (compared after
//! unescaping), no lone surrogates, nothing after the document. It never guesses. What tree comes out is the
//! business of a [`Build`]; see `payload.rs` and `canonical.rs`.

mod problem;
mod text;

use super::lexeme;
pub use problem::{Problem, ScanError};

/// What one document may cost. All limits are inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Arrays and objects inside each other; `[]` is 1. Never more than [`DEPTH_HARD_MAX`].
    pub depth: usize,
    /// Bytes of the whole document.
    pub bytes: usize,
    /// Object members and array elements of the whole document together.
    pub members: usize,
    /// Bytes of one string, one name (both unescaped, as UTF-8) or one number.
    pub string_bytes: usize,
}

impl Limits {
    /// An action's envelope.
    pub const ENVELOPE: Self = Self {
        depth: 16,
        bytes: 64 << 10,
        members: 1_024,
        string_bytes: 16 << 10,
    };
    /// A requester's payload; deeper or larger ones are uninspectable.
    pub const PAYLOAD: Self = Self {
        depth: 64,
        bytes: 1 << 20,
        members: 131_072,
        string_bytes: 1 << 20,
    };
    /// Our own canonical documents: records, views, displays, statements.
    pub const RECORD: Self = Self {
        depth: 64,
        bytes: 16 << 20,
        members: 1 << 20,
        string_bytes: 4 << 20,
    };
}

/// No limit lets documents nest deeper than this: the scanner recurses, and its stack is not for sale.
pub const DEPTH_HARD_MAX: usize = 128;

/// Makes a tree out of what the scanner finds. An error becomes a [`ScanError`] at the offset of that value.
pub trait Build {
    /// One value of the tree.
    type Node;
    /// `null`
    fn null(&mut self) -> Self::Node;
    /// `true` or `false`
    fn boolean(&mut self, value: bool) -> Self::Node;
    /// A number exactly as written; its grammar has been checked.
    fn number(&mut self, lexeme: &str) -> Result<Self::Node, Problem>;
    /// A string, unescaped.
    fn string(&mut self, text: String) -> Self::Node;
    /// Elements in order.
    fn array(&mut self, elements: Vec<Self::Node>) -> Self::Node;
    /// Members in source order; names are distinct.
    fn object(&mut self, members: Vec<(String, Self::Node)>) -> Self::Node;
}

/// Scans exactly one document.
///
/// # Errors
/// The first thing that is not strict JSON or passes a limit.
pub fn scan<B: Build>(bytes: &[u8], limits: &Limits, build: &mut B) -> Result<B::Node, ScanError> {
    if bytes.len() > limits.bytes {
        return Err(ScanError {
            offset: limits.bytes,
            problem: Problem::TooManyBytes {
                limit: limits.bytes,
            },
        });
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(ScanError {
            offset: 0,
            problem: Problem::ByteOrderMark,
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| ScanError {
        offset: error.valid_up_to(),
        problem: Problem::NotUtf8,
    })?;
    let mut scanner = Scanner {
        text,
        at: 0,
        limits,
        members: 0,
        build,
    };
    scanner.space();
    let node = scanner.value(0)?;
    scanner.space();
    match scanner.peek() {
        None => Ok(node),
        Some(_) => Err(scanner.error(Problem::Trailing)),
    }
}

struct Scanner<'a, B> {
    text: &'a str,
    at: usize,
    limits: &'a Limits,
    members: usize,
    build: &'a mut B,
}

impl<B: Build> Scanner<'_, B> {
    fn value(&mut self, depth: usize) -> Result<B::Node, ScanError> {
        match self.peek() {
            Some(b'{') => self.object(self.deeper(depth)?),
            Some(b'[') => self.array(self.deeper(depth)?),
            Some(b'"') => {
                let text = self.string()?;
                Ok(self.build.string(text))
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true").map(|()| self.build.boolean(true)),
            Some(b'f') => self.word("false").map(|()| self.build.boolean(false)),
            Some(b'n') => self.word("null").map(|()| self.build.null()),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, ScanError> {
        let limit = self.limits.depth.min(DEPTH_HARD_MAX);
        if depth >= limit {
            return Err(self.error(Problem::TooDeep { limit }));
        }
        Ok(depth + 1)
    }

    fn object(&mut self, depth: usize) -> Result<B::Node, ScanError> {
        self.at += 1;
        let mut members: Vec<(String, B::Node)> = Vec::new();
        let mut offsets = Vec::new();
        self.space();
        if self.take(b'}') {
            return Ok(self.build.object(members));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a name in double quotes"));
            }
            offsets.push(self.at);
            let name = self.string()?;
            self.space();
            if !self.take(b':') {
                return Err(self.unexpected("a colon"));
            }
            self.space();
            let value = self.member(depth)?;
            members.push((name, value));
            self.space();
            if self.take(b'}') {
                break;
            }
            if !self.take(b',') {
                return Err(self.unexpected("a comma or a closing brace"));
            }
            self.space();
        }
        refuse_duplicates(&members, &offsets)?;
        Ok(self.build.object(members))
    }

    fn array(&mut self, depth: usize) -> Result<B::Node, ScanError> {
        self.at += 1;
        let mut elements = Vec::new();
        self.space();
        if self.take(b']') {
            return Ok(self.build.array(elements));
        }
        loop {
            elements.push(self.member(depth)?);
            self.space();
            if self.take(b']') {
                return Ok(self.build.array(elements));
            }
            if !self.take(b',') {
                return Err(self.unexpected("a comma or a closing bracket"));
            }
            self.space();
        }
    }

    fn member(&mut self, depth: usize) -> Result<B::Node, ScanError> {
        self.members += 1;
        if self.members > self.limits.members {
            return Err(self.error(Problem::TooManyMembers {
                limit: self.limits.members,
            }));
        }
        self.value(depth)
    }

    fn number(&mut self) -> Result<B::Node, ScanError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length =
            lexeme::number_length(rest.as_bytes()).map_err(|problem| self.error(problem))?;
        if length > self.limits.string_bytes {
            return Err(self.error(Problem::StringTooLong {
                limit: self.limits.string_bytes,
            }));
        }
        let lexeme = rest.get(..length).unwrap_or_default();
        let node = self
            .build
            .number(lexeme)
            .map_err(|problem| self.error(problem))?;
        self.at += length;
        Ok(node)
    }

    fn word(&mut self, word: &'static str) -> Result<(), ScanError> {
        for expected in word.bytes() {
            if !self.take(expected) {
                return Err(self.unexpected(word));
            }
        }
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self, wanted: &'static str) -> ScanError {
        let found = self
            .text
            .get(self.at..)
            .and_then(|rest| rest.chars().next());
        self.error(match found {
            None => Problem::UnexpectedEnd { wanted },
            Some('\u{feff}') if self.at == 0 => Problem::ByteOrderMark,
            Some(found) => Problem::Unexpected { found, wanted },
        })
    }

    fn error(&self, problem: Problem) -> ScanError {
        ScanError {
            offset: self.at,
            problem,
        }
    }
}

/// INVARIANT(distinct-names): every object that leaves the scanner has distinct names, compared after unescaping.
/// Without it the reviewer could be shown the first member and the target could obey the second.
fn refuse_duplicates<N>(members: &[(String, N)], offsets: &[usize]) -> Result<(), ScanError> {
    let mut order: Vec<(&str, usize)> = members
        .iter()
        .zip(offsets)
        .map(|((name, _), offset)| (name.as_str(), *offset))
        .collect();
    order.sort_unstable();
    let first = order
        .windows(2)
        .filter_map(|pair| match pair {
            [(left, _), (right, offset)] if left == right => Some((*offset, *right)),
            _ => None,
        })
        .min();
    match first {
        None => Ok(()),
        Some((offset, name)) => Err(ScanError {
            offset,
            problem: Problem::DuplicateName {
                name: name.chars().take(64).collect(),
            },
        }),
    }
}
