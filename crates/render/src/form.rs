//! Form bodies and query strings: names and values as sent, and decoded beside.

use std::collections::BTreeSet;

use crate::display::{Flag, Line, Run, RunKind};
use crate::escape::{LineFeeds, behind, escape, escape_short, named};
use crate::findings::Findings;
use crate::{decode, scripts};

pub(crate) fn margin() -> Vec<Run> {
    vec![Run::new(RunKind::Text, "  ")]
}

/// One line a pair. A name that occurs twice is flagged: readers differ in which one counts.
pub(crate) fn pairs(text: &str, what: &str, findings: &mut Findings) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut names = BTreeSet::new();
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !names.insert(name) {
            let mut note = vec![Run::new(RunKind::Text, format!("{what} twice: "))];
            note.extend(escape_short(name, findings));
            findings.note(Flag::HttpSmuggling, note);
        }
        for part in [name, value] {
            scripts::look_at(part, findings);
        }
        let separator = if pair.contains('=') { " = " } else { "" };
        lines.extend(named(
            margin(),
            name,
            separator,
            findings,
            |head, findings| {
                behind(
                    head,
                    escape(value.as_bytes(), RunKind::Value, LineFeeds::Shown, findings),
                )
            },
        ));
        for part in [name, value] {
            lines.extend(decode::beside(part, findings));
        }
    }
    lines
}
