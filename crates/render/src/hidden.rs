//! Secrets: counted and hashed wherever they stand, never shown.

use std::ops::Range;

use gatehold_core::hash::Hash;
use gatehold_core::json::payload::Json;
use gatehold_core::wording::counted;

use crate::display::{Line, Run, RunKind};
use crate::escape::{LineFeeds, behind, escape};
use crate::findings::Findings;

/// A text behind a head, with the secrets in it cut out.
pub(crate) fn lines(
    head: Vec<Run>,
    text: &str,
    secrets: &[Range<usize>],
    findings: &mut Findings,
) -> Vec<Line> {
    let mut lines = vec![Line { runs: head }];
    let mut show = |text: &str, space: bool, secret: Option<&str>, findings: &mut Findings| {
        let rows = escape(text.as_bytes(), RunKind::Value, LineFeeds::Shown, findings);
        let before = lines.pop().unwrap_or_default().runs;
        lines.extend(behind(before, rows));
        if let (Some(secret), Some(last)) = (secret, lines.last_mut()) {
            if space {
                last.runs.push(Run::new(RunKind::Value, " "));
            }
            last.runs.push(mark(secret.as_bytes()));
        }
    };
    let mut at = 0;
    for range in secrets {
        let before = text.get(at..range.start).unwrap_or("");
        // A space in front of a secret does not stand at the end of a line.
        let lone = before.strip_suffix(' ').filter(|rest| !rest.ends_with(' '));
        let secret = text.get(range.clone()).unwrap_or("");
        show(
            lone.unwrap_or(before),
            lone.is_some(),
            Some(secret),
            findings,
        );
        at = range.end;
    }
    show(text.get(at..).unwrap_or(""), false, None, findings);
    lines
}

/// `⟨24 bytes hidden, sha256:1a2b3c4d⟩`
pub(crate) fn mark(secret: &[u8]) -> Run {
    let hash = Hash::of(secret).to_string();
    let short: String = hash.chars().take("sha256:".len() + 8).collect();
    let length = counted(secret.len(), "byte");
    let text = format!("\u{27e8}{length} hidden, {short}\u{27e9}");
    Run::new(RunKind::Chip, text)
}

/// `⟨text, masked by the plan⟩`
pub(crate) fn masked(value: &Json, why: &str) -> Run {
    let what = match value {
        Json::Null => "nothing",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "number",
        Json::String(_) => "text",
        Json::Array(_) => "empty list",
        Json::Object(_) => "empty object",
    };
    Run::new(RunKind::Chip, format!("\u{27e8}{what}, {why}\u{27e9}"))
}

/// Where a secret stands, without overlaps.
pub(crate) fn places(bytes: &[u8], secret: &[u8]) -> Vec<Range<usize>> {
    let mut places: Vec<Range<usize>> = Vec::new();
    if secret.is_empty() {
        return places;
    }
    for (at, window) in bytes.windows(secret.len()).enumerate() {
        let free = places.last().is_none_or(|last| last.end <= at);
        if free && window == secret {
            places.push(at..at + secret.len());
        }
    }
    places
}
