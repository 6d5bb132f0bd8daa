//! What is to be executed, as plain values: stored bytes, bounds, nothing that proves anything.
//!
//! Only `executors.rs` makes one outside tests, and only out of proof. Bounds are read here, before any target is touched.

use std::collections::BTreeMap;
use std::time::Duration;

use gatehold_core::ids::{RequestId, TargetId};

use crate::outcome::{Stop, code};

/// Whether the descriptor lets the action do more than look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It looks and changes nothing; the target is opened so that it cannot.
    Read,
    /// It may change something.
    Write,
}

/// One call, to be made at most once.
pub(crate) struct Call {
    /// For which request: what a target's own log can name. Tests make calls for none.
    pub(crate) request: Option<RequestId>,
    pub(crate) target: TargetId,
    pub(crate) media_type: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) caps: BTreeMap<String, u64>,
    /// How often the grant may still be used.
    pub(crate) uses: u32,
    /// No step may take longer than the grant lives.
    pub(crate) ttl: Duration,
    pub(crate) precondition: Option<String>,
    pub(crate) mode: Mode,
}

/// The bounds of one call in the dimensions a target knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caps {
    /// Rows read or written.
    pub(crate) rows: Option<u64>,
    /// Bytes of the result; never more than the target's own bound.
    pub(crate) bytes: usize,
}

/// A state the target must be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// Exactly this many rows are written.
    Rows(u64),
    /// The resource still has this entity tag, quotes included.
    Etag(String),
}

impl Call {
    /// Reads the caps. One that this kind of target cannot enforce stops the call: approved under a bound means bounded.
    pub(crate) fn caps(&self, enforced: &[&str], bytes_max: usize) -> Result<Caps, Stop> {
        if self.uses == 0 {
            return Err(Stop::failed(
                code::LIMITS,
                "the grant has no use left: ask anew",
            ));
        }
        for name in self.caps.keys() {
            if !enforced.contains(&name.as_str()) {
                let text = format!(
                    "this target cannot enforce the cap `{name}`; it enforces {}",
                    enforced.join(", ")
                );
                return Err(Stop::failed(code::LIMITS, text));
            }
        }
        let asked = self
            .caps
            .get("bytes")
            .map(|bytes| usize::try_from(*bytes).unwrap_or(usize::MAX));
        let bytes = asked.map_or(bytes_max, |bytes| bytes.min(bytes_max));
        Ok(Caps {
            rows: self.caps.get("rows").copied(),
            bytes,
        })
    }

    /// Reads the precondition: `rows=N` or `etag:"…"`. Any other form stops the call.
    pub(crate) fn precondition(&self) -> Result<Option<Precondition>, Stop> {
        let Some(text) = &self.precondition else {
            return Ok(None);
        };
        let known = match text.split_once(['=', ':']) {
            Some(("rows", count)) if text.starts_with("rows=") => {
                count_of(count).map(Precondition::Rows)
            }
            Some(("etag", tag)) if text.starts_with("etag:") && is_strong_etag(tag) => {
                Some(Precondition::Etag(tag.to_owned()))
            }
            _ => None,
        };
        known.map(Some).ok_or_else(|| {
            Stop::failed(
                code::PRECONDITION,
                "the precondition is not understood; write `rows=N` or `etag:\"…\"`",
            )
        })
    }

    /// The shorter of a step's own limit and the life of the grant.
    pub(crate) fn within(&self, step: Duration) -> Duration {
        step.min(self.ttl)
    }
}

/// Digits in their one form, so that what was reviewed reads one way.
fn count_of(text: &str) -> Option<u64> {
    let count: u64 = text.parse().ok()?;
    (count.to_string() == text).then_some(count)
}

/// RFC 9110 section 8.8.3, without the weak form: If-Match compares strongly and would never match one.
fn is_strong_etag(tag: &str) -> bool {
    tag.strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .is_some_and(|inner| inner.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e)))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A call of a media type and payload, without bounds.
    pub(crate) fn call(mode: Mode, media_type: &str, payload: &[u8]) -> Call {
        Call {
            request: None,
            target: "t".parse().unwrap(),
            media_type: media_type.to_owned(),
            payload: payload.to_vec(),
            caps: BTreeMap::new(),
            uses: 1,
            ttl: Duration::from_secs(60),
            precondition: None,
            mode,
        }
    }

    #[test]
    fn preconditions_have_one_form_each() {
        for (text, known) in [
            ("rows=0", Some(Precondition::Rows(0))),
            ("rows=12", Some(Precondition::Rows(12))),
            (
                "etag:\"33a6\"",
                Some(Precondition::Etag("\"33a6\"".to_owned())),
            ),
            ("etag:\"\"", Some(Precondition::Etag("\"\"".to_owned()))),
            ("rows=012", None),
            ("rows=+1", None),
            ("rows=-1", None),
            ("rows:1", None),
            ("rows=", None),
            ("rows=18446744073709551616", None),
            ("etag=\"x\"", None),
            ("etag:x", None),
            ("etag:\"", None),
            ("etag:W/\"x\"", None),
            ("etag:\"a\"b\"", None),
            ("etag:\"a b\"", None),
            ("etag:\"a\", \"b\"", None),
            ("version=3", None),
            ("", None),
        ] {
            let mut call = call(Mode::Write, "application/sql", b"");
            call.precondition = Some(text.to_owned());
            match (call.precondition(), known) {
                (Ok(Some(read)), Some(known)) => assert_eq!(read, known, "{text}"),
                (Err(stop), None) => assert_eq!(stop.code, code::PRECONDITION, "{text}"),
                (read, known) => panic!("{text}: {read:?}, wanted {known:?}"),
            }
        }
    }

    #[test]
    fn a_bound_that_cannot_be_held_stops_the_call() {
        let mut call = call(Mode::Write, "application/sql", b"");
        call.caps = BTreeMap::from([("rows".to_owned(), 5), ("bytes".to_owned(), u64::MAX)]);
        let caps = call.caps(&["bytes", "rows"], 1000).unwrap();
        assert_eq!((caps.rows, caps.bytes), (Some(5), 1000));
        assert_eq!(call.caps(&["bytes"], 1000).unwrap_err().code, code::LIMITS);
        call.uses = 0;
        assert_eq!(
            call.caps(&["bytes", "rows"], 1000).unwrap_err().code,
            code::LIMITS
        );
    }
}
