//! Where the values of a document stand in its bytes.

use std::ops::Range;

use gatehold_core::json::payload::Json;

use crate::findings::Findings;

/// The bytes of every masked value, a text without its quotation marks. `bytes` are those that the document was read
/// from, so their grammar is known to be right.
pub(super) fn of_masked(document: &Json, bytes: &[u8], findings: &Findings) -> Vec<Range<usize>> {
    let mut walk = Walk {
        bytes,
        at: 0,
        found: Vec::new(),
        findings,
    };
    walk.value(document);
    walk.found
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    found: Vec<Range<usize>>,
    findings: &'a Findings,
}

impl Walk<'_> {
    fn value(&mut self, value: &Json) {
        self.skip_space();
        let start = self.at;
        match value {
            Json::Object(members) => {
                self.at += 1;
                for (position, (_, member)) in members.iter().enumerate() {
                    self.skip_comma(position);
                    self.string();
                    self.skip_space();
                    // The colon.
                    self.at += 1;
                    self.value(member);
                }
                self.skip_space();
                self.at += 1;
            }
            Json::Array(elements) => {
                self.at += 1;
                for (position, element) in elements.iter().enumerate() {
                    self.skip_comma(position);
                    self.value(element);
                }
                self.skip_space();
                self.at += 1;
            }
            Json::String(_) => self.string(),
            Json::Null | Json::Bool(_) | Json::Number(_) => {
                self.skip(|byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
                });
            }
        }
        if self.findings.masked(value).is_none() {
            return;
        }
        let range = match value {
            Json::String(_) => start + 1..self.at.saturating_sub(1),
            _ => start..self.at,
        };
        if !range.is_empty() {
            self.found.push(range);
        }
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            if *byte == b'"' {
                return;
            }
        }
    }

    fn skip_comma(&mut self, position: usize) {
        self.skip_space();
        if position > 0 {
            self.at += 1;
            self.skip_space();
        }
    }

    fn skip_space(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    }

    fn skip(&mut self, also: impl Fn(u8) -> bool) {
        while self.bytes.get(self.at).is_some_and(|byte| also(*byte)) {
            self.at += 1;
        }
    }
}
