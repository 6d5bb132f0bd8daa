//! Payloads that nobody described: shown as text or as bytes, always uninspectable.

use gatehold_core::hash::Hash;
use gatehold_core::wording::{counted, grouped};

use crate::display::{Block, BlockKind, Flag, Line, Run, RunKind};
use crate::findings::Findings;
use crate::{decode, text};

const HEAD_BYTES_SHOWN: usize = 256;
const BYTES_PER_LINE: usize = 16;

pub(crate) fn blocks(media_type: &str, bytes: &[u8], findings: &mut Findings) -> Vec<Block> {
    findings.raise(Flag::Uninspectable);
    let block = |title: String, lines| Block {
        kind: BlockKind::Payload,
        title,
        lines,
    };
    if let Ok(readable) = std::str::from_utf8(bytes)
        && !readable.contains('\0')
    {
        let title = "Payload, as text; nobody described what it means".to_owned();
        let mut blocks = vec![block(title, text::numbered(bytes, findings))];
        blocks.extend(decoded(decode::beside_words(readable, findings)));
        return blocks;
    }
    let shown = bytes.get(..HEAD_BYTES_SHOWN).unwrap_or(bytes);
    let title = format!(
        "Payload, binary: the first {} of {}",
        grouped(shown.len()),
        counted(bytes.len(), "byte")
    );
    let mut lines = Vec::new();
    if let Some(known) = known_format(bytes) {
        let silent = media_type.starts_with("application/octet-stream");
        let differs = if silent || media_type.contains(known.1) {
            ""
        } else {
            ", which is not what its media type says"
        };
        let text = format!("begins like {}{differs}", known.0);
        lines.push(Line::of(RunKind::Text, text));
    }
    lines.extend(hexdump(shown));
    let mut blocks = vec![block(title, lines)];
    blocks.extend(decoded(decode::beside_bytes(bytes, findings)));
    blocks
}

/// What words or compressed parts say, in a block of its own behind the text.
pub(crate) fn decoded(lines: Vec<Line>) -> Option<Block> {
    (!lines.is_empty()).then(|| Block {
        kind: BlockKind::Payload,
        title: "Decoded by us; it stands encoded above".to_owned(),
        lines,
    })
}

/// One line for bytes that are attached or inside something: how many, which, how they begin.
pub(crate) fn summary(bytes: &[u8]) -> Vec<Run> {
    let known =
        known_format(bytes).map_or_else(String::new, |(name, _)| format!(", begins like {name}"));
    let text = format!(
        "{}, {}{known}",
        counted(bytes.len(), "byte"),
        Hash::of(bytes)
    );
    vec![Run::new(RunKind::Text, text)]
}

/// How well-known formats begin, and a word of their media types.
fn known_format(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    const FORMATS: [(&[u8], &str, &str); 12] = [
        (b"\x7fELF", "an ELF program", "executable"),
        (b"MZ", "a Windows program", "msdownload"),
        (b"PK\x03\x04", "a ZIP archive", "zip"),
        (b"\x1f\x8b", "gzip", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd", "zstd"),
        (b"\xfd7zXZ", "xz", "xz"),
        (b"BZh", "bzip2", "bzip"),
        (b"\x89PNG", "a PNG picture", "png"),
        (b"\xff\xd8\xff", "a JPEG picture", "jpeg"),
        (b"GIF8", "a GIF picture", "gif"),
        (b"%PDF-", "a PDF document", "pdf"),
        (b"\0asm", "a WebAssembly program", "wasm"),
    ];
    FORMATS
        .iter()
        .find(|(head, ..)| bytes.starts_with(head))
        .map(|(_, name, media)| (*name, *media))
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
