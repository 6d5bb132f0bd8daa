//! A display on a terminal, or as plain text.
//!
//! INVARIANT(quiet-terminal): whatever the display holds, also one that was not made by us, nothing comes out but
//! printable characters, line feeds and, with colour, our own seven SGR sequences.

use gatehold_core::json::ident;

use crate::chars::{CONTINUED, GUTTER, WRAPPED, columns, width as columns_of};
use crate::display::{Display, Run, RunKind};

const WIDTH_MIN: usize = 24;
const RESET: &str = "\u{1b}[0m";
const BOLD: &str = "\u{1b}[1m";

/// Plain text: no colour, no wrapping but the display's own.
#[must_use]
pub fn to_plain(display: &Display) -> String {
    to_terminal(display, usize::MAX, false)
}

/// Text for a terminal of `width` columns (at least 24). Lines that are wider are broken with a mark.
#[must_use]
pub fn to_terminal(display: &Display, width: usize, color: bool) -> String {
    let mut out = Out {
        text: String::new(),
        width: width.max(WIDTH_MIN),
        color,
    };
    let counts = &display.counts;
    let judged = if counts.uninspectable {
        ", UNINSPECTABLE"
    } else {
        ""
    };
    out.title(&format!("{}{judged}", counts.in_words()));
    for block in &display.blocks {
        out.text.push('\n');
        out.title(&block.title);
        for line in &block.lines {
            out.line(&line.runs);
        }
    }
    out.text
}

struct Out {
    text: String,
    width: usize,
    color: bool,
}

impl Out {
    fn title(&mut self, title: &str) {
        self.styled(BOLD, &quiet(title));
        self.text.push('\n');
    }

    fn line(&mut self, runs: &[Run]) {
        let margin = format!("  {GUTTER} ");
        self.text.push_str(&margin);
        let mut used = columns_of(&margin);
        for run in runs {
            let mut piece = String::new();
            for character in quiet(&run.text).chars() {
                let wide = columns(character);
                // One column stays free for the mark.
                if used.saturating_add(wide) >= self.width {
                    self.styled(style(run.kind), &piece);
                    piece.clear();
                    self.styled(style(RunKind::Mark), &WRAPPED.to_string());
                    self.text.push('\n');
                    self.text.push_str(&margin);
                    let again = format!("  {CONTINUED} ");
                    self.styled(style(RunKind::Mark), &again);
                    used = columns_of(&margin) + columns_of(&again);
                }
                used += wide;
                piece.push(character);
            }
            self.styled(style(run.kind), &piece);
        }
        self.text.push('\n');
    }

    fn styled(&mut self, style: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        if !self.color || style.is_empty() {
            return self.text.push_str(text);
        }
        self.text.push_str(style);
        self.text.push_str(text);
        self.text.push_str(RESET);
    }
}

fn style(kind: RunKind) -> &'static str {
    match kind {
        RunKind::Text | RunKind::Value => "",
        RunKind::Label => BOLD,
        RunKind::Name => "\u{1b}[4m",
        RunKind::Changed => "\u{1b}[1;4m",
        RunKind::Mark => "\u{1b}[2m",
        RunKind::Chip => "\u{1b}[7m",
        RunKind::Warning => "\u{1b}[1;31m",
    }
}

/// Ours contain no hazards; a display from elsewhere might.
fn quiet(text: &str) -> String {
    let mut quiet = String::with_capacity(text.len());
    for character in text.chars() {
        match ident::hazard(character) {
            None => quiet.push(character),
            Some(_) => quiet.push_str(&format!("\u{27e8}U+{:04X}\u{27e9}", u32::from(character))),
        }
    }
    quiet
}
