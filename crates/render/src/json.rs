//! A JSON payload as a table: described members under the descriptor's labels, all others apart under their pointers.
//!
//! Numbers are shown as written; strings in quotes, so that "5" and 5 differ. Every leaf of the document is in one of
//! the two blocks.

use gatehold_core::json::lexeme::Lexeme;
use gatehold_core::json::payload::{self, Json};
use gatehold_core::json::scan::Limits;

use crate::chars::CONTINUED;
use crate::display::{Block, BlockKind, Flag, Line, Run, RunKind};
use crate::escape::{LineFeeds, Row, behind, escape, escape_short, named};
use crate::findings::Findings;
use crate::input::Field;
use crate::scripts;
use crate::text;

const NUMBER_LENGTH_USUAL: usize = 20;

/// The readable blocks of a JSON document, or of what should have been one.
pub(crate) fn blocks(bytes: &[u8], described: &[Field<'_>], findings: &mut Findings) -> Vec<Block> {
    match payload::parse(bytes, &Limits::PAYLOAD) {
        Ok(document) => table(&document, described, findings),
        Err(error) => {
            findings.raise(Flag::Uninspectable);
            let mut note = vec![Run::new(RunKind::Text, "not strict JSON: ")];
            note.extend(escape_short(&error.to_string(), findings));
            findings.note(Flag::Malformed, note);
            vec![Block {
                kind: BlockKind::Payload,
                title: "Payload, as text because it is not strict JSON".to_owned(),
                lines: text::numbered(bytes, findings),
            }]
        }
    }
}

fn table(document: &Json, described: &[Field<'_>], findings: &mut Findings) -> Vec<Block> {
    let mut lines = Vec::new();
    for field in described {
        match document.pointer(field.value) {
            Some(value) => lines.extend(described_lines(field.label, value, findings)),
            None => {
                findings.raise(Flag::Absent);
                let absent = vec![Run::new(RunKind::Warning, "not in the payload")];
                lines.push(Line::labelled(field.label, absent));
            }
        }
    }
    let mut blocks = Vec::new();
    if !lines.is_empty() {
        blocks.push(Block {
            kind: BlockKind::Payload,
            title: "Payload".to_owned(),
            lines,
        });
    }
    let mut apart = Vec::new();
    leaves(document, &mut String::new(), &mut |pointer, value| {
        if !is_described(pointer, described) {
            // {} and [] say nothing, so there is nothing to describe.
            if !(pointer.is_empty() && matches!(value, Json::Object(_) | Json::Array(_))) {
                findings.raise(Flag::NotDescribed);
            }
            apart.extend(leaf_lines(pointer, value, findings));
        }
    });
    if !apart.is_empty() {
        let title = "Not described: members that the descriptor does not know".to_owned();
        blocks.push(Block {
            kind: BlockKind::NotDescribed,
            title,
            lines: apart,
        });
    }
    blocks
}

fn described_lines(label: &str, value: &Json, findings: &mut Findings) -> Vec<Line> {
    if is_leaf(value) {
        let head = Line::labelled(label, Vec::new()).runs;
        return value_lines(head, value, findings);
    }
    let size = match value {
        Json::Array(elements) => format!("list of {}", elements.len()),
        Json::Object(members) => format!("object of {}", members.len()),
        _ => String::new(),
    };
    let mut lines = vec![Line::labelled(label, vec![Run::new(RunKind::Text, size)])];
    leaves(value, &mut String::new(), &mut |pointer, leaf| {
        lines.extend(leaf_lines(pointer, leaf, findings));
    });
    lines
}

/// `  /pointer = value`
fn leaf_lines(pointer: &str, value: &Json, findings: &mut Findings) -> Vec<Line> {
    let margin = vec![Run::new(RunKind::Text, "  ")];
    if pointer.is_empty() {
        let mut head = margin;
        head.push(Run::new(RunKind::Text, "the whole document = "));
        return value_lines(head, value, findings);
    }
    scripts::look_at(pointer, findings);
    named("  ", pointer, " = ", findings, |head, findings| {
        value_lines(head, value, findings)
    })
}

fn value_lines(head: Vec<Run>, value: &Json, findings: &mut Findings) -> Vec<Line> {
    let plain = |text: &str, findings: &mut Findings| {
        escape(text.as_bytes(), RunKind::Value, LineFeeds::Shown, findings)
    };
    match value {
        Json::Null => behind(head, plain("null", findings)),
        Json::Bool(true) => behind(head, plain("true", findings)),
        Json::Bool(false) => behind(head, plain("false", findings)),
        Json::Array(_) => behind(head, plain("[]", findings)),
        Json::Object(_) => behind(head, plain("{}", findings)),
        Json::Number(lexeme) => {
            let mut lines = behind(head, plain(lexeme.as_str(), findings));
            if let (Some(note), Some(last)) = (number_note(lexeme, findings), lines.last_mut()) {
                last.runs.push(Run::new(RunKind::Text, note));
            }
            lines
        }
        Json::String(text) => {
            scripts::look_at(text, findings);
            scripts::look_for_encoding(text, findings);
            quoted(head, plain(text, findings))
        }
    }
}

/// A string between quotation marks of ours.
pub(crate) fn quoted(mut head: Vec<Run>, rows: Vec<Row>) -> Vec<Line> {
    head.push(Run::new(RunKind::Mark, "\""));
    let ends_in_feed = rows
        .last()
        .and_then(|row| row.runs.last())
        .is_some_and(|run| run.kind == RunKind::Chip && run.text.ends_with("LF\u{27e9}"));
    let mut lines = behind(head, rows);
    if ends_in_feed {
        lines.push(Line::of(RunKind::Mark, format!("  {CONTINUED} ")));
    }
    if let Some(last) = lines.last_mut() {
        last.runs.push(Run::new(RunKind::Mark, "\""));
    }
    lines
}

/// The same number in a form that is easy to read, when it was written in one that is not.
fn number_note(lexeme: &Lexeme, findings: &mut Findings) -> Option<String> {
    let written = lexeme.as_str();
    let decimal = lexeme.decimal();
    let integer = decimal.to_i64();
    let exponent = written.contains(['e', 'E']);
    if written.len() > NUMBER_LENGTH_USUAL || (exponent && integer.is_none()) {
        findings.raise(Flag::HugeNumber);
    }
    let integer = integer?;
    (exponent || integer.unsigned_abs() >= 10_000).then(|| format!("  ({})", grouped(integer)))
}

fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = if number < 0 {
        "-".to_owned()
    } else {
        String::new()
    };
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Calls back for every scalar and empty container, in source order, with its pointer.
fn leaves(value: &Json, pointer: &mut String, each: &mut impl FnMut(&str, &Json)) {
    let length = pointer.len();
    match value {
        Json::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                pointer.push('/');
                pointer.push_str(&payload::escape_token(name));
                leaves(member, pointer, each);
                pointer.truncate(length);
            }
        }
        Json::Array(elements) if !elements.is_empty() => {
            for (position, element) in elements.iter().enumerate() {
                pointer.push_str(&format!("/{position}"));
                leaves(element, pointer, each);
                pointer.truncate(length);
            }
        }
        leaf => each(pointer, leaf),
    }
}

fn is_leaf(value: &Json) -> bool {
    match value {
        Json::Object(members) => members.is_empty(),
        Json::Array(elements) => elements.is_empty(),
        _ => true,
    }
}

/// A described container describes everything in it.
fn is_described(pointer: &str, described: &[Field<'_>]) -> bool {
    described.iter().any(|field| {
        pointer
            .strip_prefix(field.value)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}
