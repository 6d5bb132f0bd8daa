//! The whole display, top to bottom: warnings, action, payload, not described, exact bytes.

use gatehold_core::hash::Hash;
use gatehold_core::wording::counted;

use crate::display::{Block, BlockKind, Counts, Display, Flag, Line, Run, RunKind, Version};
use crate::escape::{LineFeeds, behind, escape};
use crate::findings::Findings;
use crate::input::{Field, PayloadKind, RenderInput};
use crate::{argv, diff, exact, http, json, message, opaque, scripts, shell, sql};

/// Larger payloads are not shown in full, and nobody may release what was not shown.
pub const PAYLOAD_BYTES_SHOWN_MAX: usize = 64 << 10;
/// The same for changes of the gate itself: a bundle of policy is decided on as a whole, so it is shown as a whole.
pub const CHANGE_BYTES_SHOWN_MAX: usize = 256 << 10;
/// Of a payload that is too large: this many bytes from each end.
const EDGE_BYTES_SHOWN: usize = 2 << 10;

/// Renders an action. The same input gives the same display, byte for byte.
#[must_use]
pub fn render(input: &RenderInput<'_>) -> Display {
    render_within(input, PAYLOAD_BYTES_SHOWN_MAX)
}

/// Renders a change of the gate itself.
#[must_use]
pub fn render_change(input: &RenderInput<'_>) -> Display {
    render_within(input, CHANGE_BYTES_SHOWN_MAX)
}

fn render_within(input: &RenderInput<'_>, bytes_max: usize) -> Display {
    let mut findings = Findings::default();
    for field in input.envelope {
        scripts::know(field.value, &mut findings);
    }
    let mut blocks = vec![action(input, &mut findings)];
    if input.payload.len() > bytes_max {
        findings.raise(Flag::TooLargeToShow);
        findings.raise(Flag::Uninspectable);
        blocks.extend(edges(input.payload));
    } else {
        if std::str::from_utf8(input.payload).is_err() {
            findings.raise(Flag::Uninspectable);
            findings.raise(Flag::InvalidUtf8);
        }
        blocks.extend(payload(input, &mut findings));
        blocks.push(exact::exact_block(input.payload, &findings.hidden()));
    }
    let flags = findings.flags();
    if !flags.is_empty() {
        let title = "Look twice".to_owned();
        blocks.insert(
            0,
            Block {
                kind: BlockKind::Warnings,
                title,
                lines: findings.lines(),
            },
        );
    }
    let counts = Counts {
        uninspectable: flags.contains(&Flag::Uninspectable),
        ..counts(input.payload)
    };
    Display {
        version: Version::V1,
        blocks,
        flags,
        counts,
    }
}

fn action(input: &RenderInput<'_>, findings: &mut Findings) -> Block {
    let mut block = Block {
        kind: BlockKind::Action,
        title: "Action".to_owned(),
        lines: Vec::new(),
    };
    for field in input.envelope {
        block.lines.extend(field_lines(field, findings));
    }
    block.lines.extend(field_lines(
        &Field {
            label: "Payload type",
            value: input.media_type,
        },
        findings,
    ));
    let counts = counts(input.payload);
    let size = format!(
        "{}, {}",
        counted(counts.bytes, "byte"),
        counted(counts.lines, "line")
    );
    let hash = Hash::of(input.payload).to_string();
    block.lines.push(Line::labelled(
        "Payload size",
        vec![Run::new(RunKind::Text, size)],
    ));
    block.lines.push(Line::labelled(
        "Payload hash",
        vec![Run::new(RunKind::Text, hash)],
    ));
    block
}

fn field_lines(field: &Field<'_>, findings: &mut Findings) -> Vec<Line> {
    scripts::look_at(field.value, findings);
    let head = Line::labelled(field.label, Vec::new()).runs;
    behind(
        head,
        escape(
            field.value.as_bytes(),
            RunKind::Value,
            LineFeeds::Shown,
            findings,
        ),
    )
}

fn payload(input: &RenderInput<'_>, findings: &mut Findings) -> Vec<Block> {
    match input.kind {
        PayloadKind::Json => json::blocks(input.payload, input, findings),
        PayloadKind::Sql => sql::blocks(input.media_type, input.payload, findings),
        PayloadKind::Http => http::blocks(input, findings),
        PayloadKind::Argv => argv::blocks(input, findings),
        PayloadKind::Shell => shell::blocks(input.payload, findings),
        PayloadKind::Diff => diff::blocks(input.payload, findings),
        PayloadKind::Message => message::blocks(input.payload, input.internal, findings),
        PayloadKind::Opaque => opaque::blocks(input.media_type, input.payload, findings),
    }
}

fn edges(payload: &[u8]) -> [Block; 2] {
    let edge =
        |which, bytes: &[u8]| format!("Payload, the {which} {}", counted(bytes.len(), "byte"));
    let block = |title: String, bytes: &[u8]| Block {
        kind: BlockKind::Payload,
        title,
        lines: exact::exact_lines(bytes, &[]),
    };
    let head = payload.get(..EDGE_BYTES_SHOWN).unwrap_or(payload);
    let tail = payload
        .get(payload.len().saturating_sub(EDGE_BYTES_SHOWN)..)
        .unwrap_or(payload);
    [
        block(edge("first", head), head),
        block(edge("last", tail), tail),
    ]
}

fn counts(payload: &[u8]) -> Counts {
    let feeds = payload.iter().filter(|byte| **byte == b'\n').count();
    let rest = usize::from(payload.last().is_some_and(|byte| *byte != b'\n'));
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    let mut rows: Vec<&[u8]> = payload.split(|byte| *byte == b'\n').collect();
    rows.truncate(feeds + rest);
    let empty = rows.iter().filter(|row| row.iter().all(blank)).count();
    let words = payload
        .split(|byte| *byte == b'\n' || blank(byte))
        .filter(|word| !word.is_empty())
        .count();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    Counts {
        bytes: count(payload.len()),
        lines: count(feeds + rest),
        empty_lines: count(empty),
        words: count(words),
        uninspectable: false,
    }
}
