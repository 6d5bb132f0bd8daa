//! A JSON payload as a table: described members under the descriptor's labels, all others apart under their pointers.
//!
//! Numbers are shown as written; strings in quotes, so that "5" and 5 differ. Every leaf of the document is in one of
//! the two blocks.

use gatehold_core::json::lexeme::Lexeme;
use gatehold_core::json::payload::{self, Json};
use gatehold_core::json::scan::Limits;
use gatehold_core::wording::grouped;

use crate::chars::CONTINUED;
use crate::display::{Block, BlockKind, Flag, Line, Run, RunKind};
use crate::document::{Reading, Understood};
use crate::escape::{LineFeeds, Row, behind, escape, escape_short, named};
use crate::findings::Findings;
use crate::input::{RenderInput, Shape};
use crate::leaves::{Leaf, leaves};
use crate::{decode, diff, document, hidden, money, recipients, scripts, shell, sql, text};

const NUMBER_LENGTH_USUAL: usize = 20;
/// A shorter secret stands in too many places by chance.
const SECRET_LENGTH_MIN: usize = 8;

/// The readable blocks of a JSON document, or of what should have been one.
pub(crate) fn blocks(bytes: &[u8], input: &RenderInput<'_>, findings: &mut Findings) -> Vec<Block> {
    match payload::parse(bytes, &Limits::PAYLOAD) {
        Ok(document) => table(&document, bytes, input, findings),
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

fn table(
    document: &Json,
    bytes: &[u8],
    input: &RenderInput<'_>,
    findings: &mut Findings,
) -> Vec<Block> {
    keep_secrets(document, input, findings);
    let Reading {
        mut blocks,
        understood,
    } = document::read(document, bytes, input, findings);
    let mut lines = Vec::new();
    let mut behind = Vec::new();
    for member in input.described {
        match document.pointer(member.pointer) {
            // What a document says stands in blocks of its own.
            Some(value) if document::is(member.shape) && value.as_str().is_none() => {}
            Some(value) => {
                lines.extend(described_lines(member.label, value, findings));
                behind.extend(
                    findings.again(|findings| {
                        shaped(member.label, member.shape, value, input, findings)
                    }),
                );
            }
            None => {
                findings.raise(Flag::Absent);
                let absent = vec![Run::new(RunKind::Warning, "not in the payload")];
                lines.push(Line::labelled(member.label, absent));
            }
        }
    }
    blocks.extend(findings.again(|findings| money::block(document, input, findings)));
    if !lines.is_empty() {
        blocks.push(Block {
            kind: BlockKind::Payload,
            title: "Payload".to_owned(),
            lines,
        });
    }
    blocks.extend(behind);
    blocks.extend(not_described(document, input, &understood, findings));
    blocks
}

fn not_described(
    document: &Json,
    input: &RenderInput<'_>,
    understood: &Understood,
    findings: &mut Findings,
) -> Option<Block> {
    let mut lines = Vec::new();
    // How much of the pointer stands on the line above already.
    let mut shared = 0;
    leaves(document, &mut |leaf| {
        shared = shared.min(leaf.kept);
        if !is_described(leaf.pointer, input) && !understood.holds(leaf.value) {
            // {} and [] say nothing, so there is nothing to describe.
            let nothing =
                leaf.pointer.is_empty() && matches!(leaf.value, Json::Object(_) | Json::Array(_));
            if !nothing {
                findings.raise(Flag::NotDescribed);
            }
            lines.extend(leaf_lines(
                &Leaf {
                    kept: shared,
                    ..*leaf
                },
                findings,
            ));
            shared = usize::MAX;
        }
    });
    (!lines.is_empty()).then(|| Block {
        kind: BlockKind::NotDescribed,
        title: "Not described: members that the descriptor does not know".to_owned(),
        lines,
    })
}

/// What the value of a member is beside being JSON, read by its own renderer.
fn shaped(
    label: &str,
    shape: Shape,
    value: &Json,
    input: &RenderInput<'_>,
    findings: &mut Findings,
) -> Vec<Block> {
    let title = Line::labelled(label, Vec::new())
        .runs
        .first()
        .map_or_else(String::new, |run| run.text.clone());
    let not_taken_apart = |why: &'static str, findings: &mut Findings| {
        findings.raise(Flag::Uninspectable);
        let mut note = vec![Run::new(RunKind::Text, why)];
        note.extend(escape_short(label, findings));
        findings.note(Flag::Malformed, note);
        Vec::new()
    };
    let made = match (shape, value) {
        (shape, _) if !is_behind(shape) => return Vec::new(),
        // What takes text apart knows of no secrets, and would show them.
        (_, value) if holds_secret(value, findings) => {
            return not_taken_apart("not taken apart, a secret stands in it: ", findings);
        }
        (Shape::Recipients, value) => {
            return recipients::of_json(&title, value, input.internal, findings);
        }
        (Shape::Sql, Json::String(text)) => sql::of_text(text, None, findings),
        (Shape::Shell, Json::String(text)) => shell::of_text(text, findings),
        (Shape::Diff, Json::String(text)) => diff::blocks(text.as_bytes(), findings),
        _ => return not_taken_apart("no text: ", findings),
    };
    let named = |block: Block| Block {
        title: format!("{title}: {}", block.title),
        ..block
    };
    made.into_iter().map(named).collect()
}

/// Whether values of this shape are read once more, behind the table.
const fn is_behind(shape: Shape) -> bool {
    matches!(
        shape,
        Shape::Sql | Shape::Shell | Shape::Diff | Shape::Recipients
    )
}

/// Whether a secret stands in any text of a value.
pub(crate) fn holds_secret(value: &Json, findings: &Findings) -> bool {
    let mut holds = false;
    leaves(value, &mut |leaf| {
        holds |= leaf
            .value
            .as_str()
            .is_some_and(|text| !findings.secrets_in(text).is_empty());
    });
    holds
}

/// The secrets among the described members, which are counted and hashed wherever they stand.
fn keep_secrets(document: &Json, input: &RenderInput<'_>, findings: &mut Findings) {
    for member in input
        .described
        .iter()
        .filter(|member| member.shape == Shape::Secret)
    {
        let Some(value) = document.pointer(member.pointer) else {
            continue;
        };
        let secret = value
            .as_str()
            .filter(|text| text.len() >= SECRET_LENGTH_MIN);
        let found = secret.map_or_else(Vec::new, |text| {
            hidden::places(input.payload, text.as_bytes())
        });
        match secret {
            Some(secret) if !found.is_empty() => {
                findings.keep(secret);
                found.into_iter().for_each(|range| findings.hide(range));
            }
            // Written with escapes, too short or no text: it cannot be cut out of the exact bytes, so nothing is hidden.
            _ => findings.raise(Flag::Exposed),
        }
    }
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
    leaves(value, &mut |leaf| lines.extend(leaf_lines(leaf, findings)));
    lines
}

/// `  /pointer = value`
pub(crate) fn leaf_lines(leaf: &Leaf<'_>, findings: &mut Findings) -> Vec<Line> {
    let mut margin = vec![Run::new(RunKind::Text, "  ")];
    if leaf.pointer.is_empty() {
        margin.push(Run::new(RunKind::Text, "the whole document = "));
        return value_lines(margin, leaf.value, findings);
    }
    let name = leaf.own(&mut margin);
    if !findings.secrets_in(name).is_empty() {
        findings.raise(Flag::Exposed);
    }
    scripts::look_at(name, findings);
    named(margin, name, " = ", findings, |head, findings| {
        value_lines(head, leaf.value, findings)
    })
}

/// A value, and below it what it says decoded.
pub(crate) fn value_lines(head: Vec<Run>, value: &Json, findings: &mut Findings) -> Vec<Line> {
    let mut lines = scalar_lines(head, value, findings);
    if let Json::String(text) = value
        && findings.masked(value).is_none()
        && findings.secrets_in(text).is_empty()
    {
        scripts::look_at(text, findings);
        lines.extend(decode::beside(text, findings));
    }
    lines
}

pub(crate) fn scalar_lines(mut head: Vec<Run>, value: &Json, findings: &mut Findings) -> Vec<Line> {
    let plain = |text: &str, findings: &mut Findings| {
        escape(text.as_bytes(), RunKind::Value, LineFeeds::Shown, findings)
    };
    if let Some(why) = findings.masked(value) {
        head.push(hidden::masked(value, why));
        return vec![Line { runs: head }];
    }
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
            let secrets = findings.secrets_in(text);
            if secrets.is_empty() {
                return quoted(head, plain(text, findings));
            }
            head.push(Run::new(RunKind::Mark, "\""));
            let mut lines = hidden::lines(head, text, &secrets, findings);
            if let Some(last) = lines.last_mut() {
                last.runs.push(Run::new(RunKind::Mark, "\""));
            }
            lines
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

fn is_leaf(value: &Json) -> bool {
    match value {
        Json::Object(members) => members.is_empty(),
        Json::Array(elements) => elements.is_empty(),
        _ => true,
    }
}

/// A described container describes everything in it, except a document: what its reader understands is described.
fn is_described(pointer: &str, input: &RenderInput<'_>) -> bool {
    input.described.iter().any(|member| {
        let inside = pointer
            .strip_prefix(member.pointer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        inside && !document::is(member.shape)
    })
}
