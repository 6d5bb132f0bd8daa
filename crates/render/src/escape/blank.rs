//! Rows without ink, counted: what stands behind a wall of them is not pushed off the screen.

use super::{PADDING_ROWS, Row};
use crate::chars::SKIPPED;
use crate::display::{Flag, Run, RunKind};
use crate::findings::Findings;

const BLANK_ROWS_SHOWN_MAX: usize = 2;

/// Three or more rows without ink become one that says how many.
pub(super) fn count(rows: Vec<Row>, findings: &mut Findings) -> Vec<Row> {
    let mut kept: Vec<Row> = Vec::new();
    let mut blank: Vec<Row> = Vec::new();
    let mut flush = |blank: &mut Vec<Row>, kept: &mut Vec<Row>| {
        let count = blank.len();
        let first = blank.first().map(|row| (row.number, row.continued));
        match first {
            Some((number, continued)) if count > BLANK_ROWS_SHOWN_MAX => {
                if count > PADDING_ROWS {
                    findings.raise(Flag::Padding);
                }
                let empty = blank.iter().all(|row| row.runs.is_empty());
                let what = if empty {
                    "empty lines"
                } else {
                    "lines of white space only"
                };
                let mark = format!("{SKIPPED} {count} {what} {SKIPPED}");
                blank.clear();
                let runs = vec![Run::new(RunKind::Mark, mark)];
                kept.push(Row {
                    runs,
                    number,
                    continued,
                    ink: false,
                });
            }
            _ => kept.append(blank),
        }
    };
    for row in rows {
        if row.ink {
            flush(&mut blank, &mut kept);
            kept.push(row);
        } else {
            blank.push(row);
        }
    }
    flush(&mut blank, &mut kept);
    kept
}
