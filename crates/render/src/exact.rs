//! Every byte, in printable ASCII, without loss.
//!
//! INVARIANT(lossless-display): for every payload that is shown, `recover(&render(input)) == Some(payload)`. The
//! readable blocks above may count and name; this one is what decides when they look odd.

use crate::display::{Block, BlockKind, Display, Line, Run, RunKind};

const COLUMNS_MAX: usize = 96;

/// The block of exact bytes: printable ASCII as it is, `\\`, `\n`, and `\xNN` for every other byte. A space stands for
/// itself only between two visible characters. Line breaks outside `\n` mean nothing.
pub(crate) fn exact_block(payload: &[u8]) -> Block {
    Block {
        kind: BlockKind::Exact,
        title: r"Exact bytes (\n is a line feed, \xNN any other byte, \\ a backslash)".to_owned(),
        lines: exact_lines(payload),
    }
}

pub(crate) fn exact_lines(payload: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = Line::default();
    let mut used = 0;
    for (position, byte) in payload.iter().enumerate() {
        let visible = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
        let inside = used > 0 && used + 2 < COLUMNS_MAX;
        let lone = inside
            && visible(
                position
                    .checked_sub(1)
                    .and_then(|before| payload.get(before)),
            )
            && visible(payload.get(position + 1));
        let (kind, text) = match byte {
            b'\\' => (RunKind::Chip, r"\\".to_owned()),
            b'\n' => (RunKind::Chip, r"\n".to_owned()),
            b' ' if lone => (RunKind::Value, " ".to_owned()),
            b'!'..=b'~' => (RunKind::Value, char::from(*byte).to_string()),
            other => (RunKind::Chip, format!("\\x{other:02x}")),
        };
        if used + text.len() > COLUMNS_MAX {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        used += text.len();
        match line.runs.last_mut() {
            Some(last) if last.kind == kind => last.text.push_str(&text),
            _ => line.runs.push(Run::new(kind, text)),
        }
        // A flood of empty lines stays on few rows here.
        if *byte == b'\n' && payload.get(position + 1) != Some(&b'\n') {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
    }
    if !line.runs.is_empty() {
        lines.push(line);
    }
    lines
}

/// The payload that a display shows, read back from its exact bytes. `None` when it was too large to show, or when the
/// block is not one of ours.
#[must_use]
pub fn recover(display: &Display) -> Option<Vec<u8>> {
    let block = display.block(BlockKind::Exact)?;
    let text: String = block
        .lines
        .iter()
        .flat_map(|line| &line.runs)
        .map(|run| run.text.as_str())
        .collect();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b'\\' => b'\\',
                b'n' => b'\n',
                b'x' => nibble(rest.next()?)? << 4 | nibble(rest.next()?)?,
                _ => return None,
            },
            b' '..=b'~' => byte,
            _ => return None,
        });
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
