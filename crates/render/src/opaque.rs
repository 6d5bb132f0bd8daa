//! Payloads that nobody described: shown as text or as bytes, always uninspectable.

use crate::display::{Block, BlockKind, Flag, Line, Run, RunKind};
use crate::findings::Findings;
use crate::text;

const HEAD_BYTES_SHOWN: usize = 256;
const BYTES_PER_LINE: usize = 16;

pub(crate) fn blocks(bytes: &[u8], findings: &mut Findings) -> Vec<Block> {
    findings.raise(Flag::Uninspectable);
    if let Ok(readable) = std::str::from_utf8(bytes)
        && !readable.contains('\0')
    {
        let title = "Payload, as text; nobody described what it means".to_owned();
        let lines = text::numbered(bytes, findings);
        return vec![Block {
            kind: BlockKind::Payload,
            title,
            lines,
        }];
    }
    let shown = bytes.get(..HEAD_BYTES_SHOWN).unwrap_or(bytes);
    let title = format!(
        "Payload, binary: the first {} of {} bytes",
        shown.len(),
        bytes.len()
    );
    vec![Block {
        kind: BlockKind::Payload,
        title,
        lines: hexdump(shown),
    }]
}

fn hexdump(bytes: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    for (position, row) in bytes.chunks(BYTES_PER_LINE).enumerate() {
        let hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let ascii: String = row
            .iter()
            .map(|byte| {
                if byte.is_ascii_graphic() {
                    char::from(*byte)
                } else {
                    '.'
                }
            })
            .collect();
        lines.push(Line {
            runs: vec![
                Run::new(
                    RunKind::Mark,
                    format!("{:08x}  ", position * BYTES_PER_LINE),
                ),
                Run::new(RunKind::Chip, format!("{:<47}", hex.join(" "))),
                Run::new(RunKind::Mark, "  "),
                Run::new(RunKind::Value, ascii),
            ],
        });
    }
    lines
}
