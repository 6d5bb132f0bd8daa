//! The scalars of a JSON document with their pointers, in source order.

use gatehold_core::json::payload::{self, Json};

use crate::chars::SKIPPED;
use crate::display::{Run, RunKind};

/// A pointer that shares more than this with the one above is shown from where they part.
const SHARED_LENGTH_MAX: usize = 120;

/// A scalar or empty container, and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Leaf<'a> {
    pub(crate) pointer: &'a str,
    /// How much of the pointer is the same as in the leaf before.
    pub(crate) kept: usize,
    pub(crate) value: &'a Json,
}

impl Leaf<'_> {
    /// What is shown of the pointer. A long beginning is not repeated for each of its members: the size of a display
    /// stays in proportion to its payload.
    pub(crate) fn own(&self, margin: &mut Vec<Run>) -> &str {
        match self.pointer.get(self.kept..) {
            Some(own) if self.kept > SHARED_LENGTH_MAX => {
                let mark = format!("{SKIPPED} {} bytes as above {SKIPPED}", self.kept);
                margin.push(Run::new(RunKind::Mark, mark));
                own
            }
            _ => self.pointer,
        }
    }
}

/// Calls back for every scalar and empty container.
pub(crate) fn scalars<'a>(value: &'a Json, each: &mut impl FnMut(&'a Json)) {
    match value {
        Json::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(_, member)| scalars(member, each));
        }
        Json::Array(elements) if !elements.is_empty() => {
            elements.iter().for_each(|element| scalars(element, each));
        }
        leaf => each(leaf),
    }
}

/// Calls back for every scalar and empty container, in source order.
pub(crate) fn leaves(value: &Json, each: &mut impl FnMut(&Leaf<'_>)) {
    let mut walk = Walk {
        pointer: String::new(),
        kept: 0,
        each,
    };
    walk.enter(value);
}

struct Walk<'a, F> {
    pointer: String,
    kept: usize,
    each: &'a mut F,
}

impl<F: FnMut(&Leaf<'_>)> Walk<'_, F> {
    fn enter(&mut self, value: &Json) {
        match value {
            Json::Object(members) if !members.is_empty() => {
                for (name, member) in members {
                    self.step(&payload::escape_token(name), member);
                }
            }
            Json::Array(elements) if !elements.is_empty() => {
                for (position, element) in elements.iter().enumerate() {
                    self.step(&position.to_string(), element);
                }
            }
            leaf => {
                (self.each)(&Leaf {
                    pointer: &self.pointer,
                    kept: self.kept,
                    value: leaf,
                });
                self.kept = self.pointer.len();
            }
        }
    }

    fn step(&mut self, token: &str, value: &Json) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(token);
        self.enter(value);
        self.pointer.truncate(length);
        self.kept = self.kept.min(length);
    }
}
