//! Requester bytes into runs: everything visible, nothing that acts.
//!
//! Plain characters stay as they are; whatever is invisible, moves the cursor, reorders text, is no UTF-8 or imitates
//! our own marks becomes a chip with its name. Repeats are counted, long lines broken with a mark, blank lines counted.

mod blank;

use gatehold_core::json::ident::{self, Hazard};

use std::ops::Range;

use crate::chars::{
    CONTINUED, DIFFERED, DIFFERS, SKIPPED, WRAPPED, columns, is_combining, is_own_mark,
    is_right_to_left,
};
use crate::display::{Flag, Line, Run, RunKind};
use crate::findings::{Findings, flag_of};

/// Columns after which a line is broken.
pub(crate) const COLUMNS_MAX: usize = 200;
const SPACES_SHOWN_MAX: usize = 8;
const REPEATS_SHOWN_MAX: usize = 3;
const STACKED_MARKS_MAX: usize = 2;
const PADDING_SPACES: usize = 40;
const PADDING_TABS: usize = 8;
const PADDING_ROWS: usize = 8;

/// What a line feed looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineFeeds {
    /// Inside a value: a chip, then the next row.
    Shown,
    /// In a text with line numbers: the next row.
    Silent,
}

/// One row on the screen.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) runs: Vec<Run>,
    /// Line of the source, from 1.
    pub(crate) number: usize,
    /// Goes on from the row above.
    pub(crate) continued: bool,
    /// Something that can be seen.
    ink: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Char(char),
    Byte(u8),
}

impl Unit {
    const fn bytes(self) -> usize {
        match self {
            Self::Char(character) => character.len_utf8(),
            Self::Byte(_) => 1,
        }
    }
}

/// Escapes bytes into at least one row. `kind` is `Value` or `Name`.
pub(crate) fn escape(
    bytes: &[u8],
    kind: RunKind,
    feeds: LineFeeds,
    findings: &mut Findings,
) -> Vec<Row> {
    escape_marked(bytes, kind, feeds, &[], findings)
}

/// The same, with stretches of the bytes set between marks. They begin and end between groups of equal characters, or
/// within one of plain characters, so that they change nothing of how the bytes are shown.
pub(crate) fn escape_marked(
    bytes: &[u8],
    kind: RunKind,
    feeds: LineFeeds,
    changed: &[Range<usize>],
    findings: &mut Findings,
) -> Vec<Row> {
    let mut units = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        units.extend(chunk.valid().chars().map(Unit::Char));
        units.extend(chunk.invalid().iter().copied().map(Unit::Byte));
    }
    let groups: Vec<(Unit, usize)> = units
        .chunk_by(|left, right| left == right)
        .filter_map(|group| group.first().map(|unit| (*unit, group.len())))
        .collect();
    let mut writer = Writer::new(kind, feeds, findings);
    let mut changed = changed.iter().peekable();
    let mut at = 0;
    for (position, (unit, count)) in groups.iter().enumerate() {
        let next = groups.get(position + 1).map(|(unit, _)| *unit);
        let end = at + unit.bytes() * count;
        let begins = |range: &&Range<usize>| (at..end).contains(&range.start);
        let mut count = *count;
        if let Some(range) = changed.peek().copied().filter(begins) {
            // The sign of a line and what it begins with may be the same character.
            let before = (range.start - at) / unit.bytes();
            if before > 0 {
                writer.group(*unit, before, Some(*unit));
            }
            count -= before;
            writer.mark(DIFFERS, RunKind::Changed);
        }
        writer.group(*unit, count, next);
        at = end;
        if changed.next_if(|range| range.end <= at).is_some() {
            writer.mark(DIFFERED, kind);
        }
    }
    writer.finish()
}

/// A short text that stays on one row: for notes and names that stand elsewhere in full. Cut after 120 characters.
pub(crate) fn escape_short(text: &str, findings: &mut Findings) -> Vec<Run> {
    let head: String = text.chars().take(120).collect();
    let cut = head.len() < text.len();
    let rows = findings
        .again(|findings| escape(head.as_bytes(), RunKind::Value, LineFeeds::Shown, findings));
    let mut runs: Vec<Run> = rows.into_iter().flat_map(|row| row.runs).collect();
    if cut {
        runs.push(Run::new(RunKind::Mark, SKIPPED));
    }
    runs
}

/// Rows of a value behind a head, as lines: what goes on below is marked, so that no value can imitate a row of ours.
pub(crate) fn behind(head: Vec<Run>, rows: Vec<Row>) -> Vec<Line> {
    let mut head = Some(head);
    rows.into_iter()
        .map(|row| {
            let start = || vec![Run::new(RunKind::Mark, format!("  {CONTINUED} "))];
            let mut runs = head.take().unwrap_or_else(start);
            runs.extend(row.runs);
            Line { runs }
        })
        .collect()
}

/// `name = value` behind a margin, both the requester's.
pub(crate) fn named(
    margin: Vec<Run>,
    name: &str,
    separator: &str,
    findings: &mut Findings,
    value: impl FnOnce(Vec<Run>, &mut Findings) -> Vec<Line>,
) -> Vec<Line> {
    let names = escape(name.as_bytes(), RunKind::Name, LineFeeds::Shown, findings);
    let mut lines = behind(margin, names);
    let mut head = lines.pop().unwrap_or_default().runs;
    head.push(Run::new(RunKind::Text, separator));
    lines.extend(value(head, findings));
    lines
}

struct Writer<'a> {
    kind: RunKind,
    feeds: LineFeeds,
    findings: &'a mut Findings,
    rows: Vec<Row>,
    row: Row,
    used: usize,
    /// Combining marks since the last visible character; `None` when there is nothing to combine with.
    stacked: Option<usize>,
}

impl<'a> Writer<'a> {
    fn new(kind: RunKind, feeds: LineFeeds, findings: &'a mut Findings) -> Self {
        let row = Row {
            runs: Vec::new(),
            number: 1,
            continued: false,
            ink: false,
        };
        Self {
            kind,
            feeds,
            findings,
            rows: Vec::new(),
            row,
            used: 0,
            stacked: None,
        }
    }

    fn group(&mut self, unit: Unit, count: usize, next: Option<Unit>) {
        let character = match unit {
            Unit::Char(character) => character,
            Unit::Byte(byte) => {
                self.findings
                    .character(Flag::InvalidUtf8, u32::from(byte), count);
                return self.chip(&format!("0x{byte:02X}"), count, true);
            }
        };
        match character {
            '\n' => self.line_feeds(count),
            '\r' => self.chip("CR", count, false),
            '\t' => {
                if count > PADDING_TABS {
                    self.findings.raise(Flag::Padding);
                }
                self.chip("TAB", count, false);
            }
            ' ' => self.spaces(count, next),
            _ => match ident::hazard(character) {
                Some(hazard) => self.hazard(character, hazard, count),
                None if is_own_mark(character) => {
                    self.findings
                        .character(Flag::OwnMarks, u32::from(character), count);
                    self.chip(&code(character), count, true);
                }
                // `name = value` must have one reading only.
                None if character == '=' && self.kind == RunKind::Name => {
                    self.chip(&code(character), count, true);
                }
                None if is_combining(character) => self.combining(character, count),
                None => {
                    if is_right_to_left(character) {
                        self.findings.raise(Flag::RightToLeft);
                    }
                    for _ in 0..count {
                        self.plain(character);
                    }
                    self.stacked = Some(0);
                }
            },
        }
    }

    fn hazard(&mut self, character: char, hazard: Hazard, count: usize) {
        self.findings
            .character(flag_of(hazard), u32::from(character), count);
        let ink = !matches!(
            hazard,
            Hazard::Space | Hazard::ZeroWidth | Hazard::Separator
        );
        let picture = match character {
            '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)),
            '\u{7f}' => Some('\u{2421}'),
            _ => None,
        };
        match picture {
            Some(picture) if count <= REPEATS_SHOWN_MAX => {
                for _ in 0..count {
                    self.push(RunKind::Chip, &picture.to_string());
                }
                self.row.ink = true;
                self.stacked = None;
            }
            _ => self.chip(&code(character), count, ink),
        }
    }

    fn combining(&mut self, character: char, count: usize) {
        match self.stacked {
            Some(below) if below + count <= STACKED_MARKS_MAX => {
                for _ in 0..count {
                    self.plain(character);
                }
                self.stacked = Some(below + count);
            }
            _ => {
                self.findings
                    .character(Flag::Combining, u32::from(character), count);
                self.chip(&code(character), count, true);
            }
        }
    }

    fn spaces(&mut self, count: usize, next: Option<Unit>) {
        let trailing = matches!(next, None | Some(Unit::Char('\n' | '\r')));
        if count > PADDING_SPACES {
            self.findings.raise(Flag::Padding);
        }
        if !trailing && count <= SPACES_SHOWN_MAX {
            for _ in 0..count {
                self.plain(' ');
            }
            self.stacked = None;
        } else if count > REPEATS_SHOWN_MAX {
            self.chip("SP", count, false);
        } else {
            self.push(RunKind::Chip, &"\u{27e8}SP\u{27e9}".repeat(count));
        }
    }

    fn line_feeds(&mut self, count: usize) {
        match self.feeds {
            LineFeeds::Shown => {
                self.chip("LF", count, false);
                if count > PADDING_ROWS {
                    self.findings.raise(Flag::Padding);
                }
                self.end_row(count, true);
            }
            LineFeeds::Silent => {
                for _ in 0..count {
                    self.end_row(1, false);
                }
            }
        }
    }

    fn chip(&mut self, name: &str, count: usize, ink: bool) {
        self.stacked = None;
        self.row.ink |= ink;
        if count > REPEATS_SHOWN_MAX {
            return self.push(
                RunKind::Chip,
                &format!("\u{27e8}{name}\u{d7}{count}\u{27e9}"),
            );
        }
        for _ in 0..count {
            self.push(RunKind::Chip, &format!("\u{27e8}{name}\u{27e9}"));
        }
    }

    /// What follows is the requester's as `kind`. A mark takes no room: it breaks no line that would not break without.
    fn mark(&mut self, mark: char, kind: RunKind) {
        self.row.runs.push(Run::new(RunKind::Mark, mark));
        self.kind = kind;
    }

    fn plain(&mut self, character: char) {
        self.row.ink |= character != ' ';
        self.push(self.kind, character.encode_utf8(&mut [0; 4]));
    }

    fn push(&mut self, kind: RunKind, text: &str) {
        let width: usize = text.chars().map(columns).sum();
        if self.used + width > COLUMNS_MAX && self.used > 0 {
            self.row.runs.push(Run::new(RunKind::Mark, WRAPPED));
            self.findings.raise(Flag::LongLine);
            self.end_row(0, true);
        }
        self.used += width;
        match self.row.runs.last_mut() {
            Some(last) if last.kind == kind => last.text.push_str(text),
            _ => self.row.runs.push(Run::new(kind, text)),
        }
    }

    fn end_row(&mut self, lines: usize, continued: bool) {
        let number = self.row.number + lines;
        let next = Row {
            runs: Vec::new(),
            number,
            continued,
            ink: false,
        };
        self.rows.push(std::mem::replace(&mut self.row, next));
        self.used = 0;
        self.stacked = None;
    }

    fn finish(mut self) -> Vec<Row> {
        // After a last line feed there is no further line.
        if !self.row.runs.is_empty() || self.rows.is_empty() {
            self.rows.push(self.row);
        }
        blank::count(self.rows, self.findings)
    }
}

fn code(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}
