//! Text with line numbers: SQL, plain bodies, scripts.
//!
//! The number in front of each line is ours; a line that goes on below has none, so no text can add a line to itself.

use std::ops::Range;

use crate::chars::CONTINUED;
use crate::display::{Line, Run, RunKind};
use crate::escape::{LineFeeds, escape_marked};
use crate::findings::Findings;

pub(crate) fn numbered(bytes: &[u8], findings: &mut Findings) -> Vec<Line> {
    numbered_marked(bytes, &[], findings)
}

/// `changed` are stretches of the text to be marked, in order and apart.
pub(crate) fn numbered_marked(
    bytes: &[u8],
    changed: &[Range<usize>],
    findings: &mut Findings,
) -> Vec<Line> {
    if bytes.is_empty() {
        return vec![Line::of(RunKind::Text, "empty")];
    }
    let kind = RunKind::Value;
    let rows = escape_marked(bytes, kind, LineFeeds::Silent, changed, findings);
    let digits = rows.last().map_or(1, |row| row.number).to_string().len();
    rows.into_iter()
        .map(|row| {
            let margin = if row.continued {
                format!("{:digits$} {CONTINUED} ", "")
            } else {
                format!("{:digits$}  ", row.number)
            };
            let mut runs = vec![Run::new(RunKind::Mark, margin)];
            runs.extend(row.runs);
            Line { runs }
        })
        .collect()
}
