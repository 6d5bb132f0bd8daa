//! Every byte, in printable ASCII, without loss.
//!
//! INVARIANT(lossless-display): for every payload that is shown, `represents(&render(input), payload)`; and without
//! hidden credentials `recover(&render(input)) == Some(payload)`. The readable blocks above may count and name; this one
//! is what decides when they look odd.

use std::ops::Range;

use gatehold_core::hash::Hash;

use crate::display::{Block, BlockKind, Display, Line, Run, RunKind};

const COLUMNS_MAX: usize = 96;

/// The block of exact bytes: printable ASCII as it is, `\\`, `\n`, and `\xNN` for every other byte. A space stands for
/// itself only between two visible characters. Line breaks outside `\n` mean nothing. `\{24 bytes hidden, sha256:…}`
/// stands for a credential.
pub(crate) fn exact_block(payload: &[u8], hidden: &[Range<usize>]) -> Block {
    let more = if hidden.is_empty() {
        ""
    } else {
        r", \{…} what is hidden"
    };
    Block {
        kind: BlockKind::Exact,
        title: format!(
            r"Exact bytes (\n is a line feed, \xNN any other byte, \\ a backslash{more})"
        ),
        lines: exact_lines(payload, hidden),
    }
}

pub(crate) fn exact_lines(payload: &[u8], hidden: &[Range<usize>]) -> Vec<Line> {
    let mut writer = Writer::default();
    let mut at = 0;
    for range in hidden {
        let Some(secret) = payload.get(range.clone()).filter(|_| range.start >= at) else {
            continue;
        };
        writer.bytes(payload, at..range.start);
        let hash = Hash::of(secret);
        let text = format!("\\{{{} bytes hidden, {hash}}}", secret.len());
        writer.push(RunKind::Chip, &text);
        at = range.end;
    }
    writer.bytes(payload, at..payload.len());
    writer.finish()
}

#[derive(Default)]
struct Writer {
    lines: Vec<Line>,
    line: Line,
    used: usize,
}

impl Writer {
    fn bytes(&mut self, payload: &[u8], range: Range<usize>) {
        let visible = |at: Option<usize>| {
            at.and_then(|at| payload.get(at))
                .is_some_and(u8::is_ascii_graphic)
        };
        for position in range {
            let Some(byte) = payload.get(position) else {
                return;
            };
            let inside = self.used > 0 && self.used + 2 < COLUMNS_MAX;
            let lone = inside && visible(position.checked_sub(1)) && visible(Some(position + 1));
            match byte {
                b'\\' => self.push(RunKind::Chip, r"\\"),
                b'\n' => self.push(RunKind::Chip, r"\n"),
                b' ' if lone => self.push(RunKind::Value, " "),
                b'!'..=b'~' => {
                    self.push(RunKind::Value, char::from(*byte).encode_utf8(&mut [0; 4]))
                }
                other => self.push(RunKind::Chip, &format!("\\x{other:02x}")),
            }
            // A flood of empty lines stays on few rows here.
            if *byte == b'\n' && payload.get(position + 1) != Some(&b'\n') {
                self.end_line();
            }
        }
    }

    fn push(&mut self, kind: RunKind, text: &str) {
        if self.used + text.len() > COLUMNS_MAX {
            self.end_line();
        }
        self.used += text.len();
        match self.line.runs.last_mut() {
            Some(last) if last.kind == kind => last.text.push_str(text),
            _ => self.line.runs.push(Run::new(kind, text)),
        }
    }

    fn end_line(&mut self) {
        self.lines.push(std::mem::take(&mut self.line));
        self.used = 0;
    }

    fn finish(mut self) -> Vec<Line> {
        if !self.line.runs.is_empty() {
            self.end_line();
        }
        self.lines
    }
}

enum Piece {
    Byte(u8),
    Hidden { length: usize, hash: Hash },
}

/// The payload that a display shows, read back from its exact bytes. `None` when it was too large to show, when a
/// credential is hidden, or when the block is not one of ours.
#[must_use]
pub fn recover(display: &Display) -> Option<Vec<u8>> {
    let byte = |piece| match piece {
        Piece::Byte(byte) => Some(byte),
        Piece::Hidden { .. } => None,
    };
    pieces(display)?.into_iter().map(byte).collect()
}

/// Whether a display shows exactly this payload: every byte, and of what it hides the length and the hash.
#[must_use]
pub fn represents(display: &Display, payload: &[u8]) -> bool {
    let Some(pieces) = pieces(display) else {
        return false;
    };
    let mut rest = payload;
    for piece in pieces {
        let length = match piece {
            Piece::Byte(byte) if rest.first() == Some(&byte) => 1,
            Piece::Hidden { length, hash }
                if rest
                    .get(..length)
                    .is_some_and(|secret| Hash::of(secret) == hash) =>
            {
                length
            }
            _ => return false,
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    rest.is_empty()
}

fn pieces(display: &Display) -> Option<Vec<Piece>> {
    let block = display.block(BlockKind::Exact)?;
    let text: String = block
        .lines
        .iter()
        .flat_map(|line| &line.runs)
        .map(|run| run.text.as_str())
        .collect();
    let mut pieces = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        pieces.push(match byte {
            b'\\' => match rest.next()? {
                b'\\' => Piece::Byte(b'\\'),
                b'n' => Piece::Byte(b'\n'),
                b'x' => Piece::Byte(nibble(rest.next()?)? << 4 | nibble(rest.next()?)?),
                b'{' => {
                    let inside: Vec<u8> = rest.by_ref().take_while(|byte| *byte != b'}').collect();
                    hidden(std::str::from_utf8(&inside).ok()?)?
                }
                _ => return None,
            },
            b' '..=b'~' => Piece::Byte(byte),
            _ => return None,
        });
    }
    Some(pieces)
}

/// `24 bytes hidden, sha256:…`
fn hidden(inside: &str) -> Option<Piece> {
    let (length, hash) = inside.split_once(" bytes hidden, ")?;
    Some(Piece::Hidden {
        length: length.parse().ok()?,
        hash: hash.parse().ok()?,
    })
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
