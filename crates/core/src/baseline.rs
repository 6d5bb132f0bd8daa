//! What is beyond the baseline that enrolment declared, and what narrower or just-in-time grant would lie within it (M053).
//!
//! Both are made of the action and the key directory alone, so a terminal makes them again. What the requester wrote stands in
//! neither, but for names that can be nothing else.

use std::collections::BTreeSet;
use std::fmt::Display;

use crate::action::Envelope;
use crate::context::TypedValue;
use crate::descriptor::{Descriptor, Projection};
use crate::directory::Baseline;
use crate::task::covers;
use crate::wording::counted;

/// For how long something is granted just in time.
const JUST_IN_TIME_SECONDS: u32 = 900;
/// So many names stand in a line.
const NAMES: usize = 10;
/// Longest scope that is named.
const SCOPE_BYTES_MAX: usize = 128;

/// The scopes that an action asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopesAsked {
    /// Its descriptor names no list of scopes.
    NoneNamed,
    /// It names one that cannot be read in this payload.
    Unreadable,
    /// These.
    These(BTreeSet<String>),
}

impl ScopesAsked {
    /// Reads them where the descriptor says that they stand.
    #[must_use]
    pub fn of(descriptor: &Descriptor, projection: &Projection) -> Self {
        let Some(name) = &descriptor.scopes else {
            return Self::NoneNamed;
        };
        let Projection::Inspectable { fields, .. } = projection else {
            return Self::Unreadable;
        };
        match fields.get(name) {
            Some(TypedValue::TextList(scopes)) => Self::These(scopes.iter().cloned().collect()),
            _ => Self::Unreadable,
        }
    }
}

/// Everything in which an action is beyond the baseline.
#[must_use]
pub fn beyond(envelope: &Envelope, scopes: &ScopesAsked, baseline: &Baseline) -> Vec<String> {
    let mut beyond = Vec::new();
    if !baseline.descriptors.contains(&envelope.descriptor.id) {
        let action = &envelope.descriptor.id;
        beyond.push(format!("`{action}` is no action of its baseline"));
    }
    if !baseline.targets.contains(&envelope.target) {
        beyond.push(format!("target {} is not in its baseline", envelope.target));
    }
    if !covers(&baseline.resources, &envelope.resource) {
        let resource = &envelope.resource;
        beyond.push(format!("resource {resource} is not in its baseline"));
    }
    // A workload whose enrolment says nothing of scopes has none to be compared with.
    if let Some(normal) = &baseline.scopes {
        match scopes {
            ScopesAsked::NoneNamed => {}
            ScopesAsked::Unreadable => beyond.push("its scopes cannot be read".to_owned()),
            ScopesAsked::These(asked) => {
                let added: Vec<&String> = asked.difference(normal).collect();
                if guard!("scopes-beyond-baseline", !added.is_empty()) {
                    beyond.push(added_in_words(&added));
                }
            }
        }
    }
    beyond
}

/// What would do instead, as far as the baseline tells: the part that lies within it, once, and for a short time. Nothing where
/// nothing is beyond it.
#[must_use]
pub fn narrower(envelope: &Envelope, scopes: &ScopesAsked, baseline: &Baseline) -> Vec<String> {
    if beyond(envelope, scopes, baseline).is_empty() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    if let (ScopesAsked::These(asked), Some(normal)) = (scopes, &baseline.scopes) {
        let within: Vec<&String> = asked.intersection(normal).collect();
        if within.is_empty() {
            lines.push("no scope that it asks for is in its baseline".to_owned());
        } else if within.len() < asked.len() {
            lines.push(format!("of its scopes only {}", names(&within)));
        }
    }
    let asked = envelope.resource.as_str();
    if !covers(&baseline.resources, &envelope.resource) {
        let within = (baseline.resources.iter())
            .filter(|normal| asked.ends_with('/') && normal.as_str().starts_with(asked));
        let within: Vec<_> = within.collect();
        if !within.is_empty() {
            lines.push(format!("of {asked} only {}", names(&within)));
        } else if !baseline.resources.is_empty() {
            let normal: Vec<_> = baseline.resources.iter().collect();
            lines.push(format!("a resource of its baseline: {}", names(&normal)));
        }
    }
    if !baseline.targets.contains(&envelope.target) && !baseline.targets.is_empty() {
        let normal: Vec<_> = baseline.targets.iter().collect();
        lines.push(format!("a target of its baseline: {}", names(&normal)));
    }
    if !baseline.descriptors.contains(&envelope.descriptor.id) && !baseline.descriptors.is_empty() {
        let normal: Vec<_> = baseline.descriptors.iter().collect();
        lines.push(format!("an action of its baseline: {}", names(&normal)));
    }
    lines.push(just_in_time(envelope.duration_seconds));
    lines
}

fn just_in_time(asked_seconds: u32) -> String {
    let anew = "and asked for anew when it is needed again";
    if asked_seconds > JUST_IN_TIME_SECONDS {
        let (short, long) = (JUST_IN_TIME_SECONDS, asked_seconds);
        format!("just in time: once, for {short} s at most instead of {long} s, {anew}")
    } else {
        format!("just in time: once, for {asked_seconds} s at most, {anew}")
    }
}

fn added_in_words(added: &[&String]) -> String {
    let named = |scope: &&&String| is_scope_token(scope);
    let (plain, other): (Vec<_>, Vec<_>) = added.iter().copied().partition(|scope| named(&scope));
    let mut parts = Vec::new();
    if !plain.is_empty() {
        parts.push(names(&plain));
    }
    if !other.is_empty() {
        parts.push(counted(other.len(), "name") + " that no scope can have");
    }
    format!("scopes beyond its baseline: {}", parts.join(", and "))
}

/// A `scope-token` of RFC 6749. Anything else a requester could write there for people to read.
fn is_scope_token(text: &str) -> bool {
    let plain = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    (1..=SCOPE_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain)
}

fn names(all: &[&impl Display]) -> String {
    let first: Vec<String> = all.iter().take(NAMES).map(ToString::to_string).collect();
    let more = all.len().saturating_sub(NAMES);
    let tail = match more {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("{}{tail}", first.join(", "))
}

#[cfg(test)]
mod tests;
