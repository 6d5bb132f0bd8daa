//! What stands on the terminal around the trusted rendering: colours, widths, and text of others made harmless.
//!
//! Text that is not ours passes through [`plain`] before it is printed; nothing else may reach the terminal.

use std::fmt::Write as _;

use gatehold_core::json::ident;
use gatehold_core::time::Timestamp;
pub use gatehold_core::wording::{counted, counted_as, grouped};

/// Whether and how wide to print.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// Whether colour is wanted and possible.
    pub color: bool,
    /// Columns.
    pub width: usize,
}

/// One of the few styles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Titles.
    Bold,
    /// Explanations.
    Dim,
    /// Good.
    Green,
    /// Look.
    Amber,
    /// Stop.
    Red,
}

impl Screen {
    /// Text in a style.
    pub fn paint(&self, style: Style, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match style {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Green => "1;32",
            Style::Amber => "1;33",
            Style::Red => "1;31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// A title over a part of the screen.
    pub fn title(&self, text: &str) -> String {
        self.paint(Style::Bold, text)
    }
}

/// Text of others on one line: every character that cannot be seen or would move the cursor is shown by its number.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if ident::hazard(character).is_some() {
            let _ = write!(out, "\u{27e8}U+{:04X}\u{27e9}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out
}

/// Text of others over several lines, each behind a gutter, so that it cannot pass for ours. Empty lines in a row stand as how
/// many there are, in our voice: nothing is pushed off the screen by them.
#[must_use]
pub fn quoted(text: &str, width: usize) -> Vec<String> {
    let room = width.saturating_sub(6).max(20);
    let mut lines = Vec::new();
    let all: Vec<&str> = text
        .split('\n')
        .map(|line| line.trim_end_matches('\r'))
        .collect();
    for run in all.chunk_by(|left, right| left.is_empty() && right.is_empty()) {
        if run.len() > 1 {
            lines.push(format!(
                "  \u{22ef} {} empty lines \u{22ef}",
                grouped(run.len())
            ));
            continue;
        }
        let line = plain(run.first().copied().unwrap_or_default());
        let characters: Vec<char> = line.chars().collect();
        if characters.is_empty() {
            lines.push("  \u{2506}".to_owned());
        }
        for piece in characters.chunks(room) {
            lines.push(format!("  \u{2506} {}", piece.iter().collect::<String>()));
        }
    }
    lines
}

/// Seconds as people say them.
#[must_use]
pub fn duration(seconds: i64) -> String {
    match seconds {
        ..0 => "over".to_owned(),
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A time with how far off it is.
#[must_use]
pub fn moment(at: i64, now: i64) -> String {
    let left = (at - now).div_euclid(1000);
    let at = Timestamp::from_millis(at);
    if left >= 0 {
        format!("{at} (in {})", duration(left))
    } else {
        format!("{at} (past)")
    }
}

/// Rows under headings, columns aligned, the last one wrapped at this width; nothing is ever cut. Cells are made harmless here.
#[must_use]
pub fn table(headings: &[&str], rows: &[Vec<String>], screen_width: usize) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| plain(cell)).collect())
        .collect();
    let width = |column: usize, heading: &str| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(heading.len())
    };
    let widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(column, heading)| width(column, heading))
        .collect();
    let before_last: usize = widths.iter().rev().skip(1).map(|width| width + 2).sum();
    let room = screen_width
        .saturating_sub(before_last)
        .max(LAST_COLUMN_MIN);
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (column, (cell, width)) in cells.zip(&widths).enumerate() {
            if column + 1 == widths.len() {
                let indent = format!("\n{}", " ".repeat(before_last));
                text.push_str(&wrapped(cell, room).join(&indent));
            } else {
                let _ = write!(text, "{cell:<width$}  ");
            }
        }
        let used = text.trim_end().len();
        text.truncate(used);
        text.push('\n');
        text
    };
    let mut out = line(&mut headings.iter().copied());
    for row in &rows {
        out.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    out
}

/// The last column is never narrower than this, however narrow the screen.
const LAST_COLUMN_MIN: usize = 24;

/// Text in lines of so many characters, broken between words where there are any.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let used = line.chars().count();
        if used > 0 && used + 1 + word.chars().count() > room {
            lines.push(core::mem::take(&mut line));
        } else if used > 0 {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_others_moves_the_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb\u{202e}c"), "a⟨U+001B⟩[2Jb⟨U+202E⟩c");
        let padded = quoted(&format!("a{}b\n\nc", "\n".repeat(900)), 40);
        let wanted = ["  ┆ a", "  ⋯ 899 empty lines ⋯", "  ┆ b", "  ┆", "  ┆ c"];
        assert_eq!(padded, wanted);
        for line in quoted("one\n\u{9b}two\r\nthree", 40) {
            assert!(line.starts_with("  ┆"), "{line}");
            assert!(line.chars().all(|c| ident::hazard(c).is_none()), "{line}");
        }
    }

    #[test]
    fn tables_align() {
        let text = table(
            &["id", "what"],
            &[
                vec!["a".into(), "one".into()],
                vec!["bcd".into(), "two".into()],
            ],
            80,
        );
        assert_eq!(text, "id   what\na    one\nbcd  two\n");
    }

    #[test]
    fn the_last_column_wraps_and_is_never_cut() {
        let row = vec!["a".to_owned(), "one two three four five six".to_owned()];
        let text = table(&["id", "what"], &[row], 10);
        assert_eq!(text, "id  what\na   one two three four five\n    six\n");
    }
}
